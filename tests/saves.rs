//! Saves of state and scenes with everything that can befall them: a kill and an error of the system at every call
//! that a save makes. Never is a file torn, the one before or the new one is there, and what failed is told and tried again.
//!
//! A save is made by the program's own writers in a process of its own, which is this test run again; so each of some
//! hundred faults costs a fraction of a second.

use headroom::scene::writer::{Work, Writer as SceneWriter};
use headroom::state::format::encode;
use headroom::state::writer::Snapshot;
use headroom::state::{Memory, Store, Writer as StateWriter};
use headroom_e2e::{Headroom, Osc, eventually_within, here, in_path};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rosc::OscType;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn eventually(what: &str, yes: impl FnMut() -> bool) {
    eventually_within(Duration::from_secs(60), what, yes);
}

/// What is saved.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Saved {
    /// The state's file, by the thread that read it.
    File,
    /// The state, by its writer.
    State,
    /// A scene, by its writer.
    Scene,
}

impl Saved {
    fn folder(self, dir: &Path) -> PathBuf {
        dir.join(if self == Saved::Scene { "scenes" } else { "state" })
    }

    fn file(self, dir: &Path) -> PathBuf {
        self.folder(dir).join(if self == Saved::Scene { "a.toml" } else { "saves-0badcafe.state" })
    }

    /// Saves a number as the program does; how often it was told that this failed.
    fn save(self, dir: &Path, number: i32) -> usize {
        let memory = Memory { live: BTreeMap::from([("/ch/kick/fader".into(), number.to_string())]), ..Memory::default() };
        match self {
            Saved::File => {
                let mut store = Store::open(self.folder(dir), "Saves", "0badcafe").expect("nobody else has it");
                store.load();
                let bytes = encode(&memory, "Saves");
                let first = store.write(&bytes);
                first.is_err().then(|| store.write(&bytes).expect("it is written")).iter().count()
            }
            Saved::State => {
                let mut store = Store::open(self.folder(dir), "Saves", "0badcafe").expect("nobody else has it");
                store.load();
                let writer = StateWriter::start(store);
                writer.save(Snapshot { revision: 1, title: "Saves".into(), memory: Box::new(move || memory) });
                let mut told = false;
                eventually("it is saved, or an error told", || {
                    let status = writer.status();
                    told = status.error.is_some_and(|why| !why.is_empty());
                    told || status.saved == 1
                });
                told.into()
            }
            Saved::Scene => {
                let mut writer = SceneWriter::start(self.folder(dir)).expect("a thread");
                writer.give(Work::Write("a.toml".into(), scene(number).into())).expect("few wait");
                let mut told = false;
                eventually("it is saved, or an error told", || {
                    writer.done().is_some_and(|done| {
                        told = done.result.is_err_and(|why| !why.is_empty());
                        true
                    })
                });
                told.into()
            }
        }
        // Whoever lets go of a writer has it try once more.
    }

    /// The number that is there, from a whole file.
    fn found(self, dir: &Path) -> i32 {
        match self {
            Saved::File | Saved::State => {
                let memory = Store::open(self.folder(dir), "Saves", "0badcafe").expect("nobody else has it").load();
                memory.live.get("/ch/kick/fader").expect("a value").parse().expect("a number")
            }
            Saved::Scene => {
                let text = std::fs::read_to_string(self.file(dir)).expect("the scene is there");
                let number = text.lines().find_map(|l| l.strip_prefix("fader = ")).expect("a value");
                let number = number.parse::<f64>().expect("a number") as i32;
                assert_eq!(text, scene(number), "torn");
                number
            }
        }
    }
}

fn scene(number: i32) -> String {
    let rest: String = (0..2_000).map(|n| format!("eq.1.freq = {n}\n")).collect();
    format!("name = \"A\"\n[ch.kick]\nfader = {number}.0\n{rest}# end\n")
}

/// Set in the inner run: what is saved, where, and which number.
const INNER: [&str; 3] = ["HEADROOM_SAVES_WHAT", "HEADROOM_SAVES_DIR", "HEADROOM_SAVES_NUMBER"];

