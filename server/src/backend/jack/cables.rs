//! Which MIDI lines are plugged in: told to the surfaces, which draw themselves anew on every cable made.

use std::sync::Arc;

use jack::{Client, PortId};

use crate::backend::midi::Plug;
use crate::backend::ports::{Medium, Plan};

/// The cables of all MIDI lines in this session.
pub(super) struct Cables {
    plugs: Arc<[Arc<Plug>]>,
    /// Both ends by the server's numbers, which outlive the ports, and the line.
    made: Vec<(PortId, PortId, usize)>,
}

impl Cables {
    /// A session begins with none.
    pub(super) fn new(plugs: Arc<[Arc<Plug>]>) -> Self {
        plugs.iter().for_each(|plug| plug.set(0));
        Cables { plugs, made: Vec::new() }
    }

    /// JACK tells of a connection.
    pub(super) fn connected(&mut self, client: &Client, plan: &Plan, a: PortId, b: PortId, connected: bool) {
        if !connected {
            return self.drop_where(|(one, other, _)| (*one, *other) == (a, b));
        }
        let own = |port: PortId| client.port_by_id(port).filter(|p| client.is_mine(p)).and_then(|p| p.short_name().ok());
        let Some(name) = own(a).or_else(|| own(b)) else { return };
        let line = plan.in_order().find_map(|(_, spec)| match spec.medium {
            Medium::Midi(line) if spec.name == name => Some(line),
            _ => None,
        });
        if let Some(line) = line {
            self.made.push((a, b, line));
            self.tell(line);
        }
    }

    /// A port was unregistered.
    pub(super) fn vanished(&mut self, port: PortId) {
        self.drop_where(|(a, b, _)| *a == port || *b == port);
    }

    fn drop_where(&mut self, gone: impl Fn(&(PortId, PortId, usize)) -> bool) {
        let lines: Vec<usize> = self.made.extract_if(.., |cable| gone(cable)).map(|(.., line)| line).collect();
        lines.into_iter().for_each(|line| self.tell(line));
    }

    fn tell(&self, line: usize) {
        if let Some(plug) = self.plugs.get(line) {
            plug.set(self.made.iter().filter(|(.., l)| *l == line).count() as u32);
        }
    }
}
