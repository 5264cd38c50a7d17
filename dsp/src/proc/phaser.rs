//! Phaser: notches that wander, from six allpasses.
//!
//! The signal and its turn through six first-order allpasses are added at half each: where the chain turns by an odd
//! half turn there is a notch, three in all. A sine at `rate` Hz moves the allpasses' common frequency around
//! 700 Hz, by up to two octaves and a half either way (`depth` 1); the right side is up to 90° (`spread` 1) ahead.
//! `feedback` returns the chain's end to its start and sharpens what stands between the notches. `mix` 1 is that
//! sum: the notches are deepest there.
//!
//! The sine is 0 at frame 0 of the engine and runs whether or not anything sounds. Another `depth` or `spread` is
//! crossfaded to 20 ms later over the 20 ms curve, the rest glides. No latency.

use super::{Build, Params, Part, Processor, Targets};
use crate::kernel::delayline::{CHUNK, Crossfade};
use crate::kernel::lfo::{self, Lfo};
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides, fill};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Allpasses.
const STAGES: usize = 6;
/// Middle of the sweep in Hz, and its reach in octaves.
const SWEEP: (f64, f64) = (700.0, 2.5);
/// Steps of the table from the lowest to the highest place.
const STEPS: usize = 512;

/// The processor.
pub struct Phaser;

impl Processor for Phaser {
    const NAME: &'static str = "phaser";
    const DOC: &'static str = "Phaser";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Phaser in the path"),
        Decl::log("rate", Unit::Hz, 0.01, 10.0, 0.8, "Turns a second of the sine that moves the notches"),
        Decl::float("depth", Unit::None, 0.0, 1.0, 0.5, "How far the notches move; 1: two octaves and a half either way"),
        Decl::float("spread", Unit::None, 0.0, 1.0, 1.0, "How far the right side is ahead of the left; 1: 90°"),
        Decl::float("feedback", Unit::None, 0.0, 0.9, 0.0, "Share of the allpasses' end that enters again"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Phased against the dry signal"),
    ])];

    /// Turns a frame, depth, spread in turns, feedback, mix.
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let mut to = Targets::default();
        to[0] = p.num("rate") / rate;
        to[1] = p.num("depth");
        to[2] = 0.25 * p.num("spread");
        to[3] = p.num("feedback");
        to[4] = p.num("mix");
        to
    }

    type State<L: Lanes> = PerStrip<L, Chain>;

    fn build<L: Lanes>(build: &Build) -> PerStrip<L, Chain> {
        let at = |step: usize| {
            let octaves = SWEEP.1 * (2.0 * step as f64 / STEPS as f64 - 1.0);
            let g = (std::f64::consts::PI * SWEEP.0 * octaves.exp2() / build.rate).tan();
            ((g - 1.0) / (g + 1.0)) as f32
        };
        let table: Arc<[f32]> = (0..=STEPS + 1).map(at).collect();
        PerStrip::new(build, |_| Chain {
            table: table.clone(),
            lfo: Lfo::new(build.curve),
            curve: build.curve.clone(),
            shape: Crossfade::new(Shape { depth: 0.0, spread: 0.0 }),
            feedback: Gain::new(build.curve, 0.0),
            sounds: Shape { depth: 0.0, spread: 0.0 },
            states: Default::default(),
        })
    }
}

/// One strip's allpasses.
pub struct Chain {
    /// The allpasses' coefficient along the sweep.
    table: Arc<[f32]>,
    curve: Arc<Curve>,
    lfo: Lfo,
    shape: Crossfade<Shape>,
    feedback: Gain,
    /// The shape that the first of the states belongs to; the second one's is fading out.
    sounds: Shape,
    states: [State; 2],
}

/// How far the notches move.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    depth: f64,
    spread: f64,
}

/// What the allpasses of both sides hold, and their end.
#[derive(Clone, Copy, Default)]
struct State {
    stages: [[f32; 2]; STAGES],
    end: [f32; 2],
}

impl Chain {
    /// The coefficient at a place from −1 to 1.
    #[inline(always)]
    fn coefficient(&self, place: f64) -> f32 {
        let x = ((0.5 + 0.5 * place) * STEPS as f64).clamp(0.0, STEPS as f64) as f32;
        let step = x as usize;
        let (a, b) = (self.table[step], self.table[step + 1]);
        a + (b - a) * (x - step as f32)
    }

