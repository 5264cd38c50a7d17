//! AVX2 and SSE2 vectors.
//!
//! SAFETY, for every block of this file: the SSE2 types need only the x86-64 baseline. The AVX types
//! are only named by code that runs below [`Lanes::enter`] after [`super::Path::available`] found
//! AVX2 and FMA. The intrinsics used touch registers only, but for the unaligned loads of `dot2`
//! and `columns`, whose slices are checked to be long enough.

use super::{COLUMNS, Entry, Lanes, Pair};
use std::arch::x86_64::*;
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
    ($(#[$doc:meta])* $name:ident($raw:ty), $n:literal x $elem:ty, eight: $eight:ty, wide: $wide:literal,
     add: $add:ident, sub: $sub:ident, mul: $mul:ident, div: $div:ident, min: $min:ident, max: $max:ident,
     sqrt: $sqrt:ident, set1: $set1:ident, andnot: $andnot:ident, xor: $xor:ident, and: $and:ident, or: $or:ident,
     movemask: $movemask:ident,
     gt: |$ga:ident, $gb:ident| $gt:expr, ge: |$ha:ident, $hb:ident| $ge:expr,
     fma: |$fa:ident, $fb:ident, $fc:ident| $fma:expr,
     select: |$sm:ident, $sa:ident, $sb:ident| $select:expr,
     swap: |$wa:ident| $swap:expr,
     exponent: |$ea:ident| $exponent:expr, mantissa_mask: $mmask:expr, one: $one:expr,
     pow2: |$pa:ident| $pow2:expr,
     dot2: |$da:ident, $dl:ident, $dr:ident| $dot2:expr,
     enter: $($own:item)*
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
                unsafe { Self($xor(self.0, $set1(-0.0))) }
            }
        }

        impl Lanes for $name {
            const N: usize = $n;
            const WIDE: bool = $wide;
            type Mask = $raw;
            type Eight = $eight;
            type Elem = $elem;
            #[inline(always)]
            fn elem(x: f64) -> $elem { x as $elem }
            #[inline(always)]
            fn elem_f64(x: $elem) -> f64 { x as f64 }
            #[inline(always)]
            fn splat(x: f64) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($set1(x as $elem)) }
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
                let ($fa, $fb, $fc) = (self.0, a.0, b.0);
                // SAFETY: see the head of this file.
                unsafe { Self($fma) }
            }
            #[inline(always)]
            fn min(self, b: Self) -> Self {
                // SAFETY: see the head of this file. MIN returns the second operand on NaN.
                unsafe { Self($min(self.0, b.0)) }
            }
            #[inline(always)]
            fn max(self, b: Self) -> Self {
                // SAFETY: see the head of this file. MAX returns the second operand on NaN.
                unsafe { Self($max(self.0, b.0)) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($andnot($set1(-0.0), self.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: see the head of this file.
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn gt(self, b: Self) -> $raw {
                let ($ga, $gb) = (self.0, b.0);
                // SAFETY: see the head of this file.
                unsafe { $gt }
            }
            #[inline(always)]
            fn ge(self, b: Self) -> $raw {
                let ($ha, $hb) = (self.0, b.0);
                // SAFETY: see the head of this file.
                unsafe { $ge }
            }
            #[inline(always)]
            fn select($sm: $raw, a: Self, b: Self) -> Self {
                let ($sa, $sb) = (a.0, b.0);
                // SAFETY: see the head of this file.
                unsafe { Self($select) }
            }
            #[inline(always)]
            fn and(a: $raw, b: $raw) -> $raw {
                // SAFETY: see the head of this file.
                unsafe { $and(a, b) }
            }
            #[inline(always)]
            fn or(a: $raw, b: $raw) -> $raw {
                // SAFETY: see the head of this file.
                unsafe { $or(a, b) }
            }
            #[inline(always)]
            fn mask(bits: u32) -> $raw {
                Self::from_fn(|lane| if bits >> lane & 1 != 0 { 1.0 } else { 0.0 }).gt(Self::zero())
            }
            #[inline(always)]
            fn bits(mask: $raw) -> u32 {
                // SAFETY: see the head of this file.
                unsafe { $movemask(mask) as u32 }
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
                unsafe { (Self($exponent), Self($or($and($ea, $mmask), $one))) }
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
            $($own)*
        }
    };
}

/// Horizontal sums of two vectors of two, as `[Σa, Σb]`.
#[inline(always)]
fn sums(a: __m128d, b: __m128d) -> [f64; 2] {
    // SAFETY: SSE2 is the baseline; a vector of two `f64` is an array of two.
    unsafe { std::mem::transmute(_mm_add_pd(_mm_unpacklo_pd(a, b), _mm_unpackhi_pd(a, b))) }
}

/// Rows to columns.
#[inline(always)]
fn transpose4(r: [__m128; 4]) -> [__m128; 4] {
    // SAFETY: see the head of this file.
    unsafe {
        let (a, b) = (_mm_unpacklo_ps(r[0], r[1]), _mm_unpackhi_ps(r[0], r[1]));
        let (c, d) = (_mm_unpacklo_ps(r[2], r[3]), _mm_unpackhi_ps(r[2], r[3]));
        [_mm_movelh_ps(a, c), _mm_movehl_ps(c, a), _mm_movelh_ps(b, d), _mm_movehl_ps(d, b)]
    }
}

/// Rows to columns.
#[inline(always)]
fn transpose8(r: [__m256; 8]) -> [__m256; 8] {
    // SAFETY: see the head of this file.
    unsafe {
        // Pairs, then fours within the halves of the registers, then the halves.
        let (a0, a1) = (_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
        let (b0, b1) = (_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
        let (c0, c1) = (_mm256_unpacklo_ps(r[4], r[5]), _mm256_unpackhi_ps(r[4], r[5]));
        let (d0, d1) = (_mm256_unpacklo_ps(r[6], r[7]), _mm256_unpackhi_ps(r[6], r[7]));
        const LOW: i32 = 0b01_00_01_00;
        const HIGH: i32 = 0b11_10_11_10;
        let (e0, e1) = (_mm256_shuffle_ps::<LOW>(a0, b0), _mm256_shuffle_ps::<HIGH>(a0, b0));
        let (e2, e3) = (_mm256_shuffle_ps::<LOW>(a1, b1), _mm256_shuffle_ps::<HIGH>(a1, b1));
        let (f0, f1) = (_mm256_shuffle_ps::<LOW>(c0, d0), _mm256_shuffle_ps::<HIGH>(c0, d0));
        let (f2, f3) = (_mm256_shuffle_ps::<LOW>(c1, d1), _mm256_shuffle_ps::<HIGH>(c1, d1));
        let (v0, v4) = (_mm256_permute2f128_ps::<0x20>(e0, f0), _mm256_permute2f128_ps::<0x31>(e0, f0));
        let (v1, v5) = (_mm256_permute2f128_ps::<0x20>(e1, f1), _mm256_permute2f128_ps::<0x31>(e1, f1));
        let (v2, v6) = (_mm256_permute2f128_ps::<0x20>(e2, f2), _mm256_permute2f128_ps::<0x31>(e2, f2));
        let (v3, v7) = (_mm256_permute2f128_ps::<0x20>(e3, f3), _mm256_permute2f128_ps::<0x31>(e3, f3));
        [v0, v1, v2, v3, v4, v5, v6, v7]
    }
}

#[target_feature(enable = "avx2,fma")]
fn with_avx2<E: Entry>(work: E) {
    work.run();
}

vector!(
    /// Eight `f32` in an AVX2 register.
    AvxF32(__m256), 8 x f32, eight: AvxF32, wide: false,
    add: _mm256_add_ps, sub: _mm256_sub_ps, mul: _mm256_mul_ps, div: _mm256_div_ps, min: _mm256_min_ps, max: _mm256_max_ps,
    sqrt: _mm256_sqrt_ps, set1: _mm256_set1_ps, andnot: _mm256_andnot_ps, xor: _mm256_xor_ps, and: _mm256_and_ps, or: _mm256_or_ps,
    movemask: _mm256_movemask_ps,
    gt: |a, b| _mm256_cmp_ps::<_CMP_GT_OQ>(a, b), ge: |a, b| _mm256_cmp_ps::<_CMP_GE_OQ>(a, b),
    fma: |a, b, c| _mm256_fmadd_ps(a, b, c),
    select: |m, a, b| _mm256_blendv_ps(b, a, m),
    swap: |a| _mm256_permute_ps::<0b10_11_00_01>(a),
    exponent: |a| {
        let whole = _mm256_or_ps(_mm256_castsi256_ps(_mm256_srli_epi32::<23>(_mm256_castps_si256(a))), _mm256_set1_ps(8_388_608.0));
        _mm256_sub_ps(whole, _mm256_set1_ps(8_388_608.0 + 127.0))
    },
    mantissa_mask: _mm256_castsi256_ps(_mm256_set1_epi32(0x007f_ffff)), one: _mm256_set1_ps(1.0),
    pow2: |a| {
        let whole = _mm256_add_ps(a, _mm256_set1_ps(8_388_608.0 + 127.0));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(whole)))
    },
    dot2: |a, l, r| {
        let (lo, hi) = (_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(a)));
        let x = _mm256_fmadd_pd(hi, _mm256_loadu_pd(l.add(4)), _mm256_mul_pd(lo, _mm256_loadu_pd(l)));
        let y = _mm256_fmadd_pd(hi, _mm256_loadu_pd(r.add(4)), _mm256_mul_pd(lo, _mm256_loadu_pd(r)));
        let s = _mm256_hadd_pd(x, y);
        std::mem::transmute::<__m128d, [f64; 2]>(_mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd::<1>(s)))
    },
    enter: #[inline(always)]
    fn enter<E: Entry>(work: E) {
        debug_assert!(std::is_x86_feature_detected!("avx2"));
        // SAFETY: see the head of this file.
        unsafe { with_avx2(work) }
    }
    #[inline(always)]
    fn columns(lanes: &[&[f32]], from: usize) -> [Self; COLUMNS] {
        // Loops: closures may stay calls, without the features of this path.
        let mut rows = [Self::zero().0; 8];
        for (row, lane) in rows.iter_mut().zip(&lanes[..8]) {
            let frames = &lane[from..from + COLUMNS];
            // SAFETY: the slice was just cut to the eight elements that are loaded; see the head of this file.
            *row = unsafe { _mm256_loadu_ps(frames.as_ptr()) };
        }
        let [a, b, c, d, e, f, g, h] = transpose8(rows);
        [Self(a), Self(b), Self(c), Self(d), Self(e), Self(f), Self(g), Self(h)]
    }
);

