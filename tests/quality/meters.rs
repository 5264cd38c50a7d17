//! What the live meters read, from the part of the server that measures them (`headroom::metering`): the program's
//! audio thread only hands it the samples.

use crate::table::{Done, Table};
use crate::take::RATE;
use headroom::metering::analyser::Analyser;
use headroom::metering::bands::edges;
use headroom_e2e::measure::signal::{amplitude, db, noise, steps, tone};
use headroom_e2e::measure::spectrum::true_peak;
use std::f64::consts::{PI, TAU};

/// A tap that is read every 20 ms.
struct Live(Analyser);

impl Live {
    fn new() -> Live {
        Live(Analyser::new(RATE as u32, 2))
    }

    fn play(&mut self, left: &[f64], right: &[f64], mut see: impl FnMut(&Analyser)) {
        for (left, right) in left.chunks(960).zip(right.chunks(960)) {
            let frames = left.iter().zip(right).flat_map(|(l, r)| [*l as f32, *r as f32]);
            self.0.add(&frames.collect::<Vec<_>>());
            see(&self.0);
        }
    }

    fn of(left: &[f64], right: &[f64]) -> Analyser {
        let mut live = Live::new();
        live.play(left, right, |_| {});
        live.0
    }
}

pub fn loudness(t: &mut Table) -> Done {
    let sound = steps(RATE, 1000.0, &[(20.0, -23.0)]);
    let live = Live::of(&sound, &sound);
    for path in ["loudness/momentary", "loudness/shortterm", "loudness/integrated"] {
        t.within(format!("3341 case 1, live: {path}"), live.figure(path)[0], -23.05, -22.95, "LUFS");
    }
    let gated = steps(RATE, 1000.0, &[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)]);
    let got = Live::of(&gated, &gated).figure("loudness/integrated")[0];
    t.within("3341 case 4, live: loudness/integrated", got, -23.05, -22.95, "LUFS");
    let ranged = steps(RATE, 1000.0, &[(20.0, -50.0), (20.0, -35.0), (20.0, -20.0), (20.0, -35.0), (20.0, -50.0)]);
    let got = Live::of(&ranged, &ranged).figure("loudness/range")[0];
    t.within("3342 case 4, live: loudness/range", got, 14.8, 15.2, "LU");
    for (case, path, cycle) in [
        ("9", "loudness/shortterm", [(1.34, -20.0), (1.66, -30.0)]),
        ("12", "loudness/momentary", [(0.18, -20.0), (0.22, -30.0)]),
    ] {
        let sound = steps(RATE, 1000.0, &cycle.repeat(8));
        let mut most = f64::MIN;
        Live::new().play(&sound, &sound, |live| most = most.max(live.figure(path)[0]));
        t.within(format!("3341 case {case}, live: largest {path}"), most, -23.05, -22.95, "LUFS");
    }
    Ok(())
}

pub fn true_peaks(t: &mut Table) -> Done {
    let mut apart: Vec<f64> = Vec::new();
    for hz in [20.0, 997.0, 5000.0, 11_999.0, 12_000.0, 16_000.0, 17_999.0, 19_001.0, 19_997.0, 20_000.0] {
        for degrees in [0.0f64, 45.0, 90.0] {
            let edge = |i: usize| 0.5 - 0.5 * (PI * (i.min(23_999 - i) as f64 / 2400.0).min(1.0)).cos();
            let at = |i: usize| amplitude(-3.0) * edge(i) * (TAU * (hz * i as f64 / RATE).fract() + degrees.to_radians()).sin();
            let x: Vec<f64> = (0..24_000).map(at).collect();
            apart.push(Live::of(&x, &x).figure("loudness/truepeak")[0] - db(true_peak(&x)));
        }
    }
    let (low, high) = apart.iter().fold((f64::MAX, f64::MIN), |(l, h), a| (l.min(*a), h.max(*a)));
    t.least("true peak of tones to 20 kHz, live, lowest against the exact one", low, -0.15, "dB");
    t.most("true peak of tones to 20 kHz, live, highest against the exact one", high, 0.05, "dB");
    Ok(())
}

pub fn levels(t: &mut Table) -> Done {
    let one = tone(RATE, 1000.0, -20.0, 2.0);
    let other: Vec<f64> = one.iter().map(|x| -0.5 * x).collect();
    let (a, b) = (noise(1, 0.5, 96_000), noise(2, 0.5, 96_000));
    // A share of common noise: the correlation is that share of the power.
    let half: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a + b) * 0.5f64.sqrt()).collect();
    let cases =
        [("alike", &one, &one, 1.0, 1e-4), ("inverted", &one, &other, -1.0, 1e-4), ("half common", &a, &half, 0.707, 0.02)];
    for (name, left, right, wanted, by) in cases {
        let got = Live::of(left, right).figure("meter/correlation")[0];
        t.most(format!("correlation, {name}: distance"), (got - wanted).abs(), by, "");
    }
    let live = Live::of(&one, &other);
    for (path, wanted) in [
        ("meter/k20", 0.0),
        ("meter/k14", -6.0),
        ("meter/k12", -8.0),
        ("meter/mid", -32.04),
        ("meter/side", -22.5),
        ("meter/headroom", 20.0),
    ] {
        t.most(format!("{path} of a tone: distance"), (live.figure(path)[0] - wanted).abs(), 0.05, "dB");
    }
    Ok(())
}

pub fn spectrum(t: &mut Table) -> Done {
    let (mut off, mut elsewhere) = (0.0f64, f64::MIN);
    for band in 0..60 {
        let [low, high] = edges(band);
        let x = tone(RATE, (low * high).sqrt(), -6.0, 3.5);
        let levels = Live::of(&x, &x).spectrum();
        off = off.max((levels[band] + 6.0).abs());
        let others = levels.iter().enumerate().filter(|(n, _)| n.abs_diff(band) > 1);
        elsewhere = others.fold(elsewhere, |most, (_, level)| most.max(level + 6.0));
    }
    t.most("a tone in each of the 60 bands: level in its band", off, 0.5, "dB off");
    t.most("the same: beyond the neighbours, re the tone", elsewhere, -80.0, "dB");
    let quiet = Live::of(&[0.0; 48_000], &[0.0; 48_000]).spectrum();
    t.most("silence: highest band", quiet.iter().fold(f64::MIN, |m, x| m.max(*x)), -144.0, "dBFS");
    Ok(())
}
