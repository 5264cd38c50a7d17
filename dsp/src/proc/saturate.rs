//! Saturation: drive into a curve, eight times oversampled ([`crate::kernel::oversample`]).
//!
//! All curves have slope 1 at 0, so that a quiet signal is `drive` louder and nothing else.
//!
//! * `soft`: tanh(x). Odd harmonics.
//! * `tape`: x/√(1 + x²), a softer knee, between a pre-emphasis of 6 dB above 6 kHz and its inverse: highs
//!   saturate first and are lost as it is driven, quiet ones are not, and harmonics come out darker.
//! * `tube`: t/(1 + t/4) with t = tanh(x), which is a tanh about a bias point (the addition theorem), limits at
//!   0.8 and −1.33, and has even harmonics too. A first-order high-pass of 3 Hz takes away the DC
//!   they bring.
//! * `hard`: clips at ±1.
//!
//! A change of type crossfades the curves. Latency: 44 frames at 48 kHz, on or off; the dry signal of `mix`
//! waits for as long. A change of `on` or `mix` begins 96 frames (2 ms at 48 kHz) after its frame.

use super::{Build, Params, Part, Processor, Targets};
use crate::kernel::beside::{Beside, Wet};
use crate::kernel::design::{Shape, Spec};
use crate::kernel::oversample::{self, CHUNK, Oversampler, Waveshaper};
use crate::kernel::svf::{self, Section, SvfCoeffs};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

/// The saturator.
pub struct Saturate;

const TYPES: &[&str] = &["soft", "tape", "tube", "hard"];
/// How much of tanh bends back on itself in `tube`: tanh of the bias.
const BIAS: f64 = 0.25;
const TAPE_HZ: f64 = 6000.0;
const TAPE_DB: f64 = 6.0;
const DC_HZ: f64 = 3.0;

impl Processor for Saturate {
    const NAME: &'static str = "saturate";
    const DOC: &'static str = "Saturation";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Saturation in the path"),
        Decl::names("type", TYPES, "Curve: tanh, tape, tube, or clipping at full scale"),
        Decl::float("drive", Unit::Db, 0.0, 36.0, 0.0, "Gain ahead of the curve"),
        Decl::float("output", Unit::Db, -24.0, 24.0, 0.0, "Gain after it"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Share of the saturated signal"),
    ])];
    const OWN_BYPASS: bool = true;

    fn latency(_params: &Params, rate: f64) -> usize {
        oversample::latency(rate)
    }

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let p = &params.parts[0];
        let amplitude = |path| 10f64.powf(p.num(path) / 20.0);
        let share = if p.on("on") { p.num("mix") } else { 0.0 };
        let mut to = Targets::default();
        to[..4].copy_from_slice(&[share, amplitude("drive"), amplitude("output"), p.num("type")]);
        to
    }

    type State<L: Lanes> = Beside<L, Saturation<L>>;

    fn build<L: Lanes>(build: &Build) -> Beside<L, Saturation<L>> {
        let rate = build.rate;
        let shelf = |gain_db| Spec { shape: Shape::HighShelf, freq: TAPE_HZ, gain_db, q: std::f64::consts::FRAC_1_SQRT_2 };
        let both = |spec: Spec| [spec.neutral(rate), spec.section(rate)];
        let section = || [Section::new(build.curve)];
        let wet = Saturation {
            level: Coeffs::new(build.curve, [1.0, 1.0, 0.0, 0.0, 0.0]),
            emphasis: section(),
            inverse: section(),
            filters: [both(shelf(TAPE_DB)), both(shelf(-TAPE_DB))],
            dc: L::zero(),
            lost: L::zero(),
            step: L::splat(1.0 - (-std::f64::consts::TAU * DC_HZ / rate).exp()),
            over: Oversampler::new(rate),
            factor: oversample::factor(rate),
        };
        Beside::new(build.curve, oversample::latency(rate), wet)
    }
}

