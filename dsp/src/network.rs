//! A network: banks, the mixes between them, and the flat schedule that runs them.

use crate::bank::Bank;
use crate::block::{BLOCK, Interleave, flat, flat_mut, is_zero, take_lane};
use crate::graph::EdgeTap;
use crate::graph::schedule::{KeyPlan, LoopPlan, MixPlan, PortSeat, ReadPlan, Schedule, Step};
use crate::graph::seats::{BankPlan, BankRef};
use crate::lanes::{Entry, Lanes};
use crate::meter::Meters;
use crate::proc::Targets;
use crate::ramp::{Curve, Gain, When};
use cost::Stopwatch;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

mod cost;

/// Samples of one period, by port id. Implemented by the backends.
pub trait Io {
    /// The period's samples of an input; shorter than asked or empty reads as silence, and where an insert comes
    /// back, as a cable from where it goes out.
    fn input(&self, port: usize) -> &[f32];
    /// Takes a block for an output, from frame `at` of the period on.
    fn output(&mut self, port: usize, at: usize, block: &[f64]);
}

/// One change of one number, or of one part's coefficients, in the running network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Set {
    /// Linear gain at the input, negative for inverted polarity.
    Trim(BankRef, usize, f64),
    /// Linear gain of the fader (with balance on stereo strips).
    Fader(BankRef, usize, f64),
    /// Delay after the chain, in frames.
    Delay(BankRef, usize, f64),
    /// Gain of a mix from a source lane to one side of its pair: mix, lane, side.
    Mix(usize, usize, usize, f64),
    /// A processor on or off: bank, lane, stage.
    On(BankRef, usize, usize, bool),
    /// Coefficients: bank, lane, stage, part.
    Part(BankRef, usize, usize, usize, Targets),
}

/// A lane that lives on in a new network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carry {
    /// Old seat.
    pub from: (BankRef, usize),
    /// New seat.
    pub to: (BankRef, usize),
    /// Stages that are the same: new, old.
    pub stages: Vec<(usize, usize)>,
}

/// A network without its lane types, as the engine holds it. Audio thread, but for construction and
/// drop.
pub trait Runs: Send {
    /// One block of at most [`BLOCK`] frames from period frame `at`; outputs stay inside.
    fn process(&mut self, frame: u64, at: usize, n: usize, io: &dyn Io);
    /// Applies a change.
    fn set(&mut self, set: &Set, when: When);
    /// Copies some of what [`Runs::carry`] will take over of long memory, `budget` bytes or little more, while the older
    /// network goes on; true when little is left. Called block by block.
    fn ahead(&mut self, from: &dyn Runs, lanes: &[Carry], budget: usize) -> bool;
    /// Takes over lanes of an older network.
    fn carry(&mut self, from: &dyn Runs, lanes: &[Carry]);
    /// The blocks of all outputs with their port ids.
    fn outputs(&self) -> (&[usize], &[[f64; BLOCK]]);
    /// Publishes the meters.
    fn publish(&mut self);
    /// For [`Runs::carry`].
    fn as_any(&self) -> &dyn Any;
}

