//! Presets: settings of a strip's processors under a name, a file each, read as a rig is read.
//!
//! A preset names the kinds of strip it is for, may list a chain, and states parameters of processors. It
//! never touches what belongs to the strip: fader, trim, pan, sends, names.

mod on_strip;
pub mod save;
pub mod shelf;

pub use shelf::Shelf;

use super::diagnose::Report;
use super::node;
use super::route;
use super::section::Section;
use super::strip::Draft;
use super::value::Reader;
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::Value;
use headroom_dsp::tree::Tree;

/// Kinds of strip as `for` names them.
pub const KINDS: &[(&str, StripKind)] = &[
    ("channel", StripKind::Channel),
    ("group", StripKind::Group),
    ("aux", StripKind::Aux),
    ("fx", StripKind::Fx),
    ("matrix", StripKind::Matrix),
    ("main", StripKind::Main),
    ("monitor", StripKind::Monitor),
    ("talkback", StripKind::Talkback),
];

/// Rate at which times in frames are understood: a preset belongs to no rig.
const RATE: f64 = 48_000.0;

/// A preset as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    /// What rigs and messages call it: the name of its file.
    pub id: String,
    /// Name to show.
    pub name: String,
    /// One line about it.
    pub description: String,
    /// Kinds of strip it is for.
    pub kinds: Vec<StripKind>,
    /// Processors in order, by their names in addresses (`comp-2`); `None`: the chain that the strip has.
    pub chain: Option<Vec<String>>,
    /// Values by path below the strip: `eq/1/freq`.
    pub values: Vec<(String, Value)>,
}

/// A preset and what was found in its file. With errors it is what could be read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The preset.
    pub preset: Preset,
    /// The findings.
    pub report: Report,
}

/// The word for a kind in `for`; none for one that takes no presets.
pub fn kind_word(kind: StripKind) -> Option<&'static str> {
    KINDS.iter().find(|(_, k)| *k == kind).map(|(word, _)| *word)
}

/// The processor of a path: `eq` of `eq/1/freq`.
fn processor(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

impl Preset {
    /// The processors it concerns: those of its chain and those it states values of, each once.
    pub fn processors(&self) -> Vec<&str> {
        let listed = self.chain.iter().flatten().map(String::as_str);
        let mut out: Vec<&str> = Vec::new();
        for name in listed.chain(self.values.iter().map(|(path, _)| processor(path))) {
            if !out.contains(&name) {
                out.push(name);
            }
        }
        out
    }

    /// Those of them that do something: what it switches off needs not be there.
    pub fn needs(&self) -> Vec<&str> {
        let is_off = |name: &str| self.values.iter().any(|(p, v)| !v.as_bool() && p.strip_prefix(name) == Some("/on"));
        self.processors().into_iter().filter(|name| !is_off(name)).collect()
    }

    /// The highest numbered part that it states of a processor, 0 where there is none.
    pub fn highest_band(&self, instance: &str) -> usize {
        let number = |path: &str| path.strip_prefix(instance)?.strip_prefix('/')?.split('/').next()?.parse().ok();
        self.values.iter().filter_map(|(path, _)| number(path)).max().unwrap_or(0)
    }

    /// Why it cannot be had on a kind of strip; nothing where it is for it.
    pub fn refuses(&self, kind: StripKind) -> Option<String> {
        let word = |kind: StripKind| kind_word(kind).unwrap_or(kind.address());
        let all: Vec<&str> = self.kinds.iter().map(|k| word(*k)).collect();
        let refused = format!("the preset `{}` is for {}, not for {}", self.id, all.join(", "), word(kind));
        (!self.kinds.contains(&kind)).then_some(refused)
    }
}

/// Reads a preset from its text. `id` is its name, `file` the file's in messages.
pub fn read(id: &str, text: &str, file: &str) -> Loaded {
    let mut report = Report::new(file, text);
    let mut preset = Preset { id: id.into(), name: id.into(), ..Preset::default() };
    let document = node::read(&mut report);
    if report.errors() == 0 {
        let mut head = Section::new(&document, format!("preset `{id}`"));
        if let Some(name) = head.text("name", &mut report).map(str::trim).filter(|n| !n.is_empty()) {
            preset.name = name.into();
        }
        if let Some(line) = head.text("description", &mut report) {
            preset.description = line.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        preset.kinds = kinds(&mut head, &mut report);
        let several = preset.kinds.len() > 1;
        for kind in preset.kinds.clone() {
            // Alike for all kinds, but for what a kind's own chain leaves out.
            let mut section = Section::new(&document, head.what.clone());
            if several && let Some(word) = kind_word(kind) {
                section.what = format!("preset `{id}` on the kind {word}");
            }
            let mut findings = Report { document: report.document.clone(), items: Vec::new() };
            content(section, kind, &mut preset, &mut findings);
            let failed = findings.errors() > 0;
            if failed || Some(&kind) == preset.kinds.first() {
                report.items.extend(findings.items);
            }
            if failed {
                break;
            }
        }
    }
    report.sort();
    Loaded { preset, report }
}

fn kinds(head: &mut Section<'_>, report: &mut Report) -> Vec<StripKind> {
    let words = || KINDS.iter().map(|(word, _)| *word);
    let Some(list) = head.texts("for", report) else {
        let message = format!("{} does not say what it is `for`", head.what);
        report.error(&(0..0), message, "for which kinds of strip?").help("for example `for = [\"channel\", \"group\"]`");
        return Vec::new();
    };
    if let (true, Some(span)) = (list.is_empty(), head.span("for")) {
        report.error(&span, format!("{} is for no kind of strip", head.what), "empty").suggest("", words());
    }
    let mut out = Vec::new();
    for (word, span) in list {
        match KINDS.iter().find(|(w, _)| *w == word) {
            Some((_, kind)) if !out.contains(kind) => out.push(*kind),
            Some(_) => {}
            None => {
                let message = format!("`for` of {} cannot be {word:?}", head.what);
                report.error(&span, message, "no kind of strip").suggest(word, words());
            }
        }
    }
    out
}

/// Chain and values, as they are on a strip of this kind.
fn content(section: Section<'_>, kind: StripKind, preset: &mut Preset, report: &mut Report) {
    let mut draft = Draft::of_preset(section, kind, report);
    for (_, span) in draft.listed.iter().filter(|(name, _)| *name == "insert") {
        report
            .error(span, "a preset cannot hold an insert: its ports belong to the rig".into(), "not in a preset")
            .help("list the chain with its insert in the rig, beside `preset`");
    }
    let mut spec = GraphSpec::default();
    route::connect(std::slice::from_ref(&draft), &mut spec, report);
    let tree = Tree::new(&spec);
    let mut reader = Reader::new(report, &spec, &tree, RATE);
    reader.preset(&mut draft);
    preset.values = std::mem::take(&mut reader.values).into_iter().map(|s| (s.path, s.value)).collect();
    preset.chain = draft.chain_span.is_some().then(|| std::mem::take(&mut draft.instances));
}

#[cfg(test)]
#[path = "preset/tests.rs"]
mod tests;
