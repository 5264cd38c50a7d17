//! Two vectors as one of twice the width.

use super::{COLUMNS, Entry, Lanes};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Lanes 0 … N−1 in the first half, N … 2N−1 in the second; N is even, so stereo sides stay together.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Pair<T>(pub T, pub T);

impl<T: Lanes> Add for Pair<T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Pair(self.0 + b.0, self.1 + b.1)
    }
}
impl<T: Lanes> Sub for Pair<T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Pair(self.0 - b.0, self.1 - b.1)
    }
}
impl<T: Lanes> Mul for Pair<T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Pair(self.0 * b.0, self.1 * b.1)
    }
}
impl<T: Lanes> Div for Pair<T> {
    type Output = Self;
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Pair(self.0 / b.0, self.1 / b.1)
    }
}
impl<T: Lanes> Neg for Pair<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Pair(-self.0, -self.1)
    }
}

impl<T: Lanes> Lanes for Pair<T> {
    const N: usize = 2 * T::N;
    const WIDE: bool = T::WIDE;
    type Elem = T::Elem;
    type Mask = (T::Mask, T::Mask);
    type Eight = T::Eight;

    #[inline(always)]
    fn elem(x: f64) -> T::Elem {
        T::elem(x)
    }
    #[inline(always)]
    fn elem_f64(x: T::Elem) -> f64 {
        T::elem_f64(x)
    }

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Pair(T::splat(x), T::splat(x))
    }
    #[inline(always)]
    fn get(&self, lane: usize) -> f64 {
        if lane < T::N { self.0.get(lane) } else { self.1.get(lane - T::N) }
    }
    #[inline(always)]
    fn set(&mut self, lane: usize, x: f64) {
        if lane < T::N { self.0.set(lane, x) } else { self.1.set(lane - T::N, x) }
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Pair(self.0.mul_add(a.0, b.0), self.1.mul_add(a.1, b.1))
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        Pair(self.0.min(b.0), self.1.min(b.1))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        Pair(self.0.max(b.0), self.1.max(b.1))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Pair(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Pair(self.0.sqrt(), self.1.sqrt())
    }
    #[inline(always)]
    fn gt(self, b: Self) -> Self::Mask {
        (self.0.gt(b.0), self.1.gt(b.1))
    }
    #[inline(always)]
    fn ge(self, b: Self) -> Self::Mask {
        (self.0.ge(b.0), self.1.ge(b.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, a: Self, b: Self) -> Self {
        Pair(T::select(mask.0, a.0, b.0), T::select(mask.1, a.1, b.1))
    }
    #[inline(always)]
    fn and(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (T::and(a.0, b.0), T::and(a.1, b.1))
    }
    #[inline(always)]
    fn or(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (T::or(a.0, b.0), T::or(a.1, b.1))
    }
    #[inline(always)]
    fn mask(bits: u32) -> Self::Mask {
        (T::mask(bits), T::mask(bits >> T::N))
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        T::bits(mask.0) | (T::bits(mask.1) << T::N)
    }
    #[inline(always)]
    fn swap_pairs(self) -> Self {
        if T::N == 1 { Pair(self.1, self.0) } else { Pair(self.0.swap_pairs(), self.1.swap_pairs()) }
    }
    #[inline(always)]
    fn split_exp(self) -> (Self, Self) {
        let (a, b) = (self.0.split_exp(), self.1.split_exp());
        (Pair(a.0, b.0), Pair(a.1, b.1))
    }
    #[inline(always)]
    fn pow2(self) -> Self {
        Pair(self.0.pow2(), self.1.pow2())
    }
    #[inline(always)]
    fn dot2(self, left: &[f64], right: &[f64]) -> [f64; 2] {
        let a = self.0.dot2(left, right);
        let b = self.1.dot2(&left[T::N..], &right[T::N..]);
        [a[0] + b[0], a[1] + b[1]]
    }
    #[inline(always)]
    fn enter<E: Entry>(work: E) {
        T::enter(work);
    }
    #[inline(always)]
    fn columns(lanes: &[&[f32]], from: usize) -> [Self; COLUMNS] {
        let (a, b) = (T::columns(&lanes[..T::N], from), T::columns(&lanes[T::N..], from));
        std::array::from_fn(|i| Pair(a[i], b[i]))
    }
}
