//! Automatic mixing, the graphic equaliser, convolution, feedback.

use crate::table::{Done, Table};
use crate::take::{RATE, Rendered, Take};
use headroom_e2e::measure::Sound;
use headroom_e2e::measure::signal::{amplitude, differing, impulse, noise, power, power_db, quadrature, single, tone};
use headroom_e2e::measure::spectrum::{magnitude, outside, worst_above};
use std::f64::consts::TAU;

const MAIN: &str = "[main]\nchain = []\n";

/// Microphones `m0`, `m1` …, every other one stereo where asked, each with an automixer and these keys.
fn microphones(keys: &[&str]) -> String {
    let one = |(i, keys): (usize, &&str)| {
        format!("[[channel]]\nname = \"m{i}\"\nchain = [\"automix\"]\nautomix = {{ on = true, {keys} }}\n")
    };
    keys.iter().enumerate().map(one).collect::<String>() + MAIN
}

/// Tones of these levels into all microphones; what comes out of each.
fn talk(keys: &[&str], levels: &[f64], more: impl Fn(Take) -> Take) -> Result<Rendered, String> {
    let names: Vec<String> = (0..keys.len()).map(|i| format!("m{i}")).collect();
    let take = names
        .iter()
        .zip(levels)
        .enumerate()
        .fold(Take::new(microphones(keys)), |take, (i, (name, level))| take.feed(name, &tone(RATE, pitch(i), *level, 2.0)));
    more(take).render(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn pitch(i: usize) -> f64 {
    400.0 + 150.0 * i as f64
}

/// Gain of a microphone in the second second, dB.
fn gain(y: &Rendered, i: usize, level: f64) -> f64 {
    quadrature(&y.sounds[i].channels[0], RATE, pitch(i), 48_000, 48_000).0 - level
}

pub fn automix(t: &mut Table) -> Done {
    let none = [""; 16];
    let (mut off, mut idle) = (0f64, f64::NEG_INFINITY);
    for talkers in 1..=8 {
        let level = |i: usize| if i < talkers { -20.0 - 3.0 * (i % 3) as f64 } else { -60.0 };
        let levels: Vec<f64> = (0..8).map(level).collect();
        let y = talk(&none[..8], &levels, |t| t)?;
        let gains: Vec<f64> = (0..8).map(|i| gain(&y, i, levels[i])).collect();
        let sum: f64 = gains.iter().map(|g| amplitude(*g)).sum();
        off = off.max((20.0 * sum.log10()).abs());
        if talkers == 2 {
            idle = gains[2..].iter().fold(idle, |a, b| a.max(*b));
        }
    }
    t.most("automix, 1 … 8 talkers of 8: sum of the gains, distance from 0 dB", off, 0.1, "dB");
    t.most("automix, two talk: gain of the idle ones", idle, -12.0, "dB");
    // Microphones on lanes of different banks, and more of them than a bank holds.
    let levels: Vec<f64> = (0..16).map(|i| if i % 5 == 0 { -18.0 } else { -50.0 }).collect();
    let y = talk(&none, &levels, |t| t)?;
    let sum: f64 = (0..16).map(|i| amplitude(gain(&y, i, levels[i]))).sum();
    t.most("automix, 16 microphones in two banks: sum of the gains", (20.0 * sum.log10()).abs(), 0.1, "dB");
    let y = talk(&none[..2], &[-20.0, -20.0], |t| t)?;
    t.within("automix, two equal talkers: gain of one", gain(&y, 0, -20.0), -6.1, -5.94, "dB");
    let y = talk(&["weight = 10", ""], &[-20.0, -20.0], |t| t)?;
    t.within("automix, weight of 10 dB: one over the other", gain(&y, 0, -20.0) - gain(&y, 1, -20.0), 9.9, 10.1, "dB");
    let y = talk(&["group = 2", ""], &[-20.0, -20.0], |t| t)?;
    let differ = (0..2).map(|i| differing(&y.sounds[i].channels[0], &single(&tone(RATE, pitch(i), -20.0, 2.0)))).sum();
    t.exact("automix, two groups: samples that differ from the input", differ);
    // Distortion while two share, and while one of them joins, leaves, changes.
    let y = talk(&none[..2], &[-10.0, -13.0], |t| t)?;
    let rest = outside(&y.sounds[0].channels[0][24_000..], RATE, pitch(0), 100.0);
    t.most("automix, two talk: outside ±100 Hz of one", rest, -80.0, "dB");
    for (what, cue) in [
        ("the other joins", "/ch/2/automix/on 1"),
        ("it leaves", "/ch/1/automix/on 0"),
        ("another group", "/ch/1/automix/group 3"),
        ("weight −12", "/ch/1/automix/weight -12"),
    ] {
        let y = talk(&none[..2], &[-6.0, -6.0], |t| {
            let t = if cue.contains("/2/") { t.cue(0.0, "/ch/2/automix/on 0") } else { t };
            t.cue(1.0, cue)
        })?;
        let x = &y.sounds[0].channels[0][12_000..];
        t.most(format!("automix, {what}: outside ±200 Hz"), outside(x, RATE, pitch(0), 200.0), -75.0, "dB");
        t.most(format!("automix, {what}: worst 10 ms above 4 kHz"), worst_above(x, RATE, 4000.0), -100.0, "dBFS");
    }
    // The gain of one while the other starts: half of the way is made within a word's first sound.
    let mut late = tone(RATE, pitch(1), -20.0, 1.0);
    late.splice(0..0, vec![0.0; 48_000]);
    let take = Take::new(microphones(&["", ""])).feed("m0", &noise(1, 0.01, 96_000)).feed("m1", &late);
    let y = take.render(&["m0", "m1"])?;
    let first = &y.sounds[1].channels[0];
    let opens = (0..200).find(|ms| {
        let at = 48_000 + 48 * ms;
        quadrature(first, RATE, pitch(1), at, 480).0 > -21.0
    });
    t.most("automix, from sleep: gain within 1 dB after", opens.unwrap_or(999) as f64, 20.0, "ms");
    // Any period, any order.
    let busy = |period: &str| {
        talk(&none[..11], &[-20.0, -30.0, -20.0, -25.0, -60.0, -20.0, -22.0, -40.0, -20.0, -31.0, -20.0], |t| {
            t.cue(0.3, "/ch/2/automix/group 2").cue(0.5013, "/ch/3/automix/on 0").cue(0.7, "/ch/4/automix/weight 7").with(period)
        })
    };
    let one = busy("")?;
    for period in ["--period 1", "--period 17", "--period 4096"] {
        let other = busy(period)?;
        let differ = one.sounds.iter().zip(&other.sounds).map(|(a, b)| differing(&a.channels[0], &b.channels[0])).sum();
        t.exact(format!("automix, eleven strips in {}", &period[2..]), differ);
    }
    Ok(())
}

/// Centre of a band, from 1.
fn centre(band: usize) -> f64 {
    1000.0 * 10f64.powf((band as f64 - 18.0) / 10.0)
}

/// The curve of a graphic equaliser in dB, at some frequencies.
fn curve(gain: impl Fn(usize) -> f64, at: &[f64]) -> Result<Vec<f64>, String> {
    let bands: Vec<String> = (1..=31).map(|b| format!("{b}.gain = {:.2}", gain(b))).collect();
    let keys = format!("pan = -1\ngeq = {{ on = true, {} }}", bands.join(", "));
    let h = Take::channel("geq", &keys).feed("c", &impulse(0, 1 << 17)).first("main")?;
    let lines = magnitude(&h, RATE);
    Ok(at.iter().map(|hz| lines[lines.partition_point(|l| l.0 < *hz).min(lines.len() - 1)].1).collect())
}

pub fn geq(t: &mut Table) -> Done {
    let centres: Vec<f64> = (1..=31).map(centre).collect();
    let (mut own, mut others) = (0f64, 0f64);
    for band in [2, 5, 11, 18, 25, 29, 30] {
        for gain in [6.0, -12.0] {
            let read = curve(|b| if b == band { gain } else { 0.0 }, &centres)?;
            for (b, db) in (1..).zip(read) {
                if b == band { own = own.max((db - gain).abs()) } else { others = others.max(db.abs()) }
            }
        }
    }
    t.most("geq, one band at +6 or −12: its centre, distance", own, 0.5, "dB");
    t.most("geq, one band at +6 or −12: centres of the others, from 0", others, 0.5, "dB");
    let all: Vec<f64> = (0..=300).map(|i| 25.0 * 640f64.powf(f64::from(i) / 300.0)).collect();
    let read = curve(|_| 6.0, &all)?;
    let off = read.iter().map(|db| (db - 6.0).abs()).fold(0.0, f64::max);
    t.most("geq, all bands at +6: 25 Hz … 16 kHz, distance", off, 1.0, "dB");
    let set = |b: usize| f64::from((b * 37 % 25) as i32 - 12);
    let read = curve(set, &centres)?;
    let off = (1..).zip(&read).map(|(b, db)| (db - set(b)).abs()).fold(0.0, f64::max);
    t.most("geq, sliders anyhow over ±12: centres, distance", off, 1.0, "dB");
    Ok(())
}

/// Some of a response: a noise that decays.
fn room(seed: u64, frames: usize) -> Vec<f64> {
    noise(seed, 0.1, frames).iter().enumerate().map(|(i, x)| x * (-5.0 * i as f64 / frames as f64).exp()).collect()
}

/// The sum itself.
fn direct(x: &[f64], h: &[f64], frames: usize) -> Vec<f64> {
    let (x, h) = (single(x), single(h));
    let mut y = vec![0.0; frames];
    for (i, x) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
        y[i..].iter_mut().zip(&h).for_each(|(y, h)| *y += x * h);
    }
    y
}

/// Distance in dB re what is wanted.
fn off(y: &[f64], want: &[f64]) -> f64 {
    let apart: Vec<f64> = y.iter().zip(want).map(|(y, w)| y - w).collect();
    power_db(power(&apart) / power(want))
}

pub fn convolve(t: &mut Table) -> Done {
    let sound = |channels: Vec<Vec<f64>>| Sound { rate: RATE as u32, channels };
    let frames = 48_000;
    let mut x = noise(1, 0.3, 6000);
    x.resize(frames, 0.0);
    let take = |stereo: bool, keys: &str| {
        Take::new(format!(
            "[[channel]]\nname = \"c\"\nstereo = {stereo}\nchain = [\"convolve\"]\nconvolve = {{ on = true, file = \"h.wav\", {keys} }}\n{MAIN}"
        ))
    };
    for (name, length) in [("30 ms", 1440), ("0.2 s", 9600), ("0.9 s", 43_200)] {
        let h = room(2, length);
        let take = take(false, "mix = 1").file("h.wav", sound(vec![h.clone()])).feed("c", &x);
        let y = take.first("c")?;
        t.most(format!("convolve, {name}: distance from the direct sum"), off(&y, &direct(&x, &h, frames)), -120.0, "dB");
        let differ: f64 = ["--period 1", "--period 17", "--period 4096"]
            .iter()
            .map(|p| Ok(differing(&y, &take.clone().with(p).first("c")?)))
            .sum::<Result<f64, String>>()?;
        t.exact(format!("convolve, {name}: periods of 1, 17, 4096"), differ);
    }
    let mut second = noise(9, 0.3, 6000);
    second.resize(frames, 0.0);
    let h: Vec<Vec<f64>> = (0..4).map(|c| room(20 + c, 9600)).collect();
    let y = take(true, "mix = 1").file("h.wav", sound(h.clone())).feed_all("c", vec![x.clone(), second.clone()]).out("c")?;
    for (side, y) in y.iter().enumerate() {
        let parts = [direct(&x, &h[side], frames), direct(&second, &h[2 + side], frames)];
        let want: Vec<f64> = parts[0].iter().zip(&parts[1]).map(|(a, b)| a + b).collect();
        t.most(format!("convolve, true stereo, side {side}: distance from the direct sum"), off(y, &want), -120.0, "dB");
    }
    // A single sample in the file is the sound itself, late by its place and the predelay.
    let y = take(false, "mix = 1, predelay = 10, gain = -6")
        .file("h.wav", sound(vec![impulse(5000, 6000)]))
        .feed("c", &x)
        .first("c")?;
    let want: Vec<f64> = single(&x)[..frames - 5480].iter().map(|v| v * amplitude(-6.0)).collect();
    t.most("convolve, one late sample, predelay and gain: distance", off(&y[5480..], &want), -120.0, "dB");
    // A file of another rate is the same room.
    let low: Vec<f64> =
        tone(RATE, 3000.0, -20.0, 0.2).iter().enumerate().map(|(i, v)| v * (-(i as f64) / 2000.0).exp()).collect();
    let half: Vec<f64> = low.iter().step_by(2).map(|v| 2.0 * v).collect();
    let a = take(false, "mix = 1").file("h.wav", sound(vec![low])).feed("c", &tone(RATE, 3000.0, -20.0, 1.0)).first("c")?;
    let halved = Sound { rate: 24_000, channels: vec![half] };
    let b = take(false, "mix = 1").file("h.wav", halved).feed("c", &tone(RATE, 3000.0, -20.0, 1.0)).first("c")?;
    let level = |y: &[f64]| quadrature(y, RATE, 3000.0, 24_000, 19_200).0;
    t.within("convolve, the same response in a file of half the rate: level", level(&b) - level(&a), -0.05, 0.05, "dB");
    // What is not there is said.
    for name in ["nothing.wav", "../h.wav", "/h.wav"] {
        let rig = take(false, "mix = 1").rig_with("h.wav", name).feed("c", &x);
        let said = rig.first("c").err().unwrap_or_default();
        t.exact(format!("convolve, file {name}: refused by name"), f64::from(u8::from(!said.contains(name))));
    }
    Ok(())
}

/// Notes with overtones, struck in turn, some held, over beats of noise; about −20 dBFS.
fn music(seed: u64, seconds: f64) -> Vec<f64> {
    let frames = (seconds * RATE) as usize;
    let dice = noise(seed, 1.0, 4 * (seconds / 0.12) as usize);
    let mut dice = dice.iter().map(|x| 0.5 + 0.5 * x);
    let mut roll = || dice.next().unwrap_or(0.5);
    let mut out = vec![0.0; frames];
    let mut at = 0.0;
    while at < seconds - 0.2 {
        let degree = (roll() * 20.0) as usize;
        let step = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0][degree % 7] + 12.0 * (degree / 7) as f64;
        let hz = 110.0 * 2f64.powf((step - 4.0) / 12.0);
        let (length, decay) = if roll() > 0.6 { (1.5, 0.5) } else { (1.0, 4.0) };
        let from = (at * RATE) as usize;
        for (i, x) in out[from..].iter_mut().enumerate().take((length * RATE) as usize) {
            let t = i as f64 / RATE;
            let envelope = (t / 0.01).min(1.0) * (-decay * t).exp() * ((length - t) / 0.05).clamp(0.0, 1.0);
            *x += 0.05 * envelope * (1..9).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h).powf(1.3)).sum::<f64>();
        }
        at += 0.12 + 0.25 * roll();
    }
    let mut low = 0.0;
    for (i, (x, n)) in out.iter_mut().zip(noise(seed + 100, 1.0, frames)).enumerate() {
        low += 0.2 * (n - low);
        *x += 0.15 * low * (-12.0 * (i as f64 / RATE * 2.0).fract()).exp() + 0.002 * n;
    }
    out
}

