//! Scenes, safes and undo of who may not set everything.

use super::bench::{Bench, STEP, f, message, text};
use crate::scene::{Book, Standing};
use headroom_protocol::intent::ClientId;
use rosc::OscType;

const BAND: &str = r#"
name = "Band"
[[role]]
name = "engineer"
token = "the engineer's own"
[[role]]
name = "singer"
token = "centre stage"
write = ["/ch/*/send/wedge/level"]
[[role]]
name = "monitor"
token = "stage left"
write = ["/ch/*/send/wedge/level", "/bus/wedge/fader", "/scene/recall", "/scene/go", "/safe"]
read = ["/ch/*/fader", "/scene/list", "/scene/preview"]
[[role]]
name = "button"
token = "stage right"
write = ["/scene/go"]
[[channel]]
name = "Kick"
[[channel]]
name = "Vox"
[[bus]]
name = "Wedge"
kind = "aux"
[main]
"#;

struct Band {
    bench: Bench,
    engineer: ClientId,
    monitor: ClientId,
}

/// Everything at -30 dB in a scene, and at 0 dB now.
fn band() -> Band {
    let mut bench = Bench::of(BAND);
    bench.hub.scenes = Book::open(None, &bench.hub.mixer().desk, Standing::default());
    let engineer = bench.logged_in(1, "the engineer's own");
    let monitor = bench.logged_in(2, "stage left");
    let mut band = Band { bench, engineer, monitor };
    band.all(-30.0);
    assert_eq!(band.say(engineer, "/scene/store", &[text("Quiet")]).0, "/scene/store");
    band.all(0.0);
    band
}

impl Band {
    fn all(&mut self, level: f32) {
        for address in ["/ch/*/fader", "/ch/*/send/1/level", "/bus/1/fader", "/main/fader"] {
            self.bench.send(self.engineer, address, &[f(level)]);
        }
        self.bench.heard(self.engineer);
    }

    /// The answer to a command.
    fn say(&mut self, from: ClientId, address: &str, args: &[OscType]) -> (String, Vec<OscType>) {
        self.bench.heard(from);
        self.bench.send(from, address, args);
        self.bench.run(5 * STEP);
        self.bench.heard(from).into_iter().find(|h| h.0 == address || h.0 == "/error").expect("an answer")
    }

    #[track_caller]
    fn refused(&mut self, from: ClientId, address: &str, args: &[OscType], reason: &str) {
        let (told, said) = self.say(from, address, args);
        assert!(told == "/error" && said[1].clone().string().unwrap().contains(reason), "{told} {said:?}");
    }

    /// Fader and send of the voice, the wedge's fader, main's.
    fn levels(&mut self) -> [f32; 4] {
        ["/ch/2/fader", "/ch/2/send/1/level", "/bus/1/fader", "/main/fader"].map(|a| self.bench.number(self.engineer, a))
    }
}

#[test]
fn a_recall_changes_what_its_role_may_set_and_says_what_it_left() {
    let mut band = band();
    let monitor = band.monitor;
    let (told, said) = band.say(monitor, "/scene/recall", &[text("quiet")]);
    // Two sends and the wedge; the faders of two channels are seen and stay; of main's nothing is told.
    assert_eq!(
        (told.as_str(), &said[..]),
        ("/scene/recall", &[text("Quiet"), OscType::Int(3), text("2 that this role may not set")][..])
    );
    assert_eq!(band.levels(), [0.0, -30.0, -30.0, 0.0]);
    assert_eq!(band.say(monitor, "/undo", &[]), ("/undo".into(), vec![text("Quiet"), OscType::Int(3)]));
    assert_eq!(band.levels(), [0.0; 4]);
    assert_eq!(band.say(monitor, "/redo", &[]).1[1], OscType::Int(3));
    assert_eq!(band.levels(), [0.0, -30.0, -30.0, 0.0]);
    // Over time, too.
    band.all(0.0);
    band.say(monitor, "/scene/go", &[]);
    assert_eq!(band.levels(), [0.0; 4], "the list ends");
    band.say(monitor, "/scene/recall", &[text("quiet"), f(0.1)]);
    band.bench.run(400 * STEP);
    assert_eq!(band.levels(), [0.0, -30.0, -30.0, 0.0]);
}

#[test]
fn a_preview_shows_no_more_than_the_recall_would_change() {
    let mut band = band();
    let monitor = band.monitor;
    let (_, said) = band.say(monitor, "/scene/preview", &[text("quiet")]);
    let shown: Vec<_> = said.iter().filter_map(|a| a.clone().string()).collect();
    assert_eq!(shown, ["Quiet", "/ch/1/send/1/level", "/ch/2/send/1/level", "/bus/1/fader"]);
    assert_eq!(band.say(monitor, "/scene/list", &[]).1, [text("Quiet")]);
}

