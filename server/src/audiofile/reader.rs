//! Reading: a header, then samples in blocks, decoded in tight loops.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::header::{self, Header, Problem};
use super::{Encoding, FileError, Spec, unflac};

/// Bytes asked of the system at a time: large enough to make its cost vanish, small enough for the
/// second-level cache of a small machine.
const BUFFER_BYTES: usize = 32 * 1024;

/// Reads a WAV or FLAC file from its beginning to its end, whole frames at a time.
///
/// A file that ends before its header says so is read as far as it goes; [`Reader::missing_frames`]
/// tells how much was promised beyond that. A header that was never closed (size 0 or −1, as a killed
/// recorder leaves it) is read to the end of the file. NaN and infinity read as 0 and are counted.
pub struct Reader {
    path: PathBuf,
    source: Box<dyn Read + Send>,
    spec: Spec,
    buffer: Vec<u8>,
    frame_bytes: usize,
    /// Bytes of samples not yet read, by header and length; `u64::MAX` where neither tells.
    left: u64,
    /// Frames that the header promises, where it does.
    promised: Option<u64>,
    taken: u64,
    ended: bool,
    non_finite: u64,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens `path` and reads its header.
    ///
    /// # Errors
    /// The file cannot be opened, is neither WAV nor FLAC, or holds an encoding that is not read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let open = |error| FileError::io(path, "open", error);
        let file = File::open(path).map_err(open)?;
        let about = file.metadata().map_err(open)?;
        let len = about.is_file().then_some(about.len());
        Reader::from_source(path, Box::new(file), len)
    }

    /// Reads from anything; `path` is for messages, `len` the whole length in bytes where it is known.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_source(path: impl AsRef<Path>, mut source: Box<dyn Read + Send>, len: Option<u64>) -> Result<Self, FileError> {
        let path = path.as_ref().to_path_buf();
        let problem = |problem| match problem {
            Problem::Io(source) => FileError::Io { path: path.clone(), doing: "open", source },
            Problem::Content(found, help) => FileError::Content { path: path.clone(), found, help },
        };
        let mut mark = Vec::new();
        source.by_ref().take(unflac::MARK.len() as u64).read_to_end(&mut mark).map_err(|error| problem(error.into()))?;
        let flac = mark == unflac::MARK;
        let mut source: Box<dyn Read + Send> = Box::new(io::Cursor::new(mark).chain(source));
        let (header, source, len) = if flac {
            let (header, decoded) = unflac::open(source).map_err(problem)?;
            (header, Box::new(decoded) as Box<dyn Read + Send>, None)
        } else {
            (header::parse(&mut source, len).map_err(problem)?, source, len)
        };
        let Header { rate, channels, mask, encoding, frame_bytes, data_start, data_bytes } = header;
        let there = len.map(|len| len.saturating_sub(data_start));
        let left = data_bytes.unwrap_or(u64::MAX).min(there.unwrap_or(u64::MAX));
        let frames = if left == u64::MAX { 0 } else { left / frame_bytes as u64 };
        let buffer = vec![0; (BUFFER_BYTES / frame_bytes).max(1) * frame_bytes];
        Ok(Reader {
            path,
            source,
            spec: Spec { rate, channels, frames, mask, encoding },
            buffer,
            frame_bytes,
            left,
            promised: data_bytes.map(|bytes| bytes / frame_bytes as u64),
            taken: 0,
            ended: false,
            non_finite: 0,
        })
    }

    /// What the file holds. `frames` is 0 for a pipe that does not say how long it is.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Samples so far that were NaN or infinite and were read as 0.
    pub fn non_finite(&self) -> u64 {
        self.non_finite
    }

    /// Frames that the header promises and the file does not hold. For a pipe, known at its end.
    pub fn missing_frames(&self) -> u64 {
        let there = if self.ended { self.taken } else { self.spec.frames };
        match self.promised {
            Some(promised) if self.ended || self.spec.frames > 0 || self.left == 0 => promised.saturating_sub(there),
            _ => 0,
        }
    }

    /// One line for each thing about the file that a user should hear of: it is cut short, it held NaN.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let path = self.path.display();
        if self.missing_frames() > 0 {
            let promised = self.promised.unwrap_or(0);
            remarks.push(format!(
                "{path}: cut short: {} of {promised} frames are there, {} are missing",
                promised - self.missing_frames(),
                self.missing_frames()
            ));
        }
        if self.non_finite > 0 {
            remarks.push(format!("{path}: {} samples were NaN or infinite and read as 0", self.non_finite));
        }
        remarks
    }

    /// Fills `out` with interleaved samples, full scale ±1, and returns the whole frames read; 0 is the
    /// end. Fewer than asked for means that the end is near, never that one should wait.
    ///
    /// # Errors
    /// The system failed to read.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize, FileError> {
        self.read_as(out)
    }

    /// As [`Reader::read`], in double precision: exact for every encoding.
    ///
    /// # Errors
    /// The system failed to read.
    pub fn read_f64(&mut self, out: &mut [f64]) -> Result<usize, FileError> {
        self.read_as(out)
    }

    fn read_as<T: Sample>(&mut self, out: &mut [T]) -> Result<usize, FileError> {
        let channels = self.spec.channels;
        let wanted = out.len() / channels;
        let mut done = 0;
        while done < wanted && !self.ended {
            let want = ((wanted - done) * self.frame_bytes).min(self.buffer.len());
            let want = usize::try_from(self.left).map_or(want, |left| want.min(left));
            let got = self.fill(want)?;
            let frames = got / self.frame_bytes;
            let bytes = &self.buffer[..frames * self.frame_bytes];
            let out = &mut out[done * channels..(done + frames) * channels];
            self.non_finite += decode(self.spec.encoding, bytes, out);
            self.left -= got as u64;
            self.taken += frames as u64;
            done += frames;
            self.ended = got < want || self.left < self.frame_bytes as u64;
        }
        Ok(done)
    }

    /// Reads `want` bytes into the buffer, fewer only at the end of the file.
    fn fill(&mut self, want: usize) -> Result<usize, FileError> {
        let mut got = 0;
        while got < want {
            match self.source.read(&mut self.buffer[got..want]) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let help = "copy it again from where it came".into();
                    return Err(FileError::Content { path: self.path.clone(), found: format!("is damaged ({error})"), help });
                }
                Err(error) => return Err(FileError::io(&self.path, "read", error)),
            }
        }
        Ok(got)
    }
}

