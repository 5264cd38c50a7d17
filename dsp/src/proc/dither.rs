//! Dither: rounds the output to 16 or 24 bits so that the error is noise and never distortion. No latency.
//!
//! The noise is triangular, two steps wide, so that neither the error's mean nor its power depends on the
//! signal ("Quantization and Dither: A Theoretical Survey", Lipshitz, Wannamaker, Vanderkooy). `shaped`
//! feeds the rounding errors back: up to 60 kHz through the five taps of "Minimally Audible Noise Shaping"
//! (Lipshitz, Vanderkooy, Wannamaker; at 4 kHz 20 dB less noise, above 12 kHz more), at higher rates
//! through a double zero at 0 Hz, which moves the noise above hearing. The feedback is finite and the
//! errors are at most 1.5 steps, so it is stable for any input.
//!
//! After one second of exact zeros the noise stops and zeros come out.

use super::{Build, Ctx, Params, Part, Place, Process, Processor, Targets};
use crate::kernel::noise::Noise;
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::When;

/// The dither.
pub struct Dither;

const TAPS: usize = 5;
/// "Minimally Audible Noise Shaping", the five-tap filter, for 44.1 and 48 kHz.
const AUDIBLE: [f64; TAPS] = [2.033, -2.165, 1.959, -1.590, 0.6149];
/// (1 − z⁻¹)², for higher rates.
const DOUBLE: [f64; TAPS] = [2.0, -1.0, 0.0, 0.0, 0.0];

impl Processor for Dither {
    const NAME: &'static str = "dither";
    const DOC: &'static str = "Dither to the word length of the output";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Dither in the path"),
        Decl::steps("bits", Unit::Bits, &[16, 24], 16, "Word length"),
        Decl::names("shape", &["tpdf", "shaped"], "White, or shaped to be heard less"),
    ])];
    const PLACE: Place = Place::Last(1);

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let taps = match (p.num("shape") as usize, rate > 60_000.0) {
            (0, _) => [0.0; TAPS],
            (_, false) => AUDIBLE,
            (_, true) => DOUBLE,
        };
        let mut to = Targets::default();
        to[0] = (p.num("bits") - 1.0).exp2();
        to[1..=TAPS].copy_from_slice(&taps);
        to
    }

    type State<L: Lanes> = DitherBank<L>;

    fn build<L: Lanes>(build: &Build) -> DitherBank<L> {
        let quiet = build.rate.round();
        DitherBank {
            steps: L::splat(32768.0),
            taps: [L::zero(); TAPS],
            noise: Noise::new(build.seeds),
            errors: [L::zero(); TAPS],
            zeros: L::splat(quiet),
            quiet,
        }
    }
}

/// Dither of every lane.
///
/// | state | per lane |
/// | --- | --- |
/// | `errors` | the last rounding errors in steps, newest first |
/// | `zeros` | frames of zeros so far, up to `quiet`: one second |
pub struct DitherBank<L> {
    /// Steps from 0 to full scale.
    steps: L,
    taps: [L; TAPS],
    noise: Noise,
    errors: [L; TAPS],
    zeros: L,
    quiet: f64,
}

impl<L: Lanes> Process<L> for DitherBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, _when: When) {
        self.steps.set(lane, to[0]);
        for (tap, x) in self.taps.iter_mut().zip(&to[1..]) {
            tap.set(lane, *x);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let (steps, step, taps) = (self.steps, L::splat(1.0) / self.steps, self.taps);
        let (quiet, one, zero) = (L::splat(self.quiet), L::splat(1.0), L::zero());
        let (mut e, mut zeros) = (self.errors, self.zeros);
        for (x, frame) in io.iter_mut().zip(ctx.frame..) {
            let sounds = x.abs().link(ctx.pairs).gt(zero);
            zeros = L::select(sounds, zero, (zeros + one).min(quiet));
            let silent = zeros.ge(quiet);
            let older = taps[1].mul_add(e[1], taps[2].mul_add(e[2], taps[3].mul_add(e[3], taps[4] * e[4])));
            let wanted = *x * steps - taps[0].mul_add(e[0], older);
            let y = round(wanted + self.noise.tpdf::<L>(frame));
            let error = L::select(silent, zero, (y - wanted).finite_or_zero());
            e = [error, e[0], e[1], e[2], e[3]];
            *x = L::select(silent, zero, y * step);
        }
        (self.errors, self.zeros) = (e, zeros);
    }

