//! What works on bands: mid/side equaliser, de-esser, multiband compressor, dynamic equaliser; and ducker and phase.

use crate::dynamics::{curve, through};
use crate::eq::{band, error};
use crate::moving::{crest, judge};
use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{
    amplitude, db, differing, impulse, noise, peak, quadrature, rms_db, single, steps, tone, track,
};
use headroom_e2e::measure::spectrum::{Spectrum, magnitude, phase_delay};

fn sum(parts: &[&[f64]]) -> Vec<f64> {
    (0..parts[0].len()).map(|i| parts.iter().map(|p| p[i]).sum()).collect()
}

/// Gain of a line over a stretch at the end of three seconds, dB.
fn line(y: &[f64], x: &[f64], hz: f64) -> f64 {
    let level = |x: &[f64]| quadrature(x, RATE, hz, 96_000, 48_000).0;
    level(y) - level(x)
}

/// How far a line's level moves, as a level of its own.
fn moved(y: &[f64], x: &[f64], hz: f64) -> f64 {
    db((amplitude(line(y, x, hz)) - 1.0).abs().max(1e-12))
}

pub fn ms(t: &mut Table) -> Done {
    let (x, y) = (noise(1, 0.3, 96_000), noise(2, 0.3, 96_000));
    let bands = |half: &str| {
        format!(
            "ms = {{ on = true, {half}.1 = {{ freq = 1000, gain = 12, q = 1 }}, {half}.2 = {{ type = \"lowcut\", freq = 200 }} }}"
        )
    };
    for (half, other, sign) in [("mid", "side", -1.0), ("side", "mid", 1.0)] {
        let keys = bands(half);
        let sides = || vec![x.clone(), y.clone()];
        let main = Take::main("ms", &keys).feed_all("c", sides()).out("main")?;
        let strip = Take::channel("ms", &format!("stereo = true\n{keys}")).feed_all("c", sides()).out("main")?;
        let (l, r) = (single(&x), single(&y));
        let of = |l: &[f64], r: &[f64]| l.iter().zip(r).map(|(l, r)| 0.5 * (l + sign * r)).collect::<Vec<_>>();
        t.exact(format!("bands of {half} on main: {other}"), differing(&of(&main[0], &main[1]), &of(&l, &r)));
        let left: Vec<f64> = of(&strip[0], &strip[1]).iter().zip(of(&l, &r)).map(|(a, b)| a - b).collect();
        t.most(format!("bands of {half} on a channel (32 bits): {other}, difference"), db(peak(&left)), -132.0, "dBFS");
        t.told(format!("bands of {half} on a channel (32 bits): {other}, rms of it"), rms_db(&left), "dBFS");
        for (kind, f0, gain, q) in [
            ("peak", 1000.0, 12.0, 1.0),
            ("peak", 10_000.0, 12.0, 1.0),
            ("highshelf", 8000.0, 6.0, 0.707),
            ("lowcut", 30.0, 0.0, 0.707),
        ] {
            let keys =
                format!("ms = {{ on = true, {half}.1 = {{ type = \"{kind}\", freq = {f0:.1}, gain = {gain:.1}, q = {q} }} }}");
            let click = impulse(0, 1 << 17);
            let other: Vec<f64> = click.iter().map(|v| -sign * v).collect();
            let h = Take::main("ms", &keys).feed_all("c", vec![click, other]).first("main")?;
            let points = magnitude(&h, RATE).into_iter().filter(|(f, _)| (20.0..=20_000.0).contains(f));
            let off = points.map(|(f, got)| (got - band(kind, f / f0, gain, q), band(kind, f / f0, gain, q)));
            let worst = off.filter(|(_, want)| *want > -60.0).fold(0.0, |m: f64, (off, _)| m.max(off.abs()));
            t.most(format!("{half}: {kind} {f0} Hz {gain:+} dB Q {q}"), worst, if f0 <= 1000.0 { 0.05 } else { 0.2 }, "dB");
        }
    }
    let keys = bands("mid").replace("ms = {", "ms = { side.3.gain = 12,");
    let mono = Take::channel("ms", &format!("pan = -1\n{keys}"));
    let plain = Take::channel("ms", &format!("pan = -1\n{}", bands("mid")));
    t.exact(
        "a mono strip: bands of side do nothing",
        differing(&mono.feed("c", &x).first("main")?, &plain.feed("c", &x).first("main")?),
    );
    Ok(())
}

