//! One strip's reverb: predelay, early reflections, input diffuser, network.

use super::space::{self, ALLPASSES, Geometry, SPACES};
use crate::kernel::delayline::{CHUNK, Crossfade, Lines};
use crate::kernel::fdn::{self, Block, Fdn, LINES};
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Both sides of a chunk.
pub type Sides = [[f32; CHUNK]; 2];

/// Longest predelay in ms.
pub const PREDELAY_MS: f64 = 500.0;

/// Gain of the input diffuser's allpasses.
const ALLPASS: f32 = 0.62;

/// The settings of one strip that a tank follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Index of the space.
    pub kind: usize,
    /// Seconds to −60 dB at 1 kHz.
    pub time: f64,
    /// Whole frames.
    pub predelay: usize,
    /// Decay time of the treble re that at 1 kHz.
    pub treble: f64,
    /// Side signal of the reverb, 0 … 1.
    pub width: f64,
}

/// The three spaces at one rate, shared by all tanks of a bank.
pub type Spaces = Arc<[Geometry; 3]>;

/// See the module documentation. Sound runs in `f32`.
pub struct Tank {
    spaces: Spaces,
    curve: Arc<Curve>,
    rate: f64,
    /// The settings last asked for.
    asked: Settings,
    /// The space that sounds.
    kind: usize,
    /// When the space asked for takes over, its predecessor faded out.
    switch: Option<u64>,
    /// 1, or on its way to 0 and back around a switch.
    gate: Gain,
    /// Level of the network.
    level: Gain,
    width: Gain,
    predelay: Crossfade<usize>,
    before: Lines<f32>,
    early: Lines<f32>,
    allpass: Lines<f32>,
    spread: Lines<f32>,
    fdn: Fdn,
}

impl Tank {
    /// A silent tank.
    pub fn new(spaces: &Spaces, curve: &Arc<Curve>, rate: f64, seed: u64) -> Tank {
        let frames = |ms: f64| (ms * rate / 1000.0).ceil() as usize + CHUNK;
        let asked = Settings { kind: 0, time: 1.8, predelay: 0, treble: 1.0, width: 1.0 };
        let mut tank = Tank {
            spaces: spaces.clone(),
            curve: curve.clone(),
            rate,
            asked,
            kind: 0,
            switch: None,
            gate: Gain::new(curve, 1.0),
            level: Gain::new(curve, 0.0),
            width: Gain::new(curve, 1.0),
            predelay: Crossfade::new(0),
            before: Lines::new(2, frames(PREDELAY_MS)),
            early: Lines::new(2, frames(space::LONGEST_EARLY_MS)),
            allpass: Lines::new(2 * ALLPASSES, frames(space::LONGEST_ALLPASS_MS) - CHUNK),
            spread: Lines::new(2, frames(space::LONGEST_SPREAD_MS)),
            // The network reads before it writes: no chunk on top.
            fdn: Fdn::new(curve, rate, frames(space::LONGEST_LINE_MS) - CHUNK, seed),
        };
        tank.set(asked, When::Jump);
        tank
    }

    /// New settings.
    pub fn set(&mut self, to: Settings, when: When) {
        let max = self.before.size() - CHUNK;
        self.asked = to;
        self.predelay.set(to.predelay.min(max), when);
        self.width.set(to.width, when);
        match when {
            When::Jump => {
                self.switch = None;
                self.gate.set(1.0, when);
                self.enter(to.kind, when);
            }
            When::At(frame) => {
                if to.kind != self.kind && self.switch.is_none() {
                    self.gate.set(0.0, when);
                    self.switch = Some(frame + self.curve.frames());
                }
                self.tune(when);
            }
        }
    }

    fn enter(&mut self, kind: usize, when: When) {
        self.kind = kind;
        self.fdn.set_lengths(&self.spaces[kind].lines);
        self.tune(when);
    }

