//! Sound to work on: decaying harmonic notes and bursts of noise over a faint floor, and exact silence in four
//! fifths of the time.

use std::f64::consts::TAU;

pub const RATE: f64 = 48_000.0;

/// The `n`th such sound.
pub fn stem(n: u64, seconds: f64) -> Vec<f32> {
    let frames = (RATE * seconds) as usize;
    let mut out = vec![0.0f32; frames];
    let mut seed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / (1u64 << 31) as f64
    };
    let mut at = (random() * 0.5 * RATE) as usize;
    while at < frames {
        let length = ((0.12 + 0.12 * random()) * RATE) as usize;
        let (hz, is_noise) = (60.0 * 2f64.powf(4.0 * random()), random() < 0.25);
        let end = (at + length).min(frames);
        for (i, x) in out[at..end].iter_mut().enumerate() {
            let t = i as f64 / RATE;
            let tone: f64 = match is_noise {
                true => random() - 0.5,
                false => (1..6).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h * h)).sum(),
            };
            let floor = 0.001 * (random() - 0.5);
            *x = (0.5 * tone * (-14.0 * t).exp() + floor) as f32;
        }
        at = end + ((0.6 + 0.6 * random()) * RATE) as usize;
    }
    out
}
