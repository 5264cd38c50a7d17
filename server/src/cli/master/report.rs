//! What was done, as a table and as JSON.

use super::pass::Song;
use super::solve::Solved;
use super::target::{Medium, Target};
use crate::analyze::{Measured, OCTAVES, Report};
use serde_json::{Value as Json, json};
use std::fmt;

/// More than this off the peaks is heard, dB.
const HEARD_DB: f64 = 12.0;
/// A song of an album stands out by more than this, in dB of an octave or LU of range.
const APART: f64 = 3.0;
/// An octave under this is as good as empty, dB re the whole: how empty says nothing.
const FAINT_DB: f64 = -45.0;

/// One song, before and after.
struct Line {
    file: String,
    to: String,
    before: Report,
    after: Report,
    reduction: f64,
    format: String,
    notes: Vec<String>,
}

/// The whole run.
pub struct Master {
    medium: Medium,
    target: Target,
    gain: f64,
    /// Integrated loudness over all songs, LUFS.
    loudness: [Option<f64>; 2],
    lines: Vec<Line>,
    notes: Vec<String>,
}

/// A signed number with a real minus.
fn signed(value: f64) -> String {
    let text = format!("{:.1}", value.abs());
    let sign = if text == "0.0" {
        ""
    } else if value < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{text}")
}

