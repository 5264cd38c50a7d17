//! Movement without clicks: a target convolved with a Hann window.
//!
//! A step of a target becomes `u − sin(2πu)/2π` over 20 ms (`u` = 0 … 1), and steps that overlap
//! add, which is the convolution of the stepped target with a Hann window. Up to [`STEPS`] steps run
//! at once; a newer target waits for the first of them to end and only the latest waiting one counts.
//! Steps a quarter of the window apart add to a straight line, so fades are made of such steps.
//!
//! * [`Gain`] moves one number exactly from the frame of its command, sample by sample.
//! * [`Coeffs`] moves a lane-wide set of filter coefficients on a grid of absolute frames
//!   ([`GRID`]), along parabolas in between, so that any period gives the same samples.

use crate::lanes::Lanes;
use std::sync::Arc;

/// Coefficients follow their curve exactly at multiples of this many frames, and leave each in the
/// direction of the curve.
pub const GRID: u64 = 16;
/// The most lanes of any bank.
const MAX_LANES: usize = 8;
/// Steps of one target that may run at once.
pub const STEPS: usize = 4;

/// The step response of the Hann window at one rate; shared by everything that moves.
#[derive(Debug)]
pub struct Curve {
    step: Vec<f64>,
}

impl Curve {
    /// The curve for a rate in Hz: about 20 ms, a multiple of `4 · GRID` frames.
    pub fn new(rate: f64) -> Arc<Curve> {
        let n = Self::quarter_at(rate) as usize * STEPS;
        let step = (0..=n).map(|i| {
            let u = i as f64 / n as f64;
            u - (std::f64::consts::TAU * u).sin() / std::f64::consts::TAU
        });
        Arc::new(Curve { step: step.collect() })
    }

    /// [`Curve::quarter`] of the curve for a rate.
    pub fn quarter_at(rate: f64) -> u64 {
        ((rate * 0.02 / (4.0 * GRID as f64)) as u64).max(1) * GRID
    }

    /// A curve that lasts about this many seconds (a fade of all outputs).
    pub fn lasting(rate: f64, seconds: f64) -> Arc<Curve> {
        Curve::new(rate * seconds / 0.02)
    }

    /// Frames that a step takes.
    pub fn frames(&self) -> u64 {
        self.step.len() as u64 - 1
    }

    /// Frames between the steps of a fade: a quarter of the window.
    pub fn quarter(&self) -> u64 {
        self.frames() / STEPS as u64
    }

    /// Share of a step that the frame after `n` frames adds.
    fn slope(&self, n: u64) -> f64 {
        0.5 * (self.at(n + 1) - self.at(n.saturating_sub(1)))
    }

    /// Share of a step done after `n` frames, 0 … 1.
    #[inline(always)]
    pub fn at(&self, n: u64) -> f64 {
        self.step[(n as usize).min(self.step.len() - 1)]
    }
}

/// When a new target takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once, without a ramp: a fresh strip.
    Jump,
    /// From this absolute frame on, along the curve.
    At(u64),
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    start: u64,
    delta: f64,
}

/// One number on its way to a target, exact to the frame.
#[derive(Clone, Debug)]
pub struct Gain {
    curve: Arc<Curve>,
    base: f64,
    target: f64,
    waiting: Option<f64>,
    steps: [Step; STEPS],
    running: usize,
}

impl Gain {
    /// At rest at `value`.
    pub fn new(curve: &Arc<Curve>, value: f64) -> Self {
        Gain { curve: curve.clone(), base: value, target: value, waiting: None, steps: Default::default(), running: 0 }
    }

    /// Frames that a step takes.
    pub fn frames(&self) -> u64 {
        self.curve.frames()
    }

    /// Where it is going.
    pub fn target(&self) -> f64 {
        self.waiting.unwrap_or(self.target)
    }

    /// The value while nothing moves; `None` on the way.
    #[inline(always)]
    pub fn resting(&self) -> Option<f64> {
        (self.running == 0).then_some(self.base)
    }

