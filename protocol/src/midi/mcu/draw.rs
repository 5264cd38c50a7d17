//! What a unit was sent, and the next difference.

use super::Mcu;
use super::table::{self, Colours, MUTE, PUSH, REC, SELECT, SOLO};
use crate::midi::MS;
use crate::midi::message::Message;
use crate::midi::panel::{CELLS, Colour, DIGITS, LINE, Light, Picture, Ring, STRIPS};

/// Time between two messages of one meter: the unit lets it fall by itself.
const METER: u64 = 60 * MS;
/// How long a mark for overload stands.
const OVER: u64 = 2_000 * MS;
/// Levels in dBFS from which each step of a meter is lit.
const STEPS: [f32; 13] = [-60.0, -50.0, -40.0, -30.0, -20.0, -14.0, -10.0, -8.0, -6.0, -4.0, -2.0, -0.1, 0.0];
/// Notes of the strips' lights, and of all lights.
const NOTES: usize = 0x74;

/// A meter as the unit has it.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    step: u8,
    sent: u64,
    /// Since when it is marked as overloaded.
    over: Option<u64>,
}

/// See the module documentation. What has not been sent is `None`.
#[derive(Debug)]
pub(super) struct Drawn {
    lights: [Option<Light>; NOTES],
    rings: [Option<u8>; STRIPS],
    text: [[Option<u8>; LINE]; 2],
    colours: Option<[Colour; STRIPS]>,
    digits: [Option<u8>; DIGITS + 2],
    meters: [Meter; STRIPS],
    /// Of the messages that say how meters are shown.
    modes: usize,
    sort: usize,
}

impl Default for Drawn {
    fn default() -> Self {
        Drawn {
            lights: [None; NOTES],
            rings: [None; STRIPS],
            text: [[None; LINE]; 2],
            colours: None,
            digits: [None; DIGITS + 2],
            meters: [Meter::default(); STRIPS],
            modes: 0,
            sort: 0,
        }
    }
}

impl Mcu {
    /// The next light that changes.
    pub(super) fn next_light(&mut self, out: &mut Vec<u8>) -> bool {
        for step in 0..NOTES {
            let note = (self.next_light + step) % NOTES;
            let is_here = note >= PUSH.into() || (note & 7) < self.device.strips;
            let Some(light) = light(&self.wanted, note as u8, self.main).filter(|_| is_here) else { continue };
            if self.drawn.lights[note] == Some(light) {
                continue;
            }
            self.drawn.lights[note] = Some(light);
            self.next_light = note + 1;
            let velocity = match light {
                Light::Off => 0,
                Light::Blink if self.device.blink => 1,
                _ => 127,
            };
            Message::Note { channel: 0, key: note as u8, velocity }.encode(out);
            return true;
        }
        false
    }

    /// The next of everything but lights and motors, each sort in its turn.
    pub(super) fn next_other(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        const SORTS: usize = 6;
        for step in 0..SORTS {
            let sort = (self.drawn.sort + step) % SORTS;
            let sent = match sort {
                0 => self.next_ring(out),
                1 => self.device.lcd && self.next_text(out),
                2 => self.main && self.next_digit(out),
                3 => self.device.meters && self.next_meter(now, out),
                4 => self.device.meters && self.next_mode(out),
                _ => self.next_colours(out),
            };
            if sent {
                self.drawn.sort = sort + 1;
                return true;
            }
        }
        false
    }

    fn next_ring(&mut self, out: &mut Vec<u8>) -> bool {
        for strip in 0..self.device.strips {
            let value = ring(self.wanted.rings[strip]);
            if self.drawn.rings[strip] != Some(value) {
                self.drawn.rings[strip] = Some(value);
                Message::Control { channel: 0, number: 0x30 + strip as u8, value }.encode(out);
                return true;
            }
        }
        false
    }

    /// One cell of the display: more at once would keep the cable from a button for too long.
    fn next_text(&mut self, out: &mut Vec<u8>) -> bool {
        for at in 0..2 * STRIPS {
            let (line, strip) = (at / STRIPS, at % STRIPS);
            if strip >= self.device.strips {
                continue;
            }
            let from = strip * CELLS;
            let wanted = &self.wanted.text[line][from..from + CELLS];
            let drawn = &mut self.drawn.text[line][from..from + CELLS];
            let differs = |i: &usize| drawn[*i] != Some(wanted[*i]);
            let (Some(first), Some(last)) = ((0..CELLS).find(differs), (0..CELLS).rev().find(differs)) else { continue };
            for i in first..=last {
                drawn[i] = Some(wanted[i]);
            }
            let offset = (line * LINE + from + first) as u8;
            self.greeting.command(0x12, &[&[offset], &wanted[first..=last]].concat(), out);
            return true;
        }
        false
    }

