//! Peak, RMS, and how left and right agree.

/// What left and right lose at most by being summed, in dB: the floor of all levels. A pair in exact
/// opposite polarity loses everything.
pub const MONO_LOSS_MAX: f64 = 144.0;

/// Levels of what is fed in.
pub struct Levels {
    /// Which channels are left and right, where the file has such.
    pair: Option<[usize; 2]>,
    channels: usize,
    frames: u64,
    peak: f64,
    squares: f64,
    /// Σ l², Σ r², Σ l·r.
    stereo: [f64; 3],
}

impl Levels {
    /// For `channels` channels; left and right are front left and front right of `mask`, without a mask
    /// the first two.
    pub fn new(channels: usize, mask: Option<u32>) -> Self {
        let pair = (channels >= 2 && mask.is_none_or(|mask| mask & 3 == 3)).then_some([0, 1]);
        Levels { pair, channels, frames: 0, peak: 0.0, squares: 0.0, stereo: [0.0; 3] }
    }

    /// Takes the next frames, one slice a channel.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        self.frames += channels.first().map_or(0, Vec::len) as u64;
        for block in channels {
            self.peak = block.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
            self.squares += product(block, block);
        }
        if let Some([left, right]) = self.pair {
            let (left, right) = (&channels[left], &channels[right]);
            for (sum, more) in self.stereo.iter_mut().zip([product(left, left), product(right, right), product(left, right)]) {
                *sum += more;
            }
        }
    }

    /// Sample peak in dBFS; `None` in silence.
    pub fn samplepeak(&self) -> Option<f64> {
        (self.peak > 0.0).then(|| 20.0 * self.peak.log10())
    }

    /// RMS over all channels in dBFS, a full-scale sine being 0; `None` in silence.
    pub fn rms(&self) -> Option<f64> {
        let mean = self.squares / (self.frames as f64 * self.channels as f64);
        (mean > 0.0).then(|| 10.0 * (2.0 * mean).log10())
    }

    /// Correlation of left and right, −1 … 1; `None` without both.
    pub fn correlation(&self) -> Option<f64> {
        let [left, right, both] = self.stereo;
        let scale = left.sqrt() * right.sqrt();
        (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0))
    }

    /// What the sum (L + R)/2 has less power than the two have on average, in dB: 0 for equal sides, 3
    /// for unrelated ones or one side alone, at most [`MONO_LOSS_MAX`]. `None` without a pair or signal.
    pub fn mono_loss(&self) -> Option<f64> {
        let [left, right, both] = self.stereo;
        let (stereo, mono) = ((left + right) / 2.0, (left + right + 2.0 * both) / 4.0);
        let ratio = stereo / mono.max(0.0);
        (stereo > 0.0).then(|| (10.0 * ratio.log10()).clamp(0.0, MONO_LOSS_MAX))
    }
}

/// Σ a·b in eight sums, so that the additions need not wait for each other.
pub fn product(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
