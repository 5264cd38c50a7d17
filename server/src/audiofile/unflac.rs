//! FLAC (RFC 9639) in: a decoder that reads as little-endian PCM, so that [`super::Reader`] takes it as it takes the
//! samples of a WAV.

use std::io::{self, Read};

use flac_codec::Error;
use flac_codec::decode::FlacSampleReader;
use flac_codec::metadata::Metadata;

use super::Encoding;
use super::header::{Header, Problem};

/// What a FLAC begins with.
pub(super) const MARK: &[u8] = b"fLaC";

/// Samples that are asked of the decoder at a time.
const RUN: usize = 16_384;

/// The samples of a FLAC as bytes.
pub(super) struct Unflac {
    decoder: FlacSampleReader<Box<dyn Read + Send>>,
    samples: Vec<i32>,
    bytes: Vec<u8>,
    /// Bytes that have been taken.
    at: usize,
    /// Bytes of a sample, and how far its bits are from the top of them.
    width: usize,
    shift: u32,
}

fn unusable(error: &Error) -> Problem {
    Problem::Content(
        format!("is FLAC that cannot be read ({error})"),
        "it is cut off or damaged; copy it again from where it came".into(),
    )
}

/// Reads the blocks ahead of the samples. What follows is PCM as the header says.
pub(super) fn open(source: Box<dyn Read + Send>) -> Result<(Header, Unflac), Problem> {
    let decoder = FlacSampleReader::new(source).map_err(|error| unusable(&error))?;
    let about = decoder.metadata().streaminfo();
    let (rate, channels, bits) = (about.sample_rate(), usize::from(about.channel_count()), about.bits_per_sample());
    if !(1_000..=1_536_000).contains(&rate) {
        return Err(Problem::Content(format!("says its sample rate is {rate} Hz"), "1000 to 1536000 were expected".into()));
    }
    // As many channels as its format gives positions to have them by their number, as a plain WAV has.
    let named = u32::from(decoder.metadata().channel_mask());
    let mask = (channels > 2 && named != 0).then_some(named);
    let encoding = match bits {
        ..=16 => Encoding::I16,
        17..=24 => Encoding::I24,
        _ => Encoding::I32,
    };
    let width = encoding.bytes();
    let frame_bytes = width * channels;
    let data_bytes = about.total_samples().map(|frames| frames.saturating_mul(frame_bytes as u64));
    let header = Header { rate, channels, mask, encoding, frame_bytes, data_start: 0, data_bytes };
    let (samples, bytes) = (vec![0; RUN], Vec::with_capacity(RUN * width));
    Ok((header, Unflac { decoder, samples, bytes, at: 0, width, shift: 8 * width as u32 - bits }))
}

impl Read for Unflac {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            let got = match self.decoder.read(&mut self.samples) {
                Ok(got) => got,
                // A file that stops is read as far as it goes, as a WAV is.
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
                Err(Error::Io(error)) => return Err(error),
                Err(other) => return Err(io::Error::new(io::ErrorKind::InvalidData, other.to_string())),
            };
            self.at = 0;
            self.bytes.clear();
            for sample in &self.samples[..got] {
                self.bytes.extend_from_slice(&(sample << self.shift).to_le_bytes()[..self.width]);
            }
        }
        let n = out.len().min(self.bytes.len() - self.at);
        out[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
