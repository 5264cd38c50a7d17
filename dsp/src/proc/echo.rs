//! Echo: a delay a side with feedback, straight or from side to side.
//!
//! `stereo`: each side repeats itself, the left every `left` ms, the right every `right` ms. `pingpong`:
//! both sides are summed (halved) into the left delay, whose echo feeds the right one, which feeds the
//! left again; every bounce is lower by `feedback`. The cuts are in the loop, in front of the delay: the
//! first echo has passed them once, the next one twice. A mono strip hears the left delay, in `pingpong`
//! both.
//!
//! Times are whole frames. A new time is crossfaded to over the 20 ms curve, with both taps in the loop: no
//! click and no bend of pitch. Everything else glides. No latency.
//!
//! `left` and `right` also take a note, `1/8`, `1/4.` (dotted), `1/8t` (triplet), a share of the whole
//! note of four beats at `/tempo`. It reads back as the note and follows the tempo until a number is set;
//! one of more than 2000 ms is cut to that.

use super::{Build, Params, Part, Processor, Targets};
use crate::kernel::delayline::{CHUNK, Crossfade, Lines};
use crate::kernel::per_strip::{Chunk, Effect, PerStrip, Sides, fill, paired, parted};
use crate::kernel::svf::{self, Section};
use crate::lanes::{Lanes, Two64};
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Longest echo in ms.
const LONGEST_MS: f64 = 2000.0;

/// The processor.
pub struct Echo;

impl Processor for Echo {
    const NAME: &'static str = "echo";
    const DOC: &'static str = "Echo";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Echo in the path"),
        Decl::names("mode", &["stereo", "pingpong"], "Each side by itself, or from side to side"),
        Decl::log("left", Unit::Ms, 1.0, LONGEST_MS, 375.0, "Time of the left echo; or a note of the tempo, as 1/8").notes(),
        Decl::log("right", Unit::Ms, 1.0, LONGEST_MS, 500.0, "Time of the right echo; or a note of the tempo, as 1/8").notes(),
        Decl::float("feedback", Unit::None, 0.0, 0.98, 0.3, "Share of each echo that is repeated"),
        Decl::log("lowcut", Unit::Hz, 20.0, 1000.0, 20.0, "Low cut in the loop, 12 dB/oct; 20: out of the path"),
        Decl::log("highcut", Unit::Hz, 1000.0, 20000.0, 20000.0, "High cut in the loop, 12 dB/oct; 20000: out of the path"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Echoes against the dry signal"),
    ])];

    /// Mode, times in frames, feedback, the cuts as [`svf::cut_at`], mix.
    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = params.parts[0];
        let frames = |path: &str| (p.num(path) * rate / 1000.0).round().max(1.0);
        let mut to = Targets::default();
        to[0] = p.num("mode");
        to[1] = frames("left");
        to[2] = frames("right");
        to[3] = p.num("feedback");
        to[4] = svf::cut_at(p.num("lowcut"), 20.0, rate);
        to[5] = svf::cut_at(p.num("highcut"), 20000.0, rate);
        to[6] = p.num("mix");
        to
    }

    type State<L: Lanes> = PerStrip<L, Loop>;

    fn build<L: Lanes>(build: &Build) -> PerStrip<L, Loop> {
        PerStrip::new(build, |_| Loop::new(build.curve, build.rate))
    }
}

/// One strip's delays.
pub struct Loop {
    curve: Arc<Curve>,
    lines: Lines<f32>,
    taps: Crossfade<[usize; 2]>,
    feedback: Gain,
    /// 0: each side by itself, 1: from side to side.
    cross: Gain,
    cuts: [Section<Two64>; 2],
}

impl Loop {
    fn new(curve: &Arc<Curve>, rate: f64) -> Loop {
        Loop {
            curve: curve.clone(),
            lines: Lines::new(2, (LONGEST_MS * rate / 1000.0).ceil() as usize + CHUNK),
            taps: Crossfade::new([CHUNK; 2]),
            feedback: Gain::new(curve, 0.0),
            cross: Gain::new(curve, 0.0),
            cuts: [Section::new(curve), Section::new(curve)],
        }
    }

