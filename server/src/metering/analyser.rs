//! Everything that is measured of one strip's output, as its samples come in.

use super::bands::Bands;
use super::readings::{Readings, decls, place};
use super::windows::{LONG, Windows};
use crate::analyze::loudness::Loudness;
use crate::analyze::truepeak::TruePeak;
use headroom_dsp::tree::BANDS;

/// Lowest level told.
const FLOOR_DB: f64 = -144.0;

/// See the module documentation. Readings depend on the samples alone, not on how they are cut into blocks.
pub struct Analyser {
    rate: u32,
    loudness: Loudness,
    truepeak: TruePeak,
    windows: Windows,
    bands: Bands,
    /// Largest true peak before the last change of rate.
    earlier: f64,
    peak: f64,
    clips: u64,
    sides: Vec<Vec<f64>>,
    /// Integrated loudness and range, and how much was measured when they were worked out.
    gated: (u64, Option<f64>, Option<f64>),
}

impl Analyser {
    /// For a strip with this many sides (1 or 2) at `rate` Hz.
    pub fn new(rate: u32, sides: usize) -> Self {
        Analyser {
            rate,
            loudness: Loudness::new(rate, &vec![1.0; sides]),
            truepeak: TruePeak::new(sides),
            windows: Windows::new(rate),
            bands: Bands::new(rate, sides),
            earlier: 0.0,
            peak: 0.0,
            clips: 0,
            sides: vec![Vec::new(); sides],
            gated: (0, None, None),
        }
    }

    /// Goes on with other samples: a changed rate, or a strip that became mono or stereo. Readings stay.
    pub fn change(&mut self, rate: u32, sides: usize) {
        if rate == self.rate && sides == self.sides.len() {
            return;
        }
        self.loudness.change(rate, &vec![1.0; sides]);
        self.windows.at_rate(f64::from(rate) / f64::from(self.rate), rate);
        self.earlier = self.earlier.max(self.truepeak.peak());
        self.truepeak = TruePeak::new(sides);
        self.bands = Bands::new(rate, sides);
        self.sides = vec![Vec::new(); sides];
        self.rate = rate;
    }

    /// Starts what counts from a reset anew.
    pub fn reset(&mut self) {
        self.loudness.reset();
        self.truepeak.reset();
        self.gated = (0, None, None);
        (self.earlier, self.peak, self.clips) = (0.0, 0.0, 0);
    }

    /// Takes whole frames, the sides in turn.
    pub fn add(&mut self, interleaved: &[f32]) {
        let count = self.sides.len();
        for (side, to) in self.sides.iter_mut().enumerate() {
            to.clear();
            let finite = |x: &f32| if x.is_finite() { f64::from(*x) } else { 0.0 };
            to.extend(interleaved.iter().skip(side).step_by(count).map(finite));
            self.peak = to.iter().fold(self.peak, |peak, x| peak.max(x.abs()));
            self.clips += to.iter().filter(|x| x.abs() >= 1.0).count() as u64;
        }
        self.loudness.add(&self.sides);
        self.truepeak.add(&self.sides);
        self.windows.add(&self.sides);
        self.bands.add(&self.sides);
        if self.loudness.measured() != self.gated.0 {
            self.gated = (self.loudness.measured(), self.loudness.integrated(), self.loudness.range());
        }
    }

    /// A figure by its address below the strip, one number or one a side. Of the spectrum see [`Analyser::spectrum`].
    pub fn figure(&self, path: &str) -> [f64; 2] {
        let k = |zero: f64| {
            let [left, right, _] = self.windows.means(LONG);
            [left, right].map(|square| if square > 0.0 { (level(square) + zero).max(FLOOR_DB) } else { FLOOR_DB })
        };
        let lufs = |reading: Option<f64>| reading.map_or(FLOOR_DB, |x| x.max(FLOOR_DB));
        let one = match path {
            "loudness/momentary" => lufs(self.loudness.momentary()),
            "loudness/shortterm" => lufs(self.loudness.shortterm()),
            "loudness/integrated" => lufs(self.gated.1),
            "loudness/range" => lufs(self.gated.2),
            "loudness/truepeak" => decibels(self.truepeak.peak().max(self.earlier)),
            "meter/k20" => return k(20.0),
            "meter/k14" => return k(14.0),
            "meter/k12" => return k(12.0),
            "meter/headroom" => 0.0 - decibels(self.peak),
            // Whole numbers to here are exact in the cells.
            "meter/clips" => self.clips.min(1 << 24) as f64,
            "meter/correlation" => self.windows.correlation(),
            "meter/mid" => level(self.windows.mid_side()[0]),
            "meter/side" => level(self.windows.mid_side()[1]),
            _ => 0.0,
        };
        [one; 2]
    }

    /// Levels in sixths of an octave, dBFS.
    pub fn spectrum(&self) -> [f64; BANDS] {
        self.bands.power().map(level)
    }

    /// Puts all figures into the cells.
    pub fn publish(&self, readings: &Readings) {
        for decl in decls() {
            let Some(first) = place(decl.path) else { continue };
            if decl.path == "meter/spectrum" {
                self.spectrum().iter().enumerate().for_each(|(n, x)| readings.put(first + n, *x));
            } else {
                let figure = self.figure(decl.path);
                figure.iter().take(decl.width.of(2)).enumerate().for_each(|(n, x)| readings.put(first + n, *x));
            }
        }
    }
}

/// dB of an amplitude, floored.
fn decibels(amplitude: f64) -> f64 {
    if amplitude > 0.0 { (20.0 * amplitude.log10()).max(FLOOR_DB) } else { FLOOR_DB }
}

/// dBFS of a mean square: a full-scale sine reads 0.
fn level(square: f64) -> f64 {
    decibels((2.0 * square).sqrt())
}
