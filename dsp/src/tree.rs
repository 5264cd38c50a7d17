//! The tree of a console: every parameter of every strip, DCA and mute group, made from a
//! [`GraphSpec`] and the declarations.

use crate::graph::{GraphSpec, StripKind};
use crate::param::{Access, Decl, Unit, Value};
use crate::proc::{Count, Params, PartValues};
use std::collections::HashMap;
use std::ops::Range;

pub mod status;

/// A parameter's place in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u32);

/// What a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A strip, by index.
    Strip(usize),
    /// A DCA, by index.
    Dca(usize),
    /// A mute group, by index.
    MuteGroup(usize),
    /// The console itself: its addresses have no part in front.
    Console,
    /// What the running console tells of itself, see [`status`].
    Status,
}

/// Which part of its owner a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The owner itself: fader, mute, name ….
    Own,
    /// A processor of the chain and its part.
    Proc(usize, usize),
    /// A send, by its place in the strip's list.
    Send(usize),
    /// Membership of a DCA.
    Dca(usize),
    /// Membership of a mute group.
    MuteGroup(usize),
    /// Told by the engine.
    Meter,
}

/// One parameter of one owner.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Owner.
    pub owner: Owner,
    /// Part of the owner.
    pub slot: Slot,
    /// Path below the owner: `fader`, `eq/1/freq`, `send/2/level`.
    pub path: String,
    /// Declaration.
    pub decl: &'static Decl,
    /// Value of a fresh console.
    pub default: Value,
}

const TAPS: &[&str] = &["input", "pre", "post"];
/// Names of `/monitor/solo/mode`.
pub const SOLO_MODES: &[&str] = &["pfl", "afl", "sip"];

/// Parameters of a strip itself.
pub const STRIP: &[Decl] = &[
    Decl::text("name", "", "Name shown on surfaces; the id stays"),
    Decl::colour("color", "Colour name or #rrggbb"),
    Decl::text("icon", "", "Icon name"),
    Decl::level("fader", 0.0, "Level to the destination and to post sends"),
    Decl::bool("mute", false, "Silence at the destination and in pre and post sends"),
    Decl::bool("solo", false, "Listen at the monitor").momentary(),
    Decl::bool("solo-safe", false, "Never muted by another strip's solo in place"),
    Decl::bool("safe", false, "Left alone by scene recalls"),
    Decl::bool("polarity", false, "Polarity inverted"),
    Decl::float("pan", Unit::None, -1.0, 1.0, 0.0, "Pan, or balance of a stereo strip"),
    Decl::float("trim", Unit::Db, -60.0, 40.0, 0.0, "Gain at the input"),
    Decl::bool("compensate", false, "Trim moves, the monitors stay: `compensation` goes the other way"),
    Decl::float("compensation", Unit::Db, -100.0, 100.0, 0.0, "Gain of all sends to auxes and matrices"),
    Decl::float("delay", Unit::Ms, 0.0, 1000.0, 0.0, "Delay after the chain"),
];

/// Parameters of the monitor strip beyond those of a strip.
pub const MONITOR: &[Decl] = &[
    Decl::names("solo/mode", SOLO_MODES, "What solo does: listen before the fader, after the pan, or in place at main"),
    Decl::text("source", "main", "Strip heard while nothing is soloed").structural(),
    Decl::bool("dim", false, "20 dB down").momentary(),
    Decl::bool("mono", false, "Both sides summed").momentary(),
    Decl::bool("swap", false, "Left and right exchanged").momentary(),
];

/// Parameters of the talkback beyond those of a strip.
pub const TALKBACK: &[Decl] = &[
    Decl::bool("on", false, "Speaks to the buses whose send is on").momentary(),
    Decl::float("ducking", Unit::Db, 0.0, 60.0, 12.0, "Taken from everything else in those buses meanwhile"),
    Decl::bool("dim", true, "Dims the monitor meanwhile"),
];

