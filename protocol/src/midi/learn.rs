//! MIDI learn: touch a control, move a parameter, and the control is bound to it.
//!
//! [`Taught`] stands in front of any surface. Controls that were learned are its own, all other messages go on to the
//! surface behind it, which need not know.

use super::controller::{Clock, Controller};
use super::map::deck::Deck;
use super::map::decode::{Decoder, Number};
use super::map::{Control, Does, Kind, Map, Relative, Shows, Source};
use super::message::{Message, Parser};
use super::remote::Remote;
use super::takeover::Mode;
use headroom_dsp::param::Kind as ParamKind;
use headroom_dsp::tree::ParamId;
use std::collections::HashSet;
use std::sync::Arc;

/// Values of a control that are remembered to find out what it is.
const SEEN: usize = 8;

/// What a port learned.
#[derive(Default)]
struct Port {
    parser: Parser,
    map: Map,
    deck: Option<Deck>,
    sources: HashSet<Source>,
}

impl Port {
    /// The map changed.
    fn set(&mut self, map: Map, remote: &Remote) {
        self.sources = map.controls.iter().map(|c| c.source).collect();
        self.deck = (!map.controls.is_empty()).then(|| Deck::new(Arc::new(map.clone()), Vec::new(), None, None, remote));
        self.map = map;
    }
}

/// A control that was touched while something is to be learned.
#[derive(Debug)]
struct Touched {
    port: usize,
    source: Source,
    values: Vec<u16>,
}

/// What was learned: a port, and everything that it knows now.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The port.
    pub port: usize,
    /// The control that is new.
    pub control: Control,
    /// All that the port has learned.
    pub map: Map,
}

/// See the module documentation.
pub struct Taught {
    behind: Box<dyn Controller>,
    ports: Vec<Port>,
    learning: bool,
    touched: Option<Touched>,
    learned: Option<Learned>,
}

impl Taught {
    /// A surface of so many ports, with what each has learned before.
    pub fn new(behind: Box<dyn Controller>, maps: Vec<Map>, remote: &Remote) -> Taught {
        let port = |map| {
            let mut port = Port::default();
            port.set(map, remote);
            port
        };
        let ports = maps.into_iter().map(port).collect();
        Taught { behind, ports, learning: false, touched: None, learned: None }
    }

    /// Learns the next control that is touched, with the next parameter that moves after it; or stops to.
    pub fn learn(&mut self, on: bool) {
        (self.learning, self.touched) = (on, None);
    }

    /// Whether something is being learned.
    pub fn is_learning(&self) -> bool {
        self.learning
    }

    /// Forgets what a port has learned.
    pub fn forget(&mut self, port: usize, remote: &Remote) {
        if let Some(port) = self.ports.get_mut(port) {
            port.set(Map::default(), remote);
        }
    }

    /// What was learned since the last call.
    pub fn take_learned(&mut self) -> Option<Learned> {
        self.learned.take()
    }

    /// Parameters that moved, whoever moved them.
    pub fn moved(&mut self, params: &[ParamId], remote: &Remote) {
        let Some(touched) = self.touched.as_ref().filter(|_| self.learning) else { return };
        let Some(param) = params.iter().copied().find(|id| remote.can_move(*id)) else { return };
        let control = control(touched, param, remote);
        let port = touched.port;
        let mut map = self.ports[port].map.clone();
        map.controls.retain(|c| c.source != control.source);
        map.controls.push(control.clone());
        self.ports[port].set(map.clone(), remote);
        if let Some(deck) = &mut self.ports[port].deck {
            deck.plugged(0, 0);
        }
        self.learned = Some(Learned { port, control, map });
        self.learn(false);
    }

    /// Takes a message while something is learned.
    fn touch(&mut self, port: usize, message: &Message<'_>) {
        let Some((source, Number::Value(value))) = Decoder::new([]).read(message) else { return };
        // A touched fader says so by a note of its own; what moves is meant.
        let is_touch = matches!(source, Source::Note(0, 0x68..=0x70));
        match &mut self.touched {
            Some(touched) if touched.port == port && touched.source == source => {
                if touched.values.len() < SEEN {
                    touched.values.push(value);
                }
            }
            _ if is_touch || value == 0 && matches!(source, Source::Note(..)) => {}
            _ => self.touched = Some(Touched { port, source, values: vec![value] }),
        }
    }
}

