//! What was set live outlives the program, however it ends.

use headroom_e2e::{Headroom, Osc, eventually};
use rosc::OscType;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const RIG: &str = r#"
name = "Kept"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
fader = -5
[[channel]]
name = "Bass"
pan = -0.5
[[channel]]
name = "Lead vox"
send.wedge-1 = { level = -6 }
[[bus]]
name = "Wedge 1"
kind = "aux"
[main]
output = ["playback:1", "playback:2"]
"#;

/// A rig and a directory of its state.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        let stage = Stage { dir: tempfile::tempdir().expect("a directory") };
        stage.rig(RIG);
        stage
    }

    fn rig(&self, text: &str) {
        std::fs::write(self.dir.path().join("rig.toml"), text).expect("a file");
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let first = ["run".into(), path("rig.toml"), "--state".into(), path("state")];
        first.into_iter().chain(more.iter().map(|m| (*m).to_owned())).collect()
    }

    fn start_with(&self, more: &[&str]) -> Headroom {
        let arguments = self.arguments(more);
        Headroom::spawn(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn start(&self) -> Headroom {
        self.start_with(&[])
    }

    /// Its files whose names contain this.
    fn files(&self, part: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path().join("state")).expect("the directory of state");
        let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
        files.retain(|f| f.file_name().is_some_and(|n| n.to_string_lossy().contains(part)));
        files.sort();
        files
    }

    /// The state file.
    fn file(&self) -> PathBuf {
        let mut files = self.files(".state");
        files.retain(|f| f.extension().is_some_and(|e| e == "state"));
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0)
    }
}

fn set(osc: &mut Osc, address: &str, value: f32) {
    osc.send(address, [OscType::Float(value)]);
}

fn said(server: &Headroom, words: &[&str]) {
    eventually("the log tells", || words.iter().all(|w| server.output().contains(w)));
}

/// The value of a word of `/status`.
fn status(osc: &mut Osc, word: &str) -> OscType {
    let words = osc.ask("/status");
    let at = words.iter().position(|w| *w == OscType::String(word.into()));
    words[at.unwrap_or_else(|| panic!("no {word} in {words:?}")) + 1].clone()
}

#[test]
fn what_was_set_survives_a_kill_a_second_later() {
    let stage = Stage::new();
    let server = stage.start();
    assert!(server.ready().ends_with("rig \"Kept\", 0 values from state"), "{}", server.ready());
    let mut osc = server.osc();
    set(&mut osc, "/ch/1/fader", -12.3);
    set(&mut osc, "/ch/lead-vox/send/1/level", -20.0);
    osc.send("/ch/3/name", [OscType::String("Ünã \"x\"\n".into())]);
    osc.send("/ch/3/eq/2/type", [OscType::String("highshelf".into())]);
    // Not state: listening.
    set(&mut osc, "/ch/1/solo", 1.0);
    set(&mut osc, "/monitor/dim", 1.0);
    // A fade holds its target, however long it takes.
    osc.command("/fade", [OscType::String("/ch/2/fader".into()), OscType::Float(-30.0), OscType::Float(60.0)]);
    osc.command("/ping", [OscType::Int(1)]);
    std::thread::sleep(Duration::from_millis(1000));
    server.kill();

    let server = stage.start();
    assert!(server.ready().ends_with(", 5 values from state"), "{}", server.ready());
    let mut osc = server.osc();
    assert_eq!(osc.number("/ch/1/fader") as f32, -12.3);
    assert_eq!(osc.number("/ch/3/send/1/level"), -20.0);
    assert_eq!(osc.ask("/ch/3/name"), [OscType::String("Ünã \"x\"\n".into())]);
    assert_eq!(osc.ask("/ch/3/eq/2/type"), [OscType::String("highshelf".into())]);
    assert_eq!(osc.number("/ch/2/fader"), -30.0);
    assert_eq!(osc.number("/ch/2/pan"), -0.5);
    assert_eq!(osc.number("/ch/1/solo"), 0.0);
    assert_eq!(osc.number("/monitor/dim"), 0.0);
    // What was set right before the end is saved too.
    set(&mut osc, "/ch/1/pan", 0.25);
    osc.command("/ping", [OscType::Int(1)]);
    assert!(server.stop().success());
    assert_eq!(stage.start().osc().number("/ch/1/pan"), 0.25);
}

