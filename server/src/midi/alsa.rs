//! Ports of ALSA's sequencer: USB surfaces without JACK between.
//!
//! The sequencer is looked at once a second: what has come is connected, what has gone is let go of. A machine without
//! one says so once.

use crate::backend::ports::{MidiCandidate, resolve_midi};
use crossbeam_channel::{Receiver, Sender, bounded};
use midir::{Ignore, MidiIO, MidiInput, MidiInputConnection, MidiOutput, MidiOutputConnection};
use std::path::Path;
use std::sync::Once;

/// The sequencer's device.
const SEQUENCER: &str = "/dev/snd/seq";
/// Name of our ports, which are not looked at.
const NAME: &str = "headroom";
/// Messages that wait to be taken; a surface that sends more is cut short.
const WAITING: usize = 1_024;

/// Whether this machine has a sequencer; says so once where not.
pub fn is_here() -> bool {
    static SAID: Once = Once::new();
    let here = Path::new(SEQUENCER).exists();
    if !here {
        SAID.call_once(|| tracing::info!("no ALSA sequencer on this machine ({SEQUENCER}): surfaces come by JACK's MIDI ports"));
    }
    here
}

/// One look at the sequencer.
pub struct Look {
    input: MidiInput,
    output: MidiOutput,
    sources: Vec<MidiCandidate>,
    sinks: Vec<MidiCandidate>,
}

/// Names of all ports that are there.
fn names<T: MidiIO>(io: &T) -> Vec<MidiCandidate> {
    let named = |port| io.port_name(&port).ok().map(|name| MidiCandidate { name, aliases: Vec::new() });
    io.ports().into_iter().filter_map(named).collect()
}

fn port<T: MidiIO>(io: &T, name: &str) -> Option<T::Port> {
    io.ports().into_iter().find(|port| io.port_name(port).is_ok_and(|n| n == name))
}

impl Look {
    /// Looks; `None` where the sequencer does not let us.
    pub fn new() -> Option<Look> {
        let mut input = MidiInput::new(NAME).inspect_err(|error| tracing::debug!(%error, "the sequencer is not opened")).ok()?;
        input.ignore(Ignore::TimeAndActiveSense);
        let output = MidiOutput::new(NAME).inspect_err(|error| tracing::debug!(%error, "the sequencer is not opened")).ok()?;
        Some(Look { sources: names(&input), sinks: names(&output), input, output })
    }

    /// Names of the ports that send, and of those that take.
    pub fn ports(&self) -> (Vec<&str>, Vec<&str>) {
        let names = |all| -> Vec<&str> { Vec::from_iter(<[MidiCandidate]>::iter(all).map(|c| c.name.as_str())) };
        (names(&self.sources), names(&self.sinks))
    }

    /// Whether a connection's ports are still there.
    pub fn has(&self, port: &Port) -> bool {
        let is_in = |name: &Option<String>, all: &[MidiCandidate]| name.as_ref().is_none_or(|n| all.iter().any(|c| c.name == *n));
        is_in(&port.source, &self.sources) && is_in(&port.sink, &self.sinks)
    }

    /// Connects the surface that `pattern` means; `all` are those of the whole rig. `wake` is called for every message.
    pub fn open(self, pattern: &str, all: &[&str], wake: impl Fn() + Send + 'static) -> Option<Port> {
        let source = resolve_midi(pattern, all, &self.sources, NAME).map(str::to_owned);
        let sink = resolve_midi(pattern, all, &self.sinks, NAME).map(str::to_owned);
        if source.is_none() && sink.is_none() {
            return None;
        }
        let (sender, messages): (Sender<Vec<u8>>, _) = bounded(WAITING);
        let found = source.as_ref().and_then(|name| port(&self.input, name));
        let input = found.and_then(|port| {
            let take = move |_: u64, bytes: &[u8], (): &mut ()| {
                let _ = sender.try_send(bytes.to_vec());
                wake();
            };
            self.input
                .connect(&port, "surface in", take, ())
                .inspect_err(|error| tracing::warn!(%error, "a surface is not heard"))
                .ok()
        });
        let found = sink.as_ref().and_then(|name| port(&self.output, name));
        let output = found.and_then(|port| {
            let connected = self.output.connect(&port, "surface out");
            connected.inspect_err(|error| tracing::warn!(%error, "a surface is not reached")).ok()
        });
        Some(Port { source, sink, _input: input, output, messages })
    }
}

/// A connected surface.
pub struct Port {
    source: Option<String>,
    sink: Option<String>,
    _input: Option<MidiInputConnection<()>>,
    output: Option<MidiOutputConnection>,
    messages: Receiver<Vec<u8>>,
}

impl Port {
    /// The next message of the surface.
    pub fn receive(&self) -> Option<Vec<u8>> {
        self.messages.try_recv().ok()
    }

    /// Sends a message.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Some(output) = &mut self.output
            && let Err(error) = output.send(bytes)
        {
            tracing::debug!(%error, "a surface does not take a message");
        }
    }
}