#[test]
fn a_save_without_a_fault_is_there() {
    if let [Ok(what), Ok(dir), Ok(number)] = INNER.map(std::env::var) {
        let saved = [Saved::File, Saved::State, Saved::Scene].into_iter().find(|s| format!("{s:?}") == what).expect("a kind");
        println!("told {}", saved.save(Path::new(&dir), number.parse().expect("a number")));
        return;
    }
    for saved in [Saved::File, Saved::State, Saved::Scene] {
        let dir = tempfile::tempdir().expect("a directory");
        for number in 1..4 {
            assert_eq!(saved.save(dir.path(), number), 0);
            assert_eq!(saved.found(dir.path()), number);
        }
    }
}

/// Arguments that have strace see the calls that concern these files, their companions and their folders.
fn concerning(files: &[PathBuf]) -> Vec<PathBuf> {
    let names = |file: &PathBuf| ["", ".tmp", ".1", ".1.tmp"].map(|end| PathBuf::from(format!("{}{end}", file.display())));
    let folders = files.iter().filter_map(|f| f.parent().map(Path::to_owned));
    files.iter().flat_map(names).chain(folders).collect()
}

/// Saves a number in a process of its own, under `strace` with an expression.
fn traced(saved: Saved, dir: &Path, number: i32, expression: &str) -> Output {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(dir.join("strace.log"));
    for path in concerning(&[saved.file(dir)]) {
        strace.arg("-P").arg(path);
    }
    strace.args(["-e", expression]).arg(std::env::current_exe().expect("the path of this test"));
    strace.args(["--exact", "a_save_without_a_fault_is_there", "--nocapture", "--test-threads=1"]);
    let (what, number) = (format!("{saved:?}"), number.to_string());
    strace.env(INNER[0], what).env(INNER[1], dir).env(INNER[2], number).stdin(Stdio::null());
    strace.output().expect("strace runs")
}

/// The calls that a save makes, each with how often one thread makes it.
fn calls(saved: Saved, dir: &Path, number: i32) -> Vec<(String, usize)> {
    let done = traced(saved, dir, number, "trace=all");
    let log = std::fs::read_to_string(dir.join("strace.log")).expect("a log");
    assert!(done.status.success() && saved.found(dir) == number, "{done:?}\n{log}");
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in log.lines().filter(|l| !l.contains("resumed>") && !l.contains("---") && !l.contains("+++")) {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((call, _)) = call.trim_start().split_once('(') else { continue };
        *counts.entry((call, thread)).or_default() += 1;
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((call, _), n) in counts {
        let known = most.entry(call.to_owned()).or_default();
        *known = n.max(*known);
    }
    println!("{saved:?}: {most:?}");
    assert!(most.contains_key("fsync") && most.values().sum::<usize>() >= 6, "{most:?}\n{log}");
    most.into_iter().flat_map(|(call, n)| (1..=n).map(move |when| (call.clone(), when))).collect()
}

/// A folder where a number was saved twice, so that there is one before.
fn folder(saved: Saved) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for number in [1, 2] {
        assert_eq!(saved.save(dir.path(), number), 0);
    }
    dir
}

fn damaged(saved: Saved, dir: &Path) -> bool {
    let files = std::fs::read_dir(saved.folder(dir)).expect("the folder").flatten();
    files.into_iter().any(|f| f.file_name().to_string_lossy().contains("damaged"))
}

#[test]
fn a_kill_at_any_call_of_a_save_leaves_the_one_before_or_the_new_one() {
    if !here("strace", in_path("strace")) {
        return;
    }
    for saved in [Saved::File, Saved::Scene] {
        let dir = folder(saved);
        let (mut held, mut killed, mut new) = (3, 0, 0);
        let points = calls(saved, dir.path(), held);
        for (at, (call, when)) in points.iter().enumerate() {
            let next = 10 + at as i32;
            let done = traced(saved, dir.path(), next, &format!("inject={call}:signal=SIGKILL:when={when}"));
            killed += usize::from(done.status.signal() == Some(9));
            let found = saved.found(dir.path());
            assert!(found == held || found == next, "{call} {when}: {found} is neither {held} nor {next}: {done:?}");
            assert!(found == next || !done.status.success(), "{call} {when}: saved, and not there");
            assert!(!damaged(saved, dir.path()), "{call} {when}");
            new += usize::from(found == next);
            held = found;
        }
        println!("{saved:?}: killed at {killed} of {} calls, {new} with the new one there", points.len());
        assert!(killed == points.len() && new > 0 && new < killed, "{killed}, {new} of {points:?}");
    }
}