/// What a network is made of.
pub(crate) struct Parts<N: Lanes, W: Lanes> {
    pub narrow: Vec<Bank<N>>,
    pub wide: Vec<Bank<W>>,
    pub schedule: Schedule,
    pub banks: Vec<BankPlan>,
    pub curve: Arc<Curve>,
    pub meters: Arc<Meters>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// Banks of `f32` lanes for channels and of `f64` lanes for buses, and what connects them.
pub(crate) struct Network<N: Lanes, W: Lanes> {
    narrow: Vec<Bank<N>>,
    wide: Vec<Bank<W>>,
    reads: Vec<ReadPlan>,
    mixes: Vec<Mix>,
    keys: Vec<Key>,
    loops: Vec<LoopPlan>,
    steps: Vec<Step>,
    banks: Vec<BankPlan>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    blocks: Vec<[f64; BLOCK]>,
    meters: Arc<Meters>,
    stopwatch: Stopwatch,
}

const LANES: usize = 8;

/// The gains of a mix; sources and delays see [`MixPlan`].
struct Mix {
    from: BankRef,
    tap: EdgeTap,
    to: usize,
    lane: usize,
    lanes: usize,
    gains: Vec<Gain>,
    moving: u32,
    /// Gains at rest: left, right.
    rest: [[f64; LANES]; 2],
    /// At rest nothing but this lane goes left, and nothing but the next one right: a stereo strip.
    straight: Option<usize>,
    live: bool,
    wait: Option<Wait>,
}

/// A side-chain, and what a late one keeps, by absolute frame.
struct Key {
    plan: KeyPlan,
    kept: [f64; 2 * BLOCK],
}

/// Delays of a mix whose paths are of different latency.
struct Wait {
    frames: Vec<usize>,
    longest: usize,
    ring: Vec<f64>,
    mask: usize,
    /// Frames until the ring holds only silence.
    left: usize,
}

impl Mix {
    fn new(plan: &MixPlan, curve: &Arc<Curve>) -> Self {
        let lanes = plan.wait.len();
        let longest = plan.wait.iter().copied().max().unwrap_or(0);
        let frames = (longest + BLOCK).next_power_of_two();
        let wait = (longest > 0).then(|| Wait {
            frames: plan.wait.clone(),
            longest,
            ring: vec![0.0; frames * lanes],
            mask: frames - 1,
            left: 0,
        });
        Mix {
            from: plan.from,
            tap: plan.tap,
            to: plan.to,
            lane: plan.lane,
            lanes,
            gains: vec![Gain::new(curve, 0.0); 2 * lanes],
            moving: 0,
            rest: [[0.0; LANES]; 2],
            straight: None,
            live: false,
            wait,
        }
    }

    fn set(&mut self, lane: usize, side: usize, gain: f64, when: When) {
        let at = side * self.lanes + lane;
        self.gains[at].set(gain, when);
        self.moving |= 1 << at;
        self.settle();
    }

    fn settle(&mut self) {
        let mut left = self.moving;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            if let Some(gain) = self.gains[at].resting() {
                self.rest[at / self.lanes][at % self.lanes] = gain;
                self.moving &= !(1 << at);
            }
        }
        self.live = self.moving != 0 || self.rest.iter().flatten().any(|g| *g != 0.0);
        let only = |side: usize, lane: usize| self.rest[side].iter().enumerate().all(|(l, g)| l == lane || *g == 0.0);
        self.straight = (0..self.lanes).step_by(2).find(|&lane| lane + 1 < self.lanes && only(0, lane) && only(1, lane + 1));
    }

    /// Gains at a frame while some move.
    #[inline(always)]
    fn gains_at(&mut self, frame: u64, gains: &mut [[f64; LANES]; 2]) {
        let mut left = self.moving;
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            gains[at / self.lanes][at % self.lanes] = self.gains[at].next(frame);
        }
    }
}

/// Adds a block into a pair of lanes; the first that feeds a bank writes it.
struct AddBlock<'a, S: Lanes, W: Lanes> {
    mix: &'a mut Mix,
    source: &'a [S],
    into: &'a mut [W],
    first: bool,
    frame: u64,
}

impl<S: Lanes, W: Lanes> Entry for AddBlock<'_, S, W> {
    #[inline(always)]
    fn run(self) {
        let AddBlock { mix, source, into, first, frame } = self;
        let lane = mix.lane;
        if first {
            for to in into.iter_mut() {
                *to = W::zero();
            }
        }
        let into = flat_mut(into).chunks_exact_mut(W::N);
        let mut gains = mix.rest;
        if let (0, Some(from)) = (mix.moving, mix.straight) {
            let (left, right) = (gains[0][from], gains[1][from + 1]);
            for (x, to) in flat(source).chunks_exact(S::N).zip(into) {
                add::<W>(&mut to[lane..lane + 2], [S::elem_f64(x[from]) * left, S::elem_f64(x[from + 1]) * right]);
            }
        } else if mix.moving == 0 {
            let [left, right] = &gains;
            for (x, to) in source.iter().zip(into) {
                add::<W>(&mut to[lane..lane + 2], x.dot2(left, right));
            }
        } else {
            for (i, (x, to)) in source.iter().zip(into).enumerate() {
                mix.gains_at(frame + i as u64, &mut gains);
                add::<W>(&mut to[lane..lane + 2], x.dot2(&gains[0], &gains[1]));
            }
            mix.settle();
        }
    }
}

