//! Mackie Control: one unit, main or extender.
//!
//! Bytes become [`Input`]s; of the [`Picture`] it remembers what the unit was sent, and [`Unit::next`] gives the most
//! urgent difference. A fader that is touched is left alone and sent once when it is let go; one that moved untouched
//! is left alone for a moment, then confirmed, as servos need it.

mod draw;
mod greeting;
pub mod table;

use super::MS;
use super::cable::Cable;
use super::message::{Message, Parser};
use super::panel::{Button, Input, MASTER, Picture, STRIPS, Unit};
use draw::Drawn;
use greeting::{Greeting, Heard};
use table::{Device, MUTE, PUSH, REC, SELECT, SOLO, TOUCH};

/// How long a fader without touch sense is left alone after it moved.
const HOLD: u64 = 300 * MS;
/// The same of one that would have said so if it were touched.
const HOLD_TOUCH: u64 = 100 * MS;
/// A difference that a motor would only tick at.
const JITTER: u16 = 3;
/// A press is a note louder than this.
const PRESS: u8 = 63;

/// A fader as the unit has it.
#[derive(Clone, Copy, Debug, Default)]
struct Motor {
    /// Where the unit has it; `None` where that is not known.
    at: Option<u16>,
    touched: bool,
    /// Left alone until then.
    held: u64,
    /// To be sent whatever it was sent.
    confirm: bool,
}

/// One unit.
#[derive(Debug)]
pub struct Mcu {
    device: Device,
    main: bool,
    parser: Parser,
    cable: Cable,
    greeting: Greeting,
    motors: [Motor; STRIPS + 1],
    wanted: Picture,
    drawn: Drawn,
    /// Messages sent, to give all sorts their turn.
    turn: usize,
    next_fader: usize,
    next_light: usize,
}

impl Mcu {
    /// A unit of which nothing has been heard; `main` has master fader, keys and displays.
    pub fn new(device: Device, main: bool) -> Mcu {
        Mcu {
            greeting: Greeting::new(device.id),
            device,
            main,
            parser: Parser::default(),
            cable: Cable::default(),
            motors: [Motor::default(); STRIPS + 1],
            wanted: Picture::default(),
            drawn: Drawn::default(),
            turn: 0,
            next_fader: 0,
            next_light: 0,
        }
    }

    /// Nothing that was sent counts any more.
    fn repaint(&mut self) {
        self.drawn = Drawn::default();
        for motor in &mut self.motors {
            motor.at = None;
        }
    }

    fn moved(&mut self, strip: usize, position: u16, now: u64) {
        let hold = if self.device.touch { HOLD_TOUCH } else { HOLD };
        let motor = &mut self.motors[strip];
        motor.at = Some(position);
        motor.confirm = true;
        if !motor.touched {
            motor.held = now + hold;
        }
    }

    fn touched(&mut self, strip: usize, on: bool) {
        let motor = &mut self.motors[strip];
        motor.touched = on;
        if !on {
            (motor.confirm, motor.held) = (true, 0);
        }
    }

    /// The next motor to move.
    fn next_motor(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        let faders = if self.main && self.device.strips == STRIPS { STRIPS + 1 } else { self.device.strips };
        for step in 0..faders {
            let strip = (self.next_fader + step) % faders;
            let motor = &mut self.motors[strip];
            let Some(wanted) = self.wanted.faders[strip].filter(|_| !motor.touched && motor.held <= now) else { continue };
            let there = motor.at.is_some_and(|at| at.abs_diff(wanted) <= JITTER);
            if there && !motor.confirm {
                continue;
            }
            (motor.at, motor.confirm) = (Some(wanted), false);
            self.next_fader = strip + 1;
            Message::Bend { channel: strip as u8, value: wanted }.encode(out);
            return true;
        }
        false
    }
}

