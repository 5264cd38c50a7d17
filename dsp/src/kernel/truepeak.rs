//! True peak in lanes: the largest magnitude between samples, as the limiter needs it.
//!
//! Four times oversampling by a Kaiser-windowed sinc, and a parabola through the highest point and its
//! neighbours. With 24 taps a side it reads a sine of up to 20 kHz at 48 kHz within 0.02 dB of its
//! amplitude. It looks [`TruePeak::side`] frames ahead.

use crate::block::BLOCK;
use crate::lanes::Lanes;

/// Most taps to each side.
pub const MOST: usize = 24;
/// Shape of the window: about 60 dB.
const BETA: f64 = 5.65;

/// Interpolator of a bank.
pub struct TruePeak<L> {
    side: usize,
    /// Taps at a quarter; three quarters mirrors them.
    quarter: [f64; 2 * MOST],
    half: [f64; 2 * MOST],
    history: [L; 2 * MOST + BLOCK],
}

/// Modified Bessel function of order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

/// Windowed sinc for a point `at` (0 … 1) between the two middle taps.
fn taps(side: usize, at: f64) -> [f64; 2 * MOST] {
    let mut t = [0.0; 2 * MOST];
    let n = side as f64;
    for (i, t) in t.iter_mut().enumerate().take(2 * side) {
        let d = i as f64 - (n - 1.0) - at;
        let sinc = (std::f64::consts::PI * d).sin() / (std::f64::consts::PI * d);
        let w = (1.0 - (d / n).powi(2)).max(0.0).sqrt();
        *t = sinc * bessel(BETA * w) / bessel(BETA);
    }
    // Unity at DC, so that a constant is read as itself.
    let sum: f64 = t.iter().sum();
    t.map(|x| x / sum)
}

impl<L: Lanes> TruePeak<L> {
    /// With this many taps to each side, at most [`MOST`], at least 1.
    pub fn new(side: usize) -> Self {
        let side = side.clamp(1, MOST);
        TruePeak { side, quarter: taps(side, 0.25), half: taps(side, 0.5), history: [L::zero(); 2 * MOST + BLOCK] }
    }

    /// Frames that it looks ahead.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.history.iter_mut().for_each(|v| v.set(lane, 0.0));
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for (to, old) in self.history.iter_mut().zip(&from.history) {
            to.set(lane, old.get(from_lane));
        }
    }

    /// The true peak around the frame `side` frames back, for each frame of a block. Where nothing in
    /// reach comes near `floor`, the sample itself is enough and is what is given.
    #[inline(always)]
    pub fn run(&mut self, io: &[L], floor: L, peaks: &mut [L]) {
        let width = 2 * self.side;
        self.history[width..width + io.len()].copy_from_slice(io);
        let loud = self.history[..width + io.len()].iter().fold(L::zero(), |m, x| x.abs().max(m));
        // Between samples a sum of at most 20 kHz rises no higher than about 2.5 times its samples.
        if L::any((loud * L::splat(2.5)).gt(floor)) {
            let (_, mut last) = self.around(&self.history[..width], L::zero());
            for (i, peak) in peaks.iter_mut().enumerate() {
                (*peak, last) = self.around(&self.history[i + 1..i + 1 + width], last);
            }
        } else {
            for (peak, x) in peaks.iter_mut().zip(&self.history[self.side..]) {
                *peak = x.abs();
            }
        }
        self.history.copy_within(io.len()..io.len() + width, 0);
    }

    /// Takes a block without looking at it: when peaks are asked for again, they are of what was.
    #[inline(always)]
    pub fn pass(&mut self, io: &[L]) {
        let width = 2 * self.side;
        self.history[width..width + io.len()].copy_from_slice(io);
        self.history.copy_within(io.len()..io.len() + width, 0);
    }

    /// Peak of the stretch from the left middle sample of the window to the right one, and the last
    /// point in it; `last` is the point before it.
    #[inline(always)]
    fn around(&self, window: &[L], last: L) -> (L, L) {
        let n = window.len();
        let (mut early, mut late, mut half) = (L::zero(), L::zero(), L::zero());
        let halves = window[..n / 2].iter().zip(window.iter().rev());
        let taps = self.quarter[..n / 2].iter().zip(self.quarter[..n].iter().rev()).zip(&self.half);
        for ((a, b), ((q, r), h)) in halves.zip(taps) {
            // Tap k of one quarter is tap n−1−k of the other.
            let (q, r) = (L::splat(*q), L::splat(*r));
            early = q.mul_add(*a, r.mul_add(*b, early));
            late = q.mul_add(*b, r.mul_add(*a, late));
            half = L::splat(*h).mul_add(*a + *b, half);
        }
        let (sample, next) = (window[n / 2 - 1], window[n / 2]);
        let mut peak = sample.abs();
        let mut best = [last, sample, early];
        for w in [[sample, early, half], [early, half, late], [half, late, next]] {
            let higher = w[1].abs().gt(peak);
            peak = w[1].abs().max(peak);
            best = std::array::from_fn(|i| L::select(higher, w[i], best[i]));
        }
        // Vertex of the parabola through the highest point and its neighbours.
        let slope = best[2] - best[0];
        let bend = (best[0] + best[2] - best[1] - best[1]).abs().max(L::splat(1e-20));
        let rise = (slope * slope) / (bend * L::splat(8.0));
        let turns = best[1].abs().ge(best[0].abs().max(best[2].abs()));
        (peak + L::select(turns, rise.min(peak * L::splat(0.1)), L::zero()), late)
    }
}
