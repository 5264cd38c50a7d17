//! Control surfaces on a real JACK server: how fast they are, every control of every map, and one that others wrote.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use headroom::midi::maps;
use headroom_e2e::{ControlSurface, Headroom, Jackd, Osc, Peer, eventually, here, isolated, isolated_for, tone};
use headroom_protocol::midi::map::decode::encode;
use headroom_protocol::midi::map::{Control, Does, Kind, Map, PAGE, Source};
use headroom_protocol::midi::message::split;
use headroom_protocol::midi::surface::layer::Layer;
use rosc::OscType;

fn write(dir: &Path, text: &str) -> String {
    let path = dir.join("rig.toml");
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

const PERIOD: u32 = 128;
/// Where time does not matter: in a period that comes too late JACK loses what was played.
const LONG: u32 = 1_024;
/// Frames that a byte takes on a MIDI cable.
const BYTE: u32 = 16;

/// Nine faders on two surfaces. The first channel carries a constant, so a gain that moves shows in the next sample.
const FAST: &str = r#"
name = "Fast"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[midi.surface]]
port = "X-Touch"
kind = "mcu"
[[midi.surface]]
port = "Wing"
kind = "mcu"
[[channel]]
name = "One"
input = "band:out"
chain = []
[main]
output = ["Hall:heard", "Hall:heard"]
chain = []
"#;

fn ms(frames: u32) -> f64 {
    f64::from(frames) / 48.0
}

/// Whether a surface shows something within a second. JACK loses what is played in a period that comes too late, which a busy
/// machine has: such a round is not measured.
fn seen(surface: &mut ControlSurface, yes: impl Fn(&ControlSurface) -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        surface.look();
        if yes(surface) || Instant::now() > until {
            return yes(surface);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Prints what was measured; the machine is not ours alone, so nothing but a stall fails.
fn told(what: &str, mut all: Vec<u32>, bar: u32) {
    // The server's estimate of now may be ahead of the period in which a motor was told.
    all.retain(|frames| *frames < 1 << 31);
    all.sort_unstable();
    assert!(all.len() >= 10, "{what}: measured {} times only", all.len());
    let within = all.iter().filter(|frames| **frames <= bar).count();
    let (median, most) = (all[all.len() / 2], all[all.len() - 1]);
    println!(
        "{what}: median {:.2} ms, longest {:.2} ms, {within} of {} within {:.2} ms",
        ms(median),
        ms(most),
        all.len(),
        ms(bar)
    );
    assert!(ms(median) < 500.0, "{what}: {all:?}");
}

#[test]
fn how_long_a_move_takes() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start_realtime(48_000, PERIOD);
        let more: String = (2..=8).map(|n| format!("[[channel]]\nname = \"Ch {n}\"\n")).collect();
        let rig = FAST.replace("[main]", &format!("{more}[main]"));
        let _band = Peer::open("band", vec![0.5]);
        let mut hall = ControlSurface::plug("Hall");
        let server = Headroom::spawn(&["run", &write(dir.path(), &rig), "--log", "warn"]);
        let mut osc = server.osc();
        let (mut left, mut right) = (ControlSurface::plug("X-Touch"), ControlSurface::plug("Wing"));
        for surface in [&mut left, &mut right] {
            surface.eventually("the first drawing", |s| s.faders.len() == 9 && s.lights.len() > 90 && s.cell(1, 7) == "C");
        }
        eventually("sound", || osc.number("/main/meter/out") > -20.0);

        let (mut to_gain, mut to_motor, mut through) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..40u16 {
            // A hand on the fader, the sound, and the motor of the other surface.
            eventually("a steady sound", || {
                hall.look();
                hall.is_still(2_000)
            });
            hall.changes.clear();
            right.blank();
            left.move_fader(0, 4_000 + round * 100);
            if !seen(&mut right, |s| s.faders.contains_key(&0)) {
                continue;
            }
            left.look();
            let sent = left.frame_of(true, &[0xE0]).expect("it was sent");
            through.push(right.frame_of(false, &[0xE0]).expect("it was heard").wrapping_sub(sent));
            if seen(&mut hall, |h| !h.changes.is_empty()) {
                to_gain.push(hall.changes[0].wrapping_sub(sent));
            }
            // A set by OSC and the motor.
            right.blank();
            let began = right.frame();
            osc.send("/ch/2/fader", [OscType::Float(-f32::from(round) / 2.0 - 1.0)]);
            if seen(&mut right, |s| s.faders.contains_key(&1)) {
                to_motor.push(right.frame_of(false, &[0xE1]).expect("it was heard").wrapping_sub(began));
            }
        }
        told("a fader's move to the gain", to_gain, PERIOD + BYTE);
        told("a set by OSC to the motor", to_motor, 960);
        told("a hand on one surface to the motor of the other", through, 960);

        // Nine motors move, and a button is pressed.
        let mut to_light = Vec::new();
        for round in 0..40u16 {
            left.blank();
            for step in 0..6 {
                for fader in 0..9 {
                    right.move_fader(fader, 2_000 + round * 150 + step * 25 + u16::from(fader) * 10);
                }
                if step == 3 {
                    left.press(0x11);
                }
                std::thread::sleep(Duration::from_millis(4));
            }
            if !seen(&mut left, |s| s.lights.contains_key(&0x11) && s.faders.len() == 9) {
                continue;
            }
            let (sent, lit) = (left.frame_of(true, &[0x90, 0x11, 0x7F]), left.frame_of(false, &[0x90, 0x11]));
            to_light.push(lit.expect("it was heard").wrapping_sub(sent.expect("it was sent")));
        }
        told("a button to its light while nine motors move", to_light, 960);
    });
}

