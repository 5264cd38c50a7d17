//! Compressor, glue and gate: curves, times, distortion.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{differing, noise, power_db, quadrature, rms_db, single, steps, tone, track};
use headroom_e2e::measure::spectrum::Spectrum;

/// A channel with one processor that is on, hard left; read at main's left.
pub fn through(name: &str, settings: &str, x: &[f64]) -> Result<Vec<f64>, String> {
    Take::channel(name, &format!("pan = -1\n{name} = {{ on = true, {settings} }}")).feed("c", x).first("main")
}

/// Output level of a compressor for a sine's level, the knee quadratic and centred.
pub fn curve(level: f64, threshold: f64, ratio: f64, knee: f64) -> f64 {
    let (over, slope) = (level - threshold, if ratio >= 100.0 { -1.0 } else { 1.0 / ratio - 1.0 });
    let bend = (over + knee / 2.0).clamp(0.0, knee);
    level + slope * if knee > 0.0 { bend * bend / (2.0 * knee) + (over - knee / 2.0).max(0.0) } else { over.max(0.0) }
}

pub fn curves(t: &mut Table) -> Done {
    let levels: Vec<f64> = (0..=30).map(|i| -60.0 + 2.0 * f64::from(i)).collect();
    // One file: a step each 1.5 s, the last 30 % of which counts.
    let x = steps(RATE, 1000.0, &levels.iter().map(|l| (1.5, *l)).collect::<Vec<_>>());
    let level = |y: &[f64], i: usize| rms_db(&y[72_000 * i + 50_400..72_000 * (i + 1)]);
    for (name, threshold, ratio, knee, detector) in [
        ("comp", -20.0, 4.0, 6.0, "peak"),
        ("comp", -20.0, 4.0, 6.0, "rms"),
        ("comp", -30.0, 20.0, 0.0, "peak"),
        ("comp", -35.0, 100.0, 12.0, "rms"),
        ("glue", -18.0, 2.0, 6.0, "peak"),
    ] {
        let keys = format!(
            "threshold = {threshold:.1}, ratio = {ratio:.1}, knee = {knee:.1}, attack = 10, release = 100, detector = \"{detector}\""
        );
        let y = through(name, &keys, &x)?;
        let off = levels.iter().enumerate().map(|(i, l)| (level(&y, i) - curve(*l, threshold, ratio, knee)).abs());
        t.most(
            format!("{name} {threshold} dB {ratio}:1 knee {knee}, {detector}: static curve"),
            off.fold(0.0, f64::max),
            0.05,
            "dB",
        );
    }
    // The expander falls by its ratio below the threshold, the gate by its range.
    for (ratio, range) in [(2.0, 80.0), (4.0, 30.0), (100.0, 40.0)] {
        let keys = format!("threshold = -30.0, ratio = {ratio:.1}, range = {range:.1}, attack = 1, release = 50");
        let y = through("gate", &keys, &x)?;
        let gain = |l: f64| {
            if ratio >= 100.0 { if l < -30.0 { -range } else { 0.0 } } else { ((ratio - 1.0) * (l + 30.0)).clamp(-range, 0.0) }
        };
        let far = levels.iter().enumerate().filter(|(_, l)| (**l + 30.0).abs() >= 1.0);
        let off = far.map(|(i, l)| (level(&y, i) - l - gain(*l)).abs());
        t.most(format!("gate −30 dB ratio {ratio} range {range}: static curve"), off.fold(0.0, f64::max), 0.1, "dB");
    }
    Ok(())
}

/// Times to 63.2 % of the change in dB after each step of a tone, in ms, and how far the gain goes beyond.
fn times(name: &str, settings: &str, low: f64, high: f64, seconds: f64) -> Result<[(f64, f64); 2], String> {
    let x = steps(RATE, 1000.0, &[(seconds, low), (seconds, high), (seconds, low)]);
    let y = through(name, settings, &x)?;
    // The gain is the output's level over the input's, both over one period.
    let (x, y) = (track(&x, RATE, 1000.0, 1), track(&y, RATE, 1000.0, 1));
    let gain: Vec<(f64, f64)> = x.iter().zip(&y).map(|(x, y)| (x.0, y.1 - x.1)).collect();
    let one = |from: f64| {
        let at = |s: f64| gain[(s * RATE) as usize].1;
        let (a, b) = (at(from - 0.05), at(from + seconds - 0.05));
        let way = |g: f64| (g - a) / (b - a);
        let after = || gain.iter().filter(move |(s, _)| *s > from && *s < from + seconds - 0.01);
        let hit = after().find(|(_, g)| way(*g) >= 0.632).map_or(f64::NAN, |(s, _)| s - from);
        let beyond = after().map(|(_, g)| (way(*g) - 1.0) * (b - a).abs()).fold(0.0, f64::max);
        (hit * 1000.0, beyond)
    };
    Ok([one(seconds), one(2.0 * seconds)])
}

pub fn timing(t: &mut Table) -> Done {
    for (name, detector) in [("comp", "peak"), ("glue", "peak")] {
        for (attack, release) in [(10.0, 100.0), (30.0, 300.0), (50.0, 40.0)] {
            let keys = format!(
                "threshold = -20, ratio = 4, knee = 0, attack = {attack:.1}, release = {release:.1}, detector = \"{detector}\""
            );
            let [a, r] = times(name, &keys, -40.0, -10.0, 2.0)?;
            t.within(format!("{name} {detector}, attack of {attack} ms"), a.0, 0.95 * attack, 1.05 * attack, "ms");
            t.within(format!("{name} {detector}, release of {release} ms"), r.0, release, 1.12 * release, "ms");
            t.most(format!("{name} {detector} {attack}/{release} ms, gain overshoot"), a.1.max(r.1), 0.05, "dB");
        }
    }
    for attack in [1.0, 10.0] {
        let keys = format!("threshold = -30, range = 40, attack = {attack:.1}, hold = 50, release = 100");
        let [open, _] = times("gate", &keys, -50.0, -10.0, 2.0)?;
        t.within(format!("gate opens in {attack} ms"), open.0, 0.9 * attack, 1.1 * attack, "ms");
    }
    Ok(())
}

