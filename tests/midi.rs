//! Control surfaces on a real JACK server: a player's hands on one side, the running program on the other.

use std::path::Path;
use std::time::Duration;

use headroom_e2e::{ControlSurface, Headroom, Jackd, Peer, eventually, isolated, tone};
use rosc::OscType;

/// Long: in a period that comes too late JACK loses what was played.
const PERIOD: u32 = 1_024;
/// Position of 0 dB.
const UNITY: u16 = 12_400;
/// A unit's answer to the question who it is, also sent when it is switched on.
const READY: &[u8] = b"\xF0\0\0\x66\x14\x01ABCDEFG\x01\x02\x03\x04\xF7";

const RIG: &str = r#"
name = "Stage"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[midi.surface]]
port = "X-Touch"
kind = "mcu"
buttons.f1 = "/dca/1/mute"
[[channel]]
name = "Lead vox"
input = "band:out"
color = "red"
fader = -10
send.wedge = { level = -6 }
[[channel]]
name = "Kick"
[[bus]]
name = "Wedge"
kind = "aux"
[[dca]]
name = "Band"
[main]
"#;

fn write(dir: &Path, text: &str) -> String {
    let path = dir.join("rig.toml");
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

fn is_near(position: Option<&u16>, wanted: u16) -> bool {
    position.is_some_and(|at| at.abs_diff(wanted) <= 4)
}

/// Waits for the question, and answers it.
fn greet(surface: &mut ControlSurface) {
    surface.eventually("the question", |s| s.sysex.iter().any(|m| m == b"\xF0\0\0\x66\x14\0\xF7"));
    surface.send(READY);
}

#[test]
fn a_mackie_surface_from_plug_to_plug() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, PERIOD);
        let server = Headroom::spawn(&["run", &write(dir.path(), RIG), "--log", "info"]);
        let mut osc = server.osc();
        let mut surface = ControlSurface::plug("X-Touch");
        greet(&mut surface);
        assert_eq!(jackd.connections("headroom:midi-x-touch-in"), ["X-Touch:out"]);
        assert_eq!(jackd.connections("headroom:midi-x-touch-out"), ["X-Touch:in"]);

        surface.eventually("names and faders", |s| s.cell(0, 0) == "LeadVx" && s.faders.len() == 9);
        surface.eventually("main at 0 dB", |s| is_near(s.faders.get(&8), UNITY));
        let lead = surface.faders[&0];
        assert!(lead < UNITY - 1_000 && lead > 4_000, "-10 dB: {lead}");
        surface.eventually("colours", |s| s.sysex.iter().any(|m| m.starts_with(b"\xF0\0\0\x66\x14\x72\x01\x07")));

        // A hand on the first fader.
        surface.send(&[0x90, 0x68, 0x7F]);
        for position in [9_000, 10_000, 11_000, UNITY] {
            surface.move_fader(0, position);
        }
        eventually("the fader is at 0 dB", || osc.number("/ch/1/fader") == 0.0);
        surface.eventually("its value while it is held", |s| s.cell(1, 0) == "0.0");
        surface.blank();
        osc.send("/ch/1/fader", [OscType::Float(-30.0)]);
        osc.send("/ch/2/fader", [OscType::Float(-30.0)]);
        surface.eventually("the other motor", |s| s.faders.contains_key(&1));
        assert!(!surface.faders.contains_key(&0), "the motor leaves the hand alone");
        surface.send(&[0x90, 0x68, 0x00]);
        surface.eventually("the motor when it is let go", |s| s.faders.contains_key(&0));
        assert_eq!(surface.faders[&0], surface.faders[&1]);

        // Mute and solo, both ways.
        surface.press(0x10);
        surface.eventually("the mute's light", |s| s.lights.get(&0x10) == Some(&0x7F));
        assert_eq!(osc.number("/ch/1/mute"), 1.0);
        osc.send("/ch/1/mute", [OscType::Int(0)]);
        surface.eventually("the mute's light off", |s| s.lights.get(&0x10) == Some(&0));
        surface.press(0x09);
        surface.eventually("solo and the lamp", |s| s.lights.get(&0x09) == Some(&0x7F) && s.lights.get(&0x73) == Some(&0x7F));
        assert_eq!(osc.number("/ch/2/solo"), 1.0);
        surface.press(0x5A);
        surface.eventually("all solos off", |s| s.lights.get(&0x09) == Some(&0) && s.lights.get(&0x73) == Some(&0));

        // A key of the rig.
        surface.press(0x36);
        surface.eventually("the DCA's mute", |s| s.lights.get(&0x36) == Some(&0x7F));
        assert_eq!(osc.number("/dca/1/mute"), 1.0);
        surface.press(0x36);

        // Pan by the encoder, and sends on the faders.
        surface.send(&[0xB0, 0x10, 0x05]);
        eventually("pan", || osc.number("/ch/1/pan") > 0.05);
        surface.eventually("the ring", |s| s.controls.get(&0x30).is_some_and(|v| *v > 0x16 && *v < 0x40));
        surface.press(0x29);
        surface.press(0x32);
        surface.eventually("the send's level", |s| s.faders.get(&1) == Some(&0) && s.faders[&0] > 9_000);
        surface.move_fader(1, UNITY);
        eventually("a send from a fader", || osc.number("/ch/2/send/1/level") == 0.0);
        assert_eq!(osc.number("/ch/2/fader"), -30.0);
        surface.press(0x32);

        // Sound shows.
        osc.send("/ch/1/fader", [OscType::Float(0.0)]);
        let band = Peer::open("band", tone(48, 0.5));
        surface.eventually("a level of the first strip", |s| s.meters.iter().any(|m| m >> 4 == 0 && m & 15 > 6));
        // The second channel is silent; the wedge, third in the row, has its send.
        assert!(surface.meters.iter().all(|m| m >> 4 != 1), "{:x?} {:?}", surface.meters, osc.ask("/ch/2/meter/out"));
        drop(band);
        surface.eventually("silence", |s| s.meters.last().is_some_and(|m| m & 15 == 0));

        // The plug is pulled; meanwhile things change.
        drop(surface);
        eventually("it is missed", || server.output().contains("a surface has gone"));
        osc.send("/ch/1/fader", [OscType::Float(5.0)]);
        osc.send("/ch/2/name", [OscType::String("Bass".into())]);
        let mut surface = ControlSurface::plug("X-Touch");
        greet(&mut surface);
        surface.eventually("everything as it is now", |s| {
            s.cell(0, 1) == "Bass" && s.faders.len() == 9 && s.faders[&0] > UNITY && s.lights.len() > 90
        });
        // Switched off and on while the cable stays.
        surface.blank();
        surface.send(READY);
        surface.eventually("everything anew", |s| s.cell(0, 1) == "Bass" && s.faders.len() == 9 && s.lights.len() > 90);
    });
}

