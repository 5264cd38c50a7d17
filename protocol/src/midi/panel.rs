//! The words between a surface's behaviour and its dialect.
//!
//! A panel is a block of eight strips, and on most units a master fader and keys. What is done to it is an [`Input`],
//! what it shows is a [`Picture`]; neither knows how that looks in bytes.

use std::collections::BTreeMap;

/// Strips of a panel.
pub const STRIPS: usize = 8;
/// Place of the master fader among the faders.
pub const MASTER: usize = STRIPS;
/// Highest position of a fader.
pub const TOP: u16 = 16_383;
/// Characters of a line of the display.
pub const LINE: usize = 56;
/// Characters of a strip in a line.
pub const CELLS: usize = LINE / STRIPS;
/// Characters of the time display.
pub const DIGITS: usize = 10;

/// What someone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A fader moved to 0 … [`TOP`].
    Fader(usize, u16),
    /// A fader is held, or let go.
    Touch(usize, bool),
    /// An encoder turned by so many clicks, clockwise above 0.
    Turn(usize, i32),
    /// A button went down or up.
    Press(Button, bool),
    /// The wheel turned.
    Jog(i32),
    /// A pedal moved to 0 … 127.
    Pedal(u8),
}

/// A button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Of a strip.
    Rec(usize),
    /// Of a strip.
    Solo(usize),
    /// Of a strip.
    Mute(usize),
    /// Of a strip.
    Select(usize),
    /// Of an encoder.
    Push(usize),
    /// Of the master section, by its name in the table of the dialect: `bank_left`, `f1`, `play`.
    Key(&'static str),
}

/// What a light does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Light {
    /// Dark.
    #[default]
    Off,
    /// It blinks.
    Blink,
    /// Lit.
    On,
}

impl Light {
    /// Lit where `on`.
    pub fn of(on: bool) -> Light {
        if on { Light::On } else { Light::Off }
    }
}

/// How the lights round an encoder show a travel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Ring {
    /// Dark.
    #[default]
    Dark,
    /// One light at this travel 0 … 1.
    Dot(f64),
    /// From the centre to there: pan, gain.
    Centre(f64),
    /// From the left to there: levels.
    Fill(f64),
}

/// A colour, red, green, blue; all 0 is none.
pub type Colour = [u8; 3];

/// The lights of a strip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StripLights {
    /// Rec.
    pub rec: Light,
    /// Solo.
    pub solo: Light,
    /// Mute.
    pub mute: Light,
    /// Select.
    pub select: Light,
}

/// What a panel should show.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Where the faders should stand, the master last; `None` leaves one where it is.
    pub faders: [Option<u16>; STRIPS + 1],
    /// Round the encoders.
    pub rings: [Ring; STRIPS],
    /// Of the strips.
    pub lights: [StripLights; STRIPS],
    /// Of the keys, by name; dark where it is not there.
    pub keys: BTreeMap<&'static str, Light>,
    /// Two lines.
    pub text: [[u8; LINE]; 2],
    /// Of the strips.
    pub colours: [Colour; STRIPS],
    /// Levels in dBFS; −144 is nothing.
    pub meters: [f32; STRIPS],
    /// The time display, left to right: a character, and whether a dot follows.
    pub digits: [(u8, bool); DIGITS],
    /// Two characters for what the encoders do.
    pub assignment: [u8; 2],
}

impl Default for Picture {
    fn default() -> Self {
        Picture {
            faders: [None; STRIPS + 1],
            rings: [Ring::Dark; STRIPS],
            lights: [StripLights::default(); STRIPS],
            keys: BTreeMap::new(),
            text: [[b' '; LINE]; 2],
            colours: [[0; 3]; STRIPS],
            meters: [-144.0; STRIPS],
            digits: [(b' ', false); DIGITS],
            assignment: [b' '; 2],
        }
    }
}

impl Picture {
    /// Writes a text into the cell of a strip; what is longer is cut.
    pub fn write(&mut self, line: usize, strip: usize, text: &str) {
        let cell = &mut self.text[line][strip * CELLS..(strip + 1) * CELLS];
        cell.fill(b' ');
        for (to, from) in cell.iter_mut().zip(text.bytes()) {
            *to = if (b' '..=b'~').contains(&from) { from } else { b'?' };
        }
    }

    /// What stands in the cell of a strip, blanks at its end left out.
    pub fn cell(&self, line: usize, strip: usize) -> String {
        let cell = &self.text[line][strip * CELLS..(strip + 1) * CELLS];
        String::from_utf8_lossy(cell).trim_end().to_owned()
    }

    /// Writes a text to the time display, right-aligned; a dot belongs to the character before it.
    pub fn show_digits(&mut self, text: &str) {
        let mut digits: Vec<(u8, bool)> = Vec::new();
        for c in text.bytes() {
            match digits.last_mut() {
                Some(last) if c == b'.' && !last.1 => last.1 = true,
                _ => digits.push((c, false)),
            }
        }
        let skipped = digits.len().saturating_sub(DIGITS);
        let digits = &digits[skipped..];
        self.digits = [(b' ', false); DIGITS];
        self.digits[DIGITS - digits.len()..].copy_from_slice(digits);
    }
}

/// One unit in its dialect: bytes to inputs, pictures to bytes. Times are in nanoseconds of a clock that never goes back.
pub trait Unit: Send {
    /// It was plugged in: it is greeted, and shows nothing of what was sent before.
    fn plugged(&mut self, now: u64);

    /// It was unplugged.
    fn unplugged(&mut self);

    /// Bytes that came from it.
    fn receive(&mut self, bytes: &[u8], now: u64, inputs: &mut Vec<Input>);

    /// What it should show from now on.
    fn show(&mut self, picture: &Picture);

    /// The most urgent message that it should get, if there is one and the cable is free; to be asked until there is none.
    fn next(&mut self, now: u64, out: &mut Vec<u8>) -> bool;

    /// Whether it has said anything since it was plugged in.
    fn is_present(&self) -> bool;
}
