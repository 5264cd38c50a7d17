//! An exciter: harmonics of what lies above a frequency, added to the signal.
//!
//! The band above `freq` (24 dB/oct, Linkwitz and Riley's, −6 dB at `freq`) is driven into √(1 + v²) − 1, eight
//! times oversampled ([`crate::kernel::oversample`]): a curve without an odd part, so that a tone gets harmonics
//! an octave up and higher while it stays as loud as it is. For a quiet band they rise with the square of its
//! level, for a loud one in step with it; `drive` moves the bend. The same high-pass behind it takes away DC
//! and difference tones, and `mix` says how much is added. The signal itself is not delayed; its harmonics come
//! 0.9 ms later (44 frames at 48 kHz). A change of `on` or `mix` begins 96 frames after its frame.

use super::{Build, Params, Part, Processor, Targets};
use crate::kernel::beside::{Beside, Wet};
use crate::kernel::design::{Shape, Spec};
use crate::kernel::oversample::{self, CHUNK, Oversampler, Waveshaper};
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{self, Coeffs, When};

/// The exciter.
pub struct Exciter;

/// How long `freq` takes to move: harmonics change faster than what they are made of.
const GLIDE_S: f64 = 0.08;

impl Processor for Exciter {
    const NAME: &'static str = "exciter";
    const DOC: &'static str = "Harmonics of the upper band";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Exciter in the path"),
        Decl::log("freq", Unit::Hz, 500.0, 16000.0, 3000.0, "Where the band begins of which harmonics are made"),
        Decl::float("drive", Unit::Db, 0.0, 36.0, 6.0, "Gain of the band ahead of the curve"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 0.2, "How much of the harmonics is added"),
    ])];
    const OWN_BYPASS: bool = true;

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let share = if p.on("on") { p.num("mix") } else { 0.0 };
        let drive = 10f64.powf(p.num("drive") / 20.0);
        // Two sections of Butterworth's Q.
        let q = std::f64::consts::FRAC_1_SQRT_2;
        let cut = Spec { shape: Shape::LowCut, freq: p.num("freq"), gain_db: 0.0, q }.section(rate);
        let mut to = Targets::default();
        to[..3].copy_from_slice(&[share, drive, 1.0 / drive]);
        to[3..9].copy_from_slice(&cut);
        to
    }

    type State<L: Lanes> = Beside<L, Harmonics<L>>;

    fn build<L: Lanes>(build: &Build) -> Beside<L, Harmonics<L>> {
        let glide = ramp::Curve::lasting(build.rate, GLIDE_S);
        let pair = || [Section::new(&glide), Section::new(&glide)];
        let wet = Harmonics {
            level: Coeffs::new(build.curve, [1.0, 1.0]),
            ahead: pair(),
            behind: pair(),
            over: Oversampler::new(build.rate),
            factor: oversample::factor(build.rate),
        };
        Beside::new(build.curve, 0, wet)
    }
}

/// The harmonics of a bank.
pub struct Harmonics<L> {
    /// Drive and one over it.
    level: Coeffs<L, 2>,
    ahead: [Section<L>; 2],
    behind: [Section<L>; 2],
    over: Oversampler<L>,
    factor: usize,
}

/// √(1 + v²) − 1, over the drive: a factor a frame.
struct Even<'a, L> {
    scales: &'a [L],
    factor: usize,
}

impl<L: Lanes> Waveshaper<L> for Even<'_, L> {
    #[inline(always)]
    fn shape(&self, io: &mut [L]) {
        let one = L::splat(1.0);
        for (scale, samples) in self.scales.iter().zip(io.chunks_exact_mut(self.factor)) {
            for x in samples.iter_mut() {
                // v²/(√(1 + v²) + 1): no difference of near numbers.
                let square = *x * *x;
                *x = square * *scale / ((one + square).sqrt() + one);
            }
        }
    }
}

impl<L: Lanes> Wet<L> for Harmonics<L> {
    const ADDED: bool = true;

    fn set(&mut self, lane: usize, to: &Targets, when: When) {
        self.level.set(lane, [to[1], to[2]], when);
        let cut = std::array::from_fn(|i| to[3 + i]);
        self.ahead.iter_mut().chain(&mut self.behind).for_each(|s| s.set(lane, &cut, when));
    }

    #[inline(always)]
    fn run(&mut self, frame: u64, io: &mut [L]) {
        svf::run(&mut self.ahead, frame, io);
        self.level.at(frame);
        let mut scales = [L::zero(); CHUNK];
        let scales = &mut scales[..io.len()];
        for (x, scale) in io.iter_mut().zip(scales.iter_mut()) {
            let [drive, inverse] = self.level.now;
            *x = *x * drive;
            *scale = inverse;
            if self.level.moving() {
                self.level.advance();
            }
        }
        self.over.run(io, &Even { scales, factor: self.factor });
        svf::run(&mut self.behind, frame, io);
    }