/// A held chord of pipes with overtones, hardly out of tune.
fn organ(notes: &[f64], overtones: u32, seconds: f64) -> Vec<f64> {
    let one = |i: usize| {
        let t = i as f64 / RATE;
        let pipe = |(k, hz): (usize, &f64)| {
            let tone = |h: u32| (TAU * hz * f64::from(h) * (1.0 + 0.0003 * k as f64) * t + k as f64).sin() / f64::from(h);
            (1..=overtones).map(tone).sum::<f64>() * 0.05 * (t / 0.08).min(1.0)
        };
        notes.iter().enumerate().map(pipe).sum()
    };
    (0..(seconds * RATE) as usize).map(one).collect()
}

pub fn feedback(t: &mut Table) -> Done {
    let take =
        |keys: &str, x: &[f64]| Take::channel("feedback", &format!("pan = -1\nfeedback = {{ on = true, {keys} }}")).feed("c", x);
    // A tone that grows by 6 dB a second; after five it is 3 dB louder than all the music.
    for (seed, hz) in [(1, 250.0), (2, 630.0), (3, 1130.0), (4, 2500.0), (5, 6100.0)] {
        let mut x = music(seed, 9.0);
        let level = 10.0 * (2.0 * power(&x)).log10() - 27.0;
        let tone: Vec<f64> =
            (0..x.len()).map(|i| i as f64 / RATE).map(|t| amplitude(level + 6.0 * t) * (TAU * hz * t).sin()).collect();
        x.iter_mut().zip(&tone).for_each(|(x, tone)| *x += tone);
        let y = take("sensitivity = 0.5", &x).first("main")?;
        let gain = |from: usize| quadrature(&y, RATE, hz, from, 9600).0 - quadrature(&x, RATE, hz, from, 9600).0;
        let notched = (0..170).map(|i| 2400 * i).find(|from| gain(*from) < -10.0);
        let after = notched.map_or(f64::NAN, |from| from as f64 / RATE - 5.0);
        t.most(format!("feedback at {hz} Hz in music: a notch of 10 dB on it after"), after, 1.0, "s");
        t.most(format!("feedback at {hz} Hz: gain two seconds later"), gain(8 * 48_000 - 14_400), -11.0, "dB");
    }
    for seed in [11, 12, 13] {
        let x = music(seed, 30.0);
        let y = take("sensitivity = 0.5", &x).first("main")?;
        t.exact(format!("feedback, music alone for 30 s, {seed}"), differing(&y, &single(&x)));
    }
    for (name, notes) in [("C major", &[261.63, 329.63, 392.0][..]), ("C minor in five", &[130.81, 196.0, 261.63, 311.13, 392.0])]
    {
        for overtones in [1, 6] {
            let x = organ(notes, overtones, 30.0);
            let y = take("sensitivity = 0.5", &x).first("main")?;
            t.exact(format!("feedback, organ, {name}, {overtones} partials, held for 30 s"), differing(&y, &single(&x)));
        }
    }
    // Ringing that ends, and what is left of it.
    let mut x = organ(&[261.63, 392.0], 6, 9.0);
    for (i, x) in x.iter_mut().enumerate().take(4 * 48_000) {
        let t = i as f64 / RATE;
        let grown = amplitude(-60.0 + 15.0 * t.min(3.0)) * ((4.0 - t) / 0.05).clamp(0.0, 1.0);
        *x += grown * (TAU * 3150.0 * t).sin();
    }
    let released = take("release = 2", &x);
    let y = released.first("main")?;
    let gain = quadrature(&y, RATE, 3150.0, 168_000, 9600).0 - quadrature(&x, RATE, 3150.0, 168_000, 9600).0;
    t.most("feedback, a tone alone that rings: gain", gain, -11.0, "dB");
    t.exact("feedback, three seconds after the ringing, release 2 s", differing(&y[345_600..], &single(&x)[345_600..]));
    let held = take("release = 2, hold = true", &x).first("main")?;
    t.least("feedback, held: samples that differ then", differing(&held[345_600..], &single(&x)[345_600..]), 1000.0, "");
    let cleared = take("release = 600", &x).cue(5.0, "/ch/1/feedback/clear 1").first("main")?;
    t.exact("feedback, cleared: a second later", differing(&cleared[345_600..], &single(&x)[345_600..]));
    for period in ["--period 1", "--period 17", "--period 4096"] {
        t.exact(format!("feedback in {}", &period[2..]), differing(&y, &released.clone().with(period).first("main")?));
    }
    Ok(())
}
