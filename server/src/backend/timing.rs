//! How long periods take and how punctually they come: histograms that the audio thread writes without waiting
//! and anyone may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::XrunCause;

/// Eight buckets an octave: every figure is exact to 12.5 %.
const STEPS: u32 = 3;
/// The last bucket begins at 2³⁶ ns, about a minute.
const BUCKETS: usize = (37 - STEPS as usize) << STEPS;

/// Counts of durations in logarithmic buckets.
#[derive(Debug)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0), max: AtomicU64::new(0) }
    }
}

impl Histogram {
    fn bucket(nanos: u64) -> usize {
        let floor = 1 << STEPS;
        if nanos < floor {
            return nanos as usize;
        }
        let octave = nanos.ilog2();
        let step = (nanos >> (octave - STEPS)) & (floor - 1);
        ((((octave - STEPS + 1) as usize) << STEPS) + step as usize).min(BUCKETS - 1)
    }

    /// The first duration in nanoseconds that no longer belongs to `bucket`.
    fn upper(bucket: usize) -> u64 {
        let next = bucket as u64 + 1;
        if next < 1 << STEPS {
            return next;
        }
        let octave = (next >> STEPS) - 1;
        ((1 << STEPS) + (next & ((1 << STEPS) - 1))) << octave
    }

    // One thread writes: a load and a store cost less than a locked addition.
    fn record(&self, nanos: u64) {
        let add = |cell: &AtomicU64, n: u64| cell.store(cell.load(Relaxed) + n, Relaxed);
        add(&self.counts[Self::bucket(nanos)], 1);
        add(&self.sum, nanos);
        if nanos > self.max.load(Relaxed) {
            self.max.store(nanos, Relaxed);
        }
    }

    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Relaxed)).sum()
    }

    /// Their sum in nanoseconds.
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// The longest, in nanoseconds.
    pub fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }

    /// The duration in nanoseconds that a share `q` (0 … 1) of all stays below, rounded up by at most 12.5 %;
    /// 0 when there are none.
    pub fn quantile(&self, q: f64) -> u64 {
        let wanted = (self.count() as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count.load(Relaxed);
            if seen >= wanted {
                return Self::upper(bucket).min(self.max());
            }
        }
        0
    }

    /// Buckets that hold something, as (upper edge in nanoseconds, count), ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().enumerate().map(|(b, c)| (Self::upper(b), c.load(Relaxed))).filter(|(_, n)| *n > 0)
    }
}

/// What is known about the periods since the start. The audio thread writes, everyone reads.
#[derive(Debug, Default)]
pub struct Timing {
    /// How long the engine took for a period.
    pub process: Histogram,
    /// From the start of one period to the start of the next.
    pub interval: Histogram,
    last: AtomicU64,
    /// The longest since they were last asked for, to tell what an xrun was due to.
    recent_process: AtomicU64,
    recent_interval: AtomicU64,
    xruns: AtomicU64,
    faults: AtomicU64,
}

impl Timing {
    /// Missed deadlines.
    pub fn xruns(&self) -> u64 {
        self.xruns.load(Relaxed)
    }

    /// Periods in which the engine panicked and silence was played.
    pub fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// Audio thread: a period ran from `begin` to `end`, in nanoseconds.
    pub(crate) fn record(&self, begin: u64, end: u64, fault: bool) {
        let took = end.saturating_sub(begin);
        self.process.record(took);
        self.recent_process.fetch_max(took, Relaxed);
        let last = self.last.swap(begin, Relaxed);
        if last != 0 {
            let interval = begin.saturating_sub(last);
            self.interval.record(interval);
            self.recent_interval.fetch_max(interval, Relaxed);
        }
        if fault {
            self.faults.fetch_add(1, Relaxed);
        }
    }

    /// The next period follows on an interruption, not on the one before it.
    pub(crate) fn interrupted(&self) {
        self.last.store(0, Relaxed);
    }

    pub(crate) fn count_xrun(&self) {
        self.xruns.fetch_add(1, Relaxed);
    }

    /// The longest process time and interval since this was last asked.
    pub(crate) fn take_recent(&self) -> Recent {
        Recent { process: self.recent_process.swap(0, Relaxed), interval: self.recent_interval.swap(0, Relaxed) }
    }
}

/// The longest process time and interval of a short while, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recent {
    process: u64,
    interval: u64,
}

impl Recent {
    pub(crate) fn max(self, other: Recent) -> Recent {
        Recent { process: self.process.max(other.process), interval: self.interval.max(other.interval) }
    }

    /// What an xrun in this while was likely due to, for periods of `period` nanoseconds.
    pub(crate) fn cause(self, period: u64) -> XrunCause {
        if self.process >= period {
            XrunCause::Processing
        } else if self.interval > period + period / 2 {
            XrunCause::Wakeup
        } else {
            XrunCause::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_below_the_edge_of_its_bucket_and_not_far() {
        for exponent in 0..60 {
            for nanos in [1u64 << exponent, (1 << exponent) + (1 << exponent) / 3, (2 << exponent) - 1] {
                let bucket = Histogram::bucket(nanos);
                if bucket < BUCKETS - 1 {
                    let upper = Histogram::upper(bucket);
                    assert!(nanos < upper, "{nanos} in bucket up to {upper}");
                    assert!(upper as f64 <= nanos as f64 * 1.125 + 1.0, "{nanos} in bucket up to {upper}");
                }
            }
        }
    }

    #[test]
    fn one_late_period_in_a_thousand_shows_at_the_far_quantile_only() {
        let timing = Timing::default();
        let mut at = 1;
        for n in 0..1001 {
            timing.record(at, at + 20_000, false);
            at += if n == 500 { 9_000_000 } else { 1_333_333 };
        }
        assert!(timing.interval.quantile(0.99) < 1_333_333 * 9 / 8 + 1);
        assert_eq!(timing.interval.quantile(1.0), 9_000_000);
        assert_eq!(timing.interval.count(), 1000);
        assert_eq!(timing.process.count(), 1001);
    }

    #[test]
    fn an_interruption_is_no_interval() {
        let timing = Timing::default();
        timing.record(1_000, 2_000, false);
        timing.interrupted();
        timing.record(5_000_000_000, 5_000_001_000, true);
        assert_eq!(timing.interval.count(), 0);
        assert_eq!(timing.faults(), 1);
    }

    #[test]
    fn an_xrun_is_laid_at_the_right_door() {
        let cause = |process, interval| Recent { process, interval }.cause(1_000);
        assert_eq!(cause(1_200, 2_000), XrunCause::Processing);
        assert_eq!(cause(200, 2_000), XrunCause::Wakeup);
        assert_eq!(cause(200, 1_050), XrunCause::Elsewhere);
    }
}
