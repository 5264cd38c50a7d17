use super::Echo;
use crate::lanes::Lanes;
use crate::proc::testing::*;
use crate::proc::{Process, Running};

/// Frames at which an impulse comes back, and how loud.
fn repeats(x: &[f64]) -> Vec<(usize, f64)> {
    x.iter().enumerate().filter(|(_, x)| x.abs() > 1e-6).map(|(i, x)| (i, (x * 1e6).round() / 1e6)).collect()
}

#[test]
fn echoes_come_in_time_and_fade() {
    let click = |f: usize| if f == 0 { [1.0, 0.5] } else { [0.0; 2] };
    let [l, r] = heard::<Echo>(&[("left", 100.0), ("right", 150.0), ("feedback", 0.5)], RATE, 20000, click);
    assert_eq!(repeats(&l), [(4800, 1.0), (9600, 0.5), (14400, 0.25), (19200, 0.125)]);
    assert_eq!(repeats(&r), [(7200, 0.5), (14400, 0.25)]);
    let times = [("mode", 1.0), ("left", 100.0), ("right", 150.0), ("feedback", 0.5)];
    let [l, r] = heard::<Echo>(&times, RATE, 20000, click);
    assert_eq!(repeats(&l), [(4800, 0.75), (16800, 0.1875)]);
    assert_eq!(repeats(&r), [(12000, 0.375)]);
    // The shortest echo, shorter than a chunk.
    let [l, _] = heard::<Echo>(&[("left", 1.0), ("feedback", 0.5)], RATE, 200, click);
    assert_eq!(repeats(&l), [(48, 1.0), (96, 0.5), (144, 0.25), (192, 0.125)]);
}

#[test]
fn a_mono_strip_hears_both_places() {
    let mut p = bank::<Echo, crate::lanes::One64>(&[("mode", 1.0), ("left", 10.0), ("right", 20.0)], RATE, false);
    let mut io = vec![crate::lanes::One64(0.0); 2000];
    io[0].0 = 1.0;
    render(&mut p, 0, 0, 64, &mut io);
    let y: Vec<f64> = io.iter().map(|v| v.0).collect();
    assert_eq!(repeats(&y), [(480, 1.0), (1440, 0.3), (1920, 0.09)]);
}

#[test]
fn every_repeat_is_duller_than_the_one_before() {
    let x = |f: usize| if f < 4800 { [tone(f, 8000.0, RATE); 2] } else { [0.0; 2] };
    let [l, _] = heard::<Echo>(&[("left", 200.0), ("feedback", 0.9), ("highcut", 4000.0)], RATE, 48000, x);
    let level = |k: usize| {
        let x = &l[9600 * k + 1200..9600 * k + 3600];
        10.0 * (2.0 * x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).log10()
    };
    let first = level(1);
    assert!((first + 13.1).abs() < 0.6, "{first} dB");
    assert!((level(2) - 2.0 * first + 0.9).abs() < 0.3, "{} dB", level(2));
}

#[test]
fn one_side_sounds_on_while_the_other_is_silent() {
    let mut p = bank::<Echo, Two>(&[("left", 1000.0), ("feedback", 0.5)], RATE, true);
    let mut io = vec![Two::zero(); 100_000];
    io[0] = Two::from_fn(|side| if side == 0 { 1.0 } else { 0.0 });
    render(&mut p, 0b11, 0, 64, &mut io[..19200]);
    // The bank lets the silent side forget.
    Process::clear(&mut p, 1);
    render(&mut p, 0b11, 19200, 64, &mut io[19200..]);
    assert_eq!(repeats(&io.iter().map(|v| v.get(0)).collect::<Vec<_>>()), [(48000, 1.0), (96000, 0.5)]);
    assert!(Running::<Two>::tail(&p, 0) >= 48000);
}

#[test]
fn neutral_is_bit_exact() {
    neutral::<Echo>(&[("mix", 0.0)]);
}

#[test]
fn lanes_and_block_sizes_agree() {
    lanes_and_blocks::<Echo>(&[
        [&[("left", 1.0), ("feedback", 0.7)], &[("left", 33.3), ("mode", 1.0)]],
        [&[("left", 9.0), ("right", 20.0), ("lowcut", 300.0)], &[("left", 2.0), ("highcut", 3000.0), ("mix", 0.3)]],
        [&[("mode", 1.0), ("left", 5.0), ("right", 7.0)], &[("right", 3.0), ("feedback", 0.9)]],
    ]);
}

#[test]
fn no_parameter_clicks() {
    let base = [("left", 100.25), ("right", 50.0), ("feedback", 0.5), ("mix", 0.7)];
    let changes =
        [("left", 200.0), ("left", 3.0), ("feedback", 0.9), ("mode", 1.0), ("lowcut", 300.0), ("highcut", 3000.0), ("mix", 0.0)];
    no_clicks::<Echo>(&base, &changes);
}

#[test]
fn it_carries_clears_and_survives() {
    lives_on::<Echo>(&[("left", 30.0), ("feedback", 0.9)], &[("left", 40.0), ("mode", 1.0), ("right", 80.0)]);
}
