//! Oversampling for curves that make harmonics: up, the curve, and down again.
//!
//! Three doublings at 48 kHz (two at 96, one at 192): a curve runs at 352.8 kHz or more, so that what it
//! makes folds back far below the audible. All filters are linear-phase equiripple FIRs ("A computer
//! program for designing optimum FIR linear phase digital filters", McClellan, Parks, Rabiner). Those
//! between the upper rates, and the first one up, are half-bands: every other tap is zero and the rest is
//! symmetric, in phases of `2K` taps. The last one down is none, for harmonics between 25 kHz and the
//! first image would fold into the top of the band.
//!
//! Up and down together are flat within 0.02 dB to 20 kHz at 48 kHz (18.4 at 44.1), and delay by whole
//! frames ([`latency`]).

use crate::lanes::Lanes;
use crate::ramp::GRID;

/// The most frames at once.
pub const CHUNK: usize = GRID as usize;
/// The highest factor.
pub const MOST: usize = 8;
/// Frames after which nothing of the input is left inside, a multiple of [`GRID`].
pub const SPAN: u64 = 96;

/// Between the frames of the rate: flat to 5/12 of it, images 98 dB down from 7/12 on.
const FIRST: [f64; 18] = [
    -0.000052244282,
    0.000152756511,
    -0.00036292702,
    0.000745710227,
    -0.001389296916,
    0.002407625504,
    -0.003943614413,
    0.00617367034,
    -0.009315822508,
    0.013646165876,
    -0.019533176138,
    0.027510631283,
    -0.038439066478,
    0.053892963678,
    -0.077222408681,
    0.11717155929,
    -0.20597261585,
    0.634530089576,
];
/// Between those of twice the rate: flat to half the rate, 88 dB down from 3/2 of it on.
const SECOND: [f64; 5] = [0.002245509047, -0.014229333364, 0.052400672105, -0.155901750592, 0.615484902803];
/// Between those of four times the rate: flat to half the rate, 94 dB down from 7/2 of it on.
const THIRD: [f64; 3] = [0.014233806204, -0.104618159136, 0.590384352932];
/// From twice the rate to the rate: flat within 0.013 dB to 5/12 of it, 92 dB down from 25/48 on. No half-band,
/// which would be 6 dB down where harmonics begin to fold.
const LAST: [f64; 41] = [
    -0.0001573199,
    -0.000402777387,
    -0.000308503929,
    0.000307335508,
    0.000679018226,
    0.000019590413,
    -0.000814633872,
    -0.000193719451,
    0.001260739799,
    0.000898035115,
    -0.001327315134,
    -0.001617580203,
    0.001374345771,
    0.002779667062,
    -0.000836774591,
    -0.003916150457,
    -0.000077493468,
    0.005206494315,
    0.001799298416,
    -0.006152587405,
    -0.004155082172,
    0.006709725669,
    0.007389317094,
    -0.006328513329,
    -0.011256265843,
    0.004786771606,
    0.015781006691,
    -0.001465521815,
    -0.020599953815,
    -0.004087947915,
    0.02555159819,
    0.012869013088,
    -0.03019659921,
    -0.026456224142,
    0.034295988823,
    0.04923520528,
    -0.037446421382,
    -0.097068183523,
    0.039479126021,
    0.315248747619,
    0.459850255874,
];

const K1: usize = FIRST.len();
const K2: usize = SECOND.len();
const K3: usize = THIRD.len();
/// Pairs of equal taps of [`LAST`], beside the middle one.
const PAIRS: usize = LAST.len() - 1;

/// Doublings at a rate in Hz.
fn doublings(rate: f64) -> usize {
    match rate {
        r if r < 80_000.0 => 3,
        r if r < 160_000.0 => 2,
        _ => 1,
    }
}

/// How many samples a frame becomes at a rate in Hz.
pub fn factor(rate: f64) -> usize {
    1 << doublings(rate)
}

/// Delay of all filters but the last, in frames of twice the rate, and whether the last one must wait for
/// half a frame of the rate to make it whole.
fn inner(doublings: usize) -> (usize, bool) {
    // Up K, down K − 1; the third stage waits for one frame of four times the rate.
    let frames = [0, K2 + K2 - 1, K2 + K2 - 1 + K3][doublings - 1];
    (frames, (frames + PAIRS - 1) % 2 == 1)
}

