//! Value over travel: tapers both ways, clamping and stepping.

use super::{Decl, Kind, Taper, Value};

/// The value that reads as off (gain exactly 0).
pub const OFF_DB: f64 = -144.0;
/// Levels below this are off.
pub const LEVEL_FLOOR_DB: f64 = -90.0;

/// dB of the level law at travel `n` (0 … 1). 0 is off (−144).
pub fn level_db(n: f64) -> f64 {
    if n >= 0.5 {
        40.0 * n - 30.0
    } else if n >= 0.25 {
        80.0 * n - 50.0
    } else if n >= 0.0625 {
        160.0 * n - 70.0
    } else if n > 0.0 {
        480.0 * n - 90.0
    } else {
        OFF_DB
    }
}

/// Travel (0 … 1) of a level in dB; the inverse of [`level_db`].
pub fn level_travel(db: f64) -> f64 {
    let n = if db >= -10.0 {
        (db + 30.0) / 40.0
    } else if db >= -30.0 {
        (db + 50.0) / 80.0
    } else if db >= -60.0 {
        (db + 70.0) / 160.0
    } else {
        (db + 90.0) / 480.0
    };
    n.clamp(0.0, 1.0)
}

/// Linear gain of a level in dB; anything under −90 dB is exactly 0.
pub fn gain(db: f64) -> f64 {
    if db < LEVEL_FLOOR_DB {
        0.0
    } else if db == 0.0 {
        1.0
    } else {
        10f64.powf(db / 20.0)
    }
}

impl Decl {
    /// The nearest value this parameter can hold. Kinds must agree (coercion is the protocol's);
    /// a value of another kind, or not a number, gives the default.
    pub fn clamp(&self, value: &Value) -> Value {
        match (self.kind, value) {
            (Kind::Float { min, max, .. }, Value::Note(note)) if self.notes => Value::Note(note.within(min, max)),
            (Kind::Float { min, max, taper, .. }, v @ (Value::Float(_) | Value::Int(_) | Value::Bool(_))) => {
                let x = v.as_f64();
                if x.is_nan() {
                    return self.default();
                }
                let x = x.clamp(min, max) + 0.0;
                if taper == Taper::Level && x < LEVEL_FLOOR_DB { Value::Float(OFF_DB) } else { Value::Float(x) }
            }
            (Kind::Int { min, max, .. }, Value::Float(_) | Value::Int(_) | Value::Bool(_)) => {
                Value::Int((value.as_f64().round() as i64).clamp(min, max))
            }
            (Kind::Steps { values, .. }, Value::Float(_) | Value::Int(_) | Value::Bool(_)) => {
                let x = value.as_f64();
                let near = values.iter().copied().min_by(|a, b| (*a as f64 - x).abs().total_cmp(&(*b as f64 - x).abs()));
                near.map_or_else(|| self.default(), Value::Int)
            }
            (Kind::Bool { .. }, Value::Float(_) | Value::Int(_) | Value::Bool(_)) => Value::Bool(value.as_bool()),
            (Kind::Enum { names, .. }, Value::Float(_) | Value::Int(_) | Value::Bool(_)) => {
                Value::Int((value.as_f64().round() as i64).clamp(0, names.len() as i64 - 1))
            }
            (Kind::Text { .. }, Value::Text(_)) => value.clone(),
            _ => self.default(),
        }
    }

    /// Travel (0 … 1) of a value; text has none and reads 0.
    pub fn to_norm(&self, value: &Value) -> f64 {
        let x = value.as_f64();
        let index = |i: f64, n: usize| if n < 2 { 0.0 } else { i / (n - 1) as f64 };
        match self.kind {
            Kind::Float { taper: Taper::Level, .. } => level_travel(x),
            Kind::Float { min, max, taper: Taper::Log, .. } => ((x / min).ln() / (max / min).ln()).clamp(0.0, 1.0),
            Kind::Float { min, max, .. } => ((x - min) / (max - min)).clamp(0.0, 1.0),
            Kind::Int { min, max, .. } => index(x - min as f64, max.saturating_sub(min).saturating_add(1) as usize),
            Kind::Steps { values, .. } => index(values.iter().position(|v| *v as f64 == x).unwrap_or(0) as f64, values.len()),
            Kind::Bool { .. } => x,
            Kind::Enum { names, .. } => index(x, names.len()),
            Kind::Text { .. } => 0.0,
        }
    }

    /// The value at travel `n` (clamped to 0 … 1). Text gives its default.
    pub fn from_norm(&self, n: f64) -> Value {
        let n = if n.is_nan() { 0.0 } else { n.clamp(0.0, 1.0) };
        let index = |count: usize| (n * (count.max(1) - 1) as f64).round();
        match self.kind {
            Kind::Float { taper: Taper::Level, .. } => Value::Float(level_db(n)),
            // The ends are exact: a power of a rounded ratio need not be.
            Kind::Float { max, .. } if n == 1.0 => Value::Float(max),
            Kind::Float { min, max, taper: Taper::Log, .. } => Value::Float(min * (max / min).powf(n)),
            Kind::Float { min, max, .. } => Value::Float(min + n * (max - min)),
            Kind::Int { min, max, .. } => Value::Int(min + index(max.saturating_sub(min).saturating_add(1) as usize) as i64),
            Kind::Steps { values, .. } => Value::Int(values[index(values.len()) as usize]),
            Kind::Bool { .. } => Value::Bool(n >= 0.5),
            Kind::Enum { names, .. } => Value::Int(index(names.len()) as i64),
            Kind::Text { default } => Value::Text(default.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_law_has_its_marks() {
        for (db, n) in [(10.0, 1.0), (0.0, 0.75), (-10.0, 0.5), (-30.0, 0.25), (-60.0, 0.0625), (OFF_DB, 0.0)] {
            assert_eq!(level_db(n), db);
            assert_eq!(level_travel(db), n);
        }
    }

    #[test]
    fn under_the_floor_is_off() {
        let fader = Decl::level("fader", 0.0, "");
        assert_eq!(fader.clamp(&Value::Float(-90.1)), Value::Float(OFF_DB));
        assert_eq!(fader.clamp(&Value::Float(-90.0)), Value::Float(-90.0));
        assert_eq!(gain(OFF_DB), 0.0);
        assert_eq!(gain(0.0), 1.0);
    }

    #[test]
    fn steps_take_the_nearest() {
        let slope = Decl::steps("slope", super::super::Unit::DbOct, &[6, 12, 18, 24], 12, "");
        assert_eq!(slope.clamp(&Value::Float(16.0)), Value::Int(18));
        assert_eq!(slope.from_norm(1.0), Value::Int(24));
    }
}
