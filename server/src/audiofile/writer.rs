//! Writing: samples in blocks, behind a header that is right at every moment.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::dither::{Quantiser, Shape};
use super::flac::Flac;
use super::{Bits, Container, Encoding, FileError};

/// Bytes gathered before they are written. After each such write the sizes in the header follow, so a
/// process that is killed leaves a valid file that lacks at most this much.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a new file is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Frames a second.
    pub rate: u32,
    /// Samples in a frame, 1 to 512.
    pub channels: usize,
    /// How samples are stored.
    pub bits: Bits,
    /// What they are stored in.
    pub container: Container,
    /// Speaker positions; `None` leaves them open, as for stems in one file.
    pub mask: Option<u32>,
    /// Dither of the integer formats; the float formats are never dithered.
    pub dither: Shape,
    /// Seed of the dither: the same samples and seed make the same bytes.
    pub seed: u64,
}

impl Format {
    /// WAV without speaker positions, with triangular dither and seed 0.
    pub fn new(rate: u32, channels: usize, bits: Bits) -> Self {
        Format { rate, channels, bits, container: Container::Wav, mask: None, dither: Shape::Tpdf, seed: 0 }
    }

    /// Whether a file of this kind exists.
    ///
    /// # Errors
    /// Its container cannot hold it.
    pub fn possible(&self, path: &Path) -> Result<(), FileError> {
        let refuse = |found: String, help: &str| Err(FileError::Content { path: path.to_path_buf(), found, help: help.into() });
        let most = if self.container == Container::Flac { Flac::CHANNELS } else { 512 };
        if !(1..=most).contains(&self.channels) {
            let found = format!("would have {} channels, and {} holds 1 to {most}", self.channels, self.container);
            return refuse(found, "split it into several files");
        }
        if self.container == Container::Flac && self.bits.word().is_none() {
            return refuse("FLAC holds integers".into(), "give --bits 16 or 24, or a name that ends in .wav");
        }
        Ok(())
    }
}

/// What has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Whole frames.
    pub frames: u64,
    /// Samples beyond full scale that an integer format clipped.
    pub clipped: u64,
    /// Samples that were NaN or infinite and were written as 0.
    pub non_finite: u64,
}

/// Writes a WAV or FLAC file. No time stamps: the same samples make the same bytes.
///
/// Beyond 4 GiB a WAV file becomes RF64; the room for its sizes is reserved from the start (EBU Tech
/// 3306). Dropping a writer closes it as [`Writer::finish`] does, only that errors go unheard.
pub struct Writer {
    path: PathBuf,
    encoding: Encoding,
    channels: usize,
    quantisers: Vec<Quantiser>,
    /// Channel of the next sample.
    at: usize,
    store: Store,
    non_finite: u64,
}

/// Where samples go.
enum Store {
    Wav(Wav),
    Flac(Box<Flac>),
    /// Complete, with this many frames.
    Closed(u64),
}

/// An open WAV file.
struct Wav {
    file: File,
    /// Whether the header can be revisited; a pipe gets sizes of −1, "until the end".
    seekable: bool,
    buffer: Vec<u8>,
    layout: Layout,
    data_bytes: u64,
}

/// Where the sizes are in the header.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// The sample count in `fact`, for float.
    fact: Option<u64>,
    /// The first sample.
    data: u64,
    frame_bytes: u64,
}

/// What the audio thread makes of a sample, which flushes denormals: a render has to have the same bits as the
/// live output, and what reads the file is spared slow arithmetic.
fn without_denormals(sample: f32) -> f32 {
    if sample.is_subnormal() { 0f32.copysign(sample) } else { sample }
}

impl Writer {
    /// Creates `path`, replacing what was there, and writes the header.
    ///
    /// # Errors
    /// The file cannot be created or written, or its format cannot hold what is asked for.
    pub fn create(path: impl AsRef<Path>, format: &Format) -> Result<Self, FileError> {
        let path = path.as_ref().to_path_buf();
        format.possible(&path)?;
        let store = match (format.container, format.bits.word()) {
            (Container::Flac, Some(word)) => Store::Flac(Box::new(Flac::create(&path, format, word)?)),
            _ => Store::Wav(Wav::create(&path, format).map_err(|error| FileError::io(&path, "create", error))?),
        };
        let quantisers = match format.bits.word() {
            Some(word) => (0..format.channels)
                .map(|channel| Quantiser::new(word, format.dither, format.rate, format.seed, channel))
                .collect(),
            None => Vec::new(),
        };
        Ok(Writer { path, encoding: format.bits.encoding(), channels: format.channels, quantisers, at: 0, store, non_finite: 0 })
    }

