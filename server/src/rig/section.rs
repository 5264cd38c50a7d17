//! Reading one table: what is asked for is what is known; the rest is reported with the nearest name.

use super::diagnose::Report;
use super::node::{Item, Key, Node, Table};
use std::ops::{Range, RangeInclusive};

/// A table being read.
pub struct Section<'n> {
    table: &'n Table,
    /// What to call it in messages: `[audio]`, `channel Kick`.
    pub what: String,
    asked: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// Starts reading a table.
    pub fn new(table: &'n Table, what: impl Into<String>) -> Self {
        Section { table, what: what.into(), asked: Vec::new() }
    }

    /// The value of a key as it stands.
    pub fn raw(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// Where a key's value stands; its own place where it is absent is of no use, so nothing.
    pub fn span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get(key).map(|(_, n)| n.span.clone())
    }

    fn wrong(&self, report: &mut Report, key: &str, node: &Node, expected: &str) {
        report.error(
            &node.span,
            format!("`{key}` of {} is {expected}, not {}", self.what, node.kind()),
            format!("expected {expected}"),
        );
    }

    /// Text.
    pub fn text(&mut self, key: &'static str, report: &mut Report) -> Option<&'n str> {
        let (_, node) = self.raw(key)?;
        match &node.item {
            Item::Text(text) => Some(text),
            _ => {
                self.wrong(report, key, node, "text");
                None
            }
        }
    }

    /// A switch.
    pub fn switch(&mut self, key: &'static str, report: &mut Report) -> Option<bool> {
        let (_, node) = self.raw(key)?;
        match node.item {
            Item::Bool(b) => Some(b),
            _ => {
                self.wrong(report, key, node, "true or false");
                None
            }
        }
    }

    /// A whole number within limits.
    pub fn int(&mut self, key: &'static str, range: RangeInclusive<i64>, report: &mut Report) -> Option<i64> {
        let (_, node) = self.raw(key)?;
        match node.item {
            Item::Int(i) if range.contains(&i) => Some(i),
            Item::Int(i) => {
                let (low, high) = (range.start(), range.end());
                report.error(&node.span, format!("`{key}` of {} is {low} to {high}, not {i}", self.what), "out of range");
                None
            }
            _ => {
                self.wrong(report, key, node, "a whole number");
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of(&mut self, key: &'static str, names: &'static [&'static str], report: &mut Report) -> Option<&'static str> {
        let text = self.text(key, report)?;
        let found = names.iter().find(|n| **n == text).copied();
        if found.is_none() {
            let (_, node) = self.table.get(key)?;
            report
                .error(&node.span, format!("`{key}` of {} cannot be {text:?}", self.what), "unknown name")
                .suggest(text, names.iter().copied());
        }
        found
    }

    /// One text or a list of texts, each with its place.
    pub fn texts(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<(&'n str, Range<usize>)>> {
        let (_, node) = self.raw(key)?;
        let nodes: &[Node] = match &node.item {
            Item::List(list) => list,
            _ => std::slice::from_ref(node),
        };
        let mut out = Vec::new();
        for node in nodes {
            match &node.item {
                Item::Text(text) => out.push((text.as_str(), node.span.clone())),
                _ => self.wrong(report, key, node, "text or a list of texts"),
            }
        }
        Some(out)
    }

    /// A table below this one.
    pub fn table(&mut self, key: &'static str, report: &mut Report) -> Option<(&'n Key, &'n Table)> {
        let (k, node) = self.raw(key)?;
        match &node.item {
            Item::Table(table) => Some((k, table)),
            _ => {
                self.wrong(report, key, node, "a table");
                None
            }
        }
    }

    /// Tables that stand any number of times, `[[key]]`.
    pub fn tables(&mut self, key: &'static str, report: &mut Report) -> Vec<(&'n Node, &'n Table)> {
        let Some((k, node)) = self.raw(key) else { return Vec::new() };
        let Item::List(list) = &node.item else {
            let name = format!("{}{key}", self.prefix());
            report
                .error(&k.span, format!("`{name}` stands any number of times"), "one table only")
                .help(format!("write `[[{name}]]` above each"));
            return Vec::new();
        };
        let mut out = Vec::new();
        for node in list {
            match &node.item {
                Item::Table(table) => out.push((node, table)),
                _ => self.wrong(report, key, node, "a table"),
            }
        }
        out
    }

    fn prefix(&self) -> String {
        let inner = self.what.trim_matches(['[', ']']);
        if self.what.starts_with('[') && !inner.is_empty() { format!("{inner}.") } else { String::new() }
    }

    /// Entries that nobody has asked for.
    pub fn rest(&self) -> impl Iterator<Item = (&'n Key, &'n Node)> + use<'n> {
        let asked = self.asked.clone();
        self.table.entries.iter().filter(move |(k, _)| !asked.contains(&k.text.as_str())).map(|(k, n)| (k, n))
    }

    /// Keys asked for so far.
    pub fn asked(&self) -> &[&'static str] {
        &self.asked
    }

    /// Reports what nobody has asked for.
    pub fn finish(self, report: &mut Report) {
        for (key, _) in self.rest() {
            report
                .error(&key.span, format!("{} has no `{}`", self.what, key.text), "unknown key")
                .suggest(&key.text, self.asked.iter().copied());
        }
    }
}
