use super::*;
use std::f64::consts::TAU;

const RATE: f64 = 48_000.0;

fn noise(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 40) as f64 / 8_388_608.0 - 1.0
}

/// Notes with overtones that are struck and die away, some held, over a drum of noise: `seconds` at about −20 dBFS.
fn music(seed: u64, seconds: f64) -> Vec<f64> {
    let mut seed = seed;
    let n = (seconds * RATE) as usize;
    let mut out = vec![0.0; n];
    let scale = [0, 2, 4, 5, 7, 9, 11];
    let mut at = 0.0;
    while at < seconds {
        let step = 0.12 + 0.25 * (noise(&mut seed) + 1.0) / 2.0;
        let degree = ((noise(&mut seed) + 1.0) * 10.0) as usize;
        let midi = 41.0 + 12.0 * (degree / 7) as f64 + f64::from(scale[degree % 7]);
        let hz = 440.0 * 2f64.powf((midi - 69.0) / 12.0);
        let held = noise(&mut seed) > 0.4;
        let (length, decay) = if held { (1.5, 0.5) } else { (1.0, 4.0) };
        for i in 0..((length * RATE) as usize).min(n - (at * RATE) as usize) {
            let t = i as f64 / RATE;
            let envelope = (t / 0.01).min(1.0) * (-decay * t).exp() * ((length - t) / 0.05).clamp(0.0, 1.0);
            let sum: f64 = (1..9).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h).powf(1.3)).sum();
            out[(at * RATE) as usize + i] += 0.05 * envelope * sum;
        }
        at += step;
    }
    let mut low = 0.0;
    for (i, x) in out.iter_mut().enumerate() {
        let beat = (i as f64 / RATE * 2.0).fract();
        low += 0.2 * (noise(&mut seed) - low);
        *x += 0.15 * low * (-12.0 * beat).exp() + 0.002 * noise(&mut seed);
    }
    out
}

/// Pipes of a held chord, a little out of tune with each other, with overtones.
fn organ(notes: &[f64], overtones: u32, seconds: f64) -> Vec<f64> {
    let n = (seconds * RATE) as usize;
    let one = |i: usize| {
        let t = i as f64 / RATE;
        let pipe = |(k, hz): (usize, &f64)| {
            let tone =
                |h: u32| (TAU * hz * f64::from(h) * (1.0 + 0.0003 * k as f64) * t + k as f64).sin() / f64::from(h * h).sqrt();
            (1..=overtones).map(tone).sum::<f64>() * 0.05 * (t / 0.08).min(1.0)
        };
        notes.iter().enumerate().map(pipe).sum()
    };
    (0..n).map(one).collect()
}

/// Seconds and frequencies of what is found.
fn found(x: &[f64], sensitivity: f32) -> Vec<(f64, f64)> {
    let mut howl = Howl::new(RATE, 3);
    let mut all = Vec::new();
    for (b, block) in x.chunks(BLOCK).enumerate() {
        if let Some(hz) = howl.turn(b as u64, sensitivity) {
            all.push((b as f64 * BLOCK as f64 / RATE, f64::from(hz)));
        }
        howl.hear(b as u64 * BLOCK as u64, block.iter().map(|x| *x as f32));
    }
    all
}

fn rms_db(x: &[f64]) -> f64 {
    10.0 * (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).log10()
}

/// Adds a tone that grows, from a level re the music's, dB.
fn ring(x: &mut [f64], hz: f64, from_db: f64, db_s: f64) {
    let level = rms_db(x) + 3.01 + from_db;
    for (i, x) in x.iter_mut().enumerate() {
        let t = i as f64 / RATE;
        *x += 10f64.powf((level + db_s * t) / 20.0) * (TAU * hz * t).sin();
    }
}

#[test]
fn a_tone_that_grows_in_music_is_found_soon_after_it_stands_out() {
    let mut late = Vec::new();
    for seed in 1..=2 {
        for hz in [180.0, 443.0, 1130.0, 2500.0, 6100.0] {
            let mut x = music(seed, 10.0);
            // 3 dB louder than all the music at 5 s.
            ring(&mut x, hz, -27.0, 6.0);
            let all = found(&x, 0.5);
            let hit = all.iter().find(|(_, f)| (f / hz).log2().abs() < 1.0 / 12.0);
            late.push(hit.map_or(99.0, |h| h.0 - 5.0));
        }
    }
    assert!(late.iter().all(|l| *l < 1.0), "{late:.2?}");
}

#[test]
fn fast_ringing_is_found_before_it_is_loud() {
    for (hz, db_s) in [(315.0, 20.0), (1700.0, 40.0), (3300.0, 60.0)] {
        let mut x = music(5, 4.0);
        let quiet = x[..48_000].to_vec();
        ring(&mut x, hz, -30.0 - db_s, db_s);
        x[..48_000].copy_from_slice(&quiet);
        let all = found(&x, 0.5);
        let hit = all.iter().find(|(_, f)| (f / hz).log2().abs() < 1.0 / 12.0).map_or(99.0, |h| h.0);
        assert!((hit - 1.0) * db_s < 30.0 + 0.6 * db_s, "{hz} {db_s}: {hit}");
    }
}

#[test]
fn music_alone_is_left_alone() {
    let all: Vec<_> = (10..13).flat_map(|seed| found(&music(seed, 20.0), 0.5)).collect();
    assert!(all.is_empty(), "{all:.2?}");
}

#[test]
fn a_held_chord_is_left_alone() {
    for notes in [&[261.63, 329.63, 392.0][..], &[130.81, 196.0, 261.63, 311.13, 392.0], &[440.0], &[523.25, 659.26]] {
        for overtones in [1, 2, 8] {
            let all = found(&organ(notes, overtones, 10.0), 0.5);
            assert!(all.is_empty(), "{notes:?} {overtones}: {all:.2?}");
        }
    }
}
