//! The program on the command line and on the network, as a user and a foreign client meet it.

use headroom_e2e::{Headroom, Osc};
use rosc::OscType;
use std::path::{Path, PathBuf};
use std::time::Duration;

const RIG: &str = r#"
name = "Live"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
[[channel]]
name = "Lead vox"
send.wedge-1 = { level = -6 }
[[bus]]
name = "Wedge 1"
kind = "aux"
output = "playback:3"
[main]
output = ["playback:1", "playback:2"]
"#;

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// Waits for the `/error` that names an address.
fn error_about(osc: &mut Osc, address: &str) {
    while let Some(message) = osc.receive(Duration::from_secs(5)) {
        if message.addr == "/error" && message.args.first() == Some(&OscType::String(address.into())) {
            return;
        }
    }
    panic!("no error about {address}");
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let done = Headroom::command(arguments).output().expect("headroom runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code().unwrap_or(-1), text(&done.stdout), text(&done.stderr))
}

#[test]
fn every_example_rig_passes_its_check() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut seen = 0;
    for entry in std::fs::read_dir(configs).expect("configs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "toml") {
            let (status, out, err) = run(&["check", "--json", &path.display().to_string()]);
            assert_eq!(status, 0, "{}: {err}", path.display());
            assert!(out.contains("\"outputs\""));
            seen += 1;
        }
    }
    assert!(seen >= 6);
}

#[test]
fn a_bad_rig_is_refused_with_its_line_and_the_nearest_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let bad = RIG.replace("send.wedge-1", "send.wegde-1").replace("name = \"Kick\"", "name = \"Kick\"\nfadr = -3");
    let path = write(dir.path(), "bad.toml", &bad);
    let (status, _, err) = run(&["run", &path.display().to_string()]);
    assert_eq!(status, 2, "{err}");
    for said in ["fadr", "fader", "wegde-1", "wedge-1"] {
        assert!(err.contains(said), "{said} is missing in:\n{err}");
    }
}

#[test]
fn what_is_set_is_read_back_and_told_to_others_but_not_to_its_maker() {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = write(dir.path(), "rig.toml", RIG).display().to_string();
    let server = Headroom::spawn(&["run", &rig, "--log", "warn"]);
    let (mut maker, mut other) = (server.osc(), server.osc());
    let text = |s: &str| OscType::String(s.into());
    other.command("/subscribe", [text("/ch/*/fader")]);
    maker.command("/subscribe", [text("/ch/*/fader")]);
    maker.send("/ch/kick/fader", [text("-6 dB")]);
    assert_eq!(maker.number("/ch/1/fader"), -6.0);
    assert!((maker.number("/norm/ch/1/fader") - 0.6).abs() < 1e-6);
    let mut told = false;
    while let Some(message) = other.receive(Duration::from_secs(2)) {
        if message.addr == "/ch/1/fader" && message.args == [OscType::Float(-6.0)] {
            told = true;
            break;
        }
    }
    assert!(told, "the other client was not told");
    maker.send("/nowhere", [OscType::Int(1)]);
    error_about(&mut maker, "/nowhere");
    assert_eq!(maker.command("/ping", [OscType::Int(7)]), [OscType::Int(7)]);
    // Clamped values are told to their maker.
    assert_eq!(maker.command("/ch/2/fader", [OscType::Float(99.0)]), [OscType::Float(10.0)]);
}

#[test]
fn send_prints_what_holds_and_its_status_tells() {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = write(dir.path(), "rig.toml", RIG).display().to_string();
    let server = Headroom::spawn(&["run", &rig, "--log", "warn"]);
    let to = server.osc_address().to_string();
    let (status, out, _) = run(&["send", "--to", &to, "/ch/2/fader", "-20"]);
    assert_eq!((status, out.trim()), (0, "/ch/2/fader -20"));
    assert_eq!(run(&["send", "--to", &to, "/ch/9/fader"]).0, 1);
    assert_eq!(run(&["send", "--to", &to, "fader"]).0, 2);
    // A second server cannot have the port.
    let taken = RIG.replace("127.0.0.1:0", &to);
    let second = write(dir.path(), "second.toml", &taken).display().to_string();
    let (status, _, err) = run(&["run", &second]);
    assert_eq!(status, 1, "{err}");
    assert!(server.stop().success());
}

#[test]
fn a_reload_adds_channels_and_keeps_what_was_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = write(dir.path(), "rig.toml", RIG);
    let server = Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn"]);
    let mut osc = server.osc();
    osc.send("/ch/lead-vox/fader", [OscType::Float(-12.0)]);
    assert_eq!(osc.number("/ch/2/fader"), -12.0);
    let more = RIG.replace("[[bus]]", "[[channel]]\nname = \"Bass\"\n[[channel]]\nname = \"Keys\"\n[[bus]]");
    std::fs::write(&path, more).expect("a file");
    osc.command("/rig/reload", []);
    assert_eq!(osc.ask("/ch/4/name"), [OscType::String("Keys".into())]);
    assert_eq!(osc.number("/ch/2/fader"), -12.0);
    // A broken file changes nothing.
    std::fs::write(&path, "name = ").expect("a file");
    osc.send("/rig/reload", []);
    error_about(&mut osc, "/rig/reload");
    assert_eq!(osc.number("/ch/4/fader"), 0.0);
}

#[test]
fn renders_do_not_depend_on_the_period_and_silence_is_recorded_as_such() {
    let dir = tempfile::tempdir().expect("a directory");
    let rig = write(dir.path(), "rig.toml", &RIG.replace("name = \"Kick\"", "name = \"Kick\"\npan = -1")).display().to_string();
    let cues = write(dir.path(), "cues.txt", "0.1 /ch/1/fader -6\n0.2 /fade /ch/1/pan 1 0.2\n").display().to_string();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let tone: Vec<f32> = (0..24_000).map(|i| (f64::from(i) * 0.05).sin() as f32 * 0.25).collect();
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 32, sample_format: hound::SampleFormat::Float };
    let mut wav = hound::WavWriter::create(file("tone.wav"), spec).expect("a file");
    tone.iter().for_each(|x| wav.write_sample(*x).expect("a sample"));
    wav.finalize().expect("a file");
    let render = |out: &str, period: &str| {
        let input = format!("Kick={}", file("tone.wav"));
        let to = format!("main={}", file(out));
        let done = run(&["render", &rig, "--in", &input, "--out", &to, "--cues", &cues, "--bits", "32f", "--period", period]);
        assert_eq!(done.0, 0, "{}", done.2);
        std::fs::read(file(out)).expect("the render")
    };
    let reference = render("a.wav", "64");
    assert_eq!(reference, render("b.wav", "1000"), "the period shows");
    // Silence in, silence out, through the running server too.
    let live = file("live.wav");
    let record = format!("main={live}");
    let done = run(&["run", &rig, "--log", "error", "--cues", &cues, "--record", &record, "--seconds", "0.3"]);
    assert_eq!(done.0, 0, "{}", done.2);
    let mut reader = hound::WavReader::open(live).expect("the recording");
    assert_eq!(reader.duration(), 14_400);
    assert!(reader.samples::<f32>().all(|x| x.expect("a sample") == 0.0));
}
