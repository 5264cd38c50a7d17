//! Gain-sharing automixer: open microphones share the gain of one.
//!
//! After "Automatic microphone mixing" (Dugan, US patent 3,992,584): the gain of a microphone in dB is
//! its own level less the level of the sum of its group. Levels are amplitudes here, so the linear
//! gains of a group add to one: who talks alone has 0 dB, two equal talkers −6 dB each, and a
//! microphone that is quieter than the talkers by 20 dB is a further 20 dB down. `weight` is added to the
//! level as the others see it, and so to the strip's claim. Nothing opens or closes, so no word is cut.
//!
//! The level is the mean square over about 8 ms with a release of 100 ms, the louder side of a stereo
//! strip. When all are silent they share by what they have above −90 dBFS, at last equally. Gains
//! follow the grid of blocks along quadratic splines, the same for all strips, so they add to one in
//! every frame. Strips may stand in different banks (see [`crate::kernel::talkers`]); levels are those of
//! the block before. No latency. Alone in its group, or off, a strip is passed bit for bit.

use super::{Build, Ctx, Outside, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::talkers::{Adds, GROUPS, Talkers, block_of};
use crate::lanes::{Lanes, math};
use crate::param::taper::gain;
use crate::param::{Decl, Unit};
use crate::ramp::{Gain, When};
use std::sync::Arc;

/// Level of silence: −90 dBFS.
const FLOOR: f64 = 3.162_277_660_168_379_5e-5;
/// Mean square under which a level is none: −150 dBFS.
const NONE: f64 = 1e-15;
/// Time constant of each of the two smoothings of the square.
const SMOOTH_MS: f64 = 4.0;
/// Time constant of the release of the mean square.
const RELEASE_MS: f64 = 100.0;
/// The most lanes of any bank.
const MAX_LANES: usize = 8;

/// The automixer.
pub struct Automix;

impl Processor for Automix {
    const NAME: &'static str = "automix";
    const DOC: &'static str = "Gain-sharing automixer";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Shares the gain of its group"),
        Decl::int("group", Unit::None, 1, GROUPS as i64, 1, "Group of strips whose gains add to one"),
        Decl::float("weight", Unit::Db, -24.0, 24.0, 0.0, "Added to the level when gains are shared: precedence"),
    ])];
    const OWN_BYPASS: bool = true;
    const METER: bool = true;
    const SHARES: bool = true;

    /// On, group from 0, weight as a factor.
    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let p = params.parts[0];
        let mut to = Targets::default();
        to[0] = f64::from(u8::from(p.on("on")));
        to[1] = p.num("group") - 1.0;
        to[2] = gain(p.num("weight"));
        to
    }

    type State<L: Lanes> = Bank<L>;

    fn build<L: Lanes>(build: &Build) -> Bank<L> {
        let lane = || Lane {
            member: std::array::from_fn(|_| Gain::new(build.curve, 0.0)),
            weight: Gain::new(build.curve, 1.0),
            level: 0.0,
            adds: [0.0; GROUPS],
            claim: 0.0,
            gains: [1.0; 3],
            slot: usize::MAX,
        };
        let pole = |ms: f64, frames: f64| (-frames / (ms * 1e-3 * build.rate)).exp();
        Bank {
            lanes: (0..L::N).map(|_| lane()).collect(),
            talkers: Arc::default(),
            begun: 0,
            smooth: L::splat(1.0 - pole(SMOOTH_MS, 1.0)),
            release: pole(RELEASE_MS, BLOCK as f64),
            squares: [L::zero(); 2],
            spline: [L::splat(1.0), L::zero(), L::zero()],
            reduction: L::zero(),
            busy: false,
        }
    }
}

struct Lane {
    /// Share of each group that it belongs to: 1 of one, or on its way.
    member: [Gain; GROUPS],
    weight: Gain,
    /// Mean square with release, at the end of the last block.
    level: f64,
    /// What it put down then.
    adds: Adds,
    /// Its weighted level then.
    claim: f64,
    /// Gains of this block and the two before: the control points of the spline.
    gains: [f64; 3],
    slot: usize,
}

impl Lane {
    fn idle(&self) -> bool {
        self.member.iter().all(|m| m.resting() == Some(0.0))
    }

    fn still(&self) -> bool {
        self.member.iter().chain([&self.weight]).all(|g| g.resting().is_some())
    }

    /// The gain of this block, from the sums of the block before.
    fn share(&mut self, sums: &Adds, frame: u64) -> f64 {
        let mut gain = 1.0;
        for (g, sum) in sums.iter().enumerate() {
            if self.member[g].resting() == Some(0.0) {
                continue;
            }
            let member = self.member[g].next(frame);
            // While it joins or leaves, its own gain is that of a full member.
            let whole = if self.adds[g] == self.claim { *sum } else { *sum - self.adds[g] + self.claim };
            let share = if whole > self.claim { self.claim / whole } else { 1.0 };
            gain += member * (share - 1.0);
        }
        gain
    }

    /// What it adds at a level.
    fn note(&mut self, level: f64, frame: u64) {
        self.claim = (level.sqrt() + FLOOR) * self.weight.next(frame);
        self.adds = std::array::from_fn(|g| self.claim * self.member[g].next(frame));
    }
}

