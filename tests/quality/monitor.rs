//! The monitor: translation checks, mono, dim and swap; talkback and its ducking; the oscillator.

use crate::eq::{band, butterworth};
use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{differing, impulse, quadrature, rms_db, single, tone};
use headroom_e2e::measure::spectrum::{Spectrum, magnitude, outside, worst_above};

/// A stereo channel as it is, into main and a monitor.
const RIG: &str = "[[channel]]\nname = \"c\"\nstereo = true\nchain = []\n[main]\nchain = []\n[monitor]\n";

/// The stated responses, in dB.
fn stated(check: &str, f: f64) -> f64 {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let b = |kind: &str, f0: f64, gain: f64, q: f64| band(kind, f / f0, gain, q);
    match check {
        "phone" => butterworth(500.0 / f, 4) + b("peak", 2500.0, 4.0, 1.0) + butterworth(f / 10_000.0, 2),
        "laptop" => butterworth(220.0 / f, 4) + b("peak", 1200.0, 3.0, 1.0) + butterworth(f / 14_000.0, 2),
        "earbuds" => b("lowshelf", 150.0, -4.0, half) + b("peak", 3000.0, 4.0, 1.0) + b("highshelf", 9000.0, -3.0, half),
        "car" => b("lowshelf", 100.0, 6.0, half) + b("peak", 400.0, -3.0, 0.8) + b("highshelf", 6000.0, -4.0, half),
        "small" => butterworth(120.0 / f, 2) + b("peak", 1000.0, 2.0, 0.7) + butterworth(f / 9000.0, 2),
        _ => -20.0 + b("lowshelf", 75.0, -11.0, 0.5),
    }
}

pub fn checks(t: &mut Table) -> Done {
    for check in ["phone", "laptop", "earbuds", "car", "small", "quiet"] {
        // Both sides alike, so that a sum says the same.
        let take = Take::new(format!("{RIG}check = {{ on = true, type = \"{check}\" }}\n"));
        let heard = take.feed_all("c", vec![impulse(0, 1 << 17); 2]).render(&["monitor", "main"])?;
        let [monitor, main] = &heard.sounds[..] else { return Err("two files".into()) };
        let points = magnitude(&monitor.channels[0], RATE).into_iter().filter(|(f, _)| (20.0..=20_000.0).contains(f));
        let off = points.map(|(f, got)| (stated(check, f), got)).filter(|(want, _)| *want > -60.0);
        let worst = off.fold(0.0, |m: f64, (want, got)| m.max((got - want).abs()));
        t.most(format!("check {check}: distance from its stated response"), worst, 0.5, "dB");
        t.exact(format!("check {check}: main hears nothing of it"), differing(&main.channels[0], &impulse(0, 1 << 17)));
    }
    let x = [tone(RATE, 1000.0, -6.0, 1.0), tone(RATE, 1700.0, -6.0, 1.0)];
    let off = Take::new(RIG).feed_all("c", x.to_vec()).out("monitor")?;
    t.exact("monitor without a check", (0..2).map(|s| differing(&off[s], &single(&x[s]))).sum());
    let swapped = Take::new(RIG).feed_all("c", x.to_vec()).cue(0.0, "/monitor/swap 1").out("monitor")?;
    let late = 4800..48_000;
    let differ = (0..2).map(|s| differing(&swapped[s][late.clone()], &single(&x[1 - s])[late.clone()])).sum();
    t.exact("monitor with sides exchanged", differ);
    let level = |x: &[f64]| quadrature(x, RATE, 1000.0, 24_000, 19_200).0;
    let dim = Take::new(RIG).feed_all("c", x.to_vec()).cue(0.1, "/monitor/dim 1").out("monitor")?;
    t.within("monitor dimmed", level(&dim[0]) + 6.0, -20.01, -19.99, "dB");
    for (what, cue) in [
        ("on", "/monitor/check/on 1"),
        ("phone to car", "/monitor/check/type car"),
        ("phone to quiet", "/monitor/check/type quiet"),
        ("sides exchanged", "/monitor/swap 1"),
        ("dim", "/monitor/dim 1"),
        ("mono", "/monitor/mono 1"),
    ] {
        let keys = if what == "on" { "" } else { "check = { on = true }\n" };
        let take = Take::new(format!("{RIG}{keys}")).feed_all("c", vec![crate::moving::crest(-6.0); 2]);
        let y = take.cue(2.0, cue).first("monitor")?;
        t.most(format!("monitor {what}: outside ±200 Hz"), outside(&y, RATE, 1000.0, 200.0), -80.0, "dB");
        t.most(format!("monitor {what}: worst 10 ms above 4 kHz"), worst_above(&y, RATE, 4000.0), -100.0, "dBFS");
    }
    Ok(())
}

