//! Notes: times that follow the tempo.

use std::fmt;

/// Tempo until one is set, BPM.
pub const TEMPO: f64 = 120.0;

/// How long a note is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Plain,
    /// Half as long again.
    Dotted,
    /// Two thirds.
    Triplet,
}

/// A share of the whole note of four beats, and its time at a tempo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    upper: u16,
    lower: u16,
    held: Held,
    /// Its time in ms at the tempo it was last set to.
    pub ms: f64,
}

impl Note {
    /// Reads `1/8`, `1/4.` (dotted) or `1/8t` (triplet), at [`TEMPO`].
    pub fn parse(text: &str) -> Option<Note> {
        let text = text.trim();
        let (text, held) = match (text.strip_suffix('.'), text.strip_suffix(['t', 'T'])) {
            (Some(text), _) => (text, Held::Dotted),
            (_, Some(text)) => (text, Held::Triplet),
            _ => (text, Held::Plain),
        };
        let (upper, lower) = text.split_once('/')?;
        let number = |text: &str| text.parse().ok().filter(|n: &u16| (1..=128).contains(n) && text.as_bytes()[0] != b'+');
        Some(Note { upper: number(upper)?, lower: number(lower)?, held, ms: 0.0 }.at(TEMPO))
    }

    /// The same note at a tempo in BPM.
    pub fn at(self, bpm: f64) -> Note {
        let held = match self.held {
            Held::Plain => 1.0,
            Held::Dotted => 1.5,
            Held::Triplet => 2.0 / 3.0,
        };
        let whole = 4.0 * 60_000.0 / bpm;
        Note { ms: held * whole * f64::from(self.upper) / f64::from(self.lower), ..self }
    }

    /// The same note, held no shorter and no longer than this, ms.
    pub fn within(self, min: f64, max: f64) -> Note {
        Note { ms: self.ms.clamp(min, max), ..self }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match self.held {
            Held::Plain => "",
            Held::Dotted => ".",
            Held::Triplet => "t",
        };
        write!(f, "{}/{}{held}", self.upper, self.lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_last_as_musicians_count() {
        for (text, bpm, ms) in [
            ("1/4", 120.0, 500.0),
            ("1/8", 120.0, 250.0),
            ("1/8.", 120.0, 375.0),
            ("1/8t", 100.0, 200.0),
            (" 3/16 ", 60.0, 750.0),
        ] {
            let note = Note::parse(text).unwrap().at(bpm);
            assert!((note.ms - ms).abs() < 1e-9, "{text}: {}", note.ms);
            assert_eq!(note.to_string(), text.trim());
        }
        for bad in ["", "1", "/8", "1/", "0/4", "1/0", "1/8x", "-1/8", "+1/8", "1/8..", "1/8.t", "1/999", "1 / 8"] {
            assert_eq!(Note::parse(bad), None, "{bad}");
        }
    }
}
