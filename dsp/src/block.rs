//! The engine's step, and planar samples against lane-interleaved ones.

use crate::lanes::Lanes;

/// Frames of the engine's longest step; steps never cross a multiple of it.
pub const BLOCK: usize = 64;

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

/// Writes planar samples into one lane.
#[inline(always)]
pub fn put_lane<L: Lanes>(block: &mut [L], lane: usize, samples: &[f32]) {
    for (to, x) in flat_mut(block).iter_mut().skip(lane).step_by(L::N).zip(samples) {
        *to = L::elem(f64::from(*x));
    }
}

/// Reads one lane as planar `f64`.
#[inline(always)]
pub fn take_lane<L: Lanes>(block: &[L], lane: usize, out: &mut [f64]) {
    for (to, x) in out.iter_mut().zip(flat(block).iter().skip(lane).step_by(L::N)) {
        *to = L::elem_f64(*x);
    }
}

/// Whether every sample is exactly zero.
#[inline(always)]
pub fn is_zero(samples: &[f32]) -> bool {
    samples.iter().fold(0u32, |bits, x| bits | (x.to_bits() << 1)) == 0
}
