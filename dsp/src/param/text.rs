//! Value as text and back.
//!
//! Text is what people type into a rig file, a cue or an OSC app (`"-6 dB"`, `"1.2k"`, `"off"`) and
//! what displays show. Numbers are printed with the fewest digits that give the same `f32`, the type
//! in which surfaces see them; what was printed parses back to the value printed.

use super::{Decl, Kind, Taper, Unit, Value, taper};

/// Metres that sound travels in a second, for delays given as a distance.
const SOUND_M_PER_S: f64 = 343.0;

/// Rate that [`Decl::parse`] takes for delays given in frames.
const DEFAULT_RATE: f64 = 48000.0;

impl Unit {
    /// The unit as written behind a number; empty for bare numbers.
    pub const fn suffix(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Db => "dB",
            Unit::Dbfs => "dBFS",
            Unit::Dbtp => "dBTP",
            Unit::Lufs => "LUFS",
            Unit::Lu => "LU",
            Unit::Hz => "Hz",
            Unit::Ms => "ms",
            Unit::S => "s",
            Unit::Us => "µs",
            Unit::Percent => "%",
            Unit::Frames => "frames",
            Unit::DbOct => "dB/oct",
            Unit::Bits => "bit",
            Unit::Semitones => "st",
            Unit::Bpm => "BPM",
        }
    }

    /// What a suffix (lower case) makes of the number before it; `None` if it is not of this unit.
    fn scale(self, suffix: &str, rate: f64) -> Option<Scale> {
        use Scale::{Factor, Shift};
        let shift = match (self, suffix) {
            (_, "") => 0,
            (unit, own) if own == unit.suffix().to_lowercase() => 0,
            (Unit::Db | Unit::Dbfs | Unit::Dbtp | Unit::Lufs | Unit::Lu | Unit::DbOct, "db") => 0,
            (Unit::Hz, "k" | "khz") => 3,
            (Unit::Ms, "s") => 3,
            (Unit::Ms, "us" | "µs") | (Unit::S, "ms") => -3,
            (Unit::Ms, "frame" | "frames" | "samples") => return Some(Factor(1000.0 / rate)),
            (Unit::Ms, "m") => return Some(Factor(1000.0 / SOUND_M_PER_S)),
            (Unit::None, ":1") | (Unit::Frames, "frame" | "samples") | (Unit::Bits, "bits") => 0,
            (Unit::None, "%") | (Unit::Semitones, "ct" | "cent" | "cents") => -2,
            (Unit::Semitones, "semitone" | "semitones") => 0,
            _ => return None,
        };
        Some(Shift(shift))
    }
}

/// How a suffix scales the number before it.
enum Scale {
    /// By a power of ten, done on the digits so that it is exact.
    Shift(i32),
    /// By a factor.
    Factor(f64),
}

impl Decl {
    /// A value of this parameter as people read it: `-6.0 dB`, `1.2 kHz`, `0.5`, `on`, an enum's name;
    /// `off` for a level under −90 dB. [`Decl::parse`] takes it back.
    pub fn format(&self, value: &Value) -> String {
        match self.kind {
            Kind::Text { .. } => value.as_text().to_owned(),
            Kind::Bool { .. } => if value.as_bool() { "on" } else { "off" }.to_owned(),
            Kind::Enum { names, .. } => match names.get(value.as_f64() as usize) {
                Some(name) => (*name).to_owned(),
                None => digits(value.as_f64()),
            },
            Kind::Float { taper: Taper::Level, .. } if value.as_f64() < taper::LEVEL_FLOOR_DB => "off".to_owned(),
            Kind::Float { .. } => match value {
                Value::Note(note) => note.to_string(),
                _ => with_unit(value.as_f64(), self.unit, true),
            },
            Kind::Int { .. } | Kind::Steps { .. } => with_unit(value.as_f64(), self.unit, false),
        }
    }

