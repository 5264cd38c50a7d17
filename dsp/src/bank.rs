//! A bank: strips in SIMD lanes, one audio channel a lane, through one chain.
//!
//! input → trim, polarity → chain → delay → fader → what stands last. Strips are skipped when they
//! are silent: a lane whose input is exactly zero and whose chain has stayed under −180 dBFS for
//! 100 ms forgets its signal, and a bank of such lanes whose envelopes rest is asleep until a
//! non-zero sample arrives. Both are decided at multiples of [`BLOCK`] absolute frames, so the period
//! does not show in the samples.

use crate::block::BLOCK;
use crate::lanes::{Entry, Lanes};
use crate::meter::Window;
use crate::proc::delay::Delay;
use crate::proc::{Ctx, Looped, Process, Running, Targets};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Chain output below this is silence: −180 dBFS.
const SILENCE: f64 = 1e-9;

/// One gain a lane, applied to a block.
pub(crate) struct LaneGains<L> {
    gains: Vec<Gain>,
    rest: L,
    moving: u32,
    unity: bool,
}

impl<L: Lanes> LaneGains<L> {
    fn new(curve: &Arc<Curve>) -> Self {
        LaneGains { gains: vec![Gain::new(curve, 1.0); L::N], rest: L::splat(1.0), moving: 0, unity: true }
    }

    fn set(&mut self, lane: usize, gain: f64, when: When) {
        self.gains[lane].set(gain, when);
        self.moving |= 1 << lane;
        self.settle();
    }

    fn settle(&mut self) {
        for lane in 0..L::N {
            if self.moving & (1 << lane) != 0
                && let Some(gain) = self.gains[lane].resting()
            {
                self.rest.set(lane, gain);
                self.moving &= !(1 << lane);
            }
        }
        self.unity = self.moving == 0 && (0..L::N).all(|lane| self.rest.get(lane) == 1.0);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.gains[lane].clone_from(&from.gains[from_lane]);
        self.moving |= 1 << lane;
        self.settle();
    }

    /// The gains of `n` frames, at most [`BLOCK`].
    #[inline(always)]
    fn block(&mut self, frame: u64, n: usize) -> [L; BLOCK] {
        let mut gains = [self.rest; BLOCK];
        if self.moving != 0 {
            for (lane, gain) in self.gains.iter_mut().enumerate() {
                if self.moving & (1 << lane) != 0 {
                    for (i, v) in gains[..n].iter_mut().enumerate() {
                        v.set(lane, gain.next(frame + i as u64));
                    }
                }
            }
            self.settle();
        }
        gains
    }
}

/// Values of which a block's figures are kept at once, so that none waits for the one before it.
const AT_ONCE: usize = 4;

/// The largest magnitude of a block.
#[inline(always)]
fn peak_of<L: Lanes>(block: &[L]) -> L {
    let (whole, rest) = block.as_chunks::<AT_ONCE>();
    let mut peaks = [L::zero(); AT_ONCE];
    for x in whole {
        for k in 0..AT_ONCE {
            peaks[k] = x[k].abs().max(peaks[k]);
        }
    }
    for x in rest {
        peaks[0] = x.abs().max(peaks[0]);
    }
    peaks[0].max(peaks[1]).max(peaks[2].max(peaks[3]))
}