    /// Sets the target. Steps start in the order of their frames.
    pub fn set(&mut self, value: f64, when: When) {
        match when {
            When::Jump => {
                (self.base, self.target, self.waiting, self.running) = (value, value, None, 0);
            }
            When::At(frame) => {
                if self.target() == value {
                    return;
                }
                if self.running == STEPS {
                    self.waiting = Some(value);
                } else {
                    self.start(value, frame);
                }
            }
        }
    }

    fn start(&mut self, value: f64, frame: u64) {
        self.steps[self.running] = Step { start: frame, delta: value - self.target };
        self.running += 1;
        self.target = value;
    }

    /// Calls `put(i, value)` for the `n` frames from `frame` on.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, n: usize, mut put: impl FnMut(usize, f64)) {
        for i in 0..n {
            put(i, self.next(frame + i as u64));
        }
    }

    /// The value at `frame`; frames are asked in order, none twice.
    #[inline(always)]
    pub fn next(&mut self, frame: u64) -> f64 {
        if self.running == 0 {
            return self.base;
        }
        if frame >= self.steps[0].start + self.curve.frames() {
            self.finish_first(frame);
            if self.running == 0 {
                return self.base;
            }
        }
        let mut value = self.base;
        for step in &self.steps[..self.running] {
            value += step.delta * self.curve.at(frame.saturating_sub(step.start));
        }
        value
    }

    fn finish_first(&mut self, frame: u64) {
        self.base += self.steps[0].delta;
        self.steps.copy_within(1.., 0);
        self.running -= 1;
        if self.running == 0 {
            self.base = self.target;
        }
        if let Some(value) = self.waiting.take() {
            self.start(value, frame);
        }
    }
}

/// `K` coefficients of every lane, moving together.
///
/// A processor reads [`Coeffs::now`]; while [`Coeffs::moving`], it calls [`Coeffs::advance`] after
/// every frame. [`Coeffs::at`] is called at the first frame of each block and at every multiple of
/// [`GRID`] inside it.
pub struct Coeffs<L, const K: usize> {
    /// Present coefficients.
    pub now: [L; K],
    /// Increment of the next frame, zero at rest.
    pub by: [L; K],
    /// What [`Coeffs::by`] grows by with every frame, zero at rest.
    pub bend: [L; K],
    lanes: Vec<LaneSteps<K>>,
    curve: Arc<Curve>,
    moving: u32,
}

#[derive(Clone)]
struct LaneSteps<const K: usize> {
    base: [f64; K],
    target: [f64; K],
    waiting: Option<[f64; K]>,
    steps: [(u64, [f64; K]); STEPS],
    running: usize,
}

impl<L: Lanes, const K: usize> Coeffs<L, K> {
    /// All lanes at rest at `value`.
    pub fn new(curve: &Arc<Curve>, value: [f64; K]) -> Self {
        let lane = LaneSteps { base: value, target: value, waiting: None, steps: [(0, [0.0; K]); STEPS], running: 0 };
        Coeffs {
            now: value.map(L::splat),
            by: [L::zero(); K],
            bend: [L::zero(); K],
            lanes: vec![lane; L::N],
            curve: curve.clone(),
            moving: 0,
        }
    }

    /// Whether any lane moves.
    #[inline(always)]
    pub fn moving(&self) -> bool {
        self.moving != 0
    }

    /// The lanes that move, lane 0 lowest.
    #[inline(always)]
    pub fn moving_lanes(&self) -> u32 {
        self.moving
    }

    /// Where a lane is going.
    pub fn target(&self, lane: usize) -> [f64; K] {
        self.lanes[lane].waiting.unwrap_or(self.lanes[lane].target)
    }

