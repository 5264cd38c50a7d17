//! A clipper for buses and masters: nothing passes the ceiling, at once and without memory.
//!
//! With a knee the curve bends from `knee` dB below the ceiling on, along a parabola that arrives level with it:
//! from a to 2c − a for a ceiling c. Oversampled as [`super::saturate`] is. Only what is cut off goes through the
//! filters, and is taken from the delayed signal: sound under the bend passes bit for bit, highs above 20 kHz too.
//!
//! The ceiling holds at the high rate. The way down takes away harmonics above the band, and without them peaks
//! can pass it: by 0.01 dB for a tone of 50 Hz and 0.15 for one of 1 kHz pushed 12 dB over, by 1.6 to 2.5 dB (true
//! peak) for square waves. What lies above 20 kHz is hardly clipped at all: white noise 6 dB over keeps its peaks.
//! Where a ceiling must hold, a limiter stands after it. Latency: 44 frames at 48 kHz, on or off; a change of
//! `on` or `mix` begins 96 frames after its frame.

use super::{Build, Params, Part, Processor, Targets};
use crate::kernel::beside::{Beside, Wet};
use crate::kernel::oversample::{self, CHUNK, Oversampler, Waveshaper};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

/// The clipper.
pub struct Clip;

impl Processor for Clip {
    const NAME: &'static str = "clip";
    const DOC: &'static str =
        "Clipper: cuts or bends peaks; its filters pass the ceiling by up to 2.5 dB, a limiter behind it holds one";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Clipper in the path"),
        Decl::float("ceiling", Unit::Dbfs, -24.0, 0.0, 0.0, "Level at which it clips"),
        Decl::float("knee", Unit::Db, 0.0, 12.0, 0.0, "How far below the ceiling it begins to bend"),
        Decl::float("mix", Unit::None, 0.0, 1.0, 1.0, "Share of the clipped signal"),
    ])];
    const OWN_BYPASS: bool = true;

    fn latency(_params: &Params, rate: f64) -> usize {
        oversample::latency(rate)
    }

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let p = &params.parts[0];
        let amplitude = |db: f64| 10f64.powf(db / 20.0);
        let ceiling = amplitude(p.num("ceiling"));
        let mut to = Targets::default();
        to[0] = if p.on("on") { p.num("mix") } else { 0.0 };
        to[1] = ceiling;
        // Half the width of the bend, which is centred on the ceiling.
        to[2] = ceiling * (1.0 - amplitude(-p.num("knee")));
        to
    }

    type State<L: Lanes> = Beside<L, Clipped<L>>;

    fn build<L: Lanes>(build: &Build) -> Beside<L, Clipped<L>> {
        let wet = Clipped {
            level: Coeffs::new(build.curve, [1.0, 0.0]),
            over: Oversampler::new(build.rate),
            factor: oversample::factor(build.rate),
        };
        Beside::new(build.curve, oversample::latency(build.rate), wet)
    }
}

/// What is cut off, with its sign turned.
pub struct Clipped<L> {
    /// Ceiling, and half the width of the bend around it.
    level: Coeffs<L, 2>,
    over: Oversampler<L>,
    factor: usize,
}

/// One bend, or one a frame: its beginning, its end, and 1/(2·width).
struct Bends<'a, L> {
    bends: &'a [[L; 3]],
    factor: usize,
}

impl<L: Lanes> Waveshaper<L> for Bends<'_, L> {
    #[inline(always)]
    fn shape(&self, io: &mut [L]) {
        for ([start, end, half_inverse], samples) in self.bends.iter().zip(io.chunks_exact_mut(self.factor)) {
            for x in samples.iter_mut() {
                // Under the bend, all of these are exactly 0.
                let inside = (-*end).max(end.min(*x));
                let bent = inside - (-*start).max(start.min(inside));
                *x = (inside - *x) - bent * (bent.abs() * *half_inverse);
            }
        }
    }
}

impl<L: Lanes> Wet<L> for Clipped<L> {
    const ADDED: bool = true;

    fn set(&mut self, lane: usize, to: &Targets, when: When) {
        self.level.set(lane, [to[1], to[2]], when);
    }

    #[inline(always)]
    fn run(&mut self, frame: u64, io: &mut [L]) {
        self.level.at(frame);
        let mut bends = [[L::zero(); 3]; CHUNK];
        let bends = &mut bends[..io.len()];
        let (tiny, quarter) = (L::splat(1e-6), L::splat(0.25));
        for bend in bends.iter_mut() {
            let [ceiling, half] = self.level.now;
            *bend = [ceiling - half, ceiling + half, quarter / half.max(tiny)];
            if self.level.moving() {
                self.level.advance();
            }
        }
        self.over.run(io, &Bends { bends, factor: self.factor });
    }

