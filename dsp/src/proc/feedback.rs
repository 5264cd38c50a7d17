//! Feedback suppressor: finds tones that ring and puts narrow notches on them.
//!
//! What rings is told from music by [`crate::kernel::howl`], on what leaves the notches: a tone that goes on
//! growing behind its notch gets a deeper one. A notch is a bell of a twelfth of an octave, up to eight
//! for a strip; a ninth takes the place of the one that has been quiet longest. A notch starts at
//! −12 dB and gets deeper by 6 dB to −24; when nothing has rung at its place for `release` it fades
//! out, unless `hold` is on. `clear` fades out all, and keeps new ones away while it is on. Notches come and
//! go along the 20 ms curve of all movement. The sides of a stereo strip share them. Until something
//! rings samples pass bit for bit. No latency.

use super::{Build, Count, Ctx, Outside, Params, Part, Process, Processor, Targets};
use crate::block::{BLOCK, flat};
use crate::kernel::howl::Howl;
use crate::kernel::svf::{self, NEUTRAL, Section, SvfCoeffs};
use crate::lanes::Lanes;
use crate::meter::Figures;
use crate::param::{Decl, Unit};
use crate::ramp::When;

/// Notches of a strip.
pub const NOTCHES: usize = 8;
/// Half of a notch's depth in dB is left a twenty-fourth of an octave from its centre.
const Q: f64 = 17.31;
/// Depth of a new notch, what it gets deeper by, and the most, dB.
const FIRST_DB: f64 = 12.0;
const MORE_DB: f64 = 6.0;
const MOST_DB: f64 = 24.0;
/// What rings this near to a notch is its own affair, in octaves.
const NEAR: f64 = 1.0 / 24.0;

/// The processor.
pub struct Feedback;

impl Processor for Feedback {
    const NAME: &'static str = "feedback";
    const DOC: &'static str = "Feedback suppressor";
    const PARTS: &'static [Part] = &[
        Part::common(&[
            Decl::bool("on", false, "Feedback suppressor in the path"),
            Decl::float(
                "sensitivity",
                Unit::None,
                0.0,
                1.0,
                0.5,
                "How soon a tone is taken for feedback; 1: at once, 0: when certain",
            ),
            Decl::log("release", Unit::S, 1.0, 600.0, 60.0, "Time without ringing after which a notch fades out"),
            Decl::bool("hold", false, "Notches stay, whatever the release"),
            Decl::bool("clear", false, "Fades out all notches; no new ones while it is on").momentary(),
        ]),
        Part {
            prefix: "notch",
            count: Count::Numbered(NOTCHES),
            decls: &[
                Decl::float("freq", Unit::Hz, 0.0, 24_000.0, 0.0, "Centre of the notch; 0: none").read_only(),
                Decl::float("depth", Unit::Db, -MOST_DB, 0.0, 0.0, "Gain at the centre of the notch").read_only(),
            ],
            defaults: &[],
        },
    ];

    /// Sensitivity, release in frames, hold, clear.
    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if part == 0 {
            let p = params.parts[0];
            to[0] = p.num("sensitivity");
            to[1] = p.num("release") * rate;
            to[2] = p.num("hold");
            to[3] = p.num("clear");
        }
        to
    }

    type State<L: Lanes> = Bank<L>;

    fn build<L: Lanes>(build: &Build) -> Bank<L> {
        let strip = |lane: usize| {
            let used = build.lanes.get(lane).is_none_or(Option::is_some);
            let turn = build.seeds.get(lane).map_or(0, |seed| (seed >> 8) as usize % 64);
            used.then(|| Strip {
                howl: Howl::new(build.rate, turn),
                notches: [Notch::default(); NOTCHES],
                sensitivity: 0.5,
                release: u64::MAX,
                fade: 2 * build.curve.frames(),
                hold: false,
                clear: false,
                told: Figures::default(),
            })
        };
        Bank {
            sections: (0..NOTCHES).map(|_| Section::new(build.curve)).collect(),
            strips: (0..L::N).map(strip).collect(),
            rate: build.rate,
            now: 0,
        }
    }
}

/// The bell of a notch; none of it at 0 dB.
fn bell(hz: f64, depth: f64, rate: f64) -> SvfCoeffs {
    let a = 10f64.powf(-depth / 40.0);
    let (g, k) = ((std::f64::consts::PI * (hz / rate).min(0.49)).tan(), 1.0 / (Q * a));
    let a1 = 1.0 / (1.0 + g * (g + k));
    let m1 = if depth == 0.0 { NEUTRAL[4] } else { k * (a * a - 1.0) };
    [a1, g * a1, g * g * a1, 1.0, m1, 0.0]
}

#[derive(Clone, Copy, Default)]
struct Notch {
    /// Centre; 0 where it has never been used.
    hz: f64,
    /// Depth in dB, 0: none.
    depth: f64,
    /// Frame in which it rang last.
    rang: u64,
    /// Frame from which on, once let go, it is faded out.
    gone: u64,
}

struct Strip {
    howl: Howl,
    notches: [Notch; NOTCHES],
    sensitivity: f32,
    release: u64,
    /// Frames that a notch may take to come or go.
    fade: u64,
    hold: bool,
    clear: bool,
    told: Figures,
}

