//! Input diffuser: one sound becomes thousands before it enters the network.
//!
//! A chain of allpasses a side, then two steps of delays and a Hadamard matrix, sixteen channels wide
//! ("Scattering in Feedback Delay Networks", Schlecht, Habets). All of it works along time. Early reflections
//! are read between the two.
//!
//! It decays as the network does: what is delayed by d frames is heard 10^(−3d / time) as loud. That is the same as
//! its lossless answer under the room's decay, so that short times are right too.

use super::space::{self, ALLPASSES, EARLY, Geometry};
use crate::block::{flat, load, store};
use crate::kernel::delayline::{CHUNK, Lines};
use crate::kernel::fdn::{self, Block, LINES, TILE};
use crate::kernel::per_strip::Sides;
use crate::lanes::{Lanes, One32};
use crate::ramp::{Coeffs, Curve, GRID, When};
use std::sync::Arc;

/// Gain of the allpasses.
const ALLPASS: f32 = 0.66;

/// Weights of a diffuser: spread, scatter, allpasses left and right, early reflections left and right.
const WEIGHTS: usize = 2 * LINES + 2 * ALLPASSES + 2 * EARLY;
const SCATTER: usize = LINES;
const ALLPASSES_AT: usize = 2 * LINES;
const EARLY_AT: usize = ALLPASSES_AT + 2 * ALLPASSES;

/// The diffuser of one strip.
pub struct Diffuser {
    weights: Coeffs<One32, WEIGHTS>,
    /// The weights of a chunk, frame by frame, while they move.
    moving: Box<[[f32; CHUNK]; WEIGHTS]>,
    allpass: Lines<f32>,
    spread: Lines<f32>,
    scatter: Lines<f32>,
}

impl Diffuser {
    /// Silent, with memory for any of the spaces.
    pub fn new(curve: &Arc<Curve>, rate: f64) -> Diffuser {
        let frames = |ms: f64| (ms * rate / 1000.0).ceil() as usize;
        Diffuser {
            weights: Coeffs::new(curve, [0.0; WEIGHTS]),
            moving: Box::new([[0.0; CHUNK]; WEIGHTS]),
            // An allpass reads before it writes, the others write first.
            allpass: Lines::new(2 * ALLPASSES, frames(space::LONGEST_ALLPASS_MS)),
            spread: Lines::new(2, frames(space::LONGEST_TAP_MS) + CHUNK),
            scatter: Lines::new(LINES, frames(space::LONGEST_SCATTER_MS) + CHUNK),
        }
    }

    /// For a room that decays to `left` of its amplitude in a frame. Returns the energy, re that of one side going in, of
    /// the early reflections of a side and of what goes to the network.
    pub fn set(&mut self, geometry: &Geometry, left: f64, when: When) -> (f64, f64) {
        let after = |frames: usize| left.powf(frames as f64);
        let mut to = [0.0; WEIGHTS];
        // Eight taps a side make sixteen channels; both matrices keep energy.
        let (first, second) = (1.0 / (4.0 * (LINES as f64 / 2.0).sqrt()), 0.25);
        let (mut spread, mut scatter, mut allpass, mut early) = (0.0, 0.0, 1.0, 0.0);
        for i in 0..LINES {
            let weights = (after(geometry.spread[i]), after(geometry.scatter[i]));
            (to[i], to[SCATTER + i]) = (first * weights.0, second * weights.1);
            spread += weights.0 * weights.0 / LINES as f64;
            scatter += weights.1 * weights.1 / LINES as f64;
        }
        let gain = f64::from(ALLPASS * ALLPASS);
        for (i, &frames) in geometry.allpass.as_flattened().iter().enumerate() {
            let weight = after(frames);
            to[ALLPASSES_AT + i] = weight;
            // A chain for each side: the mean of both, as a product.
            let energy = gain + (1.0 - gain).powi(2) * weight * weight / (1.0 - gain * weight * weight);
            allpass *= energy.sqrt();
        }
        for (i, &(frames, gain, _)) in geometry.early.as_flattened().iter().enumerate() {
            to[EARLY_AT + i] = f64::from(gain) * after(frames);
            early += 0.5 * to[EARLY_AT + i].powi(2);
        }
        self.weights.set(0, to, when);
        (allpass * early, allpass * spread * scatter)
    }

    /// The frame that a chunk starting at `frame` must not pass.
    #[inline(always)]
    pub fn limit(&self, frame: u64) -> u64 {
        if self.weights.moving() { frame - frame % GRID + GRID } else { u64::MAX }
    }

