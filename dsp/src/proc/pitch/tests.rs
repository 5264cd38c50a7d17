use super::Pitch;
use crate::proc::testing::*;

/// The mean frequency of a tone about `hz`, by the turn of its phase.
fn frequency(x: &[f64], hz: f64) -> f64 {
    let w = std::f64::consts::TAU * hz / RATE;
    let phase = |from: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, x) in x[from..from + 4800].iter().enumerate() {
            let (sin, cos) = (w * (from + i) as f64).sin_cos();
            let window = (std::f64::consts::PI * (i as f64 + 0.5) / 4800.0).sin().powi(2);
            (re, im) = (re + x * cos * window, im - x * sin * window);
        }
        f64::atan2(im, re)
    };
    let (mut turn, mut last, mut at) = (0.0, phase(0), 0);
    while at + 4800 + 480 <= x.len() {
        at += 480;
        let next = phase(at);
        let by = next - last;
        turn += by - std::f64::consts::TAU * (by / std::f64::consts::TAU).round();
        last = next;
    }
    hz + turn / std::f64::consts::TAU * RATE / at as f64
}

#[test]
fn tones_move_by_what_is_asked_and_stay_tones() {
    for (hz, width, bar) in [(1000.0, 100.0, -80.0), (220.0, 100.0, -60.0), (8000.0, 1500.0, -70.0)] {
        for shift in [-12.0, -7.0, -3.0, -0.3, 0.1, 0.5, 1.0, 4.0, 7.0, 12.0] {
            if hz > 4000.0 && shift > 7.0 {
                continue;
            }
            let [y, _] = heard::<Pitch>(&[("on", 1.0), ("shift", shift)], RATE, 144_000, |f| [tone(f, hz, RATE); 2]);
            let want = hz * f64::exp2(shift / 12.0);
            let y = &y[24_000..];
            let cents = 1200.0 * (frequency(y, want) / want).log2();
            let db = outside(y, RATE, want, width);
            println!("{hz} Hz {shift:+}: {cents:+.2} cents, {db:.1} dB");
            assert!(cents.abs() < 2.0, "{hz} Hz {shift:+}: {cents} cents");
            assert!(db < bar, "{hz} Hz {shift:+}: {db} dB");
        }
    }
}

#[test]
fn neutral_is_bit_exact() {
    for with in [&[("on", 1.0), ("mix", 0.0), ("shift", 5.0)][..], &[("on", 1.0), ("shift", 0.0)], &[("shift", 5.0)]] {
        let y = heard::<Pitch>(with, RATE, 20_000, |f| [noise(f as u64, 0), noise(f as u64, 1)]);
        for (side, y) in y.iter().enumerate() {
            assert!(y[..696].iter().all(|y| *y == 0.0));
            assert!(y[696..].iter().enumerate().all(|(f, y)| *y == noise(f as u64, side)), "{with:?}");
        }
    }
}

#[test]
fn a_little_shift_begins_where_the_sound_is() {
    // A cent up, a twentieth of a second after the first sound, half and half: once, and at one time.
    let with = [("on", 1.0), ("shift", 0.01), ("mix", 0.5)];
    let click = |f: usize| [f64::from(u8::from(f == 0 || f == 2400)); 2];
    let [y, _] = heard::<Pitch>(&with, RATE, 9600, click);
    let beside = |from: usize| y[from - 480..from + 480].iter().enumerate().filter(|(i, _)| i.abs_diff(480) > 24);
    assert!(beside(2400 + 696).all(|(_, y)| y.abs() < 0.02), "spread");
    let power: f64 = y[2400 + 680..2400 + 712].iter().map(|y| y * y).sum();
    assert!(power > 0.4, "{power}");
}

#[test]
fn noise_keeps_its_level() {
    for shift in [-12.0, -2.0, 0.2, 3.0] {
        let [y, _] = heard::<Pitch>(&[("on", 1.0), ("shift", shift)], RATE, 96_000, |f| [noise(f as u64, 0); 2]);
        let power = y[24_000..].iter().map(|x| x * x).sum::<f64>() / 72_000.0;
        let db = 10.0 * (power * 12.0).log10();
        println!("{shift:+}: {db:.2} dB");
        // Upwards, what lies above 17 kHz is rolled off.
        assert!((if shift > 0.5 { -2.5 } else { -1.0 }..1.0).contains(&db), "{shift:+}: {db} dB");
    }
}

#[test]
fn lanes_and_block_sizes_agree() {
    lanes_and_blocks::<Pitch>(&[
        [&[("on", 1.0), ("shift", 12.0)], &[("on", 1.0), ("shift", -12.0)]],
        [&[("on", 1.0), ("shift", -5.0)], &[("on", 1.0), ("shift", 0.3), ("mix", 0.4)]],
        [&[("on", 1.0), ("shift", 0.0)], &[("on", 1.0), ("shift", 7.0)]],
        [&[("on", 0.0), ("shift", -2.0)], &[("on", 1.0), ("shift", -2.0)]],
    ]);
}

#[test]
fn no_parameter_clicks() {
    let changes = [("shift", 1.2), ("shift", -1.0), ("shift", 0.0), ("mix", 0.5), ("mix", 0.0), ("on", 0.0)];
    no_clicks::<Pitch>(&[("on", 1.0), ("shift", 0.5)], &changes);
    no_clicks::<Pitch>(&[("on", 1.0), ("shift", 0.0)], &[("shift", 0.01), ("shift", 1.0)]);
}

#[test]
fn it_carries_clears_and_survives() {
    lives_on::<Pitch>(&[("on", 1.0), ("shift", 4.0)], &[("on", 1.0), ("shift", -4.0)]);
}
