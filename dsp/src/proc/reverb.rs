//! Reverb: hall, plate and room from one feedback delay network, stereo in and out.
//!
//! The way of a sound: low and high cut → predelay → four allpasses a side ("Effect Design, Part 1:
//! Reverberator and Other Filters", Dattorro), whence the early reflections are heard → two steps of
//! delays and a Hadamard matrix (see `diffuser`) → a network of sixteen lines (see
//! [`fdn`](crate::kernel::fdn)). `time` is exact at 1 kHz; `damping` shortens the treble's decay.
//! Steady noise comes out as loud as it went in, whatever the time. No latency. Below 0.2 s the
//! diffuser's own length shows: a hall of 0.1 s takes 0.2.
//!
//! A stereo strip has one network, fed by both sides, its outputs taken from different lines; a mono
//! strip hears the power of both outputs. Time, damping, cuts, width and mix glide, predelay is
//! crossfaded, and another type fades the old room out and starts the new one.

mod diffuser;
mod space;
mod tank;

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::delayline::{CHUNK, chunk};
use crate::kernel::fdn::Scratch;
use crate::kernel::svf::{self, Section, SvfCoeffs};
use crate::lanes::{Entry, Lanes};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};
use diffuser::Sides;
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
        let cut = |path: &str, out: f64| {
            let hz = p.num(path);
            let g = (std::f64::consts::PI * (hz / rate).min(0.45)).tan();
            if hz == out { -g } else { g }
        };
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
        let params = |lane: usize| build.lanes.get(lane).and_then(Option::as_ref).and_then(|p| p.parts.first());
        // The sides of a stereo strip hold the very same values: one tank for both.
        let one_strip = |lane: &usize| match (params(*lane), params(lane + 1)) {
            (Some(l), Some(r)) => std::ptr::eq(l.values, r.values),
            _ => false,
        };
        let shared = (0..L::N).step_by(2).filter(one_strip).fold(0u32, |bits, lane| bits | 0b11 << lane);
        let tank = |lane: usize| {
            let right = lane % 2 == 1 && shared >> lane & 1 != 0;
            let used = build.lanes.get(lane).is_none_or(Option::is_some);
            (used && !right).then(|| Box::new(Tank::new(&spaces, build.curve, build.rate)))
        };
        Bank {
            tanks: (0..L::N).map(tank).collect(),
            shared,
            cuts: [Section::new(build.curve), Section::new(build.curve)],
            mix: Coeffs::new(build.curve, [0.0]),
            work: Scratch::new(),
            now: 0,
        }
    }
}

/// The section for a cut at tan(πf/rate) = `g`, Butterworth. A negative one is out of the path, but
/// stands ready to glide from where it is.
fn cut(g: f64, low: bool) -> SvfCoeffs {
    let k = std::f64::consts::SQRT_2;
    let m = match (g > 0.0, low) {
        (false, _) => [1.0, 0.0, 0.0],
        (true, true) => [1.0, -k, -1.0],
        (true, false) => [0.0, 0.0, 1.0],
    };
    let g = g.abs();
    let a1 = 1.0 / (1.0 + g * (g + k));
    [a1, g * a1, g * g * a1, m[0], m[1], m[2]]
}

/// A bank of reverbs: one tank a strip, at its first lane.
pub struct Bank<L> {
    tanks: Vec<Option<Box<Tank>>>,
    /// Lanes that were built as sides of a stereo strip.
    shared: u32,
    cuts: [Section<L>; 2],
    mix: Coeffs<L, 1>,
    work: Box<Scratch>,
    /// The frame after the last block.
    now: u64,
}