    /// Absorption and level for the space that sounds.
    fn tune(&mut self, when: When) {
        let (space, geometry) = (&SPACES[self.kind], &self.spaces[self.kind]);
        let Settings { time, treble, .. } = self.asked;
        self.fdn.set(&fdn::absorption(&geometry.lines, self.rate, time, treble, space.corner), when);
        // Two independent sides of equal power come out as loud as they went in.
        let pass = fdn::pass(&geometry.lines, self.rate, time);
        let late = space.direct * space.direct + pass / (1.0 - pass);
        self.level.set(((1.0 - geometry.early_energy()) / late).sqrt(), when);
    }

    /// Forgets the sound from before `now`.
    pub fn forget(&mut self, now: u64) {
        self.before.forget_all(now);
        self.forget_room(now);
    }

    fn forget_room(&mut self, now: u64) {
        self.early.forget_all(now);
        self.allpass.forget_all(now);
        self.spread.forget_all(now);
        self.fdn.forget(now);
    }

    /// Frames that sound may stay inside unheard.
    pub fn tail(&self) -> u64 {
        let (old, new) = self.predelay.heard();
        let predelay = *new.max(self.predelay.target()).max(old.unwrap_or(&0));
        let g = &self.spaces[self.kind];
        let longest = |n: &[usize]| n.iter().copied().max().unwrap_or(0);
        let diffuser: usize = longest(&[g.allpass[0].iter().sum(), g.allpass[1].iter().sum()]);
        (predelay + diffuser + longest(&g.spread) + self.fdn.longest()) as u64
    }

    /// Takes over another tank, sound, settings and movement, at frame `now`.
    pub fn carry(&mut self, from: &Tank, now: u64) {
        (self.asked, self.kind, self.switch) = (from.asked, from.kind, from.switch);
        self.gate.clone_from(&from.gate);
        self.level.clone_from(&from.level);
        self.width.clone_from(&from.width);
        self.predelay.clone_from(&from.predelay);
        let parts = [(&mut self.before, &from.before, 2), (&mut self.early, &from.early, 2), (&mut self.spread, &from.spread, 2)];
        for (to, from, count) in parts {
            (0..count).for_each(|i| _ = to.carry(i, from, i, now));
        }
        (0..2 * ALLPASSES).for_each(|i| _ = self.allpass.carry(i, &from.allpass, i, now));
        self.fdn.carry(&from.fdn, now);
    }

    /// Does what is due at `frame`, the first of a chunk; the chunk must not pass the frame returned.
    #[inline(always)]
    pub fn at(&mut self, frame: u64) -> u64 {
        let mut limit = self.predelay.at(frame, &self.curve).min(self.fdn.limit(frame));
        if let Some(due) = self.switch {
            if frame >= due {
                self.switch = None;
                self.change_space(due, frame);
            } else {
                limit = limit.min(due);
            }
        }
        limit
    }

    #[inline(never)]
    fn change_space(&mut self, due: u64, frame: u64) {
        self.enter(self.asked.kind, When::Jump);
        self.forget_room(frame);
        self.gate.set(1.0, When::At(due));
    }

    /// One chunk: `io` is what goes in, then what the room answers.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, n: usize, io: &mut Sides) {
        let geometry = &self.spaces[self.kind];
        for (side, x) in io.iter().enumerate() {
            self.before.write(side, frame, &x[..n]);
        }
        let mut gate = [1.0f32; CHUNK];
        if self.gate.resting() != Some(1.0) {
            self.gate.run(frame, n, |t, g| gate[t] = g as f32);
        }
        let mut x = [[0.0f32; CHUNK]; 2];
        self.predelayed(frame, n, &mut x);
        for x in &mut x {
            for t in 0..n {
                x[t] *= gate[t];
            }
        }
        for (side, x) in x.iter().enumerate() {
            self.early.write(side, frame, &x[..n]);
        }

