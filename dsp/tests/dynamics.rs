//! Gate and compressor, measured as their bars say: static curve, timing, distortion, aliasing.

mod common;

use common::*;
use headroom_dsp::graph::{GraphSpec, StripKind};
use std::f64::consts::TAU;

const RATE: f64 = 48000.0;

fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// One strip with one processor, hard left: left output over the input's length.
fn through(proc: &str, settings: &[(&str, f64)], input: Vec<f32>) -> Vec<f64> {
    let channel = with_chain(strip(StripKind::Channel, 1, "c1", false), &[proc]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
    let spec: GraphSpec = wire(vec![channel, main]);
    let frames = input.len();
    let mut c = Console::on(spec, RATE, vec![input], headroom_dsp::lanes::Path::best(), |desk| {
        let tree = desk.tree().clone();
        let mut set = |path: &str, x: f64| {
            let owner = headroom_dsp::tree::Owner::Strip(0);
            let id = tree.find(owner, path).unwrap_or_else(|| panic!("{path}"));
            desk.set(id, &headroom_dsp::param::Value::Float(x), &mut Vec::new());
        };
        set("pan", -1.0);
        set(&format!("{proc}/on"), 1.0);
        for (path, x) in settings {
            set(&format!("{proc}/{path}"), *x);
        }
    });
    c.flush(None);
    c.run(frames, 64);
    c.io.outputs[0].clone()
}

/// Level of a tone in dB (sine peak) over a span, by quadrature.
fn tone_db(x: &[f64], hz: f64, from: usize, n: usize) -> f64 {
    let (mut s, mut c) = (0.0, 0.0);
    for (i, v) in x[from..from + n].iter().enumerate() {
        let p = TAU * hz * (from + i) as f64 / RATE;
        s += v * p.sin();
        c += v * p.cos();
    }
    20.0 * ((s * s + c * c).sqrt() * 2.0 / n as f64).log10()
}

fn rms_db(x: &[f64]) -> f64 {
    10.0 * (2.0 * x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).log10()
}

#[test]
fn the_compressors_static_curve_is_the_formula() {
    for detector in [0.0, 1.0] {
        let mut worst: f64 = 0.0;
        for step in 0..=30 {
            let level = -60.0 + 2.0 * f64::from(step);
            let settings = [
                ("threshold", -20.0),
                ("ratio", 4.0),
                ("knee", 6.0),
                ("attack", 10.0),
                ("release", 100.0),
                ("detector", detector),
            ];
            let out = through("comp", &settings, sine(1000.0, amplitude(level), RATE, 72000));
            let over: f64 = level + 20.0;
            let slope = 1.0 / 4.0 - 1.0;
            let want = if over <= -3.0 {
                level
            } else if over >= 3.0 {
                level + slope * over
            } else {
                level + slope * (over + 3.0).powi(2) / 12.0
            };
            worst = worst.max((rms_db(&out[50400..]) - want).abs());
        }
        assert!(worst <= 0.05, "detector {detector}: {worst:.3} dB");
    }
}

/// Times to 63.2 % of the change, in ms, after a step up and a step down of a 1 kHz tone.
fn timing(proc: &str, settings: &[(&str, f64)], low: f64, high: f64) -> (f64, f64) {
    let n = 96000;
    let tone: Vec<f32> = sine(1000.0, 1.0, RATE, 3 * n)
        .iter()
        .enumerate()
        .map(|(i, x)| x * amplitude(if i / n == 1 { high } else { low }) as f32)
        .collect();
    let out = through(proc, settings, tone.clone());
    // Gain by demodulation over one cycle.
    let gain: Vec<f64> = (0..3 * n - 48)
        .step_by(4)
        .map(|i| {
            let input: Vec<f64> = tone[i..i + 48].iter().map(|x| f64::from(*x)).collect();
            10.0 * (out[i..i + 48].iter().map(|x| x * x).sum::<f64>() / input.iter().map(|x| x * x).sum::<f64>()).log10()
        })
        .collect();
    let time = |from: usize| {
        let (a, b) = (gain[from / 4 - 100], gain[(from + n) / 4 - 100]);
        let goal = a + 0.632 * (b - a);
        let hit = gain[from / 4..].iter().position(|g| (g - a) * (b - a).signum() >= (goal - a) * (b - a).signum());
        hit.map_or(f64::NAN, |i| (i as f64 * 4.0 + 24.0) * 1000.0 / RATE)
    };
    (time(n), time(2 * n))
}

#[test]
fn attack_and_release_take_their_time() {
    let settings = [("threshold", -30.0), ("ratio", 4.0), ("knee", 0.0), ("attack", 10.0), ("release", 100.0)];
    let (attack, release) = timing("comp", &settings, -40.0, -10.0);
    assert!((9.5..=10.5).contains(&attack), "attack {attack:.2}");
    assert!((100.0..=112.0).contains(&release), "release {release:.2}");
}

/// Everything but the tone and its own frequency bin, dB re the tone.
fn distortion(out: &[f64], hz: f64) -> f64 {
    let n = out.len();
    let (mut s, mut c, mut m) = (0.0, 0.0, 0.0);
    for (i, v) in out.iter().enumerate() {
        let p = TAU * hz * i as f64 / RATE;
        s += v * p.sin() * 2.0 / n as f64;
        c += v * p.cos() * 2.0 / n as f64;
        m += v / n as f64;
    }
    let rest: f64 = out
        .iter()
        .enumerate()
        .map(|(i, v)| {
            let p = TAU * hz * i as f64 / RATE;
            (v - m - s * p.sin() - c * p.cos()).powi(2)
        })
        .sum();
    10.0 * (rest / n as f64 / ((s * s + c * c) / 2.0)).log10()
}

#[test]
fn a_low_tone_stays_clean() {
    for (hz, bar) in [(50.0, -80.0), (1000.0, -100.0)] {
        let settings = [("threshold", -20.0), ("ratio", 4.0), ("attack", 10.0), ("release", 100.0)];
        let out = through("comp", &settings, sine(hz, amplitude(-10.0), RATE, 192000));
        let thd = distortion(&out[96000..], hz);
        assert!(thd <= bar, "{hz} Hz: {thd:.1} dB");
    }
}

#[test]
fn a_fast_compressor_does_not_fold_products_back() {
    let settings = [("threshold", -30.0), ("ratio", 20.0), ("attack", 0.1), ("release", 10.0), ("knee", 0.0)];
    let out = through("comp", &settings, sine(9419.0, amplitude(-6.0), RATE, 192000));
    let folded = distortion(&out[96000..], 9419.0);
    assert!(folded <= -80.0, "{folded:.1} dB");
}

#[test]
fn an_idle_compressor_and_an_open_gate_are_bit_exact() {
    let input = sine(440.0, 0.5, RATE, 48000);
    let out = through("comp", &[("ratio", 1.0)], input.clone());
    assert!(out.iter().zip(&input).all(|(y, x)| *y == f64::from(*x)));
    let out = through("gate", &[("threshold", -40.0)], input.clone());
    let late = 24000;
    assert!(out[late..].iter().zip(&input[late..]).all(|(y, x)| *y == f64::from(*x)));
    let out = through("gate", &[("ratio", 1.0)], input.clone());
    assert!(out.iter().zip(&input).all(|(y, x)| *y == f64::from(*x)));
    let out = through("gate", &[("range", 0.0)], input.clone());
    assert!(out.iter().zip(&input).all(|(y, x)| *y == f64::from(*x)));
}

#[test]
fn the_gate_has_its_depth_its_hysteresis_and_its_times() {
    let settings =
        [("threshold", -30.0), ("range", 40.0), ("attack", 5.0), ("hold", 50.0), ("release", 50.0), ("hysteresis", 6.0)];
    for (level, want) in [(-60.0, -40.0), (-31.0, -40.0), (-29.0, 0.0), (-10.0, 0.0)] {
        let out = through("gate", &settings, sine(1000.0, amplitude(level), RATE, 48000));
        let gain = tone_db(&out, 1000.0, 38400, 9600) - level;
        assert!((gain - want).abs() <= 0.1, "{level}: {gain:.2}");
    }
    let (open, close) = timing("gate", &settings, -50.0, -10.0);
    assert!((4.5..=5.5).contains(&open), "opens in {open:.2}");
    assert!((99.0..=102.0).contains(&close), "closes in {close:.2}");
    // Between the two thresholds it stays as it was.
    let n = 48000;
    let tone: Vec<f32> = sine(1000.0, 1.0, RATE, 3 * n)
        .iter()
        .enumerate()
        .map(|(i, x)| x * amplitude([-10.0, -35.9, -36.1][i / n]) as f32)
        .collect();
    let out = through("gate", &settings, tone);
    assert!((tone_db(&out, 1000.0, 2 * n - 9600, 9600) + 35.9).abs() < 0.1);
    assert!(tone_db(&out, 1000.0, 3 * n - 9600, 9600) < -70.0);
}

#[test]
fn an_expander_follows_its_ratio() {
    let settings = [("threshold", -30.0), ("ratio", 3.0), ("range", 60.0), ("release", 50.0)];
    for level in [-50.0, -40.0, -32.0, -28.0, -10.0f64] {
        let out = through("gate", &settings, sine(1000.0, amplitude(level), RATE, 72000));
        let want = level + ((level + 30.0) * 2.0).min(0.0);
        let got = tone_db(&out, 1000.0, 62400, 9600);
        assert!((got - want).abs() <= 0.1, "{level}: {got:.2} {want:.2}");
    }
}

#[test]
fn the_other_detector_takes_over_at_the_level_of_the_tone() {
    let frames = 96000;
    let channel = with_chain(strip(StripKind::Channel, 1, "c1", true), &["comp"]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
    let input = sine(1000.0, 0.5, RATE, frames);
    let mut c = Console::new(wire(vec![channel, main]), RATE, vec![input.clone(), input]);
    c.set("c1", "comp/on", 1.0);
    c.set("c1", "comp/release", 20.0);
    c.flush(None);
    c.run(48000, 64);
    c.set("c1", "comp/detector", 1.0);
    c.flush(None);
    c.run(48000, 64);
    let level = |from: usize| tone_db(&c.io.outputs[0], 1000.0, from, 48);
    let worst = (0..200).map(|i| (level(48000 + 48 * i) - level(40000)).abs()).fold(0.0, f64::max);
    assert!(worst < 0.1, "{worst:.3} dB");
}

#[test]
fn a_knee_may_be_moved_from_and_to_none_while_it_works() {
    for proc in ["comp", "glue", "multiband"] {
        let path = |p: &str| if proc == "multiband" { format!("{proc}/1/{p}") } else { format!("{proc}/{p}") };
        let kind = if proc == "glue" { StripKind::Group } else { StripKind::Channel };
        for (knee, to) in [(0.0, 6.0), (0.0, 24.0), (24.0, 0.0), (6.0, 0.0), (0.0, 0.001)] {
            let strip_1 = with_chain(strip(kind, 1, "c1", false), &[proc]);
            let main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
            let mut strips = vec![strip_1, main];
            if kind == StripKind::Group {
                let source = with_chain(strip(StripKind::Channel, 1, "source", false), &[]);
                strips.insert(0, source);
            }
            let mut spec = wire(strips);
            if kind == StripKind::Group {
                spec.strips[0].to = Some(1);
            }
            let frames = 96_000;
            let mut c = Console::new(spec, RATE, vec![sine(60.0, amplitude(-10.0), RATE, frames)]);
            if proc != "multiband" {
                c.set("c1", &path("on"), 1.0);
            }
            for (p, x) in [("threshold", -30.0), ("ratio", 4.0), ("knee", knee)] {
                c.set("c1", &path(p), x);
            }
            c.flush(None);
            c.run(48_000, 64);
            let peak = |x: &[f64]| 20.0 * x.iter().fold(0.0f64, |m, v| m.max(v.abs())).log10();
            let before = peak(&c.io.outputs[0][43_200..48_000]);
            c.set("c1", &path("knee"), to);
            c.flush(None);
            c.run(48_000, 64);
            // 20 dB over the threshold, both knees have the same curve there; on the way between them hardly another.
            let quietest = c.io.outputs[0][48_000..].chunks(800).take(59).map(peak).fold(f64::MAX, f64::min);
            let loudest = peak(&c.io.outputs[0][48_000..]);
            assert!(
                loudest < before + 1.0 && quietest > before - 1.0,
                "{proc} {knee} to {to}: {quietest} to {loudest}, before {before}"
            );
        }
    }
}
