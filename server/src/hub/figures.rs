//! The figures below `/status`: one line for each that the table in `headroom_dsp::tree::status` declares.

use super::Counters;
use super::mixer::Mixer;
use crate::backend::timing::{Histogram, Timing};
use crate::backend::{Status, XrunCause};
use crate::state;
use headroom_dsp::kernel::ticks::Tick;
use headroom_dsp::param::{Decl, Value};
use headroom_dsp::tree::status::{BANKS, LEDGER, STATUS};
use headroom_dsp::tree::{Owner, ParamId, Tree};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a text that is told.
const TOLD: usize = 250;
/// Age at which figures that are asked for are looked up anew, in nanoseconds.
const STALE: u64 = 20_000_000;

/// The figures as they were looked up last.
pub(super) struct Figures {
    /// Where they stand in the tree.
    place: Range<u32>,
    values: Vec<Value>,
    looked: Option<u64>,
    began: u64,
    tick: Tick,
}

/// What the hub itself knows.
pub(super) struct Known {
    pub counters: Counters,
    pub clients: usize,
    pub subscribers: usize,
    pub revision: i32,
    pub waiting: usize,
}

impl Figures {
    pub(super) fn new(tree: &Tree, now: u64) -> Figures {
        let mut figures = Figures { place: 0..0, values: Vec::new(), looked: None, began: now, tick: Tick::since(now) };
        figures.rebuild(tree);
        figures
    }

    /// After the tree has changed.
    pub(super) fn rebuild(&mut self, tree: &Tree) {
        let ids: Vec<ParamId> = tree.of(Owner::Status).collect();
        self.place = ids.first().map_or(0, |id| id.0)..ids.last().map_or(0, |id| id.0 + 1);
        self.values = ids.iter().map(|id| tree.entry(*id).default.clone()).collect();
        self.looked = None;
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        self.place.clone().map(ParamId)
    }

    pub(super) fn contains(&self, id: ParamId) -> bool {
        self.place.contains(&id.0)
    }

    /// A figure, if it is one of them.
    pub(super) fn get(&self, id: ParamId) -> Option<&Value> {
        self.contains(id).then(|| &self.values[(id.0 - self.place.start) as usize])
    }

    pub(super) fn are_stale(&self, now: u64) -> bool {
        self.looked.is_none_or(|at| now.saturating_sub(at) >= STALE)
    }

    /// Looks them all up.
    pub(super) fn look<M: Mixer>(&mut self, mixer: &M, known: &Known, now: u64) {
        let timing = mixer.timing();
        let look = Look {
            backend: mixer.status(),
            timing: &timing,
            ledger: timing.ledger(LEDGER),
            banks: banks(mixer, self.tick.nanos(now)),
            state: mixer.state().unwrap_or_default(),
            process: Process::look(),
            uptime_s: now.saturating_sub(self.began) as f64 / 1e9,
            late: known.counters.late + mixer.late(),
            queue: mixer.queue_depth(),
            unmeasured: mixer.unmeasured(),
            known,
        };
        let figures = STATUS.iter().flat_map(|group| group.paths());
        for (value, (path, decl)) in self.values.iter_mut().zip(figures) {
            *value = look.figure(&path).map_or_else(|| decl.default(), |x| told(decl, x));
        }
        self.looked = Some(now);
    }

    /// The next look is a fresh one.
    pub(super) fn forget_look(&mut self) {
        self.looked = None;
    }

    /// Those that the one message of `/status` names.
    pub(super) fn named(&self) -> impl Iterator<Item = (ParamId, String, &'static Decl, &Value)> {
        let summary = STATUS.iter().flat_map(|group| group.paths().map(move |p| (group.summary, p)));
        let all = self.ids().zip(summary.zip(&self.values)).filter(|(_, ((summary, _), _))| *summary);
        all.map(|(id, ((_, (path, decl)), value))| (id, path, decl, value))
    }
}

/// A value as its declaration has it: texts have a limit.
fn told(decl: &Decl, value: Value) -> Value {
    match value {
        Value::Text(text) if text.len() > TOLD => Value::Text(text[..text.floor_char_boundary(TOLD)].into()),
        Value::Float(x) => decl.clamp(&Value::Float(if x.is_finite() { x } else { 0.0 })),
        other => other,
    }
}

