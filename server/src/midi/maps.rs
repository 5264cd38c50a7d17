//! Controller maps: the built-in ones, those in `surfaces/` beside the rig, and the rig's own `[[midi.map]]`.

mod read;
mod write;

use crate::rig::diagnose::Report;
use crate::rig::node::{self, Table};
use crate::rig::strip::slug;
use headroom_protocol::midi::map::Map;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

pub use read::read;
pub use write::{words, write};

/// Folder of the user's maps, beside the rig file.
pub const FOLDER: &str = "surfaces";
/// Largest file, in bytes.
const LARGEST: u64 = 256 * 1024;

macro_rules! built_in {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../configs/surfaces/", $name, ".toml")))),*]
    };
}

/// Names and texts of the built-in maps: the files of `configs/surfaces/`, which a test compares.
pub static BUILT_IN: &[(&str, &str)] = built_in!(
    "nanokontrol2" "x-touch-mini" "x-touch-compact" "bcf2000" "midimix" "apc-mini" "apc-mini-mk2" "launch-control-xl"
);

/// Kinds that are dialects of their own.
pub const DIALECTS: &[&str] = &["mcu", "hui"];

/// The built-in map of a name.
pub fn built_in(name: &str) -> Option<Map> {
    let (name, text) = BUILT_IN.iter().find(|(n, _)| *n == name)?;
    let mut report = Report::new(&format!("{name}.toml (built in)"), text);
    let table = node::read(&mut report);
    read(&table, name, &mut report)
}

/// The map that a rig means by a name: its own, one beside it, or a built-in one. What is wrong with it goes to the
/// report, and so does a name that means nothing.
pub fn find(name: &str, span: &Range<usize>, own: &[&Table], report: &mut Report) -> Option<Arc<Map>> {
    let named = |table: &&&Table| table.get("name").is_some_and(|(_, n)| matches!(&n.item, node::Item::Text(t) if t == name));
    if let Some(table) = own.iter().find(named) {
        // What is wrong with it was told where all of the rig's own are read.
        let mut told = Report::new(&report.document.file, &report.document.text);
        return read(table, name, &mut told).map(Arc::new);
    }
    let beside = Path::new(&report.document.file).with_file_name(FOLDER).join(format!("{name}.toml"));
    if slug(name) == name && beside.metadata().is_ok_and(|about| about.is_file() && about.len() <= LARGEST) {
        let file = beside.display().to_string();
        return match std::fs::read_to_string(&beside) {
            Ok(text) => {
                let mut inner = Report::new(&file, &text);
                let table = node::read(&mut inner);
                let map = if inner.errors() == 0 { read(&table, name, &mut inner) } else { None };
                report.include(&inner);
                map.map(Arc::new)
            }
            Err(error) => {
                report.error(span, format!("cannot read the map {file}: {error}"), "");
                None
            }
        };
    }
    if let Some(map) = built_in(name) {
        return Some(Arc::new(map));
    }
    let own_names = own.iter().filter_map(|t| match &t.get("name")?.1.item {
        node::Item::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let known = DIALECTS.iter().copied().chain(BUILT_IN.iter().map(|(name, _)| *name)).chain(own_names);
    let all: Vec<&str> = known.collect();
    report
        .error(span, format!("there is no kind of surface called {name:?}"), "expected mcu, hui or the name of a map")
        .suggest(name, all.iter().copied());
    None
}

#[cfg(test)]
mod tests;
