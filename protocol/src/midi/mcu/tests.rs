use super::*;
use crate::midi::panel::{Light, Ring, TOP};
use crate::midi::surface::{Options, Surface, UNITY};
use crate::midi::testing::{self, Noise, stage, tells};
use crate::midi::{MS, remote::Remote};
use crate::osc::encode::Arg;
use std::collections::BTreeMap;

/// A unit with its surface and a console, and what a player sees of it.
struct Rig {
    remote: Remote,
    surface: Surface,
    unit: Mcu,
    now: u64,
    /// All bytes sent to the unit since it was asked last.
    sent: Vec<u8>,
    faders: BTreeMap<usize, u16>,
    lights: BTreeMap<u8, u8>,
    rings: BTreeMap<u8, u8>,
    text: [u8; 112],
    meters: Vec<u8>,
}

impl Rig {
    fn new() -> Rig {
        Rig::with(Device::of_port("X-Touch"))
    }

    fn with(device: Device) -> Rig {
        let remote = stage();
        let surface = Surface::new(Options::default(), &remote);
        let mut rig = Rig {
            remote,
            surface,
            unit: Mcu::new(device, true),
            now: 1_000 * MS,
            sent: Vec::new(),
            faders: BTreeMap::new(),
            lights: BTreeMap::new(),
            rings: BTreeMap::new(),
            text: [b'.'; 112],
            meters: Vec::new(),
        };
        rig.unit.plugged(rig.now);
        rig.plays(&[0xF0, 0, 0, 0x66, 0x14, 0x01, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 0xF7]);
        rig.pass(1_000);
        rig
    }

    /// The player's bytes.
    fn plays(&mut self, bytes: &[u8]) {
        let mut inputs = Vec::new();
        self.unit.receive(bytes, self.now, &mut inputs);
        for input in inputs {
            self.surface.input(0, input, &mut self.remote, self.now);
        }
    }

    fn press(&mut self, note: u8) {
        self.plays(&[0x90, note, 0x7F]);
        self.pass(30);
        self.plays(&[0x90, note, 0x00]);
        self.pass(30);
    }

    fn key(&mut self, name: &str) {
        let note = table::KEYS.iter().find(|(_, key)| *key == name).unwrap_or_else(|| panic!("no key {name}")).0;
        self.press(note);
    }

    fn fader(&mut self, strip: u8, position: u16) {
        self.plays(&Message::Bend { channel: strip, value: position }.bytes());
    }

    /// Time passes, in steps of a millisecond.
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += MS;
            let pictures = self.surface.pictures(&self.remote, self.now, (12, 34, 56));
            self.unit.show(&pictures[0]);
            let mut out = Vec::new();
            while self.unit.next(self.now, &mut out) {}
            self.shows(&out);
            self.sent.extend(out);
        }
    }

    /// The unit shows what it is sent.
    fn shows(&mut self, bytes: &[u8]) {
        Parser::default().read(bytes, |message| match message {
            Message::Bend { channel, value } => drop(self.faders.insert(channel.into(), value)),
            Message::Note { key, velocity, .. } => drop(self.lights.insert(key, velocity)),
            Message::Control { number, value, .. } => drop(self.rings.insert(number, value)),
            Message::Pressure { value, .. } => self.meters.push(value),
            Message::Sysex([0, 0, 0x66, 0x14, 0x12, offset, text @ ..]) => {
                self.text[usize::from(*offset)..][..text.len()].copy_from_slice(text);
            }
            _ => {}
        });
    }

    fn cell(&self, line: usize, strip: usize) -> &str {
        std::str::from_utf8(&self.text[line * 56 + strip * 7..][..7]).unwrap().trim_end()
    }

    fn value(&self, address: &str) -> f64 {
        testing::value(&self.remote, address)
    }

    fn elsewhere(&mut self, address: &str, arg: impl Into<Arg>) {
        tells(&mut self.remote, address, arg.into());
    }

    fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sent)
    }
}

