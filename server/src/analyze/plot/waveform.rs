//! The extremes of a programme over time, in bounded memory.

/// Buckets of the waveform; two neighbours are merged whenever there would be more.
const BUCKETS: usize = 4_096;

/// The extremes of each channel over time, in a bounded number of buckets whatever the length.
pub struct Waveform {
    /// Lowest and highest sample of each bucket, one list a channel.
    pub channels: Vec<Vec<[f32; 2]>>,
    /// Frames in a bucket, and in the one being filled.
    pub width: usize,
    filled: usize,
}

impl Waveform {
    /// For `channels` channels.
    pub fn new(channels: usize) -> Self {
        Waveform { channels: vec![Vec::new(); channels], width: 64, filled: 64 }
    }

    /// Takes the next frames, one slice a channel.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        let frames = channels.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < frames {
            if self.filled == self.width {
                self.open_bucket();
            }
            let to = frames.min(from + self.width - self.filled);
            for (buckets, samples) in self.channels.iter_mut().zip(channels) {
                let bucket = buckets.last_mut().expect("a bucket is open");
                for &sample in &samples[from..to] {
                    let sample = sample as f32;
                    *bucket = [bucket[0].min(sample), bucket[1].max(sample)];
                }
            }
            self.filled += to - from;
            from = to;
        }
    }

    fn open_bucket(&mut self) {
        let full = self.channels.iter().any(|buckets| buckets.len() >= BUCKETS);
        for buckets in &mut self.channels {
            if full {
                *buckets = buckets.chunks(2).map(join).collect();
            }
            buckets.push([f32::MAX, f32::MIN]);
        }
        if full {
            self.width *= 2;
        }
        self.filled = 0;
    }
}

/// The extremes of several buckets.
pub fn join(buckets: &[[f32; 2]]) -> [f32; 2] {
    buckets.iter().fold([f32::MAX, f32::MIN], |[low, high], bucket| [low.min(bucket[0]), high.max(bucket[1])])
}
