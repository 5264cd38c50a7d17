//! Parameters, declared once: path, kind, unit, range, taper, default and one line of documentation.
//!
//! A processor declares its parameters in a `const` table beside its code. Addresses, OSCQuery, the
//! rig file, scenes, surfaces and the printed reference only iterate those tables.

pub mod note;
pub mod taper;
pub mod text;

use std::sync::Arc;

/// The unit a number is given in; decides how it is written and which suffixes text may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A bare number (ratio, Q, mix, pan, counts).
    None,
    /// Decibels of gain or level; −144 is off.
    Db,
    /// Level in dB re full scale (sine peak).
    Dbfs,
    /// Decibels re full scale, true peak.
    Dbtp,
    /// Loudness in LUFS.
    Lufs,
    /// Loudness range in LU.
    Lu,
    /// Hertz.
    Hz,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// Microseconds.
    Us,
    /// Parts of a hundred.
    Percent,
    /// Frames at the engine's rate.
    Frames,
    /// dB per octave.
    DbOct,
    /// Bits of a sample.
    Bits,
    /// Semitones.
    Semitones,
    /// Beats per minute.
    Bpm,
}

/// How a range is laid over the travel 0 … 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taper {
    /// Proportional.
    Linear,
    /// Equal ratios over equal travel; both limits positive.
    Log,
    /// The four-segment level law of faders and sends (0 dB at 0.75).
    Level,
}

impl Taper {
    /// Its name, as the reference and OSCQuery tell it.
    pub const fn name(self) -> &'static str {
        match self {
            Taper::Linear => "linear",
            Taper::Log => "log",
            Taper::Level => "level",
        }
    }
}

/// What kind of value a parameter holds, its range and its default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A continuous number.
    Float {
        /// Lowest value.
        min: f64,
        /// Highest value.
        max: f64,
        /// Value of a fresh strip.
        default: f64,
        /// Law over travel.
        taper: Taper,
    },
    /// A whole number.
    Int {
        /// Lowest value.
        min: i64,
        /// Highest value.
        max: i64,
        /// Value of a fresh strip.
        default: i64,
    },
    /// One of a few numbers (filter slopes, word lengths); a set takes the nearest.
    Steps {
        /// Allowed values, ascending.
        values: &'static [i64],
        /// Value of a fresh strip.
        default: i64,
    },
    /// Off or on.
    Bool {
        /// Value of a fresh strip.
        default: bool,
    },
    /// One of a few names; held as its index.
    Enum {
        /// The names, in order.
        names: &'static [&'static str],
        /// Index of the default.
        default: usize,
    },
    /// Text.
    Text {
        /// Value of a fresh strip.
        default: &'static str,
    },
}

/// Who may write a parameter, and how it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Set and asked.
    Write,
    /// Told by the engine at a meter's rate; patterns must spell its part.
    Meter,
    /// Read only, changes rarely.
    Read,
}

/// How many numbers a parameter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One.
    One,
    /// One for each side of the strip.
    Sides,
    /// This many.
    Fixed(u8),
}

impl Width {
    /// Numbers on a strip of this many sides.
    pub fn of(self, sides: usize) -> usize {
        match self {
            Width::One => 1,
            Width::Sides => sides,
            Width::Fixed(n) => usize::from(n),
        }
    }
}

/// What a text may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Any,
    /// Empty, one of [`COLOURS`], or `#rrggbb`.
    Colour,
}

/// Colour names.
pub const COLOURS: &[&str] = &[
    "off", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "orange", "purple", "pink", "brown", "grey",
    "gray", "lime", "teal", "navy", "violet", "gold",
];

impl Form {
    /// Whether a text has this form.
    pub fn fits(self, text: &str) -> bool {
        match (self, text.strip_prefix('#')) {
            (Form::Any, _) => true,
            (Form::Colour, Some(hex)) => hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
            (Form::Colour, None) => text.is_empty() || COLOURS.iter().any(|c| c.eq_ignore_ascii_case(text)),
        }
    }
}

/// One parameter. See the module documentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decl {
    /// Address below its part, such as `threshold`; empty for a numbered value itself (`crossover/1`).
    pub path: &'static str,
    /// Kind, range, default.
    pub kind: Kind,
    /// Unit of its numbers.
    pub unit: Unit,
    /// Access.
    pub access: Access,
    /// What its text may be.
    pub form: Form,
    /// Changing it changes the schedule (latency, routing): it goes through the click-free swap.
    pub structural: bool,
    /// Off at every start, whatever it was before: listening, not the mix.
    pub momentary: bool,
    /// A button: setting it on does something once, and it always reads off.
    pub trigger: bool,
    /// How many numbers it answers.
    pub width: Width,
    /// It also takes a note of the tempo (`1/8`), and follows it.
    pub notes: bool,
    /// One line of documentation.
    pub doc: &'static str,
}

impl Decl {
    const fn new(path: &'static str, kind: Kind, unit: Unit, doc: &'static str) -> Self {
        Decl {
            path,
            kind,
            unit,
            access: Access::Write,
            form: Form::Any,
            structural: false,
            momentary: false,
            trigger: false,
            width: Width::One,
            notes: false,
            doc,
        }
    }