vector!(
    /// Four `f64` in an AVX2 register.
    AvxF64(__m256d), 4 x f64, eight: AvxF32, wide: true,
    add: _mm256_add_pd, sub: _mm256_sub_pd, mul: _mm256_mul_pd, div: _mm256_div_pd, min: _mm256_min_pd, max: _mm256_max_pd,
    sqrt: _mm256_sqrt_pd, set1: _mm256_set1_pd, andnot: _mm256_andnot_pd, xor: _mm256_xor_pd, and: _mm256_and_pd, or: _mm256_or_pd,
    movemask: _mm256_movemask_pd,
    gt: |a, b| _mm256_cmp_pd::<_CMP_GT_OQ>(a, b), ge: |a, b| _mm256_cmp_pd::<_CMP_GE_OQ>(a, b),
    fma: |a, b, c| _mm256_fmadd_pd(a, b, c),
    select: |m, a, b| _mm256_blendv_pd(b, a, m),
    swap: |a| _mm256_permute_pd::<0b0101>(a),
    exponent: |a| {
        let whole = _mm256_or_pd(_mm256_castsi256_pd(_mm256_srli_epi64::<52>(_mm256_castpd_si256(a))), _mm256_set1_pd(4_503_599_627_370_496.0));
        _mm256_sub_pd(whole, _mm256_set1_pd(4_503_599_627_370_496.0 + 1023.0))
    },
    mantissa_mask: _mm256_castsi256_pd(_mm256_set1_epi64x(0x000f_ffff_ffff_ffff)), one: _mm256_set1_pd(1.0),
    pow2: |a| {
        let whole = _mm256_add_pd(a, _mm256_set1_pd(4_503_599_627_370_496.0 + 1023.0));
        _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(whole)))
    },
    dot2: |a, l, r| {
        let s = _mm256_hadd_pd(_mm256_mul_pd(a, _mm256_loadu_pd(l)), _mm256_mul_pd(a, _mm256_loadu_pd(r)));
        std::mem::transmute::<__m128d, [f64; 2]>(_mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd::<1>(s)))
    },
    enter: #[inline(always)]
    fn enter<E: Entry>(work: E) {
        AvxF32::enter(work);
    }
);

