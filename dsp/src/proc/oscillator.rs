//! The oscillator: sine, pink noise, white noise or a sweep in place of its strip's input. No latency.
//!
//! `level` is that of a sine: noises have the same rms as a sine with this peak, so a meter of rms reads
//! the same for all four. The noises' peaks lie higher, white by 1.8 dB, pink by up to 10 dB.
//!
//! * sine: its phase runs on through changes of `freq`.
//! * pink: white noise through a ladder of first-order sections whose corners lie two octaves apart;
//!   −3.01 dB/oct within 0.2 dB from 20 Hz to 20 kHz.
//! * sweep: 20 Hz to 20 kHz (or nine tenths of half the rate) evenly in octaves within `time`, again and
//!   again, faded over 10 ms at both ends.

use super::{Build, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::graph::StripKind;
use crate::kernel::noise::{Noise, white};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, Gain, When};
use std::f64::consts::{PI, SQRT_2, TAU};
use std::sync::Arc;

/// The oscillator.
pub struct Oscillator;

const TYPES: &[&str] = &["sine", "pink", "white", "sweep"];
const KINDS: usize = TYPES.len();
const SINE: usize = 0;
const PINK: usize = 1;
const WHITE: usize = 2;
const SWEEP: usize = 3;

impl Processor for Oscillator {
    const NAME: &'static str = "oscillator";
    const DOC: &'static str = "Test signals";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", false, "Oscillator sounds").momentary(),
        Decl::names("type", TYPES, "Signal"),
        Decl::log("freq", Unit::Hz, 20.0, 20000.0, 1000.0, "Frequency of the sine"),
        Decl::float("level", Unit::Dbfs, -80.0, 0.0, -18.0, "Level; of noise, that of a sine of the same rms"),
        Decl::log("time", Unit::S, 1.0, 60.0, 10.0, "Time of one sweep"),
    ])];
    const SOURCE: bool = true;
    const ONLY: Option<StripKind> = Some(StripKind::Oscillator);

    fn coeffs(_part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[0];
        let mut to = Targets::default();
        to[..4].copy_from_slice(&[
            p.num("type"),
            p.num("freq").min(0.49 * rate) / rate,
            10f64.powf(p.num("level") / 20.0),
            p.num("time") * rate,
        ]);
        to
    }

    type State<L: Lanes> = OscillatorBank;

    fn build<L: Lanes>(build: &Build) -> OscillatorBank {
        let pink = Pink::new(build.rate);
        OscillatorBank {
            lanes: (0..L::N).map(|_| Voice::new(build.curve, build.rate, &pink)).collect(),
            noise: Noise::new(build.seeds),
        }
    }
}

/// A ladder of one-pole, one-zero sections that makes white noise pink.
#[derive(Clone, Copy, Debug)]
struct Pink {
    poles: [f64; Pink::N],
    zeros: [f64; Pink::N],
    /// Makes the rms that of a sine of peak 1, from noise evenly distributed in −1 … 1.
    gain: f64,
    state: [f64; Pink::N],
    last: f64,
}

impl Pink {
    const N: usize = 8;
    /// Between one pole and the next.
    const RATIO: f64 = 4.0;
    const LOWEST_HZ: f64 = 8.0;
    /// A last zero, for what sampling bends in the top octave.
    const TOP: f64 = 0.085;

    fn new(rate: f64) -> Pink {
        let at = |hz: f64| (-TAU * hz / rate).exp();
        let pole = |k: usize| Self::LOWEST_HZ * Self::RATIO.powi(k as i32);
        let mut pink = Pink {
            poles: std::array::from_fn(|k| at(pole(k))),
            zeros: std::array::from_fn(|k| at(pole(k) * Self::RATIO.sqrt())),
            gain: 1.0,
            state: [0.0; Self::N],
            last: 0.0,
        };
        // Mean power over the band by a fine sum, denser where the power is.
        let points = 4000;
        let octaves = (0.5 * rate / 0.1).log2();
        let (mut power, mut last) = (0.0, 0.0);
        for i in 1..=points {
            let hz = 0.1 * (octaves * f64::from(i) / f64::from(points)).exp2();
            power += pink.square(hz / rate) * (hz - last) / (0.5 * rate);
            last = hz;
        }
        pink.gain = (3.0 / power).sqrt() / SQRT_2;
        pink
    }

