//! Graphic equaliser: 31 bands a third of an octave apart.
//!
//! Centres are the third-octave frequencies of ISO 266: 20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200,
//! 250, 315, 400, 500, 630, 800 Hz, 1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8, 10, 12.5, 16, 20 kHz (exactly
//! 1000·10^(n/10) Hz). What the sliders show is what is heard: bells of neighbouring bands overlap, so their
//! gains are solved for, such that the whole curve passes through every slider at its centre. The
//! approach is that of "Accurate cascade graphic equalizer" (Välimäki, Liski) and "Efficient automatic
//! third-octave graphic equalizer" (Liski, Välimäki): a matrix of what each bell does at each centre is
//! inverted once, and here the remaining error of the bells, which do not scale exactly, is put
//! through it again. One section a band, fitted to its analog bell up to 20 kHz; bands that have
//! nothing to do are bit-exact and cost nothing. No latency.

use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::design::{Shape, Spec};
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::When;
use std::cell::RefCell;
use std::sync::OnceLock;

/// Bands.
pub const BANDS: usize = 31;
/// Q of every bell: half of its gain in dB is left a quarter of an octave from the centre.
const Q: f64 = 2.87;
/// Gain at which the bells are taken into the matrix, dB.
const PROBE_DB: f64 = 8.0;
/// Times that the remaining error is put through the matrix.
const ROUNDS: usize = 4;
/// Gains below this are none, dB.
const NOTHING_DB: f64 = 0.002;
/// The most that a bell may do to hold its centre against its neighbours, dB.
const MOST_DB: f64 = 36.0;
/// Sections that run at once.
const AT_ONCE: usize = 8;

/// A number a band.
type Gains = [f64; BANDS];

/// The graphic equaliser.
pub struct Geq;

impl Processor for Geq {
    const NAME: &'static str = "geq";
    const DOC: &'static str = "Graphic equaliser, 31 bands: 20 25 31.5 40 50 63 80 100 125 160 200 250 315 400 500 630 800 Hz, \
                               1 1.25 1.6 2 2.5 3.15 4 5 6.3 8 10 12.5 16 20 kHz";
    const PARTS: &'static [Part] = &[
        Part::common(&[Decl::bool("on", false, "Graphic equaliser in the path")]),
        Part {
            prefix: "",
            count: Count::Numbered(BANDS),
            decls: &[Decl::float("gain", Unit::Db, -12.0, 12.0, 0.0, "Gain at the centre of the band: 1 is 20 Hz, 18 is 1 kHz")],
            defaults: &[],
        },
    ];
    const COUPLED: bool = true;

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if let Some(band) = part.checked_sub(1) {
            let set = std::array::from_fn(|b| params.parts.get(b + 1).map_or(0.0, |p| p.num("gain")));
            let gain = bells(&set)[band];
            let spec = bell(band, gain);
            let section = if gain == 0.0 { spec.neutral(rate) } else { spec.section(rate) };
            to[..6].copy_from_slice(&section);
        }
        to
    }

    type State<L: Lanes> = Bank<L>;

    fn build<L: Lanes>(build: &Build) -> Bank<L> {
        Bank { sections: (0..BANDS).map(|_| Section::new(build.curve)).collect() }
    }
}

/// Centre of a band in Hz.
pub fn centre(band: usize) -> f64 {
    1000.0 * 10f64.powf((band as f64 - 17.0) / 10.0)
}

fn bell(band: usize, gain_db: f64) -> Spec {
    Spec { shape: Shape::Peak, freq: centre(band), gain_db, q: Q }
}

/// The bells that make the curve pass through the gains set. Control side.
fn bells(set: &Gains) -> Gains {
    thread_local! {
        /// The last answer: the bands of one equaliser are asked for one after the other.
        static LAST: RefCell<(Gains, Gains)> = const { RefCell::new(([0.0; BANDS], [0.0; BANDS])) };
    }
    LAST.with_borrow_mut(|(asked, found)| {
        if asked != set {
            (*asked, *found) = (*set, solve(set));
        }
        *found
    })
}

