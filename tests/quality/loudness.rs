//! `headroom analyze` against the signals that EBU Tech 3341 and 3342 describe. (Cases 7 and 8 are programmes.)

use crate::table::{Done, Table};
use crate::take::{RATE, json};
use headroom_e2e::measure::signal::{amplitude, db, noise, steps, tone};
use headroom_e2e::measure::spectrum::{above, true_peak};
use headroom_e2e::measure::{Sound, write};
use std::f64::consts::{PI, TAU};

const OFF: f64 = f64::NEG_INFINITY;

/// What the program reads of a file, by name.
fn analyzed(channels: Vec<Vec<f64>>) -> Result<serde_json::Value, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = folder.path().join("a.wav");
    write(&path, &Sound { rate: RATE as u32, channels })?;
    Ok(json(&["analyze", "--json", &path.display().to_string()])?[0].take())
}

fn stereo(levels: &[(f64, f64)]) -> Vec<Vec<f64>> {
    vec![steps(RATE, 1000.0, levels); 2]
}

fn reading(report: &serde_json::Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

pub fn levels(t: &mut Table) -> Done {
    let one = |t: &mut Table, case: &str, name: &str, channels: Vec<Vec<f64>>, wanted: f64| -> Done {
        let got = reading(&analyzed(channels)?, name);
        t.within(format!("3341 case {case}: {name}"), got, wanted - 0.05, wanted + 0.05, "LUFS");
        Ok(())
    };
    for (case, level) in [("1", -23.0), ("2", -33.0)] {
        for name in ["momentary_max", "shortterm_max", "integrated"] {
            one(t, case, name, stereo(&[(20.0, level)]), level)?;
        }
    }
    let i = "integrated";
    one(t, "3", i, stereo(&[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)]), -23.0)?;
    one(t, "4", i, stereo(&[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)]), -23.0)?;
    one(t, "5", i, stereo(&[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)]), -23.0)?;
    let surround = [-28.0, -28.0, -24.0, -30.0, -30.0].map(|l| tone(RATE, 1000.0, l, 20.0)).to_vec();
    one(t, "6", i, surround, -23.0)?;
    let s = "shortterm_max";
    one(t, "9", s, stereo(&[(1.34, -20.0), (1.66, -30.0)].repeat(5)), -23.0)?;
    let m = "momentary_max";
    one(t, "12", m, stereo(&[(0.18, -20.0), (0.22, -30.0)].repeat(25)), -23.0)?;
    // Twenty tones each, in slots of their own: one file a tone for 10 and 13, one that grows for 11 and 14.
    for (case, name, seconds, later, rise) in
        [("10", s, 3.0, 0.15, false), ("11", s, 3.0, 0.15, true), ("13", m, 0.4, 0.02, false), ("14", m, 0.4, 0.02, true)]
    {
        let mut worst: f64 = 0.0;
        let mut slots = Vec::new();
        for n in 0..20 {
            let (wait, level) = (later * f64::from(n), if rise { -38.0 + f64::from(n) } else { -23.0 });
            if !rise {
                slots.clear();
            }
            slots.extend([(wait, OFF), (seconds, level), (if rise { seconds - wait } else { 1.0 }, OFF)]);
            worst = worst.max((reading(&analyzed(stereo(&slots))?, name) - level).abs());
        }
        t.most(format!("3341 case {case}: {name}, worst of twenty"), worst, 0.05, "LU");
    }
    Ok(())
}

pub fn ranges(t: &mut Table) -> Done {
    let cases: [(&[f64], f64); 4] =
        [(&[-20.0, -30.0], 10.0), (&[-20.0, -15.0], 5.0), (&[-40.0, -20.0], 20.0), (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0)];
    for (n, (levels, wanted)) in cases.into_iter().enumerate() {
        let levels: Vec<_> = levels.iter().map(|l| (20.0, *l)).collect();
        let got = reading(&analyzed(stereo(&levels))?, "range");
        t.within(format!("3342 case {}: range", n + 1), got, wanted - 0.2, wanted + 0.2, "LU");
    }
    Ok(())
}

