//! Sound-making parts that the players share: chance, oscillators, filters and the looped track.
//!
//! All of it runs once, at start and off the audio thread, so it is written for clarity in `f64`.
//! Filters and envelopes are given in hertz and seconds; nothing here depends on the rate except
//! that what lies above [`Take::ceiling_hz`] is left out.

use super::score;
use std::f64::consts::{PI, TAU};

/// What every player needs to know about the recording: rate, length of the loop, and the seed.
#[derive(Clone, Copy, Debug)]
pub struct Take {
    /// Frames a second.
    pub rate: f64,
    /// Length of the loop in frames.
    pub frames: usize,
    seed: u64,
}

impl Take {
    /// A take of the whole score at `rate` Hz.
    pub fn new(rate: u32, seed: u64) -> Self {
        let rate = f64::from(rate);
        let frames = (score::seconds(score::BEATS) * rate).round() as usize;
        Self { rate, frames, seed }
    }

    /// The source of chance for one player. Players do not share one, so that a change in one part
    /// leaves the others as they were.
    pub fn chance(&self, player: u64) -> Chance {
        Chance::new(self.seed ^ player.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Frames in `seconds`.
    pub fn span(&self, seconds: f64) -> usize {
        (seconds * self.rate).round() as usize
    }

    /// The frame of `beat`, `late` seconds after it; negative ahead of the first beat.
    pub fn frame(&self, beat: f64, late: f64) -> i64 {
        ((score::seconds(beat) + late) * self.rate).round() as i64
    }

    /// The highest frequency that a partial or a filter may have.
    pub fn ceiling_hz(&self) -> f64 {
        0.45 * self.rate
    }

    /// Gain that keeps the density of noise (power per hertz) what it is at 48 kHz.
    pub fn noise_gain(&self) -> f64 {
        (self.rate / 48_000.0).sqrt()
    }

    /// An empty track.
    pub fn track(&self) -> Track {
        Track(vec![0.0; self.frames])
    }
}

/// A seeded source of chance (splitmix64: Steele, Lea, Flood, 2014).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// A source that always tells the same story for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Evenly spread over 0 … 1, 1 left out.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Evenly spread over −1 … 1: white noise.
    pub fn noise(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }

    /// Evenly spread over `low … high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped around 0 with standard deviation 1, never past ±3.5: how far a hand is off.
    pub fn bell(&mut self) -> f64 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) * 3.0_f64.sqrt()
    }
}

/// Equal-tempered frequency of a MIDI note, A4 = 440 Hz.
pub fn hz(note: f64) -> f64 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// Linear gain of a level in dB.
pub fn gain(db: f64) -> f64 {
    10.0_f64.powf(db / 20.0)
}

/// sin(2π·`turns`), within 4e-6; the odd Taylor series on a quarter turn.
pub fn sine(turns: f64) -> f64 {
    // Conversion truncates; rounding would be a call on CPUs that have no instruction for it.
    let mut x = turns - turns as i64 as f64;
    if x.abs() > 0.5 {
        x -= 1.0_f64.copysign(x);
    }
    if x.abs() > 0.25 {
        x = 0.5_f64.copysign(x) - x;
    }
    let a = TAU * x;
    let s = a * a;
    a * (1.0 + s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5040.0 + s / 362_880.0))))
}

/// Factor per frame of a decay that loses 60 dB in `seconds`.
pub fn decay(seconds: f64, rate: f64) -> f64 {
    (-1000.0_f64.ln() / (seconds * rate)).exp()
}

/// Factor per frame by which a one-pole smoother closes in on its target.
pub fn glide(seconds: f64, rate: f64) -> f64 {
    1.0 - (-1.0 / (seconds * rate)).exp()
}

/// A saw from −1 to 1, its jump rounded over two frames (polyBLEP: Välimäki, Huovilainen, 2007).
#[derive(Debug)]
pub struct Saw {
    /// Where it is, 0 … 1.
    pub phase: f64,
}

impl Saw {
    /// The next frame at `step` turns a frame, less than half a turn.
    pub fn next(&mut self, step: f64) -> f64 {
        self.phase += step;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        }
        let naive = 2.0 * self.phase - 1.0;
        if self.phase < step {
            let x = self.phase / step;
            naive - (2.0 * x - x * x - 1.0)
        } else if self.phase > 1.0 - step {
            let x = (self.phase - 1.0) / step;
            naive - (x * x + 2.0 * x + 1.0)
        } else {
            naive
        }
    }
}

/// A state-variable filter, 12 dB/oct (trapezoidal: Zavalishin, 2012), safe to retune while it runs.
#[derive(Clone, Debug, Default)]
pub struct Svf {
    g: f64,
    k: f64,
    norm: f64,
    low: f64,
    band: f64,
}

impl Svf {
    /// A filter at `hz`, kept below the take's ceiling.
    pub fn new(take: &Take, hz: f64, q: f64) -> Self {
        let mut filter = Self::default();
        filter.tune(take, hz, q);
        filter
    }

    /// Moves the corner, keeping what rings.
    pub fn tune(&mut self, take: &Take, hz: f64, q: f64) {
        self.g = (PI * hz.min(take.ceiling_hz()) / take.rate).tan();
        self.k = 1.0 / q;
        self.norm = 1.0 / (1.0 + self.g * (self.g + self.k));
    }

