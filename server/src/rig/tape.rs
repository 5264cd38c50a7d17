//! Winds recordings of a rig onto tapes, each by a thread that ends when nobody holds the tape any more.

use crate::analyze::loudness::{Loudness, weights};
use crate::audiofile::{FileError, RateReader, Reader};
use headroom_dsp::kernel::tape::Tape;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Seconds that a tape holds.
const HOLDS_S: usize = 4;
/// Time between two looks at a tape.
const EVERY: Duration = Duration::from_millis(50);
/// Frames wound or measured at a time.
const CHUNK: usize = 4096;

/// A tape of a file at a rate, wound on from now on.
///
/// # Errors
/// The file cannot be used; in words for the user.
pub fn wind(path: &Path, rate: u32) -> Result<Arc<Tape>, String> {
    let file = open(path, rate).map_err(|e| e.to_string())?;
    let channels = file.reader().spec().channels;
    if channels > 2 {
        return Err(format!("{} has {channels} channels; a reference has 1 or 2", path.display()));
    }
    if file.frames() == 0 {
        return Err(format!("{} holds no sound; expected a recording", path.display()));
    }
    let tape = Arc::new(Tape::new(HOLDS_S * rate as usize));
    let winder = Winder { path: path.to_path_buf(), rate, file, tape: Arc::downgrade(&tape) };
    let thread = std::thread::Builder::new().name("reference".into()).spawn(move || winder.run());
    thread.map_err(|e| format!("{} cannot be played: no thread to be had ({e})", path.display()))?;
    Ok(tape)
}

fn open(path: &Path, rate: u32) -> Result<RateReader, FileError> {
    Ok(RateReader::new(Reader::open(path)?, rate))
}

struct Winder {
    path: PathBuf,
    rate: u32,
    file: RateReader,
    tape: Weak<Tape>,
}

impl Winder {
    fn run(mut self) {
        let told = match self.play() {
            Ok(()) => return,
            Err(error) => error,
        };
        tracing::warn!("the reference stops: {told}");
    }

    /// Winds until the tape is gone; measures the file on the way.
    fn play(&mut self) -> Result<(), FileError> {
        let mut measure = Some(self.measuring()?);
        while let Some(tape) = self.tape.upgrade() {
            self.fill(&tape)?;
            if let Some((reader, loudness)) = &mut measure {
                if !step(reader, loudness)? {
                    continue;
                }
                tape.set_loudness(loudness.integrated().unwrap_or(-144.0) as f32);
                measure = None;
            }
            drop(tape);
            std::thread::sleep(EVERY);
        }
        Ok(())
    }

    fn measuring(&self) -> Result<(Reader, Loudness), FileError> {
        let reader = Reader::open(&self.path)?;
        let spec = reader.spec();
        let loudness = Loudness::new(spec.rate, &weights(spec.channels, spec.mask));
        Ok((reader, loudness))
    }

    /// Writes what there is room for, from the start again at the end of the file.
    fn fill(&mut self, tape: &Tape) -> Result<(), FileError> {
        let channels = self.file.reader().spec().channels;
        let mut block = vec![0.0f32; CHUNK * channels];
        while tape.room() >= CHUNK {
            let frames = self.file.read(&mut block)?;
            if frames == 0 {
                self.file = open(&self.path, self.rate)?;
            }
            for frame in block[..frames * channels].chunks_exact(channels) {
                tape.write(frame[0], frame[channels - 1]);
            }
        }
        Ok(())
    }
}

/// Measures some more; whether that was all.
fn step(reader: &mut Reader, loudness: &mut Loudness) -> Result<bool, FileError> {
    let channels = reader.spec().channels;
    let mut block = vec![0.0; CHUNK * channels];
    // Between two looks at the tape no more than it holds.
    for _ in 0..16 {
        let frames = reader.read_f64(&mut block)?;
        if frames == 0 {
            return Ok(true);
        }
        let apart: Vec<Vec<f64>> =
            (0..channels).map(|c| block[..frames * channels].iter().skip(c).step_by(channels).copied().collect()).collect();
        loudness.add(&apart);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audiofile::{Bits, Format, Writer};
    use std::time::Instant;

    #[test]
    fn a_recording_goes_round_and_its_loudness_becomes_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("song.wav");
        let mut writer = Writer::create(&path, &Format::new(48_000, 2, Bits::Float32)).expect("a file");
        let amplitude = 10f64.powf(-23.0 / 20.0);
        let sine = |i: usize| amplitude * (std::f64::consts::TAU * 1000.0 * i as f64 / 48_000.0).sin();
        let frames = 96_000;
        writer.write_f64(&(0..2 * frames).map(|i| sine(i / 2)).collect::<Vec<_>>()).expect("written");
        writer.finish().expect("closed");
        let tape = wind(&path, 48_000).expect("plays");
        let until = Instant::now() + Duration::from_secs(60);
        while tape.loudness().is_none() {
            assert!(Instant::now() < until, "the loudness never became known");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!((tape.loudness().unwrap_or(0.0) + 23.0).abs() < 0.05, "{:?}", tape.loudness());
        let mut at = 0;
        while at < 2 * frames as u64 + 500 {
            let wanted = at;
            let there = tape.play(at, 64, |i, left, right| {
                let frame = wanted as usize + i;
                if left != 0.0 {
                    assert!(left == right && (f64::from(left) - sine(frame % frames)).abs() < 1e-6, "frame {frame}");
                }
            });
            at += there;
            tape.release(at);
            if there < 64 {
                std::thread::sleep(Duration::from_millis(5));
                assert!(Instant::now() < until, "the tape stands still at {at}");
            }
        }
    }
}
