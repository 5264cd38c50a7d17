//! The engine's step, and planar samples against lane-interleaved ones.

use crate::lanes::{COLUMNS, Entry, Lanes};

/// Frames of the engine's longest step; steps never cross a multiple of it.
pub const BLOCK: usize = 64;
/// The most lanes of any bank.
const MOST_LANES: usize = 8;

/// A block of lanes seen as single samples, frame by frame.
#[inline(always)]
pub fn flat<L: Lanes>(block: &[L]) -> &[L::Elem] {
    const { assert!(size_of::<L>() == L::N * size_of::<L::Elem>()) };
    // SAFETY: `Lanes` is N elements in order without padding (checked above), aligned more strictly.
    unsafe { std::slice::from_raw_parts(block.as_ptr().cast(), block.len() * L::N) }
}

/// As [`flat`], to write.
#[inline(always)]
pub fn flat_mut<L: Lanes>(block: &mut [L]) -> &mut [L::Elem] {
    const { assert!(size_of::<L>() == L::N * size_of::<L::Elem>()) };
    // SAFETY: as in `flat`; any bit pattern is a sample.
    unsafe { std::slice::from_raw_parts_mut(block.as_mut_ptr().cast(), block.len() * L::N) }
}

/// As many samples as the vector has lanes, from index `at` on: frames of one channel.
#[inline(always)]
pub fn load<V: Lanes>(from: &[V::Elem], at: usize) -> V {
    let mut v = [V::zero()];
    flat_mut(&mut v).copy_from_slice(&from[at..at + V::N]);
    v[0]
}

/// Puts them back.
#[inline(always)]
pub fn store<V: Lanes>(v: V, to: &mut [V::Elem], at: usize) {
    to[at..at + V::N].copy_from_slice(flat(&[v]));
}

/// Writes planar samples, one slice a lane and as long as the block, into all lanes.
pub struct Interleave<'a, L: Lanes> {
    /// A slice for each lane.
    pub lanes: &'a [&'a [f32]],
    /// The block.
    pub into: &'a mut [L],
}

impl<L: Lanes> Entry for Interleave<'_, L> {
    #[inline(always)]
    fn run(self) {
        let n = self.into.len();
        let mut lanes = [&[][..]; MOST_LANES];
        let lanes = &mut lanes[..L::N];
        for (lane, samples) in lanes.iter_mut().zip(self.lanes) {
            *lane = &samples[..n];
        }
        let (whole, rest) = self.into.as_chunks_mut::<COLUMNS>();
        for (i, into) in whole.iter_mut().enumerate() {
            *into = L::columns(lanes, i * COLUMNS);
        }
        let from = whole.len() * COLUMNS;
        for (i, into) in rest.iter_mut().enumerate() {
            *into = L::from_fn(|lane| f64::from(lanes[lane][from + i]));
        }
    }
}

/// Reads one lane as planar `f64`.
#[inline(always)]
pub fn take_lane<L: Lanes>(block: &[L], lane: usize, out: &mut [f64]) {
    for (to, frame) in out.iter_mut().zip(flat(block).chunks_exact(L::N)) {
        *to = L::elem_f64(frame[lane]);
    }
}

/// Whether every sample is exactly zero.
#[inline(always)]
pub fn is_zero(samples: &[f32]) -> bool {
    samples.iter().fold(0u32, |bits, x| bits | (x.to_bits() << 1)) == 0
}
