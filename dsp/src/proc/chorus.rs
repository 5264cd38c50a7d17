//! Chorus and flanger: voices behind a delay that swings.
//!
//! Each voice is the signal `delay` ms late, give or take `depth` ms of a sine at `rate` Hz; `voices` stand
//! evenly around its turn, and the right side is up to 90° (`spread` 1) ahead of the left. The power of all
//! voices is that of one. `feedback` returns the voices' mean into the delay. The flanger is the same thing close
//! up: a short delay and feedback, whose comb moves. The delay never gets shorter than eight frames: a depth
//! larger than that allows is cut.
//!
//! Between frames the voices are read by sixteen taps of a windowed sinc, so that a moving voice adds
//! nothing but its bent pitch ([`interp`](crate::kernel::interp)). The sine is 0 at frame 0 of the engine and
//! runs whether or not anything sounds. A new `rate` glides; other `delay`, `depth`, `spread` or `voices` are
//! crossfaded to over the 20 ms curve. No latency: the dry signal passes, the wet one is late by what was asked.

use super::{Build, Params, Part, Processor, Targets};
use crate::block::{load, store};
use crate::kernel::delayline::{CHUNK, Crossfade, Lines};
use crate::kernel::interp::{Place, SHORTEST, Table};
use crate::kernel::lfo::{self, Lfo, Rotation};
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides, fill};
use crate::lanes::{COLUMNS, Lanes};
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Longest delay and deepest swing in ms.
const LONGEST_MS: [f64; 2] = [50.0, 10.0];
/// The most voices.
const VOICES: usize = 4;

const ON: Decl = Decl::bool("on", false, "Chorus in the path");
const RATE: Decl = Decl::log("rate", Unit::Hz, 0.01, 10.0, 0.8, "Turns a second of the sine that moves the voices");
const DEPTH: Decl = Decl::float("depth", Unit::Ms, 0.0, LONGEST_MS[1], 2.0, "Swing of the delay, to either side");
const DELAY: Decl = Decl::log("delay", Unit::Ms, 1.0, LONGEST_MS[0], 12.0, "Delay in the middle of the swing");
const COUNT: Decl = Decl::int("voices", Unit::None, 1, VOICES as i64, 2, "Voices, evenly around the sine's turn");
const SPREAD: Decl = Decl::float("spread", Unit::None, 0.0, 1.0, 1.0, "How far the right side is ahead of the left; 1: 90°");
const FEEDBACK: Decl = Decl::float("feedback", Unit::None, 0.0, 0.9, 0.0, "Share of the voices that enters again");
const MIX: Decl = Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Voices against the dry signal");

/// Chorus.
pub struct Chorus;
/// Flanger.
pub struct Flanger;

impl Processor for Chorus {
    const NAME: &'static str = "chorus";
    const DOC: &'static str = "Chorus";
    const PARTS: &'static [Part] = &[Part::common(&[ON, RATE, DEPTH, DELAY, COUNT, SPREAD, FEEDBACK, MIX])];

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        coeffs(params, rate)
    }

    type State<L: Lanes> = PerStrip<L, Choir>;

    fn build<L: Lanes>(build: &Build) -> PerStrip<L, Choir> {
        choirs(build)
    }
}

impl Processor for Flanger {
    const NAME: &'static str = "flanger";
    const DOC: &'static str = "Flanger";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl { doc: "Flanger in the path", ..ON },
        RATE.with_default(0.2),
        DEPTH.with_default(1.0),
        DELAY.with_default(2.0),
        COUNT.with_default(1.0),
        SPREAD,
        FEEDBACK.with_default(0.6),
        MIX,
    ])];

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        coeffs(params, rate)
    }

    type State<L: Lanes> = PerStrip<L, Choir>;

    fn build<L: Lanes>(build: &Build) -> PerStrip<L, Choir> {
        choirs(build)
    }
}

/// Turns a frame, delay and depth in frames, voices, spread in turns, feedback, mix.
fn coeffs(params: &Params, rate: f64) -> Targets {
    let p = params.parts[0];
    let frames = |path: &str| p.num(path) * rate / 1000.0;
    let mut to = Targets::default();
    to[0] = p.num("rate") / rate;
    to[1] = frames("delay");
    to[2] = frames("depth").min(to[1] - SHORTEST as f64);
    to[3] = p.num("voices");
    to[4] = 0.25 * p.num("spread");
    to[5] = p.num("feedback");
    to[6] = p.num("mix");
    to
}

