//! Files in, files out: processor time of the whole program by sample and strip.

use crate::sound::{self, RATE};
use crate::{children, largest, median, rigs};
use headroom_e2e::{Headroom, write_wav};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECONDS: f64 = 30.0;
/// Different sounds; strips beyond share them.
const STEMS: usize = 16;

fn stems(dir: &Path, seconds: f64) -> Vec<PathBuf> {
    let stem = |n: usize| {
        let path = dir.join(format!("stem-{n}-{seconds}.wav"));
        write_wav(&path, 1, RATE as u32, &sound::stem(n as u64 + 1, seconds));
        path
    };
    (0..STEMS).map(stem).collect()
}

/// Arguments that render a work of `n` strips.
fn arguments(dir: &Path, stems: &[PathBuf], n: usize, auxes: usize, true_peak: bool) -> Vec<String> {
    let rig = dir.join(format!("{n}-{auxes}-{true_peak}.toml"));
    std::fs::write(&rig, rigs::strips(n, auxes, true_peak, "", "")).expect("a rig to write");
    let mut args = vec!["render".to_owned(), rig.display().to_string()];
    for i in 0..n {
        args.extend(["--in".to_owned(), format!("c{i}={}", stems[i % STEMS].display())]);
    }
    args.extend(["--out".to_owned(), format!("main={}", dir.join("main.wav").display())]);
    for a in 0..auxes {
        args.extend(["--out".to_owned(), format!("aux-{a}={}", dir.join(format!("aux-{a}.wav")).display())]);
    }
    args.extend(["--bits".to_owned(), "32f".to_owned()]);
    args
}

/// Nanoseconds a sample and strip, everything included, median of three runs.
fn time(args: &[String], n: usize, seconds: f64) -> f64 {
    let once = || {
        let before = children();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = Headroom::command(&args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.is_ok_and(|s| s.success()), "the work is rendered");
        (children() - before).as_nanos() as f64 / (seconds * RATE * n as f64)
    };
    median((0..3).map(|_| once()).collect())
}

/// Nanoseconds a frame of stereo through two reverbs, an echo and a chorus.
pub fn effects(dir: &Path) -> f64 {
    let (left, right) = (sound::stem(1, SECONDS), sound::stem(2, SECONDS));
    let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
    let (input, rig, out) = (dir.join("stereo.wav"), dir.join("effects.toml"), dir.join("wet.wav"));
    write_wav(&input, 2, RATE as u32, &both);
    std::fs::write(&rig, rigs::effects()).expect("a rig to write");
    let words = ["render", &rig.display().to_string(), "--in", &format!("C={}", input.display())].map(str::to_owned);
    let rest = ["--out", &format!("main={}", out.display()), "--bits", "32f"].map(str::to_owned);
    time(&[&words[..], &rest[..]].concat(), 1, SECONDS)
}

/// Instructions of one run, by valgrind; None where there is none.
fn instructions(args: &[String]) -> Option<f64> {
    let program = Headroom::command(&[]).get_program().to_owned();
    let output = Command::new("valgrind").args(["--tool=lackey", "--basic-counts=yes"]).arg(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find(|l| l.contains("guest instrs:"))?;
    line.split(':').next_back()?.trim().replace(',', "").parse().ok()
}

pub fn run() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let long = stems(dir, SECONDS);
    println!("files in and out, ns of processor time a sample and strip, all included ({SECONDS} s of sound)");
    println!("{:>24} {:>12} {:>12}", "", "sample peak", "true peak");
    let row = |n: usize, auxes: usize, name: &str| {
        let times = [false, true].map(|tp| time(&arguments(dir, &long, n, auxes, tp), n, SECONDS));
        println!("{name:>24} {:>12.2} {:>12.2}", times[0], times[1]);
        times
    };
    let mut eight = [0.0; 2];
    for n in [1, 8, 32, 64, 128] {
        let times = row(n, 0, &format!("{n} strips"));
        if n == 8 {
            eight = times;
        }
        if n == 128 {
            let marginal = [0, 1].map(|i| (times[i] * 128.0 - eight[i] * 8.0) / 120.0);
            println!("{:>24} {:>12.2} {:>12.2}", "marginal strip", marginal[0], marginal[1]);
            println!("{:>24} {:>12.1} MiB", "memory, 128 strips", largest());
        }
    }
    row(32, 8, "32 strips, 8 auxes");
    println!("{:>24} {:>12.2} ns a frame", "four effects in parallel", effects(dir));
    // Start-up falls out of the difference of two lengths.
    let (short, longer) = (stems(dir, 1.0), stems(dir, 2.0));
    let count = |stems: &[PathBuf], n: usize| instructions(&arguments(dir, stems, n, 0, false));
    let counted = [8, 128].map(|n| count(&longer, n).zip(count(&short, n)).map(|(b, a)| (b - a) / RATE));
    match counted {
        [Some(eight), Some(all)] => println!("{:>24} {:>12.1} instructions a sample", "marginal strip", (all - eight) / 120.0),
        _ => println!("{:>24} valgrind is not installed: no count", "instructions"),
    }
}
