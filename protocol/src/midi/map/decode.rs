//! Messages to sources and numbers: what takes several messages (14 bits, NRPN) is put together here.

use super::Source;
use crate::midi::message::Message;
use std::collections::HashSet;

/// A number that a source sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Its value, 0 … [`Source::top`]; of a button, 0 is let go.
    Value(u16),
    /// A step up or down, of a data increment or decrement.
    Step(i32),
}

/// The parameter that a channel's data entry means.
#[derive(Clone, Copy, Debug, Default)]
struct Parameter {
    coarse: u8,
    fine: u8,
    /// An NRPN is selected, and no RPN after it.
    selected: bool,
    /// The coarse half of the value.
    value: u8,
}

/// Puts messages together for the sources that a map names.
#[derive(Clone, Debug)]
pub struct Decoder {
    fine: HashSet<(u8, u8)>,
    /// Channels with NRPNs: there, controllers 6, 38 and 96 … 101 belong to them.
    nrpn: [bool; 16],
    coarse: [[u8; 32]; 16],
    parameters: [Parameter; 16],
}

impl Decoder {
    /// For these sources.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Decoder {
        let mut decoder =
            Decoder { fine: HashSet::new(), nrpn: [false; 16], coarse: [[0; 32]; 16], parameters: [Parameter::default(); 16] };
        for source in sources {
            match source {
                Source::Fine(channel, number) => drop(decoder.fine.insert((channel, number))),
                Source::Nrpn(channel, _) => decoder.nrpn[usize::from(channel & 15)] = true,
                _ => {}
            }
        }
        decoder
    }

    /// What a message means.
    pub fn read(&mut self, message: &Message<'_>) -> Option<(Source, Number)> {
        Some(match *message {
            Message::Note { channel, key, velocity } => (Source::Note(channel, key), Number::Value(velocity.into())),
            Message::Program { channel, number } => (Source::Program(channel, number), Number::Value(127)),
            Message::Bend { channel, value } => (Source::Bend(channel), Number::Value(value)),
            Message::Pressure { channel, value } => (Source::Pressure(channel), Number::Value(value.into())),
            Message::Control { channel, number, value } => return self.control(channel, number, value),
            Message::KeyPressure { .. } | Message::Sysex(_) => return None,
        })
    }

    fn control(&mut self, channel: u8, number: u8, value: u8) -> Option<(Source, Number)> {
        let at = usize::from(channel & 15);
        if self.nrpn[at] && matches!(number, 6 | 38 | 96..=101) {
            return self.parameter(channel, number, value);
        }
        let wide = |coarse: u8, fine: u8| Number::Value(u16::from(coarse) << 7 | u16::from(fine));
        if number < 32 && self.fine.contains(&(channel, number)) {
            // The coarse half alone means a fine half of 0.
            self.coarse[at][usize::from(number)] = value;
            return Some((Source::Fine(channel, number), wide(value, 0)));
        }
        if (32..64).contains(&number) && self.fine.contains(&(channel, number - 32)) {
            let coarse = self.coarse[at][usize::from(number - 32)];
            return Some((Source::Fine(channel, number - 32), wide(coarse, value)));
        }
        Some((Source::Control(channel, number), Number::Value(value.into())))
    }

    fn parameter(&mut self, channel: u8, number: u8, value: u8) -> Option<(Source, Number)> {
        let parameter = &mut self.parameters[usize::from(channel & 15)];
        match number {
            99 => (parameter.coarse, parameter.selected) = (value, true),
            98 => (parameter.fine, parameter.selected) = (value, true),
            // A registered parameter takes the data entry to itself.
            100 | 101 => parameter.selected = false,
            _ => {
                let null = (parameter.coarse, parameter.fine) == (0x7F, 0x7F);
                if !parameter.selected || null {
                    return None;
                }
                let source = Source::Nrpn(channel, u16::from(parameter.coarse) << 7 | u16::from(parameter.fine));
                let number = match number {
                    6 => {
                        parameter.value = value;
                        Number::Value(u16::from(value) << 7)
                    }
                    38 => Number::Value(u16::from(parameter.value) << 7 | u16::from(value)),
                    96 => Number::Step(1),
                    _ => Number::Step(-1),
                };
                return Some((source, number));
            }
        }
        None
    }
}