fn choirs<L: Lanes>(build: &Build) -> PerStrip<L, Choir> {
    let table = Table::new();
    PerStrip::new(build, |_| Choir::new(&table, build.curve, build.rate))
}

/// Where the voices are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    delay: f64,
    depth: f64,
    voices: usize,
    spread: f64,
}

/// Where all voices of one side are over a chunk: a [`Place`] each.
#[derive(Clone, Copy)]
struct Places {
    whole: [[u32; CHUNK]; VOICES],
    row: [[u32; CHUNK]; VOICES],
    rest: [[f32; CHUNK]; VOICES],
}

/// The places of the shape that sounds and of the one before it, side by side.
pub struct Work([[Places; 2]; 2]);

impl Default for Work {
    fn default() -> Work {
        Work([[Places { whole: [[0; CHUNK]; VOICES], row: [[0; CHUNK]; VOICES], rest: [[0.0; CHUNK]; VOICES] }; 2]; 2])
    }
}

/// One strip's voices.
pub struct Choir {
    table: Arc<Table>,
    curve: Arc<Curve>,
    lines: Lines<f32>,
    lfo: Lfo,
    rotation: Rotation,
    shape: Crossfade<Shape>,
    feedback: Gain,
}

impl Choir {
    fn new(table: &Arc<Table>, curve: &Arc<Curve>, rate: f64) -> Choir {
        let longest = ((LONGEST_MS[0] + LONGEST_MS[1]) * rate / 1000.0).ceil() as usize;
        Choir {
            table: table.clone(),
            curve: curve.clone(),
            lines: Lines::new(2, longest + 2 * CHUNK),
            lfo: Lfo::new(curve),
            rotation: Rotation::new(),
            shape: Crossfade::new(Shape { delay: 100.0, depth: 0.0, voices: 1, spread: 0.0 }),
            feedback: Gain::new(curve, 0.0),
        }
    }

    /// The sum of all voices of a side at frame `t` of a chunk.
    #[inline(always)]
    fn voices<V: Lanes<Elem = f32>>(&self, side: usize, chunk: Chunk, t: usize, shape: &Shape, places: &Places) -> f32 {
        let mut sum = 0.0;
        for v in 0..shape.voices {
            let from = self.lines.chunk(side, chunk.frame + t as u64, places.whole[v][t] as usize + SHORTEST);
            sum += self.table.read::<V, CHUNK>(from, places.row[v][t], places.rest[v][t]);
        }
        sum
    }

    /// Whether the eight frames from `t` on need nothing of each other.
    #[inline(always)]
    fn apart(t: usize, shape: &Shape, places: &Places) -> bool {
        let mut nearest = u32::MAX;
        for whole in &places.whole[..shape.voices] {
            nearest = whole[t..t + COLUMNS].iter().fold(nearest, |near, whole| near.min(*whole));
        }
        nearest as usize >= SHORTEST + COLUMNS
    }

    /// Eight frames from `t` on that are [`Choir::apart`], each as [`Choir::voices`] has it.
    #[inline(always)]
    fn eight<V: Lanes<Elem = f32>>(&self, side: usize, chunk: Chunk, t: usize, shape: &Shape, places: &Places) -> V {
        let mut sum = V::zero();
        for v in 0..shape.voices {
            let (mut whole, mut row, mut rest) = ([0; COLUMNS], [0; COLUMNS], [0.0; COLUMNS]);
            whole.copy_from_slice(&places.whole[v][t..t + COLUMNS]);
            row.copy_from_slice(&places.row[v][t..t + COLUMNS]);
            rest.copy_from_slice(&places.rest[v][t..t + COLUMNS]);
            let from = self.lines.places::<COLUMNS>(side, chunk.frame + t as u64, &whole, SHORTEST);
            sum = sum + self.table.read_eight::<V, CHUNK>(from, &row, &rest);
        }
        sum
    }
}

/// Where the sine that moves the voices is over a chunk. It lives on the stack, so its size costs nothing.
#[allow(clippy::large_enum_variant)]
enum Swing<'a> {
    /// Its speed is steady: the phase at the last multiple of [`CHUNK`], what follows it, and from which frame on.
    Steady(f64, &'a Rotation, usize),
    /// The phase at each frame.
    Moving([f64; CHUNK]),
}

impl Swing<'_> {
    /// The sine, some turns ahead.
    #[inline(always)]
    fn sines(&self, ahead: f64) -> [f64; CHUNK] {
        match self {
            Swing::Steady(phase, rotation, from) => rotation.sines(phase + ahead, *from),
            Swing::Moving(phases) => {
                let mut to = [0.0; CHUNK];
                for t in 0..CHUNK {
                    to[t] = lfo::sine(phases[t] + ahead);
                }
                to
            }
        }
    }
}

