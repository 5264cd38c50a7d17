//! SIMD lanes: one audio channel a lane, the same code for every width.
//!
//! Processors are written once over [`Lanes`]. Strips run in `f32` (eight lanes), buses in `f64`
//! (four lanes). The widths are one AVX2 vector, or two of SSE2 or NEON ([`Pair`]); the path is
//! chosen once, at start ([`Path::best`]). The one-lane instances are the reference: a lane of a wide
//! bank equals the one-lane run of the same path bit for bit, because every operation here is exact
//! in the IEEE sense and each path has a single rule for [`Lanes::mul_add`] (fused on AVX2 and NEON,
//! two roundings on SSE2; [`One32`]/[`One64`] and [`Plain32`]/[`Plain64`] are their references).
//!
//! Instructions beyond the baseline are only reached through [`Lanes::enter`]; everything that a
//! processor calls from there must be `#[inline(always)]`, or it is compiled without them.

pub mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pair;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, Div, Mul, Neg, Sub};

#[cfg(target_arch = "aarch64")]
pub use neon::{NeonF32, NeonF64};
pub use pair::Pair;
pub use scalar::{One32, One64, Plain32, Plain64};
#[cfg(target_arch = "x86_64")]
pub use x86::{AvxF32, AvxF64, SseF32, SseF64};

/// Both sides of a frame in `f64`: one vector of the machine's baseline, whatever the path.
#[cfg(target_arch = "x86_64")]
pub type Two64 = SseF64;
/// Both sides of a frame in `f64`: one vector of the machine's baseline, whatever the path.
#[cfg(target_arch = "aarch64")]
pub type Two64 = NeonF64;
/// Both sides of a frame in `f64`.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub type Two64 = Pair<Plain64>;

/// Work to be run with the instructions of a path; `run` must be `#[inline(always)]`.
pub trait Entry {
    /// Does the work.
    fn run(self);
}

/// Frames that [`Lanes::columns`] gives at once.
pub const COLUMNS: usize = 8;

/// A vector of samples, one audio channel a lane.
pub trait Lanes:
    Copy
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Number of lanes.
    const N: usize;
    /// Whether the element is `f64`.
    const WIDE: bool;
    /// One sample.
    type Elem: Copy + Send + Sync + 'static;
    /// A truth value a lane.
    type Mask: Copy + Send + Sync;
    /// Eight `f32` of the same path, whatever this is: for work along time.
    type Eight: Lanes<Elem = f32>;

    /// A number as one sample.
    fn elem(x: f64) -> Self::Elem;
    /// One sample as a number.
    fn elem_f64(x: Self::Elem) -> f64;
    /// All lanes the same.
    fn splat(x: f64) -> Self;
    /// One lane's value.
    fn get(&self, lane: usize) -> f64;
    /// Replaces one lane's value (rounded to the element).
    fn set(&mut self, lane: usize, x: f64);
    /// `self * a + b`, by the path's one rule.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// The smaller; `b` where the comparison fails (NaN).
    fn min(self, b: Self) -> Self;
    /// The larger; `b` where the comparison fails (NaN).
    fn max(self, b: Self) -> Self;
    /// Magnitude.
    fn abs(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// `self > b`.
    fn gt(self, b: Self) -> Self::Mask;
    /// `self >= b`.
    fn ge(self, b: Self) -> Self::Mask;
    /// Lane by lane `a` where the mask is set, else `b`.
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
    /// Both.
    fn and(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Either.
    fn or(a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// A mask from bits, lane 0 lowest.
    fn mask(bits: u32) -> Self::Mask;
    /// The bits of a mask, lane 0 lowest.
    fn bits(mask: Self::Mask) -> u32;
    /// Lanes 0 and 1 exchanged, 2 and 3, and so on (one lane: unchanged): the other side of a
    /// stereo strip.
    fn swap_pairs(self) -> Self;
    /// `(e, m)` with `self = m · 2^e`, 1 ≤ m < 2; for positive normal numbers.
    fn split_exp(self) -> (Self, Self);
    /// 2 to the power of a whole number within the exponent range.
    fn pow2(self) -> Self;
    /// Both `Σ self[i]·left[i]` and `Σ self[i]·right[i]` in `f64`; the slices hold at least `N` gains.
    fn dot2(self, left: &[f64], right: &[f64]) -> [f64; 2];
    /// Runs `work` compiled for this path.
    fn enter<E: Entry>(work: E);

    /// The next frames of planar samples, one slice a lane, from frame `from` on; the slices hold at
    /// least that many.
    #[inline(always)]
    fn columns(lanes: &[&[f32]], from: usize) -> [Self; COLUMNS] {
        std::array::from_fn(|i| Self::from_fn(|lane| f64::from(lanes[lane][from + i])))
    }

    /// Zero in all lanes.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    /// The nearest whole number, ties to even, for magnitudes under 2^22.
    #[inline(always)]
    fn round(self) -> Self {
        let magic = Self::splat(if Self::WIDE { 6_755_399_441_055_744.0 } else { 12_582_912.0 });
        (self + magic) - magic
    }

    /// Zero where a lane is NaN or infinite.
    #[inline(always)]
    fn finite_or_zero(self) -> Self {
        let limit = Self::splat(if Self::WIDE { f64::MAX } else { f64::from(f32::MAX) });
        Self::select(limit.ge(self.abs()), self, Self::zero())
    }

    /// The larger of both sides in the lanes of `pairs`, unchanged elsewhere.
    #[inline(always)]
    fn link(self, pairs: Self::Mask) -> Self {
        Self::select(pairs, self.max(self.swap_pairs()), self)
    }

    /// Whether any lane is set.
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        Self::bits(mask) != 0
    }

    /// A vector from a function of the lane.
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> f64) -> Self {
        let mut v = Self::zero();
        for lane in 0..Self::N {
            v.set(lane, f(lane));
        }
        v
    }
}

