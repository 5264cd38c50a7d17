//! Dynamic equaliser: up to four bells or shelves whose gain follows the level of what they work on.
//!
//! A band has a static `gain`, as in `eq`, and a moving one: above the threshold it goes by half a dB for each dB
//! of level, until `range` is reached; a negative range turns down what is too loud (a resonance, a boom), a
//! positive one brings up what is there (the opposite of a gate). The level is taken from the strip's signal ahead
//! of all bands, through a band-pass of the bell's `freq` and `q`, or a low- or high-pass for shelves. At `range`
//! the moving part has the very curve of `eq` with that gain; on the way to it y = x + share·(eq(x) − x), which for
//! a bell is the bell of the gain in between, with fixed poles. Gain 0 and range 0 are bit-exact. The sides of a
//! stereo strip share their gains. No latency.

use super::comp::{follow, hold_and_release, pole};
use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::band;
use crate::kernel::design::Spec;
use crate::kernel::hold::Hold;
use crate::kernel::svf::{self, Section, classic, warped};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};
use std::f64::consts::SQRT_2;

const BANDS: usize = 4;
/// Level beyond the threshold over gain change.
const DB_PER_DB: f64 = 2.0;
/// Under this what a range adds to a factor of 1 has too few digits to be divided by: a series has all of them.
const SMALL_DB: f64 = 1.0;
/// A share of the range that is as good as none.
const NONE: f64 = -5e-7;
/// Nepers of a dB.
const NEPERS: f64 = std::f64::consts::LN_10 / 20.0;

/// The dynamic equaliser.
pub struct Dyneq;

impl Processor for Dyneq {
    const NAME: &'static str = "dyneq";
    const DOC: &'static str = "Dynamic equaliser: bands whose gain follows their level";
    const PARTS: &'static [Part] = &[
        Part::common(&[Decl::bool("on", false, "Dynamic equaliser in the path")]),
        Part {
            prefix: "",
            count: Count::Numbered(BANDS),
            decls: &[
                band::ON,
                Decl::names("type", &["peak", "lowshelf", "highshelf"], "Shape of the band"),
                band::FREQ,
                Decl::float("gain", Unit::Db, -24.0, 24.0, 0.0, "Static gain"),
                band::Q,
            ],
            defaults: &[("freq", band::FREQS)],
        },
        Part {
            prefix: "",
            count: Count::Numbered(BANDS),
            decls: &[
                Decl::float("threshold", Unit::Dbfs, -80.0, 0.0, -30.0, "Level of a sine in the band from which the gain moves"),
                Decl::float(
                    "range",
                    Unit::Db,
                    -24.0,
                    24.0,
                    0.0,
                    "Gain added at most, reached at twice as many dB above the threshold",
                ),
                Decl::log("attack", Unit::Ms, 0.05, 200.0, 10.0, "Time to 63 % of the way to the range in dB"),
                Decl::log("release", Unit::Ms, 5.0, 3000.0, 120.0, "Time to 63 % of the way back in dB"),
            ],
            defaults: &[],
        },
    ];
    const METER: bool = true;
    const COUPLED: bool = true;

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if part == 0 {
            return to;
        }
        let shape = &params.parts[if part > BANDS { part - BANDS } else { part }];
        if part <= BANDS {
            to[..6].copy_from_slice(&band::section(shape, rate));
            let g = warped(shape.num("freq"), rate);
            // A shelf listens without a resonance.
            let peak = 1.0 / shape.num("q");
            let ear = match shape.num("type") as usize {
                0 => classic(g, peak, [0.0, peak, 0.0]),
                1 => classic(g, SQRT_2, [0.0, 0.0, 1.0]),
                _ => classic(g, SQRT_2, [1.0, -SQRT_2, -1.0]),
            };
            to[6..].copy_from_slice(&ear);
            return to;
        }
        let p = &params.parts[part];
        let range = if shape.on("on") { p.num("range") } else { 0.0 };
        let (spec, _) = band::spec(shape);
        let spec = Spec { gain_db: range, ..spec };
        to[..6].copy_from_slice(&if range == 0.0 { spec.neutral(rate) } else { spec.section(rate) });
        let (blocks, release) = hold_and_release(p.num("release"), rate);
        let attack = pole(p.num("attack") * 1e-3 * rate);
        // Samples may miss the peaks of a high tone; the mean square of a low one sways.
        let high = spec.freq > 1000.0 || shape.num("type") as usize == 2;
        to[6..].copy_from_slice(&[p.num("threshold"), range, attack, pole(release), blocks as f64, f64::from(u8::from(high))]);
        to
    }

    type State<L: Lanes> = DyneqBank<L>;

    fn build<L: Lanes>(build: &Build) -> DyneqBank<L> {
        DyneqBank {
            fixed: std::array::from_fn(|_| Section::new(build.curve)),
            bands: std::array::from_fn(|_| Band {
                ear: [Section::new(build.curve)],
                full: [Section::new(build.curve)],
                curve: Coeffs::new(build.curve, [0.0, 0.0]),
                attack: L::zero(),
                release: L::zero(),
                gain: L::zero(),
                level: Hold::new(),
                listens: 0,
            }),
        }
    }
}

