//! Sample-rate conversion, streamed: whole files between any two rates, exact length, no latency.
//!
//! The work is rubato's synchronous FFT method in f64: overlapping blocks are filtered and cut or
//! extended in the frequency domain, so the ratio is exact and there is no table to interpolate in.
//! Its filter is linear-phase and flat to 97 % of the lower Nyquist frequency. Here blocks are fed,
//! the filter's delay is taken off the front, and the tail is pushed out at the end.

use std::collections::VecDeque;

use rubato::{FftFixedInOut, Resampler as _};

use super::{FileError, Reader};

/// The least block at the lower of the two rates: long enough that the filter's slope fits between
/// 97 % of Nyquist and Nyquist, short enough that its ringing stays under 25 ms at 44.1 kHz. Rates with
/// a small common divisor need longer blocks, of up to two seconds where there is none.
const LEAST_BLOCK: u32 = 2048;

/// Frames that `frames` at `from` Hz become at `to` Hz: the same duration, to the nearest frame.
pub fn output_frames(frames: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (u128::from(from), u128::from(to));
    ((u128::from(frames) * to + from / 2) / from) as u64
}

/// Converts interleaved f64 samples. Frame 0 of the output is frame 0 of the input.
pub struct Resampler {
    from: u32,
    to: u32,
    channels: usize,
    /// `None` where the rates are equal and samples pass bit-exact.
    engine: Option<FftFixedInOut<f64>>,
    /// One block a channel, filled up to `filled` frames.
    input: Vec<Vec<f64>>,
    output: Vec<Vec<f64>>,
    filled: usize,
    /// Output frames still to be dropped: the delay of the filter.
    skip: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// From `from` Hz to `to` Hz; both, and `channels`, at least 1.
    pub fn new(from: u32, to: u32, channels: usize) -> Self {
        let mut new = Resampler {
            from,
            to,
            channels,
            engine: None,
            input: Vec::new(),
            output: Vec::new(),
            filled: 0,
            skip: 0,
            taken: 0,
            given: 0,
        };
        if from != to {
            let common = gcd(from, to);
            let least = (from / common).min(to / common);
            // An even count of periods of the ratio puts the filter's centre on a frame of both rates.
            let periods = LEAST_BLOCK.div_ceil(2 * least) * 2;
            let block = (from / common * periods) as usize;
            let engine =
                FftFixedInOut::new(from as usize, to as usize, block, channels).expect("rates and channels are at least 1");
            new.input = vec![vec![0.0; engine.input_frames_max()]; channels];
            new.output = vec![vec![0.0; engine.output_frames_max()]; channels];
            new.skip = engine.output_delay();
            new.engine = Some(engine);
        }
        new
    }

    /// Converts whole interleaved frames and appends what is ready to `out`.
    pub fn process(&mut self, frames: &[f64], out: &mut Vec<f64>) {
        debug_assert!(frames.len().is_multiple_of(self.channels));
        self.taken += (frames.len() / self.channels) as u64;
        if self.engine.is_none() {
            self.given = self.taken;
            out.extend_from_slice(frames);
            return;
        }
        let mut rest = frames;
        while !rest.is_empty() {
            let block = self.input[0].len();
            let take = (rest.len() / self.channels).min(block - self.filled);
            let (now, later) = rest.split_at(take * self.channels);
            for (channel, input) in self.input.iter_mut().enumerate() {
                let samples = now.iter().skip(channel).step_by(self.channels);
                for (to, &from) in input[self.filled..].iter_mut().zip(samples) {
                    *to = from;
                }
            }
            self.filled += take;
            rest = later;
            if self.filled == block {
                self.run(u64::MAX, out);
            }
        }
    }

    /// Appends the rest, so that [`output_frames`] of all that was taken have been given.
    pub fn finish(&mut self, out: &mut Vec<f64>) {
        let total = output_frames(self.taken, self.from, self.to);
        while self.given < total {
            for input in &mut self.input {
                input[self.filled..].fill(0.0);
            }
            self.run(total, out);
        }
    }