/// The instruction set that banks run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// SSE2, the baseline of x86-64.
    #[cfg(target_arch = "x86_64")]
    Sse2,
    /// NEON, the baseline of aarch64.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// One lane at a time: the reference.
    Scalar,
}

impl Path {
    /// The fastest path of this machine; `HEADROOM_LANES` = `avx2`, `sse2`, `neon` or `scalar` asks
    /// for another one that the machine has.
    pub fn best() -> Path {
        let asked = std::env::var("HEADROOM_LANES").unwrap_or_default();
        Self::available().iter().copied().find(|p| p.name() == asked).unwrap_or(Self::available()[0])
    }

    /// The paths of this machine, fastest first.
    ///
    /// `RUSTFLAGS="--cfg fastest_path"` builds AVX2 alone: half the compile time, for development.
    pub fn available() -> &'static [Path] {
        #[cfg(all(target_arch = "x86_64", fastest_path))]
        {
            assert!(std::is_x86_feature_detected!("avx2"), "built for AVX2 alone");
            &[Path::Avx2]
        }
        #[cfg(all(target_arch = "x86_64", not(fastest_path)))]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                &[Path::Avx2, Path::Sse2, Path::Scalar]
            } else {
                &[Path::Sse2, Path::Scalar]
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            &[Path::Neon, Path::Scalar]
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            &[Path::Scalar]
        }
    }

    /// The name, as in `HEADROOM_LANES`.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Path::Sse2 => "sse2",
            #[cfg(target_arch = "aarch64")]
            Path::Neon => "neon",
            Path::Scalar => "scalar",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree<A: Lanes, B: Lanes>() {
        // Lane i of A does what B (one lane) does, bit for bit.
        let xs = [0.3, -7.25, 1e-3, 123.456, -0.0, 1e6, 0.999_999, -2.5];
        let ys = [1.7, 3.0, -1e-3, 0.1, 4.0, 1e-6, -5.5, 2.0];
        let a = A::from_fn(|i| xs[i % 8]);
        let b = A::from_fn(|i| ys[i % 8]);
        for i in 0..A::N {
            let (x, y) = (B::splat(xs[i]), B::splat(ys[i]));
            let same = |v: A, w: B| assert_eq!(v.get(i).to_bits(), w.get(0).to_bits(), "lane {i}: {} {}", v.get(i), w.get(0));
            same(a + b, x + y);
            same(a - b, x - y);
            same(a * b, x * y);
            same(a / b, x / y);
            same(-a, -x);
            same(a.mul_add(b, a), x.mul_add(y, x));
            same(a.min(b), x.min(y));
            same(a.max(b), x.max(y));
            same(a.abs(), x.abs());
            same(a.abs().sqrt(), x.abs().sqrt());
            same(a.round(), x.round());
            same(A::select(a.gt(b), a, b), B::select(x.gt(y), x, y));
            same(A::select(a.ge(b), a, b), B::select(x.ge(y), x, y));
            let p = (a.abs() + A::splat(1e-3)).split_exp();
            let q = (x.abs() + B::splat(1e-3)).split_exp();
            same(p.0, q.0);
            same(p.1, q.1);
            same(p.0.pow2() * p.1, q.0.pow2() * q.1);
            same(p.0.pow2() * p.1, x.abs() + B::splat(1e-3));
            assert_eq!((a / A::zero()).finite_or_zero().get(i), 0.0);
            assert_eq!(a.swap_pairs().get(i), if A::N > 1 { a.get(i ^ 1) } else { a.get(i) });
            assert_eq!(A::bits(A::mask(1 << i)), 1 << i);
        }
        let gl: Vec<f64> = (0..8).map(|i| 0.5 + i as f64).collect();
        let gr: Vec<f64> = (0..8).map(|i| 2.0 - i as f64).collect();
        let want = |g: &[f64]| (0..A::N).map(|i| a.get(i) * g[i]).sum::<f64>();
        let [l, r] = a.dot2(&gl, &gr);
        assert!((l - want(&gl)).abs() < 1e-6 && (r - want(&gr)).abs() < 1e-6);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn x86_lanes_equal_their_scalar_reference() {
        agree::<Pair<SseF32>, Plain32>();
        agree::<Pair<SseF64>, Plain64>();
        if Path::available().contains(&Path::Avx2) {
            struct Check;
            impl Entry for Check {
                #[inline(always)]
                fn run(self) {
                    agree::<AvxF32, One32>();
                    agree::<AvxF64, One64>();
                }
            }
            AvxF32::enter(Check);
        }
    }

    #[test]
    fn scalar_lanes_equal_one_and_swap_their_pair() {
        agree::<Pair<One32>, One32>();
        agree::<Pair<One64>, One64>();
    }

    #[test]
    #[cfg(target_arch = "aarch64")]
    fn neon_lanes_equal_their_scalar_reference() {
        agree::<Pair<NeonF32>, One32>();
        agree::<Pair<NeonF64>, One64>();
    }
}
