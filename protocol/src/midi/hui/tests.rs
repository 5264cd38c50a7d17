use super::*;
use crate::midi::surface::{Options, Surface, UNITY};
use crate::midi::testing::{Noise, stage, tells, value};
use crate::midi::{controller::Controller, controller::Row, remote::Remote};
use crate::osc::encode::Arg;
use std::collections::BTreeMap;

struct Rig {
    remote: Remote,
    row: Row,
    now: u64,
    pings: usize,
    controls: BTreeMap<u8, u8>,
    lights: BTreeMap<(u8, u8), bool>,
    sysex: Vec<Vec<u8>>,
    meters: Vec<u8>,
    zone: u8,
}

impl Rig {
    fn new() -> Rig {
        let remote = stage();
        let surface = Surface::new(Options::default(), &remote);
        let mut rig = Rig {
            row: Row::new(surface, vec![Box::new(Hui::default())]),
            remote,
            now: 1_000 * MS,
            pings: 0,
            controls: BTreeMap::new(),
            lights: BTreeMap::new(),
            sysex: Vec::new(),
            meters: Vec::new(),
            zone: 0,
        };
        rig.row.plugged(0, rig.now);
        rig.pass(1_500);
        rig
    }

    fn plays(&mut self, bytes: &[u8]) {
        self.row.receive(0, bytes, &mut self.remote, self.now);
    }

    fn press(&mut self, zone: u8, port: u8) {
        self.plays(&[0xB0, 0x0F, zone, 0xB0, 0x2F, 0x40 | port]);
        self.plays(&[0xB0, 0x0F, zone, 0xB0, 0x2F, port]);
        self.pass(100);
    }

    fn fader(&mut self, strip: u8, position: u16) {
        self.plays(&[0xB0, strip, (position >> 7) as u8, 0xB0, 0x20 + strip, (position & 0x7F) as u8]);
    }

    fn motor(&self, strip: u8) -> u16 {
        u16::from(self.controls[&strip]) << 7 | u16::from(self.controls[&(0x20 + strip)])
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += MS;
            self.row.draw(&self.remote, self.now, (1, 2, 3));
            let mut out = Vec::new();
            while self.row.next(0, self.now, &mut out) {}
            Parser::default().read(&out, |message| match message {
                Message::Note { key: 0, velocity: 0, .. } => self.pings += 1,
                Message::Control { number: 0x0C, value, .. } => self.zone = value,
                Message::Control { number: 0x2C, value, .. } => {
                    self.lights.insert((self.zone, value & 0x0F), value & 0x40 != 0);
                }
                Message::Control { number, value, .. } => drop(self.controls.insert(number, value)),
                Message::KeyPressure { key: 0, value, .. } => self.meters.push(value),
                Message::Sysex(bytes) => self.sysex.push(bytes.to_vec()),
                _ => {}
            });
        }
    }
}

#[test]
fn it_is_pinged_once_a_second_and_drawn() {
    let mut rig = Rig::new();
    rig.pass(3_000);
    assert_eq!(rig.pings, 5);
    assert!(!rig.row.is_present(0));
    rig.plays(&[0x90, 0x00, 0x7F]);
    assert!(rig.row.is_present(0));
    assert!(rig.motor(0).abs_diff(UNITY) <= 1);
    assert!(rig.sysex.contains(&b"\0\0\x66\x05\0\x10\0INP1".to_vec()), "{:?}", rig.sysex);
    assert!(rig.sysex.contains(&b"\0\0\x66\x05\0\x12\0INP1 INP2 ".to_vec()));
    assert!(rig.lights[&(0x0B, 2)], "pan");
}

#[test]
fn faders_and_switches_both_ways() {
    let mut rig = Rig::new();
    rig.plays(&[0xB0, 0x0F, 0x00, 0xB0, 0x2F, 0x40]);
    rig.fader(0, 6_000);
    assert!(value(&rig.remote, "/ch/1/fader") < -10.0);
    tells(&mut rig.remote, "/ch/1/fader", Arg::Float(0.0));
    rig.pass(300);
    assert!(rig.motor(0).abs_diff(UNITY) <= 1, "as it was drawn: the hand is left alone");
    rig.plays(&[0xB0, 0x0F, 0x00, 0xB0, 0x2F, 0x00]);
    rig.pass(50);
    assert!(rig.motor(0).abs_diff(UNITY) <= 1);
    rig.press(2, MUTE);
    assert_eq!((value(&rig.remote, "/ch/3/mute"), rig.lights[&(2, MUTE)]), (1.0, true));
    rig.press(0x0A, 3);
    rig.press(2, SOLO);
    assert_eq!(value(&rig.remote, "/ch/11/solo"), 1.0);
    assert!(rig.lights[&(0x16, 3)], "rude solo");
}

#[test]
fn an_encoder_turns_the_other_way_round() {
    let mut rig = Rig::new();
    rig.plays(&[0xB0, 0x40, 0x42]);
    assert!(value(&rig.remote, "/ch/1/pan") > 0.0);
    rig.plays(&[0xB0, 0x40, 0x02]);
    assert_eq!(value(&rig.remote, "/ch/1/pan"), 0.0);
}

#[test]
fn a_lost_half_does_no_harm() {
    let mut rig = Rig::new();
    // A port without its zone means the zone before; a zone without a port means nothing.
    rig.plays(&[0xB0, 0x0F, 0x01, 0xB0, 0x0F, 0x02, 0xB0, 0x2F, 0x40 | MUTE]);
    assert_eq!((value(&rig.remote, "/ch/2/mute"), value(&rig.remote, "/ch/3/mute")), (0.0, 1.0));
    rig.plays(&[0xB0, 0x20, 0x05]);
    rig.plays(&[0xB0, 0x2F, 0x4F, 0xB0, 0x0F, 0x7F, 0xB0, 0x2F, 0x7F]);
    rig.press(1, MUTE);
    assert_eq!(value(&rig.remote, "/ch/2/mute"), 1.0);
}

#[test]
fn one_that_was_switched_off_is_drawn_anew() {
    let mut rig = Rig::new();
    rig.plays(&[0x90, 0x00, 0x7F]);
    rig.controls.clear();
    rig.pass(5_000);
    assert!(rig.controls.is_empty());
    rig.plays(&[0x90, 0x00, 0x7F]);
    rig.pass(500);
    assert!(rig.controls.contains_key(&0x27));
}

#[test]
fn meters_and_ten_million_bytes_of_noise() {
    let mut rig = Rig::new();
    tells(&mut rig.remote, "/ch/1/meter/out", Arg::Float(-9.0));
    rig.pass(150);
    assert!(rig.meters.ends_with(&[0x07, 0x17]), "{:x?}", rig.meters);
    let mut noise = Noise(7);
    for _ in 0..50 {
        rig.plays(&noise.bytes(4_000));
        rig.remote.take_wishes();
        rig.pass(5);
    }
    let mut unit = Hui::default();
    let mut inputs = Vec::new();
    unit.plugged(0);
    for round in 0..1_000u64 {
        unit.receive(&noise.bytes(10_000), round * MS, &mut inputs);
        inputs.clear();
        unit.receive(&[0xF0, 1, 2, 0xB0, 0x0F, 0x03, 0xB0, 0x2F, 0x40 | MUTE], round * MS, &mut inputs);
        assert_eq!(inputs, [Input::Press(Button::Mute(3), true)], "round {round}");
    }
}
