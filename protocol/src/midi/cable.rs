//! How fast a surface may be spoken to.
//!
//! MIDI carries 31,250 bits a second, ten to a byte; what is sent faster over USB waits in the surface, where nothing
//! can overtake it. So bytes are let go at the pace of the cable, and what is to be sent next is decided when it is free.

/// Nanoseconds that a byte takes.
const BYTE: u64 = 320_000;
/// How far ahead of the cable bytes may be, in nanoseconds: a driver that looks every millisecond keeps it busy.
const AHEAD: u64 = 3_000_000;

/// The pace of one direction of a cable.
#[derive(Debug, Default)]
pub struct Cable {
    free_at: u64,
}

impl Cable {
    /// Whether another message may go.
    pub fn is_free(&self, now: u64) -> bool {
        self.free_at <= now + AHEAD
    }

    /// When another message may go.
    pub fn free_at(&self) -> u64 {
        self.free_at.saturating_sub(AHEAD)
    }

    /// A message of so many bytes went.
    pub fn sent(&mut self, bytes: usize, now: u64) {
        self.free_at = self.free_at.max(now) + bytes as u64 * BYTE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::MS;

    #[test]
    fn a_thousand_messages_a_second() {
        let mut cable = Cable::default();
        let mut count = 0;
        for now in (0..1_000 * MS).step_by(MS as usize) {
            while cable.is_free(now) {
                cable.sent(3, now);
                count += 1;
            }
        }
        assert!((1_000..1_060).contains(&count), "{count}");
        assert!(cable.free_at() >= 1_000 * MS - AHEAD);
    }
}
