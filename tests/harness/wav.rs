//! Sound files, read and written by another library than the one under test.

use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Write interleaved samples as a 32-bit float file.
///
/// # Panics
/// When it cannot be written.
pub fn write_wav(path: &Path, channels: u16, rate: u32, samples: &[f32]) {
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: 32, sample_format: SampleFormat::Float };
    let mut writer = WavWriter::create(path, spec).expect("a file to write");
    for &sample in samples {
        writer.write_sample(sample).expect("room on the disk");
    }
    writer.finalize().expect("a finished file");
}

/// Read a file of whatever format as (channels, rate, interleaved samples with 1.0 as full scale).
///
/// # Panics
/// When it cannot be read.
pub fn read_wav(path: &Path) -> (u16, u32, Vec<f32>) {
    let mut reader = WavReader::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let spec = reader.spec();
    let samples = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().map(|s| s.expect("a sample")).collect(),
        SampleFormat::Int => {
            let full = (1i64 << (spec.bits_per_sample - 1)) as f32;
            reader.samples::<i32>().map(|s| s.expect("a sample") as f32 / full).collect()
        }
    };
    (spec.channels, spec.sample_rate, samples)
}

/// Mono samples of one side of a file.
///
/// # Panics
/// As [`read_wav`].
pub fn side(path: &Path, side: usize) -> Vec<f32> {
    let (channels, _, samples) = read_wav(path);
    samples.iter().skip(side).step_by(usize::from(channels)).copied().collect()
}

/// Frames that a recording of 32-bit floats has on the disk by now.
pub fn frames(path: &Path, channels: u64) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len().saturating_sub(128) / (4 * channels))
}

/// A sine of `frames` frames a cycle whose peak is `level`.
pub fn tone(frames: usize, level: f32) -> Vec<f32> {
    (0..frames).map(|n| (n as f64 / frames as f64 * std::f64::consts::TAU).sin() as f32 * level).collect()
}

/// The largest magnitude.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, s| peak.max(s.abs()))
}
