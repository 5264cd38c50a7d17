//! Pass 4, schedule: the flat list of steps, printable, and checked before it runs.

use super::seats::{BankPlan, BankRef, Seat};
use super::{Edge, EdgeTap, GraphSpec};
use crate::graph::latency::Latencies;
use std::collections::HashMap;
use std::fmt;

/// The ports of a bank of channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadPlan {
    /// Bank.
    pub bank: BankRef,
    /// Index of each lane's port in the console's list.
    pub ports: Vec<Option<usize>>,
}

/// Where samples of an output pass: lane of a bank, port of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortSeat {
    /// Bank.
    pub bank: BankRef,
    /// Lane.
    pub lane: usize,
    /// Index of the port in the console's list.
    pub port: usize,
}

/// Adds one buffer of a bank into a pair of neighbouring lanes of another bank's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixPlan {
    /// Source bank.
    pub from: BankRef,
    /// Which of its buffers.
    pub tap: EdgeTap,
    /// Destination bank (always wide).
    pub to: usize,
    /// Even lane of the pair.
    pub lane: usize,
    /// Frames by which each source lane waits.
    pub wait: Vec<usize>,
}

/// A side-chain: the input of one strip as the key of a stage of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPlan {
    /// Bank of the keyed strip.
    pub bank: BankRef,
    /// Stage.
    pub stage: usize,
    /// Lanes of the keyed strip.
    pub lanes: Vec<usize>,
    /// Seat and sides of the source.
    pub from: Seat,
    /// Sides of the source.
    pub sides: usize,
    /// The source may depend on the keyed strip: the key is one block late, see [`Step::Keep`].
    pub late: bool,
}

/// One side of an insert's loop: a lane of a stage, and its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopPlan {
    /// Bank.
    pub bank: BankRef,
    /// Stage.
    pub stage: usize,
    /// Lane.
    pub lane: usize,
    /// Index of the port that it goes out by.
    pub send: usize,
    /// Index of the port that it comes back by.
    pub back: usize,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ports into a bank's input, by index of the reads.
    Read(usize),
    /// Trim, polarity, input meter.
    Enter(BankRef),
    /// A side-chain.
    Key(usize),
    /// Keeps the source of a late side-chain for one block.
    Keep(usize),
    /// What comes back from an insert, by index of the loops.
    Back(usize),
    /// What goes out to an insert.
    Send(usize),
    /// Chain, fader, what stands last.
    Run(BankRef),
    /// Sum, by index of the mixes.
    Mix(usize),
    /// A bank's output to a port.
    Write(PortSeat),
    /// A bank's output to the analysis; taps are counted behind the ports.
    Tap(PortSeat),
}

/// The flat schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Steps in order.
    pub steps: Vec<Step>,
    /// Reads that the steps name.
    pub reads: Vec<ReadPlan>,
    /// Mixes that the steps name.
    pub mixes: Vec<MixPlan>,
    /// Side-chains that the steps name.
    pub keys: Vec<KeyPlan>,
    /// Loops that the steps name.
    pub loops: Vec<LoopPlan>,
}

/// A side-chain as the spec has it: strip, stage, source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyEdge {
    /// The keyed strip.
    pub strip: usize,
    /// Its stage.
    pub stage: usize,
    /// The strip whose input is the key.
    pub from: usize,
    /// It may depend on the keyed strip.
    pub late: bool,
}