/// A bank of automixed strips.
pub struct Bank<L> {
    lanes: Vec<Lane>,
    talkers: Arc<Talkers>,
    /// The block that the gains are of, and one; 0 is none.
    begun: u64,
    smooth: L,
    release: f64,
    squares: [L; 2],
    /// The gain over the block: value, slope, bend by share of the block.
    spline: [L; 3],
    reduction: L,
    /// Some lane takes part or is on its way.
    busy: bool,
}

impl<L: Lanes> Bank<L> {
    /// Gains of a new block.
    #[inline(never)]
    fn begin(&mut self, block: u64) {
        let follows = self.begun == block && block > 0;
        self.begun = block + 1;
        let frame = block * BLOCK as u64;
        let sums = self.talkers.sums(block);
        let (mut spline, mut low) = ([[0.0; MAX_LANES]; 3], [0.0; MAX_LANES]);
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if !follows {
                // It slept: what it has to say is what it says in silence.
                lane.note(0.0, frame);
            }
            let gain = lane.share(&sums, frame);
            // After silence there is nothing to be heard of a jump.
            let [_, b, c] = if follows { lane.gains } else { [gain; 3] };
            lane.gains = [b, c, gain];
            (spline[0][i], spline[1][i], spline[2][i]) = (0.5 * (b + c), c - b, 0.5 * (b - 2.0 * c + gain));
            low[i] = (0.5 * (c + gain)).min(0.5 * (b + c));
        }
        self.spline = spline.map(|v| L::from_fn(|lane| v[lane]));
        self.reduction = math::db(L::from_fn(|lane| low[lane].max(1e-9))).min(L::zero());
    }

    /// Levels at the end of a block.
    #[inline(never)]
    fn end(&mut self, pairs: L::Mask) {
        let frame = self.begun * BLOCK as u64;
        let mut busy = false;
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            let square = self.squares[1].get(i);
            let square = if square.is_finite() { square } else { 0.0 };
            lane.level = square.max(lane.level * self.release);
            if lane.level < NONE {
                lane.level = 0.0;
                self.squares.iter_mut().for_each(|s| s.set(i, 0.0));
            }
        }
        let pairs = L::bits(pairs);
        for i in 0..L::N {
            let other = if L::N > 1 && pairs >> i & 1 != 0 { self.lanes[i ^ 1].level } else { 0.0 };
            let level = self.lanes[i].level.max(other);
            self.lanes[i].note(level, frame);
            busy |= !self.lanes[i].idle();
            let Lane { slot, adds, .. } = &self.lanes[i];
            self.talkers.put(*slot, self.begun - 1, adds);
        }
        self.busy = busy || self.lanes.iter().any(|l| l.gains != [1.0; 3]);
    }
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        let own = &mut self.lanes[lane];
        let group = (to[0] >= 0.5).then_some(to[1] as usize);
        for (g, member) in own.member.iter_mut().enumerate() {
            member.set(f64::from(u8::from(group == Some(g))), when);
        }
        own.weight.set(to[2], when);
        self.busy |= group.is_some();
        let adds = std::array::from_fn(|g| if group == Some(g) { FLOOR * to[2] } else { 0.0 });
        self.talkers.sleeps_with(own.slot, &adds);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        if !self.busy {
            return;
        }
        if block_of(ctx.frame) + 1 != self.begun {
            self.begin(block_of(ctx.frame));
        }
        let from = (ctx.frame % BLOCK as u64) as usize;
        let [value, slope, bend] = self.spline;
        let (smooth, [mut a, mut b]) = (self.smooth, self.squares);
        for (i, x) in io.iter_mut().enumerate() {
            a = (*x * *x - a).mul_add(smooth, a);
            b = (a - b).mul_add(smooth, b);
            let t = L::splat((from + i + 1) as f64 / BLOCK as f64);
            *x = *x * bend.mul_add(t, slope).mul_add(t, value);
        }
        self.squares = [a, b];
        ctx.reduction = self.reduction;
        if from + io.len() == BLOCK {
            self.end(ctx.pairs);
        }
    }

    fn clear(&mut self, lane: usize) {
        for square in &mut self.squares {
            if !square.get(lane).is_finite() {
                square.set(lane, 0.0);
            }
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let (to, old) = (&mut self.lanes[lane], &from.lanes[from_lane]);
        to.member.clone_from(&old.member);
        to.weight.clone_from(&old.weight);
        (to.level, to.adds, to.claim, to.gains) = (old.level, old.adds, old.claim, old.gains);
        self.begun = self.begun.max(from.begun);
        self.busy |= from.busy;
        for (to, old) in self.squares.iter_mut().zip(&from.squares).chain(self.spline.iter_mut().zip(&from.spline)) {
            to.set(lane, old.get(from_lane));
        }
        self.reduction.set(lane, from.reduction.get(from_lane));
        self.talkers.carry(to.slot, &from.talkers, old.slot);
    }

    fn rest(&self, lane: usize) -> bool {
        let lane = &self.lanes[lane];
        lane.idle() || (lane.level == 0.0 && lane.still())
    }

    fn join(&mut self, lane: usize, outside: &Outside) {
        self.talkers = outside.talkers.clone();
        self.lanes[lane].slot = outside.slot;
    }
}

#[cfg(test)]
mod tests;
