//! What masters are made for: loudness, ceiling, and what the medium asks beside them.

use super::super::Fail;
use crate::audiofile::Bits;
use clap::ValueEnum;

/// Where a master goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Medium {
    /// −14 LUFS, −1 dBTP.
    Spotify,
    /// −16 LUFS, −1 dBTP.
    Apple,
    /// −14 LUFS, −1 dBTP.
    Youtube,
    /// −23 LUFS, −1 dBTP.
    EbuR128,
    /// At most −9 LUFS, −0.3 dBTP, 44.1 kHz, 16 bit.
    Cd,
    /// At most −14 LUFS, −3 dBTP, mono below 150 Hz, 24 bit.
    Vinyl,
    /// What --loudness and --ceiling say.
    Custom,
}

/// What a master has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Integrated loudness, LUFS.
    pub loudness: f64,
    /// True peak that nothing passes, dBTP.
    pub ceiling: f64,
    /// Where the loudness is a limit, not a goal: a song is brought up to it only as far as the limiter takes no more
    /// than this off the peaks, dB.
    pub gentle: Option<f64>,
    /// Rate, where the medium has one.
    pub rate: Option<u32>,
    /// Sample format, where nothing else is asked for.
    pub bits: Bits,
    /// No side signal below this, Hz.
    pub mono: Option<f64>,
}

/// What cd and vinyl let the limiter take off the peaks, dB.
const GENTLE_DB: f64 = 6.0;

impl Medium {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }

    /// What it asks for; loudness and ceiling may be given.
    ///
    /// # Errors
    /// They are missing, or out of range.
    pub fn target(self, loudness: Option<f64>, ceiling: Option<f64>) -> Result<Target, Fail> {
        let plain = |loudness, ceiling| Target { loudness, ceiling, gentle: None, rate: None, bits: Bits::Int24, mono: None };
        let base = match self {
            Medium::Spotify | Medium::Youtube => plain(-14.0, -1.0),
            Medium::Apple => plain(-16.0, -1.0),
            Medium::EbuR128 => plain(-23.0, -1.0),
            Medium::Cd => Target { gentle: Some(GENTLE_DB), rate: Some(44_100), bits: Bits::Int16, ..plain(-9.0, -0.3) },
            Medium::Vinyl => Target { gentle: Some(GENTLE_DB), mono: Some(150.0), ..plain(-14.0, -3.0) },
            Medium::Custom => match (loudness, ceiling) {
                (Some(loudness), Some(ceiling)) => plain(loudness, ceiling),
                _ => return Err(Fail::input("--target custom needs --loudness LUFS and --ceiling dBTP, such as -18 and -2")),
            },
        };
        let target = Target { loudness: loudness.unwrap_or(base.loudness), ceiling: ceiling.unwrap_or(base.ceiling), ..base };
        if !(-60.0..=-3.0).contains(&target.loudness) {
            return Err(Fail::input(format!("--loudness {} is out of range; expected -60 … -3 LUFS", target.loudness)));
        }
        if !(-20.0..=0.0).contains(&target.ceiling) {
            return Err(Fail::input(format!("--ceiling {} is out of range; expected -20 … 0 dBTP", target.ceiling)));
        }
        Ok(target)
    }
}

impl Target {
    /// The loudness that is gone for: a hair under one that must not be passed.
    pub fn aim(&self) -> f64 {
        self.loudness - if self.gentle.is_some() { 0.03 } else { 0.0 }
    }
}
