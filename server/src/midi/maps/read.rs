//! A map from its table.

use crate::rig::diagnose::Report;
use crate::rig::node::{Item, Node, Table};
use crate::rig::section::Section;
use headroom_protocol::midi::map::{Control, Does, Kind, Map, PAGE, Relative, Shows, Source};
use headroom_protocol::midi::surface::layer::Layer;
use headroom_protocol::midi::takeover::Mode;
use std::ops::{Range, RangeInclusive};

/// Keys that say what a control sends; each control has one of them.
const SOURCES: &[&str] = &["cc", "cc14", "nrpn", "note", "program", "bend", "pressure"];
/// Most controls of a map.
const MOST: usize = 2_048;

/// Reads a map; `None` where something is wrong with it, which is in the report.
pub fn read(table: &Table, name: &str, report: &mut Report) -> Option<Map> {
    let before = report.errors();
    let mut section = Section::new(table, format!("the map {name}"));
    // Its name stands where it is found by it.
    section.raw("name");
    let mut map = Map { title: section.text("title", report).unwrap_or(name).into(), ..Map::default() };
    map.ports = section.texts("ports", report).unwrap_or_default().into_iter().map(|(text, _)| text.to_owned()).collect();
    map.strips = section.int("strips", 1..=128, report).unwrap_or(8) as usize;
    map.layer = section.text("layer", report).and_then(|text| layer(text, section.span("layer"), report));
    let channel = section.int("channel", 1..=16, report).unwrap_or(1) as u8 - 1;
    for (text, span) in section.texts("init", report).unwrap_or_default() {
        match bytes(text) {
            Some(bytes) => map.init.push(bytes),
            None => drop(report.error(&span, format!("{text:?} is no MIDI message in hex"), "expected such as \"F0 01 02 F7\"")),
        }
    }
    for (node, table) in section.tables("control", report) {
        let controls = Reader { section: Section::new(table, "[[control]]"), place: node.span.clone(), channel, report }.read();
        map.controls.extend(controls);
    }
    if map.controls.len() > MOST {
        report.error(&(0..0), format!("the map {name} has more than {MOST} controls"), "too many");
    }
    section.finish(report);
    (report.errors() == before).then_some(map)
}

fn layer(text: &str, span: Option<Range<usize>>, report: &mut Report) -> Option<Layer> {
    let found = Layer::named(text);
    if found.is_none() {
        let names = headroom_protocol::midi::surface::layer::LAYERS.iter().map(|(name, ..)| *name);
        report.error(&span.unwrap_or_default(), format!("there is no layer {text:?}"), "unknown name").suggest(text, names);
    }
    found
}

/// Hex digits as one message.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    let bytes: Option<Vec<u8>> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect();
    let bytes = bytes?;
    let whole = match bytes.as_slice() {
        [0xF0, data @ .., 0xF7] => data.iter().all(|b| *b < 0x80),
        [0xC0..=0xDF, a] => *a < 0x80,
        [0x80..=0xBF | 0xE0..=0xEF, a, b] => *a < 0x80 && *b < 0x80,
        _ => false,
    };
    whole.then_some(bytes)
}

/// One `[[control]]` being read: it may stand for a row of them.
struct Reader<'n, 'r> {
    section: Section<'n>,
    place: Range<usize>,
    channel: u8,
    report: &'r mut Report,
}

