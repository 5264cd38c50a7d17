//! Equalisers and cuts against their analog prototypes.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{amplitude, db, impulse, peak, tone};
use headroom_e2e::measure::spectrum::{Spectrum, magnitude, outside, worst_above};
use std::f64::consts::TAU;

/// |numerator / denominator| of a prototype in s = j·w, in dB; coefficients from s⁰ up.
fn ratio(w: f64, over: &[f64], under: &[f64]) -> f64 {
    let at = |c: &[f64]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (k, c) in c.iter().enumerate() {
            let v = c * w.powi(k as i32);
            match k % 4 {
                0 => re += v,
                1 => im += v,
                2 => re -= v,
                _ => im -= v,
            }
        }
        f64::hypot(re, im)
    };
    db(at(over) / at(under))
}

/// The prototype of a band in dB, as the contract writes it.
pub fn band(kind: &str, w: f64, gain: f64, q: f64) -> f64 {
    let a = amplitude(gain / 2.0);
    let (r, d) = (a.sqrt() / q, [1.0, 1.0 / q, 1.0]);
    match kind {
        "peak" => ratio(w, &[1.0, a / q, 1.0], &[1.0, 1.0 / (a * q), 1.0]),
        "lowshelf" => ratio(w, &[a * a, a * r, a], &[1.0, r, a]),
        "highshelf" => ratio(w, &[a, a * r, a * a], &[a, r, 1.0]),
        "lowcut" => ratio(w, &[0.0, 0.0, 1.0], &d),
        "highcut" => ratio(w, &[1.0], &d),
        "bandpass" => ratio(w, &[0.0, 1.0 / q], &d),
        _ => ratio(w, &[1.0, 0.0, 1.0], &d),
    }
}

/// Butterworth of an order, low-pass at w = 1, in dB.
pub fn butterworth(w: f64, order: i32) -> f64 {
    -10.0 * (1.0 + w.powi(2 * order)).log10()
}

/// Largest distance from a prototype over 20 Hz … 20 kHz where that is above −60 dB.
pub fn error(take: Take, prototype: impl Fn(f64) -> f64) -> Result<f64, String> {
    let h = take.feed("c", &impulse(0, 1 << 18)).first("main")?;
    let points = magnitude(&h, RATE).into_iter().filter(|(f, _)| (20.0..=20_000.0).contains(f));
    let off = points.map(|(f, got)| (prototype(f), got)).filter(|(want, _)| *want > -60.0);
    Ok(off.fold(0.0, |m: f64, (want, got)| m.max((got - want).abs())))
}

fn bar(f0: f64) -> f64 {
    if f0 <= 1000.0 { 0.05 } else { 0.2 }
}

pub fn magnitudes(t: &mut Table) -> Done {
    let mut all: f64 = 0.0;
    for (kind, f0, gain, q) in [
        ("peak", 1000.0, 12.0, 1.0),
        ("peak", 10_000.0, 12.0, 1.0),
        ("peak", 16_000.0, 12.0, 1.0),
        ("peak", 16_000.0, -12.0, 4.0),
        ("highshelf", 12_000.0, 12.0, 0.707),
        ("highshelf", 8000.0, 6.0, 0.707),
        ("lowshelf", 100.0, 12.0, 0.707),
        ("highcut", 12_000.0, 0.0, 0.707),
        ("lowcut", 30.0, 0.0, 0.707),
    ] {
        let keys = format!("eq.1 = {{ type = \"{kind}\", freq = {f0:.1}, gain = {gain:.1}, q = {q} }}");
        let prototype = |f: f64| band(kind, f / f0, gain, q);
        // Channels count in 32 bits, main in 64.
        let strip = error(Take::channel("eq", &format!("pan = -1\n{keys}")), prototype)?;
        let main = error(Take::mono_main("eq", &keys), prototype)?;
        let worst = strip.max(main);
        t.most(format!("{kind} {f0} Hz {gain:+} dB Q {q}"), worst, bar(f0), "dB");
        all = all.max(worst);
    }
    for (name, f0) in [("hpf", 30.0), ("lpf", 12_000.0)] {
        for slope in [6, 12, 18, 24] {
            let keys = format!("pan = -1\n{name} = {{ on = true, freq = {f0:.1}, slope = {slope} }}");
            let high = name == "hpf";
            let prototype = |f: f64| butterworth(if high { f0 / f } else { f / f0 }, slope / 6);
            let worst = error(Take::channel(name, &keys), prototype)?;
            t.most(format!("{name} {f0} Hz {slope} dB/oct"), worst, bar(f0), "dB");
            all = all.max(worst);
        }
    }
    t.target("all of these", all, 0.1, "dB");
    // Other types and places, for which no bar was set.
    for kind in ["peak", "lowshelf", "highshelf", "lowcut", "highcut", "notch", "bandpass"] {
        let mut worst: f64 = 0.0;
        for (f0, q) in [40.0, 250.0, 1000.0, 4000.0, 10_000.0, 16_000.0].iter().flat_map(|f| [0.5, 1.0, 4.0].map(|q| (*f, q))) {
            let keys = format!("eq.1 = {{ type = \"{kind}\", freq = {f0:.1}, gain = 9.0, q = {q:.1} }}");
            worst = worst.max(error(Take::mono_main("eq", &keys), |f| band(kind, f / f0, 9.0, q))?);
        }
        t.target(format!("{kind}, 40 Hz … 16 kHz, Q 0.5 … 4, +9 dB"), worst, 0.1, "dB");
        // What one section can do, by a fit that levels its error to the end.
        let least = match kind {
            "peak" | "highcut" => 0.07,
            "lowcut" => 0.47,
            "lowshelf" | "highshelf" => 0.22,
            _ => 0.18,
        };
        t.most(format!("{kind} likewise, against the best of one section"), worst, least, "dB");
    }
    Ok(())
}

