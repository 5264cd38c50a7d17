//! Input diffuser: one sound becomes thousands before it enters the network.
//!
//! A chain of allpasses a side, then two steps of delays and a Hadamard matrix, sixteen channels wide
//! ("Scattering in Feedback Delay Networks", Schlecht, Habets). All of it keeps energy and works
//! along time. Early reflections are read between the two.

use super::space::{self, ALLPASSES, Geometry};
use crate::kernel::delayline::{CHUNK, Lines};
use crate::kernel::fdn::{self, Block, LINES};
use crate::kernel::per_strip::Sides;

/// Gain of the allpasses.
const ALLPASS: f32 = 0.66;

/// The diffuser of one strip.
pub struct Diffuser {
    allpass: Lines<f32>,
    spread: Lines<f32>,
    scatter: Lines<f32>,
}

impl Diffuser {
    /// Silent, with memory for any of the spaces.
    pub fn new(rate: f64) -> Diffuser {
        let frames = |ms: f64| (ms * rate / 1000.0).ceil() as usize;
        Diffuser {
            // An allpass reads before it writes, the others write first.
            allpass: Lines::new(2 * ALLPASSES, frames(space::LONGEST_ALLPASS_MS)),
            spread: Lines::new(2, frames(space::LONGEST_TAP_MS) + CHUNK),
            scatter: Lines::new(LINES, frames(space::LONGEST_SCATTER_MS) + CHUNK),
        }
    }

    /// Forgets the sound from before `now`.
    pub fn forget(&mut self, now: u64) {
        self.allpass.forget_all(now);
        self.spread.forget_all(now);
        self.scatter.forget_all(now);
    }

    /// Takes over another diffuser of the same size at frame `now`.
    pub fn carry(&mut self, from: &Diffuser, now: u64) {
        (0..2 * ALLPASSES).for_each(|i| _ = self.allpass.carry(i, &from.allpass, i, now));
        (0..2).for_each(|i| _ = self.spread.carry(i, &from.spread, i, now));
        (0..LINES).for_each(|i| _ = self.scatter.carry(i, &from.scatter, i, now));
    }

    /// One chunk: `x` is what goes in, then the early reflections; `out` is for the network.
    #[inline(always)]
    pub fn run(&mut self, geometry: &Geometry, frame: u64, n: usize, x: &mut Sides, out: &mut Block) {
        self.allpasses(geometry, frame, n, x);
        for (side, x) in x.iter_mut().enumerate() {
            self.spread.write_with(side, frame, n, |t| x[t]);
            *x = [0.0; CHUNK];
        }
        if geometry.early[0][0].1 != 0.0 {
            for (x, taps) in x.iter_mut().zip(&geometry.early) {
                for &(delay, gain, side) in taps {
                    let tap = self.spread.chunk(side, frame, delay);
                    for t in 0..n {
                        x[t] += gain * tap[t];
                    }
                }
            }
        }

        let mut taps = [self.spread.chunk(0, frame, geometry.spread[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = self.spread.chunk(i / (LINES / 2), frame, geometry.spread[i]);
        }
        // Eight taps a side, sixteen channels.
        scatter(&taps, (1.0 / (4.0 * (LINES as f64 / 2.0).sqrt())) as f32, n, out);
        for (i, out) in out.iter().enumerate() {
            self.scatter.write_with(i, frame, n, |t| out[t]);
        }
        let mut taps = [self.scatter.chunk(0, frame, geometry.scatter[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = self.scatter.chunk(i, frame, geometry.scatter[i]);
        }
        scatter(&taps, 0.25, n, out);
    }

    #[inline(always)]
    fn allpasses(&mut self, geometry: &Geometry, frame: u64, n: usize, x: &mut Sides) {
        for (side, (x, delays)) in x.iter_mut().zip(&geometry.allpass).enumerate() {
            for (i, &delay) in delays.iter().enumerate() {
                // Longer than a chunk, so all that is needed of its past is there.
                let line = side * ALLPASSES + i;
                let v = self.allpass.chunk(line, frame, delay);
                let mut w = [0.0f32; CHUNK];
                for t in 0..n {
                    w[t] = x[t] + ALLPASS * v[t];
                    x[t] = v[t] - ALLPASS * w[t];
                }
                self.allpass.write_with(line, frame, n, |t| w[t]);
            }
        }
    }
}

/// The Hadamard matrix over sixteen chunks, each frame times `scale`.
#[inline(always)]
fn scatter(from: &[&[f32; CHUNK]; LINES], scale: f32, n: usize, to: &mut Block) {
    for t in 0..n {
        let mut v = [0.0f32; LINES];
        for i in 0..LINES {
            v[i] = scale * from[i][t];
        }
        fdn::hadamard(&mut v);
        for i in 0..LINES {
            to[i][t] = v[i];
        }
    }
}