    /// Digits are numbered from the right; the two of the assignment follow.
    fn next_digit(&mut self, out: &mut Vec<u8>) -> bool {
        for at in 0..DIGITS + 2 {
            let (c, dot) = match at.checked_sub(DIGITS) {
                None => self.wanted.digits[DIGITS - 1 - at],
                Some(letter) => (self.wanted.assignment[1 - letter], false),
            };
            let value = segments(c) | if dot { 0x40 } else { 0 };
            if self.drawn.digits[at] != Some(value) {
                self.drawn.digits[at] = Some(value);
                Message::Control { channel: 0, number: 0x40 + at as u8, value }.encode(out);
                return true;
            }
        }
        false
    }

    /// Meters are off in a unit that has them in its display until it is told where they are: upright in the seventh cell
    /// of each strip, which no text takes, and on the light for signal.
    fn next_mode(&mut self, out: &mut Vec<u8>) -> bool {
        let at = self.drawn.modes;
        if at > self.device.strips {
            return false;
        }
        self.drawn.modes += 1;
        match at == self.device.strips {
            true => self.greeting.command(0x21, &[0x01], out),
            false => self.greeting.command(0x20, &[at as u8, 0x07], out),
        }
        true
    }

    /// A strip that is silent is sent one zero and nothing more.
    fn next_meter(&mut self, now: u64, out: &mut Vec<u8>) -> bool {
        for strip in 0..self.device.strips {
            let level = self.wanted.meters[strip];
            let step = STEPS.iter().take_while(|from| level >= **from).count() as u8;
            let meter = &mut self.drawn.meters[strip];
            let value = match meter.over {
                None if level >= 0.0 => {
                    meter.over = Some(now);
                    0x0E
                }
                Some(since) if level < 0.0 && now - since > OVER => {
                    meter.over = None;
                    0x0F
                }
                _ if (step, meter.step) == (0, 0) || now.saturating_sub(meter.sent) < METER => continue,
                _ => {
                    (meter.step, meter.sent) = (step, now);
                    step
                }
            };
            Message::Pressure { channel: 0, value: (strip as u8) << 4 | value }.encode(out);
            return true;
        }
        false
    }

    fn next_colours(&mut self, out: &mut Vec<u8>) -> bool {
        if self.device.colours == Colours::None || self.drawn.colours == Some(self.wanted.colours) {
            return false;
        }
        self.drawn.colours = Some(self.wanted.colours);
        match self.device.colours {
            Colours::Icon => {
                let rgb = self.wanted.colours.concat();
                Message::Sysex(&[&[0x00, 0x02, 0x4E, 0x16, 0x14][..], &rgb].concat()).encode(out);
            }
            _ => self.greeting.command(0x72, &self.wanted.colours.map(eight), out),
        }
        true
    }
}

/// The light of a note; `None` where this unit has none.
fn light(picture: &Picture, note: u8, main: bool) -> Option<Light> {
    let strip = &picture.lights[usize::from(note & 7)];
    let key = |name: &'static str| picture.keys.get(name).copied().unwrap_or_default();
    match note {
        REC..SOLO => Some(strip.rec),
        SOLO..MUTE => Some(strip.solo),
        MUTE..SELECT => Some(strip.mute),
        SELECT..PUSH => Some(strip.select),
        _ if !main => None,
        _ => table::of_note(note).or_else(|| table::LIGHTS.iter().find(|(n, _)| *n == note).map(|(_, name)| *name)).map(key),
    }
}

/// A ring as its byte: bits 5 and 4 the mode, 3 to 0 the position, bit 6 the light in the centre.
fn ring(ring: Ring) -> u8 {
    let eleven = |norm: f64| 1 + (norm.clamp(0.0, 1.0) * 10.0).round() as u8;
    match ring {
        Ring::Dark => 0,
        Ring::Dot(norm) => eleven(norm),
        Ring::Centre(norm) => 0x10 | eleven(norm) | if (norm - 0.5).abs() < 1e-6 { 0x40 } else { 0 },
        Ring::Fill(norm) if norm <= 0.0 => 0,
        Ring::Fill(norm) => 0x20 | eleven(norm),
    }
}

/// A character of a seven-segment display.
fn segments(c: u8) -> u8 {
    match c.to_ascii_uppercase() {
        c @ 0x40..=0x5F => c - 0x40,
        c @ 0x20..=0x3F => c,
        _ => b' ',
    }
}

/// The nearest of the eight colours of an X-Touch; one that would hide the text is white.
fn eight(colour: Colour) -> u8 {
    let most = colour.into_iter().max().unwrap_or(0);
    let lit = |part: u8| part * 2 > most;
    let bits = colour.into_iter().enumerate().map(|(bit, part)| u8::from(lit(part)) << bit).sum();
    if bits == 0 { 7 } else { bits }
}
