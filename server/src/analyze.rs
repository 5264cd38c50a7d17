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

/// Frames that are read and measured at a time.
const BLOCK: usize = 8_192;

/// What `analyze` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// JSON in place of tables.
    pub json: bool,
    /// Where to draw waveform, loudness and spectrum, as SVG.
    pub plot: Option<PathBuf>,
}

/// How far a file has got: frames done, and of how many (0 where that is not known).
pub type Progress<'a> = &'a mut dyn FnMut(&Path, u64, u64);

/// What a plot shows beside the report.
struct Traces {
    waveform: Waveform,
    loudness: Loudness,
    spectrum: Spectrum,
}

/// One measured file.
struct Measured {
    report: Report,
    traces: Traces,
    remarks: Vec<String>,
}

/// Measures one file.
///
/// # Errors
/// The file cannot be opened or read, or is not audio.
pub fn file(path: impl AsRef<Path>) -> Result<Report, FileError> {
    measure(path.as_ref(), &mut |_, _, _| {}).map(|measured| measured.report)
}

fn measure(path: &Path, progress: Progress<'_>) -> Result<Measured, FileError> {
    let mut reader = Reader::open(path)?;
    let spec = reader.spec().clone();
    let mut levels = Levels::new(spec.channels, spec.mask);
    let mut loudness = Loudness::new(spec.rate, &weights(spec.channels, spec.mask)).traced();
    let mut truepeak = TruePeak::new(spec.channels);
    let mut spectrum = Spectrum::new(spec.rate, spec.channels);
    let mut waveform = Waveform::new(spec.channels);
    let mut interleaved = vec![0.0; BLOCK * spec.channels];
    let mut channels = vec![Vec::with_capacity(BLOCK); spec.channels];
    let mut done = 0;
    loop {
        let frames = reader.read_f64(&mut interleaved)?;
        if frames == 0 {
            break;
        }
        for (channel, samples) in channels.iter_mut().enumerate() {
            samples.clear();
            samples.extend(interleaved[..frames * spec.channels].iter().skip(channel).step_by(spec.channels));
        }
        levels.add(&channels);
        loudness.add(&channels);
        truepeak.add(&channels);
        spectrum.add(&channels);
        waveform.add(&channels);
        done += frames as u64;
        progress(path, done, spec.frames);
    }
    spectrum.finish();
    let truepeak = truepeak.finish();
    let samplepeak = levels.samplepeak();
    let report = Report {
        file: path.display().to_string(),
        rate: spec.rate,
        channels: spec.channels,
        seconds: done as f64 / f64::from(spec.rate),
        integrated: loudness.integrated(),
        momentary_max: loudness.momentary_max(),
        shortterm_max: loudness.shortterm_max(),
        range: loudness.range(),
        truepeak: (truepeak > 0.0).then(|| 20.0 * truepeak.log10()),
        samplepeak,
        rms: levels.rms(),
        headroom: samplepeak.map(|peak| -peak),
        correlation: levels.correlation(),
        mono_loss: levels.mono_loss(),
        bands: spectrum.octaves(),
    };
    Ok(Measured { report, traces: Traces { waveform, loudness, spectrum }, remarks: reader.remarks() })
}

/// The command: measures `files`, writes tables or JSON to `out`, errors and remarks to `err`.
///
/// Returns the exit status: 0 done, 1 an output failed, 2 a file could not be used. Such a file is left
/// out, the others are measured all the same.
pub fn run(files: &[PathBuf], options: &Options, out: &mut dyn Write, err: &mut dyn Write, progress: Progress<'_>) -> i32 {
    match run_inner(files, options, out, err, progress) {
        Ok(status) => status,
        // Nobody reads the output any more, as with `| head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 1,
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
    if let Some(plot) = &options.plot
        && !plot.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"))
    {
        writeln!(err, "{}: plots are drawn as SVG; give a name that ends in .svg", plot.display())?;
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
    if let Some(plot) = &options.plot
        && !all.is_empty()
        && let Err(error) = std::fs::write(plot, plot::svg(&all))
    {
        writeln!(err, "{}: cannot write the plot: {error}", plot.display())?;
        status = status.max(1);
    }
    Ok(status)
}
