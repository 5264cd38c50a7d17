//! The graph as data: strips, chains, destinations, sends. Plain and complete; made from a rig file,
//! compiled by the passes below `graph/`.

use crate::proc::{PROCESSORS, Place, ProcKind};
use library::Library;

/// What a strip is; only defaults differ between kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StripKind {
    /// An input.
    Channel,
    /// A bus that feeds main by default.
    Group,
    /// A bus with an output of its own, fed before the faders.
    Aux,
    /// A bus with an effect that feeds main.
    Fx,
    /// A bus fed by buses and main.
    Matrix,
    /// The main bus.
    Main,
    /// The monitor bus.
    Monitor,
    /// An input that speaks to chosen buses while its key is held.
    Talkback,
    /// A test signal for chosen buses.
    Oscillator,
}

impl StripKind {
    /// Those that stand once and have no number.
    pub const SINGLE: [StripKind; 4] = [StripKind::Main, StripKind::Monitor, StripKind::Talkback, StripKind::Oscillator];

    /// First part of its address.
    pub fn address(self) -> &'static str {
        match self {
            StripKind::Channel => "ch",
            StripKind::Group | StripKind::Aux | StripKind::Fx => "bus",
            StripKind::Matrix => "matrix",
            StripKind::Main => "main",
            StripKind::Monitor => "monitor",
            StripKind::Talkback => "talkback",
            StripKind::Oscillator => "oscillator",
        }
    }

    /// The chain of a strip whose rig says nothing.
    pub fn default_chain(self) -> &'static [&'static str] {
        match self {
            StripKind::Channel => &["hpf", "lpf", "gate", "eq", "comp"],
            StripKind::Group | StripKind::Aux | StripKind::Matrix => &["eq", "comp"],
            StripKind::Fx => &["eq"],
            StripKind::Monitor => &["reference", "eq", "check"],
            StripKind::Talkback => &["hpf", "comp"],
            StripKind::Oscillator => &["oscillator"],
            StripKind::Main => &["eq", "ms", "glue", "multiband", "exciter", "width", "limiter"],
        }
    }

    /// EQ bands of a strip whose rig names none.
    pub fn bands(self) -> usize {
        if self.has_input() { 4 } else { 6 }
    }

    /// Whether it stands once and without a number.
    pub fn single(self) -> bool {
        Self::SINGLE.contains(&self)
    }

    /// Whether it has input ports of its own.
    pub fn has_input(self) -> bool {
        matches!(self, StripKind::Channel | StripKind::Talkback)
    }

    /// Whether it is a sum of other strips.
    pub fn is_sum(self) -> bool {
        !self.has_input() && self != StripKind::Oscillator
    }

    /// Whether it sends to every bus, matrix and main at 0 dB, each send off until it is chosen.
    pub fn sends_everywhere(self) -> bool {
        matches!(self, StripKind::Talkback | StripKind::Oscillator)
    }

    /// Whether it is a bus that channels send to.
    pub fn is_bus(self) -> bool {
        matches!(self, StripKind::Group | StripKind::Aux | StripKind::Fx)
    }
}

/// Where in a strip a send takes its signal; the order of the parameter's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// After trim and polarity.
    Input,
    /// After chain and delay.
    Pre,
    /// After fader, DCA and mute.
    Post,
}

/// One processor in a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcSpec {
    /// Which one.
    pub kind: ProcKind,
    /// Its name in addresses: `comp`, a second one `comp-2`.
    pub name: String,
    /// Bands, where its parts are numbered by the strip.
    pub bands: usize,
    /// Default of `on` on this strip.
    pub on: bool,
    /// Connections of an insert's ports; none where it is a cable.
    pub ports: Option<LoopPorts>,
}

/// The connection patterns of an insert, as those of a strip's input and output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopPorts {
    /// Where it goes out.
    pub send: Vec<String>,
    /// Where it comes back.
    pub back: Vec<String>,
}

