//! The text of a scene: TOML with a table a strip, as a rig has its keys.
//!
//! ```toml
//! name = "Verse 1"
//! notes = "Strings come in"
//! fade = 2.0
//! curve = "s"
//!
//! [ch.kick]
//! fader = -6.5
//! eq.1.freq = 60.0
//! send.wedge-1.level = "off"
//! ```

use super::{Layout, Scene, curve, file_of};
use crate::rig::diagnose::Report;
use crate::rig::node::{self, Item, Node, Table};
use crate::rig::{emit, value};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{ParamId, Tree};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::ops::Range;

/// A scene's file as it stands, before anybody asks what its addresses mean.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// Its name, if it says one.
    pub name: Option<String>,
    /// Its notes.
    pub notes: String,
    /// Seconds and shape of a recall.
    pub fade: Option<(f64, Shape)>,
    /// Addresses without the first slash, and their values.
    pub values: Vec<(String, Node)>,
    lines: Vec<usize>,
}

impl Text {
    /// The name that a file shows: its own, without the ending, where the text says none or that of another file.
    pub fn shown<'a>(&'a self, file: &'a str) -> &'a str {
        self.name.as_deref().filter(|name| file_of(name).is_ok_and(|f| f == file)).map_or(file, str::trim)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start).max(1)
    }
}

/// Longest `fade`, s.
const LONGEST_FADE: f64 = 3_600.0;

/// Reads a scene's file; arbitrary text is an error and nothing worse.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn parse(text: &str) -> Result<Text, String> {
    let mut report = Report::new("scene", text);
    let table = node::read(&mut report);
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut scene = Text { lines, ..Text::default() };
    if let Some(first) = report.items.first() {
        return Err(format!("line {}: {}", scene.line(&first.span), first.message));
    }
    let (mut seconds, mut shape) = (None, Shape::Linear);
    for (key, node) in table.entries {
        let wrong =
            |expected: &str| Err(format!("line {}: `{}` is {expected}, not {}", scene.line(&node.span), key.text, node.kind()));
        match (key.text.as_str(), &node.item) {
            ("name", Item::Text(name)) => scene.name = Some(name.clone()),
            ("notes", Item::Text(notes)) => scene.notes.clone_from(notes),
            ("name" | "notes", _) => return wrong("text"),
            ("fade", Item::Float(_) | Item::Int(_)) => {
                let number = match node.item {
                    Item::Float(x) => x,
                    Item::Int(i) => i as f64,
                    _ => 0.0,
                };
                if !(0.0..=LONGEST_FADE).contains(&number) {
                    return Err(format!("line {}: `fade` is 0 to {LONGEST_FADE} seconds", scene.line(&node.span)));
                }
                seconds = Some(number);
            }
            ("fade", _) => return wrong("a number of seconds"),
            ("curve", Item::Text(name)) => {
                shape = Shape::named(name)
                    .ok_or_else(|| format!("line {}: a curve is linear, s, slow or fast", scene.line(&node.span)))?;
            }
            ("curve", _) => return wrong("text"),
            (_, Item::Table(_)) => {
                let Node { item: Item::Table(table), .. } = node else { continue };
                flatten(&key.text, table, &mut scene.values);
            }
            _ => return wrong("a table of parameters, as in `[ch.kick]`"),
        }
    }
    scene.fade = seconds.map(|s| (s, shape));
    Ok(scene)
}

fn flatten(path: &str, table: Table, into: &mut Vec<(String, Node)>) {
    for (key, node) in table.entries {
        let path = format!("{path}/{}", key.text);
        match node {
            Node { item: Item::Table(table), .. } => flatten(&path, table, into),
            node => into.push((path, node)),
        }
    }
}

