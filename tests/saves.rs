//! Saves of state and scenes with everything that can befall them: a kill and an error of the system at every call
//! that a save makes. Never is a file torn, at most the last second is lost, and what failed is told and tried again.

use headroom_e2e::{Headroom, Osc, eventually_within, here, in_path};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rosc::OscType;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const RIG: &str = "name = \"Saves\"\n[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"127.0.0.1:0\"\n[[channel]]\nname = \"Kick\"\n\
                   [main]\noutput = [\"playback:1\", \"playback:2\"]\n";

fn eventually(what: &str, yes: impl FnMut() -> bool) {
    eventually_within(Duration::from_secs(60), what, yes);
}

/// A rig's folder with a scene `A`, and its server.
struct Stage {
    dir: tempfile::TempDir,
    server: Headroom,
    osc: Osc,
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rig.toml"), RIG).expect("a file");
        let server = start(dir.path());
        let osc = server.osc();
        let mut stage = Stage { dir, server, osc };
        stage.change(-10.0);
        assert!(stage.answer(), "a scene is stored");
        eventually("all is saved", || stage.files().iter().all(|f| holds(f, -10.0)));
        stage
    }

    /// Another server where there was one.
    fn again(self) -> Stage {
        let Stage { dir, server, .. } = self;
        server.kill();
        let server = start(dir.path());
        let osc = server.osc();
        Stage { dir, server, osc }
    }

    /// The scene's file and the state's, as far as they are there.
    fn files(&self) -> Vec<PathBuf> {
        let state = std::fs::read_dir(self.dir.path().join("state")).into_iter().flatten().flatten().map(|f| f.path());
        let state = state.filter(|f| f.extension().is_some_and(|e| e == "state"));
        std::iter::once(self.dir.path().join("scenes/a.toml")).chain(state).collect()
    }

    /// Sets a fader, and stores it as the scene.
    fn change(&mut self, fader: f64) {
        self.osc.send("/ch/1/fader", [OscType::Float(fader as f32)]);
        self.osc.send("/scene/store", [OscType::String("A".into())]);
    }

    /// Whether the scene was stored, or an error told.
    fn answer(&mut self) -> bool {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            match self.osc.receive(Duration::from_millis(100)) {
                Some(answer) if answer.addr == "/scene/store" => return true,
                Some(answer) if answer.addr == "/error" => return false,
                _ => {}
            }
        }
        panic!("no answer");
    }

    /// The fader as the state has it, and as the scene does.
    fn levels(&mut self) -> [f64; 2] {
        let state = self.osc.number("/ch/1/fader");
        self.osc.command("/scene/recall", [OscType::String("A".into())]);
        [state, self.osc.number("/ch/1/fader")]
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("strace.log")
    }

    /// Runs `strace` on every thread of the server; it sees the calls that concern these files.
    fn strace(&self, files: &[PathBuf], expression: &str) -> Child {
        let pid = self.server.pid();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &pid.to_string(), "-o"]).arg(self.log());
        for path in files.iter().flat_map(|file| touched(file)) {
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

    /// The calls that a save makes, each with how often its thread makes it.
    fn calls(&mut self, which: usize) -> BTreeMap<String, usize> {
        let strace = self.strace(&self.files()[which..=which], "trace=all");
        let level = -11.0 - which as f64 / 2.0;
        self.change(level);
        assert!(self.answer());
        eventually("all is saved", || self.files().iter().all(|f| holds(f, level)));
        // The last calls of a save come behind the file's new name.
        eventually("the folder is synced", || synced(&std::fs::read_to_string(self.log()).unwrap_or_default()));
        end(strace);
        let log = std::fs::read_to_string(self.log()).expect("a log");
        let mut calls = BTreeMap::new();
        let lines = log.lines().filter(|l| !l.contains("resumed>") && !l.contains("---") && !l.contains("+++"));
        for call in lines.filter_map(|l| l.split_once(' ')?.1.trim_start().split_once('(')) {
            *calls.entry(call.0.to_owned()).or_insert(0) += 1;
        }
        assert!(calls.contains_key("fsync") && calls.values().sum::<usize>() >= 6, "{calls:?}\n{log}");
        calls
    }
}

fn start(dir: &Path) -> Headroom {
    let path = |name: &str| dir.join(name).display().to_string();
    Headroom::spawn(&["run", &path("rig.toml"), "--state", &path("state")])
}

/// Whether a renamed file's folder was synced.
fn synced(log: &str) -> bool {
    let after = log.lines().skip_while(|l| !l.contains("rename"));
    after.filter(|l| l.contains("fsync")).any(|l| l.trim_end().ends_with("= 0"))
}

fn end(mut strace: Child) {
    let _ = kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT);
    let _ = strace.wait();
}

/// Names that a save touches, and its folder.
fn touched(file: &Path) -> [PathBuf; 4] {
    let with = |end: &str| PathBuf::from(format!("{}{end}", file.display()));
    [file.into(), with(".tmp"), with(".1"), file.parent().expect("a folder").into()]
}

/// Whether a file says this of the fader; and it is whole, whatever it says.
fn holds(file: &Path, fader: f64) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    let whole = if file.extension().is_some_and(|e| e == "toml") { text.contains("[main]") } else { text.contains("\nend ") };
    assert!(whole && text.ends_with('\n'), "{} is torn:\n{text}", file.display());
    text.contains(&format!("fader = {fader:?}\n")) || text.contains(&format!("/ch/kick/fader {fader}\n"))
}

