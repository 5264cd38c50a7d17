//! A rig written back as TOML: what it states, nothing else, in the order people write it.

use super::node::{Item, Node, Table};
use super::settings::{AudioConfig, Backend, DialectConfig, OscConfig, Settings, SurfaceConfig, Token};
use super::{Rig, strip};
use headroom_dsp::graph::{LoopPorts, ProcSpec, StripKind, StripSpec};
use headroom_dsp::param::{Decl, Kind, Taper, Value, taper};
use headroom_dsp::tree::{Owner, Slot};
use std::fmt::Write;
use std::net::SocketAddr;

/// TOML being written.
#[derive(Default)]
pub struct Out {
    text: String,
}

impl Out {
    /// What has been written.
    pub fn finish(self) -> String {
        self.text
    }

    /// A comment of its own lines.
    pub fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.text, "{}", format!("# {line}").trim_end());
        }
    }

    /// An empty line.
    pub fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A table's header, `[main]` or `[[channel]]`, after an empty line.
    pub fn header(&mut self, header: &str) {
        self.blank();
        let _ = writeln!(self.text, "{header}");
    }

    /// A line as it stands.
    pub fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    /// A key and a value already written as TOML.
    pub fn key(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key} = {value}");
    }

    /// A key and a text.
    pub fn text(&mut self, key: &str, text: &str) {
        self.key(key, &quoted(text));
    }

    /// A key and one text or a list of texts.
    pub fn texts(&mut self, key: &str, texts: &[String]) {
        match texts {
            [one] => self.text(key, one),
            _ => self.key(key, &list(texts)),
        }
    }
}

/// Text as TOML.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", "))
}

/// A parameter's value as TOML.
pub fn value(decl: &Decl, value: &Value) -> String {
    match (decl.kind, value) {
        (Kind::Enum { names, .. }, v) => quoted(names.get(v.as_f64() as usize).copied().unwrap_or_default()),
        (Kind::Float { taper: Taper::Level, .. }, v) if v.as_f64() < taper::LEVEL_FLOOR_DB => quoted("off"),
        (_, Value::Float(x)) => toml::Value::Float(*x).to_string(),
        (_, Value::Int(i)) => i.to_string(),
        (_, Value::Bool(b)) => b.to_string(),
        (_, Value::Text(t)) => quoted(t),
        (_, Value::Note(note)) => quoted(&note.to_string()),
    }
}

/// A rig as TOML. What comes out loads as the same graph, values and settings.
pub fn emit(rig: &Rig) -> String {
    let mut out = Out::default();
    out.text("name", &rig.spec.name);
    parameters(&mut out, rig, Owner::Console);
    settings(&mut out, &rig.settings);
    for (i, strip) in rig.spec.strips.iter().enumerate() {
        emit_strip(&mut out, rig, i, strip);
    }
    for (header, owners) in [
        ("[[dca]]", (0..rig.spec.dcas.len()).map(Owner::Dca).collect::<Vec<_>>()),
        ("[[mutegroup]]", (0..rig.spec.mute_groups.len()).map(Owner::MuteGroup).collect()),
    ] {
        for owner in owners {
            let (spec, address, i) = match owner {
                Owner::Dca(i) => (&rig.spec.dcas[i], "dca", i),
                Owner::MuteGroup(i) => (&rig.spec.mute_groups[i], "mutegroup", i),
                Owner::Strip(_) | Owner::Console | Owner::Status => continue,
            };
            out.header(header);
            identity(&mut out, rig, owner, (&spec.name, &spec.id, address, i + 1));
            parameters(&mut out, rig, owner);
        }
    }
    out.finish()
}

/// Name and, where the name does not lead to it, id.
fn identity(out: &mut Out, rig: &Rig, owner: Owner, (name, id, address, number): (&str, &str, &str, usize)) {
    let stated = rig.values.iter().any(|s| s.owner == owner && s.path == "name");
    let named = stated || name != strip::nameless(address, number);
    if named {
        out.text("name", name);
    }
    let made = if named { strip::slug(name) } else { number.to_string() };
    let plain = !made.is_empty() && !made.bytes().all(|b| b.is_ascii_digit());
    let made = match made.as_str() {
        "" => format!("{address}-{number}"),
        _ if plain => made,
        digits => format!("{address}-{digits}"),
    };
    if made != id {
        out.text("id", id);
    }
}

