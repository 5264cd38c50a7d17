//! The readings of one file, as JSON and as a table.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::spectrum::OCTAVES;

/// The readings of one file. `None`: no reading, because of silence or because the file is too short.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The path as it was given.
    pub file: String,
    /// Frames a second.
    pub rate: u32,
    /// Samples in a frame.
    pub channels: usize,
    /// Length.
    pub seconds: f64,
    /// Integrated loudness, LUFS.
    pub integrated: Option<f64>,
    /// Largest momentary loudness (400 ms), LUFS.
    pub momentary_max: Option<f64>,
    /// Largest short-term loudness (3 s), LUFS.
    pub shortterm_max: Option<f64>,
    /// Loudness range, LU.
    pub range: Option<f64>,
    /// Largest true peak of any channel, dBTP.
    pub truepeak: Option<f64>,
    /// Largest sample of any channel, dBFS.
    pub samplepeak: Option<f64>,
    /// RMS over all channels, dBFS; a full-scale sine reads 0.
    pub rms: Option<f64>,
    /// From the largest sample up to 0 dBFS, dB; negative where a float file goes beyond.
    pub headroom: Option<f64>,
    /// Of left and right, −1 … 1; none for mono.
    pub correlation: Option<f64>,
    /// What left and right lose by being summed, dB: 0 for equal sides, 3 for unrelated ones; none for
    /// mono.
    pub mono_loss: Option<f64>,
    /// Octaves from 63 Hz to 16 kHz re the whole, dB.
    pub bands: [Option<f64>; 9],
}

/// To a thousandth: far finer than any reading is meant, and without digits that say nothing.
fn rounded(value: Option<f64>) -> Option<f64> {
    // Adding 0 turns −0 into 0.
    value.filter(|value| value.is_finite()).map(|value| (value * 1_000.0).round() / 1_000.0 + 0.0)
}

struct Bands<'a>(&'a [Option<f64>; 9]);

impl Serialize for Bands<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(OCTAVES.iter().map(u32::to_string).zip(self.0.iter().map(|&value| rounded(value))))
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(15))?;
        map.serialize_entry("file", &self.file)?;
        map.serialize_entry("rate", &self.rate)?;
        map.serialize_entry("channels", &self.channels)?;
        map.serialize_entry("seconds", &self.seconds)?;
        for (name, value) in self.readings() {
            map.serialize_entry(name, &rounded(value))?;
        }
        map.serialize_entry("bands", &Bands(&self.bands))?;
        map.end()
    }
}

impl Report {
    /// Every single reading by its name in the JSON, in that order.
    fn readings(&self) -> [(&'static str, Option<f64>); 10] {
        [
            ("integrated", self.integrated),
            ("momentary_max", self.momentary_max),
            ("shortterm_max", self.shortterm_max),
            ("range", self.range),
            ("truepeak", self.truepeak),
            ("samplepeak", self.samplepeak),
            ("rms", self.rms),
            ("headroom", self.headroom),
            ("correlation", self.correlation),
            ("mono_loss", self.mono_loss),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = match self.channels {
            1 => "mono".to_string(),
            2 => "stereo".to_string(),
            n => format!("{n} channels"),
        };
        let (minutes, seconds) = ((self.seconds / 60.0).floor(), self.seconds % 60.0);
        writeln!(f, "{}  {} Hz  {channels}  {minutes:.0}:{seconds:06.3}", self.file, self.rate)?;
        let cell = |value: Option<f64>, places: usize, unit: &str| match rounded(value) {
            Some(value) => format!("{value:8.places$} {unit}"),
            None => format!("{:>8} {:unit$}", "–", "", unit = unit.len()),
        };
        let rows = [
            [("integrated", cell(self.integrated, 1, "LUFS")), ("true peak", cell(self.truepeak, 2, "dBTP"))],
            [("momentary max", cell(self.momentary_max, 1, "LUFS")), ("sample peak", cell(self.samplepeak, 2, "dBFS"))],
            [("short-term max", cell(self.shortterm_max, 1, "LUFS")), ("RMS", cell(self.rms, 2, "dBFS"))],
            [("range", cell(self.range, 1, "LU  ")), ("headroom", cell(self.headroom, 2, "dB"))],
            [("correlation", cell(self.correlation, 2, "    ")), ("mono loss", cell(self.mono_loss, 2, "dB"))],
        ];
        for [(left, a), (right, b)] in rows {
            writeln!(f, "  {left:<15}{a}    {right:<12}{}", b.trim_end())?;
        }
        write!(f, "  octave, Hz ")?;
        for hz in OCTAVES {
            write!(f, "{hz:>7}")?;
        }
        write!(f, "\n  dB re whole")?;
        for band in self.bands {
            match rounded(band) {
                Some(value) => write!(f, "{value:7.1}")?,
                None => write!(f, "{:>7}", "–")?,
            }
        }
        writeln!(f)
    }
}