pub fn deess(t: &mut Table) -> Done {
    // A sibilant over lower tones: the lower ones keep their level.
    let sibilant = tone(RATE, 9000.0, -6.0, 3.0);
    for (hz, bar) in [(200.0, -120.0), (500.0, -120.0), (1000.0, -120.0), (1500.0, -120.0), (2000.0, -120.0), (3000.0, -70.0)] {
        let x = sum(&[&tone(RATE, hz, -12.0, 3.0), &sibilant]);
        let y = through("deess", "freq = 6000, threshold = -40, range = 24", &x)?;
        t.most(format!("deess split at 6 kHz, −24 dB: change of the level of {hz} Hz"), moved(&y, &single(&x), hz), bar, "dB");
    }
    let x = sum(&[&tone(RATE, 300.0, 0.0, 3.0), &noise(3, 0.001, 144_000)]);
    let y = through("deess", "freq = 6000, threshold = -40, range = 24", &x)?;
    t.exact("deess split, a loud voice without sibilants, from 2 s on", differing(&y[96_000..], &single(&x)[96_000..]));
    for mode in ["split", "wide"] {
        let keys = format!("mode = \"{mode}\", freq = 6000, threshold = -30, range = 12");
        let mut worst: f64 = 0.0;
        let mut deepest: f64 = 0.0;
        for level in [-40.0, -31.0, -28.0, -24.0, -20.0, -12.0, 0.0] {
            let x = tone(RATE, 9000.0, level, 3.0);
            let got = line(&through("deess", &keys, &x)?, &x, 9000.0);
            let want = -(level + 30.0f64).clamp(0.0, 12.0);
            worst = worst.max((got - want).abs());
            deepest = deepest.min(got);
        }
        t.most(format!("deess {mode}: curve of a 9 kHz tone, distance"), worst, if mode == "wide" { 0.05 } else { 0.3 }, "dB");
        t.least(format!("deess {mode}: deepest of a range of 12 dB"), deepest, -12.01, "dB");
        let x = steps(RATE, 9000.0, &[(1.0, -40.0), (1.0, -10.0), (1.0, -40.0)]);
        let y = through("deess", &format!("mode = \"{mode}\", freq = 6000, threshold = -30, range = 24"), &x)?;
        let gain: Vec<(f64, f64)> =
            track(&x, RATE, 9000.0, 1).into_iter().zip(track(&y, RATE, 9000.0, 1)).map(|(x, y)| (x.0, y.1 - x.1)).collect();
        let first = |from: f64, is: &dyn Fn(f64) -> bool| {
            gain.iter().find(|(s, g)| *s > from && is(*g)).map_or(f64::NAN, |p| (p.0 - from) * 1e3)
        };
        let deep = gain[90_000].1;
        t.within(format!("deess {mode}: attack of 1 ms"), first(1.0, &|g| g < 0.632 * deep), 0.7, 1.5, "ms");
        // The shelf rings for a moment after the step: the last crossing counts.
        let last = gain.iter().rev().find(|(s, g)| *s > 2.0 && *g < 0.368 * deep).map_or(f64::NAN, |p| (p.0 - 2.0) * 1e3);
        t.within(format!("deess {mode}: release of 70 ms"), last, 60.0, 80.0, "ms");
    }
    let (l, r) = (tone(RATE, 9000.0, -6.0, 2.0), tone(RATE, 9000.0, -36.0, 2.0));
    for mode in ["split", "wide"] {
        let keys = format!("stereo = true\ndeess = {{ on = true, mode = \"{mode}\", threshold = -20 }}");
        let y = Take::channel("deess", &keys).feed_all("c", vec![l.clone(), r.clone()]).out("main")?;
        let apart = rms_db(&y[0][48_000..]) - rms_db(&y[1][48_000..]) - 30.0;
        t.most(format!("deess {mode} stereo: left/right stays 30 dB, distance"), apart.abs(), 0.001, "dB");
    }
    Ok(())
}

