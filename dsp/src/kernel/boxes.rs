//! Two moving averages in series: a triangular smoothing whose weights add to one.

use crate::lanes::Lanes;

/// Frames between exact sums; in between a sum is kept by adding and taking away.
const FRESH: u64 = 64;

/// Two averages of `first` and `second` frames; together they look `first + second − 1` frames back.
pub struct Boxes<L> {
    rings: [Vec<L>; 2],
    at: [usize; 2],
    sums: [L; 2],
    scale: L,
}

impl<L: Lanes> Boxes<L> {
    /// For a whole length in frames, at least 1.
    pub fn new(length: usize) -> Self {
        let first = length.div_ceil(2).max(1);
        let second = (length + 1 - first).max(1);
        Boxes {
            rings: [vec![L::zero(); first], vec![L::zero(); second]],
            at: [0; 2],
            sums: [L::zero(); 2],
            scale: L::splat(1.0 / (first as f64 * second as f64)),
        }
    }

    /// Forgets a lane.
    pub fn clear(&mut self, lane: usize) {
        self.rings.iter_mut().flatten().chain(&mut self.sums).for_each(|v| v.set(lane, 0.0));
    }

    /// As if it had always been given this.
    pub fn fill(&mut self, lane: usize, x: f64) {
        let mut sum = x;
        for (ring, total) in self.rings.iter_mut().zip(&mut self.sums) {
            ring.iter_mut().for_each(|v| v.set(lane, sum));
            sum *= ring.len() as f64;
            total.set(lane, sum);
        }
    }

    /// Takes over a lane of another pair of the same length.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for r in 0..2 {
            let n = self.rings[r].len();
            if n != from.rings[r].len() {
                continue;
            }
            for k in 0..n {
                let (to, old) = ((self.at[r] + k) % n, (from.at[r] + k) % n);
                self.rings[r][to].set(lane, from.rings[r][old].get(from_lane));
            }
            self.sums[r].set(lane, from.sums[r].get(from_lane));
        }
    }

    /// Smooths a block in place.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, io: &mut [L]) {
        let mut at = 0;
        while at < io.len() {
            let here = (frame + at as u64) % FRESH;
            if here == 0 {
                for r in 0..2 {
                    self.sums[r] = self.rings[r].iter().fold(L::zero(), |s, x| s + *x);
                }
            }
            let n = ((FRESH - here) as usize).min(io.len() - at);
            for r in 0..2 {
                let ring = &mut self.rings[r];
                let (mut sum, mut place) = (self.sums[r], self.at[r]);
                for x in &mut io[at..at + n] {
                    if let Some(old) = ring.get_mut(place) {
                        sum = sum + (*x - *old);
                        *old = *x;
                    }
                    place += 1;
                    if place == ring.len() {
                        place = 0;
                    }
                    *x = sum;
                }
                (self.sums[r], self.at[r]) = (sum, place);
            }
            for x in &mut io[at..at + n] {
                *x = *x * self.scale;
            }
            at += n;
        }
    }
}