impl Reader<'_, '_> {
    fn read(mut self) -> Vec<Control> {
        let place = self.place.clone();
        let mut sources = Vec::new();
        for key in SOURCES {
            if let Some(found) = self.sources(key) {
                sources.push(found);
            }
        }
        let shift = self.section.switch("shift", self.report).unwrap_or(false);
        let first = self.section.int("first", 1..=1_024, self.report).unwrap_or(1) as usize;
        let (kind, motor) =
            self.kind(matches!(sources.first().and_then(|s| s.first()), Some(Source::Note(..) | Source::Program(..))));
        let shows = self.shows(sources.first().map_or(&[][..], Vec::as_slice), motor);
        let does = self.does(first);
        self.section.finish(self.report);
        let [sources] = sources.as_slice() else {
            let message = "a control has one of cc, cc14, nrpn, note, program, bend and pressure";
            self.report.error(&place, message.into(), "expected what it sends");
            return Vec::new();
        };
        let Some(does) = does else { return Vec::new() };
        let control = |(at, source): (usize, &Source)| Control {
            source: *source,
            shift,
            kind,
            does: does(at),
            shows: shows.get(at).copied(),
        };
        let controls: Vec<Control> = sources.iter().enumerate().map(control).collect();
        if let Some(Err(reason)) = controls.iter().map(|c| c.does.check()).find(Result::is_err) {
            self.report.error(&place, format!("this control cannot do that: {reason}"), "not an address or a command");
        }
        controls
    }

    /// The sources of one key: a number, a list, or a span such as `"0..7"`.
    fn sources(&mut self, key: &'static str) -> Option<Vec<Source>> {
        self.section.span(key)?;
        let most = if key == "nrpn" { 16_383 } else { 127 };
        let numbers = match key {
            "bend" | "pressure" => {
                self.section.switch(key, self.report);
                vec![0]
            }
            _ => self.numbers(key, 0..=most)?,
        };
        self.spread(&numbers, |channel, number| match key {
            "cc" => Source::Control(channel, number as u8),
            "cc14" => Source::Fine(channel, number as u8 & 31),
            "nrpn" => Source::Nrpn(channel, number),
            "note" => Source::Note(channel, number as u8),
            "program" => Source::Program(channel, number as u8),
            "bend" => Source::Bend(channel),
            _ => Source::Pressure(channel),
        })
    }

    /// One source for each number, or for each channel.
    fn spread(&mut self, numbers: &[u16], source: impl Fn(u8, u16) -> Source) -> Option<Vec<Source>> {
        let channels = match self.section.span("channel") {
            Some(_) => self.numbers("channel", 1..=16)?.into_iter().map(|c| c as u8 - 1).collect(),
            None => vec![self.channel],
        };
        let count = numbers.len().max(channels.len());
        if [numbers.len(), channels.len()].iter().any(|n| *n != 1 && *n != count) {
            let message = format!("{} numbers and {} channels do not go together", numbers.len(), channels.len());
            self.report.error(&self.place.clone(), message, "expected one of one, or as many of both");
            return None;
        }
        Some((0..count).map(|at| source(channels[at % channels.len()], numbers[at % numbers.len()])).collect())
    }

