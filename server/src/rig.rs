//! The rig file: TOML with spans in, a graph, the values it states and the settings out.
//!
//! All errors of a file are found at once, each with its place, what was expected and the nearest
//! name. Everything about processors and parameters comes from their declarations.

pub mod diagnose;
pub mod emit;
pub mod library;
pub mod node;
pub mod preset;
pub mod route;
mod secret;
pub mod section;
pub mod settings;
pub mod sources;
pub mod strip;
pub mod tape;
pub mod template;
pub mod value;

pub use diagnose::{Report, RigErrors};
pub use preset::Shelf;
pub use settings::{AudioConfig, Backend, DialectConfig, Net, OscConfig, Peer, Role, Settings, SurfaceConfig, Token};
pub use value::Stated;

use headroom_dsp::graph::compile::plan;
use headroom_dsp::graph::{GraphSpec, GroupSpec, StripKind};
use headroom_dsp::lanes::Path as LanePath;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, Slot, Tree};
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent::command::COMMANDS;
use headroom_protocol::pattern::Pattern;
use route::Edge;
use section::Section;
use std::path::Path;
use strip::Draft;

/// A rig as loaded.
#[derive(Debug)]
pub struct Rig {
    /// The graph.
    pub spec: GraphSpec,
    /// Its parameters.
    pub tree: Tree,
    /// What the file states.
    pub values: Vec<Stated>,
    /// Audio, network, roles, surfaces.
    pub settings: Settings,
    /// Warnings and notes.
    pub report: Report,
}

impl Rig {
    /// A rig made by other means than a file, to be written with [`emit::emit`]. Values of parameters
    /// that the graph does not have are left out.
    pub fn new(spec: GraphSpec, values: impl IntoIterator<Item = (Owner, String, Value)>, settings: Settings) -> Rig {
        let tree = Tree::new(&spec);
        let find = |(owner, path, value): (Owner, String, Value)| {
            let id = tree.find(owner, &path)?;
            Some(Stated { id, owner, path, value: tree.entry(id).decl.clamp(&value) })
        };
        let values = values.into_iter().filter_map(find).collect();
        Rig { spec, tree, values, settings, report: Report::default() }
    }
}

/// Loads a rig file.
///
/// # Errors
/// All that is wrong with the file; a file that cannot be read is one error without a place.
pub fn load(path: impl AsRef<Path>) -> Result<Rig, RigErrors> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let unreadable = |reason: String| {
        let mut report = Report::new(&name, "");
        report.error(&(0..0), format!("cannot read {name}: {reason}"), "");
        RigErrors(report)
    };
    // Opening a pipe would wait for who writes it, a device may never end.
    let about = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?;
    if !about.is_file() && !about.is_dir() {
        return Err(unreadable("it is no file but a pipe or a device".into()));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(text) => read(&text, &name, &mut Shelf::beside(path)),
        Err(e) => Err(unreadable(format!("byte {} is not UTF-8 text", e.utf8_error().valid_up_to()))),
    }
}

/// Reads a rig from its text, with the built-in presets; `file` is its name in messages.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(text: &str, file: &str) -> Result<Rig, RigErrors> {
    read(text, file, &mut Shelf::default())
}

fn read(text: &str, file: &str, shelf: &mut Shelf) -> Result<Rig, RigErrors> {
    let mut report = Report::new(file, text);
    let document = node::read(&mut report);
    if report.errors() > 0 {
        // What follows would be guesses about half a document.
        secret::hide_in_text(&mut report);
        report.sort();
        return Err(RigErrors(report));
    }
    secret::hide(&mut report, &document);
    let mut root = Section::new(&document, "this rig");
    let name = root.text("name", &mut report).map_or_else(|| stem(file), str::to_string);
    let (mut settings, rules) = settings::read(&mut root, &mut report);
    settings.anchor(Path::new(file).parent().unwrap_or(Path::new("")));
    let tempo = root.raw("tempo");
    let mut drafts = drafts(&mut root, shelf, &mut report);
    let mut spec = GraphSpec {
        name,
        mute_post_only: settings.audio.mute_post_only,
        seed: settings.audio.seed,
        period: settings.audio.period,
        library: library::of(Path::new(file)),
        ..GraphSpec::default()
    };
    let dcas = groups(&mut root, "dca", &mut report);
    let mutes = groups(&mut root, "mutegroup", &mut report);
    spec.dcas = dcas.iter().map(|g| g.spec.clone()).collect();
    spec.mute_groups = mutes.iter().map(|g| g.spec.clone()).collect();
    unknown_tables(root, &mut report);
    presets(&drafts, &mut report);

    route::check_ids(&drafts, &mut report);
    route::follow(&mut drafts);
    let mut edges = route::connect(&drafts, &mut spec, &mut report);
    let tree = Tree::new(&spec);
    let mut reader = value::Reader::new(&mut report, &spec, &tree, f64::from(settings.audio.rate));
    for (i, draft) in drafts.iter_mut().enumerate() {
        reader.strip(i, draft);
    }
    for (i, group) in dcas.iter().enumerate() {
        reader.group(Owner::Dca(i), &group.what, &group.entries);
    }
    for (i, group) in mutes.iter().enumerate() {
        reader.group(Owner::MuteGroup(i), &group.what, &group.entries);
    }
    if let Some((key, node)) = tempo {
        reader.group(Owner::Console, "this rig", &[(key, node)]);
    }
    let mut values = std::mem::take(&mut reader.values);
    edges.extend(reader.keys.into_iter().map(|(to, from, span)| Edge { from, to, key: true, span }));
    route::check_loops(&edges, &spec, &mut report);
    followers(&drafts, &spec, &mut values, &mut report);
    check_rules(&rules, &spec, &tree, &mut report);
    check_maps(&settings.osc.maps, &spec, &tree, &mut report);
    if report.errors() == 0 {
        compiles(&spec, &tree, &values, &settings, &mut report);
    }
    report.sort();
    if report.errors() > 0 {
        report.items.retain(|d| d.severity != diagnose::Severity::Note);
        return Err(RigErrors(report));
    }
    Ok(Rig { spec, tree, values, settings, report })
}

