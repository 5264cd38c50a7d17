//! Parametric equaliser: up to eight bands in series.
//!
//! Each band is one section fitted to its analog prototype up to 20 kHz ([`crate::kernel::design`]);
//! the prototypes are those of "Cookbook formulae for audio EQ biquad filter coefficients"
//! (Bristow-Johnson). A band that is off, or has no gain to give, is bit-exact and costs nothing
//! where that holds for the whole bank. No latency.

use super::{Build, Count, Ctx, Params, Part, PartValues, Process, Processor, Targets};
use crate::kernel::design::{Shape, Spec, response_db};
use crate::kernel::svf::{self, Section, SvfCoeffs};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::When;

/// The names of the band types, in the order of [`SHAPES`].
const TYPES: &[&str] = &["peak", "lowshelf", "highshelf", "lowcut", "highcut", "notch", "bandpass"];

const SHAPES: [Shape; 7] =
    [Shape::Peak, Shape::LowShelf, Shape::HighShelf, Shape::LowCut, Shape::HighCut, Shape::Notch, Shape::BandPass];

/// Frequencies of bands 1 to 8 of a fresh strip: four spread over the spectrum, then those between.
const FREQS: &[f64] = &[100.0, 400.0, 2000.0, 8000.0, 50.0, 12000.0, 200.0, 4000.0];

/// The parameters of a band.
const BAND: &[Decl] = &[
    Decl::bool("on", true, "Band in the path"),
    Decl::names("type", TYPES, "Shape of the band"),
    Decl::log("freq", Unit::Hz, 20.0, 20000.0, 1000.0, "Centre, corner or midpoint"),
    Decl::float("gain", Unit::Db, -24.0, 24.0, 0.0, "Gain of a peak or shelf"),
    Decl::log("q", Unit::None, 0.1, 20.0, 0.7, "Quality: the higher, the narrower"),
];

/// The parametric equaliser.
pub struct Eq;

impl Processor for Eq {
    const NAME: &'static str = "eq";
    const DOC: &'static str = "Parametric equaliser";
    const PARTS: &'static [Part] = &[
        Part::common(&[Decl::bool("on", true, "Equaliser in the path")]),
        Part { prefix: "", count: Count::Bands, decls: BAND, defaults: &[("freq", FREQS)] },
    ];

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if part > 0 {
            to[..6].copy_from_slice(&band(&params.parts[part], rate));
        }
        to
    }

    type State<L: Lanes> = EqState<L>;

    fn build<L: Lanes>(build: &Build) -> EqState<L> {
        EqState { sections: (1..build.parts()).map(|_| Section::new(build.curve)).collect() }
    }
}

/// The section of one band.
fn band(p: &PartValues, rate: f64) -> SvfCoeffs {
    let shape = SHAPES[(p.num("type") as usize).min(SHAPES.len() - 1)];
    let spec = Spec { shape, freq: p.num("freq"), gain_db: p.num("gain"), q: p.num("q") };
    let idle = !p.on("on") || (shape.has_gain() && spec.gain_db == 0.0);
    if idle { spec.neutral(rate) } else { spec.section(rate) }
}

/// Magnitude in dB at a frequency in Hz, of an equaliser that is on.
pub fn response(params: &Params, rate: f64, hz: f64) -> f64 {
    params.parts.iter().skip(1).map(|p| response_db(&band(p, rate), rate, hz)).sum()
}

/// A bank of equalisers.
pub struct EqState<L> {
    sections: Box<[Section<L>]>,
}

impl<L: Lanes> Process<L> for EqState<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if let Some(section) = part.checked_sub(1).and_then(|band| self.sections.get_mut(band)) {
            section.set(lane, &std::array::from_fn(|i| to[i]), when);
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
mod tests;