/// What a text means on a console; `file` is its name without the ending.
///
/// # Errors
/// The first value that is none of its parameter, with its line.
pub fn on(text: Text, file: &str, layout: &Layout, tree: &Tree) -> Result<Scene, String> {
    // Two files are two scenes, whatever they say.
    let mut scene = Scene { name: text.shown(file).to_owned(), notes: text.notes.clone(), fade: text.fade, ..Scene::default() };
    let mut seen = HashSet::new();
    for (address, node) in &text.values {
        let Some(&id) = layout.ids.get(address) else {
            scene.gone.push(format!("/{address}"));
            continue;
        };
        let read = value::of(tree.entry(id).decl, node, layout.rate);
        let value = read.map_err(|why| format!("line {}: /{address} is {why}", text.line(&node.span)))?;
        scene.values.push((id, value));
        if !seen.insert(id) {
            return Err(format!("line {}: /{address} is said twice", text.line(&node.span)));
        }
    }
    scene.values.sort_by_key(|v| v.0);
    Ok(scene)
}

fn bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn dotted(path: &str) -> String {
    let part = |p: &str| if bare(p) { p.to_owned() } else { emit::quoted(p) };
    path.split('/').map(part).collect::<Vec<_>>().join(".")
}

/// The lines in front of the values.
fn head(name: &str, notes: &str, fade: Option<(f64, Shape)>) -> String {
    let mut out = format!("name = {}\n", emit::quoted(name));
    if !notes.is_empty() {
        let _ = writeln!(out, "notes = {}", emit::quoted(notes));
    }
    if let Some((seconds, shape)) = fade {
        let _ = writeln!(out, "fade = {}\ncurve = {}", toml::Value::Float(seconds), emit::quoted(curve(shape)));
    }
    out
}

/// The text of a scene with some values, in the order of the console.
pub fn write(scene: &Scene, values: &[(ParamId, Value)], layout: &Layout, tree: &Tree) -> String {
    let mut out = head(&scene.name, &scene.notes, scene.fade);
    let mut open = "";
    for (id, value) in values {
        let (Some(address), entry) = (layout.address(*id), tree.entry(*id)) else { continue };
        // An owner's part ends where the path begins, which ids make longer or shorter.
        let parts = if address.starts_with("main/") { 1 } else { 2 };
        let cut = address.match_indices('/').nth(parts - 1).map_or(address.len(), |(at, _)| at);
        let (owner, path) = (&address[..cut], &address[(cut + 1).min(address.len())..]);
        if owner != open {
            let _ = write!(out, "\n[{}]\n", dotted(owner));
            open = owner;
        }
        let _ = writeln!(out, "{} = {}", dotted(path), emit::value(entry.decl, value));
    }
    out
}