/// The driven path of a bank.
pub struct Saturation<L> {
    /// Drive, output, bias, and how much of tanh's place tape and hard take.
    level: Coeffs<L, 5>,
    emphasis: [Section<L>; 1],
    inverse: [Section<L>; 1],
    /// Emphasis, its inverse: idle and at work.
    filters: [[SvfCoeffs; 2]; 2],
    /// What a low-pass takes for DC, what rounding kept from it, and how fast it follows.
    dc: L,
    lost: L,
    step: L,
    over: Oversampler<L>,
    factor: usize,
}

/// The curves of a chunk: a weight a frame, or one for all.
struct Curves<'a, L> {
    /// Bias, tape, hard.
    weights: &'a [[L; 3]],
    factor: usize,
    tape: bool,
    hard: bool,
}

impl<L: Lanes> Waveshaper<L> for Curves<'_, L> {
    #[inline(always)]
    fn shape(&self, io: &mut [L]) {
        let one = L::splat(1.0);
        for ([bias, tape, hard], samples) in self.weights.iter().zip(io.chunks_exact_mut(self.factor)) {
            if !self.tape && !self.hard {
                for x in samples.iter_mut() {
                    *x = math::biased_tanh(*x, *bias);
                }
                continue;
            }
            let rest = one - *tape - *hard;
            for x in samples.iter_mut() {
                let round = *x / x.mul_add(*x, one).sqrt();
                let flat = (-one).max(one.min(*x));
                *x = rest.mul_add(math::biased_tanh(*x, *bias), tape.mul_add(round, *hard * flat));
            }
        }
    }
}

impl<L: Lanes> Wet<L> for Saturation<L> {
    const ADDED: bool = false;

    fn set(&mut self, lane: usize, to: &Targets, when: When) {
        let is = |name| TYPES.get(to[3] as usize) == Some(&name);
        let weight = |name| f64::from(u8::from(is(name)));
        self.level.set(lane, [to[1], to[2], BIAS * weight("tube"), weight("tape"), weight("hard")], when);
        let [emphasis, inverse] = &self.filters;
        self.emphasis[0].set(lane, &emphasis[usize::from(is("tape"))], when);
        self.inverse[0].set(lane, &inverse[usize::from(is("tape"))], when);
    }

    #[inline(always)]
    fn run(&mut self, frame: u64, io: &mut [L]) {
        self.level.at(frame);
        let zero = L::zero();
        let mut weights = [[zero; 3]; CHUNK];
        let mut outputs = [zero; CHUNK];
        let (weights, outputs) = (&mut weights[..io.len()], &mut outputs[..io.len()]);
        let (mut tape, mut hard) = (self.level.moving(), self.level.moving());
        let [_, _, _, by_tape, by_hard] = self.level.now;
        tape |= L::any(by_tape.gt(zero));
        hard |= L::any(by_hard.gt(zero));
        for ((x, weights), output) in io.iter_mut().zip(weights.iter_mut()).zip(outputs.iter_mut()) {
            let [drive, after, bias, tape, hard] = self.level.now;
            *x = *x * drive;
            (*weights, *output) = ([bias, tape, hard], after);
            if self.level.moving() {
                self.level.advance();
            }
        }
        svf::run(&mut self.emphasis, frame, io);
        self.over.run(io, &Curves { weights, factor: self.factor, tape, hard });
        svf::run(&mut self.inverse, frame, io);
        let share = L::splat(1.0 / BIAS);
        for ((y, output), [bias, ..]) in io.iter_mut().zip(outputs.iter()).zip(weights.iter()) {
            // The steps are far smaller than the sum: what they lose is carried on, or DC would stay.
            let step = self.step.mul_add(*y - self.dc, self.lost);
            let (dc, sum) = (self.dc, self.dc + step);
            self.lost = step - (sum - dc);
            self.dc = sum;
            *y = (*y - (*bias * share) * dc) * *output;
        }
    }