/// A sine with a phase in degrees, its ends faded so that they add no peaks.
fn faded(hz: f64, degrees: f64, peak: f64, frames: usize) -> Vec<f64> {
    let edge = |i: usize| 0.5 - 0.5 * (PI * (i.min(frames - 1 - i) as f64 / 2400.0).min(1.0)).cos();
    (0..frames).map(|i| peak * edge(i) * (TAU * (hz * i as f64 / RATE).fract() + degrees.to_radians()).sin()).collect()
}

pub fn true_peaks(t: &mut Table) -> Done {
    let read = |x: Vec<f64>| Ok::<f64, String>(reading(&analyzed(vec![x.clone(), x])?, "truepeak"));
    for (case, divisor, degrees, peak, wanted) in [
        (15, 4.0, 0.0, 0.5, -6.0),
        (16, 4.0, 45.0, 0.5, -6.0),
        (17, 6.0, 60.0, 0.5, -6.0),
        (18, 8.0, 67.5, 0.5, -6.0),
        (19, 4.0, 45.0, 1.41, 3.0),
    ] {
        let got = read(faded(RATE / divisor, degrees, peak, 48_000))?;
        t.within(format!("3341 case {case}: true peak"), got, wanted - 0.15, wanted + 0.05, "dBTP");
    }
    // fs/6 at half scale with one period at full scale, made at four times the rate and cut to the band, from each
    // of the four first samples.
    let fast: Vec<f64> = (0..24_000)
        .map(|i| {
            let edge = (f64::from(i.min(23_999 - i)) / 4800.0).min(1.0);
            let gain = if (12_000..12_024).contains(&i) { 1.0 } else { 0.5 };
            gain * (0.5 - 0.5 * (PI * edge).cos()) * (TAU * f64::from(i) / 24.0).sin()
        })
        .collect();
    let high = above(&fast, 4.0 * RATE, 24_000.0);
    for offset in 0..4 {
        let x: Vec<f64> = fast.iter().zip(&high).skip(offset).step_by(4).map(|(x, h)| x - h).collect();
        let exact = db(true_peak(&x));
        let got = read(x)?;
        t.within(format!("3341 case {}: true peak", 20 + offset), got, -0.4, 0.2, "dBTP");
        t.within(format!("3341 case {}: true peak less the exact one", 20 + offset), got - exact, -0.15, 0.05, "dB");
    }
    let mut apart = Vec::new();
    for hz in [20.0, 997.0, 5000.0, 8000.0, 11_999.0, 12_000.0, 15_000.0, 16_000.0, 17_999.0, 19_001.0, 19_997.0, 20_000.0] {
        for degrees in [0.0, 30.0, 45.0, 90.0] {
            let x = faded(hz, degrees, amplitude(-3.0), 24_000);
            let exact = db(true_peak(&x));
            apart.push(read(x)? - exact);
        }
    }
    let (low, high) = apart.iter().fold((f64::MAX, f64::MIN), |(l, h), a| (l.min(*a), h.max(*a)));
    t.least("true peak of tones to 20 kHz, lowest against the exact one", low, -0.15, "dB");
    t.most("true peak of tones to 20 kHz, highest against the exact one", high, 0.05, "dB");
    let hiss = noise(9, 0.5, 48_000);
    let high = above(&hiss, RATE, 20_500.0);
    let x: Vec<f64> =
        hiss.iter().zip(&high).enumerate().map(|(i, (x, h))| (x - h) * (i.min(47_999 - i) as f64 / 4800.0).min(1.0)).collect();
    let exact = db(true_peak(&x));
    t.within("true peak of noise to 20 kHz less the exact one", read(x)? - exact, -0.15, 0.05, "dB");
    Ok(())
}
