//! The tables that are not part of the graph, read.

use super::{AudioConfig, Backend, DialectConfig, ENGINEER, NONE, Net, OscConfig, OscMap, Peer, Role, Settings, Token};
use crate::rig::diagnose::Report;
use crate::rig::node::{Item, Node, Table};
use crate::rig::section::Section;
use headroom_protocol::pattern::Pattern;
use std::net::SocketAddr;
use std::ops::Range;

/// A pattern of a role, and where it stands: what it reaches is known when the graph is.
pub struct Rule {
    /// The pattern.
    pub pattern: String,
    /// Its place.
    pub span: Range<usize>,
}

mod surfaces;

struct Reader<'r> {
    report: &'r mut Report,
    /// Role names used, checked when all roles are known.
    roles_used: Vec<(String, Range<usize>)>,
    rules: Vec<Rule>,
}

/// Reads the tables of `root` that are not part of the graph.
pub fn read(root: &mut Section<'_>, report: &mut Report) -> (Settings, Vec<Rule>) {
    let mut settings = Settings::default();
    let mut reader = Reader { report, roles_used: Vec::new(), rules: Vec::new() };
    reader.roles(root, &mut settings);
    if let Some((_, table)) = root.table("audio", reader.report) {
        settings.audio = reader.audio(table);
    }
    if let Some((_, table)) = root.table("osc", reader.report) {
        settings.osc = reader.osc(table);
    }
    if let Some((_, table)) = root.table("http", reader.report) {
        let mut section = Section::new(table, "[http]");
        if let Some(text) = section.text("listen", reader.report) {
            settings.http = if text.is_empty() { None } else { reader.address(text, section.span("listen")).or(settings.http) };
        }
        section.finish(reader.report);
    }
    settings.x32 = reader.dialect(root, "x32", 10023);
    settings.xair = reader.dialect(root, "xair", 10024);
    if let Some((_, table)) = root.table("midi", reader.report) {
        let mut section = Section::new(table, "[midi]");
        let maps: Vec<&Table> = section.tables("map", reader.report).into_iter().map(|(_, t)| t).collect();
        settings.surfaces = surfaces::read(&mut section, &maps, &mut reader);
        settings.midi_maps = maps.into_iter().cloned().collect();
        section.finish(reader.report);
    }
    reader.check_roles(&settings);
    reader.unbuilt(root);
    (settings, reader.rules)
}

/// Tables that are read and have no effect yet, with what that means to who relies on them.
const UNBUILT: &[(&str, &str)] = &[("x32", "no effect"), ("xair", "no effect")];

