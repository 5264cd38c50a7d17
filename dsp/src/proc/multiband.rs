//! Multiband compressor: two to five bands, each with the static curve and the times of `comp`.
//!
//! The level of each band is taken behind Butterworth filters of 48 dB per octave at its ends. The gains of the
//! bands come back as shelves at the crossovers ([`crate::kernel::butter`]): the magnitude is that of Butterworth
//! bands of 48 dB per octave summed in power, each with its gain, at minimum phase. So nothing is split that would
//! have to be put together again: bands of equal gain give the input itself (flat to the last bit where all are at
//! 0 dB, whether it works or not), and beside a band that is 30 dB away a gain is right within 0.05 dB from an
//! octave inside on. Idle (ratios 1, gains 0) is bit-exact. The sides of a stereo strip share their gains. No
//! latency.
//!
//! Crossovers ascend by at least a third of an octave: one that is set too low sounds where it may, and reads as
//! it was set.

use super::comp::{self, SHARPEST_DB, follow, hold_and_release, pole, reduction, settled};
use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::butter::{Corner, Filter, root};
use crate::kernel::hold::Hold;
use crate::kernel::svf::warped;
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

const BANDS: usize = 5;
const CROSSOVERS: usize = BANDS - 1;

/// The multiband compressor.
pub struct Multiband;

impl Processor for Multiband {
    const NAME: &'static str = "multiband";
    const DOC: &'static str = "Multiband compressor";
    const PARTS: &'static [Part] = &[
        Part::common(&[
            Decl::bool("on", false, "Multiband compressor in the path"),
            Decl::int("bands", Unit::None, 2, BANDS as i64, 3, "Bands in use, from the lowest"),
        ]),
        Part {
            prefix: "crossover",
            count: Count::Numbered(CROSSOVERS),
            decls: &[Decl::log("", Unit::Hz, 40.0, 16000.0, 1000.0, "Upper end of the band of this number")],
            defaults: &[("", &[120.0, 1000.0, 5000.0, 9000.0])],
        },
        Part {
            prefix: "",
            count: Count::Numbered(BANDS),
            decls: &[
                Decl::bool("on", true, "Band at work; off: its gain is 0 dB"),
                comp::THRESHOLD,
                comp::RATIO.with_default(1.0),
                comp::KNEE,
                comp::ATTACK,
                comp::RELEASE,
                Decl::float("gain", Unit::Db, -24.0, 24.0, 0.0, "Gain of the band after the reduction"),
            ],
            defaults: &[],
        },
    ];
    const METER: bool = true;
    const COUPLED: bool = true;

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[part];
        let mut to = Targets::default();
        match part {
            0 => to[0] = p.num("bands"),
            1..=CROSSOVERS => to[0] = warped(crossover(part, params), rate),
            _ => {
                let (blocks, release) = hold_and_release(p.num("release"), rate);
                let (on, ratio, knee) = (f64::from(u8::from(p.on("on"))), p.num("ratio"), p.num("knee").max(SHARPEST_DB));
                let slope = if ratio >= 100.0 { -1.0 } else { 1.0 / ratio - 1.0 };
                // Samples may miss the peaks of a high tone; the mean square of a low one sways.
                let band = part - 1 - CROSSOVERS;
                let high = band > 0 && crossover(band, params) >= 1000.0;
                to[..9].copy_from_slice(&[
                    p.num("threshold"),
                    on * slope,
                    knee,
                    0.5 / knee,
                    on * p.num("gain"),
                    pole(p.num("attack") * 1e-3 * rate),
                    pole(release),
                    blocks as f64,
                    f64::from(u8::from(high)),
                ]);
            }
        }
        to
    }

    type State<L: Lanes> = MultibandBank<L>;

    fn build<L: Lanes>(build: &Build) -> MultibandBank<L> {
        MultibandBank {
            used: Coeffs::new(build.curve, [0.0; CROSSOVERS]),
            splits: std::array::from_fn(|_| Split {
                ear: Corner::new(build.curve),
                corner: Corner::new(build.curve),
                low: Filter::new(),
                high: Filter::new(),
                shelf: Filter::new(),
            }),
            bands: std::array::from_fn(|_| Band {
                curve: Coeffs::new(build.curve, [0.0, 0.0, 1e-6, 5e5, 0.0]),
                attack: L::zero(),
                release: L::zero(),
                gain: L::zero(),
                level: Hold::new(),
            }),
        }
    }
}

