//! Audio files: WAV and FLAC, in and out, streamed, and what lies between a file and the engine.
//!
//! [`Reader`] takes PCM of 8 to 32 bits and float of 32 and 64 bits in RIFF, RF64 and BW64, with or
//! without `WAVE_FORMAT_EXTENSIBLE`, and FLAC, by what a file begins with and not by its name, in blocks of a bounded
//! buffer. [`Writer`] makes 16 and 24 bit
//! PCM and 32 and 64 bit float, with headers that are right at any moment, not only after the end.
//! [`Quantiser`] is the dither before integer formats, [`Resampler`] the rate conversion.
//!
//! Why an own WAV module: of the crates for WAV, `hound` knows neither 64 bit float nor RF64, `wav-codec`
//! refuses RF64 and hands out one `Result` a sample, and `bwavfile` gives 32 bit samples only and brings
//! a command line and a text-encoding stack for metadata that is not needed here.
//!
//! Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF); Multiple Channel
//! Audio Data and WAVE Files (extensible format); EBU Tech 3306 and ITU-R BS.2088 (RF64, BW64).

mod dither;
mod flac;
mod header;
mod reader;
mod resample;
mod unflac;
mod writer;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use dither::{Quantiser, Shape};
pub use reader::Reader;
pub use resample::{RateReader, Resampler, output_frames};
pub use writer::{Format, Writer, Written};

/// What a file holds, as its header tells it and its length allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Frames a second, 1,000 to 1,536,000.
    pub rate: u32,
    /// Samples in a frame, 1 to 512.
    pub channels: usize,
    /// Whole frames that are there to be read.
    pub frames: u64,
    /// Speaker positions, one bit a channel in file order; `None` where the file names none.
    pub mask: Option<u32>,
    /// How a sample is stored.
    pub encoding: Encoding,
}

impl Spec {
    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate)
    }
}

/// How a sample is stored; all little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Unsigned, 128 is zero.
    U8,
    /// Signed PCM in two bytes.
    I16,
    /// Signed PCM in three bytes.
    I24,
    /// Signed PCM in four bytes.
    I32,
    /// IEEE float in four bytes, full scale ±1.
    F32,
    /// IEEE float in eight bytes, full scale ±1.
    F64,
}

impl Encoding {
    /// Bytes of one sample.
    pub fn bytes(self) -> usize {
        match self {
            Encoding::U8 => 1,
            Encoding::I16 => 2,
            Encoding::I24 => 3,
            Encoding::I32 | Encoding::F32 => 4,
            Encoding::F64 => 8,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::U8 => "8 bit",
            Encoding::I16 => "16 bit",
            Encoding::I24 => "24 bit",
            Encoding::I32 => "32 bit",
            Encoding::F32 => "32 bit float",
            Encoding::F64 => "64 bit float",
        })
    }
}

/// The sample formats that are written, by their names on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bits {
    /// `16`: PCM, clips at full scale.
    Int16,
    /// `24`: PCM, clips at full scale.
    #[default]
    Int24,
    /// `32f`: keeps what is above full scale.
    Float32,
    /// `64f`: keeps what is above full scale.
    Float64,
}

impl Bits {
    /// How a sample of this format is stored.
    pub fn encoding(self) -> Encoding {
        match self {
            Bits::Int16 => Encoding::I16,
            Bits::Int24 => Encoding::I24,
            Bits::Float32 => Encoding::F32,
            Bits::Float64 => Encoding::F64,
        }
    }

    /// The word length of an integer format; `None` for float, which is never dithered.
    pub fn word(self) -> Option<u32> {
        match self {
            Bits::Int16 => Some(16),
            Bits::Int24 => Some(24),
            Bits::Float32 | Bits::Float64 => None,
        }
    }
}

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "16" => Ok(Bits::Int16),
            "24" => Ok(Bits::Int24),
            "32f" => Ok(Bits::Float32),
            "64f" => Ok(Bits::Float64),
            _ => Err(format!("\"{text}\" is no sample format; expected 16, 24, 32f or 64f")),
        }
    }
}

/// What samples are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Container {
    /// RIFF WAVE, RF64 beyond 4 GiB.
    #[default]
    Wav,
    /// FLAC, for the integer formats.
    Flac,
}

impl Container {
    /// As the end of a file's name says: FLAC for `.flac`, else WAV.
    pub fn of(path: &Path) -> Container {
        let flac = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("flac"));
        if flac { Container::Flac } else { Container::Wav }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Container::Wav => "WAV",
            Container::Flac => "FLAC",
        })
    }
}

impl FromStr for Container {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wav" => Ok(Container::Wav),
            "flac" => Ok(Container::Flac),
            _ => Err(format!("\"{text}\" is no file format; expected wav or flac")),
        }
    }
}

/// Why a file could not be read or written. The text names the file, what was expected and what to do.
#[derive(Debug)]
pub enum FileError {
    /// The file could not be opened or created, or a read or write failed.
    Io {
        /// The file.
        path: PathBuf,
        /// `open`, `read`, `create` or `write`.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What is in the file cannot be used.
    Content {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What was expected, or what to do.
        help: String,
    },
}

impl FileError {
    fn io(path: &Path, doing: &'static str, source: io::Error) -> Self {
        FileError::Io { path: path.to_path_buf(), doing, source }
    }

    /// Whether the input is at fault (exit status 2) and not the machine (exit status 1).
    pub fn is_input(&self) -> bool {
        matches!(self, FileError::Content { .. } | FileError::Io { doing: "open", .. })
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Io { path, doing, source } => {
                write!(f, "{}: cannot {doing}: {source}", path.display())?;
                match (source.kind(), *doing) {
                    (io::ErrorKind::NotFound, "create") => f.write_str("; make its directory first"),
                    (io::ErrorKind::NotFound, _) => f.write_str("; check the path"),
                    (io::ErrorKind::StorageFull, _) => f.write_str("; what was written so far is a valid file"),
                    _ => Ok(()),
                }
            }
            FileError::Content { path, found, help } => {
                write!(f, "{}: {found}; {help}", path.display())
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FileError::Io { source, .. } => Some(source),
            FileError::Content { .. } => None,
        }
    }
}