/// Parameters of a send.
pub const SEND: &[Decl] = &[
    Decl::level("level", crate::param::taper::OFF_DB, "Send level"),
    Decl::bool("on", true, "Send on"),
    Decl::float("pan", Unit::None, -1.0, 1.0, 0.0, "Pan within the bus, or balance of a stereo strip"),
    Decl {
        kind: crate::param::Kind::Enum { names: TAPS, default: 1 },
        ..Decl::names("tap", TAPS, "Where the send takes its signal")
    },
];

/// Parameters of a DCA.
pub const DCA: &[Decl] = &[
    Decl::text("name", "", "Name shown on surfaces; the id stays"),
    Decl::colour("color", "Colour name or #rrggbb"),
    Decl::level("fader", 0.0, "Added in dB to the faders of the members"),
    Decl::bool("mute", false, "Silences the members"),
    Decl::bool("solo", false, "Solo of the members").momentary(),
];

/// Parameters of a mute group.
pub const MUTE_GROUP: &[Decl] = &[
    Decl::text("name", "", "Name shown on surfaces; the id stays"),
    Decl::colour("color", "Colour name or #rrggbb"),
    Decl::bool("mute", false, "Silences the members"),
];

/// Parameters of the console itself.
pub const CONSOLE: &[Decl] =
    &[Decl::float("tempo", Unit::Bpm, 20.0, 300.0, crate::param::note::TEMPO, "Tempo that notes follow; /tap sets it too")];

const MEMBER: Decl = Decl::bool("", false, "Member of this group");
const MEMBER_REF: &Decl = &MEMBER;

/// What the engine tells of a strip.
pub const METERS: &[Decl] = &[
    Decl::float("meter/in", Unit::Dbfs, -144.0, 60.0, -144.0, "Peak after trim; two sides of a stereo strip").meter().sides(),
    Decl::float("meter/out", Unit::Dbfs, -144.0, 60.0, -144.0, "Peak after everything; two sides of a stereo strip")
        .meter()
        .sides(),
    Decl::float("meter/rms", Unit::Dbfs, -144.0, 60.0, -144.0, "Level over 300 ms, a full-scale sine reads 0").meter().sides(),
];

const fn loudness(path: &'static str, unit: Unit, doc: &'static str) -> Decl {
    Decl::float(path, unit, -144.0, 60.0, -144.0, doc).meter()
}

const fn k_meter(path: &'static str, doc: &'static str) -> Decl {
    Decl::float(path, Unit::Db, -144.0, 80.0, -144.0, doc).meter().sides()
}

/// Bands of `meter/spectrum`.
pub const BANDS: usize = 60;

/// What the analysis tells of a strip that has it, see [`StripSpec::is_analysed`]: of the strip's output, after
/// everything, before the pan of a mono strip.
///
/// [`StripSpec::is_analysed`]: crate::graph::StripSpec::is_analysed
pub const ANALYSIS: &[Decl] = &[
    loudness("loudness/momentary", Unit::Lufs, "Loudness of the last 400 ms (BS.1770, EBU R 128); −144: no reading"),
    loudness("loudness/shortterm", Unit::Lufs, "Loudness of the last 3 s; −144: no reading"),
    loudness("loudness/integrated", Unit::Lufs, "Gated loudness since the reset; −144: no reading"),
    loudness("loudness/range", Unit::Lu, "Loudness range since the reset (EBU Tech 3342); −144: no reading"),
    loudness("loudness/truepeak", Unit::Dbtp, "Largest true peak since the reset, of the louder side; −144: no reading"),
    k_meter("meter/k20", "Level over 600 ms above −20 dBFS, a sine being its peak (K-20, AES17); two sides of a stereo strip"),
    k_meter("meter/k14", "The same above −14 dBFS (K-14)"),
    k_meter("meter/k12", "The same above −12 dBFS (K-12)"),
    Decl::float("meter/headroom", Unit::Db, -60.0, 144.0, 144.0, "From the largest sample since the reset up to full scale")
        .meter(),
    Decl::int("meter/clips", Unit::None, 0, 1 << 24, 0, "Samples at full scale or above since the reset, both sides").meter(),
    Decl::float(
        "meter/spectrum",
        Unit::Dbfs,
        -144.0,
        60.0,
        -144.0,
        "60 numbers: sixths of an octave from 20 Hz to 20 kHz \
        (edges 20 Hz · 10^(n/20)), mean of the sides, 125 ms; a full-scale sine reads 0 in its band",
    )
    .meter()
    .numbers(BANDS as u8),
];

