//! State-variable filter sections in series, in lanes.
//!
//! The trapezoidal SVF of "The Art of VA Filter Design" (Zavalishin): its state never grows without
//! input, whatever its coefficients do (their steps are contractions, and so is every mean of them),
//! so that they can move along straight lines; and it keeps low frequencies clean in `f32`. Six
//! coefficients `[a1 a2 a3 m0 m1 m2]` can hold any stable biquad. Inside, the same section is kept as
//! what it adds to its two states and what its output takes from input and states:
//!
//! ```text
//! u = x − s2,   y  = d·x + p·s1 + q·s2
//!               s1 ← s1 − c·s1 + a·u      c = 2(1 − a1)    d = m0 + m1·a2 + m2·a3
//!               s2 ← s2 + a·s1 + b·u      a = 2·a2         p = m1·a1 + m2·a2
//!                                         b = 2·a3         q = m0 + m2 − d
//! ```
//!
//! Ten operations a frame; 1 − a1 is small at low frequencies and keeps its digits.

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

/// tan(πf/rate) of a cut that is out of the path at `out` Hz; negative there. For [`cut`].
pub fn cut_at(hz: f64, out: f64, rate: f64) -> f64 {
    let g = (std::f64::consts::PI * (hz / rate).min(0.45)).tan();
    if hz == out { -g } else { g }
}

/// The section for a cut at tan(πf/rate) = `g`, 12 dB/oct, Butterworth. A negative one is out of the path, but
/// stands ready to glide from where it is.
pub fn cut(g: f64, low: bool) -> SvfCoeffs {
    let k = std::f64::consts::SQRT_2;
    let m = match (g > 0.0, low) {
        (false, _) => [1.0, 0.0, 0.0],
        (true, true) => [1.0, -k, -1.0],
        (true, false) => [0.0, 0.0, 1.0],
    };
    let g = g.abs();
    let a1 = 1.0 / (1.0 + g * (g + k));
    [a1, g * a1, g * g * a1, m[0], m[1], m[2]]
}

/// What a frequency is to a trapezoidal integrator: tan(π·hz/rate), held below the Nyquist frequency.
pub fn warped(hz: f64, rate: f64) -> f64 {
    (std::f64::consts::PI * (hz / rate).min(0.49)).tan()
}

/// A section with a corner at `g` ([`warped`]) and k = 1/Q that gives `mix` of its input, its band-pass over k and
/// its low-pass: `[0 0 1]` low-pass, `[0 k 0]` band-pass of 0 dB, `[1 −k −1]` high-pass.
pub fn classic(g: f64, k: f64, mix: [f64; 3]) -> SvfCoeffs {
    let a1 = 1.0 / (1.0 + g * (g + k));
    [a1, g * a1, g * g * a1, mix[0], mix[1], mix[2]]
}

/// The section as [`tick`] takes it: `[−c a b d p q]`.
type Stepped = [f64; 6];

/// Passes the input and keeps its state at 0. The negative zeros keep the sign of a zero sample.
const PINNED: Stepped = [0.0, 0.0, 0.0, 1.0, -0.0, -0.0];

fn stepped(c: &SvfCoeffs) -> Stepped {
    let [a1, a2, a3, m0, m1, m2] = *c;
    if (m0, m1, m2) == (1.0, 0.0, 0.0) {
        return [-2.0 * (1.0 - a1), 2.0 * a2, 2.0 * a3, 1.0, -0.0, -0.0];
    }
    let d = m0 + m1 * a2 + m2 * a3;
    [-2.0 * (1.0 - a1), 2.0 * a2, 2.0 * a3, d, m1 * a1 + m2 * a2, m0 + m2 - d]
}

fn passes(c: &Stepped) -> bool {
    c[3..] == PINNED[3..]
}

/// One section of every lane.
pub struct Section<L> {
    coeffs: Coeffs<L, 6>,
    s1: L,
    s2: L,
    /// Lanes that filter, or are on their way.
    busy: u32,
}

impl<L: Lanes> Section<L> {
    /// Neutral in all lanes.
    pub fn new(curve: &Arc<Curve>) -> Self {
        Section { coeffs: Coeffs::new(curve, PINNED), s1: L::zero(), s2: L::zero(), busy: 0 }
    }

    /// New coefficients for a lane. On the way to a neutral mix (`m0 m1 m2` = 1 0 0) the poles should
    /// stay where they are.
    pub fn set(&mut self, lane: usize, to: &SvfCoeffs, when: When) {
        let to = stepped(to);
        self.coeffs.set(lane, to, when);
        if self.coeffs.moving_lanes() & (1 << lane) != 0 || !passes(&to) {
            self.busy |= 1 << lane;
        } else {
            self.pin(lane);
        }
    }

    /// Whether any lane is on its way.
    pub fn moving(&self) -> bool {
        self.coeffs.moving()
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.s1.set(lane, 0.0);
        self.s2.set(lane, 0.0);
    }

    /// Whether it passes its input unchanged in every lane.
    #[inline(always)]
    pub fn idle(&self) -> bool {
        self.busy == 0
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.coeffs.carry(lane, &from.coeffs, from_lane);
        self.s1.set(lane, from.s1.get(from_lane));
        self.s2.set(lane, from.s2.get(from_lane));
        self.busy = (self.busy & !(1 << lane)) | ((from.busy >> from_lane & 1) << lane);
    }