    /// Power response, at a frequency relative to the rate.
    fn square(&self, freq: f64) -> f64 {
        let part = |r: f64| 1.0 - 2.0 * r * (TAU * freq).cos() + r * r;
        part(-Self::TOP) * self.zeros.iter().zip(&self.poles).map(|(z, p)| part(*z) / part(*p)).product::<f64>()
    }

    fn next(&mut self, white: f64) -> f64 {
        let mut x = white;
        for k in 0..Self::N {
            // Direct form II transposed, one state.
            let y = x + self.state[k];
            self.state[k] = self.poles[k] * y - self.zeros[k] * x;
            x = y;
        }
        let y = Self::TOP.mul_add(self.last, x);
        self.last = x;
        self.gain * y
    }
}

/// The generators of one lane.
#[derive(Clone, Debug)]
struct Voice {
    /// Share of each type.
    kinds: [Gain; KINDS],
    level: Gain,
    /// Cycles a frame.
    freq: Gain,
    /// Frames of a sweep.
    time: f64,
    rate: f64,
    /// In cycles.
    phase: f64,
    sweep_phase: f64,
    /// Frames into the sweep.
    swept: f64,
    pink: Pink,
}

impl Voice {
    fn new(curve: &Arc<Curve>, rate: f64, pink: &Pink) -> Voice {
        Voice {
            kinds: std::array::from_fn(|kind| Gain::new(curve, f64::from(u8::from(kind == SINE)))),
            level: Gain::new(curve, 0.0),
            freq: Gain::new(curve, 0.0),
            time: rate,
            rate,
            phase: 0.0,
            sweep_phase: 0.0,
            swept: 0.0,
            pink: *pink,
        }
    }

    fn set(&mut self, to: &Targets, when: When) {
        for (kind, share) in self.kinds.iter_mut().enumerate() {
            share.set(f64::from(u8::from(kind == to[0] as usize)), when);
        }
        self.freq.set(to[1], when);
        self.level.set(to[2], when);
        self.time = to[3];
    }

    fn clear(&mut self) {
        (self.phase, self.sweep_phase, self.swept) = (0.0, 0.0, 0.0);
        (self.pink.state, self.pink.last) = ([0.0; Pink::N], 0.0);
    }

    fn sweep(&mut self) -> f64 {
        let top = 20_000f64.min(0.45 * self.rate);
        let hz = 20.0 * (top / 20.0).powf(self.swept / self.time);
        let fade = 0.01 * self.rate;
        let edge = (self.swept.min(self.time - self.swept) / fade).clamp(0.0, 1.0);
        let y = (TAU * self.sweep_phase).sin() * 0.5 * (1.0 - (PI * edge).cos());
        self.sweep_phase = (self.sweep_phase + hz / self.rate).fract();
        self.swept += 1.0;
        if self.swept >= self.time {
            (self.swept, self.sweep_phase) = (0.0, 0.0);
        }
        y
    }

    fn run(&mut self, seed: u64, frame: u64, out: &mut [f64]) {
        let heard: [bool; KINDS] = std::array::from_fn(|kind| self.kinds[kind].resting() != Some(0.0));
        for (y, frame) in out.iter_mut().zip(frame..) {
            let freq = self.freq.next(frame);
            let noise = white(seed, frame);
            let mut sum = 0.0;
            for kind in (0..KINDS).filter(|kind| heard[*kind]) {
                let x = match kind {
                    SINE => (TAU * self.phase).sin(),
                    PINK => self.pink.next(noise),
                    WHITE => noise * (1.5f64).sqrt(),
                    SWEEP => self.sweep(),
                    _ => 0.0,
                };
                sum += x * self.kinds[kind].next(frame);
            }
            self.phase = (self.phase + freq).fract();
            *y = sum * self.level.next(frame);
        }
    }
}

