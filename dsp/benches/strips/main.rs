//! What a strip costs: ns per sample and strip, engine only (no files), on this machine.
//!
//! The work is a channel strip with high-pass, four EQ bands, gate and compressor into a stereo main with
//! EQ, glue compressor and limiter. Two signals: *music* (decaying notes with exact
//! silence between them, as stems have it) and *noise* without a pause. All ratios come from one run.
//!
//! The word `procs` prints what each processor costs instead, `recall` what a recall of a whole console does.

#[path = "../../tests/common/mod.rs"]
mod common;
mod procs;
mod recall;

use common::{Console, noise, strip, wire, with_chain};
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;
use std::time::Instant;

const RATE: f64 = 48000.0;
const FRAMES: usize = 4 * 48_000;

/// Notes that decay into exact silence, different for every strip.
fn music(seed: u64, frames: usize) -> Vec<f32> {
    let mut out = vec![0.0f32; frames];
    let mut at = (seed * 7919 % 9000) as usize;
    let mut note = seed;
    while at < frames {
        note = note.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let hz = 60.0 * 2f64.powf((note >> 60) as f64 / 4.0);
        let len = 9600.min(frames - at);
        for (i, x) in out[at..at + len].iter_mut().enumerate() {
            let t = i as f64 / RATE;
            let tone: f64 = (1..5).map(|h| (std::f64::consts::TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum();
            *x = (0.4 * tone * (-t * 14.0).exp()) as f32;
        }
        at += 48000 + (note >> 50) as usize;
    }
    out
}

fn console(
    n: usize,
    auxes: usize,
    path: Path,
    true_peak: bool,
    frames: usize,
    sound: impl Fn(u64, usize) -> Vec<f32>,
) -> Console {
    let mut strips: Vec<_> = (0..n).map(|i| strip(StripKind::Channel, i + 1, &format!("c{}", i + 1), false)).collect();
    strips
        .extend((0..auxes).map(|i| with_chain(strip(StripKind::Aux, i + 1, &format!("a{}", i + 1), false), &["eq", "limiter"])));
    strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &["eq", "glue", "limiter"]));
    let spec: GraphSpec = wire(strips);
    let inputs = (0..n).map(|i| sound(i as u64 + 1, frames)).collect();
    Console::on(spec, RATE, inputs, path, |desk| {
        let tree = desk.tree().clone();
        let mut told = Vec::new();
        for s in 0..desk.spec().strips.len() {
            let k = s as f64;
            let mut set = |path: &str, x: f64| {
                if let Some(id) = tree.find(Owner::Strip(s), path) {
                    desk.set(id, &Value::Float(x), &mut told);
                }
            };
            for on in ["hpf/on", "gate/on", "comp/on", "glue/on", "limiter/on"] {
                set(on, 1.0);
            }
            set("hpf/freq", 60.0 + k);
            for (b, (freq, gain)) in [(120.0, 2.0), (400.0, -3.0), (2500.0, 2.5), (8000.0, 1.5)].into_iter().enumerate() {
                set(&format!("eq/{}/freq", b + 1), freq + k);
                set(&format!("eq/{}/gain", b + 1), gain);
            }
            set("eq/1/type", 1.0);
            set("eq/4/type", 2.0);
            set("gate/range", 60.0);
            set("comp/makeup", 3.0);
            set("fader", -6.0 - k / 16.0);
            set("pan", (k / 16.0) % 1.0 - 0.5);
            set("limiter/lookahead", 5.0);
            set("limiter/true-peak", f64::from(u8::from(true_peak)));
            for a in 0..auxes {
                set(&format!("send/{}/level", a + 1), -10.0 - k / 8.0);
            }
        }
    })
}

/// ns per sample and strip.
fn time(mut c: Console, n: usize) -> f64 {
    c.flush(None);
    c.run(4800, 64);
    let frames = c.io.outputs[0].len() - 4800;
    let begin = Instant::now();
    c.run(frames, 1024);
    begin.elapsed().as_nanos() as f64 / frames as f64 / n as f64
}

/// `run STRIPS FRAMES`: only that, for a program that counts instructions.
fn run_only(words: &[String]) -> Option<()> {
    let at = words.iter().position(|w| w == "run")?;
    let (n, frames) = (words.get(at + 1)?.parse().ok()?, words.get(at + 2)?.parse().ok()?);
    let mut c = console(n, 0, Path::best(), false, frames, noise);
    c.flush(None);
    c.run(frames, 1024);
    println!("{}", Path::best().name());
    Some(())
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if run_only(&words).is_some() {
        return;
    }
    if words.iter().any(|w| w == "procs") {
        procs::run();
        return;
    }
    if words.iter().any(|w| w == "recall") {
        recall::print();
        return;
    }
    let path = Path::best();
    println!("lanes: {}; ns per sample and strip, engine only", path.name());
    println!("{:>28} {:>8} {:>8}", "", "music", "noise");
    let row = |name: &str, n: usize, auxes: usize, path: Path, tp: bool| {
        let (m, w) = (time(console(n, auxes, path, tp, FRAMES, music), n), time(console(n, auxes, path, tp, FRAMES, noise), n));
        println!("{name:>28} {m:>8.2} {w:>8.2}");
        (m, w)
    };
    let mut eight = (0.0, 0.0);
    for n in [1, 8, 32, 64, 128] {
        let t = row(&format!("{n} strips"), n, 0, path, false);
        if n == 8 {
            eight = t;
        }
        if n == 128 {
            let marginal = |all: f64, small: f64| (all * 128.0 - small * 8.0) / 120.0;
            println!("{:>28} {:>8.2} {:>8.2}", "marginal strip", marginal(t.0, eight.0), marginal(t.1, eight.1));
        }
    }
    row("32 strips, true peak", 32, 0, path, true);
    row("32 strips, 8 auxes", 32, 8, path, false);
    for &other in Path::available().iter().filter(|p| **p != path) {
        let t = row(&format!("32 strips, {}", other.name()), 32, 0, other, false);
        let fast = time(console(32, 0, path, false, FRAMES, noise), 32);
        println!("{:>28} {:>8} {:>7.1}x", "", "", t.1 / fast);
    }
}
