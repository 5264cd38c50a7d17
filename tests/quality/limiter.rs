//! The limiter on main, judged by ideal interpolation.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{amplitude, db, differing, impulse, noise, peak, single, tone};
use headroom_e2e::measure::spectrum::{Spectrum, phase_delay, true_peak, worst_above};
use std::f64::consts::{FRAC_PI_4, PI, TAU};

fn limit(settings: &str, x: &[f64]) -> Result<Vec<f64>, String> {
    Take::main("limiter", &format!("limiter = {{ on = true, {settings} }}")).feed("c", x).first("main")
}

/// Square bursts of 100 ms, with 100 ms between.
fn bursts(hz: f64, dbfs: f64) -> Vec<f64> {
    let square = |i: usize| if (i as f64 * hz / RATE).fract() < 0.5 { amplitude(dbfs) } else { -amplitude(dbfs) };
    (0..96_000).map(|i| if (i / 4800) % 2 == 1 { square(i) } else { 0.0 }).collect()
}

/// A quarter of the rate, samples at 45° so that the peak lies between them; edges of 20 ms.
fn quarter() -> Vec<f64> {
    let edge = |i: i32| (f64::from(i.min(95_999 - i)) / 960.0).min(1.0);
    (0..96_000).map(|i| amplitude(6.0) * edge(i) * (TAU * f64::from(i) / 4.0 + FRAC_PI_4).sin()).collect()
}

/// Tones and noise together, that much over full scale.
fn dense(over: f64) -> Vec<f64> {
    let (mut low, hiss) = (0.0, noise(5, 1.0, 96_000));
    let mut x: Vec<f64> = (0..96_000)
        .map(|i| {
            low += 0.2 * (hiss[i] - low);
            let t = i as f64 / RATE;
            let tones: f64 = [82.0, 123.0, 220.0, 440.0, 1760.0, 5200.0, 11_000.0].iter().map(|f| (TAU * f * t).sin()).sum();
            let edge = ((i.min(95_999 - i)) as f64 / 960.0).min(1.0);
            (0.5 - 0.5 * (PI * edge).cos()) * (0.16 * tones + 0.3 * low)
        })
        .collect();
    let scale = amplitude(over) / peak(&x);
    x.iter_mut().for_each(|v| *v *= scale);
    x
}

/// In and out, over a tenth of a second.
fn fade(x: &mut [f64]) {
    let last = x.len() - 1;
    let edge = |i: usize| 0.5 - 0.5 * (PI * (i.min(last - i) as f64 / 4800.0).min(1.0)).cos();
    x.iter_mut().enumerate().for_each(|(i, v)| *v *= edge(i));
}

/// What reaches half the rate: pink and white noise, the peak that much over full scale, and a naive square wave.
fn wide(kind: &str, over: f64) -> Vec<f64> {
    let white = noise(9, 1.0, 96_000);
    // Poles and zeros an octave and a bit apart: 3 dB an octave ("pink" by six one-poles in series).
    let pinked = |mut x: Vec<f64>| {
        for k in 0..6 {
            let place = |shift: f64| 1.0 - (TAU * 8.0 * 4f64.powf(f64::from(k) + shift) / RATE).min(0.98);
            let (pole, zero, mut last, mut out) = (place(0.0), place(0.5), 0.0, 0.0);
            for x in &mut x {
                out = *x - zero * last + pole * out;
                last = std::mem::replace(x, out);
            }
        }
        x
    };
    let mut x = match kind {
        "pink" => pinked(white),
        "white" => white,
        _ => (0..96_000).map(|i| if (i as f64 * 1000.0 / RATE).fract() < 0.5 { 1.0 } else { -1.0 }).collect(),
    };
    fade(&mut x);
    let scale = amplitude(over) / peak(&x);
    x.iter_mut().for_each(|v| *v *= scale);
    x
}

