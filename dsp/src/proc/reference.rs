//! The reference player: another recording in place of what the monitor hears, as loud as main.
//!
//! The file is wound onto a [`Tape`] by the control side, resampled to the rate and again from the start at its
//! end; while the player is off it stands still. With `match` on it plays at the integrated loudness of main
//! (counted from main's last `loudness/reset`), held from the moment it is switched on, so that a comparison
//! is of sound and not of level (±24 dB at most). `gain` is added. No latency.

use super::{Build, Ctx, Loads, Outside, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::graph::StripKind;
use crate::kernel::tape::Tape;
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Gain, When};
use std::sync::Arc;

/// The reference player.
pub struct Reference;

impl Processor for Reference {
    const NAME: &'static str = "reference";
    const DOC: &'static str = "A recording to compare with, on the monitor only";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "The recording is heard in place of the monitor's source").momentary(),
        Decl::text("file", "", "The recording, a WAV below the rig's folder; empty: none").structural(),
        Decl::bool("match", true, "As loud as main"),
        Decl::float("gain", Unit::Db, -24.0, 24.0, 0.0, "Gain of the recording"),
    ])];
    const SOURCE: bool = true;
    const ONLY: Option<StripKind> = Some(StripKind::Monitor);
    const LOADS: Loads = Loads::Tape;

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let p = &params.parts[0];
        let mut to = Targets::default();
        (to[0], to[1]) = (p.num("gain"), f64::from(u8::from(p.on("match"))));
        to
    }

    type State<L: Lanes> = ReferenceBank;

    fn build<L: Lanes>(build: &Build) -> ReferenceBank {
        let player = || Player { tape: None, at: 0, gain_db: 0.0, matched: true, gain: Gain::new(build.curve, 1.0), sides: 1 };
        ReferenceBank { players: (0..L::N).map(|_| player()).collect() }
    }
}

/// The player of one lane.
struct Player {
    tape: Option<Arc<Tape>>,
    /// Next frame of the tape.
    at: u64,
    gain_db: f64,
    matched: bool,
    gain: Gain,
    /// Sides of the strip.
    sides: usize,
}

impl Player {
    fn level(&self) -> f64 {
        let tape = self.tape.as_ref().filter(|_| self.matched);
        10f64.powf((self.gain_db + tape.map_or(0.0, |t| f64::from(t.gain_db()))) / 20.0)
    }
}

/// The players of a bank.
pub struct ReferenceBank {
    players: Box<[Player]>,
}

impl<L: Lanes> Process<L> for ReferenceBank {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        let player = &mut self.players[lane];
        (player.gain_db, player.matched) = (to[0], to[1] >= 0.5);
        let level = player.level();
        player.gain.set(level, when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        io.fill(L::zero());
        for (lane, player) in self.players.iter_mut().enumerate() {
            let Some(tape) = &player.tape else { continue };
            let mut y = [0.0; BLOCK];
            let (sides, right) = (player.sides, lane % 2 == 1);
            player.at += tape.play(player.at, io.len(), |i, left, other| {
                y[i] = match (sides, right) {
                    (2, false) => f64::from(left),
                    (2, true) => f64::from(other),
                    _ => 0.5 * (f64::from(left) + f64::from(other)),
                };
            });
            tape.release(player.at);
            player.gain.run(ctx.frame, io.len(), |i, gain| y[i] *= gain);
            for (io, y) in io.iter_mut().zip(&y) {
                io.set(lane, *y);
            }
        }
    }

    /// Switched on anew: the level that matches now.
    fn clear(&mut self, lane: usize) {
        let level = self.players[lane].level();
        self.players[lane].gain.set(level, When::Jump);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let (to, from) = (&mut self.players[lane], &from.players[from_lane]);
        (to.gain_db, to.matched) = (from.gain_db, from.matched);
        to.gain.clone_from(&from.gain);
        if let (Some(new), Some(old)) = (&to.tape, &from.tape)
            && Arc::ptr_eq(new, old)
        {
            to.at = from.at;
        }
    }

    fn join(&mut self, lane: usize, outside: &Outside) {
        let player = &mut self.players[lane];
        player.sides = outside.sides;
        player.tape = outside.tape.cloned();
        player.at = player.tape.as_ref().map_or(0, |t| t.position());
    }

    fn rest(&self, _lane: usize) -> bool {
        false
    }
}