    /// A continuous number with a linear taper.
    pub const fn float(path: &'static str, unit: Unit, min: f64, max: f64, default: f64, doc: &'static str) -> Self {
        Self::new(path, Kind::Float { min, max, default, taper: Taper::Linear }, unit, doc)
    }

    /// A continuous number with a logarithmic taper (frequencies, times, Q).
    pub const fn log(path: &'static str, unit: Unit, min: f64, max: f64, default: f64, doc: &'static str) -> Self {
        Self::new(path, Kind::Float { min, max, default, taper: Taper::Log }, unit, doc)
    }

    /// A level in dB, −144 (off) … +10, with the level taper.
    pub const fn level(path: &'static str, default: f64, doc: &'static str) -> Self {
        let kind = Kind::Float { min: taper::OFF_DB, max: 10.0, default, taper: Taper::Level };
        Self::new(path, kind, Unit::Db, doc)
    }

    /// A whole number.
    pub const fn int(path: &'static str, unit: Unit, min: i64, max: i64, default: i64, doc: &'static str) -> Self {
        Self::new(path, Kind::Int { min, max, default }, unit, doc)
    }

    /// One of a few numbers.
    pub const fn steps(path: &'static str, unit: Unit, values: &'static [i64], default: i64, doc: &'static str) -> Self {
        Self::new(path, Kind::Steps { values, default }, unit, doc)
    }

    /// A switch.
    pub const fn bool(path: &'static str, default: bool, doc: &'static str) -> Self {
        Self::new(path, Kind::Bool { default }, Unit::None, doc)
    }

    /// One of a few names; the first is the default.
    pub const fn names(path: &'static str, names: &'static [&'static str], doc: &'static str) -> Self {
        Self::new(path, Kind::Enum { names, default: 0 }, Unit::None, doc)
    }

    /// Text.
    pub const fn text(path: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self::new(path, Kind::Text { default }, Unit::None, doc)
    }

    /// A colour.
    pub const fn colour(path: &'static str, doc: &'static str) -> Self {
        let mut decl = Self::text(path, "", doc);
        decl.form = Form::Colour;
        decl
    }

    /// The same parameter with another numeric default (`glue` is `comp` with other defaults).
    pub const fn with_default(mut self, to: f64) -> Self {
        match &mut self.kind {
            Kind::Float { default, .. } => *default = to,
            Kind::Int { default, .. } | Kind::Steps { default, .. } => *default = to as i64,
            Kind::Bool { default } => *default = to >= 0.5,
            Kind::Enum { default, .. } => *default = to as usize,
            Kind::Text { .. } => panic!("text has no numeric default"),
        }
        self
    }

    /// Marks a parameter whose change goes through a new schedule.
    pub const fn structural(mut self) -> Self {
        self.structural = true;
        self
    }

    /// Marks a parameter that is off at every start and no state.
    pub const fn momentary(mut self) -> Self {
        self.momentary = true;
        self
    }

    /// Marks a button: see [`Decl::trigger`]. It is no state.
    pub const fn button(mut self) -> Self {
        self.momentary = true;
        self.trigger = true;
        self
    }

    /// Marks a meter with a number for each side of the strip.
    pub const fn sides(mut self) -> Self {
        self.width = Width::Sides;
        self
    }

    /// Marks a meter of this many numbers.
    pub const fn numbers(mut self, count: u8) -> Self {
        self.width = Width::Fixed(count);
        self
    }

    /// Marks a time that also takes notes of the tempo.
    pub const fn notes(mut self) -> Self {
        self.notes = true;
        self
    }

    /// Marks a parameter told by the engine.
    pub const fn meter(mut self) -> Self {
        self.access = Access::Meter;
        self
    }

    /// Marks a parameter that cannot be set.
    pub const fn read_only(mut self) -> Self {
        self.access = Access::Read;
        self
    }

    /// The value of a fresh strip.
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Float { default, .. } => Value::Float(default),
            Kind::Int { default, .. } | Kind::Steps { default, .. } => Value::Int(default),
            Kind::Bool { default } => Value::Bool(default),
            Kind::Enum { default, .. } => Value::Int(default as i64),
            Kind::Text { default } => Value::Text(default.into()),
        }
    }
}

/// The value of a parameter. Enums hold their index as `Int`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A continuous number.
    Float(f64),
    /// A whole number, or an enum's index.
    Int(i64),
    /// A switch.
    Bool(bool),
    /// Text.
    Text(Arc<str>),
    /// A time as a note: a number of ms that follows the tempo.
    Note(note::Note),
}

impl Value {
    /// The value as a number; text reads 0.
    pub fn as_f64(&self) -> f64 {
        match self {
            Value::Float(x) => *x,
            Value::Int(i) => *i as f64,
            Value::Bool(b) => f64::from(u8::from(*b)),
            Value::Text(_) => 0.0,
            Value::Note(note) => note.ms,
        }
    }

    /// The value as a switch.
    pub fn as_bool(&self) -> bool {
        self.as_f64() >= 0.5
    }

    /// The value as text; numbers read empty.
    pub fn as_text(&self) -> &str {
        match self {
            Value::Text(t) => t,
            _ => "",
        }
    }
}