    fn clear(&mut self, lane: usize) {
        self.emphasis.iter_mut().chain(&mut self.inverse).for_each(|s| s.clear(lane));
        self.dc.set(lane, 0.0);
        self.lost.set(lane, 0.0);
        self.over.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.level.carry(lane, &from.level, from_lane);
        self.emphasis[0].carry(lane, &from.emphasis[0], from_lane);
        self.inverse[0].carry(lane, &from.inverse[0], from_lane);
        self.dc.set(lane, from.dc.get(from_lane));
        self.lost.set(lane, from.lost.get(from_lane));
        self.over.carry(lane, &from.over, from_lane);
    }

    fn moving(&self) -> bool {
        self.level.moving() || self.emphasis[0].moving() || self.inverse[0].moving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use crate::param::Value;
    use crate::proc::{Ctx, PartValues, Process, Running};
    use crate::ramp;
    use std::f64::consts::TAU;

    const RATE: f64 = 48000.0;

    /// `(on, type, drive, output, mix)`.
    fn targets(on: bool, kind: usize, drive: f64, output: f64, mix: f64) -> Targets {
        let f = Value::Float;
        let values = [Value::Bool(on), Value::Int(kind as i64), f(drive), f(output), f(mix)];
        Saturate::coeffs(0, &Params { parts: vec![PartValues { decls: Saturate::PARTS[0].decls, values: &values }] }, RATE)
    }

    /// Runs a signal in all lanes, in blocks of a size; settings of each lane at frames.
    fn run<L: Lanes>(x: &[f64], block: usize, sets: &[(u64, usize, Targets)]) -> Vec<L> {
        let curve = ramp::Curve::new(RATE);
        let mut s = <Saturate as Processor>::build::<L>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
        let mut io: Vec<L> = x.iter().map(|x| L::splat(*x)).collect();
        let mut at = 0;
        while at < io.len() {
            let next = sets.iter().map(|s| s.0 as usize).filter(|f| *f > at).min().unwrap_or(usize::MAX);
            for (frame, lane, to) in sets.iter().filter(|s| s.0 as usize == at) {
                Process::set(&mut s, 0, *lane, to, if *frame == 0 { When::Jump } else { When::At(*frame) });
            }
            let n = block.min(64 - at % 64).min(io.len() - at).min(next - at);
            let mut ctx = Ctx::new(at as u64, L::mask(0));
            Running::process(&mut s, &mut ctx, &mut io[at..at + n]);
            at += n;
        }
        io
    }

    fn sine(hz: f64, level: f64, n: usize) -> Vec<f64> {
        (0..n).map(|i| level * (TAU * hz * i as f64 / RATE).sin()).collect()
    }

    #[test]
    fn every_type_bends_as_it_says() {
        let curves: [fn(f64) -> f64; 4] = [f64::tanh, |x| x, |x| x.tanh() / (1.0 + 0.25 * x.tanh()), |x| x.clamp(-1.0, 1.0)];
        for (kind, curve) in curves.iter().enumerate().filter(|(kind, _)| *kind != 1) {
            // Slow enough that no filter shows, but for the one at 3 Hz.
            let x = sine(100.0, 0.5, 9600);
            let y = run::<One64>(&x, 64, &[(0, 0, targets(true, kind, 12.0, -6.0, 1.0))]);
            let gain = |db: f64| 10f64.powf(db / 20.0);
            let want: Vec<f64> = x.iter().map(|x| gain(-6.0) * curve(gain(12.0) * x)).collect();
            let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
            let (a, b) = (&y[9600 - 480..], &want[9600 - 480 - 44..9600 - 44]);
            let dc = if kind == 2 { mean(b) } else { 0.0 };
            let rms = (a.iter().zip(b).map(|(a, b)| (a.0 - (b - dc)).powi(2)).sum::<f64>() / 480.0).sqrt();
            let bar = if kind == 2 { 0.03 } else { 0.002 };
            assert!(rms < bar, "{kind}: {rms}");
        }
    }

    #[test]
    fn quiet_sound_is_louder_by_the_drive_and_nothing_else() {
        for kind in 0..4 {
            for hz in [100.0, 1000.0, 10_000.0, 20_000.0] {
                let y = run::<One64>(&sine(hz, 1e-4, 9600), 64, &[(0, 0, targets(true, kind, 20.0, 0.0, 1.0))]);
                let square = y[4800..].iter().map(|y| y.0 * y.0).sum::<f64>() / 4800.0;
                let level = 10.0 * (2.0 * square).log10() + 80.0 - 20.0;
                assert!(level.abs() < 0.05, "{kind} {hz}: {level}");
            }
        }
    }

    #[test]
    fn dry_is_exact_and_switching_does_not_depend_on_the_period() {
        let x = sine(1234.5, 0.7, 9600);
        let off = targets(false, 0, 24.0, 0.0, 1.0);
        let y = run::<One32>(&x, 64, &[(0, 0, off)]);
        assert!(y[44..].iter().zip(&x).all(|(y, x)| y.0 == *x as f32));
        let sets = [
            (0, 0, off),
            (1003, 0, targets(true, 2, 12.0, -6.0, 0.8)),
            (3001, 0, targets(true, 3, 6.0, -6.0, 0.8)),
            (5007, 0, targets(true, 1, 6.0, -6.0, 0.0)),
            (8000, 0, targets(true, 1, 9.0, 0.0, 1.0)),
        ];
        let one = run::<One32>(&x, 64, &sets);
        assert_eq!(one, run::<One32>(&x, 1, &sets));
        assert_eq!(one, run::<One32>(&x, 17, &sets));
        // A neighbour at work does not show.
        let with: Vec<_> = sets.iter().copied().chain([(0, 1, targets(true, 2, 30.0, 0.0, 1.0))]).collect();
        let two = run::<Pair<One32>>(&x, 64, &with);
        assert!(one.iter().zip(&two).all(|(a, b)| f64::from(a.0) == b.get(0)));
    }

    #[test]
    fn a_change_of_anything_is_smooth() {
        let x = sine(200.0, 0.5, 9600);
        let from = targets(true, 0, 6.0, 0.0, 1.0);
        for to in [
            targets(true, 1, 6.0, 0.0, 1.0),
            targets(true, 2, 6.0, 0.0, 1.0),
            targets(true, 3, 6.0, 0.0, 1.0),
            targets(true, 0, 18.0, 0.0, 1.0),
            targets(true, 0, 6.0, 0.0, 0.2),
            targets(false, 0, 6.0, 0.0, 1.0),
        ] {
            let y = run::<One64>(&x, 64, &[(0, 0, from), (4800, 0, to)]);
            // Bends are as those of the curves themselves; a click would be a corner.
            let corner = y.windows(3).skip(200).map(|w| (w[2].0 - 2.0 * w[1].0 + w[0].0).abs()).fold(0.0, f64::max);
            assert!(corner < 0.02, "{corner}");
        }
    }

    #[test]
    fn nan_stays_in_its_lane_and_is_forgotten() {
        let mut x = sine(1000.0, 0.5, 4800);
        x[1000] = f64::NAN;
        let curve = ramp::Curve::new(RATE);
        let mut s = <Saturate as Processor>::build::<Pair<One32>>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
        for lane in 0..2 {
            Process::set(&mut s, 0, lane, &targets(true, 2 * lane, 12.0, 0.0, 1.0), When::Jump);
        }
        for (block, x) in x.chunks(64).enumerate() {
            let mut io: Vec<Pair<One32>> = x.iter().map(|x| Pair(One32(*x as f32), One32(0.25))).collect();
            let mut ctx = Ctx::new(64 * block as u64, Pair::<One32>::mask(0));
            Running::process(&mut s, &mut ctx, &mut io);
            assert!(io.iter().all(|y| y.get(1).is_finite()));
            if io.iter().any(|y| !y.get(0).is_finite()) {
                Process::clear(&mut s, 0);
            }
            if block > 20 {
                assert!(io.iter().all(|y| y.get(0).is_finite()), "{block}");
            }
        }
    }
}
