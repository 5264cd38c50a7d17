//! One strip's reverb: predelay, early reflections, input diffuser, network.

use super::diffuser::Diffuser;
use super::space::{self, Geometry, SPACES};
use crate::kernel::delayline::{CHUNK, Crossfade, Lines};
use crate::kernel::fdn::{self, Fdn, Scratch};
use crate::kernel::per_strip::{Chunk, Sides, fill};
use crate::lanes::Lanes;
use crate::ramp::{Curve, Gain, When};
use std::sync::Arc;

/// Longest predelay in ms.
pub const PREDELAY_MS: f64 = 500.0;

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
    /// Level of what enters: what is inside keeps its own when the time changes, and fades by the new one.
    level: Gain,
    width: Gain,
    predelay: Crossfade<usize>,
    before: Lines<f32>,
    diffuser: Diffuser,
    fdn: Fdn,
}

impl Tank {
    /// A silent tank.
    pub fn new(spaces: &Spaces, curve: &Arc<Curve>, rate: f64) -> Tank {
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
            diffuser: Diffuser::new(curve, rate),
            // The network reads before it writes: no chunk on top.
            fdn: Fdn::new(curve, rate, frames(space::LONGEST_LINE_MS) - CHUNK),
        };
        tank.follow(asked, When::Jump);
        tank
    }

    /// New settings.
    pub fn follow(&mut self, to: Settings, when: When) {
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
        self.fdn.enter(&self.spaces[kind].lines, SPACES[kind].seed);
        self.tune(when);
    }

    /// Absorption and level for the space that sounds.
    fn tune(&mut self, when: When) {
        let (space, geometry) = (&SPACES[self.kind], &self.spaces[self.kind]);
        let Settings { time, treble, .. } = self.asked;
        self.fdn.set(&fdn::absorption(&geometry.lines, self.rate, time, treble, space.corner), when);
        // Two independent sides of equal power come out as loud as they went in.
        let pass = fdn::pass(&geometry.lines, self.rate, time);
        let left = 10f64.powf(-3.0 / (self.rate * time));
        let (early, late) = self.diffuser.set(geometry, left, when);
        let energy = early + late * (space.direct * space.direct + pass / (1.0 - pass));
        self.level.set(energy.powf(-0.5), when);
    }

    /// Sound starts at frame `now`; what was before is forgotten.
    pub fn start(&mut self, now: u64) {
        self.before.forget_all(now);
        self.forget_room(now);
        self.fdn.start(now);
    }

    fn forget_room(&mut self, now: u64) {
        self.diffuser.forget(now);
        self.fdn.forget(now);
    }

    /// Frames that sound may stay inside unheard.
    pub fn longest(&self) -> u64 {
        let (old, new) = self.predelay.heard();
        let predelay = *new.max(self.predelay.target()).max(old.unwrap_or(&0));
        let g = &self.spaces[self.kind];
        let longest = |n: &[usize]| n.iter().copied().max().unwrap_or(0);
        let diffuser: usize = longest(&[g.allpass[0].iter().sum(), g.allpass[1].iter().sum()]);
        (predelay + diffuser + longest(&g.spread) + longest(&g.scatter) + self.fdn.longest()) as u64
    }

    /// Takes over another tank, sound, settings and movement, at frame `now`.
    pub fn take_over(&mut self, from: &Tank, now: u64) {
        (self.asked, self.kind, self.switch) = (from.asked, from.kind, from.switch);
        self.gate.clone_from(&from.gate);
        self.level.clone_from(&from.level);
        self.width.clone_from(&from.width);
        self.predelay.clone_from(&from.predelay);
        (0..2).for_each(|i| _ = self.before.carry(i, &from.before, i, now));
        self.diffuser.carry(&from.diffuser, now);
        self.fdn.carry(&from.fdn, now);
    }

    /// Copies some of what [`Tank::take_over`] will ask for; see [`Lines::ahead`].
    pub fn copy_ahead(&mut self, from: &Tank, now: u64, budget: &mut usize) -> bool {
        let before = self.before.ahead_all(&from.before, now, budget);
        let diffuser = self.diffuser.ahead(&from.diffuser, now, budget);
        let network = self.fdn.ahead(&from.fdn, now, budget);
        before && diffuser && network
    }

    /// Does what is due at `frame`, the first of a chunk; the chunk must not pass the frame returned.
    #[inline(always)]
    pub fn due(&mut self, frame: u64) -> u64 {
        let limits = [self.fdn.limit(frame), self.diffuser.limit(frame)];
        let mut limit = self.predelay.at(frame, &self.curve).min(limits[0]).min(limits[1]);
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
    pub fn answer<V: Lanes<Elem = f32>>(&mut self, frame: u64, n: usize, work: &mut Scratch, io: &mut Sides) {
        // The usual block gets loops of known length.
        if n == CHUNK { self.chunk::<V>(frame, CHUNK, work, io) } else { self.chunk::<V>(frame, n, work, io) }
    }

    #[inline(always)]
    fn chunk<V: Lanes<Elem = f32>>(&mut self, frame: u64, n: usize, work: &mut Scratch, io: &mut Sides) {
        for (side, x) in io.iter().enumerate() {
            self.before.put(side, frame, n, x);
        }
        let mut early = [[0.0f32; CHUNK]; 2];
        self.predelayed(frame, n, &mut early);
        let mut gate = [1.0f32; CHUNK];
        if self.gate.resting() != Some(1.0) {
            self.gate.run(frame, n, |t, g| gate[t] = g as f32);
        }
        let here = Chunk { frame, n, stereo: true };
        let level = fill(&mut self.level, here);
        for x in &mut early {
            for t in 0..n {
                x[t] *= level[t] * gate[t];
            }
        }
        self.diffuser.run::<V>(&self.spaces[self.kind], frame, n, &mut early, &mut work.input);
        self.fdn.run::<V>(frame, n, work, SPACES[self.kind].direct as f32, io);

        let width = fill(&mut self.width, here);
        let [left, right] = io;
        for t in 0..n {
            let (l, r) = (gate[t] * (early[0][t] + left[t]), gate[t] * (early[1][t] + right[t]));
            let (mid, side) = (0.5 * (l + r), 0.5 * width[t] * (l - r));
            left[t] = mid + side;
            right[t] = mid - side;
        }
    }

    /// What went in, a predelay ago.
    #[inline(always)]
    fn predelayed(&self, frame: u64, n: usize, to: &mut Sides) {
        let (old, new) = self.predelay.heard();
        for (side, to) in to.iter_mut().enumerate() {
            let is = self.before.chunk(side, frame, *new);
            match old {
                None => to[..n].copy_from_slice(&is[..n]),
                Some(old) => {
                    let was = self.before.chunk(side, frame, *old);
                    for t in 0..n {
                        to[t] = was[t] + (is[t] - was[t]) * self.predelay.share(frame + t as u64, &self.curve) as f32;
                    }
                }
            }
        }
    }
}
