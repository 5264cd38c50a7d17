//! `/status`: how the server stands, as values below it and as names and values in one message.

use super::figures::Known;
use super::mixer::Mixer;
use super::{By, Hub};
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::Arg;

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
    /// Looks the figures below `/status` up, where they are not fresh.
    pub(super) fn look_at_figures(&mut self, now: u64) {
        if !self.standing.are_stale(now) {
            return;
        }
        let known = Known {
            counters: self.counters,
            clients: self.clients.count(),
            subscribers: self.watching.len(),
            revision: self.revision,
            waiting: self.timed.len(),
            scenes: &self.scenes,
        };
        self.standing.look(&self.mixer, &known, now);
    }

    /// Tells subscribers the figures that changed, and nobody anything where none subscribed to them.
    pub(super) fn watch_standing(&mut self, now: u64) {
        let watched: Vec<ParamId> = self.standing.ids().filter(|id| self.is_watched(*id)).collect();
        if watched.is_empty() {
            return;
        }
        let before: Vec<Option<Value>> = watched.iter().map(|id| self.standing.get(*id).cloned()).collect();
        self.look_at_figures(now);
        for (id, before) in watched.into_iter().zip(before) {
            if self.standing.get(id) != before.as_ref() {
                self.record(id, None);
            }
        }
    }

    fn is_watched(&self, id: ParamId) -> bool {
        let watches = self.watching.iter().filter_map(|client| self.clients.get(*client)?.watch.as_ref());
        watches.into_iter().any(|watch| watch.wants(id))
    }

    /// Whether a role reads any of it.
    pub(super) fn may_read_status(&self, by: By) -> bool {
        self.standing.ids().any(|id| self.may_read(by, id))
    }

    /// Names and values, in turn: those that the role reads below `/status`.
    pub(super) fn status(&mut self, by: By, now: u64) {
        // What the same client sent before shows in what it asks now.
        self.standing.forget_look();
        self.look_at_figures(now);
        let mut words = Vec::new();
        for (id, path, decl, value) in self.standing.named() {
            if self.may_read(by, id) {
                words.extend([Arg::from(path.replace('/', "-")), headroom_protocol::coerce::answer(decl, value)]);
            }
        }
        self.reply(by.client, "/status", words, now);
    }

    /// Counts times, xruns and costs anew.
    pub(super) fn reset_status(&mut self, from: ClientId, now: u64) {
        self.mixer.timing().reset();
        self.mixer.meters().costs.iter().for_each(headroom_dsp::meter::Cost::reset);
        self.standing.forget_look();
        self.reply(from, "/status/reset", [], now);
    }
}