pub fn noise(t: &mut Table) -> Done {
    let keys = "eq.1 = { type = \"peak\", freq = 20.0, gain = 12.0, q = 10.0 }";
    let x = tone(RATE, 20.0, -24.0, 14.0);
    let harmonics: Vec<f64> = (0..1200).map(|k| 20.0 * f64::from(k)).collect();
    for (name, take) in [("channel", Take::channel("eq", &format!("pan = -1\n{keys}"))), ("main", Take::mono_main("eq", keys))] {
        let out = take.feed("c", &x).first("main")?;
        let rest = Spectrum::new(&out[6 * 48_000..], RATE).rest_dbfs(&harmonics, 1.5);
        t.most(format!("bell 20 Hz +12 dB Q 10, tone at −24: noise, {name}"), rest, -140.0, "dBFS");
    }
    Ok(())
}

/// Times and places 0 … 1 of a controller at 60 Hz, up for a second and down for one.
fn controller() -> impl Iterator<Item = (f64, f64)> {
    (0..120).map(|i| (1.0 + f64::from(i) / 60.0, 1.0 - (f64::from(i) / 60.0 - 1.0).abs()))
}

pub fn movement(t: &mut Table) -> Done {
    let x = tone(RATE, 1000.0, 0.0, 4.0);
    for (name, address, take) in [
        ("channel", "/ch/1/eq/1/freq", Take::channel("eq", "pan = -1\neq.1 = { type = \"peak\", freq = 200, gain = 12, q = 1 }")),
        ("main", "/main/eq/1/freq", Take::mono_main("eq", "eq.1 = { type = \"peak\", freq = 200, gain = 12, q = 1 }")),
    ] {
        let take = controller().fold(take, |take, (s, p)| take.cue(s, format!("{address} {:.4}", 200.0 * 25f64.powf(p))));
        let out = take.feed("c", &x).first("main")?;
        t.most(format!("bell swept 200 … 5000 Hz, outside ±200 Hz, {name}"), outside(&out, RATE, 1000.0, 200.0), -70.0, "dB");
        t.most(format!("bell swept 200 … 5000 Hz, above 4 kHz, {name}"), worst_above(&out, RATE, 4000.0), -90.0, "dBFS");
    }
    Ok(())
}

pub fn stability(t: &mut Table) -> Done {
    let x = tone(RATE, 200.0, 0.0, 4.0);
    let band = |freq: f64| {
        Take::channel("eq", &format!("pan = -1\neq.1 = {{ type = \"highcut\", freq = {freq}, q = 8.0 }}")).feed("c", &x)
    };
    let square = (0..160).fold(band(100.0), |take, i| {
        take.cue(f64::from(i) / 40.0, format!("/ch/1/eq/1/freq {}", if i % 2 == 0 { 8000 } else { 100 }))
    });
    t.most("low-pass Q 8 switched 100 ↔ 8000 Hz at 20 Hz, peak", db(peak(&square.first("main")?)), 7.0, "dBFS");
    for rate in [1000u32, 4800] {
        let sine = (0..4 * rate).fold(band(100.0), |take, i| {
            let s = f64::from(i) / f64::from(rate);
            let place = 0.5 + 0.5 * (TAU * 200.0 * s).sin();
            take.cue(s, format!("/ch/1/eq/1/freq {:.3}", 100.0 * 80f64.powf(place)))
        });
        let out = sine.first("main")?;
        t.most(format!("low-pass Q 8 swept by a 200 Hz sine, {rate} sets/s, peak"), db(peak(&out)), 7.0, "dBFS");
    }
    series(t)
}

/// Four bands at once from one setting to another: the loudest moment over the larger of the two static gains.
fn series(t: &mut Table) -> Done {
    let ends = [
        ("peak", 100.0, 12.0),
        ("peak", 5000.0, -12.0),
        ("lowshelf", 400.0, 12.0),
        ("highcut", 2000.0, 0.0),
        ("lowcut", 100.0, 0.0),
    ];
    let place = |f: f64, b: i32| f * 1.3f64.powi(b);
    let mut worst = f64::NEG_INFINITY;
    for (from, to) in ends.iter().flat_map(|a| ends.iter().map(move |b| (a, b))).filter(|(a, b)| a != b) {
        let keys: String = (1..=4)
            .map(|b| {
                format!("eq.{b} = {{ type = \"{}\", freq = {:.3}, gain = {:.1}, q = 0.7 }}\n", from.0, place(from.1, b), from.2)
            })
            .collect();
        let mut take = Take::mono_main("eq", &keys);
        for b in 1..=4 {
            take = take.cue(0.2, format!("/main/eq/{b}/type {}", to.0));
            take = take.cue(0.2, format!("/main/eq/{b}/freq {:.3}", place(to.1, b)));
            take = take.cue(0.2, format!("/main/eq/{b}/gain {:.1}", to.2));
        }
        let gain = |end: &(&str, f64, f64), f: f64| (1..=4).map(|b| band(end.0, f / place(end.1, b), end.2, 0.7)).sum::<f64>();
        let grid = (0..=60).map(|i| 20.0 * 1000f64.powf(f64::from(i) / 60.0));
        let most = grid.map(|f| gain(from, f).max(gain(to, f))).fold(f64::MIN, f64::max);
        for hz in [150.0, 1500.0] {
            let out = take.clone().feed("c", &tone(RATE, hz, 0.0, 0.5)).first("main")?;
            worst = worst.max(db(peak(&out)) - most);
        }
    }
    t.most("four bands moving, over the larger static gain", worst, 6.0, "dB");
    Ok(())
}