    fn clear(&mut self, lane: usize) {
        self.errors.iter_mut().for_each(|e| e.set(lane, 0.0));
        self.zeros.set(lane, self.quiet);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.steps.set(lane, from.steps.get(from_lane));
        self.noise.reseed(lane, from.noise.seed(from_lane));
        self.zeros.set(lane, from.zeros.get(from_lane));
        for k in 0..TAPS {
            self.taps[k].set(lane, from.taps[k].get(from_lane));
            self.errors[k].set(lane, from.errors[k].get(from_lane));
        }
    }

    fn rest(&self, lane: usize) -> bool {
        self.zeros.get(lane) >= self.quiet
    }
}

/// The nearest whole number, also where it takes all bits of an `f32`.
#[inline(always)]
fn round<L: Lanes>(x: L) -> L {
    let coarse = (x * L::splat(0.125)).round() * L::splat(8.0);
    coarse + (x - coarse).round()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Path, Plain32};
    use crate::param::Value;
    use crate::proc::{PartValues, Running};
    use crate::ramp::Curve;
    use std::f64::consts::TAU;

    const LSB: f64 = 1.0 / 32768.0;

    fn targets(bits: i64, shape: i64, rate: f64) -> Targets {
        let values = [Value::Bool(true), Value::Int(bits), Value::Int(shape)];
        let part = PartValues { decls: Dither::PARTS[0].decls, values: &values };
        Dither::coeffs(0, &Params { parts: vec![part] }, rate)
    }

    fn bank<L: Lanes>(bits: i64, shape: i64, rate: f64, seeds: &[u64]) -> DitherBank<L> {
        let curve = Curve::new(rate);
        let mut bank = Dither::build::<L>(&Build { rate, curve: &curve, lanes: &[], seeds });
        (0..L::N).for_each(|lane| Running::set(&mut bank, 0, lane, &targets(bits, shape, rate), When::Jump));
        bank
    }

    /// Runs a function of lane and frame through a bank; one vector of samples a lane.
    fn run<L: Lanes>(bank: &mut DitherBank<L>, n: usize, block: usize, x: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
        let mut out = vec![Vec::new(); L::N];
        for from in (0..n).step_by(block) {
            let mut io: Vec<L> = (from..(from + block).min(n)).map(|f| L::from_fn(|lane| x(lane, f))).collect();
            let mut ctx = Ctx::new(from as u64, L::mask(0));
            bank.process(&mut ctx, &mut io);
            for (lane, out) in out.iter_mut().enumerate() {
                out.extend(io.iter().map(|v| v.get(lane)));
            }
        }
        out
    }

    fn tone(f: usize) -> f64 {
        1e-3 * (TAU * 997.0 * f as f64 / 48000.0).sin()
    }

    fn on_grid(y: &[f64]) -> bool {
        y.iter().all(|y| (y / LSB).fract() == 0.0)
    }

    fn rms_db(x: impl Iterator<Item = f64>, n: usize) -> f64 {
        10.0 * (x.map(|x| x * x).sum::<f64>() / n as f64).log10()
    }

    /// Amplitude of one frequency.
    fn line(y: &[f64], freq: f64, rate: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, y) in y.iter().enumerate() {
            let (s, c) = (TAU * freq * n as f64 / rate).sin_cos();
            (re, im) = (re + y * c, im + y * s);
        }
        2.0 * re.hypot(im) / y.len() as f64
    }

    #[test]
    fn a_tone_keeps_its_shape_under_white_noise() {
        let n = 48000 * 40;
        let y = run(&mut bank::<One64>(16, 0, 48000.0, &[7]), n, 64, |_, f| tone(f)).remove(0);
        assert!(on_grid(&y));
        let noise = rms_db(y.iter().enumerate().map(|(f, y)| y - tone(f)), n);
        assert!((noise + 96.33).abs() < 0.1, "{noise} dBFS");
        for k in 2..10 {
            let level = 20.0 * line(&y, 997.0 * f64::from(k), 48000.0).log10();
            assert!(level <= -125.0, "harmonic {k}: {level} dBFS");
        }
        assert!((line(&y, 997.0, 48000.0) / 1e-3 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn neither_mean_nor_power_of_the_noise_follows_the_signal() {
        for tenth in 0..=10 {
            let dc = f64::from(tenth) * 0.1 * LSB;
            let n = 400_000;
            let y = run(&mut bank::<One64>(16, 0, 48000.0, &[3]), n, 64, |_, _| 0.25 + dc).remove(0);
            let mean = y.iter().map(|y| y - 0.25 - dc).sum::<f64>() / n as f64 / LSB;
            let power = rms_db(y.iter().map(|y| y - 0.25 - dc), n);
            assert!(mean.abs() <= 0.01 && (power + 96.33).abs() < 0.05, "{tenth}: mean {mean} LSB, {power} dBFS");
        }
    }

    #[test]
    fn f32_strips_reach_the_grid_of_both_word_lengths() {
        let y = run(&mut bank::<One32>(24, 0, 48000.0, &[1]), 48000, 64, |_, f| 900.0 * tone(f)).remove(0);
        assert!(y.iter().all(|y| (y * 8_388_608.0).fract() == 0.0));
        let worst = y.iter().enumerate().map(|(f, y)| (y - 900.0 * tone(f)).abs() * 8_388_608.0).fold(0.0, f64::max);
        assert!(worst <= 2.6, "{worst} steps");
        let y = run(&mut bank::<One32>(16, 0, 48000.0, &[1]), 96000, 64, |_, f| tone(f)).remove(0);
        let noise = rms_db(y.iter().enumerate().map(|(f, y)| y - tone(f)), y.len());
        assert!(on_grid(&y) && (noise + 96.33).abs() < 0.1, "{noise} dBFS");
    }

    /// Mean power of the noise between two frequencies against that of white noise, dB.
    fn band_db(y: &[f64], rate: f64, low: f64, high: f64) -> f64 {
        let size = 4096;
        let plan = realfft::RealFftPlanner::<f64>::new().plan_fft_forward(size);
        let (mut sum, mut count) = (0.0, 0.0);
        for part in y.chunks_exact(size) {
            let mut time: Vec<f64> =
                part.iter().enumerate().map(|(i, y)| y * (TAU * i as f64 / size as f64).cos().mul_add(-0.5, 0.5)).collect();
            let mut bins = plan.make_output_vec();
            plan.process(&mut time, &mut bins).unwrap();
            for (k, b) in bins.iter().enumerate() {
                let f = k as f64 * rate / size as f64;
                if (low..high).contains(&f) {
                    sum += b.norm_sqr();
                    count += size as f64 * 0.375;
                }
            }
        }
        10.0 * (sum / count / (LSB * LSB / 4.0)).log10()
    }

    #[test]
    fn shaped_noise_moves_to_where_hearing_is_weak() {
        for rate in [44100.0, 48000.0] {
            let y = run(&mut bank::<One64>(16, 1, rate, &[5]), 400_000, 64, |_, f| tone(f)).remove(0);
            assert!(on_grid(&y));
            let e: Vec<f64> = y.iter().enumerate().map(|(f, y)| y - tone(f)).collect();
            let (ear, high) = (band_db(&e, rate, 2500.0, 5000.0), band_db(&e, rate, 14000.0, 20000.0));
            println!("{rate}: {ear:.1} dB at 2.5 to 5 kHz, {high:.1} dB at 14 to 20 kHz");
            assert!(ear < -8.0 && high < 20.0, "{ear} dB, {high} dB");
        }
        let y = run(&mut bank::<One64>(16, 1, 96000.0, &[5]), 400_000, 64, |_, f| tone(f)).remove(0);
        let e: Vec<f64> = y.iter().enumerate().map(|(f, y)| y - tone(f)).collect();
        assert!(band_db(&e, 96000.0, 20.0, 10000.0) < -10.0);
    }

    #[test]
    fn channels_are_independent_and_runs_repeat() {
        let n = 200_000;
        let make = || bank::<crate::lanes::Pair<One64>>(16, 0, 48000.0, &[1, 2]);
        let y = run(&mut make(), n, 64, |_, f| tone(f));
        let error = |lane: usize, f: usize| (y[lane][f] - tone(f)) / LSB;
        let r = (0..n).map(|f| error(0, f) * error(1, f)).sum::<f64>() / n as f64 / 0.25;
        assert!(r.abs() < 0.01, "{r}");
        assert_eq!(y, run(&mut make(), n, 17, |_, f| tone(f)));
        let shaped = |block| run(&mut bank::<One64>(16, 1, 48000.0, &[1]), 5000, block, |_, f| tone(f));
        assert_eq!(shaped(1), shaped(64));
    }

    #[test]
    fn it_stops_a_second_after_the_signal() {
        let x = |f: usize| if f < 1000 { 0.1 } else { 0.0 };
        let mut dither = bank::<One64>(16, 1, 48000.0, &[1]);
        let y = run(&mut dither, 60_000, 64, |_, f| x(f)).remove(0);
        assert!(y[48_800..48_990].iter().any(|y| *y != 0.0));
        assert!(y[49_000..].iter().all(|y| y.to_bits() == 0));
        assert!(Running::rest(&dither, 0));
        let silent = run(&mut bank::<One64>(16, 0, 48000.0, &[1]), 1000, 64, |_, _| 0.0).remove(0);
        assert!(silent.iter().all(|y| *y == 0.0), "a strip that never sounded stays silent");
    }

    #[test]
    fn a_broken_lane_recovers_and_leaves_the_other_alone() {
        let make = || bank::<crate::lanes::Pair<One64>>(16, 1, 48000.0, &[1, 2]);
        let fine = run(&mut make(), 2000, 64, |_, f| tone(f));
        let broken = run(&mut make(), 2000, 64, |lane, f| if lane == 1 && f == 100 { f64::NAN } else { tone(f) });
        assert_eq!(fine[0], broken[0]);
        assert!(broken[1][101..].iter().all(|y| y.is_finite()));
    }

    fn lanes_agree<W: Lanes, S: Lanes>() {
        let seeds: Vec<u64> = (10..18).collect();
        let mut wide = bank::<W>(16, 0, 48000.0, &seeds);
        let shape = |lane: usize| targets(if lane.is_multiple_of(3) { 24 } else { 16 }, lane as i64 % 2, 48000.0);
        (0..W::N).for_each(|lane| Running::set(&mut wide, 0, lane, &shape(lane), When::Jump));
        let x = |lane: usize, f: usize| tone(f) * (lane + 1) as f64;
        let all = run(&mut wide, 3000, 64, x);
        for (lane, all) in all.iter().enumerate() {
            let mut one = bank::<S>(16, 0, 48000.0, &seeds[lane..]);
            Running::set(&mut one, 0, 0, &shape(lane), When::Jump);
            assert_eq!(run(&mut one, 3000, 64, |_, f| x(lane, f))[0], *all, "lane {lane}");
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_lane_equals_the_scalar_run() {
        use crate::lanes::{AvxF32, AvxF64, Pair, SseF32};
        lanes_agree::<Pair<SseF32>, Plain32>();
        if Path::available().contains(&Path::Avx2) {
            lanes_agree::<AvxF32, One32>();
            lanes_agree::<AvxF64, One64>();
        }
    }
}
