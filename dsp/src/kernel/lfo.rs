//! Low-frequency sines for modulation, exact functions of the absolute frame.
//!
//! A free-running sine: its phase is 0 at frame 0 of the engine and advances with every frame, whether or not
//! anything sounds, so neither sleep nor the period shows in it. A new rate is glided to along the 20 ms curve
//! and the phase goes on from where it is; what the glide adds to it is the curve's integral, in closed form.

use crate::kernel::delayline::CHUNK;
use crate::ramp::{Curve, STEPS, When};
use std::f64::consts::{PI, TAU};

/// Steps of the rate under way, and one that waits.
const MOST: usize = STEPS + 1;

/// One phase, in turns.
#[derive(Clone, Debug)]
pub struct Lfo {
    /// Phase at frame 0 as the settled speed would have it.
    phase: f64,
    /// Turns a frame.
    speed: f64,
    /// Changes of the speed: their first frame, and by how much.
    steps: [(u64, f64); MOST],
    running: usize,
    /// Frames that a change takes.
    span: f64,
}

impl Lfo {
    /// Standing still at phase 0.
    pub fn new(curve: &Curve) -> Lfo {
        Lfo { phase: 0.0, speed: 0.0, steps: [(0, 0.0); MOST], running: 0, span: curve.frames() as f64 }
    }

    /// A new speed in turns a frame.
    pub fn set(&mut self, speed: f64, when: When) {
        let When::At(frame) = when else {
            (self.phase, self.speed, self.running) = (0.0, speed, 0);
            return;
        };
        self.fold(frame);
        if self.running == MOST {
            self.running -= 1;
        }
        let target = self.speed + self.steps[..self.running].iter().map(|s| s.1).sum::<f64>();
        if target == speed {
            return;
        }
        let start = if self.running == STEPS { self.steps[0].0 + self.span as u64 } else { frame };
        self.steps[self.running] = (start, speed - target);
        self.running += 1;
    }

    /// Makes of a step that is over a speed and, half its span late, a phase.
    #[inline(always)]
    fn fold(&mut self, frame: u64) {
        while self.running > 0 && self.steps[0].0 + self.span as u64 <= frame {
            let (start, by) = self.steps[0];
            self.speed += by;
            self.phase = (self.phase - by * (start as f64 + 0.5 * self.span)).fract();
            self.steps.copy_within(1.., 0);
            self.running -= 1;
        }
    }

    /// Where the speed is steady: the phase at the last multiple of [`CHUNK`], in turns from −0.5 to 0.5, and the turns
    /// a frame. For chunks that do not cross such a multiple.
    #[inline(always)]
    pub fn steady(&mut self, frame: u64) -> Option<(f64, f64)> {
        // By the grid, so that the period does not show.
        let grid = frame - frame % CHUNK as u64;
        self.fold(grid);
        (self.running == 0).then(|| (wrapped(self.phase + self.speed * grid as f64), self.speed))
    }

    /// The phase at each of some frames, in turns from −0.5 to 0.5.
    #[inline(always)]
    pub fn phases(&self, frame: u64, n: usize) -> [f64; CHUNK] {
        let mut to = [0.0; CHUNK];
        let first = frame as f64;
        for (t, to) in to.iter_mut().enumerate() {
            *to = wrapped(self.phase + self.speed * (first + t as f64));
        }
        if self.running != 0 {
            for (t, to) in to[..n].iter_mut().enumerate() {
                *to = wrapped(*to + self.glided(frame + t as u64));
            }
        }
        to
    }

    /// What the steps under way have added to the phase.
    #[inline(never)]
    fn glided(&self, frame: u64) -> f64 {
        let turns = |&(start, by): &(u64, f64)| {
            let n = frame.saturating_sub(start) as f64;
            let u = (n / self.span).min(1.0);
            by * (self.span * (0.5 * u * u + ((TAU * u).cos() - 1.0) / (4.0 * PI * PI)) + (n - self.span).max(0.0))
        };
        self.steps[..self.running].iter().map(turns).sum()
    }
}

/// Sine and cosine of what a steady speed adds to the phase within a chunk: with these, any number of sines of
/// that speed take a rotation a frame.
#[derive(Clone)]
pub struct Rotation {
    speed: f64,
    sin: [f64; CHUNK],
    cos: [f64; CHUNK],
}

impl Rotation {
    /// Of a speed of 0.
    pub fn new() -> Rotation {
        Rotation { speed: 0.0, sin: [0.0; CHUNK], cos: [1.0; CHUNK] }
    }

