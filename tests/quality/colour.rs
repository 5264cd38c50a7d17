//! Saturation, clipping, exciting, width, transients.

use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{amplitude, apart, db, differing, impulse, noise, peak, quadrature, rms_db, single, tone};
use headroom_e2e::measure::spectrum::{Spectrum, magnitude, outside, phase_delay, true_peak, worst_above};
use std::f64::consts::TAU;

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
        ("exciter", "freq = 3000, drive = 12, mix = 1", true),
        ("clip", "ceiling = -12, knee = 12", false),
        ("clip", "ceiling = -12, knee = 0", false),
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

/// What a clipper leaves alone, and how far its filters let peaks pass the ceiling.
pub fn clip(t: &mut Table) -> Done {
    let quiet = noise(5, 0.1, 48_000);
    for keys in ["ceiling = 0", "ceiling = -6", "ceiling = 0, knee = 12", "ceiling = -6, mix = 0.5"] {
        t.exact(format!("clip {keys}: noise under it"), differing(&through("clip", keys, &quiet)?, &single(&quiet)));
    }
    // A loud part in the middle: the rest is as it was, but for the filters' length.
    let mut x = noise(6, 0.1, 48_000);
    x[24_000..24_048].iter_mut().for_each(|v| *v *= 20.0);
    let y = through("clip", "ceiling = 0", &x)?;
    let x = single(&x);
    t.exact(
        "clip: noise around a loud millisecond",
        differing(&y[..23_900], &x[..23_900]) + differing(&y[24_148..], &x[24_148..]),
    );
    let edges = |hz: f64| tone(RATE, hz, 0.0, 1.0).iter().map(|v| v.signum()).collect::<Vec<f64>>();
    let faded = |x: &[f64]| {
        let fade = |i: usize| (i.min(x.len() - 1 - i) as f64 / 2400.0).min(1.0);
        x.iter().enumerate().map(|(i, v)| v * fade(i)).collect::<Vec<f64>>()
    };
    for (what, x) in [
        ("50 Hz", tone(RATE, 50.0, 0.0, 1.0)),
        ("1 kHz", tone(RATE, 1000.0, 0.0, 1.0)),
        ("a square of 100 Hz", edges(100.0)),
        ("white noise", noise(7, 1.0, 48_000)),
    ] {
        let x = faded(&x);
        for (over, ceiling) in [(6.0, -6.0), (12.0, -12.0)] {
            for knee in [0.0, 6.0] {
                let y = through("clip", &format!("ceiling = {ceiling:.1}, knee = {knee:.1}"), &x)?;
                let name = format!("clip: {what}, {over} dB over the ceiling, knee {knee}");
                let over = db(true_peak(&y)) - ceiling;
                t.told(format!("{name}: highest sample over it"), db(peak(&y)) - ceiling, "dB");
                match what {
                    "50 Hz" => t.most(format!("{name}: true peak over it"), over, 0.02, "dB"),
                    "1 kHz" => t.most(format!("{name}: true peak over it"), over, 0.2, "dB"),
                    _ => t.told(format!("{name}: true peak over it"), over, "dB"),
                }
            }
        }
    }
    Ok(())
}

