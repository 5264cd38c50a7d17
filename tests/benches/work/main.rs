//! What the console costs, as a user runs it: files in and out, under JACK, and under a storm of OSC.
//!
//! `cargo bench -p headroom-e2e --bench work` prints everything; a word (`offline`, `effects`, `meters`, `live`) selects a part. The
//! works are those that other free programs were measured with: strips of a high-pass, four EQ bands, gate,
//! compressor, fader and pan into a stereo main with EQ, compressor and look-ahead limiter, 48 kHz, f32 files.

mod live;
mod meters;
mod offline;
mod rigs;
mod sound;
mod storm;

use nix::sys::resource::{UsageWho, getrusage};
use std::process::{Command, ExitCode};
use std::time::Duration;

fn spent(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("it is always known");
    let time = |t: nix::sys::time::TimeVal| Duration::new(t.tv_sec() as u64, t.tv_usec() as u32 * 1000);
    time(usage.user_time()) + time(usage.system_time())
}

/// Processor time, user and system, of all children that have ended.
fn children() -> Duration {
    spent(UsageWho::RUSAGE_CHILDREN)
}

/// Processor time of this program.
fn own() -> Duration {
    spent(UsageWho::RUSAGE_SELF)
}

/// Largest memory of any child that has ended, in MiB.
fn largest() -> f64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).expect("it is always known").max_rss() as f64 / 1024.0
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn percentile(mut of: Vec<f64>, share: f64) -> f64 {
    of.sort_by(f64::total_cmp);
    of[((of.len() - 1) as f64 * share).round() as usize]
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wants = |word: &str| words.is_empty() || words.iter().any(|w| w == word);
    if words.iter().any(|w| w == "inner") {
        live::run();
        return ExitCode::SUCCESS;
    }
    if wants("offline") {
        offline::run();
    }
    if words.iter().any(|w| w == "effects") {
        let dir = tempfile::tempdir().expect("a directory");
        println!("two reverbs, an echo and a chorus in parallel: {:.2} ns a frame of stereo", offline::effects(dir.path()));
    }
    if wants("meters") {
        meters::run();
    }
    if wants("live") {
        // JACK servers and ports of our own.
        let isolate = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/isolate.sh");
        let inner = Command::new(isolate)
            .args(["-t", "300"])
            .arg(std::env::current_exe().expect("the path of this program"))
            .arg("inner")
            .env("JACK_DEFAULT_SERVER", format!("headroom-work-{}", std::process::id()))
            .status();
        if !inner.is_ok_and(|s| s.success()) {
            eprintln!("the live part did not run: it needs jackd and namespaces of its own");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
