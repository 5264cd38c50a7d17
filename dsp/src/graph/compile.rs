//! The passes in order: a spec and its values become a [`Plan`], and a plan becomes a network that
//! the engine runs. Off the audio thread.

use super::latency::{Latencies, latencies};
use super::order::depths;
use super::schedule::{KeyEdge, MixPlan, Ports, Schedule, schedule};
use super::seats::{BankPlan, BankRef, Seat, seats};
use super::verify::verify;
use super::{Edge, EdgeTap, GraphSpec};
use crate::bank::{Bank, BankBuild, StageBuild};
use crate::kernel::convolver::Impulse;
use crate::kernel::talkers::Talkers;
use crate::kernel::tape::Tape;
#[cfg_attr(fastest_path, allow(unused_imports))]
use crate::lanes::{Lanes, One32, One64, Pair, Path};
use crate::meter::{Cost, Latest, Meters, Peak, StripMeters};
use crate::network::{Network, Parts, Runs};
use crate::param::Value;
use crate::proc::delay::Delay;
use crate::proc::{Build, Loads, Outside, Params, Place, build};
use crate::ramp::Curve;
use crate::tree::{Owner, Tree};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything that is known about a network before it is built.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// All ways between strips.
    pub edges: Vec<Edge>,
    /// Depth of each strip.
    pub depth: Vec<usize>,
    /// Latencies of each strip.
    pub latencies: Latencies,
    /// Seat of each strip.
    pub seats: Vec<Seat>,
    /// Banks.
    pub banks: Vec<BankPlan>,
    /// The flat schedule.
    pub schedule: Schedule,
    /// Ports.
    pub ports: Ports,
    /// Side-chains.
    pub keys: Vec<KeyEdge>,
    /// Mix that carries a tap of one strip to another.
    pub mixes: HashMap<(usize, usize, EdgeTap), usize>,
    /// Impulse responses by strip and stage.
    pub impulses: HashMap<(usize, usize), Arc<Impulse>>,
    /// Recordings, likewise.
    pub tapes: HashMap<(usize, usize), Arc<Tape>>,
    /// Frames of delay that each bank's lines hold, by bank in the order of `banks`.
    pub delays: Vec<usize>,
}

/// Why a spec cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// A loop in the routing: ids along it, the first repeated at the end.
    Loop(Vec<String>),
    /// A side-chain names a strip that is not there: strip id, processor, name.
    Sidechain(String, String, String),
    /// The monitor cannot hear what its source names.
    Source(String),
    /// A file cannot be loaded: strip, processor, why.
    File(String, String, String),
    /// The schedule failed its own check; a bug, in words.
    Unsound(Vec<String>),
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            PlanError::Loop(ids) => write!(f, "the routing has a loop: {}", ids.join(" → ")),
            PlanError::Sidechain(strip, proc, name) => {
                write!(f, "{strip}: {proc}/sidechain names \"{name}\", which is no strip (an id, ch/3, bus/2, main)")
            }
            PlanError::File(strip, proc, why) => write!(f, "{strip}: {proc}/file: {why}"),
            PlanError::Source(name) => {
                write!(f, "the monitor cannot hear \"{name}\": expected another strip (an id, ch/3, bus/2, main)")
            }
            PlanError::Unsound(faults) => write!(f, "the schedule is unsound, please report: {}", faults.join("; ")),
        }
    }
}

impl std::error::Error for PlanError {}

/// Lanes of the narrow and wide banks of a path.
pub fn widths(path: Path) -> (usize, usize) {
    if path == Path::Scalar { (2, 2) } else { (8, 4) }
}

/// The strip that the monitor hears.
fn source(spec: &GraphSpec, text: impl Fn(usize, &str) -> String) -> Result<Option<usize>, PlanError> {
    let Some(monitor) = spec.monitor() else { return Ok(None) };
    let name = text(monitor, "source");
    match spec.named(&name) {
        None if !name.is_empty() => Err(PlanError::Source(name)),
        Some(own) if own == monitor => Err(PlanError::Source(name)),
        found => Ok(found),
    }
}

