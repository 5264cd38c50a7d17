//! `headroom analyze`: what a file measures, in one pass and bounded memory.

pub mod levels;
pub mod loudness;
mod plot;
mod report;
mod spectrum;
pub mod truepeak;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::audiofile::{FileError, Reader};
use levels::Levels;
use loudness::{Loudness, weights};
use plot::Waveform;
use spectrum::Spectrum;
use truepeak::TruePeak;

pub use report::Report;
pub use spectrum::OCTAVES;

/// Frames that are read and measured at a time.
const BLOCK: usize = 8_192;

/// What `analyze` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// JSON in place of tables.
    pub json: bool,
    /// Where to draw waveform, loudness and spectrum, as PNG or SVG.
    pub plot: Option<PathBuf>,
}

/// How far a file has got: frames done, and of how many (0 where that is not known).
pub type Progress<'a> = &'a mut dyn FnMut(&Path, u64, u64);

/// Measures what it is fed.
pub struct Meter {
    rate: u32,
    channels: usize,
    frames: u64,
    levels: Levels,
    loudness: Loudness,
    truepeak: TruePeak,
    spectrum: Spectrum,
    waveform: Waveform,
    /// One block a channel.
    apart: Vec<Vec<f64>>,
}

/// What a programme measures, with what a plot shows beside the report.
pub struct Measured {
    /// The readings.
    pub report: Report,
    /// Loudness with its windows, for programmes that belong together.
    pub loudness: Loudness,
    waveform: Waveform,
    spectrum: Spectrum,
    /// What a user should hear about the file.
    pub remarks: Vec<String>,
}

impl Meter {
    /// For channels at `rate` Hz; `mask` gives their positions where a file names them.
    pub fn new(rate: u32, channels: usize, mask: Option<u32>) -> Meter {
        Meter {
            rate,
            channels,
            frames: 0,
            levels: Levels::new(channels, mask),
            loudness: Loudness::new(rate, &weights(channels, mask)).traced(),
            truepeak: TruePeak::new(channels),
            spectrum: Spectrum::new(rate, channels),
            waveform: Waveform::new(channels),
            apart: vec![Vec::with_capacity(BLOCK); channels],
        }
    }

    /// Takes the next whole frames, interleaved.
    pub fn add(&mut self, frames: &[f64]) {
        for (channel, samples) in self.apart.iter_mut().enumerate() {
            samples.clear();
            samples.extend(frames.iter().skip(channel).step_by(self.channels));
        }
        self.levels.add(&self.apart);
        self.loudness.add(&self.apart);
        self.truepeak.add(&self.apart);
        self.spectrum.add(&self.apart);
        self.waveform.add(&self.apart);
        self.frames += (frames.len() / self.channels) as u64;
    }

    /// Ends the programme; `file` is its name in the report.
    pub fn finish(mut self, file: String) -> Measured {
        self.spectrum.finish();
        let truepeak = self.truepeak.finish();
        let samplepeak = self.levels.samplepeak();
        let report = Report {
            file,
            rate: self.rate,
            channels: self.channels,
            seconds: self.frames as f64 / f64::from(self.rate),
            integrated: self.loudness.integrated(),
            momentary_max: self.loudness.momentary_max(),
            shortterm_max: self.loudness.shortterm_max(),
            range: self.loudness.range(),
            truepeak: (truepeak > 0.0).then(|| 20.0 * truepeak.log10()),
            samplepeak,
            rms: self.levels.rms(),
            headroom: samplepeak.map(|peak| -peak),
            correlation: self.levels.correlation(),
            mono_loss: self.levels.mono_loss(),
            bands: self.spectrum.octaves(),
        };
        Measured { report, loudness: self.loudness, waveform: self.waveform, spectrum: self.spectrum, remarks: Vec::new() }
    }
}

/// Measures one file.
///
/// # Errors
/// The file cannot be opened or read, or is not audio.
pub fn file(path: impl AsRef<Path>) -> Result<Report, FileError> {
    measure(path.as_ref(), &mut |_, _, _| {}).map(|measured| measured.report)
}

/// As [`file()`], with all that was measured on the way.
///
/// # Errors
/// As [`file()`].
pub fn measure(path: &Path, progress: Progress<'_>) -> Result<Measured, FileError> {
    let mut reader = Reader::open(path)?;
    let spec = reader.spec().clone();
    let mut meter = Meter::new(spec.rate, spec.channels, spec.mask);
    let mut interleaved = vec![0.0; BLOCK * spec.channels];
    let mut done = 0;
    loop {
        let frames = reader.read_f64(&mut interleaved)?;
        if frames == 0 {
            break;
        }
        meter.add(&interleaved[..frames * spec.channels]);
        done += frames as u64;
        progress(path, done, spec.frames);
    }
    Ok(Measured { remarks: reader.remarks(), ..meter.finish(path.display().to_string()) })
}

/// The command: measures `files`, writes tables or JSON to `out`, errors and remarks to `err`.
///
/// Returns the exit status: 0 done, 1 an output failed, 2 a file could not be used. Such a file is left
/// out, the others are measured all the same.
pub fn run(files: &[PathBuf], options: &Options, out: &mut dyn Write, err: &mut dyn Write, progress: Progress<'_>) -> i32 {
    match run_inner(files, options, out, err, progress) {
        Ok(status) => status,
        // Nobody reads the output any more, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(err, "analyze: cannot write the result: {error}");
            1
        }
    }
}

fn run_inner(
    files: &[PathBuf],
    options: &Options,
    out: &mut dyn Write,
    err: &mut dyn Write,
    progress: Progress<'_>,
) -> std::io::Result<i32> {
    if files.is_empty() {
        writeln!(err, "analyze: no file given; expected headroom analyze FILE…")?;
        return Ok(2);
    }
    // Before the work, not after it.
    if let Some(plot) = options.plot.as_ref().filter(|plot| plot::Kind::of(plot).is_none()) {
        writeln!(err, "{}: plots are PNG or SVG; give a name that ends in .png or .svg", plot.display())?;
        return Ok(2);
    }
    let mut status = 0;
    let mut all = Vec::new();
    for path in files {
        match measure(path, &mut *progress) {
            Ok(measured) => {
                for remark in &measured.remarks {
                    writeln!(err, "{remark}")?;
                }
                if !options.json {
                    let gap = if all.is_empty() { "" } else { "\n" };
                    write!(out, "{gap}{}", measured.report)?;
                }
                all.push(measured);
            }
            Err(error) => {
                writeln!(err, "{error}")?;
                status = status.max(if error.is_input() { 2 } else { 1 });
            }
        }
    }
    if options.json {
        let reports: Vec<&Report> = all.iter().map(|measured| &measured.report).collect();
        serde_json::to_writer_pretty(&mut *out, &reports)?;
        writeln!(out)?;
    }
    out.flush()?;
    if let Some(plot) = &options.plot {
        let files: Vec<&str> = all.iter().map(|measured| measured.report.file.as_str()).collect();
        for (path, measured) in plot::names(plot, &files).iter().zip(&all) {
            if let Err(error) = plot::write(path, measured) {
                writeln!(err, "{}: cannot write the plot: {error}", path.display())?;
                status = status.max(1);
            }
        }
    }
    Ok(status)
}