/// A text with another name, other notes and another fade; all that stands below stays as somebody wrote it.
pub fn retitled(text: &str, name: &str, notes: &str, fade: Option<(f64, Shape)>) -> String {
    let known = ["name", "notes", "fade", "curve"];
    let mut report = Report::new("scene", text);
    let table = node::read(&mut report);
    let taken: BTreeSet<(usize, usize)> = table
        .entries
        .iter()
        .filter(|(key, _)| known.contains(&key.text.as_str()))
        .map(|(key, node)| (key.span.start, node.span.end))
        .collect();
    let mut out = head(name, notes, fade);
    let mut at = 0;
    for (from, to) in taken {
        out.push_str(text.get(at..from).unwrap_or_default());
        let rest = text.get(to..).unwrap_or_default();
        at = to + rest.find('\n').map_or(0, |end| if rest[..end].trim().is_empty() { end + 1 } else { 0 });
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_dsp::graph::GraphSpec;
    use proptest::prelude::*;

    const RIG: &str = "name = \"R\"\n[[channel]]\nname = \"Kick\"\nsend.w = { level = -6 }\n[[channel]]\nid = \"odd-1\"\nname = \"Odd\"\nchain = [\"eq\", \"echo\"]\n[[bus]]\nname = \"W\"\nkind = \"aux\"\n[[dca]]\nname = \"D\"\n[main]\n[monitor]\n";

    fn console() -> (GraphSpec, Tree, Layout, Vec<Value>) {
        let rig = crate::rig::parse(RIG, "r.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)));
        let values = rig.tree.defaults();
        let tree = Tree::new(&rig.spec);
        let desk = headroom_dsp::desk::Desk::with(
            rig.spec.clone(),
            Tree::new(&rig.spec),
            values,
            48_000.0,
            headroom_dsp::lanes::Path::best(),
        );
        let desk = desk.unwrap();
        (rig.spec.clone(), tree, Layout::of(&desk), desk.values().to_vec())
    }

    fn refused(text: &str, says: &str) {
        let (_, tree, layout, _) = console();
        let why = parse(text).and_then(|t| on(t, "x", &layout, &tree)).unwrap_err();
        assert!(why.contains(says), "{why}");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        refused("name = \"x\"\n[ch.kick]\nfader = \"loud\"\n", "line 3: /ch/kick/fader is a level");
        refused("\n\n[ch.kick]\nfader = 11\n", "line 4");
        refused("[ch.kick]\nfader = nan\n", "line 2");
        refused("[ch.kick\n", "line 1");
        refused("[ch.kick]\nfader = 1\nfader = 2\n", "line 3");
        refused("[ch.kick]\neq.1.freq = 90\n\"eq/1/freq\" = 80\n", "line 3: /ch/kick/eq/1/freq is said twice");
        refused("name = 3\n", "line 1: `name` is text");
        refused("fade = -1\n", "line 1: `fade`");
        refused("curve = \"bent\"\n", "line 1: a curve");
        refused("loose = 1\n", "line 1: `loose`");
    }

    #[test]
    fn what_the_console_does_not_have_is_named_and_the_rest_is_there() {
        let (_, tree, layout, _) = console();
        let scene =
            on(parse("[ch.gone]\nfader = 0\n[ch.kick]\nfader = -3\nlatency = 4\n").unwrap(), "x", &layout, &tree).unwrap();
        assert_eq!(scene.gone, ["/ch/gone/fader", "/ch/kick/latency"]);
        assert_eq!(scene.values.len(), 1);
        assert_eq!(scene.name, "x");
    }

    #[test]
    fn another_title_leaves_the_values_as_they_were_written() {
        let text = "# by hand\nname = \"Old\" # was\n[ch.kick]\nfader = -3 # soft\n";
        let out = retitled(text, "New", "n", Some((2.0, Shape::S)));
        let read = parse(&out).unwrap();
        assert_eq!((read.name.as_deref(), read.notes.as_str(), read.fade), (Some("New"), "n", Some((2.0, Shape::S))));
        assert!(out.contains("# by hand") && out.contains("fader = -3 # soft"), "{out}");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_bit_for_bit(seed in any::<u64>(), name in "[A-Za-z][ -~]{0,30}", notes in "\\PC{0,40}") {
            let (_, tree, layout, mut values) = console();
            let mut x = seed | 1;
            let held: Vec<(ParamId, Value)> = values.iter_mut().enumerate().filter_map(|(at, value)| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let id = ParamId(at as u32);
                let decl = tree.entry(id).decl;
                layout.address(id)?;
                if !matches!(value, Value::Text(_)) {
                    *value = decl.from_norm((x >> 11) as f64 / (1u64 << 53) as f64);
                }
                Some((id, value.clone()))
            }).collect();
            let scene = Scene { name: name.trim().to_owned(), notes: notes.clone(), ..Scene::default() };
            let text = write(&scene, &held, &layout, &tree);
            let read = on(parse(&text).unwrap(), &file_of(&name).unwrap(), &layout, &tree).unwrap();
            prop_assert_eq!(read.name, scene.name);
            prop_assert_eq!(read.notes, notes);
            prop_assert!(read.gone.is_empty(), "{:?}", read.gone);
            prop_assert_eq!(read.values, held);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,200}", toml in "((\\[?[a-z.\"]{0,6}\\]?|[a-z]{1,3} = ?[0-9a-z\".{}\\[\\]]{0,8})\n){0,8}") {
            for text in [text, toml] {
                let _ = parse(&text);
                let _ = retitled(&text, "a", "b", None);
            }
        }
    }
}