/// One strip.
#[derive(Clone, Debug, PartialEq)]
pub struct StripSpec {
    /// Kind.
    pub kind: StripKind,
    /// Number among its kind's addresses, from 1 (1 where it stands once).
    pub number: usize,
    /// Id: works wherever the number does, carries state over a reload.
    pub id: String,
    /// Name to start with.
    pub name: String,
    /// Two sides.
    pub stereo: bool,
    /// Input ports (channels): one or two connection patterns; an empty one is a port left unconnected.
    pub input: Vec<String>,
    /// Output ports: connection patterns; `None` where the strip has no output of its own.
    pub output: Option<Vec<String>>,
    /// The chain, those that stand last included, in the order they run.
    pub chain: Vec<ProcSpec>,
    /// Destination: index of a strip; `None` for none.
    pub to: Option<usize>,
    /// Strips it can send to (index).
    pub sends: Vec<usize>,
    /// The next channel follows this one as the right side.
    pub link: bool,
    /// The rig asks for the analysis of its output, see [`StripSpec::is_analysed`].
    pub loudness: bool,
}

impl StripSpec {
    /// The names of its processors, in the order they run.
    pub fn chain_names(&self) -> Vec<&str> {
        self.chain.iter().map(|p| if p.name.is_empty() { p.kind.decl().name } else { &p.name }).collect()
    }

    /// Address below the root: `ch/3`, `main`.
    pub fn address(&self) -> String {
        if self.kind.single() { self.kind.address().into() } else { format!("{}/{}", self.kind.address(), self.number) }
    }

    /// Port names in file order: `in-kick` or `in-kick-l`, `in-kick-r`.
    pub fn ports(&self, prefix: &str) -> Vec<String> {
        if self.stereo {
            vec![format!("{prefix}-{}-l", self.id), format!("{prefix}-{}-r", self.id)]
        } else {
            vec![format!("{prefix}-{}", self.id)]
        }
    }

    /// Whether its output is analysed (loudness, correlation, spectrum): main always, others where the rig asks.
    pub fn is_analysed(&self) -> bool {
        self.loudness || self.kind == StripKind::Main
    }

    /// Number of audio channels.
    pub fn channels(&self) -> usize {
        1 + usize::from(self.stereo)
    }
}

/// A DCA or a mute group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// Id.
    pub id: String,
    /// Name to start with.
    pub name: String,
}

/// A whole console.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphSpec {
    /// Name of the rig.
    pub name: String,
    /// Strips: channels, buses, matrices, main, monitor, each in file order.
    pub strips: Vec<StripSpec>,
    /// DCAs in file order.
    pub dcas: Vec<GroupSpec>,
    /// Mute groups in file order.
    pub mute_groups: Vec<GroupSpec>,
    /// A silent strip leaves its `pre` sends alone (`[audio] mute = "post"`).
    pub mute_post_only: bool,
    /// Seed of dither and modulation.
    pub seed: u64,
    /// Frames of a period of the audio system: what an insert's loop takes.
    pub period: usize,
    /// Where impulse responses come from.
    pub library: Library,
}

impl GraphSpec {
    /// Index of the strip with this id.
    pub fn by_id(&self, id: &str) -> Option<usize> {
        self.strips.iter().position(|s| s.id == id)
    }

    /// A strip named as in texts: an id, `ch/3`, `bus/2`, `main`.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.by_id(name).or_else(|| self.strips.iter().position(|s| s.address() == name))
    }

    /// Whether any strip has a loop to the outside.
    pub fn has_loops(&self) -> bool {
        self.strips.iter().flat_map(|s| &s.chain).any(|p| p.ports.is_some())
    }

    /// Index of the main bus.
    pub fn main(&self) -> Option<usize> {
        self.strips.iter().position(|s| s.kind == StripKind::Main)
    }

    /// Index of the monitor bus.
    pub fn monitor(&self) -> Option<usize> {
        self.strips.iter().position(|s| s.kind == StripKind::Monitor)
    }

    /// Index of the talkback.
    pub fn talkback(&self) -> Option<usize> {
        self.strips.iter().position(|s| s.kind == StripKind::Talkback)
    }
}