fn emit_strip(out: &mut Out, rig: &Rig, index: usize, strip: &StripSpec) {
    let kind = strip.kind;
    let owner = Owner::Strip(index);
    let stated = || rig.values.iter().filter(move |s| s.owner == owner);
    match kind {
        // Implied where the rig does not name it.
        StripKind::Monitor if strip.output.is_none() && stated().next().is_none() => return,
        _ if kind.single() => out.header(&format!("[{}]", kind.address())),
        StripKind::Channel => out.header("[[channel]]"),
        _ => out.header("[[bus]]"),
    }
    if !kind.single() {
        identity(out, rig, owner, (&strip.name, &strip.id, kind.address(), strip.number));
    }
    match kind {
        StripKind::Group => out.text("kind", "group"),
        StripKind::Aux => out.text("kind", "aux"),
        StripKind::Fx => out.text("kind", "fx"),
        StripKind::Matrix => out.text("kind", "matrix"),
        _ => {}
    }
    ports(out, strip);
    if strip.link {
        out.text("link", "next");
    }
    let main = rig.spec.main();
    let feeds_main = matches!(kind, StripKind::Channel | StripKind::Group | StripKind::Fx);
    if strip.to != main.filter(|_| feeds_main) {
        out.text("to", strip.to.map_or("none", |to| &rig.spec.strips[to].id));
    }
    let names: Vec<&str> = strip.chain.iter().map(|p| p.kind.decl().name).collect();
    if !kind.default_chain().iter().eq(names.iter()) {
        out.key("chain", &chain(strip));
    }
    if strip.loudness {
        out.key("loudness", "true");
    }
    parameters(out, rig, owner);
    for (slot, &bus) in strip.sends.iter().enumerate() {
        let first = rig.tree.send(index, slot).0;
        let parts: Vec<String> = stated()
            .filter(|s| matches!(rig.tree.entry(s.id).slot, Slot::Send(i) if i == slot) && s.id.0 >= first)
            .map(|s| {
                let entry = rig.tree.entry(s.id);
                format!("{} = {}", entry.decl.path, value(entry.decl, &s.value))
            })
            .collect();
        let implied = (kind == StripKind::Channel && rig.spec.strips[bus].kind.is_bus()) || kind.sends_everywhere();
        if !parts.is_empty() {
            out.key(&format!("send.{}", rig.spec.strips[bus].id), &format!("{{ {} }}", parts.join(", ")));
        } else if !implied {
            out.key(&format!("send.{}", rig.spec.strips[bus].id), "{}");
        }
    }
}

/// A chain as TOML: names, and inserts with their ports.
pub fn chain(strip: &StripSpec) -> String {
    let short = |p: &[String]| if p.len() == 2 && p[0] == p[1] { list(&p[..1]) } else { list(p) };
    let entry = |p: &ProcSpec| match &p.ports {
        Some(ports) if *ports != LoopPorts::default() => {
            format!("{{ insert = {{ send = {}, return = {} }} }}", short(&ports.send), short(&ports.back))
        }
        _ => quoted(p.kind.decl().name),
    };
    format!("[{}]", strip.chain.iter().map(entry).collect::<Vec<_>>().join(", "))
}

fn ports(out: &mut Out, strip: &StripSpec) {
    let channel = strip.kind.has_input();
    let own = matches!(strip.kind, StripKind::Aux | StripKind::Matrix | StripKind::Main | StripKind::Monitor);
    let unnamed = |p: &[String]| p.iter().all(String::is_empty);
    // One pattern for both sides is written once.
    let short = |p: &[String]| if p.len() == 2 && p[0] == p[1] && !p[0].is_empty() { p[..1].to_vec() } else { p.to_vec() };
    let mut count = if strip.kind.is_sum() { 2 } else { 1 };
    if channel && !unnamed(&strip.input) {
        let input = short(&strip.input);
        count = input.len();
        out.texts("input", &input);
    }
    if let Some(output) = &strip.output
        && !(own && unnamed(output))
    {
        let output = short(output);
        if !channel {
            count = output.len();
        }
        out.texts("output", &output);
    }
    let wide = strip.kind == StripKind::Main || count == 2;
    if strip.stereo != wide {
        out.key("stereo", if strip.stereo { "true" } else { "false" });
    }
}