    fn numbers(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<Vec<u16>> {
        let (_, node) = self.section.raw(key)?;
        let found = numbers(node).filter(|all| !all.is_empty() && all.iter().all(|n| range.contains(n)));
        if found.is_none() {
            let (low, high) = (range.start(), range.end());
            let message = format!("`{key}` is a number from {low} to {high}, a list of them, or \"{low}..{high}\"");
            self.report.error(&node.span.clone(), message, "not such numbers");
        }
        Some(found?.into_iter().map(|n| n as u16).collect())
    }

    fn kind(&mut self, is_button: bool) -> (Kind, bool) {
        let button = self.section.one_of("button", &["edge", "level"], self.report);
        let relative = self.section.one_of("relative", Relative::NAMES, self.report).and_then(Relative::named);
        let takeover = self.section.one_of("takeover", Mode::NAMES, self.report).and_then(Mode::named);
        let motor = self.section.switch("motor", self.report).unwrap_or(false);
        let kind = match (button, relative) {
            (_, Some(relative)) => Kind::Relative(relative),
            (Some("level"), _) => Kind::Level,
            (Some(_), _) => Kind::Edge,
            _ if is_button => Kind::Edge,
            _ if motor => Kind::Absolute(None),
            _ => Kind::Absolute(Some(takeover.unwrap_or_default())),
        };
        (kind, motor)
    }

    /// What shows the value: `show = true` is the same message, a table another one.
    fn shows(&mut self, own: &[Source], motor: bool) -> Vec<Shows> {
        let same = |source: &Source, motor| Shows { source: *source, low: 0, high: source.top(), motor };
        let Some((_, node)) = self.section.raw("show") else {
            return if motor { own.iter().map(|s| same(s, true)).collect() } else { Vec::new() };
        };
        match &node.item {
            Item::Bool(false) => Vec::new(),
            Item::Bool(true) => own.iter().map(|s| same(s, motor)).collect(),
            Item::Table(table) => {
                let section = Section::new(table, "`show`");
                let mut inner = Reader { section, place: node.span.clone(), channel: self.channel, report: &mut *self.report };
                let sources = SOURCES.iter().find_map(|key| inner.sources(key)).unwrap_or_else(|| own.to_vec());
                let top = sources.first().map_or(127, |s| s.top());
                let low = inner.section.int("low", 0..=i64::from(top), inner.report).unwrap_or(0) as u16;
                let high = inner.section.int("high", 0..=i64::from(top), inner.report).unwrap_or(i64::from(top)) as u16;
                inner.section.finish(inner.report);
                if sources.len() < own.len() {
                    let message = format!("{} lights for {} controls", sources.len(), own.len());
                    self.report.error(&node.span, message, "too few");
                }
                sources.into_iter().map(|source| Shows { source, low, high, motor }).collect()
            }
            _ => {
                self.report.error(
                    &node.span,
                    format!("`show` is true or a table, not {}", node.kind()),
                    "expected what shows it",
                );
                Vec::new()
            }
        }
    }

    /// What the n-th control of the row does.
    fn does(&mut self, first: usize) -> Option<impl Fn(usize) -> Does + use<>> {
        let to = self.section.text("to", self.report).map(str::to_owned);
        let send = self.section.text("send", self.report).map(str::to_owned);
        let word = self.section.text("do", self.report).map(str::to_owned);
        let span = self.section.span("do").unwrap_or_else(|| self.place.clone());
        if [to.is_some(), send.is_some(), word.is_some()].iter().filter(|is| **is).count() != 1 {
            self.report
                .error(&self.place, "a control has one of to, send and do".into(), "expected what it does")
                .help("to = \"/{strip}/fader\", send = \"/scene/go\", do = \"next page\"");
            return None;
        }
        let fixed = match word.as_deref() {
            None => None,
            Some("select") => Some(Does::Select(0)),
            Some("next page") => Some(Does::Page(PAGE)),
            Some("previous page") => Some(Does::Page(-PAGE)),
            Some("right") => Some(Does::Page(1)),
            Some("left") => Some(Does::Page(-1)),
            Some("shift") => Some(Does::Shift),
            Some(other) => match other.strip_prefix("layer ") {
                Some(name) => Some(Does::Layer(layer(name, Some(span), self.report)?)),
                None => {
                    let words = ["select", "next page", "previous page", "right", "left", "shift", "layer all"];
                    self.report.error(&span, format!("a control cannot do {other:?}"), "unknown word").suggest(other, words);
                    return None;
                }
            },
        };
        Some(move |at: usize| {
            let strip = first - 1 + at;
            let numbered = |text: &String| text.replace("{n}", &(strip + 1).to_string());
            match (&to, &send, &fixed) {
                (Some(address), ..) => Does::Move { address: numbered(address), strip },
                (_, Some(text), _) => Does::Act { text: numbered(text), strip },
                (.., Some(Does::Select(_))) => Does::Select(strip),
                (.., Some(does)) => does.clone(),
                _ => Does::Select(strip),
            }
        })
    }
}

/// A number, a list of numbers, or `"a..b"`, both ends included.
fn numbers(node: &Node) -> Option<Vec<i64>> {
    match &node.item {
        Item::Int(n) => Some(vec![*n]),
        Item::List(list) => list.iter().map(numbers).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        Item::Text(text) => {
            let (from, to) = text.split_once("..")?;
            let (from, to): (i64, i64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            (from <= to && to - from < 16_384).then(|| (from..=to).collect())
        }
        _ => None,
    }
}