#[test]
fn a_unit_that_answers_is_drawn_once() {
    let mut rig = Rig::new();
    assert_eq!(rig.faders.len(), 9);
    assert!(rig.faders.values().all(|at| at.abs_diff(UNITY) <= 1), "{:?}", rig.faders);
    assert_eq!((rig.cell(0, 0), rig.cell(1, 0)), ("INPUT1", "C"));
    assert_eq!(rig.lights[&0x2A], 127, "pan is assigned");
    assert_eq!(rig.rings[&0x30], 0x56, "pan in the centre");
    let drawn = rig.take_sent().len();
    assert!(drawn < 900, "{drawn} bytes");
    rig.pass(2_000);
    assert!(rig.take_sent().is_empty(), "nothing is sent twice");
}

#[test]
fn a_unit_that_never_answers_is_served_all_the_same() {
    let mut rig = Rig::new();
    rig.unit.unplugged();
    rig.take_sent();
    rig.pass(100);
    assert!(rig.take_sent().is_empty(), "nothing into a loose cable");
    rig.unit.plugged(rig.now);
    rig.faders.clear();
    rig.pass(1_000);
    assert!(!rig.unit.is_present());
    assert_eq!(rig.faders.len(), 9);
    rig.press(0x10);
    assert!(rig.unit.is_present());
}

#[test]
fn every_ready_repaints_everything() {
    let mut rig = Rig::new();
    for ready in [&b"\xF0\0\0\x66\x14\x01\xF7"[..], b"\xF0\0\0\x66\x14\x06\0\xF7"] {
        (rig.faders, rig.text) = (BTreeMap::new(), [b'.'; 112]);
        rig.lights.clear();
        rig.plays(ready);
        rig.pass(1_000);
        assert_eq!(rig.faders.len(), 9);
        assert!(!rig.text.contains(&b'.'));
        assert!(rig.lights.len() > 90, "{}", rig.lights.len());
    }
}

#[test]
fn a_fader_moves_its_strip_and_is_not_answered_while_it_is_held() {
    let mut rig = Rig::new();
    rig.take_sent();
    rig.plays(&[0x90, 0x68, 0x7F]);
    for position in [12_000, 9_000, 6_000, 4_000] {
        rig.fader(0, position);
        rig.pass(20);
    }
    let held = rig.value("/ch/1/fader");
    assert!(held < -15.0, "{held}");
    rig.elsewhere("/ch/1/fader", 3.0f32);
    rig.pass(500);
    let mut bends = 0;
    Parser::default().read(&rig.take_sent(), |m| bends += usize::from(matches!(m, Message::Bend { channel: 0, .. })));
    assert_eq!(bends, 0, "the motor leaves the hand alone");
    rig.plays(&[0x90, 0x68, 0x00]);
    rig.pass(50);
    assert!(rig.faders[&0] > UNITY, "let go, it goes where the value is");
    let mut bends = 0;
    Parser::default().read(&rig.take_sent(), |m| bends += usize::from(matches!(m, Message::Bend { channel: 0, .. })));
    assert_eq!(bends, 1, "once");
}

#[test]
fn a_move_without_touch_is_confirmed_when_it_is_over() {
    let mut rig = Rig::with(Device::of_port("BCF2000"));
    rig.take_sent();
    for position in (4_000..12_000).step_by(100) {
        rig.fader(2, position);
        rig.pass(5);
    }
    assert!(rig.take_sent().is_empty(), "no echo under the hand");
    rig.pass(400);
    let Some(last) = rig.faders.get(&2) else { panic!("confirmed") };
    assert!(last.abs_diff(11_900) <= 1, "{last}");
}

#[test]
fn unity_and_the_ends_are_met() {
    let mut rig = Rig::new();
    for (position, db) in [(0, -144.0), (UNITY, 0.0), (UNITY - 10, 0.0), (TOP, 10.0), (16_370, 10.0)] {
        rig.fader(0, position);
        assert_eq!(rig.value("/ch/1/fader"), db, "{position}");
    }
    let mut last = -145.0;
    for position in (0..=TOP).step_by(16) {
        rig.fader(1, position);
        let db = rig.value("/ch/2/fader");
        assert!(db >= last, "{position}: {db} after {last}");
        last = db;
    }
}