/// Frames by which the way up and down delays.
pub fn latency(rate: f64) -> usize {
    let (frames, wait) = inner(doublings(rate));
    K1 + (frames + PAIRS - 1 + usize::from(wait)) / 2
}

/// What is done at the high rate.
pub trait Waveshaper<L> {
    /// Replaces the samples, as many a frame as the factor says. `#[inline(always)]`, please.
    fn shape(&self, io: &mut [L]);
}

/// Samples of one rate: the last ones that a filter needs, then the new ones.
struct History<L> {
    samples: Vec<L>,
    keep: usize,
}

impl<L: Lanes> History<L> {
    fn new(keep: usize, fresh: usize) -> Self {
        History { samples: vec![L::zero(); keep + fresh], keep }
    }

    #[inline(always)]
    fn fresh(&mut self, n: usize) -> &mut [L] {
        &mut self.samples[self.keep..self.keep + n]
    }

    #[inline(always)]
    fn turn(&mut self, n: usize) {
        self.samples.copy_within(n..n + self.keep, 0);
    }
}

/// The filters of a bank. State is FIR only: after [`SPAN`] frames what was before has no part in it.
pub struct Oversampler<L> {
    doublings: usize,
    first: [L; K1],
    second: [L; K2],
    third: [L; K3],
    second_down: [L; K2],
    third_down: [L; K3],
    last: [L; PAIRS],
    up: [History<L>; 3],
    /// At twice, four times and eight times the rate.
    down: [History<L>; 3],
}

impl<L: Lanes> Oversampler<L> {
    /// For a rate in Hz.
    pub fn new(rate: f64) -> Self {
        let up = |k: usize, fresh: usize| History::new(2 * k - 1, fresh * CHUNK);
        Oversampler {
            doublings: doublings(rate),
            first: FIRST.map(L::splat),
            second: SECOND.map(L::splat),
            third: THIRD.map(L::splat),
            // A half-band's other phase is its middle tap of one half.
            second_down: SECOND.map(|t| L::splat(0.5 * t)),
            third_down: THIRD.map(|t| L::splat(0.5 * t)),
            last: std::array::from_fn(|i| L::splat(LAST[i])),
            up: [up(K1, 1), up(K2, 2), up(K3, 4)],
            down: [
                History::new(2 * PAIRS, 2 * CHUNK),
                History::new(2 * (2 * K2 - 1), 4 * CHUNK),
                History::new(2 * (2 * K3), 8 * CHUNK),
            ],
        }
    }

    /// Forgets a lane.
    pub fn clear(&mut self, lane: usize) {
        let all = self.up.iter_mut().chain(&mut self.down);
        all.flat_map(|h| &mut h.samples).for_each(|v| v.set(lane, 0.0));
    }

    /// Takes over a lane of another one of the same rate.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let all = self.up.iter_mut().chain(&mut self.down).zip(from.up.iter().chain(&from.down));
        for (to, old) in all.flat_map(|(to, old)| to.samples.iter_mut().zip(&old.samples)) {
            to.set(lane, old.get(from_lane));
        }
    }

    /// At most [`CHUNK`] frames: up, the curve, down.
    #[inline(always)]
    pub fn run(&mut self, io: &mut [L], shaper: &impl Waveshaper<L>) {
        let n = io.len();
        let ([up1, up2, up3], [down1, down2, down3]) = (&mut self.up, &mut self.down);
        up1.fresh(n).copy_from_slice(io);
        match self.doublings {
            1 => {
                up(&self.first, up1, n, down1.fresh(2 * n));
                shaper.shape(down1.fresh(2 * n));
            }
            2 => {
                up(&self.first, up1, n, up2.fresh(2 * n));
                up(&self.second, up2, 2 * n, down2.fresh(4 * n));
                shaper.shape(down2.fresh(4 * n));
                down(&self.second_down, down2, down1.fresh(2 * n));
            }
            _ => {
                up(&self.first, up1, n, up2.fresh(2 * n));
                up(&self.second, up2, 2 * n, up3.fresh(4 * n));
                up(&self.third, up3, 4 * n, down3.fresh(8 * n));
                shaper.shape(down3.fresh(8 * n));
                down(&self.third_down, down3, down2.fresh(4 * n));
                down(&self.second_down, down2, down1.fresh(2 * n));
            }
        }
        self.finish(io);
    }

    /// From twice the rate to the rate.
    #[inline(always)]
    fn finish(&mut self, io: &mut [L]) {
        let (_, wait) = inner(self.doublings);
        let middle = L::splat(LAST[PAIRS]);
        let n = io.len();
        let from = &self.down[0].samples[usize::from(!wait)..];
        let mut i = 0;
        while i + 4 <= n {
            let w = &from[2 * i..2 * i + 2 * PAIRS + 7];
            let sums = folded::<L, PAIRS, 4>(&self.last, w, 1, 2 * PAIRS, 2);
            for (o, sum) in sums.into_iter().enumerate() {
                io[i + o] = middle.mul_add(w[PAIRS + 2 * o], sum);
            }
            i += 4;
        }
        for (i, y) in io.iter_mut().enumerate().skip(i) {
            let w = &from[2 * i..2 * i + 2 * PAIRS + 1];
            let [sum] = folded::<L, PAIRS, 1>(&self.last, w, 1, 2 * PAIRS, 2);
            *y = middle.mul_add(w[PAIRS], sum);
        }
        self.down[0].turn(2 * n);
    }
}

