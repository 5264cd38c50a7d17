//! Input diffuser: one sound becomes thousands before it enters the network.
//!
//! A chain of allpasses a side, then two steps of delays and a Hadamard matrix, sixteen channels wide
//! ("Scattering in Feedback Delay Networks", Schlecht, Habets). All of it keeps energy and works
//! along time. Early reflections are read between the two.

use super::space::{self, ALLPASSES, Geometry};
use crate::block::{load, store};
use crate::kernel::delayline::{CHUNK, Lines};
use crate::kernel::fdn::{self, Block, LINES, TILE};
use crate::kernel::per_strip::Sides;
use crate::lanes::Lanes;

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

    /// Copies some of what [`Diffuser::carry`] will ask for; see [`Lines::ahead`].
    pub fn ahead(&mut self, from: &Diffuser, now: u64, budget: &mut usize) -> bool {
        let allpass = self.allpass.ahead_all(&from.allpass, now, budget);
        let spread = self.spread.ahead_all(&from.spread, now, budget);
        let scatter = self.scatter.ahead_all(&from.scatter, now, budget);
        allpass && spread && scatter
    }

    /// One chunk: `x` is what goes in, then the early reflections; `out` is for the network.
    #[inline(always)]
    pub fn run<V: Lanes<Elem = f32>>(&mut self, geometry: &Geometry, frame: u64, n: usize, x: &mut Sides, out: &mut Block) {
        self.allpasses::<V>(geometry, frame, n, x);
        for (side, x) in x.iter().enumerate() {
            self.spread.put(side, frame, n, x);
        }
        self.early::<V>(geometry, frame, n, x);
        let mut taps = [self.spread.chunk(0, frame, geometry.spread[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = self.spread.chunk(i / (LINES / 2), frame, geometry.spread[i]);
        }
        // Eight taps a side, sixteen channels.
        scatter::<V>(&taps, 1.0 / (4.0 * (LINES as f64 / 2.0).sqrt()), n, out);
        for (i, out) in out.iter().enumerate() {
            self.scatter.put(i, frame, n, out);
        }
        let mut taps = [self.scatter.chunk(0, frame, geometry.scatter[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = self.scatter.chunk(i, frame, geometry.scatter[i]);
        }
        scatter::<V>(&taps, 0.25, n, out);
    }

    #[inline(always)]
    fn allpasses<V: Lanes<Elem = f32>>(&mut self, geometry: &Geometry, frame: u64, n: usize, x: &mut Sides) {
        let gain = V::splat(f64::from(ALLPASS));
        for (side, (x, delays)) in x.iter_mut().zip(&geometry.allpass).enumerate() {
            for (i, &delay) in delays.iter().enumerate() {
                // Longer than a chunk, so all that is needed of its past is there.
                let line = side * ALLPASSES + i;
                let v = self.allpass.chunk(line, frame, delay);
                let mut w = [0.0f32; CHUNK];
                for at in (0..n).step_by(TILE) {
                    let v = load::<V>(v, at);
                    let here = gain.mul_add(v, load(x, at));
                    store(here, &mut w, at);
                    store((-gain).mul_add(here, v), x, at);
                }
                self.allpass.put(line, frame, n, &w);
            }
        }
    }

    /// The early reflections.
    #[inline(always)]
    fn early<V: Lanes<Elem = f32>>(&self, geometry: &Geometry, frame: u64, n: usize, to: &mut Sides) {
        if geometry.early[0][0].1 == 0.0 {
            *to = [[0.0; CHUNK]; 2];
            return;
        }
        for (to, taps) in to.iter_mut().zip(&geometry.early) {
            let heard = taps.map(|(delay, _, side)| self.spread.chunk(side, frame, delay));
            for at in (0..n).step_by(TILE) {
                let mut sum = V::zero();
                for (tap, &(_, gain, _)) in heard.iter().zip(taps) {
                    sum = V::splat(f64::from(gain)).mul_add(load(*tap, at), sum);
                }
                store(sum, to, at);
            }
        }
    }
}

/// The Hadamard matrix over sixteen chunks, each frame times `scale`.
#[inline(always)]
fn scatter<V: Lanes<Elem = f32>>(from: &[&[f32; CHUNK]; LINES], scale: f64, n: usize, to: &mut Block) {
    let scale = V::splat(scale);
    for at in (0..n).step_by(TILE) {
        let mut v = [V::zero(); LINES];
        for (v, from) in v.iter_mut().zip(from) {
            *v = scale * load(*from, at);
        }
        fdn::hadamard_within(&mut v);
        for i in 0..LINES / 4 {
            let whole = fdn::four([v[i], v[i + 4], v[i + 8], v[i + 12]]);
            for (k, v) in whole.into_iter().enumerate() {
                store(v, &mut to[i + 4 * k], at);
            }
        }
    }
}
