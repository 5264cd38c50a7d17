//! A message: an address with an argument sets, one without asks, and some command.

use super::client::Client;
use super::mixer::Mixer;
use super::roles::Permitted;
use super::undo::Sort;
use super::view::View;
use super::{By, Hub, watch};
use headroom_protocol::address::Target;
use headroom_protocol::intent::{self, ClientId, Intent, MAX_MATCHES, MAX_MESSAGES, Set};
use headroom_protocol::osc::decode::{Message, Packet};
use headroom_protocol::osc::encode::DATAGRAM;
use headroom_protocol::osc::time::{self, Due};
use headroom_protocol::pattern::is_pattern;
use std::time::Duration;

/// What a pattern costs to match, in addresses reached: each `//` may stand for any run of parts, beside all others.
pub(super) fn effort(pattern: &str) -> usize {
    let runs = pattern.matches("//").count();
    let each = if runs == 0 { 1 } else { 4 };
    (4 + pattern.len() / 4) * (1 + runs) * (1 + runs) * each
}

/// Whether an intent changes nothing but what its client hears.
fn only_tells(intent: &Intent) -> bool {
    matches!(intent, Intent::Ask(_) | Intent::AskAll(_) | Intent::Info | Intent::Status | Intent::PresetList | Intent::Clients(_))
}

impl<M: Mixer> Hub<M> {
    /// One message; `/error` to its sender where it fails.
    pub(super) fn message(&mut self, by: By, message: &Message<'_>, now: u64) {
        let from = by.client;
        if !self.foreign.is_empty() && self.foreign(by, message, now) {
            return;
        }
        if is_pattern(message.address) {
            self.reach += effort(message.address);
        }
        if self.reach > MAX_MATCHES && is_pattern(message.address) {
            // Found out without matching once more.
            let reason = format!("patterns reach more than {MAX_MATCHES} addresses");
            return self.error(from, message.address, &reason, now);
        }
        let told = self.clients.get_mut(from).is_none_or(|c| c.can_be_told(now));
        let sight = self.roles.sight(by.role, &self.space);
        match intent::parse(message, if told { sight } else { sight.terse() }) {
            // An answer that cannot be sent need not be made.
            Ok(intent) if !told && only_tells(&intent) => {
                self.counters.dropped += 1;
                self.clients.get_mut(from).into_iter().for_each(|c| c.dropped += 1);
            }
            Ok(intent) => self.ask_of(by, message.address, intent, now),
            Err(error) => self.error(from, &error.address, &error.reason, now),
        }
    }

    /// What a client or a surface asks for; `/error` about `address` where it fails.
    pub fn intent(&mut self, from: ClientId, address: &str, intent: Intent, now: u64) {
        self.reach = 0;
        self.ask_of(self.by(from), address, intent, now);
    }

    pub(super) fn ask_of(&mut self, by: By, address: &str, intent: Intent, now: u64) {
        match self.permit(by, intent) {
            Ok(permitted) => self.carry_out(by, address, permitted, now),
            Err(refusal) => {
                self.counters.forbidden += 1;
                self.error(by.client, address, &refusal.reason, now);
                if let Some(target) = refusal.held {
                    self.tell(by.client, target, now);
                }
            }
        }
    }

    fn carry_out(&mut self, by: By, address: &str, permitted: Permitted, now: u64) {
        let from = by.client;
        let (intent, held) = permitted.open();
        let sort = match &intent {
            Intent::Set(_) | Intent::SetAll(..) | Intent::Fade(_) => Sort::Touch,
            Intent::PresetLoad { name, .. } => Sort::Whole(name.to_string()),
            _ => Sort::None,
        };
        if sort != Sort::None || matches!(intent, Intent::Scene(_) | Intent::Undo { .. } | Intent::Redo) {
            self.run_passed(now);
        }
        let done = match intent {
            Intent::Set(set) => {
                self.counters.sets += 1;
                self.set(from, &set).map(|()| {
                    if set.clamped {
                        self.tell(from, set.target, now)
                    }
                })
            }
            Intent::Ask(target) => {
                self.tell(from, target, now);
                Ok(())
            }
            Intent::AskAll(targets) => self.count_reach(targets.len()).map(|()| self.tell_many(from, &targets, now)),
            Intent::SetAll(sets, refused) => self.count_reach(sets.len()).and_then(|()| self.set_many(from, &sets, refused, now)),
            command => self.command(by, command, now),
        };
        self.remember(from, sort, now);
        if let Err(reason) = done {
            self.error(from, address, &reason, now);
        }
        self.tell_many(from, &held, now);
    }