    /// Forgets the sound from before `now`.
    pub fn forget(&mut self, now: u64) {
        self.allpass.forget_all(now);
        self.spread.forget_all(now);
        self.scatter.forget_all(now);
    }

    /// Takes over another diffuser of the same size at frame `now`.
    pub fn carry(&mut self, from: &Diffuser, now: u64) {
        self.weights.carry(0, &from.weights, 0);
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
        self.weights.at(frame);
        let is_moving = self.weights.moving();
        if is_moving {
            for t in 0..n {
                for (to, now) in self.moving.iter_mut().zip(&self.weights.now) {
                    to[t] = now.0;
                }
                self.weights.advance();
            }
        }
        let Diffuser { weights, moving, allpass, spread, scatter } = self;
        let weights = Weights { now: flat(&weights.now), moving: is_moving.then_some(&**moving) };
        allpasses::<V>(allpass, &weights, geometry, frame, n, x);
        for (side, x) in x.iter().enumerate() {
            spread.put(side, frame, n, x);
        }
        early::<V>(spread, &weights, geometry, frame, n, x);
        let mut taps = [spread.chunk(0, frame, geometry.spread[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = spread.chunk(i / (LINES / 2), frame, geometry.spread[i]);
        }
        mixed::<V>(&taps, &weights, 0, n, out);
        for (i, out) in out.iter().enumerate() {
            scatter.put(i, frame, n, out);
        }
        let mut taps = [scatter.chunk(0, frame, geometry.scatter[0]); LINES];
        for (i, tap) in taps.iter_mut().enumerate() {
            *tap = scatter.chunk(i, frame, geometry.scatter[i]);
        }
        mixed::<V>(&taps, &weights, SCATTER, n, out);
    }
}

/// The weights of a chunk.
struct Weights<'a> {
    now: &'a [f32],
    moving: Option<&'a [[f32; CHUNK]; WEIGHTS]>,
}

impl Weights<'_> {
    /// The `i`th, for a vector of frames.
    #[inline(always)]
    fn at<V: Lanes<Elem = f32>>(&self, i: usize, at: usize) -> V {
        match self.moving {
            Some(moving) => load(&moving[i], at),
            None => V::splat(f64::from(self.now[i])),
        }
    }
}

#[inline(always)]
fn allpasses<V: Lanes<Elem = f32>>(
    lines: &mut Lines<f32>,
    weights: &Weights,
    geometry: &Geometry,
    frame: u64,
    n: usize,
    x: &mut Sides,
) {
    let gain = V::splat(f64::from(ALLPASS));
    for (side, (x, delays)) in x.iter_mut().zip(&geometry.allpass).enumerate() {
        for (i, &delay) in delays.iter().enumerate() {
            // Longer than a chunk, so all that is needed of its past is there.
            let line = side * ALLPASSES + i;
            let v = lines.chunk(line, frame, delay);
            let mut w = [0.0f32; CHUNK];
            for at in (0..n).step_by(TILE) {
                let v = weights.at::<V>(ALLPASSES_AT + line, at) * load::<V>(v, at);
                let here = gain.mul_add(v, load(x, at));
                store(here, &mut w, at);
                store((-gain).mul_add(here, v), x, at);
            }
            lines.put(line, frame, n, &w);
        }
    }
}

/// The early reflections.
#[inline(always)]
fn early<V: Lanes<Elem = f32>>(lines: &Lines<f32>, weights: &Weights, geometry: &Geometry, frame: u64, n: usize, to: &mut Sides) {
    if geometry.early[0][0].1 == 0.0 {
        *to = [[0.0; CHUNK]; 2];
        return;
    }
    for (i, (to, taps)) in to.iter_mut().zip(&geometry.early).enumerate() {
        let heard = taps.map(|(delay, _, side)| lines.chunk(side, frame, delay));
        for at in (0..n).step_by(TILE) {
            let mut sum = V::zero();
            for (k, tap) in heard.iter().enumerate() {
                sum = weights.at::<V>(EARLY_AT + i * EARLY + k, at).mul_add(load(*tap, at), sum);
            }
            store(sum, to, at);
        }
    }
}

/// The Hadamard matrix over sixteen chunks, each by its weight, from the `first` on.
#[inline(always)]
fn mixed<V: Lanes<Elem = f32>>(from: &[&[f32; CHUNK]; LINES], weights: &Weights, first: usize, n: usize, to: &mut Block) {
    for at in (0..n).step_by(TILE) {
        let mut v = [V::zero(); LINES];
        for (i, (v, from)) in v.iter_mut().zip(from).enumerate() {
            *v = weights.at::<V>(first + i, at) * load(*from, at);
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
