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
//! Samples are `f32`. Everything here works along time, eight frames a vector, but for the absorption
//! filters, which recur in time and work across the lines; no sum depends on how a stretch of frames
//! is cut into chunks. Frames of a last, incomplete vector are worked out and not used.

use crate::block::{flat, load, store};
use crate::kernel::delayline::{CHUNK, Lines};
use crate::lanes::{COLUMNS, Lanes, One32};
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
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch { input: [[0.0; CHUNK]; LINES], lines: [[0.0; CHUNK]; LINES] }
    }
}

/// Signs of the lines at the outputs, line 0 lowest.
const OUT_SIGNS: u32 = 0b1001_1010_0011_0110;

/// The least gain of a shelf, −24 dB a pass.
const DEEPEST: f64 = 0.063;

/// Frames between exact values of the rotations.
const TURN: u64 = CHUNK as u64;

/// Frames of a vector.
pub const TILE: usize = COLUMNS;

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

    /// Copies some of what [`Fdn::carry`] will ask for; see [`Lines::ahead`].
    pub fn ahead(&mut self, from: &Fdn, now: u64, budget: &mut usize) -> bool {
        self.lines.ahead_all(&from.lines, now, budget)
    }

    /// The frame that a chunk starting at `frame` must not pass.
    #[inline(always)]
    pub fn limit(&self, frame: u64) -> u64 {
        if self.absorption.moving() { frame - frame % GRID + GRID } else { u64::MAX }
    }

    /// One chunk: `work.input` goes into the lines. Each side of `out` gets the sum of every other
    /// line, what comes around plus `direct` times what goes in.
    #[inline(always)]
    pub fn run<V: Lanes<Elem = f32>>(
        &mut self,
        frame: u64,
        n: usize,
        work: &mut Scratch,
        direct: f32,
        out: &mut [[f32; CHUNK]; 2],
    ) {
        let Scratch { input, lines } = work;
        let turns = self.turns(frame);
        let direct = V::splat(f64::from(direct));
        let ramp = load::<V>(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 0);
        self.absorption.at(frame);
        let mut filters = Filters::<V>::new(&self.x1, &self.y1);
        let mut from = [self.lines.chunk(0, frame, self.lengths[0]); LINES];
        for (i, from) in from.iter_mut().enumerate() {
            *from = self.lines.chunk(i, frame, self.lengths[i]);
        }
        for at in (0..n).step_by(TILE) {
            let v = filters.tile(&mut self.absorption, &from, at, TILE.min(n - at));
            let here = V::splat((frame % TURN) as f64 + at as f64) + ramp;
            let mut tile = Tile { v: &v, turns: &turns, here, direct, input, lines, at };
            let sums = (tile.turn::<0>(V::zero()), tile.turn::<1>(V::zero()));
            let sums = (tile.turn::<2>(sums.0), tile.turn::<3>(sums.1));
            store(sums.0, &mut out[0], at);
            store(sums.1, &mut out[1], at);
        }
        (self.x1, self.y1) = filters.state();
        for (i, line) in lines.iter().enumerate() {
            self.lines.put(i, frame, n, line);
        }
    }

    /// Cosine and sine of every rotation: value at the last multiple of [`TURN`], and slope.
    #[inline(always)]
    fn turns(&self, frame: u64) -> Turns {
        const N: usize = LINES / 2;
        let start = (frame - frame % TURN).wrapping_sub(self.origin);
        // Sines, then cosines, a quarter ahead; now, and a step on.
        let mut now = [0; 2 * N];
        let mut next = [0; 2 * N];
        for i in 0..N {
            let phase = self.phase[i].wrapping_add(self.step[i].wrapping_mul(start));
            let after = phase.wrapping_add(self.step[i].wrapping_mul(TURN));
            let (here, there) = ((phase >> 32) as u32, (after >> 32) as u32);
            (now[i], next[i]) = (here as i32, there as i32);
            (now[i + N], next[i + N]) = (here.wrapping_add(1 << 30) as i32, there.wrapping_add(1 << 30) as i32);
        }
        let mut turns = Turns { now: [0.0; 2 * N], by: [0.0; 2 * N] };
        for i in 0..2 * N {
            turns.now[i] = sine(now[i]);
            turns.by[i] = (sine(next[i]) - turns.now[i]) * (1.0 / TURN as f32);
        }
        turns
    }
}

