//! Connections: made as the rig says, and again when a port that had gone is back.
//!
//! A connection is made once for each time that its two ports meet. So a cable that someone pulled by hand
//! stays pulled, while an application that was restarted gets its cables back. Cables that someone else made
//! are remembered too, and what was made and pulled by hand outlives the server: see [`Wiring`].

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jack::{Client, PortFlags, PortId};

use super::wiring::{Pair, Wiring};
use crate::backend::PortStatus;
use crate::backend::internal::lock;
use crate::backend::ports::{Candidate, Direction, Medium, MidiCandidate, Plan, PortSpec, resolve, resolve_midi};

const AUDIO: &str = "32 bit float mono audio";
const MIDI: &str = "8 bit raw midi";
/// A client that goes takes its cables along before its ports.
const MOMENT: Duration = Duration::from_millis(100);

/// What has been connected in this session.
pub(super) struct Patchbay {
    /// Pairs that have met, whether or not someone has pulled the cable since.
    made: HashSet<Pair>,
    /// The pairs of each foreign port by the server's number for it: under its name alone, a port that went
    /// and came back between two rounds would look as if it had never gone.
    numbers: HashMap<PortId, Vec<Pair>>,
    /// Taken apart, and when: by hand where both ports are still there a moment later.
    apart: Vec<(PortId, Pair, Instant)>,
    wiring: Arc<Mutex<Wiring>>,
    /// Whether what the rig names is connected.
    connects: bool,
}

impl Patchbay {
    pub(super) fn new(wiring: Arc<Mutex<Wiring>>, connects: bool) -> Self {
        Patchbay { made: HashSet::new(), numbers: HashMap::new(), apart: Vec::new(), wiring, connects }
    }

    /// JACK tells of a connection, whoever made it or took it apart.
    pub(super) fn connected(&mut self, client: &Client, a: PortId, b: PortId, connected: bool) {
        let (Some(port_a), Some(port_b)) = (client.port_by_id(a), client.port_by_id(b)) else {
            return;
        };
        let (own, other, number) = match (client.is_mine(&port_a), client.is_mine(&port_b)) {
            (true, false) => (port_a, port_b, b),
            (false, true) => (port_b, port_a, a),
            _ => return,
        };
        let (Ok(own), Ok(other)) = (own.short_name(), other.name()) else { return };
        let pair = (own, other);
        if !connected {
            return self.apart.push((number, pair, Instant::now()));
        }
        self.numbers.entry(number).or_default().push(pair.clone());
        self.apart.retain(|(_, p, _)| *p != pair);
        let mut wiring = lock(&self.wiring);
        // Not ours, or one of ours that had been pulled.
        if self.made.insert(pair.clone()) || wiring.is_pulled(&pair) {
            wiring.was_made(&pair);
        }
    }

    /// A port was unregistered.
    pub(super) fn vanished(&mut self, port: PortId) {
        self.apart.retain(|(number, ..)| *number != port);
        for pair in self.numbers.remove(&port).unwrap_or_default() {
            self.made.remove(&pair);
            lock(&self.wiring).has_gone(&pair);
        }
    }

    /// One round: forget what has gone, connect what the plan names and is there. `registered` tells whether
    /// our port of this index exists yet.
    pub(super) fn round(&mut self, client: &Client, plan: &Plan, registered: impl Fn(usize) -> bool) -> Vec<PortStatus> {
        let sources = candidates(client, PortFlags::IS_OUTPUT);
        let sinks = candidates(client, PortFlags::IS_INPUT);
        let midi_sources = midi_candidates(client, PortFlags::IS_OUTPUT);
        let midi_sinks = midi_candidates(client, PortFlags::IS_INPUT);
        let exists = |name: &str| {
            sources.iter().chain(&sinks).any(|c| c.name == name) || midi_sources.iter().chain(&midi_sinks).any(|c| c.name == name)
        };
        let mut wiring = lock(&self.wiring);
        for gone in self.made.extract_if(|(_, other)| !exists(other)) {
            wiring.has_gone(&gone);
        }
        for (number, pair, _) in self.apart.extract_if(.., |(_, _, at)| at.elapsed() > MOMENT) {
            let same = client.port_by_id(number).and_then(|p| p.name().ok()).is_some_and(|name| name == pair.1);
            let own = format!("{}:{}", client.name(), pair.0);
            if same && exists(&own) {
                tracing::debug!(port = %pair.0, other = %pair.1, "taken apart by hand");
                wiring.was_pulled(&pair);
            }
        }
        // What was pulled in this session or before it is not made again while its other end is there.
        self.made.extend(wiring.pulled().filter(|(_, other)| exists(other)).cloned());
        let by_hand: Vec<Pair> = plan.in_order().flat_map(|(_, spec)| wiring.made_to(&spec.name).cloned()).collect();
        drop(wiring);

        let ours = client.name().to_owned();
        let midi_specs = plan.in_order().filter(|(_, spec)| spec.medium != Medium::Audio);
        let surfaces: Vec<&str> = midi_specs.flat_map(|(_, spec)| spec.connect.iter().map(String::as_str)).collect();
        let mut all = Vec::with_capacity(plan.len());
        for (index, spec) in plan.in_order() {
            let (others, midi) = match spec.direction {
                Direction::In => (&sources, &midi_sources),
                Direction::Out => (&sinks, &midi_sinks),
            };
            let mut status = PortStatus { name: spec.name.clone(), connected: vec![], missing: vec![] };
            let named: &[String] = if self.connects { &spec.connect } else { &[] };
            for pattern in named {
                let found = match spec.medium {
                    Medium::Audio => resolve(pattern, spec.direction, others, &ours),
                    Medium::Midi(_) => resolve_midi(pattern, &surfaces, midi, &ours).into_iter().collect(),
                };
                if found.is_empty() {
                    status.missing.push(pattern.clone());
                }
                for other in found.into_iter().filter(|_| registered(index)) {
                    self.connect(client, &ours, spec, other);
                }
            }
            for (_, other) in by_hand.iter().filter(|(own, other)| *own == spec.name && exists(other) && registered(index)) {
                self.connect(client, &ours, spec, other);
            }
            let wiring = lock(&self.wiring);
            let wired = |pair: &&Pair| pair.0 == spec.name && !wiring.is_pulled(pair);
            status.connected = self.made.iter().filter(wired).map(|pair| pair.1.clone()).collect();
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
        lock(&self.wiring).forget(name);
    }
}

fn midi_candidates(client: &Client, flags: PortFlags) -> Vec<MidiCandidate> {
    let aliases = |name: &str| client.port_by_name(name).and_then(|p| p.aliases().ok()).unwrap_or_default();
    client.ports(None, Some(MIDI), flags).into_iter().map(|name| MidiCandidate { aliases: aliases(&name), name }).collect()
}

fn candidates(client: &Client, flags: PortFlags) -> Vec<Candidate> {
    let physical: HashSet<String> = client.ports(None, Some(AUDIO), flags | PortFlags::IS_PHYSICAL).into_iter().collect();
    client
        .ports(None, Some(AUDIO), flags)
        .into_iter()
        .map(|name| Candidate { physical: physical.contains(&name), name })
        .collect()
}