/// Kills at every call of the saves of a file (0: the scene's, 1: the state's), one after the other.
fn killed_at_every_call(which: usize) {
    let mut stage = Stage::new();
    let calls = stage.calls(which);
    let points: Vec<(&str, usize)> = calls.iter().flat_map(|(call, n)| (1..=*n).map(|when| (call.as_str(), when))).collect();
    let [mut state, mut scene] = stage.levels().map(|level| vec![level]);
    let mut killed = 0;
    for (at, (call, when)) in points.iter().enumerate() {
        let next = -12.0 - at as f64;
        let file = stage.files()[which].clone();
        let strace = stage.strace(std::slice::from_ref(&file), &format!("inject={call}:signal=SIGKILL:when={when}"));
        stage.change(next);
        let log = |stage: &Stage| std::fs::read_to_string(stage.log()).unwrap_or_default();
        let is_dead = |stage: &Stage| log(stage).contains("killed by SIGKILL");
        // A save makes its calls in an order of its own: now and then one less.
        eventually("it is killed, or has saved", || is_dead(&stage) || holds(&file, next) && synced(&log(&stage)));
        killed += usize::from(is_dead(&stage));
        end(strace);
        stage = stage.again();
        let found = stage.levels();
        println!("killed at {call} {when}: {found:?}");
        for (found, held) in found.iter().zip([&state, &scene]) {
            assert!(held.contains(found) || *found == next, "{call} {when}: {found} is neither {held:?} nor {next}");
        }
        // What the recall set is state, or will be within a second.
        (state, scene) = (found.to_vec(), vec![found[1]]);
    }
    assert!(killed * 3 >= points.len() * 2, "killed at {killed} of {points:?}");
}

#[test]
fn a_kill_at_any_call_of_a_scenes_save_leaves_the_one_before_or_the_new_one() {
    if here("strace", in_path("strace")) {
        killed_at_every_call(0);
    }
}

#[test]
fn a_kill_at_any_call_of_a_states_save_leaves_the_one_before_or_the_new_one() {
    if here("strace", in_path("strace")) {
        killed_at_every_call(1);
    }
}

/// Fails each call of the saves once.
fn fails_at_every_call(error: &str) {
    let mut stage = Stage::new();
    let mut calls = stage.calls(0);
    for (call, n) in stage.calls(1) {
        let most = calls.entry(call).or_insert(0);
        *most = n.max(*most);
    }
    let points: Vec<(&str, usize)> = calls.iter().flat_map(|(call, n)| (1..=*n).map(|when| (call.as_str(), when))).collect();
    let mut failed = [0, 0];
    for (at, (call, when)) in points.iter().enumerate() {
        let next = -12.0 - at as f64 / 2.0;
        // Each thread counts its own calls: scene and state fail alike.
        let strace = stage.strace(&stage.files(), &format!("inject={call}:error={error}:when={when}"));
        stage.change(next);
        failed[usize::from(stage.answer())] += 1;
        assert_eq!(stage.osc.number("/ch/1/fader"), next, "what is set holds, whatever the disk does");
        // `holds` asserts that what is there is whole.
        eventually("it is saved in the end", || stage.files().iter().all(|f| holds(f, next)));
        end(strace);
        stage = match at % 8 {
            // What it read there is whole, too.
            7 => stage.again(),
            _ => stage,
        };
        assert_eq!(stage.levels(), [next; 2], "{error} at {call} {when}");
        stage.osc.command("/ping", []);
    }
    println!("{error}: {failed:?} of {points:?}");
    assert!(failed[0] >= 3, "of {} points {failed:?} failed", points.len());
    let log = stage.server.output();
    eventually("nothing waits", || {
        let status = stage.osc.status();
        status.text("state-error").is_empty() && status.text("scenes-error").is_empty() && status.number("scenes-unsaved") == 0.0
    });
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn no_space_at_any_call_of_a_save_tears_nothing() {
    if here("strace", in_path("strace")) {
        fails_at_every_call("ENOSPC");
    }
}

#[test]
fn a_broken_disk_at_any_call_of_a_save_tears_nothing() {
    if here("strace", in_path("strace")) {
        fails_at_every_call("EIO");
    }
}

#[test]
fn no_file_left_at_any_call_of_a_save_tears_nothing() {
    if here("strace", in_path("strace")) {
        fails_at_every_call("EMFILE");
    }
}

#[test]
fn no_access_at_any_call_of_a_save_tears_nothing() {
    if here("strace", in_path("strace")) {
        fails_at_every_call("EACCES");
    }
}

#[test]
fn a_disk_that_stays_full_is_told_until_it_is_not() {
    if !here("strace", in_path("strace")) {
        return;
    }
    let mut stage = Stage::new();
    let strace = stage.strace(&stage.files(), "inject=write:error=ENOSPC");
    stage.change(-20.0);
    assert!(!stage.answer(), "that it is not stored is told");
    eventually("both are told", || {
        let status = stage.osc.status();
        let told = |name: &str| status.text(name).contains("space");
        told("state-error") && told("scenes-error") && status.number("scenes-unsaved") > 0.0
    });
    for line in ["a scene is not saved", "state is not saved"] {
        eventually("the log tells", || stage.server.output().contains(line));
    }
    assert_eq!(stage.levels(), [-20.0; 2], "what is not on the disk is here");
    end(strace);
    eventually("it is saved", || stage.files().iter().all(|f| holds(f, -20.0)));
    eventually("nothing waits", || {
        let status = stage.osc.status();
        status.text("state-error").is_empty() && status.text("scenes-error").is_empty() && status.number("scenes-unsaved") == 0.0
    });
    for line in ["scenes are saved again", "state is saved again"] {
        eventually("the log tells", || stage.server.output().contains(line));
    }
    let output = stage.server.output();
    assert_eq!(output.matches("a scene is not saved").count(), 1, "once an outage: {output}");
}
