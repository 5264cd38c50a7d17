//! The compressor, and `glue`, which is the same with other defaults.
//!
//! Feed-forward, working in decibels: level (peak hold or mean square, [`crate::kernel::hold`]) → static
//! curve with a quadratic soft knee → attack and release as one-poles on the gain change in dB →
//! gain. After "Digital Dynamic Range Compressor Design" (Giannoulis, Massberg, Reiss), equations 4
//! (knee) and 16 (smoothing of the gain change). No latency.

use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::hold::{self, Hold, STEP};
use crate::kernel::key::{self, Key};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};

/// The compressor.
pub struct Comp;

/// The compressor of a whole mix.
pub struct Glue;

pub(super) const THRESHOLD: Decl =
    Decl::float("threshold", Unit::Dbfs, -60.0, 0.0, -20.0, "Level of a sine from which the gain is reduced");
pub(super) const RATIO: Decl =
    Decl::log("ratio", Unit::None, 1.0, 100.0, 4.0, "Input change over output change above the threshold; 100 is ∞");
pub(super) const KNEE: Decl = Decl::float("knee", Unit::Db, 0.0, 24.0, 6.0, "Whole width of the bend around the threshold");
pub(super) const ATTACK: Decl = Decl::log("attack", Unit::Ms, 0.05, 200.0, 10.0, "Time to 63 % of a reduction in dB");
pub(super) const RELEASE: Decl = Decl::log("release", Unit::Ms, 5.0, 3000.0, 120.0, "Time to 63 % of the way back in dB");

macro_rules! comp {
    ($type:ident, $name:literal, $doc:literal, $threshold:expr, $ratio:expr, $knee:expr, $attack:expr, $release:expr) => {
        impl Processor for $type {
            const NAME: &'static str = $name;
            const DOC: &'static str = $doc;
            const PARTS: &'static [Part] = &[
                Part::common(&[
                    Decl::bool("on", false, "Compressor in the path"),
                    $threshold,
                    $ratio,
                    $knee,
                    $attack,
                    $release,
                    Decl::float("makeup", Unit::Db, -24.0, 24.0, 0.0, "Gain after the reduction"),
                    Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Share of the compressed signal"),
                    Decl::names("detector", &["peak", "rms"], "What is taken for the level"),
                    Decl::text("sidechain", "", "Strip whose input is the key; empty: this one").structural(),
                ]),
                Part { prefix: "key", count: Count::Once, decls: key::DECLS, defaults: &[] },
            ];
            const METER: bool = true;
            const KEYED: bool = true;

            fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
                let p = &params.parts[part];
                if part == 0 { design(p, rate) } else { key::coeffs(p, rate) }
            }

            type State<L: Lanes> = Compressor<L>;

            fn build<L: Lanes>(build: &Build) -> Compressor<L> {
                Compressor {
                    curve: Coeffs::new(build.curve, [0.0, 0.0, 1e-6, 5e5, 0.0, 1.0]),
                    attack: L::zero(),
                    release: L::zero(),
                    gain: L::zero(),
                    hold: Hold::new(),
                    key: Key::new(build),
                }
            }
        }
    };
}

comp!(Comp, "comp", "Compressor", THRESHOLD, RATIO, KNEE, ATTACK, RELEASE);
comp!(
    Glue,
    "glue",
    "Compressor for a whole mix",
    THRESHOLD.with_default(-18.0),
    RATIO.with_default(2.0),
    KNEE,
    ATTACK.with_default(30.0),
    RELEASE.with_default(200.0)
);

/// Share of what is left after a frame, for a time constant in frames.
pub(super) fn pole(frames: f64) -> f64 {
    (-1.0 / frames.max(1e-3)).exp()
}

/// Hold in blocks and release constant in frames, which together take `release_ms` to 63 %.
pub(super) fn hold_and_release(release_ms: f64, rate: f64) -> (usize, f64) {
    let release = release_ms * 1e-3;
    // A twentieth more than asked is within every measure, and leaves the pole room.
    let hold_s = (0.105 * release).clamp(0.003, 0.1);
    let blocks = ((hold_s * rate / STEP as f64).ceil() as usize).clamp(1, hold::longest(rate));
    let held = (blocks as f64 + 0.5) * STEP as f64;
    (blocks, (1.05 * release * rate - held).max(0.3 * release * rate))
}

/// The knee of none: its inverse is still small enough to move to another's without loss of figures.
pub(super) const SHARPEST_DB: f64 = 0.01;

