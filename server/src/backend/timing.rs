//! How long periods take and how punctually they come: histograms that the audio thread writes without waiting
//! and anyone may read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use super::internal::lock;
use super::ledger::{Ledger, Return, What};
use super::realtime::monotonic_nanos;
use super::{Evidence, Xrun, XrunCause};

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

    // Added as one, so that another thread may reset meanwhile.
    fn record(&self, nanos: u64) {
        self.counts[Self::bucket(nanos)].fetch_add(1, Relaxed);
        self.sum.fetch_add(nanos, Relaxed);
        if nanos > self.max.load(Relaxed) {
            self.max.fetch_max(nanos, Relaxed);
        }
    }

    /// Counts anew.
    fn reset(&self) {
        for cell in self.counts.iter().chain([&self.sum, &self.max]) {
            cell.store(0, Relaxed);
        }
    }

    /// Their mean in nanoseconds; 0 when there are none.
    pub fn mean(&self) -> f64 {
        self.sum() as f64 / self.count().max(1) as f64
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

/// What is known about the periods since the start, or since a reset. The audio thread writes, everyone reads.
#[derive(Debug, Default)]
pub struct Timing {
    /// How long the engine took for a period.
    pub process: Histogram,
    /// From the start of one period to the start of the next.
    pub interval: Histogram,
    /// From when a period began for the server, or was due, to when the engine was called.
    pub wakeup: Histogram,
    /// When the engine was called last, and when that period had begun.
    last: AtomicU64,
    last_start: AtomicU64,
    recent: Longest,
    xruns: [AtomicU64; XrunCause::ALL.len()],
    faults: AtomicU64,
    ledger: Mutex<Ledger>,
}

/// The longest since they were last asked for, to tell what an xrun was due to.
#[derive(Debug, Default)]
struct Longest {
    process: AtomicU64,
    interval: AtomicU64,
    wakeup: AtomicU64,
    gap: AtomicU64,
}

impl Timing {
    /// Missed deadlines.
    pub fn xruns(&self) -> u64 {
        XrunCause::ALL.into_iter().map(|cause| self.xruns_by(cause)).sum()
    }

    /// Missed deadlines of one likely cause.
    pub fn xruns_by(&self, cause: XrunCause) -> u64 {
        self.xruns[cause as usize].load(Relaxed)
    }

    /// Periods in which the engine panicked and silence was played.
    pub fn faults(&self) -> u64 {
        self.faults.load(Relaxed)
    }

    /// Xruns and outages in words, the newest first, `most` at most.
    pub fn ledger(&self, most: usize) -> Vec<String> {
        lock(&self.ledger).entries().take(most).map(ToString::to_string).collect()
    }

    /// Counts anew.
    pub fn reset(&self) {
        [&self.process, &self.interval, &self.wakeup].into_iter().for_each(Histogram::reset);
        self.xruns.iter().for_each(|n| n.store(0, Relaxed));
        self.faults.store(0, Relaxed);
        lock(&self.ledger).clear();
    }

    /// Audio thread: a period that had begun at `start`, where that is known, ran from `begin` to `end`, in nanoseconds.
    pub(crate) fn record(&self, start: Option<u64>, begin: u64, end: u64, fault: bool) {
        let took = end.saturating_sub(begin);
        self.process.record(took);
        self.recent.process.fetch_max(took, Relaxed);
        let last = self.last.swap(begin, Relaxed);
        if last != 0 {
            let interval = begin.saturating_sub(last);
            self.interval.record(interval);
            self.recent.interval.fetch_max(interval, Relaxed);
        }
        if let Some(start) = start {
            let late = begin.saturating_sub(start);
            self.wakeup.record(late);
            self.recent.wakeup.fetch_max(late, Relaxed);
            let last = self.last_start.swap(start, Relaxed);
            if last != 0 {
                self.recent.gap.fetch_max(start.saturating_sub(last), Relaxed);
            }
        }
        if fault {
            self.faults.fetch_add(1, Relaxed);
        }
    }

    /// The next period follows on an interruption, not on the one before it.
    pub(crate) fn interrupted(&self) {
        self.last.store(0, Relaxed);
        self.last_start.store(0, Relaxed);
    }

    /// Any thread: a deadline was missed.
    pub(crate) fn count_xrun(&self, cause: XrunCause) {
        self.xruns[cause as usize].fetch_add(1, Relaxed);
    }

    /// Control side: it is told, with what a period lasts in nanoseconds.
    pub(crate) fn enter(&self, xrun: Xrun, period: u64) {
        let ago = monotonic_nanos().saturating_sub(xrun.nanos);
        let at = SystemTime::now().checked_sub(Duration::from_nanos(ago)).unwrap_or(SystemTime::UNIX_EPOCH);
        lock(&self.ledger).add(at, What::Xrun(xrun, period));
    }

    /// Audio went away.
    pub(crate) fn went(&self, reason: String) {
        lock(&self.ledger).add(SystemTime::now(), What::Outage(reason, None));
    }

    /// And came back.
    pub(crate) fn came_back(&self, how: Return) {
        lock(&self.ledger).came_back(how);
    }

    /// The longest times since this was last asked.
    pub(crate) fn take_recent(&self) -> Evidence {
        let Longest { process, interval, wakeup, gap } = &self.recent;
        let [process, interval, wakeup, gap] = [process, interval, wakeup, gap].map(|cell| cell.swap(0, Relaxed));
        Evidence { process, interval, wakeup, gap, waited: None }
    }
}

impl Evidence {
    pub(crate) fn max(self, other: Evidence) -> Evidence {
        Evidence {
            process: self.process.max(other.process),
            interval: self.interval.max(other.interval),
            wakeup: self.wakeup.max(other.wakeup),
            gap: self.gap.max(other.gap),
            waited: self.waited.max(other.waited),
        }
    }

    /// What an xrun in this while was likely due to, for periods of `period` nanoseconds.
    ///
    /// Whoever was called late without having waited for a processor was held up by a client before it in the graph. Who
    /// was called and done in time, in periods that came in time, leaves the clients behind it. What is left is the
    /// server's.
    pub(crate) fn cause(self, period: u64) -> XrunCause {
        let (half, long) = (period / 2, period + period / 2);
        if self.process >= period {
            XrunCause::Processing
        } else if self.wakeup > half {
            let held_up = self.waited.is_some_and(|waited| waited < half / 2);
            if held_up { XrunCause::Client } else { XrunCause::Wakeup }
        } else if self.gap > long || self.interval > long {
            if self.waited.is_some_and(|waited| waited > half) { XrunCause::Wakeup } else { XrunCause::Server }
        } else {
            XrunCause::Client
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
            timing.record(Some(at), at, at + 20_000, false);
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
        timing.record(None, 1_000, 2_000, false);
        timing.interrupted();
        timing.record(None, 5_000_000_000, 5_000_001_000, true);
        assert_eq!(timing.interval.count(), 0);
        assert_eq!(timing.faults(), 1);
    }

    #[test]
    fn an_xrun_is_laid_at_the_right_door() {
        let calm = Evidence { process: 200, interval: 1_050, wakeup: 100, gap: 1_000, waited: Some(50) };
        let cause = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = calm;
            change(&mut evidence);
            evidence.cause(1_000)
        };
        assert_eq!(cause(&|e| (e.process, e.wakeup) = (1_200, 900)), XrunCause::Processing);
        assert_eq!(cause(&|e| (e.wakeup, e.waited) = (900, Some(850))), XrunCause::Wakeup);
        assert_eq!(cause(&|e| (e.wakeup, e.waited) = (900, None)), XrunCause::Wakeup);
        assert_eq!(cause(&|e| e.wakeup = 900), XrunCause::Client, "held up by a client before it");
        assert_eq!(cause(&|e| (e.gap, e.interval) = (4_000, 4_000)), XrunCause::Server);
        assert_eq!(cause(&|e| (e.gap, e.waited) = (4_000, Some(3_000))), XrunCause::Wakeup, "the machine was busy");
        assert_eq!(cause(&|_| {}), XrunCause::Client, "one behind it was late");
    }

    #[test]
    fn a_reset_counts_anew() {
        let timing = Timing::default();
        timing.record(Some(1_000), 1_500, 9_000, true);
        let xrun = Xrun { nanos: 9_000, cause: XrunCause::Wakeup, evidence: timing.take_recent() };
        timing.count_xrun(xrun.cause);
        timing.enter(xrun, 1_000);
        assert_eq!((timing.xruns(), timing.xruns_by(XrunCause::Wakeup), timing.ledger(9).len()), (1, 1, 1));
        assert_eq!((timing.process.max(), timing.wakeup.max(), timing.faults()), (7_500, 500, 1));
        timing.reset();
        assert_eq!((timing.xruns(), timing.process.count(), timing.process.max(), timing.faults()), (0, 0, 0, 0));
        assert!(timing.ledger(9).is_empty());
        timing.record(Some(11_000), 11_000, 12_000, false);
        assert_eq!((timing.process.count(), timing.process.quantile(0.5)), (1, 1_000));
    }
}