#[inline(always)]
fn add<W: Lanes>(to: &mut [W::Elem], [left, right]: [f64; 2]) {
    to[0] = W::elem(W::elem_f64(to[0]) + left);
    to[1] = W::elem(W::elem_f64(to[1]) + right);
}

impl<N: Lanes, W: Lanes> Network<N, W> {
    pub fn new(parts: Parts<N, W>) -> Self {
        Network {
            stopwatch: Stopwatch::new(&parts.schedule, &parts.banks, parts.meters.clone()),
            mixes: parts.schedule.mixes.iter().map(|m| Mix::new(m, &parts.curve)).collect(),
            reads: parts.schedule.reads,
            keys: parts.schedule.keys.into_iter().map(|plan| Key { plan, kept: [0.0; 2 * BLOCK] }).collect(),
            loops: parts.schedule.loops,
            steps: parts.schedule.steps,
            narrow: parts.narrow,
            wide: parts.wide,
            banks: parts.banks,
            inputs: parts.inputs,
            blocks: vec![[0.0; BLOCK]; parts.outputs.len()],
            outputs: parts.outputs,
            meters: parts.meters,
        }
    }

    fn read(&mut self, read: usize, at: usize, n: usize, io: &dyn Io) {
        let ReadPlan { bank, ports } = &self.reads[read];
        let silence = [0.0; BLOCK];
        let mut lanes = [&silence[..n]; LANES];
        for (lane, port) in lanes.iter_mut().zip(ports) {
            let id = port.and_then(|p| self.inputs.get(p));
            if let Some(samples) = id.and_then(|&id| io.input(id).get(at..at + n)) {
                *lane = samples;
            }
        }
        match *bank {
            BankRef::Narrow(b) => feed(&mut self.narrow[b], &lanes, n),
            BankRef::Wide(b) => feed(&mut self.wide[b], &lanes, n),
        }
    }

    fn mix(&mut self, at: usize, frame: u64, n: usize) {
        let mix = &mut self.mixes[at];
        match mix.from {
            BankRef::Narrow(b) => mix_into(mix, &self.narrow[b], &mut self.wide, frame, n),
            BankRef::Wide(b) => {
                // The order of depths puts source and destination into different banks.
                if let Ok([from, to]) = self.wide.get_disjoint_mut([b, mix.to]) {
                    mix_into(mix, from, std::slice::from_mut(to), frame, n);
                }
            }
        }
    }

    /// The louder side of a key's source.
    fn key_of(&self, key: &KeyPlan, signal: &mut [f64]) {
        let mut other = [0.0; BLOCK];
        let other = &mut other[..signal.len()];
        for (side, out) in [&mut *signal, &mut *other].into_iter().enumerate().take(key.sides) {
            match key.from.bank {
                BankRef::Narrow(b) => take_lane(&self.narrow[b].input, key.from.lane + side, out),
                BankRef::Wide(b) => take_lane(&self.wide[b].input, key.from.lane + side, out),
            }
        }
        for (x, y) in signal.iter_mut().zip(other.iter()) {
            if y.abs() > x.abs() {
                *x = *y;
            }
        }
    }

