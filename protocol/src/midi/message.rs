//! MIDI bytes to messages and back.
//!
//! A stream is read byte by byte: running status holds, real-time bytes may stand anywhere, a message that is cut
//! short is forgotten at the next status byte, and a system-exclusive message that is too long is dropped whole. So
//! whatever came before, the next complete message is understood.

/// Longest system-exclusive message that is kept, without its first and last byte.
pub const MAX_SYSEX: usize = 512;

/// One message. Channels are 0 … 15, as in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A key or button; velocity 0 is let go, and so is a note-off.
    Note {
        /// Channel.
        channel: u8,
        /// Which, 0 … 127.
        key: u8,
        /// How hard, 0 … 127.
        velocity: u8,
    },
    /// Pressure on one key.
    KeyPressure {
        /// Channel.
        channel: u8,
        /// Which, 0 … 127.
        key: u8,
        /// How hard, 0 … 127.
        value: u8,
    },
    /// A controller.
    Control {
        /// Channel.
        channel: u8,
        /// Which, 0 … 127.
        number: u8,
        /// Its value, 0 … 127.
        value: u8,
    },
    /// A program change.
    Program {
        /// Channel.
        channel: u8,
        /// Which, 0 … 127.
        number: u8,
    },
    /// Pressure on a whole channel.
    Pressure {
        /// Channel.
        channel: u8,
        /// How hard, 0 … 127.
        value: u8,
    },
    /// Pitch bend.
    Bend {
        /// Channel.
        channel: u8,
        /// 14 bit.
        value: u16,
    },
    /// System exclusive, without F0 and F7.
    Sysex(&'a [u8]),
}

impl Message<'_> {
    /// Appends its bytes, with the status byte.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Message::Note { channel, key, velocity } => out.extend([0x90 | channel, key, velocity]),
            Message::KeyPressure { channel, key, value } => out.extend([0xA0 | channel, key, value]),
            Message::Control { channel, number, value } => out.extend([0xB0 | channel, number, value]),
            Message::Program { channel, number } => out.extend([0xC0 | channel, number]),
            Message::Pressure { channel, value } => out.extend([0xD0 | channel, value]),
            Message::Bend { channel, value } => out.extend([0xE0 | channel, (value & 0x7F) as u8, (value >> 7 & 0x7F) as u8]),
            Message::Sysex(bytes) => {
                out.push(0xF0);
                out.extend(bytes);
                out.push(0xF7);
            }
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }
}

/// The messages in what [`Message::encode`] wrote, one by one: some ports take one at a time.
pub fn split(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (first, rest) = bytes.split_first()?;
        let length = match first {
            0xF0 => rest.iter().position(|b| *b == 0xF7).map_or(rest.len(), |end| end + 1),
            _ => rest.iter().position(|b| *b >= 0x80).unwrap_or(rest.len()),
        };
        let (message, after) = bytes.split_at(1 + length);
        bytes = after;
        Some(message)
    })
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Data belongs to the running status.
    Channel,
    /// Inside of a system-exclusive message.
    Sysex,
    /// Inside of one that is dropped.
    TooLong,
}

/// Reads a stream of bytes.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// Running status; 0 is none, and data is ignored.
    status: u8,
    data: [u8; 2],
    have: usize,
    sysex: Vec<u8>,
}

impl Default for Parser {
    fn default() -> Self {
        Parser { state: State::Channel, status: 0, data: [0; 2], have: 0, sysex: Vec::with_capacity(MAX_SYSEX) }
    }
}

impl Parser {
    /// Forgets what has come so far, as after an unplug.
    pub fn reset(&mut self) {
        *self = Parser { sysex: std::mem::take(&mut self.sysex), ..Parser::default() };
        self.sysex.clear();
    }

    /// Reads bytes, telling each message as it is complete.
    pub fn read(&mut self, bytes: &[u8], mut heard: impl FnMut(Message<'_>)) {
        for byte in bytes {
            if let Some(message) = self.feed(*byte) {
                heard(message);
            }
        }
    }

    /// Takes one byte; the message that it completes.
    pub fn feed(&mut self, byte: u8) -> Option<Message<'_>> {
        match byte {
            // Real time stands anywhere and says nothing to a mixer.
            0xF8.. => None,
            0xF7 => {
                let whole = self.state == State::Sysex;
                (self.state, self.status) = (State::Channel, 0);
                whole.then_some(Message::Sysex(&self.sysex))
            }
            0xF0 => {
                (self.state, self.status) = (State::Sysex, 0);
                self.sysex.clear();
                None
            }
            // System common: its data is skipped, since no status runs.
            0xF1..=0xF6 => {
                (self.state, self.status) = (State::Channel, 0);
                None
            }
            0x80.. => {
                (self.state, self.status, self.have) = (State::Channel, byte, 0);
                None
            }
            _ => self.data(byte),
        }
    }

