//! Reverb: hall, plate and room from one feedback delay network, stereo in and out.
//!
//! The way of a sound: low and high cut → predelay → four allpasses a side ("Effect Design, Part 1:
//! Reverberator and Other Filters", Dattorro), whence the early reflections are heard → two steps of
//! delays and a Hadamard matrix (see `diffuser`) → a network of sixteen lines (see
//! [`fdn`](crate::kernel::fdn)). `time` is exact at 1 kHz; `damping` shortens the treble's decay.
//! Steady noise comes out as loud as it went in, whatever the time, and what sounds while the time changes keeps its
//! level. No latency.
//!
//! A stereo strip has one network, fed by both sides, its outputs taken from different lines; a mono
//! strip hears the power of both outputs. Time, damping, cuts, width and mix glide, predelay is
//! crossfaded, and another type fades the old room out and starts the new one.

mod diffuser;
mod space;
mod tank;

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::delayline::CHUNK;
use crate::kernel::fdn::Scratch;
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides};
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::When;
use space::{Geometry, SPACES};
use std::sync::Arc;
use tank::{PREDELAY_MS, Settings, Spaces, Tank};

/// Decay time of the treble re that at 1 kHz when damping is 1.
const DARKEST: f64 = 0.125;

/// The processor.
pub struct Reverb;

impl Processor for Reverb {
    const NAME: &'static str = "reverb";
    const DOC: &'static str = "Reverb";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Reverb in the path"),
        Decl::names("type", &["hall", "plate", "room"], "Kind of space"),
        Decl::log("time", Unit::S, 0.1, 20.0, 1.8, "Decay by 60 dB at 1 kHz"),
        Decl::float("predelay", Unit::Ms, 0.0, PREDELAY_MS, 20.0, "Delay before the space answers"),
        Decl::float("damping", Unit::None, 0.0, 1.0, 0.5, "How much faster the treble decays; 0: all bands alike"),
        Decl::log("lowcut", Unit::Hz, 20.0, 1000.0, 20.0, "Low cut of what enters, 12 dB/oct; 20: out of the path"),
        Decl::log("highcut", Unit::Hz, 1000.0, 20000.0, 20000.0, "High cut of what enters, 12 dB/oct; 20000: out of the path"),
        Decl::float("width", Unit::None, 0.0, 1.0, 1.0, "Stereo width of the reverb; 0: mono"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Reverb against the dry signal"),
    ])];

    /// Type, seconds, predelay in frames, treble time ratio, the cuts' tan(πf/rate), negative out of the path, width, mix.
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let cut = |path: &str, out: f64| svf::cut_at(p.num(path), out, rate);
        let mut to = Targets::default();
        to[0] = p.num("type");
        to[1] = p.num("time");
        to[2] = (p.num("predelay") * rate / 1000.0).round();
        to[3] = DARKEST.powf(p.num("damping"));
        to[4] = cut("lowcut", 20.0);
        to[5] = cut("highcut", 20000.0);
        to[6] = p.num("width");
        to[7] = p.num("mix");
        to
    }

    type State<L: Lanes> = Bank<L>;

    fn build<L: Lanes>(build: &Build) -> Bank<L> {
        let spaces: Spaces = Arc::new(std::array::from_fn(|i| Geometry::new(&SPACES[i], build.rate)));
        Bank {
            rooms: PerStrip::new(build, |_| Tank::new(&spaces, build.curve, build.rate)),
            cuts: [Section::new(build.curve), Section::new(build.curve)],
        }
    }
}

/// A bank of reverbs: a tank for each strip, behind cuts in lanes.
pub struct Bank<L> {
    rooms: PerStrip<L, Tank>,
    cuts: [Section<L>; 2],
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        self.cuts[0].set(lane, &svf::cut(to[4], true), when);
        self.cuts[1].set(lane, &svf::cut(to[5], false), when);
        self.rooms.set(part, lane, to, when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        self.rooms.begin(ctx);
        let mut frame = ctx.frame;
        for io in io.chunks_mut(CHUNK) {
            self.rooms.keep(io);
            svf::run(&mut self.cuts, frame, io);
            self.rooms.answer(frame, io);
            self.rooms.mix(frame, io);
            frame += io.len() as u64;
        }
        self.rooms.end(frame);
    }

    fn clear(&mut self, lane: usize) {
        self.cuts.iter_mut().for_each(|c| c.clear(lane));
        self.rooms.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.rooms.carry(lane, &from.rooms, from_lane);
        for (to, from) in self.cuts.iter_mut().zip(&from.cuts) {
            to.carry(lane, from, from_lane);
        }
    }

    fn ahead(&mut self, lane: usize, from: &Self, from_lane: usize, budget: &mut usize) -> bool {
        self.rooms.ahead(lane, &from.rooms, from_lane, budget)
    }

    fn tail(&self, lane: usize) -> u64 {
        self.rooms.tail(lane)
    }
}

impl Effect for Tank {
    const MIX: usize = 7;
    type Work = Scratch;

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        let kind = (to[0] as usize).min(SPACES.len() - 1);
        self.follow(Settings { kind, time: to[1], predelay: to[2] as usize, treble: to[3], width: to[6] }, when);
    }

    fn forget(&mut self, now: u64) {
        self.start(now);
    }

    fn carry(&mut self, from: &Tank, now: u64) {
        self.take_over(from, now);
    }

    fn ahead(&mut self, from: &Tank, now: u64, budget: &mut usize) -> bool {
        self.copy_ahead(from, now, budget)
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        self.due(frame)
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, work: &mut Scratch, io: &mut Sides) {
        self.answer::<V>(chunk.frame, chunk.n, work, io);
        if !chunk.stereo {
            // A mono strip hears the power of both outputs.
            let [left, right] = io;
            for (l, r) in left.iter_mut().zip(right) {
                *l = (*l + *r) * std::f32::consts::FRAC_1_SQRT_2;
            }
        }
    }

    fn tail(&self) -> u64 {
        self.longest()
    }
}

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
