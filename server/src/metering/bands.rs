//! A real-time spectrum in sixths of an octave.
//!
//! The bands are those of IEC 61260-1 for b = 6, base ten: their edges are 20 Hz · 10^(n/20), so 60 of them fill
//! 20 Hz to 20 kHz exactly (1 kHz, as the standard has it for even b, is an edge). Each is measured by the shortest
//! of three transforms that resolves it: of the signal itself (85 ms at 48 kHz), of every fourth sample (0.34 s) and
//! of every sixteenth (1.4 s), under a Blackman-Harris window (four terms, −92 dB), so that a tone shows in its band,
//! a little in the neighbours, and nowhere else. Power is averaged with the 125 ms of "fast" (IEC 61672-1).

use headroom_dsp::tree::BANDS;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// Lowest edge, Hz; the standard's own figure.
const LOWEST: f64 = 19.952_623_149_688_797;
/// "Fast" time weighting, seconds.
const FAST: f64 = 0.125;
/// Lines that half a band has to cover.
const RESOLVED: f64 = 1.9;
/// Taps of the filter before every fourth sample is taken.
const TAPS: usize = 32;
/// Power under which a band is empty: far below −144 dBFS.
const NOTHING: f64 = 1e-18;

/// Edges of a band, Hz.
pub fn edges(band: usize) -> [f64; 2] {
    [band, band + 1].map(|n| LOWEST * 10f64.powf(n as f64 / 20.0))
}

/// Takes every fourth sample. What would fold down to the bands measured then is 100 dB down.
struct Fourth {
    taps: [f32; TAPS],
    past: [f32; TAPS],
    at: usize,
}

impl Fourth {
    fn new() -> Self {
        // A windowed sinc at an eighth of the rate: flat to 1 % of the rate, stopped from 24 %.
        let middle = (TAPS - 1) as f64 / 2.0;
        let taps: [f64; TAPS] = std::array::from_fn(|k| {
            let x = k as f64 - middle;
            let u = TAU * (k as f64 + 0.5) / TAPS as f64;
            let window = 0.358_75 - 0.488_29 * u.cos() + 0.141_28 * (2.0 * u).cos() - 0.011_68 * (3.0 * u).cos();
            (PI * x / 4.0).sin() / (PI * x) * window
        });
        let sum: f64 = taps.iter().sum();
        Fourth { taps: taps.map(|t| (t / sum) as f32), past: [0.0; TAPS], at: 0 }
    }

    fn add(&mut self, x: f32) -> Option<f32> {
        self.past[self.at % TAPS] = x;
        self.at += 1;
        if !self.at.is_multiple_of(4) {
            return None;
        }
        // The filter is symmetric: either direction will do.
        let (new, old) = self.past.split_at(self.at % TAPS);
        Some(old.iter().chain(new).zip(&self.taps).map(|(x, t)| x * t).sum())
    }
}

/// One transform: where it gets its samples, and the lines of its bands.
struct Level {
    hop: usize,
    /// The last `size` samples of each side, oldest at `at`.
    rings: Vec<Vec<f32>>,
    at: usize,
    since: usize,
    /// Share of a new measurement in the average.
    share: f64,
    /// Bands, each with its first line and the shares of the lines from there on.
    bands: Vec<(usize, usize, Vec<f64>)>,
}

/// See the module documentation.
pub struct Bands {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// Mean square of a line's power.
    scale: f64,
    fourths: Vec<[Fourth; 2]>,
    levels: [Level; 3],
    block: Vec<f32>,
    lines: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: [f64; BANDS],
}

impl Bands {
    /// For a strip with this many sides at `rate` Hz, silent before the first frame.
    pub fn new(rate: u32, sides: usize) -> Self {
        let size = ((f64::from(rate) * 0.07) as usize).next_power_of_two().max(512);
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let window: Vec<f32> = (0..size)
            .map(|n| TAU * n as f64 / size as f64)
            .map(|u| 0.358_75 - 0.488_29 * u.cos() + 0.141_28 * (2.0 * u).cos() - 0.011_68 * (3.0 * u).cos())
            .map(|w| w as f32)
            .collect();
        let square: f64 = window.iter().map(|w| f64::from(*w).powi(2)).sum();
        let line = |level: usize| f64::from(rate) / 4f64.powi(level as i32) / size as f64;
        let resolves = |level: usize, band: usize| {
            let [low, high] = edges(band);
            (high - low) / 2.0 >= RESOLVED * line(level)
        };
        let level = |at: usize| {
            let hop = size >> (2 + at);
            let seconds = hop as f64 * 4f64.powi(at as i32) / f64::from(rate);
            let own = (0..BANDS).filter(|&b| (0..3).find(|&l| resolves(l, b)).unwrap_or(2) == at);
            Level {
                hop,
                rings: vec![vec![0.0; size]; sides],
                at: 0,
                since: 0,
                share: 1.0 - (-seconds / FAST).exp(),
                bands: own.map(|b| lines_of(b, line(at), size / 2)).collect(),
            }
        };
        Bands {
            block: fft.make_input_vec(),
            lines: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            // Two for the mirror image, and the mean of the sides.
            scale: 2.0 / (size as f64 * square) / sides.max(1) as f64,
            fourths: (0..sides).map(|_| [Fourth::new(), Fourth::new()]).collect(),
            levels: [level(0), level(1), level(2)],
            power: [0.0; BANDS],
            fft,
            window,
        }
    }

