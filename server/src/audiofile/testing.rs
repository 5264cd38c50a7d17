//! What the tests of this module and its users share: tones, fits and spectra.

use std::f64::consts::{PI, TAU};
use std::path::PathBuf;

use super::{Bits, Format, Shape, Writer};

/// `frames` of a sine of `hz` with peak `level_db` dBFS, starting at `degrees`.
pub fn tone(rate: u32, hz: f64, level_db: f64, degrees: f64, frames: usize) -> Vec<f64> {
    let (amplitude, phase) = (10f64.powf(level_db / 20.0), degrees.to_radians());
    (0..frames).map(|n| amplitude * (TAU * hz * n as f64 / f64::from(rate) + phase).sin()).collect()
}

/// One signal on each of `channels`.
pub fn spread(signal: &[f64], channels: usize) -> Vec<f64> {
    signal.iter().flat_map(|&sample| std::iter::repeat_n(sample, channels)).collect()
}

/// Amplitude (peak) of the best-fitting sine at exactly `hz`, and the rms of what is left.
pub fn fit(signal: &[f64], rate: u32, hz: f64) -> (f64, f64) {
    // Least squares on cos, sin and 1: the three columns are not orthogonal over a broken period.
    let w = TAU * hz / f64::from(rate);
    let mut normal = [[0.0; 4]; 3];
    for (n, &x) in signal.iter().enumerate() {
        let (sin, cos) = (w * n as f64).sin_cos();
        let row = [cos, sin, 1.0, x];
        for i in 0..3 {
            for j in 0..4 {
                normal[i][j] += row[i] * row[j];
            }
        }
    }
    for i in 0..3 {
        let pivot = normal[i];
        for (j, row) in normal.iter_mut().enumerate() {
            if i != j {
                let factor = row[i] / pivot[i];
                for k in i..4 {
                    row[k] -= factor * pivot[k];
                }
            }
        }
    }
    let [a, b, c] = [0, 1, 2].map(|i| normal[i][3] / normal[i][i]);
    let rest: f64 = signal
        .iter()
        .enumerate()
        .map(|(n, &x)| {
            let (sin, cos) = (w * n as f64).sin_cos();
            (x - a * cos - b * sin - c).powi(2)
        })
        .sum();
    (a.hypot(b), (rest / signal.len() as f64).sqrt())
}

/// `signal` read between its samples at `at` (frames), by a sinc of 512 taps under a Blackman window.
pub fn interpolate(signal: &[f64], at: f64) -> f64 {
    let middle = at.floor() as i64;
    // sin(π(at − n)) differs from tap to tap by its sign alone.
    let sine = (PI * (at - middle as f64)).sin() / PI;
    (middle - 255..=middle + 256)
        .filter(|&n| n >= 0 && (n as usize) < signal.len())
        .map(|n| {
            let x = at - n as f64;
            let sign = if (middle - n) % 2 == 0 { 1.0 } else { -1.0 };
            let sinc = if x == 0.0 { 1.0 } else { sign * sine / x };
            let cos = (PI * x / 257.0).cos();
            signal[n as usize] * sinc * (0.34 + 0.5 * cos + 0.16 * cos * cos)
        })
        .sum()
}

/// 20 log10, of an amplitude.
pub fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

/// A directory that goes away with the test, and files in it.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// An empty directory.
    pub fn new() -> Self {
        Scratch(tempfile::tempdir().expect("a temporary directory"))
    }

    /// The path of `name` in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes interleaved samples as 64 bit float.
    pub fn write(&self, name: &str, rate: u32, channels: usize, samples: &[f64]) -> PathBuf {
        let path = self.path(name);
        let format = Format { dither: Shape::Off, ..Format::new(rate, channels, Bits::Float64) };
        let mut writer = Writer::create(&path, &format).expect("creates");
        writer.write_f64(samples).expect("writes");
        writer.finish().expect("finishes");
        path
    }
}

/// Uniform noise in −1 … 1 that is the same in each run.
pub fn noise(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / 4_503_599_627_370_496.0 - 1.0
        })
        .collect()
}