/// Fails each call of a save once.
fn fails_at_every_call(error: &str) {
    if !here("strace", in_path("strace")) {
        return;
    }
    for saved in [Saved::State, Saved::Scene] {
        let dir = folder(saved);
        let points = calls(saved, dir.path(), 3);
        let mut told = Vec::new();
        for (at, (call, when)) in points.iter().enumerate() {
            let next = 10 + at as i32;
            let done = traced(saved, dir.path(), next, &format!("inject={call}:error={error}:when={when}"));
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success(), "{call} {when}: {said}{}", String::from_utf8_lossy(&done.stderr));
            if !said.contains("told 0") {
                told.push(format!("{call} {when}"));
            }
            assert_eq!(saved.found(dir.path()), next, "{call} {when}: it is saved in the end");
            assert!(!damaged(saved, dir.path()), "{call} {when}");
        }
        println!("{saved:?}, {error}: of {} calls these were told: {told:?}", points.len());
        // Without these nothing is sure to be on the disk.
        for call in ["write", "fsync"] {
            assert!(told.iter().any(|t| t.starts_with(call)), "{call} failed, and nobody was told: {told:?}");
        }
    }
}

#[test]
fn no_space_at_any_call_of_a_save_tears_nothing() {
    fails_at_every_call("ENOSPC");
}

#[test]
fn a_broken_disk_at_any_call_of_a_save_tears_nothing() {
    fails_at_every_call("EIO");
}

#[test]
fn no_file_left_at_any_call_of_a_save_tears_nothing() {
    fails_at_every_call("EMFILE");
}

#[test]
fn no_access_at_any_call_of_a_save_tears_nothing() {
    fails_at_every_call("EACCES");
}

const RIG: &str = "name = \"Saves\"\n[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"127.0.0.1:0\"\n[[channel]]\nname = \"Kick\"\n\
                   [main]\noutput = [\"playback:1\", \"playback:2\"]\n";

/// A rig's folder and its server, with scenes `B` and `A` in this order; `A` has notes.
struct Stage {
    dir: tempfile::TempDir,
    server: Headroom,
    osc: Osc,
}

fn text(text: &str) -> OscType {
    OscType::String(text.into())
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rig.toml"), RIG).expect("a file");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let server = Headroom::spawn(&["run", &path("rig.toml"), "--state", &path("state")]);
        let osc = server.osc();
        let mut stage = Stage { dir, server, osc };
        for name in ["A", "B"] {
            stage.osc.command("/scene/store", [text(name)]);
        }
        stage.osc.command("/scene/notes", [text("A"), text("Strings up")]);
        stage.osc.command("/scene/move", [text("B"), OscType::Int(1)]);
        stage.osc.send("/ch/1/fader", [OscType::Float(-10.0)]);
        stage.settles();
        eventually("the state is saved", || stage.state().is_some_and(|t| t.contains("/ch/kick/fader -10\n")));
        stage
    }

    fn settles(&mut self) {
        eventually("nothing waits for the disk", || {
            let status = self.osc.status();
            let silent = status.text("state-error").is_empty() && status.text("scenes-error").is_empty();
            silent && status.number("scenes-unsaved") == 0.0
        });
    }

    fn state_file(&self) -> Option<PathBuf> {
        let mut files = std::fs::read_dir(self.dir.path().join("state")).ok()?.flatten().map(|f| f.path());
        files.find(|f| f.extension().is_some_and(|e| e == "state"))
    }

    fn state(&self) -> Option<String> {
        std::fs::read_to_string(self.state_file()?).ok()
    }

    fn scene(&self, file: &str) -> PathBuf {
        self.dir.path().join("scenes").join(file)
    }

    /// Stores what is there as `A`; whether that was done, or an error told.
    fn store(&mut self) -> bool {
        self.osc.send("/scene/store", [text("A")]);
        let mut stored = None;
        eventually("an answer", || {
            match self.osc.receive(Duration::from_millis(100)) {
                Some(answer) if answer.addr == "/scene/store" => stored = Some(true),
                Some(answer) if answer.addr == "/error" => stored = Some(false),
                _ => {}
            }
            stored.is_some()
        });
        stored.expect("an answer")
    }

    /// Runs `strace` on every thread of the server; it sees the calls that concern the files of state and scenes.
    fn strace(&self, expression: &str) -> Child {
        let pid = self.server.pid();
        let files: Vec<PathBuf> =
            ["a.toml", "b.toml", "_order.toml"].map(|f| self.scene(f)).into_iter().chain(self.state_file()).collect();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &pid.to_string(), "-o", "/dev/null"]);
        for path in concerning(&files) {
            strace.arg("-P").arg(path);
        }
        let child = strace.args(["-e", expression]).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace starts");
        let tasks = || std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let traced = |task: std::fs::DirEntry| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.lines().any(|l| l.strip_prefix("TracerPid:").is_some_and(|n| n.trim() != "0"))
        };
        eventually("strace has every thread", || tasks().all(traced));
        child
    }
}

