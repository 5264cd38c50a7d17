//! Engine frames against monotonic time.

/// A line through the (frame, time) pairs that the audio thread publishes, smoothed so that two
/// times Δ apart give frames Δ·rate apart, whatever the scheduler did between.
#[derive(Debug)]
pub struct FrameClock {
    rate: f64,
    /// Frame at time 0 of the line; `None` before the first period.
    offset: Option<f64>,
    last: u64,
}

/// Share of a new observation.
const WEIGHT: f64 = 0.02;
/// Frames by which an observation may be off before the line starts anew, in seconds.
const LOST_S: f64 = 0.05;

impl FrameClock {
    /// A clock for a rate in Hz.
    pub fn new(rate: f64) -> Self {
        FrameClock { rate, offset: None, last: 0 }
    }

    /// Takes the start of a period into account.
    pub fn observe(&mut self, frame: u64, nanos: u64) {
        if nanos == 0 || frame == self.last {
            return;
        }
        self.last = frame;
        let seen = frame as f64 - nanos as f64 * 1e-9 * self.rate;
        self.offset = Some(match self.offset {
            Some(offset) if (seen - offset).abs() < LOST_S * self.rate => offset + WEIGHT * (seen - offset),
            _ => seen,
        });
    }

    /// The frame at a time; 0 before the first period.
    pub fn frame_at(&self, nanos: u64) -> u64 {
        self.offset.map_or(0, |offset| (offset + nanos as f64 * 1e-9 * self.rate).max(0.0).round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_times_keep_their_distance_under_jitter() {
        let mut clock = FrameClock::new(48000.0);
        let mut noise = 1u64;
        for i in 0..2000u64 {
            noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1);
            let jitter = noise >> 45; // up to 0.5 ms
            clock.observe(i * 256, 1_000_000_000 + i * 256 * 1_000_000 / 48 + jitter);
        }
        let at = 20_000_000_000;
        let apart = clock.frame_at(at + 500_000_000) - clock.frame_at(at);
        assert_eq!(apart, 24000);
    }
}
