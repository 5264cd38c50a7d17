//! A TOML document as a tree in file order, every key and value with its span.

use super::diagnose::Report;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key and where it stands.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key without quotes.
    pub text: String,
    /// Bytes of the file.
    pub span: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub item: Item,
    /// Bytes of the file.
    pub span: Range<usize>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Item {
    /// Keys and values, in file order.
    Table(Table),
    /// Values.
    List(Vec<Node>),
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A date or time; no parameter is one.
    Date,
}

/// Keys and values in file order.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The entries.
    pub entries: Vec<(Key, Node)>,
}

impl Table {
    /// The entry of this key.
    pub fn get(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(k, n)| (k, n))
    }
}

impl Node {
    /// The kind of value in words.
    pub fn kind(&self) -> &'static str {
        match self.item {
            Item::Table(_) => "a table",
            Item::List(_) => "a list",
            Item::Text(_) => "text",
            Item::Int(_) => "a whole number",
            Item::Float(_) => "a number",
            Item::Bool(_) => "true or false",
            Item::Date => "a date",
        }
    }
}

/// Reads a document. Syntax errors go to the report, all of them; what could be read is returned.
pub fn read(report: &mut Report) -> Table {
    let text = report.document.text.clone();
    let (document, errors) = DeTable::parse_recoverable(&text);
    let mut last = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', ", ");
        // What is open at the end is told for each level of nesting; once is enough.
        let this = Some((span.start, message.clone()));
        if this == last {
            continue;
        }
        last = this;
        report.error(&span, format!("this is not TOML: {message}"), "here");
    }
    table(document.get_ref(), report)
}

fn table(from: &DeTable<'_>, report: &mut Report) -> Table {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        (Key { text: key.get_ref().to_string(), span: key.span() }, node(value, report))
    };
    let mut entries: Vec<(Key, Node)> = from.iter().map(entry).collect();
    entries.sort_by_key(|(k, _)| k.span.start);
    Table { entries }
}

fn node(from: &Spanned<DeValue<'_>>, report: &mut Report) -> Node {
    let span = from.span();
    let item = match from.get_ref() {
        DeValue::Table(t) => Item::Table(table(t, report)),
        DeValue::Array(list) => Item::List(list.iter().map(|n| node(n, report)).collect()),
        DeValue::String(text) => Item::Text(text.to_string()),
        DeValue::Boolean(b) => Item::Bool(*b),
        DeValue::Datetime(_) => Item::Date,
        DeValue::Float(x) => Item::Float(x.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(i) => Item::Int(i),
            Err(_) => {
                report.error(&span, "this number is too large".into(), "more than 64 bits");
                Item::Int(0)
            }
        },
    };
    Node { item, span }
}
