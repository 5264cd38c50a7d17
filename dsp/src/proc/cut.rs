//! High-pass and low-pass: Butterworth, 6 to 24 dB per octave, −3.01 dB at the frequency.
//!
//! Two sections in series, fitted to the analog prototype up to 20 kHz ([`crate::kernel::design`]).
//! No latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::design::{Shape, Spec, response_db};
use crate::kernel::svf::{self, Section, SvfCoeffs};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::When;

const SLOPES: &[i64] = &[6, 12, 18, 24];

/// The high-pass filter.
pub struct Hpf;

/// The low-pass filter.
pub struct Lpf;

macro_rules! cut {
    ($type:ident, $name:literal, $doc:literal, $freq:literal, $high:literal) => {
        impl Processor for $type {
            const NAME: &'static str = $name;
            const DOC: &'static str = $doc;
            const PARTS: &'static [Part] = &[Part::common(&[
                Decl::bool("on", false, "Filter in the path"),
                Decl::log("freq", Unit::Hz, 20.0, 20000.0, $freq, "Corner frequency, −3.01 dB"),
                Decl::steps("slope", Unit::DbOct, SLOPES, 12, "Steepness beyond the corner"),
            ])];

            fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
                let p = params.parts[0];
                design($high, p.num("freq"), p.num("slope") as i64, rate)
            }

            type State<L: Lanes> = Cut<L>;

            fn build<L: Lanes>(build: &Build) -> Cut<L> {
                Cut { sections: [Section::new(build.curve), Section::new(build.curve)] }
            }
        }
    };
}

cut!(Hpf, "hpf", "High-pass filter", 80.0, true);
cut!(Lpf, "lpf", "Low-pass filter", 12000.0, false);

/// Two sections for a slope of 6, 12, 18 or 24 dB per octave.
fn design(high: bool, freq: f64, slope: i64, rate: f64) -> Targets {
    let spec = |shape, q| Spec { shape, freq, gain_db: 0.0, q };
    let first = spec(if high { Shape::LowCutFirst } else { Shape::HighCutFirst }, 1.0);
    let second = |q| spec(if high { Shape::LowCut } else { Shape::HighCut }, q);
    // Q of Butterworth's pairs. A section that a slope does not need keeps the poles it may get.
    let steep = second(1.306_562_964_876_377);
    let (one, two) = match slope {
        6 => (second(1.0).neutral(rate), first.section(rate)),
        12 => (second(std::f64::consts::FRAC_1_SQRT_2).section(rate), steep.neutral(rate)),
        18 => (second(1.0).section(rate), first.section(rate)),
        _ => (second(0.541_196_100_146_197).section(rate), steep.section(rate)),
    };
    let mut to = Targets::default();
    to[..6].copy_from_slice(&one);
    to[6..].copy_from_slice(&two);
    to
}

fn sections(to: &Targets) -> [SvfCoeffs; 2] {
    let half = |from: usize| std::array::from_fn(|i| to[from + i]);
    [half(0), half(6)]
}

/// Magnitude in dB at a frequency in Hz, of a high-pass or low-pass that is on.
pub fn response(high: bool, params: &Params, rate: f64, hz: f64) -> f64 {
    let p = params.parts[0];
    let to = design(high, p.num("freq"), p.num("slope") as i64, rate);
    sections(&to).iter().map(|c| response_db(c, rate, hz)).sum()
}

/// A bank of filters.
pub struct Cut<L> {
    sections: [Section<L>; 2],
}

impl<L: Lanes> Process<L> for Cut<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        for (section, c) in self.sections.iter_mut().zip(sections(to)) {
            section.set(lane, &c, when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        svf::run(&mut self.sections, ctx.frame, io);
    }