/// The sum of a block's squares.
#[inline(always)]
fn squares_of<L: Lanes>(block: &[L]) -> L {
    let (whole, rest) = block.as_chunks::<AT_ONCE>();
    let mut sums = [L::zero(); AT_ONCE];
    for x in whole {
        for k in 0..AT_ONCE {
            sums[k] = x[k].mul_add(x[k], sums[k]);
        }
    }
    for x in rest {
        sums[0] = x.mul_add(*x, sums[0]);
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// A processor in its place in a bank, with its bypass.
struct Stage<L: Lanes> {
    proc: Box<dyn Running<L>>,
    own_bypass: bool,
    source: bool,
    /// Share of each lane's processed signal.
    wet: Vec<Gain>,
    on: u32,
    fading: u32,
    /// Lanes whose input comes up with their output: what starts inside a long memory would be heard later.
    entering: u32,
    meter: Option<usize>,
    reduction: L,
    key: Option<Key<L>>,
    looped: Option<Looping<L>>,
}

/// The loops of an insert: blocks that come back and go out.
pub(crate) struct Looping<L: Lanes> {
    /// Lanes that have one, as bits.
    lanes: u32,
    /// Lanes to which nothing can come back now, as bits: for them it is a cable.
    pub(crate) cut: u32,
    pub(crate) back: Vec<L>,
    pub(crate) sent: Vec<L>,
}

/// External side-chain of some lanes of a stage.
pub(crate) struct Key<L: Lanes> {
    mask: L::Mask,
    pub(crate) block: Vec<L>,
}

/// How a stage is made.
pub(crate) struct StageBuild<L: Lanes> {
    pub proc: Box<dyn Running<L>>,
    pub own_bypass: bool,
    /// It makes sound out of silence.
    pub source: bool,
    /// Place among the strip's metered processors.
    pub meter: Option<usize>,
    /// Lanes with an external side-chain.
    pub keyed: u32,
    /// Lanes with a loop to the outside.
    pub looped: u32,
}

impl<L: Lanes> Stage<L> {
    fn new(build: StageBuild<L>, curve: &Arc<Curve>, used: u32) -> Self {
        let key = (build.keyed != 0).then(|| Key { mask: L::mask(build.keyed), block: vec![L::zero(); BLOCK] });
        let block = || vec![L::zero(); BLOCK];
        let looped = (build.looped != 0).then(|| Looping { lanes: build.looped, cut: 0, back: block(), sent: block() });
        Stage {
            proc: build.proc,
            own_bypass: build.own_bypass,
            source: build.source,
            wet: vec![Gain::new(curve, 0.0); L::N],
            // Unused lanes carry zeros; counted as on they never ask for the slow path.
            on: !used,
            fading: 0,
            entering: 0,
            meter: build.meter,
            reduction: L::zero(),
            key,
            looped,
        }
    }

    fn set_on(&mut self, lane: usize, on: bool, when: When) {
        if on && self.wet[lane].resting() == Some(0.0) {
            self.proc.clear(lane);
            self.entering |= u32::from(self.proc.tail(lane) > 0) << lane;
        }
        self.wet[lane].set(f64::from(u8::from(on)), when);
        self.fading |= 1 << lane;
        self.settle();
    }

    fn settle(&mut self) {
        for lane in 0..L::N {
            if self.fading & (1 << lane) != 0
                && let Some(wet) = self.wet[lane].resting()
            {
                self.fading &= !(1 << lane);
                self.entering &= !(1 << lane);
                self.on = (self.on & !(1 << lane)) | (u32::from(wet != 0.0) << lane);
            }
        }
    }

    #[inline(always)]
    fn run(&mut self, used: u32, pairs: L::Mask, frame: u64, io: &mut [L]) {
        let all = if L::N == 32 { u32::MAX } else { (1 << L::N) - 1 };
        let key = self.key.as_ref().map(|k| (k.mask, &k.block[..io.len()]));
        let looped = self.looped.as_mut();
        let looped = looped.map(|l| Looped { lanes: L::mask(l.lanes & !l.cut), back: &l.back[..io.len()], sent: &mut l.sent });
        let mut ctx = Ctx { frame, pairs, key, looped, reduction: L::zero() };
        if self.own_bypass {
            self.proc.process(&mut ctx, io);
            self.reduction = ctx.reduction.min(self.reduction);
            return;
        }
        if self.fading == 0 && self.on & used == 0 {
            return;
        }
        if self.fading == 0 && self.on & all == all {
            self.proc.process(&mut ctx, io);
            self.reduction = ctx.reduction.min(self.reduction);
            return;
        }
        let mut dry = [L::zero(); BLOCK];
        let dry = &mut dry[..io.len()];
        dry.copy_from_slice(io);
        let mut shares = [L::zero(); BLOCK];
        let shares = &mut shares[..io.len()];
        if self.fading != 0 {
            for (lane, wet) in self.wet.iter_mut().enumerate().filter(|(lane, _)| self.fading & (1 << lane) != 0) {
                wet.run(frame, shares.len(), |i, w| shares[i].set(lane, w));
            }
            if self.entering != 0 {
                let entering = L::mask(self.entering);
                for (x, w) in io.iter_mut().zip(shares.iter()) {
                    *x = L::select(entering, *x * *w, *x);
                }
            }
        }
        self.proc.process(&mut ctx, io);
        let on = L::mask(self.on & !self.fading);
        self.reduction = L::select(on, ctx.reduction.min(self.reduction), self.reduction);
        if self.fading == 0 {
            for (y, x) in io.iter_mut().zip(dry) {
                *y = L::select(on, *y, *x);
            }
            return;
        }
        let fading = L::mask(self.fading);
        for ((y, x), w) in io.iter_mut().zip(dry).zip(shares) {
            let w = *w;
            let steady = L::select(on, *y, *x);
            // A lane that arrives inside the block is exactly wet from there on.
            let between = L::select(w.ge(L::splat(1.0)), *y, (*y - *x).mul_add(w, *x));
            *y = L::select(fading, between, steady);
        }
        self.settle();
    }
}

/// How a bank is made; control side.
pub(crate) struct BankBuild<'a, L: Lanes> {
    pub curve: &'a Arc<Curve>,
    pub rate: f64,
    /// Lanes in use.
    pub used: u32,
    /// Lanes that are one side of a stereo or linked strip.
    pub pairs: u32,
    pub chain: Vec<StageBuild<L>>,
    pub last: Vec<StageBuild<L>>,
    pub delay: Option<Delay<L>>,
    /// The strips' outputs are needed as such (own output ports, or stages that stand last).
    pub out: bool,
}

/// A bank. See the module documentation.
pub(crate) struct Bank<L: Lanes> {
    /// After trim and polarity (buses: first the sum).
    pub input: Vec<L>,
    /// After chain and delay.
    pub chain: Vec<L>,
    /// After the fader and what stands last; empty where nobody needs it.
    pub out: Vec<L>,
    /// Something was put into `input` for this block.
    pub fed: bool,
    /// This block is exactly zero in all lanes and all buffers.
    pub silent: bool,
    used: u32,
    pairs: L::Mask,
    trim: LaneGains<L>,
    fader: LaneGains<L>,
    stages: Vec<Stage<L>>,
    last: Vec<Stage<L>>,
    delay: Option<Delay<L>>,
    /// Peaks and squares since they were last published.
    pub peak_in: L,
    pub peak_out: L,
    squares: L,
    tick_in: L,
    tick_chain: L,
    window: Window,
    quiet: Vec<u32>,
    quiet_ticks: u32,
    flushed: u32,
    asleep: bool,
    /// It slept until this block.
    woke: bool,
    /// Lanes that were not finite in this block.
    pub faulty: u32,
}

impl<L: Lanes> Bank<L> {
    pub fn new(build: BankBuild<L>) -> Self {
        let BankBuild { curve, rate, used, pairs, chain, last, delay, out } = build;
        let stage = |b| Stage::new(b, curve, used);
        let ticks = |seconds: f64| (seconds * rate / BLOCK as f64).ceil();
        Bank {
            input: vec![L::zero(); BLOCK],
            chain: vec![L::zero(); BLOCK],
            out: if out { vec![L::zero(); BLOCK] } else { Vec::new() },
            fed: false,
            silent: true,
            used,
            pairs: L::mask(pairs),
            trim: LaneGains::new(curve),
            fader: LaneGains::new(curve),
            stages: chain.into_iter().map(stage).collect(),
            last: last.into_iter().map(stage).collect(),
            delay,
            peak_in: L::zero(),
            peak_out: L::zero(),
            squares: L::zero(),
            tick_in: L::zero(),
            tick_chain: L::zero(),
            window: Window::new(L::N, ticks(0.3) as usize),
            quiet: vec![0; L::N],
            quiet_ticks: ticks(0.1) as u32,
            flushed: 0,
            asleep: false,
            woke: false,
            faulty: 0,
        }
    }

    pub fn set_trim(&mut self, lane: usize, gain: f64, when: When) {
        self.trim.set(lane, gain, when);
    }

    pub fn set_fader(&mut self, lane: usize, gain: f64, when: When) {
        self.fader.set(lane, gain, when);
    }

    pub fn set_delay(&mut self, lane: usize, to: &Targets, when: When) {
        if let Some(delay) = &mut self.delay {
            Process::set(delay, 0, lane, to, when);
        }
    }

    pub fn set_part(&mut self, stage: usize, part: usize, lane: usize, to: &Targets, when: When) {
        let stage = self.stage(stage);
        stage.proc.set(part, lane, to, when);
        if stage.source && stage.own_bypass {
            self.wake(lane);
        }
    }

    pub fn set_on(&mut self, stage: usize, lane: usize, on: bool, when: When) {
        let stage = self.stage(stage);
        stage.set_on(lane, on, when);
        if on && stage.source {
            self.wake(lane);
        }
    }

    /// Something may sound without an input.
    fn wake(&mut self, lane: usize) {
        self.quiet[lane] = 0;
        self.flushed &= !(1 << lane);
        self.asleep = false;
    }

    /// Stages count through the chain, then what stands last.
    fn stage(&mut self, stage: usize) -> &mut Stage<L> {
        let chain = self.stages.len();
        if stage < chain { &mut self.stages[stage] } else { &mut self.last[stage - chain] }
    }

    /// The block of an external side-chain.
    pub fn key(&mut self, stage: usize) -> Option<&mut Vec<L>> {
        self.stage(stage).key.as_mut().map(|k| &mut k.block)
    }

    /// The loops of an insert.
    pub fn looped(&mut self, stage: usize) -> Option<&mut Looping<L>> {
        self.stage(stage).looped.as_mut()
    }

    pub fn asleep(&self) -> bool {
        self.asleep
    }

    /// Takes over a strip's lane; `stages` pairs this bank's stages with those of `from`.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize, stages: &[(usize, usize)]) {
        self.trim.carry(lane, &from.trim, from_lane);
        self.fader.carry(lane, &from.fader, from_lane);
        let chain = from.stages.len();
        for &(to, old) in stages {
            let old = if old < chain { &from.stages[old] } else { &from.last[old - chain] };
            let stage = self.stage(to);
            if stage.proc.carry(lane, &*old.proc, from_lane) {
                stage.wet[lane].clone_from(&old.wet[from_lane]);
                stage.fading |= 1 << lane;
                stage.entering = (stage.entering & !(1 << lane)) | ((old.entering >> from_lane & 1) << lane);
                stage.settle();
            }
        }
        match (&mut self.delay, &from.delay) {
            (Some(to), Some(old)) => Process::carry(to, lane, old, from_lane),
            (Some(to), None) => to.joins(lane),
            (None, _) => {}
        }
        self.quiet[lane] = from.quiet[from_lane];
        self.flushed = (self.flushed & !(1 << lane)) | ((from.flushed >> from_lane & 1) << lane);
    }

    /// Copies some of what [`Bank::carry`] will take over; see [`Process::ahead`].
    pub fn ahead(&mut self, lane: usize, from: &Self, from_lane: usize, stages: &[(usize, usize)], budget: &mut usize) -> bool {
        let chain = from.stages.len();
        let mut done = true;
        for &(to, old) in stages {
            let old = if old < chain { &from.stages[old] } else { &from.last[old - chain] };
            done &= self.stage(to).proc.ahead(lane, &*old.proc, from_lane, budget);
        }
        if let (Some(to), Some(old)) = (&mut self.delay, &from.delay) {
            done &= Process::ahead(to, lane, old, from_lane, budget);
        }
        done
    }

    /// Trim, polarity, finite samples only, and the input meter. Call once a block after `input` is
    /// filled, before anything reads it.
    pub fn enter_block(&mut self, frame: u64, n: usize) {
        self.faulty = 0;
        if self.asleep && !self.fed {
            if !self.silent {
                // Not as it fell asleep: the end of that block was still to be read.
                for buffer in [&mut self.input, &mut self.chain, &mut self.out] {
                    buffer.fill(L::zero());
                }
            }
            self.silent = true;
            return;
        }
        if !self.fed {
            // What the last block left.
            self.input.fill(L::zero());
        }
        self.woke = self.asleep;
        self.asleep = false;
        self.silent = false;
        L::enter(EnterBlock(self, frame, n));
    }

    /// The chain, the fader and what stands last, with their meters.
    pub fn run(&mut self, frame: u64, n: usize) {
        if self.silent {
            self.end_tick(frame, n);
            return;
        }
        if self.woke {
            L::enter(CatchUp(self, frame));
        }
        L::enter(RunBlock(self, frame, n));
        self.end_tick(frame, n);
    }

    fn end_tick(&mut self, frame: u64, n: usize) {
        if !(frame + n as u64).is_multiple_of(BLOCK as u64) {
            return;
        }
        for lane in 0..L::N {
            self.window.push(lane, self.squares.get(lane));
        }
        self.window.next();
        self.squares = L::zero();
        if !self.silent {
            self.rest();
        }
        self.tick_in = L::zero();
        self.tick_chain = L::zero();
    }

    /// Lets silent lanes forget, and falls asleep when all of them have.
    fn rest(&mut self) {
        let mut all = true;
        for lane in 0..L::N {
            if self.used & (1 << lane) == 0 {
                continue;
            }
            if self.tick_in.get(lane) != 0.0 || self.tick_chain.get(lane) >= SILENCE {
                self.quiet[lane] = 0;
                self.flushed &= !(1 << lane);
                all = false;
                continue;
            }
            self.quiet[lane] = self.quiet[lane].saturating_add(1);
            if self.flushed & (1 << lane) == 0 {
                let stages = self.stages.iter().chain(&self.last);
                let tail =
                    stages.map(|s| s.proc.tail(lane)).sum::<u64>() + self.delay.as_ref().map_or(0, |d| Process::tail(d, lane));
                if u64::from(self.quiet[lane] - self.quiet[lane].min(self.quiet_ticks)) * BLOCK as u64 >= tail
                    && self.quiet[lane] >= self.quiet_ticks
                {
                    self.stages.iter_mut().chain(&mut self.last).for_each(|s| s.proc.clear(lane));
                    self.flushed |= 1 << lane;
                }
            }
            let stages = &mut self.stages.iter().chain(&self.last);
            all &= self.flushed & (1 << lane) != 0
                && stages.all(|s| s.proc.rest(lane) || (s.on & (1 << lane) == 0 && !s.own_bypass));
        }
        let still =
            self.trim.moving == 0 && self.fader.moving == 0 && self.stages.iter().chain(&self.last).all(|s| s.fading == 0);
        self.asleep = all && still;
    }

    /// Mean square of a lane's output over the window.
    pub fn mean_square(&self, lane: usize) -> f64 {
        self.window.total(lane) / (self.window.ticks() * BLOCK) as f64
    }

    /// Calls `put(meter, reduction in dB ≥ 0)` for every metered stage of a lane.
    pub fn reductions(&self, lane: usize, mut put: impl FnMut(usize, f64)) {
        for stage in self.stages.iter().chain(&self.last) {
            if let Some(meter) = stage.meter {
                put(meter, -stage.reduction.get(lane).min(0.0));
            }
        }
    }

    /// Starts the meters anew after they were published.
    pub fn clear_meters(&mut self) {
        self.peak_in = L::zero();
        self.peak_out = L::zero();
        for stage in self.stages.iter_mut().chain(&mut self.last) {
            stage.reduction = L::zero();
        }
    }

    /// Resets a lane that was not finite and silences it for this block.
    fn reset(&mut self, lane: usize, n: usize) {
        self.faulty |= 1 << lane;
        self.stages.iter_mut().chain(&mut self.last).for_each(|s| s.proc.clear(lane));
        if let Some(delay) = &mut self.delay {
            Process::clear(delay, lane);
        }
        self.squares.set(lane, 0.0);
        let out = self.out.len().min(n);
        for v in self.chain[..n].iter_mut().chain(&mut self.out[..out]) {
            v.set(lane, 0.0);
        }
    }
}

