//! What the microphones of one console know of each other: levels of all strips that share a gain.
//!
//! Every strip that takes part has a slot, wherever its bank runs. In each block of the grid
//! ([`BLOCK`] absolute frames) it puts down its level, and reads the sums of the block before: all
//! read the same figures, so neither the order of the banks nor the period shows, and shares of one
//! sum add to one. A strip that did not run (it sleeps) counts with the level it has in silence.
//!
//! One board belongs to one network. While two networks are crossfaded each has its own, so nobody is
//! counted twice. Only the audio thread reads and writes it; the cells are atomic because the banks
//! share them, and never contended.

use crate::block::BLOCK;
use std::sync::atomic::{AtomicU64, Ordering};

/// Groups of strips.
pub const GROUPS: usize = 8;

/// What a strip adds to the sum of each group.
pub type Adds = [f64; GROUPS];

/// Number of a block of the grid.
#[inline(always)]
pub fn block_of(frame: u64) -> u64 {
    frame / BLOCK as u64
}

#[derive(Debug, Default)]
struct Number(AtomicU64);

impl Number {
    #[inline(always)]
    fn put(&self, x: f64) {
        self.0.store(x.to_bits(), Ordering::Relaxed);
    }

    #[inline(always)]
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// What a strip put down at the end of one block.
#[derive(Debug, Default)]
struct Note {
    /// Number of the block, and one: 0 is none.
    block: AtomicU64,
    adds: [Number; GROUPS],
}

impl Note {
    fn copy(&self, from: &Note) {
        self.block.store(from.block.load(Ordering::Relaxed), Ordering::Relaxed);
        for (to, from) in self.adds.iter().zip(&from.adds) {
            to.put(from.get());
        }
    }
}

/// A strip's place: the notes of two blocks in turn, and what it adds while it sleeps.
#[derive(Debug, Default)]
struct Slot {
    notes: [Note; 2],
    asleep: [Number; GROUPS],
}

/// The board. See the module documentation.
#[derive(Debug, Default)]
pub struct Talkers {
    slots: Vec<Slot>,
    /// Block that the sums are of, and one.
    summed: AtomicU64,
    sums: [Number; GROUPS],
}

impl Talkers {
    /// A board for some strips, all of them silent and in no group.
    pub fn new(slots: usize) -> Self {
        Talkers { slots: (0..slots).map(|_| Slot::default()).collect(), ..Talkers::default() }
    }

    /// What a strip adds while it sleeps.
    pub fn sleeps_with(&self, slot: usize, adds: &Adds) {
        if let Some(slot) = self.slots.get(slot) {
            slot.asleep.iter().zip(adds).for_each(|(to, x)| to.put(*x));
        }
    }

    /// Puts down what a strip adds, at the end of a block.
    #[inline(always)]
    pub fn put(&self, slot: usize, block: u64, adds: &Adds) {
        let Some(slot) = self.slots.get(slot) else { return };
        let note = &slot.notes[(block & 1) as usize];
        note.block.store(block + 1, Ordering::Relaxed);
        note.adds.iter().zip(adds).for_each(|(to, x)| to.put(*x));
    }

    /// Takes over a slot of another board.
    pub fn carry(&self, slot: usize, from: &Talkers, from_slot: usize) {
        let (Some(to), Some(from)) = (self.slots.get(slot), from.slots.get(from_slot)) else { return };
        to.notes.iter().zip(&from.notes).for_each(|(to, from)| to.copy(from));
        to.asleep.iter().zip(&from.asleep).for_each(|(to, from)| to.put(from.get()));
        self.summed.store(0, Ordering::Relaxed);
    }

    /// Sums of all groups in the block before this one. Worked out once a block, in the order of the slots.
    #[inline(always)]
    pub fn sums(&self, block: u64) -> Adds {
        if self.summed.load(Ordering::Relaxed) != block + 1 {
            self.sum(block);
        }
        std::array::from_fn(|g| self.sums[g].get())
    }

    #[inline(never)]
    fn sum(&self, block: u64) {
        let mut sums = [0.0; GROUPS];
        for slot in &self.slots {
            let note = &slot.notes[(block.wrapping_sub(1) & 1) as usize];
            // The block before this one, and one.
            let adds = if note.block.load(Ordering::Relaxed) == block { &note.adds } else { &slot.asleep };
            sums.iter_mut().zip(adds).for_each(|(sum, x)| *sum += x.get());
        }
        self.sums.iter().zip(sums).for_each(|(to, x)| to.put(x));
        self.summed.store(block + 1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adds(group: usize, x: f64) -> Adds {
        std::array::from_fn(|g| if g == group { x } else { 0.0 })
    }

    #[test]
    fn all_read_the_block_before_whatever_the_order() {
        let board = Talkers::new(3);
        board.put(0, 4, &adds(0, 1.0));
        board.put(1, 4, &adds(0, 2.0));
        board.put(2, 4, &adds(7, 4.0));
        let first = board.sums(5);
        // The others of this block come while some have read already.
        board.put(0, 5, &adds(0, 100.0));
        assert_eq!(first, board.sums(5));
        assert_eq!((first[0], first[7]), (3.0, 4.0));
    }

    #[test]
    fn who_sleeps_counts_as_silence() {
        let board = Talkers::new(2);
        board.put(0, 8, &adds(0, 1.0));
        board.put(1, 3, &adds(0, 50.0));
        board.sleeps_with(1, &adds(0, 0.25));
        assert_eq!(board.sums(9)[0], 1.25);
    }
}