/// Harmonics of what is above, none of what is below, the tone itself as it was.
pub fn exciter(t: &mut Table) -> Done {
    let lines = |keys: &str, hz: f64, level: f64| {
        let y = through("exciter", keys, &tone(RATE, hz, level, 4.0))?;
        let s = Spectrum::new(&y[24_000..], RATE);
        Ok::<[f64; 3], String>([1.0, 2.0, 4.0].map(|k| s.line_dbfs(k * hz) - level))
    };
    for (drive, level) in [(6.0, -20.0), (6.0, 0.0), (12.0, -6.0), (36.0, -20.0)] {
        let [first, second, fourth] = lines(&format!("freq = 3000, drive = {drive:.1}, mix = 1"), 5000.0, level)?;
        let name = format!("exciter 3 kHz, drive {drive}, mix 1, 5 kHz at {level} dBFS");
        t.within(format!("{name}: the tone"), first, -0.01, 0.01, "dB");
        t.within(format!("{name}: an octave up"), second, -60.0, -3.0, "dB");
        t.told(format!("{name}: two octaves up"), fourth, "dB");
    }
    let [first, second, _] = lines("freq = 3000, drive = 12, mix = 1", 300.0, -6.0)?;
    t.within("exciter 3 kHz: a tone of 300 Hz", first, -0.01, 0.01, "dB");
    t.most("exciter 3 kHz: harmonics of 300 Hz", second, -120.0, "dB");
    // Two tones near each other: their difference stays out of the bass.
    let x: Vec<f64> = tone(RATE, 5000.0, -12.0, 4.0).iter().zip(tone(RATE, 5200.0, -12.0, 4.0)).map(|(a, b)| a + b).collect();
    let y = through("exciter", "freq = 3000, drive = 24, mix = 1", &x)?;
    t.most("exciter 3 kHz: difference of 5000 and 5200 Hz", Spectrum::new(&y[24_000..], RATE).line_dbfs(200.0), -100.0, "dBFS");
    Ok(())
}

/// Both sides through a stereo channel.
fn sides(keys: &str, sides: [&[f64]; 2]) -> Result<[Vec<f64>; 2], String> {
    let keys = format!("stereo = true\nwidth = {{ on = true, {keys} }}");
    let y = Take::channel("width", &keys).feed_all("c", sides.map(<[f64]>::to_vec).to_vec()).out("main")?;
    y.try_into().map_err(|_| "main is not stereo".into())
}

/// Side and mid: their levels.
pub fn width(t: &mut Table) -> Done {
    let none = vec![0.0; 96_000];
    let levels = |[l, r]: &[Vec<f64>; 2]| {
        let part = |sign: f64| l[48_000..].iter().zip(&r[48_000..]).map(|(l, r)| 0.5 * (l + sign * r)).collect::<Vec<f64>>();
        [rms_db(&part(1.0)), rms_db(&part(-1.0))]
    };
    for mono in [60.0, 120.0, 250.0, 500.0] {
        let (mut worst, mut side_at) = (f64::NEG_INFINITY, 0.0);
        let mut mid_off: f64 = 0.0;
        let mut flipped: f64 = f64::NEG_INFINITY;
        for factor in [0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0] {
            let y = sides(&format!("mono = {mono:.1}"), [&tone(RATE, mono * factor, 0.0, 2.0), &none])?;
            let [mid, side] = levels(&y);
            if factor <= 0.5 {
                worst = worst.max(side - mid);
            }
            if factor == 1.0 {
                side_at = side - mid;
            }
            mid_off = mid_off.max((mid + 6.02).abs());
            flipped = flipped.max(rms_db(&y[1][48_000..]) - rms_db(&y[0][48_000..]));
        }
        t.most(format!("width, mono {mono} Hz: side/mid of a tone on the left, up to half of it"), worst, -40.0, "dB");
        t.told(format!("width, mono {mono} Hz: side/mid at it"), side_at, "dB");
        t.most(format!("width, mono {mono} Hz: mid, distance from what it was"), mid_off, 0.05, "dB");
        t.most(format!("width, mono {mono} Hz: right over left, 0.2 … 3 times it"), flipped, 0.01, "dB");
    }
    let x = [noise(1, 0.4, 96_000), noise(2, 0.4, 96_000)];
    let before = levels(&x.clone());
    for (amount, change) in [(0.5, -6.02), (2.0, 6.02)] {
        let after = levels(&sides(&format!("amount = {amount:.1}"), [&x[0], &x[1]])?);
        t.within(format!("width {amount}: mid"), after[0] - before[0], -0.01, 0.01, "dB");
        t.within(format!("width {amount}: side"), after[1] - before[1], change - 0.01, change + 0.01, "dB");
    }
    let [l, r] = sides("amount = 0.0", [&x[0], &x[1]])?;
    t.most("width 0: difference of the sides", apart(&l, &r), -140.0, "dBFS");
    let y = through("width", "amount = 2.0, mono = 200", &x[0])?;
    t.exact("width on a mono strip", differing(&y, &single(&x[0])));
    // Jumps under a tone on the left.
    let x = tone(RATE, 1000.0, 0.0, 4.0);
    let none = vec![0.0; x.len()];
    for (keys, jump) in [
        ("amount = 1.0", "amount 0"),
        ("amount = 1.0", "amount 2"),
        ("amount = 1.0", "mono 500"),
        ("amount = 1.0, mono = 500", "mono 0"),
        ("amount = 0.5, mono = 100", "mono 400"),
        ("amount = 0.0, mono = 100", "on 0"),
    ] {
        let take = Take::channel("width", &format!("stereo = true\nwidth = {{ on = true, {keys} }}"));
        let take = take.feed_all("c", vec![x.clone(), none.clone()]);
        let (path, value) = jump.split_once(' ').unwrap_or((jump, "0"));
        let y = take.cue(2.0, format!("/ch/1/width/{path} {value}")).out("main")?;
        let heard = || y.iter().filter(|y| y.iter().any(|v| *v != 0.0));
        let rest = heard().map(|y| outside(y, RATE, 1000.0, 200.0)).fold(f64::NEG_INFINITY, f64::max);
        let high = heard().map(|y| worst_above(y, RATE, 4000.0)).fold(f64::NEG_INFINITY, f64::max);
        t.most(format!("width, {keys}: {jump}, outside ±200 Hz"), rest, -80.0, "dB");
        t.most(format!("width, {keys}: {jump}, worst 10 ms above 4 kHz"), high, -100.0, "dBFS");
    }
    Ok(())
}

