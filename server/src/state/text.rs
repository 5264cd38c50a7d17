//! Values as a state file holds them: exact, one word, or quoted text.
//!
//! Numbers have the fewest digits that give the same `f64`; enums are named, so that a list that grows
//! moves nothing.

use headroom_dsp::param::note::Note;
use headroom_dsp::param::{Decl, Kind, Value};

/// A value of a parameter as text.
pub fn write(decl: &Decl, value: &Value) -> String {
    match (decl.kind, value) {
        (Kind::Enum { names, .. }, Value::Int(i)) => names.get(*i as usize).map_or_else(|| i.to_string(), |n| (*n).to_owned()),
        (_, Value::Text(t)) => serde_json::Value::from(&**t).to_string(),
        (_, Value::Bool(b)) => if *b { "on" } else { "off" }.to_owned(),
        (_, Value::Int(i)) => i.to_string(),
        (_, Value::Float(x)) => x.to_string(),
        (_, Value::Note(note)) => note.to_string(),
    }
}

/// The value that a text names.
///
/// # Errors
/// Says why it is no value of this parameter; what is out of range is none.
pub fn read(decl: &Decl, text: &str) -> Result<Value, String> {
    if let Some(note) = Note::parse(text).filter(|_| decl.notes) {
        return Ok(decl.clamp(&Value::Note(note)));
    }
    let value = match decl.kind {
        Kind::Float { .. } => text.parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float),
        Kind::Int { .. } | Kind::Steps { .. } => text.parse().ok().map(Value::Int),
        Kind::Bool { .. } => match text {
            "on" => Some(Value::Bool(true)),
            "off" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Enum { names, .. } => names.iter().position(|n| *n == text).map(|i| Value::Int(i as i64)),
        Kind::Text { .. } => serde_json::from_str(text).ok().map(|t: String| Value::Text(t.into())),
    };
    let value = value.ok_or("it is no value of this kind")?;
    if decl.clamp(&value) == value { Ok(value) } else { Err("it is out of range".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_dsp::param::Unit;
    use proptest::prelude::*;

    const FADER: Decl = Decl::level("fader", 0.0, "");
    const SLOPE: Decl = Decl::steps("slope", Unit::DbOct, &[6, 12, 18, 24], 12, "");
    const VOICES: Decl = Decl::int("voices", Unit::None, 1, 4, 2, "");
    const ON: Decl = Decl::bool("on", false, "");
    const TAP: Decl = Decl::names("tap", &["input", "pre", "post"], "");
    const NAME: Decl = Decl::text("name", "", "");

    #[test]
    fn values_look_like_what_they_are() {
        let shows = |d: &Decl, v: Value, text: &str| {
            assert_eq!(write(d, &v), text);
            assert_eq!(read(d, text), Ok(v));
        };
        shows(&FADER, Value::Float(-6.5), "-6.5");
        shows(&FADER, Value::Float(-144.0), "-144");
        shows(&SLOPE, Value::Int(24), "24");
        shows(&VOICES, Value::Int(3), "3");
        shows(&ON, Value::Bool(true), "on");
        shows(&TAP, Value::Int(2), "post");
        shows(&NAME, Value::Text("Ö \"x\"\n".into()), r#""Ö \"x\"\n""#);
    }

    #[test]
    fn what_is_out_of_range_or_of_another_kind_is_refused() {
        for (decl, text) in [
            (&FADER, "11"),
            (&FADER, "-100"),
            (&FADER, "nan"),
            (&FADER, "inf"),
            (&FADER, "on"),
            (&FADER, ""),
            (&SLOPE, "7"),
            (&VOICES, "5"),
            (&VOICES, "2.5"),
            (&ON, "1"),
            (&TAP, "after"),
            (&NAME, "Kick"),
            (&NAME, "\"Kick"),
        ] {
            assert!(read(decl, text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(norm in 0.0f64..=1.0, name in "\\PC{0,20}|[\\x00-\\x20\"\\\\]{0,9}") {
            for d in [&FADER, &SLOPE, &VOICES, &ON, &TAP] {
                let value = d.from_norm(norm);
                prop_assert_eq!(read(d, &write(d, &value)), Ok(value));
            }
            let text = write(&NAME, &Value::Text(name.as_str().into()));
            prop_assert!(!text.contains(['\n', '\r']));
            prop_assert_eq!(read(&NAME, &text), Ok(Value::Text(name.into())));
        }
    }
}