/// What the analysis tells of a stereo strip only.
pub const ANALYSIS_STEREO: &[Decl] = &[
    Decl::float("meter/correlation", Unit::None, -1.0, 1.0, 0.0, "Of the sides over 400 ms: 1 alike, 0 unrelated, −1 inverted")
        .meter(),
    Decl::float("meter/mid", Unit::Dbfs, -144.0, 60.0, -144.0, "Level of (L+R)/2 over 400 ms, a full-scale sine reads 0").meter(),
    Decl::float("meter/side", Unit::Dbfs, -144.0, 60.0, -144.0, "Level of (L−R)/2 over 400 ms, a full-scale sine reads 0")
        .meter(),
];

/// Starts the figures of the analysis anew that count from a reset.
pub const RESET: &[Decl] = &[Decl::bool(
    "loudness/reset",
    false,
    "Set on: integrated, range, truepeak, meter/headroom and meter/clips start anew; always reads off",
)
.button()];

const REDUCTION: Decl = Decl::float("", Unit::Db, -144.0, 0.0, 0.0, "Gain change, ≤ 0 when reducing").meter();
const REDUCTION_REF: &Decl = &REDUCTION;

/// Read-only figures of a strip.
pub const FIGURES: &[Decl] = &[
    Decl::int("latency", Unit::Frames, 0, i64::MAX, 0, "Delay of the strip's own processing").read_only(),
    Decl::int("fault", Unit::None, 0, i64::MAX, 0, "Times the strip was reset because it was not finite").read_only(),
];

