//! True peak in lanes: the largest magnitude between samples, as the limiter needs it.
//!
//! Four times oversampling by a Kaiser-windowed sinc, and a parabola through the highest point and its
//! neighbours. It looks [`TruePeak::side`] frames ahead.
//!
//! What lies in the last kilohertz below half the rate beats between the samples more slowly than so short a sinc can see:
//! noise and naive square waves then rise up to 0.6 dB above what it reads. That band is heard apart, by three poles
//! beside half the rate, and a share of its envelope is added where it is more than a trace. Sums with
//! little there, and tones of up to 17 kHz, are read without it.

use crate::block::BLOCK;
use crate::lanes::Lanes;

/// Most taps to each side.
pub const MOST: usize = 24;
/// Shape of the window: near to none, for a steep edge. Its ripple reads a little too much rather than too little.
const BETA: f64 = 1.5;
/// The band at half the rate: how much of a pole is new each frame, and what is left of its envelope.
const EDGE: f64 = 0.2;
const FADE: f64 = 0.995;
/// Share of that envelope that counts as a peak between samples, where it is more than this share of the peak.
const SHARE: f64 = 0.7;
const TRACE: f64 = 0.01;

/// Interpolator of a bank.
pub struct TruePeak<L> {
    side: usize,
    /// Taps at a quarter; three quarters mirrors them.
    quarter: [f64; 2 * MOST],
    half: [f64; 2 * MOST],
    history: [L; 2 * MOST + BLOCK],
    /// Poles beside half the rate, and the envelope of what passes them.
    edge: [L; 3],
    envelope: L,
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
        let zero = L::zero();
        let history = [zero; 2 * MOST + BLOCK];
        TruePeak { side, quarter: taps(side, 0.25), half: taps(side, 0.5), history, edge: [zero; 3], envelope: zero }
    }

    /// Frames that it looks ahead.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.history.iter_mut().chain(&mut self.edge).for_each(|v| v.set(lane, 0.0));
        self.envelope.set(lane, 0.0);
    }

    /// Takes over a lane, as much of it as both hold.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let (width, old) = (2 * self.side, 2 * from.side);
        for back in 1..=width.min(old) {
            self.history[width - back].set(lane, from.history[old - back].get(from_lane));
        }
        for (to, old) in self.edge.iter_mut().zip(&from.edge) {
            to.set(lane, old.get(from_lane));
        }
        self.envelope.set(lane, from.envelope.get(from_lane));
    }

    /// The envelope of what lies beside half the rate, times [`SHARE`], and the most of a block.
    #[inline(always)]
    fn beside(&mut self, io: &[L], beside: &mut [L]) -> L {
        let (new, old) = (L::splat(EDGE), L::splat(EDGE - 1.0));
        let (fade, share) = (L::splat(FADE), L::splat(SHARE));
        let ([mut a, mut b, mut c], mut envelope, mut most) = (self.edge, self.envelope, L::zero());
        for (x, beside) in io.iter().zip(beside) {
            a = old.mul_add(a, new * *x);
            b = old.mul_add(b, new * a);
            c = old.mul_add(c, new * b);
            envelope = c.abs().max(envelope * fade);
            *beside = envelope * share;
            most = (*beside).max(most);
        }
        (self.edge, self.envelope) = ([a, b, c], envelope);
        most
    }

    /// The true peak around the frame `side` frames back, for each frame of a block. Where nothing in
    /// reach comes near `floor`, the sample itself is enough and is what is given.
    #[inline(always)]
    pub fn run(&mut self, io: &[L], floor: L, peaks: &mut [L]) {
        let width = 2 * self.side;
        self.history[width..width + io.len()].copy_from_slice(io);
        let loud = self.history[..width + io.len()].iter().fold(L::zero(), |m, x| x.abs().max(m));
        let mut beside = [L::zero(); BLOCK];
        let most = self.beside(io, &mut beside);
        // Between samples a sum of at most 20 kHz rises no higher than about 2.5 times its samples.
        if L::any(loud.mul_add(L::splat(2.5), most).gt(floor)) {
            let (_, mut last) = self.around(&self.history[..width], L::zero());
            let trace = L::splat(1.0 - TRACE);
            for ((i, peak), beside) in peaks.iter_mut().enumerate().zip(beside) {
                (*peak, last) = self.around(&self.history[i + 1..i + 1 + width], last);
                *peak = (*peak).max(trace.mul_add(*peak, beside));
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
        self.beside(io, &mut [L::zero(); BLOCK]);
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
