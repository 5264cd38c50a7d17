//! OSC arguments to values and back.
//!
//! Apps send what they have: a slider a float, a button an int, a cue list text. All of it is taken
//! where it can mean only one thing.
//!
//! | parameter | takes |
//! | --- | --- |
//! | continuous number | int, float, double; text with a unit (`"-6 dB"`, `"1.2k"`, `"off"`); some times a note (`"1/8"`) |
//! | whole or discrete number | the same, to the nearest allowed |
//! | switch | any number (≥ 0.5), `T F`, `on off true false yes no` |
//! | one of a few names | its name, or its index as any number (rounded) |
//! | text | text |
//!
//! A number past a limit is held at the limit and marked, so that the sender can be told. All else
//! is refused with a reason in words.

use crate::osc::decode::Arg;
use crate::osc::encode;
use headroom_dsp::param::{Access, Decl, Kind, Unit, Value};
use std::borrow::Cow;
use std::fmt;

/// Longest text that a parameter takes, in bytes.
pub const MAX_TEXT: usize = 255;

/// Longest text that is read as a number or a name, in bytes.
const MAX_WORD: usize = 40;

/// Largest whole number that still has a travel; counters have none.
const MAX_TRAVEL: i64 = u32::MAX as i64;

/// Why arguments are no value of a parameter, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as `/error` tells it.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

fn refuse<T>(reason: impl Into<Cow<'static, str>>) -> Result<T, Refused> {
    Err(Refused { reason: reason.into() })
}

/// A value that a parameter can hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Coerced {
    /// The value, within the limits.
    pub value: Value,
    /// It is a limit and not the number that was sent.
    pub clamped: bool,
}

/// Whether a parameter has a travel 0 … 1: numbers, switches and names have, text and counters not.
pub fn has_travel(decl: &Decl) -> bool {
    match decl.kind {
        Kind::Text { .. } => false,
        Kind::Int { min, max, .. } => max.saturating_sub(min) < MAX_TRAVEL,
        _ => true,
    }
}

/// The value that the arguments of a set mean. `rate` is for times given in frames, Hz.
///
/// Numbers touch no allocator.
///
/// # Errors
///
/// [`Refused`] where the parameter is read only, or where the arguments are not exactly one, are an
/// array, are not finite or cannot be coerced, or an index is outside.
#[inline]
pub fn plain<'a>(decl: &Decl, args: impl IntoIterator<Item = Arg<'a>>, rate: f64) -> Result<Coerced, Refused> {
    match single(decl, args)? {
        Sent::Number(x) => number(decl, x),
        Sent::Switch(on) => match decl.kind {
            Kind::Bool { .. } => Ok(Coerced { value: Value::Bool(on), clamped: false }),
            _ => refuse(expected(decl)),
        },
        Sent::Text(text) => from_text(decl, text, rate),
    }
}

/// The value that the arguments of a set at `/norm/…` mean: one number 0 … 1, or a switch.
///
/// # Errors
///
/// [`Refused`] as [`plain`], and where the parameter has no travel.
#[inline]
pub fn norm<'a>(decl: &Decl, args: impl IntoIterator<Item = Arg<'a>>) -> Result<Coerced, Refused> {
    let sent = single(decl, args)?;
    if !has_travel(decl) {
        return refuse(NO_TRAVEL);
    }
    let n = match sent {
        Sent::Number(n) => n,
        Sent::Switch(on) if matches!(decl.kind, Kind::Bool { .. }) => f64::from(u8::from(on)),
        Sent::Switch(_) => return refuse("expected a number from 0 to 1"),
        Sent::Text(text) => match text.trim().parse() {
            Ok(n) if text.len() <= MAX_WORD => n,
            _ => return refuse("expected a number from 0 to 1"),
        },
    };
    if !n.is_finite() {
        return refuse(NOT_FINITE);
    }
    Ok(Coerced { value: decl.from_norm(n), clamped: !(0.0..=1.0).contains(&n) })
}

/// Why `/norm/…` of text is refused.
pub(crate) const NO_TRAVEL: &str = "has no travel from 0 to 1; ask without /norm";
const NOT_FINITE: &str = "not a finite number";

/// What one argument amounts to.
enum Sent<'a> {
    Number(f64),
    Switch(bool),
    Text(&'a str),
}