    /// Low, band (0 dB at the centre) and high output for one frame.
    pub fn next(&mut self, x: f64) -> [f64; 3] {
        let high = (x - (self.g + self.k) * self.band - self.low) * self.norm;
        let step = self.g * high;
        let band = step + self.band;
        self.band = band + step;
        let step = self.g * band;
        let low = step + self.low;
        self.low = low + step;
        [low, self.k * band, high]
    }

    /// The low-pass output alone.
    pub fn low(&mut self, x: f64) -> f64 {
        self.next(x)[0]
    }

    /// The band-pass output alone.
    pub fn band(&mut self, x: f64) -> f64 {
        self.next(x)[1]
    }

    /// The high-pass output alone.
    pub fn high(&mut self, x: f64) -> f64 {
        self.next(x)[2]
    }
}

/// A two-pole resonance with unity gain at 0 Hz, as vocal-tract models chain them (Klatt, 1980).
#[derive(Clone, Debug, Default)]
pub struct Formant {
    a: f64,
    b: f64,
    c: f64,
    y: [f64; 2],
}

impl Formant {
    /// Moves the resonance to `hz` with a −3 dB width of `width` Hz; one that would lie above the
    /// ceiling is passed by.
    pub fn tune(&mut self, take: &Take, hz: f64, width: f64) {
        if hz > take.ceiling_hz() {
            (self.a, self.b, self.c) = (1.0, 0.0, 0.0);
            return;
        }
        let r = (-PI * width / take.rate).exp();
        self.c = -r * r;
        self.b = 2.0 * r * (TAU * hz / take.rate).cos();
        self.a = 1.0 - self.b - self.c;
    }

    /// One frame.
    pub fn next(&mut self, x: f64) -> f64 {
        let y = self.a * x + self.b * self.y[0] + self.c * self.y[1];
        self.y = [y, self.y[0]];
        y
    }
}

/// One plane of audio that plays round and round: what runs over the end comes in at the start.
#[derive(Clone, Debug)]
pub struct Track(Vec<f32>);

impl Track {
    /// Adds `note` from frame `at`, counted round the loop.
    pub fn add(&mut self, at: i64, note: &[f32], gain: f64) {
        let frames = self.0.len();
        let mut to = at.rem_euclid(frames as i64) as usize;
        for &x in note {
            self.0[to] += gain as f32 * x;
            to += 1;
            if to == frames {
                to = 0;
            }
        }
    }

    /// Adds another track, `late` frames after it: what one microphone hears of another's source.
    pub fn hear(&mut self, other: &Track, late: usize, gain: f64) {
        self.add(late as i64, &other.0, gain);
    }

    /// Runs a process with memory over the loop. Its last `settle` frames are played in first, so
    /// that it arrives at frame 0 as if it had been round already.
    pub fn process(&mut self, settle: usize, mut process: impl FnMut(usize, f64) -> f64) {
        let frames = self.0.len();
        for at in frames.saturating_sub(settle)..frames {
            process(at, f64::from(self.0[at]));
        }
        for (at, x) in self.0.iter_mut().enumerate() {
            *x = process(at, f64::from(*x)) as f32;
        }
    }

    /// The largest sample.
    pub fn peak(&self) -> f64 {
        self.0.iter().fold(0.0_f64, |peak, &x| peak.max(f64::from(x.abs())))
    }

    /// Scales so that the largest sample is `peak`; silence stays silence.
    pub fn normalise(&mut self, peak: f64) {
        let now = self.peak();
        if now > 0.0 {
            self.scale(peak / now);
        }
    }

    /// Scales every sample.
    pub fn scale(&mut self, gain: f64) {
        for x in &mut self.0 {
            *x *= gain as f32;
        }
    }

    /// The samples.
    pub fn into_samples(self) -> Vec<f32> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sine_is_a_sine() {
        for step in -4000..4000 {
            let turns = f64::from(step) / 1000.0;
            assert!((sine(turns) - (TAU * turns).sin()).abs() < 4e-6, "{turns}");
        }
    }

    #[test]
    fn hands_err_around_the_beat_and_never_far() {
        let mut chance = Chance::new(1);
        let tries: Vec<f64> = (0..20_000).map(|_| chance.bell()).collect();
        let mean = tries.iter().sum::<f64>() / tries.len() as f64;
        let spread = (tries.iter().map(|x| x * x).sum::<f64>() / tries.len() as f64).sqrt();
        assert!(mean.abs() < 0.03 && (spread - 1.0).abs() < 0.03, "{mean} {spread}");
        assert!(tries.iter().all(|x| x.abs() < 3.5));
    }

    #[test]
    fn what_runs_over_the_end_comes_in_at_the_start() {
        let mut track = Track(vec![0.0; 4]);
        track.add(3, &[1.0, 2.0], 1.0);
        track.add(-1, &[10.0, 20.0], 1.0);
        assert_eq!(track.into_samples(), [22.0, 0.0, 0.0, 11.0]);
    }

    #[test]
    fn a_formant_rings_where_it_is_tuned() {
        let take = Take::new(48_000, 0);
        let mut formant = Formant::default();
        formant.tune(&take, 1000.0, 80.0);
        let mut level = |hz: f64| {
            let mut peak = 0.0_f64;
            for n in 0..48_000 {
                let y = formant.next(sine(hz * f64::from(n) / take.rate));
                if n > 24_000 {
                    peak = peak.max(y.abs());
                }
            }
            peak
        };
        let (on, beside, low) = (level(1000.0), level(1040.0), level(20.0));
        assert!((on / beside - 2.0_f64.sqrt()).abs() < 0.05, "{on} {beside}");
        assert!((low - 1.0).abs() < 0.01, "{low}");
    }
}