fn solve(set: &Gains) -> Gains {
    let mut gains = [0.0; BANDS];
    let mut left = *set;
    for _ in 0..ROUNDS {
        for (gain, row) in gains.iter_mut().zip(inverse()) {
            *gain = (*gain + row.iter().zip(&left).map(|(m, l)| m * l).sum::<f64>()).clamp(-MOST_DB, MOST_DB);
        }
        let bells: Vec<Spec> = (0..BANDS).filter(|b| gains[*b] != 0.0).map(|b| bell(b, gains[b])).collect();
        left = std::array::from_fn(|at| set[at] - bells.iter().map(|s| s.analog_db(centre(at))).sum::<f64>());
    }
    gains.map(|g| if g.abs() < NOTHING_DB { 0.0 } else { g })
}

/// The inverse of what a bell of 1 dB in one band (column) does at the centre of another (row).
fn inverse() -> &'static [Gains; BANDS] {
    static INVERSE: OnceLock<Box<[Gains; BANDS]>> = OnceLock::new();
    INVERSE.get_or_init(|| {
        let mut m = Box::new([[0.0; BANDS]; BANDS]);
        let mut inverse = Box::new([[0.0; BANDS]; BANDS]);
        for at in 0..BANDS {
            m[at] = std::array::from_fn(|b| bell(b, PROBE_DB).analog_db(centre(at)) / PROBE_DB);
            inverse[at][at] = 1.0;
        }
        // Gauss and Jordan; the diagonal is the largest of each row.
        for p in 0..BANDS {
            let scale = 1.0 / m[p][p];
            m[p].iter_mut().chain(&mut inverse[p]).for_each(|x| *x *= scale);
            let (row, own) = (m[p], inverse[p]);
            for r in (0..BANDS).filter(|r| *r != p) {
                let factor = m[r][p];
                m[r].iter_mut().zip(row).chain(inverse[r].iter_mut().zip(own)).for_each(|(x, y)| *x -= factor * y);
            }
        }
        inverse
    })
}

/// A bank of graphic equalisers.
pub struct Bank<L> {
    sections: Box<[Section<L>]>,
}

impl<L: Lanes> Process<L> for Bank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if let Some(section) = part.checked_sub(1).and_then(|band| self.sections.get_mut(band)) {
            section.set(lane, &std::array::from_fn(|i| to[i]), when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        for sections in self.sections.chunks_mut(AT_ONCE) {
            svf::run(sections, ctx.frame, io);
        }
    }