/// Sines of the rotations, then cosines, and their slopes.
struct Turns {
    now: [f32; LINES],
    by: [f32; LINES],
}

impl Turns {
    /// The `i`th rotation of `a` and `b`, `here` frames on.
    #[inline(always)]
    fn turn<V: Lanes<Elem = f32>>(&self, i: usize, here: V, a: V, b: V) -> (V, V) {
        let (s, c) = (self.at(i, here), self.at(i + LINES / 2, here));
        ((-s).mul_add(b, c * a), s.mul_add(a, c * b))
    }

    #[inline(always)]
    fn at<V: Lanes<Elem = f32>>(&self, i: usize, here: V) -> V {
        V::splat(f64::from(self.by[i])).mul_add(here, V::splat(f64::from(self.now[i])))
    }
}

/// A vector of frames of every line, in two halves.
type Halves<V> = [[V; TILE]; 2];

/// A vector of frames on its way from the filters back into the lines.
struct Tile<'a, V> {
    /// What comes out of the filters, through the first half of the matrix.
    v: &'a Halves<V>,
    turns: &'a Turns,
    /// Frames since the rotations' exact values.
    here: V,
    direct: V,
    input: &'a Block,
    lines: &'a mut Block,
    at: usize,
}

impl<V: Lanes<Elem = f32>> Tile<'_, V> {
    /// The rest of the matrix for line `I` and every fourth after it; returns `sum` and what is heard of them. One
    /// function for each `I`, so that signs are constants and sums stay in registers.
    #[inline(always)]
    fn turn<const I: usize>(&mut self, mut sum: V) -> V {
        let [a, b, c, d] = four([self.v[0][I], self.v[0][I + 4], self.v[1][I], self.v[1][I + 4]]);
        let ((a, c), (b, d)) = (self.turns.turn(I, self.here, a, c), self.turns.turn(I + 4, self.here, b, d));
        for (k, y) in [a, b, c, d].into_iter().enumerate() {
            let i = I + 4 * k;
            let x = load::<V>(&self.input[i], self.at);
            let heard = self.direct.mul_add(x, y);
            sum = if OUT_SIGNS >> i & 1 != 0 { sum - heard } else { sum + heard };
            store(y + x, &mut self.lines[i], self.at);
        }
        sum
    }
}

/// The absorption filters while a chunk runs: one vector a half of the lines.
struct Filters<V> {
    x1: [V; 2],
    y1: [V; 2],
}

impl<V: Lanes<Elem = f32>> Filters<V> {
    #[inline(always)]
    fn new(x1: &[f32; LINES], y1: &[f32; LINES]) -> Self {
        Filters { x1: [load(x1, 0), load(x1, TILE)], y1: [load(y1, 0), load(y1, TILE)] }
    }

    #[inline(always)]
    fn state(&self) -> ([f32; LINES], [f32; LINES]) {
        let (mut x1, mut y1) = ([0.0; LINES], [0.0; LINES]);
        for half in 0..2 {
            store(self.x1[half], &mut x1, half * TILE);
            store(self.y1[half], &mut y1, half * TILE);
        }
        (x1, y1)
    }

