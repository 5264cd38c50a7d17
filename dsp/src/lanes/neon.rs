//! NEON vectors.
//!
//! SAFETY, for every block of this file: NEON is the baseline of aarch64. The intrinsics used touch
//! registers only, but for the loads of `dot2` and `columns`, whose slices are checked to be long enough.

use super::{COLUMNS, Entry, Lanes, Pair};
use std::arch::aarch64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! op {
    ($name:ident, $trait:ident, $method:ident, $intrinsic:ident) => {
        impl $trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($intrinsic(self.0, b.0)) }
            }
        }
    };
}

macro_rules! vector {
    ($(#[$doc:meta])* $name:ident($raw:ty, $mask:ty), $n:literal x $elem:ty, wide: $wide:literal,
     add: $add:ident, sub: $sub:ident, mul: $mul:ident, div: $div:ident, neg: $neg:ident, abs: $abs:ident,
     sqrt: $sqrt:ident, dup: $dup:ident, fma: $fma:ident, gt: $gt:ident, ge: $ge:ident, select: $select:ident,
     and: $and:ident, or: $or:ident, lane: $lane:ty,
     swap: |$wa:ident| $swap:expr,
     split: |$ea:ident| $split:expr,
     pow2: |$pa:ident| $pow2:expr,
     dot2: |$da:ident, $dl:ident, $dr:ident| $dot2:expr
     $(, $own:item)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub struct $name($raw);

        op!($name, Add, add, $add);
        op!($name, Sub, sub, $sub);
        op!($name, Mul, mul, $mul);
        op!($name, Div, div, $div);

        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($neg(self.0)) }
            }
        }

        impl Lanes for $name {
            const N: usize = $n;
            const WIDE: bool = $wide;
            type Mask = $mask;
            type Eight = Pair<NeonF32>;
            type Elem = $elem;
            #[inline(always)]
            fn elem(x: f64) -> $elem { x as $elem }
            #[inline(always)]
            fn elem_f64(x: $elem) -> f64 { x as f64 }
            #[inline(always)]
            fn splat(x: f64) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($dup(x as $elem)) }
            }
            #[inline(always)]
            fn get(&self, lane: usize) -> f64 {
                // SAFETY: a vector is its lanes in order, of the same size.
                let lanes: [$elem; $n] = unsafe { std::mem::transmute(self.0) };
                lanes[lane] as f64
            }
            #[inline(always)]
            fn set(&mut self, lane: usize, x: f64) {
                // SAFETY: as in `get`.
                let mut lanes: [$elem; $n] = unsafe { std::mem::transmute(self.0) };
                lanes[lane] = x as $elem;
                // SAFETY: as in `get`.
                self.0 = unsafe { std::mem::transmute::<[$elem; $n], $raw>(lanes) };
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($fma(b.0, self.0, a.0)) }
            }
            #[inline(always)]
            fn min(self, b: Self) -> Self {
                Self::select(b.gt(self), self, b)
            }
            #[inline(always)]
            fn max(self, b: Self) -> Self {
                Self::select(self.gt(b), self, b)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($abs(self.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn gt(self, b: Self) -> $mask {
                // SAFETY: see the head of this file.
                unsafe { $gt(self.0, b.0) }
            }
            #[inline(always)]
            fn ge(self, b: Self) -> $mask {
                // SAFETY: see the head of this file.
                unsafe { $ge(self.0, b.0) }
            }
            #[inline(always)]
            fn select(mask: $mask, a: Self, b: Self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($select(mask, a.0, b.0)) }
            }
            #[inline(always)]
            fn and(a: $mask, b: $mask) -> $mask {
                // SAFETY: see the head of this file.
                unsafe { $and(a, b) }
            }
            #[inline(always)]
            fn or(a: $mask, b: $mask) -> $mask {
                // SAFETY: see the head of this file.
                unsafe { $or(a, b) }
            }
            #[inline(always)]
            fn mask(bits: u32) -> $mask {
                Self::from_fn(|lane| if bits >> lane & 1 != 0 { 1.0 } else { 0.0 }).gt(Self::zero())
            }
            #[inline(always)]
            fn bits(mask: $mask) -> u32 {
                // SAFETY: as in `get`.
                let lanes: [$lane; $n] = unsafe { std::mem::transmute(mask) };
                lanes.iter().enumerate().map(|(i, m)| u32::from(*m != 0) << i).sum()
            }
            #[inline(always)]
            fn swap_pairs(self) -> Self {
                let $wa = self.0;
                // SAFETY: see the head of this file.
                unsafe { Self($swap) }
            }
            #[inline(always)]
            fn split_exp(self) -> (Self, Self) {
                let $ea = self.0;
                // SAFETY: see the head of this file.
                let (e, m) = unsafe { $split };
                (Self(e), Self(m))
            }
            #[inline(always)]
            fn pow2(self) -> Self {
                let $pa = self.0;
                // SAFETY: see the head of this file.
                unsafe { Self($pow2) }
            }
            #[inline(always)]
            fn dot2(self, left: &[f64], right: &[f64]) -> [f64; 2] {
                let $da = self.0;
                let ($dl, $dr) = (left[..$n].as_ptr(), right[..$n].as_ptr());
                // SAFETY: the slices were just cut to N elements; see the head of this file.
                unsafe { $dot2 }
            }
            #[inline(always)]
            fn enter<E: Entry>(work: E) {
                work.run();
            }
            $($own)?
        }
    };
}

