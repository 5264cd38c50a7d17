//! The parameters that a rig states, checked against their declarations.

use super::diagnose::{Report, listed};
use super::node::{Item, Key, Node, Table};
use super::route::send_target;
use super::strip::{Draft, MOST_BANDS, base, is_processor};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::note::Note;
use headroom_dsp::param::{Access, COLOURS, Decl, Kind, Taper, Value, taper};
use headroom_dsp::proc::{Loads, PROCESSORS, ProcDecl};
use headroom_dsp::tree::{Owner, ParamId, Tree};
use std::collections::HashMap;
use std::ops::Range;

/// A value that the rig states.
#[derive(Clone, Debug, PartialEq)]
pub struct Stated {
    /// Parameter, in the tree of the rig's spec.
    pub id: ParamId,
    /// Owner.
    pub owner: Owner,
    /// Path below the owner.
    pub path: String,
    /// Value.
    pub value: Value,
}

/// Reads parameters into values.
pub struct Reader<'a> {
    /// Where findings go.
    pub report: &'a mut Report,
    /// The console.
    pub spec: &'a GraphSpec,
    /// Its parameters.
    pub tree: &'a Tree,
    /// Rate in Hz that delays in frames are meant at.
    pub rate: f64,
    /// What has been read.
    pub values: Vec<Stated>,
    /// Side-chains: strip keyed, strip that keys, place.
    pub keys: Vec<(usize, usize, Range<usize>)>,
    /// A preset is read: what its texts name is looked for where it is used.
    pub(super) aside: bool,
    /// Where each value stands.
    pub(super) places: HashMap<ParamId, Range<usize>>,
}

/// What is being read: an owner and what to call it.
#[derive(Clone, Copy)]
pub(super) struct At<'s> {
    pub(super) owner: Owner,
    pub(super) what: &'s str,
}

impl<'a> Reader<'a> {
    /// Starts reading.
    pub fn new(report: &'a mut Report, spec: &'a GraphSpec, tree: &'a Tree, rate: f64) -> Self {
        Reader { report, spec, tree, rate, values: Vec::new(), keys: Vec::new(), aside: false, places: HashMap::new() }
    }

    /// All that a strip's table states.
    pub fn strip(&mut self, index: usize, draft: &mut Draft<'_>) {
        let what = draft.what.clone();
        let at = At { owner: Owner::Strip(index), what: &what };
        if let Some((key, node)) = draft.section.raw("name") {
            self.one(at, key, "name", node);
        }
        for (kind, group) in [("dca", true), ("mutegroup", false)] {
            if let Some((key, node)) = draft.section.raw(kind) {
                self.membership(at, key, node, group);
            }
        }
        for &(key, node) in &draft.sends {
            let to_main = self.spec.main().filter(|_| key.text == "main");
            let Some(bus) = to_main.or_else(|| send_target(&key.text, self.spec)) else { continue };
            let Some(slot) = self.spec.strips[index].sends.iter().position(|b| *b == bus) else { continue };
            let first = self.tree.send(index, slot);
            let level = self.tree.entry(first).path.clone();
            let prefix = level.trim_end_matches("/level");
            match &node.item {
                Item::Table(table) => self.table(at, prefix, table, &[]),
                _ => {
                    let message = format!("a send is a table, not {}", node.kind());
                    self.report
                        .error(&node.span, message, "expected a table")
                        .help("for example `{ level = -6, tap = \"post\" }`");
                }
            }
        }
        self.processors(at, draft);
        self.of_preset(at, draft);
    }

    /// Keys that nothing has asked for: processors, and parameters of the strip itself.
    pub(super) fn processors(&mut self, at: At<'_>, draft: &Draft<'_>) {
        let also: Vec<&str> = draft.section.asked().to_vec();
        for (key, node) in draft.section.rest() {
            let instance = key.text.as_str();
            let in_chain = draft.instances.iter().any(|i| i == instance);
            if self.aside && !is_processor(base(instance)) {
                self.not_in_preset(at, key, &also, &draft.instances);
            } else if !is_processor(base(instance)) || in_chain {
                self.entry(at, "", key, node, &also);
            } else {
                self.left_out(draft, key);
            }
        }
    }

