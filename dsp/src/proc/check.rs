//! Translation check: how a mix comes across on other loudspeakers, on the monitor only.
//!
//! Each check is a stated response, a few sections of the equaliser's kind in series, and two of them
//! have one loudspeaker and sum both sides. The responses are round figures for a class of devices, not
//! copies of one: what a mix keeps through them, it keeps elsewhere.
//!
//! | type | sides | response |
//! | --- | --- | --- |
//! | `phone` | summed | −3 dB at 500 Hz falling 24 dB/oct, +4 dB around 2.5 kHz, −3 dB at 10 kHz falling 12 dB/oct |
//! | `laptop` | two | −3 dB at 220 Hz falling 24 dB/oct, +3 dB around 1.2 kHz, −3 dB at 14 kHz falling 12 dB/oct |
//! | `earbuds` | two | −4 dB below 150 Hz, +4 dB around 3 kHz, −3 dB above 9 kHz |
//! | `car` | two | +6 dB below 100 Hz, −3 dB around 400 Hz, −4 dB above 6 kHz |
//! | `small` | summed | −3 dB at 120 Hz falling 12 dB/oct, +2 dB around 1 kHz, −3 dB at 9 kHz falling 12 dB/oct |
//! | `quiet` | two | 20 dB down, and as the ear hears that: −7 dB more at 50 Hz, −4 dB more at 100 Hz |
//!
//! `quiet` takes away what lies between contours of equal loudness 20 phon apart (ISO 226), in round figures. [`response`] gives the exact
//! curve of each; the filters keep it within 0.5 dB from 20 Hz to 20 kHz. No latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::graph::StripKind;
use crate::kernel::design::{Shape, Spec};
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::Decl;
use crate::ramp::{Coeffs, GRID, When};

/// The translation check.
pub struct Check;

/// Sections of the longest response.
const SECTIONS: usize = 4;
const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;
/// The two sections of a fourth-order Butterworth cut.
const STEEP: [f64; 2] = [0.541_196_1, 1.306_563_0];

/// One of the checks.
struct Speaker {
    name: &'static str,
    /// Both sides are summed.
    mono: bool,
    level_db: f64,
    sections: &'static [Spec],
}

const fn band(shape: Shape, freq: f64, gain_db: f64, q: f64) -> Spec {
    Spec { shape, freq, gain_db, q }
}

const SPEAKERS: [Speaker; 6] = [
    Speaker {
        name: "phone",
        mono: true,
        level_db: 0.0,
        sections: &[
            band(Shape::LowCut, 500.0, 0.0, STEEP[0]),
            band(Shape::LowCut, 500.0, 0.0, STEEP[1]),
            band(Shape::Peak, 2500.0, 4.0, 1.0),
            band(Shape::HighCut, 10_000.0, 0.0, HALF),
        ],
    },
    Speaker {
        name: "laptop",
        mono: false,
        level_db: 0.0,
        sections: &[
            band(Shape::LowCut, 220.0, 0.0, STEEP[0]),
            band(Shape::LowCut, 220.0, 0.0, STEEP[1]),
            band(Shape::Peak, 1200.0, 3.0, 1.0),
            band(Shape::HighCut, 14_000.0, 0.0, HALF),
        ],
    },
    Speaker {
        name: "earbuds",
        mono: false,
        level_db: 0.0,
        sections: &[
            band(Shape::LowShelf, 150.0, -4.0, HALF),
            band(Shape::Peak, 3000.0, 4.0, 1.0),
            band(Shape::HighShelf, 9000.0, -3.0, HALF),
        ],
    },
    Speaker {
        name: "car",
        mono: false,
        level_db: 0.0,
        sections: &[
            band(Shape::LowShelf, 100.0, 6.0, HALF),
            band(Shape::Peak, 400.0, -3.0, 0.8),
            band(Shape::HighShelf, 6000.0, -4.0, HALF),
        ],
    },
    Speaker {
        name: "small",
        mono: true,
        level_db: 0.0,
        sections: &[
            band(Shape::LowCut, 120.0, 0.0, HALF),
            band(Shape::Peak, 1000.0, 2.0, 0.7),
            band(Shape::HighCut, 9000.0, 0.0, HALF),
        ],
    },
    Speaker { name: "quiet", mono: false, level_db: -20.0, sections: &[band(Shape::LowShelf, 75.0, -11.0, 0.5)] },
];

const NAMES: [&str; SPEAKERS.len()] = {
    let mut names = [""; SPEAKERS.len()];
    let mut i = 0;
    while i < SPEAKERS.len() {
        names[i] = SPEAKERS[i].name;
        i += 1;
    }
    names
};

/// Stated response in dB of a check, by its place among the names, at a frequency in Hz.
pub fn response(check: usize, hz: f64) -> f64 {
    let speaker = &SPEAKERS[check.min(SPEAKERS.len() - 1)];
    speaker.level_db + speaker.sections.iter().map(|s| s.analog_db(hz)).sum::<f64>()
}