    /// What comes out of the lines, filtered and through [`hadamard_within`]: a vector of frames a line. The first
    /// `m` frames count.
    #[inline(always)]
    fn tile(
        &mut self,
        absorption: &mut Coeffs<One32, ABSORPTION>,
        from: &[&[f32; CHUNK]; LINES],
        at: usize,
        m: usize,
    ) -> Halves<V> {
        let moving = absorption.moving();
        if m == TILE && !moving {
            return [self.steady(0, absorption, from, at), self.steady(1, absorption, from, at)];
        }
        let x = [half_of::<V>(from, 0, at), half_of::<V>(from, 1, at)];
        let mut rows = [[V::zero(); TILE]; 2];
        for j in 0..m {
            for half in 0..2 {
                rows[half][j] = self.step(half, &coefficients(absorption, half), x[half][j]);
            }
            if moving {
                absorption.advance();
            }
        }
        let mut out = [transpose(&rows[0]), transpose(&rows[1])];
        for half in &mut out {
            hadamard_within(half);
        }
        out
    }

    /// A whole vector of frames of one half of the lines, coefficients at rest.
    #[inline(always)]
    fn steady(
        &mut self,
        half: usize,
        absorption: &Coeffs<One32, ABSORPTION>,
        from: &[&[f32; CHUNK]; LINES],
        at: usize,
    ) -> [V; TILE] {
        let c = coefficients::<V>(absorption, half);
        let mut rows = half_of::<V>(from, half, at);
        for x in &mut rows {
            *x = self.step(half, &c, *x);
        }
        let mut out = transpose(&rows);
        hadamard_within(&mut out);
        out
    }

    /// One frame of one half of the lines.
    #[inline(always)]
    fn step(&mut self, half: usize, [b0, b1, a1]: &[V; 3], x: V) -> V {
        let y = a1.mul_add(self.y1[half], b1.mul_add(self.x1[half], *b0 * x));
        (self.x1[half], self.y1[half]) = (x, y);
        y
    }
}

#[inline(always)]
fn coefficients<V: Lanes<Elem = f32>>(absorption: &Coeffs<One32, ABSORPTION>, half: usize) -> [V; 3] {
    let now = flat(&absorption.now);
    [load(now, half * TILE), load(now, LINES + half * TILE), load(now, 2 * LINES + half * TILE)]
}

/// Frames of one half of the lines, a vector a frame.
#[inline(always)]
fn half_of<V: Lanes<Elem = f32>>(from: &[&[f32; CHUNK]; LINES], half: usize, at: usize) -> [V; TILE] {
    let mut lines = [&from[0][..]; TILE];
    for (i, line) in lines.iter_mut().enumerate() {
        *line = &from[half * TILE + i][..];
    }
    V::columns(&lines, at)
}

/// A vector a frame of one half of the lines to a vector a line.
#[inline(always)]
fn transpose<V: Lanes<Elem = f32>>(rows: &[V; TILE]) -> [V; TILE] {
    let all = flat(rows);
    let mut frames = [all; TILE];
    for (j, frame) in frames.iter_mut().enumerate() {
        *frame = &all[j * TILE..(j + 1) * TILE];
    }
    V::columns(&frames, 0)
}

/// Sine of a phase (a turn is 2^32), within 4e-6.
#[inline(always)]
fn sine(phase: i32) -> f32 {
    // Folded to a quarter turn either side of zero, then the odd series.
    let x = phase as f32 * (1.0 / 2_147_483_648.0);
    let y = (0.5 - (x.abs() - 0.5).abs()).copysign(x) * std::f32::consts::PI;
    let q = y * y;
    y * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362_880.0)))))
}

/// The Hadamard matrix of order 4, unscaled.
#[inline(always)]
pub fn four<V: Lanes>([a, b, c, d]: [V; 4]) -> [V; 4] {
    let (e, f, g, h) = (a + b, a - b, c + d, c - d);
    [e + g, f + h, e - g, f - h]
}

/// One half of the Hadamard matrix of order 16: [`four`] of every four neighbours. The other half is [`four`] of
/// every fourth.
#[inline(always)]
pub fn hadamard_within<V: Lanes>(v: &mut [V]) {
    for i in (0..v.len()).step_by(4) {
        [v[i], v[i + 1], v[i + 2], v[i + 3]] = four([v[i], v[i + 1], v[i + 2], v[i + 3]]);
    }
}
