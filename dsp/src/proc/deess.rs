//! The de-esser: takes the sharpness out of sibilants.
//!
//! What lies above `freq` (a Butterworth high-pass of 48 dB/oct) is held at the threshold, by `range` at most:
//! attack 1 ms, release 70 ms, both to 63 % of the change in dB. The level is a sine's peak.
//!
//! * `split` turns down the band above alone, by a shelf of 48 dB/oct whose corner is a whole tone below `freq`
//!   ([`crate::kernel::butter`]): 0.001 dB are lost an octave below `freq`, and less than a millionth of the level
//!   (−120 dB) an octave and a half below. Shelves have no delay and add nothing near their corner; the price is that
//!   their phase turns a little while they work.
//! * `wide` turns down the whole signal, without touching its colour.
//!
//! Nothing to reduce is bit-exact. The sides of a stereo strip share one gain. No latency.

use super::comp::{follow, hold_and_release, pole, settled};
use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::butter::{Corner, Filter, root};
use crate::kernel::hold::Hold;
use crate::kernel::svf::warped;
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

const ATTACK_MS: f64 = 1.0;
const RELEASE_MS: f64 = 70.0;
/// The corner of the shelf over `freq`: by there the shelf has most of its depth.
const CORNER: f64 = 0.88;

/// The de-esser.
pub struct Deess;

impl Processor for Deess {
    const NAME: &'static str = "deess";
    const DOC: &'static str = "De-esser";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "De-esser in the path"),
        Decl::names("mode", &["split", "wide"], "What is turned down: the band above, or all"),
        Decl::log("freq", Unit::Hz, 1000.0, 16000.0, 6000.0, "Where sibilants begin"),
        Decl::float("threshold", Unit::Dbfs, -60.0, 0.0, -30.0, "Level of a sine above `freq` at which it is held"),
        Decl::float("range", Unit::Db, 0.0, 24.0, 12.0, "The most it is turned down"),
    ])];
    const METER: bool = true;

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let (blocks, release) = hold_and_release(RELEASE_MS, rate);
        let mut to = Targets::default();
        to[..8].copy_from_slice(&[
            p.num("threshold"),
            p.num("range"),
            p.num("mode"),
            warped(p.num("freq"), rate),
            warped(CORNER * p.num("freq"), rate),
            pole(ATTACK_MS * 1e-3 * rate),
            pole(release),
            blocks as f64,
        ]);
        to
    }

    type State<L: Lanes> = DeessBank<L>;

    fn build<L: Lanes>(build: &Build) -> DeessBank<L> {
        DeessBank {
            curve: Coeffs::new(build.curve, [0.0; 3]),
            above: Corner::new(build.curve),
            corner: Corner::new(build.curve),
            attack: L::zero(),
            release: L::zero(),
            gain: L::zero(),
            ear: Filter::new(),
            shelf: Filter::new(),
            level: Hold::new(),
        }
    }
}

/// A bank of de-essers.
pub struct DeessBank<L: Lanes> {
    /// Threshold dB, range dB, share of `wide`.
    curve: Coeffs<L, 3>,
    above: Corner<L>,
    corner: Corner<L>,
    attack: L,
    release: L,
    /// Gain change in dB, ≤ 0.
    gain: L,
    ear: Filter<L>,
    shelf: Filter<L>,
    level: Hold<L>,
}