    /// Writes interleaved samples, full scale ±1.
    ///
    /// # Errors
    /// The system failed to write; what was written before is a valid file.
    pub fn write_f64(&mut self, samples: &[f64]) -> Result<(), FileError> {
        match &mut self.store {
            Store::Wav(wav) if self.encoding == Encoding::F32 => {
                for samples in samples.chunks(4096) {
                    let from = wav.buffer.len();
                    wav.buffer.resize(from + 4 * samples.len(), 0);
                    let mut bad = 0;
                    for (bytes, sample) in wav.buffer[from..].as_chunks_mut::<4>().0.iter_mut().zip(samples) {
                        let sound = sample.is_finite();
                        bad += u64::from(!sound);
                        *bytes = without_denormals(if sound { *sample as f32 } else { 0.0 }).to_le_bytes();
                    }
                    self.non_finite += bad;
                    if wav.buffer.len() >= BUFFER_BYTES {
                        wav.flush().map_err(|error| FileError::io(&self.path, "write", error))?;
                    }
                }
                self.at = (self.at + samples.len()) % self.channels;
                Ok(())
            }
            _ => self.write_all(samples.iter().copied()),
        }
    }

    /// As [`Writer::write_f64`], from single precision.
    ///
    /// # Errors
    /// As [`Writer::write_f64`].
    pub fn write(&mut self, samples: &[f32]) -> Result<(), FileError> {
        self.write_all(samples.iter().map(|&sample| f64::from(sample)))
    }

    fn write_all(&mut self, samples: impl Iterator<Item = f64>) -> Result<(), FileError> {
        for sample in samples {
            let sample = if sample.is_finite() {
                sample
            } else {
                self.non_finite += 1;
                0.0
            };
            let put = match &mut self.store {
                Store::Wav(wav) => {
                    match self.encoding {
                        Encoding::F32 => wav.buffer.extend_from_slice(&without_denormals(sample as f32).to_le_bytes()),
                        Encoding::F64 => wav.buffer.extend_from_slice(&sample.to_le_bytes()),
                        Encoding::I24 => {
                            let bytes = self.quantisers[self.at].quantise(sample).to_le_bytes();
                            wav.buffer.extend_from_slice(&bytes[..3]);
                        }
                        _ => {
                            let bytes = self.quantisers[self.at].quantise(sample).to_le_bytes();
                            wav.buffer.extend_from_slice(&bytes[..2]);
                        }
                    }
                    if wav.buffer.len() >= BUFFER_BYTES { wav.flush() } else { Ok(()) }
                }
                Store::Flac(flac) => flac.put(self.quantisers[self.at].quantise(sample)),
                Store::Closed(_) => Ok(()),
            };
            put.map_err(|error| FileError::io(&self.path, "write", error))?;
            self.at += 1;
            if self.at == self.channels {
                self.at = 0;
            }
        }
        Ok(())
    }

    /// Counts so far.
    pub fn written(&self) -> Written {
        let frames = match &self.store {
            Store::Wav(wav) => wav.frames(),
            Store::Flac(flac) => flac.frames(),
            Store::Closed(frames) => *frames,
        };
        Written { frames, clipped: self.quantisers.iter().map(Quantiser::clipped).sum(), non_finite: self.non_finite }
    }

    /// Writes what is gathered and brings the header of a WAV file up to date.
    ///
    /// # Errors
    /// As [`Writer::write_f64`].
    pub fn flush(&mut self) -> Result<(), FileError> {
        let flushed = match &mut self.store {
            Store::Wav(wav) => wav.flush(),
            Store::Flac(flac) => flac.flush(),
            Store::Closed(_) => Ok(()),
        };
        flushed.map_err(|error| FileError::io(&self.path, "write", error))
    }

    /// Completes the file and returns the final counts. An incomplete last frame is filled with zeros.
    ///
    /// # Errors
    /// As [`Writer::write_f64`].
    pub fn finish(mut self) -> Result<Written, FileError> {
        self.close()?;
        Ok(self.written())
    }

    /// Leaves a hole of `bytes` in the file, so that a test need not write gigabytes.
    #[cfg(test)]
    pub(super) fn pretend_longer(&mut self, bytes: u64) {
        if let Store::Wav(wav) = &mut self.store {
            wav.data_bytes += bytes;
            wav.file.seek(SeekFrom::Start(wav.layout.data + wav.data_bytes)).expect("seeks");
        }
    }

    fn close(&mut self) -> Result<(), FileError> {
        if matches!(self.store, Store::Closed(_)) {
            return Ok(());
        }
        while self.at != 0 {
            self.write_f64(&[0.0])?;
        }
        let frames = self.written().frames;
        let closed = match std::mem::replace(&mut self.store, Store::Closed(frames)) {
            Store::Wav(wav) => wav.finish(),
            Store::Flac(flac) => flac.finish(),
            Store::Closed(_) => Ok(()),
        };
        closed.map_err(|error| FileError::io(&self.path, "write", error))
    }
}