    fn key(&mut self, at: usize, frame: u64, n: usize) {
        let mut signal = [0.0; BLOCK];
        let signal = &mut signal[..n];
        if self.keys[at].plan.late {
            let kept = &self.keys[at].kept;
            for (x, frame) in signal.iter_mut().zip(frame..) {
                *x = kept[(frame as usize).wrapping_sub(BLOCK) % kept.len()];
            }
        } else {
            self.key_of(&self.keys[at].plan, signal);
        }
        let key = &self.keys[at].plan;
        match key.bank {
            BankRef::Narrow(b) => put_key(&mut self.narrow[b], key, signal),
            BankRef::Wide(b) => put_key(&mut self.wide[b], key, signal),
        }
    }

    fn keep(&mut self, at: usize, frame: u64, n: usize) {
        let mut signal = [0.0; BLOCK];
        let signal = &mut signal[..n];
        self.key_of(&self.keys[at].plan, signal);
        let kept = &mut self.keys[at].kept;
        for (x, frame) in signal.iter().zip(frame..) {
            kept[frame as usize % (2 * BLOCK)] = *x;
        }
    }

    fn back(&mut self, at: usize, from: usize, n: usize, io: &dyn Io) {
        let plan = self.loops[at];
        let samples = self.inputs.get(plan.back).and_then(|&id| io.input(id).get(from..from + n));
        match plan.bank {
            BankRef::Narrow(b) => put_back(&mut self.narrow[b], plan, samples),
            BankRef::Wide(b) => put_back(&mut self.wide[b], plan, samples),
        }
    }

    fn send(&mut self, at: usize, n: usize) {
        let plan = self.loops[at];
        let Some(block) = self.blocks.get_mut(plan.send) else { return };
        match plan.bank {
            BankRef::Narrow(b) => take_sent(&mut self.narrow[b], plan, &mut block[..n]),
            BankRef::Wide(b) => take_sent(&mut self.wide[b], plan, &mut block[..n]),
        }
    }

    fn write(&mut self, seat: PortSeat, n: usize) {
        let Some(block) = self.blocks.get_mut(seat.port) else { return };
        match seat.bank {
            BankRef::Narrow(b) => take_lane(&self.narrow[b].out, seat.lane, &mut block[..n]),
            BankRef::Wide(b) => take_lane(&self.wide[b].out, seat.lane, &mut block[..n]),
        }
    }
}

fn put_key<L: Lanes>(bank: &mut Bank<L>, key: &KeyPlan, signal: &[f64]) {
    if let Some(block) = bank.key(key.stage) {
        for &lane in &key.lanes {
            for (to, x) in flat_mut(block).iter_mut().skip(lane).step_by(L::N).zip(signal) {
                *to = L::elem(*x);
            }
        }
    }
}

fn put_back<L: Lanes>(bank: &mut Bank<L>, plan: LoopPlan, samples: Option<&[f32]>) {
    let Some(looped) = bank.looped(plan.stage) else { return };
    let Some(samples) = samples else {
        looped.cut |= 1 << plan.lane;
        return;
    };
    looped.cut &= !(1 << plan.lane);
    for (to, x) in looped.back.iter_mut().zip(samples) {
        to.set(plan.lane, f64::from(*x));
    }
}

fn take_sent<L: Lanes>(bank: &mut Bank<L>, plan: LoopPlan, out: &mut [f64]) {
    let silent = bank.silent;
    match bank.looped(plan.stage) {
        Some(looped) if !silent => take_lane(&looped.sent, plan.lane, out),
        _ => out.fill(0.0),
    }
}

fn feed<L: Lanes>(bank: &mut Bank<L>, lanes: &[&[f32]; LANES], n: usize) {
    if bank.asleep() && lanes[..L::N].iter().all(|samples| is_zero(samples)) {
        return;
    }
    L::enter(Interleave { lanes: &lanes[..L::N], into: &mut bank.input[..n] });
    bank.fed = true;
}

