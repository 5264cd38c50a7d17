//! The printed reference: every address with kind, unit, range, default and one line of
//! documentation, and every command.
//!
//! Nothing is written down here. A console with a strip of each kind, each with every processor of
//! the table in its chain, gives the addresses; the declarations give the rest. Numbered parts are
//! printed as `N`.

mod markdown;

use crate::coerce;
use crate::intent::command::COMMANDS;
use crate::osc::encode::Arg;
use headroom_dsp::graph::{GraphSpec, GroupSpec, StripKind, StripSpec, chain_of, processor_names};
use headroom_dsp::param::{Access, Decl, Kind, Value};
use headroom_dsp::proc::Count;
use headroom_dsp::proc::ProcKind;
use headroom_dsp::tree::{Entry, Owner, Slot, Tree};
use serde::Serialize;
use serde_json::json;

pub use markdown::markdown;

/// One address, numbers as `N`.
#[derive(Clone, Debug, Serialize)]
struct Line {
    address: String,
    /// `float int steps bool enum text`.
    kind: &'static str,
    /// OSC type tag of answers.
    tag: char,
    unit: &'static str,
    /// Limits of a number, or all that is allowed; none for text.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<serde_json::Value>,
    default: serde_json::Value,
    /// Where another default holds, and which.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<Except>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taper: Option<&'static str>,
    /// `write read meter`.
    access: &'static str,
    /// What the last `N` may be, where a processor numbers its parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<&'static str>,
    doc: &'static str,
    #[serde(skip)]
    below: Below,
}

#[derive(Clone, Debug, Serialize)]
struct Except {
    on: String,
    default: serde_json::Value,
    #[serde(skip)]
    text: String,
}

/// Where an address stands, for the order of the printed page.
#[derive(Clone, Debug)]
struct Below {
    /// `/ch/N`, `/main`.
    head: String,
    /// What tells it from others with its tail, in a list of defaults: `/main`, `to aux`.
    apart: String,
    tail: String,
    /// The processor it belongs to.
    processor: Option<&'static str>,
    decl: &'static Decl,
    default: Value,
}

const KINDS: [StripKind; 9] = [
    StripKind::Channel,
    StripKind::Group,
    StripKind::Aux,
    StripKind::Fx,
    StripKind::Matrix,
    StripKind::Main,
    StripKind::Monitor,
    StripKind::Talkback,
    StripKind::Oscillator,
];

fn kind_name(kind: StripKind) -> &'static str {
    match kind {
        StripKind::Channel => "channel",
        StripKind::Group => "group",
        StripKind::Aux => "aux",
        StripKind::Fx => "fx",
        StripKind::Matrix => "matrix",
        _ => kind.address(),
    }
}

/// A console that has everything once.
fn everything() -> GraphSpec {
    let strip = |kind: StripKind| {
        let fits = |name: &&str| ProcKind::named(name).is_some_and(|p| p.decl().only.is_none_or(|only| only == kind));
        let names: Vec<_> = processor_names().filter(fits).collect();
        let number = match kind {
            StripKind::Aux => 2,
            StripKind::Fx => 3,
            _ => 1,
        };
        let takes = |to: StripKind| match kind {
            StripKind::Channel => to.is_bus(),
            StripKind::Matrix | StripKind::Monitor => false,
            _ if kind.sends_everywhere() => to.is_sum() && to != StripKind::Monitor,
            _ => to == StripKind::Matrix,
        };
        StripSpec {
            kind,
            number,
            id: kind_name(kind).into(),
            name: String::new(),
            stereo: true,
            input: Vec::new(),
            output: None,
            chain: chain_of(&names, kind, kind.bands()).0,
            to: None,
            sends: (0..KINDS.len()).filter(|to| takes(KINDS[*to])).collect(),
            link: false,
            loudness: true,
        }
    };
    let group = |id: &str| GroupSpec { id: id.into(), name: String::new() };
    GraphSpec {
        strips: KINDS.into_iter().map(strip).collect(),
        dcas: vec![group("dca")],
        mute_groups: vec![group("mutes")],
        ..GraphSpec::default()
    }
}

/// First parts of an address, number as `N`.
fn head(spec: &GraphSpec, owner: Owner) -> String {
    match owner {
        Owner::Strip(s) if spec.strips[s].kind.single() => format!("/{}", spec.strips[s].kind.address()),
        Owner::Strip(s) => format!("/{}/N", spec.strips[s].kind.address()),
        Owner::Dca(_) => "/dca/N".into(),
        Owner::MuteGroup(_) => "/mutegroup/N".into(),
        Owner::Console => String::new(),
        Owner::Status => "/status".into(),
    }
}

