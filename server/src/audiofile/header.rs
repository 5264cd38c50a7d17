//! The chunks before the samples: RIFF, RF64, `ds64`, `fmt `, and where `data` begins.

use std::io::{self, Read};

use super::Encoding;

/// All that the header says, before the file's length is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub rate: u32,
    pub channels: usize,
    pub mask: Option<u32>,
    pub encoding: Encoding,
    /// Bytes of one frame.
    pub frame_bytes: usize,
    /// Where the samples begin.
    pub data_start: u64,
    /// Bytes of samples that the header promises; `None` where a writer never closed it.
    pub data_bytes: Option<u64>,
}

/// Why a header cannot be used.
#[derive(Debug)]
pub(super) enum Problem {
    /// Reading failed.
    Io(io::Error),
    /// Found, and what to do.
    Content(String, String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::Io(error)
    }
}

const EXPECTED: &str = "expected FLAC, or WAV of 8, 16, 24 or 32 bit PCM or 32 or 64 bit float";

fn content<T>(found: impl Into<String>, help: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Content(found.into(), help.into()))
}

/// Counts what was read, and skips without seeking, so that pipes work too.
struct Counted<'a, R: Read + ?Sized> {
    source: &'a mut R,
    at: u64,
}

impl<R: Read + ?Sized> Counted<'_, R> {
    /// Fills as much of `out` as there is.
    fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut got = 0;
        while got < out.len() {
            match self.source.read(&mut out[got..]) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += got as u64;
        Ok(got)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        self.at += io::copy(&mut (&mut *self.source).take(bytes), &mut io::sink())?;
        Ok(())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Reads up to the first byte of samples. `len` is the file's length where it has one.
pub(super) fn parse<R: Read + ?Sized>(source: &mut R, len: Option<u64>) -> Result<Header, Problem> {
    let mut source = Counted { source, at: 0 };
    let mut head = [0u8; 12];
    let got = source.fill(&mut head)?;
    if got == 0 {
        return content("is empty", EXPECTED);
    }
    let long = match &head[..4] {
        b"RIFF" => false,
        b"RF64" | b"BW64" => true,
        _ => return Err(foreign(&head[..got])),
    };
    if got < 12 || &head[8..12] != b"WAVE" {
        return content("is a RIFF file but not WAVE", EXPECTED);
    }
    let riff_bytes = u32_at(&head, 4);
    let mut long_data: Option<u64> = None;
    let mut format: Option<Header> = None;
    loop {
        let mut chunk = [0u8; 8];
        if source.fill(&mut chunk)? < 8 {
            let what = if format.is_some() { "data" } else { "fmt" };
            return content(
                format!("ends after {} bytes, before its {what} chunk", source.at),
                "the file is cut off or damaged; copy it again from where it came",
            );
        }
        let size = u32_at(&chunk, 4);
        let body = u64::from(size);
        match &chunk[..4] {
            b"ds64" if long => {
                let mut sizes = [0u8; 16];
                if source.fill(&mut sizes)? == 16 && size >= 16 {
                    long_data = Some(u64_at(&sizes, 8));
                }
                source.skip(body.saturating_sub(16) + (body & 1))?;
            }
            b"fmt " => {
                // 40 bytes is the longest form; a longer chunk keeps its tail to itself.
                let mut bytes = [0u8; 40];
                let take = body.min(40) as usize;
                let got = source.fill(&mut bytes[..take])?;
                format = Some(parse_format(&bytes[..got])?);
                source.skip(body - take as u64 + (body & 1))?;
            }
            b"data" => {
                let Some(mut header) = format else {
                    return content("has its samples before their format", "save it again with another program");
                };
                header.data_start = source.at;
                header.data_bytes = match size {
                    u32::MAX => long_data,
                    // An empty data chunk is one only where the whole header was closed.
                    0 if len != Some(u64::from(riff_bytes) + 8) && len != Some(source.at) => None,
                    _ => Some(body),
                };
                return Ok(header);
            }
            _ => source.skip(body + (body & 1))?,
        }
    }
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;
/// The last 14 bytes of every sub-format that merely wraps a format tag.
pub(super) const SUBFORMAT_TAIL: [u8; 14] = [0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71];

fn parse_format(bytes: &[u8]) -> Result<Header, Problem> {
    if bytes.len() < 16 {
        return content(format!("has a fmt chunk of {} bytes", bytes.len()), "at least 16 were expected; the file is damaged");
    }
    let mut tag = u16_at(bytes, 0);
    let channels = usize::from(u16_at(bytes, 2));
    let rate = u32_at(bytes, 4);
    let frame_bytes = usize::from(u16_at(bytes, 12));
    let bits = usize::from(u16_at(bytes, 14));
    let mut mask = None;
    if tag == EXTENSIBLE {
        if bytes.len() < 40 {
            return content("has an extensible fmt chunk that is too short", "40 bytes were expected; the file is damaged");
        }
        // Mask 0 means that the channels have no positions, as in a multitrack file.
        mask = Some(u32_at(bytes, 20)).filter(|&mask| mask != 0);
        tag = u16_at(bytes, 24);
        if bytes[26..40] != SUBFORMAT_TAIL {
            return content("has a sub-format that is not PCM or float", EXPECTED);
        }
    }
    if !(1..=512).contains(&channels) {
        return content(format!("says it has {channels} channels"), "1 to 512 were expected");
    }
    if !(1_000..=1_536_000).contains(&rate) {
        return content(format!("says its sample rate is {rate} Hz"), "1000 to 1536000 were expected");
    }
    if bits == 0 || frame_bytes == 0 || !frame_bytes.is_multiple_of(channels) || bits > 8 * (frame_bytes / channels) {
        return content(
            format!("says {bits} bits a sample, {channels} channels and {frame_bytes} bytes a frame, which do not fit"),
            "the header is damaged; save the file again with another program",
        );
    }
    // PCM of fewer bits sits at the top of its container, so the container alone decides.
    let encoding = match (tag, frame_bytes / channels) {
        (PCM, 1) => Encoding::U8,
        (PCM, 2) => Encoding::I16,
        (PCM, 3) => Encoding::I24,
        (PCM, 4) => Encoding::I32,
        (FLOAT, 4) => Encoding::F32,
        (FLOAT, 8) => Encoding::F64,
        (PCM | FLOAT, bytes) => {
            return content(format!("stores a sample in {bytes} bytes"), EXPECTED);
        }
        (tag, _) => return content(format!("is compressed ({})", codec(tag)), EXPECTED),
    };
    Ok(Header { rate, channels, mask, encoding, frame_bytes, data_start: 0, data_bytes: None })
}

fn codec(tag: u16) -> String {
    match tag {
        2 | 0x11 => "ADPCM".into(),
        6 => "A-law".into(),
        7 => "µ-law".into(),
        0x50 | 0x55 => "MPEG audio".into(),
        _ => format!("format {tag:#06x}"),
    }
}

/// Says what a file is that is not WAV, as far as its first bytes tell.
fn foreign(head: &[u8]) -> Problem {
    let starts = |with: &[u8]| head.starts_with(with);
    let found = if starts(b"OggS") {
        "is Ogg"
    } else if starts(b"FORM") {
        "is AIFF"
    } else if starts(b"ID3") || (head.len() > 1 && head[0] == 0xFF && head[1] & 0xE0 == 0xE0) {
        "is MP3 or AAC"
    } else if head.get(4..8) == Some(b"ftyp") {
        "is MP4"
    } else if starts(b"caff") {
        "is Core Audio"
    } else if starts(b"RIFX") {
        "is big-endian WAV"
    } else if starts(b"riff") {
        "is Sony Wave64"
    } else {
        return Problem::Content("is not an audio file that headroom knows".into(), EXPECTED.into());
    };
    Problem::Content(found.into(), format!("{EXPECTED}; convert it first, for example: ffmpeg -i INPUT OUTPUT.wav"))
}