        let mut y = [[0.0f32; CHUNK]; 2];
        if geometry.early[0][0].1 != 0.0 {
            let mut tap = [0.0f32; CHUNK];
            for (y, taps) in y.iter_mut().zip(&geometry.early) {
                for &(delay, gain, side) in taps {
                    self.early.read(side, frame, delay, &mut tap[..n]);
                    for t in 0..n {
                        y[t] += gain * tap[t];
                    }
                }
            }
        }

        for (side, (x, delays)) in x.iter_mut().zip(&geometry.allpass).enumerate() {
            for (i, &delay) in delays.iter().enumerate() {
                let mut v = [0.0f32; CHUNK];
                self.allpass.read(side * ALLPASSES + i, frame, delay, &mut v[..n]);
                for t in 0..n {
                    let w = x[t] + ALLPASS * v[t];
                    x[t] = v[t] - ALLPASS * w;
                    v[t] = w;
                }
                self.allpass.write(side * ALLPASSES + i, frame, &v[..n]);
            }
            self.spread.write(side, frame, &x[..n]);
        }

        let mut input: Block = [[0.0; CHUNK]; LINES];
        for (i, (v, &delay)) in input.iter_mut().zip(&geometry.spread).enumerate() {
            self.spread.read(i / (LINES / 2), frame, delay, &mut v[..n]);
        }
        // Eight delays a side and an orthonormal matrix keep each side's energy.
        let scale = (1.0 / (4.0 * (LINES as f64 / 2.0).sqrt())) as f32;
        for t in 0..n {
            let mut v: [f32; LINES] = std::array::from_fn(|i| input[i][t] * scale);
            fdn::hadamard(&mut v);
            for i in 0..LINES {
                input[i][t] = v[i];
            }
        }
        let mut out: Block = [[0.0; CHUNK]; LINES];
        self.fdn.run(frame, n, &input, &mut out);

        let direct = SPACES[self.kind].direct as f32;
        let mut level = [0.0f32; CHUNK];
        match self.level.resting() {
            Some(rest) => level = [rest as f32; CHUNK],
            None => self.level.run(frame, n, |t, l| level[t] = l as f32),
        }
        let mut width = [0.5f32; CHUNK];
        match self.width.resting() {
            Some(rest) => width = [0.5 * rest as f32; CHUNK],
            None => self.width.run(frame, n, |t, w| width[t] = 0.5 * w as f32),
        }
        for t in 0..n {
            let (mut l, mut r) = (0.0, 0.0);
            for i in 0..LINES / 2 {
                let (a, b) = (out[2 * i][t] + direct * input[2 * i][t], out[2 * i + 1][t] + direct * input[2 * i + 1][t]);
                if OUT_SIGNS >> (2 * i) & 1 != 0 {
                    l -= a
                } else {
                    l += a
                }
                if OUT_SIGNS >> (2 * i + 1) & 1 != 0 { r -= b } else { r += b }
            }
            let (l, r) = ((y[0][t] + level[t] * l) * gate[t], (y[1][t] + level[t] * r) * gate[t]);
            let (mid, side) = (0.5 * (l + r), width[t] * (l - r));
            io[0][t] = mid + side;
            io[1][t] = mid - side;
        }
    }

    /// What went in, a predelay ago.
    #[inline(always)]
    fn predelayed(&self, frame: u64, n: usize, to: &mut Sides) {
        let (old, new) = self.predelay.heard();
        for (side, to) in to.iter_mut().enumerate() {
            self.before.read(side, frame, *new, &mut to[..n]);
            if let Some(old) = old {
                let mut was = [0.0f32; CHUNK];
                self.before.read(side, frame, *old, &mut was[..n]);
                for t in 0..n {
                    to[t] = was[t] + (to[t] - was[t]) * self.predelay.share(frame + t as u64, &self.curve) as f32;
                }
            }
        }
    }
}

/// Signs of the lines at the outputs, line 0 lowest: lines of even number go left, odd ones right.
const OUT_SIGNS: u32 = 0b1001_1010_0011_0110;