fn design(p: &super::PartValues, rate: f64) -> Targets {
    let ratio = p.num("ratio");
    let slope = if ratio >= 100.0 { -1.0 } else { 1.0 / ratio - 1.0 };
    let knee = p.num("knee").max(SHARPEST_DB);
    let (blocks, release) = hold_and_release(p.num("release"), rate);
    [
        p.num("threshold"),
        slope,
        knee,
        0.5 / knee,
        p.num("makeup"),
        p.num("mix"),
        pole(p.num("attack") * 1e-3 * rate),
        pole(release),
        blocks as f64,
        p.num("detector"),
        0.0,
        0.0,
    ]
}

/// A bank of compressors.
pub struct Compressor<L: Lanes> {
    /// Threshold dB, slope, knee dB, 1/(2·knee), makeup dB, mix.
    curve: Coeffs<L, 6>,
    attack: L,
    release: L,
    /// Gain change in dB, ≤ 0.
    gain: L,
    hold: Hold<L>,
    key: Key<L>,
}

/// The static curve: gain change in dB at a level in dB (equation 4, with the knee centred). The knee and its inverse
/// move apart on their way to another knee; the bend never exceeds what a knee of any width has at that level.
#[inline(always)]
pub(super) fn reduction<L: Lanes>(level: L, threshold: L, slope: L, knee: L, half_inverse: L) -> L {
    let half = knee * L::splat(0.5);
    let over = level - threshold;
    let bend = (over + half).max(L::zero()).min(knee);
    let straight = (over - half).max(L::zero());
    slope * bend.mul_add((bend * half_inverse).min(L::splat(0.5)), straight)
}

impl<L: Lanes> Process<L> for Compressor<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if part == 1 {
            self.key.set(lane, to, when);
            return;
        }
        self.curve.set(lane, std::array::from_fn(|k| to[k]), when);
        self.attack.set(lane, to[6]);
        self.release.set(lane, to[7]);
        self.hold.set(lane, to[8] as usize, to[9] >= 0.5);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut work = [L::zero(); BLOCK];
        self.key.run(ctx, io, &mut work);
        let work = &mut work[..io.len()];
        self.hold.run(ctx.frame, ctx.pairs, work);
        // Gain computer: independent frames.
        if self.curve.moving() {
            let mut at = 0;
            while at < work.len() {
                let here = ctx.frame + at as u64;
                self.curve.at(here);
                let n = ((GRID - here % GRID) as usize).min(work.len() - at);
                for (x, y) in work[at..at + n].iter_mut().zip(&mut io[at..at + n]) {
                    let [threshold, slope, knee, inverse, makeup, mix] = self.curve.now;
                    let target = reduction(math::db(*x), threshold, slope, knee, inverse);
                    self.gain = follow(self.gain, target, self.attack, self.release);
                    *y = *y * mixed(math::gain(self.gain + makeup), mix);
                    *x = self.gain;
                    self.curve.advance();
                }
                at += n;
            }
        } else {
            let [threshold, slope, knee, inverse, makeup, mix] = self.curve.now;
            for x in work.iter_mut() {
                *x = reduction(math::db(*x), threshold, slope, knee, inverse);
            }
            // Ballistics: the one recurrence.
            let (mut gain, attack, release) = (self.gain, self.attack, self.release);
            for x in work.iter_mut() {
                gain = follow(gain, *x, attack, release);
                *x = gain;
            }
            self.gain = gain;
            for (x, y) in work.iter().zip(io.iter_mut()) {
                *y = *y * mixed(math::gain(*x + makeup), mix);
            }
        }
        ctx.reduction = work.iter().fold(L::zero(), |low, x| x.min(low));
    }

    fn clear(&mut self, lane: usize) {
        self.hold.clear(lane);
        self.key.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.curve.carry(lane, &from.curve, from_lane);
        self.attack.set(lane, from.attack.get(from_lane));
        self.release.set(lane, from.release.get(from_lane));
        self.gain.set(lane, from.gain.get(from_lane));
        self.hold.carry(lane, &from.hold, from_lane);
        self.key.carry(lane, &from.key, from_lane);
    }

    fn rest(&self, lane: usize) -> bool {
        self.gain.get(lane) > -0.05 && !self.curve.moving()
    }
}

/// One frame of the ballistics: a one-pole towards the target, faster or slower by direction.
#[inline(always)]
pub(super) fn follow<L: Lanes>(gain: L, target: L, attack: L, release: L) -> L {
    let away = gain - target;
    L::select(gain.gt(target), attack, release).mul_add(away, target)
}

/// A gain change that is as good as none is none: a step of −118 dB.
#[inline(always)]
pub(super) fn settled<L: Lanes>(gain: L) -> L {
    L::select(gain.gt(L::splat(-1e-5)), L::zero(), gain)
}

/// The gain of dry and compressed signal together.
#[inline(always)]
fn mixed<L: Lanes>(gain: L, mix: L) -> L {
    mix.mul_add(gain - L::splat(1.0), L::splat(1.0))
}