/// The rest of an address, numbers as `N`.
fn tail(entry: &Entry) -> String {
    let counted = |at: usize, part: &str| part.parse::<usize>().is_ok() || (at == 1 && matches!(entry.slot, Slot::Send(_)));
    let parts = entry.path.split('/').enumerate().map(|(at, part)| if counted(at, part) { "N" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// What sets this entry apart from others of the same printed address.
fn variant(spec: &GraphSpec, entry: &Entry) -> String {
    let number = entry.path.rsplit('/').find(|part| part.parse::<usize>().is_ok());
    match (entry.owner, entry.slot, number) {
        (Owner::Strip(s), Slot::Send(k), _) => format!("to {}", kind_name(spec.strips[spec.strips[s].sends[k]].kind)),
        (_, Slot::Proc(..), Some(number)) => format!("N {number}"),
        (Owner::Strip(s), ..) => kind_name(spec.strips[s].kind).into(),
        _ => String::new(),
    }
}

/// The processor of an entry and, where its part is numbered, the numbers there can be.
fn processor(spec: &GraphSpec, entry: &Entry) -> (Option<&'static str>, Option<&'static str>) {
    let (Owner::Strip(s), Slot::Proc(p, part)) = (entry.owner, entry.slot) else { return (None, None) };
    let proc = &spec.strips[s].chain[p];
    let mut at = 0;
    let numbers = proc.kind.decl().parts.iter().find_map(|part_decl| {
        let (count, text) = match part_decl.count {
            Count::Once => (1, None),
            Count::Numbered(n) => (n, NUMBERS.get(n).copied()),
            Count::Bands => (proc.bands, Some("1–4 on channels, 1–6 elsewhere, to 8 where the rig names them")),
        };
        at += count;
        (part < at).then_some(text)
    });
    (Some(proc.kind.decl().name), numbers.flatten())
}

const NUMBERS: [&str; 9] = ["", "1", "1–2", "1–3", "1–4", "1–5", "1–6", "1–7", "1–8"];

fn value_json(decl: &Decl, value: &Value) -> serde_json::Value {
    match decl.kind {
        Kind::Float { .. } => json!(value.as_f64()),
        Kind::Bool { .. } => json!(value.as_bool()),
        Kind::Enum { .. } | Kind::Text { .. } => json!(decl.format(value)),
        Kind::Int { .. } | Kind::Steps { .. } => json!(value.as_f64() as i64),
    }
}

fn line(spec: &GraphSpec, entry: &Entry) -> Line {
    let decl = entry.decl;
    let (kind, range, taper) = match decl.kind {
        Kind::Float { min, max, taper, .. } => ("float", Some(json!([min, max])), Some(taper.name())),
        Kind::Int { min, max: i64::MAX, .. } => ("int", Some(json!([min, null])), None),
        Kind::Int { min, max, .. } => ("int", Some(json!([min, max])), None),
        Kind::Steps { values, .. } => ("steps", Some(json!(values)), None),
        Kind::Bool { .. } => ("bool", Some(json!([false, true])), None),
        Kind::Enum { names, .. } => ("enum", Some(json!(names)), None),
        Kind::Text { .. } => ("text", None, None),
    };
    let (head, tail) = (head(spec, entry.owner), tail(entry));
    let (processor, numbers) = processor(spec, entry);
    let sends = matches!(entry.slot, Slot::Send(_));
    Line {
        address: format!("{head}/{tail}"),
        kind,
        tag: match coerce::answer(decl, &entry.default) {
            Arg::Float(_) => 'f',
            Arg::Int(_) => 'i',
            _ => 's',
        },
        unit: decl.unit.suffix(),
        range,
        default: value_json(decl, &entry.default),
        except: Vec::new(),
        taper,
        access: match decl.access {
            Access::Write => "write",
            Access::Meter => "meter",
            Access::Read => "read",
        },
        numbers,
        doc: decl.doc,
        below: Below {
            apart: if sends { variant(spec, entry) } else { head.clone() },
            head,
            tail,
            processor,
            decl,
            default: entry.default.clone(),
        },
    }
}

/// Every address once, in the order of the tree.
fn lines() -> Vec<Line> {
    let spec = everything();
    let tree = Tree::new(&spec);
    let mut lines: Vec<Line> = Vec::new();
    for entry in tree.entries() {
        let new = line(&spec, entry);
        match lines.iter_mut().find(|l| l.address == new.address) {
            None => lines.push(new),
            Some(known) if known.default != new.default => {
                let text = entry.decl.format(&entry.default);
                known.except.push(Except { on: variant(&spec, entry), default: new.default, text });
            }
            Some(_) => {}
        }
    }
    lines
}

/// The reference as JSON: an array of objects with `address`, `kind`, `unit`, `range`, `default`,
/// `doc` and more; those of kind `command` have `args` and `answer` instead of a value.
pub fn json() -> String {
    let values = lines().into_iter().map(|line| json!(line));
    let commands = COMMANDS
        .iter()
        .map(|c| json!({ "address": c.address, "kind": "command", "args": c.args, "answer": c.answer, "doc": c.doc }));
    let all: Vec<_> = commands.chain(values).collect();
    format!("{:#}", serde_json::Value::Array(all))
}

#[cfg(test)]
mod tests;