    /// What both delays give for the first `n` frames; no more than the shortest tap.
    #[inline(always)]
    fn echoes(&self, frame: u64, n: usize) -> Sides {
        let (old, new) = self.taps.heard();
        let mut out = [0, 1].map(|side| *self.lines.chunk(side, frame, new[side]));
        if let Some(old) = old {
            for (side, out) in out.iter_mut().enumerate() {
                let was = self.lines.chunk(side, frame, old[side]);
                for t in 0..n {
                    out[t] = was[t] + (out[t] - was[t]) * self.taps.share(frame + t as u64, &self.curve) as f32;
                }
            }
        }
        out
    }

    /// The cuts over both sides.
    #[inline(always)]
    fn cut(&mut self, frame: u64, n: usize, x: &mut Sides) {
        if self.cuts.iter().all(Section::idle) {
            return;
        }
        let mut v = paired(x);
        svf::run(&mut self.cuts, frame, &mut v[..n]);
        parted(&v, x);
    }
}

impl Effect for Loop {
    const MIX: usize = 6;
    type Work = ();

    fn set(&mut self, _part: usize, to: &Targets, when: When) {
        let longest = self.lines.size() - CHUNK;
        self.cross.set(to[0], when);
        self.taps.set([to[1], to[2]].map(|frames| (frames as usize).clamp(1, longest)), when);
        self.feedback.set(to[3], when);
        for lane in 0..Two64::N {
            self.cuts[0].set(lane, &svf::cut(to[4], true), when);
            self.cuts[1].set(lane, &svf::cut(to[5], false), when);
        }
    }

    fn forget(&mut self, now: u64) {
        self.lines.forget_all(now);
        for cut in &mut self.cuts {
            (0..Two64::N).for_each(|lane| cut.clear(lane));
        }
    }

    fn carry(&mut self, from: &Loop, now: u64) {
        (0..2).for_each(|side| _ = self.lines.carry(side, &from.lines, side, now));
        self.taps.clone_from(&from.taps);
        self.feedback.clone_from(&from.feedback);
        self.cross.clone_from(&from.cross);
        for (to, from) in self.cuts.iter_mut().zip(&from.cuts) {
            (0..Two64::N).for_each(|lane| to.carry(lane, from, lane));
        }
    }

    fn ahead(&mut self, from: &Loop, now: u64, budget: &mut usize) -> bool {
        self.lines.ahead_all(&from.lines, now, budget)
    }

    #[inline(always)]
    fn at(&mut self, frame: u64) -> u64 {
        let end = self.taps.at(frame, &self.curve);
        let (old, new) = self.taps.heard();
        let shortest = old.into_iter().flatten().chain(new).copied().min().unwrap_or(1);
        // A delay is read before it is written.
        end.min(frame + shortest as u64)
    }

    #[inline(always)]
    fn run<V: Lanes<Elem = f32>>(&mut self, chunk: Chunk, _work: &mut (), io: &mut Sides) {
        let Chunk { frame, n, stereo } = chunk;
        let echoes = self.echoes(frame, n);
        let (feedback, cross) = (fill(&mut self.feedback, chunk), fill(&mut self.cross, chunk));
        let mut x = *io;
        if !stereo {
            x[1] = [0.0; CHUNK];
        }
        let mut to: Sides = [[0.0; CHUNK]; 2];
        let half = if stereo { 0.5 } else { 1.0 };
        for t in 0..n {
            let (c, [l, r], [a, b]) = (cross[t], [x[0][t], x[1][t]], [echoes[0][t], echoes[1][t]]);
            to[0][t] = l + c * (half * (l + r) - l) + feedback[t] * (a + c * (b - a));
            to[1][t] = r - c * r + feedback[t] * (b + c * (a - b));
        }
        self.cut(frame, n, &mut to);
        for (side, to) in to.iter().enumerate() {
            self.lines.write_with(side, frame, n, |t| to[t]);
        }
        *io = echoes;
        if !stereo {
            for t in 0..n {
                io[0][t] += cross[t] * echoes[1][t];
            }
        }
    }

    fn tail(&self) -> u64 {
        let (old, new) = self.taps.heard();
        let taps = old.into_iter().flatten().chain(new).chain(self.taps.target());
        (taps.copied().max().unwrap_or(0) + CHUNK) as u64
    }
}

#[cfg(test)]
mod tests;