    /// [`Decl::parse_at`] at 48 kHz, for text that does not count in frames.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        self.parse_at(text, DEFAULT_RATE)
    }

    /// The value that a text names, blanks around it and case ignored.
    ///
    /// Numbers may carry the parameter's unit or a relative of it: `-6`, `-6 dB`, `1.2k`, `1.2 kHz`,
    /// `0.5 s` for milliseconds, `4:1`, `50 %`, `30 ct`; `off`, `-inf` and `-oo` are a level of −144.
    /// Times in milliseconds may also be `480 frames` (at `rate` Hz) or `3.4 m` (at 343 m/s). Switches
    /// are `on off true false yes no T F` or a number (≥ 0.5), enums a name or an index, steps the
    /// nearest allowed number.
    ///
    /// A number past a limit is given as it stands: [`Decl::clamp`] holds it.
    ///
    /// # Errors
    /// Says what was expected when the text is not a finite value of this parameter, or an index is
    /// outside.
    pub fn parse_at(&self, text: &str, rate: f64) -> Result<Value, String> {
        let trimmed = text.trim();
        let word = trimmed.to_lowercase().replace('−', "-");
        let number = || self.number(&word, rate).ok_or_else(|| self.expected(trimmed));
        match self.kind {
            Kind::Text { .. } => Ok(Value::Text(text.into())),
            Kind::Bool { .. } => match word.as_str() {
                "on" | "true" | "t" | "yes" => Ok(Value::Bool(true)),
                "off" | "false" | "f" | "no" => Ok(Value::Bool(false)),
                _ => Ok(Value::Bool(number()? >= 0.5)),
            },
            Kind::Enum { names, .. } => {
                let named = names.iter().position(|n| n.to_lowercase() == word);
                let index = match named {
                    Some(i) => i as f64,
                    None => number()?,
                };
                if index.fract() == 0.0 && (0.0..names.len() as f64).contains(&index) {
                    Ok(Value::Int(index as i64))
                } else {
                    Err(self.expected(trimmed))
                }
            }
            Kind::Float { taper: Taper::Level, .. } if OFF_WORDS.contains(&word.as_str()) => Ok(Value::Float(taper::OFF_DB)),
            Kind::Float { .. } => match super::note::Note::parse(&word).filter(|_| self.notes) {
                Some(note) => Ok(Value::Note(note)),
                None => Ok(Value::Float(number()?)),
            },
            Kind::Int { .. } => Ok(Value::Int(number()?.round() as i64)),
            Kind::Steps { .. } => Ok(self.clamp(&Value::Float(number()?))),
        }
    }

    /// The finite number in a lower-case text, its suffix applied.
    fn number(&self, text: &str, rate: f64) -> Option<f64> {
        let end = number_end(text);
        let (mantissa, exponent) = match text[..end].split_once('e') {
            Some((m, e)) => (m, e.parse::<i32>().ok()?),
            None => (&text[..end], 0),
        };
        let decimal = |shift: i32| format!("{mantissa}e{}", exponent.saturating_add(shift)).parse::<f64>().ok();
        let x = match self.unit.scale(text[end..].trim_start(), rate)? {
            Scale::Shift(n) => decimal(n)?,
            Scale::Factor(f) => decimal(0)? * f,
        };
        x.is_finite().then_some(x + 0.0)
    }

    /// The reason given for a text that cannot be taken.
    fn expected(&self, text: &str) -> String {
        let range = |min: f64, max: f64| format!("{} to {}", with_unit(min, self.unit, false), with_unit(max, self.unit, false));
        let expected = match self.kind {
            Kind::Float { taper: Taper::Level, max, .. } => {
                format!("a level of {} or \"off\"", range(taper::LEVEL_FLOOR_DB, max))
            }
            Kind::Float { min, max, .. } if self.notes => format!("a number from {} or a note, as 1/8", range(min, max)),
            Kind::Float { min, max, .. } => format!("a number from {}", range(min, max)),
            Kind::Int { min, max, .. } => format!("a whole number from {}", range(min as f64, max as f64)),
            Kind::Steps { values, .. } => {
                format!("one of {}", list(values.iter().map(|v| with_unit(*v as f64, self.unit, false))))
            }
            Kind::Bool { .. } => "\"on\" or \"off\"".to_owned(),
            Kind::Enum { names, .. } => format!("one of {} or an index below {}", list(names.iter()), names.len()),
            Kind::Text { .. } => "text".to_owned(),
        };
        format!("expected {expected}, got {text:?}")
    }
}

/// Words for a level that is off.
const OFF_WORDS: [&str; 5] = ["off", "-inf", "-oo", "-∞", "-infinity"];

/// Length of the number at the start of a lower-case text.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = |from: usize, of: fn(&u8) -> bool| from + bytes[from..].iter().take_while(|b| of(b)).count();
    let sign = |at: usize| at + usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let end = run(sign(0), |b| b.is_ascii_digit() || *b == b'.');
    if bytes.get(end) == Some(&b'e') {
        let from = sign(end + 1);
        let to = run(from, u8::is_ascii_digit);
        if to > from {
            return to;
        }
    }
    end
}

