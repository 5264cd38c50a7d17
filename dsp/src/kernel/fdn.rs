//! A feedback delay network of sixteen lines: the late part of a room.
//!
//! "Digital Delay Networks for Designing Artificial Reverberators" (Jot, Chaigne): a lossless
//! network, and behind each line an absorption filter whose decibels are in proportion to the line's
//! length, so that all modes decay alike at each frequency. The feedback matrix is a Hadamard matrix
//! followed by eight plane rotations that turn slowly ("Time-Varying Feedback Matrices in Feedback
//! Delay Networks and Their Application in Artificial Reverberation", Schlecht, Habets): it stays
//! orthogonal, so movement costs no energy at any frequency and bends no pitch, and no mode lasts
//! long enough to ring.
//!
//! Samples are `f32`. Everything here works along time, many frames a vector, but for the absorption
//! filters, which recur in time and work across the lines; no sum depends on how a stretch of frames
//! is cut into chunks.

use crate::kernel::delayline::{CHUNK, Lines};
use crate::lanes::One32;
use crate::ramp::{Coeffs, Curve, GRID, When};
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// Lines of a network.
pub const LINES: usize = 16;

/// Numbers that the absorption filters of a network take: `b0`, `b1`, `a1` of every line.
pub const ABSORPTION: usize = 3 * LINES;

/// One chunk of every line.
pub type Block = [[f32; CHUNK]; LINES];

/// Frames between exact values of the rotations.
const TURN: u64 = CHUNK as u64;

/// Turns a second of the eight rotations.
const TURN_HZ: [f64; LINES / 2] = [0.37, 0.53, 0.29, 0.71, 0.43, 0.61, 0.33, 0.47];

/// Signs of the lines in front of the matrix: without them it has the lines' sum as an eigenvector.
const SIGNS: [f64; LINES] = [1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0];

/// The absorption filters for a decay by 60 dB in `time` seconds at 1 kHz, and in `treble · time` far
/// above `corner` Hz (first-order shelves whose decibels scale with the line: half of them are
/// reached at the corner). `lengths` in frames.
pub fn absorption(lengths: &[usize; LINES], rate: f64, time: f64, treble: f64, corner: f64) -> [f64; ABSORPTION] {
    let w = (PI * (corner / rate).min(0.45)).tan();
    let theta = TAU * 1000.0 / rate;
    let mut to = [0.0; ABSORPTION];
    for i in 0..LINES {
        let passes = lengths[i] as f64 / (rate * time);
        let g = 10f64.powf(-3.0 * passes);
        let shelf = 10f64.powf(-3.0 * passes * (1.0 / treble - 1.0));
        let r = shelf.sqrt() * w;
        let (b0, b1, a1) = if treble == 1.0 {
            (1.0, 0.0, 0.0)
        } else {
            ((shelf + r) / (1.0 + r), (r - shelf) / (1.0 + r), (1.0 - r) / (1.0 + r))
        };
        let square = |c0: f64, c1: f64| c0 * c0 + c1 * c1 + 2.0 * c0 * c1 * theta.cos();
        let at_1k = (square(b0, b1) / square(1.0, -a1)).sqrt();
        // Where the shelf reaches down to 1 kHz the bass lasts longer, but it must end.
        let scale = (g / at_1k).min(0.99999 / ((b0 + b1) / (1.0 - a1)));
        // A quarter makes the Hadamard matrix orthonormal.
        to[i] = b0 * scale * SIGNS[i] * 0.25;
        to[LINES + i] = b1 * scale * SIGNS[i] * 0.25;
        to[2 * LINES + i] = a1;
    }
    to
}

/// Share of the energy that is left after one pass through the network, at 1 kHz.
pub fn pass(lengths: &[usize; LINES], rate: f64, time: f64) -> f64 {
    lengths.iter().map(|&n| 10f64.powf(-6.0 * n as f64 / (rate * time))).sum::<f64>() / LINES as f64
}

/// The network.
pub struct Fdn {
    lines: Lines<f32>,
    lengths: [usize; LINES],
    absorption: Coeffs<One32, ABSORPTION>,
    x1: [f32; LINES],
    y1: [f32; LINES],
    /// Phases of the rotations at frame 0, and their step a frame; a turn is 2^64.
    phase: [u64; LINES / 2],
    step: [u64; LINES / 2],
}

impl Fdn {
    /// A silent network with lines of up to `longest` frames; no line may be shorter than [`CHUNK`].
    pub fn new(curve: &Arc<Curve>, rate: f64, longest: usize, seed: u64) -> Fdn {
        let turn = 2f64.powi(64);
        let mut z = seed;
        Fdn {
            lines: Lines::new(LINES, longest),
            lengths: [longest; LINES],
            absorption: Coeffs::new(curve, [0.0; ABSORPTION]),
            x1: [0.0; LINES],
            y1: [0.0; LINES],
            phase: std::array::from_fn(|_| {
                z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let y = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                y ^ (y << 27)
            }),
            step: TURN_HZ.map(|hz| (hz / rate * turn) as u64),
        }
    }

    /// Sets the lengths of the lines; what they hold is to be forgotten with it.
    pub fn set_lengths(&mut self, lengths: &[usize; LINES]) {
        self.lengths = *lengths;
    }

    /// Moves the absorption filters.
    pub fn set(&mut self, to: &[f64; ABSORPTION], when: When) {
        self.absorption.set(0, *to, when);
    }

    /// Forgets the sound from before `now`.
    pub fn forget(&mut self, now: u64) {
        self.lines.forget_all(now);
        (self.x1, self.y1) = ([0.0; LINES], [0.0; LINES]);
    }