/// What samples are decoded to.
trait Sample: Copy {
    /// Full scale at ±2³¹.
    fn from_i32(value: i32) -> Self;
    /// The value, or 0 and `true` where it is not finite.
    fn from_f32(value: f32) -> (Self, bool);
    /// The value, or 0 and `true` where it is not finite in this type.
    fn from_f64(value: f64) -> (Self, bool);
}

impl Sample for f32 {
    #[inline(always)]
    fn from_i32(value: i32) -> f32 {
        value as f32 * (1.0 / 2_147_483_648.0)
    }
    #[inline(always)]
    fn from_f32(value: f32) -> (f32, bool) {
        let bad = !value.is_finite();
        (if bad { 0.0 } else { value }, bad)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> (f32, bool) {
        f32::from_f32(value as f32)
    }
}

impl Sample for f64 {
    #[inline(always)]
    fn from_i32(value: i32) -> f64 {
        f64::from(value) * (1.0 / 2_147_483_648.0)
    }
    #[inline(always)]
    fn from_f32(value: f32) -> (f64, bool) {
        let (value, bad) = <f32 as Sample>::from_f32(value);
        (f64::from(value), bad)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> (f64, bool) {
        let bad = !value.is_finite();
        (if bad { 0.0 } else { value }, bad)
    }
}

/// Decodes whole samples and returns how many were not finite.
fn decode<T: Sample>(encoding: Encoding, bytes: &[u8], out: &mut [T]) -> u64 {
    fn integer<const N: usize, T: Sample>(bytes: &[u8], out: &mut [T], to_i32: impl Fn([u8; N]) -> i32) -> u64 {
        for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
            *out = T::from_i32(to_i32(*bytes));
        }
        0
    }
    fn float<const N: usize, T: Sample>(bytes: &[u8], out: &mut [T], of: impl Fn([u8; N]) -> (T, bool)) -> u64 {
        let mut total = 0u64;
        // A count of 32 bits stays in vector registers; a chunk is far too short to overflow it.
        for (out, bytes) in out.chunks_mut(1 << 16).zip(bytes.chunks(N << 16)) {
            let mut bad = 0u32;
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
                let (value, is_bad) = of(*bytes);
                *out = value;
                bad += u32::from(is_bad);
            }
            total += u64::from(bad);
        }
        total
    }
    match encoding {
        Encoding::U8 => integer(bytes, out, |[b]: [u8; 1]| i32::from(b ^ 0x80) << 24),
        Encoding::I16 => integer(bytes, out, |b: [u8; 2]| i32::from(i16::from_le_bytes(b)) << 16),
        Encoding::I24 => integer(bytes, out, |[a, b, c]: [u8; 3]| i32::from_le_bytes([0, a, b, c])),
        Encoding::I32 => integer(bytes, out, |b: [u8; 4]| i32::from_le_bytes(b)),
        Encoding::F32 => float(bytes, out, |b: [u8; 4]| T::from_f32(f32::from_le_bytes(b))),
        Encoding::F64 => float(bytes, out, |b: [u8; 8]| T::from_f64(f64::from_le_bytes(b))),
    }
}
