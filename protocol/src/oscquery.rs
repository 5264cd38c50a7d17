//! OSCQuery: the address space as JSON, after the OSCQuery proposal (Vidvox, 2018 with the later
//! WebSocket commands).
//!
//! Every node is made of the declarations: nothing about a parameter is written down here. A path may be spelt
//! with ids (`/ch/kick`), answers carry the canonical one.
//!
//! | asked | answered |
//! | --- | --- |
//! | `/ch/1` | the node with all below it |
//! | `/ch/1/fader?VALUE` | `{"VALUE": [-6]}`; `{}` where the node has no such attribute |
//! | any path `?HOST_INFO` | [`HostInfo`] |

mod socket;

use crate::address::{AddressSpace, Sight};
use crate::coerce;
use crate::osc::encode::Arg;
use crate::pattern::Pattern;
use headroom_dsp::param::{Access, Decl, Kind, Unit};
use headroom_dsp::tree::ParamId;
use serde_json::{Map, Value, json};

pub use socket::{Command, Seen, changes, seen};

/// Attributes that every node has.
const REQUIRED: [&str; 3] = ["FULL_PATH", "CONTENTS", "TYPE"];

/// Attributes that the proposal leaves open, and two of our own.
const OPTIONAL: [&str; 9] = ["ACCESS", "VALUE", "RANGE", "UNIT", "CLIPMODE", "DESCRIPTION", "TAGS", "DEFAULT", "TAPER"];

/// Commands of the WebSocket, both ways.
const COMMANDS: [&str; 5] = ["LISTEN", "IGNORE", "PATH_CHANGED", "PATH_ADDED", "PATH_REMOVED"];

/// Where the same console is reached otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// Name to show.
    pub name: String,
    /// Address that the client itself used.
    pub ip: String,
    /// UDP port of OSC.
    pub osc_port: u16,
    /// TCP port of HTTP and WebSocket.
    pub http_port: u16,
}

impl HostInfo {
    /// The answer to `?HOST_INFO`.
    pub fn json(&self) -> Value {
        let extensions: Map<String, Value> =
            OPTIONAL.iter().chain(&COMMANDS).map(|name| ((*name).to_owned(), json!(true))).collect();
        json!({
            "NAME": self.name,
            "EXTENSIONS": extensions,
            "OSC_IP": self.ip,
            "OSC_PORT": self.osc_port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": self.ip,
            "WS_PORT": self.http_port,
        })
    }
}

/// Why there is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is at that path, or nothing that this client may see (404).
    Path,
    /// No attribute of that name (400).
    Attribute,
}

/// The parameters at a path and below it, in the order of the tree; none where nothing is there for this client.
pub fn reach(sight: Sight<'_>, space: &AddressSpace, path: &str) -> Vec<ParamId> {
    let path = path.trim_end_matches('/');
    if path.contains(|c: char| "*?[]{}, #".contains(c)) || path.contains("//") {
        return Vec::new();
    }
    if let Some(target) = sight.target(path) {
        return if target.norm { Vec::new() } else { vec![target.param] };
    }
    let Ok(pattern) = Pattern::parse(&format!("{path}//*")) else { return Vec::new() };
    space.meant(&pattern).into_iter().filter(|id| sight.sees(*id)).collect()
}

/// What one client sees now.
pub struct Tree<'a> {
    /// The addresses that it may read.
    pub sight: Sight<'a>,
    /// All of them.
    pub space: &'a AddressSpace,
    /// Whether it may set one.
    pub writes: &'a dyn Fn(ParamId) -> bool,
    /// The present value, as answers have it.
    pub value: &'a dyn Fn(ParamId) -> Vec<Arg>,
}

