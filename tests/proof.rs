//! What the running program tells of itself, and the commands that ask it.

use std::process::{Command, Stdio};
use std::time::Duration;

use headroom_e2e::{Headroom, Jackd, Peer, eventually, eventually_within, isolated, isolated_for, tone};
use nix::sys::signal::{Signal, kill};
use rosc::OscType;
use serde_json::Value;

const RIG: &str = r#"
name = "Proof"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
[[channel]]
name = "Vox"
[main]
output = ["playback:1", "playback:2"]
"#;

fn rig(dir: &std::path::Path, text: &str) -> String {
    let path = dir.join("rig.toml");
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let done = Headroom::command(arguments).output().expect("headroom runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

#[test]
fn status_is_a_page_for_people_and_an_object_for_programs() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Headroom::spawn(&["run", &rig(dir.path(), RIG), "--log", "warn"]);
    let to = server.osc_address().to_string();
    let mut osc = server.osc();
    eventually("periods", || osc.number("/status/periods") > 200.0);
    let (code, page, errors) = run(&["status", "--to", &to]);
    assert_eq!(code, 0, "{errors}");
    for part in ["Proof", "internal clock", "process", "interval", "xruns", "banks", "kick vox", "main"] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    let (_, json, _) = run(&["status", "--to", &to, "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["rate"], 48_000);
    assert!(json["process"]["p50"].as_f64().expect("a time") > 0.0);
    assert!(json["bank"][0]["load"].as_f64().expect("a share") > 0.0);
    assert!(json["memory"].as_f64().expect("kB") > 1_000.0);
    let before = json["periods"].as_f64().expect("periods");
    let (_, again, _) = run(&["status", "--to", &to, "--json", "--reset"]);
    let again: Value = serde_json::from_str(&again).expect("JSON");
    assert!(again["periods"].as_f64().expect("periods") < before, "counted anew");
    drop(server);
    let (code, _, errors) = run(&["status", "--to", &to]);
    assert_eq!(code, 1);
    assert!(errors.contains("is headroom running there?"), "{errors}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = rig(dir.path(), RIG);
    for arguments in [vec!["check", &rig, "--schedule"], vec!["reference"], vec!["analyze", "--help"]] {
        let mut command = Headroom::command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("headroom starts");
        // Closed before a line was read.
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("it ends");
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
}

#[test]
fn an_xrun_stands_in_the_ledger_with_its_likely_cause() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, 128);
        let text = RIG.replace("internal", "jack");
        let server = Headroom::spawn(&["run", &rig(dir.path(), &text), "--log", "warn"]);
        let mut osc = server.osc();
        let _band = Peer::open("band", tone(64, 0.25));
        osc.command("/status/reset", []);
        // The server sleeps for longer than a period and for less than a stall.
        eventually("the server misses a deadline", || {
            jackd.freeze();
            std::thread::sleep(Duration::from_millis(60));
            jackd.thaw();
            std::thread::sleep(Duration::from_millis(100));
            osc.number("/status/xruns") > 0.0
        });
        let told = osc.ask("/status/ledger/1");
        assert!(matches!(&told[..], [OscType::String(s)] if s.contains("xrun: ") && s.contains("processed in")), "{told:?}");
        let causes = ["processing", "wakeup", "client", "server"].map(|c| osc.number(&format!("/status/cause/{c}")));
        println!("{told:?}; processing, wakeup, client, server: {causes:?}");
        assert!(causes.iter().sum::<f64>() >= 1.0);
        osc.command("/status/reset", []);
        assert_eq!(osc.ask("/status/ledger/8"), [OscType::String(String::new())]);
    });
}

/// Only what does not depend on how busy the machine is: nothing lost, memory flat, sound all the time, a verdict.
fn soaked(arguments: &[&str]) {
    let mut all = vec!["soak", "--json"];
    all.extend(arguments);
    let (code, out, errors) = run(&all);
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code}: {out}{errors}"));
    assert_eq!(code == 0, json["holds"] == true, "{errors}");
    assert_eq!(code != 0, errors.contains("verdict: missed"), "{errors}");
    for bar in json["bars"].as_array().expect("bars") {
        println!("{bar}");
        assert!(bar["holds"] == true || bar["timing"] == true, "{bar}");
    }
    let n = |name: &str| json[name].as_f64().expect("a number");
    println!("{} sets in {} s, {} read back", n("sets"), n("seconds"), n("read"));
    assert!(n("sets") > 1_000.0 && n("read") > 20.0);
    assert_eq!(n("lost"), 0.0);
    assert!(json["status"]["process"]["p999"].as_f64().expect("a time") > 0.0);
}

#[test]
fn a_soak_on_the_built_in_clock_loses_nothing() {
    soaked(&["--minutes", "0.25", "--backend", "internal", "--rate", "10000"]);
}

