//! `/status`: how the server stands, as names and values in one message.

use super::mixer::Mixer;
use super::{By, Hub};
use headroom_protocol::osc::encode::Arg;

/// Bytes of missing ports that are named.
const NAMED: usize = 400;

/// What every role is told: how the sound is.
const FOR_ALL: &[&str] = &["role", "backend", "running", "rate", "period", "xruns", "outages"];

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Packets of clients.
    pub packets: u64,
    /// Packets that were no OSC.
    pub malformed: u64,
    /// Packets and connections from where nobody is served, or for which there was no room.
    pub refused: u64,
    /// Answers that a client may not have had.
    pub dropped: u64,
    /// Packets that the kernel dropped before they could be read.
    pub kernel_dropped: u64,
    /// Packets that could not be sent.
    pub unsent: u64,
    /// Sets.
    pub sets: u64,
    /// Changes that a later one of the same round made needless.
    pub coalesced: u64,
    /// Errors told.
    pub errors: u64,
    /// Bundles that came after their time.
    pub late: u64,
    /// Packets of hosts that had more than their share of the time.
    pub shed: u64,
    /// Intents that a role did not allow.
    pub forbidden: u64,
    /// Tokens that no role has.
    pub wrong_tokens: u64,
}

impl<M: Mixer> Hub<M> {
    /// Names and values, in turn; times of processing are in microseconds. What tells of the rig, the machine and
    /// other clients goes to roles that read `/status`.
    pub(super) fn status(&mut self, by: By, now: u64) {
        let backend = self.mixer.status();
        let missing: Vec<String> = backend.missing().map(|(port, pattern)| format!("{port}: {pattern}")).collect();
        let mut missing = missing.join(", ");
        missing.truncate(missing.floor_char_boundary(NAMED));
        let whole = |n: u64| Arg::Int(n.min(i32::MAX as u64) as i32);
        let c = self.counters;
        let state = self.mixer.state().unwrap_or_default();
        let timing = self.mixer.timing();
        let micros = |nanos: u64| Arg::Float(nanos as f32 / 1e3);
        let words = [
            ("role", Arg::from(self.roles.name(by.role))),
            ("backend", Arg::from(backend.backend)),
            ("running", Arg::Int(backend.running.into())),
            ("rate", Arg::Int(backend.format.rate as i32)),
            ("period", Arg::Int(backend.format.period as i32)),
            ("periods", whole(timing.process.count())),
            ("process-p50", micros(timing.process.quantile(0.5))),
            ("process-p99", micros(timing.process.quantile(0.99))),
            ("process-p999", micros(timing.process.quantile(0.999))),
            ("process-max", micros(timing.process.max())),
            ("faults", whole(timing.faults())),
            ("xruns", whole(timing.xruns())),
            ("unmeasured", whole(self.mixer.unmeasured())),
            ("outages", whole(backend.outages)),
            ("missing", Arg::from(missing)),
            ("clients", whole(self.clients.count() as u64)),
            ("subscribers", whole(self.watching.len() as u64)),
            ("revision", Arg::Int(self.revision)),
            ("queue", whole(self.mixer.queue_depth() as u64)),
            ("waiting", whole(self.timed.len() as u64)),
            ("late", whole(c.late + self.mixer.late())),
            ("packets", whole(c.packets)),
            ("malformed", whole(c.malformed)),
            ("refused", whole(c.refused)),
            ("dropped", whole(c.dropped)),
            ("kernel-dropped", whole(c.kernel_dropped)),
            ("shed", whole(c.shed)),
            ("unsent", whole(c.unsent)),
            ("sets", whole(c.sets)),
            ("coalesced", whole(c.coalesced)),
            ("errors", whole(c.errors)),
            ("forbidden", whole(c.forbidden)),
            ("wrong-tokens", whole(c.wrong_tokens)),
            ("state", Arg::from(state.path)),
            ("state-revision", Arg::Int(state.saved)),
            ("state-error", Arg::from(state.error.unwrap_or_default())),
        ];
        let whole = self.may_be_told(by, "/status");
        let words = words.into_iter().filter(|(name, _)| whole || FOR_ALL.contains(name));
        self.reply(by.client, "/status", words.flat_map(|(name, value)| [Arg::from(name), value]), now);
    }
}
