//! Levels and correlation over windows that end now, in steps of 10 ms.

use crate::analyze::levels::product;
use crate::analyze::loudness::Parts;

/// Parts of 10 ms in the window of correlation, mid and side: 400 ms.
pub const SHORT: usize = 40;
/// Parts in the window of the K meters: 600 ms.
pub const LONG: usize = 60;

/// Sums of l², r² and l·r of the last 600 ms. Of a mono strip only the first.
pub struct Windows {
    parts: Parts,
    ring: [[f64; 3]; LONG],
    now: [f64; 3],
}

impl Windows {
    /// Silence before the first frame.
    pub fn new(rate: u32) -> Self {
        Windows { parts: Parts::new(rate), ring: [[0.0; 3]; LONG], now: [0.0; 3] }
    }

    /// Goes on at another rate.
    pub fn at_rate(&mut self, ratio: f64, rate: u32) {
        self.ring.iter_mut().flatten().for_each(|sum| *sum *= ratio);
        self.now = [0.0; 3];
        self.parts.at_rate(rate);
    }

    /// Takes the next frames, one slice a side.
    pub fn add(&mut self, sides: &[Vec<f64>]) {
        let frames = sides.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < frames {
            let to = frames.min(from + self.parts.room());
            let left = &sides[0][from..to];
            self.now[0] += product(left, left);
            if let Some(right) = sides.get(1) {
                let right = &right[from..to];
                self.now[1] += product(right, right);
                self.now[2] += product(left, right);
            }
            let part = self.parts.ended();
            if self.parts.advance(to - from) {
                self.ring[part as usize % LONG] = std::mem::take(&mut self.now);
            }
            from = to;
        }
    }

    /// Means of l², r² and l·r over the last `parts` parts, or over as many as there are.
    pub fn means(&self, parts: usize) -> [f64; 3] {
        let ended = self.parts.ended();
        let parts = (parts as u64).min(ended);
        let frames = self.parts.frames_of(parts).max(1) as f64;
        let mut sums = [0.0; 3];
        for part in ended - parts..ended {
            for (sum, x) in sums.iter_mut().zip(self.ring[part as usize % LONG]) {
                *sum += x;
            }
        }
        sums.map(|sum| sum / frames)
    }

    /// Correlation of the sides, −1 … 1; 0 where one is silent.
    pub fn correlation(&self) -> f64 {
        let [left, right, both] = self.means(SHORT);
        let scale = left.sqrt() * right.sqrt();
        if scale > 0.0 { (both / scale).clamp(-1.0, 1.0) } else { 0.0 }
    }

    /// Mean squares of (L+R)/2 and (L−R)/2.
    pub fn mid_side(&self) -> [f64; 2] {
        let [left, right, both] = self.means(SHORT);
        [(left + right + 2.0 * both) / 4.0, (left + right - 2.0 * both) / 4.0].map(|x| x.max(0.0))
    }
}
