//! Phase rotation: first-order all-passes, which turn the phase and leave every level as it is.
//!
//! Each stage turns the phase by 90° at `freq`, from 0° far below to 180° far above. One or two stages line up
//! two microphones of one source where no delay does; two to four around 200 Hz make an asymmetric voice or horn
//! symmetric, which gives back headroom. H(s) = ((1 − s/ω)/(1 + s/ω))ⁿ, trapezoidal, so its magnitude is exactly 1
//! ("The Art of VA Filter Design", Zavalishin). No stage is bit-exact. No latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::kernel::svf::warped;
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

const STAGES: usize = 4;

/// The phase rotator.
pub struct Phase;

impl Processor for Phase {
    const NAME: &'static str = "phase";
    const DOC: &'static str = "Phase rotator: all-passes of the first order";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Phase rotator in the path"),
        Decl::log("freq", Unit::Hz, 20.0, 20000.0, 200.0, "Where each stage turns the phase by 90°"),
        Decl::int("stages", Unit::None, 0, STAGES as i64, 0, "All-passes in series; 0: nothing happens"),
    ])];

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let g = warped(p.num("freq"), rate);
        let mut to = Targets::default();
        to[0] = g / (1.0 + g);
        to[1 + (p.num("stages") as usize).min(STAGES)] = 1.0;
        to
    }

    type State<L: Lanes> = PhaseBank<L>;

    fn build<L: Lanes>(build: &Build) -> PhaseBank<L> {
        PhaseBank {
            coeffs: Coeffs::new(build.curve, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
            memory: [Memory { sum: L::zero(), lost: L::zero() }; STAGES],
        }
    }
}

/// A bank of phase rotators.
pub struct PhaseBank<L> {
    /// Share of a step that an integrator takes, and how much of the output comes from after 0 … 4 stages.
    coeffs: Coeffs<L, { 2 + STAGES }>,
    memory: [Memory<L>; STAGES],
}

/// An integrator, and what its last sum rounded away: at low frequencies steps are small beside it, and their
/// rounding would add up.
#[derive(Clone, Copy)]
struct Memory<L> {
    sum: L,
    lost: L,
}

impl<L: Lanes> Process<L> for PhaseBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.coeffs.set(lane, std::array::from_fn(|i| to[i]), when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut memory = self.memory;
        self.coeffs.each(ctx.frame, io.len(), |i, [g, none, shares @ ..]| {
            let mut x = io[i];
            let mut y = x * *none;
            for (Memory { sum, lost }, share) in memory.iter_mut().zip(shares) {
                let v = (x - *sum - *lost) * *g;
                let low = *sum + (v + *lost);
                let step = v + v + *lost;
                let next = *sum + step;
                (*sum, *lost) = (next, step - (next - *sum));
                x = low + low - x;
                y = x.mul_add(*share, y);
            }
            io[i] = y;
        });
        self.memory = memory;
    }

    fn clear(&mut self, lane: usize) {
        self.memory.iter_mut().flat_map(|m| [&mut m.sum, &mut m.lost]).for_each(|v| v.set(lane, 0.0));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.coeffs.carry(lane, &from.coeffs, from_lane);
        for (to, old) in self.memory.iter_mut().zip(&from.memory) {
            to.sum.set(lane, old.sum.get(from_lane));
            to.lost.set(lane, old.lost.get(from_lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::bench::{self, Values, magnitude, through};
    use std::f64::consts::{PI, TAU};

    #[test]
    fn every_level_stays_and_the_phase_turns_by_a_quarter_a_stage() {
        for rate in [44100.0, 48000.0, 96000.0, 192000.0] {
            for (stages, freq) in [(1.0, 200.0), (2.0, 3000.0), (3.0, 200.0), (4.0, 1000.0)] {
                let mut click = vec![0.0; rate as usize];
                click[0] = 1.0;
                let h = through::<Phase>(rate, &[("stages", stages), ("freq", freq)], &click);
                for hz in [20.0, 50.0, 200.0, 1000.0, 5000.0, 19000.0] {
                    let db = magnitude(&h, rate, hz);
                    assert!(db.abs() < 1e-3, "{stages} at {rate}: {db} dB at {hz}");
                }
                let (re, im) = h.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, v)| {
                    let (sin, cos) = (TAU * (freq * i as f64 / rate).fract()).sin_cos();
                    (re + v * cos, im - v * sin)
                });
                let off = (f64::atan2(im, re) + stages * PI / 2.0 + PI).rem_euclid(TAU) - PI;
                assert!(off.abs() < 1e-6, "{stages} at {rate}: {off} rad from a quarter each");
            }
        }
    }

    #[test]
    fn low_turns_stay_clean_in_f32() {
        let rate = 192_000.0;
        let x = bench::tone(rate, 1000.0, 0.0, 192_000);
        let values = [Values::<Phase>::new(&[("stages", 4.0), ("freq", 20.0)])];
        let out = bench::Bench::<Phase, crate::lanes::One32>::new(rate, &values).run(192_000, 64, &[], |i, _| x[i], |_, _| 0.0);
        let wide = bench::Bench::<Phase, crate::lanes::One64>::new(rate, &values).run(
            192_000,
            64,
            &[],
            |i, _| f64::from(x[i] as f32),
            |_, _| 0.0,
        );
        let off: f64 = out.iter().zip(&wide).skip(96_000).map(|(a, b)| (f64::from(a.0) - b.0).powi(2)).sum::<f64>() / 96_000.0;
        assert!(10.0 * (2.0 * off).log10() < -140.0, "{:.1} dBFS", 10.0 * (2.0 * off).log10());
    }

    #[test]
    fn an_asymmetric_wave_gets_lower_peaks() {
        // A pulse train, as a glottis makes it.
        let x: Vec<f64> =
            (0..48_000).map(|i| (1..12).map(|k| (TAU * 120.0 * f64::from(k * i) / 48000.0).cos()).sum::<f64>()).collect();
        let peak = |x: &[f64]| x[24_000..].iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let y = through::<Phase>(48000.0, &[("stages", 4.0)], &x);
        assert!(peak(&y) < 0.75 * peak(&x), "{} of {}", peak(&y), peak(&x));
    }

    #[test]
    fn it_behaves_as_every_processor() {
        bench::passes::<Phase>(&[]);
        bench::passes::<Phase>(&[("freq", 5000.0)]);
        bench::lanes_and_blocks_agree(|lane| {
            Values::<Phase>::new(&[("stages", (lane % 5) as f64), ("freq", 100.0 + 300.0 * lane as f64)])
        });
        bench::broken_lane_and_silence::<Phase>(&[("stages", 4.0)]);
        for to in [("stages", 4.0), ("stages", 0.0), ("freq", 300.0)] {
            let bend = bench::smooth::<Phase>(&[("stages", 2.0)], &[to]);
            assert!(bend < -55.0, "{to:?}: {bend:.1} dB");
        }
    }
}
