//! Who had how much of the thread's time: what is read next, and how much of it at once.

use super::tcp::TURN;
use super::udp::BATCH;

/// Time that one may have had, lately, before it waits, in nanoseconds. It is forgotten at half the speed of time, so that
/// nobody has more than half of it.
pub const MOST_OF_TIME: u64 = 100_000_000;
/// Time that one turn is meant to take, in nanoseconds.
const SLICE: u64 = 1_000_000;
/// Bytes of a stream that count as one piece.
pub const BYTES_A_PIECE: usize = 256;
/// What a piece is taken to cost as long as nothing is known, in nanoseconds.
const GUESS: u64 = 50_000;

/// What became of a turn.
#[derive(Clone, Copy)]
pub struct Served {
    /// There may be more.
    pub more: bool,
    /// Datagrams, or so many times [`BYTES_A_PIECE`].
    pub pieces: usize,
}

impl Served {
    /// Nothing more for now.
    pub fn done() -> Served {
        Served { more: false, pieces: 0 }
    }
}

/// The time that one socket has had.
#[derive(Clone, Copy)]
pub struct Share {
    /// Lately, as of `at`.
    had: u64,
    at: u64,
    /// What a piece of it cost; slow to forget what was dear.
    each: u64,
}

impl Default for Share {
    fn default() -> Share {
        Share { had: 0, at: 0, each: GUESS }
    }
}

impl Share {
    /// Time that it had lately.
    pub fn had(&mut self, now: u64) -> u64 {
        self.had = self.had.saturating_sub(now.saturating_sub(self.at) / 2);
        self.at = now.max(self.at);
        self.had
    }

    /// Takes note of a turn.
    pub fn charge(&mut self, nanos: u64, pieces: usize) {
        self.had += nanos;
        if pieces > 0 {
            self.each = (nanos / pieces as u64).max(self.each / 8 * 7);
        }
    }

    fn pieces(&self) -> usize {
        (SLICE / self.each.max(1)).max(1) as usize
    }

    /// Datagrams to be read in one turn.
    pub fn datagrams(&self) -> usize {
        self.pieces().min(BATCH)
    }

    /// Bytes to be read in one turn.
    pub fn bytes(&self) -> usize {
        (self.pieces() * BYTES_A_PIECE).min(TURN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_dear_is_read_in_small_pieces_and_nobody_has_more_than_half() {
        let mut share = Share::default();
        (0..40).for_each(|_| share.charge(64_000, 64));
        assert_eq!((share.datagrams(), share.bytes()), (BATCH, TURN));
        share.charge(20_000_000, 1);
        assert_eq!((share.datagrams(), share.bytes()), (1, BYTES_A_PIECE));
        let (mut now, mut used) = (0, 0);
        let mut flood = Share::default();
        while now < 10_000_000_000 {
            if flood.had(now) < MOST_OF_TIME {
                flood.charge(1_000_000, 64);
                used += 1_000_000;
            }
            now += 1_000_000;
        }
        assert!((4_900_000_000..5_200_000_000u64).contains(&used), "{used}");
    }
}
