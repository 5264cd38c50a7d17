//! Spectra under a window whose side lobes lie below what `f64` tells apart, and what is read from them.

use super::signal::{power, power_db, rms_db};
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::collections::BTreeMap;
use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};
use std::sync::{Arc, Mutex, PoisonError};

/// Kaiser's β: side lobes under −190 dB, a main lobe of ±8 bins.
const BETA: f64 = 24.0;

fn bessel(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-18 {
        term *= (x / (2.0 * k)).powi(2);
        sum += term;
        k += 1.0;
    }
    sum
}

/// Kaiser's window; each length is worked out once.
pub fn kaiser(n: usize) -> Arc<[f64]> {
    static KNOWN: Mutex<BTreeMap<usize, Arc<[f64]>>> = Mutex::new(BTreeMap::new());
    let at = |i: usize| (2.0 * i as f64 / (n - 1) as f64 - 1.0).powi(2);
    let window = || (0..n).map(|i| bessel(BETA * (1.0 - at(i)).max(0.0).sqrt()) / bessel(BETA)).collect();
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).entry(n).or_insert_with(window).clone()
}

fn forward(x: &[f64]) -> Vec<Complex<f64>> {
    let plan: Arc<dyn RealToComplex<f64>> = RealFftPlanner::new().plan_fft_forward(x.len());
    let (mut x, mut bins) = (x.to_vec(), plan.make_output_vec());
    plan.process(&mut x, &mut bins).expect("buffers of the plan's sizes");
    bins
}

fn back(mut bins: Vec<Complex<f64>>, n: usize) -> Vec<f64> {
    let plan = RealFftPlanner::new().plan_fft_inverse(n);
    let mut x = plan.make_output_vec();
    // What rounding left imaginary at both ends is nothing.
    bins[0].im = 0.0;
    if n.is_multiple_of(2) {
        bins[n / 2].im = 0.0;
    }
    plan.process(&mut bins, &mut x).expect("buffers of the plan's sizes");
    x.iter_mut().for_each(|v| *v /= n as f64);
    x
}

/// Power over frequency.
pub struct Spectrum {
    bins: Vec<f64>,
    step: f64,
    /// Share of power in a bin of the mean square of the signal.
    scale: f64,
}

impl Spectrum {
    /// Of a stretch, under the window.
    pub fn new(x: &[f64], rate: f64) -> Self {
        let window = kaiser(x.len());
        let windowed: Vec<f64> = x.iter().zip(&*window).map(|(x, w)| x * w).collect();
        let bins = forward(&windowed).iter().map(|b| 2.0 * b.norm_sqr()).collect();
        let weight: f64 = window.iter().map(|w| w * w).sum();
        Spectrum { bins, step: rate / x.len() as f64, scale: 1.0 / (weight * x.len() as f64) }
    }

    /// Mean square of what lies where `at` says yes to a frequency.
    pub fn power(&self, at: impl Fn(f64) -> bool) -> f64 {
        let inside = self.bins.iter().enumerate().filter(|(k, _)| at(*k as f64 * self.step));
        inside.map(|(_, p)| p).sum::<f64>() * self.scale
    }

    /// Everything further than `half` Hz from each of `tones`, re the whole, dB.
    pub fn rest_db(&self, tones: &[f64], half: f64) -> f64 {
        let rest = self.power(|f| tones.iter().all(|t| (f - t).abs() > half));
        power_db(rest / self.power(|_| true))
    }

    /// Everything further than `half` Hz from each of `tones`, dBFS.
    pub fn rest_dbfs(&self, tones: &[f64], half: f64) -> f64 {
        power_db(2.0 * self.power(|f| tones.iter().all(|t| (f - t).abs() > half)))
    }

    /// What lies within the main lobe around a frequency, dBFS.
    pub fn line_dbfs(&self, hz: f64) -> f64 {
        power_db(2.0 * self.power(|f| (f - hz).abs() <= 8.5 * self.step))
    }
}