impl Strip {
    /// The notch that takes a tone, moved and deepened; none where it is as deep as can be.
    fn place(&mut self, hz: f64, frame: u64) -> Option<usize> {
        let near = |n: &Notch| n.depth > 0.0 && (n.hz / hz).log2().abs() < NEAR;
        if let Some(at) = self.notches.iter().position(near) {
            let notch = &mut self.notches[at];
            notch.rang = frame;
            let deeper = notch.depth < MOST_DB;
            notch.depth = (notch.depth + MORE_DB).min(MOST_DB);
            return deeper.then_some(at);
        }
        let free = self.notches.iter().position(|n| n.depth == 0.0 && frame >= n.gone);
        let at = free.or_else(|| (0..NOTCHES).filter(|i| self.notches[*i].depth > 0.0).min_by_key(|i| self.notches[*i].rang))?;
        self.notches[at] = Notch { hz, depth: FIRST_DB, rang: frame, gone: 0 };
        Some(at)
    }

    /// Lets go of a notch whose time is over.
    fn let_go(&mut self, frame: u64) -> Option<usize> {
        let over = |n: &Notch| n.depth > 0.0 && (self.clear || (!self.hold && frame.saturating_sub(n.rang) >= self.release));
        let at = self.notches.iter().position(over)?;
        (self.notches[at].depth, self.notches[at].gone) = (0.0, frame + self.fade);
        Some(at)
    }

    fn tell(&self) {
        for (cells, notch) in self.told.chunks_exact(2).zip(&self.notches) {
            let here = notch.depth > 0.0;
            cells[0].put(if here { notch.hz as f32 } else { 0.0 });
            cells[1].put(if here { -notch.depth as f32 } else { 0.0 });
        }
    }
}

/// A bank of suppressors; a stereo strip's is at its first lane.
pub struct Bank<L> {
    sections: Box<[Section<L>]>,
    strips: Vec<Option<Strip>>,
    rate: f64,
    /// The frame after the last block.
    now: u64,
}

impl<L: Lanes> Bank<L> {
    /// At the start of a block of the grid: this block's share of the search, and what came of it.
    #[inline(never)]
    fn begin(&mut self, frame: u64, pairs: u32) {
        for lane in 0..L::N {
            let pair = L::N > 1 && pairs >> lane & 1 != 0;
            if pair && lane % 2 == 1 {
                continue;
            }
            let Some(strip) = &mut self.strips[lane] else { continue };
            let rings = strip.howl.turn(frame / BLOCK as u64, strip.sensitivity);
            let rings = rings.filter(|_| !strip.clear).map(f64::from);
            let before = strip.notches;
            let changed = rings.and_then(|hz| strip.place(hz, frame)).or_else(|| strip.let_go(frame));
            let Some(at) = changed else { continue };
            let notch = strip.notches[at];
            strip.tell();
            for lane in lane..=lane + usize::from(pair) {
                // A free section goes to its place unheard; one that is taken over glides there.
                if before[at].depth == 0.0 {
                    self.sections[at].set(lane, &bell(notch.hz, 0.0, self.rate), When::Jump);
                }
                self.sections[at].set(lane, &bell(notch.hz, notch.depth, self.rate), When::At(frame));
            }
        }
    }
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, _when: When) {
        if let Some(strip) = self.strips[lane].as_mut().filter(|_| part == 0) {
            strip.sensitivity = to[0] as f32;
            strip.release = to[1] as u64;
            (strip.hold, strip.clear) = (to[2] >= 0.5, to[3] >= 0.5);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        if self.now != ctx.frame {
            // Blocks were left out: there was silence, or it was off.
            self.strips.iter_mut().flatten().for_each(|s| s.howl.forget());
        }
        let pairs = L::bits(ctx.pairs);
        if ctx.frame.is_multiple_of(BLOCK as u64) {
            self.begin(ctx.frame, pairs);
        }
        svf::run(&mut self.sections, ctx.frame, io);
        let samples = flat(io);
        for lane in 0..L::N {
            let pair = L::N > 1 && pairs >> lane & 1 != 0;
            if pair && lane % 2 == 1 {
                continue;
            }
            let Some(strip) = &mut self.strips[lane] else { continue };
            let side = |lane: usize| samples.iter().skip(lane).step_by(L::N).map(|x| L::elem_f64(*x) as f32);
            if pair {
                strip.howl.hear(ctx.frame, side(lane).zip(side(lane + 1)).map(|(l, r)| l + r));
            } else {
                strip.howl.hear(ctx.frame, side(lane));
            }
        }
        self.now = ctx.frame + io.len() as u64;
    }

    fn clear(&mut self, lane: usize) {
        self.sections.iter_mut().for_each(|s| s.clear(lane));
        if let Some(strip) = &mut self.strips[lane] {
            strip.howl.forget();
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.now = from.now;
        for (to, from) in self.sections.iter_mut().zip(&from.sections) {
            to.carry(lane, from, from_lane);
        }
        if let (Some(to), Some(from)) = (&mut self.strips[lane], &from.strips[from_lane]) {
            to.howl.carry(&from.howl);
            to.notches = from.notches;
            to.tell();
        }
    }

    fn join(&mut self, lane: usize, outside: &Outside) {
        if let Some(strip) = &mut self.strips[lane] {
            strip.told = outside.told.clone();
        }
    }
}

#[cfg(test)]
mod tests;
