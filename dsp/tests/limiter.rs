//! The limiter, judged by an ideal interpolation at sixteen times the rate.

mod common;

use common::*;
use headroom_dsp::graph::StripKind;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;
use realfft::RealFftPlanner;
use std::f64::consts::{PI, TAU};

const RATE: f64 = 48000.0;

/// Stereo through main's limiter.
fn limit(settings: &[(&str, f64)], left: Vec<f32>, right: Vec<f32>) -> Vec<Vec<f64>> {
    let channel = with_chain(strip(StripKind::Channel, 1, "c1", true), &[]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &["limiter"]);
    let frames = left.len();
    let mut c = Console::on(wire(vec![channel, main]), RATE, vec![left, right], Path::best(), |desk| {
        let tree = desk.tree().clone();
        for (path, x) in settings {
            let id = tree.find(Owner::Strip(1), &format!("limiter/{path}")).expect("a parameter");
            desk.set(id, &Value::Float(*x), &mut Vec::new());
        }
    });
    c.run(frames, 64);
    c.io.outputs[..2].to_vec()
}

/// Largest magnitude at 16 times the rate, by zero-padding the spectrum of windowed stretches.
fn true_peak(x: &[f64]) -> f64 {
    let n = 8192;
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, back) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(16 * n));
    let mut peak = 0.0f64;
    let mut at = 0;
    while at + n <= x.len() {
        // The middle half counts; the edges fade so that the stretch is periodic.
        let window = |i: usize| {
            let edge = n / 8;
            let d = i.min(n - 1 - i);
            if d >= edge { 1.0 } else { 0.5 - 0.5 * (PI * d as f64 / edge as f64).cos() }
        };
        let mut block: Vec<f64> = x[at..at + n].iter().enumerate().map(|(i, v)| v * window(i)).collect();
        let mut spectrum = forward.make_output_vec();
        forward.process(&mut block, &mut spectrum).unwrap();
        spectrum.resize(8 * n + 1, Default::default());
        let mut fine = back.make_output_vec();
        back.process(&mut spectrum, &mut fine).unwrap();
        let middle = &fine[4 * n..12 * n];
        peak = middle.iter().fold(peak, |m, v| m.max(v.abs() / n as f64));
        at += n / 2;
    }
    peak
}

fn db(x: f64) -> f64 {
    20.0 * x.log10()
}

fn bursts(hz: f64, level_db: f64) -> Vec<f32> {
    let a = 10f64.powf(level_db / 20.0);
    (0..96000)
        .map(|i| {
            let on = (i / 4800) % 2 == 1;
            let square = if (i as f64 * hz / RATE).fract() < 0.5 { a } else { -a };
            if on { square as f32 } else { 0.0 }
        })
        .collect()
}

fn quarter_rate() -> Vec<f32> {
    // Samples at 45° of a sine at fs/4: its true peak is 3 dB above them.
    let a = 10f64.powf(6.0 / 20.0);
    (0..96000)
        .map(|i| {
            let (t, end) = (i as f64, 96000.0);
            let edge = (t.min(end - t) / 960.0).min(1.0);
            (a * edge * (TAU * t / 4.0 + PI / 4.0).sin()) as f32
        })
        .collect()
}

fn dense(level_db: f64) -> Vec<f32> {
    let a = 10f64.powf(level_db / 20.0);
    let mut noise = noise(5, 96000).into_iter();
    let mut low = 0.0;
    (0..96000)
        .map(|i| {
            let t = i as f64 / RATE;
            low += 0.2 * (f64::from(noise.next().unwrap_or(0.0)) - low);
            let tones: f64 = [82.0, 123.0, 220.0, 440.0, 1760.0, 5200.0, 11000.0].iter().map(|f| (TAU * f * t).sin()).sum();
            (a * (0.16 * tones + 0.3 * low)) as f32
        })
        .collect()
}

/// White noise with edges of 100 ms, so that nothing but its own peaks lie between samples.
fn white(amplitude: f32) -> Vec<f32> {
    let edge = |i: usize| 0.5 - 0.5 * (PI * (i.min(95_999 - i) as f64 / 4800.0).min(1.0)).cos();
    noise(7, 96_000).into_iter().enumerate().map(|(i, x)| x * amplitude * edge(i) as f32).collect()
}

/// A square wave that knows nothing of the rate: what it folds reaches up to half of it.
fn naive_square() -> Vec<f32> {
    let edge = |i: usize| 0.5 - 0.5 * (PI * (i.min(95_999 - i) as f64 / 4800.0).min(1.0)).cos();
    (0..96_000).map(|i| if (i as f64 * 1000.0 / RATE).fract() < 0.5 { edge(i) as f32 } else { -edge(i) as f32 }).collect()
}

