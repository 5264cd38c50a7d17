//! Filter sections whose magnitude follows the analog prototype up to the top of the audible band.
//!
//! A bilinear transform squeezes the top octaves: a bell at 10 kHz comes out several dB off. Here the
//! five numbers of a biquad are fitted to the prototype's magnitude instead (by Gauss-Newton steps, see `fit`), within
//! 0.1 dB up to 20 kHz at 48 kHz for anything but resonances near the top. Cuts are exact inverses
//! of boosts, and high shelves of low shelves. A section is a smooth function of its parameters.
//!
//! Control side: about 5 µs a section.

mod fit;

use super::svf::SvfCoeffs;
use fit::fit;
use std::f64::consts::PI;

/// What a section does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Bell.
    Peak,
    /// Shelf below the frequency.
    LowShelf,
    /// Shelf above the frequency.
    HighShelf,
    /// Second-order high-pass.
    LowCut,
    /// Second-order low-pass.
    HighCut,
    /// Second-order band-stop, silent at the frequency.
    Notch,
    /// Second-order band-pass, 0 dB at the frequency.
    BandPass,
    /// First-order high-pass; has no Q.
    LowCutFirst,
    /// First-order low-pass; has no Q.
    HighCutFirst,
}

/// A filter as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// What it does.
    pub shape: Shape,
    /// Centre, corner or midpoint in Hz.
    pub freq: f64,
    /// Gain of bells and shelves in dB.
    pub gain_db: f64,
    /// Q of the prototype.
    pub q: f64,
}

/// A polynomial in s: `[s², s, 1]`.
type Quadratic = [f64; 3];

impl Shape {
    /// Whether the gain in dB means anything to it.
    pub fn has_gain(self) -> bool {
        matches!(self, Shape::Peak | Shape::LowShelf | Shape::HighShelf)
    }
}

impl Spec {
    /// Numerator and denominator of the analog prototype, frequency normalised to 1.
    fn prototype(&self) -> (Quadratic, Quadratic) {
        let (a, q) = (10f64.powf(self.gain_db / 40.0), self.q);
        let pole = [1.0, 1.0 / q, 1.0];
        match self.shape {
            Shape::Peak => ([1.0, a / q, 1.0], [1.0, 1.0 / (a * q), 1.0]),
            Shape::LowShelf => ([a, a * a.sqrt() / q, a * a], [a, a.sqrt() / q, 1.0]),
            Shape::HighShelf => ([a * a, a * a.sqrt() / q, a], [1.0, a.sqrt() / q, a]),
            Shape::LowCut => ([1.0, 0.0, 0.0], pole),
            Shape::HighCut => ([0.0, 0.0, 1.0], pole),
            Shape::Notch => ([1.0, 0.0, 1.0], pole),
            Shape::BandPass => ([0.0, 1.0 / q, 0.0], pole),
            Shape::LowCutFirst => ([0.0, 1.0, 0.0], [0.0, 1.0, 1.0]),
            Shape::HighCutFirst => ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0]),
        }
    }

    /// Magnitude of the analog prototype in dB at a frequency in Hz: what a section is fitted to.
    pub fn analog_db(&self, hz: f64) -> f64 {
        let (n, d) = self.prototype();
        10.0 * (square(n, hz / self.freq) / square(d, hz / self.freq)).max(1e-30).log10()
    }

    /// The section at a rate in Hz. Frequencies at and beyond the Nyquist frequency are taken as far
    /// as the part of the curve below it goes.
    pub fn section(&self, rate: f64) -> SvfCoeffs {
        self.fit(rate).coeffs()
    }

    /// A section with the poles of [`Spec::section`] that passes its input unchanged: what a band
    /// that is off holds, so that switching it moves the mix only.
    pub fn neutral(&self, rate: f64) -> SvfCoeffs {
        let c = self.fit(rate).coeffs();
        [c[0], c[1], c[2], 1.0, 0.0, 0.0]
    }

    fn fit(&self, rate: f64) -> Matched {
        match self.shape {
            // A·(…)/(…) of a high shelf is the whole gain over the low shelf.
            Shape::HighShelf => {
                let low = Spec { shape: Shape::LowShelf, gain_db: self.gain_db.abs(), ..*self };
                let m = fit(&low, rate);
                if self.gain_db > 0.0 { m.inverse().scaled(self.gain_db) } else { m.scaled(self.gain_db) }
            }
            Shape::Peak | Shape::LowShelf if self.gain_db < 0.0 => fit(&Spec { gain_db: -self.gain_db, ..*self }, rate).inverse(),
            _ => fit(self, rate),
        }
    }
}

