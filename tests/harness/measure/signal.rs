//! Test signals and their levels.

use std::f64::consts::TAU;

/// The factor of a level.
pub fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// The level of a factor.
pub fn db(x: f64) -> f64 {
    20.0 * x.abs().log10()
}

/// The level of a power.
pub fn power_db(x: f64) -> f64 {
    10.0 * x.log10()
}

/// Mean square.
pub fn power(x: &[f64]) -> f64 {
    x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64
}

/// Level of a stretch, dBFS: a full-scale sine reads 0.
pub fn rms_db(x: &[f64]) -> f64 {
    power_db(2.0 * power(x))
}

/// Largest magnitude.
pub fn peak(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// The largest distance of two signals of one length, as a level.
pub fn apart(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    db(x.iter().zip(y).fold(0.0, |m, (x, y)| m.max((x - y).abs())))
}

/// Samples that are not the same bits as numbers; a missing one counts.
pub fn differing(x: &[f64], y: &[f64]) -> f64 {
    (x.iter().zip(y).filter(|(x, y)| x != y).count() + x.len().abs_diff(y.len())) as f64
}

/// A sine in dBFS. The phase starts at 0.
pub fn tone(rate: f64, hz: f64, dbfs: f64, seconds: f64) -> Vec<f64> {
    let a = amplitude(dbfs);
    (0..(seconds * rate).round() as usize).map(|i| a * (TAU * (hz * i as f64 / rate).fract()).sin()).collect()
}

/// Noise of equally likely values up to `peak`, different for each seed and the same every time.
pub fn noise(seed: u64, peak: f64, frames: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    let next = |_| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        peak * ((z ^ (z >> 31)) as f64 / 2f64.powi(63) - 1.0)
    };
    (0..frames).map(next).collect()
}

/// A single sample in silence.
pub fn impulse(at: usize, frames: usize) -> Vec<f64> {
    (0..frames).map(|i| f64::from(u8::from(i == at))).collect()
}

/// As a channel gets it: inputs are 32-bit.
pub fn single(x: &[f64]) -> Vec<f64> {
    x.iter().map(|v| f64::from(*v as f32)).collect()
}

/// A tone in steps of (seconds, dBFS), phase going on.
pub fn steps(rate: f64, hz: f64, levels: &[(f64, f64)]) -> Vec<f64> {
    let seconds: f64 = levels.iter().map(|l| l.0).sum();
    let mut x = tone(rate, hz, 0.0, seconds);
    let (mut at, mut end) = (0, 0.0);
    for (seconds, level) in levels {
        end += seconds * rate;
        let until = (end.round() as usize).min(x.len());
        x[at..until].iter_mut().for_each(|v| *v *= amplitude(*level));
        at = until;
    }
    x
}

/// Level in dB and phase of the part of a stretch at a frequency, by quadrature over whole periods.
pub fn quadrature(x: &[f64], rate: f64, hz: f64, from: usize, frames: usize) -> (f64, f64) {
    let (mut s, mut c) = (0.0, 0.0);
    for (i, v) in x[from..from + frames].iter().enumerate() {
        let (sin, cos) = (TAU * (hz * (from + i) as f64 / rate).fract()).sin_cos();
        s += v * sin;
        c += v * cos;
    }
    (db((s * s + c * c).sqrt() * 2.0 / frames as f64), c.atan2(s))
}

/// Level of a tone over time: (seconds at the middle, dB) each `hop` frames, over one period.
pub fn track(x: &[f64], rate: f64, hz: f64, hop: usize) -> Vec<(f64, f64)> {
    let period = (rate / hz).round() as usize;
    let at = |i| ((i as f64 + (period - 1) as f64 / 2.0) / rate, quadrature(x, rate, hz, i, period).0);
    (0..x.len() - period).step_by(hop).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_a_sines_peak() {
        let x = tone(48000.0, 1000.0, -12.0, 1.0);
        assert!((rms_db(&x) + 12.0).abs() < 1e-9);
        assert!((quadrature(&x, 48000.0, 1000.0, 777, 480).0 + 12.0).abs() < 1e-9);
        let jump = steps(48000.0, 1000.0, &[(0.5, -40.0), (0.5, -10.0)]);
        let track = track(&jump, 48000.0, 1000.0, 1);
        let half = track.iter().find(|(_, level)| *level > -15.9).map(|(t, _)| *t);
        assert!((half.unwrap_or(0.0) - 0.5).abs() < 1e-3, "{half:?}");
    }

    #[test]
    fn noise_has_its_power() {
        assert!((power(&noise(1, 1.0, 1 << 20)) * 3.0 - 1.0).abs() < 0.01);
    }
}
