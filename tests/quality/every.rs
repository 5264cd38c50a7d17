//! What is asked of every processor, and of the console as a whole.

use crate::processors::{ALL, LEFT_OUT, Processor};
use crate::table::{Done, Table};
use crate::take::{RATE, Rendered, Take, json};
use headroom_e2e::measure::signal::{amplitude, apart, differing, noise, rms_db, single, tone};
use headroom_e2e::measure::spectrum::Spectrum;
use std::collections::BTreeSet;
use std::f64::consts::PI;

/// Loud noise, then quiet, then a tone: two seconds.
fn lively(seed: u64) -> Vec<f64> {
    let mut x = noise(seed, 0.9, 48_000);
    x.extend(noise(seed + 1, 0.001, 12_000));
    x.extend(tone(RATE, 440.0, -6.0, 0.75));
    x
}

/// A strip that has a processor, and where samples must come out as they went in.
fn nulls(p: &Processor, keys: &str) -> Result<f64, String> {
    let (x, y) = (noise(1, 0.3, 48_000), noise(2, 0.3, 48_000));
    let mut differ = 0.0;
    let mono = Take::channel(p.name, &format!("pan = -1\n{keys}")).feed("c", &x).render(&["c", "main"])?;
    for sound in &mono.sounds {
        differ += differing(&sound.channels[0], &single(&x));
    }
    let sides = || vec![x.clone(), y.clone()];
    let stereo = Take::channel(p.name, &format!("stereo = true\n{keys}")).feed_all("c", sides()).out("main")?;
    let main = Take::main(p.name, keys).feed_all("c", sides()).out("main")?;
    for out in [stereo, main] {
        differ += differing(&out[0], &single(&x)) + differing(&out[1], &single(&y));
    }
    Ok(differ)
}

pub fn null(t: &mut Table) -> Done {
    for p in ALL {
        let settings = p.neutral.iter().map(|keys| (*keys, p.keys(keys, true)));
        for (what, keys) in settings.chain([("off", p.keys(p.working, false))]) {
            match nulls(p, &keys) {
                Ok(differ) => t.exact(format!("{}, {what}", p.name), differ),
                Err(why) => t.broken(p.name, &why),
            }
        }
    }
    // Everything inserted, everything on, nothing to do: a channel, a group, main.
    let neutral = "gate = { on = true, range = 0 }\neq = { on = true }\ncomp = { on = true, ratio = 1 }\n";
    let main = "eq = { on = true }\nglue = { on = true, ratio = 1 }\nlimiter = { on = true, ceiling = 0 }\n";
    for (name, channel, side) in [("mono, hard left", "pan = -1", 1), ("stereo", "stereo = true", 2)] {
        let rig = format!(
            "[[channel]]\nname = \"c\"\nto = \"g\"\n{channel}\n{neutral}[[bus]]\nname = \"g\"\nkind = \"group\"\ncomp = {{ on = true, ratio = 1 }}\n[main]\n{main}"
        );
        let x = [noise(1, 0.5, 48_000), noise(2, 0.5, 48_000)];
        let y = Take::new(rig).feed_all("c", x[..side].to_vec()).out("main")?;
        t.exact(
            format!("a whole mix of one strip, all processors neutral, {name}"),
            (0..side).map(|s| differing(&y[s], &single(&x[s]))).sum(),
        );
    }
    // New processors want a line in the table.
    let known: BTreeSet<&str> = ALL.iter().map(|p| p.name).chain(LEFT_OUT.iter().copied()).collect();
    let reference = json(&["reference", "--json"])?;
    let on =
        reference.as_array().into_iter().flatten().filter_map(|e| e["address"].as_str()?.strip_suffix("/on")).map(String::from);
    let kinds: BTreeSet<String> = on.filter_map(|a| a.rsplit('/').next().map(String::from)).collect();
    let plain = |k: &&String| k.chars().all(|c| c.is_ascii_lowercase()) && !["key", "send"].contains(&k.as_str());
    let missing: Vec<_> = kinds.iter().filter(plain).filter(|k| !known.contains(k.as_str())).collect();
    t.exact("processors of the reference that have no line here", missing.len() as f64);
    missing.iter().for_each(|name| println!("    {name}"));
    Ok(())
}

