//! Effects that are written once a strip and not once a lane type: delays, reverbs, pitch.
//!
//! An [`Effect`] works on planar `f32`, one or two sides of one strip, a chunk of frames at a time.
//! [`PerStrip`] is the bank around it: it takes each strip's lanes apart, runs the effect compiled for
//! the path, and blends what comes back with the dry signal, which stays in the bank's own precision:
//! a `mix` of 0 passes samples bit for bit, a `mix` of 1 is the effect alone, and everything between
//! glides. A stereo or linked strip has one effect for both of its lanes, at the first.
//!
//! An effect is not run while its strip is silent: after [`Process::clear`], and after blocks that the
//! bank slept through, it waits for the first sample that is not zero, forgets what was before and
//! starts at exactly that frame. So neither the period nor the neighbours in a bank show in the samples.

use crate::block::{flat, flat_mut, is_zero};
use crate::kernel::delayline::{CHUNK, chunk};
use crate::lanes::{Entry, Lanes, Two64};
use crate::proc::{Build, Ctx, Outside, Process, Targets};
use crate::ramp::{Coeffs, GRID, Gain, When};
use std::marker::PhantomData;

/// Both sides of a chunk.
pub type Sides = [[f32; CHUNK]; 2];

/// Where a chunk stands.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Absolute frame of its first sample.
    pub frame: u64,
    /// Frames, at most [`CHUNK`]; it does not cross a multiple of that.
    pub n: usize,
    /// Whether the strip has two sides. A mono strip has the same in both, and its answer is read from
    /// the first.
    pub stereo: bool,
}

/// A gain's values over a chunk.
#[inline(always)]
pub fn fill(gain: &mut Gain, chunk: Chunk) -> [f32; CHUNK] {
    match gain.resting() {
        Some(rest) => [rest as f32; CHUNK],
        None => {
            let mut to = [0.0; CHUNK];
            gain.run(chunk.frame, chunk.n, |t, g| to[t] = g as f32);
            to
        }
    }
}

/// Both sides of a chunk, frame by frame in `f64`.
#[inline(always)]
pub fn paired(x: &Sides) -> [Two64; CHUNK] {
    let mut v = [Two64::zero(); CHUNK];
    for (t, v) in flat_mut(&mut v).chunks_exact_mut(2).enumerate() {
        (v[0], v[1]) = (f64::from(x[0][t]), f64::from(x[1][t]));
    }
    v
}

/// The other way round.
#[inline(always)]
pub fn parted(v: &[Two64; CHUNK], x: &mut Sides) {
    for (t, v) in flat(v).chunks_exact(2).enumerate() {
        (x[0][t], x[1][t]) = (v[0] as f32, v[1] as f32);
    }
}

/// One strip's effect. `run` and what it calls are `#[inline(always)]`; nothing allocates but construction.
pub trait Effect: Send + 'static {
    /// Which of the first part's targets is the mix, 0 … 1.
    const MIX: usize;
    /// What a chunk is worked out in, shared by the strips of a bank; nothing in it lasts.
    type Work: Default + Send + 'static;

    /// New coefficients of a part.
    fn set(&mut self, part: usize, to: &Targets, when: When);

    /// Sound starts at frame `now`: whatever was before is silence.
    fn forget(&mut self, now: u64);

    /// Takes over another effect of the same rate, signal, settings and movement, at frame `now`.
    fn carry(&mut self, from: &Self, now: u64);

    /// See [`Process::ahead`]; `now` as in [`Effect::carry`].
    fn ahead(&mut self, _from: &Self, _now: u64, _budget: &mut usize) -> bool {
        true
    }

    /// Does what is due at `frame`, the first of a chunk; the chunk ends at the frame returned at the latest.
    /// Called while the strip is silent too.
    #[inline(always)]
    fn at(&mut self, _frame: u64) -> u64 {
        u64::MAX
    }

    /// One chunk in place; `V` is eight frames at once on this path. What it computes for a frame must not depend on
    /// how chunks are cut.
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, work: &mut Self::Work, io: &mut Sides);

    /// Frames that sound may stay inside unheard.
    fn tail(&self) -> u64;

    /// Takes what lies outside of the bank; see [`Process::join`].
    fn join(&mut self, _outside: &Outside) {}
}

/// A bank of effects.
pub struct PerStrip<L, E: Effect> {
    strips: Vec<Option<Strip<E>>>,
    /// Lanes that are sides of a stereo or linked strip.
    shared: u32,
    /// Lanes that are part of a strip.
    used: u32,
    mix: Coeffs<L, 1>,
    dry: [L; CHUNK],
    work: Box<E::Work>,
    /// The frame after the last block.
    now: u64,
}

struct Strip<E> {
    effect: Box<E>,
    /// Nothing has sounded since the last silence.
    quiet: bool,
    /// Sides that were cleared and have not sounded since: one silent side does not end the other's sound.
    cleared: u32,
}

