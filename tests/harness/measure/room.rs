//! What a reverb is measured by, from its impulse response.

use super::signal::power;
use super::spectrum::{Spectrum, octave};
use realfft::RealFftPlanner;
use std::f64::consts::TAU;

/// T30 of an octave in seconds: twice the time from −5 to −35 dB of the backward-integrated energy (ISO 3382-1),
/// by the line of least squares.
pub fn t30(x: &[f64], rate: f64, centre: f64) -> f64 {
    let band = octave(x, rate, centre);
    let mut sum = 0.0;
    let mut decay: Vec<f64> = Vec::with_capacity(band.len());
    for v in band.iter().rev() {
        sum += v * v;
        decay.push(sum);
    }
    let level = |e: f64| 10.0 * (e / sum).log10();
    let points: Vec<(f64, f64)> = decay.iter().rev().enumerate().map(|(i, e)| (i as f64 / rate, level(*e))).collect();
    let points: Vec<(f64, f64)> = points.into_iter().filter(|p| (-35.0..=-5.0).contains(&p.1)).collect();
    let n = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / n;
    let (t, l) = (mean(|p| p.0), mean(|p| p.1));
    let slope = points.iter().map(|p| (p.0 - t) * (p.1 - l)).sum::<f64>() / points.iter().map(|p| (p.0 - t).powi(2)).sum::<f64>();
    -60.0 / slope
}

/// Normalised echo density around a time: the share of samples in 20 ms that lie outside the window's standard
/// deviation, over that of Gaussian noise (Abel, Huang).
pub fn echo_density(x: &[f64], rate: f64, at: f64) -> f64 {
    let (half, centre) = ((rate * 0.01) as usize, (at * rate) as usize);
    let window = &x[centre.saturating_sub(half)..(centre + half).min(x.len())];
    let deviation = power(window).sqrt();
    window.iter().filter(|x| x.abs() > deviation).count() as f64 / window.len() as f64 / 0.317_310_5
}

/// The largest spectral line of the late part over the mean around it, dB: decay removed by the set time, a Hann
/// window over `seconds` from `from` on, 100 Hz to 8 kHz, mean over 101 bins.
pub fn largest_line(x: &[f64], rate: f64, time: f64, from: f64, seconds: f64) -> f64 {
    let (first, n) = ((from * rate) as usize, (seconds * rate) as usize & !1);
    let flat = |i: usize| {
        let t = i as f64 / rate;
        x[first + i] * 10f64.powf(3.0 * t / time) * (0.5 - 0.5 * (TAU * i as f64 / n as f64).cos())
    };
    let mut y: Vec<f64> = (0..n).map(flat).collect();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(n);
    let mut bins = plan.make_output_vec();
    plan.process(&mut y, &mut bins).expect("buffers of the plan's sizes");
    let power: Vec<f64> = bins.iter().map(|b| b.norm_sqr()).collect();
    let bin = |hz: f64| (hz * n as f64 / rate) as usize;
    let over = |k: usize| power[k] / (power[k - 50..=k + 50].iter().sum::<f64>() / 101.0);
    10.0 * (bin(100.0).max(50)..bin(8000.0).min(power.len() - 51)).map(over).fold(0.0, f64::max).log10()
}

/// Correlation of two signals.
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / x.len() as f64 / (power(x) * power(y)).sqrt()
}

/// Level of what lies between two frequencies re the whole, dB.
pub fn share(x: &[f64], rate: f64, low: f64, high: f64) -> f64 {
    let s = Spectrum::new(x, rate);
    10.0 * (s.power(|f| (low..high).contains(&f)) / s.power(|_| true)).log10()
}

#[cfg(test)]
mod tests {
    use super::super::signal::noise;
    use super::*;

    #[test]
    fn decaying_noise_reads_its_time() {
        let x: Vec<f64> =
            noise(3, 1.0, 144_000).iter().enumerate().map(|(i, v)| v * 10f64.powf(-3.0 * i as f64 / 48000.0 / 1.5)).collect();
        for hz in [500.0, 1000.0, 4000.0] {
            let got = t30(&x, 48000.0, hz);
            assert!((got / 1.5 - 1.0).abs() < 0.06, "{hz}: {got}");
        }
        assert!(largest_line(&x, 48000.0, 1.5, 0.2, 1.36) < 12.0);
        assert!(correlation(&x, &noise(4, 1.0, 144_000)).abs() < 0.05);
    }
}
