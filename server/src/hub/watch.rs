//! What a client subscribed to, what it is owed, and the batches that it gets.
//!
//! A subscribed address is *owed* when another changed it and its value has not been told since. It is
//! owed once however often it changes, so a burst costs a client no more than its rate, and the value
//! told is that of the moment of telling: the latest.
//!
//! Numbers of batches. Each batch of changes fits one datagram and ends with `/rev revision previous`,
//! with a revision that no batch to this client had before, so that whoever loses one sees a gap at
//! the next. `sent_in` remembers for each address the batch that it was last told in: a client that
//! asks to be brought up to date gets what changed or was told after the batch it saw last.

use super::client::{Client, Sort};
use super::meters::{Board, Gauge};
use super::outbox::{Begun, Outbox};
use super::view::View;
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::{Sight, Target};
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::{Arg, DATAGRAM};
use headroom_protocol::pattern::Pattern;
use std::collections::VecDeque;

/// Subscriptions of one client.
pub const MOST: usize = 64;
/// Values that may wait to be told at once, beyond those of one question.
const DUMPED: usize = 65_536;
/// Highest rate, Hz.
pub const FASTEST_HZ: f64 = 100.0;
/// Rate of values where the client names none, Hz.
pub const VALUES_HZ: f64 = 30.0;
/// Rate of meters where the client names none, Hz.
pub const METERS_HZ: f64 = 20.0;
/// Time after which a client that is told nothing gets its revision, and a silent meter is told again.
const IDLE: u64 = 1_000_000_000;
/// A client gets at most [`WINDOW_PACKETS`] in this time, so that a receiver's buffer takes a whole console.
const WINDOW: u64 = 5_000_000;
const WINDOW_PACKETS: u32 = 32;
/// Bytes of `/rev` as an element of a bundle.
const REV_BYTES: usize = 24;

/// Owed to the client.
const OWED: u8 = 1;
/// In the queue of its subscription.
const QUEUED: u8 = 2;

/// Place of a target in tables.
fn index(target: Target) -> usize {
    target.param.0 as usize * 2 + usize::from(target.norm)
}

/// One subscription.
#[derive(Debug)]
pub struct Sub {
    /// The pattern as the client wrote it.
    pub text: String,
    pattern: Pattern,
    /// Nanoseconds after the client's last packet; `None` as long as the client lasts.
    lease: Option<u64>,
    every: u64,
    meters_every: u64,
    queue: VecDeque<Target>,
    due: u64,
    meters: Vec<Meter>,
    meters_due: u64,
}

/// A subscribed meter.
#[derive(Debug)]
struct Meter {
    target: Target,
    gauge: Gauge,
    /// What its next report tells, and what the last one told.
    sum: Box<[f32]>,
    told: Box<[f32]>,
    told_at: u64,
}

/// Values to be told at once, ended by `/rev` and the answer to what asked for them.
#[derive(Debug)]
struct Dump {
    targets: Vec<Target>,
    at: usize,
    answer: Option<(&'static str, Vec<Arg>)>,
}

/// Everything one client subscribed to.
#[derive(Debug, Default)]
pub struct Watch {
    subs: Vec<Sub>,
    /// By target: 1 + its subscription, 0 for none.
    owner: Vec<u8>,
    state: Vec<u8>,
    sent_in: Vec<i32>,
    dumps: VecDeque<Dump>,
    /// Revision of the last batch.
    told: Option<i32>,
    told_at: u64,
    window: u64,
    window_packets: u32,
}

/// What a new subscription asks for.
pub struct Wish {
    /// The pattern as written.
    pub text: String,
    /// The same, compiled.
    pub pattern: Pattern,
    /// Nanoseconds after the last packet that it lives, if it ends at all.
    pub lease: Option<u64>,
    /// Rate of values, Hz.
    pub values_hz: f64,
    /// Rate of meters, Hz.
    pub meters_hz: f64,
}

impl Watch {
    /// Whether nothing is subscribed.
    pub fn is_empty(&self) -> bool {
        self.subs.is_empty()
    }

    /// The subscriptions.
    pub fn subs(&self) -> &[Sub] {
        &self.subs
    }

    /// Whether a parameter is subscribed.
    pub fn wants(&self, id: ParamId) -> bool {
        let at = index(Target::plain(id));
        self.owner.get(at..at + 2).is_some_and(|both| both.iter().any(|owner| *owner != 0))
    }