    /// Sets a lane's target; movement starts at the next multiple of [`GRID`].
    pub fn set(&mut self, lane: usize, value: [f64; K], when: When) {
        let l = &mut self.lanes[lane];
        match when {
            When::Jump => {
                (l.base, l.target, l.waiting, l.running) = (value, value, None, 0);
                self.moving &= !(1 << lane);
                self.now.iter_mut().zip(value).for_each(|(now, value)| now.set(lane, value));
                self.by.iter_mut().chain(&mut self.bend).for_each(|step| step.set(lane, 0.0));
            }
            When::At(frame) => {
                if l.waiting.unwrap_or(l.target) == value {
                    return;
                }
                if l.running == STEPS {
                    l.waiting = Some(value);
                } else {
                    l.start(value, frame.next_multiple_of(GRID));
                }
                self.moving |= 1 << lane;
            }
        }
    }

    /// Call at the first frame of a block and at each multiple of [`GRID`].
    #[inline(always)]
    pub fn at(&mut self, frame: u64) {
        if self.moving != 0 && frame.is_multiple_of(GRID) {
            self.segment(frame);
        }
    }

    #[inline(never)]
    fn segment(&mut self, frame: u64) {
        let lanes = |of: &[L; K]| of.map(|v| std::array::from_fn::<f64, MAX_LANES, _>(|i| if i < L::N { v.get(i) } else { 0.0 }));
        // Lanes are gathered and written as whole vectors: single lanes of a vector are slow to write.
        let (mut now, mut by, mut bend) = (lanes(&self.now), lanes(&self.by), lanes(&self.bend));
        let moving = self.moving;
        for lane in (0..L::N.min(MAX_LANES)).filter(|lane| moving & (1 << lane) != 0) {
            let l = &mut self.lanes[lane];
            let here = l.value(frame, &self.curve);
            let next = l.ahead(frame + GRID, &self.curve);
            let slope = l.slope(frame, &self.curve);
            let rests = l.running == 0;
            for k in 0..K {
                // here + slope·n + bend·n²/2 meets `next`.
                let n = GRID as f64;
                let b = if rests { 0.0 } else { 2.0 * (next[k] - here[k] - slope[k] * n) / (n * n) };
                (now[k][lane], by[k][lane], bend[k][lane]) = (here[k], slope[k] + 0.5 * b, b);
            }
            if rests {
                self.moving &= !(1 << lane);
            }
        }
        let vectors = |of: [[f64; MAX_LANES]; K]| of.map(|v| L::from_fn(|lane| v[lane]));
        (self.now, self.by, self.bend) = (vectors(now), vectors(by), vectors(bend));
    }

    /// Calls `put(i, coefficients)` for the `n` frames from `frame` on, in place of [`Coeffs::at`] and
    /// [`Coeffs::advance`].
    #[inline(always)]
    pub fn each(&mut self, frame: u64, n: usize, mut put: impl FnMut(usize, &[L; K])) {
        let mut from = 0;
        while from < n {
            let here = frame + from as u64;
            self.at(here);
            let moving = self.moving();
            let until = if moving { n.min(from + (GRID - here % GRID) as usize) } else { n };
            for i in from..until {
                put(i, &self.now);
                if moving {
                    self.advance();
                }
            }
            from = until;
        }
    }

    /// Advances by one frame; only needed while moving.
    #[inline(always)]
    pub fn advance(&mut self) {
        for k in 0..K {
            self.now[k] = self.now[k] + self.by[k];
            self.by[k] = self.by[k] + self.bend[k];
        }
    }

    /// Takes over a lane of another set, on its way as it is.
    pub fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.lanes[lane].clone_from(&from.lanes[from_lane]);
        self.moving = (self.moving & !(1 << lane)) | ((from.moving >> from_lane & 1) << lane);
        for k in 0..K {
            self.now[k].set(lane, from.now[k].get(from_lane));
            self.by[k].set(lane, from.by[k].get(from_lane));
            self.bend[k].set(lane, from.bend[k].get(from_lane));
        }
    }
}

impl<const K: usize> LaneSteps<K> {
    fn start(&mut self, value: [f64; K], frame: u64) {
        self.steps[self.running] = (frame, std::array::from_fn(|k| value[k] - self.target[k]));
        self.running += 1;
        self.target = value;
    }