/// The moving part of a band.
struct Band<L: Lanes> {
    /// What the level is taken through.
    ear: [Section<L>; 1],
    /// The band at its whole range.
    full: [Section<L>; 1],
    /// Threshold and range in dB.
    curve: Coeffs<L, 2>,
    attack: L,
    release: L,
    /// Less the share of the range that is on, in dB: −1 … 0.
    gain: L,
    level: Hold<L>,
    /// Lanes that have a range. The others hear nothing, so that neighbours do not matter to them.
    listens: u32,
}

/// A bank of dynamic equalisers.
pub struct DyneqBank<L: Lanes> {
    fixed: [Section<L>; BANDS],
    bands: [Band<L>; BANDS],
}

impl<L: Lanes> Band<L> {
    fn clear(&mut self, lane: usize) {
        self.ear[0].clear(lane);
        self.full[0].clear(lane);
        self.level.clear(lane);
        self.gain.set(lane, 0.0);
    }

    fn set(&mut self, lane: usize, to: &Targets, when: When) {
        let bit = 1 << lane;
        if to[7] != 0.0 && self.listens & bit == 0 {
            self.ear[0].clear(lane);
            self.level.clear(lane);
            self.gain.set(lane, 0.0);
        }
        self.listens = if to[7] != 0.0 { self.listens | bit } else { self.listens & !bit };
        self.full[0].set(lane, &std::array::from_fn(|i| to[i]), when);
        self.curve.set(lane, [to[6], to[7]], when);
        self.attack.set(lane, to[8]);
        self.release.set(lane, to[9]);
        if to[11] >= 0.5 {
            self.level.set_either(lane, to[10] as usize);
        } else {
            self.level.set(lane, to[10] as usize, false);
        }
    }

