//! HUI: one unit of eight strips.
//!
//! Switches and lights are told in two messages, a zone and a port in it; either may get lost. The unit counts as gone
//! for itself when it hears no ping for some seconds, and it answers each: so its presence is known too.

pub mod table;

use super::MS;
use super::cable::Cable;
use super::message::{Message, Parser};
use super::panel::{Button, DIGITS, Input, Light, Picture, Ring, STRIPS, Unit};
use super::text;
use table::{KEYS, MUTE, PUSH, REC, SELECT, SOLO, TOUCH};

/// Time between two pings.
const PING: u64 = 1_000 * MS;
/// Silence after which a unit that has answered counts as gone.
const GONE: u64 = 4_000 * MS;
/// How long a fader that moved untouched is left alone.
const HOLD: u64 = 100 * MS;
/// A difference that a motor would only tick at.
const JITTER: u16 = 15;
/// Time between two messages of one meter.
const METER: u64 = 60 * MS;
/// Levels in dBFS from which each step of a meter is lit.
const STEPS: [f32; 12] = [-60.0, -50.0, -40.0, -30.0, -20.0, -14.0, -10.0, -8.0, -6.0, -4.0, -2.0, 0.0];
/// First bytes of its system-exclusive messages.
const HEADER: [u8; 5] = [0x00, 0x00, 0x66, 0x05, 0x00];
/// Parts of the main display, and characters of each: two lines of forty.
const ZONES: usize = 8;
const ZONE: usize = 10;
/// Characters of a strip on its scribble strip, and on the main display.
const SCRIBBLE: usize = 4;
const COLUMN: usize = 5;

/// A fader as the unit has it.
#[derive(Clone, Copy, Debug, Default)]
struct Motor {
    at: Option<u16>,
    /// The coarse half of a position, until the fine one comes.
    coarse: u8,
    touched: bool,
    held: u64,
    confirm: bool,
}

/// What the unit was sent.
#[derive(Debug, Default)]
struct Drawn {
    lights: [[Option<bool>; 8]; STRIPS],
    keys: Vec<Option<bool>>,
    rings: [Option<u8>; STRIPS],
    scribbles: [Option<[u8; SCRIBBLE]>; STRIPS],
    zones: [Option<[u8; ZONE]>; ZONES],
    digits: Option<[u8; 8]>,
    meters: [(u8, u64); STRIPS],
}

/// One unit.
#[derive(Debug, Default)]
pub struct Hui {
    parser: Parser,
    cable: Cable,
    plugged: bool,
    ping_at: u64,
    /// When it was heard last.
    heard: Option<u64>,
    zone: Option<u8>,
    motors: [Motor; STRIPS],
    wanted: Picture,
    drawn: Drawn,
    turn: usize,
    next_fader: usize,
}

impl Hui {
    fn repaint(&mut self) {
        self.drawn = Drawn { keys: vec![None; KEYS.len()], ..Drawn::default() };
        self.motors.iter_mut().for_each(|motor| motor.at = None);
    }

    fn switch(&mut self, zone: u8, port: u8, on: bool) -> Option<Input> {
        if usize::from(zone) >= STRIPS {
            return Some(Input::Press(Button::Key(table::key(zone, port)?), on));
        }
        let strip = usize::from(zone);
        Some(match port {
            TOUCH => {
                let motor = &mut self.motors[strip];
                motor.touched = on;
                if !on {
                    (motor.confirm, motor.held) = (true, 0);
                }
                Input::Touch(strip, on)
            }
            SELECT => Input::Press(Button::Select(strip), on),
            MUTE => Input::Press(Button::Mute(strip), on),
            SOLO => Input::Press(Button::Solo(strip), on),
            PUSH => Input::Press(Button::Push(strip), on),
            REC => Input::Press(Button::Rec(strip), on),
            _ => return None,
        })
    }

