//! Recording outputs while audio runs: taps on the audio thread, one writer thread for all files.

use crate::audiofile::{Bits, FileError, Format, Writer};
use crate::console::Tap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Seconds of samples that may wait for the disk.
const PATIENCE_S: f64 = 4.0;

/// One file being recorded.
struct Track {
    path: PathBuf,
    writer: Writer,
    sides: Vec<rtrb::Consumer<f32>>,
    block: Vec<f32>,
    frames: u64,
    limit: u64,
    /// Samples that the disk was too slow for, and how many of them the log knows of.
    lost: Arc<AtomicU64>,
    told: u64,
    error: Option<FileError>,
}

/// All files of a session; [`Recording::stop`] closes them.
#[derive(Default)]
pub struct Recorder {
    tracks: Vec<Track>,
}

/// The running recorder.
pub struct Recording {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Result<(PathBuf, u64), FileError>>>,
}

impl Recorder {
    /// Adds a file for a strip's output ports in the sample format `bits`, from engine
    /// frame `from` on, at most `limit` frames. Returns the taps for the audio thread.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn add(
        &mut self,
        path: &Path,
        rate: u32,
        ports: &[usize],
        from: u64,
        limit: Option<u64>,
        bits: Bits,
    ) -> Result<Vec<Tap>, FileError> {
        let writer = Writer::create(path, &Format::new(rate, ports.len(), bits))?;
        let room = (f64::from(rate) * PATIENCE_S) as usize;
        let lost = Arc::new(AtomicU64::new(0));
        let mut taps = Vec::new();
        let mut sides = Vec::new();
        for &port in ports {
            let (samples, side) = rtrb::RingBuffer::new(room);
            taps.push(Tap { port, samples, from, owed: 0, lost: lost.clone() });
            sides.push(side);
        }
        let limit = limit.unwrap_or(u64::MAX);
        self.tracks.push(Track {
            path: path.to_owned(),
            writer,
            sides,
            block: Vec::new(),
            frames: 0,
            limit,
            lost,
            told: 0,
            error: None,
        });
        Ok(taps)
    }

    /// Starts the writer thread.
    pub fn start(mut self) -> std::io::Result<Recording> {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicBool::new(false));
        let (asked, finished) = (stop.clone(), done.clone());
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            loop {
                let last = asked.load(Ordering::Acquire);
                for track in &mut self.tracks {
                    track.take();
                }
                if self.tracks.iter().all(|t| t.frames >= t.limit || t.error.is_some()) {
                    finished.store(true, Ordering::Release);
                }
                if last {
                    return self.tracks.into_iter().map(Track::close).collect();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        })?;
        Ok(Recording { stop, done, thread })
    }
}

impl Track {
    /// Writes whole frames that have arrived.
    fn take(&mut self) {
        let ready = self.sides.iter().map(rtrb::Consumer::slots).min().unwrap_or(0);
        let frames = (ready as u64).min(self.limit - self.frames) as usize;
        let channels = self.sides.len();
        self.block.resize(frames * channels, 0.0);
        for (c, side) in self.sides.iter_mut().enumerate() {
            for to in self.block.iter_mut().skip(c).step_by(channels) {
                *to = side.pop().unwrap_or(0.0);
            }
            // Beyond the limit samples are only let go.
            if self.frames + frames as u64 >= self.limit {
                while side.pop().is_ok() {}
            }
        }
        self.frames += frames as u64;
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > self.told {
            self.told = lost;
            let frames = lost / channels as u64;
            tracing::warn!(frames, file = %self.path.display(), "the disk is too slow: silence in the recording");
        }
        if self.error.is_none() && frames > 0 {
            let wrote = self.writer.write(&self.block).and_then(|()| self.writer.flush());
            if let Err(error) = wrote {
                tracing::error!(%error, "recording stopped; audio goes on");
                self.error = Some(error);
            }
        }
    }

    fn close(self) -> Result<(PathBuf, u64), FileError> {
        match self.error {
            Some(error) => Err(error),
            None => self.writer.finish().map(|w| (self.path, w.frames)),
        }
    }
}

impl Recording {
    /// Whether every file has reached its limit.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Writes what has arrived and closes the files: path and frames of each, or why it failed.
    pub fn stop(self) -> Vec<Result<(PathBuf, u64), FileError>> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audiofile::Reader;

    #[test]
    fn what_is_pushed_is_in_the_file_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("take.wav");
        let mut recorder = Recorder::default();
        let mut taps = recorder.add(&path, 48000, &[0, 1], 0, Some(1000), Bits::Float32).unwrap();
        let recording = recorder.start().unwrap();
        for i in 0..1500 {
            for (side, tap) in taps.iter_mut().enumerate() {
                tap.samples.push(i as f32 + side as f32 * 0.5).unwrap();
            }
        }
        assert_eq!(recording.stop()[0].as_ref().unwrap().1, 1000);
        let mut reader = Reader::open(&path).unwrap();
        let mut samples = vec![0.0f32; 2000];
        assert_eq!(reader.read(&mut samples).unwrap(), 1000);
        assert_eq!(&samples[..4], &[0.0, 0.5, 1.0, 1.5]);
    }
}
