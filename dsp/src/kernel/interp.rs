//! Reading between frames at a place that moves with every sample: sixteen taps of a windowed sinc.
//!
//! The coefficients stand in a table of [`PHASES`] fractions, straight lines between them; a Kaiser window
//! (β = 10), each row normalised at 0 Hz. Up to a third of the rate a moving tap stays within 0.001 dB and
//! −80 dB of the sound between the frames ("Splitting the Unit Delay", Laakso et al.).

use crate::block::{flat, load};
use crate::lanes::{COLUMNS, Lanes};
use std::sync::Arc;

/// Taps of the interpolator.
pub const TAPS: usize = 16;
/// Frames of the newest tap before the place that is read; the shortest delay.
pub const SHORTEST: usize = TAPS / 2;
/// Fractions of a frame in the table.
const PHASES: usize = 128;

/// A place between frames: `whole` frames back, and where in the table the rest is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// Whole frames.
    pub whole: u32,
    /// Row of the table.
    pub row: u32,
    /// Share of the way to the next row, 0 … 1.
    pub rest: f32,
}

impl Place {
    /// The place `delay` frames back, from 0 to 2^24: additions alone, so that many are worked out at once.
    #[inline(always)]
    pub fn new(delay: f64) -> Place {
        // The whole number below, or one above where a half was rounded up: a rest of 1 is as good as 0.
        const MAGIC: f64 = 4_503_599_627_370_496.0;
        let fine = delay * PHASES as f64;
        let low = (fine - 0.5).max(0.0) + MAGIC;
        let at = low.to_bits() as u32;
        Place { whole: at / PHASES as u32, row: at % PHASES as u32, rest: (fine - (low - MAGIC)).clamp(0.0, 1.0) as f32 }
    }
}

/// The coefficients: each row, and the way to the next.
pub struct Table {
    rows: [[[f32; TAPS]; 2]; PHASES],
}

impl Table {
    /// The table; control side.
    pub fn new() -> Arc<Table> {
        let row = |phase: usize| {
            let mut row = [0.0; TAPS];
            for (k, c) in row.iter_mut().enumerate() {
                *c = coefficient(k as f64 - SHORTEST as f64 + phase as f64 / PHASES as f64);
            }
            let sum: f64 = row.iter().sum();
            row.map(|c| c / sum)
        };
        let rows = std::array::from_fn(|phase| {
            let (here, next) = (row(phase), row(phase + 1));
            [here.map(|c| c as f32), std::array::from_fn(|k| (next[k] - here[k]) as f32)]
        });
        Arc::new(Table { rows })
    }

    /// What stands at a place; `from` starts its whole frames + [`SHORTEST`] back.
    #[inline(always)]
    pub fn read<V: Lanes<Elem = f32>, const N: usize>(&self, from: &[f32; N], row: u32, rest: f32) -> f32 {
        let parts = [self.products::<V>(from, row, rest)];
        let p = flat(&parts);
        ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
    }

    /// [`Table::read`] of eight places, a lane each, bit for bit.
    #[inline(always)]
    pub fn read_eight<V: Lanes<Elem = f32>, const N: usize>(
        &self,
        from: [&[f32; N]; COLUMNS],
        row: &[u32; COLUMNS],
        rest: &[f32; COLUMNS],
    ) -> V {
        let mut parts = [V::zero(); COLUMNS];
        for (t, part) in parts.iter_mut().enumerate() {
            *part = self.products(from[t], row[t], rest[t]);
        }
        let all = flat(&parts);
        let mut rows = [all; COLUMNS];
        for (t, row) in rows.iter_mut().enumerate() {
            *row = &all[t * COLUMNS..(t + 1) * COLUMNS];
        }
        let p = V::columns(&rows, 0);
        ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
    }

    /// Sixteen products, each added to the one eight taps on.
    #[inline(always)]
    fn products<V: Lanes<Elem = f32>>(&self, from: &[f32], row: u32, rest: f32) -> V {
        let rest = V::splat(f64::from(rest));
        let [row, by] = &self.rows[row as usize % PHASES];
        let near = rest.mul_add(load(by, 0), load(row, 0));
        let far = rest.mul_add(load(by, 8), load(row, 8));
        far.mul_add(load(from, 8), near * load(from, 0))
    }
}

/// A sinc under a Kaiser window, `d` frames from its middle.
fn coefficient(d: f64) -> f64 {
    let u = 1.0 - (d / SHORTEST as f64).powi(2);
    let window = bessel(10.0 * u.max(0.0).sqrt()) / bessel(10.0);
    if d == 0.0 { 1.0 } else { (std::f64::consts::PI * d).sin() / (std::f64::consts::PI * d) * window }
}

/// The modified Bessel function of order 0.
fn bessel(x: f64) -> f64 {
    let (mut sum, mut term) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One32;

    #[test]
    fn a_sine_between_frames_is_that_sine() {
        let table = Table::new();
        for (hz, bar) in [(100.0, -100.0), (1000.0, -85.0), (8000.0, -80.0), (14000.0, -50.0)] {
            let w = std::f64::consts::TAU * hz / 48000.0;
            let (mut worst, mut x): (f64, f64) = (0.0, 0.0);
            while x < 200.0 {
                let at = 100.0 + x;
                let Place { whole, row, rest } = Place::new(at);
                let from: [f32; TAPS] =
                    std::array::from_fn(|k| (w * (k as f64 - f64::from(whole) - SHORTEST as f64)).sin() as f32);
                let read = table.read::<<One32 as Lanes>::Eight, TAPS>(&from, row, rest);
                worst = worst.max((f64::from(read) + (w * at).sin()).abs());
                x += 0.0371;
            }
            let db = 20.0 * worst.log10();
            println!("{hz} Hz: {db:.1} dB");
            assert!(db < bar, "{hz} Hz: {db} dB");
        }
    }
}