/// `O` outputs of a symmetric filter, `Σ taps[k]·(w[k·apart] + w[last − k·apart])`, each `hop` samples after
/// the one before. From the outer taps, which are small, to the inner ones: less is lost in rounding.
#[inline(always)]
fn folded<L: Lanes, const K: usize, const O: usize>(taps: &[L; K], w: &[L], apart: usize, last: usize, hop: usize) -> [L; O] {
    let mut sums = [L::zero(); O];
    for (k, tap) in taps.iter().enumerate() {
        for (o, sum) in sums.iter_mut().enumerate() {
            *sum = tap.mul_add(w[o * hop + k * apart] + w[o * hop + last - k * apart], *sum);
        }
    }
    sums
}

/// Doubles the rate of the `n` newest samples: each, and the point behind it.
#[inline(always)]
fn up<L: Lanes, const K: usize>(taps: &[L; K], from: &mut History<L>, n: usize, to: &mut [L]) {
    let mut i = 0;
    while i + 4 <= n {
        let w = &from.samples[i..i + 2 * K + 3];
        let between = folded::<L, K, 4>(taps, w, 1, 2 * K - 1, 1);
        let to = &mut to[2 * i..2 * i + 8];
        for (o, between) in between.into_iter().enumerate() {
            (to[2 * o], to[2 * o + 1]) = (w[K - 1 + o], between);
        }
        i += 4;
    }
    for (i, to) in to.chunks_exact_mut(2).enumerate().take(n).skip(i) {
        let w = &from.samples[i..i + 2 * K];
        let [between] = folded::<L, K, 1>(taps, w, 1, 2 * K - 1, 1);
        (to[0], to[1]) = (w[K - 1], between);
    }
    from.turn(n);
}