#[test]
fn what_changes_elsewhere_moves_motors_within_20_ms() {
    let mut rig = Rig::new();
    for strip in 0..8 {
        rig.elsewhere(&format!("/ch/{}/fader", strip + 1), -20.0f32);
    }
    rig.elsewhere("/main/fader", -20.0f32);
    rig.faders.clear();
    rig.pass(20);
    assert_eq!(rig.faders.len(), 9, "{:?}", rig.faders);
    assert!(rig.faders.values().all(|at| *at < 9_000));
}

#[test]
fn buttons_are_answered_while_nine_faders_move() {
    let mut rig = Rig::new();
    for round in 0..100 {
        for strip in 0..8 {
            rig.elsewhere(&format!("/ch/{}/fader", strip + 1), -(round as f32) / 2.0);
        }
        rig.elsewhere("/main/fader", -(round as f32) / 3.0);
        if round == 50 {
            rig.plays(&[0x90, 0x12, 0x7F]);
        }
        rig.pass(10);
        if round == 51 {
            assert_eq!(rig.lights[&0x12], 127, "within 20 ms");
        }
    }
    rig.pass(30);
    let last = rig.faders.clone();
    rig.pass(500);
    assert_eq!(rig.faders, last, "the last position was not lost");
}

#[test]
fn the_last_bit_of_jitter_is_not_fed_back() {
    let mut rig = Rig::new();
    rig.pass(100);
    rig.take_sent();
    for db in [0.005f32, -0.005, 0.0, 0.004] {
        rig.elsewhere("/ch/1/fader", db);
        rig.pass(50);
    }
    let mut bends = 0;
    Parser::default().read(&rig.take_sent(), |m| bends += usize::from(matches!(m, Message::Bend { .. })));
    assert_eq!(bends, 0);
}

#[test]
fn pages_turn_to_the_ends_and_blank_what_is_not_there() {
    let mut rig = Rig::new();
    rig.key("view_inputs");
    rig.key("bank_right");
    rig.key("bank_right");
    rig.key("bank_right");
    rig.pass(400);
    assert_eq!((rig.cell(0, 0), rig.cell(0, 3), rig.cell(0, 4)), ("INPU17", "INPU20", ""));
    assert_eq!((rig.faders[&4], rig.rings[&0x34]), (0, 0));
    rig.key("channel_left");
    rig.pass(400);
    assert_eq!(rig.cell(0, 0), "INPU16");
    rig.key("bank_left");
    rig.key("bank_left");
    rig.key("bank_left");
    rig.pass(400);
    assert_eq!(rig.cell(0, 0), "INPUT1");
}

#[test]
fn a_page_that_turns_under_a_hand_does_not_make_another_strip_jump() {
    let mut rig = Rig::new();
    rig.plays(&[0x90, 0x68, 0x7F]);
    rig.fader(0, 6_000);
    rig.key("bank_right");
    rig.fader(0, 5_000);
    rig.pass(50);
    assert_eq!(rig.value("/ch/9/fader"), 0.0);
    rig.plays(&[0x90, 0x68, 0x00]);
    rig.pass(50);
    assert!(rig.faders[&0].abs_diff(UNITY) <= 1);
    rig.plays(&[0x90, 0x68, 0x7F]);
    rig.fader(0, 5_000);
    assert!(rig.value("/ch/9/fader") < -10.0);
}

#[test]
fn sends_on_faders() {
    let mut rig = Rig::new();
    rig.key("assign_send");
    rig.key("flip");
    rig.pass(300);
    assert_eq!((rig.faders[&0], rig.lights[&0x32], rig.lights[&0x29]), (0, 127, 127));
    rig.fader(0, UNITY);
    assert_eq!((rig.value("/ch/1/send/1/level"), rig.value("/ch/1/fader")), (0.0, 0.0));
    rig.fader(0, 3_000);
    rig.key("assign_send");
    rig.pass(300);
    assert_eq!(rig.faders[&0], 0, "another bus");
    rig.fader(8, 5_000);
    assert!(rig.value("/bus/2/fader") < -10.0, "the master is the bus");
    rig.press(0x01);
    assert_eq!(rig.value("/ch/2/send/2/on"), 0.0, "rec turns the send off");
    rig.key("flip");
    rig.pass(300);
    assert_eq!((rig.faders[&0].abs_diff(UNITY) <= 1, rig.lights[&0x32]), (true, 0));
}