impl Reader<'_> {
    fn unbuilt(&mut self, root: &mut Section<'_>) {
        for &(name, effect) in UNBUILT {
            if let Some((key, _)) = root.raw(name) {
                self.report.warning(&key.span, format!("[{name}] is not built yet"), effect);
            }
        }
    }

    fn address(&mut self, text: &str, span: Option<Range<usize>>) -> Option<SocketAddr> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let span = span.unwrap_or(0..0);
            self.report
                .error(&span, format!("{text:?} is not an address to listen on"), "expected address:port")
                .help("`0.0.0.0:9000` for all interfaces, `127.0.0.1:9000` for this machine only; port 0 takes a free one");
        }
        parsed
    }

    fn audio(&mut self, table: &Table) -> AudioConfig {
        let r = &mut *self.report;
        let mut section = Section::new(table, "[audio]");
        let mut audio = AudioConfig::default();
        if let Some(name) = section.one_of("backend", Backend::NAMES, r) {
            audio.backend = Backend::named(name).unwrap_or_default();
        }
        if let Some(rate) = section.int("rate", 8000..=384_000, r) {
            audio.rate = rate as u32;
        }
        if let Some(period) = section.int("period", 1..=8192, r) {
            audio.period = period as usize;
        }
        if let Some(client) = section.text("client", r) {
            if client.is_empty() || client.contains(':') {
                let span = section.span("client").unwrap_or(0..0);
                r.error(&span, "a JACK client needs a name without colons".into(), "not a client name");
            } else {
                audio.client = client.into();
            }
        }
        if let Some(name) = section.one_of("mute", &["pre", "post"], r) {
            audio.mute_post_only = name == "post";
        }
        if let Some(seed) = section.int("seed", 0..=i64::MAX, r) {
            audio.seed = seed as u64;
        }
        section.finish(r);
        audio
    }

    fn osc(&mut self, table: &Table) -> OscConfig {
        let mut section = Section::new(table, "[osc]");
        let mut osc = OscConfig::default();
        if let Some(text) = section.text("listen", self.report) {
            osc.listen = self.address(text, section.span("listen")).unwrap_or(osc.listen);
        }
        if let Some((_, node)) = section.raw("peers") {
            let nodes = if let Item::List(list) = &node.item { list.as_slice() } else { std::slice::from_ref(node) };
            osc.peers = nodes.iter().filter_map(|n| self.peer(n)).collect();
        }
        if let Some(list) = section.texts("allow", self.report) {
            osc.allow.clear();
            for (text, span) in list {
                match Net::parse(text) {
                    Some(net) => osc.allow.push(net),
                    None => {
                        self.report
                            .error(&span, format!("{text:?} is not a network"), "expected address/bits")
                            .help("for example `192.168.1.0/24`, `10/8`, `fe80::/10`, or one address");
                    }
                }
            }
        }
        if let Some(discover) = section.switch("discover", self.report) {
            osc.discover = discover;
        }
        for (node, table) in section.tables("map", self.report) {
            let map = self.map(node, table, &osc.maps);
            osc.maps.extend(map);
        }
        section.finish(self.report);
        osc
    }

    fn host_port(&mut self, text: &str, span: &Range<usize>) -> Option<String> {
        let ok = text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0));
        if !ok {
            self.report
                .error(span, format!("{text:?} is not where a peer can be reached"), "expected host:port")
                .help("for example `192.168.1.40:9001`");
        }
        ok.then(|| text.to_string())
    }

    fn peer(&mut self, node: &Node) -> Option<Peer> {
        match &node.item {
            Item::Text(text) => Some(Peer {
                addr: self.host_port(text, &node.span)?,
                subscribe: Vec::new(),
                meters: None,
                role: None,
                map: false,
            }),
            Item::Table(table) => {
                let mut section = Section::new(table, "this peer");
                let addr = section.text("addr", self.report).map(str::to_string);
                let subscribe = self.patterns(&mut section, "subscribe");
                let meters = section.int("meters", 0..=100, self.report).filter(|hz| *hz > 0).map(|hz| hz as f64);
                let role = self.role(&mut section);
                let map = section.switch("map", self.report).unwrap_or(false);
                let span = section.span("addr");
                section.finish(self.report);
                match (addr, span) {
                    (Some(addr), Some(span)) => Some(Peer { addr: self.host_port(&addr, &span)?, subscribe, meters, role, map }),
                    (_, Some(_)) => None,
                    _ => {
                        self.report.error(&node.span, "this peer has no `addr`".into(), "expected addr = \"host:port\"");
                        None
                    }
                }
            }
            _ => {
                let message = format!("a peer is \"host:port\" or a table, not {}", node.kind());
                self.report.error(&node.span, message, "expected a peer").help("{ addr = \"192.168.1.40:9001\", meters = 20 }");
                None
            }
        }
    }

    fn map(&mut self, node: &Node, table: &Table, before: &[OscMap]) -> Option<OscMap> {
        let mut section = Section::new(table, "[[osc.map]]");
        let from = section.text("from", self.report).map(str::to_owned);
        let to = section.text("to", self.report).map(str::to_owned);
        let range = self.ends(&mut section);
        let spans = ["from", "to"].map(|key| section.span(key).unwrap_or(0..0));
        for key in ["from", "to"] {
            if table.get(key).is_none() {
                let example = if key == "from" { "/1/fader1" } else { "/ch/kick/fader" };
                self.report.error(
                    &node.span,
                    format!("this [[osc.map]] has no `{key}`"),
                    format!("expected {key} = \"{example}\""),
                );
            }
        }
        section.finish(self.report);
        let (from, to) = (from?, to?);
        let plain = from.len() > 1 && from.starts_with('/') && !from.ends_with('/') && !from.contains("//");
        if !plain || from.contains(|c: char| c.is_whitespace() || c.is_control() || "*?[]{},#".contains(c)) {
            self.report
                .error(&spans[0], format!("{from:?} is not one address"), "expected an address")
                .help("what the app sends, as it stands: `/1/fader1`; no pattern");
            return None;
        }
        if before.iter().any(|map| map.from == from) {
            self.report.error(&spans[0], format!("{from} is bound twice"), "used twice");
            return None;
        }
        Some(OscMap { from, to, range, spans })
    }

    /// What an app sends at the ends of a travel.
    fn ends(&mut self, section: &mut Section<'_>) -> Option<(f64, f64)> {
        let (_, node) = section.raw("range")?;
        let number = |node: &Node| match node.item {
            Item::Int(i) => Some(i as f64),
            Item::Float(x) if x.is_finite() => Some(x),
            _ => None,
        };
        let ends = match &node.item {
            Item::List(list) => list.iter().map(number).collect::<Option<Vec<f64>>>(),
            _ => None,
        };
        match ends.as_deref() {
            Some([low, high]) if low != high => Some((*low, *high)),
            _ => {
                self.report
                    .error(&node.span, "`range` is two numbers that differ".into(), "expected [low, high]")
                    .help("what the app sends at the lower and the upper end: `[0, 1]`, `[0, 127]`");
                None
            }
        }
    }

    fn patterns(&mut self, section: &mut Section<'_>, key: &'static str) -> Vec<String> {
        let mut out = Vec::new();
        for (text, span) in section.texts(key, self.report).unwrap_or_default() {
            if text.starts_with('/') {
                out.push(text.to_string());
            } else {
                self.report
                    .error(&span, format!("{text:?} is not an address pattern"), "patterns start with a slash")
                    .help(format!("`/{text}`"));
            }
        }
        out
    }

    /// Patterns of a role.
    fn rules(&mut self, section: &mut Section<'_>, key: &'static str) -> Vec<String> {
        let patterns = self.patterns(section, key);
        for (text, span) in section.texts(key, self.report).unwrap_or_default() {
            match Pattern::parse(text) {
                Ok(_) => self.rules.push(Rule { pattern: text.into(), span }),
                Err(_) if !text.starts_with('/') => {}
                Err(bad) => drop(self.report.error(&span, format!("{text:?} is not a pattern: {bad}"), "not a pattern")),
            }
        }
        patterns
    }

    fn role(&mut self, section: &mut Section<'_>) -> Option<String> {
        let role = section.text("role", self.report)?;
        self.roles_used.push((role.into(), section.span("role")?));
        Some(role.into())
    }

    fn dialect(&mut self, root: &mut Section<'_>, key: &'static str, port: u16) -> Option<DialectConfig> {
        let (_, table) = root.table(key, self.report)?;
        let mut section = Section::new(table, format!("[{key}]"));
        let mut listen = SocketAddr::from(([0, 0, 0, 0], port));
        let mut on = true;
        if let Some(text) = section.text("listen", self.report) {
            on = !text.is_empty();
            if on {
                listen = self.address(text, section.span("listen")).unwrap_or(listen);
            }
        }
        let role = self.role(&mut section);
        section.finish(self.report);
        on.then_some(DialectConfig { listen, role })
    }

    fn roles(&mut self, root: &mut Section<'_>, settings: &mut Settings) {
        if let Some((_, table)) = root.table("access", self.report) {
            let mut section = Section::new(table, "[access]");
            if let Some(text) = section.text("default", self.report) {
                settings.access = Some(text.into());
                self.roles_used.push((text.into(), section.span("default").unwrap_or(0..0)));
            }
            section.finish(self.report);
        }
        for (node, table) in root.tables("role", self.report) {
            let mut section = Section::new(table, "[[role]]");
            let name = section.text("name", self.report).map(str::to_string);
            let token = self.token(&mut section);
            let write = self.rules(&mut section, "write");
            let read = self.rules(&mut section, "read");
            let place = section.span("name");
            section.finish(self.report);
            let Some(name) = name.filter(|n| !n.is_empty()) else {
                if place.is_none() {
                    self.report.error(&node.span, "this role has no `name`".into(), "expected name = \"…\"");
                }
                continue;
            };
            if settings.roles.iter().any(|r| r.name == name) {
                self.report.error(&place.unwrap_or(0..0), format!("two roles are called {name:?}"), "used twice");
            } else {
                let place = place.unwrap_or(0..0);
                if name == ENGINEER && !(write.is_empty() && read.is_empty()) {
                    self.report.warning(&place, "the engineer may do everything".into(), "its patterns have no effect");
                }
                if name == NONE {
                    let has = token.is_some() || !(write.is_empty() && read.is_empty());
                    if has {
                        self.report.warning(
                            &place,
                            "the role none may do nothing".into(),
                            "its token and patterns have no effect",
                        );
                    }
                }
                settings.roles.push(Role { name, token, write, read });
            }
        }
    }

    fn token(&mut self, section: &mut Section<'_>) -> Option<Token> {
        let (_, node) = section.raw("token")?;
        let is_hash = |t: &str| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
        let text = match &node.item {
            Item::Text(text) => text,
            Item::Table(table) => {
                let mut inner = Section::new(table, "`token`");
                let file = inner.text("file", self.report);
                let hash = inner.text("sha256", self.report);
                inner.finish(self.report);
                return match (file, hash) {
                    (Some(file), _) => Some(Token::File(file.into())),
                    (_, Some(hash)) if is_hash(hash) => Some(Token::Sha256(hash.to_lowercase())),
                    (_, Some(_)) => {
                        self.report.error(&node.span, "a SHA-256 hash is 64 hex digits".into(), "not a hash");
                        None
                    }
                    _ => None,
                };
            }
            _ => {
                self.report.error(&node.span, format!("`token` is text, not {}", node.kind()), "expected text");
                return None;
            }
        };
        if let Some(file) = text.strip_prefix("file:") {
            return Some(Token::File(file.into()));
        }
        if let Some(hash) = text.strip_prefix("sha256:").or(is_hash(text).then_some(text)) {
            if !is_hash(hash) {
                self.report.error(&node.span, "a SHA-256 hash is 64 hex digits".into(), "not a hash");
                return None;
            }
            return Some(Token::Sha256(hash.to_lowercase()));
        }
        if text.is_empty() {
            self.report.error(&node.span, "a token cannot be empty".into(), "expected a token");
            return None;
        }
        self.report
            .warning(&node.span, "this token stands in clear".into(), "anyone who reads the rig can log in")
            .help("`headroom token` makes one with its hash, \"sha256:…\"; or name a file, \"file:/etc/headroom/token\"");
        Some(Token::Clear(text.clone()))
    }

    fn check_roles(&mut self, settings: &Settings) {
        for (name, span) in std::mem::take(&mut self.roles_used) {
            let known = || settings.roles.iter().map(|r| r.name.as_str()).chain([ENGINEER, NONE]);
            if !known().any(|k| k == name) {
                self.report.error(&span, format!("there is no role {name:?}"), "unknown role").suggest(&name, known());
            }
        }
    }
}
