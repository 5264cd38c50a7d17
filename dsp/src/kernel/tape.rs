//! A stereo recording on its way from a reader of files to the audio thread, without a lock.
//!
//! One thread winds it on, ahead of what is heard; the audio side reads by position and takes nothing away,
//! so that an old and a new network can read the same tape while one is faded into the other.

use crate::meter::Latest;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// See the module documentation.
#[derive(Debug)]
pub struct Tape {
    /// Left and right of a frame in one word; frame n at n modulo the length.
    frames: Box<[AtomicU64]>,
    /// Frames written and read so far.
    written: AtomicU64,
    read: AtomicU64,
    /// Frames that were asked for and not there.
    missed: AtomicU32,
    gain_db: Latest,
    loudness: Latest,
}

/// Stands for a loudness that is not known.
const UNKNOWN: f32 = f32::NEG_INFINITY;

impl Tape {
    /// A tape that holds at least this many frames.
    pub fn new(frames: usize) -> Tape {
        let tape = Tape {
            frames: (0..frames.next_power_of_two()).map(|_| AtomicU64::new(0)).collect(),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            missed: AtomicU32::new(0),
            gain_db: Latest::default(),
            loudness: Latest::default(),
        };
        tape.loudness.put(UNKNOWN);
        tape
    }

    /// Winder: frames that can be written now. A margin stays behind what is read, for the network that is being
    /// faded out.
    pub fn room(&self) -> usize {
        let ahead = self.written.load(Ordering::Relaxed).saturating_sub(self.read.load(Ordering::Acquire));
        (self.frames.len() - self.frames.len() / 4).saturating_sub(ahead as usize)
    }

    /// Winder: adds a frame.
    pub fn write(&self, left: f32, right: f32) {
        let at = self.written.load(Ordering::Relaxed);
        let word = u64::from(left.to_bits()) << 32 | u64::from(right.to_bits());
        self.frames[at as usize & (self.frames.len() - 1)].store(word, Ordering::Relaxed);
        self.written.store(at + 1, Ordering::Release);
    }

    /// Audio side: where to go on.
    pub fn position(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Audio side: the frames from a position on; gives how many were there. What is not there reads as silence.
    #[inline]
    pub fn play(&self, from: u64, frames: usize, mut put: impl FnMut(usize, f32, f32)) -> u64 {
        let there = self.written.load(Ordering::Acquire).saturating_sub(from).min(frames as u64);
        for i in 0..there {
            let word = self.frames[(from + i) as usize & (self.frames.len() - 1)].load(Ordering::Relaxed);
            put(i as usize, f32::from_bits((word >> 32) as u32), f32::from_bits(word as u32));
        }
        (there as usize..frames).for_each(|i| put(i, 0.0, 0.0));
        if there < frames as u64 {
            self.missed.fetch_add((frames as u64 - there) as u32, Ordering::Relaxed);
        }
        there
    }

    /// Audio side: what is before this position may be written over.
    pub fn release(&self, position: u64) {
        self.read.store(position, Ordering::Release);
    }

    /// Frames that were asked for and not there.
    pub fn missed(&self) -> u32 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Control side: gain in dB that makes it as loud as what it is compared with.
    pub fn match_to(&self, gain_db: f32) {
        self.gain_db.put(gain_db);
    }

    /// Audio side: see [`Tape::match_to`].
    pub fn gain_db(&self) -> f32 {
        self.gain_db.get()
    }

    /// Winder: integrated loudness of the whole, LUFS.
    pub fn set_loudness(&self, lufs: f32) {
        self.loudness.put(lufs);
    }

    /// Control side: integrated loudness, once it is known.
    pub fn loudness(&self) -> Option<f32> {
        Some(self.loudness.get()).filter(|x| *x != UNKNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_played_in_order_and_what_is_not_there_is_silence() {
        let tape = Tape::new(1000);
        let mut next = 0u32;
        let wind = |next: &mut u32| {
            for _ in 0..tape.room() {
                tape.write(*next as f32, -(*next as f32));
                *next += 1;
            }
        };
        let mut at = 0;
        for block in 0..200 {
            if block % 7 == 0 {
                wind(&mut next);
            }
            let from = at;
            let there = tape.play(from, 64, |i, left, right| {
                assert!(left == (from + i as u64) as f32 && right == -left, "frame {}", from + i as u64);
            });
            assert_eq!(there, 64);
            at += there;
            tape.release(at);
        }
        assert_eq!(tape.missed(), 0);
        let left = u64::from(next) - at;
        assert_eq!(tape.play(at, 2000, |i, x, _| assert!((i as u64) < left || x == 0.0)), left);
        assert_eq!(u64::from(tape.missed()), 2000 - left);
    }
}