    /// A neutral lane at rest keeps an empty state, whether or not other lanes keep the section busy.
    fn pin(&mut self, lane: usize) {
        self.busy &= !(1 << lane);
        self.clear(lane);
        let Coeffs { now, by, bend, .. } = &mut self.coeffs;
        now.iter_mut().zip(PINNED).for_each(|(now, pinned)| now.set(lane, pinned));
        by.iter_mut().chain(bend).for_each(|step| step.set(lane, -0.0));
    }

    /// Coefficients at a multiple of [`GRID`]. Lanes whose mix is neutral right now start from an
    /// empty state, lanes that came to rest so are pinned: what they do depends on absolute frames
    /// only, not on when the section happened to run.
    #[inline(never)]
    fn turn(&mut self, frame: u64) {
        let before = self.coeffs.moving_lanes();
        self.coeffs.at(frame);
        let after = self.coeffs.moving_lanes();
        for lane in (0..L::N).filter(|lane| before & (1 << lane) != 0) {
            let [d, p, q] = [3, 4, 5].map(|k: usize| self.coeffs.now[k].get(lane));
            if (d, p, q) == (1.0, 0.0, 0.0) {
                if after & (1 << lane) == 0 {
                    self.pin(lane);
                } else {
                    self.clear(lane);
                }
            }
        }
    }
}

/// Runs up to eight sections one after the other over a block; sections that are neutral in every
/// lane cost nothing.
#[inline(always)]
pub fn run<L: Lanes>(sections: &mut [Section<L>], frame: u64, io: &mut [L]) {
    let mut still: [usize; 8] = [0; 8];
    let mut n = 0;
    for i in 0..sections.len() {
        if sections[i].busy == 0 {
            continue;
        }
        if sections[i].coeffs.moving() {
            steady_all(sections, &still[..n], io);
            n = 0;
            glide(&mut sections[i], frame, io);
        } else if n < still.len() {
            still[n] = i;
            n += 1;
        }
    }
    steady_all(sections, &still[..n], io);
}

/// One frame of one section: returns the output, moves the state on. Increments are summed before
/// they meet the state: at low frequencies they are small beside it, and are rounded as such.
#[inline(always)]
fn tick<L: Lanes>(c: &[L; 6], s1: &mut L, s2: &mut L, x: L) -> L {
    let u = x - *s2;
    let y = c[3].mul_add(x, c[4].mul_add(*s1, c[5] * *s2));
    let (by1, by2) = (c[1].mul_add(u, c[0] * *s1), c[1].mul_add(*s1, c[2] * u));
    *s1 = *s1 + by1;
    *s2 = *s2 + by2;
    y
}

#[inline(always)]
fn steady_all<L: Lanes>(sections: &mut [Section<L>], still: &[usize], io: &mut [L]) {
    match *still {
        [] => {}
        [a] => steady(sections, [a], io),
        [a, b] => steady(sections, [a, b], io),
        [a, b, c] => steady(sections, [a, b, c], io),
        [a, b, c, d] => steady(sections, [a, b, c, d], io),
        _ => {
            steady_all_more(sections, still, io);
        }
    }
}

/// Five to eight sections.
#[inline(always)]
fn steady_all_more<L: Lanes>(sections: &mut [Section<L>], still: &[usize], io: &mut [L]) {
    match *still {
        [a, b, c, d, e] => steady(sections, [a, b, c, d, e], io),
        [a, b, c, d, e, f] => steady(sections, [a, b, c, d, e, f], io),
        [a, b, c, d, e, f, g] => steady(sections, [a, b, c, d, e, f, g], io),
        [a, b, c, d, e, f, g, h, ..] => steady(sections, [a, b, c, d, e, f, g, h], io),
        _ => {}
    }
}

/// All sections in one loop: their recurrences overlap, so throughput counts, not latency.
#[inline(always)]
fn steady<L: Lanes, const N: usize>(sections: &mut [Section<L>], still: [usize; N], io: &mut [L]) {
    let c: [[L; 6]; N] = still.map(|i| sections[i].coeffs.now);
    let mut s1: [L; N] = still.map(|i| sections[i].s1);
    let mut s2: [L; N] = still.map(|i| sections[i].s2);
    for x in io.iter_mut() {
        let mut y = *x;
        for n in 0..N {
            y = tick(&c[n], &mut s1[n], &mut s2[n], y);
        }
        *x = y;
    }
    for n in 0..N {
        (sections[still[n]].s1, sections[still[n]].s2) = (s1[n], s2[n]);
    }
}

#[inline(always)]
fn glide<L: Lanes>(s: &mut Section<L>, frame: u64, io: &mut [L]) {
    let mut at = 0;
    while at < io.len() {
        let here = frame + at as u64;
        if here.is_multiple_of(GRID) {
            s.turn(here);
        }
        let n = ((GRID - here % GRID) as usize).min(io.len() - at);
        let (mut s1, mut s2) = (s.s1, s.s2);
        for x in &mut io[at..at + n] {
            *x = tick(&s.coeffs.now, &mut s1, &mut s2, *x);
            s.coeffs.advance();
        }
        (s.s1, s.s2) = (s1, s2);
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
        assert_eq!(s[0].busy, 0);
        s[0].set(0, &from_biquad([0.5, 0.1, 0.0], [-0.5, 0.1]), When::Jump);
        assert_eq!(s[0].busy, 1);
        s[0].set(0, &NEUTRAL, When::Jump);
        assert_eq!(s[0].busy, 0);
    }
}