/// Runs all passes but the last.
pub fn plan(spec: &GraphSpec, tree: &Tree, values: &[Value], rate: f64, path: Path) -> Result<Plan, PlanError> {
    let text = |strip: usize, at: &str| {
        let id = tree.find(Owner::Strip(strip), at);
        id.map_or("", |id| values[id.0 as usize].as_text()).to_owned()
    };
    let source = source(spec, text)?;
    let edges = spec.edges(source);
    let mut keys = Vec::new();
    for (s, strip) in spec.strips.iter().enumerate() {
        for (stage, proc) in strip.chain.iter().enumerate().filter(|(_, p)| p.kind.decl().keyed) {
            let name = text(s, &format!("{}/sidechain", proc.name));
            if name.is_empty() {
                continue;
            }
            let Some(from) = spec.named(&name) else {
                return Err(PlanError::Sidechain(strip.id.clone(), proc.name.clone(), name));
            };
            if from != s {
                keys.push(KeyEdge { strip: s, stage, from, late: false });
            }
        }
    }
    let mut impulses = HashMap::new();
    let mut tapes = HashMap::new();
    for (s, strip) in spec.strips.iter().enumerate() {
        for (stage, proc) in strip.chain.iter().enumerate().filter(|(_, p)| p.kind.decl().loads != Loads::Nothing) {
            let name = text(s, &format!("{}/file", proc.name));
            let file = |why| PlanError::File(strip.id.clone(), proc.name.clone(), why);
            match proc.kind.decl().loads {
                _ if name.is_empty() => {}
                Loads::Tape => tapes.extend(spec.library.tape(&name, rate).map_err(file)?.map(|tape| ((s, stage), tape))),
                _ => drop(impulses.insert((s, stage), spec.library.impulse(&name, rate).map_err(file)?)),
            }
        }
    }
    let mut depth = depths(spec, &edges, &[]).map_err(PlanError::Loop)?;
    let without_sends: Vec<Edge> = edges.iter().filter(|e| !e.send).copied().collect();
    let mut pairs = Vec::new();
    for key in &mut keys {
        // What a strip always feeds cannot key it.
        depths(spec, &without_sends, &[(key.strip, key.from)]).map_err(PlanError::Loop)?;
        pairs.push((key.strip, key.from));
        match depths(spec, &edges, &pairs) {
            Ok(with) => depth = with,
            // A bus that the keyed strip may be sent to: what it held one block ago.
            Err(_) => {
                pairs.pop();
                key.late = true;
            }
        }
    }
    let latencies = latencies(spec, &edges, &depth, rate, |s, p| tree.params(s, p, values));
    let (narrow, wide) = widths(path);
    let (seats, banks) = seats(spec, &depth, &latencies.procs, narrow, wide);
    let schedule = schedule(spec, &edges, &keys, &seats, &banks, &latencies);
    let faults = verify(&schedule, &banks);
    if !faults.is_empty() {
        return Err(PlanError::Unsound(faults));
    }
    let at = |(i, m): (usize, &MixPlan)| ((m.from, m.tap, m.to, m.lane), i);
    let places: HashMap<_, _> = schedule.mixes.iter().enumerate().map(at).collect();
    let mut mixes = HashMap::new();
    for edge in &edges {
        for &tap in edge.taps() {
            let BankRef::Wide(to) = seats[edge.to].bank else { continue };
            let lane = seats[edge.to].lane & !1;
            let from = seats[edge.from].bank;
            mixes.extend(places.get(&(from, tap, to, lane)).map(|&at| ((edge.from, edge.to, tap), at)));
        }
    }
    let delay = |s: usize| {
        let id = tree.find(Owner::Strip(s), "delay");
        id.map_or(0.0, |id| values[id.0 as usize].as_f64()) * rate / 1000.0
    };
    let delays = banks.iter().map(|b| b.lanes.iter().flatten().map(|&(s, _)| delay(s).ceil() as usize).max().unwrap_or(0));
    let delays = delays.collect();
    Ok(Plan { edges, depth, latencies, ports: Ports::of(spec), keys, mixes, impulses, tapes, delays, seats, banks, schedule })
}

