use super::*;
use crate::midi::map::Relative;
use crate::midi::testing::{Noise, stage, tells, value, wishes};

fn control(source: Source, kind: Kind, address: &str, strip: usize, shows: Option<Shows>) -> Control {
    Control { source, shift: false, kind, does: Does::Move { address: address.into(), strip }, shows }
}

fn same(source: Source, high: u16, motor: bool) -> Option<Shows> {
    Some(Shows { source, low: 0, high, motor })
}

struct Rig {
    remote: Remote,
    deck: Deck,
    now: u64,
}

impl Rig {
    fn new(controls: Vec<Control>) -> Rig {
        let remote = stage();
        let map = Map { strips: 8, controls, layer: Some(Layer::Channels), ..Map::default() };
        let deck = Deck::new(Arc::new(map), Vec::new(), None, None, &remote);
        let mut rig = Rig { remote, deck, now: 1_000 * MS };
        rig.deck.plugged(0, rig.now);
        rig
    }

    fn plays(&mut self, bytes: &[u8]) {
        self.now += MS;
        self.deck.receive(0, bytes, &mut self.remote, self.now);
    }

    /// What is sent within this time.
    fn shows(&mut self, ms: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..ms {
            self.now += MS;
            self.deck.draw(&self.remote, self.now, (0, 0, 0));
            while self.deck.next(0, self.now, &mut out) {}
        }
        out
    }

    fn value(&self, address: &str) -> f64 {
        value(&self.remote, address)
    }
}

const PICKUP: Kind = Kind::Absolute(Some(Mode::Pickup));

#[test]
fn a_fader_without_a_motor_is_caught_on_each_page_anew() {
    let next = Control { does: Does::Page(PAGE), ..control(Source::Note(0, 60), Kind::Edge, "", 0, None) };
    let mut rig = Rig::new(vec![control(Source::Control(0, 7), PICKUP, "/{strip}/fader", 0, None), next]);
    for at in [0, 40, 80] {
        rig.plays(&[0xB0, 7, at]);
    }
    assert_eq!(rig.value("/ch/1/fader"), 0.0, "it has not reached 0 dB yet");
    rig.plays(&[0xB0, 7, 100]);
    rig.plays(&[0xB0, 7, 127]);
    assert_eq!(rig.value("/ch/1/fader"), 10.0);
    rig.plays(&[0x90, 60, 127]);
    rig.plays(&[0xB0, 7, 120]);
    assert_eq!(rig.value("/ch/9/fader"), 0.0);
    rig.plays(&[0xB0, 7, 90]);
    assert!(rig.value("/ch/9/fader") < 0.0, "it crossed");
    rig.plays(&[0xB0, 7, 95]);
    assert_eq!(rig.value("/ch/1/fader"), 10.0);
}

#[test]
fn a_motor_is_left_alone_under_the_hand_and_confirmed_after() {
    let fader = Source::Control(0, 1);
    let mut rig = Rig::new(vec![control(fader, Kind::Absolute(None), "/{strip}/fader", 0, same(fader, 127, true))]);
    assert_eq!(rig.shows(10), [0xB0, 1, 95]);
    rig.plays(&[0xB0, 1, 20]);
    assert!(rig.shows(200).is_empty());
    assert_eq!(rig.shows(200), [0xB0, 1, 20]);
    tells(&mut rig.remote, "/ch/1/fader", Arg::Float(10.0));
    assert_eq!(rig.shows(10), [0xB0, 1, 127]);
    assert!(rig.shows(500).is_empty(), "nothing twice");
}

#[test]
fn buttons_act_on_the_edge_or_follow_the_value() {
    let (edge, level) = (Source::Note(0, 1), Source::Note(0, 2));
    let mut rig = Rig::new(vec![
        control(edge, Kind::Edge, "/{strip}/mute", 0, same(edge, 127, false)),
        control(level, Kind::Level, "/{strip}/mute", 1, same(level, 5, false)),
    ]);
    rig.shows(10);
    rig.plays(&[0x90, 1, 127, 1, 0]);
    rig.plays(&[0x90, 2, 127]);
    assert_eq!((rig.value("/ch/1/mute"), rig.value("/ch/2/mute")), (1.0, 1.0));
    assert_eq!(rig.shows(10), [0x90, 1, 127, 0x90, 2, 5]);
    rig.plays(&[0x90, 2, 0]);
    rig.plays(&[0x90, 1, 127, 1, 0]);
    assert_eq!((rig.value("/ch/1/mute"), rig.value("/ch/2/mute")), (0.0, 0.0));
}

