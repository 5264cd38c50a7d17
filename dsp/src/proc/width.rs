//! Stereo width, and bass in the middle.
//!
//! Each side is mid and side, x = m ± s. `amount` scales the side: 0 is mono, 2 twice as wide. With `mono`, the
//! side goes through a high-pass of 24 dB/oct (Linkwitz and Riley's, −6 dB at 1.6 times `mono`): at `mono` it is
//! 17 dB down, at half of it and below 40 dB and more. The mid goes through the all-pass with the phase of that
//! high-pass, so that a sound panned to one side moves towards the middle where the side fades, and never to the
//! other one. A mono strip passes unchanged. No latency.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, Curve, GRID, When};
use std::f64::consts::{PI, SQRT_2};

/// The width control.
pub struct Width;

/// Corner of the high-pass over `mono`.
const ABOVE: f64 = 1.6;
/// How long `mono` takes to move: all-pass and high-pass turn the phase of everything near.
const GLIDE_S: f64 = 0.08;

impl Processor for Width {
    const NAME: &'static str = "width";
    const DOC: &'static str = "Stereo width";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Width in the path"),
        Decl::float("amount", Unit::None, 0.0, 2.0, 1.0, "Gain of the side signal: 0 is mono, 1 unchanged"),
        Decl::float("mono", Unit::Hz, 0.0, 500.0, 0.0, "No side signal below; 0: everywhere"),
    ])];

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let mono = p.num("mono");
        let on = mono > 0.0;
        // Off, the filters wait in the middle of their range.
        let corner = ABOVE * if on { mono.max(5.0) } else { 100.0 };
        // The sections of "The Art of VA Filter Design" for Butterworth's poles.
        let g = (PI * corner / rate).tan();
        let a1 = 1.0 / (1.0 + g * (g + SQRT_2));
        let mut to = Targets::default();
        to[..5].copy_from_slice(&[p.num("amount"), a1, g * a1, g * g * a1, f64::from(u8::from(on))]);
        to
    }

    type State<L: Lanes> = Widths<L>;

    fn build<L: Lanes>(build: &Build) -> Widths<L> {
        let glide = Curve::lasting(build.rate, GLIDE_S);
        Widths {
            amount: Coeffs::new(build.curve, [1.0]),
            high: [Section::new(&glide), Section::new(&glide)],
            all: [Section::new(&glide)],
        }
    }
}

/// A bank of width controls.
pub struct Widths<L> {
    amount: Coeffs<L, 1>,
    /// High-pass of the side.
    high: [Section<L>; 2],
    /// All-pass of the mid.
    all: [Section<L>; 1],
}