/// Makes a chain of processor names: instance names (`comp-2`), those that stand last moved behind.
/// Names that are no processor are left out and returned.
pub fn chain_of<'a>(names: &[&'a str], kind: StripKind, bands: usize) -> (Vec<ProcSpec>, Vec<&'a str>) {
    let mut unknown = Vec::new();
    let mut chain: Vec<ProcSpec> = Vec::new();
    for name in names {
        let Some(proc) = ProcKind::named(name) else {
            unknown.push(*name);
            continue;
        };
        let before = chain.iter().filter(|p| p.kind == proc).count();
        // An oscillator is its strip: its parameters stand directly below.
        let instance = if kind == StripKind::Oscillator && *name == "oscillator" && before == 0 {
            String::new()
        } else if before == 0 {
            (*name).to_string()
        } else {
            format!("{name}-{}", before + 1)
        };
        // On: eq, main's limiter, and what a chain lists beyond its kind's default.
        let on = before > 0
            || *name == "eq"
            || (*name == "limiter" && kind == StripKind::Main)
            || !kind.default_chain().contains(name);
        chain.push(ProcSpec { kind: proc, name: instance, bands, on, ports: None });
    }
    chain.sort_by_key(|p| match p.kind.decl().place {
        Place::Chain => 0,
        Place::Last(n) => 1 + u32::from(n),
    });
    (chain, unknown)
}

/// Names of all processors.
pub fn processor_names() -> impl Iterator<Item = &'static str> {
    PROCESSORS.iter().map(|p| p.name)
}

pub mod compile;
pub mod latency;
pub mod library;
pub mod order;
pub mod schedule;
pub mod seats;
pub mod verify;

/// Which buffer of a strip an edge takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeTap {
    /// After trim and polarity.
    Input,
    /// After chain and delay; the fader is in the edge's gain.
    Chain,
    /// After the fader and what stands last.
    Out,
}

/// A way from one strip into the sum of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Source strip.
    pub from: usize,
    /// Destination strip.
    pub to: usize,
    /// Where its signal comes from (a send: its latest tap).
    pub tap: EdgeTap,
    /// It may also take the strip's input (a send, whose tap can be switched).
    pub send: bool,
    /// It is there for solo only, and the destination does not wait for it.
    pub solo: bool,
}

impl Edge {
    /// The buffers it may take.
    pub fn taps(&self) -> &'static [EdgeTap] {
        match (self.tap, self.send) {
            (EdgeTap::Out, _) => &[EdgeTap::Out],
            (_, true) => &[EdgeTap::Chain, EdgeTap::Input],
            _ => &[EdgeTap::Chain],
        }
    }
}

impl GraphSpec {
    /// Whether something stands last in a strip, after the fader.
    pub fn has_last(&self, strip: usize) -> bool {
        self.strips[strip].chain.iter().any(|p| p.kind.decl().place != Place::Chain)
    }

    /// All ways between strips. `monitor_source` is the strip heard while nothing is soloed.
    pub fn edges(&self, monitor_source: Option<usize>) -> Vec<Edge> {
        let mut edges = Vec::new();
        let after = |s: usize| if self.has_last(s) { EdgeTap::Out } else { EdgeTap::Chain };
        for (from, strip) in self.strips.iter().enumerate() {
            if let Some(to) = strip.to {
                edges.push(Edge { from, to, tap: after(from), send: false, solo: false });
            }
            for &to in &strip.sends {
                edges.push(Edge { from, to, tap: EdgeTap::Chain, send: true, solo: false });
            }
            if let Some(to) = self.monitor()
                && from != to
            {
                edges.push(Edge { from, to, tap: EdgeTap::Chain, send: false, solo: true });
                if monitor_source == Some(from) {
                    edges.push(Edge { from, to, tap: after(from), send: false, solo: false });
                }
            }
        }
        edges
    }
}