    /// The value at a grid frame, ending steps that are over.
    fn value(&mut self, frame: u64, curve: &Curve) -> [f64; K] {
        while self.running > 0 && frame >= self.steps[0].0 + curve.frames() {
            let delta = self.steps[0].1;
            self.base = std::array::from_fn(|k| self.base[k] + delta[k]);
            self.steps.copy_within(1.., 0);
            self.running -= 1;
            if self.running == 0 {
                self.base = self.target;
            }
            if let Some(value) = self.waiting.take() {
                self.start(value, frame);
            }
        }
        self.ahead(frame, curve)
    }

    /// Increment a frame at a grid frame; zero at rest.
    fn slope(&self, frame: u64, curve: &Curve) -> [f64; K] {
        let mut slope = [0.0; K];
        for (start, delta) in &self.steps[..self.running] {
            let share = if frame < *start { 0.0 } else { curve.slope(frame - *start) };
            slope.iter_mut().zip(delta).for_each(|(s, d)| *s += d * share);
        }
        slope
    }

    fn ahead(&self, frame: u64, curve: &Curve) -> [f64; K] {
        if self.running == 1 && frame >= self.steps[0].0 + curve.frames() {
            return self.target;
        }
        let mut value = self.base;
        for (start, delta) in &self.steps[..self.running] {
            let share = curve.at(frame.saturating_sub(*start));
            value.iter_mut().zip(delta).for_each(|(v, d)| *v += d * share);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::One64;

    #[test]
    fn a_step_takes_its_time_and_ends_exactly() {
        let curve = Curve::new(48000.0);
        assert_eq!(curve.frames(), 960);
        let mut g = Gain::new(&curve, 1.0);
        g.set(0.3, When::At(100));
        let values: Vec<f64> = (100..1200).map(|f| g.next(f)).collect();
        assert_eq!(values[0], 1.0);
        assert!((values[480] - 0.65).abs() < 1e-12);
        assert_eq!(values[960], 0.3);
        assert!(values.windows(2).all(|w| w[1] <= w[0]));
        assert_eq!(g.resting(), Some(0.3));
    }

    #[test]
    fn steps_a_quarter_apart_make_a_straight_line() {
        let curve = Curve::new(48000.0);
        let mut g = Gain::new(&curve, 0.0);
        let mut line = Vec::new();
        for f in 0..4800u64 {
            if f % curve.quarter() == 0 {
                g.set((f / curve.quarter() + 1) as f64, When::At(f));
            }
            line.push(g.next(f));
        }
        let slope = 1.0 / curve.quarter() as f64;
        for w in line[1000..].windows(2) {
            assert!((w[1] - w[0] - slope).abs() < 1e-9);
        }
    }

    #[test]
    fn a_flood_of_targets_keeps_the_last() {
        let curve = Curve::new(48000.0);
        let mut g = Gain::new(&curve, 0.0);
        for i in 0..1000 {
            g.set(f64::from(i), When::At(0));
        }
        for f in 0..3000 {
            g.next(f);
        }
        assert_eq!(g.resting(), Some(999.0));
    }

    #[test]
    fn coefficients_are_the_same_for_any_block_size() {
        let curve = Curve::new(48000.0);
        let run = |block: usize| {
            let mut c = Coeffs::<One64, 2>::new(&curve, [0.0, 1.0]);
            let (mut out, mut frame) = (Vec::new(), 0u64);
            c.set(0, [1.0, -1.0], When::At(5));
            while frame < 2000 {
                for _ in 0..block {
                    c.at(frame);
                    out.push([c.now[0].0, c.now[1].0]);
                    c.advance();
                    frame += 1;
                }
            }
            out.truncate(2000);
            out
        };
        let reference = run(1);
        assert_eq!(reference, run(17));
        assert_eq!(reference[1999], [1.0, -1.0]);
        assert!((reference[16 + 480][0] - 0.5).abs() < 1e-12);
    }
}
