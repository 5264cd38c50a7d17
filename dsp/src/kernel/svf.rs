//! State-variable filter sections in series, in lanes.
//!
//! The trapezoidal SVF of "The Art of VA Filter Design" (Zavalishin), with the output mixed from
//! input, band and low: six coefficients `[a1 a2 a3 m0 m1 m2]` can hold any stable biquad. It stays
//! stable while its coefficients move and keeps low frequencies clean in `f32`.

use crate::lanes::Lanes;
use crate::ramp::{Coeffs, Curve, GRID, When};
use std::sync::Arc;

/// Coefficients of a section.
pub type SvfCoeffs = [f64; 6];

/// A section that passes its input unchanged, bit for bit.
pub const NEUTRAL: SvfCoeffs = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// The section with the transfer function `(b0 + b1 z⁻¹ + b2 z⁻²) / (1 + a1 z⁻¹ + a2 z⁻²)`, which
/// must be stable.
pub fn from_biquad(b: [f64; 3], a: [f64; 2]) -> SvfCoeffs {
    let (sum, alt) = (1.0 + a[0] + a[1], 1.0 - a[0] + a[1]);
    let g = (sum / alt).sqrt();
    let d = 4.0 / alt; // 1 + gk + g²
    let k = (d - 1.0 - g * g) / g;
    let (band, low) = (g / d, g * g / d);
    // Solve b = m0·(1, a1, a2) + m1·band·(1, 0, −1) + m2·low·(1, 2, 1).
    let m0 = (b[0] - b[1] + b[2]) / alt;
    let m2 = (b[1] - m0 * a[0]) / (2.0 * low);
    let m1 = (b[0] - m0 - m2 * low) / band;
    let a1 = 1.0 / (1.0 + g * (g + k));
    [a1, g * a1, g * g * a1, m0, m1, m2]
}

/// One section of every lane.
pub struct Section<L> {
    coeffs: Coeffs<L, 6>,
    ic1: L,
    ic2: L,
    busy: u32,
}

impl<L: Lanes> Section<L> {
    /// Neutral in all lanes.
    pub fn new(curve: &Arc<Curve>) -> Self {
        Section { coeffs: Coeffs::new(curve, NEUTRAL), ic1: L::zero(), ic2: L::zero(), busy: 0 }
    }

    /// New coefficients for a lane.
    pub fn set(&mut self, lane: usize, to: &SvfCoeffs, when: When) {
        self.coeffs.set(lane, *to, when);
        self.busy |= 1 << lane;
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.ic1.set(lane, 0.0);
        self.ic2.set(lane, 0.0);
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.coeffs.carry(lane, &from.coeffs, from_lane);
        self.ic1.set(lane, from.ic1.get(from_lane));
        self.ic2.set(lane, from.ic2.get(from_lane));
        self.busy = (self.busy & !(1 << lane)) | ((from.busy >> from_lane & 1) << lane);
    }

    /// Whether any lane filters, or is on its way; a section that does not can be left out.
    fn active(&mut self) -> bool {
        if self.busy != 0 && !self.coeffs.moving() {
            for lane in 0..L::N {
                if self.busy & (1 << lane) != 0 && self.coeffs.target(lane)[3..] == NEUTRAL[3..] {
                    self.busy &= !(1 << lane);
                    self.clear(lane);
                }
            }
        }
        self.busy != 0
    }
}