/// What an owner states beyond its sends: own values a line each, parts of processors as inline tables.
pub fn parameters(out: &mut Out, rig: &Rig, owner: Owner) {
    let strip = match owner {
        Owner::Strip(i) => Some(&rig.spec.strips[i]),
        _ => None,
    };
    let mut dcas = Vec::new();
    let mut mutes = Vec::new();
    let mut groups: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for stated in rig.values.iter().filter(|s| s.owner == owner) {
        let entry = rig.tree.entry(stated.id);
        let written = value(entry.decl, &stated.value);
        match entry.slot {
            Slot::Send(_) | Slot::Meter => {}
            Slot::Dca(i) if stated.value.as_bool() => dcas.push(rig.spec.dcas[i].id.clone()),
            Slot::MuteGroup(i) if stated.value.as_bool() => mutes.push(rig.spec.mute_groups[i].id.clone()),
            Slot::Dca(_) | Slot::MuteGroup(_) => {}
            Slot::Own | Slot::Proc(..) => {
                if entry.path == "name" && strip.is_none_or(|s| !s.kind.single()) {
                    continue;
                }
                let (group, key) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
                let (group, key) = (group.replace('/', "."), key.to_string());
                match groups.iter_mut().find(|(g, _)| *g == group) {
                    Some((_, keys)) => keys.push((key, written)),
                    None => groups.push((group, vec![(key, written)])),
                }
            }
        }
    }
    for (key, ids) in [("dca", dcas), ("mutegroup", mutes)] {
        if !ids.is_empty() {
            out.key(key, &list(&ids));
        }
    }
    // Own values first, then processors in the order of the chain.
    let place = |group: &str| match strip {
        _ if group.is_empty() => 0,
        Some(strip) => {
            let name = group.split('.').next().unwrap_or(group);
            1 + strip.chain.iter().position(|p| p.name == name).unwrap_or(0)
        }
        None => 1,
    };
    groups.sort_by_key(|(g, _)| place(g));
    for (group, keys) in &groups {
        // An inline table is closed: what has parts of its own is written key by key.
        let open =
            group.is_empty() || groups.iter().any(|(g, _)| g.strip_prefix(group.as_str()).is_some_and(|r| r.starts_with('.')));
        if open {
            let dot = if group.is_empty() { String::new() } else { format!("{group}.") };
            keys.iter().for_each(|(k, v)| out.key(&format!("{dot}{k}"), v));
        } else {
            let all: Vec<String> = keys.iter().map(|(k, v)| format!("{k} = {v}")).collect();
            out.key(group, &format!("{{ {} }}", all.join(", ")));
        }
    }
}

fn settings(out: &mut Out, s: &Settings) {
    let audio = AudioConfig::default();
    if s.audio != audio {
        out.header("[audio]");
        if s.audio.backend != audio.backend {
            let at = [Backend::Auto, Backend::Jack, Backend::Internal].iter().position(|b| *b == s.audio.backend);
            out.text("backend", Backend::NAMES[at.unwrap_or(0)]);
        }
        if s.audio.rate != audio.rate {
            out.key("rate", &s.audio.rate.to_string());
        }
        if s.audio.period != audio.period {
            out.key("period", &s.audio.period.to_string());
        }
        if s.audio.client != audio.client {
            out.text("client", &s.audio.client);
        }
        if s.audio.mute_post_only {
            out.text("mute", "post");
        }
        if s.audio.seed != audio.seed {
            out.key("seed", &s.audio.seed.to_string());
        }
    }
    osc(out, &s.osc);
    let http = Settings::default().http;
    if s.http != http {
        out.header("[http]");
        out.text("listen", &s.http.map_or_else(String::new, |a: SocketAddr| a.to_string()));
    }
    for (key, dialect) in [("x32", &s.x32), ("xair", &s.xair)] {
        if let Some(DialectConfig { listen, role }) = dialect {
            out.header(&format!("[{key}]"));
            out.text("listen", &listen.to_string());
            if let Some(role) = role {
                out.text("role", role);
            }
        }
    }
    if let Some(role) = &s.access {
        out.header("[access]");
        out.text("default", role);
    }
    for role in &s.roles {
        out.header("[[role]]");
        out.text("name", &role.name);
        match &role.token {
            Some(Token::Sha256(hash)) => out.text("token", &format!("sha256:{hash}")),
            Some(Token::File(path)) => out.text("token", &format!("file:{}", path.display())),
            Some(Token::Clear(text)) => out.text("token", text),
            None => {}
        }
        for (key, patterns) in [("write", &role.write), ("read", &role.read)] {
            if !patterns.is_empty() {
                out.key(key, &list(patterns));
            }
        }
    }
    for surface in &s.surfaces {
        out.header("[[midi.surface]]");
        out.text("port", &surface.port);
        out.text("kind", &surface.kind);
        if let Some(role) = &surface.role {
            out.text("role", role);
        }
        self::surface(out, surface);
    }
    maps(out, "[[midi.map]]", &s.midi_maps);
}