/// A rig in which everything is at work, with stereo and mono strips, sends, a group and a reverb.
fn busy() -> Take {
    let work = |names: &[&str]| -> String {
        let wanted = ALL.iter().filter(|p| names.contains(&p.name));
        wanted.map(|p| p.keys(p.working, true) + "\n").collect()
    };
    let channel =
        "hpf = { on = true, freq = 60 }\nlpf = { on = true, freq = 14000 }\n".to_string() + &work(&["gate", "eq", "comp"]);
    let mut rig = String::new();
    for (k, stereo) in [false, true, false, false, true, false].into_iter().enumerate() {
        let to = if k % 2 == 0 { "g" } else { "main" };
        rig += &format!(
            "[[channel]]\nname = \"c{k}\"\nstereo = {stereo}\nto = \"{to}\"\ndelay = 12.{k}\npan = 0.{k}\nsend.r = {{ level = -6.0 }}\nsend.w = {{ level = -3.0 }}\n{channel}"
        );
    }
    rig += "[[bus]]\nname = \"g\"\nkind = \"group\"\ncomp.on = true\n";
    rig += "[[bus]]\nname = \"w\"\nkind = \"aux\"\neq.1 = { freq = 500, gain = -6 }\nstereo = false\n";
    rig += "[[bus]]\nname = \"r\"\nkind = \"fx\"\nchain = [\"reverb\"]\n";
    rig += &format!("[main]\n{}", work(&["glue", "limiter"]));
    let mut take = Take::new(rig);
    for (k, sides) in [1, 2, 1, 1, 2, 1].into_iter().enumerate() {
        take = take.feed_all(&format!("c{k}"), (0..sides).map(|s| lively((10 * k + s) as u64)).collect());
    }
    for i in 0..40u32 {
        // Odd times: between blocks, within them, some at once.
        let s = 0.05 + 0.0371 * f64::from(i);
        let (c, v) = (i % 6 + 1, f64::from(i % 7));
        take = take
            .cue(s, format!("/ch/{c}/fader {:.1}", -v))
            .cue(s, format!("/ch/{c}/pan {:.2}", v / 7.0 - 0.4))
            .cue(s + 0.0003, format!("/ch/{c}/eq/1/freq {:.1}", 300.0 + 500.0 * v))
            .cue(s + 0.0011, format!("/ch/{c}/comp/threshold {:.1}", -30.0 + v))
            .cue(s + 0.002, format!("/ch/{c}/mute {}", i % 5 / 4))
            .cue(s + 0.003, format!("/ch/{c}/delay {:.2}", 2.0 + 1.5 * v))
            .cue(s + 0.004, format!("/ch/{c}/gate/on {}", i % 2))
            .cue(s + 0.005, format!("/ch/{c}/send/1/level {:.1}", -10.0 + v));
    }
    take.cue(1.95, "/main/limiter/lookahead 3")
        .cue(1.2, "/fade /main/fader -20 0.4")
        .cue(1.5, "/bus/3/reverb/type plate")
        .with("--tail 1")
}

fn alike(a: &Rendered, b: &Rendered) -> f64 {
    let pairs = a.sounds.iter().zip(&b.sounds).flat_map(|(a, b)| a.channels.iter().zip(&b.channels));
    pairs.map(|(a, b)| differing(a, b)).sum()
}

pub fn same(t: &mut Table) -> Done {
    let outs = ["main", "w", "r", "g", "c1"];
    // A delay beyond what there is memory for is a new network too.
    let grows = || busy().cue(1.4, "/ch/3/delay 40");
    let one = grows().render(&outs)?;
    for period in [1, 17, 64, 512, 4096] {
        let other = grows().with(&format!("--period {period}")).render(&outs)?;
        t.exact(format!("a busy mix with cues in periods of {period}"), alike(&one, &other));
    }
    let one = busy().render(&outs)?;
    let again = busy().bits("16").render(&outs)?;
    let bytes = again.bytes.iter().zip(&busy().bits("16").render(&outs)?.bytes).filter(|(a, b)| a != b).count();
    t.exact("files of 16 bits, rendered twice", bytes as f64);
    t.exact("files of 64 bits, rendered twice", alike(&one, &busy().render(&outs)?));
    // Other instructions round otherwise: in 32 bits on channels, in 64 on buses.
    let differ = |a: &[f64], b: &[f64]| rms_db(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>());
    let x: Vec<f64> = lively(4).iter().map(|v| 0.25 * v).collect();
    for lanes in ["sse2", "scalar"] {
        for p in ALL {
            let take = Take::new(p.rig(&p.keys(p.working, true)).0).feed("c", &x);
            let (a, b) = (take.first("main")?, take.clone().lanes(lanes).first("main")?);
            t.most(format!("{} on {lanes} lanes, sound of −12: difference, rms", p.name), differ(&a, &b), -140.0, "dBFS");
        }
        let other = busy().lanes(lanes).render(&outs)?;
        let pairs = one.sounds.iter().zip(&other.sounds).flat_map(|(a, b)| a.channels.iter().zip(&b.channels));
        let worst = pairs.map(|(a, b)| differ(a, b)).fold(f64::NEG_INFINITY, f64::max);
        t.most(format!("a busy mix with cues on {lanes} lanes: difference, rms"), worst, -140.0, "dBFS");
    }
    Ok(())
}