#[test]
fn the_selected_strip_is_laid_out() {
    let mut rig = Rig::new();
    rig.press(0x19);
    assert_eq!((rig.lights[&0x18], rig.lights[&0x19]), (0, 127));
    rig.key("assign_eq");
    rig.pass(400);
    assert_eq!((rig.cell(0, 0), rig.cell(0, 1), rig.cell(1, 1)), ("hpf", "freq", "80Hz"));
    rig.plays(&[0xB0, 0x11, 0x05]);
    assert!(rig.value("/ch/2/hpf/freq") > 90.0);
    rig.press(0x20);
    assert_eq!(rig.value("/ch/2/hpf/on"), 1.0);
    rig.press(0x21);
    assert_eq!(rig.value("/ch/2/hpf/freq"), 80.0, "a push goes back to the default");
    rig.key("cursor_right");
    rig.pass(400);
    assert_eq!(rig.cell(0, 1), "1 freq");
    rig.key("assign_plugin");
    rig.pass(400);
    assert_eq!((rig.cell(0, 3), rig.cell(1, 3), rig.cell(0, 2)), ("eq", "on", "gate"));
    rig.press(0x22);
    rig.pass(400);
    assert_eq!(rig.cell(0, 1), "thrshl");
}

#[test]
fn select_follows_the_page() {
    let mut rig = Rig::new();
    rig.press(0x1A);
    rig.key("bank_right");
    rig.pass(100);
    assert!((0x18..0x20).all(|note| rig.lights[&note] == 0));
    rig.key("bank_left");
    rig.pass(100);
    assert_eq!(rig.lights[&0x1A], 127);
}

#[test]
fn mutes_of_a_dca_blink() {
    let mut rig = Rig::new();
    rig.elsewhere("/ch/3/dca/2", 1);
    rig.elsewhere("/dca/2/mute", 1);
    rig.pass(50);
    assert_eq!((rig.lights[&0x12], rig.lights[&0x11]), (1, 0));
    rig.press(0x12);
    assert_eq!(rig.lights[&0x12], 127);
    assert_eq!(rig.value("/ch/3/mute"), 1.0);
}

#[test]
fn a_value_is_shown_while_it_moves() {
    let mut rig = Rig::new();
    rig.fader(1, 6_000);
    rig.pass(100);
    assert!(rig.cell(1, 1).starts_with('-'), "{}", rig.cell(1, 1));
    rig.pass(1_500);
    assert_eq!(rig.cell(1, 1), "C");
}

#[test]
fn meters_are_sent_while_there_is_sound_and_end_with_a_zero() {
    let mut rig = Rig::new();
    rig.pass(1_000);
    assert!(rig.meters.is_empty());
    rig.elsewhere("/ch/2/meter/out", -9.0f32);
    rig.pass(200);
    assert!(rig.meters.len() >= 3 && rig.meters.iter().all(|m| *m == 0x17), "{:?}", rig.meters);
    rig.elsewhere("/ch/2/meter/out", -144.0f32);
    rig.meters.clear();
    rig.pass(1_000);
    assert_eq!(rig.meters, [0x10]);
    rig.elsewhere("/ch/1/meter/out", 1.0f32);
    rig.pass(100);
    assert!(rig.meters.contains(&0x0E), "overload is marked");
    rig.elsewhere("/ch/1/meter/out", -144.0f32);
    rig.pass(2_500);
    assert_eq!(rig.meters.last(), Some(&0x0F), "and the mark is taken back");
}