/// What a surface says beyond port, kind and role.
fn surface(out: &mut Out, surface: &SurfaceConfig) {
    if let Some(other) = &surface.extends {
        out.text("extends", other);
        if surface.left {
            out.text("side", "left");
        }
    }
    if let Some(unity) = surface.unity {
        out.key("unity", &unity.to_string());
    }
    if let Some(mode) = surface.takeover {
        out.text("takeover", mode.name());
    }
    if let Some(layer) = surface.layer {
        out.text("layer", layer.name());
    }
    if !surface.strips.is_empty() {
        out.key("strips", &list(&surface.strips));
    }
    if let Some(rec) = &surface.rec {
        out.text("rec", rec);
    }
    for (key, action) in &surface.buttons {
        out.text(&format!("buttons.{key}"), action);
    }
}

fn osc(out: &mut Out, osc: &OscConfig) {
    let default = OscConfig::default();
    let same = osc.listen == default.listen && osc.peers.is_empty() && osc.allow == default.allow && osc.discover;
    if !same {
        out.header("[osc]");
        if osc.listen != default.listen {
            out.text("listen", &osc.listen.to_string());
        }
        if !osc.peers.is_empty() {
            let peers: Vec<String> = osc.peers.iter().map(peer).collect();
            out.key("peers", &format!("[{}]", peers.join(", ")));
        }
        if osc.allow != default.allow {
            let nets: Vec<String> = osc.allow.iter().map(|n| format!("{}/{}", n.addr, n.prefix)).collect();
            out.key("allow", &list(&nets));
        }
        if !osc.discover {
            out.key("discover", "false");
        }
    }
    for map in &osc.maps {
        out.header("[[osc.map]]");
        out.text("from", &map.from);
        out.text("to", &map.to);
        if let Some((low, high)) = map.range {
            out.key("range", &format!("[{low:?}, {high:?}]"));
        }
    }
}

fn peer(peer: &super::settings::Peer) -> String {
    if peer.subscribe.is_empty() && peer.meters.is_none() && peer.role.is_none() && !peer.map {
        return quoted(&peer.addr);
    }
    let mut parts = vec![format!("addr = {}", quoted(&peer.addr))];
    if !peer.subscribe.is_empty() {
        parts.push(format!("subscribe = {}", list(&peer.subscribe)));
    }
    parts.extend(peer.meters.map(|hz| format!("meters = {hz}")));
    parts.extend(peer.role.as_ref().map(|r| format!("role = {}", quoted(r))));
    parts.extend(peer.map.then(|| "map = true".to_owned()));
    format!("{{ {} }}", parts.join(", "))
}

fn maps(out: &mut Out, header: &str, maps: &[Table]) {
    for map in maps {
        out.header(header);
        for (key, node) in &map.entries {
            out.key(&key_text(&key.text), &raw(node));
        }
    }
}

fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.into() } else { quoted(&key.replace('\n', " ")) }
}

/// A value as it stood.
fn raw(node: &Node) -> String {
    match &node.item {
        Item::Text(t) => quoted(t),
        Item::Int(i) => i.to_string(),
        Item::Float(x) => toml::Value::Float(*x).to_string(),
        Item::Bool(b) => b.to_string(),
        Item::Date => quoted(""),
        Item::List(list) => format!("[{}]", list.iter().map(raw).collect::<Vec<_>>().join(", ")),
        Item::Table(t) => {
            let all: Vec<String> = t.entries.iter().map(|(k, n)| format!("{} = {}", key_text(&k.text), raw(n))).collect();
            format!("{{ {} }}", all.join(", "))
        }
    }
}