#[test]
fn relative_encoders_nrpn_bend_and_program_changes() {
    let pan = "/{strip}/pan";
    let mut rig = Rig::new(vec![
        control(Source::Control(0, 20), Kind::Relative(Relative::Offset), pan, 0, None),
        control(Source::Nrpn(0, 300), Kind::Absolute(Some(Mode::Jump)), pan, 1, None),
        control(Source::Bend(2), Kind::Absolute(Some(Mode::Jump)), pan, 2, None),
        control(Source::Fine(0, 7), Kind::Absolute(Some(Mode::Jump)), pan, 3, None),
        Control {
            does: Does::Act { text: "/scene/go".into(), strip: 0 },
            ..control(Source::Program(0, 4), Kind::Edge, "", 0, None)
        },
    ]);
    rig.plays(&[0xB0, 20, 69]);
    assert!(rig.value("/ch/1/pan") > 0.05);
    rig.plays(&[0xB0, 99, 2, 98, 44, 6, 127, 38, 127]);
    assert_eq!(rig.value("/ch/2/pan"), 1.0);
    rig.plays(&[0xE2, 0, 0]);
    assert_eq!(rig.value("/ch/3/pan"), -1.0);
    rig.plays(&[0xB0, 7, 96, 39, 0]);
    assert!((rig.value("/ch/4/pan") - 0.5).abs() < 1e-3);
    wishes(&mut rig.remote);
    rig.plays(&[0xC0, 4]);
    assert_eq!(wishes(&mut rig.remote), [("/scene/go".to_owned(), None)]);
}

#[test]
fn a_shift_layer_takes_the_place_of_the_other() {
    let key = Source::Note(0, 1);
    let mut shifted = control(key, Kind::Edge, "/{strip}/solo", 0, same(key, 127, false));
    shifted.shift = true;
    let shift = Control { does: Does::Shift, ..control(Source::Note(0, 27), Kind::Level, "", 0, None) };
    let mut rig = Rig::new(vec![control(key, Kind::Edge, "/{strip}/mute", 0, same(key, 127, false)), shifted, shift]);
    rig.plays(&[0x90, 1, 127, 1, 0]);
    assert_eq!(rig.shows(10), [0x90, 1, 127]);
    rig.plays(&[0x90, 27, 127]);
    assert_eq!(rig.shows(10), [0x90, 1, 0], "the light means solo now");
    rig.plays(&[0x90, 1, 127, 1, 0]);
    assert_eq!((rig.value("/ch/1/solo"), rig.value("/ch/1/mute")), (1.0, 1.0));
    rig.plays(&[0x90, 27, 0]);
    rig.plays(&[0x90, 1, 127, 1, 0]);
    assert_eq!((rig.value("/ch/1/solo"), rig.value("/ch/1/mute")), (1.0, 0.0));
}

#[test]
fn a_pattern_moves_all_that_it_reaches() {
    let mut rig = Rig::new(vec![control(Source::Note(0, 1), Kind::Edge, "/ch/*/mute", 0, None)]);
    wishes(&mut rig.remote);
    rig.plays(&[0x90, 1, 127]);
    assert_eq!(wishes(&mut rig.remote).last(), Some(&("/norm/ch/*/mute".to_owned(), Some(1.0))));
}

#[test]
fn the_selected_strip_and_its_light() {
    let select = Source::Note(0, 3);
    let mut rig = Rig::new(vec![
        Control { does: Does::Select(1), ..control(select, Kind::Edge, "", 1, same(select, 127, false)) },
        control(Source::Control(0, 9), Kind::Relative(Relative::Twos), "/{selected}/trim", 0, None),
    ]);
    rig.plays(&[0xB0, 9, 1]);
    assert!(rig.value("/ch/1/trim") > 0.0);
    assert_eq!(rig.shows(10), [0x90, 3, 0]);
    rig.plays(&[0x90, 3, 127]);
    rig.plays(&[0xB0, 9, 127]);
    assert!(rig.value("/ch/2/trim") < 0.0);
    assert_eq!(rig.shows(10), [0x90, 3, 127]);
}

#[test]
fn init_comes_first_and_again_after_every_plug() {
    let mut rig =
        Rig::new(vec![control(Source::Note(0, 1), Kind::Edge, "/{strip}/mute", 0, same(Source::Note(0, 1), 127, false))]);
    let map = Map { init: vec![vec![0xF0, 1, 0xF7]], ..(*rig.deck.map).clone() };
    rig.deck.map = Arc::new(map);
    assert_eq!(rig.shows(20), [0xF0, 1, 0xF7, 0x90, 1, 0]);
    rig.deck.unplugged(0);
    assert!(rig.shows(20).is_empty());
    rig.deck.plugged(0, rig.now);
    assert_eq!(rig.shows(20), [0xF0, 1, 0xF7, 0x90, 1, 0]);
}

#[test]
fn ten_million_bytes_of_noise_and_the_next_message_is_understood() {
    let sources = [Source::Control(0, 7), Source::Fine(1, 7), Source::Nrpn(2, 5), Source::Bend(3), Source::Note(4, 4)];
    let mut noise = Noise(3);
    let (mut parser, mut decoder) = (Parser::default(), Decoder::new(sources));
    for round in 0..1_000 {
        parser.read(&noise.bytes(10_000), |message| {
            decoder.read(&message);
        });
        let mut heard = Vec::new();
        parser.read(&[0xB1, 7, 1, 39, 2], |message| heard.extend(decoder.read(&message)));
        assert_eq!(heard.last(), Some(&(Source::Fine(1, 7), Number::Value(130))), "round {round}");
    }
    let mut rig = Rig::new(sources.iter().map(|s| control(*s, PICKUP, "/{strip}/fader", 0, None)).collect());
    for _ in 0..50 {
        rig.plays(&noise.bytes(4_000));
        rig.remote.take_wishes();
        rig.shows(1);
    }
}