    fn clear(&mut self, lane: usize) {
        self.sections.iter_mut().for_each(|s| s.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        for (to, from) in self.sections.iter_mut().zip(&from.sections) {
            to.carry(lane, from, from_lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::design::response_db;
    use crate::lanes::{One32, Pair};
    use crate::param::Value;
    use crate::proc::PartValues;
    use crate::ramp::Curve;

    const RATES: [f64; 4] = [44100.0, 48000.0, 96000.0, 192_000.0];

    fn targets(set: &Gains, rate: f64) -> Vec<Targets> {
        let on = [Value::Bool(true)];
        let values = set.map(|g| [Value::Float(g)]);
        let mut parts = vec![PartValues { decls: Geq::PARTS[0].decls, values: &on }];
        parts.extend(values.iter().map(|values| PartValues { decls: Geq::PARTS[1].decls, values }));
        let params = Params { parts };
        (0..=BANDS).map(|part| Geq::coeffs(part, &params, rate)).collect()
    }

    /// Magnitude of the whole in dB.
    fn curve(set: &Gains, rate: f64) -> impl Fn(f64) -> f64 + use<> {
        let all = targets(set, rate);
        move |hz| all[1..].iter().map(|t| response_db(&std::array::from_fn(|i| t[i]), rate, hz)).sum()
    }

    fn one(band: usize, gain: f64) -> Gains {
        std::array::from_fn(|b| if b == band { gain } else { 0.0 })
    }

    #[test]
    fn one_band_is_heard_at_its_centre_and_not_at_its_neighbours() {
        for rate in RATES {
            for band in 0..BANDS {
                for gain in [6.0, -12.0] {
                    let curve = curve(&one(band, gain), rate);
                    for at in (0..BANDS).filter(|b| centre(*b) < 0.46 * rate) {
                        let want = if at == band { gain } else { 0.0 };
                        let got = curve(centre(at));
                        assert!((got - want).abs() < 0.35, "band {band} at {rate}: {got} for {want} at {} Hz", centre(at));
                    }
                }
            }
        }
    }

    #[test]
    fn all_bands_alike_make_a_level() {
        for rate in RATES {
            for gain in [6.0, -6.0, 12.0] {
                let curve = curve(&[gain; BANDS], rate);
                for i in 0..=400 {
                    let hz = 25.0 * 640f64.powf(f64::from(i) / 400.0);
                    assert!((curve(hz) - gain).abs() < 0.07 * gain.abs(), "{gain} at {rate}: {} at {hz} Hz", curve(hz));
                }
            }
        }
    }

    #[test]
    fn the_curve_passes_through_sliders_that_stand_anyhow() {
        let mut seed = 1u64;
        let mut any = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 40) as f64 / f64::from(1 << 24) - 0.5) * 24.0
        };
        for _ in 0..20 {
            let set: Gains = std::array::from_fn(|_| any());
            let curve = curve(&set, 48000.0);
            for (at, want) in set.iter().enumerate() {
                assert!((curve(centre(at)) - want).abs() < 0.5, "{at}: {} for {want}", curve(centre(at)));
            }
        }
        // The worst there is: neighbours at opposite ends.
        let set: Gains = std::array::from_fn(|b| if b % 2 == 0 { 12.0 } else { -12.0 });
        let curve = curve(&set, 48000.0);
        for (at, want) in set.iter().enumerate().take(30) {
            assert!((curve(centre(at)) - want).abs() < 1.5, "{at}: {} for {want}", curve(centre(at)));
        }
    }

    #[test]
    fn flat_is_bit_exact_and_bands_far_away_have_nothing_to_do() {
        assert_eq!(solve(&[0.0; BANDS]), [0.0; BANDS]);
        let busy = solve(&one(17, 6.0)).iter().filter(|g| **g != 0.0).count();
        assert!(busy <= 17, "{busy}");
        let line = Curve::new(48000.0);
        let mut bank = Geq::build::<Pair<One32>>(&Build { rate: 48000.0, curve: &line, lanes: &[], seeds: &[] });
        for (part, to) in targets(&[0.0; BANDS], 48000.0).iter().enumerate() {
            bank.set(part, 0, to, When::Jump);
        }
        let mut io: Vec<_> = (0..64).map(|i| Pair::<One32>::splat(f64::from(i).sin())).collect();
        let before: Vec<f64> = io.iter().map(|x| x.get(0)).collect();
        let mut ctx = Ctx::new(0, Pair::<One32>::mask(0));
        bank.run(&mut ctx, &mut io);
        assert!(io.iter().zip(before).all(|(x, y)| x.get(0) == y));
    }

    #[test]
    fn every_band_is_run() {
        let line = Curve::new(48000.0);
        let mut bank = Geq::build::<Pair<One32>>(&Build { rate: 48000.0, curve: &line, lanes: &[], seeds: &[] });
        for (part, to) in targets(&[6.0; BANDS], 48000.0).iter().enumerate() {
            bank.set(part, 0, to, When::Jump);
        }
        let mut level = 0.0;
        for block in 0..100u64 {
            let at = |i: u64| (std::f64::consts::TAU * 3000.0 * (64 * block + i) as f64 / 48000.0).sin();
            let mut io: Vec<_> = (0..64).map(|i| Pair::<One32>::splat(at(i))).collect();
            let mut ctx = Ctx::new(64 * block, Pair::<One32>::mask(0));
            bank.run(&mut ctx, &mut io);
            level = io.iter().map(|x| x.get(0).abs()).fold(0.0, f64::max);
        }
        assert!((20.0 * level.log10() - 6.0).abs() < 0.3, "{level}");
    }
}