fn end(mut strace: Child) {
    let _ = kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT);
    let _ = strace.wait();
}

#[test]
fn a_disk_that_stays_full_is_told_until_it_is_not() {
    if !here("strace", in_path("strace")) {
        return;
    }
    let mut stage = Stage::new();
    let strace = stage.strace("inject=write:error=ENOSPC");
    stage.osc.send("/ch/1/fader", [OscType::Float(-20.0)]);
    assert!(!stage.store(), "that it is not stored is told");
    eventually("both are told", || {
        let status = stage.osc.status();
        let told = |name: &str| status.text(name).contains("space");
        told("state-error") && told("scenes-error") && status.number("scenes-unsaved") > 0.0
    });
    for line in ["a scene is not saved", "state is not saved"] {
        eventually("the log tells", || stage.server.output().contains(line));
    }
    stage.osc.send("/ch/1/fader", [OscType::Float(0.0)]);
    stage.osc.command("/scene/recall", [text("A")]);
    assert_eq!(stage.osc.number("/ch/1/fader"), -20.0, "what is not on the disk is here");
    end(strace);
    stage.settles();
    eventually("both are saved", || {
        let scene = std::fs::read_to_string(stage.scene("a.toml")).unwrap_or_default();
        scene.contains("fader = -20.0\n") && stage.state().is_some_and(|t| t.contains("/ch/kick/fader -20\n"))
    });
    for line in ["scenes are saved again", "state is saved again"] {
        eventually("the log tells", || stage.server.output().contains(line));
    }
    let output = stage.server.output();
    assert_eq!(output.matches("a scene is not saved").count(), 1, "once an outage: {output}");
}

#[test]
fn a_disk_that_cannot_be_read_takes_no_scene_no_order_and_no_notes_along() {
    if !here("strace", in_path("strace")) {
        return;
    }
    let mut stage = Stage::new();
    for (at, call) in ["openat", "getdents64", "read", "statx", "newfstatat", "close"].into_iter().enumerate() {
        let strace = stage.strace(&format!("inject={call}:error=EIO"));
        let level = -30.0 - at as f64;
        stage.osc.send("/ch/1/fader", [OscType::Float(level as f32)]);
        let stored = stage.store();
        println!("EIO of {call}: {}", if stored { "stored" } else { "told" });
        assert_eq!(stage.osc.number("/ch/1/fader"), level, "the console goes on");
        end(strace);
        stage.settles();
        assert_eq!(stage.osc.ask("/scene/list"), [text("B"), text("A")], "after {call}");
        assert_eq!(stage.osc.command("/scene/notes", [text("A")])[1], text("Strings up"), "after {call}");
        if !stored {
            assert!(stage.store(), "after {call}");
        }
        stage.osc.send("/ch/1/fader", [OscType::Float(0.0)]);
        stage.osc.command("/scene/recall", [text("A")]);
        assert_eq!(stage.osc.number("/ch/1/fader"), level, "after {call}");
    }
    let output = stage.server.output();
    assert!(!output.contains("panicked"), "{output}");
}
