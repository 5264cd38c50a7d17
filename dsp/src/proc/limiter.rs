//! The look-ahead limiter: nothing leaves above the ceiling.
//!
//! Peak (between samples too, [`crate::kernel::truepeak`]) → the largest over the look-ahead and 10.7 ms
//! more, so that a low tone meets a constant gain → the reduction it needs → release → a smoothing
//! whose weights add to one and which ends when the peak leaves the delay. Both sides of a stereo strip
//! share one gain. Latency: `lookahead`, whole frames, whether on or off.

use super::{Build, Ctx, Params, Part, Place, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::boxes::Boxes;
use crate::kernel::hold::{Hold, STEP};
use crate::kernel::truepeak::{MOST, TruePeak};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};

/// The limiter.
pub struct Limiter;

/// While it works it aims this much lower, for what a moving gain adds between samples.
const MARGIN_DB: f64 = 0.11;
/// And this much for each tap by which a short look-ahead cuts the interpolation between samples.
const SHORT_DB: f64 = 0.018;
/// Hold beyond the look-ahead, in seconds.
const HOLD_S: f64 = 0.010_66;

/// The longest look-ahead.
const LONGEST_MS: f64 = 5.0;

fn frames(ms: f64, rate: f64) -> usize {
    (ms * 1e-3 * rate).round().max(1.0) as usize
}

impl Processor for Limiter {
    const NAME: &'static str = "limiter";
    const DOC: &'static str = "Look-ahead limiter";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Limiter in the path"),
        Decl::float("ceiling", Unit::Dbtp, -24.0, 0.0, -1.0, "Level that nothing passes"),
        Decl::float("gain", Unit::Db, 0.0, 24.0, 0.0, "Gain ahead of it"),
        Decl::log("release", Unit::Ms, 5.0, 1000.0, 50.0, "Time to 63 % of the way back"),
        Decl::log("lookahead", Unit::Ms, 0.5, LONGEST_MS, 1.5, "How far it sees ahead: its whole latency").structural(),
        Decl::bool("true-peak", true, "Peaks between samples count; off: samples only"),
    ])];
    const PLACE: Place = Place::Last(0);
    const OWN_BYPASS: bool = true;
    const METER: bool = true;

    fn latency(params: &Params, rate: f64) -> usize {
        frames(params.parts[0].num("lookahead"), rate)
    }

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let amplitude = |db: f64| 10f64.powf(db / 20.0);
        let mut to = Targets::default();
        let on = p.on("on");
        to[..5].copy_from_slice(&[
            if on { amplitude(p.num("gain")) } else { 1.0 },
            amplitude(p.num("ceiling")),
            f64::from(u8::from(on)),
            (-1.0 / (p.num("release") * 1e-3 * rate)).exp(),
            f64::from(u8::from(p.on("true-peak"))),
        ]);
        to
    }

    type State<L: Lanes> = LimiterBank<L>;

    fn build<L: Lanes>(build: &Build) -> LimiterBank<L> {
        // Strips with other look-aheads sit in other banks.
        let latency = build.lanes.iter().flatten().map(|p| Limiter::latency(p, build.rate)).max().unwrap_or(1);
        let side = MOST.min(latency / 2).max(1);
        let mut hold = Hold::new();
        let blocks = ((latency as f64 + HOLD_S * build.rate) / STEP as f64).ceil() as usize + 1;
        for lane in 0..L::N {
            hold.set(lane, blocks, false);
        }
        LimiterBank {
            latency,
            margin: 10f64.powf(-(MARGIN_DB + SHORT_DB * (MOST - side) as f64) / 20.0),
            blocks,
            // For the longest look-ahead: one that is changed to must find the sound from before.
            delay: vec![L::zero(); (frames(LONGEST_MS, build.rate) + BLOCK).next_power_of_two()],
            next: 0,
            level: Coeffs::new(build.curve, [1.0, 1.0, 0.0]),
            release: L::zero(),
            true_peak: 0,
            peak: TruePeak::new(side),
            hold,
            need: L::zero(),
            smooth: Boxes::new(latency - side + 1),
        }
    }
}

/// A bank of limiters of one look-ahead.
pub struct LimiterBank<L: Lanes> {
    latency: usize,
    /// Blocks of the hold.
    blocks: usize,
    /// How far below the ceiling it aims, as a factor.
    margin: f64,
    /// The signal, by absolute frame.
    delay: Vec<L>,
    /// Frame that the next block starts with.
    next: u64,
    /// Gain ahead, ceiling, and the share of the reduction that is applied: 0 is off.
    level: Coeffs<L, 3>,
    release: L,
    true_peak: u32,
    peak: TruePeak<L>,
    hold: Hold<L>,
    /// Reduction, 0 (none) … 1, after the release.
    need: L,
    smooth: Boxes<L>,
}