    fn clear(&mut self, lane: usize) {
        self.ahead.iter_mut().chain(&mut self.behind).for_each(|s| s.clear(lane));
        self.over.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.level.carry(lane, &from.level, from_lane);
        let sections = self.ahead.iter_mut().chain(&mut self.behind);
        for (to, old) in sections.zip(from.ahead.iter().chain(&from.behind)) {
            to.carry(lane, old, from_lane);
        }
        self.over.carry(lane, &from.over, from_lane);
    }

    fn moving(&self) -> bool {
        self.level.moving() || self.ahead.iter().chain(&self.behind).any(Section::moving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use crate::param::Value;
    use crate::proc::{Ctx, PartValues, Process, Running};
    use std::f64::consts::TAU;

    const RATE: f64 = 48000.0;

    fn targets(on: bool, freq: f64, drive: f64, mix: f64) -> Targets {
        let values = [Value::Bool(on), Value::Float(freq), Value::Float(drive), Value::Float(mix)];
        let parts = vec![PartValues { decls: Exciter::PARTS[0].decls, values: &values }];
        Exciter::coeffs(0, &Params { parts }, RATE)
    }

    fn run<L: Lanes>(x: &[f64], to: &[Targets], block: usize, later: Option<(usize, Targets)>) -> Vec<L> {
        let curve = ramp::Curve::new(RATE);
        let mut e = <Exciter as Processor>::build::<L>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
        for (lane, to) in to.iter().enumerate() {
            Process::set(&mut e, 0, lane, to, When::Jump);
        }
        let mut io: Vec<L> = x.iter().map(|x| L::splat(*x)).collect();
        let mut at = 0;
        while at < io.len() {
            let change = later.map_or(usize::MAX, |later| if later.0 > at { later.0 } else { usize::MAX });
            if let Some((frame, to)) = later.filter(|later| later.0 == at) {
                Process::set(&mut e, 0, 0, &to, When::At(frame as u64));
            }
            let n = block.min(64 - at % 64).min(io.len() - at).min(change - at);
            let mut ctx = Ctx::new(at as u64, L::mask(0));
            Running::process(&mut e, &mut ctx, &mut io[at..at + n]);
            at += n;
        }
        io
    }

    fn sine(hz: f64, level: f64, n: usize) -> Vec<f64> {
        (0..n).map(|i| level * (TAU * hz * i as f64 / RATE).sin()).collect()
    }

    /// Level in dB of a frequency over the last 4800 frames.
    fn line(y: &[One64], hz: f64) -> f64 {
        let from = y.len() - 4800;
        let (mut s, mut c) = (0.0, 0.0);
        for (i, y) in y.iter().enumerate().skip(from) {
            let (sin, cos) = (TAU * hz * i as f64 / RATE).sin_cos();
            (s, c) = (s + y.0 * sin, c + y.0 * cos);
        }
        20.0 * (s.hypot(c) / 2400.0).log10()
    }

    #[test]
    fn a_tone_above_gets_octaves_and_keeps_its_level() {
        let y = run::<One64>(&sine(5000.0, 0.5, 19_200), &[targets(true, 3000.0, 12.0, 0.5)], 64, None);
        assert!((line(&y, 5000.0) + 6.02).abs() < 0.01, "{}", line(&y, 5000.0));
        assert!((-30.0..-15.0).contains(&line(&y, 10_000.0)), "{}", line(&y, 10_000.0));
        assert!(line(&y, 15_000.0) < -120.0 && line(&y, 20_000.0) > -60.0);
        let low = run::<One64>(&sine(300.0, 0.5, 19_200), &[targets(true, 3000.0, 12.0, 0.5)], 64, None);
        assert!(line(&low, 600.0) < -120.0, "{}", line(&low, 600.0));
    }

    #[test]
    fn dry_is_exact_and_switching_does_not_depend_on_the_period() {
        let x = sine(4321.0, 0.7, 6400);
        for dry in [targets(false, 3000.0, 24.0, 1.0), targets(true, 3000.0, 24.0, 0.0)] {
            let y = run::<One32>(&x, &[dry], 64, None);
            assert!(y.iter().zip(&x).all(|(y, x)| y.0 == *x as f32));
            let to = targets(true, 1000.0, 12.0, 0.7);
            let one = run::<One32>(&x, &[dry], 64, Some((1003, to)));
            assert_eq!(one, run::<One32>(&x, &[dry], 1, Some((1003, to))));
            assert_eq!(one, run::<One32>(&x, &[dry], 29, Some((1003, to))));
            let two = run::<Pair<One32>>(&x, &[dry, targets(true, 500.0, 30.0, 1.0)], 64, Some((1003, to)));
            assert!(one.iter().zip(&two).all(|(a, b)| f64::from(a.0) == b.get(0)));
        }
    }
}