#[test]
fn a_stream_of_changes_never_loses_more_than_a_second() {
    let stage = Stage::new();
    for round in 0..3 {
        let server = stage.start();
        let mut osc = server.osc();
        let mut sent = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1500 + 230 * round) {
            let value = -(sent.len() as f32) / 100.0;
            set(&mut osc, "/ch/1/fader", value);
            sent.push((Instant::now(), value));
            std::thread::sleep(Duration::from_millis(5));
        }
        let end = Instant::now();
        server.kill();
        let held = stage.start().osc().number("/ch/1/fader") as f32;
        let at = sent.iter().rposition(|s| s.1 == held).unwrap_or_else(|| panic!("{held} was never set"));
        let lost = sent.get(at + 1).map_or(Duration::ZERO, |next| end - next.0);
        assert!(lost < Duration::from_secs(1), "{lost:?} are lost");
        println!("round {round}: {lost:?} lost");
    }
}

#[test]
fn an_edited_rig_wins_where_it_says_something_new() {
    let stage = Stage::new();
    let server = stage.start();
    let mut osc = server.osc();
    set(&mut osc, "/ch/kick/fader", -12.0);
    set(&mut osc, "/ch/kick/trim", 3.0);
    set(&mut osc, "/ch/bass/fader", -7.0);
    set(&mut osc, "/ch/lead-vox/send/wedge-1/level", -20.0);
    assert!(server.stop().success());

    // A channel is inserted, one is gone, the kick's fader is stated anew, bass's pan no longer.
    let bass = "[[channel]]\nname = \"Bass\"\npan = -0.5\n";
    let edited = RIG.replace("fader = -5", "fader = -3").replace(bass, "");
    stage.rig(&edited.replacen("[[channel]]", "[[channel]]\nname = \"Snare\"\n[[channel]]", 1));
    let server = stage.start();
    assert!(server.ready().ends_with(", 2 values from state"), "{}", server.ready());
    said(&server, &["/ch/bass/fader", "-7", "kept aside"]);
    let mut osc = server.osc();
    assert_eq!(osc.number("/ch/1/fader"), 0.0);
    assert_eq!(osc.number("/ch/2/fader"), -3.0);
    assert_eq!(osc.number("/ch/2/trim"), 3.0);
    assert_eq!(osc.number("/ch/3/send/1/level"), -20.0);

    // The bass comes back by a reload, with what was set; the same rig again changes nothing.
    set(&mut osc, "/ch/kick/fader", -9.0);
    osc.command("/ping", [OscType::Int(1)]);
    stage.rig(&RIG.replace("fader = -5", "fader = -3"));
    osc.command("/rig/reload", []);
    assert_eq!(osc.number("/ch/bass/fader"), -7.0);
    assert_eq!(osc.number("/ch/bass/pan"), -0.5);
    assert_eq!(osc.number("/ch/kick/fader"), -9.0);
    assert!(server.stop().success());
    let server = stage.start();
    assert!(server.ready().ends_with(", 4 values from state"), "{}", server.ready());
    assert_eq!(server.osc().number("/ch/kick/fader"), -9.0);
    drop(server);

    // Another name of the rig takes the state along.
    stage.rig(&RIG.replace("fader = -5", "fader = -3").replace("Kept", "Other name"));
    let server = stage.start();
    assert!(server.ready().ends_with("rig \"Other name\", 4 values from state"), "{}", server.ready());
    assert!(stage.file().file_name().is_some_and(|n| n.to_string_lossy().starts_with("other-name-")));
}

