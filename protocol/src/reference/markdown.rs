//! The reference as a page.

use super::{Line, lines};
use crate::intent::command::COMMANDS;
use headroom_dsp::param::{Access, Kind, Value};
use headroom_dsp::proc::PROCESSORS;
use std::fmt::Write;

const INTRO: &str = "\
# headroom: every address

An address with an argument sets, without one it asks; the same address answers. `N` is a number from 1, or the id of
what is numbered: `/ch/1/fader`, `/ch/kick/fader`, `/ch/1/send/wedge-1/level`; a send to a matrix is `send/m1` or its id.
`/norm/<address>` is the same parameter as 0 … 1. Answers are `f` for numbers, `i` for counts and switches (0 or 1), `s`
for names and text; sets also take int, float, double, bool and text with a unit.

";

/// An address below one or more heads.
struct Row {
    heads: Vec<String>,
    line: Line,
    /// Heads where another default holds.
    except: Vec<(String, String)>,
}

/// The same tail below several heads is one row, where it is declared alike.
fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in lines() {
        let own = line.except.iter().map(|e| (e.on.clone(), e.text.clone()));
        let strip = !matches!(line.below.head.as_str(), "/dca/N" | "/mutegroup/N");
        let same = |r: &&mut Row| strip && r.line.below.tail == line.below.tail && r.line.below.decl == line.below.decl;
        match rows.iter_mut().find(same) {
            Some(row) => {
                if row.line.below.default != line.below.default {
                    row.except.push((line.below.apart.clone(), text(&line, &line.below.default)));
                }
                row.except.extend(own);
                row.heads.push(line.below.head);
            }
            None => rows.push(Row { heads: vec![line.below.head.clone()], except: own.collect(), line }),
        }
    }
    rows
}

fn text(line: &Line, value: &Value) -> String {
    match line.below.decl.kind {
        Kind::Text { .. } => format!("`\"{}\"`", value.as_text()),
        _ => line.below.decl.format(value),
    }
}

fn range(line: &Line) -> String {
    match line.below.decl.kind {
        Kind::Float { min, max, .. } => format!("{min} … {max}"),
        Kind::Int { min, max: i64::MAX, .. } => format!("{min} …"),
        Kind::Int { min, max, .. } => format!("{min} … {max}"),
        Kind::Steps { values, .. } => values.iter().map(i64::to_string).collect::<Vec<_>>().join(" "),
        Kind::Bool { .. } => "off on".into(),
        Kind::Enum { names, .. } => names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" "),
        Kind::Text { .. } => String::new(),
    }
}

/// `off; on: /bus/N, to fx`.
fn default(row: &Row) -> String {
    if row.line.below.decl.access != Access::Write {
        return String::new();
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (on, text) in &row.except {
        match groups.iter_mut().find(|(t, _)| t == text) {
            Some((_, all)) if all.contains(&on.as_str()) => {}
            Some((_, all)) => all.push(on),
            None => groups.push((text.clone(), vec![on])),
        }
    }
    let first = text(&row.line, &row.line.below.default);
    groups.into_iter().fold(first, |out, (text, on)| format!("{out}; {text}: {}", on.join(", ")))
}

fn table(out: &mut String, rows: &[&Row]) {
    out.push_str("| address | kind | unit | range | default | |\n| --- | --- | --- | --- | --- | --- |\n");
    for row in rows {
        let Line { address, kind, tag, unit, access, numbers, doc, .. } = &row.line;
        let cell = |text: &str| text.replace('|', "\\|");
        let only = if *access == "write" { String::new() } else { "; read only".into() };
        let numbers = numbers.map_or_else(String::new, |n| format!("; N {n}"));
        let (range, default) = (cell(&range(&row.line)), cell(&default(row)));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{address}` | {kind} `{tag}` | {unit} | {range} | {default} | {}{only}{numbers} |", cell(doc));
    }
    out.push('\n');
}

/// The reference as Markdown: commands, then strips by processor, DCAs, mute groups.
pub fn markdown() -> String {
    let mut out = INTRO.to_owned();
    out.push_str("## Commands\n\n| address | arguments | answer | |\n| --- | --- | --- | --- |\n");
    for c in COMMANDS {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", c.address, code(c.args), code(c.answer), c.doc);
    }
    out.push('\n');

    let rows = rows();
    let mut sections: Vec<(Vec<String>, Vec<&Row>)> = Vec::new();
    for row in rows.iter().filter(|r| r.line.below.processor.is_none()) {
        match sections.iter_mut().find(|(heads, _)| *heads == row.heads) {
            Some((_, own)) => own.push(row),
            None => sections.push((row.heads.clone(), vec![row])),
        }
    }
    for (heads, rows) in &sections {
        let heads: Vec<_> = heads.iter().map(|h| format!("`{h}`")).collect();
        let _ = writeln!(out, "## Below {}\n", heads.join(", "));
        table(&mut out, rows);
    }

    out.push_str("## Processors\n\nBelow any strip whose chain names them; a second one is `comp-2`.\n\n");
    for processor in PROCESSORS {
        let _ = writeln!(out, "### `{}`\n\n{}.\n", processor.name, processor.doc.trim_end_matches('.'));
        let own = rows.iter().filter(|r| r.line.below.processor == Some(processor.name));
        table(&mut out, &own.collect::<Vec<_>>());
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