/// The fewest digits that read back as the same `f32`.
fn digits(x: f64) -> String {
    format!("{}", x as f32 + 0.0)
}

/// A number and its unit; thousands of Hz and ms become kHz and s.
fn with_unit(x: f64, unit: Unit, decimal: bool) -> String {
    let mut number = digits(x);
    let mut suffix = unit.suffix();
    match unit {
        Unit::Hz | Unit::Ms if x.abs() >= 1000.0 => {
            number = thousandth(&number);
            suffix = if unit == Unit::Hz { "kHz" } else { "s" };
        }
        Unit::Db | Unit::Dbfs | Unit::Dbtp | Unit::Lufs | Unit::Lu if decimal && !number.contains('.') => number.push_str(".0"),
        _ => {}
    }
    if suffix.is_empty() { number } else { format!("{number} {suffix}") }
}

/// A decimal of at least four whole digits with its point moved three places, so that no digit changes.
fn thousandth(number: &str) -> String {
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    let (thousands, units) = whole.split_at(whole.len().saturating_sub(3));
    format!("{thousands}.{units}{rest}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn list(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    items.map(|i| i.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FADER: Decl = Decl::level("fader", 0.0, "");
    const FREQ: Decl = Decl::log("freq", Unit::Hz, 20.0, 20000.0, 80.0, "");
    const DELAY: Decl = Decl::float("delay", Unit::Ms, 0.0, 1000.0, 0.0, "");
    const TIME: Decl = Decl::log("time", Unit::S, 0.1, 20.0, 1.8, "");
    const THRESHOLD: Decl = Decl::float("threshold", Unit::Dbfs, -60.0, 0.0, -20.0, "");
    const RATIO: Decl = Decl::log("ratio", Unit::None, 1.0, 100.0, 4.0, "");
    const SHIFT: Decl = Decl::float("shift", Unit::Semitones, -12.0, 12.0, 0.0, "");
    const SLOPE: Decl = Decl::steps("slope", Unit::DbOct, &[6, 12, 18, 24], 12, "");
    const VOICES: Decl = Decl::int("voices", Unit::None, 1, 4, 2, "");
    const ON: Decl = Decl::bool("on", false, "");
    const TYPE: Decl = Decl::names("type", &["peak", "lowshelf", "LR4"], "");
    const COLOR: Decl = Decl::text("color", "", "");

    fn reads(decl: &Decl, text: &str, want: f64) {
        let got = decl.parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert!((got.as_f64() - want).abs() < 1e-9, "{text:?}: {got:?}");
    }

    #[test]
    fn numbers_come_with_and_without_their_unit() {
        for text in ["-6", "-6 dB", "-6dB", " -6.0 DB ", "−6 dB", "-0.6e1", "-6."] {
            reads(&FADER, text, -6.0);
        }
        reads(&FADER, "+3", 3.0);
        for text in ["1200", "1.2k", "1.2 kHz", "1200 Hz", "1.2e3 hz", "+1.2K"] {
            reads(&FREQ, text, 1200.0);
        }
        reads(&TIME, "500 ms", 0.5);
        reads(&THRESHOLD, "-20 dBFS", -20.0);
        reads(&THRESHOLD, "-20 dB", -20.0);
        for text in ["4", "4:1", "400 %"] {
            reads(&RATIO, text, 4.0);
        }
        reads(&SHIFT, "-30 ct", -0.3);
        reads(&SHIFT, "7 semitones", 7.0);
    }

    #[test]
    fn off_is_a_level_only() {
        for text in ["off", "OFF", "-inf", "-oo", "-∞", "−∞"] {
            reads(&FADER, text, taper::OFF_DB);
        }
        assert_eq!(FADER.format(&Value::Float(taper::OFF_DB)), "off");
        assert!(THRESHOLD.parse("off").is_err());
        assert!(THRESHOLD.parse("-inf").is_err());
    }

    #[test]
    fn a_delay_may_be_frames_or_metres() {
        reads(&DELAY, "480 frames", 10.0);
        assert_eq!(DELAY.parse_at("441 frames", 44100.0), Ok(Value::Float(10.0)));
        reads(&DELAY, "3.43 m", 10.0);
        reads(&DELAY, "0.5 s", 500.0);
        assert_eq!(DELAY.parse("0.0125 s"), Ok(Value::Float(12.5)));
    }

    #[test]
    fn switches_and_names() {
        for (text, on) in
            [("on", true), ("T", true), ("Yes", true), ("0.5", true), ("off", false), ("FALSE", false), ("0", false)]
        {
            assert_eq!(ON.parse(text), Ok(Value::Bool(on)), "{text}");
        }
        assert_eq!(TYPE.parse("LowShelf"), Ok(Value::Int(1)));
        assert_eq!(TYPE.parse("lr4"), Ok(Value::Int(2)));
        assert_eq!(TYPE.parse("2"), Ok(Value::Int(2)));
        assert_eq!(SLOPE.parse("15.4 dB/oct"), Ok(Value::Int(18)));
        assert_eq!(VOICES.parse("2.6"), Ok(Value::Int(3)));
        assert_eq!(COLOR.parse(" #Ff8800"), Ok(Value::Text(" #Ff8800".into())));
    }

    #[test]
    fn reasons_say_what_was_expected() {
        let reason = |d: &Decl, text: &str| d.parse(text).unwrap_err();
        assert_eq!(reason(&FADER, "loud"), "expected a level of -90 dB to 10 dB or \"off\", got \"loud\"");
        assert_eq!(reason(&FREQ, "1 dB"), "expected a number from 20 Hz to 20 kHz, got \"1 dB\"");
        assert_eq!(reason(&TYPE, "3"), "expected one of peak, lowshelf, LR4 or an index below 3, got \"3\"");
        assert_eq!(reason(&SLOPE, "steep"), "expected one of 6 dB/oct, 12 dB/oct, 18 dB/oct, 24 dB/oct, got \"steep\"");
        assert_eq!(reason(&ON, "maybe"), "expected \"on\" or \"off\", got \"maybe\"");
        for text in ["", " ", "-", ".", "1e999", "nan", "inf", "1 2", "e3", "--1", "1.2.3", "1 kHz Hz", "ß"] {
            assert!(FREQ.parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn displays_read_naturally() {
        let shows = |d: &Decl, x: f64, want: &str| assert_eq!(d.format(&d.clamp(&Value::Float(x))), want);
        shows(&FADER, -6.0, "-6.0 dB");
        shows(&FADER, f64::from(-6.1f32), "-6.1 dB");
        shows(&FADER, -0.0, "0.0 dB");
        shows(&FADER, -100.0, "off");
        shows(&FREQ, 80.0, "80 Hz");
        shows(&FREQ, 999.9, "999.9 Hz");
        shows(&FREQ, 1200.0, "1.2 kHz");
        shows(&FREQ, 1234.5, "1.2345 kHz");
        shows(&FREQ, 20000.0, "20 kHz");
        shows(&DELAY, 0.05, "0.05 ms");
        shows(&DELAY, 1000.0, "1 s");
        shows(&THRESHOLD, -20.0, "-20.0 dBFS");
        shows(&RATIO, 4.0, "4");
        shows(&SLOPE, 12.0, "12 dB/oct");
        shows(&ON, 1.0, "on");
        shows(&TYPE, 1.0, "lowshelf");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(norm in 0.0f64..=1.0) {
            for d in [&FADER, &FREQ, &DELAY, &TIME, &THRESHOLD, &RATIO, &SHIFT, &SLOPE, &VOICES, &ON, &TYPE] {
                let value = d.from_norm(norm);
                let shown = d.format(&value);
                let back = d.parse(&shown).unwrap();
                prop_assert_eq!(back.as_f64() as f32, d.clamp(&value).as_f64() as f32, "{}", shown);
                prop_assert_eq!(d.format(&back), shown);
            }
        }

        #[test]
        fn every_f32_survives(bits in any::<u32>()) {
            let x = f32::from_bits(bits);
            prop_assume!(x.is_finite());
            for d in [&FREQ, &DELAY, &THRESHOLD, &RATIO] {
                let back = d.parse(&d.format(&Value::Float(f64::from(x)))).unwrap();
                prop_assert_eq!(back.as_f64() as f32, x);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            for d in [&FADER, &FREQ, &DELAY, &SLOPE, &VOICES, &ON, &TYPE, &COLOR] {
                let _ = d.parse(&text);
            }
        }
    }
}
