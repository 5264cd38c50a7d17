//! Meters: lock-free cells that the audio thread fills and the control side reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A peak since it was last taken: a non-negative number.
#[derive(Debug, Default)]
pub struct Peak(AtomicU32);

impl Peak {
    /// Audio side: keeps the larger. Non-negative floats compare as their bits; −0, which would beat them all, is
    /// made 0.
    #[inline]
    pub fn raise(&self, x: f32) {
        let bits = (x + 0.0).to_bits();
        if bits > self.0.load(Ordering::Relaxed) {
            self.0.fetch_max(bits, Ordering::Relaxed);
        }
    }

    /// Control side: the peak, starting anew.
    pub fn take(&self) -> f32 {
        f32::from_bits(self.0.swap(0, Ordering::Relaxed))
    }
}

/// A latest value.
#[derive(Debug, Default)]
pub struct Latest(AtomicU32);

impl Latest {
    /// Audio side.
    #[inline]
    pub fn put(&self, x: f32) {
        self.0.store(x.to_bits(), Ordering::Relaxed);
    }

    /// Control side.
    pub fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// What the engine tells of one strip. Linear amplitudes; two sides, the second only of a stereo strip.
#[derive(Debug, Default)]
pub struct StripMeters {
    /// Largest sample after trim.
    pub input: [Peak; 2],
    /// Largest sample of the output.
    pub output: [Peak; 2],
    /// Mean square of the output over 300 ms.
    pub square: [Latest; 2],
    /// Reduction in dB, ≥ 0, of each metered processor in chain order.
    pub reduction: Vec<Peak>,
    /// What each processor tells: its read-only parameters in the order of its parts, by place in the chain.
    pub told: Vec<Figures>,
    /// Times the strip was reset because it was not finite.
    pub faults: AtomicU32,
}

/// Cells of the read-only parameters of one processor of one strip.
pub type Figures = Arc<[Latest]>;

/// All cells of one schedule, by strip.
#[derive(Debug, Default)]
pub struct Meters {
    /// One a strip.
    pub strips: Vec<StripMeters>,
    /// What each bank costs, in the order of the plan.
    pub costs: Vec<Cost>,
}

/// What a bank costs, of the blocks that were measured. Times are in ticks of [`crate::kernel::ticks`].
#[derive(Debug, Default)]
pub struct Cost {
    /// Its strips, each once.
    pub strips: Vec<usize>,
    /// Time spent.
    pub ticks: AtomicU64,
    /// Frames that it was spent on.
    pub frames: AtomicU64,
    /// The most that one whole block took.
    pub most: AtomicU64,
}

impl Cost {
    /// Cells of a bank of these strips.
    pub fn of(mut strips: Vec<usize>) -> Cost {
        strips.dedup();
        Cost { strips, ..Cost::default() }
    }

    /// Counts anew.
    pub fn reset(&self) {
        for cell in [&self.ticks, &self.frames, &self.most] {
            cell.store(0, Ordering::Relaxed);
        }
    }
}

/// Sum of squares over the last 300 ms in ticks, for every lane.
#[derive(Debug)]
pub(crate) struct Window {
    ring: Vec<f64>,
    sum: Vec<f64>,
    lanes: usize,
    at: usize,
}

impl Window {
    pub(crate) fn new(lanes: usize, ticks: usize) -> Self {
        Window { ring: vec![0.0; lanes * ticks.max(1)], sum: vec![0.0; lanes], lanes, at: 0 }
    }

    /// Replaces the oldest tick's sum of squares of one lane; call [`Window::next`] after all lanes.
    pub(crate) fn push(&mut self, lane: usize, square: f64) {
        let old = &mut self.ring[self.at * self.lanes + lane];
        self.sum[lane] += square - *old;
        *old = square;
    }

    /// Sum of squares of a lane.
    pub(crate) fn total(&self, lane: usize) -> f64 {
        self.sum[lane].max(0.0)
    }

    pub(crate) fn next(&mut self) {
        self.at += 1;
        if self.at * self.lanes == self.ring.len() {
            self.at = 0;
            // Rounding cannot pile up: each sum is made anew once a turn.
            for lane in 0..self.lanes {
                self.sum[lane] = self.ring.iter().skip(lane).step_by(self.lanes).sum();
            }
        }
    }

    pub(crate) fn ticks(&self) -> usize {
        self.ring.len() / self.lanes.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_keeps_the_largest_whatever_zero_came_first() {
        let peak = Peak::default();
        for x in [-0.0, 0.0, 0.25, 3.5, -0.0, 1.0] {
            peak.raise(x);
        }
        assert_eq!((peak.take(), peak.take()), (3.5, 0.0));
    }
}