    /// All that the table of a DCA or a mute group states.
    pub fn group(&mut self, owner: Owner, what: &str, entries: &[(&Key, &Node)]) {
        for (key, node) in entries {
            self.entry(At { owner, what }, "", key, node, &["id"]);
        }
    }

    fn left_out(&mut self, draft: &Draft<'_>, key: &Key) {
        let name = &key.text;
        let message = format!("the chain of {} leaves out `{name}`", draft.what);
        let mut with: Vec<String> = draft.instances.iter().map(|i| format!("{:?}", base(i))).collect();
        with.push(format!("{:?}", base(name)));
        let help = format!("its chain is `{}`; to add it: chain = [{}]", draft.chain_text(), with.join(", "));
        let finding = self.report.error(&key.span, message, "not in the chain").help(help);
        if let Some(span) = &draft.chain_span {
            finding.also(span, "the chain");
        }
    }

    fn membership(&mut self, at: At<'_>, key: &Key, node: &Node, dca: bool) {
        let spec = self.spec;
        let (groups, word, kind) = if dca { (&spec.dcas, "DCA", "dca") } else { (&spec.mute_groups, "mute group", "mutegroup") };
        let find = |text: &str| {
            let number = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < groups.len());
            groups.iter().position(|g| g.id == text).or(number)
        };
        let unknown = |report: &mut Report, text: &str, span: &Range<usize>| {
            let ids = groups.iter().map(|g| g.id.as_str());
            report.error(span, format!("there is no {word} `{text}`"), "no such group").suggest(&super::strip::slug(text), ids);
        };
        match &node.item {
            Item::Table(table) => {
                for (key, node) in &table.entries {
                    match find(&key.text) {
                        Some(i) => self.one(at, key, &format!("{kind}/{}", i + 1), node),
                        None => unknown(self.report, &key.text, &key.span),
                    }
                }
            }
            Item::List(_) | Item::Text(_) => {
                let nodes = if let Item::List(list) = &node.item { list.as_slice() } else { std::slice::from_ref(node) };
                for node in nodes {
                    let Item::Text(text) = &node.item else {
                        self.report.error(&node.span, format!("{word}s are named by id, not {}", node.kind()), "expected an id");
                        continue;
                    };
                    match find(text) {
                        Some(i) => {
                            if let Some(id) = self.tree.find(at.owner, &format!("{kind}/{}", i + 1)) {
                                self.put(id, Value::Bool(true), &node.span, at);
                            }
                        }
                        None => unknown(self.report, text, &node.span),
                    }
                }
            }
            _ => {
                let message = format!("`{}` of {} is a list of ids, not {}", key.text, at.what, node.kind());
                self.report
                    .error(&node.span, message, "expected a list")
                    .help(format!("for example `{} = [\"band\"]`", key.text));
            }
        }
    }

    fn table(&mut self, at: At<'_>, prefix: &str, table: &Table, also: &[&str]) {
        for (key, node) in &table.entries {
            self.entry(at, prefix, key, node, also);
        }
    }

    /// One key below `prefix`; `also` are keys that are allowed beside parameters.
    fn entry(&mut self, at: At<'_>, prefix: &str, key: &Key, node: &Node, also: &[&str]) {
        let path = if prefix.is_empty() { key.text.clone() } else { format!("{prefix}/{}", key.text) };
        if key.text.contains('/') || key.text.is_empty() {
            let message = format!("`{}` is not a key", key.text.escape_debug());
            let finding = self.report.error(&key.span, message, "unknown key");
            if key.text.contains('/') {
                finding.help(format!("a rig writes dots for slashes: {}", key.text.replace('/', ".")));
            }
            return;
        }
        if self.tree.find(at.owner, &path).is_some() {
            return self.one(at, key, &path, node);
        }
        let below = self.children(at.owner, &path);
        if below.is_empty() {
            return self.unknown(at, prefix, key, also);
        }
        match &node.item {
            Item::Table(table) => self.table(at, &path, table, &[]),
            _ => {
                let dotted = path.replace('/', ".");
                let message = format!("`{dotted}` of {} is a group of parameters, not {}", at.what, node.kind());
                let names: Vec<&str> = below.iter().map(String::as_str).collect();
                let example = if below.iter().any(|b| b == "on") { "on" } else { names[0] };
                self.report
                    .error(&node.span, message, "expected a table")
                    .help(format!("name the parameter, as in `{dotted}.{example} = …`; it has {}", listed(&names, 24)));
            }
        }
    }

    /// Next parts of the writable paths below a path.
    fn children(&self, owner: Owner, path: &str) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for id in self.tree.of(owner) {
            let entry = self.tree.entry(id);
            let rest = if path.is_empty() {
                Some(entry.path.as_str())
            } else {
                entry.path.strip_prefix(path).and_then(|r| r.strip_prefix('/'))
            };
            if let Some(rest) = rest.filter(|_| entry.decl.access == Access::Write) {
                let part = rest.split('/').next().unwrap_or(rest);
                if !out.iter().any(|o| o == part) {
                    out.push(part.into());
                }
            }
        }
        out
    }

    fn unknown(&mut self, at: At<'_>, prefix: &str, key: &Key, also: &[&str]) {
        let dotted = prefix.replace('/', ".");
        let known = self.children(at.owner, prefix);
        if prefix.is_empty() && matches!(key.text.as_str(), "meter" | "latency" | "fault") {
            let message = format!("`{}` of {} is told by the console, it cannot be set", key.text, at.what);
            self.report.error(&key.span, message, "read only");
            return;
        }
        let place = if dotted.is_empty() { at.what.to_string() } else { format!("`{dotted}` of {}", at.what) };
        let names: Vec<&str> = also.iter().copied().chain(known.iter().map(String::as_str)).collect();
        let band = key.text.bytes().all(|b| b.is_ascii_digit()) && known.iter().any(|k| k == "1");
        let finding = self.report.error(&key.span, format!("{place} has no `{}`", key.text), "unknown key");
        if band {
            let most =
                if base(&dotted) == "eq" { MOST_BANDS } else { known.iter().filter(|k| k.parse::<usize>().is_ok()).count() };
            finding.help(format!("they are numbered 1 to {most}"));
        } else {
            finding.suggest(&key.text, names);
        }
    }

    /// One parameter that is there.
    fn one(&mut self, at: At<'_>, key: &Key, path: &str, node: &Node) {
        let Some(id) = self.tree.find(at.owner, path) else { return };
        let decl = self.tree.entry(id).decl;
        let dotted = path.replace('/', ".");
        if decl.access != Access::Write {
            let message = format!("`{dotted}` of {} is told by the console, it cannot be set", at.what);
            self.report.error(&key.span, message, "read only");
            return;
        }
        match coerce(decl, node, self.rate) {
            // As the id is made: blanks around a name do not count, and an empty one is none.
            Ok(Value::Text(text)) if decl.path == "name" => {
                let name = text.trim();
                if !name.is_empty() {
                    self.put(id, Value::Text(name.into()), &node.span, at);
                }
            }
            Ok(value) => {
                self.check_text(at, decl, &value, &node.span);
                self.put(id, value, &node.span, at);
            }
            Err(Wrong { got, label, help }) => {
                let message = format!("`{dotted}` of {} is {}, not {got}", at.what, expected(decl));
                let finding = self.report.error(&node.span, message, label);
                if let Some(help) = help {
                    finding.help(help);
                }
            }
        }
    }

    pub(super) fn put(&mut self, id: ParamId, value: Value, span: &Range<usize>, at: At<'_>) {
        if let Some(first) = self.places.insert(id, span.clone()) {
            let path = &self.tree.entry(id).path;
            let message = format!("`{}` of {} is stated twice", path.replace('/', "."), at.what);
            self.report.error(span, message, "second time").also(&first, "first time");
            return;
        }
        let path = self.tree.entry(id).path.clone();
        self.values.push(Stated { id, owner: at.owner, path, value });
    }

    /// Texts that name something: strips, files, colours.
    pub(super) fn check_text(&mut self, at: At<'_>, decl: &Decl, value: &Value, span: &Range<usize>) {
        let Value::Text(text) = value else { return };
        match decl.path {
            "sidechain" | "source" | "file" if self.aside => {}
            "sidechain" | "source" if !text.is_empty() => match (self.spec.named(text), at.owner) {
                (Some(own), Owner::Strip(to)) if own == to && decl.path == "source" => {
                    self.report.error(span, "the monitor cannot hear itself".into(), "expected another strip");
                }
                (Some(from), Owner::Strip(to)) => {
                    if decl.path == "sidechain" {
                        self.keys.push((to, from, span.clone()));
                    }
                }
                _ => {
                    let ids = self.spec.strips.iter().map(|s| s.id.as_str());
                    self.report
                        .error(span, format!("there is no strip {text:?}"), "no such strip")
                        .suggest(&super::strip::slug(text), ids);
                }
            },
            "file" if !text.is_empty() => {
                let declares = |p: &&ProcDecl| p.parts[0].decls.iter().any(|d| std::ptr::eq(d, decl));
                let loaded = match PROCESSORS.iter().find(declares).map(|p| p.loads) {
                    Some(Loads::Tape) => self.spec.library.tape(text, self.rate).map(drop),
                    _ => self.spec.library.impulse(text, self.rate).map(drop),
                };
                if let Err(why) = loaded {
                    self.report.error(span, why, "cannot be loaded");
                }
            }
            _ if decl.form.fits(text) => {}
            _ if text.starts_with('#') => {
                self.report.error(span, format!("{text:?} is not a colour"), "expected #rrggbb");
            }
            _ => {
                self.report
                    .warning(span, format!("{text:?} is not a colour that surfaces know"), "shown as none")
                    .suggest(text, COLOURS.iter().copied());
            }
        }
    }
}