/// One bank's figures.
#[derive(Default)]
struct BankCost {
    strips: String,
    chain: String,
    load: f64,
    max_us: f64,
}

fn banks<M: Mixer>(mixer: &M, tick: f64) -> Vec<BankCost> {
    let (spec, rate) = (mixer.desk().spec(), mixer.desk().rate());
    let cost = |cost: &headroom_dsp::meter::Cost| {
        let strips: Vec<&str> = cost.strips.iter().filter_map(|s| spec.strips.get(*s)).map(|s| s.id.as_str()).collect();
        let chain = cost.strips.first().and_then(|s| spec.strips.get(*s)).map(|s| {
            let names: Vec<&str> = s.chain.iter().map(|p| p.name.as_str()).filter(|n| !n.is_empty()).collect();
            names.join(" ")
        });
        let (ticks, frames) = (cost.ticks.load(Relaxed) as f64, cost.frames.load(Relaxed) as f64);
        BankCost {
            strips: strips.join(" "),
            chain: chain.unwrap_or_default(),
            load: if frames > 0.0 { ticks * tick / (frames / rate * 1e9) * 100.0 } else { 0.0 },
            max_us: cost.most.load(Relaxed) as f64 * tick / 1e3,
        }
    };
    mixer.meters().costs.iter().take(BANKS).map(cost).collect()
}

/// What the kernel tells of this process.
#[derive(Default)]
struct Process {
    memory_kb: u64,
    threads: u64,
    files: u64,
    cpu_s: f64,
}

impl Process {
    fn look() -> Process {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| {
            let rest = status.lines().find_map(|line| line.strip_prefix(name));
            rest.and_then(|r| r.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF);
        let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
        Process {
            memory_kb: number("VmRSS:"),
            threads: number("Threads:"),
            // The directory is open while it is read.
            files: std::fs::read_dir("/proc/self/fd").map_or(0, |d| d.count().saturating_sub(1)) as u64,
            cpu_s: usage.map_or(0.0, |u| seconds(u.user_time()) + seconds(u.system_time())),
        }
    }
}

/// Everything that figures are made of, looked up at one moment.
struct Look<'a> {
    backend: Status,
    timing: &'a Timing,
    ledger: Vec<String>,
    banks: Vec<BankCost>,
    state: state::Status,
    process: Process,
    uptime_s: f64,
    late: u64,
    queue: usize,
    unmeasured: u64,
    known: &'a Known,
}

