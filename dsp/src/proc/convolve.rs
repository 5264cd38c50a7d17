//! Convolution reverb: the answer of a room, a plate or a box, from a file.
//!
//! Predelay → convolution (see [`crate::kernel::convolver`]: without latency, any length) → gain → mix. The
//! response is taken as it is in the file, resampled to the rate; a full-scale single sample passes sound
//! unchanged. One channel serves both sides, two are left and right, four are true stereo: left to left,
//! left to right, right to left, right to right. A mono strip hears the first channel. Without a file
//! the wet part is silent. Another file starts from silence while the old one is faded out. No latency.

use super::{Build, Loads, Outside, Params, Part, Processor, Targets};
use crate::kernel::convolver::Convolver;
use crate::kernel::delayline::{CHUNK, Crossfade, Lines};
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Longest predelay in ms.
const PREDELAY_MS: f64 = 500.0;

/// The processor.
pub struct Convolve;

impl Processor for Convolve {
    const NAME: &'static str = "convolve";
    const DOC: &'static str = "Convolution reverb";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Convolution in the path"),
        Decl::text("file", "", "Impulse response, a WAV of 1, 2 or 4 channels below the rig's folder; empty: silence")
            .structural(),
        Decl::float("predelay", Unit::Ms, 0.0, PREDELAY_MS, 0.0, "Delay before the response"),
        Decl::float("gain", Unit::Db, -48.0, 24.0, 0.0, "Gain of the response"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Response against the dry signal"),
    ])];
    const LOADS: Loads = Loads::Impulse;

    /// Predelay in frames, linear gain, mix.
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let mut to = Targets::default();
        to[0] = (p.num("predelay") * rate / 1000.0).round();
        to[1] = 10f64.powf(p.num("gain") / 20.0);
        to[2] = p.num("mix");
        to
    }

    type State<L: Lanes> = PerStrip<L, Space>;

    fn build<L: Lanes>(build: &Build) -> PerStrip<L, Space> {
        PerStrip::new(build, |seed| Space::new(build.curve, build.rate, seed))
    }
}

/// One strip's space.
pub struct Space {
    curve: Arc<Curve>,
    before: Lines<f32>,
    predelay: Crossfade<usize>,
    gain: Gain,
    /// Rises where the response is not that of the network before: else it would start inside.
    enter: Gain,
    convolver: Option<Box<Convolver>>,
    turn: usize,
}

impl Space {
    fn new(curve: &Arc<Curve>, rate: f64, seed: u64) -> Space {
        Space {
            curve: curve.clone(),
            before: Lines::new(2, (PREDELAY_MS * 1e-3 * rate).ceil() as usize + 2 * CHUNK),
            predelay: Crossfade::new(0),
            gain: Gain::new(curve, 1.0),
            enter: Gain::new(curve, 1.0),
            convolver: None,
            turn: (seed >> 8) as usize % 64,
        }
    }

    /// What went in a predelay ago.
    #[inline(always)]
    fn predelayed(&mut self, chunk: Chunk, side: usize, x: &mut [f32]) {
        self.before.write(side, chunk.frame, x);
        let (old, new) = self.predelay.heard();
        self.before.read(side, chunk.frame, *new, x);
        if let Some(old) = old {
            let mut was = [0.0f32; CHUNK];
            let was = &mut was[..x.len()];
            self.before.read(side, chunk.frame, *old, was);
            for ((x, was), frame) in x.iter_mut().zip(was).zip(chunk.frame..) {
                *x = *was + (*x - *was) * self.predelay.share(frame, &self.curve) as f32;
            }
        }
    }
}

/// Multiplies both sides by a gain on its way.
#[inline(always)]
fn ride(gain: &mut Gain, chunk: Chunk, io: &mut Sides) {
    if gain.resting() == Some(1.0) {
        return;
    }
    let [left, right] = io;
    gain.run(chunk.frame, chunk.n, |i, g| {
        left[i] *= g as f32;
        right[i] *= g as f32;
    });
}

impl Effect for Space {
    const MIX: usize = 2;
    type Work = ();

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        self.predelay.set(to[0] as usize, when);
        self.gain.set(to[1], when);
    }

    fn forget(&mut self, now: u64) {
        self.before.forget_all(now);
        if let Some(convolver) = &mut self.convolver {
            convolver.forget(now);
        }
    }

    fn carry(&mut self, from: &Space, now: u64) {
        self.predelay.clone_from(&from.predelay);
        self.gain.clone_from(&from.gain);
        self.enter.clone_from(&from.enter);
        (0..2).for_each(|i| _ = self.before.carry(i, &from.before, i, now));
        if let Some(to) = &mut self.convolver
            && !from.convolver.as_ref().is_some_and(|from| to.carry(from, now))
        {
            to.forget(now);
            self.enter.set(0.0, When::Jump);
            self.enter.set(1.0, When::At(now));
        }
    }

    fn ahead(&mut self, from: &Space, now: u64, budget: &mut usize) -> bool {
        let before = self.before.ahead_all(&from.before, now, budget);
        match (&mut self.convolver, &from.convolver) {
            (Some(to), Some(from)) => to.ahead(from, now, budget) && before,
            _ => before,
        }
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        self.predelay.at(frame, &self.curve)
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, _work: &mut (), io: &mut Sides) {
        for (side, x) in io.iter_mut().enumerate() {
            self.predelayed(chunk, side, &mut x[..chunk.n]);
        }
        ride(&mut self.enter, chunk, io);
        match &mut self.convolver {
            Some(convolver) => convolver.run(chunk.frame, chunk.n, io),
            None => *io = [[0.0; CHUNK]; 2],
        }
        ride(&mut self.gain, chunk, io);
    }

    fn tail(&self) -> u64 {
        let (old, new) = self.predelay.heard();
        let predelay = *new.max(self.predelay.target()).max(old.unwrap_or(&0));
        (predelay + self.convolver.as_ref().map_or(0, |c| c.impulse().frames())) as u64
    }

    fn join(&mut self, outside: &Outside) {
        self.convolver = outside.impulse.map(|impulse| Box::new(Convolver::new(impulse, outside.sides, self.turn)));
    }
}
