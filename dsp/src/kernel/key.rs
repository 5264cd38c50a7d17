//! The key of a dynamics processor: its own signal or another strip's, through a filter.

use crate::block::BLOCK;
use crate::kernel::svf::{self, NEUTRAL, Section, SvfCoeffs, classic, warped};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::proc::{Build, Ctx, PartValues, Targets};
use crate::ramp::When;

/// Parameters of the part `key`.
pub const DECLS: &[Decl] = &[
    Decl::bool("on", false, "Key filter in the path"),
    Decl::names("type", &["hpf", "lpf", "bandpass"], "Shape of the key filter"),
    Decl::log("freq", Unit::Hz, 20.0, 20000.0, 1000.0, "Frequency of the key filter"),
    Decl::log("q", Unit::None, 0.1, 20.0, 0.7, "Q of the key filter"),
];

/// Coefficients of the part `key`.
pub fn coeffs(p: &PartValues, rate: f64) -> Targets {
    let k = 1.0 / p.num("q");
    let mix = match p.num("type") as usize {
        0 => [1.0, -k, -1.0],
        1 => [0.0, 0.0, 1.0],
        _ => [0.0, k, 0.0],
    };
    let mix = if p.on("on") { mix } else { [NEUTRAL[3], NEUTRAL[4], NEUTRAL[5]] };
    let mut to = Targets::default();
    to[..6].copy_from_slice(&classic(warped(p.num("freq"), rate), k, mix));
    to
}

/// Key filters of a bank.
pub struct Key<L> {
    section: [Section<L>; 1],
}

impl<L: Lanes> Key<L> {
    /// Neutral.
    pub fn new(build: &Build) -> Self {
        Key { section: [Section::new(build.curve)] }
    }

    /// New coefficients.
    pub fn set(&mut self, lane: usize, to: &Targets, when: When) {
        let c: SvfCoeffs = std::array::from_fn(|i| to[i]);
        self.section[0].set(lane, &c, when);
    }

    /// Forgets the signal.
    pub fn clear(&mut self, lane: usize) {
        self.section[0].clear(lane);
    }

    /// Takes over a lane.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.section[0].carry(lane, &from.section[0], from_lane);
    }

    /// The key signal of a block.
    #[inline(always)]
    pub fn run(&mut self, ctx: &Ctx<L>, io: &[L], key: &mut [L; BLOCK]) {
        let key = &mut key[..io.len()];
        match ctx.key {
            None => key.copy_from_slice(io),
            Some((mask, external)) => {
                for ((k, x), e) in key.iter_mut().zip(io).zip(external) {
                    *k = L::select(mask, *e, *x);
                }
            }
        }
        svf::run(&mut self.section, ctx.frame, key);
    }

    /// The key signal of a block where only another strip can be the key: silence in the lanes without one.
    #[inline(always)]
    pub fn run_foreign(&mut self, ctx: &Ctx<L>, key: &mut [L]) {
        match ctx.key {
            None => key.fill(L::zero()),
            Some((mask, external)) => {
                for (k, e) in key.iter_mut().zip(external) {
                    *k = L::select(mask, *e, L::zero());
                }
            }
        }
        svf::run(&mut self.section, ctx.frame, key);
    }
}