/// One strip alone, and in each place among eight others: its samples are the same.
pub fn lanes(t: &mut Table) -> Done {
    for p in ALL.iter().filter(|p| !p.last && !p.shares) {
        let strip =
            |name: &str| format!("[[channel]]\nname = \"{name}\"\nchain = [\"{}\"]\n{}\n", p.name, p.keys(p.working, true));
        let alone = Take::new(strip("x") + "[main]\nchain = []\n").feed("x", &lively(7)).first("x")?;
        let mut differ = 0.0;
        for place in [0, 3, 7, 8] {
            let names: Vec<String> = (0..9).map(|k| if k == place { "x".into() } else { format!("o{k}") }).collect();
            let rig: String = names.iter().map(|n| strip(n)).collect();
            let take = Take::new(rig + "[main]\nchain = []\n");
            let take = names
                .iter()
                .enumerate()
                .fold(take, |take, (k, n)| take.feed(n, &lively(if n == "x" { 7 } else { 50 + k as u64 })));
            differ += differing(&take.first("x")?, &alone);
        }
        t.exact(format!("{}: alone and among eight others", p.name), differ);
    }
    Ok(())
}

pub fn silence(t: &mut Table) -> Done {
    for p in ALL {
        let (rig, _) = p.rig(&p.keys(p.working, true));
        // The tone begins smoothly and lasts until a room has forgotten that.
        let mut x = tone(RATE, 1000.0, -3.0, 12.0);
        x.iter_mut().take(4800).enumerate().for_each(|(i, v)| *v *= (0.5 - 0.5 * (PI * i as f64 / 4800.0).cos()).powi(2));
        let end = x.len();
        x.extend(vec![0.0; 11 * 48_000]);
        let y = Take::new(rig.as_str()).feed("c", &x).out("main")?;
        let last = y.iter().map(|y| y.iter().rposition(|v| *v != 0.0).map_or(0, |i| i + 1)).max().unwrap_or(0);
        t.most(format!("{}: exact silence after", p.name), (last.saturating_sub(end)) as f64 / RATE, 10.0, "s");
        let dc = y.iter().map(|y| Spectrum::new(&y[8 * 48_000..end], RATE).line_dbfs(0.0)).fold(f64::NEG_INFINITY, f64::max);
        t.most(format!("{}: DC under a 1 kHz tone", p.name), dc, -140.0, "dBFS");
    }
    Ok(())
}

