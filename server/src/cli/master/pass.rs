//! One song through the strip: read, converted, run, quantised, measured, and written where a file is wanted.

use super::super::Fail;
use super::super::job::{CHUNK, Job};
use super::strip::{Setting, Strip};
use crate::analyze::truepeak::FineTruePeak;
use crate::analyze::{Measured, Meter};
use crate::audiofile::{Format, Quantiser, RateReader, Reader, Shape, Writer};
use crate::cues;
use std::path::{Path, PathBuf};

/// A song on its way.
#[derive(Clone)]
pub struct Song {
    /// The file.
    pub file: PathBuf,
    /// Where its master goes.
    pub to: PathBuf,
    /// Rate and channels of the file.
    pub rate: u32,
    /// One or two.
    pub channels: usize,
    /// What the master is to be.
    pub format: Format,
}

/// What a pass found.
pub struct Pass {
    /// All readings of what comes out, as it is written.
    pub measured: Measured,
    /// Largest true peak, by a longer filter than that of the report; an amplitude.
    pub peak: f64,
    /// What the limiter took off at most, dB.
    pub reduction: f64,
}

/// A file that is being made beside the one it will be; gone again unless it is kept.
pub struct Draft {
    /// Where it is for now.
    path: PathBuf,
    to: PathBuf,
    kept: bool,
}

impl Draft {
    /// Beside `to`, hidden.
    pub fn beside(to: &Path) -> Draft {
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        Draft { path: to.with_file_name(format!(".{name}.part")), to: to.to_owned(), kept: false }
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, when all of it is on the disk.
    ///
    /// # Errors
    /// The system failed to.
    pub fn keep(mut self) -> Result<(), Fail> {
        let done =
            std::fs::File::open(&self.path).and_then(|f| f.sync_all()).and_then(|()| std::fs::rename(&self.path, &self.to));
        self.kept = done.is_ok();
        done.map_err(|e| Fail::running(format!("{}: cannot write: {e}", self.to.display())))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where a pass's samples go.
struct Sink {
    quantisers: Vec<Quantiser>,
    full: f64,
    meter: Meter,
    peak: FineTruePeak,
    apart: Vec<Vec<f64>>,
    writer: Option<Writer>,
}

impl Sink {
    fn new(format: &Format, to: Option<&Draft>) -> Result<Sink, Fail> {
        let word = format.bits.word();
        let quantisers = word.map_or_else(Vec::new, |word| {
            (0..format.channels).map(|c| Quantiser::new(word, format.dither, format.rate, format.seed, c)).collect()
        });
        // The samples are on the grid of the file already.
        let plain = Format { dither: Shape::Off, ..format.clone() };
        let writer = to.map(|draft| Writer::create(&draft.path, &plain)).transpose()?;
        let full = word.map_or(1.0, |word| f64::from(1u32 << (word - 1)));
        let meter = Meter::new(format.rate, format.channels, format.mask);
        let (peak, apart) = (FineTruePeak::new(format.channels), vec![Vec::new(); format.channels]);
        Ok(Sink { quantisers, full, meter, peak, apart, writer })
    }

    /// Takes whole frames, and changes them to what the file will hold.
    fn take(&mut self, frames: &mut [f64]) -> Result<(), Fail> {
        let step = self.apart.len();
        for (quantiser, channel) in self.quantisers.iter_mut().zip(0..) {
            for sample in frames.iter_mut().skip(channel).step_by(step) {
                *sample = f64::from(quantiser.quantise(*sample)) / self.full;
            }
        }
        self.meter.add(frames);
        for (channel, samples) in self.apart.iter_mut().enumerate() {
            samples.clear();
            samples.extend(frames.iter().skip(channel).step_by(step));
        }
        self.peak.add(&self.apart);
        match &mut self.writer {
            Some(writer) => Ok(writer.write_f64(frames)?),
            None => Ok(()),
        }
    }
}

/// Runs `song` through `strip`; what comes out has frame 0 where the song has it, and its length.
///
/// # Errors
/// The song cannot be read, the strip cannot be made, or the file cannot be written.
pub fn run(song: &Song, strip: &Strip, setting: Setting, to: Option<&Draft>, at: &mut dyn FnMut(f64)) -> Result<Pass, Fail> {
    let (rate, channels) = (song.format.rate, song.channels);
    let desk = strip.desk(channels, rate, setting)?;
    let main = desk.spec().main().unwrap_or(0);
    let late = desk.plan().latencies.output(main);
    let first = desk.plan().ports.output[main].unwrap_or(0);
    let player = cues::Player::new(&desk, None);
    let mut job = Job::new(desk, player, Vec::new(), f64::from(rate), CHUNK);
    let mut sink = Sink::new(&song.format, to)?;
    let mut reader = RateReader::new(Reader::open(&song.file)?, rate);
    let total = reader.frames();
    let mut raw = vec![0.0f32; CHUNK * channels];
    let mut block = Vec::with_capacity(CHUNK * channels);
    // Frames read, run, and taken.
    let (mut read, mut ran, mut taken) = (0u64, 0u64, 0u64);
    let mut more = true;
    while more || taken < read {
        let mut got = 0;
        while more && got < CHUNK {
            let frames = reader.read(&mut raw[got * channels..])?;
            more = frames > 0;
            got += frames;
        }
        read += got as u64;
        raw[got * channels..].fill(0.0);
        for (side, port) in job.io.inputs.iter_mut().take(channels).enumerate() {
            for (x, raw) in port.iter_mut().zip(raw.iter().skip(side).step_by(channels)) {
                *x = *raw;
            }
        }
        job.chunk(CHUNK).map_err(Fail::Running)?;
        // Without the latency at the beginning, and without what is beyond the end.
        let from = (late as u64).saturating_sub(ran).min(CHUNK as u64) as usize;
        ran += CHUNK as u64;
        let to = (CHUNK as u64).min(from as u64 + (read - taken)) as usize;
        block.clear();
        for frame in from..to {
            block.extend((0..channels).map(|side| job.io.outputs[first + side][frame]));
        }
        taken += (to - from) as u64;
        sink.take(&mut block)?;
        at(taken as f64 / total.max(1) as f64);
    }
    if let Some(writer) = sink.writer.take() {
        writer.finish()?;
    }
    let name = to.map_or(&song.file, |_| &song.to).display().to_string();
    Ok(Pass { measured: sink.meter.finish(name), peak: sink.peak.finish(), reduction: job.most_reduction(main) })
}