    /// The longest line, in frames.
    pub fn longest(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Takes over another network of the same size, sound and settings, at frame `now`.
    pub fn carry(&mut self, from: &Fdn, now: u64) {
        for i in 0..LINES {
            self.lines.carry(i, &from.lines, i, now);
        }
        self.lengths = from.lengths;
        self.absorption.carry(0, &from.absorption, 0);
        (self.x1, self.y1, self.phase) = (from.x1, from.y1, from.phase);
    }

    /// The frame that a chunk starting at `frame` must not pass.
    #[inline(always)]
    pub fn limit(&self, frame: u64) -> u64 {
        if self.absorption.moving() { frame - frame % GRID + GRID } else { u64::MAX }
    }

    /// One chunk: what comes out of the matrix goes to `out`, that plus `input` into the lines.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, n: usize, input: &Block, out: &mut Block) {
        if n == CHUNK {
            self.chunk(frame, CHUNK, input, out);
        } else {
            self.chunk(frame, n, input, out);
        }
    }

    #[inline(always)]
    fn chunk(&mut self, frame: u64, n: usize, input: &Block, out: &mut Block) {
        let mut x = [[0.0f32; CHUNK]; LINES];
        for (i, x) in x.iter_mut().enumerate() {
            self.lines.read(i, frame, self.lengths[i], &mut x[..n]);
        }
        self.absorb(frame, n, &mut x);
        let (cos, sin) = self.turns(frame);
        let first = (frame % TURN) as f32;
        for t in 0..n {
            let here = first + t as f32;
            let mut v: [f32; LINES] = std::array::from_fn(|i| x[i][t]);
            hadamard(&mut v);
            for i in 0..LINES / 2 {
                let (c, s) = (cos[i][0] + cos[i][1] * here, sin[i][0] + sin[i][1] * here);
                let (a, b) = (v[i], v[i + LINES / 2]);
                out[i][t] = c * a - s * b;
                out[i + LINES / 2][t] = s * a + c * b;
            }
        }
        for i in 0..LINES {
            for t in 0..n {
                x[i][t] = out[i][t] + input[i][t];
            }
            self.lines.write(i, frame, &x[i][..n]);
        }
    }

    /// The absorption filters, in place.
    #[inline(always)]
    fn absorb(&mut self, frame: u64, n: usize, x: &mut Block) {
        self.absorption.at(frame);
        let moving = self.absorption.moving();
        let c: [f32; ABSORPTION] = std::array::from_fn(|k| self.absorption.now[k].0);
        let mut b0: [f32; LINES] = std::array::from_fn(|i| c[i]);
        let mut b1: [f32; LINES] = std::array::from_fn(|i| c[LINES + i]);
        let mut a1: [f32; LINES] = std::array::from_fn(|i| c[2 * LINES + i]);
        let (mut x1, mut y1) = (self.x1, self.y1);
        let mut rows = [[0.0f32; LINES]; CHUNK];
        for t in 0..n {
            let x0: [f32; LINES] = std::array::from_fn(|i| x[i][t]);
            for i in 0..LINES {
                y1[i] = b0[i] * x0[i] + b1[i] * x1[i] + a1[i] * y1[i];
            }
            x1 = x0;
            rows[t] = y1;
            if moving {
                self.absorption.advance();
                b0 = std::array::from_fn(|i| self.absorption.now[i].0);
                b1 = std::array::from_fn(|i| self.absorption.now[LINES + i].0);
                a1 = std::array::from_fn(|i| self.absorption.now[2 * LINES + i].0);
            }
        }
        for (i, x) in x.iter_mut().enumerate() {
            for t in 0..n {
                x[t] = rows[t][i];
            }
        }
        (self.x1, self.y1) = (x1, y1);
    }

    /// Cosine and sine of every rotation: value at the last multiple of [`TURN`], and slope.
    #[inline(always)]
    fn turns(&self, frame: u64) -> ([[f32; 2]; LINES / 2], [[f32; 2]; LINES / 2]) {
        let (mut cos, mut sin) = ([[0.0; 2]; LINES / 2], [[0.0; 2]; LINES / 2]);
        let start = frame - frame % TURN;
        for i in 0..LINES / 2 {
            let phase = self.phase[i].wrapping_add(self.step[i].wrapping_mul(start));
            let next = phase.wrapping_add(self.step[i].wrapping_mul(TURN));
            let quarter = 1u64 << 62;
            let slope = |a: f32, b: f32| [a, (b - a) / TURN as f32];
            sin[i] = slope(sine(phase), sine(next));
            cos[i] = slope(sine(phase.wrapping_add(quarter)), sine(next.wrapping_add(quarter)));
        }
        (cos, sin)
    }
}

/// Sine of a phase (a turn is 2^64), within 2e-6.
#[inline(always)]
fn sine(phase: u64) -> f32 {
    // Folded to a quarter turn either side of zero, then the odd series.
    let x = ((phase >> 32) as u32 as i32) as f32 * (1.0 / 2_147_483_648.0);
    let x = if x > 0.5 {
        1.0 - x
    } else if x < -0.5 {
        -1.0 - x
    } else {
        x
    };
    let y = x * std::f32::consts::PI;
    let q = y * y;
    y * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362_880.0)))))
}

/// The Hadamard matrix of order 16, unscaled, in place.
#[inline(always)]
pub fn hadamard(v: &mut [f32; LINES]) {
    let mut half = 1;
    while half < LINES {
        let w = *v;
        for i in 0..LINES {
            v[i] = if i & half == 0 { w[i] + w[i | half] } else { w[i & !half] - w[i] };
        }
        half *= 2;
    }
}
