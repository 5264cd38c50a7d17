//! Connections: made as the rig says, and again when a port that had gone is back.
//!
//! A connection is made once for each time that its two ports meet. So a cable that someone pulled by hand
//! stays pulled, while an application that was restarted gets its cables back.

use std::collections::{HashMap, HashSet};

use jack::{Client, PortFlags, PortId};

use crate::backend::PortStatus;
use crate::backend::ports::{Candidate, Direction, Plan, PortSpec, resolve};

const AUDIO: &str = "32 bit float mono audio";

/// What has been connected in this session.
#[derive(Default)]
pub(super) struct Patchbay {
    made: HashSet<Pair>,
    /// The pairs of each foreign port by the server's number for it: under its name alone, a port that went
    /// and came back between two rounds would look as if it had never gone.
    numbers: HashMap<PortId, Vec<Pair>>,
}

/// Our port's short name, and the other's full name.
type Pair = (String, String);

impl Patchbay {
    /// JACK tells of a connection, whoever made it.
    pub(super) fn connected(&mut self, client: &Client, a: PortId, b: PortId) {
        let (Some(port_a), Some(port_b)) = (client.port_by_id(a), client.port_by_id(b)) else {
            return;
        };
        let (own, other, number) = match (client.is_mine(&port_a), client.is_mine(&port_b)) {
            (true, false) => (port_a, port_b, b),
            (false, true) => (port_b, port_a, a),
            _ => return,
        };
        if let (Ok(own), Ok(other)) = (own.short_name(), other.name()) {
            self.numbers.entry(number).or_default().push((own, other));
        }
    }

    /// A port was unregistered.
    pub(super) fn vanished(&mut self, port: PortId) {
        for pair in self.numbers.remove(&port).unwrap_or_default() {
            self.made.remove(&pair);
        }
    }

    /// One round: forget what has gone, connect what the plan names and is there. `registered` tells whether
    /// our port of this index exists yet.
    pub(super) fn round(&mut self, client: &Client, plan: &Plan, registered: impl Fn(usize) -> bool) -> Vec<PortStatus> {
        let sources = candidates(client, PortFlags::IS_OUTPUT);
        let sinks = candidates(client, PortFlags::IS_INPUT);
        let exists = |name: &str| sources.iter().chain(&sinks).any(|c| c.name == name);
        self.made.retain(|(_, other)| exists(other));

        let ours = client.name().to_owned();
        let mut all = Vec::with_capacity(plan.len());
        for (index, spec) in plan.in_order() {
            let others = if spec.direction == Direction::In { &sources } else { &sinks };
            let mut status = PortStatus { name: spec.name.clone(), connected: vec![], missing: vec![] };
            for pattern in &spec.connect {
                let found = resolve(pattern, spec.direction, others, &ours);
                if found.is_empty() {
                    status.missing.push(pattern.clone());
                }
                for other in found.into_iter().filter(|_| registered(index)) {
                    self.connect(client, &ours, spec, other);
                }
            }
            let mine = |pair: &&Pair| pair.0 == spec.name;
            status.connected = self.made.iter().filter(mine).map(|pair| pair.1.clone()).collect();
            status.connected.sort();
            all.push(status);
        }
        all
    }

    fn connect(&mut self, client: &Client, ours: &str, spec: &PortSpec, other: &str) {
        let pair = (spec.name.clone(), other.to_owned());
        if self.made.contains(&pair) {
            return;
        }
        let own = format!("{ours}:{}", spec.name);
        let (from, to) = match spec.direction {
            Direction::In => (other, own.as_str()),
            Direction::Out => (own.as_str(), other),
        };
        match client.connect_ports_by_name(from, to) {
            Ok(()) | Err(jack::Error::PortAlreadyConnected(..)) => {
                self.made.insert(pair);
            }
            Err(error) => tracing::debug!(%from, %to, %error, "not connected; it is tried again"),
        }
    }

    /// One of our own ports was unregistered.
    pub(super) fn forget(&mut self, name: &str) {
        self.made.retain(|(mine, _)| mine != name);
    }
}

fn candidates(client: &Client, flags: PortFlags) -> Vec<Candidate> {
    let physical: HashSet<String> = client.ports(None, Some(AUDIO), flags | PortFlags::IS_PHYSICAL).into_iter().collect();
    client
        .ports(None, Some(AUDIO), flags)
        .into_iter()
        .map(|name| Candidate { physical: physical.contains(&name), name })
        .collect()
}
