//! High-pass and low-pass: Butterworth, 6 to 24 dB per octave, −3.01 dB at the frequency.
//!
//! Two SVF sections in series (a first-order section is a biquad with a zero). No latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::svf::{self, NEUTRAL, Section, SvfCoeffs};
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
    let w = (std::f64::consts::PI * freq / rate).tan();
    let first = || -> SvfCoeffs {
        let n = 1.0 / (1.0 + w);
        let b = if high { [n, -n, 0.0] } else { [w * n, w * n, 0.0] };
        svf::from_biquad(b, [(w - 1.0) * n, 0.0])
    };
    let second = |q: f64| -> SvfCoeffs {
        let k = 1.0 / q;
        let a1 = 1.0 / (1.0 + w * (w + k));
        let mix = if high { [1.0, -k, -1.0] } else { [0.0, 0.0, 1.0] };
        [a1, w * a1, w * w * a1, mix[0], mix[1], mix[2]]
    };
    let (one, two) = match slope {
        6 => (first(), NEUTRAL),
        12 => (second(std::f64::consts::FRAC_1_SQRT_2), NEUTRAL),
        18 => (second(1.0), first()),
        _ => (second(0.541_196_100_146_197), second(1.306_562_964_876_377)),
    };
    let mut to = Targets::default();
    to[..6].copy_from_slice(&one);
    to[6..].copy_from_slice(&two);
    to
}

/// A bank of filters.
pub struct Cut<L> {
    sections: [Section<L>; 2],
}

impl<L: Lanes> Process<L> for Cut<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        for (section, c) in self.sections.iter_mut().zip(to.chunks_exact(6)) {
            section.set(lane, c.try_into().unwrap_or(&NEUTRAL), when);
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
