//! A transient shaper: gain on what begins, and on what dies away, whatever its level.
//!
//! Everything is a difference of envelopes in dB, so there is no threshold. The level is a peak hold
//! ([`crate::kernel::hold`]). A slow envelope comes up behind it (15 ms): how far it lags says how much of an
//! attack there is; from 2 dB on some, from 8 dB on all of it, and the lag is held to 11 dB, so that a hit from
//! silence has the whole gain for 5 ms and none after 25. Another one goes down behind the level (150 ms): its
//! distance is the sustain, all of it in a decay of 53 dB/s or more, none in one of 13. A steady sound has
//! neither and passes as it is. The sides of a stereo strip share one gain. No latency.
//!
//! Off, the envelopes go on: what is playing when it is switched on is no beginning.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::hold::{self, Hold};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};

/// The transient shaper.
pub struct Transient;

/// Levels below this are silence, dBFS.
const FLOOR: f64 = -90.0;
/// Distance of envelopes from which there is some effect, and over which it becomes full, dB.
const FROM: f64 = 2.0;
const OVER: f64 = 6.0;
/// The furthest that the slow envelopes may be from the level, dB.
const LAG: f64 = 11.0;

impl Processor for Transient {
    const NAME: &'static str = "transient";
    const DOC: &'static str = "Transient shaper";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Transient shaper in the path"),
        Decl::float("attack", Unit::Db, -12.0, 12.0, 0.0, "Gain of beginnings"),
        Decl::float("sustain", Unit::Db, -12.0, 12.0, 0.0, "Gain of decays"),
    ])];

    const OWN_BYPASS: bool = true;

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let p = &params.parts[0];
        let mut to = Targets::default();
        if p.on("on") {
            to[..2].copy_from_slice(&[p.num("attack"), p.num("sustain")]);
        }
        to
    }

    type State<L: Lanes> = Shaper<L>;

    fn build<L: Lanes>(build: &Build) -> Shaper<L> {
        let pole = |ms: f64| L::splat(super::comp::pole(ms * 1e-3 * build.rate));
        let mut hold = Hold::new();
        (0..L::N).for_each(|lane| hold.set(lane, hold::longest(build.rate), false));
        Shaper {
            gains: Coeffs::new(build.curve, [0.0; 2]),
            hold,
            level: L::splat(FLOOR),
            behind: L::zero(),
            above: L::zero(),
            attack: L::zero(),
            sustain: L::zero(),
            rise: pole(15.0),
            fall: pole(150.0),
            fade: pole(3.0),
            duck: pole(1.0),
            swell: pole(10.0),
        }
    }
}

/// A bank of transient shapers.
pub struct Shaper<L: Lanes> {
    /// Of attack and sustain, dB.
    gains: Coeffs<L, 2>,
    hold: Hold<L>,
    /// Level of the frame before, dB.
    level: L,
    /// How far the envelope that comes up is behind the level, and the one that goes down above it, dB. The
    /// distances and not the envelopes, whose digits would be lost in the difference.
    behind: L,
    above: L,
    /// How much of an attack, of a decay there is, 0 … 1.
    attack: L,
    sustain: L,
    /// Poles of the envelopes; of an attack that ends; of a decay that ends, and that begins.
    rise: L,
    fall: L,
    fade: L,
    duck: L,
    swell: L,
}

impl<L: Lanes> Process<L> for Shaper<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.gains.set(lane, [to[0], to[1]], when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut work = [L::zero(); BLOCK];
        let work = &mut work[..io.len()];
        work.copy_from_slice(io);
        self.hold.run(ctx.frame, ctx.pairs, work);
        for x in work.iter_mut() {
            *x = math::db(*x).max(L::splat(FLOOR));
        }
        let (lag, zero) = (L::splat(LAG), L::zero());
        let (rise, fall, fade, duck, swell) = (self.rise, self.fall, self.fade, self.duck, self.swell);
        let (mut before, mut behind, mut above) = (self.level, self.behind, self.above);
        let (mut attack, mut sustain) = (self.attack, self.sustain);
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            self.gains.at(here);
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            for (level, x) in work[at..at + n].iter().zip(&mut io[at..at + n]) {
                let step = *level - before;
                before = *level;
                behind = rise * (behind + step).max(zero).min(lag);
                above = fall * (above - step).max(zero).min(lag);
                // At once where it begins, for a click is over soon.
                attack = amount(behind).max(fade * attack);
                let want = amount(above);
                sustain = L::select(want.gt(sustain), swell, duck).mul_add(sustain - want, want);
                let [a, s] = self.gains.now;
                *x = *x * math::gain(a.mul_add(attack, s * sustain));
                if self.gains.moving() {
                    self.gains.advance();
                }
            }
            at += n;
        }
        // What rounds to nothing is nothing. On the grid, so that the period does not show.
        if (ctx.frame + io.len() as u64).is_multiple_of(BLOCK as u64) {
            let tiny = L::splat(1e-9);
            attack = L::select(attack.gt(tiny), attack, zero);
            sustain = L::select(sustain.gt(tiny), sustain, zero);
        }
        (self.level, self.behind, self.above) = (before, behind, above);
        (self.attack, self.sustain) = (attack, sustain);
    }

    fn clear(&mut self, lane: usize) {
        self.hold.clear(lane);
        self.level.set(lane, FLOOR);
        for v in [&mut self.behind, &mut self.above, &mut self.attack, &mut self.sustain] {
            v.set(lane, 0.0);
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.gains.carry(lane, &from.gains, from_lane);
        self.hold.carry(lane, &from.hold, from_lane);
        for (to, old) in [
            (&mut self.level, &from.level),
            (&mut self.behind, &from.behind),
            (&mut self.above, &from.above),
            (&mut self.attack, &from.attack),
            (&mut self.sustain, &from.sustain),
        ] {
            to.set(lane, old.get(from_lane));
        }
    }

    fn rest(&self, _lane: usize) -> bool {
        !self.gains.moving()
    }
}

