//! The tree of a console: every parameter of every strip, DCA and mute group, made from a
//! [`GraphSpec`] and the declarations.

use crate::graph::{GraphSpec, StripKind};
use crate::param::{Decl, Unit, Value};
use crate::proc::{Count, Params, PartValues};
use std::collections::HashMap;
use std::ops::Range;

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
    Decl::float("delay", Unit::Ms, 0.0, 1000.0, 0.0, "Delay after the chain"),
];

/// Parameters of the monitor strip beyond those of a strip.
pub const MONITOR: &[Decl] = &[
    Decl::names("solo/mode", SOLO_MODES, "What solo does: listen before the fader, after the pan, or in place at main"),
    Decl::text("source", "main", "Strip heard while nothing is soloed").structural(),
    Decl::bool("dim", false, "20 dB down").momentary(),
    Decl::bool("mono", false, "Both sides summed").momentary(),
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
    Decl::float("meter/in", Unit::Dbfs, -144.0, 60.0, -144.0, "Peak after trim; two sides of a stereo strip").meter(),
    Decl::float("meter/out", Unit::Dbfs, -144.0, 60.0, -144.0, "Peak after everything; two sides of a stereo strip").meter(),
    Decl::float("meter/rms", Unit::Dbfs, -144.0, 60.0, -144.0, "Level over 300 ms, a full-scale sine reads 0").meter(),
];

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
            Owner::Console => 0,
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
                        let mut path = vec![proc.name.clone()];
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
            let number = if to.kind == StripKind::Matrix { format!("m{}", to.number) } else { to.number.to_string() };
            let first = self.entries.len() as u32;
            for decl in SEND {
                let post = decl.path == "tap" && matches!(to.kind, StripKind::Fx | StripKind::Group);
                let default = if post { Value::Int(2) } else { decl.default() };
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

    /// Number of parts of one processor of one strip.
    pub fn parts(&self, strip: usize, proc: usize) -> usize {
        self.procs[strip][proc].len()
    }

    /// First parameter of a send (level, on, pan, tap follow in the order of [`SEND`]).
    pub fn send(&self, strip: usize, send: usize) -> ParamId {
        ParamId(self.sends[strip][send].start)
    }
}
