//! The text frames of an OSCQuery WebSocket.

use crate::address::Sight;
use headroom_dsp::tree::ParamId;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Longest text frame that is read, in bytes.
const LONGEST: usize = 4_096;

/// What a client asks for in a text frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Changes of exactly this node are wanted.
    Listen(String),
    /// They are wanted no more.
    Ignore(String),
}

impl Command {
    /// Reads a frame; `None` for whatever is no command of a client.
    pub fn parse(text: &str) -> Option<Command> {
        if text.len() > LONGEST {
            return None;
        }
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let path = value.get("DATA")?.as_str()?.to_owned();
        match value.get("COMMAND")?.as_str()? {
            "LISTEN" => Some(Command::Listen(path)),
            "IGNORE" => Some(Command::Ignore(path)),
            _ => None,
        }
    }
}

/// The addresses that a client sees, with what stands there: the id that is behind the number.
pub type Seen = BTreeMap<String, String>;

/// What a client sees now, for [`changes`].
pub fn seen(sight: Sight<'_>, by_id: impl Fn(ParamId) -> String) -> Seen {
    sight.params().map(|id| (sight.canonical(id).to_owned(), by_id(id))).collect()
}

/// Every container and leaf on the way to these addresses.
fn nodes(seen: &Seen) -> BTreeSet<&str> {
    let ends = |address: &'_ str| address.match_indices('/').skip(1).map(|(at, _)| at).chain([address.len()]).collect::<Vec<_>>();
    seen.keys().flat_map(|address| ends(address).into_iter().map(move |end| &address[..end])).collect()
}

/// The highest of some nodes: none of whose parents is among them.
fn highest<'a>(nodes: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut highest: Vec<&str> = Vec::new();
    for node in nodes {
        let inside = highest.iter().any(|h| node.strip_prefix(h).is_some_and(|rest| rest.starts_with('/')));
        if !inside {
            highest.push(node);
        }
    }
    highest
}

/// The frames that tell how the tree changed: `PATH_REMOVED`, `PATH_ADDED`, and `PATH_CHANGED` where another thing
/// stands at a path, such as a channel that moved.
pub fn changes(before: &Seen, after: &Seen) -> Vec<String> {
    let (old, new) = (nodes(before), nodes(after));
    let frame = |command: &str, path: &str| json!({ "COMMAND": command, "DATA": path }).to_string();
    let removed = highest(old.difference(&new).copied());
    let added = highest(new.difference(&old).copied());
    let moved = after.iter().filter(|(address, id)| before.get(*address).is_some_and(|other| other != *id));
    // Whose it is: the first two parts, where there are as many.
    let owners: BTreeSet<&str> =
        moved.map(|(address, _)| address.match_indices('/').nth(2).map_or(address.as_str(), |(at, _)| &address[..at])).collect();
    let mut frames: Vec<String> = removed.into_iter().map(|p| frame("PATH_REMOVED", p)).collect();
    frames.extend(added.into_iter().map(|p| frame("PATH_ADDED", p)));
    frames.extend(owners.into_iter().map(|p| frame("PATH_CHANGED", p)));
    frames
}