    /// Adds a subscription or replaces the one with the same text; false where there are too many.
    pub fn add(&mut self, wish: Wish, space: Sight<'_>, board: &Board) -> bool {
        let period = |hz: f64| (1e9 / hz.clamp(0.1, FASTEST_HZ)) as u64;
        let sub = Sub {
            text: wish.text,
            pattern: wish.pattern,
            lease: wish.lease,
            every: period(wish.values_hz),
            meters_every: period(wish.meters_hz),
            queue: VecDeque::new(),
            due: 0,
            meters: Vec::new(),
            meters_due: 0,
        };
        let known = self.subs.iter().position(|s| s.text == sub.text);
        if known.is_none() && self.subs.len() >= MOST {
            return false;
        }
        let owed = self.take_owed();
        match known {
            Some(at) => self.subs[at] = sub,
            None => self.subs.push(sub),
        }
        self.assign(owed, space, board);
        true
    }

    /// Ends the subscription with this text, or all; false where there is none.
    pub fn remove(&mut self, text: Option<&str>, space: Sight<'_>, board: &Board) -> bool {
        if !self.subs.iter().any(|s| text.is_none_or(|t| t == s.text)) {
            return false;
        }
        let owed = self.take_owed();
        self.subs.retain(|s| text.is_some_and(|t| t != s.text));
        self.assign(owed, space, board);
        true
    }

    /// Ends what has outlived its lease; true where something did.
    pub fn expire(&mut self, seen: u64, now: u64, space: Sight<'_>, board: &Board) -> bool {
        let lives = |s: &Sub| s.lease.is_none_or(|lease| seen + lease > now);
        if self.subs.iter().all(lives) {
            return false;
        }
        let owed = self.take_owed();
        self.subs.retain(lives);
        self.assign(owed, space, board);
        true
    }

    /// After a reload: the same patterns over another space. Nothing is owed then.
    pub fn rematch(&mut self, space: Sight<'_>, board: &Board) {
        self.owner.clear();
        self.state.clear();
        self.sent_in.clear();
        self.dumps.clear();
        for sub in &mut self.subs {
            sub.queue.clear();
            sub.meters.clear();
        }
        self.assign(Vec::new(), space, board);
    }

    /// What is owed, out of all queues.
    fn take_owed(&mut self) -> Vec<Target> {
        let state = &self.state;
        let queued = self.subs.iter_mut().flat_map(|s| s.queue.drain(..));
        queued.filter(|t| state[index(*t)] & OWED != 0).collect()
    }

    /// Gives every address, and what is owed, to the fastest subscription that matches it.
    fn assign(&mut self, owed: Vec<Target>, space: Sight<'_>, board: &Board) {
        let targets = space.len() * 2;
        self.owner.clear();
        self.owner.resize(targets, 0);
        self.state.resize(targets, 0);
        self.sent_in.resize(targets, 0);
        let mut meters: Vec<Meter> = self.subs.iter_mut().flat_map(|s| s.meters.drain(..)).collect();
        for at in 0..self.subs.len() {
            for target in space.targets(&self.subs[at].pattern, usize::MAX) {
                let other = self.owner[index(target)];
                let faster = |than: &Sub| match board.gauge(target.param) {
                    Some(_) => self.subs[at].meters_every < than.meters_every,
                    None => self.subs[at].every < than.every,
                };
                if other == 0 || faster(&self.subs[usize::from(other) - 1]) {
                    self.owner[index(target)] = at as u8 + 1;
                }
            }
        }
        self.state.fill(0);
        for target in owed {
            self.owe(target);
        }
        for param in space.params() {
            for norm in [false, true] {
                let target = Target { param, norm };
                let (Some(gauge), Some(sub)) = (board.gauge(param), self.owner[index(target)].checked_sub(1)) else { continue };
                let known = meters.iter().position(|m| m.target == target);
                let new = || {
                    let mut sum: Box<[f32]> = board.now(gauge).into();
                    let mut told = sum.clone();
                    // Peaks count from now on; figures that stand are told once in any case.
                    told.fill(if gauge.peaks() { 0.0 } else { f32::NAN });
                    if gauge.peaks() {
                        sum.fill(0.0);
                    }
                    Meter { target, gauge, sum, told, told_at: 0 }
                };
                let meter = known.map_or_else(new, |k| meters.swap_remove(k));
                self.subs[usize::from(sub)].meters.push(meter);
            }
        }
    }

    fn owe(&mut self, target: Target) {
        let at = index(target);
        let Some(sub) = self.owner.get(at).and_then(|o| o.checked_sub(1)) else { return };
        self.state[at] |= OWED;
        if self.state[at] & QUEUED == 0 {
            self.state[at] |= QUEUED;
            self.subs[usize::from(sub)].queue.push_back(target);
        }
    }

    /// A parameter changed; `own`: by this client, which knows what it set.
    #[inline]
    pub fn changed(&mut self, param: ParamId, own: bool) {
        for norm in [false, true] {
            let target = Target { param, norm };
            let at = index(target);
            if self.owner.get(at).is_none_or(|o| *o == 0) {
                continue;
            }
            if !own {
                self.owe(target);
            } else if self.dumps.is_empty() {
                self.state[at] &= !OWED;
            }
        }
    }