/// What a message of a unit means.
fn input(message: &Message<'_>) -> Option<Input> {
    Some(match *message {
        Message::Bend { channel, value } if usize::from(channel) <= MASTER => Input::Fader(usize::from(channel), value),
        Message::Note { channel: 0, key, velocity } => {
            let on = velocity > PRESS;
            let strip = usize::from(key & 7);
            let button = match key {
                TOUCH..=0x70 => return Some(Input::Touch(usize::from(key - TOUCH), on)),
                REC..SOLO => Button::Rec(strip),
                SOLO..MUTE => Button::Solo(strip),
                MUTE..SELECT => Button::Mute(strip),
                SELECT..PUSH => Button::Select(strip),
                PUSH..0x28 => Button::Push(strip),
                _ => Button::Key(table::of_note(key)?),
            };
            Input::Press(button, on)
        }
        Message::Control { channel: 0, number: number @ 16..=23, value } => Input::Turn(usize::from(number - 16), ticks(value)),
        Message::Control { channel: 0, number: 60, value } => Input::Jog(ticks(value)),
        Message::Control { channel: 0, number: 46, value } => Input::Pedal(value),
        _ => return None,
    })
}

/// A message of a unit in words, for people.
pub fn meaning(message: &Message<'_>) -> Option<String> {
    let fader = |strip: usize| if strip == MASTER { "main".to_owned() } else { (strip + 1).to_string() };
    let pressed = |on: bool| if on { "pressed" } else { "let go" };
    Some(match input(message)? {
        Input::Fader(strip, position) => format!("fader {} at {position}", fader(strip)),
        Input::Touch(strip, on) => format!("fader {} {}", fader(strip), if on { "touched" } else { "let go" }),
        Input::Turn(strip, ticks) => format!("knob {} by {ticks}", strip + 1),
        Input::Jog(ticks) => format!("wheel by {ticks}"),
        Input::Pedal(value) => format!("pedal at {value}"),
        Input::Press(button, on) => match button {
            Button::Rec(strip) => format!("rec {} {}", strip + 1, pressed(on)),
            Button::Solo(strip) => format!("solo {} {}", strip + 1, pressed(on)),
            Button::Mute(strip) => format!("mute {} {}", strip + 1, pressed(on)),
            Button::Select(strip) => format!("select {} {}", strip + 1, pressed(on)),
            Button::Push(strip) => format!("knob {} {}", strip + 1, pressed(on)),
            Button::Key(name) => format!("{name} {}", pressed(on)),
        },
    })
}

/// Clicks of an encoder: bit 6 is counter-clockwise, none means one.
fn ticks(value: u8) -> i32 {
    let count = i32::from(value & 0x3F).max(1);
    if value & 0x40 != 0 { -count } else { count }
}

impl Unit for Mcu {
    fn plugged(&mut self, now: u64) {
        self.parser.reset();
        self.motors = [Motor::default(); STRIPS + 1];
        self.greeting.begin(now);
        self.repaint();
    }

    fn unplugged(&mut self) {
        self.greeting.end();
    }

    fn receive(&mut self, bytes: &[u8], now: u64, inputs: &mut Vec<Input>) {
        for byte in bytes {
            let Some(message) = self.parser.feed(*byte) else { continue };
            let mut heard = Heard::Nothing;
            let mut done = None;
            match message {
                Message::Sysex(bytes) => heard = self.greeting.sysex(bytes),
                ref other => done = input(other),
            }
            self.greeting.heard();
            if heard == Heard::Ready {
                self.repaint();
            }
            let Some(done) = done else { continue };
            match done {
                Input::Fader(strip, position) if self.device.motors => self.moved(strip, position, now),
                Input::Touch(strip, on) => self.touched(strip, on),
                _ => {}
            }
            inputs.push(done);
        }
    }

    fn show(&mut self, picture: &Picture) {
        self.wanted.clone_from(picture);
    }

    fn next(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        if !self.cable.is_free(now) {
            return false;
        }
        let before = out.len();
        self.greeting.next(now, out);
        if out.len() == before && self.greeting.may_draw(now) {
            self.draw(now, out);
        }
        self.cable.sent(out.len() - before, now);
        out.len() > before
    }

    fn is_present(&self) -> bool {
        self.greeting.is_present()
    }
}

impl Mcu {
    /// Lights first: a button is answered at once. Then motors, but every fourth message is of the others.
    fn draw(&mut self, now: u64, out: &mut Vec<u8>) {
        if self.next_light(out) {
            return;
        }
        self.turn = self.turn.wrapping_add(1);
        let others_first = self.turn.is_multiple_of(4);
        if others_first && self.next_other(now, out) {
            return;
        }
        if self.device.motors && self.next_motor(now, out) {
            return;
        }
        if !others_first {
            self.next_other(now, out);
        }
    }
}

#[cfg(test)]
mod tests;
