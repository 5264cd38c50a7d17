//! Bundles with a time to come.
//!
//! A bundle waits as it arrived. A little before it is due (two periods and some slack) its sets are *handed* to the
//! engine for their exact frame, while the desk goes on holding the present values. When the frame has
//! passed the bundle is run like any other: values, answers and echoes change then, and the desk sends
//! the engine what it already has. A plain set in between holds until the frame; what was handed of the
//! same strip is worked out anew with it. A plain set behind the frame finds the bundle done.

use super::mixer::Mixer;
use super::roles::RoleId;
use super::{By, Hub, Moment};
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::intent::{self, ClientId, Intent, Set};
use headroom_protocol::osc::decode::{self, Packet};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Bundles of one client that wait at most.
const MOST: usize = 4_096;
/// Bytes of them at most.
const MOST_BYTES: usize = 4 << 20;
/// Bundles of all clients that wait at most.
const ALL: usize = 4 * MOST;
/// Bytes of them at most.
const ALL_BYTES: usize = 16 << 20;
/// Farthest time to come.
const FARTHEST: Duration = Duration::from_secs(60);
/// Bundles that the engine has ahead of their time at most; more than these run when they are due.
const HANDED: usize = 64;
/// Time between two looks at what was handed, while plain sets come in, in nanoseconds.
const AGAIN: u64 = 5_000_000;
/// What the hub's thread may be late, in nanoseconds.
const SLACK: u64 = 15_000_000;
/// Time after the frame at which the hub's values follow, beyond a period, in nanoseconds.
const BEHIND: u64 = 3_000_000;

/// All that waits.
#[derive(Default)]
pub(super) struct Timed {
    /// By the time they are due, then by their order of arrival.
    waiting: BTreeMap<(u64, u64), Waiting>,
    bytes: usize,
    /// Bundles and bytes of each client that has some waiting.
    shares: HashMap<ClientId, (usize, usize)>,
    count: u64,
    /// Handed to the engine, by the order in which they are due.
    handed: Vec<Handed>,
    /// A plain set concerned what was handed.
    stale: bool,
    renewed: u64,
    /// Networks so far: what was handed to an older one is void.
    networks: u64,
    running: bool,
}

struct Waiting {
    by: By,
    /// Messages with their size in front.
    messages: Vec<u8>,
    is_handed: bool,
}

struct Handed {
    key: (u64, u64),
    frame: u64,
    sets: Vec<(ParamId, Value)>,
}

impl Timed {
    /// Bundles that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether a set may concern what the engine has ahead of its time.
    #[inline]
    pub fn is_handed(&self) -> bool {
        !self.handed.is_empty() && !self.running
    }

    /// After a reload roles have other places.
    pub fn map_roles(&mut self, to: impl Fn(RoleId) -> RoleId) {
        self.waiting.values_mut().for_each(|w| w.by.role = to(w.by.role));
    }

    /// After a reload nothing handed means anything.
    pub fn forget_handed(&mut self) {
        self.handed.clear();
        self.stale = false;
        self.waiting.values_mut().for_each(|w| w.is_handed = false);
    }
}

impl<M: Mixer> Hub<M> {
    /// Takes messages that fall due after `wait`.
    pub(super) fn wait(&mut self, by: By, wait: Duration, messages: Vec<u8>, moment: Option<Moment>, now: u64) {
        if wait > FARTHEST {
            return self.error(by.client, "#bundle", "more than 60 s ahead", now);
        }
        let timed = &mut self.timed;
        let (count, bytes) = timed.shares.get(&by.client).copied().unwrap_or_default();
        let full = timed.waiting.len() >= ALL || timed.bytes + messages.len() > ALL_BYTES;
        if full || count >= MOST || bytes + messages.len() > MOST_BYTES {
            return self.error(by.client, "#bundle", "4096 bundles are waiting", now);
        }
        timed.bytes += messages.len();
        timed.shares.insert(by.client, (count + 1, bytes + messages.len()));
        timed.count += 1;
        let due = moment.map_or(now, |m| m.nanos) + wait.as_nanos() as u64;
        timed.waiting.insert((due, timed.count), Waiting { by, messages, is_handed: false });
    }

    /// When the first bundle is run; turns are dense enough for handing over.
    pub(super) fn timed_due(&self) -> Option<u64> {
        let (key, waiting) = self.timed.waiting.first_key_value()?;
        Some(key.0 + if waiting.is_handed { self.period() + BEHIND } else { 0 })
    }

    fn period(&self) -> u64 {
        let format = self.mixer.format();
        u64::from(format.period) * 1_000_000_000 / u64::from(format.rate.max(1))
    }