/// How much of an effect a distance of envelopes in dB has.
#[inline(always)]
fn amount<L: Lanes>(distance: L) -> L {
    let share = L::splat(1.0 / OVER).mul_add(distance, L::splat(-FROM / OVER));
    share.max(L::zero()).min(L::splat(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, Pair};
    use crate::param::Value;
    use crate::proc::{PartValues, Running};
    use crate::ramp::Curve;
    use std::f64::consts::TAU;

    fn run(rate: f64, x: &[[f64; 2]], pairs: u32, attack: f64, sustain: f64, block: usize) -> Vec<[f64; 2]> {
        let curve = Curve::new(rate);
        let mut t = <Transient as Processor>::build::<Pair<One32>>(&Build { rate, curve: &curve, lanes: &[], seeds: &[] });
        let values = [Value::Bool(true), Value::Float(attack), Value::Float(sustain)];
        let parts = vec![PartValues { decls: Transient::PARTS[0].decls, values: &values }];
        let to = Transient::coeffs(0, &Params { parts }, rate);
        (0..2).for_each(|lane| Process::set(&mut t, 0, lane, &to, When::Jump));
        let (mut out, mut at) = (Vec::new(), 0);
        while at < x.len() {
            let n = block.min(64 - at % 64).min(x.len() - at);
            let mut io: Vec<Pair<One32>> = x[at..at + n].iter().map(|x| Pair::from_fn(|lane| x[lane])).collect();
            let mut ctx = Ctx::new(at as u64, Pair::<One32>::mask(pairs));
            Running::process(&mut t, &mut ctx, &mut io);
            out.extend(io.iter().map(|v| [v.get(0), v.get(1)]));
            at += n;
        }
        out
    }

    fn both(x: impl Iterator<Item = f64>) -> Vec<[f64; 2]> {
        x.map(|x| [f64::from(x as f32); 2]).collect()
    }

    #[test]
    fn neutral_and_steady_pass_bit_for_bit() {
        let x = both((0..48_000).map(|i| 0.3 * (TAU * 61.0 * f64::from(i) / 48000.0).sin() * f64::from(i / 100 % 7)));
        assert_eq!(run(48000.0, &x, 0, 0.0, 0.0, 64), x);
        for hz in [50.0, 997.0, 9419.0] {
            let x = both((0..48_000).map(|i| 0.5 * (TAU * hz * f64::from(i) / 48000.0).sin()));
            let y = run(48000.0, &x, 0, 12.0, -12.0, 64);
            assert_eq!(y[24_000..], x[24_000..], "{hz}");
        }
    }

    #[test]
    fn a_click_has_the_gain_of_the_attack() {
        for rate in [44100.0, 48000.0, 192_000.0] {
            for gain in [-12.0, -6.0, 6.0, 12.0] {
                // A millisecond of 3 kHz, quiet or loud, out of silence or out of a low floor.
                for (level, floor) in [(0.5, 0.0), (0.003, 0.0), (0.5, 1e-3)] {
                    let click = |i: i32| f64::from(i) / rate >= 0.2 && f64::from(i) / rate < 0.201;
                    let tone = |i: i32| (TAU * 3000.0 * f64::from(i) / rate).cos();
                    let n = (0.3 * rate) as i32;
                    let x = both((0..n).map(|i| tone(i) * if click(i) { level } else { floor }));
                    let y = run(rate, &x, 0, gain, 0.0, 64);
                    let power = |x: &[[f64; 2]]| {
                        x.iter().enumerate().filter(|(i, _)| click(*i as i32)).map(|(_, x)| x[0] * x[0]).sum::<f64>()
                    };
                    let got = 10.0 * (power(&y) / power(&x)).log10();
                    assert!((got - gain).abs() < 0.1, "{rate} {gain} {level}: {got}");
                }
            }
        }
    }

    #[test]
    fn a_decay_has_the_gain_of_the_sustain_and_its_beginning_has_not() {
        let x = both((0..48_000).map(|i| {
            let s = f64::from(i) / 48000.0 - 0.1;
            if s < 0.0 { 0.0 } else { 10f64.powf(-60.0 * s / 20.0) * (TAU * 500.0 * s).sin() }
        }));
        let gain = |y: &[[f64; 2]], from: usize, n: usize| {
            let power = |x: &[[f64; 2]]| x[from..from + n].iter().map(|x| x[0] * x[0]).sum::<f64>();
            10.0 * (power(y) / power(&x)).log10()
        };
        let y = run(48000.0, &x, 0, 0.0, 6.0, 64);
        assert!(gain(&y, 4800, 480).abs() < 0.1, "{}", gain(&y, 4800, 480));
        assert!((gain(&y, 28_800, 2400) - 6.0).abs() < 0.3, "{}", gain(&y, 28_800, 2400));
    }

    #[test]
    fn sides_share_the_gain_and_the_period_does_not_show() {
        let x: Vec<[f64; 2]> =
            both((0..9600).map(|i| 0.5 * (TAU * 300.0 * f64::from(i) / 48000.0).sin() * f64::from(i / 2400 % 2)))
                .into_iter()
                .map(|[l, r]| [l, 0.125 * r])
                .collect();
        let y = run(48000.0, &x, 3, 9.0, -7.0, 64);
        assert!(y.iter().all(|[l, r]| (0.125 * l - r).abs() < 1e-7));
        assert_eq!(y, run(48000.0, &x, 3, 9.0, -7.0, 1));
        assert_eq!(y, run(48000.0, &x, 3, 9.0, -7.0, 17));
    }
}