    /// Adds the moving part to `io`; `heard` is the strip's signal. Returns the lowest gain change.
    #[inline(always)]
    fn run(&mut self, ctx: &Ctx<L>, heard: &[L], io: &mut [L]) -> L {
        let (zero, one) = (L::zero(), L::splat(1.0));
        let (mut share, mut full) = ([zero; BLOCK], [zero; BLOCK]);
        let (share, full) = (&mut share[..io.len()], &mut full[..io.len()]);
        let listens = L::mask(self.listens);
        for (s, x) in share.iter_mut().zip(heard) {
            *s = L::select(listens, *x, zero);
        }
        svf::run(&mut self.ear, ctx.frame, share);
        self.level.run(ctx.frame, ctx.pairs, share);
        let (attack, release) = (self.attack, self.release);
        let (mut gain, mut lowest) = (self.gain, zero);
        self.curve.each(ctx.frame, io.len(), |i, [threshold, range]| {
            let most = range.abs();
            let over = ((math::db(share[i]) - *threshold) * L::splat(1.0 / DB_PER_DB)).max(zero);
            // How far on the way in dB (of the range, so that a range on the move takes it along), and what that is of
            // the whole change of the factor.
            gain = follow(gain, -(over / most.max(L::splat(1e-9))).min(one), attack, release);
            gain = L::select(gain.gt(L::splat(NONE)), zero, gain);
            let way = -gain;
            lowest = L::select(zero.gt(*range), (gain * most).min(lowest), lowest);
            let large = most.gt(L::splat(SMALL_DB));
            let linear = (math::gain(way * *range) - one) / (L::select(large, math::gain(*range), zero) - one);
            // (eʷˣ − 1)/(eˣ − 1) = w·p(wx)/p(x) with p(x) = 1 + x/2 + x²/6 + x³/24.
            let x = *range * L::splat(NEPERS);
            let p = |x: L| {
                let cubic = x.mul_add(L::splat(1.0 / 24.0), L::splat(1.0 / 6.0));
                x.mul_add(x.mul_add(cubic, L::splat(0.5)), one)
            };
            share[i] = L::select(large, linear, way * p(way * x) / p(x));
        });
        self.gain = gain;
        full.copy_from_slice(io);
        svf::run(&mut self.full, ctx.frame, full);
        for ((x, y), share) in io.iter_mut().zip(full.iter()).zip(share.iter()) {
            *x = share.mul_add(*y - *x, *x);
        }
        lowest
    }
}