struct EnterBlock<'a, L: Lanes>(&'a mut Bank<L>, u64, usize);

impl<L: Lanes> Entry for EnterBlock<'_, L> {
    #[inline(always)]
    fn run(self) {
        let EnterBlock(bank, frame, n) = self;
        let input = &mut bank.input[..n];
        let peak;
        if bank.trim.unity {
            // Read only, as long as all is finite.
            let limit = L::splat(if L::WIDE { f64::MAX } else { f64::from(f32::MAX) });
            let every = L::mask(u32::MAX);
            let mut finite = [every; AT_ONCE];
            let mut peaks = [L::zero(); AT_ONCE];
            let (whole, rest) = input.as_chunks::<AT_ONCE>();
            for x in whole {
                for k in 0..AT_ONCE {
                    let x = x[k].abs();
                    finite[k] = L::and(limit.ge(x), finite[k]);
                    peaks[k] = x.max(peaks[k]);
                }
            }
            for x in rest {
                finite[0] = L::and(limit.ge(x.abs()), finite[0]);
                peaks[0] = x.abs().max(peaks[0]);
            }
            if finite.into_iter().all(|f| L::bits(f) == L::bits(every)) {
                peak = peak_of(&peaks);
            } else {
                for x in input.iter_mut() {
                    *x = x.finite_or_zero();
                }
                peak = peak_of(input);
            }
        } else {
            let gains = bank.trim.block(frame, n);
            for (x, g) in input.iter_mut().zip(&gains) {
                *x = x.finite_or_zero() * *g;
            }
            peak = peak_of(input);
        }
        bank.tick_in = peak.max(bank.tick_in);
        bank.peak_in = peak.max(bank.peak_in);
    }
}

