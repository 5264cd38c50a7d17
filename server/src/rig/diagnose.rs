//! What is wrong with a rig file: every finding with its place, what was expected and the nearest name.
//!
//! Rendered by `annotate-snippets`, the compiler's own renderer: it shows many findings of one file
//! with carets, and pulls in nothing but a width table.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file is used, part of it has no effect.
    Warning,
    /// Worth knowing.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// Bytes of the file it is about; empty, with an empty label, where it is about the whole file.
    pub span: Range<usize>,
    /// What is said under the caret.
    pub label: String,
    /// Another place that belongs to it, and what is said there.
    pub also: Option<(Range<usize>, String)>,
    /// What to do about it.
    pub help: Option<String>,
    /// The file it is in, where that is not the report's own: a preset that the rig uses.
    pub elsewhere: Option<Arc<Document>>,
}

/// A file's name and its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Name as given.
    pub file: String,
    /// Text.
    pub text: Arc<str>,
}

impl Document {
    /// Line and column (both from 1, columns in characters) of a byte of the text.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// A span that lies within the text, on characters, and shows at least a caret.
    fn within(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end.max(start));
        start..end.max(start)
    }
}

impl Diagnostic {
    fn has_place(&self) -> bool {
        !(self.span.is_empty() && self.label.is_empty())
    }

    /// Adds what to do about it.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of `allowed` as a suggestion, else all of them.
    pub fn suggest<'a>(&mut self, word: &str, allowed: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let mut allowed: Vec<&str> = allowed.into_iter().collect();
        let mut seen = std::collections::HashSet::new();
        allowed.retain(|name| seen.insert(*name));
        match nearest(word, allowed.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if allowed.is_empty() => self,
            None => self.help(format!("allowed here: {}", listed(&allowed, 24))),
        }
    }

    /// Adds another place.
    pub fn also(&mut self, span: &Range<usize>, label: impl Into<String>) -> &mut Self {
        self.also = Some((span.clone(), label.into()));
        self
    }
}

/// Findings of one file, in the order of the file, and its text to show them in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The file.
    pub document: Arc<Document>,
    /// The findings.
    pub items: Vec<Diagnostic>,
}

impl Report {
    /// An empty report.
    pub fn new(file: &str, text: &str) -> Report {
        Report { document: Arc::new(Document { file: file.into(), text: text.into() }), items: Vec::new() }
    }

    /// Takes a part of the text out of all that is shown, such as a token. Lines stay lines.
    pub fn hide(&mut self, span: &Range<usize>) {
        let document = &*self.document;
        let span = document.within(span);
        let hidden: String = document.text[span.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
        let text = format!("{}{hidden}{}", &document.text[..span.start], &document.text[span.end..]);
        self.document = Arc::new(Document { file: document.file.clone(), text: text.into() });
    }

    /// Takes in what was found in another file.
    pub fn include(&mut self, other: &Report) {
        let from = |item: &Diagnostic| {
            let elsewhere = item.elsewhere.clone().or_else(|| Some(other.document.clone()));
            Diagnostic { elsewhere, ..item.clone() }
        };
        self.items.extend(other.items.iter().map(from));
    }

    fn document_of<'a>(&'a self, item: &'a Diagnostic) -> &'a Document {
        item.elsewhere.as_deref().unwrap_or(&self.document)
    }

    fn push(&mut self, severity: Severity, span: &Range<usize>, message: String, label: impl Into<String>) -> &mut Diagnostic {
        let item =
            Diagnostic { severity, message, span: span.clone(), label: label.into(), also: None, help: None, elsewhere: None };
        self.items.push(item);
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// Adds an error: a sentence, and what to say under the caret.
    pub fn error(&mut self, span: &Range<usize>, message: String, label: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Error, span, message, label)
    }

    /// Adds a warning.
    pub fn warning(&mut self, span: &Range<usize>, message: String, label: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Warning, span, message, label)
    }

    /// Adds a note.
    pub fn note(&mut self, span: &Range<usize>, message: String, label: impl Into<String>) -> &mut Diagnostic {
        self.push(Severity::Note, span, message, label)
    }

    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.items.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// Puts the findings in the order of the file, those of other files last.
    pub fn sort(&mut self) {
        self.items.sort_by_key(|d| (d.elsewhere.as_ref().map(|e| e.file.clone()), d.span.start, d.severity));
    }

