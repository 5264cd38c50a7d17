//! Pitch shifter: the same sound higher or lower, at its own speed.
//!
//! A tap runs through a delay line faster or slower than the sound goes in. Before it meets the end it goes on
//! from another place, 2 to 30 ms away, where the sound is most like what it leaves: found by normalised
//! correlation over both sides, first in steps of a twelfth of a millisecond, then between frames, and blended
//! over 10 ms ("Non-parametric Techniques for Pitch-scale and Time-scale Modification of Speech", Moulines,
//! Laroche; "Time-domain Algorithms for Harmonic Bandwidth Reduction and Time Scaling of Speech Signals", Malah).
//! Voices and single notes down to about 60 Hz come out clean; chords and drums flutter a little the more, the
//! further they are moved. Upwards, what would pass half the rate is rolled off by 24 dB/oct first.
//!
//! The latency is 14.5 ms, on or off, for the dry signal too: that is where the tap begins and stays near, so that a
//! little shift is no jump and a `mix` combs no more than the shift itself does. What is shifted far wanders 6 to 45
//! ms behind, 10 to 30 most of the time. A `shift` of 0 is the dry signal, bit for bit, as is `mix` 0. A new `shift`
//! bends over 20 ms.

mod splice;

use super::{Build, Ctx, Outside, Params, Part, Process, Processor, Targets};
use crate::kernel::delayline::{CHUNK, Lines};
use crate::kernel::interp::{Place, SHORTEST, Table};
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides, paired, parted};
use crate::kernel::svf::{self, Section};
use crate::lanes::{Lanes, Two64};
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, GRID, Gain, When};
use splice::{Search, Sizes};
use std::sync::Arc;

/// Where the tap begins, and the latency: the middle of where it wanders for small shifts.
const LATENCY_S: f64 = 0.0145;

/// The processor.
pub struct Pitch;

impl Processor for Pitch {
    const NAME: &'static str = "pitch";
    const DOC: &'static str = "Pitch shifter";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Pitch shifter in the path"),
        Decl::float("shift", Unit::Semitones, -12.0, 12.0, 0.0, "Semitones up or down; fractions are cents, 0 passes the sound"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Shifted against the dry signal"),
    ])];

    const OWN_BYPASS: bool = true;

    fn latency(_params: &Params, rate: f64) -> usize {
        (LATENCY_S * rate).round() as usize
    }

    /// Frames that are read for each that goes in, mix, the roll-off as [`svf::cut_at`].
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let shift = if p.on("on") { p.num("shift") } else { 0.0 };
        let ratio = (shift / 12.0).exp2();
        let mut to = Targets::default();
        to[0] = ratio;
        to[1] = if shift == 0.0 { 0.0 } else { p.num("mix") };
        let highest = 0.42 * rate / ratio;
        to[2] = svf::cut_at(highest, if shift <= 0.5 { highest } else { 0.0 }, rate);
        to
    }

    type State<L: Lanes> = Bank<L>;

    fn build<L: Lanes>(build: &Build) -> Bank<L> {
        let table = Table::new();
        let sizes = Arc::new(Sizes::new(build.rate));
        let latency = (LATENCY_S * build.rate).round() as usize;
        Bank {
            voices: PerStrip::new(build, |_| Shifter::new(&table, &sizes, build.curve, latency as f64)),
            latency,
            dry: vec![L::zero(); (latency + CHUNK).next_power_of_two()],
            next: 0,
        }
    }
}

/// A bank of shifters, and the dry signal that waits for them.
pub struct Bank<L> {
    voices: PerStrip<L, Shifter>,
    latency: usize,
    /// By absolute frame.
    dry: Vec<L>,
    /// Frame that the next block starts with.
    next: u64,
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        self.voices.set(part, lane, to, when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        self.voices.begin(ctx);
        let mask = self.dry.len() - 1;
        let mut frame = ctx.frame;
        for io in io.chunks_mut(CHUNK) {
            let mut late = [L::zero(); CHUNK];
            for (i, (x, late)) in io.iter().zip(&mut late).enumerate() {
                let here = (frame as usize).wrapping_add(i);
                self.dry[here & mask] = *x;
                *late = self.dry[here.wrapping_sub(self.latency) & mask];
            }
            self.voices.keep(&late[..io.len()]);
            self.voices.answer(frame, io);
            self.voices.mix(frame, io);
            frame += io.len() as u64;
        }
        self.next = frame;
        self.voices.end(frame);
    }

    fn clear(&mut self, lane: usize) {
        self.dry.iter_mut().for_each(|v| v.set(lane, 0.0));
        self.voices.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let (mask, from_mask) = (self.dry.len() - 1, from.dry.len() - 1);
        for age in 1..=self.dry.len().min(from.dry.len()) {
            let frame = (from.next as usize).wrapping_sub(age);
            self.dry[frame & mask].set(lane, from.dry[frame & from_mask].get(from_lane));
        }
        self.next = from.next;
        self.voices.carry(lane, &from.voices, from_lane);
    }

    fn ahead(&mut self, lane: usize, from: &Self, from_lane: usize, budget: &mut usize) -> bool {
        self.voices.ahead(lane, &from.voices, from_lane, budget)
    }

    fn join(&mut self, lane: usize, outside: &Outside) {
        self.voices.join(lane, outside);
    }

    fn tail(&self, lane: usize) -> u64 {
        self.voices.tail(lane).max(self.latency as u64)
    }
}