/// Clicks, tones, decays.
pub fn transient(t: &mut Table) -> Done {
    let mut off: f64 = 0.0;
    for hz in [50.0, 100.0, 440.0, 997.0, 5000.0, 12_000.0, 19_001.0] {
        let y = through("transient", "attack = 12, sustain = 12", &tone(RATE, hz, -20.0, 2.0))?;
        off = off.max((rms_db(&y[48_000..]) - rms_db(&tone(RATE, hz, -20.0, 2.0)[48_000..])).abs());
    }
    t.most("transient: steady tones, 50 Hz … 19 kHz, distance", off, 0.01, "dB");
    for gain in [-12.0, -6.0, 6.0, 12.0] {
        for (level, floor) in [(-6.0, 0.0), (-40.0, 0.0), (-12.0, -66.0)] {
            let mut x = if floor < 0.0 { noise(3, amplitude(floor), 48_000) } else { vec![0.0; 48_000] };
            for (v, click) in x[24_000..24_048].iter_mut().zip(tone(RATE, 3000.0, level, 0.001)) {
                *v += click;
            }
            let y = through("transient", &format!("attack = {gain:.1}"), &x)?;
            let got = rms_db(&y[24_000..24_048]) - rms_db(&x[24_000..24_048]);
            t.within(format!("transient, attack {gain}: a millisecond at {level} dBFS"), got, gain - 0.2, gain + 0.2, "dB");
        }
    }
    let hit = |i: usize| amplitude(-60.0 * (i as f64 / RATE)) * (TAU * 300.0 * i as f64 / RATE).sin();
    let mut x = vec![0.0; 9600];
    x.extend((0..48_000).map(hit));
    for gain in [-12.0, 12.0] {
        let y = through("transient", &format!("sustain = {gain:.1}"), &x)?;
        let over = |from: usize, n: usize| rms_db(&y[from..from + n]) - rms_db(&x[from..from + n]);
        t.within(format!("transient, sustain {gain}: the first 10 ms of a hit"), over(9600, 480), -0.2, 0.2, "dB");
        t.told(format!("transient, sustain {gain}: the same after 100 ms"), over(9600 + 4800, 2400), "dB");
        t.told(format!("transient, sustain {gain}: the same after half a second"), over(9600 + 24_000, 4800), "dB");
    }
    Ok(())
}

