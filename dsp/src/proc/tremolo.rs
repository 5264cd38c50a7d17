//! Tremolo: a level that swings.
//!
//! The gain is 1 − `depth` · `mix` · (1 − sin) / 2, of a sine at `rate` Hz: at depth 1 it swings between 0 and 1.
//! The right side of a stereo strip is up to 90° (`spread` 1) ahead. At depth 0 or mix 0 samples pass bit for
//! bit. The sine is 0 at frame 0 of the engine and runs whether or not anything sounds. Everything glides. No
//! latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::delayline::CHUNK;
use crate::kernel::lfo::{self, Lfo};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Gain, When};

/// The most lanes of any bank.
const MAX_LANES: usize = 8;

/// The processor.
pub struct Tremolo;

impl Processor for Tremolo {
    const NAME: &'static str = "tremolo";
    const DOC: &'static str = "Tremolo";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Tremolo in the path"),
        Decl::log("rate", Unit::Hz, 0.01, 10.0, 0.8, "Swings a second"),
        Decl::float("depth", Unit::None, 0.0, 1.0, 0.5, "How far the gain swings down; 1: to nothing"),
        Decl::float("spread", Unit::None, 0.0, 1.0, 1.0, "How far the right side is ahead of the left; 1: 90°"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Swinging against the dry signal"),
    ])];

    /// Turns a frame, depth · mix, spread in turns.
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let mut to = Targets::default();
        to[0] = p.num("rate") / rate;
        to[1] = p.num("depth") * p.num("mix");
        to[2] = 0.25 * p.num("spread");
        to
    }

    type State<L: Lanes> = Bank;

    fn build<L: Lanes>(build: &Build) -> Bank {
        let lane =
            |_| Lane { lfo: Lfo::new(build.curve), amount: Gain::new(build.curve, 0.0), spread: Gain::new(build.curve, 0.0) };
        Bank { lanes: (0..L::N).map(lane).collect() }
    }
}

/// A bank of tremolos.
pub struct Bank {
    lanes: Vec<Lane>,
}

#[derive(Clone)]
struct Lane {
    lfo: Lfo,
    amount: Gain,
    spread: Gain,
}

impl<L: Lanes> Process<L> for Bank {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        let lane = &mut self.lanes[lane];
        lane.lfo.set(to[0], when);
        lane.amount.set(to[1], when);
        lane.spread.set(to[2], when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let pairs = L::bits(ctx.pairs);
        let mut frame = ctx.frame;
        for io in io.chunks_mut(CHUNK) {
            let n = io.len();
            let mut gains = [[1.0f64; CHUNK]; MAX_LANES];
            for (i, (lane, gains)) in self.lanes.iter_mut().zip(&mut gains).enumerate() {
                if lane.amount.resting() == Some(0.0) {
                    continue;
                }
                let right = i % 2 == 1 && pairs >> i & 1 != 0;
                let phases = lane.lfo.phases(frame, n);
                let (mut amount, mut ahead) = ([0.0; CHUNK], [0.0; CHUNK]);
                lane.amount.run(frame, n, |t, x| amount[t] = x);
                lane.spread.run(frame, n, |t, x| ahead[t] = if right { x } else { 0.0 });
                for t in 0..n {
                    gains[t] = 1.0 - amount[t] * (0.5 - 0.5 * lfo::sine(phases[t] + ahead[t]));
                }
            }
            for (t, x) in io.iter_mut().enumerate() {
                *x = *x * L::from_fn(|lane| gains[lane][t]);
            }
            frame += n as u64;
        }
    }

    fn clear(&mut self, _lane: usize) {}

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.lanes[lane].clone_from(&from.lanes[from_lane]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::testing::*;

    #[test]
    fn the_level_swings_and_the_sides_apart() {
        let [l, r] = heard::<Tremolo>(&[("rate", 2.0), ("depth", 0.8)], RATE, 48_000, |_| [1.0; 2]);
        for f in (0..48_000).step_by(100) {
            let turn = std::f64::consts::TAU * f as f64 / 24_000.0;
            assert!((l[f] - (0.6 + 0.4 * turn.sin())).abs() < 1e-6 && (r[f] - (0.6 + 0.4 * turn.cos())).abs() < 1e-6, "{f}");
        }
    }

    #[test]
    fn neutral_is_bit_exact() {
        neutral::<Tremolo>(&[("mix", 0.0)]);
        neutral::<Tremolo>(&[("depth", 0.0)]);
    }

    #[test]
    fn lanes_and_block_sizes_agree() {
        lanes_and_blocks::<Tremolo>(&[
            [&[("rate", 5.0)], &[("rate", 0.3), ("depth", 1.0)]],
            [&[("depth", 0.0)], &[("spread", 0.2), ("mix", 0.4)]],
        ]);
    }

    #[test]
    fn no_parameter_clicks() {
        no_clicks::<Tremolo>(&[("rate", 0.5)], &[("rate", 8.0), ("depth", 1.0), ("spread", 0.0), ("mix", 0.0)]);
    }

    #[test]
    fn it_carries() {
        lives_on::<Tremolo>(&[("rate", 3.0)], &[("rate", 0.3), ("depth", 1.0)]);
    }
}