    /// Takes the next frames, one slice a side.
    pub fn add(&mut self, sides: &[Vec<f64>]) {
        let frames = sides.first().map_or(0, Vec::len);
        for frame in 0..frames {
            let mut fed = 0;
            for (side, (fourths, block)) in self.fourths.iter_mut().zip(sides).enumerate() {
                let mut x = block.get(frame).map_or(0.0, |x| *x as f32);
                let [first, second] = fourths;
                self.levels[0].put(side, x);
                fed = 1;
                if let Some(fourth) = first.add(x) {
                    x = fourth;
                    self.levels[1].put(side, x);
                    fed = 2;
                    if let Some(sixteenth) = second.add(x) {
                        self.levels[2].put(side, sixteenth);
                        fed = 3;
                    }
                }
            }
            for level in 0..fed {
                if self.levels[level].step() {
                    self.measure(level);
                }
            }
        }
    }

    fn measure(&mut self, level: usize) {
        let level = &mut self.levels[level];
        let mut now = [0.0; BANDS];
        for ring in &level.rings {
            if ring.iter().all(|x| *x == 0.0) {
                continue;
            }
            let (new, old) = ring.split_at(level.at);
            for ((to, x), w) in self.block.iter_mut().zip(old.iter().chain(new)).zip(&self.window) {
                *to = x * w;
            }
            self.fft
                .process_with_scratch(&mut self.block, &mut self.lines, &mut self.scratch)
                .expect("buffers have the transform's own sizes");
            for (band, first, shares) in &level.bands {
                let lines = self.lines.get(*first..).unwrap_or_default();
                now[*band] += lines.iter().zip(shares).map(|(l, s)| f64::from(l.norm_sqr()) * s).sum::<f64>();
            }
        }
        for (band, ..) in &level.bands {
            let power = &mut self.power[*band];
            *power += (now[*band] * self.scale - *power) * level.share;
            if *power < NOTHING {
                *power = 0.0;
            }
        }
    }

    /// Mean square in each band.
    pub fn power(&self) -> &[f64; BANDS] {
        &self.power
    }
}

impl Level {
    fn put(&mut self, side: usize, x: f32) {
        self.rings[side][self.at] = x;
    }

    /// After all sides of a frame; whether a transform is due.
    fn step(&mut self) -> bool {
        self.at = (self.at + 1) % self.rings[0].len();
        self.since += 1;
        let due = self.since == self.hop;
        if due {
            self.since = 0;
        }
        due
    }
}

/// The lines of a band: a line stands for all from half-way to the one before to half-way to the next.
fn lines_of(band: usize, line: f64, last: usize) -> (usize, usize, Vec<f64>) {
    let [low, high] = edges(band).map(|hz| hz / line);
    let first = (low + 0.5).floor() as usize;
    let share = |n: usize| (high.min(n as f64 + 0.5) - low.max(n as f64 - 0.5)).clamp(0.0, 1.0);
    (band, first, (first..last).take_while(|&n| n as f64 - 0.5 < high).map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(rate: u32, hz: f64, seconds: f64) -> [f64; BANDS] {
        let mut bands = Bands::new(rate, 2);
        let frames = (f64::from(rate) * seconds) as usize;
        let tone: Vec<f64> = (0..frames).map(|i| (TAU * (hz * i as f64 / f64::from(rate)).fract()).sin()).collect();
        for block in tone.chunks(1000) {
            bands.add(&[block.to_vec(), block.to_vec()]);
        }
        bands.power.map(|p| 10.0 * (2.0 * p).log10())
    }

    #[test]
    fn a_tone_shows_its_level_in_its_band_and_nowhere_else() {
        for rate in [44_100, 48_000, 96_000, 192_000] {
            for band in [0, 1, 5, 14, 26, 27, 40, 50, 59] {
                let [low, high] = edges(band);
                let level = played(rate, (low * high).sqrt(), 3.5);
                assert!(level[band].abs() < 0.5, "{rate} Hz, band {band}: {}", level[band]);
                for (other, level) in level.iter().enumerate().filter(|(o, _)| o.abs_diff(band) > 1) {
                    assert!(*level < -80.0, "{rate} Hz, band {band}: {level} in {other}");
                }
            }
        }
    }

    #[test]
    fn power_is_shared_where_bands_meet() {
        for hz in [1000.0, 100.0, 251.2, 6000.0, 47.0] {
            let sum: f64 = played(48_000, hz, 3.5).iter().map(|l| 10f64.powf(l / 10.0)).sum();
            assert!((10.0 * sum.log10()).abs() < 0.1, "{hz} Hz: {}", 10.0 * sum.log10());
        }
    }

    #[test]
    fn silence_empties_all_bands() {
        let mut bands = Bands::new(48_000, 1);
        bands.add(&[vec![1.0; 48_000]]);
        bands.add(&[vec![0.0; 48_000 * 8]]);
        assert_eq!(bands.power, [0.0; BANDS]);
    }
}
