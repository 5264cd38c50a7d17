//! Controller maps: what the knobs, faders and buttons of a plain MIDI controller do, and what its lights show.
//!
//! A map is data: a list of [`Control`]s, each a message and what it does. [`deck::Deck`] plays it. Maps are written in
//! TOML and read by the server, so that a mistake is shown at its place.

pub mod deck;
pub mod decode;

use super::surface::action::Action;
use super::surface::layer::Layer;
use super::takeover::Mode;

/// A controller's map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// What it is for, in a line.
    pub title: String,
    /// What the port names of its controller contain.
    pub ports: Vec<String>,
    /// Strips of a page.
    pub strips: usize,
    /// The layer at start.
    pub layer: Option<Layer>,
    /// Messages that the controller is sent when it is plugged in, whole.
    pub init: Vec<Vec<u8>>,
    /// The controls.
    pub controls: Vec<Control>,
}

/// One knob, fader or button.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// What it sends.
    pub source: Source,
    /// It counts while a shift button is held, in place of others with the same message.
    pub shift: bool,
    /// How its numbers are meant.
    pub kind: Kind,
    /// What it does.
    pub does: Does,
    /// What shows its value.
    pub shows: Option<Shows>,
}

/// Which messages belong to a control. Channels are 0 … 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A controller of 7 bits.
    Control(u8, u8),
    /// A controller of 14 bits: this number and the one 32 above.
    Fine(u8, u8),
    /// A parameter without a registered number.
    Nrpn(u8, u16),
    /// A note.
    Note(u8, u8),
    /// A program change to this number.
    Program(u8, u8),
    /// Pitch bend.
    Bend(u8),
    /// Channel pressure.
    Pressure(u8),
}

impl Source {
    /// Its highest value.
    pub fn top(self) -> u16 {
        match self {
            Source::Fine(..) | Source::Nrpn(..) | Source::Bend(_) => 16_383,
            _ => 127,
        }
    }
}

/// How the numbers of a control are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where a fader or knob stands, and how it takes over; `None` with a motor.
    Absolute(Option<Mode>),
    /// Clicks of an endless encoder.
    Relative(Relative),
    /// A button that acts when it is pressed.
    Edge,
    /// A button whose value is followed: on while it is held, or until it is pressed again, as the hardware does it.
    Level,
}

/// How an endless encoder writes its clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relative {
    /// 1 is up, 127 is down.
    Twos,
    /// 65 is up, 63 is down.
    Offset,
    /// 1 is up, 65 is down.
    Sign,
    /// 65 is up, 1 is down.
    SignInverted,
}

impl Relative {
    /// Its words in maps, in the order of the variants.
    pub const NAMES: &'static [&'static str] = &["twos", "offset", "sign", "sign-inverted"];

    /// The encoding of a word.
    pub fn named(name: &str) -> Option<Relative> {
        let at = Self::NAMES.iter().position(|n| *n == name)?;
        [Relative::Twos, Relative::Offset, Relative::Sign, Relative::SignInverted].get(at).copied()
    }

    /// Clicks of a value 0 … 127, up above 0.
    pub fn clicks(self, value: u8) -> i32 {
        let value = i32::from(value & 0x7F);
        let sign = |up: bool, count: i32| if up { count.max(1) } else { -count.max(1) };
        match self {
            Relative::Twos if value < 64 => value,
            Relative::Twos => value - 128,
            Relative::Offset => value - 64,
            Relative::Sign => sign(value < 64, value & 0x3F),
            Relative::SignInverted => sign(value >= 64, value & 0x3F),
        }
    }
}

/// What a control does. In addresses, `{strip}` is the n-th strip of the page, `{selected}` the selected strip.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Moves or turns over what stands at an address, which may be a pattern.
    Move {
        /// The address, with its places to fill.
        address: String,
        /// Place in the page.
        strip: usize,
    },
    /// Sends an address or a command, as a key of a mixing surface does.
    Act {
        /// The text of the action, with its places to fill.
        text: String,
        /// Place in the page.
        strip: usize,
    },
    /// Selects the n-th strip of the page.
    Select(usize),
    /// Turns the page by so many strips; a whole page where it is ±[`PAGE`].
    Page(isize),
    /// Calls a layer.
    Layer(Layer),
    /// While it is held, controls marked so take the place of others.
    Shift,
}

/// A whole page in [`Does::Page`].
pub const PAGE: isize = 1_000;

impl Does {
    /// Whether what it stands for can be read: the actions of a map are checked when it is read.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Does::Move { address, .. } if address.starts_with('/') => Ok(()),
            Does::Move { .. } => Err("expected an address, such as /{strip}/fader".into()),
            Does::Act { text, .. } => Action::parse(text).map(drop),
            _ => Ok(()),
        }
    }
}

/// What shows a value on the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shows {
    /// The message.
    pub source: Source,
    /// Its value at the bottom of the travel, or off.
    pub low: u16,
    /// At the top, or on.
    pub high: u16,
    /// A motor: it is left alone while it is moved by hand.
    pub motor: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_count_both_ways() {
        for (relative, up, down, fast) in [
            (Relative::Twos, 1, 127, (5, 123)),
            (Relative::Offset, 65, 63, (69, 59)),
            (Relative::Sign, 1, 65, (5, 69)),
            (Relative::SignInverted, 65, 1, (69, 5)),
        ] {
            assert_eq!((relative.clicks(up), relative.clicks(down)), (1, -1), "{relative:?}");
            assert_eq!((relative.clicks(fast.0), relative.clicks(fast.1)), (5, -5), "{relative:?}");
        }
        for (at, name) in Relative::NAMES.iter().enumerate() {
            assert_eq!(Relative::named(name).map(|r| r as usize), Some(at));
        }
    }
}