    /// Takes one more look of the meters into account.
    pub fn gather(&mut self, board: &Board) {
        for meter in self.subs.iter_mut().flat_map(|s| &mut s.meters) {
            meter.gauge.gather(&mut meter.sum, board.now(meter.gauge));
        }
    }

    /// Tells the present values of these targets before anything else, then answers.
    pub fn dump(&mut self, targets: Vec<Target>, answer: Option<(&'static str, Vec<Arg>)>) {
        self.dumps.push_back(Dump { targets, at: 0, answer });
    }

    /// Whether another dump of this many values may wait.
    pub fn has_room_for_dump(&self, targets: usize) -> bool {
        let waiting: usize = self.dumps.iter().map(|d| d.targets.len()).sum();
        self.dumps.is_empty() || (self.dumps.len() < MOST && waiting + targets <= DUMPED)
    }

    /// What a client that saw revision `seen` last has to be told: what changed or was told later, or
    /// is still owed. `changed` are the revisions of all parameters; everything where `seen` is `None`.
    pub fn missed(&self, seen: Option<i32>, changed: &[i32]) -> Vec<Target> {
        let later = |revision: i32| seen.is_none_or(|seen| revision.wrapping_sub(seen) > 0);
        let targets = (0..self.owner.len()).filter(|at| self.owner[*at] != 0).filter(|at| {
            self.state[*at] & OWED != 0 || later(changed[at / 2]) || (self.sent_in[*at] != 0 && later(self.sent_in[*at]))
        });
        targets.map(|at| Target { param: ParamId(at as u32 / 2), norm: at % 2 == 1 }).collect()
    }

    /// Revision of the last batch.
    pub fn told(&self) -> Option<i32> {
        self.told
    }

    /// When there will be something to send, if nothing else happens.
    pub fn due(&self) -> u64 {
        let subs = self.subs.iter().flat_map(|s| {
            let values = (!s.queue.is_empty()).then_some(s.due);
            let meters = (!s.meters.is_empty()).then_some(s.meters_due);
            [values, meters].into_iter().flatten()
        });
        let next = subs.chain([self.told_at + IDLE]).min().unwrap_or(u64::MAX);
        if self.dumps.is_empty() && self.window_packets < WINDOW_PACKETS { next } else { next.min(self.window + WINDOW) }
    }

    /// Sends what is due.
    pub(super) fn pump(&mut self, to: &mut Recipient<'_>) {
        if self.subs.is_empty() && self.dumps.is_empty() {
            return;
        }
        if to.now.saturating_sub(self.window) >= WINDOW {
            self.window = to.now;
            self.window_packets = 0;
        }
        while !self.dumps.is_empty() {
            if !self.continue_dump(to) {
                return;
            }
        }
        for at in 0..self.subs.len() {
            self.tell_changes(at, to);
            self.tell_meters(at, to);
        }
        if to.now.saturating_sub(self.told_at) >= IDLE && !self.subs.is_empty() {
            let revision = self.told.unwrap_or(*to.revision);
            let begun = to.out.message("/rev", [Arg::Int(revision), Arg::Int(self.told.unwrap_or(0))]);
            to.send(begun);
            (self.told, self.told_at) = (Some(revision), to.now);
        }
    }

    fn has_room(&mut self) -> bool {
        self.window_packets += 1;
        self.window_packets <= WINDOW_PACKETS
    }

    /// Ends a batch with its revision; one that tells values has a number of its own.
    fn close(&mut self, begun: Begun, to: &mut Recipient<'_>, values: bool) -> i32 {
        let revision = match self.told {
            Some(told) if !values => told,
            Some(told) if told == *to.revision => {
                *to.revision = to.revision.wrapping_add(1);
                *to.revision
            }
            _ => *to.revision,
        };
        let previous = self.told.unwrap_or(0);
        to.out.element(begun, usize::MAX, "/rev", [Arg::Int(revision), Arg::Int(previous)]);
        revision
    }

    /// One packet of the first dump; false where it has to wait.
    fn continue_dump(&mut self, to: &mut Recipient<'_>) -> bool {
        if !self.has_room() {
            return false;
        }
        let Some(mut dump) = self.dumps.pop_front() else { return true };
        let begun = to.out.bundle();
        let from = dump.at;
        while let Some(target) = dump.targets.get(dump.at)
            && to.element(begun, *target)
        {
            dump.at += 1;
        }
        let over = dump.at == dump.targets.len();
        // The batch will have a later number than everything so far.
        let mut number = to.revision.wrapping_add(1);
        if over {
            number = self.close(begun, to, !dump.targets.is_empty());
        }
        if !to.send(begun) {
            dump.at = from;
            self.dumps.push_front(dump);
            return false;
        }
        for target in &dump.targets[from..dump.at] {
            let at = index(*target);
            self.state[at] &= !OWED;
            self.sent_in[at] = number;
        }
        if !over {
            self.dumps.push_front(dump);
            return true;
        }
        (self.told, self.told_at) = (Some(number), to.now);
        if let Some((address, args)) = dump.answer {
            let begun = to.out.message(address, args);
            to.send(begun);
        }
        true
    }

    fn tell_changes(&mut self, sub: usize, to: &mut Recipient<'_>) {
        let mut taken = Vec::new();
        while self.subs[sub].due <= to.now && !self.subs[sub].queue.is_empty() {
            let begun = to.out.bundle();
            taken.clear();
            while let Some(&target) = self.subs[sub].queue.front() {
                let at = index(target);
                if self.state[at] & OWED != 0 {
                    if !to.element(begun, target) {
                        break;
                    }
                    taken.push(target);
                }
                self.state[at] = 0;
                self.subs[sub].queue.pop_front();
            }
            if taken.is_empty() {
                to.out.cancel(begun);
                return;
            }
            let revision = self.close(begun, to, true);
            if !self.has_room() || !to.send(begun) {
                // `send` cancelled what it refused; without room nothing was offered.
                to.out.cancel(begun);
                self.subs[sub].due = self.window + WINDOW;
                for target in taken.drain(..).rev() {
                    self.state[index(target)] = OWED | QUEUED;
                    self.subs[sub].queue.push_front(target);
                }
                return;
            }
            for target in &taken {
                self.sent_in[index(*target)] = revision;
            }
            (self.told, self.told_at) = (Some(revision), to.now);
            if self.subs[sub].queue.is_empty() {
                let Sub { due, every, .. } = &mut self.subs[sub];
                *due = next(*due, *every, to.now);
            }
        }
    }

    fn tell_meters(&mut self, sub: usize, to: &mut Recipient<'_>) {
        let every = self.subs[sub].meters_every;
        if self.subs[sub].meters.is_empty() || to.now < self.subs[sub].meters_due {
            return;
        }
        self.subs[sub].meters_due = next(self.subs[sub].meters_due, every, to.now);
        let mut meters = std::mem::take(&mut self.subs[sub].meters);
        let mut begun = None;
        for meter in &mut meters {
            // A silent strip costs nothing; one packet lost must not leave a meter standing.
            let rests = meter.sum.iter().all(|r| meter.gauge.rests(*r));
            if rests && meter.sum == meter.told && to.now.saturating_sub(meter.told_at) < IDLE {
                continue;
            }
            meter.told.copy_from_slice(&meter.sum);
            meter.told_at = to.now;
            if meter.gauge.peaks() {
                meter.sum.fill(0.0);
            }
            let told = || to.view.meter(meter.target, meter.gauge, &meter.told);
            let address = to.view.address(meter.target);
            let bundle = *begun.get_or_insert_with(|| to.out.bundle());
            if !to.out.element(bundle, DATAGRAM - REV_BYTES, &address, told()) {
                if !self.has_room() || !to.send(bundle) {
                    to.out.cancel(bundle);
                    self.subs[sub].meters = meters;
                    return;
                }
                let bundle = to.out.bundle();
                begun = Some(bundle);
                to.out.element(bundle, DATAGRAM - REV_BYTES, &address, told());
            }
        }
        self.subs[sub].meters = meters;
        if let Some(bundle) = begun {
            // Nothing is lost with a meter, so the batch keeps the number of the one before.
            let revision = self.close(bundle, to, false);
            if self.has_room() && to.send(bundle) {
                (self.told, self.told_at) = (Some(revision), to.now);
            } else {
                to.out.cancel(bundle);
            }
        }
    }
}

/// The next time of something that happens in periods: on the grid while it keeps up.
fn next(due: u64, every: u64, now: u64) -> u64 {
    if now.saturating_sub(due) < every { due + every } else { now + every }
}

/// Whom a watch tells, and what.
pub(super) struct Recipient<'a> {
    pub id: ClientId,
    pub client: &'a mut Client,
    pub view: &'a View<'a>,
    pub out: &'a mut Outbox,
    pub revision: &'a mut i32,
    pub now: u64,
}

impl Recipient<'_> {
    /// Adds a target with its present value; false where the bundle is full.
    fn element(&mut self, begun: Begun, target: Target) -> bool {
        let told = self.view.told(target);
        self.out.element(begun, DATAGRAM - REV_BYTES, &self.view.address(target), told)
    }

    /// Sends what was begun; false, and it is dropped, where the client may not get it.
    fn send(&mut self, begun: Begun) -> bool {
        if !self.client.take(self.out.length(begun), Sort::Subscribed, self.now) {
            self.out.cancel(begun);
            return false;
        }
        self.out.commit(begun, self.id);
        true
    }
}
