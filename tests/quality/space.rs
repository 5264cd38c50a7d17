//! Pan, delay and reverb.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::room::{correlation, echo_density, largest_line, t30};
use headroom_e2e::measure::signal::{db, differing, impulse, noise, power_db, quadrature, single, tone};
use headroom_e2e::measure::spectrum::phase_delay;
use std::f64::consts::{FRAC_PI_4, SQRT_2};

const PLACES: [f64; 9] = [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0];

/// Distance in dB of a level from a factor; of a factor 0 in samples that are not.
fn off(x: &[f64], factor: f64) -> f64 {
    if factor == 0.0 {
        return x.iter().filter(|v| **v != 0.0).count() as f64;
    }
    (quadrature(x, RATE, 1000.0, 4800, 9600).0 - db(factor)).abs()
}

pub fn pan(t: &mut Table) -> Done {
    let x = tone(RATE, 1000.0, 0.0, 0.5);
    let aux = "[[bus]]\nname = \"w\"\nkind = \"aux\"\nchain = []\nstereo = true\n";
    let mono = |p: f64| {
        format!(
            "[[channel]]\nname = \"c\"\nchain = []\npan = {p:.2}\nsend.w = {{ level = 0, pan = {p:.2} }}\n{aux}[main]\nchain = []\n"
        )
    };
    for output in ["main", "w"] {
        let (mut law, mut sum, mut centre): (f64, f64, f64) = (0.0, 0.0, 0.0);
        let mut leak = 0.0;
        for p in PLACES {
            let y = Take::new(mono(p)).feed("c", &x).out(output)?;
            let theta = (p + 1.0) * FRAC_PI_4;
            let want = |far: bool, f: f64| if far { 0.0 } else { f };
            for (side, factor) in [want(p == 1.0, theta.cos()), want(p == -1.0, theta.sin())].into_iter().enumerate() {
                let off = off(&y[side], factor);
                if factor == 0.0 { leak += off } else { law = law.max(off) }
            }
            let level = |x: &[f64]| 10f64.powf(quadrature(x, RATE, 1000.0, 4800, 9600).0 / 10.0);
            sum = sum.max(power_db(level(&y[0]) + level(&y[1])).abs());
            if p == 0.0 {
                centre = quadrature(&y[0], RATE, 1000.0, 4800, 9600).0;
            }
        }
        let name = if output == "main" { "pan" } else { "send pan" };
        t.most(format!("{name}: sine/cosine law over nine places, distance"), law, 0.01, "dB");
        t.most(format!("{name}: power sum, distance from 0"), sum, 0.01, "dB");
        t.within(format!("{name}: centre"), centre, -3.02, -3.0, "dB");
        t.exact(format!("{name}: samples not 0 on the far side"), leak);
    }
    let mut law: f64 = 0.0;
    for p in PLACES {
        let y = Take::channel("", &format!("stereo = true\npan = {p:.2}")).feed("c", &x).out("main")?;
        let theta = (p + 1.0) * FRAC_PI_4;
        let gains = [(SQRT_2 * theta.cos()).min(1.0), (SQRT_2 * theta.sin()).min(1.0)];
        for (side, gain) in gains.into_iter().enumerate() {
            law = law.max(off(&y[side], if gain.abs() < 1e-12 { 0.0 } else { gain }));
        }
    }
    t.most("balance: law over nine places, distance", law, 0.01, "dB");
    Ok(())
}

pub fn delay(t: &mut Table) -> Done {
    for (ms, frames) in [(10.3, 494.4), (0.7, 33.6), (1.0, 48.0), (123.456, 5925.888)] {
        let take = Take::channel("", &format!("pan = -1\ndelay = {ms}"));
        let h = take.feed("c", &impulse(480, 9600)).first("main")?;
        let late = phase_delay(&h[480..], RATE, 100.0, 10_000.0);
        t.most(format!("delay {ms} ms, distance"), (late - frames).abs(), 0.01, "frames");
    }
    for hz in [1000.0, 10_000.0, 16_000.0, 18_000.0] {
        let x = tone(RATE, hz, 0.0, 1.0);
        let y = Take::channel("", "pan = -1\ndelay = 10.3").feed("c", &x).first("main")?;
        let level = quadrature(&y, RATE, hz, 24_000, 19_200).0;
        t.within(format!("delay 10.3 ms, level of {hz} Hz"), level, -0.1, 0.1, "dB");
    }
    let x = noise(4, 0.5, 48_000);
    let y = Take::channel("", "pan = -1\ndelay = \"480 frames\"").feed("c", &x).first("main")?;
    t.exact("delay of 480 frames", differing(&y[480..], &single(&x)[..48_000 - 480]));
    Ok(())
}