#[test]
fn the_time_of_day_and_the_assignment() {
    let mut rig = Rig::new();
    let read = |rig: &Rig| -> String {
        (0..12)
            .map(|n| rig.rings[&(0x4B - n)])
            .map(|v| char::from(if v & 0x3F < 0x20 { (v & 0x3F) + 0x40 } else { v & 0x3F }))
            .collect()
    };
    assert_eq!(read(&rig), "PN 123456   ");
    rig.key("smpte_beats");
    rig.elsewhere("/main/loudness/momentary", -14.2f32);
    rig.pass(200);
    assert_eq!(read(&rig), "PN   -142 LU");
    assert_eq!((rig.lights[&0x71], rig.lights[&0x72]), (0, 127));
}

#[test]
fn the_wheel_moves_what_was_moved_last() {
    let mut rig = Rig::new();
    rig.plays(&[0xB0, 0x10, 0x03]);
    let before = rig.value("/ch/1/pan");
    assert!(before > 0.0);
    rig.plays(&[0xB0, 0x3C, 0x41]);
    assert!(rig.value("/ch/1/pan") < before);
    rig.plays(&[0xB0, 0x3C, 0x42]);
    assert_eq!(rig.value("/ch/1/pan"), 0.0, "the centre is met");
}

#[test]
fn colours_in_the_words_of_the_unit() {
    let mut rig = Rig::new();
    rig.elsewhere("/ch/1/color", "red");
    rig.elsewhere("/ch/2/color", "#0000ff");
    rig.take_sent();
    rig.pass(100);
    let expected = b"\xF0\0\0\x66\x14\x72\x01\x04\x07\x07\x07\x07\x07\x07\xF7";
    assert!(rig.take_sent().windows(expected.len()).any(|w| w == expected));
    let mut icon = Rig::with(Device::of_port("iCON V1-M"));
    icon.elsewhere("/ch/1/color", "red");
    icon.take_sent();
    icon.pass(100);
    assert!(icon.take_sent().starts_with(b"\xF0\0\x02\x4E\x16\x14\x7F\0\0\x7F\x7F\x7F"));
}

#[test]
fn every_key_of_the_table_comes_in_and_lights() {
    for (note, name) in table::KEYS {
        let message = Message::Note { channel: 0, key: *note, velocity: 127 };
        assert_eq!(input(&message), Some(Input::Press(Button::Key(name), true)));
        let mut unit = Mcu::new(Device::of_port(""), true);
        unit.plugged(0);
        unit.receive(&[0x90, 0x00, 0x00], 0, &mut Vec::new());
        let mut picture = Picture::default();
        unit.show(&picture);
        let mut now = 400 * MS;
        let drain = |unit: &mut Mcu, now: &mut u64| {
            let mut out = Vec::new();
            for _ in 0..2_000 {
                *now += MS;
                while unit.next(*now, &mut out) {}
            }
            out
        };
        drain(&mut unit, &mut now);
        picture.keys.insert(name, Light::On);
        unit.show(&picture);
        assert_eq!(drain(&mut unit, &mut now), [0x90, *note, 127], "{name}");
    }
}

#[test]
fn rings_have_four_modes() {
    let mut unit = Mcu::new(Device::of_port(""), false);
    unit.plugged(0);
    let rings = [
        Ring::Dark,
        Ring::Dot(0.0),
        Ring::Dot(1.0),
        Ring::Centre(0.5),
        Ring::Centre(0.0),
        Ring::Fill(0.0),
        Ring::Fill(0.5),
        Ring::Fill(1.0),
    ];
    let picture = Picture { rings, ..Picture::default() };
    unit.show(&picture);
    let mut rings = [0xFF; 8];
    for now in 400..2_000 {
        let mut out = Vec::new();
        while unit.next(now * MS, &mut out) {}
        Parser::default().read(&out, |m| {
            if let Message::Control { number: n @ 0x30..0x38, value, .. } = m {
                rings[usize::from(n - 0x30)] = value;
            }
        });
    }
    assert_eq!(rings, [0x00, 0x01, 0x0B, 0x56, 0x11, 0x00, 0x26, 0x2B]);
}

