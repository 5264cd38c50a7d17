//! Rigs that the program writes are rigs that it takes, and a client's view of a running one stays whole.

use std::time::Duration;

use headroom_e2e::{Headroom, Osc, message};
use rosc::{OscTime, OscType};

const RIG: &str = r#"
name = "Protocol"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
[[channel]]
name = "Snare"
[[channel]]
name = "Vox"
[main]
output = ["playback:1", "playback:2"]
"#;

fn server(dir: &tempfile::TempDir) -> Headroom {
    let path = dir.path().join("rig.toml");
    std::fs::write(&path, RIG).expect("a file");
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn"])
}

fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

/// The next message that `wanted` accepts.
fn next(osc: &mut Osc, what: &str, wanted: impl Fn(&str, &[OscType]) -> bool) -> Vec<OscType> {
    loop {
        let found = osc.receive(Duration::from_secs(10)).unwrap_or_else(|| panic!("{what} never came"));
        if wanted(&found.addr, &found.args) {
            return found.args;
        }
    }
}

#[test]
fn every_template_makes_a_rig_that_passes_its_check() {
    let dir = tempfile::tempdir().expect("a directory");
    for template in ["band", "speech", "iem", "stream"] {
        for (channels, aux) in [("1", "0"), ("16", "4"), ("32", "8")] {
            let path = dir.path().join(format!("{template}-{channels}.toml")).display().to_string();
            let new = ["new", "--channels", channels, "--aux", aux, "--template", template, "-o", &path];
            let made = Headroom::command(&new).output().expect("headroom runs");
            assert!(made.status.success(), "{template} {channels}: {}", String::from_utf8_lossy(&made.stderr));
            let done = Headroom::command(&["check", &path]).output().expect("headroom runs");
            assert!(done.status.success(), "{template} {channels}: {}", String::from_utf8_lossy(&done.stderr));
        }
    }
}

#[test]
fn a_pattern_sets_and_asks_many() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let mut osc = server.osc();
    osc.send("/ch/[12]/fader", [OscType::Float(-9.0)]);
    osc.send("/ch/{vox,nobody}/mute", [OscType::Int(1)]);
    osc.command("/ping", []);
    osc.send("/ch/*/fader", []);
    let mut faders = Vec::new();
    while faders.len() < 3 {
        let message = osc.receive(Duration::from_secs(5)).expect("three answers");
        if let Some(OscType::Float(level)) = message.args.first().filter(|_| message.addr.ends_with("/fader")) {
            faders.push((message.addr, *level));
        }
    }
    faders.sort_by(|a, b| a.0.cmp(&b.0));
    let wanted = [("/ch/1/fader", -9.0), ("/ch/2/fader", -9.0), ("/ch/3/fader", 0.0)];
    assert_eq!(faders, wanted.map(|(a, v)| (a.to_owned(), v)));
    assert_eq!((osc.number("/ch/1/mute"), osc.number("/ch/3/mute")), (0.0, 1.0));
}

#[test]
fn a_bundle_reaches_a_subscriber_as_one_revision_and_its_bad_message_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(&dir);
    let (mut maker, mut other) = (server.osc(), server.osc());
    other.command("/subscribe", [text("/ch/*/fader")]);
    other.command("/ping", []);
    let immediately = OscTime { seconds: 0, fractional: 1 };
    let parts = [
        message("/ch/1/fader", [OscType::Float(-1.0)]),
        message("/nowhere", [OscType::Int(1)]),
        message("/ch/2/fader", [OscType::Float(-2.0)]),
        message("/ch/3/fader", [OscType::Float(-3.0)]),
    ];
    maker.send_bundle(immediately, parts);
    next(&mut maker, "the error", |addr, args| addr == "/error" && args.first() == Some(&text("/nowhere")));
    next(&mut other, "the last of the bundle", |addr, args| addr == "/ch/3/fader" && args == [OscType::Float(-3.0)]);
    let rev = |osc: &mut Osc| match next(osc, "a revision", |addr, _| addr == "/rev").as_slice() {
        [OscType::Int(revision), OscType::Int(previous)] => (*revision, *previous),
        wrong => panic!("/rev {wrong:?}"),
    };
    let first = rev(&mut other);
    assert!(first.0 > first.1, "{first:?}");
    let mut osc = server.osc();
    for (n, level) in [(1, -1.0), (2, -2.0), (3, -3.0)] {
        assert_eq!(osc.number(&format!("/ch/{n}/fader")), level);
    }
    // Every batch names the one before it, so that a lost one shows.
    maker.send("/ch/2/fader", [OscType::Float(-20.0)]);
    let second = rev(&mut other);
    assert_eq!(second.1, first.0);
    // Its own changes are not told to the maker, who is told those of others all the same.
    maker.command("/subscribe", [text("/ch/1/fader")]);
    maker.command("/ping", []);
    maker.send("/ch/1/fader", [OscType::Float(-30.0)]);
    maker.command("/ping", []);
    other.send("/ch/1/fader", [OscType::Float(-31.0)]);
    let told = next(&mut maker, "the other's change", |addr, _| addr == "/ch/1/fader");
    assert_eq!(told, [OscType::Float(-31.0)], "an echo");
}