/// Patterns of roles that mean nothing here.
fn check_rules(rules: &[settings::Rule], spec: &GraphSpec, tree: &Tree, report: &mut Report) {
    if rules.is_empty() {
        return;
    }
    let space = AddressSpace::new(spec, tree);
    for rule in rules {
        let Ok(pattern) = Pattern::parse(&rule.pattern) else { continue };
        let command = COMMANDS.iter().any(|c| pattern.matches(c.address));
        if !command && space.meant(&pattern).is_empty() {
            let finding = report.warning(&rule.span, format!("{} matches nothing", rule.pattern), "no effect");
            if let Some(help) = space.explain_pattern(&rule.pattern, COMMANDS.iter().map(|c| c.address)) {
                finding.help(help);
            }
        }
    }
}

/// Foreign addresses that lead nowhere, or hide an address of the console.
fn check_maps(maps: &[settings::OscMap], spec: &GraphSpec, tree: &Tree, report: &mut Report) {
    if maps.is_empty() {
        return;
    }
    let space = AddressSpace::new(spec, tree);
    for map in maps {
        let [from, to] = &map.spans;
        if COMMANDS.iter().any(|c| c.address == map.from) || space.target(&map.from).is_some() {
            report
                .error(from, format!("{} is an address of this console", map.from), "cannot be bound to another")
                .help("take another in the app, or send this one as it is");
        }
        match space.target(&map.to) {
            None => {
                report.error(to, format!("{}: {}", map.to, space.explain(&map.to)), "nothing is there");
            }
            Some(target) if map.range.is_some() && !space.has_travel(target.param) => {
                report.error(to, format!("{} has no travel, so `range` cannot be laid over it", map.to), "text or a count");
            }
            Some(_) => {}
        }
    }
}

/// The engine's own word on the graph: what passed above and fails there has no place in the file.
fn compiles(spec: &GraphSpec, tree: &Tree, stated: &[Stated], settings: &Settings, report: &mut Report) {
    let mut values = tree.defaults();
    for s in stated {
        values[s.id.0 as usize] = s.value.clone();
    }
    if let Err(error) = plan(spec, tree, &values, f64::from(settings.audio.rate), LanePath::best()) {
        report.error(&(0..0), error.to_string(), "");
    }
}

fn stem(file: &str) -> String {
    Path::new(file).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

/// Channels and buses that a rig may have: many times what a stage has, and what is still checked within seconds.
const MOST_STRIPS: usize = 1024;

/// Every strip: channels, buses, matrices, main, monitor, and where the rig has them talkback and oscillator.
fn drafts<'n>(root: &mut Section<'n>, shelf: &mut Shelf, report: &mut Report) -> Vec<Draft<'n>> {
    static NOTHING: node::Table = node::Table { entries: Vec::new() };
    let mut numbers = [0; 3];
    let mut out = Vec::new();
    'all: for (word, kind) in [("channel", Some(StripKind::Channel)), ("bus", None)] {
        for (node, table) in root.tables(word, report) {
            if out.len() == MOST_STRIPS {
                let message = format!("a rig has at most {MOST_STRIPS} channels and buses, and this {word} is one more");
                report.error(&node.span, message, "too many").help("take strips out, or split the rig over several programs");
                break 'all;
            }
            out.push(Draft::read(table, node.span.clone(), kind, &mut numbers, shelf, report));
        }
    }
    out.sort_by_key(|d| d.kind == StripKind::Matrix);
    for kind in StripKind::SINGLE {
        let found = root.table(kind.address(), report);
        if found.is_none() && kind.sends_everywhere() {
            continue;
        }
        let (span, table) = found.map_or((0..0, &NOTHING), |(k, t)| (k.span.clone(), t));
        let mut draft = Draft::read(table, span, Some(kind), &mut numbers, shelf, report);
        if found.is_none() && kind == StripKind::Main {
            report
                .note(&(0..0), "this rig has no [main]: main is there, its outputs connected to nothing".into(), "")
                .help("[main] with output = [\"playback:1\", \"playback:2\"]");
        }
        if found.is_none() && kind == StripKind::Monitor {
            // Solo needs its addresses; ports only where the rig asks for a monitor.
            draft.output = None;
        }
        out.push(draft);
    }
    out
}

