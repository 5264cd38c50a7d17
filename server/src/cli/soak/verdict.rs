//! What a soak saw, and what it is held against.

use crate::cli::status::Figures;
use serde_json::{Value as Json, json};

/// The most that 99.9 % of all periods may take, as a share of the period.
const PROCESS: f64 = 0.25;
/// How much resident memory may grow, kB: libraries and allocators settle for a while.
const GROWTH_KB: f64 = 2_048.0;
/// Level below which main counts as silent, dBFS.
pub const SILENT: f64 = -100.0;

/// What was seen at one look.
pub struct Sample {
    /// Resident memory, kB.
    pub memory: f64,
    /// Threads.
    pub threads: f64,
    /// Open files.
    pub files: f64,
}

/// Everything that was seen.
pub struct Seen {
    /// At the start, when counts began.
    pub first: Figures,
    /// At the end.
    pub last: Figures,
    /// Once a second.
    pub samples: Vec<Sample>,
    /// Levels of main that were told, and of those how many silent and how many no numbers.
    pub levels: (u64, u64, u64),
    /// Times that strips were reset because they were not finite.
    pub faults: f64,
    /// Sets sent, values read back, lost, unanswered.
    pub storm: [u64; 4],
    /// Seconds.
    pub lasted: f64,
    /// A storm moved its faders, and a source played.
    pub own: bool,
}

/// One thing that was asked.
pub struct Bar {
    name: &'static str,
    saw: String,
    wanted: String,
    holds: bool,
    /// Whether a busy machine alone can miss it.
    timing: bool,
}

impl Seen {
    /// The bars, in the order in which they are printed.
    pub fn bars(&self) -> Vec<Bar> {
        let since = |path: &str| self.last.number(path) - self.first.number(path);
        let period_us = self.last.number("period") * 1e6 / self.last.number("rate").max(1.0);
        let bar = |name, saw: String, wanted: &str, holds, timing| Bar { name, saw, wanted: wanted.into(), holds, timing };
        let none = |name, count: f64, timing| bar(name, format!("{count}"), "0", count == 0.0, timing);
        let p999 = self.last.number("process/p999");
        let [memory, threads, files] =
            [|s: &Sample| s.memory, |s: &Sample| s.threads, |s: &Sample| s.files].map(|of| growth(&self.samples, of));
        let (told, silent, broken) = self.levels;
        let [_, read, lost, unanswered] = self.storm;
        let mut bars = vec![
            none("missed deadlines", self.last.number("xruns"), true),
            bar(
                "process p99.9",
                format!("{p999:.0} µs, {:.1} % of the period", p999 / period_us * 100.0),
                &format!("{:.0} %", PROCESS * 100.0),
                p999 <= PROCESS * period_us,
                true,
            ),
            none("outages", since("outages"), true),
            none("engine faults", self.last.number("faults") + self.faults, false),
            bar("memory grown", format!("{memory:+.0} kB"), &format!("{GROWTH_KB:.0} kB"), memory <= GROWTH_KB, false),
            bar("threads grown", format!("{threads:+}"), "0", threads <= 0.0, false),
            bar("files grown", format!("{files:+}"), "0", files <= 0.0, false),
            bar("answers", format!("{unanswered} missing"), "0", unanswered == 0, true),
            none("dropped by the kernel", since("kernel-dropped"), true),
        ];
        if self.own {
            let levels = format!("{silent} silent, {broken} no number, of {told}");
            bars.push(bar("main's level", levels, "neither", told > 0 && silent + broken == 0, false));
            bars.push(bar("sets read back", format!("{lost} of {read} lost"), "0", read > 0 && lost == 0, false));
        }
        bars
    }

    /// Figures without a bar, by name.
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        let n = |path: &str| self.last.number(path);
        let spread = |name: &str| {
            let of = |which: &str| n(&format!("{name}/{which}"));
            format!("p50 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0} µs", of("p50"), of("p99"), of("p999"), of("max"))
        };
        let causes =
            ["processing", "wakeup", "client", "server"].map(|cause| format!("{} {cause}", n(&format!("cause/{cause}"))));
        let cpu = (n("cpu") - self.first.number("cpu")) / self.lasted.max(1.0) * 100.0;
        vec![
            ("audio", format!("{} {} Hz, period {}", self.last.text("backend"), n("rate"), n("period"))),
            ("lasted", format!("{:.0} s, {} periods", self.lasted, n("periods"))),
            ("process", spread("process")),
            ("interval", spread("interval")),
            ("wake-up", spread("wakeup")),
            ("causes", causes.join(", ")),
            ("load", format!("{:.1} % of the period, {cpu:.1} % of a core for all threads", n("load"))),
            ("memory", format!("{:.1} MB, {} threads, {} files", n("memory") / 1024.0, n("threads"), n("files"))),
            ("storm", format!("{} sets, {:.0} a second", self.storm[0], self.storm[0] as f64 / self.lasted.max(1.0))),
        ]
    }

    /// As a JSON object.
    pub fn json(&self) -> Json {
        let bars: Vec<Json> = self.bars().iter().map(Bar::json).collect();
        let [sets, read, lost, unanswered] = self.storm;
        json!({
            "holds": self.bars().iter().all(Bar::holds), "seconds": self.lasted, "bars": bars, "status": self.last.json(),
            "sets": sets, "read": read, "lost": lost, "unanswered": unanswered,
        })
    }
}

impl Bar {
    /// Whether what was asked holds.
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// One line.
    pub fn line(&self) -> String {
        let word = match (self.holds, self.timing) {
            (true, _) => "ok",
            (false, true) => "MISSED (or the machine was busy)",
            (false, false) => "MISSED",
        };
        format!("{:<22} {:<36} at most {:<9} {word}", self.name, self.saw, self.wanted)
    }

    fn json(&self) -> Json {
        json!({ "name": self.name, "saw": self.saw, "wanted": self.wanted, "holds": self.holds, "timing": self.timing })
    }
}

/// How much something grew: the median of the last quarter against that of the first.
fn growth(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let median = |some: &[Sample]| {
        let mut all: Vec<f64> = some.iter().map(&of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    };
    let quarter = samples.len().div_ceil(4);
    median(&samples[samples.len() - quarter..]) - median(&samples[..quarter])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_that_of_the_middle_and_not_of_one_look() {
        let samples = |of: &dyn Fn(usize) -> f64| -> Vec<Sample> {
            (0..40).map(|n| Sample { memory: of(n), threads: 9.0, files: 20.0 }).collect()
        };
        assert_eq!(growth(&samples(&|n| if n == 39 { 9_000.0 } else { 1_000.0 }), |s| s.memory), 0.0);
        assert_eq!(growth(&samples(&|n| n as f64), |s| s.memory), 30.0);
        assert_eq!(growth(&[], |s| s.threads), 0.0);
    }
}