impl Processor for Check {
    const NAME: &'static str = "check";
    const DOC: &'static str = "Translation check: other loudspeakers, on the monitor only";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Check in the path").momentary(),
        Decl::names("type", &NAMES, "Loudspeakers to listen through"),
    ])];

    const ONLY: Option<StripKind> = Some(StripKind::Monitor);

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let mut to = Targets::default();
        to[0] = params.parts[0].num("type");
        to
    }

    type State<L: Lanes> = CheckBank<L>;

    fn build<L: Lanes>(build: &Build) -> CheckBank<L> {
        let voice = |speaker: &Speaker| {
            let mut sections: [Section<L>; SECTIONS] = std::array::from_fn(|_| Section::new(build.curve));
            for (k, (section, spec)) in sections.iter_mut().zip(speaker.sections).enumerate() {
                let mut coeffs = spec.section(build.rate);
                if k == 0 {
                    let level = 10f64.powf(speaker.level_db / 20.0);
                    coeffs[3..].iter_mut().for_each(|m| *m *= level);
                }
                (0..L::N).for_each(|lane| section.set(lane, &coeffs, When::Jump));
            }
            Voice { sections, share: Coeffs::new(build.curve, [0.0]), heard: 0 }
        };
        CheckBank { voices: SPEAKERS.iter().map(voice).collect(), mono: Coeffs::new(build.curve, [0.0]) }
    }
}

/// One check in every lane. Checks are crossfaded, not turned into each other: poles on the way from one
/// loudspeaker to another would ring.
struct Voice<L> {
    sections: [Section<L>; SECTIONS],
    share: Coeffs<L, 1>,
    /// Lanes that hear it.
    heard: u32,
}

/// A bank of checks.
pub struct CheckBank<L> {
    voices: Box<[Voice<L>]>,
    /// Share of the sum in each side.
    mono: Coeffs<L, 1>,
}

impl<L: Lanes> Voice<L> {
    fn set(&mut self, lane: usize, chosen: bool, when: When) {
        if chosen && self.heard & (1 << lane) == 0 {
            self.sections.iter_mut().for_each(|s| s.clear(lane));
        }
        self.share.set(lane, [f64::from(u8::from(chosen))], when);
        self.settle(lane);
    }

    fn settle(&mut self, lane: usize) {
        let moving = self.share.moving_lanes() & (1 << lane) != 0;
        let heard = moving || self.share.target(lane) != [0.0];
        self.heard = (self.heard & !(1 << lane)) | (u32::from(heard) << lane);
    }
}

impl<L: Lanes> Process<L> for CheckBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        let chosen = (to[0] as usize).min(SPEAKERS.len() - 1);
        for (check, voice) in self.voices.iter_mut().enumerate() {
            voice.set(lane, check == chosen, when);
        }
        self.mono.set(lane, [f64::from(u8::from(SPEAKERS[chosen].mono))], when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let half = L::splat(0.5);
        each(&mut self.mono, ctx.frame, io.len(), |i, mono| {
            let other = L::select(ctx.pairs, io[i].swap_pairs(), io[i]);
            io[i] = mono.mul_add((other - io[i]) * half, io[i]);
        });
        let mut input = [L::zero(); BLOCK];
        let input = &mut input[..io.len()];
        input.copy_from_slice(io);
        io.fill(L::zero());
        for voice in self.voices.iter_mut().filter(|v| v.heard != 0) {
            let mut y = [L::zero(); BLOCK];
            let y = &mut y[..io.len()];
            y.copy_from_slice(input);
            svf::run(&mut voice.sections, ctx.frame, y);
            each(&mut voice.share, ctx.frame, io.len(), |i, share| io[i] = share.mul_add(y[i], io[i]));
            (0..L::N).for_each(|lane| voice.settle(lane));
        }
    }

    fn clear(&mut self, lane: usize) {
        self.voices.iter_mut().flat_map(|v| &mut v.sections).for_each(|s| s.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for (to, from) in self.voices.iter_mut().zip(&from.voices) {
            for (to, from) in to.sections.iter_mut().zip(&from.sections) {
                to.carry(lane, from, from_lane);
            }
            to.share.carry(lane, &from.share, from_lane);
            to.settle(lane);
        }
        self.mono.carry(lane, &from.mono, from_lane);
    }
}

/// One coefficient over a block, frame by frame.
#[inline(always)]
fn each<L: Lanes>(coeff: &mut Coeffs<L, 1>, frame: u64, frames: usize, mut put: impl FnMut(usize, L)) {
    let mut at = 0;
    while at < frames {
        let here = frame + at as u64;
        coeff.at(here);
        let n = ((GRID - here % GRID) as usize).min(frames - at);
        for i in at..at + n {
            put(i, coeff.now[0]);
            if coeff.moving() {
                coeff.advance();
            }
        }
        at += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::design::response_db;

    #[test]
    fn each_check_keeps_its_stated_response_at_every_rate() {
        for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0] {
            for (check, speaker) in SPEAKERS.iter().enumerate() {
                let sections: Vec<_> = speaker.sections.iter().map(|s| s.section(rate)).collect();
                for i in 0..=300 {
                    let hz = 20.0 * 1000f64.powf(f64::from(i) / 300.0);
                    let want = response(check, hz);
                    let have = speaker.level_db + sections.iter().map(|c| response_db(c, rate, hz)).sum::<f64>();
                    let off = (have - want).abs();
                    assert!(off <= 0.5 || want < -60.0, "{} at {rate}, {hz:.0} Hz: {off:.2} dB", speaker.name);
                }
            }
        }
    }

    #[test]
    fn the_table_above_is_what_the_sections_do() {
        let near = |check: usize, hz: f64, db: f64| {
            let have = response(check, hz);
            assert!((have - db).abs() < 0.8, "{} at {hz} Hz: {have:.1} for {db} dB", NAMES[check]);
        };
        near(0, 250.0, -24.0);
        near(1, 110.0, -24.0);
        near(2, 30.0, -4.0);
        near(3, 30.0, 6.0);
        near(4, 60.0, -12.3);
        near(5, 1000.0, -20.0);
        near(5, 50.0, -27.0);
        near(5, 100.0, -24.0);
    }
}