pub fn distortion(t: &mut Table) -> Done {
    let keys = "threshold = -20, ratio = 4, attack = 10, release = 100";
    for name in ["comp", "glue"] {
        for (hz, bar) in [(50.0, -80.0), (1000.0, -100.0)] {
            let y = through(name, keys, &tone(RATE, hz, -10.0, 5.0))?;
            let rest = Spectrum::new(&y[96_000..], RATE).rest_db(&[hz], 8.0);
            t.most(format!("{name} −20 dB 4:1 10/100 ms, THD of {hz} Hz at −10"), rest, bar, "dB");
        }
        let y =
            through(name, "threshold = -30, ratio = 20, knee = 0, attack = 0.1, release = 10", &tone(RATE, 9419.0, -6.0, 5.0))?;
        let rest = Spectrum::new(&y[96_000..], RATE).rest_db(&[9419.0, 18_838.0], 8.0);
        t.most(format!("{name} −30 dB 20:1 0.1/10 ms, folded of 9419 Hz"), rest, -80.0, "dB");
    }
    Ok(())
}

pub fn gate(t: &mut Table) -> Done {
    for hold in [5.0, 20.0, 300.0] {
        let keys = format!("threshold = -30, range = 40, attack = 1, hold = {hold:.1}, release = 100");
        let y = through("gate", &keys, &steps(RATE, 1000.0, &[(1.0, -10.0), (1.5, -50.0)]))?;
        // The step's own period is over after a millisecond.
        let shut = track(&y, RATE, 1000.0, 1).into_iter().find(|(s, level)| *s > 1.002 && *level < -50.2).map_or(0.0, |p| p.0);
        // 0.2 of 40 dB are done after half a millisecond of the release.
        t.within(format!("gate holds for {hold} ms"), (shut - 1.0) * 1000.0 - 0.5, hold - 1.0, hold + 1.0, "ms");
    }
    // A low tone has long pauses at its zeros; a gate without hold and hysteresis stays open over them.
    for (hz, level) in [(50.0, -20.0), (50.0, -29.5), (80.0, -29.0), (200.0, -28.0)] {
        let x = tone(RATE, hz, level, 2.0);
        let keys = "threshold = -30, range = 40, attack = 1, hold = 0, hysteresis = 0, release = 20";
        let late = 24_000..;
        let differ = differing(&through("gate", keys, &x)?[late.clone()], &single(&x)[late]);
        t.exact(format!("gate at −30 dB without hold, {hz} Hz of {level} dBFS stays open"), differ);
    }
    // A level that rises and falls by a decibel a second tells where it opens and where it closes.
    let level = |s: f64| -54.0 + (s.min(12.0)) - (s - 12.0).max(0.0);
    let a = tone(RATE, 1000.0, 0.0, 24.0);
    let x: Vec<f64> = a.iter().enumerate().map(|(i, v)| v * 10f64.powf(level(i as f64 / RATE) / 20.0)).collect();
    for (hysteresis, bar) in [(0.0, 0.1), (3.0, 0.1), (6.0, 0.1)] {
        let keys = format!("threshold = -45, range = 60, attack = 0.05, hold = 10, release = 5, hysteresis = {hysteresis:.1}");
        let y = through("gate", &keys, &x)?;
        let open: Vec<f64> =
            track(&y, RATE, 1000.0, 24).into_iter().filter(|(s, l)| *l > level(*s) - 1.0).map(|(s, _)| s).collect();
        let (first, last) = (open.first().copied().unwrap_or(0.0), open.last().copied().unwrap_or(0.0));
        t.most(format!("gate at −45 dB opens, distance, hysteresis {hysteresis}"), (level(first) + 45.0).abs(), bar, "dB");
        t.most(
            format!("gate hysteresis of {hysteresis} dB, distance"),
            (level(first) - level(last) - hysteresis).abs(),
            bar,
            "dB",
        );
    }
    let x = noise(1, 0.5, 96_000);
    let y = through("gate", "threshold = -60, range = 60", &x)?;
    t.exact("open gate, from 0.5 s on", differing(&y[24_000..], &single(&x)[24_000..]));
    let deep = through("gate", "threshold = -20, range = 80, attack = 1, release = 10", &tone(RATE, 1000.0, -40.0, 1.0))?;
    t.told("closed gate, range 80: gain", quadrature(&deep, RATE, 1000.0, 24_000, 9600).0 + 40.0, "dB");
    Ok(())
}

/// The two sides of a stereo strip share one gain.
pub fn link(t: &mut Table) -> Done {
    for name in ["comp", "gate"] {
        let keys = format!("{name} = {{ on = true, threshold = -20.0 }}\nstereo = true");
        let (l, r) = (tone(RATE, 1000.0, -6.0, 2.0), tone(RATE, 1000.0, -36.0, 2.0));
        let y = Take::channel(name, &keys).feed_all("c", vec![l, r]).out("main")?;
        let level = |x: &[f64]| power_db(x[48_000..].iter().map(|v| v * v).sum::<f64>());
        t.most(
            format!("{name} stereo: left/right stays 30 dB, distance"),
            (level(&y[0]) - level(&y[1]) - 30.0).abs(),
            0.001,
            "dB",
        );
    }
    Ok(())
}