pub fn multiband(t: &mut Table) -> Done {
    let levels: Vec<f64> = (0..=30).map(|i| -60.0 + 2.0 * f64::from(i)).collect();
    let timed: Vec<_> = levels.iter().map(|l| (1.5, *l)).collect();
    let level = |y: &[f64], i: usize| rms_db(&y[72_000 * i + 50_400..72_000 * (i + 1)]);
    for (bands, number, hz) in [(3, 1, 50.0), (3, 2, 350.0), (3, 3, 4000.0), (5, 2, 350.0), (2, 1, 50.0), (2, 2, 1000.0)] {
        let x = steps(RATE, hz, &timed);
        for (threshold, ratio, knee) in [(-20.0, 4.0, 6.0), (-35.0, 100.0, 12.0)] {
            let keys = format!(
                "bands = {bands}, {number} = {{ threshold = {threshold:.1}, ratio = {ratio:.1}, knee = {knee:.1}, attack = 10, release = 100 }}"
            );
            let y = through("multiband", &keys, &x)?;
            let off = levels.iter().enumerate().map(|(i, l)| (level(&y, i) - curve(*l, threshold, ratio, knee)).abs());
            let name = format!("multiband, band {number} of {bands} at {hz} Hz, {threshold} dB {ratio}:1: static curve");
            t.most(name, off.fold(0.0, f64::max), 0.05, "dB");
        }
    }
    // Equal gains are flat; and 0 dB is the input, though it works on what is loud.
    let at_work = |gain: f64| {
        (1..=5).map(|b| format!("{b} = {{ threshold = -10, ratio = 4, gain = {gain:.1} }}")).collect::<Vec<_>>().join(", ")
    };
    let flat = |gain: f64| -> Result<f64, String> {
        let keys = format!("pan = -1\nmultiband = {{ on = true, bands = 5, {} }}", at_work(gain));
        error(Take::channel("multiband", &keys), |_| gain)
    };
    t.most("multiband at work, five bands at unity: flat", flat(0.0)?, 0.05, "dB");
    t.most("multiband at work, five bands at −6 dB: flat", flat(-6.0)?, 0.05, "dB");
    let x = noise(5, 0.05, 96_000);
    let keys = format!("bands = 5, {}", at_work(0.0));
    t.exact("multiband at work, sound under its thresholds", differing(&through("multiband", &keys, &x)?, &single(&x)));
    // One band works, the tones of the others stay.
    let tones: Vec<Vec<f64>> =
        [50.0, 350.0, 4000.0].iter().zip([-6.0, -30.0, -30.0]).map(|(hz, l)| tone(RATE, *hz, l, 3.0)).collect();
    let x = sum(&tones.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let y = through("multiband", "1 = { threshold = -30, ratio = 10 }", &x)?;
    for hz in [350.0, 4000.0] {
        t.most(format!("multiband −20 dB in band 1: gain of {hz} Hz"), line(&y, &x, hz).abs(), 0.05, "dB");
    }
    let rest = Spectrum::new(&y[48_000..], RATE).rest_db(&[50.0, 350.0, 4000.0], 8.0);
    t.most("multiband −20 dB in band 1: what is no tone", rest, -80.0, "dB");
    // Sides share their gains.
    let (l, r) = (tone(RATE, 350.0, -6.0, 2.0), tone(RATE, 350.0, -36.0, 2.0));
    let keys = "stereo = true\nmultiband = { on = true, 2 = { threshold = -20, ratio = 4 } }";
    let y = Take::channel("multiband", keys).feed_all("c", vec![l, r]).out("main")?;
    let apart = rms_db(&y[0][48_000..]) - rms_db(&y[1][48_000..]) - 30.0;
    t.most("multiband stereo: left/right stays 30 dB, distance", apart.abs(), 0.001, "dB");
    Ok(())
}

/// A channel `c` that ducks under `k`, which is heard nowhere.
fn ducking(keys: &str, x: &[f64], key: &[f64]) -> Take {
    let rig = format!(
        "[[channel]]\nname = \"c\"\nchain = [\"duck\"]\npan = -1\nduck = {{ on = true, sidechain = \"k\", {keys} }}\n\
         [[channel]]\nname = \"k\"\nchain = []\nmute = true\n[main]\nchain = []\n"
    );
    Take::new(rig).feed("c", x).feed("k", key)
}

pub fn duck(t: &mut Table) -> Done {
    let x = tone(RATE, 1000.0, -6.0, 6.0);
    for (attack, hold, release) in [(20.0, 500.0, 600.0), (5.0, 100.0, 100.0)] {
        let mut key = tone(RATE, 440.0, -20.0, 6.0);
        key.iter_mut().enumerate().filter(|(i, _)| !(48_000..96_000).contains(i)).for_each(|(_, v)| *v = 0.0);
        let keys = format!("range = 12, attack = {attack:.1}, hold = {hold:.1}, release = {release:.1}");
        let y = ducking(&keys, &x, &key).first("main")?;
        let gain: Vec<(f64, f64)> = track(&y, RATE, 1000.0, 1).into_iter().map(|(s, l)| (s, l + 6.0)).collect();
        let first = |from: f64, is: &dyn Fn(f64) -> bool| {
            gain.iter().find(|(s, g)| *s > from && is(*g)).map_or(f64::NAN, |p| (p.0 - from) * 1e3)
        };
        t.most(format!("duck by 12 dB {attack}/{hold}/{release} ms: depth, distance"), (gain[95_000].1 + 12.0).abs(), 0.01, "dB");
        t.within(
            format!("duck, attack of {attack} ms"),
            first(1.0, &|g| g < -12.0 * 0.632),
            0.95 * attack,
            1.05 * attack + 0.5,
            "ms",
        );
        let held = first(2.0, &|g| g > -12.0 + 0.1);
        let begun = -release * (1.0f64 - 0.1 / 12.0).ln();
        t.within(format!("duck, hold of {hold} ms"), held - begun, hold - 2.0, hold + 1.0, "ms");
        let back = first(2.0, &|g| g > -12.0 * 0.368) - hold;
        t.within(format!("duck, release of {release} ms"), back, 0.97 * release - 2.0, 1.05 * release, "ms");
        let before = differing(&y[..47_900], &single(&x)[..47_900]);
        t.exact("duck before the key begins", before);
    }
    for (level, want) in [(-35.1, 0.0), (-34.9, -12.0)] {
        let y = ducking("threshold = -35", &x, &tone(RATE, 1000.0, level, 6.0)).first("main")?;
        t.most(
            format!("duck at −35 dB, key of {level} dBFS: distance"),
            (quadrature(&y, RATE, 1000.0, 200_000, 48_000).0 + 6.0 - want).abs(),
            0.01,
            "dB",
        );
    }
    let mut early = tone(RATE, 440.0, -20.0, 4.0);
    early[96_000..].fill(0.0);
    let mut late = tone(RATE, 1000.0, -6.0, 4.0);
    late[..48_000].fill(0.0);
    let y = ducking("range = 12", &late, &early).first("main")?;
    t.within(
        "duck, a strip that begins while the key sounds: first level",
        quadrature(&y, RATE, 1000.0, 48_000, 480).0,
        -18.1,
        -17.9,
        "dBFS",
    );
    let cues = |take: Take| take.cue(1.01, "/ch/1/duck/range 30").cue(1.507, "/ch/1/duck/on 0").cue(2.2, "/ch/1/duck/on 1");
    let one = cues(ducking("range = 12", &x, &early)).first("main")?;
    for period in [1, 17, 512] {
        let other = cues(ducking("range = 12", &x, &early)).with(&format!("--period {period}")).first("main")?;
        t.exact(format!("duck with a key and cues in periods of {period}"), differing(&one, &other));
    }
    let key = tone(RATE, 1000.0, -6.0, 4.0);
    for jump in ["range 30", "range 0", "threshold 0", "on 0", "key/on 1"] {
        let y = ducking("range = 12", &crest(0.0), &key).cue(2.0, format!("/ch/1/duck/{jump}")).out("main")?;
        judge(t, &format!("duck with a key, {jump}"), &y, -80.0, -100.0);
    }
    Ok(())
}

pub fn dyneq(t: &mut Table) -> Done {
    for (kind, f0, gain, q) in [
        ("peak", 1000.0, 12.0, 1.0),
        ("peak", 10_000.0, -12.0, 2.0),
        ("lowshelf", 100.0, 12.0, 0.707),
        ("highshelf", 8000.0, 6.0, 0.707),
    ] {
        let shape = format!("type = \"{kind}\", freq = {f0:.1}, q = {q}");
        let prototype = |f: f64| band(kind, f / f0, gain, q);
        let bar = if f0 <= 1000.0 { 0.05 } else { 0.2 };
        let fixed = format!("pan = -1\ndyneq = {{ on = true, 1 = {{ {shape}, gain = {gain:.1} }} }}");
        t.most(format!("dyneq {kind} {f0} Hz, static {gain:+} dB"), error(Take::channel("dyneq", &fixed), prototype)?, bar, "dB");
        // A loud tone inside the band opens it, quiet ones beside it tell the curve.
        let at = match kind {
            "lowshelf" => 40.0,
            "highshelf" => 16_000.0,
            _ => f0,
        };
        let mut worst: f64 = 0.0;
        for hz in [60.0, 250.0, 700.0, 1500.0, 6000.0, 12_000.0] {
            let x = sum(&[&tone(RATE, at, -3.0, 3.0), &tone(RATE, hz, -40.0, 3.0)]);
            let y = through("dyneq", &format!("1 = {{ {shape}, range = {gain:.1}, threshold = -50 }}"), &x)?;
            worst = worst.max((line(&y, &x, hz) - prototype(hz)).abs());
        }
        t.most(format!("dyneq {kind} {f0} Hz, at its range of {gain:+} dB"), worst, bar, "dB");
    }
    for (range, hz) in [(-12.0, 1000.0), (6.0, 100.0), (-18.0, 12_000.0)] {
        let keys = format!("1 = {{ freq = {hz:.1}, q = 2, threshold = -40, range = {range:.1} }}");
        let mut worst: f64 = 0.0;
        for level in [-60.0, -42.0, -36.0, -30.0, -20.0, -10.0, 0.0] {
            let x = tone(RATE, hz, level, 3.0);
            let want = (0.5 * (level + 40.0f64)).clamp(0.0, f64::abs(range)) * range.signum();
            worst = worst.max((line(&through("dyneq", &keys, &x)?, &x, hz) - want).abs());
        }
        t.most(format!("dyneq range {range} dB at {hz} Hz: gain over level, distance"), worst, 0.1, "dB");
    }
    for (hz, bar) in [(50.0, -80.0), (1000.0, -100.0)] {
        let y =
            through("dyneq", &format!("1 = {{ freq = {hz:.1}, threshold = -30, range = -24 }}"), &tone(RATE, hz, -10.0, 5.0))?;
        let rest = Spectrum::new(&y[96_000..], RATE).rest_db(&[hz], 8.0);
        t.most(format!("dyneq −10 dB 10/120 ms, THD of {hz} Hz at −10"), rest, bar, "dB");
    }
    Ok(())
}

pub fn phase(t: &mut Table) -> Done {
    for freq in [20.0, 200.0, 2000.0, 16_000.0] {
        for stages in 1..=4 {
            let keys = format!("pan = -1\nphase = {{ on = true, freq = {freq:.1}, stages = {stages} }}");
            let flat = error(Take::channel("phase", &keys), |_| 0.0)?;
            t.most(format!("phase at {freq} Hz, {stages} stages: magnitude"), flat, 0.001, "dB");
        }
    }
    // The delay of an all-pass far below its frequency is 2/ω a stage.
    let h = Take::channel("phase", "pan = -1\nphase = { on = true, freq = 2000, stages = 2 }")
        .feed("c", &impulse(0, 1 << 14))
        .first("main")?;
    let late = 4.0 / (std::f64::consts::TAU * 2000.0) * RATE;
    t.within("phase, 2 stages at 2 kHz: delay at 100 Hz", phase_delay(&h, RATE, 80.0, 120.0), 0.98 * late, 1.02 * late, "frames");
    Ok(())
}