    /// A bundle: what is due takes effect as one, before anything else; the rest waits for its time.
    pub(super) fn bundle(&mut self, by: By, packet: &Packet<'_>, now: u64) {
        if packet.message_count() > MAX_MESSAGES {
            return self.error(by.client, "#bundle", "more than 4096 messages", now);
        }
        self.reach = 0;
        let mut moment = None;
        let mut late = false;
        let mut later: Option<(u64, Duration, Vec<u8>)> = None;
        for (tag, message) in packet.messages() {
            if tag <= time::IMMEDIATE {
                self.message(by, &message, now);
                continue;
            }
            let ntp = moment.get_or_insert_with(|| (self.wall)()).ntp;
            match time::due(tag, ntp) {
                Due::In(wait) => {
                    if later.as_ref().is_some_and(|l| l.0 != tag)
                        && let Some((_, wait, messages)) = later.take()
                    {
                        self.wait(by, wait, messages, moment, now);
                    }
                    let (_, _, messages) = later.get_or_insert((tag, wait, Vec::new()));
                    messages.extend((message.as_bytes().len() as u32).to_be_bytes());
                    messages.extend(message.as_bytes());
                }
                Due::Now => self.message(by, &message, now),
                Due::Late(_) => {
                    late = true;
                    self.message(by, &message, now);
                }
            }
        }
        if let Some((_, wait, messages)) = later {
            self.wait(by, wait, messages, moment, now);
        }
        self.counters.late += u64::from(late);
    }

    /// Adds to what the patterns of this packet reached.
    pub(super) fn count_reach(&mut self, targets: usize) -> Result<(), String> {
        self.reach += targets;
        if self.reach > MAX_MATCHES { Err(format!("patterns reach more than {MAX_MATCHES} addresses")) } else { Ok(()) }
    }

    fn set(&mut self, from: ClientId, set: &Set) -> Result<(), String> {
        let param = set.target.param;
        if self.space.decl(param).structural && *self.mixer.desk().get(param) != set.value {
            self.mixer.allows(param, &set.value)?;
        }
        self.store(param, &set.value, Some(self.ear(from)));
        Ok(())
    }

    /// Who hears for a client: a peer of the rig where the client named that peer's port as its own.
    pub(super) fn ear(&self, from: ClientId) -> ClientId {
        if let Some(ear) = self.hears_foreign() {
            return ear;
        }
        let other = self.clients.get(from).filter(|c| c.port.is_some()).and_then(Client::datagrams_to);
        other.and_then(|at| self.clients.by_address(at)).unwrap_or(from)
    }

    /// What can be set is set; one error says what could not.
    fn set_many(&mut self, from: ClientId, sets: &[Set], mut refused: Option<String>, now: u64) -> Result<(), String> {
        self.counters.sets += sets.len() as u64;
        for set in sets {
            if let Err(reason) = self.set(from, set) {
                refused.get_or_insert_with(|| format!("{}: {reason}", self.space.canonical_of(set.target)));
            }
        }
        let limited: Vec<Target> = sets.iter().filter(|s| s.clamped).map(|s| s.target).collect();
        self.tell_many(from, &limited, now);
        refused.map_or(Ok(()), Err)
    }

    /// Figures that nobody watches are looked up when they are asked for.
    pub(super) fn refresh(&mut self, targets: &[Target], now: u64) {
        if targets.iter().any(|t| self.standing.contains(t.param)) {
            self.look_at_figures(now);
        }
    }

    fn hears_ids(&self, client: ClientId) -> bool {
        self.clients.get(client).is_some_and(|c| c.ids)
    }

    /// Answers with the present value of one address.
    fn tell(&mut self, to: ClientId, target: Target, now: u64) {
        self.refresh(&[target], now);
        let ids = self.hears_ids(to);
        let Hub { mixer, space, board, out, standing, .. } = self;
        let view = View { space, desk: mixer.desk(), board, meters: mixer.meters(), standing, frame: mixer.frame_now(), ids };
        let begun = out.message(&view.address(target), view.told(target));
        self.answer(to, begun, now);
    }

    /// Present values as bundles that fit a datagram, as far as the client may be sent them.
    fn tell_many(&mut self, to: ClientId, targets: &[Target], now: u64) {
        self.refresh(targets, now);
        let ids = self.hears_ids(to);
        let mut rest = targets;
        while !rest.is_empty() {
            if !self.clients.get_mut(to).is_some_and(|c| c.has_credit(now)) {
                self.counters.dropped += 1;
                return;
            }
            let Hub { mixer, space, board, out, standing, .. } = self;
            let view = View { space, desk: mixer.desk(), board, meters: mixer.meters(), standing, frame: mixer.frame_now(), ids };
            let begun = out.bundle();
            while let Some((target, behind)) = rest.split_first()
                && out.element(begun, DATAGRAM, &view.address(*target), view.told(*target))
            {
                rest = behind;
            }
            if !self.answer(to, begun, now) {
                return;
            }
        }
    }

    /// Gives a client's watch to `change`, a new one where it has none.
    pub(super) fn with_watch<R>(&mut self, id: ClientId, change: impl FnOnce(&mut watch::Watch, &Hub<M>) -> R) -> Option<R> {
        let mut watch = self.clients.get_mut(id)?.watch.take().unwrap_or_default();
        let result = change(&mut watch, self);
        let is_watching = !watch.is_empty();
        self.clients.get_mut(id)?.watch = Some(watch);
        self.watching.retain(|w| *w != id);
        if is_watching {
            self.watching.push(id);
        }
        Some(result)
    }
}