/// Why a value was not taken.
struct Wrong {
    got: String,
    label: String,
    help: Option<String>,
}

/// What a parameter takes, in words.
fn expected(decl: &Decl) -> String {
    let unit = decl.unit.suffix();
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    match decl.kind {
        Kind::Float { max, taper: Taper::Level, .. } => format!("a level of {} to {max}{unit} or \"off\"", taper::LEVEL_FLOOR_DB),
        Kind::Float { min, max, .. } if decl.notes => format!("a number of {min} to {max}{unit}, or a note as \"1/8\""),
        Kind::Float { min, max, .. } => format!("a number of {min} to {max}{unit}"),
        Kind::Int { min, max, .. } => format!("a whole number of {min} to {max}{unit}"),
        Kind::Steps { values, .. } => {
            let all: Vec<String> = values.iter().map(i64::to_string).collect();
            format!("one of {}{unit}", all.join(", "))
        }
        Kind::Bool { .. } => "true or false".into(),
        Kind::Enum { names, .. } => format!("one of {}", listed(names, 24)),
        Kind::Text { .. } => "text".into(),
    }
}

/// The value of a parameter that a node states; it says what was expected where it is none.
///
/// # Errors
/// `a level of -90 to 10 dB or "off", not "loud"`.
pub fn of(decl: &Decl, node: &Node, rate: f64) -> Result<Value, String> {
    coerce(decl, node, rate).map_err(|wrong| format!("{}, not {}", expected(decl), wrong.got))
}