impl Tree<'_> {
    /// The node at a path with all below it, or one attribute of it.
    ///
    /// # Errors
    /// [`Missing`].
    pub fn answer(&self, path: &str, attribute: Option<&str>) -> Result<Value, Missing> {
        if attribute.is_some_and(|name| !REQUIRED.contains(&name) && !OPTIONAL.contains(&name)) {
            return Err(Missing::Attribute);
        }
        let path = match path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let mut node = self.node(path).ok_or(Missing::Path)?;
        let Some(name) = attribute else { return Ok(node) };
        Ok(match node.get_mut(name) {
            Some(value) => json!({ name: value.take() }),
            None => json!({}),
        })
    }

    fn node(&self, path: &str) -> Option<Value> {
        let below = reach(self.sight, self.space, path);
        if let [only] = below.as_slice()
            && self.sight.target(path).is_some()
        {
            return Some(self.leaf(*only));
        }
        let root = path == "/";
        let first = self.space.canonical(*below.first()?);
        // As many parts of the canonical address as the path has.
        let parts = if root { 0 } else { path.matches('/').count() };
        let end = first.match_indices('/').nth(parts).map_or(first.len(), |(at, _)| at);
        Some(self.container(&first[..end], &below))
    }

    /// A container; `below` stands in the order of the tree, so what belongs together stands together.
    fn container(&self, path: &str, below: &[ParamId]) -> Value {
        let mut contents = Map::new();
        let mut rest = below;
        while let Some(first) = rest.first() {
            let tail = &self.space.canonical(*first)[path.len() + 1..];
            let name = tail.split('/').next().unwrap_or(tail);
            let child = format!("{path}/{name}");
            let belongs = |id: &ParamId| {
                let address = self.space.canonical(*id);
                address.strip_prefix(&child).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let (own, others): (Vec<ParamId>, Vec<ParamId>) = match rest.iter().position(|id| !belongs(id)) {
                Some(end) => (rest[..end].to_vec(), rest[end..].iter().copied().filter(|id| belongs(id)).collect()),
                None => (rest.to_vec(), Vec::new()),
            };
            let next = &rest[own.len()..];
            if !contents.contains_key(name) {
                let own: Vec<ParamId> = own.into_iter().chain(others).collect();
                let node = match own.as_slice() {
                    [only] if self.space.canonical(*only) == child => self.leaf(*only),
                    all => self.container(&child, all),
                };
                contents.insert(name.to_owned(), node);
            }
            rest = next;
        }
        let full = if path.is_empty() { "/" } else { path };
        let mut node = Map::new();
        node.insert("FULL_PATH".into(), json!(full));
        // What a strip is called describes it.
        if let Some(name) = contents.get("name").and_then(|n| n.get("VALUE")).and_then(|v| v.get(0)).filter(|v| *v != "") {
            node.insert("DESCRIPTION".into(), name.clone());
        }
        node.insert("ACCESS".into(), json!(0));
        node.insert("CONTENTS".into(), Value::Object(contents));
        Value::Object(node)
    }

    fn leaf(&self, id: ParamId) -> Value {
        let decl = self.space.decl(id);
        let args = (self.value)(id);
        let width = args.len().max(1);
        let switch = matches!(decl.kind, Kind::Bool { .. });
        let all = |one: Value| Value::Array(vec![one; width]);
        let mut node = Map::new();
        let mut put = |name: &str, value: Value| node.insert(name.into(), value);
        put("FULL_PATH", json!(self.space.canonical(id)));
        put("DESCRIPTION", json!(decl.doc));
        let tag = match (&decl.kind, args.first()) {
            (Kind::Bool { .. }, _) => "T",
            (_, Some(Arg::Int(_))) => "i",
            (_, Some(Arg::String(_))) => "s",
            _ => "f",
        };
        put("TYPE", json!(tag.repeat(width)));
        let writes = decl.access == Access::Write && (self.writes)(id);
        put("ACCESS", json!(if writes { 3 } else { 1 }));
        put("VALUE", Value::Array(args.iter().map(|arg| value_json(arg, switch)).collect()));
        if let Some(range) = range(decl) {
            put("RANGE", all(range));
        }
        if let Some(unit) = unit(decl.unit) {
            put("UNIT", all(json!(unit)));
        }
        if matches!(decl.kind, Kind::Float { .. } | Kind::Int { .. } | Kind::Steps { .. }) {
            put("CLIPMODE", all(json!("both")));
        }
        // Not of the proposal: what a control needs to stand where a hand expects it, and to go back.
        if let Kind::Float { taper, .. } = decl.kind {
            put("TAPER", all(json!(taper.name())));
        }
        if writes {
            put("DEFAULT", all(value_json(&coerce::answer(decl, self.space.default(id)), switch)));
        }
        put("TAGS", json!(tags(self.space.canonical(id), decl)));
        Value::Object(node)
    }
}

fn value_json(arg: &Arg, switch: bool) -> Value {
    match arg {
        Arg::Int(n) if switch => json!(*n != 0),
        Arg::Int(n) => json!(n),
        // As few digits as name the value: -6.1 and not -6.099999904632568.
        Arg::Float(x) => x.to_string().parse::<f64>().map_or(Value::Null, |x| json!(x)),
        Arg::String(text) => json!(text),
        _ => Value::Null,
    }
}

/// `RANGE` of one value: limits, or all that is allowed.
fn range(decl: &Decl) -> Option<Value> {
    match decl.kind {
        Kind::Float { min, max, .. } => Some(json!({ "MIN": min, "MAX": max })),
        Kind::Int { min, max, .. } if max > i64::from(i32::MAX) => Some(json!({ "MIN": min })),
        Kind::Int { min, max, .. } => Some(json!({ "MIN": min, "MAX": max })),
        Kind::Steps { values, .. } => Some(json!({ "VALS": values })),
        Kind::Bool { .. } => Some(json!({ "VALS": [false, true] })),
        Kind::Enum { names, .. } => Some(json!({ "VALS": names })),
        Kind::Text { .. } => None,
    }
}

/// Units by the proposal's names where it has one, else as text is written.
fn unit(unit: Unit) -> Option<&'static str> {
    match unit {
        Unit::None => None,
        Unit::Db => Some("gain.db"),
        Unit::Hz => Some("time.hz"),
        Unit::Ms => Some("time.ms"),
        Unit::S => Some("time.second"),
        Unit::Bpm => Some("time.bpm"),
        other => Some(other.suffix()),
    }
}

/// What helps to sort nodes: whose it is, the part of the chain, what is special about it.
fn tags<'a>(address: &'a str, decl: &Decl) -> Vec<&'a str> {
    let mut parts = address.split('/').skip(1);
    let mut tags: Vec<&str> = parts.next().into_iter().collect();
    let part = parts.find(|p| !p.bytes().all(|b| b.is_ascii_digit()));
    tags.extend(part.filter(|p| !address.ends_with(&format!("/{p}"))));
    let special = [
        (decl.access == Access::Meter, "meter"),
        (decl.access == Access::Read, "read-only"),
        (decl.structural, "structural"),
        (decl.momentary, "momentary"),
        (decl.trigger, "button"),
    ];
    for (_, tag) in special.iter().filter(|s| s.0) {
        if !tags.contains(tag) {
            tags.push(tag);
        }
    }
    tags
}

#[cfg(test)]
mod tests;