/// One strip's taps.
pub struct Shifter {
    table: Arc<Table>,
    sizes: Arc<Sizes>,
    lines: Lines<f32>,
    ratio: Gain,
    /// The ratio of the last frame.
    speed: f64,
    cuts: [Section<Two64>; 2],
    /// Delay from which the tap starts.
    start: f64,
    /// Delay of the tap that sounds, in frames.
    place: f64,
    /// Delay of the tap that comes up, while frames of the blend are left.
    next: f64,
    left: usize,
    /// How alike the two are, 0 … 1.
    alike: f32,
    search: Search,
}

impl Shifter {
    fn new(table: &Arc<Table>, sizes: &Arc<Sizes>, curve: &Arc<Curve>, start: f64) -> Shifter {
        Shifter {
            table: table.clone(),
            sizes: sizes.clone(),
            lines: Lines::new(2, sizes.reach() + 2 * CHUNK),
            ratio: Gain::new(curve, 1.0),
            speed: 1.0,
            cuts: [Section::new(curve), Section::new(curve)],
            start,
            place: start,
            next: 0.0,
            left: 0,
            alike: 1.0,
            search: Search::new(sizes),
        }
    }

    /// Where the tap must go on from elsewhere, it looks for the best place. Call at multiples of [`GRID`], with
    /// everything before `frame` written.
    #[inline(always)]
    fn splice(&mut self, frame: u64, sides: usize) {
        if self.speed == 1.0 {
            // Nothing of it is heard: a shift that comes starts where the dry signal is.
            (self.place, self.left) = (self.start, 0);
            return;
        }
        let drift = 1.0 - self.speed;
        let nearest = self.sizes.nearest(drift);
        let (least, most) = self.sizes.jumps(drift);
        // A grid of frames may pass before it is asked again.
        let older = drift < 0.0 && self.place <= nearest - drift * GRID as f64;
        let newer = drift > 0.0 && self.place >= nearest + most as f64;
        if self.left > 0 || !(older || newer) {
            return;
        }
        let from = self.place.round() as usize;
        let (jump, alike) = self.search.run(&self.lines, frame, sides, from, least, most, older);
        self.next = self.place + if older { jump } else { -jump };
        self.alike = alike;
        self.left = self.sizes.blend.len();
    }

    #[inline(always)]
    fn tap<V: Lanes<Elem = f32>>(&self, side: usize, frame: u64, delay: f64) -> f32 {
        let delay = delay.max((SHORTEST + 1) as f64);
        let Place { whole, row, rest } = Place::new(delay);
        self.table.read::<V, CHUNK>(self.lines.chunk(side, frame, whole as usize + SHORTEST), row, rest)
    }
}

impl Effect for Shifter {
    const MIX: usize = 1;
    type Work = ();

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        self.ratio.set(to[0], when);
        for lane in 0..Two64::N {
            self.cuts.iter_mut().for_each(|c| c.set(lane, &svf::cut(to[2], false), when));
        }
    }

    fn forget(&mut self, now: u64) {
        self.lines.forget_all(now);
        for cut in &mut self.cuts {
            (0..Two64::N).for_each(|lane| cut.clear(lane));
        }
        self.speed = self.ratio.target();
        self.place = self.start;
        self.left = 0;
    }

    fn carry(&mut self, from: &Shifter, now: u64) {
        (0..2).for_each(|side| _ = self.lines.carry(side, &from.lines, side, now));
        self.ratio.clone_from(&from.ratio);
        for (to, from) in self.cuts.iter_mut().zip(&from.cuts) {
            (0..Two64::N).for_each(|lane| to.carry(lane, from, lane));
        }
        (self.speed, self.place, self.next) = (from.speed, from.place, from.next);
        (self.left, self.alike) = (from.left, from.alike);
    }

    fn ahead(&mut self, from: &Shifter, now: u64, budget: &mut usize) -> bool {
        self.lines.ahead_all(&from.lines, now, budget)
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        frame - frame % GRID + GRID
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, _work: &mut (), io: &mut Sides) {
        let Chunk { frame, n, stereo } = chunk;
        let sides = 1 + usize::from(stereo);
        if frame.is_multiple_of(GRID) {
            self.splice(frame, sides);
        }
        let mut into = *io;
        if !self.cuts.iter().all(Section::idle) {
            let mut v = paired(io);
            svf::run(&mut self.cuts, frame, &mut v[..n]);
            parted(&v, &mut into);
        }
        self.lines.put(0, frame, n, &into[0]);
        self.lines.put(1, frame, n, &into[1]);
        if self.speed == 1.0 && self.ratio.resting() == Some(1.0) {
            // The mix is 0.
            return;
        }
        for t in 0..n {
            let here = frame + t as u64;
            self.speed = self.ratio.next(here);
            let drift = 1.0 - self.speed;
            self.place += drift;
            let mut shares = [1.0, 0.0];
            if self.left > 0 {
                self.next += drift;
                let b = self.sizes.blend[self.sizes.blend.len() - self.left];
                let a = 1.0 - b;
                // What is not alike adds in power.
                let level = (a * a + b * b + 2.0 * self.alike * a * b).sqrt();
                shares = [a / level, b / level];
            }
            for (side, io) in io[..sides].iter_mut().enumerate() {
                let mut y = shares[0] * self.tap::<V>(side, here, self.place);
                if self.left > 0 {
                    y += shares[1] * self.tap::<V>(side, here, self.next);
                }
                io[t] = y;
            }
            if self.left > 0 {
                self.left -= 1;
                if self.left == 0 {
                    self.place = self.next;
                }
            }
        }
    }

    fn tail(&self) -> u64 {
        (self.sizes.reach() + CHUNK) as u64
    }
}

#[cfg(test)]
mod tests;
