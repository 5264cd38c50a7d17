//! Scenes: values held under names, in files beside the rig.
//!
//! ```text
//!  desk ─► format::write ─► Book ─► Writer (a thread) ─► scenes/verse-1.toml
//!  desk ◄─ recall::plan ◄── Book ◄─ format::parse ◄──────┘
//! ```
//!
//! `scenes/` beside the rig file holds one file a scene, and `_order.toml`, which names them in order. Files are read
//! when they changed, and written by a thread of their own.

pub mod book;
pub mod format;
pub mod recall;
pub mod writer;

pub use book::Book;
pub use recall::Plan;

use headroom_dsp::desk::Desk;
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{Entry, Owner, ParamId, Slot};
use std::collections::HashMap;

/// Longest name, in characters.
pub const LONGEST_NAME: usize = 64;
/// Longest file name without its ending, in bytes.
const LONGEST_FILE: usize = 200;

/// Where somebody stands in the list, and what is kept out of recalls; saved with the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// File of the scene that was recalled last.
    pub present: Option<String>,
    /// File of the scene that `/scene/next` or `/scene/previous` chose for `/scene/go`.
    pub selected: Option<String>,
    /// Patterns, and whether they keep out; the latest last.
    pub safe: Vec<(String, bool)>,
}

/// A scene as it can be recalled on one console.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Name to show.
    pub name: String,
    /// Notes.
    pub notes: String,
    /// Seconds and shape of a recall that names none.
    pub fade: Option<(f64, Shape)>,
    /// Values of parameters that the console has.
    pub values: Vec<(ParamId, Value)>,
    /// Addresses that it does not have.
    pub gone: Vec<String>,
}

/// Whether a parameter belongs into scenes: it can be set, and is of a strip of the mix, a DCA or a mute group.
/// What says whether a recall reaches a strip is none of it.
pub fn is_held(spec: &GraphSpec, entry: &Entry) -> bool {
    let mix = match entry.owner {
        Owner::Strip(s) => !matches!(spec.strips[s].kind, StripKind::Monitor | StripKind::Talkback | StripKind::Oscillator),
        Owner::Dca(_) | Owner::MuteGroup(_) => true,
        Owner::Console | Owner::Status => false,
    };
    let kept = entry.decl.access == Access::Write && !entry.decl.momentary && !entry.decl.trigger;
    mix && kept && !(entry.slot == Slot::Own && entry.decl.path == "safe")
}

/// The addresses of a console's parameters that scenes hold, with ids for numbers.
#[derive(Debug, Default)]
pub struct Layout {
    ids: HashMap<String, ParamId>,
    /// By parameter; `None` for what scenes do not hold.
    addresses: Vec<Option<String>>,
    rate: f64,
}

impl Layout {
    /// Those of a desk.
    pub fn of(desk: &Desk) -> Layout {
        let (spec, tree) = (desk.spec(), desk.tree());
        let address =
            |(at, entry): (usize, &Entry)| is_held(spec, entry).then(|| crate::rig::canonical(spec, tree, ParamId(at as u32)));
        let addresses: Vec<Option<String>> = tree.entries().iter().enumerate().map(address).collect();
        let named = addresses.iter().enumerate();
        let ids = named.filter_map(|(at, a)| Some((a.clone()?, ParamId(at as u32)))).collect();
        Layout { ids, addresses, rate: desk.rate() }
    }

    fn address(&self, id: ParamId) -> Option<&str> {
        self.addresses.get(id.0 as usize)?.as_deref()
    }
}

/// The file of a name: its letters and digits in lower case, a dash for anything between.
///
/// # Errors
/// Where the name cannot be one.
pub fn file_of(name: &str) -> Result<String, String> {
    let name = name.trim();
    let wrong = |why: &str| Err(format!("{} cannot be a scene's name: {why}", headroom_protocol::address::quoted(name)));
    if name.chars().count() > LONGEST_NAME {
        return wrong(&format!("{LONGEST_NAME} characters at most"));
    }
    if name.chars().any(char::is_control) {
        return wrong("it has characters that cannot be seen");
    }
    let file = slug(name);
    if file.is_empty() {
        return wrong("it needs a letter or a digit");
    }
    if file.len() > LONGEST_FILE {
        return wrong(&format!("{LONGEST_FILE} bytes at most"));
    }
    Ok(file)
}

fn slug(name: &str) -> String {
    let mut file = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            file.push(c);
        } else if !file.is_empty() && !file.ends_with('-') {
            file.push('-');
        }
    }
    file.truncate(file.trim_end_matches('-').len());
    file
}

/// Whether a file of this name, without its ending, is a scene's.
pub fn is_file(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_FILE && slug(name) == name
}

/// The name of a shape.
pub fn curve(shape: Shape) -> &'static str {
    match shape {
        Shape::Linear => "linear",
        Shape::S => "s",
        Shape::Slow => "slow",
        Shape::Fast => "fast",
    }
}