/// Another look-ahead while a tone plays: old and new delay are crossfaded, and neither has a gap.
pub fn swaps(t: &mut Table) -> Done {
    let x = tone(RATE, 1000.0, -3.0, 4.0);
    for (from, to) in [(0.5, 5.0), (0.5, 1.5), (1.5, 5.0), (5.0, 0.5)] {
        for ceiling in [0.0, -9.0] {
            let take =
                Take::main("limiter", &format!("limiter = {{ on = true, lookahead = {from:.1}, ceiling = {ceiling:.1} }}"));
            let mut y = take.feed("c", &x).cue(2.0, format!("/main/limiter/lookahead {to:.1}")).first("main")?;
            fade(&mut y);
            let high = worst_above(&y[48_000..144_000], RATE, 4000.0);
            t.most(format!("look-ahead {from} to {to} ms, ceiling {ceiling}: worst 10 ms above 4 kHz"), high, -100.0, "dBFS");
            let over = db(true_peak(&y)) - ceiling;
            t.most(format!("look-ahead {from} to {to} ms, ceiling {ceiling}: over the ceiling"), over, 0.0, "dB");
        }
    }
    Ok(())
}

pub fn overshoot(t: &mut Table) -> Done {
    for (name, x) in [
        ("100 Hz square bursts +6", bursts(100.0, 6.0)),
        ("6.9 kHz square bursts +9", bursts(6900.0, 9.0)),
        ("fs/4 at 45° +6", quarter()),
        ("dense mix +6", dense(6.0)),
        ("dense mix +12", dense(12.0)),
        ("dense pink noise +6", wide("pink", 6.0)),
        ("dense pink noise +12", wide("pink", 12.0)),
        ("white noise +6", wide("white", 6.0)),
        ("1 kHz naive square wave", wide("square", 0.0)),
    ] {
        for (look, release) in [(1.5, 50.0), (5.0, 50.0), (0.5, 5.0)] {
            let y = limit(&format!("ceiling = -1.0, lookahead = {look:.1}, release = {release:.1}"), &x)?;
            let over = db(true_peak(&y)) + 1.0;
            t.most(format!("{name}, {look} ms, release {release}: over the ceiling"), over, 0.0, "dB");
            if name.starts_with("dense") && release > 10.0 {
                t.least(format!("{name}, {look} ms, release {release}: level kept"), over, -0.2, "dB");
            }
        }
        let y = limit("ceiling = -1.0, true-peak = false", &x)?;
        t.most(format!("{name}, sample peaks: over the ceiling"), db(peak(&y)) + 1.0, 0.0, "dB");
    }
    Ok(())
}

pub fn distortion(t: &mut Table) -> Done {
    for (hz, bar) in [(50.0, -90.0), (997.0, -120.0)] {
        for over in [3.0, 6.0, 10.0] {
            let y = limit("ceiling = -1, release = 50", &tone(RATE, hz, over - 1.0, 5.0))?;
            let rest = Spectrum::new(&y[96_000..], RATE).rest_db(&[hz], 8.0);
            t.most(format!("THD+N of {hz} Hz at {over} dB of reduction"), rest, bar, "dB");
        }
    }
    Ok(())
}

pub fn faithful(t: &mut Table) -> Done {
    let x = noise(2, 0.85, 96_000);
    for look in [0.5, 1.5, 5.0] {
        let keys = format!("lookahead = {look:.1}");
        let y = limit(&format!("ceiling = 0, {keys}"), &noise(2, 0.3, 96_000))?;
        t.exact(format!("noise below the ceiling, {look} ms"), differing(&y, &single(&noise(2, 0.3, 96_000))));
        let h = limit(&format!("ceiling = 0, {keys}"), &impulse(4800, 9600).iter().map(|v| 0.5 * v).collect::<Vec<_>>())?;
        let late = phase_delay(&h[4800 - 480..4800 + 480], RATE, 100.0, 20_000.0) - 480.0;
        t.most(format!("{look} ms: measured latency less the reported"), late.abs(), 0.5, "frames");
        let rig = Take::main("limiter", &format!("limiter = {{ on = true, {keys} }}"));
        let told = rig.check()?["outputs"]["main"]["latency"].as_f64().unwrap_or(f64::NAN);
        t.most(format!("{look} ms: reported latency"), told / RATE * 1000.0, 5.0, "ms");
    }
    // The left side works hard; the right is 20 dB below and follows.
    let right: Vec<f64> = x.iter().map(|v| 0.1 * v).collect();
    let y = Take::main("limiter", "limiter = { on = true, ceiling = -9.0 }").feed_all("c", vec![x, right]).out("main")?;
    let apart = y[0].iter().zip(&y[1]).filter(|(l, _)| l.abs() > 1e-3).map(|(l, r)| (db(l / r) - 20.0).abs());
    t.most("stereo: left/right stays 20 dB, distance", apart.fold(0.0, f64::max), 0.001, "dB");
    Ok(())
}