vector!(
    /// Four `f32` in an SSE2 register.
    SseF32(__m128), 4 x f32, eight: Pair<SseF32>, wide: false,
    add: _mm_add_ps, sub: _mm_sub_ps, mul: _mm_mul_ps, div: _mm_div_ps, min: _mm_min_ps, max: _mm_max_ps,
    sqrt: _mm_sqrt_ps, set1: _mm_set1_ps, andnot: _mm_andnot_ps, xor: _mm_xor_ps, and: _mm_and_ps, or: _mm_or_ps,
    movemask: _mm_movemask_ps,
    gt: |a, b| _mm_cmpgt_ps(a, b), ge: |a, b| _mm_cmpge_ps(a, b),
    fma: |a, b, c| _mm_add_ps(_mm_mul_ps(a, b), c),
    select: |m, a, b| _mm_or_ps(_mm_and_ps(m, a), _mm_andnot_ps(m, b)),
    swap: |a| _mm_shuffle_ps::<0b10_11_00_01>(a, a),
    exponent: |a| {
        let whole = _mm_or_ps(_mm_castsi128_ps(_mm_srli_epi32::<23>(_mm_castps_si128(a))), _mm_set1_ps(8_388_608.0));
        _mm_sub_ps(whole, _mm_set1_ps(8_388_608.0 + 127.0))
    },
    mantissa_mask: _mm_castsi128_ps(_mm_set1_epi32(0x007f_ffff)), one: _mm_set1_ps(1.0),
    pow2: |a| {
        let whole = _mm_add_ps(a, _mm_set1_ps(8_388_608.0 + 127.0));
        _mm_castsi128_ps(_mm_slli_epi32::<23>(_mm_castps_si128(whole)))
    },
    dot2: |a, l, r| {
        let (lo, hi) = (_mm_cvtps_pd(a), _mm_cvtps_pd(_mm_movehl_ps(a, a)));
        let x = _mm_add_pd(_mm_mul_pd(lo, _mm_loadu_pd(l)), _mm_mul_pd(hi, _mm_loadu_pd(l.add(2))));
        let y = _mm_add_pd(_mm_mul_pd(lo, _mm_loadu_pd(r)), _mm_mul_pd(hi, _mm_loadu_pd(r.add(2))));
        sums(x, y)
    },
    enter: #[inline(always)]
    fn enter<E: Entry>(work: E) {
        work.run();
    }
    #[inline(always)]
    fn columns(lanes: &[&[f32]], from: usize) -> [Self; COLUMNS] {
        let rows: [&[f32]; 4] = std::array::from_fn(|lane| &lanes[lane][from..from + COLUMNS]);
        // SAFETY: the slices were just cut to the eight elements that are loaded; see the head of this file.
        let (a, b) = unsafe {
            (rows.map(|row| _mm_loadu_ps(row.as_ptr())), rows.map(|row| _mm_loadu_ps(row.as_ptr().add(4))))
        };
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (transpose4(a), transpose4(b));
        [a0, a1, a2, a3, b0, b1, b2, b3].map(Self)
    }
);