/// What was found in the presets that strips use, each once.
fn presets(drafts: &[Draft<'_>], report: &mut Report) {
    let mut seen: Vec<&str> = Vec::new();
    for (loaded, _) in drafts.iter().filter_map(|d| d.preset.as_ref()) {
        if !seen.contains(&loaded.preset.id.as_str()) {
            seen.push(&loaded.preset.id);
            report.include(&loaded.report);
        }
    }
}

/// A DCA or a mute group being read.
struct Group<'n> {
    spec: GroupSpec,
    what: String,
    entries: Vec<(&'n node::Key, &'n node::Node)>,
}

fn groups<'n>(root: &mut Section<'n>, kind: &'static str, report: &mut Report) -> Vec<Group<'n>> {
    let mut out = Vec::new();
    let mut places = Vec::new();
    for (node, table) in root.tables(kind, report) {
        let word = if kind == "dca" { "DCA" } else { "mute group" };
        let mut section = Section::new(table, format!("this {word}"));
        let (name, id, span) = strip::identity(&mut section, &node.span, kind, out.len() + 1, report);
        places.push((id.clone(), span));
        let entries = table.entries.iter().filter(|(k, _)| k.text != "id").map(|(k, n)| (k, n)).collect();
        out.push(Group { what: format!("{word} {name:?}"), spec: GroupSpec { id, name }, entries });
    }
    route::unique(places.iter().map(|(id, span)| (id.as_str(), span)), report);
    out
}

fn unknown_tables(root: Section<'_>, report: &mut Report) {
    for (key, _) in root.rest() {
        let message = format!("a rig has no table or key `{}`", key.text);
        let finding = report.error(&key.span, message, "unknown");
        match key.text.as_str() {
            "matrix" | "aux" | "fx" | "group" => finding.help(format!("write `[[bus]]` with `kind = \"{}\"`", key.text)),
            "input" | "ch" => finding.help("did you mean `[[channel]]`?"),
            "master" | "output" => finding.help("did you mean `[main]`?"),
            _ => finding.suggest(&key.text, root.asked().iter().copied()),
        };
    }
}

/// What the second of two linked channels states beyond its looks has no effect.
fn followers(drafts: &[Draft<'_>], spec: &GraphSpec, values: &mut Vec<Stated>, report: &mut Report) {
    for i in (1..spec.strips.len()).filter(|i| spec.strips[i - 1].link) {
        let own = |s: &Stated| matches!(s.path.as_str(), "name" | "color" | "icon");
        let before = values.len();
        values.retain(|s| s.owner != Owner::Strip(i) || own(s));
        if values.len() < before || drafts[i].chain_span.is_some() {
            let message = format!("{} is linked to {} and follows it", drafts[i].what, drafts[i - 1].what);
            report
                .warning(&drafts[i].id_span, message, "its own chain and values have no effect")
                .help(format!("state them at {}", drafts[i - 1].what));
        }
    }
}

/// The address of a parameter with ids for numbers (`ch/kick/send/wedge-1/level`): it survives strips
/// that come, go and move.
pub fn canonical(spec: &GraphSpec, tree: &Tree, id: headroom_dsp::tree::ParamId) -> String {
    let entry = tree.entry(id);
    let (root, strip) = match entry.owner {
        Owner::Strip(i) => {
            let strip = &spec.strips[i];
            let kind = strip.kind.address();
            (if strip.kind.single() { kind.to_string() } else { format!("{kind}/{}", strip.id) }, Some(strip))
        }
        Owner::Dca(i) => (format!("dca/{}", spec.dcas[i].id), None),
        Owner::MuteGroup(i) => (format!("mutegroup/{}", spec.mute_groups[i].id), None),
        Owner::Console => return entry.path.clone(),
        Owner::Status => ("status".to_string(), None),
    };
    let last = entry.path.rsplit('/').next().unwrap_or_default();
    let path = match (entry.slot, strip) {
        (Slot::Send(i), Some(strip)) => format!("send/{}/{last}", spec.strips[strip.sends[i]].id),
        (Slot::Dca(i), _) => format!("dca/{}", spec.dcas[i].id),
        (Slot::MuteGroup(i), _) => format!("mutegroup/{}", spec.mute_groups[i].id),
        _ => entry.path.clone(),
    };
    format!("{root}/{path}")
}

/// What the rig states, by [`canonical`] address.
pub fn stated(rig: &Rig) -> Vec<(String, Value)> {
    rig.values.iter().map(|s| (canonical(&rig.spec, &rig.tree, s.id), s.value.clone())).collect()
}

#[cfg(test)]
mod tests;