#[test]
fn it_survives_the_death_of_jackd() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, PERIOD);
        let server = Headroom::spawn(&["run", &write(dir.path(), RIG), "--log", "warn"]);
        let mut osc = server.osc();
        {
            let mut surface = ControlSurface::plug("X-Touch");
            greet(&mut surface);
            surface.eventually("the first drawing", |s| s.faders.len() == 9);
            jackd.kill();
        }
        osc.send("/ch/1/fader", [OscType::Float(-20.0)]);
        let _jackd = Jackd::start(48_000, PERIOD);
        let mut surface = ControlSurface::plug("X-Touch");
        greet(&mut surface);
        surface.eventually("the second drawing", |s| s.faders.len() == 9 && s.faders[&0] < 8_000);
        surface.move_fader(0, UNITY);
        eventually("the fader reaches the console", || osc.number("/ch/1/fader") == 0.0);
    });
}

#[test]
fn two_surfaces_and_a_tablet_agree_after_a_storm() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, PERIOD);
        let rig = RIG.replace(
            "[[channel]]\nname = \"Lead",
            "[[midi.surface]]\nport = \"Wing\"\nkind = \"mcu\"\n[[channel]]\nname = \"Lead",
        );
        let server = Headroom::spawn(&["run", &write(dir.path(), &rig), "--log", "warn"]);
        let mut osc = server.osc();
        let mut left = ControlSurface::plug("X-Touch");
        let mut right = ControlSurface::plug("Wing");
        for surface in [&mut left, &mut right] {
            greet(surface);
            surface.eventually("the first drawing", |s| s.faders.len() == 9);
        }
        for round in 0..200u16 {
            left.move_fader((round % 3) as u8, round * 80);
            right.move_fader((round % 2) as u8, 16_000 - round * 80);
            if round % 10 == 0 {
                left.press(0x10);
                right.press(0x11);
            }
            osc.send("/ch/2/fader", [OscType::Float(f32::from(round) / 20.0 - 20.0)]);
            osc.send("/ch/1/mute", [OscType::Int(i32::from(round % 7 > 3))]);
            std::thread::sleep(Duration::from_millis(2));
        }
        // Motors come to rest where the console is.
        let position = |osc: &mut headroom_e2e::Osc, address: &str| osc.number(&format!("/norm{address}"));
        for (strip, address) in [(0u8, "/ch/1/fader"), (1, "/ch/2/fader"), (2, "/bus/1/fader"), (8, "/main/fader")] {
            for surface in [&mut left, &mut right] {
                surface.eventually(address, |s| {
                    let norm = position(&mut osc, address);
                    let knee = f64::from(UNITY) / 16_383.0;
                    let at = if norm < 0.75 { norm / 0.75 * knee } else { knee + (norm - 0.75) / 0.25 * (1.0 - knee) };
                    // A unit's own hand is where it left it.
                    let own = s
                        .log
                        .iter()
                        .rev()
                        .find(|(_, _, m)| m[0] == 0xE0 | strip)
                        .map(|(_, _, m)| u16::from(m[1]) | u16::from(m[2]) << 7);
                    own.is_some_and(|own| f64::from(own) - at * 16_383.0 < 6.0 && at * 16_383.0 - f64::from(own) < 6.0)
                });
            }
        }
        for surface in [&mut left, &mut right] {
            surface.eventually("mutes", |s| {
                [1, 2].iter().all(|ch| {
                    let on = osc.number(&format!("/ch/{ch}/mute")) == 1.0;
                    s.lights.get(&(0x0F + *ch as u8)) == Some(&if on { 0x7F } else { 0 })
                })
            });
        }
    });
}