impl<L: Lanes> Process<L> for DyneqBank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        let Some(at) = part.checked_sub(1) else { return };
        if let (Some(fixed), Some(band)) = (self.fixed.get_mut(at), self.bands.get_mut(at)) {
            fixed.set(lane, &std::array::from_fn(|i| to[i]), when);
            band.ear[0].set(lane, &std::array::from_fn(|i| to[6 + i]), when);
        } else if let Some(band) = at.checked_sub(BANDS).and_then(|at| self.bands.get_mut(at)) {
            band.set(lane, to, when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut heard = [L::zero(); BLOCK];
        let heard = &mut heard[..io.len()];
        heard.copy_from_slice(io);
        svf::run(&mut self.fixed, ctx.frame, io);
        let mut lowest = L::zero();
        for band in self.bands.iter_mut().filter(|b| !b.full[0].idle()) {
            lowest = band.run(ctx, heard, io).min(lowest);
        }
        ctx.reduction = lowest;
    }

    fn clear(&mut self, lane: usize) {
        self.fixed.iter_mut().for_each(|s| s.clear(lane));
        self.bands.iter_mut().for_each(|b| b.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.fixed.iter_mut().zip(&from.fixed).for_each(|(to, old)| to.carry(lane, old, from_lane));
        for (to, old) in self.bands.iter_mut().zip(&from.bands) {
            to.ear[0].carry(lane, &old.ear[0], from_lane);
            to.full[0].carry(lane, &old.full[0], from_lane);
            to.curve.carry(lane, &old.curve, from_lane);
            to.attack.set(lane, old.attack.get(from_lane));
            to.release.set(lane, old.release.get(from_lane));
            to.gain.set(lane, old.gain.get(from_lane));
            to.level.carry(lane, &old.level, from_lane);
            to.listens = (to.listens & !(1 << lane)) | ((old.listens >> from_lane & 1) << lane);
        }
    }

    fn rest(&self, lane: usize) -> bool {
        let still = |b: &Band<L>| b.listens & (1 << lane) == 0 || (b.gain.get(lane) > -0.002 && !b.curve.moving());
        self.bands.iter().all(still)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::bench::{self, Values, level, magnitude, through, tone};

    const RATE: f64 = 48000.0;

    /// Gain of the last fifth of a second and a half of a tone.
    fn gain(settings: bench::Settings, hz: f64, db: f64) -> f64 {
        let x = tone(RATE, hz, db, 72_000);
        level(&through::<Dyneq>(RATE, settings, &x)[57_600..], RATE, hz) - level(&x[57_600..], RATE, hz)
    }

    #[test]
    fn the_gain_moves_by_half_a_db_for_each_until_the_range() {
        for range in [-12.0, 6.0] {
            for hz in [100.0, 1000.0, 12000.0] {
                let settings = [("1/freq", hz), ("1/q", 2.0), ("1/threshold", -40.0), ("1/range", range), ("1/gain", 2.0)];
                for db in [-60.0, -41.0, -36.0, -28.0, -10.0, 0.0f64] {
                    let want = 2.0 + (0.5 * (db + 40.0).max(0.0)).min(f64::abs(range)) * range.signum();
                    let got = gain(&settings, hz, db);
                    assert!((got - want).abs() < 0.1, "{range} at {hz} Hz {db} dB: {got:.3} for {want:.3}");
                }
            }
        }
    }

    #[test]
    fn at_its_range_it_has_the_curve_of_the_equaliser() {
        for (kind, at) in [(0.0, 1000.0), (1.0, 60.0), (2.0, 9000.0)] {
            for range in [-12.0, 9.0] {
                let settings = [("1/type", kind), ("1/freq", 1000.0), ("1/q", 1.0), ("1/range", range), ("1/threshold", -60.0)];
                let shape = Values::<Dyneq>::new(&settings).with(&[("1/gain", range)]);
                let want = |hz: f64| band::response(&shape.params().parts[1], RATE, hz);
                // A loud tone opens the band, a quiet one beside it tells the curve.
                for hz in [100.0, 700.0, 1500.0, 5000.0] {
                    let x: Vec<f64> =
                        tone(RATE, at, 0.0, 96_000).iter().zip(tone(RATE, hz, -60.0, 96_000)).map(|(a, b)| a + b).collect();
                    let y = through::<Dyneq>(RATE, &settings, &x);
                    let got = level(&y[48_000..], RATE, hz) - level(&x[48_000..], RATE, hz);
                    assert!((got - want(hz)).abs() < 0.05, "{kind} {range} at {hz}: {got:.3} for {:.3}", want(hz));
                }
            }
        }
    }

    #[test]
    fn below_the_threshold_only_the_static_gain_is_there() {
        let mut click = vec![0.0; 48_000];
        click[0] = 1e-4;
        let settings = [("2/gain", 6.0), ("2/range", -12.0), ("3/range", 12.0)];
        let h: Vec<f64> = through::<Dyneq>(RATE, &settings, &click).iter().map(|x| x * 1e4).collect();
        let values = Values::<Dyneq>::new(&settings);
        for hz in [50.0, 400.0, 3000.0] {
            let want = band::response(&values.params().parts[2], RATE, hz);
            assert!((magnitude(&h, RATE, hz) - want).abs() < 1e-6);
        }
    }

    #[test]
    fn it_behaves_as_every_processor() {
        bench::passes::<Dyneq>(&[]);
        bench::passes::<Dyneq>(&[("1/on", 0.0), ("1/gain", 9.0), ("1/range", 9.0), ("1/threshold", -80.0)]);
        bench::passes::<Dyneq>(&[("2/range", -12.0), ("2/threshold", 0.0)]);
        bench::lanes_and_blocks_agree(|lane| {
            let l = lane as f64;
            let base = [
                ("1/type", (lane % 3) as f64),
                ("1/range", 4.0 * l - 12.0),
                ("1/threshold", -40.0),
                ("1/freq", 200.0 * (l + 1.0)),
            ];
            let range = if lane.is_multiple_of(2) { 0.0 } else { -9.0 };
            Values::<Dyneq>::new(&base).with(&[("2/range", range), ("2/threshold", -50.0), ("3/gain", l - 4.0)])
        });
        bench::broken_lane_and_silence::<Dyneq>(&[("1/range", -12.0), ("1/threshold", -50.0)]);
        let from = [("1/freq", 1000.0), ("1/range", -12.0), ("1/threshold", -40.0)];
        for to in [
            ("1/range", 6.0),
            ("1/range", 0.0),
            ("1/threshold", -5.0),
            ("1/gain", 9.0),
            ("1/on", 0.0),
            ("1/type", 1.0),
            ("1/q", 3.0),
        ] {
            let bend = bench::smooth::<Dyneq>(&from, &[to]);
            assert!(bend < -50.0, "{to:?}: {bend:.1} dB");
        }
    }
}