pub fn talkback(t: &mut Table) -> Done {
    let rig = "[[channel]]\nname = \"c\"\nchain = []\nsend.w = { level = 0 }\n\
        [[bus]]\nname = \"w\"\nkind = \"aux\"\nchain = []\nstereo = false\n\
        [[bus]]\nname = \"v\"\nkind = \"aux\"\nchain = []\nstereo = false\n\
        [main]\nchain = []\n[monitor]\n[talkback]\nducking = 15\nsend.w = { on = true }\n";
    let take = Take::new(rig)
        .feed("c", &tone(RATE, 1000.0, -12.0, 3.0))
        .feed("talkback", &tone(RATE, 3000.0, -12.0, 3.0))
        .cue(1.0, "/talkback/on 1")
        .cue(2.0, "/talkback/on 0")
        .render(&["w", "v", "main", "monitor"])?;
    let level = |output: usize, hz: f64, from: f64| {
        quadrature(&take.sounds[output].channels[0], RATE, hz, (from * RATE) as usize, 19_200).0 + 12.0
    };
    t.within("talkback held: its level in the chosen bus", level(0, 3000.0, 1.3), -0.01, 0.01, "dB");
    t.within("talkback held: what else is in that bus", level(0, 1000.0, 1.3), -15.01, -14.99, "dB");
    t.most("talkback let go: its level in that bus", level(0, 3000.0, 2.3), -120.0, "dB");
    t.within("talkback let go: what else is in that bus", level(0, 1000.0, 2.3), -0.01, 0.01, "dB");
    t.most("talkback held: its level in another bus", level(1, 3000.0, 1.3), -120.0, "dB");
    t.within("talkback held: main", level(2, 1000.0, 1.3), -3.02, -3.0, "dB");
    t.within("talkback held: the monitor is dimmed", level(3, 1000.0, 1.3), -23.02, -23.0, "dB");
    Ok(())
}

pub fn oscillator(t: &mut Table) -> Done {
    let take = |keys: &str, seconds: u32| {
        let rig = format!("{RIG}[oscillator]\nlevel = -12\nsend.main.on = true\n{keys}\n");
        let silence = vec![vec![0.0; 48_000 * seconds as usize]; 2];
        Take::new(rig).feed_all("c", silence).cue(0.1, "/oscillator/on 1")
    };
    // A mono strip panned to the centre.
    let level = |x: &[f64]| rms_db(&x[48_000..]) + 12.0 + 3.0103;
    for (kind, seconds) in [("sine", 3), ("pink", 45), ("white", 10)] {
        let y = take(&format!("type = \"{kind}\""), seconds).first("main")?;
        t.within(format!("oscillator {kind}: rms, distance from its level"), level(&y), -0.2, 0.2, "dB");
        if kind == "pink" {
            // The mean over pieces: noise, after all.
            let pieces: Vec<Spectrum> = y[48_000..].chunks_exact(1 << 18).map(|y| Spectrum::new(y, RATE)).collect();
            let power = |f: f64| pieces.iter().map(|s| s.power(|x| (f / 1.414..f * 1.414).contains(&x))).sum::<f64>();
            let octave = |f: f64| 10.0 * power(f).log10();
            let levels: Vec<f64> = [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0].map(octave).to_vec();
            let mean = levels.iter().sum::<f64>() / levels.len() as f64;
            let worst = levels.iter().fold(0.0, |m: f64, l| m.max((l - mean).abs()));
            t.most("oscillator pink: octaves from 125 Hz, distance from their mean", worst, 0.5, "dB");
        }
    }
    let y = take("type = \"sine\"", 3).first("main")?;
    let others = outside(&y[48_000..], RATE, 1000.0, 20.0);
    t.most("oscillator sine: everything but the tone", others, -120.0, "dB");
    let y = take("type = \"sine\"", 4).cue(2.0, "/oscillator/on 0").first("main")?;
    t.exact("oscillator off again: samples that sound", y[130_000..].iter().filter(|v| **v != 0.0).count() as f64);
    for (what, cue) in [("level −12 → −24", "/oscillator/level -24"), ("off", "/oscillator/on 0")] {
        let y = take("type = \"sine\"", 4).cue(2.0, cue).first("main")?;
        let y = &y[9600..];
        t.most(format!("oscillator {what}: outside ±200 Hz"), outside(y, RATE, 1000.0, 200.0), -70.0, "dB");
        t.most(format!("oscillator {what}: worst 10 ms above 4 kHz"), worst_above(&y[4800..], RATE, 4000.0), -100.0, "dBFS");
    }
    Ok(())
}
