//! Under JACK: share of a core, then a storm of OSC at the same server.

use crate::sound;
use crate::{rigs, storm};
use headroom_e2e::{Headroom, Jackd, Peer};
use std::time::{Duration, Instant};

const WATCHED: Duration = Duration::from_secs(8);

/// Processor time of all threads of a process, in nanoseconds.
fn spent(pid: i32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    let of = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.flatten().filter_map(|task| of(task.path())).sum()
}

fn server(n: usize) -> (tempfile::TempDir, Headroom) {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = dir.path().join("rig.toml");
    let head = "[audio]\nbackend = \"jack\"\n[osc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"\"\n";
    std::fs::write(&rig, rigs::strips(n, 0, false, head, "input = \"band:out\"")).expect("a rig to write");
    let state = dir.path().display().to_string();
    let server = Headroom::spawn(&["run", &rig.display().to_string(), "--log", "warn", "--state", &state]);
    (dir, server)
}

pub fn run() {
    println!("under JACK, 48 kHz, share of one core");
    for (period, strips) in [(64, vec![8, 32, 64]), (32, vec![32])] {
        let _jackd = Jackd::start(48_000, period);
        let _band = Peer::open("band", sound::stem(1, 20.0));
        for n in strips {
            let (_dir, server) = server(n);
            std::thread::sleep(Duration::from_secs(1));
            let (begin, before) = (Instant::now(), spent(server.pid().as_raw()));
            std::thread::sleep(WATCHED);
            let share = (spent(server.pid().as_raw()) - before) as f64 / begin.elapsed().as_nanos() as f64;
            println!("{:>24} {:>11.2} %", format!("{n} strips, {period} frames"), share * 100.0);
            server.stop();
        }
    }
    let _jackd = Jackd::start(48_000, 64);
    let _band = Peer::open("band", sound::stem(1, 20.0));
    let (_dir, server) = server(32);
    storm::run(server.osc_address(), || spent(server.pid().as_raw()));
    server.stop();
}