#[test]
fn a_fresh_start_sets_the_state_aside() {
    let stage = Stage::new();
    let server = stage.start();
    set(&mut server.osc(), "/ch/1/fader", -12.0);
    server.osc().command("/ping", [OscType::Int(1)]);
    assert!(server.stop().success());
    let before = std::fs::read(stage.file()).expect("the state");
    let server = stage.start_with(&["--fresh"]);
    assert!(server.ready().ends_with(", 0 values from state"), "{}", server.ready());
    said(&server, &["state set aside as ", ".state.fresh-"]);
    assert_eq!(server.osc().number("/ch/1/fader"), -5.0);
    server.kill();
    assert!(stage.files("fresh").iter().any(|f| std::fs::read(f).expect("a file") == before), "{:?}", stage.files(""));
    assert_eq!(stage.start().osc().number("/ch/1/fader"), -5.0);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_one_before_it_is_used() {
    let stage = Stage::new();
    for value in [-12.0, -13.0] {
        let server = stage.start();
        set(&mut server.osc(), "/ch/1/fader", value);
        server.osc().command("/ping", [OscType::Int(1)]);
        assert!(server.stop().success());
    }
    let whole = std::fs::read(stage.file()).expect("the state");
    std::fs::write(stage.file(), &whole[..whole.len() / 2]).expect("a file");
    let server = stage.start();
    said(&server, &["WARN", "a state file is damaged", ".state.damaged-1", "the state before it is used"]);
    assert_eq!(server.osc().number("/ch/1/fader"), -12.0);
    assert!(server.stop().success());
    assert_eq!(std::fs::read(&stage.files("damaged")[0]).expect("a file"), &whole[..whole.len() / 2]);

    // Neither is whole: the rig's values, and nothing is lost for good.
    for file in [stage.file(), stage.files(".state.1").remove(0)] {
        std::fs::write(file, b"\xff\xfe").expect("a file");
    }
    let server = stage.start();
    said(&server, &["no state is left that is whole"]);
    assert_eq!(server.osc().number("/ch/1/fader"), -5.0);
    assert_eq!(stage.files("damaged").len(), 3);
}

#[test]
fn two_consoles_do_not_share_a_state() {
    let stage = Stage::new();
    let first = stage.start();
    let arguments = stage.arguments(&[]);
    let mut second = Headroom::command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let second = second.output().expect("headroom runs");
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(error.contains("another headroom") && error.contains(&first.pid().to_string()), "{error}");
    let file = stage.dir.path().join("rig.toml").display().to_string();
    let mut wrong = Headroom::command(&["run", &file, "--state", &file]);
    assert_eq!(wrong.output().expect("headroom runs").status.code(), Some(2));
}

#[test]
fn a_disk_that_cannot_be_written_is_told_and_tried_again() {
    let stage = Stage::new();
    // Root writes where it may not, but not through a file.
    let blocked = stage.dir.path().join("state");
    std::fs::write(stage.dir.path().join("blocker"), b"").expect("a file");
    let dir = stage.dir.path().join("blocker/state");
    let rig = stage.dir.path().join("rig.toml");
    let server = Headroom::spawn(&["run", path(&rig), "--state", path(&dir)]);
    let mut osc = server.osc();
    set(&mut osc, "/ch/1/fader", -12.0);
    eventually("an error in /status", || status(&mut osc, "state-error") != OscType::String(String::new()));
    said(&server, &["ERROR", "state is not saved"]);
    assert_eq!(osc.number("/ch/1/fader"), -12.0);
    std::fs::remove_file(stage.dir.path().join("blocker")).expect("the file");
    eventually("it is saved in the end", || status(&mut osc, "state-error") == OscType::String(String::new()));
    said(&server, &["saved again"]);
    assert_eq!(server.output().matches("state is not saved").count(), 1);
    assert!(matches!(status(&mut osc, "state-revision"), OscType::Int(n) if n > 0));
    server.kill();
    assert_eq!(Headroom::spawn(&["run", path(&rig), "--state", path(&dir)]).osc().number("/ch/1/fader"), -12.0);
    assert!(!blocked.exists());
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