/// The value of a parameter that a node states.
fn coerce(decl: &Decl, node: &Node, rate: f64) -> Result<Value, Wrong> {
    let wrong_kind = |help: Option<String>| Wrong { got: shown(node), label: "wrong kind of value".into(), help };
    let value = match (&decl.kind, &node.item) {
        (Kind::Text { .. }, Item::Text(text)) => return Ok(Value::Text(text.as_str().into())),
        (Kind::Bool { .. }, Item::Bool(b)) => return Ok(Value::Bool(*b)),
        (Kind::Bool { .. }, Item::Text(text)) => {
            let help = match text.to_lowercase().as_str() {
                "on" | "yes" | "true" => Some("write `true`".to_string()),
                "off" | "no" | "false" => Some("write `false`".to_string()),
                _ => None,
            };
            return Err(wrong_kind(help));
        }
        (Kind::Enum { names, .. }, Item::Text(text)) => {
            return match names.iter().position(|n| *n == text) {
                Some(i) => Ok(Value::Int(i as i64)),
                None => {
                    let near = super::diagnose::nearest(text, names.iter().copied());
                    Err(Wrong {
                        got: format!("{text:?}"),
                        label: "unknown name".into(),
                        help: near.map(|n| format!("did you mean `{n}`?")),
                    })
                }
            };
        }
        (Kind::Float { .. }, Item::Text(text)) if decl.notes && Note::parse(text).is_some() => {
            return Ok(Note::parse(text).map_or_else(|| decl.default(), |note| decl.clamp(&Value::Note(note))));
        }
        (Kind::Float { .. } | Kind::Int { .. } | Kind::Steps { .. }, Item::Int(i)) => *i as f64,
        (Kind::Float { .. } | Kind::Int { .. } | Kind::Steps { .. }, Item::Float(x)) => *x,
        (Kind::Float { .. } | Kind::Int { .. } | Kind::Steps { .. }, Item::Text(text)) => match from_text(decl, text, rate) {
            Some(x) => x,
            None => return Err(wrong_kind(None)),
        },
        _ => return Err(wrong_kind(None)),
    };
    in_range(decl, value).ok_or_else(|| Wrong { got: shown(node), label: "out of range".into(), help: None })
}

