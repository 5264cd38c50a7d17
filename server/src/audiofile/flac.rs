//! FLAC (RFC 9639) out: what stands behind a [`super::Writer`] in place of WAV.
//!
//! Why `flac-codec`: pure Rust without `unsafe`, encodes as samples come (linear prediction, mid and side, a block that
//! does not compress stored as it is), and brings three small crates along. `flacenc`, the other one, writes
//! hundreds of megabytes for a second of 24 bit steps (its issues 246 and 256).

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use flac_codec::Error;
use flac_codec::encode::{FlacSampleWriter, Options};

use super::{FileError, Format};

/// Samples that are handed to the encoder at a time.
const RUN: usize = 16_384;

/// An open FLAC file. Its header is complete once [`Flac::finish`] has been called; what a killed process leaves
/// plays, and does not say how long it is.
pub(super) struct Flac {
    encoder: FlacSampleWriter<BufWriter<File>>,
    waiting: Vec<i32>,
    channels: usize,
    samples: u64,
}

/// The encoder's own word where the system has said nothing.
fn plain(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

impl Flac {
    /// The most channels that the format has.
    pub const CHANNELS: usize = 8;

    pub fn create(path: &Path, format: &Format, word: u32) -> Result<Flac, FileError> {
        let create = |error| FileError::io(path, "create", error);
        let file = File::create(path).map_err(create)?;
        // No tags and no padding for later ones: the same samples make the same bytes, and no more than needed.
        let options = Options::default().no_padding();
        let channels = format.channels as u8;
        let encoder = FlacSampleWriter::new(BufWriter::new(file), options, format.rate, word, channels, None)
            .map_err(|error| create(plain(error)))?;
        Ok(Flac { encoder, waiting: Vec::with_capacity(RUN), channels: format.channels, samples: 0 })
    }

    /// Takes the next sample, channel by channel.
    pub fn put(&mut self, sample: i32) -> io::Result<()> {
        self.waiting.push(sample);
        self.samples += 1;
        if self.waiting.len() >= RUN && self.samples.is_multiple_of(self.channels as u64) { self.flush() } else { Ok(()) }
    }

    /// Hands what waits to the encoder; whole frames only.
    pub fn flush(&mut self) -> io::Result<()> {
        let whole = self.waiting.len() / self.channels * self.channels;
        self.encoder.write(&self.waiting[..whole]).map_err(plain)?;
        self.waiting.drain(..whole);
        Ok(())
    }

    /// Whole frames so far.
    pub fn frames(&self) -> u64 {
        self.samples / self.channels as u64
    }

    /// Ends the stream and completes its header.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        // The encoder takes no end without a beginning; the header of an empty file is there already.
        if self.samples == 0 { Ok(()) } else { self.encoder.finalize().map_err(plain) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Scratch, noise, tone};
    use super::super::{Bits, Container, Encoding, Reader, Shape, Writer};
    use super::*;
    use symphonia::core::audio::SampleBuffer;
    use symphonia::core::codecs::{CodecParameters, DecoderOptions};
    use symphonia::core::io::MediaSourceStream;
    use symphonia::core::probe::Hint;

    /// Signals that trip encoders: loud noise and then nothing, steps of full scale, one constant, tones, silence.
    fn signals() -> Vec<Vec<f64>> {
        let mut cut = noise(1, 10_000);
        cut[5_000..].fill(0.0);
        let steps = (0..20_000).map(|n| if (n / 109) % 2 == 0 { 1.0 } else { -1.0 }).collect();
        vec![cut, steps, vec![0.3; 9_001], tone(48_000, 997.0, -3.0, 10.0, 30_000), vec![0.0; 5_000], vec![0.5]]
    }

    /// What another decoder makes of a file: what its header says, and the integers.
    fn decoded(path: &Path) -> (CodecParameters, Vec<i32>) {
        let source = MediaSourceStream::new(Box::new(File::open(path).unwrap()), Default::default());
        let (hint, ask) = (Hint::new(), (Default::default(), Default::default()));
        let mut format = symphonia::default::get_probe().format(&hint, source, &ask.0, &ask.1).unwrap().format;
        let about = format.default_track().unwrap().codec_params.clone();
        let verified = DecoderOptions { verify: true };
        let mut decoder = symphonia::default::get_codecs().make(&about, &verified).unwrap();
        let mut samples = Vec::new();
        while let Ok(packet) = format.next_packet() {
            let block = decoder.decode(&packet).unwrap();
            let mut wide = SampleBuffer::<i32>::new(block.capacity() as u64, *block.spec());
            wide.copy_interleaved_ref(block);
            samples.extend(wide.samples().iter().map(|x| x >> (32 - about.bits_per_sample.unwrap())));
        }
        // The check sum over all samples that the header carries.
        assert_ne!(decoder.finalize().verify_ok, Some(false));
        (about, samples)
    }

    fn write(scratch: &Scratch, name: &str, format: &Format, samples: &[f64]) -> std::path::PathBuf {
        let path = scratch.path(name);
        let mut writer = Writer::create(&path, format).unwrap();
        for block in samples.chunks(777) {
            writer.write_f64(block).unwrap();
        }
        assert_eq!(writer.finish().unwrap().frames, (samples.len() / format.channels) as u64);
        path
    }

    #[test]
    fn another_decoder_reads_the_same_integers_that_wav_holds() {
        let scratch = Scratch::new();
        for (n, signal) in signals().iter().enumerate() {
            for (bits, word) in [(Bits::Int16, 16), (Bits::Int24, 24)] {
                for (channels, dither) in [(1, Shape::Off), (2, Shape::Tpdf), (8, Shape::Shaped)] {
                    // Every channel at a level of its own.
                    let samples: Vec<f64> =
                        signal.iter().flat_map(|x| (0..channels).map(move |c| x / (1.0 + c as f64))).collect();
                    let wav = Format { dither, seed: 5, ..Format::new(48_000, channels, bits) };
                    let flac = Format { container: Container::Flac, ..wav.clone() };
                    let wav = write(&scratch, "a.wav", &wav, &samples);
                    let flac = write(&scratch, "a.flac", &flac, &samples);
                    let mut held = vec![0.0; samples.len()];
                    let mut reader = Reader::open(&wav).unwrap();
                    assert_eq!(reader.read_f64(&mut held).unwrap(), signal.len());
                    assert_eq!(reader.spec().encoding.bytes() * 8, word as usize);
                    let (about, got) = decoded(&flac);
                    assert_eq!((about.sample_rate, about.bits_per_sample), (Some(48_000), Some(word)));
                    assert_eq!(about.n_frames, Some(signal.len() as u64));
                    let scale = f64::from(1u32 << (word - 1));
                    let got: Vec<f64> = got.into_iter().map(|x| f64::from(x) / scale).collect();
                    assert!(got == held, "signal {n}, {bits:?}, {channels} channels");
                    let most = std::fs::metadata(&wav).unwrap().len() + 12_000;
                    assert!(std::fs::metadata(&flac).unwrap().len() < most, "signal {n} grows");
                }
            }
        }
    }

    #[test]
    fn what_flac_cannot_hold_is_refused_before_the_file_is_made() {
        let scratch = Scratch::new();
        let path = scratch.path("a.flac");
        for (channels, bits) in [(9, Bits::Int24), (2, Bits::Float32)] {
            let format = Format { container: Container::Flac, ..Format::new(48_000, channels, bits) };
            assert!(Writer::create(&path, &format).is_err_and(|error| error.is_input()));
            assert!(!path.exists());
        }
        let empty = Format { container: Container::Flac, ..Format::new(48_000, 2, Bits::Int24) };
        write(&scratch, "empty.flac", &empty, &[]);
        assert!(std::fs::read(scratch.path("empty.flac")).unwrap().starts_with(b"fLaC"));
        assert_eq!(Container::of(Path::new("a.FLAC")), Container::Flac);
        assert_eq!(Container::of(Path::new("flac.wav")), Container::Wav);
        assert_eq!(Bits::Int24.encoding(), Encoding::I24);
    }
}