/// Rows to columns.
#[inline(always)]
fn transpose(r: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: see the head of this file.
    unsafe {
        let wide = |x: float32x4_t| vreinterpretq_f64_f32(x);
        let (a, b) = (wide(vtrn1q_f32(r[0], r[1])), wide(vtrn2q_f32(r[0], r[1])));
        let (c, d) = (wide(vtrn1q_f32(r[2], r[3])), wide(vtrn2q_f32(r[2], r[3])));
        [vtrn1q_f64(a, c), vtrn1q_f64(b, d), vtrn2q_f64(a, c), vtrn2q_f64(b, d)].map(|x| vreinterpretq_f32_f64(x))
    }
}

vector!(
    /// Four `f32` in a NEON register.
    NeonF32(float32x4_t, uint32x4_t), 4 x f32, wide: false,
    add: vaddq_f32, sub: vsubq_f32, mul: vmulq_f32, div: vdivq_f32, neg: vnegq_f32, abs: vabsq_f32,
    sqrt: vsqrtq_f32, dup: vdupq_n_f32, fma: vfmaq_f32, gt: vcgtq_f32, ge: vcgeq_f32, select: vbslq_f32,
    and: vandq_u32, or: vorrq_u32, lane: u32,
    swap: |a| vrev64q_f32(a),
    split: |a| {
        let bits = vreinterpretq_u32_f32(a);
        let e = vsubq_f32(vcvtq_f32_u32(vshrq_n_u32::<23>(bits)), vdupq_n_f32(127.0));
        let m = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007f_ffff)), vdupq_n_u32(0x3f80_0000));
        (e, vreinterpretq_f32_u32(m))
    },
    pow2: |a| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vcvtq_s32_f32(vaddq_f32(a, vdupq_n_f32(127.0))))),
    dot2: |a, l, r| {
        let (lo, hi) = (vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a));
        let x = vfmaq_f64(vmulq_f64(lo, vld1q_f64(l)), hi, vld1q_f64(l.add(2)));
        let y = vfmaq_f64(vmulq_f64(lo, vld1q_f64(r)), hi, vld1q_f64(r.add(2)));
        [vaddvq_f64(x), vaddvq_f64(y)]
    },
    #[inline(always)]
    fn columns(lanes: &[&[f32]], from: usize) -> [Self; COLUMNS] {
        let rows: [&[f32]; 4] = std::array::from_fn(|lane| &lanes[lane][from..from + COLUMNS]);
        // SAFETY: the slices were just cut to the eight elements that are loaded; see the head of this file.
        unsafe {
            let (a, b) = (rows.map(|row| vld1q_f32(row.as_ptr())), rows.map(|row| vld1q_f32(row.as_ptr().add(4))));
            let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (transpose(a), transpose(b));
            [a0, a1, a2, a3, b0, b1, b2, b3].map(Self)
        }
    }
);

vector!(
    /// Two `f64` in a NEON register.
    NeonF64(float64x2_t, uint64x2_t), 2 x f64, wide: true,
    add: vaddq_f64, sub: vsubq_f64, mul: vmulq_f64, div: vdivq_f64, neg: vnegq_f64, abs: vabsq_f64,
    sqrt: vsqrtq_f64, dup: vdupq_n_f64, fma: vfmaq_f64, gt: vcgtq_f64, ge: vcgeq_f64, select: vbslq_f64,
    and: vandq_u64, or: vorrq_u64, lane: u64,
    swap: |a| vextq_f64::<1>(a, a),
    split: |a| {
        let bits = vreinterpretq_u64_f64(a);
        let e = vsubq_f64(vcvtq_f64_u64(vshrq_n_u64::<52>(bits)), vdupq_n_f64(1023.0));
        let m = vorrq_u64(vandq_u64(bits, vdupq_n_u64(0x000f_ffff_ffff_ffff)), vdupq_n_u64(0x3ff0_0000_0000_0000));
        (e, vreinterpretq_f64_u64(m))
    },
    pow2: |a| vreinterpretq_f64_s64(vshlq_n_s64::<52>(vcvtq_s64_f64(vaddq_f64(a, vdupq_n_f64(1023.0))))),
    dot2: |a, l, r| [vaddvq_f64(vmulq_f64(a, vld1q_f64(l))), vaddvq_f64(vmulq_f64(a, vld1q_f64(r)))]
);