    fn control(&mut self, number: u8, value: u8, now: u64) -> Option<Input> {
        match number {
            0x00..0x08 => {
                self.motors[usize::from(number)].coarse = value;
                None
            }
            0x20..0x28 => {
                let strip = usize::from(number - 0x20);
                let motor = &mut self.motors[strip];
                let position = u16::from(motor.coarse) << 7 | u16::from(value);
                (motor.at, motor.confirm) = (Some(position), true);
                if !motor.touched {
                    motor.held = now + HOLD;
                }
                Some(Input::Fader(strip, position))
            }
            0x0F => {
                self.zone = Some(value);
                None
            }
            0x2F => {
                let zone = self.zone?;
                self.switch(zone, value & 0x0F, value & 0x40 != 0)
            }
            0x40..0x48 => Some(Input::Turn(usize::from(number - 0x40), ticks(value))),
            0x0D => Some(Input::Jog(ticks(value))),
            _ => None,
        }
    }

    fn next_motor(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        for step in 0..STRIPS {
            let strip = (self.next_fader + step) % STRIPS;
            let motor = &mut self.motors[strip];
            let Some(wanted) = self.wanted.faders[strip].filter(|_| !motor.touched && motor.held <= now) else { continue };
            if motor.at.is_some_and(|at| at.abs_diff(wanted) <= JITTER) && !motor.confirm {
                continue;
            }
            (motor.at, motor.confirm) = (Some(wanted), false);
            self.next_fader = strip + 1;
            pair(strip as u8, (wanted >> 7) as u8, 0x20 + strip as u8, (wanted & 0x7F) as u8, out);
            return true;
        }
        false
    }

    fn next_light(&mut self, out: &mut Vec<u8>) -> bool {
        for strip in 0..STRIPS {
            let lights = self.wanted.lights[strip];
            for (port, light) in [(SELECT, lights.select), (MUTE, lights.mute), (SOLO, lights.solo), (REC, lights.rec)] {
                let (on, drawn) = (light != Light::Off, &mut self.drawn.lights[strip][usize::from(port)]);
                if *drawn != Some(on) {
                    *drawn = Some(on);
                    pair(0x0C, strip as u8, 0x2C, port | if on { 0x40 } else { 0 }, out);
                    return true;
                }
            }
        }
        for ((zone, port, name), drawn) in KEYS.iter().zip(&mut self.drawn.keys) {
            let on = self.wanted.keys.get(name).is_some_and(|light| *light != Light::Off);
            if *drawn != Some(on) {
                *drawn = Some(on);
                pair(0x0C, *zone, 0x2C, port | if on { 0x40 } else { 0 }, out);
                return true;
            }
        }
        false
    }

    fn next_other(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        self.next_ring(out) || self.next_meter(now, out) || self.next_text(out)
    }

    fn next_ring(&mut self, out: &mut Vec<u8>) -> bool {
        for strip in 0..STRIPS {
            let value = ring(self.wanted.rings[strip]);
            if self.drawn.rings[strip] != Some(value) {
                self.drawn.rings[strip] = Some(value);
                Message::Control { channel: 0, number: 0x10 + strip as u8, value }.encode(out);
                return true;
            }
        }
        false
    }

    fn next_meter(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        for strip in 0..STRIPS {
            let step = STEPS.iter().take_while(|from| self.wanted.meters[strip] >= **from).count() as u8;
            let (drawn, sent) = &mut self.drawn.meters[strip];
            if (step, *drawn) != (0, 0) && now.saturating_sub(*sent) >= METER {
                (*drawn, *sent) = (step, now);
                // Both sides alike.
                for side in [0x00, 0x10] {
                    Message::KeyPressure { channel: 0, key: strip as u8, value: side | step }.encode(out);
                }
                return true;
            }
        }
        false
    }

    fn next_text(&mut self, out: &mut Vec<u8>) -> bool {
        for strip in 0..STRIPS {
            let name = cells::<SCRIBBLE>(&self.wanted.cell(0, strip));
            if self.drawn.scribbles[strip] != Some(name) {
                self.drawn.scribbles[strip] = Some(name);
                sysex(&[&[0x10, strip as u8], &name[..]].concat(), out);
                return true;
            }
        }
        for zone in 0..ZONES {
            let (line, first) = (zone / (ZONES / 2), zone % (ZONES / 2) * 2);
            let mut wanted = [b' '; ZONE];
            for (half, to) in wanted.chunks_mut(COLUMN).enumerate() {
                to.copy_from_slice(&cells::<COLUMN>(&self.wanted.cell(line, first + half)));
            }
            if self.drawn.zones[zone] != Some(wanted) {
                self.drawn.zones[zone] = Some(wanted);
                sysex(&[&[0x12, zone as u8], &wanted[..]].concat(), out);
                return true;
            }
        }
        self.next_digits(out)
    }

