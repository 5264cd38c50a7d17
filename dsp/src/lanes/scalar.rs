//! One lane: the reference of every path.

use super::{Entry, Lanes, Pair};
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! one_lane {
    ($(#[$doc:meta])* $name:ident, eight of $one:ident, $elem:ty, $bits:ty, $mantissa:literal, $bias:literal, $fused:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[repr(transparent)]
        pub struct $name(pub $elem);

        impl Add for $name { type Output = Self; #[inline(always)] fn add(self, b: Self) -> Self { Self(self.0 + b.0) } }
        impl Sub for $name { type Output = Self; #[inline(always)] fn sub(self, b: Self) -> Self { Self(self.0 - b.0) } }
        impl Mul for $name { type Output = Self; #[inline(always)] fn mul(self, b: Self) -> Self { Self(self.0 * b.0) } }
        impl Div for $name { type Output = Self; #[inline(always)] fn div(self, b: Self) -> Self { Self(self.0 / b.0) } }
        impl Neg for $name { type Output = Self; #[inline(always)] fn neg(self) -> Self { Self(-self.0) } }

        impl Lanes for $name {
            const N: usize = 1;
            const WIDE: bool = $mantissa > 30;
            type Mask = bool;
            type Eight = Pair<Pair<Pair<$one>>>;
            type Elem = $elem;
            #[inline(always)]
            fn elem(x: f64) -> $elem { x as $elem }
            #[inline(always)]
            fn elem_f64(x: $elem) -> f64 { x as f64 }
            #[inline(always)]
            fn splat(x: f64) -> Self { Self(x as $elem) }
            #[inline(always)]
            fn get(&self, _: usize) -> f64 { self.0 as f64 }
            #[inline(always)]
            fn set(&mut self, _: usize, x: f64) { self.0 = x as $elem; }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                if $fused { Self(self.0.mul_add(a.0, b.0)) } else { Self(self.0 * a.0 + b.0) }
            }
            #[inline(always)]
            fn min(self, b: Self) -> Self { if self.0 < b.0 { self } else { b } }
            #[inline(always)]
            fn max(self, b: Self) -> Self { if self.0 > b.0 { self } else { b } }
            #[inline(always)]
            fn abs(self) -> Self { Self(self.0.abs()) }
            #[inline(always)]
            fn sqrt(self) -> Self { Self(self.0.sqrt()) }
            #[inline(always)]
            fn gt(self, b: Self) -> bool { self.0 > b.0 }
            #[inline(always)]
            fn ge(self, b: Self) -> bool { self.0 >= b.0 }
            #[inline(always)]
            fn select(mask: bool, a: Self, b: Self) -> Self { if mask { a } else { b } }
            #[inline(always)]
            fn and(a: bool, b: bool) -> bool { a & b }
            #[inline(always)]
            fn or(a: bool, b: bool) -> bool { a | b }
            #[inline(always)]
            fn mask(bits: u32) -> bool { bits & 1 != 0 }
            #[inline(always)]
            fn bits(mask: bool) -> u32 { u32::from(mask) }
            #[inline(always)]
            fn swap_pairs(self) -> Self { self }
            #[inline(always)]
            fn split_exp(self) -> (Self, Self) {
                let bits = self.0.to_bits();
                let e = (bits >> $mantissa) as $elem - $bias as $elem;
                let m = (bits & ((1 << $mantissa) - 1)) | (($bias as $bits) << $mantissa);
                (Self(e), Self(<$elem>::from_bits(m)))
            }
            #[inline(always)]
            fn pow2(self) -> Self { Self(<$elem>::from_bits(((self.0 + $bias as $elem) as $bits) << $mantissa)) }
            #[inline(always)]
            fn dot2(self, left: &[f64], right: &[f64]) -> [f64; 2] {
                let x = self.0 as f64;
                [x * left[0], x * right[0]]
            }
            #[inline(always)]
            fn enter<E: Entry>(work: E) { enter_fused(work) }
        }
    };
}

one_lane!(
    /// One `f32`, fused multiply-add.
    One32, eight of One32, f32, u32, 23, 127, true
);
one_lane!(
    /// One `f64`, fused multiply-add.
    One64, eight of One32, f64, u64, 52, 1023, true
);
one_lane!(
    /// One `f32`, multiply and add rounded apart.
    Plain32, eight of Plain32, f32, u32, 23, 127, false
);
one_lane!(
    /// One `f64`, multiply and add rounded apart.
    Plain64, eight of Plain32, f64, u64, 52, 1023, false
);

/// The scalar reference uses the machine's fused multiply-add where there is one; results are the
/// same either way, only the speed differs.
#[inline(always)]
fn enter_fused<E: Entry>(work: E) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        fn fused<E: Entry>(work: E) {
            work.run();
        }
        // SAFETY: both features were just detected.
        return unsafe { fused(work) };
    }
    work.run();
}