    fn clear(&mut self, lane: usize) {
        self.over.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.level.carry(lane, &from.level, from_lane);
        self.over.carry(lane, &from.over, from_lane);
    }

    fn moving(&self) -> bool {
        self.level.moving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use crate::param::Value;
    use crate::proc::{Ctx, PartValues, Process, Running};
    use crate::ramp;
    use std::f64::consts::TAU;

    const RATE: f64 = 48000.0;

    fn targets(ceiling: f64, knee: f64, mix: f64) -> Targets {
        let values = [Value::Bool(true), Value::Float(ceiling), Value::Float(knee), Value::Float(mix)];
        let parts = vec![PartValues { decls: Clip::PARTS[0].decls, values: &values }];
        Clip::coeffs(0, &Params { parts }, RATE)
    }

    fn run<L: Lanes>(x: &[f64], to: &[Targets], later: Option<(u64, Targets)>) -> Vec<L> {
        let curve = ramp::Curve::new(RATE);
        let mut c = <Clip as Processor>::build::<L>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
        for (lane, to) in to.iter().enumerate() {
            Process::set(&mut c, 0, lane, to, When::Jump);
        }
        let mut out = Vec::new();
        for (block, x) in x.chunks(64).enumerate() {
            let frame = 64 * block as u64;
            if let Some((at, to)) = later.filter(|later| later.0 == frame) {
                Process::set(&mut c, 0, 0, &to, When::At(at));
            }
            let mut io: Vec<L> = x.iter().map(|x| L::splat(*x)).collect();
            let mut ctx = Ctx::new(frame, L::mask(0));
            Running::process(&mut c, &mut ctx, &mut io);
            out.extend(io);
        }
        out
    }

    fn sine(hz: f64, level: f64, n: usize) -> Vec<f64> {
        (0..n).map(|i| level * (TAU * hz * i as f64 / RATE).sin()).collect()
    }

    #[test]
    fn under_the_bend_it_passes_bit_for_bit() {
        for (ceiling, knee, level) in [(0.0, 0.0, 0.99), (-6.0, 6.0, 0.24), (-12.0, 0.0, 0.24)] {
            let x = sine(997.0, level, 9600);
            let y = run::<One32>(&x, &[targets(ceiling, knee, 1.0)], None);
            assert!(y[44..].iter().zip(&x).all(|(y, x)| y.0 == *x as f32), "{ceiling} {knee}");
        }
    }

    #[test]
    fn the_ceiling_holds_for_low_tones_and_the_knee_is_as_drawn() {
        for (knee, over) in [(0.0, 0.5), (6.0, 0.1), (12.0, 0.1)] {
            let x = sine(50.0, 1.0, 9600);
            let y = run::<One64>(&x, &[targets(-6.0, knee, 1.0)], None);
            let peak = y.iter().map(|y| y.0.abs()).fold(0.0, f64::max);
            let db = 20.0 * peak.log10() + 6.0;
            assert!(db < over && db > -0.1, "{knee}: {db}");
            let c = 10f64.powf(-6.0 / 20.0);
            let (a, b) = (c * 10f64.powf(-knee / 20.0), c * (2.0 - 10f64.powf(-knee / 20.0)));
            let curve = |x: f64| {
                let t = x.abs().clamp(a, b) - a;
                x.signum() * (x.abs().min(b) - if knee > 0.0 { t * t / (2.0 * (b - a)) } else { 0.0 })
            };
            let square: f64 = y[4844..9600].iter().zip(&x[4800..]).map(|(y, x)| (y.0 - curve(*x)).powi(2)).sum();
            assert!((square / 4756.0).sqrt() < 2e-3, "{knee}");
        }
    }

    #[test]
    fn settings_move_smoothly_and_stay_in_their_lane() {
        let x = sine(200.0, 0.7, 9600);
        let from = targets(-12.0, 6.0, 1.0);
        let still = run::<Pair<One32>>(&x, &[from, from], None);
        for to in [targets(-3.0, 6.0, 1.0), targets(-12.0, 0.0, 1.0), targets(-12.0, 6.0, 0.0)] {
            let moved = run::<Pair<One32>>(&x, &[from, from], Some((4800, to)));
            assert!(moved.iter().zip(&still).all(|(a, b)| a.get(1).to_bits() == b.get(1).to_bits()));
            let corner = moved.windows(3).skip(200).map(|w| (w[2].get(0) - 2.0 * w[1].get(0) + w[0].get(0)).abs());
            assert!(corner.fold(0.0, f64::max) < 0.02);
        }
    }
}