/// Output below this is silence, as the bank has it: −180 dBFS.
const SILENCE: f32 = 1e-9;

impl<E: Effect> Strip<E> {
    fn clear(&mut self, side: usize, sides: usize) {
        self.cleared |= 1 << side;
        self.quiet |= self.cleared == (1 << sides) - 1;
    }

    /// Takes note of what a side does, before and after the effect.
    #[inline(always)]
    fn hear(&mut self, side: usize, heard: bool, out: &[f32]) {
        // Magnitudes in the order of their bits; whatever is not finite lies above all others.
        let peak = out.iter().fold(0u32, |peak, x| peak.max(x.to_bits() & 0x7fff_ffff));
        if heard || peak >= SILENCE.to_bits() {
            self.cleared &= !(1 << side);
        }
        // What is not finite would stay inside; the bank silences it.
        self.quiet |= peak >= f32::INFINITY.to_bits();
    }
}

/// One chunk of one strip: compiled once a path, not once a lane type.
struct Run<'a, V, E: Effect> {
    eight: PhantomData<V>,
    effect: &'a mut E,
    chunk: Chunk,
    work: &'a mut E::Work,
    io: &'a mut Sides,
}

impl<V: Lanes<Elem = f32>, E: Effect> Entry for Run<'_, V, E> {
    #[inline(always)]
    fn run(self) {
        // Said here once, so that no loop over a chunk's frames checks its bounds.
        let chunk = Chunk { n: self.chunk.n.min(CHUNK), ..self.chunk };
        self.effect.run::<V>(chunk, self.work, self.io);
    }
}

/// Exact at both ends, whatever the effect holds.
#[inline(always)]
fn blend<L: Lanes>(mix: L, wet: L, dry: L) -> L {
    let y = L::select(mix.ge(L::splat(1.0)), wet, mix.mul_add(wet - dry, dry));
    L::select(mix.gt(L::zero()), y, dry)
}

impl<L: Lanes, E: Effect> PerStrip<L, E> {
    /// A bank with an effect for each strip, made by `make` from the strip's seed.
    pub fn new(build: &Build, mut make: impl FnMut(u64) -> E) -> Self {
        let params = |lane: usize| build.lanes.get(lane).and_then(Option::as_ref).and_then(|p| p.parts.first());
        // The sides of a stereo strip hold the very same values: one effect for both.
        let one_strip = |lane: &usize| match (params(*lane), params(lane + 1)) {
            (Some(l), Some(r)) => std::ptr::eq(l.values, r.values),
            _ => false,
        };
        let shared = (0..L::N).step_by(2).filter(one_strip).fold(0u32, |bits, lane| bits | 0b11 << lane);
        let is_used = |lane: &usize| build.lanes.get(*lane).is_none_or(Option::is_some);
        let mut strip = |lane: usize| {
            let right = lane % 2 == 1 && shared >> lane & 1 != 0;
            let used = is_used(&lane);
            let seed = build.seeds.get(lane).copied().unwrap_or(0);
            (used && !right).then(|| Strip { effect: Box::new(make(seed)), quiet: true, cleared: 0 })
        };
        PerStrip {
            strips: (0..L::N).map(&mut strip).collect(),
            shared,
            used: (0..L::N).filter(is_used).fold(0, |bits, lane| bits | 1 << lane),
            mix: Coeffs::new(build.curve, [0.0]),
            dry: [L::zero(); CHUNK],
            work: Box::default(),
            now: 0,
        }
    }

    /// The lane whose effect serves a lane.
    #[inline(always)]
    fn owner(&self, lane: usize) -> usize {
        lane - (lane & (self.shared >> lane) as usize & 1)
    }

    /// Call with each block before anything else.
    #[inline(always)]
    pub fn begin(&mut self, ctx: &Ctx<L>) {
        if self.now != ctx.frame {
            // Blocks were left out because there was silence.
            self.strips.iter_mut().flatten().for_each(|s| s.quiet = true);
        }
        if L::N > 1 {
            self.shared |= L::bits(ctx.pairs);
        }
    }

    /// Whether nothing of the dry signal is heard in this block.
    #[inline(always)]
    fn is_wet(&self) -> bool {
        !self.mix.moving() && L::bits(self.mix.now[0].ge(L::splat(1.0))) & self.used == self.used
    }

    /// Keeps the dry signal of at most [`CHUNK`] frames for [`PerStrip::mix`].
    #[inline(always)]
    pub fn keep(&mut self, io: &[L]) {
        if !self.is_wet() {
            self.dry[..io.len()].copy_from_slice(io);
        }
    }

    /// Call at the end of each block, with the frame after it.
    #[inline(always)]
    pub fn end(&mut self, now: u64) {
        self.now = now;
    }