const CONTROLLERS: &str = r#"
name = "Controllers"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[midi.surface]]
port = "nanoKONTROL2"
kind = "nanokontrol2"
[[channel]]
name = "One"
[[channel]]
name = "Two"
[main]
[monitor]
"#;

#[test]
fn a_controller_with_a_map_takes_over_softly_shows_its_lights_and_learns() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, PERIOD);
        let state = dir.path().join("state").display().to_string();
        let rig = write(dir.path(), CONTROLLERS);
        let server = Headroom::spawn(&["run", &rig, "--state", &state, "--log", "info"]);
        let mut osc = server.osc();
        let mut nano = ControlSurface::plug("nanoKONTROL2");
        nano.eventually("its lights off", |s| (0..2).all(|n| s.controls.get(&(48 + n)) == Some(&0)));
        for at in [0, 30, 60] {
            nano.send(&[0xB0, 0, at]);
        }
        nano.send(&[0xB0, 48, 127]);
        nano.send(&[0xB0, 48, 0]);
        nano.eventually("the mute's light", |s| s.controls.get(&48) == Some(&127));
        assert_eq!(osc.number("/ch/1/fader"), 0.0, "it waits for its value");
        assert_eq!(osc.number("/ch/1/mute"), 1.0);
        for at in [90, 100, 110] {
            nano.send(&[0xB0, 0, at]);
        }
        // The last of the three: what is still on its way must not be taken for what is to be learned.
        eventually("the fader has its value", || osc.number("/norm/ch/1/fader") > 0.86);
        assert!(osc.number("/ch/1/fader") > 3.0);
        // Surfaces hear of it with everybody else, 30 times a second; nothing of this one shows that they have.
        std::thread::sleep(Duration::from_millis(300));
        osc.send("/ch/1/mute", [OscType::Int(0)]);
        nano.eventually("the light off", |s| s.controls.get(&48) == Some(&0));

        // A knob that the map does not know, and a parameter that moves on a tablet.
        osc.send("/midi/learn", []);
        eventually("it is to be learned", || {
            nano.send(&[0xB5, 70, 10]);
            nano.send(&[0xB5, 70, 12]);
            osc.send("/main/fader", [OscType::Float(-7.0)]);
            osc.send("/main/fader", [OscType::Float(-8.0)]);
            server.output().contains("learned")
        });
        let told = |osc: &mut headroom_e2e::Osc| {
            std::iter::from_fn(|| osc.receive(Duration::from_secs(5))).find(|m| m.addr == "/midi/learn").expect("an answer").args
        };
        let words: Vec<String> = told(&mut osc).into_iter().filter_map(OscType::string).collect();
        assert_eq!(words, ["nanoKONTROL2", "cc 70 on channel 6", "/main/fader"]);
        for at in [0, 60, 127] {
            nano.send(&[0xB5, 70, at]);
        }
        eventually("the knob moves main", || osc.number("/main/fader") == 10.0);
        assert!(server.stop().success());

        // It is still bound after a restart.
        let server = Headroom::spawn(&["run", &rig, "--state", &state, "--log", "warn"]);
        let mut osc = server.osc();
        eventually("the cable is back", || !jackd.connections("headroom:midi-nanokontrol2-in").is_empty());
        eventually("the knob moves main again", || {
            for at in [127, 60, 0] {
                nano.send(&[0xB5, 70, at]);
            }
            osc.number("/main/fader") == -144.0
        });
        // Forgotten, the knob does nothing.
        osc.command("/midi/forget", [OscType::String("nanoKONTROL2".into())]);
        nano.send(&[0xB5, 70, 127]);
        nano.send(&[0xB0, 49, 127]);
        eventually("what came after it", || osc.number("/ch/2/mute") == 1.0);
        assert_eq!(osc.number("/main/fader"), -144.0);
    });
}