/// Where a part's parameters stand, and their declarations.
type PartRange = (Range<u32>, &'static [Decl]);

/// All parameters of one console. Indices are stable for one [`GraphSpec`].
#[derive(Debug, Default)]
pub struct Tree {
    entries: Vec<Entry>,
    owners: HashMap<Owner, Range<u32>>,
    paths: HashMap<(Owner, String), ParamId>,
    /// By strip, processor, part.
    procs: Vec<Vec<Vec<PartRange>>>,
    sends: Vec<Vec<Range<u32>>>,
}

impl Owner {
    fn order(self) -> usize {
        match self {
            Owner::Strip(i) | Owner::Dca(i) | Owner::MuteGroup(i) => i,
            Owner::Console | Owner::Status => 0,
        }
    }
}

impl Tree {
    /// The tree of a console.
    pub fn new(spec: &GraphSpec) -> Tree {
        let mut tree = Tree::default();
        for (i, strip) in spec.strips.iter().enumerate() {
            tree.strip(spec, i, strip.kind);
        }
        for (i, dca) in spec.dcas.iter().enumerate() {
            tree.group(Owner::Dca(i), DCA, &dca.name);
        }
        for (i, group) in spec.mute_groups.iter().enumerate() {
            tree.group(Owner::MuteGroup(i), MUTE_GROUP, &group.name);
        }
        tree.own(Owner::Console, Slot::Own, "", CONSOLE, None);
        for (path, decl) in status::STATUS.iter().flat_map(status::Group::paths) {
            tree.push(Owner::Status, Slot::Own, path, decl, decl.default());
        }
        tree
    }

    fn push(&mut self, owner: Owner, slot: Slot, path: String, decl: &'static Decl, default: Value) {
        let id = self.entries.len() as u32;
        self.owners.entry(owner).or_insert(id..id).end = id + 1;
        let before = self.paths.insert((owner, path.clone()), ParamId(id));
        debug_assert!(before.is_none(), "{path} stands twice in {owner:?} {}", owner.order());
        self.entries.push(Entry { owner, slot, path, decl, default });
    }

    fn own(&mut self, owner: Owner, slot: Slot, prefix: &str, decls: &'static [Decl], name: Option<&str>) -> Range<u32> {
        let first = self.entries.len() as u32;
        for decl in decls {
            let default = match name {
                Some(name) if decl.path == "name" => Value::Text(name.into()),
                _ => decl.default(),
            };
            self.push(owner, slot, format!("{prefix}{}", decl.path), decl, default);
        }
        first..self.entries.len() as u32
    }

    fn group(&mut self, owner: Owner, decls: &'static [Decl], name: &str) {
        self.own(owner, Slot::Own, "", decls, Some(name));
    }

    fn strip(&mut self, spec: &GraphSpec, index: usize, kind: StripKind) {
        let owner = Owner::Strip(index);
        let strip = &spec.strips[index];
        for decl in STRIP {
            // `/monitor/solo` is a container there.
            if kind == StripKind::Monitor && decl.path.starts_with("solo") {
                continue;
            }
            let default = if decl.path == "name" { Value::Text(strip.name.as_str().into()) } else { decl.default() };
            self.push(owner, Slot::Own, decl.path.into(), decl, default);
        }
        if kind == StripKind::Monitor {
            self.own(owner, Slot::Own, "", MONITOR, None);
        }
        if kind == StripKind::Talkback {
            self.own(owner, Slot::Own, "", TALKBACK, None);
        }
        let mut procs = Vec::new();
        for (p, proc) in strip.chain.iter().enumerate() {
            let mut parts = Vec::new();
            for part in proc.kind.decl().parts {
                let count = match part.count {
                    Count::Once => 1,
                    Count::Numbered(n) => n,
                    Count::Bands => proc.bands,
                };
                for n in 0..count {
                    let first = self.entries.len() as u32;
                    for decl in part.decls {
                        let mut path = Vec::new();
                        if !proc.name.is_empty() {
                            path.push(proc.name.clone());
                        }
                        if !part.prefix.is_empty() {
                            path.push(part.prefix.into());
                        }
                        if part.count != Count::Once {
                            path.push((n + 1).to_string());
                        }
                        if !decl.path.is_empty() {
                            path.push(decl.path.into());
                        }
                        let own = part.defaults.iter().find(|(p, _)| *p == decl.path).and_then(|(_, d)| d.get(n));
                        let default = match own {
                            Some(x) => decl.clamp(&Value::Float(*x)),
                            None if decl.path == "on" && parts.is_empty() => Value::Bool(proc.on),
                            None if decl.path == "period" => Value::Int(spec.period as i64),
                            None => decl.default(),
                        };
                        self.push(owner, Slot::Proc(p, parts.len()), path.join("/"), decl, default);
                    }
                    parts.push((first..self.entries.len() as u32, part.decls));
                }
            }
            procs.push(parts);
        }
        self.procs.push(procs);
        let mut sends = Vec::new();
        for (s, &bus) in strip.sends.iter().enumerate() {
            let to = &spec.strips[bus];
            let number = match to.kind {
                StripKind::Matrix => format!("m{}", to.number),
                StripKind::Main => to.id.clone(),
                _ => to.number.to_string(),
            };
            let first = self.entries.len() as u32;
            for decl in SEND {
                let post = matches!(to.kind, StripKind::Fx | StripKind::Group) || kind.sends_everywhere();
                let default = match decl.path {
                    "tap" if post => Value::Int(2),
                    "level" if kind.sends_everywhere() => Value::Float(0.0),
                    "on" if kind.sends_everywhere() => Value::Bool(false),
                    _ => decl.default(),
                };
                self.push(owner, Slot::Send(s), format!("send/{number}/{}", decl.path), decl, default);
            }
            sends.push(first..self.entries.len() as u32);
        }
        self.sends.push(sends);
        for d in 0..spec.dcas.len() {
            self.push(owner, Slot::Dca(d), format!("dca/{}", d + 1), MEMBER_REF, Value::Bool(false));
        }
        for m in 0..spec.mute_groups.len() {
            self.push(owner, Slot::MuteGroup(m), format!("mutegroup/{}", m + 1), MEMBER_REF, Value::Bool(false));
        }
        self.own(owner, Slot::Meter, "", METERS, None);
        for proc in &strip.chain {
            if proc.kind.decl().meter {
                self.push(owner, Slot::Meter, format!("meter/{}", proc.name), REDUCTION_REF, Value::Float(0.0));
            }
        }
        if strip.is_analysed() {
            self.own(owner, Slot::Meter, "", ANALYSIS, None);
            if strip.stereo {
                self.own(owner, Slot::Meter, "", ANALYSIS_STEREO, None);
            }
            self.own(owner, Slot::Meter, "", RESET, None);
        }
        self.own(owner, Slot::Meter, "", FIGURES, None);
    }

    /// All parameters, by [`ParamId`].
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One parameter.
    pub fn entry(&self, id: ParamId) -> &Entry {
        &self.entries[id.0 as usize]
    }

    /// The parameters of an owner.
    pub fn of(&self, owner: Owner) -> impl Iterator<Item = ParamId> + use<> {
        self.owners.get(&owner).cloned().unwrap_or(0..0).map(ParamId)
    }

    /// A parameter by owner and path.
    pub fn find(&self, owner: Owner, path: &str) -> Option<ParamId> {
        // The key owns its path; a lookup by borrowed pair would need a second map.
        self.paths.get(&(owner, path.to_owned())).copied()
    }

    /// Values of a fresh console.
    pub fn defaults(&self) -> Vec<Value> {
        self.entries.iter().map(|e| e.default.clone()).collect()
    }

    /// The parameters of one processor of one strip.
    pub fn params<'a>(&self, strip: usize, proc: usize, values: &'a [Value]) -> Params<'a> {
        let part =
            |(r, decls): &(Range<u32>, &'static [Decl])| PartValues { decls, values: &values[r.start as usize..r.end as usize] };
        Params { parts: self.procs[strip][proc].iter().map(part).collect() }
    }

    /// Where the engine tells a read-only parameter of a processor: strip, place in the chain, number
    /// among those of the processor.
    pub fn figure(&self, id: ParamId) -> Option<(usize, usize, usize)> {
        let entry = self.entry(id);
        let (Owner::Strip(strip), Slot::Proc(proc, _), Access::Read) = (entry.owner, entry.slot, entry.decl.access) else {
            return None;
        };
        let first = self.procs[strip][proc].first()?.0.start;
        let before = &self.entries[first as usize..id.0 as usize];
        Some((strip, proc, before.iter().filter(|e| e.decl.access == Access::Read).count()))
    }

    /// Number of read-only parameters of one processor of one strip.
    pub fn figures(&self, strip: usize, proc: usize) -> usize {
        let parts = self.procs[strip][proc].iter();
        parts.map(|(_, decls)| decls.iter().filter(|d| d.access == Access::Read).count()).sum()
    }

    /// Number of parts of one processor of one strip.
    pub fn parts(&self, strip: usize, proc: usize) -> usize {
        self.procs[strip][proc].len()
    }

    /// First parameter of a send (level, on, pan, tap follow in the order of [`SEND`]).
    pub fn send(&self, strip: usize, send: usize) -> ParamId {
        ParamId(self.sends[strip][send].start)
    }
}
