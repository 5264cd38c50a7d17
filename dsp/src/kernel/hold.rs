//! The level that dynamics work on: a causal peak hold, or the mean square over the same window.
//!
//! The largest magnitude of the last 10.7 ms or so stands ahead of the ballistics, so that a tone as
//! low as 50 Hz gives a constant level and a constant gain: no distortion by a gain that follows the
//! wave. The window is counted in blocks of [`STEP`] absolute frames.

use crate::lanes::Lanes;

/// Frames of one block of the window.
pub const STEP: usize = 32;
/// Blocks that the ring holds: 10.7 ms and the longest look-ahead at 192 kHz.
const RING: usize = 128;
/// Longest hold in seconds; a half period of 47 Hz.
const LONGEST_S: f64 = 0.010_66;

/// Blocks of the longest hold at a rate in Hz.
pub fn longest(rate: f64) -> usize {
    ((LONGEST_S * rate / STEP as f64).ceil() as usize).min(RING - 2)
}

/// Level of every lane.
pub struct Hold<L> {
    peaks: [L; RING],
    squares: [L; RING],
    at: usize,
    /// Blocks each lane looks back.
    blocks: L,
    most: usize,
    peak: L,
    square: L,
    /// Over the completed blocks of the window.
    held: L,
    sum: L,
    rms: u32,
    /// Of those, lanes that read the larger of both.
    either: u32,
}

impl<L: Lanes> Hold<L> {
    /// Silent.
    pub fn new() -> Self {
        let zero = L::zero();
        Hold {
            peaks: [zero; RING],
            squares: [zero; RING],
            at: 0,
            blocks: L::splat(1.0),
            most: 1,
            peak: zero,
            square: zero,
            held: zero,
            sum: zero,
            rms: 0,
            either: 0,
        }
    }

    /// A lane's window in blocks, and whether it reads the mean square.
    pub fn set(&mut self, lane: usize, blocks: usize, rms: bool) {
        // Of the lane alone: whether others read squares already must not show.
        if rms && self.rms & (1 << lane) == 0 {
            self.seed(lane);
        }
        self.window(lane, blocks, rms);
        self.either &= !(1 << lane);
    }

    /// A lane's window in blocks; it reads the larger of peak and mean square. High tones, which samples may
    /// miss by 3 dB, are then read at their level, and short sounds at their peak.
    pub fn set_either(&mut self, lane: usize, blocks: usize) {
        self.set(lane, blocks, true);
        self.either |= 1 << lane;
    }

    fn window(&mut self, lane: usize, blocks: usize, rms: bool) {
        self.blocks.set(lane, blocks.min(RING - 2) as f64);
        self.most = (0..L::N).map(|l| self.blocks.get(l) as usize).max().unwrap_or(1);
        self.rms = (self.rms & !(1 << lane)) | (u32::from(rms) << lane);
    }

    /// Squares as a tone of the peaks would have left them: they were not kept while only peaks were asked
    /// for, and starting from none would be heard.
    fn seed(&mut self, lane: usize) {
        let square = |peak: f64| 0.5 * STEP as f64 * peak * peak;
        for (square_of, peak) in self.squares.iter_mut().zip(&self.peaks) {
            square_of.set(lane, square(peak.get(lane)));
        }
        self.square.set(lane, square(self.peak.get(lane)));
        self.sum.set(lane, self.blocks.get(lane) * square(self.held.get(lane)));
    }

    /// Forgets the signal of a lane.
    pub fn clear(&mut self, lane: usize) {
        let all = self.peaks.iter_mut().chain(&mut self.squares);
        all.chain([&mut self.peak, &mut self.square, &mut self.held, &mut self.sum]).for_each(|v| v.set(lane, 0.0));
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        // Rings turn with absolute frames, but may have started elsewhere.
        for back in 0..RING {
            let (to, old) = ((self.at + RING - back) % RING, (from.at + RING - back) % RING);
            self.peaks[to].set(lane, from.peaks[old].get(from_lane));
            self.squares[to].set(lane, from.squares[old].get(from_lane));
        }
        for (to, old) in [
            (&mut self.peak, &from.peak),
            (&mut self.square, &from.square),
            (&mut self.held, &from.held),
            (&mut self.sum, &from.sum),
        ] {
            to.set(lane, old.get(from_lane));
        }
        self.window(lane, from.blocks.get(from_lane) as usize, from.rms >> from_lane & 1 != 0);
        self.either = (self.either & !(1 << lane)) | ((from.either >> from_lane & 1) << lane);
    }

    /// Replaces a block of signal by its level: an amplitude, a full-scale sine reading 1 for either
    /// detector.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, pairs: L::Mask, io: &mut [L]) {
        let mut at = 0;
        while at < io.len() {
            let here = (frame + at as u64) as usize % STEP;
            if here == 0 {
                self.turn();
            }
            let n = (STEP - here).min(io.len() - at);
            let part = &mut io[at..at + n];
            if self.rms == 0 {
                let (mut peak, held) = (self.peak, self.held);
                for x in part.iter_mut() {
                    peak = x.abs().max(peak);
                    *x = peak.max(held).link(pairs);
                }
                self.peak = peak;
            } else {
                self.mixed(here, pairs, part);
            }
            at += n;
        }
    }

    #[inline(always)]
    fn mixed(&mut self, here: usize, pairs: L::Mask, part: &mut [L]) {
        let (rms, either) = (L::mask(self.rms), L::mask(self.either));
        let step = L::splat(STEP as f64);
        let (mut peak, mut square) = (self.peak, self.square);
        for (i, x) in part.iter_mut().enumerate() {
            peak = x.abs().max(peak);
            square = x.mul_add(*x, square);
            let frames = self.blocks.mul_add(step, L::splat((here + i + 1) as f64));
            // Twice the mean square: a sine at the threshold is at the threshold.
            let mean = ((self.sum + square) * L::splat(2.0) / frames).sqrt();
            let highest = peak.max(self.held);
            let level = L::select(either, mean.max(highest), L::select(rms, mean, highest));
            *x = level.link(pairs);
        }
        (self.peak, self.square) = (peak, square);
    }

    /// Ends a block: the window moves on by one.
    #[inline(always)]
    fn turn(&mut self) {
        self.at = if self.at + 1 == RING { 0 } else { self.at + 1 };
        self.peaks[self.at] = self.peak;
        self.squares[self.at] = self.square;
        (self.peak, self.square) = (L::zero(), L::zero());
        let (mut held, mut sum) = (L::zero(), L::zero());
        let mut at = self.at;
        for k in 0..self.most.min(RING) {
            let inside = self.blocks.gt(L::splat(k as f64));
            held = L::select(inside, self.peaks[at].max(held), held);
            sum = L::select(inside, sum + self.squares[at], sum);
            at = if at == 0 { RING - 1 } else { at - 1 };
        }
        (self.held, self.sum) = (held, sum);
    }
}

impl<L: Lanes> Default for Hold<L> {
    fn default() -> Self {
        Self::new()
    }
}