    /// Converts the block that is in `input`; gives no more than `total` frames altogether.
    fn run(&mut self, total: u64, out: &mut Vec<f64>) {
        let engine = self.engine.as_mut().expect("only called while converting");
        let (_, frames) =
            engine.process_into_buffer(&self.input, &mut self.output, None).expect("buffers have the engine's own sizes");
        self.filled = 0;
        let from = self.skip.min(frames);
        self.skip -= from;
        let room = usize::try_from(total - self.given).unwrap_or(usize::MAX);
        let to = frames.min(from.saturating_add(room));
        out.reserve((to - from) * self.channels);
        for frame in from..to {
            out.extend(self.output.iter().map(|channel| channel[frame]));
        }
        self.given += (to - from) as u64;
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A file read at a rate of one's choice.
pub struct RateReader {
    reader: Reader,
    resampler: Resampler,
    raw: Vec<f64>,
    converted: Vec<f64>,
    ready: VecDeque<f64>,
    done: bool,
}

impl RateReader {
    /// Reads `reader`, which must be at its beginning, at `rate` Hz.
    pub fn new(reader: Reader, rate: u32) -> Self {
        let spec = reader.spec();
        let resampler = Resampler::new(spec.rate, rate, spec.channels);
        let raw = if resampler.engine.is_some() { vec![0.0; 4096 * spec.channels] } else { Vec::new() };
        RateReader { reader, resampler, raw, converted: Vec::new(), ready: VecDeque::new(), done: false }
    }

    /// The file behind it, with its own rate.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Whether samples are converted; else they pass bit-exact.
    pub fn converts(&self) -> bool {
        self.resampler.engine.is_some()
    }

    /// Frames that will be given in all.
    pub fn frames(&self) -> u64 {
        output_frames(self.reader.spec().frames, self.resampler.from, self.resampler.to)
    }

    /// As [`Reader::read`], at the new rate.
    ///
    /// # Errors
    /// The system failed to read.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize, FileError> {
        if !self.converts() {
            return self.reader.read(out);
        }
        let mut wide = vec![0.0; out.len()];
        let frames = self.read_f64(&mut wide)?;
        for (out, sample) in out.iter_mut().zip(wide) {
            *out = sample as f32;
        }
        Ok(frames)
    }

    /// As [`Reader::read_f64`], at the new rate.
    ///
    /// # Errors
    /// The system failed to read.
    pub fn read_f64(&mut self, out: &mut [f64]) -> Result<usize, FileError> {
        if !self.converts() {
            return self.reader.read_f64(out);
        }
        let channels = self.resampler.channels;
        let wanted = out.len() / channels * channels;
        while self.ready.len() < wanted && !self.done {
            let frames = self.reader.read_f64(&mut self.raw)?;
            self.converted.clear();
            if frames > 0 {
                self.resampler.process(&self.raw[..frames * channels], &mut self.converted);
            } else {
                self.resampler.finish(&mut self.converted);
                self.done = true;
            }
            self.ready.extend(&self.converted);
        }
        let give = wanted.min(self.ready.len());
        for (out, sample) in out.iter_mut().zip(self.ready.drain(..give)) {
            *out = sample;
        }
        Ok(give / channels)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Scratch, db, fit, interpolate, noise, spread, tone};
    use super::*;

    fn converted(signal: &[f64], from: u32, to: u32, channels: usize) -> Vec<f64> {
        let mut resampler = Resampler::new(from, to, channels);
        let mut out = Vec::new();
        for block in signal.chunks(1_234 * channels) {
            resampler.process(block, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    /// The middle of a converted tone, clear of its beginning and end.
    fn middle(out: &[f64]) -> &[f64] {
        &out[out.len() / 4..out.len() * 3 / 4]
    }

    #[test]
    fn tones_pass_from_48_to_44_1_without_a_trace() {
        for hz in [997.0, 10_007.0, 19_001.0] {
            let out = converted(&tone(48_000, hz, 0.0, 0.0, 96_000), 48_000, 44_100, 1);
            let (amplitude, rest) = fit(middle(&out), 44_100, hz);
            let ratio = db(rest * 2f64.sqrt() / amplitude);
            assert!(ratio < -140.0, "THD+N {ratio:.1} dB at {hz} Hz");
            assert!(db(amplitude).abs() < 0.001, "{hz} Hz at {:.5} dB", db(amplitude));
        }
    }

    #[test]
    fn the_band_is_flat_to_20_khz_and_what_would_fold_is_gone() {
        let out = converted(&tone(48_000, 20_000.0, 0.0, 0.0, 96_000), 48_000, 44_100, 1);
        assert!(db(fit(middle(&out), 44_100, 20_000.0).0).abs() < 0.01);
        for hz in [22_500.0, 23_000.0, 23_900.0] {
            let out = converted(&tone(48_000, hz, 0.0, 0.0, 96_000), 48_000, 44_100, 1);
            let peak = middle(&out).iter().fold(0.0f64, |peak, x| peak.max(x.abs()));
            assert!(db(peak) < -120.0, "{hz} Hz left {:.1} dB", db(peak));
        }
    }

    #[test]
    fn usual_and_odd_rates_keep_time_level_and_length() {
        for (from, to) in [
            (44_100, 48_000),
            (48_000, 96_000),
            (96_000, 44_100),
            (192_000, 44_100),
            (44_100, 88_200),
            (22_050, 48_000),
            (48_000, 47_950),
        ] {
            let frames = from as usize;
            let out = converted(&tone(from, 997.0, 0.0, 30.0, frames), from, to, 1);
            assert_eq!(out.len(), to as usize, "{from} to {to}");
            let wanted = tone(to, 997.0, 0.0, 30.0, to as usize);
            let worst =
                middle(&out).iter().zip(middle(&wanted)).fold(0.0f64, |worst, (got, wanted)| worst.max((got - wanted).abs()));
            assert!(db(worst) < -140.0, "{from} to {to}: off by {:.1} dB", db(worst));
        }
    }

    #[test]
    fn frame_0_stays_frame_0() {
        let mut click = vec![0.0; 9_600];
        click[4_800] = 1.0;
        let out = converted(&click, 48_000, 44_100, 1);
        let at = (0..out.len()).max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs())).unwrap();
        assert_eq!(at, 4_410);
        // Symmetric about it: no fraction of a frame is lost either.
        assert!((interpolate(&out, 4_409.5) - interpolate(&out, 4_410.5)).abs() < 1e-9);
    }

    #[test]
    fn channels_stay_apart_and_blocks_do_not_matter() {
        let (left, right) = (noise(1, 20_000), noise(2, 20_000));
        let both: Vec<f64> = left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect();
        let out = converted(&both, 44_100, 48_000, 2);
        let alone = converted(&left, 44_100, 48_000, 1);
        assert!(out.iter().step_by(2).eq(&alone));
        let mut whole = Vec::new();
        let mut resampler = Resampler::new(44_100, 48_000, 2);
        resampler.process(&both, &mut whole);
        resampler.finish(&mut whole);
        assert_eq!(out, whole);
    }

    #[test]
    fn lengths_round_to_the_nearest_frame_and_nothing_stays_nothing() {
        assert_eq!(output_frames(44_100, 44_100, 48_000), 48_000);
        assert_eq!(output_frames(0, 44_100, 48_000), 0);
        assert_eq!(output_frames(u64::MAX / 4, 44_100, 44_100), u64::MAX / 4);
        for frames in [0, 1, 2, 100, 2_047] {
            let there = converted(&noise(5, frames), 44_100, 48_000, 1);
            assert_eq!(there.len() as u64, output_frames(frames as u64, 44_100, 48_000));
            assert_eq!(converted(&there, 48_000, 44_100, 1).len(), frames, "there and back");
        }
    }

    #[test]
    fn a_file_can_be_read_at_the_engines_rate() {
        let scratch = Scratch::new();
        let path = scratch.write("a.wav", 44_100, 2, &spread(&tone(44_100, 997.0, -6.0, 0.0, 44_100), 2));
        let mut reader = RateReader::new(Reader::open(&path).unwrap(), 48_000);
        assert!(reader.converts());
        assert_eq!(reader.frames(), 48_000);
        let (mut block, mut left) = (vec![0.0; 2 * 333], Vec::new());
        loop {
            let frames = reader.read_f64(&mut block).unwrap();
            if frames == 0 {
                break;
            }
            left.extend(block[..2 * frames].iter().step_by(2));
        }
        assert_eq!(left.len(), 48_000);
        assert!((db(fit(middle(&left), 48_000, 997.0).0) + 6.0).abs() < 0.001);
        let same = RateReader::new(Reader::open(&path).unwrap(), 44_100);
        assert!(!same.converts());
    }
}
