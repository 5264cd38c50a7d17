//! Parametric equaliser: up to eight bands in series.
//!
//! Each band is one section fitted to its analog prototype up to 20 kHz ([`crate::kernel::design`]);
//! the prototypes are those of "Cookbook formulae for audio EQ biquad filter coefficients"
//! (Bristow-Johnson). A band that is off, or has no gain to give, is bit-exact and costs nothing
//! where that holds for the whole bank. No latency.

use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::band;
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::Decl;
use crate::ramp::When;

/// The parametric equaliser.
pub struct Eq;

impl Processor for Eq {
    const NAME: &'static str = "eq";
    const DOC: &'static str = "Parametric equaliser";
    const PARTS: &'static [Part] = &[
        Part::common(&[Decl::bool("on", true, "Equaliser in the path")]),
        Part { prefix: "", count: Count::Bands, decls: band::DECLS, defaults: &[("freq", band::FREQS)] },
    ];

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if part > 0 {
            to[..6].copy_from_slice(&band::section(&params.parts[part], rate));
        }
        to
    }

    type State<L: Lanes> = EqState<L>;

    fn build<L: Lanes>(build: &Build) -> EqState<L> {
        EqState { sections: (1..build.parts()).map(|_| Section::new(build.curve)).collect() }
    }
}

/// Magnitude in dB at a frequency in Hz, of an equaliser that is on.
pub fn response(params: &Params, rate: f64, hz: f64) -> f64 {
    params.parts.iter().skip(1).map(|p| band::response(p, rate, hz)).sum()
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