/// Halves the rate.
#[inline(always)]
fn down<L: Lanes, const K: usize>(taps: &[L; K], from: &mut History<L>, to: &mut [L]) {
    let half = L::splat(0.5);
    let n = to.len();
    let last = 2 * (2 * K - 1);
    let mut i = 0;
    while i + 4 <= n {
        let w = &from.samples[2 * i..2 * i + 4 * K + 6];
        let sums = folded::<L, K, 4>(taps, &w[1..], 2, last, 2);
        for (o, sum) in sums.into_iter().enumerate() {
            to[i + o] = half.mul_add(w[2 * (K + o)], sum);
        }
        i += 4;
    }
    for (i, to) in to.iter_mut().enumerate().skip(i) {
        let w = &from.samples[2 * i..2 * i + 4 * K];
        let [sum] = folded::<L, K, 1>(taps, &w[1..], 2, last, 2);
        *to = half.mul_add(w[2 * K], sum);
    }
    from.turn(2 * n);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use std::f64::consts::TAU;

    struct Nothing;

    impl<L> Waveshaper<L> for Nothing {
        fn shape(&self, _io: &mut [L]) {}
    }

    struct Tanh(f64);

    impl Waveshaper<One64> for Tanh {
        fn shape(&self, io: &mut [One64]) {
            io.iter_mut().for_each(|x| x.0 = (self.0 * x.0).tanh());
        }
    }

    fn through<L: Lanes>(rate: f64, x: &[f64], chunks: &[usize], shaper: &impl Waveshaper<L>) -> Vec<f64> {
        let mut over = Oversampler::<L>::new(rate);
        let mut io: Vec<L> = x.iter().map(|x| L::splat(*x)).collect();
        let (mut at, mut turn) = (0, 0);
        while at < io.len() {
            let n = chunks[turn % chunks.len()].min(io.len() - at);
            over.run(&mut io[at..at + n], shaper);
            at += n;
            turn += 1;
        }
        io.iter().map(|v| v.get(L::N - 1)).collect()
    }

    fn sine(rate: f64, hz: f64, n: usize) -> Vec<f64> {
        (0..n).map(|i| (TAU * hz * i as f64 / rate).sin()).collect()
    }

    /// Amplitude and phase of a frequency over the last 4800 frames.
    fn line(y: &[f64], rate: f64, hz: f64) -> (f64, f64) {
        let from = y.len() - 4800;
        let (mut s, mut c) = (0.0, 0.0);
        for (i, y) in y.iter().enumerate().skip(from) {
            let (sin, cos) = (TAU * hz * i as f64 / rate).sin_cos();
            (s, c) = (s + y * sin, c + y * cos);
        }
        (s.hypot(c) / 2400.0, c.atan2(s))
    }

    #[test]
    fn up_and_down_is_flat_and_late_by_whole_frames() {
        for rate in [44100.0, 48000.0, 88200.0, 96000.0, 176_400.0, 192_000.0] {
            let late = latency(rate) as f64;
            for twentieth in 1..=20 {
                let hz = rate * (5.0 / 12.0) * f64::from(twentieth) / 20.0;
                let hz = (hz * 4800.0 / rate).round() * rate / 4800.0;
                let y = through::<One64>(rate, &sine(rate, hz, 6000), &[16], &Nothing);
                let (level, phase) = line(&y, rate, hz);
                assert!((20.0 * level.log10()).abs() < 0.02, "{rate} {hz}: {level}");
                let turns = (phase + TAU * hz * late / rate) / TAU;
                assert!((turns - turns.round()).abs() < 1e-6, "{rate} {hz}: {turns}");
            }
        }
    }

    #[test]
    fn folded_products_of_a_driven_tone_are_far_below() {
        // Whole periods in 4800 frames: what is neither tone nor harmonic is folded.
        for (hz, bar) in [(5010.0, -100.0), (9010.0, -100.0), (1990.0, -110.0)] {
            let y = through::<One64>(48000.0, &sine(48000.0, hz, 6000), &[16], &Tanh(4.0));
            let tone = line(&y, 48000.0, hz).0;
            let mut folded: f64 = 0.0;
            for bin in 1..2400 {
                let f = f64::from(bin) * 10.0;
                if (f / hz).fract().min(1.0 - (f / hz).fract()) > 1e-6 {
                    folded += (line(&y, 48000.0, f).0 / tone).powi(2);
                }
            }
            assert!(10.0 * folded.log10() < bar, "{hz}: {:.1} dB", 10.0 * folded.log10());
        }
    }

    #[test]
    fn chunks_do_not_show_and_lanes_are_alike() {
        let x: Vec<f64> = sine(48000.0, 3210.0, 1000);
        for rate in [48000.0, 96000.0, 192_000.0] {
            let one = through::<One32>(rate, &x, &[16], &Nothing);
            assert_eq!(one, through::<One32>(rate, &x, &[1], &Nothing));
            assert_eq!(one, through::<One32>(rate, &x, &[3, 13, 7, 16], &Nothing));
            assert_eq!(one, through::<Pair<One32>>(rate, &x, &[5], &Nothing));
        }
    }

    #[test]
    fn nothing_is_left_after_the_span() {
        for rate in [48000.0, 96000.0, 192_000.0] {
            let mut x = vec![1.0; 64];
            x.resize(64 + 200, 0.0);
            let y = through::<One32>(rate, &x, &[16], &Nothing);
            assert!(y[64 + SPAN as usize..].iter().all(|y| *y == 0.0), "{rate}");
        }
    }
}