/// Where a shape's voices are on one side.
#[inline(always)]
fn place(shape: &Shape, side: usize, swing: &Swing, to: &mut Places) {
    for v in 0..shape.voices.min(VOICES) {
        let sines = swing.sines(v as f64 / shape.voices as f64 + side as f64 * shape.spread);
        let (whole, row, rest) = (&mut to.whole[v], &mut to.row[v], &mut to.rest[v]);
        for t in 0..CHUNK {
            let delay = shape.delay + shape.depth * sines[t];
            let place = Place::new(delay.max(SHORTEST as f64));
            (whole[t], row[t], rest[t]) = (place.whole, place.row, place.rest);
        }
    }
}

impl Effect for Choir {
    const MIX: usize = 6;
    type Work = Work;

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        self.lfo.set(to[0], when);
        let voices = (to[3] as usize).clamp(1, VOICES);
        self.shape.set(Shape { delay: to[1], depth: to[2], voices, spread: to[4] }, when);
        self.feedback.set(to[5], when);
    }

    fn forget(&mut self, now: u64) {
        self.lines.forget_all(now);
    }

    fn carry(&mut self, from: &Choir, now: u64) {
        (0..2).for_each(|side| _ = self.lines.carry(side, &from.lines, side, now));
        self.lfo.clone_from(&from.lfo);
        self.shape.clone_from(&from.shape);
        self.feedback.clone_from(&from.feedback);
    }

    fn ahead(&mut self, from: &Choir, now: u64, budget: &mut usize) -> bool {
        self.lines.ahead_all(&from.lines, now, budget)
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        self.shape.at(frame, &self.curve)
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, work: &mut Work, io: &mut Sides) {
        let Chunk { frame, n, stereo } = chunk;
        let sides = 1 + usize::from(stereo);
        let feedback = fill(&mut self.feedback, chunk);
        let swing = match self.lfo.steady(frame) {
            Some((phase, speed)) => {
                self.rotation.follow(speed);
                Swing::Steady(phase, &self.rotation, frame as usize % CHUNK)
            }
            None => Swing::Moving(self.lfo.phases(frame, n)),
        };
        let (old, new) = self.shape.heard();
        let (old, new) = (old.copied(), *new);
        for side in 0..sides {
            place(&new, side, &swing, &mut work.0[side][0]);
            if let Some(old) = &old {
                place(old, side, &swing, &mut work.0[side][1]);
            }
        }
        let gain = |shape: &Shape| ((shape.voices as f32).sqrt().recip(), (shape.voices as f32).recip());
        let (loud, mean) = gain(&new);
        for (side, io) in io[..sides].iter_mut().enumerate() {
            let mut t = 0;
            while t < n {
                if old.is_none() && t + COLUMNS <= n && Self::apart(t, &new, &work.0[side][0]) {
                    let sum = self.eight::<V>(side, chunk, t, &new, &work.0[side][0]);
                    let back = load::<V>(&feedback, t) * (V::splat(f64::from(mean)) * sum);
                    let mut into = [0.0; COLUMNS];
                    store(load::<V>(io, t) + back, &mut into, 0);
                    self.lines.write(side, frame + t as u64, &into);
                    store(V::splat(f64::from(loud)) * sum, io, t);
                    t += COLUMNS;
                    continue;
                }
                let sum = self.voices::<V>(side, chunk, t, &new, &work.0[side][0]);
                let (mut y, mut back) = (loud * sum, mean * sum);
                if let Some(old) = &old {
                    let share = self.shape.share(frame + t as u64, &self.curve) as f32;
                    let ((loud, mean), was) = (gain(old), self.voices::<V>(side, chunk, t, old, &work.0[side][1]));
                    y = loud * was + (y - loud * was) * share;
                    back = mean * was + (back - mean * was) * share;
                }
                // Read before it is written: the newest tap is the frame before.
                self.lines.push(side, frame + t as u64, io[t] + feedback[t] * back);
                io[t] = y;
                t += 1;
            }
        }
    }

    fn tail(&self) -> u64 {
        let (old, new) = self.shape.heard();
        let reach = |s: &Shape| s.delay + s.depth.max(0.0) + (SHORTEST + CHUNK) as f64;
        old.map_or(0.0, reach).max(reach(new)).max(reach(self.shape.target())) as u64
    }
}

#[cfg(test)]
mod tests;
