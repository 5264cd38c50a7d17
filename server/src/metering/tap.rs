//! How output samples leave the audio thread: by a bounded ring a strip. A full ring drops; nothing waits.

use headroom_dsp::block::BLOCK;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ids of outputs from here on are taps and no ports of a backend.
pub const FIRST: usize = 1 << (usize::BITS - 1);
/// Sets of taps that may be under way each way.
pub const UNDER_WAY: usize = 4;

/// Takes the output of one strip.
pub struct Tap {
    /// Its first side's id, less [`FIRST`].
    pub first: usize,
    /// Sides, 1 or 2.
    pub sides: usize,
    /// Whole frames, the sides in turn.
    pub samples: rtrb::Producer<f32>,
    /// Frames that did not fit.
    pub lost: Arc<AtomicU64>,
    /// The left side until the right one comes.
    left: [f32; BLOCK],
}

impl Tap {
    /// A tap with the id `first` of its first side.
    pub fn new(first: usize, sides: usize, samples: rtrb::Producer<f32>, lost: Arc<AtomicU64>) -> Self {
        Tap { first, sides, samples, lost, left: [0.0; BLOCK] }
    }

    fn take(&mut self, side: usize, block: &[f64]) {
        if side + 1 < self.sides {
            self.left.iter_mut().zip(block).for_each(|(to, x)| *to = *x as f32);
            return;
        }
        let Ok(chunk) = self.samples.write_chunk_uninit(block.len() * self.sides) else {
            // Both sides or none, so that they stay aligned.
            self.lost.fetch_add(block.len() as u64, Ordering::Relaxed);
            return;
        };
        if self.sides == 1 {
            chunk.fill_from_iter(block.iter().map(|x| *x as f32));
        } else {
            chunk.fill_from_iter(self.left.iter().zip(block).flat_map(|(left, right)| [*left, *right as f32]));
        }
    }
}

/// The taps of one console, by rising id.
pub type TapSet = Vec<Tap>;

/// The audio thread's side: the taps that are, and those that come with a changed rig.
pub struct Taps {
    pub(super) now: Box<TapSet>,
    pub(super) coming: rtrb::Consumer<Box<TapSet>>,
    pub(super) gone: rtrb::Producer<Box<TapSet>>,
}

impl Taps {
    /// Taps of nothing.
    pub fn none() -> Self {
        Taps { now: Box::default(), coming: rtrb::RingBuffer::new(1).1, gone: rtrb::RingBuffer::new(1).0 }
    }

    /// Takes a changed set over, at the start of a period. Audio thread.
    pub fn change(&mut self) {
        // Nothing is freed here: what goes has room on its way back.
        if self.gone.slots() > 0
            && let Ok(next) = self.coming.pop()
            && let Err(kept) = self.gone.push(std::mem::replace(&mut self.now, next))
        {
            std::mem::forget(kept);
        }
    }

    /// Takes a block of an output whose id is from [`FIRST`] on. Audio thread.
    pub fn output(&mut self, id: usize, block: &[f64]) {
        let number = id - FIRST;
        let at = self.now.partition_point(|tap| tap.first <= number);
        if let Some(tap) = at.checked_sub(1).and_then(|at| self.now.get_mut(at))
            && number - tap.first < tap.sides
        {
            tap.take(number - tap.first, block);
        }
    }
}
