//! A number along its travel: the address, the ends, and how a layout writes it.

use super::{Colour, Source};
use headroom_dsp::param::{COLOURS, Kind, Taper, Unit, Value};
use headroom_dsp::tree::ParamId;

/// Points of a taper that is neither linear nor logarithmic: its corners lie on sixteenths of the travel.
const POINTS: usize = 16;

/// A number along its travel 0 … 1.
#[derive(Clone, Debug)]
pub struct Travel {
    /// Its address: `/norm/…` where its taper is not a straight line.
    pub address: String,
    /// What is sent at the lower end.
    pub low: f64,
    /// What is sent at the upper end.
    pub high: f64,
    /// Travel of the default.
    pub default: f64,
    /// Places that it can stand at, where these are few.
    pub stops: Option<usize>,
    /// The role may set it.
    pub writes: bool,
    /// What stands beside its value.
    pub label: String,
    /// How its value is written.
    pub readout: Readout,
}

/// How the value at a travel is written.
#[derive(Clone, Debug)]
pub enum Readout {
    /// A straight line between two numbers.
    Linear {
        /// At 0.
        low: f64,
        /// At 1.
        high: f64,
        /// Decimals; as many as the size asks for where there is none.
        whole: bool,
        /// The unit.
        unit: &'static str,
    },
    /// Equal ratios over equal travel.
    Log {
        /// At 0.
        low: f64,
        /// At 1.
        high: f64,
        /// The unit.
        unit: &'static str,
    },
    /// Straight lines between points at equal distances; off at 0.
    Points {
        /// The values.
        values: Vec<f64>,
        /// The unit.
        unit: &'static str,
    },
    /// One of these, at equal distances.
    Names(Vec<String>),
}

fn written(unit: Unit) -> &'static str {
    unit.suffix()
}

impl Source<'_> {
    /// The travel of a parameter; none where it has none.
    pub(super) fn travel(&self, id: ParamId, label: impl Into<String>) -> Option<Travel> {
        if !self.space.has_travel(id) {
            return None;
        }
        let entry = self.tree.entry(id);
        let decl = entry.decl;
        let unit = written(decl.unit);
        let mut stops = None;
        let mut names = |names: Vec<String>| {
            stops = Some(names.len());
            Readout::Names(names)
        };
        let readout = match decl.kind {
            Kind::Float { min, max, taper: Taper::Linear, .. } => Readout::Linear { low: min, high: max, whole: false, unit },
            Kind::Float { min, max, taper: Taper::Log, .. } => Readout::Log { low: min, high: max, unit },
            Kind::Float { taper: Taper::Level, .. } => {
                // At 0 it is off; the line to there ends above.
                let at = |k: usize| decl.from_norm(if k == 0 { 1e-9 } else { k as f64 / POINTS as f64 }).as_f64();
                let second = decl.from_norm(0.5 / POINTS as f64).as_f64();
                let mut values: Vec<f64> = (0..=POINTS).map(at).collect();
                values[0] = 2.0 * second - values[1];
                Readout::Points { values, unit }
            }
            Kind::Int { min, max, .. } => Readout::Linear { low: min as f64, high: max as f64, whole: true, unit },
            Kind::Steps { values, .. } => names(values.iter().map(|v| format!("{v} {unit}").trim().to_owned()).collect()),
            Kind::Enum { names: all, .. } => names(all.iter().map(|n| (*n).to_owned()).collect()),
            Kind::Bool { .. } | Kind::Text { .. } => return None,
        };
        let plain = matches!(decl.kind, Kind::Float { taper: Taper::Linear, .. });
        let (low, high) = match readout {
            Readout::Linear { low, high, .. } if plain => (low, high),
            _ => (0.0, 1.0),
        };
        let by_id = self.space.by_id(id);
        Some(Travel {
            address: if plain { by_id } else { format!("/norm{by_id}") },
            low,
            high,
            default: decl.to_norm(&entry.default),
            stops,
            writes: self.may_set(id),
            label: label.into(),
            readout,
        })
    }
}

impl Travel {
    /// The value that is sent for a travel, as many digits as it takes.
    pub fn at(&self, travel: f64) -> f64 {
        self.low + travel * (self.high - self.low)
    }
}

/// Red, green and blue of a strip's colour; grey where it has none.
pub(super) fn colour(text: &str) -> Colour {
    if let Some(hex) = text.strip_prefix('#')
        && let Ok(rgb) = u32::from_str_radix(hex, 16)
    {
        return [(rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8];
    }
    debug_assert!(text.is_empty() || COLOURS.iter().any(|c| c.eq_ignore_ascii_case(text)), "{text} is a colour");
    match text.to_ascii_lowercase().as_str() {
        "red" => [224, 62, 62],
        "green" => [64, 178, 90],
        "yellow" => [232, 206, 60],
        "blue" => [70, 120, 232],
        "magenta" => [206, 74, 186],
        "cyan" => [66, 192, 208],
        "white" => [232, 232, 232],
        "orange" => [236, 142, 48],
        "purple" => [142, 84, 206],
        "pink" => [240, 140, 176],
        "brown" => [150, 104, 66],
        "lime" => [160, 216, 64],
        "teal" => [44, 150, 146],
        "navy" => [58, 76, 150],
        "violet" => [168, 116, 232],
        "gold" => [214, 172, 62],
        _ => [128, 136, 146],
    }
}

/// The text of a value.
pub(super) fn name_of(value: Option<&Value>) -> String {
    value.map_or_else(String::new, |v| v.as_text().to_owned())
}