#[test]
fn a_rig_that_is_read_again_gets_its_new_surface() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, PERIOD);
        let rig = write(dir.path(), CONTROLLERS);
        let server = Headroom::spawn(&["run", &rig, "--log", "warn"]);
        let mut osc = server.osc();
        let mut touch = ControlSurface::plug("X-Touch");
        write(dir.path(), &CONTROLLERS.replace("nanoKONTROL2", "X-Touch").replace("nanokontrol2", "mcu").replace("Two", "Drei"));
        osc.command("/rig/reload", []);
        greet(&mut touch);
        touch.eventually("the strips as they are now", |s| s.cell(0, 1) == "Drei" && s.faders.len() == 9);
        touch.press(0x11);
        eventually("its mute", || osc.number("/ch/2/mute") == 1.0);
    });
}

#[test]
fn a_surface_with_a_role_may_do_no_more_than_that() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start(48_000, PERIOD);
        let role = "[[role]]\nname = \"drummer\"\nwrite = [\"/ch/2/fader\"]\nread = [\"/ch/*/fader\", \"/ch/*/name\"]\n";
        let rig = CONTROLLERS
            .replace("nanoKONTROL2", "X-Touch")
            .replace("kind = \"nanokontrol2\"", "kind = \"mcu\"\nrole = \"drummer\"");
        let server = Headroom::spawn(&["run", &write(dir.path(), &format!("{rig}{role}")), "--log", "warn"]);
        let mut osc = server.osc();
        let mut touch = ControlSurface::plug("X-Touch");
        greet(&mut touch);
        touch.eventually("what it may read", |s| s.cell(0, 0) == "One" && is_near(s.faders.get(&0), UNITY));
        touch.move_fader(1, 3_000);
        touch.move_fader(0, 3_000);
        eventually("what it may write", || osc.number("/ch/2/fader") < -20.0);
        touch.eventually("the motor goes back", |s| is_near(s.faders.get(&0), UNITY));
        assert_eq!(osc.number("/ch/1/fader"), 0.0);
    });
}