#[test]
fn an_extender_has_strips_alone() {
    let remote = stage();
    let options = Options { panels: 2, main: 1, ..Options::default() };
    let mut surface = Surface::new(options, &remote);
    let pictures = surface.pictures(&remote, 0, (0, 0, 0));
    assert_eq!((pictures[0].cell(0, 0), pictures[1].cell(0, 0)), ("INPUT1".into(), "INPUT9".into()));
    assert_eq!((pictures[0].faders[MASTER], pictures[1].faders[MASTER].is_some()), (None, true));
    let mut remote = remote;
    surface.input(1, Input::Press(Button::Key("bank_right"), true), &mut remote, 0);
    let pictures = surface.pictures(&remote, 0, (0, 0, 0));
    assert_eq!(pictures[0].cell(0, 0), "INPU17", "a page is as wide as the row");
    surface.input(0, Input::Fader(0, 0), &mut remote, MS);
    assert_eq!(testing::value(&remote, "/ch/17/fader"), -144.0);
    let mut unit = Mcu::new(Device::of_port("X-Touch-Ext"), false);
    unit.plugged(0);
    unit.show(&pictures[0]);
    let mut out = Vec::new();
    for now in 0..2_000 {
        while unit.next(now * MS, &mut out) {}
    }
    Parser::default().read(&out, |message| match message {
        Message::Bend { channel, .. } => assert!(channel < 8),
        Message::Note { key, .. } => assert!(key < 0x20),
        Message::Sysex(bytes) => assert_eq!(bytes[3], 0x15),
        _ => {}
    });
}

#[test]
fn meters_are_switched_on_in_the_display() {
    let rig = Rig::new();
    let mut modes = Vec::new();
    Parser::default().read(&rig.sent, |message| {
        if let Message::Sysex([0, 0, 0x66, 0x14, command @ (0x20 | 0x21), data @ ..]) = message {
            modes.push((*command, data.to_vec()));
        }
    });
    modes.sort();
    let strips = (0..8).map(|strip| (0x20, vec![strip, 0x07]));
    assert_eq!(modes, strips.chain([(0x21, vec![0x01])]).collect::<Vec<_>>());
}

#[test]
fn a_unit_of_one_strip_is_sent_no_other() {
    let mut unit = Mcu::new(Device::of_port("X-Touch One"), true);
    unit.plugged(0);
    unit.show(&Picture { faders: [Some(9_000); 9], meters: [-3.0; 8], ..Picture::default() });
    let (mut out, mut keys) = (Vec::new(), 0);
    for now in 0..3_000 {
        while unit.next(now * MS, &mut out) {}
    }
    Parser::default().read(&out, |message| match message {
        Message::Bend { channel, .. } => assert_eq!(channel, 0),
        Message::Note { key: key @ 0..0x20, .. } => assert_eq!(key & 7, 0),
        Message::Note { .. } => keys += 1,
        Message::Control { number: number @ 0x30..0x40, .. } => assert_eq!(number, 0x30),
        Message::Pressure { value, .. } => assert_eq!(value >> 4, 0),
        Message::Sysex([0, 0, 0x66, 0x14, 0x12, offset, ..]) => assert!(offset % 56 < 7, "{offset}"),
        _ => {}
    });
    assert!(keys > 60, "{keys} lights of keys");
}

#[test]
fn ten_million_bytes_of_noise_and_the_next_message_is_understood() {
    let mut noise = Noise(1);
    let mut unit = Mcu::new(Device::of_port("X-Touch"), true);
    unit.plugged(0);
    let mut inputs = Vec::new();
    for round in 0..1_000u64 {
        unit.receive(&noise.bytes(10_000), round * MS, &mut inputs);
        inputs.clear();
        unit.receive(&[0x90, 0x5E, 0x7F], round * MS, &mut inputs);
        assert_eq!(inputs, [Input::Press(Button::Key("play"), true)], "round {round}");
    }
}

#[test]
fn noise_does_what_hands_could_do_and_no_more() {
    let mut noise = Noise(2);
    let mut rig = Rig::new();
    for _ in 0..60 {
        rig.plays(&noise.bytes(5_000));
        rig.remote.take_wishes();
        rig.pass(20);
    }
    rig.plays(b"\xF0\0\0\x66\x14\x01\xF7");
    rig.pass(1_000);
    assert_eq!(rig.faders.len(), 9);
}