impl<L: Lanes> Process<L> for DeessBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.curve.set(lane, [to[0], to[1], to[2]], when);
        self.above.set(lane, to[3], when);
        self.corner.set(lane, to[4], when);
        self.attack.set(lane, to[5]);
        self.release.set(lane, to[6]);
        self.level.set_either(lane, to[7] as usize);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let (frame, n) = (ctx.frame, io.len());
        let (mut work, mut wides) = ([L::zero(); BLOCK], [L::zero(); BLOCK]);
        let (work, wides) = (&mut work[..n], &mut wides[..n]);
        let Self { curve, above, corner, attack, release, gain, ear, shelf, level } = self;
        above.each(frame, n, |i, poles| work[i] = ear.high(poles, io[i]));
        level.run(frame, ctx.pairs, work);
        curve.each(frame, n, |i, [threshold, range, wide]| {
            let over = (math::db(work[i]) - *threshold).max(L::zero()).min(*range);
            *gain = settled(follow(*gain, -over, *attack, *release));
            (work[i], wides[i]) = (*gain, *wide);
        });
        corner.each(frame, n, |i, poles| {
            let root = root(work[i]);
            let (x, square) = (io[i], root * root);
            let half = square * square;
            let split = shelf.shelf(poles, x, root);
            io[i] = wides[i].mul_add(x * half * half - split, split);
        });
        ctx.reduction = work.iter().fold(L::zero(), |low, x| x.min(low));
    }

    fn clear(&mut self, lane: usize) {
        self.ear.clear(lane);
        self.shelf.clear(lane);
        self.level.clear(lane);
        self.gain.set(lane, 0.0);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.curve.carry(lane, &from.curve, from_lane);
        self.above.carry(lane, &from.above, from_lane);
        self.corner.carry(lane, &from.corner, from_lane);
        for (to, old) in [(&mut self.attack, &from.attack), (&mut self.release, &from.release), (&mut self.gain, &from.gain)] {
            to.set(lane, old.get(from_lane));
        }
        self.ear.carry(lane, &from.ear, from_lane);
        self.shelf.carry(lane, &from.shelf, from_lane);
        self.level.carry(lane, &from.level, from_lane);
    }

    fn rest(&self, lane: usize) -> bool {
        self.gain.get(lane) > -0.05 && !self.curve.moving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One64;
    use crate::proc::bench::{self, Bench, Values, level, noise, through, tone};

    const RATE: f64 = 48000.0;

    /// Gain of the last fifth of a second of a tone.
    fn gain(rate: f64, settings: bench::Settings, hz: f64, db: f64) -> f64 {
        let x = tone(rate, hz, db, rate as usize);
        let from = (0.8 * rate) as usize;
        level(&through::<Deess>(rate, settings, &x)[from..], rate, hz) - level(&x[from..], rate, hz)
    }

    #[test]
    fn a_sibilant_is_held_at_the_threshold_within_the_range() {
        for rate in [44100.0, 48000.0, 96000.0, 192000.0] {
            for (mode, bar) in [(1.0, 0.05), (0.0, 0.3)] {
                for (db, want) in [(-40.0, 0.0), (-31.0, 0.0), (-25.0, -5.0), (-20.0, -10.0), (-10.0, -12.0), (0.0, -12.0)] {
                    for hz in [9000.0, 12000.0] {
                        let got = gain(rate, &[("mode", mode)], hz, db);
                        assert!((got - want).abs() < bar && got >= want - 0.05, "{mode} {rate} {hz} at {db}: {got:.3} dB");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_below_keeps_its_level_while_a_sibilant_is_reduced() {
        let deep = [("range", 24.0), ("threshold", -50.0)];
        let sibilant = tone(RATE, 9000.0, -6.0, 96_000);
        for (hz, bar) in [(100.0, -120.0), (500.0, -120.0), (1500.0, -120.0), (3000.0, -55.0)] {
            let x: Vec<f64> = tone(RATE, hz, -12.0, 96_000).iter().zip(&sibilant).map(|(a, b)| a + b).collect();
            let y = through::<Deess>(RATE, &deep, &x);
            let change = 10f64.powf((level(&y[48_000..], RATE, hz) - level(&x[48_000..], RATE, hz)) / 20.0) - 1.0;
            let change = 20.0 * change.abs().max(1e-12).log10();
            assert!(change < bar, "{hz} Hz: {change:.1} dB");
        }
        // And a loud low voice alone is left as it is.
        let voice = tone(RATE, 800.0, 0.0, 96_000);
        let y = through::<Deess>(RATE, &[("threshold", -60.0), ("range", 24.0)], &voice);
        assert!(y[90_000..] == voice[90_000..]);
    }

    #[test]
    fn the_sides_share_one_gain_and_the_meter_tells_it() {
        let mut bench = Bench::<Deess, crate::lanes::Pair<One64>>::new(RATE, &[Values::new(&[("mode", 1.0)])]).paired();
        let input = |i: usize, lane: usize| [0.1, 0.001][lane] * (std::f64::consts::TAU * i as f64 * 9000.0 / RATE).sin();
        bench.run(24_000, 64, &[], input, |_, _| 0.0);
        bench.lowest = crate::lanes::Pair::zero();
        let out = bench.run(24_000, 64, &[], input, |_, _| 0.0);
        let last = out.iter().rev().find(|v| v.get(1).abs() > 1e-5).unwrap();
        assert!((last.get(0) / last.get(1) - 100.0).abs() < 1e-9);
        assert!((bench.lowest.get(0) + 10.0).abs() < 0.05, "{}", bench.lowest.get(0));
    }

    #[test]
    fn it_behaves_as_every_processor() {
        bench::passes::<Deess>(&[("range", 0.0), ("threshold", -60.0)]);
        bench::passes::<Deess>(&[("threshold", 0.0)]);
        let work = |lane: usize| {
            let l = lane as f64;
            Values::<Deess>::new(&[
                ("mode", (lane % 2) as f64),
                ("threshold", -40.0 + l),
                ("freq", 2000.0 + 900.0 * l),
                ("range", 3.0 * l),
            ])
        };
        bench::lanes_and_blocks_agree(work);
        bench::broken_lane_and_silence::<Deess>(&[("threshold", -40.0)]);
        let from = [("freq", 1000.0), ("threshold", -40.0), ("range", 20.0)];
        for to in [("mode", 1.0), ("threshold", -5.0), ("range", 5.0), ("freq", 1300.0)] {
            let bend = bench::smooth::<Deess>(&from, &[to]);
            assert!(bend < -55.0, "{to:?}: {bend:.1} dB");
        }
        // Sibilants that are not there cost nothing: the noise stays itself.
        let x: Vec<f64> = (0..4000).map(|i| 1e-3 * noise(i, 0)).collect();
        assert!(through::<Deess>(RATE, &[], &x) == x);
    }
}