pub fn reverb(t: &mut Table) -> Done {
    for kind in ["hall", "plate", "room"] {
        for time in [1.0, 1.8, 3.0] {
            let seconds = 1.4 * time + 0.6;
            let rig = |damping: f64, sides: Vec<Vec<f64>>| {
                let keys = format!(
                    "stereo = true\nreverb = {{ type = \"{kind}\", time = {time:.1}, predelay = 0, damping = {damping:.1}, mix = 1.0 }}"
                );
                Take::channel("reverb", &keys).feed_all("c", sides).out("main")
            };
            let (frames, click) = ((seconds * RATE) as usize, |frames| impulse(0, frames));
            let damped = rig(0.5, vec![click(frames); 2])?;
            // Either side from either side: the mean over four places, as in a hall.
            let mut even = rig(0.0, vec![click(frames), vec![0.0; frames]])?;
            even.extend(rig(0.0, vec![vec![0.0; frames], click(frames)])?);
            let off = |hz: f64| 100.0 * (even.iter().map(|x| t30(x, RATE, hz)).sum::<f64>() / 4.0 / time - 1.0).abs();
            let name = format!("{kind} {time} s");
            t.most(format!("{name}: T30 of 500 and 1000 Hz, distance"), off(500.0).max(off(1000.0)), 5.0, "%");
            let wide = [250.0, 2000.0, 4000.0].map(off).into_iter().fold(0.0, f64::max);
            t.most(format!("{name}: T30 of 250 … 4000 Hz, distance"), wide, 10.0, "%");
            let x = &damped[0];
            let density = (0..41).map(|i| echo_density(x, RATE, 0.2 + 0.005 * f64::from(i))).sum::<f64>() / 41.0;
            t.least(format!("{name}: echo density over 200 … 400 ms"), density, 0.95, "");
            let dense = (20..400).find(|ms| echo_density(x, RATE, f64::from(*ms) * 0.001) >= 0.9).unwrap_or(999);
            t.most(format!("{name}: echo density of 0.9 after"), f64::from(dense), 60.0, "ms");
            let line = even.iter().map(|x| largest_line(x, RATE, time, 0.2, (0.8 * time).min(1.36))).fold(0.0, f64::max);
            t.most(format!("{name}: largest late line over the mean"), line, 12.0, "dB");
            let late = 4800..((0.1 + time) * RATE) as usize;
            t.most(format!("{name}: correlation of the sides"), correlation(&x[late.clone()], &damped[1][late]).abs(), 0.15, "");
        }
    }
    for kind in ["hall", "plate", "room"] {
        for time in [0.1, 0.15, 0.2, 0.3, 0.5] {
            let keys = format!(
                "stereo = true\nreverb = {{ type = \"{kind}\", time = {time:.2}, predelay = 0, damping = 0.0, mix = 1.0 }}"
            );
            let (click, none) = (impulse(0, 48_000), vec![0.0; 48_000]);
            let mut sides = Take::channel("reverb", &keys).feed_all("c", vec![click.clone(), none.clone()]).out("main")?;
            sides.extend(Take::channel("reverb", &keys).feed_all("c", vec![none, click]).out("main")?);
            // So short a decay of one octave is a matter of chance: all octaves, either side from either side.
            let bands = [500.0, 1000.0, 2000.0, 4000.0];
            let all = bands.iter().flat_map(|hz| sides.iter().map(|x| t30(x, RATE, *hz))).sum::<f64>() / 16.0;
            t.most(format!("{kind} {time} s: T30, mean of 500 … 4000 Hz, distance"), 100.0 * (all / time - 1.0).abs(), 5.0, "%");
        }
        let keys = format!("stereo = true\nreverb = {{ type = \"{kind}\", time = 20, predelay = 0, damping = 0.0, mix = 1.0 }}");
        let x = vec![noise(6, 0.2, 480_000), noise(7, 0.2, 480_000)];
        let y = Take::channel("reverb", &keys).feed_all("c", x).cue(8.0, "/ch/c/reverb/time 1.8").out("main")?;
        let level = |from: usize| y.iter().map(|y| y[from..from + 9600].iter().map(|v| v * v).sum::<f64>()).sum::<f64>();
        let before = (0..10).map(|i| level(288_000 + 9600 * i)).sum::<f64>() / 10.0;
        let swell = (0..8).map(|i| power_db(level(384_000 + 4800 * i) / before)).fold(f64::NEG_INFINITY, f64::max);
        t.most(format!("{kind}: noise swells when the time goes from 20 to 1.8 s, by"), swell, 1.5, "dB");
    }
    Ok(())
}
