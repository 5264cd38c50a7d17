//! Saturation, clipping, exciting, width, transients.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{impulse, quadrature, tone};
use headroom_e2e::measure::spectrum::{Spectrum, magnitude, phase_delay};

/// A channel with one processor that is on, hard left; read at main's left.
fn through(name: &str, settings: &str, x: &[f64]) -> Result<Vec<f64>, String> {
    Take::channel(name, &format!("pan = -1\n{name} = {{ on = true, {settings} }}")).feed("c", x).first("main")
}

/// What is no harmonic of a tone, from half a second on, re the whole.
fn folded(y: &[f64], hz: f64) -> f64 {
    let harmonics: Vec<f64> = (0..=(0.5 * RATE / hz) as usize).map(|k| k as f64 * hz).collect();
    Spectrum::new(&y[24_000..], RATE).rest_db(&harmonics, 8.0)
}

/// What folds back of a full-scale tone's harmonics.
pub fn aliasing(t: &mut Table) -> Done {
    for (name, settings, gate) in [
        ("saturate", "type = \"soft\", drive = 12", true),
        ("saturate", "type = \"tape\", drive = 12", false),
        ("saturate", "type = \"tube\", drive = 12", false),
        ("saturate", "type = \"hard\", drive = 12", false),
    ] {
        for (hz, bar) in [(5000.0, -100.0), (9000.0, -80.0)] {
            let rest = folded(&through(name, settings, &tone(RATE, hz, 0.0, 4.0))?, hz);
            let what = format!("{name}, {settings}: folded of {hz} Hz");
            if gate { t.most(what, rest, bar, "dB") } else { t.told(what, rest, "dB") }
        }
    }
    Ok(())
}

/// What passes, and what is added.
pub fn curves(t: &mut Table) -> Done {
    for kind in ["soft", "tape", "tube", "hard"] {
        let mut click = impulse(4800, 48_000);
        click[4800] = 1e-3;
        let h = through("saturate", &format!("type = \"{kind}\", drive = 0"), &click)?;
        let mut off: f64 = 0.0;
        for (hz, level) in magnitude(&h, RATE) {
            if (40.0..=20_000.0).contains(&hz) {
                off = off.max((level + 60.0).abs());
            }
        }
        t.most(format!("saturate {kind}: a quiet signal, 40 Hz … 20 kHz, distance from flat"), off, 0.05, "dB");
        // Frames of files begin where those of the input do: latency is taken away.
        let late = phase_delay(&h[4800 - 480..4800 + 960], RATE, 1000.0, 10_000.0) - 480.0;
        t.most(format!("saturate {kind}: reported against measured latency"), late.abs(), 0.5, "frames");
    }
    // tanh of a slow tone, drive 12 dB: samples against the curve.
    let x = tone(RATE, 50.0, -1.0, 1.0);
    let y = through("saturate", "drive = 12, output = -6", &x)?;
    let gain = |db: f64| 10f64.powf(db / 20.0);
    let worst = x.iter().zip(&y).skip(4800).take(38_400).map(|(x, y)| (y - gain(-6.0) * (gain(12.0) * x).tanh()).abs());
    t.most("saturate soft: samples of 50 Hz against tanh, largest distance", worst.fold(0.0, f64::max), 0.002, "");
    // Even harmonics where they belong, none where not; DC nowhere.
    let x = tone(RATE, 1000.0, -6.0, 10.0);
    for kind in ["soft", "tape", "tube", "hard"] {
        let y = through("saturate", &format!("type = \"{kind}\", drive = 12"), &x)?;
        let s = Spectrum::new(&y[192_000..], RATE);
        let first = s.line_dbfs(1000.0);
        let even = s.line_dbfs(2000.0) - first;
        match kind {
            "tube" => t.within("saturate tube: second harmonic of a tone of −6 at 12 dB", even, -40.0, -15.0, "dB"),
            _ => t.most(format!("saturate {kind}: second harmonic"), even, -120.0, "dB"),
        }
        t.told(format!("saturate {kind}: third harmonic"), s.line_dbfs(3000.0) - first, "dB");
        t.most(format!("saturate {kind}: DC"), s.line_dbfs(0.0), -140.0, "dBFS");
    }
    // Tape loses highs as it is driven.
    let loss = |hz: f64, level: f64| {
        let y = through("saturate", "type = \"tape\", drive = 6", &tone(RATE, hz, level, 1.0))?;
        Ok::<f64, String>(quadrature(&y, RATE, hz, 24_000, 19_200).0 - level - 6.0)
    };
    t.told("saturate tape: 10 kHz against 1 kHz at −6 dBFS", loss(10_000.0, -6.0)? - loss(1000.0, -6.0)?, "dB");
    t.within("saturate tape: 10 kHz against 1 kHz at −60 dBFS", loss(10_000.0, -60.0)? - loss(1000.0, -60.0)?, -0.05, 0.05, "dB");
    Ok(())
}

/// Jumps under a loud tone: what is neither the tone nor a harmonic.
pub fn movement(t: &mut Table) -> Done {
    for (name, settings, jumps) in [(
        "saturate",
        "drive = 12, output = -6",
        &["drive 24", "output -18", "mix 0.2", "type tape", "type hard", "on 0"] as &[&str],
    )] {
        for jump in jumps {
            let (path, value) = jump.split_once(' ').unwrap_or((jump, "0"));
            let keys = format!("pan = -1\n{name} = {{ on = true, {settings} }}");
            let take = Take::channel(name, &keys).feed("c", &tone(RATE, 1000.0, -3.0, 4.0));
            let y = take.cue(2.0, format!("/ch/1/{name}/{path} {value}")).first("main")?;
            let harmonics: Vec<f64> = (1..=23).map(|k| 1000.0 * f64::from(k)).collect();
            let rest = Spectrum::new(&y[24_000..168_000], RATE).rest_db(&harmonics, 200.0);
            t.most(format!("{name}: {jump} under 1 kHz of −3 dBFS, outside ±200 Hz of harmonics"), rest, -80.0, "dB");
        }
    }
    Ok(())
}
