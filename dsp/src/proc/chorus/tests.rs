use super::{Chorus, Flanger};
use crate::proc::testing::*;

/// The delay of a side over time, in frames: the phase of a tone against the one that went in.
fn delays(x: &[f64], hz: f64, about: f64) -> Vec<f64> {
    let w = std::f64::consts::TAU * hz / RATE;
    x.windows(480)
        .enumerate()
        .step_by(480)
        .map(|(at, x)| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in x.iter().enumerate() {
                let window = (std::f64::consts::PI * (i as f64 + 0.5) / 480.0).sin().powi(2);
                let (sin, cos) = (w * ((at + i) as f64 - about)).sin_cos();
                (re, im) = (re + x * sin * window, im + x * cos * window);
            }
            about - f64::atan2(im, re) / w
        })
        .collect()
}

#[test]
fn the_sides_swing_a_quarter_turn_apart() {
    let with = [("rate", 1.0), ("depth", 2.0), ("delay", 12.0), ("voices", 1.0)];
    let sides = heard::<Chorus>(&with, RATE, 60_000, |f| [tone(f, 200.0, RATE); 2]);
    for (side, ahead) in [(0, 0.0), (1, 0.25)] {
        for (k, delay) in delays(&sides[side], 200.0, 576.0).into_iter().enumerate().skip(3) {
            let turn = (480.0 * k as f64 + 240.0) / RATE + ahead;
            let want = 576.0 + 96.0 * (std::f64::consts::TAU * turn).sin();
            assert!((delay - want).abs() < 1.0, "side {side} at {k}: {delay}, {want}");
        }
    }
}

#[test]
fn a_voice_adds_nothing_but_its_bent_pitch() {
    for (hz, width, bar) in [(1000.0, 100.0, -80.0), (8000.0, 1500.0, -70.0)] {
        for with in [&[("voices", 1.0)][..], &[("voices", 4.0)], &[("rate", 2.0)], &[("rate", 0.2), ("depth", 8.0)]] {
            let [l, r] = heard::<Chorus>(with, RATE, 240_000, |f| [tone(f, hz, RATE); 2]);
            for y in [l, r] {
                let db = outside(&y[48000..], RATE, hz, width);
                println!("{hz} Hz, {with:?}: {db:.1} dB");
                assert!(db < bar, "{hz} Hz, {with:?}: {db} dB");
            }
        }
    }
}

#[test]
fn voices_are_as_loud_as_one() {
    for voices in 1..=4 {
        let with = [("voices", f64::from(voices)), ("rate", 0.5), ("depth", 4.0)];
        let [l, _] = heard::<Chorus>(&with, RATE, 240_000, |f| [noise(f as u64, 0); 2]);
        let power = l[48000..].iter().map(|x| x * x).sum::<f64>() / (l.len() - 48000) as f64;
        let db = 10.0 * (power * 12.0).log10();
        assert!(db.abs() < 0.7, "{voices}: {db} dB");
    }
}

#[test]
fn a_flanger_combs() {
    // Standing still at 1 ms with feedback: peaks at whole kHz, valleys between.
    let with = [("depth", 0.0), ("delay", 1.0), ("feedback", 0.6)];
    for (hz, want) in [(1000.0, 1.0 / 0.4), (3000.0, 1.0 / 0.4), (1500.0, 1.0 / 1.6)] {
        let [l, _] = heard::<Flanger>(&with, RATE, 24_000, |f| [tone(f, hz, RATE); 2]);
        let peak = l[12_000..].iter().fold(0.0f64, |a, x| a.max(x.abs()));
        assert!((peak - want).abs() < 0.02, "{hz}: {peak}, {want}");
    }
}

#[test]
fn neutral_is_bit_exact() {
    neutral::<Chorus>(&[("mix", 0.0)]);
    neutral::<Flanger>(&[("mix", 0.0)]);
}

#[test]
fn lanes_and_block_sizes_agree() {
    lanes_and_blocks::<Chorus>(&[
        [&[("rate", 5.0)], &[("rate", 0.3), ("depth", 5.0)]],
        [&[("delay", 1.0), ("depth", 10.0), ("feedback", 0.9)], &[("voices", 4.0), ("mix", 0.4)]],
        [&[("voices", 3.0), ("spread", 0.3)], &[("delay", 50.0), ("rate", 10.0)]],
    ]);
}

#[test]
fn no_parameter_clicks() {
    let base = [("rate", 0.8), ("depth", 2.0), ("mix", 0.5)];
    let changes =
        [("rate", 2.0), ("depth", 4.0), ("delay", 30.0), ("voices", 4.0), ("spread", 0.0), ("feedback", 0.8), ("mix", 1.0)];
    no_clicks::<Chorus>(&base, &changes);
}

#[test]
fn it_carries_clears_and_survives() {
    lives_on::<Chorus>(&[("rate", 3.0), ("feedback", 0.5)], &[("rate", 0.3), ("depth", 5.0), ("voices", 3.0)]);
}