vector!(
    /// Two `f64` in an SSE2 register.
    SseF64(__m128d), 2 x f64, eight: Pair<SseF32>, wide: true,
    add: _mm_add_pd, sub: _mm_sub_pd, mul: _mm_mul_pd, div: _mm_div_pd, min: _mm_min_pd, max: _mm_max_pd,
    sqrt: _mm_sqrt_pd, set1: _mm_set1_pd, andnot: _mm_andnot_pd, xor: _mm_xor_pd, and: _mm_and_pd, or: _mm_or_pd,
    movemask: _mm_movemask_pd,
    gt: |a, b| _mm_cmpgt_pd(a, b), ge: |a, b| _mm_cmpge_pd(a, b),
    fma: |a, b, c| _mm_add_pd(_mm_mul_pd(a, b), c),
    select: |m, a, b| _mm_or_pd(_mm_and_pd(m, a), _mm_andnot_pd(m, b)),
    swap: |a| _mm_shuffle_pd::<0b01>(a, a),
    exponent: |a| {
        let whole = _mm_or_pd(_mm_castsi128_pd(_mm_srli_epi64::<52>(_mm_castpd_si128(a))), _mm_set1_pd(4_503_599_627_370_496.0));
        _mm_sub_pd(whole, _mm_set1_pd(4_503_599_627_370_496.0 + 1023.0))
    },
    mantissa_mask: _mm_castsi128_pd(_mm_set1_epi64x(0x000f_ffff_ffff_ffff)), one: _mm_set1_pd(1.0),
    pow2: |a| {
        let whole = _mm_add_pd(a, _mm_set1_pd(4_503_599_627_370_496.0 + 1023.0));
        _mm_castsi128_pd(_mm_slli_epi64::<52>(_mm_castpd_si128(whole)))
    },
    dot2: |a, l, r| sums(_mm_mul_pd(a, _mm_loadu_pd(l)), _mm_mul_pd(a, _mm_loadu_pd(r))),
    enter: #[inline(always)]
    fn enter<E: Entry>(work: E) {
        work.run();
    }
);
