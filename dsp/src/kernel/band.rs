//! The band of an equaliser: its parameters, and the section that they mean.
//!
//! Sections are fitted to their analog prototypes up to 20 kHz ([`super::design`]); the prototypes are those
//! of "Cookbook formulae for audio EQ biquad filter coefficients" (Bristow-Johnson).

use super::design::{Shape, Spec, response_db};
use super::svf::SvfCoeffs;
use crate::param::{Decl, Unit};
use crate::proc::PartValues;

/// The names of the band types, in the order of [`SHAPES`].
pub const TYPES: &[&str] = &["peak", "lowshelf", "highshelf", "lowcut", "highcut", "notch", "bandpass"];

/// What the types do.
pub const SHAPES: [Shape; 7] =
    [Shape::Peak, Shape::LowShelf, Shape::HighShelf, Shape::LowCut, Shape::HighCut, Shape::Notch, Shape::BandPass];

/// Frequencies of bands 1 to 8 of a fresh strip: four spread over the spectrum, then those between.
pub const FREQS: &[f64] = &[100.0, 400.0, 2000.0, 8000.0, 50.0, 12000.0, 200.0, 4000.0];

/// The switch of a band.
pub const ON: Decl = Decl::bool("on", true, "Band in the path");
/// The place of a band.
pub const FREQ: Decl = Decl::log("freq", Unit::Hz, 20.0, 20000.0, 1000.0, "Centre, corner or midpoint");
/// The gain of a band.
pub const GAIN: Decl = Decl::float("gain", Unit::Db, -24.0, 24.0, 0.0, "Gain of a peak or shelf");
/// The width of a band.
pub const Q: Decl = Decl::log("q", Unit::None, 0.1, 20.0, 0.7, "Quality: the higher, the narrower");

/// The parameters of a band.
pub const DECLS: &[Decl] = &[ON, Decl::names("type", TYPES, "Shape of the band"), FREQ, GAIN, Q];

/// The filter of one band, and whether it has nothing to do.
pub fn spec(p: &PartValues) -> (Spec, bool) {
    let shape = SHAPES[(p.num("type") as usize).min(SHAPES.len() - 1)];
    let spec = Spec { shape, freq: p.num("freq"), gain_db: p.num("gain"), q: p.num("q") };
    (spec, !p.on("on") || (shape.has_gain() && spec.gain_db == 0.0))
}

/// The section of one band.
pub fn section(p: &PartValues, rate: f64) -> SvfCoeffs {
    let (spec, idle) = spec(p);
    if idle { spec.neutral(rate) } else { spec.section(rate) }
}

/// Magnitude of one band in dB at a frequency in Hz.
pub fn response(p: &PartValues, rate: f64, hz: f64) -> f64 {
    response_db(&section(p, rate), rate, hz)
}