/// Magnitude in dB of a section at a frequency in Hz.
pub fn response_db(coeffs: &SvfCoeffs, rate: f64, hz: f64) -> f64 {
    let [a1, a2, a3, m0, m1, m2] = *coeffs;
    if (m1, m2) == (0.0, 0.0) {
        return 20.0 * m0.abs().max(1e-15).log10();
    }
    let g = a2 / a1;
    let k = (1.0 - a1 - a3) / a2;
    let t = (PI * hz / rate).tan() / g;
    10.0 * (square([m0, m0 * k + m1, m0 + m2], t) / square([1.0, k, 1.0], t)).max(1e-30).log10()
}

/// |p(jx)|².
fn square(p: Quadratic, x: f64) -> f64 {
    let (re, im) = (p[2] - p[0] * x * x, p[1] * x);
    re * re + im * im
}

/// A fitted section: see the head of this file.
#[derive(Clone, Copy, Debug)]
struct Matched {
    g: f64,
    k: f64,
    h: Quadratic,
}

impl Matched {
    fn inverse(self) -> Matched {
        let [h2, h1, h0] = self.h;
        let r = (h0 / h2).sqrt();
        Matched { g: self.g * r, k: h1 / (h0 * h2).sqrt(), h: [1.0 / h2, self.k * r / h0, 1.0 / h0] }
    }

    fn scaled(mut self, db: f64) -> Matched {
        self.h = self.h.map(|h| h * 10f64.powf(db / 20.0));
        self
    }

    fn coeffs(self) -> SvfCoeffs {
        let Matched { g, k, h: [h2, h1, h0] } = self;
        let a1 = 1.0 / (1.0 + g * (g + k));
        [a1, g * a1, g * g * a1, h2, h1 - k * h2, h0 - h2]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPES: [Shape; 9] = [
        Shape::Peak,
        Shape::LowShelf,
        Shape::HighShelf,
        Shape::LowCut,
        Shape::HighCut,
        Shape::Notch,
        Shape::BandPass,
        Shape::LowCutFirst,
        Shape::HighCutFirst,
    ];

    fn spec(shape: Shape, freq: f64, gain_db: f64, q: f64) -> Spec {
        Spec { shape, freq, gain_db, q }
    }

    /// Largest error in dB over 20 Hz … 20 kHz where the prototype is above −60 dB.
    fn error(spec: &Spec, rate: f64) -> f64 {
        let c = spec.section(rate);
        let at = |hz: f64| {
            let want = spec.analog_db(hz);
            if want > -60.0 { (response_db(&c, rate, hz) - want).abs() } else { 0.0 }
        };
        let wide = (0..=600).map(|i| 20.0 * 1000f64.powf(f64::from(i) / 600.0));
        let near = (-150..=150).map(|i| spec.freq * (f64::from(i) / 50.0 / spec.q.max(1.0)).exp());
        wide.chain(near.filter(|hz| (20.0..=20000.0).contains(hz))).map(at).fold(0.0, f64::max)
    }

    #[test]
    fn sections_match_the_analog_curve_up_to_20_khz() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let list = [
            (spec(Shape::Peak, 1000.0, 12.0, 1.0), 0.015),
            (spec(Shape::Peak, 10000.0, 12.0, 1.0), 0.14),
            (spec(Shape::Peak, 16000.0, 12.0, 1.0), 0.1),
            (spec(Shape::Peak, 16000.0, -12.0, 4.0), 0.12),
            (spec(Shape::HighShelf, 12000.0, 12.0, half), 0.1),
            (spec(Shape::HighShelf, 8000.0, 6.0, half), 0.1),
            (spec(Shape::LowShelf, 100.0, 12.0, half), 0.01),
            (spec(Shape::HighCut, 12000.0, 0.0, half), 0.1),
            (spec(Shape::LowCut, 30.0, 0.0, half), 0.01),
        ];
        for rate in [44100.0, 48000.0, 88200.0, 96000.0, 192000.0] {
            for (spec, bar) in list {
                let e = error(&spec, rate);
                let bar = if rate > 44100.0 { f64::min(bar, 0.1) } else { bar };
                assert!(e <= bar, "{spec:?} at {rate}: {e:.3} dB");
            }
        }
    }

