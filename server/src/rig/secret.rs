//! What findings must not show: tokens, also under a key or in a table that is written wrong.

use super::diagnose::Report;
use super::node::{Item, Node, Table};
use std::ops::Range;

/// Tables whose values are hidden, but for those of [`SHOWN`].
const TABLES: [&str; 2] = ["role", "access"];
/// Keys of these tables that hold no secret.
const SHOWN: [&str; 4] = ["name", "write", "read", "default"];

/// Whether a key is near enough to a word to be meant for it.
fn is_near(key: &str, word: &str) -> bool {
    let key = key.to_lowercase();
    key.contains(word) || strsim::damerau_levenshtein(&key, word) <= 2
}

/// Whether a key may hold a secret wherever it stands.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["token", "passw", "passphrase", "secret"].iter().any(|word| key.contains(word))
        || (key.len() >= 4 && strsim::damerau_levenshtein(&key, "token") <= 2)
}

fn is_table(key: &str) -> bool {
    key.len() >= 3 && TABLES.iter().any(|word| is_near(key, word))
}

/// Hides the secrets of a document that could be read.
pub fn hide(report: &mut Report, document: &Table) {
    let mut spans = Vec::new();
    for (key, node) in &document.entries {
        find(&key.text, node, is_table(&key.text), &mut spans);
    }
    spans.iter().for_each(|span| report.hide(span));
}

/// The values to hide at a key and below it.
fn find(key: &str, node: &Node, inside: bool, spans: &mut Vec<Range<usize>>) {
    if is_secret(key) {
        spans.push(node.span.clone());
        return;
    }
    match &node.item {
        Item::Table(table) => table.entries.iter().for_each(|(key, node)| find(&key.text, node, inside, spans)),
        Item::List(list) if list.iter().any(|n| matches!(n.item, Item::Table(_))) => {
            list.iter().for_each(|node| find(key, node, inside, spans));
        }
        _ if inside && !SHOWN.contains(&key) => spans.push(node.span.clone()),
        _ => {}
    }
}

/// How many more lists a line opens than it closes.
fn lists(line: &str) -> isize {
    line.chars().map(|c| isize::from(c == '[') - isize::from(c == ']')).sum()
}

/// Hides whatever may be a secret in a text that could not be read.
pub fn hide_in_text(report: &mut Report) {
    let text = report.document.text.clone();
    let (mut at, mut inside) = (0, false);
    // Lists that are open in a value that is shown.
    let mut open = 0;
    for line in text.split_inclusive('\n') {
        let word = line.trim();
        let (key, value) = line.split_once('=').map_or((word, None), |(key, _)| (key.trim(), Some(key.len() + 1)));
        let whole = at..at + line.trim_end().len();
        if word.starts_with('[') && value.is_none() {
            let name = word.trim_matches(['[', ']', ' ']).split('.').next().unwrap_or_default();
            (inside, open) = (is_table(name), 0);
        } else if is_secret(line) || key.split('.').any(is_secret) || is_table(key.split('.').next().unwrap_or_default()) {
            report.hide(&(at + value.unwrap_or(0)..whole.end));
        } else if inside {
            match value {
                Some(_) if SHOWN.contains(&key) => open = lists(word),
                Some(value) => {
                    open = 0;
                    report.hide(&(at + value..whole.end));
                }
                None if open > 0 => open += lists(word),
                None if word.starts_with('#') => {}
                None => report.hide(&whole),
            }
        }
        at += line.len();
    }
}

#[cfg(test)]
mod tests {
    use crate::rig::parse;

    /// All that is said about a rig that is wrong.
    fn said(text: &str) -> String {
        let errors = parse(text, "a.toml").expect_err(text);
        format!("{errors}\n{}", errors.0.brief())
    }

    #[test]
    fn no_finding_shows_a_token_however_it_is_written() {
        for wrong in [
            "[[role]]\nname = \"a\"\ntoken = [\"hunter2\"]",
            "[[role]]\nname = \"a\"\ntoken = 2222222\nx = \"hunter2\"",
            "[[role]]\nname = \"a\"\ntokan = \"hunter2\"",
            "[[role]]\nname = \"a\"\npassword = \"hunter2\"",
            "[[role]]\nname = \"a\"\npin = [\n  \"hunter2\",\n]",
            "[[role]]\nname = \"a\"\ntoken = { clear = \"hunter2\" }",
            "[[role]]\nname = \"a\"\ntoken = \"sha256:hunter2\"",
            "[access]\ntoken = \"hunter2\"",
            "role = [{ name = \"a\", tokn = \"hunter2\" }]",
            "roles = [{ name = \"a\", x = \"hunter2\" }]",
            "acess = { x = \"hunter2\" }",
            "[http]\npassword = \"hunter2\"",
            "[[channel]]\nname = \"a\"\ntoken = \"hunter2\"",
            // What is no TOML.
            "[[role]]\nname = \"a\"\ntoken = \"hunter2",
            "[[role]]\nname = \"a\"\ntokan = hunter2",
            "[[role]]\nname = \"a\"\nkey hunter2",
            "[[role\ntokan = \"hunter2\"",
            "role.tokn = hunter2",
            "[access]\nx = hunter2",
            "password = hunter2",
        ] {
            let said = said(wrong);
            assert!(!said.contains("hunter2") && said.contains("a.toml"), "{wrong}\n{said}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown_with_its_line() {
        let wrong = "[[role]]\nname = \"a\"\ntoken = \"one\"\nwrite = [\n  \"ch/1\",\n]\n\n[[channel]]\nnam = \"Kick\"";
        let said = said(wrong);
        assert!(said.contains("a.toml:5:") && said.contains("\"ch/1\"") && said.contains("a.toml:9:1"), "{said}");
        assert!(said.contains("nam = \"Kick\"") && !said.contains("one\""), "{said}");
        let broken = super::super::parse("[[channel]]\nname = Kick", "a.toml").expect_err("no TOML").to_string();
        assert!(broken.contains("name = Kick"), "{broken}");
    }
}
