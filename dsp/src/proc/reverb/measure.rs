//! What a reverb is measured by, from its impulse response.

use realfft::RealFftPlanner;
use std::f64::consts::{PI, TAU};

/// An octave band: Butterworth band-pass of fourth order a side, as four sections.
pub fn octave(x: &[f64], rate: f64, centre: f64) -> Vec<f64> {
    let mut y = x.to_vec();
    let edge = 2f64.sqrt();
    for (hz, high) in [(centre / edge, true), (centre * edge, false)] {
        if hz > 0.45 * rate {
            continue;
        }
        let g = (PI * hz / rate).tan();
        for q in [0.541_196_100_146_197, 1.306_562_964_876_377] {
            let k = 1.0 / q;
            let a1 = 1.0 / (1.0 + g * (g + k));
            let (mut s1, mut s2) = (0.0, 0.0);
            for y in &mut y {
                let v3 = *y - s2;
                let v1 = a1 * s1 + g * a1 * v3;
                let v2 = s2 + g * v1;
                (s1, s2) = (2.0 * v1 - s1, 2.0 * v2 - s2);
                *y = if high { *y - k * v1 - v2 } else { v2 };
            }
        }
    }
    y
}

/// T30 in seconds: twice the time from −5 to −35 dB of the backward-integrated energy (ISO 3382-1),
/// by the line of least squares.
pub fn t30(x: &[f64], rate: f64) -> f64 {
    let mut sum = 0.0;
    let mut decay: Vec<f64> = x
        .iter()
        .rev()
        .map(|x| {
            sum += x * x;
            sum
        })
        .collect();
    decay.reverse();
    let whole = decay[0];
    let (mut n, mut st, mut sl, mut stt, mut stl) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, e) in decay.iter().enumerate() {
        let level = 10.0 * (e / whole).log10();
        if level < -35.0 {
            break;
        }
        if level <= -5.0 {
            let t = i as f64 / rate;
            (n, st, sl, stt, stl) = (n + 1.0, st + t, sl + level, stt + t * t, stl + t * level);
        }
    }
    -60.0 / ((n * stl - st * sl) / (n * stt - st * st))
}

/// Normalised echo density around a time: the share of samples in 20 ms that lie outside the window's
/// standard deviation, over that of Gaussian noise ("A Simple, Robust Measure of Reverberation Echo
/// Density", Abel, Huang).
pub fn echo_density(x: &[f64], rate: f64, at: f64) -> f64 {
    let half = (rate * 0.01) as usize;
    let centre = (at * rate) as usize;
    let window = &x[centre.saturating_sub(half)..(centre + half).min(x.len())];
    let deviation = (window.iter().map(|x| x * x).sum::<f64>() / window.len() as f64).sqrt();
    let outside = window.iter().filter(|x| x.abs() > deviation).count();
    outside as f64 / window.len() as f64 / 0.317_310_5
}

/// The largest spectral line of the late part re the mean around it, in dB: decay removed by the set
/// time, `seconds` from `from` on under a Hann window, 100 Hz … 8 kHz, mean over 101 bins.
pub fn largest_line(x: &[f64], rate: f64, time: f64, from: f64, seconds: f64) -> f64 {
    let first = (from * rate) as usize;
    let n = (seconds * rate) as usize & !1;
    let mut y: Vec<f64> = (0..n)
        .map(|i| {
            let t = i as f64 / rate;
            x[first + i] * 10f64.powf(3.0 * t / time) * (0.5 - 0.5 * (TAU * i as f64 / n as f64).cos())
        })
        .collect();
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(n);
    let mut bins = plan.make_output_vec();
    plan.process(&mut y, &mut bins).unwrap();
    let power: Vec<f64> = bins.iter().map(|b| b.norm_sqr()).collect();
    let bin = |hz: f64| (hz * n as f64 / rate) as usize;
    (bin(100.0).max(50)..bin(8000.0).min(power.len() - 51))
        .map(|k| power[k] / (power[k - 50..=k + 50].iter().sum::<f64>() / 101.0))
        .fold(0.0, f64::max)
        .log10()
        * 10.0
}

/// Correlation of two signals.
pub fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()
}
