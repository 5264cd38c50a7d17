//! One strip's table: what shapes it. Its parameters are read later, when the tree is known.

use super::diagnose::Report;
use super::node::{Item, Key, Node, Table};
use super::preset::{Loaded, Shelf};
use super::section::Section;
use headroom_dsp::graph::{LoopPorts, ProcSpec, StripKind, chain_of, processor_names};
use headroom_dsp::proc::{Count, ProcKind};
use std::ops::Range;
use std::sync::Arc;

/// Most bands that a processor with bands can have.
pub const MOST_BANDS: usize = 8;

/// Kinds of bus as the rig names them.
const BUS_KINDS: &[&str] = &["group", "aux", "fx", "matrix"];

/// Whether a word of a chain names a processor.
pub fn is_processor(name: &str) -> bool {
    ProcKind::named(name).is_some()
}

/// The name of a processor without the number of its instance: `comp-2` is a `comp`.
pub fn base(instance: &str) -> &str {
    match instance.rsplit_once('-') {
        Some((base, n)) if n.parse::<usize>().is_ok_and(|n| n >= 2) => base,
        _ => instance,
    }
}

/// A strip on its way from table to spec.
pub struct Draft<'n> {
    /// Kind.
    pub kind: StripKind,
    /// Number among its kind's addresses.
    pub number: usize,
    /// Id.
    pub id: String,
    /// Where the id comes from: `id`, else `name`, else the table.
    pub id_span: Range<usize>,
    /// Name.
    pub name: String,
    /// What to call it in messages: `channel Kick`.
    pub what: String,
    /// Its table, with what has been read.
    pub section: Section<'n>,
    /// Where the table begins.
    pub head: Range<usize>,
    /// Two sides.
    pub stereo: bool,
    /// Input patterns.
    pub input: Vec<String>,
    /// Output patterns.
    pub output: Option<Vec<String>>,
    /// Its processors, in the order they run.
    pub chain: Vec<ProcSpec>,
    /// Every instance of the chain in the rig's order.
    pub instances: Vec<String>,
    /// Ports of the chain's inserts.
    pub inserts: Vec<LoopPorts>,
    /// The processors that the rig lists, each with its place.
    pub listed: Vec<(&'n str, Range<usize>)>,
    /// Where the chain is spelled out.
    pub chain_span: Option<Range<usize>>,
    /// The preset whose chain and values hold where the rig states none, and where it is asked for.
    pub preset: Option<(Arc<Loaded>, Range<usize>)>,
    /// Destination as the rig names it.
    pub to: Option<(&'n str, Range<usize>)>,
    /// Sends as the rig names them.
    pub sends: Vec<(&'n Key, &'n Node)>,
    /// Where the link to the next channel is asked for.
    pub link: Option<Range<usize>>,
    /// The output is analysed: loudness, correlation, spectrum.
    pub loudness: bool,
}

/// Lower case, a–z 0–9, runs of anything else one `-`, none at the ends.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Reads `name` and `id`: the name to show, the id, and where the id comes from.
pub fn identity(
    section: &mut Section<'_>,
    head: &Range<usize>,
    address: &str,
    number: usize,
    report: &mut Report,
) -> (String, String, Range<usize>) {
    let name = section.text("name", report).map(str::trim).filter(|n| !n.is_empty());
    let mut made = slug(name.unwrap_or_default());
    if made.is_empty() || made.bytes().all(|b| b.is_ascii_digit()) {
        let n = if made.is_empty() { number.to_string() } else { made };
        made = format!("{address}-{n}");
    }
    let mut span = section.span("name").unwrap_or_else(|| head.clone());
    let mut id = made;
    if let Some(given) = section.text("id", report) {
        span = section.span("id").unwrap_or(span);
        let all_digits = given.bytes().all(|b| b.is_ascii_digit());
        if slug(given) != given || all_digits {
            let better = if all_digits { format!("{address}-{given}") } else { slug(given) };
            let finding =
                report.error(&span, format!("{given:?} cannot be an id"), "a–z, 0–9 and single dashes, not digits alone");
            if slug(&better) == better && !better.is_empty() {
                finding.help(format!("`{better}`"));
            }
        } else {
            id = given.into();
        }
    }
    let name = name.map_or_else(|| nameless(address, number), str::to_string);
    (name, id, span)
}

/// The name of what the rig does not name: `Ch 5`.
pub fn nameless(address: &str, number: usize) -> String {
    format!("{} {number}", shown(address))
}

/// A word as a name: `Monitor`.
fn shown(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

impl<'n> Draft<'n> {
    /// Reads what shapes a strip. `kind` is that of the table; a bus names its own. `numbers` counts
    /// the numbers given out: channels, buses, matrices.
    pub fn read(
        table: &'n Table,
        head: Range<usize>,
        kind: Option<StripKind>,
        numbers: &mut [usize; 3],
        shelf: &mut Shelf,
        report: &mut Report,
    ) -> Self {
        let mut section = Section::new(table, "this strip");
        let kind = kind.unwrap_or_else(|| bus_kind(&mut section, &head, report));
        let number = match kind {
            StripKind::Channel => &mut numbers[0],
            StripKind::Matrix => &mut numbers[2],
            _ if kind.single() => &mut 0,
            _ => &mut numbers[1],
        };
        *number += 1;
        let number = *number;
        let (name, id, id_span) = match kind {
            _ if kind.single() => {
                let id = kind.address().to_string();
                let given = section.text("name", report).map(str::trim).filter(|n| !n.is_empty());
                let name = given.map_or_else(|| shown(&id), str::to_string);
                section.what = format!("[{id}]");
                (name, id, head.clone())
            }
            _ => {
                section.what = if kind == StripKind::Channel { "this channel".into() } else { "this bus".into() };
                identity(&mut section, &head, kind.address(), number, report)
            }
        };
        let what = match kind {
            _ if kind.single() => id.clone(),
            StripKind::Channel => format!("channel {name:?}"),
            _ => format!("bus {name:?}"),
        };
        section.what.clone_from(&what);
        let mut draft = Draft { number, id_span, name, head, ..Draft::bare(section, kind, id) };
        draft.ports(report);
        draft.read_preset(shelf, report);
        draft.read_chain(report);
        draft.routes(report);
        draft
    }

    /// A strip of which nothing is known but its kind.
    pub(super) fn bare(section: Section<'n>, kind: StripKind, id: String) -> Self {
        Draft {
            kind,
            number: 1,
            name: id.clone(),
            id,
            id_span: 0..0,
            what: section.what.clone(),
            section,
            head: 0..0,
            stereo: false,
            input: Vec::new(),
            output: None,
            chain: Vec::new(),
            instances: Vec::new(),
            inserts: Vec::new(),
            listed: Vec::new(),
            chain_span: None,
            preset: None,
            to: None,
            sends: Vec::new(),
            link: None,
            loudness: false,
        }
    }

    fn ports(&mut self, report: &mut Report) {
        let channel = self.kind.has_input();
        let input = if channel { self.patterns("input", "playback:", report) } else { None };
        let output = self.patterns("output", "capture:", report);
        let mono = if self.kind == StripKind::Oscillator { 1 } else { 2 };
        let count = if channel { input.as_ref().map_or(1, Vec::len) } else { output.as_ref().map_or(mono, Vec::len) };
        let wide = if self.kind == StripKind::Main { true } else { count == 2 };
        let asked = self.section.switch("stereo", report);
        self.stereo = asked.unwrap_or(wide);
        let sides = 1 + usize::from(self.stereo);
        if self.kind == StripKind::Main && asked.is_none() && output.as_ref().is_some_and(|o| o.len() == 1) {
            let span = self.section.span("output").unwrap_or_else(|| self.head.clone());
            report
                .warning(&span, "main is stereo and has one output: both sides meet at that port".into(), "one port")
                .help("name two ports, or write `stereo = false` for a mono main");
        }
        // One pattern for two ports serves both; unnamed ports are there, unconnected.
        let fill = |given: Option<Vec<String>>| -> Vec<String> {
            match given {
                None => vec![String::new(); sides],
                Some(list) if list.len() < sides => vec![list[0].clone(); sides],
                Some(list) => list,
            }
        };
        let own =
            output.is_some() || matches!(self.kind, StripKind::Aux | StripKind::Matrix | StripKind::Main | StripKind::Monitor);
        self.output = own.then(|| fill(output));
        if channel {
            self.input = fill(input);
        }
    }

    /// One or two connection patterns; `None` where none is named.
    fn patterns(&mut self, key: &'static str, other_way: &str, report: &mut Report) -> Option<Vec<String>> {
        let list = self.section.texts(key, report)?;
        for (text, span) in &list {
            if text.starts_with(other_way) {
                let message = format!("{text:?} is on the other side: an {key} of {} cannot be connected to it", self.what);
                let right = if key == "input" { "capture" } else { "playback" };
                report
                    .warning(span, message, "not connected")
                    .help(format!("did you mean `{}`?", text.replacen(other_way.trim_end_matches(':'), right, 1)));
            } else if text.strip_prefix("capture:").or(text.strip_prefix("playback:")).is_some_and(|n| n.parse() == Ok(0)) {
                report.error(span, format!("{text:?}: ports are counted from 1"), "there is no port 0");
            }
        }
        if list.len() > 2 {
            let span = self.section.span(key).unwrap_or_else(|| self.head.clone());
            report
                .error(&span, format!("{} has {} ports in `{key}`", self.what, list.len()), "one port is mono, two are stereo")
                .help("a strip has at most two sides; give each pair of ports a strip of its own");
        }
        let list: Vec<String> = list.into_iter().take(2).map(|(t, _)| t.to_string()).collect();
        (!list.is_empty()).then_some(list)
    }

    pub(super) fn read_chain(&mut self, report: &mut Report) {
        let Some((_, node)) = self.section.raw("chain") else {
            return self.build_own();
        };
        let Item::List(list) = &node.item else {
            let message = format!("`chain` of {} is a list of processors, not {}", self.what, node.kind());
            report.error(&node.span, message, "expected a list").help("for example `chain = [\"hpf\", \"eq\", \"comp\"]`");
            return self.build_own();
        };
        self.chain_span = Some(node.span.clone());
        for node in list {
            match &node.item {
                Item::Text(name) if is_processor(name) => {
                    let only = ProcKind::named(name).and_then(|p| p.decl().only);
                    if let Some(kind) = only.filter(|kind| *kind != self.kind) {
                        let message = format!("`{name}` stands in the chain of [{}] only", kind.address());
                        report.error(&node.span, message, "not here");
                    }
                    if name == "insert" {
                        self.inserts.push(LoopPorts::default());
                    }
                    self.listed.push((name, node.span.clone()));
                }
                Item::Text(name) => {
                    report
                        .error(&node.span, format!("there is no processor {name:?}"), "unknown processor")
                        .suggest(base(name), processor_names());
                }
                Item::Table(t) if t.entries.len() == 1 && t.entries[0].0.text == "insert" => {
                    self.insert(&t.entries[0].1, report);
                    self.listed.push(("insert", node.span.clone()));
                }
                _ => {
                    let message = format!("a chain lists processors by name, not {}", node.kind());
                    report.error(&node.span, message, "expected a name");
                }
            }
        }
        let names: Vec<&str> = self.listed.iter().map(|(n, _)| *n).collect();
        self.build_chain(&names);
    }

    /// `{ send = …, return = … }` of an insert.
    fn insert(&mut self, node: &Node, report: &mut Report) {
        let Item::Table(table) = &node.item else {
            let message = format!("an insert is a table of its ports, not {}", node.kind());
            report
                .error(&node.span, message, "expected a table")
                .help("for example `{ insert = { send = [\"playback:5\"], return = [\"capture:5\"] } }`");
            return;
        };
        let mut section = Section::new(table, format!("the insert of {}", self.what));
        let mut read = |key: &'static str| -> Vec<String> {
            let list = section.texts(key, report).unwrap_or_default();
            if list.len() > 2 {
                report.error(&node.span, format!("{} has {} ports in `{key}`", self.what, list.len()), "one or two");
            }
            list.into_iter().take(2).map(|(text, _)| text.to_string()).collect()
        };
        let ports = LoopPorts { send: read("send"), back: read("return") };
        for (key, _) in section.rest() {
            let message = format!("an insert has no `{}`", key.text);
            report.error(&key.span, message, "unknown key").suggest(&key.text, ["send", "return"]);
        }
        self.inserts.push(ports);
    }

    pub(super) fn build_chain(&mut self, names: &[&str]) {
        for (at, name) in names.iter().enumerate() {
            let before = names[..at].iter().filter(|n| n == &name).count();
            self.instances.push(if before == 0 { (*name).to_string() } else { format!("{name}-{}", before + 1) });
        }
        let (mut chain, _) = chain_of(names, self.kind, self.kind.bands());
        for proc in &mut chain {
            if proc.kind.decl().parts.iter().any(|p| p.count == Count::Bands) {
                proc.bands = proc.bands.max(self.highest_band(&proc.name)).min(MOST_BANDS);
            }
        }
        let sides = 1 + usize::from(self.stereo);
        for (proc, ports) in chain.iter_mut().filter(|p| p.kind.decl().name == "insert").zip(&self.inserts) {
            // One pattern for two ports serves both.
            let fill = |list: &Vec<String>| if list.len() == 1 { vec![list[0].clone(); sides] } else { list.clone() };
            proc.ports = Some(LoopPorts { send: fill(&ports.send), back: fill(&ports.back) });
        }
        self.chain = chain;
    }

    /// The highest number among the keys below a processor, 0 where there is none.
    fn highest_band(&mut self, instance: &str) -> usize {
        let preset = self.preset().map_or(0, |p| p.highest_band(instance));
        let Some((_, node)) = self.section.rest().find(|(k, _)| k.text == instance) else { return preset };
        let Item::Table(table) = &node.item else { return preset };
        let named = table.entries.iter().filter_map(|(k, _)| k.text.parse().ok()).filter(|n| *n <= MOST_BANDS);
        named.max().unwrap_or(0).max(preset)
    }

    fn routes(&mut self, report: &mut Report) {
        if let Some(to) = self.section.text("to", report) {
            self.to = self.section.span("to").map(|span| (to, span));
        }
        self.loudness = self.section.switch("loudness", report).unwrap_or(false);
        if let Some((_, table)) = self.section.table("send", report) {
            self.sends = table.entries.iter().map(|(k, n)| (k, n)).collect();
        }
        if self.kind == StripKind::Channel && self.section.one_of("link", &["next"], report).is_some() {
            self.link = self.section.span("link");
        }
    }

    /// Its processors as a rig would list them.
    pub fn chain_text(&self) -> String {
        self.instances.join(" ")
    }
}

fn bus_kind(section: &mut Section<'_>, head: &Range<usize>, report: &mut Report) -> StripKind {
    section.what = "this bus".into();
    match section.one_of("kind", BUS_KINDS, report) {
        Some("group") => StripKind::Group,
        Some("fx") => StripKind::Fx,
        Some("matrix") => StripKind::Matrix,
        Some(_) => StripKind::Aux,
        None => {
            if section.span("kind").is_none() {
                report
                    .error(head, "this bus has no `kind`".into(), "which kind of bus?")
                    .help("kind = \"group\" (feeds main), \"aux\" (an output of its own), \"fx\" (an effect) or \"matrix\"");
            }
            StripKind::Aux
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_plain() {
        for (name, id) in
            [("Kick", "kick"), ("Lead vox", "lead-vox"), ("  OH (L/R) ", "oh-l-r"), ("Größe", "gr-e"), ("!!", ""), ("7", "7")]
        {
            assert_eq!(slug(name), id);
        }
    }

    #[test]
    fn instances_have_a_base() {
        assert_eq!(base("comp-2"), "comp");
        assert_eq!(base("comp"), "comp");
        assert_eq!(base("true-peak"), "true-peak");
        assert_eq!(base("comp-1"), "comp-1");
    }
}