#[test]
fn nothing_passes_the_ceiling() {
    let stimuli = [
        ("100 Hz square +6", bursts(100.0, 6.0)),
        ("6.9 kHz square +9", bursts(6900.0, 9.0)),
        ("fs/4 at 45°", quarter_rate()),
        ("mix +6", dense(6.0)),
        ("mix +12", dense(12.0)),
        ("white noise", white(2.0)),
        ("naive square", naive_square()),
    ];
    let mut failed = Vec::new();
    for (name, input) in stimuli {
        for lookahead in [0.5, 1.5, 5.0] {
            let settings = [("on", 1.0), ("ceiling", -1.0), ("lookahead", lookahead)];
            let out = limit(&settings, input.clone(), input.clone());
            let tp = db(true_peak(&out[0])) + 1.0;
            println!("{name} {lookahead} ms: {tp:+.3} dB over the ceiling");
            // A dense mix must not be held lower than it need be.
            if tp > 0.0 || (name.starts_with("mix") && lookahead > 1.0 && tp < -0.2) {
                failed.push(format!("{name}, {lookahead} ms: {tp:+.3} dB"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn sample_peaks_hold_without_true_peak() {
    for input in [bursts(100.0, 6.0), dense(12.0)] {
        let out = limit(&[("on", 1.0), ("true-peak", 0.0)], input.clone(), input);
        let peak = db(out[0].iter().fold(0.0f64, |m, x| m.max(x.abs())));
        assert!(peak <= -1.0, "{peak}");
    }
}

#[test]
fn a_steady_tone_stays_a_tone() {
    for (hz, bar) in [(50.0, -90.0), (997.0, -120.0)] {
        for over in [3.0, 6.0, 10.0] {
            let input = sine(hz, 10f64.powf((over - 1.0) / 20.0), RATE, 240000);
            let out = limit(&[("on", 1.0)], input.clone(), input);
            let x = &out[0][96000..];
            let n = x.len() as f64;
            let (mut s, mut c) = (0.0, 0.0);
            for (i, v) in x.iter().enumerate() {
                let p = TAU * hz * i as f64 / RATE;
                s += 2.0 * v * p.sin() / n;
                c += 2.0 * v * p.cos() / n;
            }
            let rest = x.iter().enumerate().map(|(i, v)| {
                let p = TAU * hz * i as f64 / RATE;
                (v - s * p.sin() - c * p.cos()).powi(2)
            });
            let thd = 10.0 * (rest.sum::<f64>() / n / ((s * s + c * c) / 2.0)).log10();
            println!("{hz} Hz {over} dB: {thd:.1} dB");
            assert!(thd <= bar, "{hz} Hz, {over} dB: {thd:.1}");
        }
    }
}

#[test]
fn under_the_ceiling_it_only_delays_and_off_it_does_too() {
    let input = sine(440.0, 0.5, RATE, 48000);
    for on in [0.0, 1.0] {
        let out = limit(&[("on", on)], input.clone(), input.clone());
        for i in 72..48000 {
            assert_eq!(out[0][i], f64::from(input[i - 72]), "frame {i}");
        }
    }
}

#[test]
fn after_work_it_is_bit_exact_again_and_the_sides_keep_their_ratio() {
    let mut left = sine(440.0, 2.0, RATE, 240000);
    for x in &mut left[24000..] {
        *x *= 0.1;
    }
    let right: Vec<f32> = left.iter().map(|x| x * 0.25).collect();
    let out = limit(&[("on", 1.0), ("release", 20.0)], left.clone(), right);
    for (l, r) in out[0][10000..20000].iter().zip(&out[1][10000..20000]).filter(|s| s.0.abs() > 0.1) {
        assert!(db((r / l).abs() / 0.25).abs() < 0.001);
    }
    for i in 200000..240000 {
        assert_eq!(out[0][i], f64::from(left[i - 72]), "frame {i}");
    }
}

#[test]
fn on_off_and_the_ceiling_are_moved_to_without_a_click() {
    // 1 kHz, its crest in the middle; what is left above 4 kHz there is the click.
    let frames = 96000;
    let input: Vec<f32> = (0..frames).map(|i| (TAU * 1000.0 * (i as f64 - 48000.0) / RATE).cos() as f32).collect();
    for (what, on, path, to) in [("on", 0.0, "on", 1.0), ("off", 1.0, "on", 0.0), ("ceiling", 1.0, "ceiling", -12.0)] {
        let channel = with_chain(strip(StripKind::Channel, 1, "c1", true), &[]);
        let main = with_chain(strip(StripKind::Main, 1, "main", true), &["limiter"]);
        let spec = wire(vec![channel, main]);
        let mut c = Console::on(spec, RATE, vec![input.clone(), input.clone()], Path::best(), |desk| {
            let tree = desk.tree().clone();
            for (path, x) in [("on", on), ("ceiling", -6.0)] {
                let id = tree.find(Owner::Strip(1), &format!("limiter/{path}")).expect("a parameter");
                desk.set(id, &Value::Float(x), &mut Vec::new());
            }
        });
        c.run(48000, 64);
        c.set("main", &format!("limiter/{path}"), to);
        c.flush(None);
        c.run(frames - 48000, 64);
        // Differences of fourth order: a tone of 1 kHz is 35 dB down, a step is not.
        let out = &c.io.outputs[0][40000..56000];
        let rough = |w: &[f64]| (w[0] - 4.0 * w[1] + 6.0 * w[2] - 4.0 * w[3] + w[4]).abs();
        let at_rest = out[..4000].windows(5).chain(out[12000..].windows(5)).map(rough).fold(0.0, f64::max);
        let moving = out.windows(5).map(rough).fold(0.0, f64::max);
        assert!(moving < at_rest * 1.02 + 1e-6, "{what}: {moving:.2e}, at rest {at_rest:.2e}");
    }
}