/// Jumps under a loud tone: what is neither the tone nor a harmonic.
pub fn movement(t: &mut Table) -> Done {
    let saturate: &[&str] = &["drive 24", "output -18", "mix 0.2", "type tape", "type hard", "on 0"];
    for (name, settings, jumps) in [
        ("saturate", "drive = 12, output = -6", saturate),
        ("clip", "ceiling = -12, knee = 6", &["ceiling -6", "knee 0", "knee 12", "mix 0.2", "on 0"]),
        ("exciter", "freq = 700, drive = 12, mix = 1", &["freq 3000", "drive 30", "mix 0", "on 0"]),
    ] {
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

/// Switched, moved and carried to new networks, in sound and in silence: the period does not show.
pub fn same(t: &mut Table) -> Done {
    let rig = "[[channel]]\nname = \"a\"\nchain = [\"saturate\", \"transient\"]\nsaturate = { on = false, drive = 12 }\n\
        [[channel]]\nname = \"b\"\nstereo = true\nchain = [\"clip\", \"width\"]\nclip = { on = false, ceiling = -12 }\n\
        [[channel]]\nname = \"o\"\nchain = [\"saturate\"]\nsaturate = { on = true, type = \"tube\", drive = 20 }\n\
        [main]\nchain = [\"exciter\", \"width\", \"limiter\"]\nexciter = { on = false, freq = 2000, drive = 12, mix = 1.0 }\n";
    let sound = |seed| {
        let mut x = noise(seed, 0.5, 48_000);
        x[14_417..33_333].fill(0.0);
        x
    };
    let mut take = Take::new(rig).feed("a", &sound(1)).feed_all("b", vec![sound(2), sound(3)]).feed("o", &noise(4, 0.5, 30_000));
    for (s, cue) in [
        (0.0501, "/ch/1/saturate/on 1"),
        (0.0501, "/main/exciter/on 1"),
        (0.0633, "/ch/2/clip/on 1"),
        (0.0701, "/ch/1/saturate/type tube"),
        (0.0903, "/main/limiter/lookahead 3"),
        (0.1103, "/ch/1/saturate/mix 0"),
        (0.1207, "/ch/1/transient/attack 9"),
        (0.1307, "/ch/2/width/mono 150"),
        (0.1403, "/main/exciter/freq 900"),
        (0.1503, "/main/limiter/lookahead 2"),
        (0.1607, "/ch/1/saturate/drive 3"),
        (0.1703, "/ch/1/saturate/mix 0.7"),
        (0.2003, "/ch/2/clip/on 0"),
        (0.2503, "/main/exciter/on 0"),
        (0.4001, "/ch/1/saturate/on 0"),
        (0.5001, "/ch/1/saturate/type tape"),
        (0.6903, "/ch/2/clip/on 1"),
        (0.6931, "/ch/1/saturate/on 1"),
        (0.6943, "/main/exciter/on 1"),
        (0.8003, "/ch/2/clip/knee 9"),
        (0.8503, "/main/limiter/lookahead 1"),
        (0.9001, "/ch/2/width/amount 0.2"),
    ] {
        take = take.cue(s, cue);
    }
    let outs = ["a", "b", "main"];
    let one = take.clone().with("--period 64").render(&outs)?;
    for period in [1, 17, 512, 4096] {
        let other = take.clone().with(&format!("--period {period}")).render(&outs)?;
        let pairs = one.sounds.iter().zip(&other.sounds).flat_map(|(a, b)| a.channels.iter().zip(&b.channels));
        t.exact(format!("colour switched and moved, in periods of {period}"), pairs.map(|(a, b)| differing(a, b)).sum());
    }
    Ok(())
}