/// Where a crossover (from 1) sounds, in Hz: at least a third of an octave above the one below it.
fn crossover(number: usize, params: &Params) -> f64 {
    params.parts[1..=number].iter().fold(0.0, |below: f64, p| p.num("").max(below * 2f64.powf(1.0 / 3.0)))
}

/// A crossover of every lane.
struct Split<L> {
    /// The corner of both filters ahead of the levels, and that of the shelf: one frequency, gone through twice.
    ear: Corner<L>,
    corner: Corner<L>,
    low: Filter<L>,
    high: Filter<L>,
    shelf: Filter<L>,
}

/// A band of every lane.
struct Band<L: Lanes> {
    /// Threshold dB, slope, knee dB, 1/(2·knee), gain dB.
    curve: Coeffs<L, 5>,
    attack: L,
    release: L,
    /// Gain change in dB, ≤ 0.
    gain: L,
    level: Hold<L>,
}

/// A bank of multiband compressors.
pub struct MultibandBank<L: Lanes> {
    /// How much of each crossover is in use.
    used: Coeffs<L, CROSSOVERS>,
    splits: [Split<L>; CROSSOVERS],
    bands: [Band<L>; BANDS],
}

impl<L: Lanes> Band<L> {
    /// Replaces a block of the band's signal by its gain in dB; returns the lowest gain change.
    #[inline(always)]
    fn run(&mut self, frame: u64, pairs: L::Mask, io: &mut [L]) -> L {
        self.level.run(frame, pairs, io);
        let (attack, release) = (self.attack, self.release);
        let (mut gain, mut lowest) = (self.gain, L::zero());
        self.curve.each(frame, io.len(), |i, [threshold, slope, knee, inverse, more]| {
            let target = reduction(math::db(io[i]), *threshold, *slope, *knee, *inverse);
            gain = settled(follow(gain, target, attack, release));
            lowest = gain.min(lowest);
            io[i] = gain + *more;
        });
        self.gain = gain;
        lowest
    }
}