/// A console on which every control of every map has something to do.
fn everything() -> String {
    let mut rig = "name = \"All\"\n[audio]\nbackend = \"jack\"\n[osc]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for n in 1..=20 {
        rig += &format!("[[channel]]\nname = \"Ch {n}\"\n");
    }
    for n in 1..=3 {
        rig += &format!("[[bus]]\nname = \"Mix {n}\"\nkind = \"aux\"\n");
    }
    for n in 1..=8 {
        rig += &format!("[[dca]]\nname = \"Dca {n}\"\n[[mutegroup]]\nname = \"Group {n}\"\n");
    }
    rig + "[main]\n[monitor]\n[talkback]\n"
}

/// A controller with a map, and the console that it plays.
struct Played<'a> {
    map: &'a Map,
    surface: &'a mut ControlSurface,
    osc: &'a mut Osc,
    name: &'a str,
    /// The first channel of the page.
    first: usize,
}

impl Played<'_> {
    fn sends(&mut self, source: Source, value: u16) {
        let mut bytes = Vec::new();
        encode(source, value, &mut bytes);
        for message in split(&bytes) {
            self.surface.send(message);
        }
    }

    /// Plays a control; true where its effect can be seen at an address.
    fn play(&mut self, control: &Control) -> bool {
        let shift = self.map.controls.iter().find(|c| c.does == Does::Shift).map(|c| c.source).filter(|_| control.shift);
        if let Some(shift) = shift {
            self.sends(shift, 127);
        }
        let seen = match &control.does {
            Does::Move { address, strip } => self.moves(control, address, *strip),
            Does::Act { text, strip } => match text.strip_prefix("hold ") {
                Some(text) => {
                    let follows = Control { kind: Kind::Level, ..control.clone() };
                    self.moves(&follows, text, *strip)
                }
                None if text.contains(' ') => self.pressed(control),
                None => self.moves(control, text, *strip),
            },
            _ => self.pressed(control),
        };
        if let Some(shift) = shift {
            self.sends(shift, 0);
        }
        seen
    }

    /// Pressed and let go; what it does is for other tests.
    fn pressed(&mut self, control: &Control) -> bool {
        self.sends(control.source, 127);
        self.sends(control.source, 0);
        false
    }

    fn moves(&mut self, control: &Control, text: &str, strip: usize) -> bool {
        let address = text.replace("{strip}", &format!("ch/{}", self.first + strip)).replace("{selected}", "ch/1");
        let norm = format!("/norm{address}");
        let what = format!("{}: {control:?} moves {address}", self.name);
        let (source, top) = (control.source, control.source.top());
        self.osc.send(&norm, []);
        let answer =
            std::iter::from_fn(|| self.osc.receive(Duration::from_secs(5))).find(|m| m.addr == norm || m.addr == "/error");
        if answer.is_none_or(|m| m.addr == "/error") {
            return self.pressed(control);
        }
        match control.kind {
            Kind::Absolute(_) => eventually(&what, || {
                for step in 0..=32u32 {
                    self.sends(source, (u32::from(top) * step / 32) as u16);
                }
                self.osc.number(&norm) == 1.0
            }),
            Kind::Relative(_) => {
                let before = self.osc.number(&norm);
                eventually(&what, || {
                    self.sends(source, 1);
                    self.osc.number(&norm) != before
                });
            }
            Kind::Level => {
                for (value, norm_is) in [(127, 1.0), (0, 0.0)] {
                    eventually(&what, || {
                        self.sends(source, value);
                        self.osc.number(&norm) == norm_is
                    });
                }
            }
            Kind::Edge if matches!(self.osc.ask(&address)[..], [OscType::Int(_)]) => {
                let before = self.osc.number(&address);
                self.sends(source, 127);
                let mut again = Instant::now() + Duration::from_secs(3);
                eventually(&what, || {
                    // A press that JACK lost is pressed again.
                    if Instant::now() > again {
                        again += Duration::from_secs(3);
                        self.sends(source, 0);
                        self.sends(source, 127);
                    }
                    self.osc.number(&address) != before
                });
                self.sends(source, 0);
            }
            // A push that sets the default.
            Kind::Edge => {
                self.osc.send(&norm, [OscType::Float(0.2)]);
                eventually(&what, || {
                    self.sends(source, 127);
                    self.sends(source, 0);
                    (self.osc.number(&norm) - 0.2).abs() > 0.01
                });
            }
        }
        true
    }
}