/// Lays the steps out: depth by depth ports and sums, keys, chains, mixes onward, outputs.
pub fn schedule(
    spec: &GraphSpec,
    edges: &[Edge],
    keys: &[KeyEdge],
    seats: &[Seat],
    banks: &[BankPlan],
    latencies: &Latencies,
) -> Schedule {
    let mut s = Schedule::default();
    let ports = Ports::of(spec);
    let mut leaving: HashMap<BankRef, Vec<&Edge>> = HashMap::new();
    for edge in edges {
        leaving.entry(seats[edge.from].bank).or_default().push(edge);
    }
    let depths = banks.iter().map(|b| b.depth).max().map_or(0, |d| d + 1);
    for depth in 0..depths {
        let here: Vec<&BankPlan> = banks.iter().filter(|b| b.depth == depth).collect();
        for bank in &here {
            let port = |who: &Option<(usize, usize)>| who.and_then(|(strip, side)| ports.input[strip].map(|first| first + side));
            let read: Vec<Option<usize>> = bank.lanes.iter().map(port).collect();
            if read.iter().any(Option::is_some) {
                s.steps.push(Step::Read(s.reads.len()));
                s.reads.push(ReadPlan { bank: bank.bank, ports: read });
            }
            s.steps.push(Step::Enter(bank.bank));
        }
        for key in keys.iter().filter(|k| here.iter().any(|b| b.bank == seats[k.strip].bank)) {
            let sides = spec.strips[key.strip].channels();
            let lanes = (0..sides).map(|side| seats[key.strip].lane + side).collect();
            let from = seats[key.from];
            s.steps.push(Step::Key(s.keys.len()));
            let sides = spec.strips[key.from].channels();
            s.keys.push(KeyPlan { bank: seats[key.strip].bank, stage: key.stage, lanes, from, sides, late: key.late });
        }
        let first = s.loops.len();
        for (strip, stage, send, back) in ports.loops.iter().copied().filter(|l| here.iter().any(|b| b.bank == seats[l.0].bank)) {
            for side in 0..spec.strips[strip].channels() {
                let Seat { bank, lane } = seats[strip];
                s.steps.push(Step::Back(s.loops.len()));
                s.loops.push(LoopPlan { bank, stage, lane: lane + side, send: send + side, back: back + side });
            }
        }
        for bank in &here {
            s.steps.push(Step::Run(bank.bank));
        }
        s.steps.extend((first..s.loops.len()).map(Step::Send));
        for (k, key) in s.keys.iter().enumerate().filter(|(_, k)| k.late) {
            if here.iter().any(|b| b.bank == key.from.bank) {
                s.steps.push(Step::Keep(k));
            }
        }
        for bank in &here {
            mixes(&mut s, spec, leaving.get(&bank.bank).map_or(&[], |e| e), seats, bank, latencies);
            for (lane, who) in bank.lanes.iter().enumerate() {
                if let Some((strip, side)) = *who
                    && let Some(port) = ports.output[strip].map(|first| first + side)
                {
                    s.steps.push(Step::Write(PortSeat { bank: bank.bank, lane, port }));
                }
                if let Some((strip, side)) = *who
                    && let Some(tap) = ports.tap[strip].map(|first| first + side)
                {
                    s.steps.push(Step::Tap(PortSeat { bank: bank.bank, lane, port: ports.outputs.len() + tap }));
                }
            }
        }
    }
    s
}

/// The mixes of a bank; `edges` are those that leave it.
fn mixes(s: &mut Schedule, spec: &GraphSpec, edges: &[&Edge], seats: &[Seat], bank: &BankPlan, latencies: &Latencies) {
    let mut found = HashMap::new();
    for &edge in edges {
        let BankRef::Wide(to) = seats[edge.to].bank else { continue };
        let lane = seats[edge.to].lane & !1;
        for &tap in edge.taps() {
            let at = *found.entry((tap, to, lane)).or_insert_with(|| {
                s.steps.push(Step::Mix(s.mixes.len()));
                s.mixes.push(MixPlan { from: bank.bank, tap, to, lane, wait: vec![0; bank.lanes.len()] });
                s.mixes.len() - 1
            });
            for side in 0..spec.strips[edge.from].channels() {
                let wait = &mut s.mixes[at].wait[seats[edge.from].lane + side];
                *wait = latencies.wait(edge, tap).max(*wait);
            }
        }
    }
}

/// First port of each strip: inputs in file order, outputs likewise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// First input port of a strip.
    pub input: Vec<Option<usize>>,
    /// First output port of a strip.
    pub output: Vec<Option<usize>>,
    /// Loops: strip, stage, first port out, first port back.
    pub loops: Vec<(usize, usize, usize, usize)>,
    /// Names and connections of the inputs.
    pub inputs: Vec<(String, Vec<String>)>,
    /// Names and connections of the outputs.
    pub outputs: Vec<(String, Vec<String>)>,
    /// First tap of each strip that is analysed. A network that is given more ids of outputs than there are
    /// ports hands the taps out under those.
    pub tap: Vec<Option<usize>>,
}