#[test]
fn who_was_not_given_a_command_has_none_and_who_sets_nothing_recalls_nothing() {
    let mut band = band();
    let (singer, button) = (band.bench.logged_in(3, "centre stage"), band.bench.logged_in(4, "stage right"));
    let guest = band.bench.client(5);
    let name = || vec![text("quiet")];
    let commands = [
        ("/scene/store", name()),
        ("/scene/recall", name()),
        ("/scene/go", vec![]),
        ("/scene/next", vec![]),
        ("/scene/previous", vec![]),
        ("/scene/preview", name()),
        ("/scene/list", vec![]),
        ("/scene/rename", vec![text("quiet"), text("loud")]),
        ("/scene/delete", name()),
        ("/scene/move", vec![text("quiet"), OscType::Int(1)]),
        ("/scene/notes", name()),
        ("/scene/fade", name()),
        ("/safe", vec![]),
        ("/safe", vec![text("/ch/2/send/1/level"), OscType::Int(1)]),
        ("/undo", vec![text("recall")]),
    ];
    for (address, args) in commands {
        for from in [singer, guest] {
            band.refused(from, address, &args, "unknown address");
        }
    }
    band.refused(guest, "/undo", &[], "unknown address");
    band.refused(singer, "/undo", &[], "has changed nothing");
    band.refused(button, "/scene/go", &[], "may set nothing of it");
    assert_eq!(band.levels(), [0.0; 4]);
    let engineer = band.engineer;
    assert_eq!(band.say(engineer, "/scene/list", &[]).1, [text("Quiet")]);
}

#[test]
fn a_role_takes_back_no_recall_that_it_could_not_have_made() {
    let mut band = band();
    let (engineer, monitor) = (band.engineer, band.monitor);
    band.say(engineer, "/scene/recall", &[text("quiet")]);
    band.refused(monitor, "/undo", &[text("recall")], "may not set all");
    assert_eq!(band.levels(), [-30.0; 4]);
    assert_eq!(band.say(engineer, "/undo", &[text("recall")]).0, "/undo");
    assert_eq!(band.levels(), [0.0; 4]);
    band.say(monitor, "/scene/recall", &[text("quiet")]);
    assert_eq!(band.say(monitor, "/undo", &[text("recall")]).0, "/undo");
    assert_eq!(band.levels(), [0.0; 4]);
}

#[test]
fn a_role_keeps_out_of_recalls_what_is_its_own() {
    let mut band = band();
    let (engineer, monitor) = (band.engineer, band.monitor);
    let on = OscType::Int(1);
    band.refused(monitor, "/safe", &[text("/ch/2/fader"), on.clone()], "may not set all");
    band.refused(monitor, "/safe", &[text("/main/fader"), on.clone()], "unknown address");
    for pattern in ["/ch/*/send/1/level", "/bus/{1,9}/fader"] {
        band.refused(monitor, "/safe", &[text(pattern), on.clone()], "not patterns");
    }
    assert_eq!(band.say(monitor, "/safe", &[text("/bus/wedge/fader"), on]).0, "/safe");
    band.say(engineer, "/scene/recall", &[text("quiet")]);
    assert_eq!(band.levels(), [-30.0, -30.0, 0.0, -30.0]);
}

#[test]
fn a_recall_for_later_meets_its_role_before_the_engine_does() {
    let mut band = band();
    band.bench.play(0.5);
    band.bench.run(200 * STEP);
    let before = band.bench.output().last().copied();
    band.bench.later(band.monitor, 100 * STEP, &[message("/scene/recall", &[text("quiet")])]);
    band.bench.run(400 * STEP);
    assert_eq!(band.levels(), [0.0, -30.0, -30.0, 0.0]);
    assert_eq!(band.bench.output().last().copied(), before, "main goes on as it was");
}

#[test]
fn a_role_that_sets_a_part_moves_a_place_of_its_own_and_not_the_consoles() {
    let mut band = band();
    let (engineer, monitor) = (band.engineer, band.monitor);
    for name in ["Two", "Three", "Four"] {
        band.say(engineer, "/scene/store", &[text(name)]);
    }
    let name = |said: (String, Vec<OscType>)| said.1[0].clone().string().unwrap();
    band.say(engineer, "/scene/recall", &[text("quiet")]);
    // As long as it went nowhere it stands where the console does.
    assert_eq!(name(band.say(monitor, "/scene/go", &[])), "Two");
    assert_eq!(name(band.say(monitor, "/scene/go", &[])), "Three");
    assert_eq!(name(band.say(engineer, "/scene/go", &[])), "Two", "front of house goes on where it was");
    assert_eq!(name(band.say(monitor, "/scene/go", &[])), "Four");
    band.say(engineer, "/scene/recall", &[text("quiet")]);
    assert_eq!(name(band.say(engineer, "/scene/next", &[])), "Two");
    band.say(monitor, "/scene/recall", &[text("four")]);
    assert_eq!(name(band.say(engineer, "/scene/go", &[])), "Two", "what was chosen stays chosen");
    // What it takes back is its own, too.
    assert_eq!(band.say(monitor, "/undo", &[]).0, "/undo");
    assert_eq!(name(band.say(engineer, "/scene/go", &[])), "Three");
}

#[test]
fn a_scene_stored_over_another_name_says_so() {
    let mut band = band();
    let engineer = band.engineer;
    assert_eq!(band.say(engineer, "/scene/store", &[text("Quiet")]).1.len(), 2);
    let (told, said) = band.say(engineer, "/scene/store", &[text("Quiet!")]);
    assert_eq!(
        (told.as_str(), said.len(), &said[2]),
        ("/scene/store", 3, &text("in place of \"Quiet\", which is the same file"))
    );
}
