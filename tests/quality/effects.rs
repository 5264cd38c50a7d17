//! Echo, chorus, flanger, phaser, tremolo, pitch.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{differing, impulse, noise, power_db, quadrature, rms_db, single, tone};
use headroom_e2e::measure::spectrum::outside;
use std::f64::consts::{PI, TAU};

/// A stereo channel with one effect alone, its answer only.
fn alone(name: &str, keys: &str) -> Take {
    Take::channel(name, &format!("stereo = true\n{name} = {{ on = true, mix = 1.0, {keys} }}"))
}

/// Mean frequency of a tone about `hz`, by the turn of its phase over 100 ms stretches.
fn frequency(x: &[f64], hz: f64) -> f64 {
    let phase = |from: usize| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, v) in x[from..from + 4800].iter().enumerate() {
            let (sin, cos) = (TAU * hz * (from + i) as f64 / RATE).sin_cos();
            let window = (PI * (i as f64 + 0.5) / 4800.0).sin().powi(2);
            (re, im) = (re + v * cos * window, im - v * sin * window);
        }
        im.atan2(re)
    };
    let steps = (x.len() - 4800) / 480;
    let turns: f64 = (0..steps)
        .map(|k| {
            let by = (phase(480 * (k + 1)) - phase(480 * k)) / TAU;
            by - by.round()
        })
        .sum();
    hz + turns * RATE / (480 * steps) as f64
}

pub fn echo(t: &mut Table) -> Done {
    let x = noise(4, 0.5, 24_000);
    let mut padded = x.clone();
    padded.resize(96_000, 0.0);
    let sides = || vec![padded.clone(), vec![0.0; 96_000]];
    let y = alone("echo", "left = 1000, feedback = 0.0").feed_all("c", sides()).out("main")?;
    t.exact("echo of 1000 ms, without cuts: the sound again", differing(&y[0][48_000..72_000], &single(&x)));
    t.exact("echo of the left: samples not 0 on the right", y[1].iter().filter(|v| **v != 0.0).count() as f64);
    let click = || vec![impulse(0, 96_000); 2];
    let level = |y: &[f64], at: usize| 20.0 * y[at].abs().log10();
    let y = alone("echo", "left = 375, right = 500, feedback = 0.5").feed_all("c", click()).out("main")?;
    let off = [(0, 18_000, 0.0), (0, 36_000, 1.0), (0, 54_000, 2.0), (1, 24_000, 0.0), (1, 48_000, 1.0), (1, 72_000, 2.0)];
    let off = off.map(|(side, at, times)| (level(&y[side], at) - times * power_db(0.25)).abs());
    t.most("stereo: repeats at their times, distance of levels", off.into_iter().fold(0.0, f64::max), 0.001, "dB");
    let y = alone("echo", "mode = \"pingpong\", left = 250, right = 500, feedback = 0.5").feed_all("c", click()).out("main")?;
    let off = [(0, 12_000, 0.0), (1, 36_000, 1.0), (0, 48_000, 2.0), (1, 72_000, 3.0)];
    let off = off.map(|(side, at, times)| (level(&y[side], at) - times * power_db(0.25)).abs());
    t.most("pingpong: repeats from side to side, distance of levels", off.into_iter().fold(0.0, f64::max), 0.001, "dB");
    // The analog prototypes' two poles, once a repeat.
    let burst = |hz: f64| {
        let mut x = tone(RATE, hz, 0.0, 0.2);
        x.resize(48_000, 0.0);
        x
    };
    for (keys, hz) in [("lowcut = 500", 250.0), ("highcut = 2000", 4000.0)] {
        let y = alone("echo", &format!("left = 300, feedback = 0.9, {keys}")).feed("c", &burst(hz)).out("main")?;
        let pass = |k: usize| quadrature(&y[0], RATE, hz, 14_400 * k + 4800, 2400).0;
        let want = -power_db(1.0 + 16.0);
        t.within(format!("{keys}: first echo of {hz} Hz"), pass(1), want - 0.5, want + 0.1, "dB");
        t.within(format!("{keys}: second re first"), pass(2) - pass(1) - power_db(0.81), want - 0.5, want + 0.1, "dB");
    }
    Ok(())
}