/// What may come in that is no sound, and how it is called.
type Bad = (&'static str, fn(usize) -> f64);

/// Numbers that are none, and some that 32 bits cannot hold; squares as loud as they get; sound that is nearly none.
const BAD: &[Bad] = &[
    ("NaN, infinity, 3·10³⁸", |i| {
        [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300, f64::from(f32::MAX), -f64::from(f32::MAX), 1e-40][i / 64 % 7]
    }),
    ("squares of 100 Hz at full scale", |i| if i / 240 % 2 == 0 { 1.0 } else { -1.0 }),
    ("squares of 8 kHz at full scale", |i| if i / 3 % 2 == 0 { 1.0 } else { -1.0 }),
    ("denormals", |i| if i % 3 == 0 { 1e-40 } else { -3e-39 }),
];

/// Sound with something bad in it: all stays finite, and two seconds later it is as if nothing had been.
fn recovers(t: &mut Table, name: &str, take: &Take, input: &str, heard: &str) -> Done {
    let mut x = noise(3, 0.5, 144_000);
    x[9600..19_200].fill(0.0);
    let level = |y: &[Vec<f64>]| rms_db(&y[0][120_000..]);
    let want = level(&take.clone().feed(input, &x).out(heard)?);
    let (mut broken, mut off) = (0, 0.0f64);
    for (what, bad) in BAD {
        x[9600..19_200].iter_mut().enumerate().for_each(|(i, v)| *v = bad(i));
        let y = take.clone().feed(input, &x).out(heard)?;
        let count = y.iter().flatten().filter(|v| !v.is_finite()).count();
        if count > 0 {
            println!("    {name}: {count} samples of {what}");
        }
        broken += count;
        off = off.max((level(&y) - want).abs());
    }
    t.exact(format!("{name}: samples not finite after NaN, infinity, full-scale squares, denormals"), broken as f64);
    t.most(format!("{name}: level two seconds after each, distance"), off, 1.0, "dB");
    Ok(())
}

/// All processors, and what stands on one strip only.
pub fn recovery(t: &mut Table) -> Done {
    for p in ALL {
        let (rig, _) = p.rig(&p.keys(p.working, true));
        recovers(t, p.name, &Take::new(rig), "c", "main")?;
    }
    let rig = "[[channel]]\nname = \"c\"\nchain = []\n[main]\nchain = []\n";
    let check = Take::new(format!("{rig}[monitor]\n")).cue(0.0, "/monitor/check/on 1");
    recovers(t, "check", &check, "c", "monitor")?;
    let talkback = Take::new(format!("{rig}[talkback]\nsend.main = {{ on = true }}\n")).cue(0.0, "/talkback/on 1");
    recovers(t, "talkback", &talkback, "talkback", "main")?;
    let oscillator = Take::new(format!("{rig}[oscillator]\nsend.main = {{ on = true }}\n")).cue(0.0, "/oscillator/on 1");
    recovers(t, "oscillator beside it", &oscillator, "c", "main")
}

/// Paths of different latency meet in a sum without a comb.
pub fn aligned(t: &mut Table) -> Done {
    let x = noise(8, 0.2, 48_000);
    let twice: Vec<f64> = single(&x).iter().map(|v| 2.0 * v).collect();
    let strip = |name: &str, more: &str| format!("[[channel]]\nname = \"{name}\"\nstereo = true\n{more}\n");
    let limiter = |ms: f64| format!("chain = [\"limiter\"]\nlimiter = {{ on = true, ceiling = 0, lookahead = {ms:.1} }}");
    for (name, rig) in [
        ("two channels, one of 5 ms", strip("a", "chain = []") + &strip("b", &limiter(5.0))),
        ("two channels, 0.5 and 5 ms", strip("a", &limiter(0.5)) + &strip("b", &limiter(5.0))),
        (
            "a channel, and one through a group of 3 ms",
            strip("a", "chain = []")
                + &strip("b", "chain = []\nto = \"g\"")
                + &format!("[[bus]]\nname = \"g\"\nkind = \"group\"\n{}\n", limiter(3.0)),
        ),
        (
            "a channel, and its send through an effect of 3 ms",
            strip("a", "chain = []\nsend.g = { level = 0 }")
                + &strip("b", "chain = []\nmute = true")
                + &format!("[[bus]]\nname = \"g\"\nkind = \"fx\"\n{}\n", limiter(3.0)),
        ),
    ] {
        let y = Take::new(rig + "[main]\nchain = []\n").feed("a", &x).feed("b", &x).first("main")?;
        t.most(format!("{name}: sum against twice the input"), apart(&y[..47_000], &twice[..47_000]), -140.0, "dBFS");
    }
    // A new network for main's sake leaves a strip with delay and memory alone.
    let strip = |name: &str| {
        format!("[[channel]]\nname = \"{name}\"\nchain = [\"eq\", \"comp\"]\ndelay = 5.3\neq.1.gain = 6\ncomp.on = true\n")
    };
    let take = Take::new(strip("a") + "[main]\n").feed("a", &lively(5));
    let swapped = take.clone().cue(0.9, "/main/limiter/lookahead 3").first("a")?;
    t.exact("a strip while main gets another look-ahead", differing(&take.first("a")?, &swapped));
    // Switching what delays does not move what passes.
    let rig = format!("[[channel]]\nname = \"a\"\nstereo = true\n{}\n[main]\nchain = []\n", limiter(5.0));
    let y = Take::new(rig).feed("a", &x).cue(0.3, "/ch/1/limiter/on 0").cue(0.6, "/ch/1/limiter/on 1").first("main")?;
    t.most("a limiter switched off and on in place: difference", apart(&y, &single(&x)), -140.0, "dBFS");
    Ok(())
}

/// Processor time in a tail that falls through the denormal numbers, against that of sound.
pub fn denormals(t: &mut Table) -> Done {
    let mut rig = String::new();
    for k in 0..16 {
        rig += &format!(
            "[[channel]]\nname = \"c{k}\"\nsend.r = {{ level = 0 }}\nhpf.on = true\neq.1 = {{ freq = 100, gain = 6 }}\ncomp.on = true\n"
        );
    }
    rig += "[[bus]]\nname = \"r\"\nkind = \"fx\"\nchain = [\"reverb\"]\n[main]\n";
    let seconds = 20;
    let sound = noise(1, 0.5, seconds * 48_000);
    // From −600 dB to −900, where 32 bits end.
    let tail = |i: usize| amplitude(-600.0 - 300.0 * i as f64 / (seconds * 48_000) as f64);
    let small: Vec<f64> = sound.iter().enumerate().map(|(i, v)| v * tail(i)).collect();
    let cost = |x: &[f64]| {
        let take = (0..16).fold(Take::new(rig.as_str()), |take, k| take.feed(&format!("c{k}"), x));
        (0..3).map(|_| Ok(take.render(&["main"])?.time.as_secs_f64())).collect::<Result<Vec<f64>, String>>()
    };
    let least = |x: Vec<f64>| x.into_iter().fold(f64::MAX, f64::min);
    let (loud, quiet) = (least(cost(&sound)?), least(cost(&small)?));
    t.told("16 strips and a reverb, processor time in a denormal tail", quiet / loud, "× (1.1 is the bar)");
    Ok(())
}