/// The silence from the last multiple of [`BLOCK`] to the frame where a bank wakes. Parameters that were set
/// while it slept are on their way, and their grid is of absolute frames: as a longer period would, it runs from
/// there.
struct CatchUp<'a, L: Lanes>(&'a mut Bank<L>, u64);

impl<L: Lanes> Entry for CatchUp<'_, L> {
    #[inline(always)]
    fn run(self) {
        let CatchUp(bank, frame) = self;
        let missed = frame % BLOCK as u64;
        let mut silence = [L::zero(); BLOCK];
        let silence = &mut silence[..missed as usize];
        if silence.is_empty() {
            return;
        }
        for stage in bank.stages.iter_mut().chain(&mut bank.last) {
            // What the key was then is gone.
            let key = stage.key.take();
            stage.run(bank.used, bank.pairs, frame - missed, silence);
            stage.key = key;
        }
    }
}

struct RunBlock<'a, L: Lanes>(&'a mut Bank<L>, u64, usize);

impl<L: Lanes> Entry for RunBlock<'_, L> {
    #[inline(always)]
    fn run(self) {
        let RunBlock(bank, frame, n) = self;
        let Bank { input, chain, out, stages, last, delay, fader, used, pairs, .. } = bank;
        let chain = &mut chain[..n];
        chain.copy_from_slice(&input[..n]);
        for stage in stages {
            stage.run(*used, *pairs, frame, chain);
        }
        if let Some(delay) = delay {
            let mut ctx = Ctx::new(frame, *pairs);
            delay.run(&mut ctx, chain);
        }
        let chain_peak = peak_of(chain);
        let (peak, squares);
        let limit = L::splat(if L::WIDE { f64::MAX } else { f64::from(f32::MAX) });
        if out.is_empty() {
            if fader.moving == 0 {
                // At rest the fader is one factor of the block's figures.
                peak = chain_peak * fader.rest.abs();
                let sum = squares_of(chain) * fader.rest * fader.rest;
                // A fader at zero must not hide an infinite signal.
                squares = L::select(limit.ge(chain_peak), sum, chain_peak);
            } else {
                let mut faded = fader.block(frame, n);
                for (y, x) in faded.iter_mut().zip(chain.iter()) {
                    *y = *x * *y;
                }
                peak = peak_of(&faded[..n]);
                squares = squares_of(&faded[..n]);
            }
        } else {
            let out = &mut out[..n];
            let gains = fader.block(frame, n);
            for ((y, x), g) in out.iter_mut().zip(chain.iter()).zip(&gains) {
                *y = *x * *g;
            }
            for stage in last {
                stage.run(*used, *pairs, frame, out);
            }
            (peak, squares) = (peak_of(out), squares_of(out));
        }
        bank.tick_chain = chain_peak.max(bank.tick_chain);
        bank.peak_out = peak.finite_or_zero().max(bank.peak_out);
        let bad = !L::bits(limit.ge(squares)) & bank.used;
        bank.squares = bank.squares + squares.finite_or_zero();
        if bad != 0 {
            for lane in 0..L::N {
                if bad & (1 << lane) != 0 {
                    bank.reset(lane, n);
                }
            }
        }
    }
}
