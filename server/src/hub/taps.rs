//! A tempo from taps.

/// A pause after which taps start anew, ns.
const PAUSE: u64 = 3_000_000_000;
/// Taps that count: four intervals.
const TAPS: usize = 5;

/// The last taps.
#[derive(Default)]
pub(super) struct Taps(Vec<u64>);

impl Taps {
    /// A tap at a time in ns; the tempo in BPM, from the second on.
    pub(super) fn tap(&mut self, now: u64) -> Option<f64> {
        if self.0.last().is_some_and(|last| now.saturating_sub(*last) > PAUSE) {
            self.0.clear();
        }
        if self.0.len() == TAPS {
            self.0.remove(0);
        }
        self.0.push(now);
        let (first, last) = (self.0.first()?, self.0.last()?);
        let intervals = self.0.len() - 1;
        (last > first).then(|| 60e9 * intervals as f64 / (last - first) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_the_last_intervals_is_the_tempo() {
        let mut taps = Taps::default();
        let mut at = |ms: u64| taps.tap(ms * 1_000_000).map(f64::round);
        assert_eq!(at(1000), None);
        assert_eq!(at(1500), Some(120.0));
        assert_eq!(at(1990), Some(121.0));
        assert_eq!(at(2500), Some(120.0));
        // A pause: a new tempo.
        assert_eq!(at(9000), None);
        assert_eq!(at(10_000), Some(60.0));
        for beat in 1..=4 {
            at(10_000 + 600 * beat);
        }
        assert_eq!(at(13_000), Some(100.0));
    }
}