/// The control that was meant, by what it sent and by what it is to move.
fn control(touched: &Touched, param: ParamId, remote: &Remote) -> Control {
    let is_switch = matches!(remote.decl(param).kind, ParamKind::Bool { .. });
    let source = touched.source;
    let kind = match source {
        Source::Note(..) | Source::Program(..) => Kind::Edge,
        _ if is_switch => Kind::Edge,
        _ => encoder(&touched.values).map_or(Kind::Absolute(Some(Mode::default())), Kind::Relative),
    };
    let light = kind == Kind::Edge && !matches!(source, Source::Program(..));
    let shows = light.then(|| Shows { source, low: 0, high: source.top(), motor: false });
    Control { source, shift: false, kind, does: Does::Move { address: remote.space().by_id(param), strip: 0 }, shows }
}

/// How an endless encoder counts, if these are its clicks: a knob's values run on, an encoder's stand.
fn encoder(values: &[u16]) -> Option<Relative> {
    let few = |near: &[u16]| values.iter().all(|v| near.contains(v));
    if values.len() < 3 || !values.windows(2).any(|w| w[0] == w[1]) {
        return None;
    }
    match () {
        () if few(&[1, 2, 3, 127, 126, 125]) => Some(Relative::Twos),
        () if few(&[1, 2, 3, 65, 66, 67]) && values.iter().any(|v| *v < 64) => Some(Relative::Sign),
        () if few(&[65, 66, 67, 63, 62, 61]) => Some(Relative::Offset),
        () => None,
    }
}

impl Controller for Taught {
    fn attach(&mut self, remote: &Remote) {
        self.behind.attach(remote);
        for port in &mut self.ports {
            let map = std::mem::take(&mut port.map);
            port.set(map, remote);
        }
    }

    fn plugged(&mut self, port: usize, now: u64) {
        self.behind.plugged(port, now);
        self.ports[port].parser.reset();
        if let Some(deck) = &mut self.ports[port].deck {
            deck.plugged(0, now);
        }
    }

    fn unplugged(&mut self, port: usize) {
        self.behind.unplugged(port);
        if let Some(deck) = &mut self.ports[port].deck {
            deck.unplugged(0);
        }
    }

    fn receive(&mut self, port: usize, bytes: &[u8], remote: &mut Remote, now: u64) {
        if !self.learning && self.ports[port].deck.is_none() {
            return self.behind.receive(port, bytes, remote, now);
        }
        let mut parser = std::mem::take(&mut self.ports[port].parser);
        let mut one = Vec::new();
        parser.read(bytes, |message| {
            if self.learning {
                self.touch(port, &message);
            }
            one.clear();
            message.encode(&mut one);
            let own = Decoder::new([]).read(&message).is_some_and(|(source, _)| self.ports[port].sources.contains(&source));
            match &mut self.ports[port].deck {
                Some(deck) if own => deck.receive(0, &one, remote, now),
                _ => self.behind.receive(port, &one, remote, now),
            }
        });
        self.ports[port].parser = parser;
    }

    fn draw(&mut self, remote: &Remote, now: u64, clock: Clock) {
        self.behind.draw(remote, now, clock);
        for deck in self.ports.iter_mut().filter_map(|p| p.deck.as_mut()) {
            deck.draw(remote, now, clock);
        }
    }

    fn next(&mut self, port: usize, now: u64, out: &mut Vec<u8>) -> bool {
        self.behind.next(port, now, out) || self.ports[port].deck.as_mut().is_some_and(|deck| deck.next(0, now, out))
    }