/// Runs up to eight sections one after the other over a block; sections that are neutral in every
/// lane cost nothing.
#[inline(always)]
pub fn run<L: Lanes>(sections: &mut [Section<L>], frame: u64, io: &mut [L]) {
    let mut active: [usize; 8] = [0; 8];
    let (mut n, mut moving) = (0, false);
    for (i, s) in sections.iter_mut().enumerate() {
        if s.active() && n < 8 {
            active[n] = i;
            n += 1;
            moving |= s.coeffs.moving();
        }
    }
    if moving {
        for &i in &active[..n] {
            glide(&mut sections[i], frame, io);
        }
        return;
    }
    match n {
        0 => {}
        1 => steady::<L, 1>(sections, &active, io),
        2 => steady::<L, 2>(sections, &active, io),
        3 => steady::<L, 3>(sections, &active, io),
        4 => steady::<L, 4>(sections, &active, io),
        5 => steady::<L, 5>(sections, &active, io),
        6 => steady::<L, 6>(sections, &active, io),
        7 => steady::<L, 7>(sections, &active, io),
        _ => steady::<L, 8>(sections, &active, io),
    }
}

/// One frame of one section: returns the output, moves the state on.
#[inline(always)]
fn tick<L: Lanes>(c: &[L; 6], ic1: &mut L, ic2: &mut L, x: L) -> L {
    let two = L::splat(2.0);
    let v3 = x - *ic2;
    let v1 = c[1].mul_add(v3, c[0] * *ic1);
    let v2 = c[2].mul_add(v3, c[1].mul_add(*ic1, *ic2));
    *ic1 = two.mul_add(v1, -*ic1);
    *ic2 = two.mul_add(v2, -*ic2);
    c[5].mul_add(v2, c[4].mul_add(v1, c[3] * x))
}

#[inline(always)]
fn steady<L: Lanes, const N: usize>(sections: &mut [Section<L>], active: &[usize; 8], io: &mut [L]) {
    // All sections in one loop: their recurrences overlap, so throughput counts, not latency.
    let c: [[L; 6]; N] = std::array::from_fn(|n| sections[active[n]].coeffs.now);
    let mut ic1: [L; N] = std::array::from_fn(|n| sections[active[n]].ic1);
    let mut ic2: [L; N] = std::array::from_fn(|n| sections[active[n]].ic2);
    for x in io.iter_mut() {
        let mut y = *x;
        for n in 0..N {
            y = tick(&c[n], &mut ic1[n], &mut ic2[n], y);
        }
        *x = y;
    }
    for n in 0..N {
        let s = &mut sections[active[n]];
        (s.ic1, s.ic2) = (ic1[n], ic2[n]);
    }
}

#[inline(always)]
fn glide<L: Lanes>(s: &mut Section<L>, frame: u64, io: &mut [L]) {
    let mut at = 0;
    while at < io.len() {
        let here = frame + at as u64;
        s.coeffs.at(here);
        let n = ((GRID - here % GRID) as usize).min(io.len() - at);
        for x in &mut io[at..at + n] {
            *x = tick(&s.coeffs.now, &mut s.ic1, &mut s.ic2, *x);
            s.coeffs.advance();
        }
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One64;

    #[test]
    fn a_biquad_and_its_section_have_one_impulse_response() {
        let (b, a) = ([0.3, -0.2, 0.15], [-1.2, 0.5]);
        let mut s = [Section::<One64>::new(&Curve::new(48000.0))];
        s[0].set(0, &from_biquad(b, a), When::Jump);
        let mut io = [One64(0.0); 64];
        io[0] = One64(1.0);
        run(&mut s, 0, &mut io);
        let (mut y1, mut y2) = (0.0, 0.0);
        for (n, got) in io.iter().enumerate() {
            let y = b.get(n).copied().unwrap_or(0.0) - a[0] * y1 - a[1] * y2;
            assert!((y - got.0).abs() < 1e-12, "{n}");
            (y2, y1) = (y1, y);
        }
    }

    #[test]
    fn neutral_is_bit_exact_and_costs_nothing() {
        let mut s = [Section::<One64>::new(&Curve::new(48000.0))];
        assert!(!s[0].active());
        s[0].set(0, &from_biquad([0.5, 0.1, 0.0], [-0.5, 0.1]), When::Jump);
        assert!(s[0].active());
        s[0].set(0, &NEUTRAL, When::Jump);
        assert!(!s[0].active());
    }
}
