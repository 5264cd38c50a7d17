//! The ledger: each missed deadline and each outage with its time and likely cause. Control side only.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::{Evidence, Xrun, XrunCause};

/// Entries kept; the oldest go.
const KEPT: usize = 64;
/// Xruns of one cause within this time are one entry, so that a bad minute does not hide what was before it.
const TOGETHER: Duration = Duration::from_secs(10);

/// One entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, by the clock on the wall.
    pub at: SystemTime,
    /// What.
    pub what: What,
    /// How often.
    pub count: u32,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// A missed deadline, with what a period lasts in nanoseconds.
    Xrun(Xrun, u64),
    /// Audio went away, or stood still, for this reason; how it came back.
    Outage(String, Option<Return>),
}

/// How audio came back after an outage, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Return {
    /// From the last period before it to the first behind it.
    pub silence: u64,
    /// Of that, from when a server answered again.
    pub recovery: u64,
}

fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

impl XrunCause {
    /// All causes, in the order of their counts.
    pub const ALL: [XrunCause; 4] = [XrunCause::Processing, XrunCause::Wakeup, XrunCause::Client, XrunCause::Server];

    /// The last part of its address below `/status/cause`.
    pub fn name(self) -> &'static str {
        match self {
            XrunCause::Processing => "processing",
            XrunCause::Wakeup => "wakeup",
            XrunCause::Client => "client",
            XrunCause::Server => "server",
        }
    }

    /// In words.
    fn words(self) -> &'static str {
        match self {
            XrunCause::Processing => "own process time",
            XrunCause::Wakeup => "late wake-up",
            XrunCause::Client => "another client",
            XrunCause::Server => "the server or its card",
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", humantime::format_rfc3339_millis(self.at))?;
        match &self.what {
            What::Xrun(Xrun { cause, evidence, .. }, period) => {
                let Evidence { process, wakeup, interval, waited, .. } = *evidence;
                write!(
                    f,
                    "xrun: {}; processed in {:.2} of {:.2} ms, called {:.2} ms late after {:.2} ms",
                    cause.words(),
                    millis(process),
                    millis(*period),
                    millis(wakeup),
                    millis(interval)
                )?;
                if let Some(waited) = waited {
                    write!(f, ", waited {:.2} ms for a processor", millis(waited))?;
                }
                if self.count > 1 { write!(f, "; {} of them within 10 s, and the worst of each", self.count) } else { Ok(()) }
            }
            What::Outage(reason, None) => write!(f, "outage: {reason}"),
            What::Outage(reason, Some(Return { silence, recovery })) => {
                let (silence, recovery) = (millis(*silence) / 1e3, millis(*recovery) / 1e3);
                write!(f, "outage: {reason}; back after {silence:.2} s, {recovery:.2} s after a server answered")
            }
        }
    }
}

/// Entries, the newest first.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: VecDeque<Entry>,
}

impl Ledger {
    /// The entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn add(&mut self, at: SystemTime, what: What) {
        if let What::Xrun(new, _) = &what {
            let recent = |e: &&mut Entry| at.duration_since(e.at).unwrap_or_default() < TOGETHER;
            for entry in self.entries.iter_mut().take_while(recent) {
                if let What::Xrun(known, _) = &mut entry.what
                    && known.cause == new.cause
                {
                    known.evidence = known.evidence.max(new.evidence);
                    entry.count = entry.count.saturating_add(1);
                    return;
                }
            }
        }
        self.entries.truncate(KEPT - 1);
        self.entries.push_front(Entry { at, what, count: 1 });
    }

    /// The last outage is over.
    pub(super) fn came_back(&mut self, how: Return) {
        let last = self.entries.iter_mut().find_map(|e| match &mut e.what {
            What::Outage(_, back) => Some(back),
            What::Xrun(..) => None,
        });
        if let Some(back @ None) = last {
            *back = Some(how);
        }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stands_first_and_the_ledger_does_not_grow() {
        let mut ledger = Ledger::default();
        for n in 0..200 {
            ledger.add(SystemTime::now(), What::Outage(format!("number {n}"), None));
        }
        ledger.came_back(Return { silence: 2_345_000_000, recovery: 310_000_000 });
        let told: Vec<String> = ledger.entries().map(Entry::to_string).collect();
        assert_eq!(told.len(), KEPT);
        assert!(told[0].ends_with("outage: number 199; back after 2.35 s, 0.31 s after a server answered"), "{}", told[0]);
        assert!(told[1].ends_with("outage: number 198"), "{}", told[1]);
    }

    #[test]
    fn a_bad_minute_does_not_hide_what_was_before_it() {
        let mut ledger = Ledger::default();
        let start = SystemTime::UNIX_EPOCH;
        ledger.add(start, What::Outage("gone".into(), None));
        for n in 0..3_000u64 {
            let cause = XrunCause::ALL[n as usize % 2];
            let evidence = Evidence { process: n, ..Evidence::default() };
            ledger.add(start + Duration::from_millis(n), What::Xrun(Xrun { nanos: n, cause, evidence }, 1_000));
        }
        let counts: Vec<u32> = ledger.entries().map(|e| e.count).collect();
        assert_eq!(counts, [1_500, 1_500, 1]);
        assert!(matches!(&ledger.entries[0].what, What::Xrun(xrun, _) if xrun.evidence.process == 2_999));
        let later = Xrun { nanos: 0, cause: XrunCause::Processing, evidence: Evidence::default() };
        ledger.add(start + Duration::from_secs(60), What::Xrun(later, 1_000));
        assert_eq!(ledger.entries().count(), 4);
    }

    #[test]
    fn an_xrun_is_told_with_its_evidence() {
        let evidence = Evidence { process: 110_000, wakeup: 2_310_000, interval: 3_600_000, waited: Some(2_200_000), gap: 0 };
        let xrun = Xrun { nanos: 5, cause: evidence.cause(1_333_333), evidence };
        let entry = Entry { at: SystemTime::UNIX_EPOCH, what: What::Xrun(xrun, 1_333_333), count: 1 };
        let wanted = "1970-01-01T00:00:00.000Z xrun: late wake-up; processed in 0.11 of 1.33 ms, called 2.31 ms late after \
                      3.60 ms, waited 2.20 ms for a processor";
        assert_eq!(entry.to_string(), wanted);
    }
}