/// Share outside `centre` ± `half` Hz of a signal that moves in its middle, re the whole, dB.
pub fn outside(x: &[f64], rate: f64, centre: f64, half: f64) -> f64 {
    Spectrum::new(x, rate).rest_db(&[centre], half)
}

/// The signal with each frequency times a factor, without delay; edges of 50 ms are faded first.
pub fn filtered(x: &[f64], rate: f64, factor: impl Fn(f64) -> f64) -> Vec<f64> {
    let n = x.len();
    let edge = (rate * 0.05) as usize;
    let fade = |i: usize| {
        let d = i.min(n - 1 - i) as f64 / edge as f64;
        if d >= 1.0 { 1.0 } else { 0.5 - 0.5 * (PI * d).cos() }
    };
    let mut bins = forward(&x.iter().enumerate().map(|(i, v)| v * fade(i)).collect::<Vec<f64>>());
    bins.iter_mut().enumerate().for_each(|(k, b)| *b *= factor(k as f64 * rate / n as f64));
    back(bins, n)
}

/// The signal's part above `hz`, without delay; edges of 50 ms are faded first.
pub fn above(x: &[f64], rate: f64, hz: f64) -> Vec<f64> {
    // Some slope, so that a click stays short.
    filtered(x, rate, |f| 0.5 - 0.5 * (PI * ((f / hz - 0.875) * 8.0).clamp(0.0, 1.0)).cos())
}

/// The loudest 10 ms above `hz`, dBFS; the edges do not count.
pub fn worst_above(x: &[f64], rate: f64, hz: f64) -> f64 {
    let high = above(x, rate, hz);
    let (frame, edge) = ((rate * 0.01) as usize, (rate * 0.2) as usize);
    high[edge..high.len() - edge].chunks_exact(frame).map(rms_db).fold(f64::NEG_INFINITY, f64::max)
}

/// Largest magnitude of the band-limited signal between its samples, on a grid of sixteenths. The stretch begins
/// and ends in silence.
pub fn true_peak(x: &[f64]) -> f64 {
    let n = (x.len() + 2048).next_multiple_of(4800);
    let mut padded = vec![0.0; n];
    padded[1024..1024 + x.len()].copy_from_slice(x);
    let mut bins = forward(&padded);
    bins[n / 2] *= FRAC_1_SQRT_2 * FRAC_1_SQRT_2;
    bins.resize(8 * n + 1, Complex::default());
    back(bins, 16 * n).iter().fold(0.0, |m: f64, v| m.max(v.abs())) * 16.0
}

/// Magnitude (dB) and frequency at each bin of an impulse response.
pub fn magnitude(h: &[f64], rate: f64) -> Vec<(f64, f64)> {
    let step = rate / h.len() as f64;
    forward(h).iter().enumerate().map(|(k, b)| (k as f64 * step, power_db(b.norm_sqr()))).collect()
}

/// Where an impulse response sits, in frames: the slope of its phase between two frequencies.
pub fn phase_delay(h: &[f64], rate: f64, low: f64, high: f64) -> f64 {
    let phase = |hz: f64| {
        let turn = |i: usize| TAU * (hz * i as f64 / rate).fract();
        let (re, im) = h.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, v)| (re + v * turn(i).cos(), im - v * turn(i).sin()));
        f64::atan2(im, re)
    };
    // Small steps, so that the phase between two of them is less than half a turn.
    let step = rate / (4.0 * h.len() as f64);
    let count = ((high - low) / step).round().clamp(1.0, 4000.0);
    let step = (high - low) / count;
    let mut total = 0.0;
    for k in 0..count as usize {
        let d = phase(low + step * (k + 1) as f64) - phase(low + step * k as f64);
        total += (d + PI).rem_euclid(TAU) - PI;
    }
    -total / (TAU * (high - low)) * rate
}