/// Builds the network of a plan; `inputs` and `outputs` are the backend's ids of the plan's ports.
/// Coefficients and gains are still to be sent.
#[allow(clippy::too_many_arguments)]
pub fn network(
    spec: &GraphSpec,
    tree: &Tree,
    values: &[Value],
    plan: &Plan,
    rate: f64,
    path: Path,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
) -> (Box<dyn Runs>, Arc<Meters>) {
    let meters = Arc::new(Meters {
        strips: spec
            .strips
            .iter()
            .enumerate()
            .map(|(i, s)| StripMeters {
                told: (0..s.chain.len()).map(|p| (0..tree.figures(i, p)).map(|_| Latest::default()).collect()).collect(),
                reduction: s.chain.iter().filter(|p| p.kind.decl().meter).map(|_| Peak::default()).collect(),
                ..StripMeters::default()
            })
            .collect(),
        costs: plan.banks.iter().map(|b| Cost::of(b.lanes.iter().flatten().map(|who| who.0).collect())).collect(),
    });
    let maker = Maker {
        spec,
        tree,
        values,
        plan,
        rate,
        curve: Curve::new(rate),
        meters: meters.clone(),
        talkers: Arc::new(Talkers::new(slots(spec, spec.strips.len(), 0))),
        inputs,
        outputs,
    };
    let network: Box<dyn Runs> = match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => maker.make::<crate::lanes::AvxF32, crate::lanes::AvxF64>(),
        #[cfg(all(target_arch = "x86_64", not(fastest_path)))]
        Path::Sse2 => maker.make::<Pair<crate::lanes::SseF32>, Pair<crate::lanes::SseF64>>(),
        #[cfg(target_arch = "aarch64")]
        Path::Neon => maker.make::<Pair<crate::lanes::NeonF32>, Pair<crate::lanes::NeonF64>>(),
        #[cfg(not(all(target_arch = "x86_64", fastest_path)))]
        Path::Scalar => maker.make::<Pair<One32>, Pair<One64>>(),
        // See `Path::available`.
        #[cfg(all(target_arch = "x86_64", fastest_path))]
        Path::Sse2 | Path::Scalar => unreachable!("only the fastest path was built"),
    };
    (network, meters)
}

/// Slots of those that share gains before a stage of a strip: its own.
fn slots(spec: &GraphSpec, strip: usize, stage: usize) -> usize {
    let shares = |chain: &[super::ProcSpec]| chain.iter().filter(|p| p.kind.decl().shares).count();
    let before: usize = spec.strips[..strip].iter().map(|s| shares(&s.chain)).sum();
    before + spec.strips.get(strip).map_or(0, |s| shares(&s.chain[..stage]))
}