impl Ports {
    /// The ports of a console.
    pub fn of(spec: &GraphSpec) -> Ports {
        let mut p = Ports::default();
        let mut taps = 0;
        for (s, strip) in spec.strips.iter().enumerate() {
            p.tap.push(strip.is_analysed().then_some(taps));
            taps += if strip.is_analysed() { strip.channels() } else { 0 };
            // The one port of a mono strip takes all that the rig names.
            let connect = |to: &[String], side: usize| -> Vec<String> {
                let own = if strip.stereo { to.get(side..).unwrap_or_default().get(..1).unwrap_or_default() } else { to };
                own.iter().filter(|t| !t.is_empty()).cloned().collect()
            };
            let has_input = strip.kind.has_input();
            p.input.push(has_input.then_some(p.inputs.len()));
            if has_input {
                p.inputs.extend(strip.ports("in").into_iter().enumerate().map(|(i, n)| (n, connect(&strip.input, i))));
            }
            p.output.push(strip.output.as_ref().map(|_| p.outputs.len()));
            if let Some(to) = &strip.output {
                p.outputs.extend(strip.ports("out").into_iter().enumerate().map(|(i, n)| (n, connect(to, i))));
            }
            let inserts = strip.chain.iter().enumerate().filter_map(|(stage, proc)| Some((stage, proc, proc.ports.as_ref()?)));
            for (stage, proc, ports) in inserts {
                // A second insert of a strip is `send-2-ID`.
                let number = proc.name.strip_prefix("insert").unwrap_or_default();
                let named = |word: &str, to: &[String]| -> Vec<(String, Vec<String>)> {
                    let names = strip.ports(&format!("{word}{number}"));
                    names.into_iter().enumerate().map(|(i, n)| (n, connect(to, i))).collect()
                };
                p.loops.push((s, stage, p.outputs.len(), p.inputs.len()));
                p.outputs.extend(named("send", &ports.send));
                p.inputs.extend(named("return", &ports.back));
            }
        }
        p
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let bank = |b: &BankRef| match b {
            BankRef::Narrow(i) => format!("channels.{i}"),
            BankRef::Wide(i) => format!("buses.{i}"),
        };
        for step in &self.steps {
            match step {
                Step::Read(r) => {
                    let read = &self.reads[*r];
                    let ports: Vec<String> = read.ports.iter().map(|p| p.map_or("-".into(), |p| p.to_string())).collect();
                    writeln!(f, "read   ports {} -> {}", ports.join(" "), bank(&read.bank))?;
                }
                Step::Enter(b) => writeln!(f, "enter  {}", bank(b))?,
                Step::Key(k) => {
                    let k = &self.keys[*k];
                    writeln!(
                        f,
                        "key    {} lane {} -> {} stage {} lanes {:?}",
                        bank(&k.from.bank),
                        k.from.lane,
                        bank(&k.bank),
                        k.stage,
                        k.lanes
                    )?;
                }
                Step::Keep(k) => {
                    let from = &self.keys[*k].from;
                    writeln!(f, "keep   {} lane {} for a late key", bank(&from.bank), from.lane)?;
                }
                Step::Run(b) => writeln!(f, "run    {}", bank(b))?,
                Step::Back(l) => {
                    let l = &self.loops[*l];
                    writeln!(f, "back   port {} -> {} lane {} stage {}", l.back, bank(&l.bank), l.lane, l.stage)?;
                }
                Step::Send(l) => {
                    let l = &self.loops[*l];
                    writeln!(f, "send   {} lane {} stage {} -> port {}", bank(&l.bank), l.lane, l.stage, l.send)?;
                }
                Step::Mix(m) => {
                    let m = &self.mixes[*m];
                    writeln!(
                        f,
                        "mix    {} {:?} -> buses.{} lanes {},{} wait {:?}",
                        bank(&m.from),
                        m.tap,
                        m.to,
                        m.lane,
                        m.lane + 1,
                        m.wait
                    )?;
                }
                Step::Write(p) => writeln!(f, "write  {} lane {} -> port {}", bank(&p.bank), p.lane, p.port)?,
                Step::Tap(p) => writeln!(f, "tap    {} lane {} -> analysis", bank(&p.bank), p.lane)?,
            }
        }
        Ok(())
    }
}
