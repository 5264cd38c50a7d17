//! Where a tap goes on: the place most like the one it leaves.

use crate::kernel::delayline::{CHUNK, Lines};
use crate::kernel::interp::SHORTEST;
use crate::ramp::GRID;
use std::sync::Arc;

/// Sums that are kept side by side.
const SUMS: usize = 8;

/// Lengths at one rate, in frames.
pub struct Sizes {
    /// Share of the place that comes up, frame by frame.
    pub blend: Vec<f32>,
    /// Weights of the frames that are compared, and of every step of them.
    fine: Vec<f32>,
    coarse: Vec<f32>,
    /// Frames of a coarse step.
    step: usize,
    /// How much newer than the tap the compared stretch may be.
    ahead: usize,
    /// The least jump beyond what the tap drifts during a blend.
    gap: f64,
}

impl Sizes {
    pub fn new(rate: f64) -> Sizes {
        let frames = |ms: f64| ms * rate / 1000.0;
        let step = ((rate / 12000.0).round() as usize).max(1);
        let window = (frames(16.0) / (SUMS * step) as f64).ceil() as usize * SUMS * step;
        let hann = |n: usize| {
            let at = move |i: usize| (std::f64::consts::PI * (i as f64 + 0.5) / n as f64).sin().powi(2) as f32;
            (0..n).map(at).collect::<Vec<_>>()
        };
        let blend = frames(10.0).round();
        let share = |i: usize| 0.5 - 0.5 * (std::f64::consts::PI * (i as f64 + 0.5) / blend).cos();
        Sizes {
            blend: (0..blend as usize).map(|i| share(i) as f32).collect(),
            fine: hann(window),
            coarse: hann(window / step),
            step,
            ahead: window / 3,
            gap: frames(2.0),
        }
    }

    /// The shortest delay from which a blend may start, by drift: frames a frame, negative where the delay shrinks.
    pub fn nearest(&self, drift: f64) -> f64 {
        let blend = (self.blend.len() + 2 * GRID as usize) as f64 * (-drift).max(0.0);
        (SHORTEST + 2) as f64 + blend.max(self.ahead as f64)
    }

    /// The least and the largest jump; the largest is a whole number of steps.
    pub fn jumps(&self, drift: f64) -> (usize, usize) {
        let least = (self.gap + self.blend.len() as f64 * drift.abs()).ceil() as usize;
        (least, (least + self.fine.len()).next_multiple_of(self.step))
    }

    /// The oldest frame that is ever asked for, counted back.
    pub fn reach(&self) -> usize {
        let fastest = -1.0;
        let most = self.jumps(fastest).1;
        self.nearest(fastest) as usize + 2 * most + self.fine.len() + self.blend.len() + 2 * CHUNK
    }
}

/// Room to search in.
pub struct Search {
    sizes: Arc<Sizes>,
    fine: [Vec<f32>; 2],
    coarse: [Vec<f32>; 2],
}

impl Search {
    pub fn new(sizes: &Arc<Sizes>) -> Search {
        let most = sizes.jumps(-1.0).1 + sizes.fine.len() + CHUNK;
        let room = |n: usize| [vec![0.0; n], vec![0.0; n]];
        Search { sizes: sizes.clone(), fine: room(most), coarse: room(most / sizes.step + 1) }
    }

    /// How far from delay `from` the sound is most like itself there, `least` to `most` frames older or newer, and
    /// how alike it is, 0 … 1. Everything before `frame` is written.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub fn run(
        &mut self,
        lines: &Lines<f32>,
        frame: u64,
        sides: usize,
        from: usize,
        least: usize,
        most: usize,
        older: bool,
    ) -> (f64, f32) {
        let Search { sizes, fine, coarse } = self;
        let (step, window) = (sizes.step, sizes.fine.len());
        let length = most + window;
        // The stretch around the tap is at one end of what is looked at.
        let reference = if older { most } else { 0 };
        let oldest = from + window - sizes.ahead + reference;
        for side in 0..sides {
            let mut at = 0;
            while at < length {
                let n = CHUNK.min(length - at);
                lines.read(side, frame + at as u64, oldest, &mut fine[side][at..at + n]);
                at += n;
            }
            for (to, from) in coarse[side].iter_mut().zip(fine[side][..length].chunks_exact(step)) {
                *to = from.iter().sum();
            }
        }
        let place = |jump: usize| if older { most - jump } else { jump };
        let mut best = (f32::MIN, most / step);
        // From the farthest on: of equals, the one that lasts longest.
        for jump in (least.div_ceil(step)..=most / step).rev() {
            let like = alike(&sizes.coarse, coarse, sides, reference / step, place(jump * step) / step);
            if like > best.0 + 0.002 {
                best = (like, jump);
            }
        }
        let middle = best.1 * step;
        let likeness = |jump: usize| alike(&sizes.fine, fine, sides, reference, place(jump));
        let mut best = (f32::MIN, middle);
        let reach = 1 + 3 * step / 2;
        for jump in middle.saturating_sub(reach).max(1)..=(middle + reach).min(most) {
            let like = likeness(jump);
            if like > best.0 {
                best = (like, jump);
            }
        }
        let (like, jump) = best;
        if jump <= 1 || jump >= most {
            return (jump as f64, like.clamp(0.0, 1.0));
        }
        (jump as f64 + between(likeness(jump - 1), like, likeness(jump + 1)), like.clamp(0.0, 1.0))
    }
}

/// The top of the sine through three points a frame apart, from the middle one.
fn between(before: f32, here: f32, after: f32) -> f64 {
    let [a, b, c] = [before, here, after].map(f64::from);
    let cos = (a + c) / (2.0 * b);
    if b <= 0.0 || !(-0.99..0.999_999_9).contains(&cos) {
        return 0.0;
    }
    let turn = cos.acos();
    (((c - a) / (2.0 * b * turn.sin())).atan() / turn).clamp(-0.5, 0.5)
}

/// Correlation of two stretches over that of equal ones: 1 where they are the same.
#[inline(always)]
fn alike(weights: &[f32], x: &[Vec<f32>; 2], sides: usize, one: usize, other: usize) -> f32 {
    let (mut cross, mut power) = ([0.0f32; SUMS], [1e-20f32; SUMS]);
    let n = weights.len();
    for x in &x[..sides] {
        let pairs = x[one..one + n].chunks_exact(SUMS).zip(x[other..other + n].chunks_exact(SUMS));
        for (w, (a, b)) in weights.chunks_exact(SUMS).zip(pairs) {
            for k in 0..SUMS {
                cross[k] += w[k] * a[k] * b[k];
                power[k] += w[k] * (a[k] * a[k] + b[k] * b[k]);
            }
        }
    }
    2.0 * cross.iter().sum::<f32>() / power.iter().sum::<f32>()
}
