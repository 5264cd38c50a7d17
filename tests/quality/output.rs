//! What files get: dither, the rate, and buses of 64 bits behind them.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::Sound;
use headroom_e2e::measure::room::correlation;
use headroom_e2e::measure::signal::{amplitude, db, noise, power, power_db, quadrature, rms_db, single, tone};
use headroom_e2e::measure::spectrum::{Spectrum, variance};

const LSB: f64 = 1.0 / 32_768.0;

pub fn dither(t: &mut Table) -> Done {
    let take = Take::main("", "").bits("16");
    let x = tone(RATE, 997.0, -60.0, 30.0);
    let y = take.clone().feed("c", &x).out("main")?;
    let (x, y0) = (single(&x), &y[0]);
    let error: Vec<f64> = y0.iter().zip(&x).map(|(y, x)| y - x).collect();
    t.within("16 bit TPDF, 997 Hz at −60: noise", power_db(power(&error)), -96.4, -96.2, "dB rms");
    let s = Spectrum::new(y0, RATE);
    let harmonics = (2..=20).map(|k| s.line_dbfs(997.0 * f64::from(k))).fold(f64::NEG_INFINITY, f64::max);
    t.most("harmonics", harmonics, -125.0, "dBFS");
    let grid = y0.iter().filter(|v| (**v / LSB).fract() != 0.0).count();
    t.exact("samples off the 16-bit grid", grid as f64);
    t.most("mean error", (error.iter().sum::<f64>() / error.len() as f64 / LSB).abs(), 0.01, "LSB");
    let right: Vec<f64> = y[1].iter().zip(&x).map(|(y, x)| y - x).collect();
    t.most("correlation of the sides' noise", correlation(&error, &right).abs(), 0.01, "");
    let powers = (0..=10).map(|k| {
        // Not quite 0, which would be silence, and silence gets no dither.
        let dc = f64::from(k).mul_add(0.1, 1e-6) * LSB;
        let y = take.clone().feed("c", &vec![dc; 480_000]).first("main")?;
        Ok(power_db(variance(&y)))
    });
    let powers = powers.collect::<Result<Vec<f64>, String>>()?;
    let (low, high) = powers.iter().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(*p), h.max(*p)));
    t.most("noise power over DC of 0 … 1 LSB, largest difference", high - low, 0.1, "dB");
    // Float files have none, and a silent file ends in zeros.
    let plain = Take::main("", "").bits("32f").feed("c", &x).first("main")?;
    t.exact("32-bit float", plain.iter().zip(&x).filter(|(y, x)| y != x).count() as f64);
    let silent = take.feed("c", &noise(1, 0.5, 4800)).with("--tail 5").first("main")?;
    t.exact("dither one second after the sound", silent[4800 + 48_480..].iter().filter(|v| **v != 0.0).count() as f64);
    Ok(())
}

/// A tone through a change of rate, without its ends.
fn converted(hz: f64, from: u32, to: u32) -> Result<Vec<f64>, String> {
    let x = tone(f64::from(from), hz, -0.1, 6.0);
    let take = if from == 48_000 {
        Take::main("", "").with(&format!("--rate {to}")).feed("c", &x)
    } else {
        Take::main("", "").feed_sound("c", Sound { rate: from, channels: vec![x] })
    };
    let y = take.first("main")?;
    Ok(y[to as usize..5 * to as usize].to_vec())
}

pub fn rates(t: &mut Table) -> Done {
    for (from, to) in [(48_000, 44_100), (44_100, 48_000)] {
        let rate = f64::from(to);
        for hz in [997.0, 10_007.0, 19_001.0] {
            let rest = Spectrum::new(&converted(hz, from, to)?, rate).rest_db(&[hz], 8.0);
            t.most(format!("{from} → {to} Hz, {hz} Hz: THD+N"), rest, -140.0, "dB");
        }
        let level = quadrature(&converted(20_000.0, from, to)?, rate, 20_000.0, 0, to as usize).0 + 0.1;
        t.most(format!("{from} → {to} Hz, 20 kHz: level, distance"), level.abs(), 0.01, "dB");
    }
    let levels = (0..=14).map(|k| Ok(rms_db(&converted(22_500.0 + 100.0 * f64::from(k), 48_000, 44_100)?) + 0.1));
    let worst = levels.collect::<Result<Vec<f64>, String>>()?.into_iter().fold(f64::MIN, f64::max);
    t.most("48000 → 44100 Hz, 22.5 … 23.9 kHz: what is left", worst, -120.0, "dB");
    Ok(())
}

pub fn sums(t: &mut Table) -> Done {
    let frames = 9600;
    let inputs: Vec<Vec<f64>> = (0..128).map(|k| single(&noise(100 + k, amplitude(-20.0), frames))).collect();
    let rig = |fader: &dyn Fn(usize) -> f64, to: &str| {
        let channel = |k: usize| format!("[[channel]]\nname = \"c{k}\"\nchain = []\nfader = {:.2}\n{to}\n", fader(k));
        let bus = "[[bus]]\nname = \"g\"\nkind = \"group\"\nchain = []\nstereo = false\n";
        let channels: String = (0..128).map(channel).collect();
        format!("{channels}{bus}[main]\nchain = []\nstereo = false\n")
    };
    let unity = |_: usize| 0.0;
    let gains = |k: usize| -12.0 + 0.15 * k as f64;
    for (name, fader, to, bits, bar) in [
        ("unity, 64-bit file", &unity as &dyn Fn(usize) -> f64, "", "64f", -290.0),
        ("unity through a group, 64-bit file", &unity, "to = \"g\"", "64f", -290.0),
        ("unity, 32-bit file", &unity, "", "32f", -150.0),
        ("gains, 64-bit file", &gains, "", "64f", -150.0),
        ("gains through a group, 64-bit file", &gains, "to = \"g\"", "64f", -150.0),
        ("gains, 32-bit file", &gains, "", "32f", -150.0),
    ] {
        let take =
            inputs.iter().enumerate().fold(Take::new(rig(fader, to)).bits(bits), |take, (k, x)| take.feed(&format!("c{k}"), x));
        let y = take.first("main")?;
        let mut worst: f64 = 0.0;
        let mut total = 0.0;
        for i in 0..frames {
            // The faders' two decimals are what the rig says.
            let exact: f64 = (0..128).map(|k| inputs[k][i] * amplitude((fader(k) * 100.0).round() / 100.0)).sum();
            worst = worst.max((y[i] - exact).abs());
            total += (y[i] - exact).powi(2);
        }
        t.most(format!("128 channels, {name}: error"), power_db(2.0 * total / frames as f64), bar, "dBFS");
        t.told(format!("128 channels, {name}: largest error"), db(worst), "dBFS");
    }
    Ok(())
}