/// The one argument of a set.
#[inline]
fn single<'a>(decl: &Decl, args: impl IntoIterator<Item = Arg<'a>>) -> Result<Sent<'a>, Refused> {
    if decl.access != Access::Write {
        return refuse("read only");
    }
    let mut args = args.into_iter();
    let sent = match args.next() {
        Some(Arg::Float(x)) => Sent::Number(x.into()),
        Some(Arg::Int(i)) => Sent::Number(i.into()),
        Some(Arg::Double(x)) => Sent::Number(x),
        Some(Arg::Long(i)) => Sent::Number(i as f64),
        Some(Arg::Bool(on)) => Sent::Switch(on),
        Some(Arg::Str(text) | Arg::Symbol(text)) => Sent::Text(text),
        Some(Arg::ArrayOpen | Arg::ArrayClose) => return refuse("arrays are not taken"),
        Some(_) => return refuse(expected(decl)),
        None => return refuse("no value"),
    };
    match args.next() {
        None => Ok(sent),
        Some(_) => refuse("more than one argument"),
    }
}

#[inline]
fn number(decl: &Decl, x: f64) -> Result<Coerced, Refused> {
    if !x.is_finite() {
        return refuse(NOT_FINITE);
    }
    let past = |min: f64, max: f64| x < min || x > max;
    let clamped = match decl.kind {
        Kind::Float { min, max, .. } => past(min, max),
        Kind::Int { min, max, .. } => past(min as f64, max as f64),
        Kind::Steps { values, .. } => match values {
            [min, .., max] => past(*min as f64, *max as f64),
            _ => false,
        },
        Kind::Bool { .. } => false,
        Kind::Enum { names, .. } => {
            if !(0.0..names.len() as f64).contains(&(x.round() + 0.0)) {
                return refuse(expected(decl));
            }
            false
        }
        Kind::Text { .. } => return refuse(expected(decl)),
    };
    Ok(Coerced { value: decl.clamp(&Value::Float(x)), clamped })
}

fn from_text(decl: &Decl, text: &str, rate: f64) -> Result<Coerced, Refused> {
    if let Kind::Text { .. } = decl.kind {
        return match text.len() {
            0..=MAX_TEXT if !decl.form.fits(text) => refuse("expected a colour name or #rrggbb"),
            0..=MAX_TEXT => Ok(Coerced { value: Value::Text(text.into()), clamped: false }),
            _ => refuse("text of more than 255 bytes"),
        };
    }
    if text.len() > MAX_WORD {
        return refuse(expected(decl));
    }
    let value = decl.parse_at(text, rate).map_err(|reason| Refused { reason: reason.into() })?;
    if let Value::Note(_) = value {
        return Ok(Coerced { value: decl.clamp(&value), clamped: false });
    }
    // What the text names is a number of the right kind; only its limits are left to look at.
    number(decl, value.as_f64())
}

/// What a parameter takes, for a reason.
fn expected(decl: &Decl) -> Cow<'static, str> {
    match decl.kind {
        Kind::Float { .. } | Kind::Int { .. } | Kind::Steps { .. } => "expected a number".into(),
        Kind::Bool { .. } => "expected on or off".into(),
        Kind::Enum { names, .. } => format!("expected one of {} or an index below {}", names.join(", "), names.len()).into(),
        Kind::Text { .. } => "expected text".into(),
    }
}

/// A value as answers carry it: numbers `f`, counts and indices `i`, switches `i` 0 or 1, names and
/// text `s`.
pub fn answer(decl: &Decl, value: &Value) -> encode::Arg {
    let whole = |i: f64| encode::Arg::Int(i as i32);
    match decl.kind {
        Kind::Float { .. } => match value {
            Value::Note(note) => encode::Arg::String(note.to_string()),
            _ => encode::Arg::Float(value.as_f64() as f32),
        },
        // A slope is a number of dB; bits and voices are counted.
        Kind::Steps { .. } if !matches!(decl.unit, Unit::None | Unit::Bits | Unit::Frames) => {
            encode::Arg::Float(value.as_f64() as f32)
        }
        Kind::Int { .. } | Kind::Steps { .. } => whole(value.as_f64()),
        Kind::Bool { .. } => encode::Arg::Int(value.as_bool().into()),
        Kind::Enum { names, .. } => match names.get(value.as_f64() as usize) {
            Some(name) => encode::Arg::String((*name).into()),
            None => whole(value.as_f64()),
        },
        Kind::Text { .. } => encode::Arg::String(value.as_text().into()),
    }
}

/// A value as answers at `/norm/…` carry it: `f` 0 … 1; 0 for what has no travel.
pub fn answer_norm(decl: &Decl, value: &Value) -> encode::Arg {
    encode::Arg::Float(if has_travel(decl) { decl.to_norm(value) as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests;
