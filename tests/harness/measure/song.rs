//! Songs, made from a seed: kick, hi-hat, bass and two voices, with loud and quiet parts.

use super::signal::{amplitude, noise, peak};
use std::f64::consts::TAU;

/// How a song is mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Pressed against the top already.
    Dense,
    /// Hard drums over quiet voices, every other part quieter.
    Dynamic,
}

/// Left and right of `seconds` at `rate` Hz, peaks at `dbfs`.
pub fn song(mix: Mix, rate: f64, seconds: f64, dbfs: f64) -> Vec<Vec<f64>> {
    let frames = (rate * seconds) as usize;
    let (drums, voices, low) = if mix == Mix::Dense { (0.9, 0.35, 0.35) } else { (2.0, 0.18, 0.3) };
    let hiss = noise(11, 1.0, frames);
    let side = |pitch: [f64; 2], hat: f64| -> Vec<f64> {
        let sample = |n: usize| {
            let t = n as f64 / rate;
            let (beat, eighth) = (t % 0.5, t % 0.25);
            let kick = (-beat * 30.0).exp() * (TAU * (50.0 * beat + 8.0 * (1.0 - (-beat * 40.0).exp()))).sin();
            let hats = hat * (-eighth * 80.0).exp() * hiss[n];
            let part = if mix == Mix::Dynamic && (t / 4.0) as u32 % 2 == 1 { 0.45 } else { 1.0 };
            let sung: f64 =
                (1..6).map(|k| (TAU * f64::from(k) * (pitch[0] + pitch[1] * (t / 2.0).floor()) * t).sin() / f64::from(k)).sum();
            let x = part * (drums * (kick + hats) + voices * sung + low * (TAU * 55.0 * t).sin());
            if mix == Mix::Dense { (1.6 * x).tanh() } else { x }
        };
        (0..frames).map(sample).collect()
    };
    let mut sides = vec![side([220.0, 27.5], 0.35), side([277.2, 18.0], 0.25)];
    let scale = amplitude(dbfs) / sides.iter().map(|s| peak(s)).fold(0.0, f64::max);
    sides.iter_mut().flatten().for_each(|x| *x *= scale);
    sides
}