    fn data(&mut self, byte: u8) -> Option<Message<'_>> {
        match self.state {
            State::TooLong => return None,
            State::Sysex if self.sysex.len() == MAX_SYSEX => {
                self.state = State::TooLong;
                return None;
            }
            State::Sysex => {
                self.sysex.push(byte);
                return None;
            }
            State::Channel if self.status == 0 => return None,
            State::Channel => {}
        }
        self.data[self.have] = byte;
        self.have += 1;
        let wanted = if matches!(self.status >> 4, 0xC | 0xD) { 1 } else { 2 };
        if self.have < wanted {
            return None;
        }
        self.have = 0;
        let (channel, [first, second]) = (self.status & 0x0F, self.data);
        Some(match self.status >> 4 {
            0x8 => Message::Note { channel, key: first, velocity: 0 },
            0x9 => Message::Note { channel, key: first, velocity: second },
            0xA => Message::KeyPressure { channel, key: first, value: second },
            0xB => Message::Control { channel, number: first, value: second },
            0xC => Message::Program { channel, number: first },
            0xD => Message::Pressure { channel, value: first },
            _ => Message::Bend { channel, value: u16::from(first) | u16::from(second) << 7 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        Parser::default().read(bytes, |m| out.push(m.bytes()));
        out
    }

    #[test]
    fn running_status_holds_and_real_time_stands_anywhere() {
        assert_eq!(read(&[0x90, 1, 127, 2, 127, 0xF8, 3, 0xFE, 0]), [vec![0x90, 1, 127], vec![0x90, 2, 127], vec![0x90, 3, 0]]);
        assert_eq!(read(&[0xE3, 0x7F, 0xF8, 0x7F]), [vec![0xE3, 0x7F, 0x7F]]);
        assert_eq!(read(&[0xD0, 0x1C, 0x2C]), [vec![0xD0, 0x1C], vec![0xD0, 0x2C]]);
        assert_eq!(read(&[0x85, 7, 64]), [vec![0x95, 7, 0]], "a note-off is a note let go");
    }

    #[test]
    fn what_was_written_is_taken_apart() {
        let bytes = [0xB0, 1, 2, 0xC0, 3, 0xF0, 1, 2, 0xF7, 0x90, 1, 2];
        let messages: Vec<&[u8]> = split(&bytes).collect();
        assert_eq!(messages, [&bytes[..3], &bytes[3..5], &bytes[5..9], &bytes[9..]]);
        assert_eq!(split(&[]).count(), 0);
    }

    #[test]
    fn what_is_cut_short_is_forgotten() {
        assert_eq!(read(&[0x90, 1, 0xB0, 7, 9]), [vec![0xB0, 7, 9]]);
        assert_eq!(read(&[0xF0, 1, 2, 0xB0, 7, 9]), [vec![0xB0, 7, 9]]);
        assert_eq!(read(&[1, 2, 3, 0xF7, 0xB0, 7, 9]), [vec![0xB0, 7, 9]]);
        assert_eq!(read(&[0x90, 1, 1, 0xF2, 5, 6, 7, 8, 0x90, 2, 2]), [vec![0x90, 1, 1], vec![0x90, 2, 2]]);
    }

    #[test]
    fn system_exclusive_is_whole_or_nothing() {
        assert_eq!(read(&[0xF0, 1, 0xF8, 2, 0xF7]), [vec![0xF0, 1, 2, 0xF7]]);
        let mut long = vec![0xF0];
        long.extend(std::iter::repeat_n(1, MAX_SYSEX + 1));
        long.extend([0xF7, 0xF0, 5, 0xF7]);
        assert_eq!(read(&long), [vec![0xF0, 5, 0xF7]]);
    }

    proptest! {
        #[test]
        fn whatever_came_before_the_next_message_is_understood(noise in prop::collection::vec(any::<u8>(), 0..200), key in 0..128u8) {
            let mut bytes = noise;
            bytes.extend([0x9F, key, 99]);
            let expected = [0x9F, key, 99].to_vec();
            prop_assert_eq!(read(&bytes).pop(), Some(expected));
        }

        #[test]
        fn messages_come_back(channel in 0..16u8, a in 0..128u8, b in 0..128u8) {
            for message in [
                Message::Note { channel, key: a, velocity: b },
                Message::KeyPressure { channel, key: a, value: b },
                Message::Control { channel, number: a, value: b },
                Message::Program { channel, number: a },
                Message::Pressure { channel, value: a },
                Message::Bend { channel, value: u16::from(a) << 7 | u16::from(b) },
                Message::Sysex(&[a, b]),
            ] {
                let mut heard = Vec::new();
                Parser::default().read(&message.bytes(), |m| heard.push(m.bytes()));
                prop_assert_eq!(heard, vec![message.bytes()]);
            }
        }
    }
}
