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

/// What a chunk is worked out in; one serves any number of networks.
pub struct Scratch {
    /// What goes into each line.
    pub input: Block,
    lines: Block,
    rows: [[f32; LINES]; CHUNK],
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch { input: [[0.0; CHUNK]; LINES], lines: [[0.0; CHUNK]; LINES], rows: [[0.0; LINES]; CHUNK] }
    }
}

/// Signs of the lines at the outputs, line 0 lowest.
const OUT_SIGNS: u32 = 0b1001_1010_0011_0110;

/// The least gain of a shelf, −24 dB a pass.
const DEEPEST: f64 = 0.063;

/// Frames between exact values of the rotations.
const TURN: u64 = CHUNK as u64;

/// Turns a second of the eight rotations.
const TURN_HZ: [f64; LINES / 2] = [1.48, 2.12, 1.16, 1.84, 1.33, 1.97, 1.24, 1.69];

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
        // A deeper shelf would reach down to 1 kHz: very short times keep some of their treble.
        let shelf = 10f64.powf(-3.0 * passes * (1.0 / treble - 1.0)).max(DEEPEST);
        let r = shelf.sqrt() * w;
        let (b0, b1, a1) = if treble == 1.0 {
            (1.0, 0.0, 0.0)
        } else {
            ((shelf + r) / (1.0 + r), (r - shelf) / (1.0 + r), (1.0 - r) / (1.0 + r))
        };
        let square = |c0: f64, c1: f64| c0 * c0 + c1 * c1 + 2.0 * c0 * c1 * theta.cos();
        let at_1k = (square(b0, b1) / square(1.0, -a1)).sqrt();
        // What the shelf takes at 1 kHz makes the bass last longer, but it must end.
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
    /// Phases of the rotations at frame `origin` and their step a frame; a turn is 2^64.
    phase: [u64; LINES / 2],
    origin: u64,
    step: [u64; LINES / 2],
}

impl Fdn {
    /// A silent network with lines of up to `longest` frames; no line may be shorter than [`CHUNK`].
    pub fn new(curve: &Arc<Curve>, rate: f64, longest: usize) -> Fdn {
        Fdn {
            lines: Lines::new(LINES, longest),
            lengths: [longest; LINES],
            absorption: Coeffs::new(curve, [0.0; ABSORPTION]),
            x1: [0.0; LINES],
            y1: [0.0; LINES],
            phase: [0; LINES / 2],
            origin: 0,
            step: TURN_HZ.map(|hz| (hz / rate * 2f64.powi(64)) as u64),
        }
    }

    /// Sets the lengths of the lines and the phases from which the matrix turns, by a seed; what the
    /// lines hold is to be forgotten with it.
    pub fn enter(&mut self, lengths: &[usize; LINES], seed: u64) {
        self.lengths = *lengths;
        let mut z = seed;
        for phase in &mut self.phase {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let y = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *phase = y ^ (y << 27);
        }
    }

    /// Moves the absorption filters.
    pub fn set(&mut self, to: &[f64; ABSORPTION], when: When) {
        self.absorption.set(0, *to, when);
    }

    /// The first sound after silence comes at `frame`: the matrix starts from one and the same place,
    /// so that a sound is answered alike wherever it stands.
    pub fn start(&mut self, frame: u64) {
        self.origin = frame - frame % TURN;
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
        (self.x1, self.y1) = (from.x1, from.y1);
        (self.phase, self.origin) = (from.phase, from.origin);
    }

    /// The frame that a chunk starting at `frame` must not pass.
    #[inline(always)]
    pub fn limit(&self, frame: u64) -> u64 {
        if self.absorption.moving() { frame - frame % GRID + GRID } else { u64::MAX }
    }

