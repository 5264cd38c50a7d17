//! How host and unit find each other.
//!
//! The unit is asked who it is until it says anything; many never answer and are served all the same. Whenever it says
//! that it is ready, it shows nothing of what it was sent before.

use crate::midi::MS;
use crate::midi::message::Message;

/// First bytes of every message of this dialect.
const HEADER: [u8; 3] = [0x00, 0x00, 0x66];
/// Ids that a unit may have: Logic Control and its extender, Mackie Control and its extender.
const IDS: [u8; 4] = [0x10, 0x11, 0x14, 0x15];
/// First bytes of what an X-Touch says every two seconds that is used over a network (XCtl).
const XCTL: [u8; 6] = [0x00, 0x20, 0x32, 0x58, 0x54, 0x00];
/// It goes offline where it is not asked at least every six seconds.
const KEEP: u64 = 4_000 * MS;
/// Time between two questions.
const ASK: u64 = 2_000 * MS;
/// So long an answer is waited for before anything is drawn, so that it is drawn once.
const PATIENCE: u64 = 300 * MS;

/// What a message of the unit means to the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    /// It begins anew: draw everything.
    Ready,
}

#[derive(Debug)]
pub(super) struct Greeting {
    id: u8,
    /// Since when it is plugged in; `None` where it is not.
    since: Option<u64>,
    present: bool,
    ask_at: u64,
    /// The answer to a challenge.
    reply: Option<Vec<u8>>,
    /// It wants to be asked as long as it is there.
    xctl: bool,
}

impl Greeting {
    pub(super) fn new(id: u8) -> Greeting {
        Greeting { id, since: None, present: false, ask_at: 0, reply: None, xctl: false }
    }

    pub(super) fn begin(&mut self, now: u64) {
        *self = Greeting { since: Some(now), ask_at: now, ..Greeting::new(self.id) };
    }

    pub(super) fn end(&mut self) {
        *self = Greeting::new(self.id);
    }

    /// Anything came, so it is there.
    pub(super) fn heard(&mut self) {
        self.present = true;
    }

    pub(super) fn is_present(&self) -> bool {
        self.present
    }

    /// A system-exclusive message; foreign ones say nothing.
    pub(super) fn sysex(&mut self, bytes: &[u8]) -> Heard {
        if bytes == XCTL {
            self.xctl = true;
        }
        let Some([id, command, rest @ ..]) = bytes.strip_prefix(&HEADER) else { return Heard::Nothing };
        if !IDS.contains(id) {
            return Heard::Nothing;
        }
        match command {
            // Ready, confirmed, ready (X-Touch Compact).
            0x01 | 0x03 | 0x06 => {
                self.id = *id;
                if let (0x01, [s @ .., a, b, c, d]) = (command, rest)
                    && matches!(id, 0x10 | 0x11)
                {
                    self.reply = Some([s, &response([*a, *b, *c, *d])].concat());
                }
                Heard::Ready
            }
            _ => Heard::Nothing,
        }
    }

    /// What it is to be told before it is drawn on.
    pub(super) fn next(&mut self, now: u64, out: &mut Vec<u8>) {
        if let Some(reply) = self.reply.take() {
            self.command(0x02, &reply, out);
        } else if self.since.is_some() && (!self.present || self.xctl) && self.ask_at <= now {
            self.ask_at = now + if self.xctl { KEEP } else { ASK };
            self.command(0x00, &[], out);
        }
    }

    pub(super) fn may_draw(&self, now: u64) -> bool {
        self.since.is_some_and(|since| self.present || now >= since + PATIENCE)
    }

    /// Writes a command to the unit.
    pub(super) fn command(&self, command: u8, data: &[u8], out: &mut Vec<u8>) {
        Message::Sysex(&[&HEADER[..], &[self.id, command], data].concat()).encode(out);
    }
}

/// The answer that a Logic Control wants to its challenge.
fn response([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    let [x, y, z, w] = [a, b, c, d].map(i32::from);
    [x + (y ^ 0x0A) - w, (z >> 4) ^ (x + w), (w - (z << 2)) ^ (x | y), y - z + (0xF0 ^ (w << 4))].map(|r| (r & 0x7F) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_messages_change_nothing() {
        let mut greeting = Greeting::new(0x14);
        greeting.begin(0);
        for foreign in [&[0x7E, 0x7F, 0x06, 0x02][..], &[0, 0, 0x66], &[0, 0, 0x66, 0x14], &[0, 0, 0x66, 0x06, 0x01], &[]] {
            assert_eq!(greeting.sysex(foreign), Heard::Nothing);
        }
        let mut out = Vec::new();
        greeting.command(0x12, b"\0hi", &mut out);
        assert_eq!(out, b"\xF0\0\0\x66\x14\x12\0hi\xF7");
    }

    #[test]
    fn it_asks_until_something_comes() {
        let mut greeting = Greeting::new(0x14);
        let mut asked = 0;
        greeting.begin(0);
        for now in (0..10_000 * MS).step_by(MS as usize) {
            let mut out = Vec::new();
            greeting.next(now, &mut out);
            asked += usize::from(!out.is_empty());
        }
        assert_eq!(asked, 5);
        greeting.heard();
        let mut out = Vec::new();
        greeting.next(20_000 * MS, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_unit_on_a_network_is_asked_for_good() {
        let mut greeting = Greeting::new(0x14);
        greeting.begin(0);
        greeting.heard();
        let mut asked = Vec::new();
        for now in (0..60_000 * MS).step_by(MS as usize) {
            if now.is_multiple_of(2_000 * MS) {
                assert_eq!(greeting.sysex(&XCTL), Heard::Nothing);
            }
            let mut out = Vec::new();
            greeting.next(now, &mut out);
            if !out.is_empty() {
                assert_eq!(out, b"\xF0\0\0\x66\x14\0\xF7");
                asked.push(now);
            }
        }
        assert!(asked.len() > 10 && asked.windows(2).all(|w| w[1] - w[0] <= 6_000 * MS), "{asked:?}");
    }

    #[test]
    fn a_logic_control_gets_its_response() {
        let mut greeting = Greeting::new(0x14);
        let challenge = [0, 0, 0x66, 0x10, 0x01, 1, 2, 3, 4, 5, 6, 7, 0x11, 0x22, 0x33, 0x44];
        assert_eq!(greeting.sysex(&challenge), Heard::Ready);
        let mut out = Vec::new();
        greeting.next(0, &mut out);
        assert_eq!(out[..12], [0xF0, 0, 0, 0x66, 0x10, 0x02, 1, 2, 3, 4, 5, 6]);
        assert_eq!(out.len(), 18);
    }
}