fn mix_into<S: Lanes, W: Lanes>(mix: &mut Mix, from: &Bank<S>, to: &mut [Bank<W>], frame: u64, n: usize) {
    let Some(to) = (if to.len() == 1 { to.first_mut() } else { to.get_mut(mix.to) }) else { return };
    let source = match mix.tap {
        EdgeTap::Input => &from.input[..n],
        EdgeTap::Chain => &from.chain[..n],
        EdgeTap::Out => &from.out[..n],
    };
    if let Some(mut wait) = mix.wait.take() {
        let mut late = [S::zero(); BLOCK];
        let sounding = wait.run(source, from.silent, frame, &mut late[..n]);
        if mix.live && (sounding || mix.moving != 0) {
            let first = !std::mem::replace(&mut to.fed, true);
            S::enter(AddBlock { mix, source: &late[..n], into: &mut to.input[..n], first, frame });
        }
        mix.wait = Some(wait);
        return;
    }
    // Gains on the way move on under silence too.
    if mix.live && (!from.silent || mix.moving != 0) {
        let first = !std::mem::replace(&mut to.fed, true);
        S::enter(AddBlock { mix, source, into: &mut to.input[..n], first, frame });
    }
}

impl Wait {
    /// Puts a block into the ring and takes the delayed one; whether it may hold sound.
    fn run<S: Lanes>(&mut self, source: &[S], silent: bool, frame: u64, late: &mut [S]) -> bool {
        if !silent {
            self.left = self.longest + BLOCK;
        }
        if self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(source.len()).max(usize::from(!silent));
        let lanes = S::N;
        let (ahead, behind) = self.ring.split_at_mut((frame as usize & self.mask) * lanes);
        for (to, x) in behind.iter_mut().chain(ahead).zip(flat(source)) {
            *to = S::elem_f64(*x);
        }
        if self.frames.iter().all(|f| *f == self.longest) {
            let (ahead, behind) = self.ring.split_at(((frame as usize).wrapping_sub(self.longest) & self.mask) * lanes);
            for (to, x) in flat_mut(late).iter_mut().zip(behind.iter().chain(ahead)) {
                *to = S::elem(*x);
            }
            return true;
        }
        for (i, frame_out) in flat_mut(late).chunks_exact_mut(lanes).enumerate() {
            for (lane, to) in frame_out.iter_mut().enumerate() {
                let at = (frame as usize + i).wrapping_sub(self.frames[lane]) & self.mask;
                *to = S::elem(self.ring[at * lanes + lane]);
            }
        }
        true
    }
}

impl<N: Lanes, W: Lanes> Runs for Network<N, W> {
    fn process(&mut self, frame: u64, at: usize, n: usize, io: &dyn Io) {
        self.wide.iter_mut().for_each(|bank| bank.fed = false);
        self.narrow.iter_mut().for_each(|bank| bank.fed = false);
        self.stopwatch.begin();
        for step in 0..self.steps.len() {
            match self.steps[step] {
                Step::Read(r) => self.read(r, at, n, io),
                Step::Enter(BankRef::Narrow(b)) => self.narrow[b].enter_block(frame, n),
                Step::Enter(BankRef::Wide(b)) => self.wide[b].enter_block(frame, n),
                Step::Key(k) => self.key(k, frame, n),
                Step::Keep(k) => self.keep(k, frame, n),
                Step::Back(l) => self.back(l, at, n, io),
                Step::Send(l) => self.send(l, n),
                Step::Run(BankRef::Narrow(b)) => self.narrow[b].run(frame, n),
                Step::Run(BankRef::Wide(b)) => self.wide[b].run(frame, n),
                Step::Mix(m) => self.mix(m, frame, n),
                Step::Write(seat) | Step::Tap(seat) => self.write(seat, n),
            }
            self.stopwatch.step(step);
        }
        self.stopwatch.end(n);
        for (b, plan) in self.banks.iter().enumerate() {
            let bad = match plan.bank {
                BankRef::Narrow(i) => self.narrow[i].faulty,
                BankRef::Wide(i) => self.wide[i].faulty,
            };
            if bad != 0 {
                count_faults(&self.banks[b], bad, &self.meters);
            }
        }
    }