impl<L: Lanes> Process<L> for MultibandBank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        match part {
            0 => {
                let share = |k: usize| f64::from(u8::from(to[0] >= (k + 2) as f64));
                self.used.set(lane, std::array::from_fn(share), when);
            }
            1..=CROSSOVERS => {
                let split = &mut self.splits[part - 1];
                split.ear.set(lane, to[0], when);
                split.corner.set(lane, to[0], when);
            }
            _ => {
                if let Some(band) = self.bands.get_mut(part - 1 - CROSSOVERS) {
                    band.curve.set(lane, std::array::from_fn(|k| to[k]), when);
                    band.attack.set(lane, to[5]);
                    band.release.set(lane, to[6]);
                    if to[8] >= 0.5 {
                        band.level.set_either(lane, to[7] as usize);
                    } else {
                        band.level.set(lane, to[7] as usize, false);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let (frame, n, zero) = (ctx.frame, io.len(), L::zero());
        let Self { used, splits, bands } = self;
        let mut shares = [[zero; BLOCK]; CROSSOVERS];
        used.each(frame, n, |i, now| {
            for (shares, now) in shares.iter_mut().zip(now) {
                shares[i] = *now;
            }
        });
        // Levels and gains, from the lowest band up; `rest` is what lies above. A crossover that is not in use
        // leaves the band below it whole, and nothing above.
        let mut gains = [[zero; BLOCK]; BANDS];
        let mut rest = [zero; BLOCK];
        let rest = &mut rest[..n];
        rest.copy_from_slice(io);
        ctx.reduction = zero;
        for (k, band) in bands.iter_mut().enumerate() {
            let gain = &mut gains[k][..n];
            gain.copy_from_slice(rest);
            if let Some(Split { ear, low, high, .. }) = splits.get_mut(k) {
                let shares = &shares[k];
                ear.each(frame, n, |i, poles| {
                    let x = rest[i];
                    gain[i] = shares[i].mul_add(low.low(poles, x) - x, x);
                    rest[i] = high.high(poles, x) * shares[i];
                });
            }
            ctx.reduction = band.run(frame, ctx.pairs, gain).min(ctx.reduction);
        }
        // The gain of the lowest band is that of all; each crossover changes it to that of the next.
        for (x, gain) in io.iter_mut().zip(&gains[0]) {
            *x = *x * math::gain(*gain);
        }
        for (k, Split { corner, shelf, .. }) in splits.iter_mut().enumerate() {
            let (below, above) = (gains[k], gains[k + 1]);
            let (shares, here) = (&shares[k], &mut gains[k + 1]);
            corner.each(frame, n, |i, poles| {
                let step = (above[i] - below[i]) * shares[i];
                here[i] = below[i] + step;
                io[i] = shelf.shelf(poles, io[i], root(step));
            });
        }
    }

    fn clear(&mut self, lane: usize) {
        for Split { low, high, shelf, .. } in &mut self.splits {
            [low, high, shelf].into_iter().for_each(|f| f.clear(lane));
        }
        for band in &mut self.bands {
            band.level.clear(lane);
            band.gain.set(lane, 0.0);
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.used.carry(lane, &from.used, from_lane);
        for (to, old) in self.splits.iter_mut().zip(&from.splits) {
            to.ear.carry(lane, &old.ear, from_lane);
            to.corner.carry(lane, &old.corner, from_lane);
            to.low.carry(lane, &old.low, from_lane);
            to.high.carry(lane, &old.high, from_lane);
            to.shelf.carry(lane, &old.shelf, from_lane);
        }
        for (to, old) in self.bands.iter_mut().zip(&from.bands) {
            to.curve.carry(lane, &old.curve, from_lane);
            to.attack.set(lane, old.attack.get(from_lane));
            to.release.set(lane, old.release.get(from_lane));
            to.gain.set(lane, old.gain.get(from_lane));
            to.level.carry(lane, &old.level, from_lane);
        }
    }

    fn rest(&self, lane: usize) -> bool {
        !self.used.moving() && self.bands.iter().all(|b| b.gain.get(lane) > -0.05 && !b.curve.moving())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::bench::{self, Values, level, magnitude, noise, through, tone};

    const RATE: f64 = 48000.0;

    /// Gain of the last fifth of a second and a half of a tone.
    fn gain(settings: bench::Settings, hz: f64, db: f64) -> f64 {
        let x = tone(RATE, hz, db, 72_000);
        level(&through::<Multiband>(RATE, settings, &x)[57_600..], RATE, hz) - level(&x[57_600..], RATE, hz)
    }

    #[test]
    fn each_band_has_the_static_curve_of_a_compressor() {
        for (band, hz) in [("1", 50.0), ("2", 350.0), ("3", 4000.0), ("3", 8000.0)] {
            let path = |p: &str| format!("{band}/{p}");
            let (t, r, k) = (path("threshold"), path("ratio"), path("knee"));
            let settings = [(&t[..], -30.0), (&r[..], 4.0), (&k[..], 0.0)];
            for db in [-50.0, -32.0, -20.0, -10.0, 0.0f64] {
                let (got, want) = (gain(&settings, hz, db), -0.75 * (db + 30.0).max(0.0));
                assert!((got - want).abs() < 0.05, "band {band} at {db}: {got:.3} for {want:.3}");
            }
        }
    }

    #[test]
    fn bands_of_equal_gain_are_flat_and_others_reach_theirs_inside() {
        let mut click = vec![0.0; 96_000];
        click[0] = 1.0;
        let five = [("bands", 5.0)];
        // At work: thresholds within reach, but for the click too high.
        let at_work: Vec<_> = ["1/ratio", "2/ratio", "3/ratio", "4/ratio", "5/ratio"].map(|p| (p, 4.0)).into();
        assert!(
            through::<Multiband>(
                RATE,
                &[
                    &five[..],
                    &at_work,
                    &[
                        ("1/threshold", 0.0),
                        ("2/threshold", 0.0),
                        ("3/threshold", 0.0),
                        ("4/threshold", 0.0),
                        ("5/threshold", 0.0),
                        ("1/knee", 0.0),
                        ("2/knee", 0.0),
                        ("3/knee", 0.0),
                        ("4/knee", 0.0),
                        ("5/knee", 0.0)
                    ]
                ]
                .concat(),
                &click
            ) == click
        );
        let gains = [("1/gain", -12.0), ("2/gain", 6.0), ("3/gain", -18.0), ("4/gain", 3.0)];
        let h = through::<Multiband>(
            RATE,
            &[&five[..], &gains, &[("crossover/4", 12000.0), ("5/on", 0.0), ("5/gain", 9.0)]].concat(),
            &click,
        );
        for (hz, want) in [(30.0, -12.0), (60.0, -12.0), (350.0, 6.0), (2200.0, -18.0), (7800.0, 3.0), (20000.0, 0.0)] {
            let got = magnitude(&h, RATE, hz);
            assert!((got - want).abs() < 0.15, "{hz}: {got:.3} for {want}");
        }
    }

    #[test]
    fn crossovers_keep_a_third_of_an_octave() {
        let values = Values::<Multiband>::new(&[("crossover/1", 2000.0), ("crossover/2", 500.0), ("crossover/3", 2600.0)]);
        let hz: Vec<f64> = (1..=4).map(|k| crossover(k, &values.params())).collect();
        let third = 2f64.powf(1.0 / 3.0);
        assert!(hz[0] == 2000.0 && hz[1] == 2000.0 * third && hz[2] == 2000.0 * third * third && hz[3] == 9000.0, "{hz:?}");
    }

    #[test]
    fn a_band_that_works_leaves_the_others_alone() {
        let low = tone(RATE, 50.0, -6.0, 96_000);
        let x: Vec<f64> = low.iter().zip(tone(RATE, 5000.0, -20.0, 96_000)).map(|(a, b)| a + b).collect();
        let y = through::<Multiband>(RATE, &[("1/threshold", -30.0), ("1/ratio", 10.0)], &x);
        let change = |hz: f64| level(&y[57_600..], RATE, hz) - level(&x[57_600..], RATE, hz);
        assert!(change(50.0) < -20.0 && change(5000.0).abs() < 0.001, "{} {}", change(50.0), change(5000.0));
    }

    #[test]
    fn it_behaves_as_every_processor() {
        bench::passes::<Multiband>(&[]);
        bench::passes::<Multiband>(&[("bands", 5.0), ("1/threshold", -60.0), ("2/on", 0.0), ("2/gain", 6.0), ("2/ratio", 9.0)]);
        // Bands that are not in use have no say.
        bench::passes::<Multiband>(&[("bands", 2.0), ("3/gain", 6.0), ("5/ratio", 20.0), ("5/threshold", -60.0)]);
        bench::lanes_and_blocks_agree(|lane| {
            let l = lane as f64;
            let base = [("bands", 2.0 + (lane % 4) as f64), ("1/threshold", -40.0), ("1/ratio", 1.0 + l), ("2/gain", l - 3.0)];
            Values::<Multiband>::new(&base).with(&[
                ("3/threshold", -30.0 - l),
                ("3/ratio", 8.0),
                ("crossover/1", 100.0 + 50.0 * l),
            ])
        });
        bench::broken_lane_and_silence::<Multiband>(&[("2/threshold", -40.0), ("2/ratio", 4.0)]);
        let from = [("2/threshold", -30.0), ("2/ratio", 4.0), ("crossover/2", 3000.0)];
        for to in [("2/threshold", -50.0), ("2/gain", -12.0), ("2/on", 0.0), ("bands", 2.0), ("crossover/2", 2000.0)] {
            let bend = bench::smooth::<Multiband>(&from, &[to]);
            assert!(bend < -55.0, "{to:?}: {bend:.1} dB");
        }
        let x: Vec<f64> = (0..4000).map(|i| noise(i, 0)).collect();
        assert!(through::<Multiband>(RATE, &from, &x) != x);
    }
}