    fn is_present(&self, port: usize) -> bool {
        self.behind.is_present(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::controller::Row;
    use crate::midi::mcu::{Mcu, table::Device};
    use crate::midi::surface::{Options, Surface};
    use crate::midi::testing::{stage, tells, value};
    use crate::osc::encode::Arg;

    fn rig() -> (Remote, Taught) {
        let remote = stage();
        let row = Row::new(Surface::new(Options::default(), &remote), vec![Box::new(Mcu::new(Device::of_port(""), true))]);
        let mut taught = Taught::new(Box::new(row), vec![Map::default()], &remote);
        taught.plugged(0, 0);
        (remote, taught)
    }

    fn learn(taught: &mut Taught, remote: &mut Remote, touches: &[u8], address: &str, arg: Arg) -> Learned {
        taught.learn(true);
        taught.receive(0, touches, remote, 0);
        remote.take_moved();
        tells(remote, address, arg);
        let moved = remote.take_moved();
        taught.moved(&moved, remote);
        assert!(!taught.is_learning());
        taught.take_learned().expect("learned")
    }

    #[test]
    fn a_knob_is_bound_to_what_moves_next() {
        let (mut remote, mut taught) = rig();
        let learned = learn(&mut taught, &mut remote, &[0xB3, 21, 64, 70], "/ch/4/trim", Arg::Float(3.0));
        assert_eq!(learned.control.source, Source::Control(3, 21));
        assert_eq!(learned.control.does, Does::Move { address: "/ch/input-4/trim".into(), strip: 0 });
        for at in [0, 60, 127] {
            taught.receive(0, &[0xB3, 21, at], &mut remote, 0);
        }
        assert_eq!(value(&remote, "/ch/4/trim"), 40.0);
        // Everything else is the surface's own.
        taught.receive(0, &[0x90, 0x10, 0x7F], &mut remote, 0);
        assert_eq!(value(&remote, "/ch/1/mute"), 1.0);
    }

    #[test]
    fn a_button_takes_the_place_of_what_the_surface_did_with_it() {
        let (mut remote, mut taught) = rig();
        learn(&mut taught, &mut remote, &[0x90, 0x10, 0x7F, 0x10, 0x00], "/dca/2/mute", Arg::Int(1));
        let muted = value(&remote, "/ch/1/mute");
        taught.receive(0, &[0x90, 0x10, 0x7F, 0x10, 0x00], &mut remote, 0);
        assert_eq!((value(&remote, "/dca/2/mute"), value(&remote, "/ch/1/mute")), (0.0, muted));
        taught.forget(0, &remote);
        taught.receive(0, &[0x90, 0x10, 0x7F, 0x10, 0x00], &mut remote, 0);
        assert_eq!(value(&remote, "/dca/2/mute"), 0.0);
        assert_ne!(value(&remote, "/ch/1/mute"), muted);
    }

    #[test]
    fn an_encoder_is_known_by_its_clicks() {
        for (clicks, relative) in
            [([1, 1, 127, 127], Relative::Twos), ([65, 65, 63, 63], Relative::Offset), ([1, 1, 65, 65], Relative::Sign)]
        {
            let (mut remote, mut taught) = rig();
            let touches: Vec<u8> = clicks.iter().flat_map(|v| [0xB5, 30, *v]).collect();
            let learned = learn(&mut taught, &mut remote, &touches, "/ch/1/pan", Arg::Float(0.3));
            assert_eq!(learned.control.kind, Kind::Relative(relative));
        }
        let (mut remote, mut taught) = rig();
        let learned = learn(&mut taught, &mut remote, &[0xB5, 30, 60, 30, 61, 30, 63], "/ch/1/pan", Arg::Float(0.3));
        assert!(matches!(learned.control.kind, Kind::Absolute(_)));
    }

    #[test]
    fn the_control_touched_last_is_meant_and_nothing_is_bound_unasked() {
        let (mut remote, mut taught) = rig();
        let touches = [0xB0, 99, 1, 0x90, 0x68, 0x7F, 0xE5, 0, 64];
        let learned = learn(&mut taught, &mut remote, &touches, "/ch/1/pan", Arg::Float(0.5));
        assert_eq!(learned.control.source, Source::Bend(5));
        taught.receive(0, &[0xB0, 50, 1], &mut remote, 0);
        taught.moved(&[remote.space().resolve("/ch/1/pan").unwrap()], &remote);
        assert_eq!(taught.take_learned(), None);
    }
}
