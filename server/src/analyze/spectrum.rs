//! The average spectrum of a file and its balance by octaves.
//!
//! Overlapping Hann windows, power averaged over the file and summed over its channels (Welch: The Use
//! of Fast Fourier Transform for the Estimation of Power Spectra).

use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Nominal centres of the octaves, in Hz; the exact ones are 1000 · 2ⁿ.
pub const OCTAVES: [u32; 9] = [63, 125, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000];

/// Averages the spectrum of what is fed in.
pub struct Spectrum {
    rate: u32,
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// What waits for a full window, behind the last half window that was used; one a channel.
    waiting: Vec<Vec<f32>>,
    /// Where in `waiting` the next window begins.
    next: usize,
    block: Vec<f32>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    power: Vec<f64>,
}

impl Spectrum {
    /// For `channels` channels at `rate` Hz.
    pub fn new(rate: u32, channels: usize) -> Self {
        // A third of a second: some fifteen lines in the lowest octave.
        let size = (rate / 3).next_power_of_two().max(1_024) as usize;
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        Spectrum {
            rate,
            window: (0..size).map(|n| (0.5 - 0.5 * (TAU * n as f64 / size as f64).cos()) as f32).collect(),
            waiting: vec![Vec::new(); channels],
            next: 0,
            block: fft.make_input_vec(),
            bins: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            power: vec![0.0; size / 2 + 1],
            fft,
        }
    }

    /// Takes the next frames, one slice a channel.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        let size = self.window.len();
        let mut next = self.next;
        for (channel, block) in channels.iter().enumerate() {
            let mut waiting = std::mem::take(&mut self.waiting[channel]);
            waiting.extend(block.iter().map(|&sample| sample as f32));
            next = self.next;
            while next + size <= waiting.len() {
                self.transform(&waiting[next..next + size]);
                next += size / 2;
            }
            let past = next.saturating_sub(size / 2);
            waiting.drain(..past);
            next -= past;
            self.waiting[channel] = waiting;
        }
        self.next = next;
    }

    fn transform(&mut self, signal: &[f32]) {
        if signal.iter().all(|&sample| sample == 0.0) {
            return;
        }
        for ((to, &from), &weight) in self.block.iter_mut().zip(signal).zip(&self.window) {
            *to = from * weight;
        }
        self.fft
            .process_with_scratch(&mut self.block, &mut self.bins, &mut self.scratch)
            .expect("buffers have the transform's own sizes");
        for (power, bin) in self.power.iter_mut().zip(&self.bins) {
            *power += f64::from(bin.norm_sqr());
        }
    }

    /// Ends the signal: what no window has seen yet is seen by one that ends with the last frame.
    pub fn finish(&mut self) {
        let size = self.window.len();
        for mut rest in std::mem::take(&mut self.waiting) {
            let used = self.next > 0;
            if used && rest.len() > self.next + size / 2 {
                self.transform(&rest[rest.len() - size..]);
            } else if !used {
                // Less than one window: in the middle of it, with silence around.
                rest.resize(rest.len() + (size - rest.len()) / 2, 0.0);
                rest.reverse();
                rest.resize(size, 0.0);
                self.transform(&rest);
            }
        }
        // Zero and Nyquist stand for themselves, every other line for its mirror image too.
        for power in &mut self.power[1..size / 2] {
            *power *= 2.0;
        }
    }

    /// Power of each octave re the whole, in dB; `None` in silence and for an octave beyond Nyquist.
    pub fn octaves(&self) -> [Option<f64>; 9] {
        let whole: f64 = self.power.iter().sum();
        std::array::from_fn(|n| {
            let centre = 1_000.0 * 2f64.powi(n as i32 - 4);
            decibels(self.between(centre / 2f64.sqrt(), centre * 2f64.sqrt()) / whole)
        })
    }

    /// Frequency and dB re the whole of each 24th of an octave from 20 Hz to 20 kHz or Nyquist, as far
    /// as there is a line in it.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let whole: f64 = self.power.iter().sum();
        let nyquist = f64::from(self.rate) / 2.0;
        (0..240)
            .map(|n| 20.0 * 2f64.powf(f64::from(n) / 24.0))
            .take_while(|&hz| hz <= nyquist)
            .filter_map(|hz| {
                let half = 2f64.powf(1.0 / 48.0);
                Some((hz, decibels(self.between(hz / half, hz * half) / whole)?))
            })
            .collect()
    }

    /// Power of the lines from `low` Hz to below `high` Hz.
    fn between(&self, low: f64, high: f64) -> f64 {
        let line = self.window.len() as f64 / f64::from(self.rate);
        let at = |hz: f64| ((hz * line).ceil() as usize).min(self.power.len());
        self.power[at(low)..at(high)].iter().sum()
    }
}

/// 10 log10, where that is a number.
fn decibels(power: f64) -> Option<f64> {
    (power > 0.0 && power.is_finite()).then(|| 10.0 * power.log10())
}