impl<L: Lanes> Process<L> for Widths<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.amount.set(lane, [to[0]], when);
        let [_, a1, a2, a3, on, ..] = *to;
        let mix = |m1: f64, m2: f64| if on >= 0.5 { [a1, a2, a3, 1.0, m1, m2] } else { [a1, a2, a3, 1.0, 0.0, 0.0] };
        self.high.iter_mut().for_each(|s| s.set(lane, &mix(-SQRT_2, -1.0), when));
        self.all[0].set(lane, &mix(-2.0 * SQRT_2, 0.0), when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let half = L::splat(0.5);
        let (mut mids, mut sides) = ([L::zero(); BLOCK], [L::zero(); BLOCK]);
        let (mids, sides) = (&mut mids[..io.len()], &mut sides[..io.len()]);
        for ((x, mid), side) in io.iter_mut().zip(mids.iter_mut()).zip(sides.iter_mut()) {
            let other = L::select(ctx.pairs, x.swap_pairs(), *x);
            *mid = (*x + other) * half;
            // Its own side's: the right one has its sign turned.
            *side = (*x - other) * half;
        }
        svf::run(&mut self.all, ctx.frame, mids);
        svf::run(&mut self.high, ctx.frame, sides);
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            self.amount.at(here);
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            for i in at..at + n {
                let x = io[i];
                let amount = self.amount.now[0];
                let other = L::select(ctx.pairs, x.swap_pairs(), x);
                let (mid, side) = ((x + other) * half, (x - other) * half);
                // What changes, added: nothing, bit for bit, where nothing does.
                let wide = (mids[i] - mid) + amount.mul_add(sides[i], -side);
                io[i] = L::select(ctx.pairs, x + wide, x);
                if self.amount.moving() {
                    self.amount.advance();
                }
            }
            at += n;
        }
    }

    fn clear(&mut self, lane: usize) {
        self.high.iter_mut().chain(&mut self.all).for_each(|s| s.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.amount.carry(lane, &from.amount, from_lane);
        for (to, old) in self.high.iter_mut().chain(&mut self.all).zip(from.high.iter().chain(&from.all)) {
            to.carry(lane, old, from_lane);
        }
    }

    fn rest(&self, _lane: usize) -> bool {
        !self.amount.moving() && !self.high.iter().chain(&self.all).any(Section::moving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use crate::param::Value;
    use crate::proc::{PartValues, Running};
    use std::f64::consts::TAU;

    fn targets(amount: f64, mono: f64, rate: f64) -> Targets {
        let values = [Value::Bool(true), Value::Float(amount), Value::Float(mono)];
        Width::coeffs(0, &Params { parts: vec![PartValues { decls: Width::PARTS[0].decls, values: &values }] }, rate)
    }

    /// Left and right through one pair of lanes; a change at a frame.
    fn run<T: Lanes>(rate: f64, x: &[[f64; 2]], pairs: u32, to: Targets, later: Option<(u64, Targets)>) -> Vec<[f64; 2]>
    where
        Pair<T>: Lanes,
    {
        let curve = Curve::new(rate);
        let mut w = <Width as Processor>::build::<Pair<T>>(&Build { rate, curve: &curve, lanes: &[], seeds: &[] });
        (0..2).for_each(|lane| Process::set(&mut w, 0, lane, &to, When::Jump));
        let mut out = Vec::new();
        for (block, x) in x.chunks(64).enumerate() {
            let frame = 64 * block as u64;
            if let Some((at, to)) = later.filter(|later| later.0 == frame) {
                (0..2).for_each(|lane| Process::set(&mut w, 0, lane, &to, When::At(at)));
            }
            let mut io: Vec<Pair<T>> = x.iter().map(|x| Pair::from_fn(|lane| x[lane])).collect();
            let mut ctx = Ctx::new(frame, Pair::<T>::mask(pairs));
            Running::process(&mut w, &mut ctx, &mut io);
            out.extend(io.iter().map(|v| [v.get(0), v.get(1)]));
        }
        out
    }

    fn tone(rate: f64, hz: f64, n: usize, gains: [f64; 2]) -> Vec<[f64; 2]> {
        (0..n).map(|i| gains.map(|g| f64::from((g * (TAU * hz * i as f64 / rate).sin()) as f32))).collect()
    }

    fn rms(x: impl Iterator<Item = f64>) -> f64 {
        let (mut sum, mut n) = (0.0, 0.0);
        x.for_each(|x| (sum, n) = (sum + x * x, n + 1.0));
        f64::sqrt(sum / n)
    }

    #[test]
    fn unchanged_is_exact_and_so_is_a_mono_strip() {
        let x = tone(48000.0, 777.0, 4800, [0.9, -0.33]);
        assert_eq!(run::<One32>(48000.0, &x, 3, targets(1.0, 0.0, 48000.0), None), x);
        assert_eq!(run::<One32>(48000.0, &x, 0, targets(0.3, 200.0, 48000.0), None), x);
        // On its way and back.
        let y = run::<One32>(48000.0, &x, 3, targets(1.0, 0.0, 48000.0), Some((1024, targets(1.0, 0.0, 48000.0))));
        assert_eq!(y, x);
    }

    #[test]
    fn the_side_is_scaled() {
        let x = tone(48000.0, 777.0, 4800, [0.5, 0.1]);
        for amount in [0.0, 0.5, 2.0] {
            let y = run::<One64>(48000.0, &x, 3, targets(amount, 0.0, 48000.0), None);
            for ([l, r], [a, b]) in y.iter().zip(&x) {
                let (m, s) = (0.5 * (a + b), 0.5 * (a - b));
                assert!((l - (m + amount * s)).abs() < 1e-12 && (r - (m - amount * s)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn bass_is_in_the_middle_and_never_changes_sides() {
        for rate in [44100.0, 48000.0, 96000.0, 192_000.0] {
            for mono in [60.0, 120.0, 500.0] {
                for factor in [0.2, 0.5, 1.0, 1.6, 2.0, 4.0, 16.0] {
                    let n = (rate * (0.3 + 20.0 / mono)) as usize;
                    let y = run::<One64>(rate, &tone(rate, mono * factor, n, [0.5, 0.0]), 3, targets(1.0, mono, rate), None);
                    let late = &y[n / 2..];
                    let side = rms(late.iter().map(|[l, r]| 0.5 * (l - r)));
                    let mid = rms(late.iter().map(|[l, r]| 0.5 * (l + r)));
                    let ratio = 20.0 * (side / mid).log10();
                    // Mid is as loud as ever; left stays left.
                    assert!((20.0 * (mid / (0.25 / SQRT_2)).log10()).abs() < 0.1, "{rate} {mono} {factor}: {mid}");
                    let [l, r] = [0, 1].map(|side| rms(late.iter().map(|y| y[side])));
                    assert!(l >= r * 0.999, "{rate} {mono} {factor}: {l} {r}");
                    match factor {
                        f if f <= 0.5 => assert!(ratio <= -40.0, "{rate} {mono} {factor}: {ratio}"),
                        f if f >= 16.0 => assert!(ratio.abs() < 0.1, "{rate} {mono} {factor}: {ratio}"),
                        _ => assert!(ratio < 0.0),
                    }
                }
            }
        }
    }

    #[test]
    fn it_moves_without_a_click() {
        let x = tone(48000.0, 200.0, 9600, [0.9, -0.5]);
        for (from, to) in
            [((1.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (2.0, 0.0)), ((1.0, 0.0), (1.0, 200.0)), ((1.5, 400.0), (1.5, 0.0))]
        {
            let at = |(amount, mono)| targets(amount, mono, 48000.0);
            let y = run::<One64>(48000.0, &x, 3, at(from), Some((4800, at(to))));
            for side in 0..2 {
                // A corner of the tone itself is 0.0013.
                let corner = y.windows(3).skip(100).map(|w| (w[2][side] - 2.0 * w[1][side] + w[0][side]).abs());
                assert!(corner.fold(0.0, f64::max) < 0.003, "{from:?} {to:?}");
            }
        }
    }
}