impl Wav {
    fn create(path: &Path, format: &Format) -> io::Result<Wav> {
        let mut file = File::create(path)?;
        let seekable = file.metadata()?.is_file();
        let (header, layout) = header(format, seekable);
        file.write_all(&header)?;
        Ok(Wav { file, seekable, buffer: Vec::with_capacity(BUFFER_BYTES + 8), layout, data_bytes: 0 })
    }

    fn frames(&self) -> u64 {
        (self.data_bytes + self.buffer.len() as u64) / self.layout.frame_bytes
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.data_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        self.patch()
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        // Chunks are padded to an even length; the pad is not counted in the chunk's own size.
        if self.data_bytes % 2 == 1 { self.file.write_all(&[0]) } else { Ok(()) }
    }

    /// Writes the sizes of what is there, as RIFF while they fit, else as RF64.
    fn patch(&mut self) -> io::Result<()> {
        if !self.seekable {
            return Ok(());
        }
        let Layout { fact, data, frame_bytes } = self.layout;
        // Whole frames only: a reader must not meet a torn one after a kill.
        let data_bytes = self.data_bytes / frame_bytes * frame_bytes;
        let frames = data_bytes / frame_bytes;
        let riff_bytes = data - 8 + data_bytes + (data_bytes & 1);
        let mut put = |at: u64, bytes: &[u8]| -> io::Result<()> {
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(bytes)
        };
        if let Some(fact) = fact {
            put(fact, &u32::try_from(frames).unwrap_or(u32::MAX).to_le_bytes())?;
        }
        if riff_bytes < u64::from(u32::MAX) {
            put(data - 4, &(data_bytes as u32).to_le_bytes())?;
            put(4, &(riff_bytes as u32).to_le_bytes())?;
        } else {
            let mut ds64 = [0u8; 36];
            ds64[..4].copy_from_slice(b"ds64");
            ds64[4..8].copy_from_slice(&28u32.to_le_bytes());
            ds64[8..16].copy_from_slice(&riff_bytes.to_le_bytes());
            ds64[16..24].copy_from_slice(&data_bytes.to_le_bytes());
            ds64[24..32].copy_from_slice(&frames.to_le_bytes());
            put(12, &ds64)?;
            put(data - 4, &u32::MAX.to_le_bytes())?;
            put(0, b"RF64\xFF\xFF\xFF\xFF")?;
        }
        self.file.seek(SeekFrom::Start(data + self.data_bytes))?;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // An error here has nobody to be told to; who cares calls `finish`.
        let _ = self.close();
    }
}

/// The bytes before the samples, for a file that holds none yet.
fn header(format: &Format, seekable: bool) -> (Vec<u8>, Layout) {
    let encoding = format.bits.encoding();
    let float = format.bits.word().is_none();
    let frame_bytes = encoding.bytes() * format.channels;
    // The plain form is what every program reads; positions and more than two channels need the long one.
    let extensible = format.mask.is_some() || format.channels > 2;
    let tag: u16 = if float { 3 } else { 1 };
    let bits = 8 * encoding.bytes() as u16;
    let unknown = if seekable { 0u32 } else { u32::MAX };

    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&unknown.to_le_bytes());
    out.extend_from_slice(b"WAVEJUNK");
    out.extend_from_slice(&28u32.to_le_bytes());
    out.extend_from_slice(&[0; 28]);
    out.extend_from_slice(b"fmt ");
    let fmt_bytes: u32 = if extensible {
        40
    } else if float {
        18
    } else {
        16
    };
    out.extend_from_slice(&fmt_bytes.to_le_bytes());
    out.extend_from_slice(&(if extensible { 0xFFFE } else { tag }).to_le_bytes());
    out.extend_from_slice(&(format.channels as u16).to_le_bytes());
    out.extend_from_slice(&format.rate.to_le_bytes());
    let byte_rate = u64::from(format.rate) * frame_bytes as u64;
    out.extend_from_slice(&u32::try_from(byte_rate).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&(frame_bytes as u16).to_le_bytes());
    out.extend_from_slice(&bits.to_le_bytes());
    if extensible {
        out.extend_from_slice(&22u16.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&format.mask.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&super::header::SUBFORMAT_TAIL);
    } else if float {
        out.extend_from_slice(&0u16.to_le_bytes());
    }
    let fact = float.then(|| {
        out.extend_from_slice(b"fact");
        out.extend_from_slice(&4u32.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.len() as u64 - 4
    });
    out.extend_from_slice(b"data");
    out.extend_from_slice(&unknown.to_le_bytes());
    if seekable {
        let riff_bytes = out.len() as u32 - 8;
        out[4..8].copy_from_slice(&riff_bytes.to_le_bytes());
    }
    let layout = Layout { fact, data: out.len() as u64, frame_bytes: frame_bytes as u64 };
    (out, layout)
}