/// A band of an octave without delay: the magnitude of a Butterworth band-pass of three pairs of poles.
pub fn octave(x: &[f64], rate: f64, centre: f64) -> Vec<f64> {
    // Room for what the band rings ahead of the first sample, which would come round to the end.
    let n = 2 * x.len();
    let mut padded = x.to_vec();
    padded.resize(n, 0.0);
    let mut bins = forward(&padded);
    for (k, b) in bins.iter_mut().enumerate() {
        let f = (k as f64 * rate / n as f64 / centre).max(1e-9);
        *b *= 1.0 / (1.0 + ((f - 1.0 / f) / FRAC_1_SQRT_2).powi(6)).sqrt();
    }
    let mut band = back(bins, n);
    band.truncate(x.len());
    band
}

/// Mean square without the mean.
pub fn variance(x: &[f64]) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    power(x) - mean * mean
}

#[cfg(test)]
mod tests {
    use super::super::signal::{amplitude, noise, tone};
    use super::*;

    const RATE: f64 = 48000.0;

    #[test]
    fn a_tone_is_its_level_and_nothing_else() {
        let x = tone(RATE, 997.3, -6.0, 2.0);
        let s = Spectrum::new(&x, RATE);
        assert!((s.line_dbfs(997.3) + 6.0).abs() < 1e-3);
        assert!(s.rest_db(&[997.3], 10.0) < -190.0, "{}", s.rest_db(&[997.3], 10.0));
        let hiss: Vec<f64> = noise(1, 1.0, 96000).iter().zip(&x).map(|(n, x)| 1e-5 * n + x).collect();
        let want = power_db(2.0 * 1e-10 / 3.0);
        assert!((Spectrum::new(&hiss, RATE).rest_dbfs(&[997.3], 10.0) - want).abs() < 0.1);
    }

    /// A jump of −12 dB at the crest of a tone, in shapes whose figures are known.
    fn jump(shape: impl Fn(f64) -> f64) -> (f64, f64) {
        let x: Vec<f64> = (0..192_000)
            .map(|i| {
                let t = f64::from(i) / RATE - 2.0;
                let done = if t < 0.0 { 0.0 } else { shape(t) };
                (1.0 + (amplitude(-12.0) - 1.0) * done) * (TAU * 1000.0 * t).cos()
            })
            .collect();
        (outside(&x, RATE, 1000.0, 200.0), worst_above(&x, RATE, 4000.0))
    }

    #[test]
    fn jumps_read_as_they_are_known_to() {
        let hann = |t: f64| {
            let u = (t / 0.02).min(1.0);
            u - (TAU * u).sin() / TAU
        };
        for (name, (all, high), want) in [
            ("raw", jump(|_| 1.0), -34.0),
            ("linear 10 ms", jump(|t| (t / 0.01).min(1.0)), -58.0),
            ("one-pole 10 ms", jump(|t| 1.0 - (-t / 0.01).exp()), -61.0),
            ("Hann 20 ms", jump(hann), -91.0),
        ] {
            assert!((all - want).abs() < 2.0, "{name}: {all:.1} dB, {want} is known");
            assert!(high < all + 10.0, "{name}: {high:.1} dBFS above 4 kHz");
        }
    }

    #[test]
    fn peaks_between_samples_are_seen() {
        let x: Vec<f64> = (0..9600)
            .map(|i| {
                let edge = (f64::from(i.min(9599 - i)) / 960.0).min(1.0);
                0.5 * (0.5 - 0.5 * (PI * edge).cos()) * (TAU * f64::from(i) / 4.0 + PI / 4.0).sin()
            })
            .collect();
        assert!((true_peak(&x) - 0.5).abs() < 1e-4, "{}", true_peak(&x));
    }

    #[test]
    fn delays_are_read_to_a_thousandth() {
        let h: Vec<f64> = (0..2000)
            .map(|i| {
                let x = PI * (f64::from(i) - 494.4);
                0.5 * (x.sin() / x) * (1.0 + (x / 494.0).clamp(-PI, PI).cos())
            })
            .collect();
        assert!((phase_delay(&h, RATE, 1000.0, 10_000.0) - 494.4).abs() < 1e-3);
    }
}