impl Look<'_> {
    /// The figure at a path; `None` for one that the table does not declare.
    fn figure(&self, path: &str) -> Option<Value> {
        let count = |n: u64| Some(Value::Int(n.min(i64::MAX as u64) as i64));
        let float = |x: f64| Some(Value::Float(x));
        let text = |t: &str| Some(Value::Text(t.into()));
        let seconds = |nanos: u64| float(nanos as f64 / 1e9);
        let (backend, c, k) = (&self.backend, &self.known.counters, self.known);
        match path {
            "backend" => text(backend.backend),
            "client" => text(&backend.client),
            "running" => Some(Value::Bool(backend.running)),
            "rate" => count(backend.format.rate.into()),
            "period" => count(backend.format.period.into()),
            "uptime" => float(self.uptime_s),
            "outages" => count(backend.outages),
            "silence" => seconds(backend.last_return.silence),
            "recovery" => seconds(backend.last_return.recovery),
            "missing" => {
                let missing: Vec<String> = backend.missing().map(|(port, pattern)| format!("{port}: {pattern}")).collect();
                text(&missing.join(", "))
            }
            "periods" => count(self.timing.process.count()),
            "load" => {
                let period = f64::from(backend.format.period) * 1e9 / f64::from(backend.format.rate.max(1));
                float(self.timing.process.mean() / period.max(1.0) * 100.0)
            }
            "xruns" => count(self.timing.xruns()),
            "faults" => count(self.timing.faults()),
            "unmeasured" => count(self.unmeasured),
            "queue" => count(self.queue as u64),
            "waiting" => count(k.waiting as u64),
            "late" => count(self.late),
            "clients" => count(k.clients as u64),
            "subscribers" => count(k.subscribers as u64),
            "revision" => Some(Value::Int(k.revision.into())),
            "packets" => count(c.packets),
            "malformed" => count(c.malformed),
            "refused" => count(c.refused),
            "dropped" => count(c.dropped),
            "kernel-dropped" => count(c.kernel_dropped),
            "shed" => count(c.shed),
            "unsent" => count(c.unsent),
            "sets" => count(c.sets),
            "coalesced" => count(c.coalesced),
            "errors" => count(c.errors),
            "forbidden" => count(c.forbidden),
            "wrong-tokens" => count(c.wrong_tokens),
            "memory" => count(self.process.memory_kb),
            "threads" => count(self.process.threads),
            "files" => count(self.process.files),
            "cpu" => float(self.process.cpu_s),
            _ => {
                let (group, rest) = path.split_once('/')?;
                match group {
                    "process" => spread(&self.timing.process, rest),
                    "interval" => spread(&self.timing.interval, rest),
                    "wakeup" => spread(&self.timing.wakeup, rest),
                    "cause" => {
                        let cause = XrunCause::ALL.into_iter().find(|c| c.name() == rest)?;
                        count(self.timing.xruns_by(cause))
                    }
                    "state" => match rest {
                        "file" => text(&self.state.path),
                        "revision" => Some(Value::Int(self.state.saved.into())),
                        "error" => text(self.state.error.as_deref().unwrap_or_default()),
                        _ => None,
                    },
                    "ledger" => text(self.ledger.get(number(rest)?).map_or("", String::as_str)),
                    "bank" => {
                        let (n, rest) = rest.split_once('/')?;
                        let none = BankCost::default();
                        let bank = self.banks.get(number(n)?).unwrap_or(&none);
                        match rest {
                            "strips" => text(&bank.strips),
                            "chain" => text(&bank.chain),
                            "load" => float(bank.load),
                            "max" => float(bank.max_us),
                            _ => None,
                        }
                    }
                    _ => None,
                }
            }
        }
    }
}

/// A number from 1, as a place.
fn number(part: &str) -> Option<usize> {
    part.parse::<usize>().ok()?.checked_sub(1)
}

/// One figure of a histogram, in microseconds.
fn spread(times: &Histogram, which: &str) -> Option<Value> {
    let nanos = match which {
        "mean" => times.mean(),
        "p50" => times.quantile(0.5) as f64,
        "p99" => times.quantile(0.99) as f64,
        "p999" => times.quantile(0.999) as f64,
        "max" => times.max() as f64,
        _ => return None,
    };
    Some(Value::Float(nanos / 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Format;

    #[test]
    fn every_figure_that_is_declared_can_be_told_as_it_is_declared() {
        let format = Format { rate: 48_000, period: 64 };
        let status = Status {
            backend: "JACK",
            client: "headroom".into(),
            format,
            running: true,
            outages: 2,
            last_return: Default::default(),
            ports: Vec::new(),
        };
        let known = Known { counters: Counters::default(), clients: 1, subscribers: 1, revision: -7, waiting: 0 };
        let look = Look {
            backend: status,
            timing: &Timing::default(),
            ledger: vec!["one".into()],
            banks: Vec::new(),
            state: state::Status::default(),
            process: Process::look(),
            uptime_s: 1.5,
            late: 0,
            queue: 0,
            unmeasured: 0,
            known: &known,
        };
        for (path, decl) in STATUS.iter().flat_map(|group| group.paths()) {
            let value = look.figure(&path).unwrap_or_else(|| panic!("{path} is declared and not told"));
            assert_eq!(std::mem::discriminant(&value), std::mem::discriminant(&decl.default()), "{path}");
            assert_eq!(told(decl, value.clone()), value, "{path}");
        }
        assert_eq!(look.figure("ledger/1"), Some(Value::Text("one".into())));
        assert_eq!(look.figure("process/p50/x"), None);
        assert!(look.process.memory_kb > 0 && look.process.threads > 0 && look.process.files > 0);
    }
}