    fn clear(&mut self, lane: usize) {
        self.sections.iter_mut().for_each(|s| s.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for (to, from) in self.sections.iter_mut().zip(&from.sections) {
            to.carry(lane, from, from_lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, Pair};
    use crate::param::Value;
    use crate::proc::{PartValues, Running};
    use crate::ramp::Curve;
    use std::f64::consts::TAU;

    fn values(freq: f64, slope: i64) -> [Value; 3] {
        [Value::Bool(true), Value::Float(freq), Value::Int(slope)]
    }

    fn params(values: &[Value]) -> Params<'_> {
        Params { parts: vec![PartValues { decls: Hpf::PARTS[0].decls, values }] }
    }

    /// Butterworth's magnitude in dB, in s.
    fn butterworth(high: bool, ratio: f64, slope: i64) -> f64 {
        let x = if high { 1.0 / ratio } else { ratio };
        -10.0 * (1.0 + x.powi(slope as i32 / 3)).log10()
    }

    #[test]
    fn cuts_are_butterworth_up_to_20_khz() {
        for rate in [44100.0, 48000.0, 96000.0, 192000.0] {
            for (high, freq) in [(true, 30.0), (true, 80.0), (true, 400.0), (true, 1000.0), (false, 5000.0), (false, 12000.0)] {
                for slope in [6, 12, 18, 24] {
                    let v = values(freq, slope);
                    for i in 0..=100 {
                        let hz = 20.0 * 1000f64.powf(f64::from(i) / 100.0);
                        let (got, want) = (response(high, &params(&v), rate, hz), butterworth(high, hz / freq, slope));
                        let bar = if freq <= 1000.0 { 0.05 } else { 0.21 };
                        if want > -60.0 {
                            assert!(
                                (got - want).abs() < bar,
                                "{high} {freq} {slope} at {rate}: {got:.3} for {want:.3} at {hz:.0}"
                            );
                        }
                    }
                    let corner = response(high, &params(&v), rate, freq);
                    assert!((corner + 3.01).abs() < 0.1, "{corner}");
                }
            }
        }
    }

    /// Two lanes of a sine, the first changed in mid-run; largest step between samples.
    fn run(from: (f64, i64), to: (f64, i64)) -> Vec<Pair<One32>> {
        let curve = Curve::new(48000.0);
        let mut cut = <Lpf as Processor>::build::<Pair<One32>>(&Build { rate: 48000.0, curve: &curve, lanes: &[], seeds: &[] });
        let coeffs = |(freq, slope)| Lpf::coeffs(0, &params(&values(freq, slope)), 48000.0);
        Process::set(&mut cut, 0, 0, &coeffs(from), When::Jump);
        Process::set(&mut cut, 0, 1, &coeffs(from), When::Jump);
        let mut out = Vec::new();
        for block in 0..300 {
            let frame = block * 64;
            if block == 100 {
                Process::set(&mut cut, 0, 0, &coeffs(to), When::At(frame));
            }
            let sine = |i: u64| (TAU * 100.0 * (frame + i) as f64 / 48000.0).sin();
            let mut io: Vec<_> = (0..64).map(|i| Pair::<One32>::from_fn(|_| sine(i))).collect();
            let mut ctx = Ctx::new(frame, Pair::<One32>::mask(0));
            Running::process(&mut cut, &mut ctx, &mut io);
            out.extend(io);
        }
        out
    }

    #[test]
    fn a_change_of_slope_or_corner_glides_and_stays_in_its_lane() {
        let still = run((500.0, 24), (500.0, 24));
        for to in [(500.0, 6), (500.0, 12), (500.0, 18), (5000.0, 24), (120.0, 24)] {
            let moved = run((500.0, 24), to);
            assert!(moved.iter().zip(&still).all(|(a, b)| a.get(1).to_bits() == b.get(1).to_bits()));
            // A 100 Hz sine moves by 0.0131 a sample; a gliding phase adds little to that.
            let steps = moved.windows(2).skip(3000).map(|w| (w[1].get(0) - w[0].get(0)).abs());
            assert!(steps.fold(0.0, f64::max) < 0.016, "{to:?}");
        }
    }
}