    /// Both sides through the allpasses, and half of it with half of what went in.
    #[inline(always)]
    fn pass(&self, shape: &Shape, phases: &[f64; CHUNK], feedback: &[f32; CHUNK], n: usize, state: &mut State, io: &mut Sides) {
        let mut places = [[0.0f64; CHUNK]; 2];
        for (side, places) in places.iter_mut().enumerate() {
            for t in 0..CHUNK {
                places[t] = shape.depth * lfo::sine(phases[t] + side as f64 * shape.spread);
            }
        }
        let State { stages, end } = state;
        let [left, right] = io;
        for t in 0..n {
            let a = [self.coefficient(places[0][t]), self.coefficient(places[1][t])];
            let x = [left[t], right[t]];
            let mut v = [x[0] + feedback[t] * end[0], x[1] + feedback[t] * end[1]];
            for s in stages.iter_mut() {
                for side in 0..2 {
                    let y = a[side] * v[side] + s[side];
                    s[side] = v[side] - a[side] * y;
                    v[side] = y;
                }
            }
            *end = v;
            (left[t], right[t]) = (0.5 * (x[0] + v[0]), 0.5 * (x[1] + v[1]));
        }
    }
}

impl Effect for Chain {
    const MIX: usize = 4;
    type Work = ();

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        self.lfo.set(to[0], when);
        // Allpasses that start anew settle before they are heard.
        let settled = match when {
            When::At(frame) => When::At(frame + self.curve.frames()),
            When::Jump => When::Jump,
        };
        self.shape.set(Shape { depth: to[1], spread: to[2] }, settled);
        self.feedback.set(to[3], when);
    }

    fn forget(&mut self, _now: u64) {
        self.states = Default::default();
    }

    fn carry(&mut self, from: &Chain, _now: u64) {
        self.lfo.clone_from(&from.lfo);
        self.shape.clone_from(&from.shape);
        self.feedback.clone_from(&from.feedback);
        (self.sounds, self.states) = (from.sounds, from.states);
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        let end = self.shape.at(frame, &self.curve);
        let new = *self.shape.heard().1;
        if new != self.sounds {
            // The new shape starts from what the old one holds.
            self.states[1] = self.states[0];
            self.sounds = new;
        }
        end
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, _work: &mut (), io: &mut Sides) {
        let phases = self.lfo.phases(chunk.frame, chunk.n);
        let feedback = fill(&mut self.feedback, chunk);
        let (old, new) = self.shape.heard();
        let (old, new) = (old.copied(), *new);
        let mut was = *io;
        let mut state = self.states[0];
        self.pass(&new, &phases, &feedback, chunk.n, &mut state, io);
        self.states[0] = state;
        if let Some(old) = old {
            let mut state = self.states[1];
            self.pass(&old, &phases, &feedback, chunk.n, &mut state, &mut was);
            self.states[1] = state;
            for t in 0..chunk.n {
                let share = self.shape.share(chunk.frame + t as u64, &self.curve) as f32;
                for side in 0..2 {
                    io[side][t] = was[side][t] + (io[side][t] - was[side][t]) * share;
                }
            }
        }
    }

    fn tail(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::testing::*;

    #[test]
    fn three_notches_stand_where_the_allpasses_turn_by_half() {
        // Six allpasses turn by 30°, 90°, 150° each at 700 Hz · tan 15°, 45°, 75°.
        let level = |hz: f64| {
            let [l, _] = heard::<Phaser>(&[("depth", 0.0)], RATE, 48_000, |f| [tone(f, hz, RATE); 2]);
            l[24_000..].iter().fold(0.0f64, |a, x| a.max(x.abs()))
        };
        for notch in [15.0f64, 45.0, 75.0] {
            let g = (std::f64::consts::PI * 700.0 / RATE).tan() * notch.to_radians().tan();
            let hz = g.atan() * RATE / std::f64::consts::PI;
            assert!(level(hz) < 0.002, "{hz}: {}", level(hz));
        }
        let high = level(20_000.0);
        assert!((high - 1.0).abs() < 0.05, "{high}");
    }

    #[test]
    fn neutral_is_bit_exact() {
        neutral::<Phaser>(&[("mix", 0.0)]);
    }

    #[test]
    fn lanes_and_block_sizes_agree() {
        lanes_and_blocks::<Phaser>(&[
            [&[("rate", 5.0)], &[("rate", 0.3), ("depth", 1.0)]],
            [&[("feedback", 0.9)], &[("spread", 0.2), ("mix", 0.4)]],
        ]);
    }

    #[test]
    fn no_parameter_clicks() {
        let changes = [("rate", 3.0), ("depth", 1.0), ("spread", 0.0), ("feedback", 0.8), ("mix", 0.2)];
        no_clicks::<Phaser>(&[("rate", 0.5), ("depth", 0.5)], &changes);
    }

    #[test]
    fn it_carries_clears_and_survives() {
        lives_on::<Phaser>(&[("rate", 3.0), ("feedback", 0.5)], &[("rate", 0.3), ("depth", 1.0)]);
    }
}
