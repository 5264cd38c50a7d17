//! Scenes over the network: a show, and its files.

use headroom_e2e::{Headroom, Osc, eventually};
use rosc::OscType;
use std::path::PathBuf;

const RIG: &str = r#"
name = "Show"
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
[[dca]]
name = "Band"
[main]
output = ["playback:1", "playback:2"]
"#;

/// A rig's folder, with its state.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rig.toml"), RIG).expect("a file");
        Stage { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self) -> Headroom {
        let path = |name: &str| self.path(name).display().to_string();
        Headroom::spawn(&["run", &path("rig.toml"), "--state", &path("state")])
    }
}

fn text(text: &str) -> OscType {
    OscType::String(text.into())
}

fn store(osc: &mut Osc, name: &str, fader: f32) {
    osc.send("/ch/1/fader", [OscType::Float(fader)]);
    osc.command("/scene/store", [text(name)]);
}

#[test]
fn a_show_goes_on_after_a_kill() {
    let stage = Stage::new();
    let server = stage.start();
    let mut osc = server.osc();
    for (name, fader) in [("Intro", -20.0), ("Verse 1", -10.0), ("Chorus", -5.0)] {
        store(&mut osc, name, fader);
    }
    assert_eq!(osc.command("/scene/go", [])[0], text("Intro"));
    assert_eq!(osc.command("/scene/go", [])[0], text("Verse 1"));
    osc.command("/safe", [text("/ch/kick/fader"), OscType::Int(1)]);
    eventually("where one stands is saved", || {
        let files = std::fs::read_dir(stage.path("state")).expect("the state").flatten();
        let mut states = files.filter(|f| f.path().extension().is_some_and(|e| e == "state"));
        states.any(|f| std::fs::read_to_string(f.path()).is_ok_and(|t| t.contains("at /present verse-1") && t.contains("safe ")))
    });
    server.kill();
    let server = stage.start();
    let mut osc = server.osc();
    assert_eq!(osc.ask("/scene/list"), [text("Intro"), text("Verse 1"), text("Chorus")]);
    assert_eq!(osc.number("/ch/1/fader"), -10.0);
    let went = osc.command("/scene/go", []);
    assert_eq!(went[0], text("Chorus"));
    assert_eq!(osc.number("/ch/1/fader"), -10.0, "safe outlived it too");
    osc.command("/safe", [text("/ch/kick/fader"), OscType::Int(0)]);
    // A crossfade is told on its way, and arrives.
    osc.command("/scene/recall", [text("intro"), OscType::Float(0.6), text("s")]);
    let mut seen = Vec::new();
    eventually("it arrives", || {
        seen.push(osc.number("/ch/1/fader"));
        seen.last() == Some(&-20.0)
    });
    assert!(seen.iter().any(|x| *x > -19.0 && *x < -10.5), "{seen:?}");
    assert_eq!(osc.command("/undo", []), [text("Intro"), OscType::Int(1)]);
    assert_eq!(osc.number("/ch/1/fader"), -10.0);
}

#[test]
fn long_lists_come_in_datagrams_that_say_what_follows() {
    let stage = Stage::new();
    let scenes = stage.path("scenes");
    std::fs::create_dir(&scenes).expect("a directory");
    for n in 0..200 {
        std::fs::write(scenes.join(format!("song-{n:03}-with-a-long-name.toml")), "[ch.kick]\nfader = 1\n").expect("a file");
    }
    let server = stage.start();
    let mut osc = server.osc();
    let (mut names, mut from) = (0, 0);
    loop {
        let mut answer = osc.command("/scene/list", [OscType::Int(from)]);
        let next = match answer.last() {
            Some(OscType::Int(next)) => Some(*next),
            _ => None,
        };
        answer.truncate(answer.len() - usize::from(next.is_some()));
        names += answer.len();
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(names, 200);
}