    /// Takes on a speed in turns a frame; costs something when it is another one.
    #[inline(always)]
    pub fn follow(&mut self, speed: f64) {
        if speed != self.speed {
            self.turn(speed);
        }
    }

    #[inline(never)]
    fn turn(&mut self, speed: f64) {
        self.speed = speed;
        for (t, (sin, cos)) in self.sin.iter_mut().zip(&mut self.cos).enumerate() {
            let turns = speed * t as f64;
            (*sin, *cos) = (sine(turns), sine(turns + 0.25));
        }
    }

    /// The sine from the `from`th frame of a chunk to its end, by the phase `turns` in its first frame.
    #[inline(always)]
    pub fn sines(&self, turns: f64, from: usize) -> [f64; CHUNK] {
        let (sin, cos) = (sine(turns), sine(turns + 0.25));
        let mut to = [0.0; CHUNK];
        for ((to, c), s) in to.iter_mut().zip(&self.cos[from..]).zip(&self.sin[from..]) {
            *to = sin * c + cos * s;
        }
        to
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self::new()
    }
}

/// Less a whole number of turns.
#[inline(always)]
fn wrapped(turns: f64) -> f64 {
    // Rounds to the nearest whole number on every machine alike.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    turns - ((turns + MAGIC) - MAGIC)
}

/// Sine of a phase in turns, within 6e-8.
#[inline(always)]
pub fn sine(turns: f64) -> f64 {
    let x = wrapped(turns);
    // Folded to a quarter turn either side of zero, then the odd series.
    let y = (0.25 - (x.abs() - 0.25).abs()).copysign(x) * TAU;
    let q = y * y;
    let series = 1.0 / 362_880.0 + q * (-1.0 / 39_916_800.0);
    y * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * series))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_the_sine_of_each_phase() {
        let curve = Curve::new(48000.0);
        let (mut lfo, mut rotation) = (Lfo::new(&curve), Rotation::new());
        lfo.set(10.0 / 48000.0, When::Jump);
        for frame in [0, 64, 96_000, 100_050] {
            let (phase, speed) = lfo.steady(frame).expect("nothing was set");
            rotation.follow(speed);
            let from = (frame % CHUNK as u64) as usize;
            let (sines, phases) = (rotation.sines(phase + 0.3, from), lfo.phases(frame, CHUNK));
            for t in 0..CHUNK - from {
                assert!((sines[t] - (TAU * (phases[t] + 0.3)).sin()).abs() < 2e-7, "{frame}, {t}");
            }
        }
        lfo.set(1.0 / 48000.0, When::At(100_100));
        assert!(lfo.steady(100_128).is_none());
        // A glide that is over is none any more.
        assert!(lfo.steady(102_000).is_some_and(|(_, speed)| (speed * 48000.0 - 1.0).abs() < 1e-9));
    }

    #[test]
    fn it_is_a_sine_from_phase_0_that_goes_on_through_any_change() {
        let curve = Curve::new(48000.0);
        let mut lfo = Lfo::new(&curve);
        lfo.set(1.0 / 4800.0, When::Jump);
        let at = |lfo: &Lfo, frame: u64| TAU * lfo.phases(frame, 1)[0];
        for frame in [0, 1, 1200, 2399, 480_001] {
            let want = (TAU * (frame % 4800) as f64 / 4800.0).sin();
            assert!((sine(at(&lfo, frame) / TAU) - want).abs() < 1e-7, "{frame}");
        }
        // A flood of rates: the phase never jumps, its step stays within the speeds.
        let mut before = lfo.phases(9999, 1)[0];
        for frame in 10_000..30_000u64 {
            if frame % 100 == 0 && frame < 20_000 {
                lfo.set([1.0, 3.0, 7.0][(frame / 100 % 3) as usize] / 4800.0, When::At(frame));
            }
            let now = lfo.phases(frame, 1)[0];
            let step = wrapped(now - before) * 4800.0;
            assert!((-8.0..16.0).contains(&step), "{frame}: {step}");
            before = now;
        }
        // It ends at the last rate, exactly.
        let last = wrapped(lfo.phases(40_001, 1)[0] - lfo.phases(40_000, 1)[0]) * 4800.0;
        assert!((last - 3.0).abs() < 1e-6, "{last}");
        // Folding what is over changes nothing that is heard.
        let was = lfo.phases(50_000, 1)[0];
        lfo.set(3.0 / 4800.0, When::At(49_000));
        assert!(wrapped(lfo.phases(50_000, 1)[0] - was).abs() < 1e-9);
    }
}