#[test]
fn every_control_of_every_map_moves_the_running_console() {
    isolated_for(Duration::from_secs(300), || {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, 512);
        let surface = |name: &str| format!("[[midi.surface]]\nport = \"{name}-x\"\nkind = \"{name}\"\nlayer = \"channels\"\n");
        let surfaces: String = maps::BUILT_IN.iter().map(|(name, _)| surface(name)).collect();
        let rig = everything().replace("[[channel]]\nname = \"Ch 1\"", &format!("{surfaces}[[channel]]\nname = \"Ch 1\""));
        let server = Headroom::spawn(&["run", &write(dir.path(), &rig), "--log", "warn"]);
        let mut osc = server.osc();
        for (name, _) in maps::BUILT_IN {
            let map = maps::built_in(name).expect("a map");
            let mut surface = ControlSurface::plug(&format!("{name}-x"));
            let lights = map.controls.iter().filter(|c| c.shows.is_some()).count();
            surface.eventually("its lights", |s| s.messages.len() >= lights.min(8));
            let mut played = Played { map: &map, surface: &mut surface, osc: &mut osc, name, first: 1 };
            let (turns, others): (Vec<&Control>, Vec<&Control>) =
                map.controls.iter().partition(|c| matches!(c.does, Does::Page(_) | Does::Layer(_) | Does::Select(_)));
            let seen = others.iter().filter(|control| played.play(control)).count();
            assert!(seen > 16, "{name}: {seen} controls were seen to move something");
            for control in &turns {
                played.play(control);
            }
            // Back to the channels, and a page on.
            let find = |does: Does| turns.iter().find(|c| c.does == does);
            let Some(next) = find(Does::Page(PAGE)) else { continue };
            let home = find(Does::Layer(Layer::Channels)).into_iter().chain(find(Does::Page(-PAGE)).into_iter().cycle().take(4));
            for control in home.chain([next]) {
                played.play(control);
            }
            played.first = 1 + map.strips;
            let of_strip =
                |c: &&&Control| matches!(&c.does, Does::Move { address, .. } if address.contains("{strip}")) && !c.shift;
            played.play(others.iter().find(of_strip).expect("a control of a strip"));
        }
    });
}

#[test]
fn a_recalled_scene_moves_the_motors() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, LONG);
        let state = dir.path().join("state").display().to_string();
        let keys = "buttons = { f1 = \"/scene/recall Low\", f2 = \"/scene/recall High\" }\n";
        let rig = FAST.replacen("kind = \"mcu\"\n", &format!("kind = \"mcu\"\n{keys}"), 1);
        let server = Headroom::spawn(&["run", &write(dir.path(), &rig), "--state", &state, "--log", "warn"]);
        let mut osc = server.osc();
        for (name, level) in [("Low", -30.0), ("High", 5.0)] {
            for address in ["/ch/1/fader", "/main/fader"] {
                osc.send(address, [OscType::Float(level)]);
            }
            osc.command("/scene/store", [OscType::String(name.into())]);
        }
        let (mut left, mut right) = (ControlSurface::plug("X-Touch"), ControlSurface::plug("Wing"));
        for surface in [&mut left, &mut right] {
            surface.eventually("the first drawing", |s| s.faders.len() == 9 && s.faders[&0] > 12_400);
        }
        for (key, low) in [(0x36, true), (0x37, false), (0x36, true)] {
            left.press(key);
            for surface in [&mut left, &mut right] {
                surface.eventually("both motors", |s| [0, 8].iter().all(|fader| (s.faders[fader] < 8_000) == low));
            }
            assert_eq!(osc.number("/main/fader"), if low { -30.0 } else { 5.0 });
        }
    });
}

/// A surface by python-rtmidi: what it is asked, shown and lit, with hands between.
const PYTHON: &str = include_str!("surface.py");

#[test]
fn a_surface_by_python_rtmidi_plays_the_console() {
    let python = std::env::var("HEADROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_jack = "import rtmidi, pythonosc; assert rtmidi.API_UNIX_JACK in rtmidi.get_compiled_api()";
    let there = Command::new(&python).args(["-c", has_jack]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !here("python-rtmidi with JACK (HEADROOM_TEST_PYTHON)", there) {
        return;
    }
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, LONG);
        let more: String = (2..=12).map(|n| format!("[[channel]]\nname = \"Ch {n}\"\n")).collect();
        let buses = "[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n";
        let rig = FAST.replace("port = \"Wing\"\nkind = \"mcu\"", "port = \"nobody\"\nkind = \"hui\"");
        let rig = rig.replace("[main]", &format!("{more}{buses}[main]"));
        let server = Headroom::spawn(&["run", &write(dir.path(), &rig), "--log", "warn"]);
        let _band = Peer::open("band", tone(48, 0.5));
        let port = server.osc_address().port().to_string();
        let done = Command::new(&python).args(["-c", PYTHON, &port]).output().expect("python runs");
        let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && text.ends_with("all\n"), "{text}\n{}", server.output());
    });
}