struct Maker<'a> {
    spec: &'a GraphSpec,
    tree: &'a Tree,
    values: &'a [Value],
    plan: &'a Plan,
    rate: f64,
    curve: Arc<Curve>,
    meters: Arc<Meters>,
    talkers: Arc<Talkers>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl Maker<'_> {
    fn make<N: Lanes, W: Lanes>(self) -> Box<dyn Runs> {
        let mut narrow: Vec<(usize, Bank<N>)> = Vec::new();
        let mut wide: Vec<(usize, Bank<W>)> = Vec::new();
        for (i, bank) in self.plan.banks.iter().enumerate() {
            match bank.bank {
                BankRef::Narrow(at) => narrow.push((at, self.bank::<N>(i, bank))),
                BankRef::Wide(at) => wide.push((at, self.bank::<W>(i, bank))),
            }
        }
        narrow.sort_by_key(|b| b.0);
        wide.sort_by_key(|b| b.0);
        Box::new(Network::new(Parts {
            narrow: narrow.into_iter().map(|b| b.1).collect(),
            wide: wide.into_iter().map(|b| b.1).collect(),
            schedule: self.plan.schedule.clone(),
            banks: self.plan.banks.clone(),
            curve: self.curve,
            meters: self.meters,
            inputs: self.inputs,
            outputs: self.outputs,
        }))
    }

    fn bank<L: Lanes>(&self, index: usize, plan: &BankPlan) -> Bank<L> {
        let seed = |strip: usize, side: usize, stage: usize| {
            // FNV-1a over the id: a strip keeps its noise when others come and go.
            let id = self.spec.strips[strip].id.bytes().chain([side as u8, stage as u8]);
            id.fold(0xcbf2_9ce4_8422_2325 ^ self.spec.seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
        };
        let lane_seeds = |stage: usize| -> Vec<u64> {
            plan.lanes.iter().enumerate().map(|(l, who)| who.map_or(l as u64, |(s, side)| seed(s, side, stage))).collect()
        };
        let mut meter = 0;
        let (mut chain, mut last) = (Vec::new(), Vec::new());
        for (stage, kind) in plan.chain.iter().enumerate() {
            let lanes: Vec<Option<Params>> =
                plan.lanes.iter().map(|who| who.map(|(s, _)| self.tree.params(s, stage, self.values))).collect();
            let decl = kind.decl();
            let mut keyed = 0;
            for key in self.plan.keys.iter().filter(|k| k.stage == stage) {
                for (lane, who) in plan.lanes.iter().enumerate() {
                    keyed |= u32::from(who.is_some_and(|(s, _)| s == key.strip)) << lane;
                }
            }
            let mut looped = 0;
            for (lane, who) in plan.lanes.iter().enumerate() {
                looped |= u32::from(who.is_some_and(|(s, _)| self.spec.strips[s].chain[stage].ports.is_some())) << lane;
            }
            let seeds = lane_seeds(stage);
            let mut proc = build::<L>(*kind, &Build { rate: self.rate, curve: &self.curve, lanes: &lanes, seeds: &seeds });
            for lane in 0..L::N {
                // Linked channels are one: the right side is known by the left.
                let pair = usize::from(plan.pairs >> lane & 1 != 0);
                if let Some(Some((strip, _))) = plan.lanes.get(lane - pair * (lane % 2)) {
                    let slot = slots(self.spec, *strip, stage);
                    let impulse = self.plan.impulses.get(&(*strip, stage));
                    let tape = self.plan.tapes.get(&(*strip, stage));
                    let told = &self.meters.strips[*strip].told[stage];
                    proc.join(lane, &Outside { talkers: &self.talkers, slot, sides: 1 + pair, told, impulse, tape });
                }
            }
            let made = StageBuild {
                proc,
                own_bypass: decl.own_bypass,
                source: decl.source,
                meter: decl.meter.then(|| {
                    meter += 1;
                    meter - 1
                }),
                keyed,
                looped,
            };
            if decl.place == Place::Chain { chain.push(made) } else { last.push(made) }
        }
        let used = plan.lanes.iter().enumerate().map(|(l, who)| u32::from(who.is_some()) << l).sum();
        let strips = || plan.lanes.iter().flatten().map(|w| w.0);
        let (lanes, seeds) = (vec![], lane_seeds(0));
        let delay = (self.plan.delays[index] > 0).then(|| {
            Delay::new(&Build { rate: self.rate, curve: &self.curve, lanes: &lanes, seeds: &seeds }, self.plan.delays[index])
        });
        let out = !last.is_empty() || strips().any(|s| self.spec.strips[s].output.is_some() || self.spec.strips[s].is_analysed());
        Bank::new(BankBuild { curve: &self.curve, rate: self.rate, used, pairs: plan.pairs, chain, last, delay, out })
    }
}