#[test]
fn a_soak_of_the_festival_under_jack_loses_nothing() {
    let seconds = std::env::var("HEADROOM_SOAK_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(45.0);
    isolated_for(Duration::from_secs(120 + seconds as u64), || {
        let _jackd = Jackd::start_realtime(48_000, 64);
        let rig = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/festival-32.toml");
        let minutes = (seconds / 60.0).to_string();
        soaked(&[&rig.display().to_string(), "--minutes", &minutes, "--rate", "10000"]);
    });
}

#[test]
fn a_server_that_runs_is_watched_and_not_touched() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Headroom::spawn(&["run", &rig(dir.path(), RIG), "--log", "warn"]);
    let to = server.osc_address().to_string();
    let (_, out, errors) = run(&["soak", "--to", &to, "--minutes", "0.05", "--json"]);
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{errors}"));
    assert_eq!(json["sets"], 0);
    assert_eq!(json["status"]["sets"], 0);
}

#[test]
fn a_loop_is_measured_and_where_there_is_none_that_is_said() {
    isolated(|| {
        let (code, _, errors) = run(&["latency"]);
        assert_eq!(code, 1);
        assert!(errors.contains("no JACK server answers"), "{errors}");
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start_realtime(48_000, 256);
        let (code, _, errors) = run(&["latency"]);
        assert_eq!(code, 1);
        assert!(errors.contains("put a cable"), "{errors}");
        let (code, _, errors) = run(&["latency", "--in", "capture:99"]);
        assert_eq!(code, 2);
        assert!(errors.contains("no such port"), "{errors}");
        // Through the console: out of it comes what goes in, and JACK's way round adds its period.
        let text = RIG.replace("internal", "jack").replace("name = \"Kick\"", "name = \"Kick\"\nchain = []\npan = -1");
        let text = text.replace("[main]", "[main]\nchain = []");
        let server = Headroom::spawn(&["run", &rig(dir.path(), &text), "--log", "warn"]);
        let mut osc = server.osc();
        eventually("it runs", || osc.number("/status/running") == 1.0);
        let mut frames = 0;
        eventually_within(Duration::from_secs(60), "a measurement", || {
            let (code, out, errors) =
                run(&["latency", "--out", "headroom:in-kick", "--in", "headroom:out-main-l", "--json", "--count", "3"]);
            let Ok(found) = serde_json::from_str::<Value>(&out) else {
                assert!(code == 1 && errors.contains("too busy"), "{code}: {errors}");
                return false;
            };
            println!("{found}");
            assert!(found["gain"].as_f64().expect("dB").abs() < 0.1 && found["inverted"] == false);
            frames = found["frames"].as_i64().expect("frames");
            true
        });
        // Whole periods: the console itself adds none, JACK's cable back to the sender does.
        assert_eq!(frames % 256, 0, "{frames} frames");
        assert!((0..=1024).contains(&frames), "{frames} frames");
    });
}

#[test]
fn the_clock_on_the_wall_may_jump() {
    let library = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"].map(|d| format!("{d}/faketime/libfaketimeMT.so.1"));
    let found = library.into_iter().find(|path| std::fs::exists(path).unwrap_or(false));
    if !headroom_e2e::here("faketime", found.is_some()) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let time = dir.path().join("time");
    let jump = |by: &str| std::fs::write(&time, by).expect("a file");
    jump("+0");
    let server = Headroom::spawn_with(&["run", &rig(dir.path(), RIG), "--log", "warn"], |command: &mut Command| {
        command.env("LD_PRELOAD", found.as_deref().unwrap_or_default());
        command.env("FAKETIME_TIMESTAMP_FILE", &time).env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    });
    let mut osc = server.osc();
    let ahead = |by: Duration| {
        let now = std::time::SystemTime::now() + by;
        rosc::OscTime::try_from(now).expect("a time")
    };
    let set = |value: f32| [headroom_e2e::message("/ch/1/fader", [OscType::Float(value)])];
    // One waits while the clock jumps: it comes when it was to come.
    osc.send_bundle(ahead(Duration::from_millis(1_500)), set(-10.0));
    assert_eq!(osc.number("/ch/1/fader"), 0.0);
    let sent = std::time::Instant::now();
    jump("+3600");
    eventually("the bundle of before the jump", || osc.number("/ch/1/fader") == -10.0);
    println!("a bundle for 1.5 s took effect after {:.2} s, over a jump of an hour", sent.elapsed().as_secs_f64());
    assert!(sent.elapsed() > Duration::from_millis(1_200), "{:?}", sent.elapsed());
    // By the new time; by the old one it is an hour late: at once, and counted.
    osc.send_bundle(ahead(Duration::from_secs(3_601)), set(-20.0));
    assert_eq!(osc.number("/ch/1/fader"), -10.0);
    eventually("the bundle by the new time", || osc.number("/ch/1/fader") == -20.0);
    let late = osc.number("/status/late");
    osc.send_bundle(ahead(Duration::from_millis(200)), set(-30.0));
    eventually("a late one at once", || osc.number("/ch/1/fader") == -30.0);
    eventually("it is counted", || osc.number("/status/late") > late);
    // Backwards: what is more than a minute ahead is refused, and all the rest goes on.
    jump("-7200");
    let then = osc.number("/status/periods");
    eventually("audio goes on", || osc.number("/status/periods") > then + 100.0);
    osc.send("/ch/1/fader", [OscType::Float(-5.0)]);
    assert_eq!(osc.number("/ch/1/fader"), -5.0);
    kill(server.pid(), Signal::SIGTERM).expect("our own child");
}