    /// Replaces each strip's input by what its effect makes of it; at most [`CHUNK`] frames.
    #[inline(always)]
    pub fn answer(&mut self, frame: u64, io: &mut [L]) {
        for lane in 0..L::N {
            let stereo = self.shared >> lane & 1 != 0;
            if stereo && lane % 2 == 1 {
                continue;
            }
            let Some(strip) = &mut self.strips[lane] else { continue };
            let sides = 1 + usize::from(stereo);
            let mut at = 0;
            while at < io.len() {
                let here = frame + at as u64;
                let mut n = chunk(here, io.len() - at).min((strip.effect.at(here) - here) as usize).min(CHUNK);
                let mut x: Sides = [[0.0; CHUNK]; 2];
                let from = flat(&io[at..at + n]);
                for (i, from) in from.chunks_exact(L::N).enumerate() {
                    x[0][i] = L::elem_f64(from[lane]) as f32;
                    x[1][i] = L::elem_f64(from[lane + sides - 1]) as f32;
                }
                let heard = x.each_ref().map(|x| !is_zero(&x[..n]));
                if strip.quiet {
                    let first = x.each_ref().map(|x| x[..n].iter().position(|x| *x != 0.0));
                    match first.into_iter().flatten().min() {
                        Some(0) => {
                            strip.quiet = false;
                            strip.effect.forget(here);
                        }
                        // Up to the first sound there is nothing to do.
                        first => n = first.unwrap_or(n),
                    }
                }
                if strip.quiet {
                    x = [[0.0; CHUNK]; 2];
                } else {
                    let chunk = Chunk { frame: here, n, stereo };
                    L::enter(Run::<L::Eight, E> {
                        eight: PhantomData,
                        effect: &mut *strip.effect,
                        chunk,
                        work: &mut *self.work,
                        io: &mut x,
                    });
                    for side in 0..sides {
                        strip.hear(side, heard[side], &x[side][..n]);
                    }
                }
                let to = flat_mut(&mut io[at..at + n]);
                for (side, x) in x[..sides].iter().enumerate() {
                    for (to, x) in to.chunks_exact_mut(L::N).zip(x) {
                        to[lane + side] = L::elem(f64::from(*x));
                    }
                }
                at += n;
            }
        }
    }

    /// Blends the dry signal that was kept into the effects' answers.
    #[inline(always)]
    pub fn mix(&mut self, frame: u64, io: &mut [L]) {
        if self.is_wet() {
            return;
        }
        let mut at = 0;
        while at < io.len() {
            let here = frame + at as u64;
            self.mix.at(here);
            let moving = self.mix.moving();
            let n = if moving { (GRID - here % GRID) as usize } else { io.len() }.min(io.len() - at);
            let (io, dry) = (&mut io[at..at + n], &self.dry[at..at + n]);
            if moving {
                for (x, dry) in io.iter_mut().zip(dry) {
                    *x = blend(self.mix.now[0], *x, *dry);
                    self.mix.advance();
                }
            } else {
                let m = self.mix.now[0];
                for (x, dry) in io.iter_mut().zip(dry) {
                    *x = blend(m, *x, *dry);
                }
            }
            at += n;
        }
    }
}

impl<L: Lanes, E: Effect> Process<L> for PerStrip<L, E> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if part == 0 {
            self.mix.set(lane, [to[E::MIX]], when);
        }
        if let Some(strip) = &mut self.strips[lane] {
            strip.effect.set(part, to, when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        self.begin(ctx);
        let mut frame = ctx.frame;
        for io in io.chunks_mut(CHUNK) {
            self.keep(io);
            self.answer(frame, io);
            self.mix(frame, io);
            frame += io.len() as u64;
        }
        self.end(frame);
    }

    fn clear(&mut self, lane: usize) {
        let owner = self.owner(lane);
        let sides = 1 + (self.shared >> lane & 1) as usize;
        if let Some(strip) = &mut self.strips[owner] {
            strip.clear(lane - owner, sides);
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.now = from.now;
        self.mix.carry(lane, &from.mix, from_lane);
        if let (Some(to), Some(from)) = (&mut self.strips[lane], &from.strips[from.owner(from_lane)]) {
            (to.quiet, to.cleared) = (from.quiet, from.cleared);
            to.effect.carry(&from.effect, self.now);
        }
    }

    fn ahead(&mut self, lane: usize, from: &Self, from_lane: usize, budget: &mut usize) -> bool {
        match (&mut self.strips[lane], &from.strips[from.owner(from_lane)]) {
            (Some(to), Some(other)) => to.effect.ahead(&other.effect, from.now, budget),
            _ => true,
        }
    }

    fn join(&mut self, lane: usize, outside: &Outside) {
        if let Some(strip) = &mut self.strips[lane] {
            strip.effect.join(outside);
        }
    }

    fn tail(&self, lane: usize) -> u64 {
        self.strips[self.owner(lane)].as_ref().map_or(0, |s| s.effect.tail())
    }
}