impl<L: Lanes> Bank<L> {
    /// The lane whose tank serves a lane.
    #[inline(always)]
    fn owner(&self, lane: usize) -> usize {
        lane - (lane & (self.shared >> lane) as usize & 1)
    }
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.cuts[0].set(lane, &cut(to[4], true), when);
        self.cuts[1].set(lane, &cut(to[5], false), when);
        self.mix.set(lane, [to[7]], when);
        if let Some(tank) = &mut self.tanks[lane] {
            let kind = (to[0] as usize).min(SPACES.len() - 1);
            tank.set(Settings { kind, time: to[1], predelay: to[2] as usize, treble: to[3], width: to[6] }, when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        if self.now != ctx.frame {
            // Blocks were left out because there was silence.
            self.tanks.iter_mut().flatten().for_each(|t| t.forget(ctx.frame));
        }
        let pairs = L::bits(ctx.pairs);
        let mut at = 0;
        while at < io.len() {
            let n = (CHUNK).min(io.len() - at);
            let frame = ctx.frame + at as u64;
            let mut wet = [L::zero(); CHUNK];
            wet[..n].copy_from_slice(&io[at..at + n]);
            svf::run(&mut self.cuts, frame, &mut wet[..n]);
            self.rooms(frame, pairs, &mut wet[..n]);
            self.mix(frame, &wet[..n], &mut io[at..at + n]);
            at += n;
        }
        self.now = ctx.frame + io.len() as u64;
    }

    fn clear(&mut self, lane: usize) {
        self.cuts.iter_mut().for_each(|c| c.clear(lane));
        let (owner, now) = (self.owner(lane), self.now);
        if let Some(tank) = &mut self.tanks[owner] {
            tank.forget(now);
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.now = from.now;
        self.mix.carry(lane, &from.mix, from_lane);
        for (to, from) in self.cuts.iter_mut().zip(&from.cuts) {
            to.carry(lane, from, from_lane);
        }
        if let (Some(to), Some(from)) = (&mut self.tanks[lane], &from.tanks[from.owner(from_lane)]) {
            to.carry(from, self.now);
        }
    }

    fn tail(&self, lane: usize) -> u64 {
        self.tanks[self.owner(lane)].as_ref().map_or(0, |t| t.tail())
    }
}

/// One chunk of one tank: compiled once a path, not once a lane type.
struct Answer<'a> {
    tank: &'a mut Tank,
    frame: u64,
    n: usize,
    work: &'a mut Scratch,
    io: &'a mut Sides,
}

impl Entry for Answer<'_> {
    #[inline(always)]
    fn run(self) {
        self.tank.run(self.frame, self.n, self.work, self.io);
    }
}

/// The most lanes of any bank.
const MAX_LANES: usize = 8;

impl<L: Lanes> Bank<L> {
    /// Replaces each strip's input by what its room answers.
    #[inline(always)]
    fn rooms(&mut self, frame: u64, pairs: u32, io: &mut [L]) {
        let mut out = [[0.0f32; CHUNK]; MAX_LANES];
        for lane in 0..L::N {
            let stereo = L::N > 1 && (pairs | self.shared) >> lane & 1 != 0;
            if stereo && lane % 2 == 1 {
                continue;
            }
            let Some(tank) = &mut self.tanks[lane] else { continue };
            let right = lane + usize::from(stereo);
            let mut at = 0;
            while at < io.len() {
                let here = frame + at as u64;
                let n = chunk(here, io.len() - at).min((tank.at(here) - here) as usize);
                let mut x: Sides = [[0.0; CHUNK]; 2];
                for (i, v) in io[at..at + n].iter().enumerate() {
                    x[0][i] = v.get(lane) as f32;
                    x[1][i] = v.get(right) as f32;
                }
                L::enter(Answer { tank, frame: here, n, work: &mut self.work, io: &mut x });
                if stereo {
                    out[lane][at..at + n].copy_from_slice(&x[0][..n]);
                    out[right][at..at + n].copy_from_slice(&x[1][..n]);
                } else {
                    for i in 0..n {
                        out[lane][at + i] = (x[0][i] + x[1][i]) * std::f32::consts::FRAC_1_SQRT_2;
                    }
                }
                at += n;
            }
        }
        for (i, io) in io.iter_mut().enumerate() {
            *io = L::from_fn(|lane| f64::from(out[lane][i]));
        }
    }

    #[inline(always)]
    fn mix(&mut self, frame: u64, wet: &[L], io: &mut [L]) {
        let mut at = 0;
        while at < io.len() {
            let here = frame + at as u64;
            self.mix.at(here);
            let moving = self.mix.moving();
            let n = if moving { (GRID - here % GRID) as usize } else { io.len() }.min(io.len() - at);
            for (x, wet) in io[at..at + n].iter_mut().zip(&wet[at..at + n]) {
                let m = self.mix.now[0];
                // Exact at both ends, whatever the room holds.
                let y = L::select(m.ge(L::splat(1.0)), *wet, m.mul_add(*wet - *x, *x));
                *x = L::select(m.gt(L::zero()), y, *x);
                if moving {
                    self.mix.advance();
                }
            }
            at += n;
        }
    }
}

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