/// The oscillators of a bank.
pub struct OscillatorBank {
    lanes: Box<[Voice]>,
    noise: Noise,
}

impl<L: Lanes> Process<L> for OscillatorBank {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.lanes[lane].set(to, when);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut y = [0.0; BLOCK];
        let y = &mut y[..io.len()];
        for lane in 0..L::N {
            // A lane without a strip never had a level.
            if self.lanes[lane].level.resting() == Some(0.0) {
                continue;
            }
            self.lanes[lane].run(self.noise.seed(lane), ctx.frame, y);
            for (io, y) in io.iter_mut().zip(y.iter()) {
                io.set(lane, *y);
            }
        }
    }

    fn clear(&mut self, lane: usize) {
        self.lanes[lane].clear();
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.lanes[lane].clone_from(&from.lanes[from_lane]);
        self.noise.reseed(lane, from.noise.seed(from_lane));
    }

    fn rest(&self, _lane: usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(kind: usize, freq: f64, time: f64) -> Voice {
        let rate = 48_000.0;
        let mut voice = Voice::new(&Curve::new(rate), rate, &Pink::new(rate));
        let mut to = Targets::default();
        to[..4].copy_from_slice(&[kind as f64, freq / rate, 0.5, time * rate]);
        voice.set(&to, When::Jump);
        voice
    }

    fn sound(voice: &mut Voice, frames: usize) -> Vec<f64> {
        let mut out = vec![0.0; frames];
        for (i, block) in out.chunks_mut(BLOCK).enumerate() {
            voice.run(7, (i * BLOCK) as u64, block);
        }
        out
    }

    #[test]
    fn all_types_read_the_same_on_an_rms_meter() {
        for kind in [SINE, PINK, WHITE, SWEEP] {
            let x = sound(&mut voice(kind, 1000.0, 10.0), 480_000);
            let rms = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
            let off = 20.0 * (rms * SQRT_2 / 0.5).log10();
            assert!(off.abs() < 0.25, "{}: {off:.2} dB", TYPES[kind]);
        }
    }

    #[test]
    fn pink_falls_by_three_decibels_an_octave() {
        for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0] {
            let pink = Pink::new(rate);
            let level = |hz: f64| 10.0 * pink.square(hz / rate).log10() + 10.0 * hz.log10();
            let levels: Vec<f64> = (0..=200).map(|i| level(20.0 * 1000f64.powf(f64::from(i) / 200.0))).collect();
            let most = levels.iter().fold(f64::MIN, |m, x| m.max(*x));
            let least = levels.iter().fold(f64::MAX, |m, x| m.min(*x));
            assert!(most - least < 0.4, "{rate}: {:.2} dB", most - least);
        }
    }

    #[test]
    fn the_sine_has_its_frequency_and_goes_on_through_changes() {
        let mut voice = voice(SINE, 997.0, 10.0);
        let x = sound(&mut voice, 48_000);
        let rising = x.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        assert!((996..=997).contains(&rising), "{rising}");
        let mut to = Targets::default();
        to[..4].copy_from_slice(&[0.0, 2000.0 / 48_000.0, 0.5, 48_000.0]);
        voice.set(&to, When::At(48_000));
        let mut y = vec![0.0; 4800];
        voice.run(7, 48_000, &mut y);
        let step = x[47_999..].iter().chain(&y).collect::<Vec<_>>().windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
        assert!(step <= 0.5 * TAU * 2000.0 / 48_000.0 + 1e-9, "{step}");
    }

    #[test]
    fn a_sweep_passes_the_geometric_middle_at_half_time() {
        let mut voice = voice(SWEEP, 1000.0, 2.0);
        let x = sound(&mut voice, 96_000);
        let near = &x[48_000 - 480..48_000 + 480];
        let rising = near.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count();
        // √(20 · 20,000) = 632 Hz for 20 ms.
        assert!((12..=14).contains(&rising), "{rising}");
        assert!(x[0] == 0.0 && x[95_999].abs() < 0.01);
    }
}