impl<L: Lanes> Process<L> for LimiterBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.level.set(lane, [to[0], to[1], to[2]], when);
        self.release.set(lane, to[3]);
        self.true_peak = (self.true_peak & !(1 << lane)) | (u32::from(to[4] >= 0.5) << lane);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mask = self.delay.len() - 1;
        self.next = ctx.frame + io.len() as u64;
        // Gain, into the delay.
        let (mut ceilings, mut shares) = ([L::zero(); BLOCK], [L::zero(); BLOCK]);
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            self.level.at(here);
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            for (i, x) in io[at..at + n].iter_mut().enumerate() {
                let [gain, ceiling, share] = self.level.now;
                *x = *x * gain;
                self.delay[(here as usize + i) & mask] = *x;
                (ceilings[at + i], shares[at + i]) = (ceiling, share);
                if self.level.moving() {
                    self.level.advance();
                }
            }
            at += n;
        }
        // Peaks: of samples at once, between samples a little later.
        let mut level = [L::zero(); BLOCK];
        let level = &mut level[..io.len()];
        if self.true_peak != 0 {
            let lowest = ceilings[..io.len()].iter().fold(ceilings[0], |low, c| c.min(low));
            self.peak.run(io, lowest, level);
            let wanted = L::mask(self.true_peak);
            for (p, x) in level.iter_mut().zip(io.iter()) {
                *p = x.abs().max(L::select(wanted, *p, L::zero()));
            }
        } else {
            self.peak.pass(io);
            level.copy_from_slice(io);
        }
        self.hold.run(ctx.frame, ctx.pairs, level);
        let (one, zero) = (L::splat(1.0), L::zero());
        let margin = L::splat(self.margin);
        let (release, mut need) = (self.release, self.need);
        for (p, ceiling) in level.iter_mut().zip(ceilings) {
            let over = L::select(p.gt(ceiling), one - ceiling * margin / *p, zero);
            need = release.mul_add(need - over, over).max(over);
            *p = need;
        }
        self.need = need;
        if (ctx.frame + io.len() as u64).is_multiple_of(BLOCK as u64) {
            // What rounds to nothing is nothing: below the ceiling it is bit-exact. On the grid, so that the
            // period does not show.
            self.need = L::select(need.gt(L::splat(1e-12)), need, zero);
        }
        self.smooth.run(ctx.frame, level);
        let mut most = zero;
        let from = (ctx.frame as usize).wrapping_sub(self.latency);
        for (i, ((y, reduction), share)) in io.iter_mut().zip(level.iter()).zip(shares).enumerate() {
            let x = self.delay[from.wrapping_add(i) & mask];
            let reduction = *reduction * share;
            most = reduction.max(most);
            *y = x * (one - reduction);
        }
        ctx.reduction = math::db(one - most).min(zero);
    }

    fn clear(&mut self, lane: usize) {
        self.delay.iter_mut().for_each(|v| v.set(lane, 0.0));
        self.peak.clear(lane);
        self.hold.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.level.carry(lane, &from.level, from_lane);
        for (to, old) in [(&mut self.release, &from.release), (&mut self.need, &from.need)] {
            to.set(lane, old.get(from_lane));
        }
        self.true_peak = (self.true_peak & !(1 << lane)) | ((from.true_peak >> from_lane & 1) << lane);
        self.hold.carry(lane, &from.hold, from_lane);
        self.hold.set(lane, self.blocks, false);
        let (mask, from_mask) = (self.delay.len() - 1, from.delay.len() - 1);
        for age in 1..=self.delay.len().min(from.delay.len()) {
            let frame = (from.next as usize).wrapping_sub(age);
            self.delay[frame & mask].set(lane, from.delay[frame & from_mask].get(from_lane));
        }
        self.next = from.next;
        self.peak.carry(lane, &from.peak, from_lane);
        if self.latency == from.latency {
            self.smooth.carry(lane, &from.smooth, from_lane);
        } else {
            // Another length: it goes on from the reduction that was due.
            self.smooth.fill(lane, from.need.get(from_lane));
        }
    }

    fn rest(&self, lane: usize) -> bool {
        self.need.get(lane) < 1e-4 && !self.level.moving()
    }

    fn tail(&self, _lane: usize) -> u64 {
        self.latency as u64
    }
}
