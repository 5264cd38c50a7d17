//! What crosses between the threads, both ways.

use crate::network::{Carry, Runs, Set};
use crate::proc::TARGETS;
use crate::ramp::Curve;
use std::sync::Arc;

/// To the engine.
pub enum Command {
    /// Changes.
    Apply(Box<Batch>),
    /// A new network.
    Adopt(Box<Adopt>),
    /// Level of all outputs, along the curve: 0 before a stop, 1 after it.
    Level(f64),
}

/// From the engine, to be read or freed.
pub enum Returned {
    /// A batch that took effect; its vectors can be used again.
    Batch(Box<Batch>),
    /// A swap that is done, with the old network (none at the first).
    Adopt(Box<Adopt>),
    /// A fade that ended.
    Fade(Box<Fade>),
}

/// Changes that begin in one frame.
#[derive(Default)]
pub struct Batch {
    /// Number of the batch, rising; told back when it took effect.
    pub seq: u64,
    /// Frame at which it takes effect; `None`: at the start of the next period.
    pub at: Option<u64>,
    /// The changes.
    pub sets: Vec<Set>,
    /// Fades that start.
    #[allow(clippy::vec_box)] // they move on to the engine's list without being copied or freed
    pub fades: Vec<Box<Fade>>,
    /// Fades that end where they are, in ascending order.
    pub cancel: Vec<u32>,
}

/// A network to be taken over.
pub struct Adopt {
    /// The new network; on the way back the old one.
    pub network: Option<Box<dyn Runs>>,
    /// Rate it was built for, in Hz, and the curve of that rate.
    pub rate: f64,
    /// See `rate`.
    pub curve: Arc<Curve>,
    /// All its settings.
    pub sets: Vec<Set>,
    /// Lanes that live on.
    pub carry: Vec<Carry>,
    /// Settings of carried lanes that differ from what they carry; they move there.
    pub after: Vec<Set>,
}

/// Points that a fade is drawn through.
pub const POINTS: usize = 65;

/// One number, or one part's coefficients, along a fade.
pub struct Track {
    /// The change with its values at the first point; each step fills in others.
    pub set: Set,
    /// Values at each point: one number a point, or [`TARGETS`].
    pub points: Vec<f64>,
}

/// A timed move: its tracks pass through points at the frames of its knots, and between them in a straight line,
/// in steps of a quarter of the movement curve.
pub struct Fade {
    /// Number given by the control side.
    pub id: u32,
    /// Frame it started with; set by the engine.
    pub start: u64,
    /// Frames it takes.
    pub frames: u64,
    /// Frames since the start at which its tracks have their points, ascending; the last is `frames`.
    pub knots: Vec<u64>,
    /// What moves.
    pub tracks: Vec<Track>,
    /// The last knot that was passed.
    pub knot: usize,
    /// Steps done.
    pub step: u64,
    /// Ended from outside.
    pub cancelled: bool,
}

impl Fade {
    /// Whether the last step was set.
    pub fn done(&self) -> bool {
        self.step == u64::MAX
    }

    /// Sets the steps before frame `end`. Each step sets the value of a quarter later, which is where
    /// the movement curve will be on average by then.
    pub(crate) fn steps(&mut self, quarter: u64, end: u64, mut put: impl FnMut(&Set, u64)) {
        while !self.done() {
            let at = self.start + self.step * quarter;
            if at >= end {
                return;
            }
            let place = (self.step + 1) * quarter;
            let over = place >= self.frames;
            while !over && self.knots.get(self.knot + 1).is_some_and(|k| *k <= place) {
                self.knot += 1;
            }
            let (from, to) = (self.knots[self.knot], self.knots.get(self.knot + 1).copied().unwrap_or(self.frames));
            let share = (place - from) as f64 / to.saturating_sub(from).max(1) as f64;
            for track in &mut self.tracks {
                if over {
                    track.last();
                } else {
                    track.at(self.knot, share);
                }
                put(&track.set, at);
            }
            self.step = if over { u64::MAX } else { self.step + 1 };
        }
    }

    /// Goes to the end at once.
    pub(crate) fn jump(&mut self, mut put: impl FnMut(&Set)) {
        for track in &mut self.tracks {
            track.last();
            put(&track.set);
        }
        self.step = u64::MAX;
    }
}

impl Track {
    /// Goes to its last point.
    fn last(&mut self) {
        let width = numbers(&self.set).1;
        self.at(self.points.len() / width - 1, 0.0);
    }

    /// Goes to a share of the way from a point to the one behind it.
    fn at(&mut self, i: usize, u: f64) {
        let width = numbers(&self.set).1;
        let next = (i + 1).min(self.points.len() / width - 1);
        let value = |k: usize| {
            let (a, b) = (self.points[i * width + k], self.points[next * width + k]);
            if u == 0.0 { a } else { a + (b - a) * u }
        };
        match &mut self.set {
            Set::Trim(_, _, g) | Set::Fader(_, _, g) | Set::Delay(_, _, g) | Set::Mix(_, _, _, g) => *g = value(0),
            Set::On(_, _, _, on) => *on = value(0) >= 0.5,
            Set::Part(_, _, _, _, to) => {
                for (k, x) in to.iter_mut().enumerate() {
                    *x = value(k);
                }
            }
        }
    }
}

/// The numbers that a change carries: one, or a part's coefficients.
pub(crate) fn numbers(set: &Set) -> ([f64; TARGETS], usize) {
    let mut all = [0.0; TARGETS];
    match set {
        Set::Part(_, _, _, _, to) => return (*to, TARGETS),
        Set::Trim(_, _, g) | Set::Fader(_, _, g) | Set::Delay(_, _, g) | Set::Mix(_, _, _, g) => all[0] = *g,
        Set::On(_, _, _, on) => all[0] = f64::from(u8::from(*on)),
    }
    (all, 1)
}