/// What stands out from the other songs: octaves re the whole, and the range.
fn apart(reports: &[&Report], n: usize) -> Vec<String> {
    let mut octaves = Vec::new();
    let mean = |values: Vec<f64>| (values.len() == reports.len()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let mut found = Vec::new();
    for (octave, hz) in OCTAVES.iter().enumerate() {
        let level = |r: &Report| r.bands[octave].map(|db| db.max(FAINT_DB));
        let Some(mean) = mean(reports.iter().filter_map(|r| level(r)).collect()) else { continue };
        let by = level(reports[n]).unwrap_or(mean) - mean;
        if by.abs() > APART {
            octaves.push(format!("{hz} Hz {}", signed(by)));
        }
    }
    if !octaves.is_empty() {
        found.push(format!("octaves off the album's mean, dB: {}", octaves.join(", ")));
    }
    if let Some(mean) = mean(reports.iter().filter_map(|r| r.range).collect()) {
        let by = reports[n].range.unwrap_or(mean) - mean;
        if by.abs() > APART {
            found.push(format!("loudness range off the album's mean: {} LU", signed(by)));
        }
    }
    found
}

impl Master {
    /// From what the songs were, `together` their loudness, and what became of them.
    pub fn new(
        medium: Medium,
        target: &Target,
        songs: &[Song],
        files: &[Measured],
        together: Option<f64>,
        solved: &Solved,
        notes: Vec<String>,
    ) -> Master {
        let after: Vec<&Report> = solved.passes.iter().map(|p| &p.measured.report).collect();
        let line = |(n, song): (usize, &Song)| {
            let reduction = solved.passes[n].reduction;
            let mut notes = if songs.len() > 1 { apart(&after, n) } else { Vec::new() };
            if reduction > HEARD_DB {
                notes.push(format!(
                    "the limiter takes {reduction:.1} dB off the peaks, more than {HEARD_DB} dB is heard: compress them \
                     first (--rig), or choose a quieter target"
                ));
            }
            Line {
                file: song.file.display().to_string(),
                to: song.to.display().to_string(),
                before: files[n].report.clone(),
                after: after[n].clone(),
                reduction,
                format: format!("{} Hz, {}", song.format.rate, song.format.bits.encoding()),
                notes,
            }
        };
        let mut notes = notes;
        if target.gentle.is_some() && solved.loudness < target.aim() - 0.1 {
            notes.push(format!(
                "{} LUFS is a limit: the peaks would need more than {} dB of limiting to get there",
                signed(target.loudness),
                target.gentle.unwrap_or(0.0)
            ));
        }
        Master {
            medium,
            target: *target,
            gain: solved.gain,
            loudness: [together, Some(solved.loudness)],
            lines: songs.iter().enumerate().map(line).collect(),
            notes,
        }
    }

    /// The report as JSON.
    pub fn json(&self) -> Json {
        let rounded = |value: Option<f64>| value.map(|v| (v * 1000.0).round() / 1000.0 + 0.0);
        let songs = self.lines.iter().map(|line| {
            json!({
                "file": line.file,
                "output": line.to,
                "gain": rounded(Some(self.gain)),
                "reduction": rounded(Some(line.reduction)),
                "before": line.before,
                "after": line.after,
                "notes": line.notes,
            })
        });
        json!({
            "target": self.medium.name(),
            "loudness": self.target.loudness,
            "ceiling": self.target.ceiling,
            "gain": rounded(Some(self.gain)),
            "integrated_before": rounded(self.loudness[0]),
            "integrated_after": rounded(self.loudness[1]),
            "songs": songs.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = |text: String| text.replace('-', "−");
        let most = if self.target.gentle.is_some() { "at most " } else { "" };
        let goal = minus(format!("{most}{} LUFS, {} dBTP", self.target.loudness, self.target.ceiling));
        let gain = signed(self.gain);
        writeln!(f, "{}: {goal}", self.medium.name())?;
        if self.lines.len() > 1 {
            let [before, after] = self.loudness.map(|l| minus(l.map_or("–".into(), |l| format!("{l:.1}"))));
            writeln!(f, "an album of {} songs, {before} → {after} LUFS, one gain of {gain} dB", self.lines.len())?;
        }
        let cell = |value: Option<f64>, places: usize| minus(value.map_or("–".into(), |v| format!("{v:.places$}")));
        for line in &self.lines {
            writeln!(f, "\n{}", line.file)?;
            writeln!(
                f,
                "  {:<8}{:>12}{:>10}{:>13}{:>13}{:>10}{:>10}",
                "", "loudness", "range", "true peak", "sample peak", "gain", "limiter"
            )?;
            for (name, report, gain, limiter) in [
                ("before", &line.before, String::new(), String::new()),
                ("after", &line.after, format!("{gain} dB"), format!("{} dB", signed(-line.reduction))),
            ] {
                let row = format!(
                    "  {name:<8}{:>7} LUFS{:>7} LU{:>8} dBTP{:>8} dBFS{gain:>10}{limiter:>10}",
                    cell(report.integrated, 1),
                    cell(report.range, 1),
                    cell(report.truepeak, 2),
                    cell(report.samplepeak, 2),
                );
                writeln!(f, "{}", row.trim_end())?;
            }
            writeln!(f, "  → {}  {}", line.to, line.format)?;
            for note in &line.notes {
                writeln!(f, "  ! {note}")?;
            }
        }
        for note in &self.notes {
            writeln!(f, "\n! {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(bass: f64, range: f64) -> Report {
        let mut bands = [Some(-9.0); 9];
        bands[0] = Some(bass);
        bands[8] = Some(-60.0 + bass);
        Report {
            file: String::new(),
            rate: 48_000,
            channels: 2,
            seconds: 1.0,
            integrated: Some(-14.0),
            momentary_max: None,
            shortterm_max: None,
            range: Some(range),
            truepeak: None,
            samplepeak: None,
            rms: None,
            headroom: None,
            correlation: None,
            mono_loss: None,
            bands,
        }
    }

    #[test]
    fn a_song_of_another_balance_is_named_with_the_octave_and_by_how_much() {
        let songs = [report(-9.0, 5.0), report(-9.0, 6.0), report(-15.0, 12.0)];
        let all: Vec<&Report> = songs.iter().collect();
        assert!(apart(&all, 0).is_empty(), "within 3 dB of the mean");
        let told = ["octaves off the album's mean, dB: 63 Hz −4.0", "loudness range off the album's mean: +4.3 LU"];
        assert_eq!(apart(&all, 2), told);
        assert_eq!(signed(-0.01), "0.0");
    }
}
