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
        6 => (first.section(rate), steep.neutral(rate)),
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