/// The messages that carry a value of a source.
pub fn encode(source: Source, value: u16, out: &mut Vec<u8>) {
    let (coarse, fine) = ((value >> 7 & 0x7F) as u8, (value & 0x7F) as u8);
    let mut control = |channel, number, value| Message::Control { channel, number, value }.encode(out);
    match source {
        Source::Control(channel, number) => control(channel, number, fine),
        Source::Fine(channel, number) => {
            control(channel, number, coarse);
            control(channel, number + 32, fine);
        }
        Source::Nrpn(channel, number) => {
            control(channel, 99, (number >> 7 & 0x7F) as u8);
            control(channel, 98, (number & 0x7F) as u8);
            control(channel, 6, coarse);
            control(channel, 38, fine);
        }
        Source::Note(channel, key) => Message::Note { channel, key, velocity: fine }.encode(out),
        Source::Program(channel, number) => Message::Program { channel, number }.encode(out),
        Source::Bend(channel) => Message::Bend { channel, value }.encode(out),
        Source::Pressure(channel) => Message::Pressure { channel, value: fine }.encode(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::message::Parser;
    use proptest::prelude::*;

    fn read(sources: &[Source], bytes: &[u8]) -> Vec<(Source, Number)> {
        let mut decoder = Decoder::new(sources.iter().copied());
        let mut out = Vec::new();
        Parser::default().read(bytes, |message| out.extend(decoder.read(&message)));
        out
    }

    #[test]
    fn fourteen_bits_come_in_two_halves() {
        let fader = Source::Fine(0, 7);
        assert_eq!(read(&[fader], &[0xB0, 7, 64, 39, 5]), [(fader, Number::Value(64 << 7)), (fader, Number::Value(64 << 7 | 5))]);
        assert_eq!(read(&[], &[0xB0, 7, 64]), [(Source::Control(0, 7), Number::Value(64))]);
        assert_eq!(read(&[fader], &[0xB1, 39, 5]), [(Source::Control(1, 39), Number::Value(5))]);
    }

    #[test]
    fn a_registered_parameter_takes_the_data_entry_away() {
        let level = Source::Nrpn(0, 5 << 7 | 17);
        let select = [0xB0, 99, 5, 98, 17];
        let value = |bytes: &[u8]| read(&[level], &[&select[..], bytes].concat());
        assert_eq!(value(&[6, 100]), [(level, Number::Value(100 << 7))]);
        assert_eq!(value(&[6, 100, 38, 3]).last(), Some(&(level, Number::Value(100 << 7 | 3))));
        assert_eq!(value(&[96, 0, 97, 0]), [(level, Number::Step(1)), (level, Number::Step(-1))]);
        assert!(value(&[101, 0, 100, 0, 6, 64]).is_empty());
        assert!(value(&[99, 127, 98, 127, 6, 64]).is_empty());
        assert_eq!(read(&[], &[0xB0, 6, 64]), [(Source::Control(0, 6), Number::Value(64))]);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read_back(channel in 0..16u8, number in 0..32u8, value in 0..16_384u16) {
            for source in [
                Source::Control(channel, number), Source::Fine(channel, number), Source::Nrpn(channel, u16::from(number) * 300),
                Source::Note(channel, number), Source::Bend(channel), Source::Pressure(channel),
            ] {
                let value = value.min(source.top());
                let mut bytes = Vec::new();
                encode(source, value, &mut bytes);
                let heard = read(&[source], &bytes);
                prop_assert_eq!(heard.last(), Some(&(source, Number::Value(value))));
            }
        }

        #[test]
        fn noise_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let sources = [Source::Fine(0, 7), Source::Nrpn(0, 5), Source::Nrpn(3, 5)];
            for (source, number) in read(&sources, &bytes) {
                if let Number::Value(value) = number {
                    prop_assert!(value <= source.top());
                }
            }
        }
    }
}