    /// Eight digits from the right; a dot is bit 4, and what is no digit is blank.
    fn next_digits(&mut self, out: &mut Vec<u8>) -> bool {
        let mut wanted = [0x20; 8];
        let shown = self.wanted.digits[..DIGITS].iter().rev().skip_while(|(c, _)| *c == b' ');
        for (to, (c, dot)) in wanted.iter_mut().zip(shown) {
            *to = if c.is_ascii_digit() { c - b'0' } else { 0x20 } | if *dot { 0x10 } else { 0 };
        }
        if self.drawn.digits == Some(wanted) {
            return false;
        }
        self.drawn.digits = Some(wanted);
        sysex(&[&[0x11], &wanted[..]].concat(), out);
        true
    }
}

/// A text in exactly so many characters.
fn cells<const N: usize>(text: &str) -> [u8; N] {
    let mut cells = [b' '; N];
    let short = text::name(text, N);
    cells.iter_mut().zip(short.bytes()).for_each(|(to, from)| *to = from);
    // A column is kept apart from the next one.
    if N > SCRIBBLE && short.len() == N {
        let short = text::name(text, N - 1);
        cells = [b' '; N];
        cells.iter_mut().zip(short.bytes()).for_each(|(to, from)| *to = from);
    }
    cells
}

/// Clicks of an encoder: bit 6 is clockwise, the opposite of Mackie Control's.
fn ticks(value: u8) -> i32 {
    let count = i32::from(value & 0x3F).max(1);
    if value & 0x40 != 0 { count } else { -count }
}

fn ring(ring: Ring) -> u8 {
    let eleven = |norm: f64| 1 + (norm.clamp(0.0, 1.0) * 10.0).round() as u8;
    match ring {
        Ring::Dark => 0,
        Ring::Dot(norm) => eleven(norm),
        Ring::Centre(norm) => 0x10 | eleven(norm),
        Ring::Fill(norm) if norm <= 0.0 => 0,
        Ring::Fill(norm) => 0x20 | eleven(norm),
    }
}

/// Two controllers that belong together.
fn pair(first: u8, a: u8, second: u8, b: u8, out: &mut Vec<u8>) {
    Message::Control { channel: 0, number: first, value: a }.encode(out);
    Message::Control { channel: 0, number: second, value: b }.encode(out);
}

fn sysex(data: &[u8], out: &mut Vec<u8>) {
    Message::Sysex(&[&HEADER[..], data].concat()).encode(out);
}

impl Unit for Hui {
    fn plugged(&mut self, now: u64) {
        self.parser.reset();
        self.motors = [Motor::default(); STRIPS];
        (self.plugged, self.ping_at, self.heard, self.zone) = (true, now, None, None);
        self.repaint();
    }

    fn unplugged(&mut self) {
        (self.plugged, self.heard) = (false, None);
    }

    fn receive(&mut self, bytes: &[u8], now: u64, inputs: &mut Vec<Input>) {
        let mut parser = std::mem::take(&mut self.parser);
        parser.read(bytes, |message| {
            // Back after a silence, as after being switched off: it shows nothing.
            if self.heard.is_some_and(|at| now.saturating_sub(at) > GONE) {
                self.repaint();
            }
            self.heard = Some(now);
            if let Message::Control { channel: 0, number, value } = message {
                inputs.extend(self.control(number, value, now));
            }
        });
        self.parser = parser;
    }

    fn show(&mut self, picture: &Picture) {
        self.wanted.clone_from(picture);
    }

    fn next(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        if !self.plugged || !self.cable.is_free(now) {
            return false;
        }
        let before = out.len();
        self.turn = self.turn.wrapping_add(1);
        let others_first = self.turn.is_multiple_of(4);
        if self.ping_at <= now {
            self.ping_at = now + PING;
            Message::Note { channel: 0, key: 0, velocity: 0 }.encode(out);
        } else if !(self.next_light(out) || others_first && self.next_other(now, out) || self.next_motor(now, out)) {
            self.next_other(now, out);
        }
        self.cable.sent(out.len() - before, now);
        out.len() > before
    }

    fn is_present(&self) -> bool {
        self.heard.is_some()
    }
}

#[cfg(test)]
mod tests;