pub fn chorus(t: &mut Table) -> Done {
    for name in ["chorus", "flanger"] {
        for (hz, half, bar) in [(1000.0, 100.0, -80.0), (8000.0, 1500.0, -70.0)] {
            for keys in ["voices = 1", "voices = 1, rate = 2.0", "voices = 4, rate = 0.3, depth = 6.0, delay = 20.0"] {
                let keys = format!("feedback = 0.0, {keys}");
                let y = alone(name, &keys).feed("c", &tone(RATE, hz, 0.0, 5.0)).out("main")?;
                let worst = y.iter().map(|y| outside(&y[48_000..], RATE, hz, half)).fold(f64::NEG_INFINITY, f64::max);
                t.most(format!("{name}, {keys}: {hz} Hz outside ±{half} Hz"), worst, bar, "dB");
            }
        }
    }
    // The sides' delays, by the phase of a tone, against sines from phase 0 and 90° apart.
    let hz = 200.0;
    let y =
        alone("chorus", "voices = 1, rate = 1.0, depth = 2.0, delay = 12.0").feed("c", &tone(RATE, hz, 0.0, 3.0)).out("main")?;
    let mut off: f64 = 0.0;
    for (side, y) in y.iter().enumerate() {
        for from in (4800..120_000).step_by(480) {
            let want = |f: f64| 576.0 + 96.0 * (TAU * (f / RATE + 0.25 * side as f64)).sin();
            let middle = from as f64 + 119.5;
            let late = -quadrature(y, RATE, hz, from, 240).1 / TAU * RATE / hz;
            let turn = RATE / hz;
            let apart = late - want(middle);
            off = off.max((apart - turn * (apart / turn).round()).abs());
        }
    }
    t.most("chorus: delay of both sides against sines 90° apart", off, 1.0, "frames");
    Ok(())
}

pub fn swings(t: &mut Table) -> Done {
    // Six allpasses turn by 30°, 90° and 150° each at tan of 15°, 45° and 75° of 700 Hz.
    let at = |degrees: f64| ((PI * 700.0 / RATE).tan() * degrees.to_radians().tan()).atan() * RATE / PI;
    for degrees in [15.0, 45.0, 75.0] {
        let hz = (at(degrees) * 10.0).round() / 10.0;
        let y = alone("phaser", "depth = 0.0").feed("c", &tone(RATE, hz, 0.0, 1.0)).first("main")?;
        t.most(format!("phaser at rest: notch at {hz} Hz"), rms_db(&y[24_000..]), -60.0, "dB");
    }
    let y = alone("tremolo", "rate = 2.0, depth = 1.0").feed("c", &vec![0.5; 96_000]).out("main")?;
    let mut off: f64 = 0.0;
    for (side, y) in y.iter().enumerate() {
        for (f, v) in y.iter().enumerate() {
            let turn = TAU * (2.0 * f as f64 / RATE + 0.25 * side as f64);
            off = off.max((v - 0.25 * (1.0 + turn.sin())).abs());
        }
    }
    t.most("tremolo: gain against sines 90° apart", off, 1e-6, "");
    Ok(())
}

pub fn pitch(t: &mut Table) -> Done {
    for (hz, half, bar, shifts) in [
        (1000.0, 100.0, -80.0, &[-12.0, -7.0, -3.0, -0.3, 0.1, 1.0, 4.0, 7.0, 12.0][..]),
        (8000.0, 1500.0, -70.0, &[-12.0, -3.0, 0.1, 3.0, 7.0]),
        (110.0, 50.0, -60.0, &[-12.0, -3.0, 0.1, 3.0, 12.0]),
    ] {
        for shift in shifts {
            let want = hz * f64::exp2(shift / 12.0);
            let y = alone("pitch", &format!("shift = {shift:.1}")).feed("c", &tone(RATE, hz, 0.0, 4.0)).first("main")?;
            let y = &y[24_000..];
            let name = format!("{hz} Hz by {shift:+} semitones");
            t.target(format!("{name}: mean pitch, distance"), 1200.0 * (frequency(y, want) / want).log2().abs(), 2.0, "cents");
            t.most(format!("{name}: outside ±{half} Hz"), outside(y, RATE, want, half), bar, "dB");
        }
    }
    for shift in [-7.0, -0.01, 0.01, 7.0] {
        let y = alone("pitch", &format!("shift = {shift:.2}")).feed("c", &impulse(4800, 9600)).first("main")?;
        let power: f64 = y.iter().map(|v| v * v).sum();
        let late: f64 = y.iter().enumerate().map(|(f, v)| (f as f64 - 4800.0) * v * v).sum::<f64>() / power;
        let most = if shift.abs() < 0.1 { 0.5 } else { 15.0 };
        t.most(format!("a click by {shift:+} semitones: off the reported latency"), (1000.0 * late / RATE).abs(), most, "ms");
    }
    Ok(())
}