    /// One chunk: `work.input` goes into the lines. Each side of `out` gets the sum of every other
    /// line, what comes around plus `direct` times what goes in.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // sixteen arrays at one frame: vectors along time
    pub fn run(&mut self, frame: u64, n: usize, work: &mut Scratch, direct: f32, out: &mut [[f32; CHUNK]; 2]) {
        let Scratch { input, lines, rows } = work;
        self.absorb(frame, n, rows);
        for (i, line) in lines.iter_mut().enumerate() {
            for (to, row) in line[..n].iter_mut().zip(rows.iter()) {
                *to = row[i];
            }
        }
        let (cos, sin) = self.turns(frame);
        let first = (frame % TURN) as f32;
        for t in 0..n {
            let here = first + t as f32;
            let mut v = [0.0f32; LINES];
            for i in 0..LINES {
                v[i] = lines[i][t];
            }
            hadamard(&mut v);
            for i in 0..LINES / 2 {
                let (c, s) = (cos[i][0] + cos[i][1] * here, sin[i][0] + sin[i][1] * here);
                let (a, b) = (v[i], v[i + LINES / 2]);
                lines[i][t] = c * a - s * b;
                lines[i + LINES / 2][t] = s * a + c * b;
            }
        }
        for (side, out) in out.iter_mut().enumerate() {
            let mut sum = [0.0f32; CHUNK];
            for i in (side..LINES).step_by(2) {
                let sign = if OUT_SIGNS >> i & 1 != 0 { -1.0 } else { 1.0 };
                for t in 0..n {
                    sum[t] += sign * (lines[i][t] + direct * input[i][t]);
                }
            }
            *out = sum;
        }
        for i in 0..LINES {
            self.lines.write_with(i, frame, n, |t| lines[i][t] + input[i][t]);
        }
    }

    /// What comes out of the lines, through their absorption filters.
    #[inline(always)]
    fn absorb(&mut self, frame: u64, n: usize, rows: &mut [[f32; LINES]; CHUNK]) {
        self.absorption.at(frame);
        let moving = self.absorption.moving();
        let (mut b0, mut b1, mut a1) = ([0.0f32; LINES], [0.0f32; LINES], [0.0f32; LINES]);
        for i in 0..LINES {
            b0[i] = self.absorption.now[i].0;
            b1[i] = self.absorption.now[LINES + i].0;
            a1[i] = self.absorption.now[2 * LINES + i].0;
        }
        let (mut x1, mut y1) = (self.x1, self.y1);
        let mut x = [self.lines.chunk(0, frame, self.lengths[0]); LINES];
        for (i, x) in x.iter_mut().enumerate() {
            *x = self.lines.chunk(i, frame, self.lengths[i]);
        }
        for t in 0..n {
            let mut x0 = [0.0f32; LINES];
            for i in 0..LINES {
                x0[i] = x[i][t];
            }
            for i in 0..LINES {
                y1[i] = b0[i] * x0[i] + b1[i] * x1[i] + a1[i] * y1[i];
            }
            x1 = x0;
            rows[t] = y1;
            if moving {
                self.absorption.advance();
                for i in 0..LINES {
                    b0[i] = self.absorption.now[i].0;
                    b1[i] = self.absorption.now[LINES + i].0;
                    a1[i] = self.absorption.now[2 * LINES + i].0;
                }
            }
        }
        (self.x1, self.y1) = (x1, y1);
    }

    /// Cosine and sine of every rotation: value at the last multiple of [`TURN`], and slope.
    #[inline(always)]
    fn turns(&self, frame: u64) -> ([[f32; 2]; LINES / 2], [[f32; 2]; LINES / 2]) {
        let (mut cos, mut sin) = ([[0.0; 2]; LINES / 2], [[0.0; 2]; LINES / 2]);
        let start = (frame - frame % TURN).wrapping_sub(self.origin);
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

/// Sine of a phase (a turn is 2^64), within 4e-6.
#[inline(always)]
fn sine(phase: u64) -> f32 {
    // Folded to a quarter turn either side of zero, then the odd series.
    let x = ((phase >> 32) as u32 as i32) as f32 * (1.0 / 2_147_483_648.0);
    let y = (0.5 - (x.abs() - 0.5).abs()).copysign(x) * std::f32::consts::PI;
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
