//! Butterworth filters of 48 dB per octave in lanes: low-pass, high-pass, and a shelf whose gain may move with
//! every frame.
//!
//! Four pairs of poles, each a trapezoidal state variable as in [`super::svf`] whose low, band and high outputs
//! are all at hand. The shelf is, over the pairs with their k = 1/Q and with h the fourth root of its gain,
//!
//! ```text
//! Π (h·s² + √h·k·s + 1)/(s² + k·s + 1)  =  Π (1 + (h − 1)·high + (√h − 1)·band)
//! ```
//!
//! which is 1 below the corner and the gain above it, with a squared magnitude of (1 + gain²·w¹⁶)/(1 + w¹⁶): the
//! low-pass and the high-pass summed in power, the second with the gain, and at minimum phase. The poles stay
//! where they are, whatever the gain does, and a gain of 1 gives the very input.

use crate::kernel::svf::classic;
use crate::lanes::Lanes;
use crate::ramp::{Coeffs, Curve, When};
use std::sync::Arc;

/// Pairs of poles.
const PAIRS: usize = 4;
/// 1/Q of the pairs.
const K: [f64; PAIRS] = [0.390_180_644_032_256_5, 1.111_140_466_039_204_5, 1.662_939_224_605_090_5, 1.961_570_560_806_460_9];

/// What a corner is to the pairs: three numbers each.
pub type Poles<L> = [L; 3 * PAIRS];

/// A corner frequency of every lane, moving.
pub struct Corner<L>(Coeffs<L, { 3 * PAIRS }>);

impl<L: Lanes> Corner<L> {
    /// At 0 Hz in all lanes.
    pub fn new(curve: &Arc<Curve>) -> Self {
        Corner(Coeffs::new(curve, [0.0; 3 * PAIRS]))
    }

    /// A lane's corner, as [`super::svf::warped`] gives it.
    pub fn set(&mut self, lane: usize, g: f64, when: When) {
        let mut to = [0.0; 3 * PAIRS];
        for (to, k) in to.chunks_exact_mut(3).zip(K) {
            let [a1, a2, a3, ..] = classic(g, k, [0.0; 3]);
            to.copy_from_slice(&[-2.0 * (1.0 - a1), 2.0 * a2, 2.0 * a3]);
        }
        self.0.set(lane, to, when);
    }

    /// Calls `put(i, poles)` for the `n` frames from `frame` on.
    #[inline(always)]
    pub fn each(&mut self, frame: u64, n: usize, put: impl FnMut(usize, &Poles<L>)) {
        self.0.each(frame, n, put);
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.0.carry(lane, &from.0, from_lane);
    }
}

/// The memory of one filter of every lane.
pub struct Filter<L>([[L; 2]; PAIRS]);

impl<L: Lanes> Filter<L> {
    /// Silent.
    pub fn new() -> Self {
        Filter([[L::zero(); 2]; PAIRS])
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.0.as_flattened_mut().iter_mut().for_each(|s| s.set(lane, 0.0));
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let from = from.0.as_flattened();
        self.0.as_flattened_mut().iter_mut().zip(from).for_each(|(to, s)| to.set(lane, s.get(from_lane)));
    }

    /// A frame of one pair: its low, band (0 dB at the corner) and high output.
    #[inline(always)]
    fn pair(&mut self, p: usize, poles: &Poles<L>, x: L) -> (L, L, L) {
        let [c, a, b] = [poles[3 * p], poles[3 * p + 1], poles[3 * p + 2]];
        let [s1, s2] = self.0[p];
        let u = x - s2;
        let (by1, by2) = (a.mul_add(u, c * s1), a.mul_add(s1, b * u));
        self.0[p] = [s1 + by1, s2 + by2];
        let half = L::splat(0.5);
        let (band, low) = (by1.mul_add(half, s1) * L::splat(K[p]), by2.mul_add(half, s2));
        (low, band, x - band - low)
    }

    /// A frame of the low-pass.
    #[inline(always)]
    pub fn low(&mut self, poles: &Poles<L>, mut x: L) -> L {
        // Plain loops: a closure here would be compiled without the path's instructions.
        for p in 0..PAIRS {
            x = self.pair(p, poles, x).0;
        }
        x
    }

    /// A frame of the high-pass.
    #[inline(always)]
    pub fn high(&mut self, poles: &Poles<L>, mut x: L) -> L {
        for p in 0..PAIRS {
            x = self.pair(p, poles, x).2;
        }
        x
    }

    /// A frame of the shelf; `root` is the eighth root of its gain ([`root`]).
    #[inline(always)]
    pub fn shelf(&mut self, poles: &Poles<L>, mut x: L, root: L) -> L {
        let one = L::splat(1.0);
        let (on_high, on_band) = (root.mul_add(root, -one), root - one);
        for p in 0..PAIRS {
            let (_, band, high) = self.pair(p, poles, x);
            x = on_high.mul_add(high, on_band.mul_add(band, x));
        }
        x
    }
}

impl<L: Lanes> Default for Filter<L> {
    fn default() -> Self {
        Self::new()
    }
}

/// The eighth root of a gain in dB, which a shelf works with.
#[inline(always)]
pub fn root<L: Lanes>(db: L) -> L {
    crate::lanes::math::gain(db * L::splat(1.0 / 8.0))
}