/// A number as this parameter's value, if it is one of them.
fn in_range(decl: &Decl, x: f64) -> Option<Value> {
    let ok = match decl.kind {
        Kind::Float { taper: Taper::Level, .. } if x == f64::NEG_INFINITY => true,
        Kind::Float { min, max, .. } => (min..=max).contains(&x),
        Kind::Int { min, max, .. } => x.fract() == 0.0 && (min as f64..=max as f64).contains(&x),
        Kind::Steps { values, .. } => values.iter().any(|v| *v as f64 == x),
        _ => false,
    };
    ok.then(|| decl.clamp(&Value::Float(x)))
}

/// The number that a text names for this parameter: `-6 dB`, `1.2k`, `off`, `480 frames`. Nothing is
/// rounded to what the parameter allows: a rig that asks for 16 dB/oct is told so.
fn from_text(decl: &Decl, text: &str, rate: f64) -> Option<f64> {
    let any = Kind::Float { min: f64::MIN, max: f64::MAX, default: 0.0, taper: Taper::Linear };
    let kind = if matches!(decl.kind, Kind::Float { .. }) { decl.kind } else { any };
    Decl { kind, ..*decl }.parse_at(text, rate).ok().map(|v| v.as_f64())
}

/// A value as a message quotes it.
fn shown(node: &Node) -> String {
    match &node.item {
        Item::Text(text) => format!("{text:?}"),
        Item::Int(i) => i.to_string(),
        Item::Float(x) => format!("{x}"),
        Item::Bool(b) => b.to_string(),
        _ => node.kind().to_string(),
    }
}