    /// All findings as text for people: line, caret, what was expected, a suggestion.
    pub fn render(&self, colours: bool) -> String {
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for item in &self.items {
            let level = match item.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
                Severity::Note => Level::NOTE,
            };
            let title = level.primary_title(visible(&item.message));
            let mut groups: Vec<Group> = vec![match self.snippet(item) {
                Some(snippet) => title.element(snippet),
                None => Group::with_title(title),
            }];
            if let Some(help) = &item.help {
                groups.push(Group::with_title(Level::HELP.secondary_title(visible(help))));
            }
            out.push_str(&renderer.render(&groups));
            out.push_str("\n\n");
        }
        out
    }

    fn snippet<'a>(&'a self, item: &'a Diagnostic) -> Option<Snippet<'a, Annotation<'a>>> {
        if !item.has_place() {
            return None;
        }
        let document = self.document_of(item);
        let primary = AnnotationKind::Primary.span(document.within(&item.span)).label(visible(&item.label));
        let mut snippet = Snippet::source(&*document.text).path(document.file.as_str()).annotation(primary);
        if let Some((span, label)) = &item.also {
            snippet = snippet.annotation(AnnotationKind::Context.span(document.within(span)).label(visible(label)));
        }
        Some(snippet)
    }

    /// All findings, one a line: `file:line:column: error: message; help`.
    pub fn brief(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            let document = self.document_of(item);
            let (line, column) = document.place(item.span.start);
            let severity = match item.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            let place = if item.has_place() { format!(":{line}:{column}") } else { String::new() };
            out.push_str(&format!("{}{place}: {severity}: {}", document.file, item.message));
            if let Some(help) = &item.help {
                out.push_str(&format!("; {help}"));
            }
            out.push('\n');
        }
        out
    }
}

/// Control characters of a quoted file must not reach a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A rig that cannot be used: its errors (and warnings) with their places.
#[derive(Debug)]
pub struct RigErrors(pub Report);

impl fmt::Display for RigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.render(false).trim_end())
    }
}

impl std::error::Error for RigErrors {}

/// Words people use for what has another name here.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("invert", "polarity"),
    ("invert", "polarity"),
    ("volume", "fader"),
    ("gain", "trim"),
    ("preamp", "trim"),
    ("highpass", "hpf"),
    ("locut", "hpf"),
    ("lowpass", "lpf"),
    ("hicut", "lpf"),
    ("balance", "pan"),
    ("destination", "to"),
    ("group", "to"),
    ("sends", "send"),
    ("bw", "q"),
    ("width", "q"),
    ("dcas", "dca"),
    ("vca", "dca"),
    ("port", "listen"),
    ("samplerate", "rate"),
    ("buffer", "period"),
];

/// The name that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let reach = 1 + word.chars().count() / 4;
    let other = OTHER_WORDS.iter().find(|(w, _)| *w == word).map(|(_, name)| *name);
    let rank = |name: &str| -> Option<usize> {
        if name.is_empty() {
            return None;
        }
        let lower = name.to_lowercase();
        let distance = strsim::damerau_levenshtein(&word, &lower);
        if Some(name) == other {
            Some(0)
        } else if distance <= reach && distance < lower.chars().count().max(2) {
            Some(distance)
        } else if word.len() >= 3 && lower.len() >= 3 && (lower.starts_with(&word) || word.starts_with(&lower)) {
            Some(reach + 1)
        } else {
            None
        }
    };
    allowed.into_iter().filter_map(|name| rank(name).map(|r| (r, name))).min_by_key(|(r, _)| *r).map(|(_, name)| name)
}

/// Names in a row, at most `most` of them.
pub fn listed(names: &[&str], most: usize) -> String {
    let mut out = names.iter().take(most).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if names.len() > most {
        out.push_str(&format!(" and {} more", names.len() - most));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["threshold", "ratio", "attack", "release", "range"];
        assert_eq!(nearest("treshold", names), Some("threshold"));
        assert_eq!(nearest("Ratio", names), Some("ratio"));
        assert_eq!(nearest("thresh", names), Some("threshold"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("invert", ["polarity", "pan"]), Some("polarity"));
        assert_eq!(nearest("compressor", ["hpf", "comp"]), Some("comp"));
    }

    #[test]
    fn a_name_is_allowed_once() {
        let mut report = Report::new("a.toml", "x");
        report.error(&(0..1), "x".into(), "").suggest("zebra", ["name", "fader", "name"]);
        assert_eq!(report.items[0].help.as_deref(), Some("allowed here: `name`, `fader`"));
    }

    #[test]
    fn any_span_can_be_shown() {
        let mut report = Report::new("a.toml", "name = \"Größe\"\nb = 2");
        for start in 0..30 {
            for end in 0..30 {
                report.error(&(start..end), "x".into(), "y").also(&(end..start), "z").help("h");
            }
        }
        assert!(report.render(false).contains("a.toml:2:1"));
        assert_eq!(report.document.place(usize::MAX), (2, 6));
    }
}