    #[test]
    fn a_cut_undoes_its_boost() {
        for shape in [Shape::Peak, Shape::LowShelf, Shape::HighShelf] {
            let (up, down) = (spec(shape, 9000.0, 9.0, 1.3).section(48000.0), spec(shape, 9000.0, -9.0, 1.3).section(48000.0));
            for hz in [20.0, 1000.0, 9000.0, 15000.0, 23000.0] {
                let sum = response_db(&up, 48000.0, hz) + response_db(&down, 48000.0, hz);
                assert!(sum.abs() < 1e-9, "{shape:?} {hz}: {sum}");
            }
        }
    }

    #[test]
    fn a_notch_is_silent_and_cuts_block_their_end() {
        let notch = spec(Shape::Notch, 1234.0, 0.0, 5.0).section(44100.0);
        assert!(response_db(&notch, 44100.0, 1234.0) < -120.0);
        for shape in [Shape::LowCut, Shape::BandPass, Shape::LowCutFirst] {
            let c = spec(shape, 80.0, 0.0, 0.7).section(48000.0);
            assert!(response_db(&c, 48000.0, 1e-6) < -120.0, "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn every_setting_is_stable_and_near_its_prototype(
            shape in 0usize..9,
            freq in 0.0f64..=0.985,
            gain in -24.0f64..=24.0,
            q in 0.0f64..=1.0,
            rate in prop::sample::select(vec![44100.0, 48000.0, 96000.0, 192000.0]),
        ) {
            let spec = spec(SHAPES[shape], 20.0 * 1000f64.powf(freq), gain, 0.1 * 200f64.powf(q));
            let m = spec.fit(rate);
            prop_assert!(m.g.is_finite() && m.k.is_finite() && m.h.iter().all(|h| h.is_finite()), "{spec:?} {m:?}");
            prop_assert!(m.g > 0.0 && m.k > 0.0 && m.h.iter().all(|h| *h >= 0.0), "{spec:?} {m:?}");
            // Skirts 60 dB down and resonances close to the Nyquist frequency are the hard part.
            let steep = matches!(spec.shape, Shape::BandPass | Shape::Notch | Shape::HighCut);
            let bar = match (rate > 50000.0, spec.q) {
                (true, _) => 0.3,
                (_, ..1.5) if !steep => 0.4,
                (_, ..1.5) => 1.0,
                _ if spec.freq < 5000.0 => 1.0,
                _ => return Ok(()),
            };
            let e = error(&spec, rate);
            prop_assert!(e <= bar, "{spec:?} at {rate}: {e:.3} dB");
        }

        #[test]
        fn neighbours_in_frequency_are_neighbours_in_sound(
            shape in 0usize..9,
            freq in 0.0f64..=0.985,
            gain in -24.0f64..=24.0,
            q in 0.1f64..=2.0,
            rate in prop::sample::select(vec![44100.0, 48000.0, 96000.0]),
        ) {
            let a = spec(SHAPES[shape], 20.0 * 1000f64.powf(freq), gain, q);
            let b = Spec { freq: a.freq * 1.005, ..a };
            let (c, d) = (a.section(rate), b.section(rate));
            for i in 0..=60 {
                let hz = 20.0 * 1000f64.powf(f64::from(i) / 60.0);
                if a.analog_db(hz) > -60.0 && b.analog_db(hz) > -60.0 {
                    let moved = response_db(&d, rate, hz) - response_db(&c, rate, hz);
                    let wanted = b.analog_db(hz) - a.analog_db(hz);
                    prop_assert!((moved - wanted).abs() < 0.1, "{a:?} at {rate}, {hz} Hz: {moved} for {wanted}");
                }
            }
        }
    }
}
