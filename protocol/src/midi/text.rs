//! Names and values in a few characters, as scribble strips have them.

use headroom_dsp::param::{Decl, Kind, Unit, Value};

/// Letters that have a plain one instead.
const PLAIN: &[(&str, &str)] = &[
    ("äÄæÆ", "ae"),
    ("öÖœŒøØ", "oe"),
    ("üÜ", "ue"),
    ("ß", "ss"),
    ("àáâãåÀÁÂÃÅ", "a"),
    ("çÇčČć", "c"),
    ("èéêëÈÉÊË", "e"),
    ("ìíîïÌÍÎÏ", "i"),
    ("ñÑ", "n"),
    ("òóôõÒÓÔÕ", "o"),
    ("ùúûÙÚÛ", "u"),
    ("ýÿÝ", "y"),
    ("šŠ", "s"),
    ("žŽ", "z"),
    ("−–—", "-"),
    ("’‘", "'"),
    ("µ", "u"),
];

/// A text in plain ASCII.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if (' '..='~').contains(&c) {
            out.push(c);
            continue;
        }
        let found = PLAIN.iter().find(|(letters, _)| letters.contains(c)).map_or("?", |(_, instead)| instead);
        let upper = c.is_uppercase();
        out.extend(found.chars().enumerate().map(|(i, f)| if upper && i == 0 { f.to_ascii_uppercase() } else { f }));
    }
    out
}

/// A name in at most `width` characters: without blanks, then without vowels from the end on, then cut.
pub fn name(text: &str, width: usize) -> String {
    let text = plain(text.trim());
    if text.len() <= width {
        return text;
    }
    // Where words meet, a capital tells them apart.
    let mut short: Vec<char> = Vec::new();
    for word in text.split([' ', '-', '_']) {
        let inner = !short.is_empty();
        short.extend(word.chars().enumerate().map(|(i, c)| if inner && i == 0 { c.to_ascii_uppercase() } else { c }));
    }
    let mut at = short.len();
    while short.len() > width && at > 1 {
        at -= 1;
        if "aeiou".contains(short[at]) {
            short.remove(at);
        }
    }
    // A number at the end tells twins apart, so it stays.
    let digits = short.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    if short.len() > width && digits < width {
        short.drain(width - digits..short.len() - digits);
    }
    short.truncate(width);
    short.into_iter().collect()
}

/// A value in at most `width` characters, 6 or more.
pub fn value(decl: &Decl, value: &Value, width: usize) -> String {
    let x = value.as_f64();
    let text = match (decl.kind, decl.unit, value) {
        (_, _, Value::Note(note)) => note.to_string(),
        (Kind::Float { .. }, Unit::None, _) if decl.path == "pan" => pan(x),
        (Kind::Float { .. }, unit, _) => {
            let whole = decl.format(value);
            if whole.parse::<f64>().is_err()
                && !whole.starts_with(['-', '+', '.'])
                && !whole.starts_with(|c: char| c.is_ascii_digit())
            {
                // A word: off.
                whole
            } else {
                number(x, unit)
            }
        }
        _ => decl.format(value),
    };
    let text = plain(&text);
    if text.len() <= width { text } else { name(&text, width) }
}

fn pan(x: f64) -> String {
    let percent = (x.abs() * 100.0).round();
    match x {
        _ if percent == 0.0 => "C".into(),
        x if x < 0.0 => format!("L{percent}"),
        _ => format!("R{percent}"),
    }
}

fn number(x: f64, unit: Unit) -> String {
    match unit {
        Unit::Hz if x >= 10_000.0 => format!("{:.1}k", x / 1_000.0),
        Unit::Hz if x >= 1_000.0 => format!("{:.2}k", x / 1_000.0),
        Unit::Hz => format!("{x:.0}Hz"),
        Unit::Ms if x >= 1_000.0 => format!("{:.2}s", x / 1_000.0),
        Unit::Ms if x >= 100.0 => format!("{x:.0}ms"),
        Unit::Ms if x >= 10.0 => format!("{x:.1}ms"),
        Unit::Ms => format!("{x:.2}ms"),
        Unit::S => format!("{x:.1}s"),
        Unit::None if x.abs() >= 100.0 => format!("{x:.0}"),
        Unit::None => format!("{x:.2}"),
        _ => {
            let text = format!("{x:.1}");
            // −0.0 is 0.0.
            if text.trim_start_matches('-').parse() == Ok(0.0) { "0.0".into() } else { text }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_readable_in_six_characters() {
        for (long, short) in [
            ("Kick", "Kick"),
            ("Lead vox", "LeadVx"),
            ("Wedge 1", "Wedge1"),
            ("Backing vocal 12", "Bckn12"),
            ("Guitarra eléctrica", "GtrrEl"),
            ("Überton", "Uebrtn"),
            ("", ""),
            ("日本語", "???"),
            ("  Snare  ", "Snare"),
        ] {
            assert_eq!(name(long, 6), short, "{long}");
        }
        assert_eq!(name("Wedge 1", 7), "Wedge 1");
    }

    #[test]
    fn values_fit() {
        let fader = Decl::level("fader", 0.0, "");
        let pan = Decl::float("pan", Unit::None, -1.0, 1.0, 0.0, "");
        let freq = Decl::log("freq", Unit::Hz, 20.0, 20_000.0, 80.0, "");
        let attack = Decl::log("attack", Unit::Ms, 0.05, 200.0, 10.0, "");
        for (decl, x, text) in [
            (&fader, -12.34, "-12.3"),
            (&fader, -0.01, "0.0"),
            (&fader, -144.0, "off"),
            (&fader, 10.0, "10.0"),
            (&pan, 0.0, "C"),
            (&pan, -0.5, "L50"),
            (&pan, 1.0, "R100"),
            (&freq, 80.0, "80Hz"),
            (&freq, 1_234.0, "1.23k"),
            (&freq, 20_000.0, "20.0k"),
            (&attack, 0.05, "0.05ms"),
            (&attack, 123.4, "123ms"),
        ] {
            assert_eq!(value(decl, &Value::Float(x), 6), text);
        }
        let mode = Decl::names("type", &["lowshelf", "peak"], "");
        assert_eq!(value(&mode, &Value::Int(1), 6), "peak");
        assert_eq!(value(&mode, &Value::Int(0), 6), "lwshlf");
        assert_eq!(value(&Decl::bool("on", false, ""), &Value::Bool(true), 6), "on");
    }
}