    /// Hands over what is due soon, and again what a plain set has changed.
    pub(super) fn prepare(&mut self, now: u64) {
        if self.timed.waiting.is_empty() {
            return;
        }
        let until = now + 2 * self.period() + SLACK;
        let soon: Vec<(u64, u64)> =
            self.timed.waiting.range(..=(until, u64::MAX)).filter(|(_, w)| !w.is_handed).map(|(key, _)| *key).collect();
        for key in soon {
            let frame = self.mixer.frame_at(key.0);
            if self.timed.handed.len() >= HANDED {
                break;
            }
            if frame <= self.mixer.frame_now() {
                continue;
            }
            let Some(waiting) = self.timed.waiting.get_mut(&key) else { continue };
            waiting.is_handed = true;
            let (by, messages) = (waiting.by, std::mem::take(&mut waiting.messages));
            let sets = self.sets_of(by, &messages);
            if let Some(waiting) = self.timed.waiting.get_mut(&key) {
                waiting.messages = messages;
            }
            self.timed.handed.push(Handed { key, frame, sets });
            // One that is due before others that are with the engine changes what those mean.
            self.timed.handed.sort_by_key(|h| h.key);
            let from = self.timed.handed.iter().position(|h| h.key == key).unwrap_or(0);
            self.project(from);
        }
        let networks = self.mixer.networks();
        if std::mem::replace(&mut self.timed.networks, networks) != networks {
            self.timed.stale = true;
            self.timed.renewed = 0;
        }
        if self.timed.stale && now >= self.timed.renewed + AGAIN {
            self.timed.renewed = now;
            self.timed.stale = false;
            self.project(0);
        }
    }

    /// Sends what was handed, from the `from`th on; each on top of those before it.
    fn project(&mut self, from: usize) {
        let mut ahead = Vec::new();
        for (at, handed) in self.timed.handed.iter().enumerate() {
            ahead.extend(handed.sets.iter().cloned());
            if at >= from && !ahead.is_empty() {
                self.mixer.project(handed.frame, &ahead);
            }
        }
    }

    /// The sets among some messages that can be prepared.
    fn sets_of(&self, by: By, messages: &[u8]) -> Vec<(ParamId, Value)> {
        let mut sets = Vec::new();
        each(messages, |message| {
            let mut add = |set: Set| {
                if !self.space.decl(set.target.param).structural {
                    sets.push((set.target.param, set.value));
                }
            };
            let Ok(intent) = intent::parse(message, self.roles.sight(by.role, &self.space)) else { return };
            match self.permit(by, intent).map(|permitted| permitted.open().0) {
                Ok(Intent::Set(set)) => add(set),
                Ok(Intent::SetAll(all, _)) => all.into_iter().for_each(add),
                _ => {}
            }
        });
        sets
    }

    /// A plain set of a parameter while bundles are with the engine.
    pub(super) fn concern(&mut self, param: ParamId) {
        let tree = self.mixer.desk().tree();
        let owner = tree.entry(param).owner;
        // A group's parameter concerns all its members.
        let wide = !matches!(owner, Owner::Strip(_));
        let mut sets = self.timed.handed.iter().flat_map(|h| &h.sets);
        self.timed.stale |= sets.any(|set| wide || tree.entry(set.0).owner == owner);
    }

    /// Runs what is due, what was handed a little behind its frame.
    pub(super) fn run_due(&mut self, now: u64) {
        while self.timed_due().is_some_and(|due| due <= now) {
            self.run_first(now);
        }
    }

    /// Runs all whose frame has passed, ahead of a plain set.
    pub(super) fn run_passed(&mut self, now: u64) {
        while !self.timed.running && self.timed.waiting.first_key_value().is_some_and(|(key, _)| key.0 <= now) {
            self.run_first(now);
        }
    }

    fn run_first(&mut self, now: u64) {
        let Some((key, waiting)) = self.timed.waiting.pop_first() else { return };
        self.timed.bytes -= waiting.messages.len();
        if let Some((count, bytes)) = self.timed.shares.get_mut(&waiting.by.client) {
            (*count, *bytes) = (*count - 1, *bytes - waiting.messages.len());
            if *count == 0 {
                self.timed.shares.remove(&waiting.by.client);
            }
        }
        self.timed.handed.retain(|h| h.key != key);
        let reach = std::mem::take(&mut self.reach);
        self.timed.running = true;
        each(&waiting.messages, |message| self.message(waiting.by, message, now));
        self.timed.running = false;
        self.reach = reach;
    }
}

/// Calls `with` for every message of a size-prefixed run.
fn each(mut messages: &[u8], mut with: impl FnMut(&decode::Message<'_>)) {
    while let Some((size, rest)) = messages.split_first_chunk() {
        let Some((message, behind)) = rest.split_at_checked(u32::from_be_bytes(*size) as usize) else { return };
        if let Ok(Packet::Message(message)) = decode::packet(message) {
            with(&message);
        }
        messages = behind;
    }
}