    fn set(&mut self, set: &Set, when: When) {
        macro_rules! bank {
            ($bank:expr, $b:ident => $do:expr) => {
                match $bank {
                    BankRef::Narrow(i) => {
                        if let Some($b) = self.narrow.get_mut(i) {
                            $do
                        }
                    }
                    BankRef::Wide(i) => {
                        if let Some($b) = self.wide.get_mut(i) {
                            $do
                        }
                    }
                }
            };
        }
        match *set {
            Set::Trim(bank, lane, gain) => bank!(bank, b => b.set_trim(lane, gain, when)),
            Set::Fader(bank, lane, gain) => bank!(bank, b => b.set_fader(lane, gain, when)),
            Set::Delay(bank, lane, frames) => {
                let mut to = Targets::default();
                to[0] = frames;
                bank!(bank, b => b.set_delay(lane, &to, when));
            }
            Set::Mix(mix, lane, side, gain) => {
                if let Some(mix) = self.mixes.get_mut(mix) {
                    mix.set(lane, side, gain, when);
                }
            }
            Set::On(bank, lane, stage, on) => bank!(bank, b => b.set_on(stage, lane, on, when)),
            Set::Part(bank, lane, stage, part, ref to) => bank!(bank, b => b.set_part(stage, part, lane, to, when)),
        }
    }

    fn ahead(&mut self, from: &dyn Runs, lanes: &[Carry], mut budget: usize) -> bool {
        let Some(from) = from.as_any().downcast_ref::<Self>() else { return true };
        let mut done = true;
        for Carry { from: (old, old_lane), to: (new, lane), stages } in lanes {
            done &= match (old, new) {
                (BankRef::Narrow(o), BankRef::Narrow(n)) => {
                    self.narrow[*n].ahead(*lane, &from.narrow[*o], *old_lane, stages, &mut budget)
                }
                (BankRef::Wide(o), BankRef::Wide(n)) => {
                    self.wide[*n].ahead(*lane, &from.wide[*o], *old_lane, stages, &mut budget)
                }
                _ => true,
            };
        }
        done
    }

    fn carry(&mut self, from: &dyn Runs, lanes: &[Carry]) {
        let Some(from) = from.as_any().downcast_ref::<Self>() else { return };
        for Carry { from: (old, old_lane), to: (new, lane), stages } in lanes {
            match (old, new) {
                (BankRef::Narrow(o), BankRef::Narrow(n)) => self.narrow[*n].carry(*lane, &from.narrow[*o], *old_lane, stages),
                (BankRef::Wide(o), BankRef::Wide(n)) => self.wide[*n].carry(*lane, &from.wide[*o], *old_lane, stages),
                _ => {}
            }
        }
    }

    fn outputs(&self) -> (&[usize], &[[f64; BLOCK]]) {
        (&self.outputs, &self.blocks)
    }

    fn publish(&mut self) {
        for plan in &self.banks {
            match plan.bank {
                BankRef::Narrow(b) => publish(&mut self.narrow[b], plan, &self.meters),
                BankRef::Wide(b) => publish(&mut self.wide[b], plan, &self.meters),
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn publish<L: Lanes>(bank: &mut Bank<L>, plan: &BankPlan, meters: &Meters) {
    for (lane, who) in plan.lanes.iter().enumerate() {
        let Some((strip, side)) = *who else { continue };
        let Some(cells) = meters.strips.get(strip) else { continue };
        cells.input[side].raise(bank.peak_in.get(lane) as f32);
        cells.output[side].raise(bank.peak_out.get(lane) as f32);
        cells.square[side].put(bank.mean_square(lane) as f32);
        bank.reductions(lane, |meter, db| {
            if let Some(cell) = cells.reduction.get(meter) {
                cell.raise(db as f32);
            }
        });
    }
    bank.clear_meters();
}

fn count_faults(plan: &BankPlan, bad: u32, meters: &Meters) {
    for (lane, who) in plan.lanes.iter().enumerate() {
        if bad & (1 << lane) != 0
            && let Some((strip, _)) = *who
            && let Some(cells) = meters.strips.get(strip)
        {
            cells.faults.fetch_add(1, Ordering::Relaxed);
        }
    }
}
