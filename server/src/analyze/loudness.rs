//! Loudness of a whole programme: ITU-R BS.1770-4, EBU R 128, Tech 3341 and 3342.
//!
//! K-weighted energy is summed into parts of 10 ms, and every window is made of such parts: momentary
//! (400 ms) and short-term (3 s) maxima see windows that advance by 10 ms, gating blocks (400 ms) and
//! the short-term values of the loudness range advance by 100 ms.
//!
//! Why not the `ebur128` crate: it has no such maxima. Asked every 10 ms it adds up 0.4 and 3 s of
//! samples anew, 340 additions a sample. It serves the tests as an independent reference.

use std::f64::consts::PI;

/// Parts in a second; the ends of parts are rounded to frames, so any rate keeps time.
const PARTS_PER_SECOND: u64 = 100;
const MOMENTARY_PARTS: usize = 40;
const SHORTTERM_PARTS: usize = 300;
/// Parts between gating blocks: 75 % overlap.
const STEP_PARTS: u64 = 10;
/// Blocks quieter than this count for nothing.
const ABSOLUTE_GATE: f64 = -70.0;

/// LUFS of a weighted mean square.
fn lufs(energy: f64) -> f64 {
    -0.691 + 10.0 * energy.log10()
}

fn energy_of(lufs: f64) -> f64 {
    10f64.powf((lufs + 0.691) / 10.0)
}

/// The weight of each channel: 1.41 at the sides and behind, 0 for LFE, else 1.
///
/// Positions are those of the file's mask. Without one, one to eight channels are taken in the order
/// of WAV: 1 mono, 2 L R, 3 L R C, 4 L R Ls Rs, 5 L R C Ls Rs, 6 to 8 with LFE in the fourth place; more
/// are separate tracks, each with weight 1.
pub fn weights(channels: usize, mask: Option<u32>) -> Vec<f64> {
    const LFE: u32 = 0x8;
    const BACK: u32 = 0x10 | 0x20;
    const SIDE: u32 = 0x200 | 0x400;
    let mask = mask.unwrap_or(match channels {
        4 => 0x603,
        5 => 0x607,
        6 => 0x60F,
        7 => 0x70F,
        8 => 0x63F,
        _ => 0,
    });
    // In 7.1 the back pair is beyond 120°; where there is no side pair, the back pair is the surround.
    let surround = if mask & SIDE != 0 { SIDE } else { BACK };
    let mut positions = (0..32).map(|bit| 1u32 << bit).filter(|bit| mask & bit != 0);
    (0..channels)
        .map(|_| match positions.next() {
            Some(LFE) => 0.0,
            Some(position) if position & surround != 0 => 1.41,
            _ => 1.0,
        })
        .collect()
}

/// One second-order section, b0 b1 b2 a1 a2.
type Section = [f64; 5];

/// The two sections of K-weighting at `rate`. BS.1770 prints them for 48 kHz; these are their analog
/// prototypes (a shelf of +4 dB at 1682 Hz and a high-pass at 38 Hz) under the bilinear transform, which
/// give the printed figures at 48 kHz (De Man: Evaluation of Implementations of the EBU R128 Loudness
/// Measurement).
fn k_weighting(rate: u32) -> [Section; 2] {
    let rate = f64::from(rate);
    let k = (PI * 1_681.974_450_955_533 / rate).tan();
    let q = 0.707_175_236_955_419_6;
    let high = 10f64.powf(3.999_843_853_973_347 / 20.0);
    let band = high.powf(0.499_666_774_154_541_6);
    let a0 = 1.0 + k / q + k * k;
    let shelf = [
        (high + band * k / q + k * k) / a0,
        2.0 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    ];
    let k = (PI * 38.135_470_876_024_44 / rate).tan();
    let q = 0.500_327_037_323_877_3;
    let a0 = 1.0 + k / q + k * k;
    // The numerator is not divided by a0, as in the recommendation.
    let pass = [1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0];
    [shelf, pass]
}

/// K-weighting of two channels side by side, which hides the latency of one behind the other.
#[derive(Clone)]
struct Pair {
    channels: [usize; 2],
    weights: [f64; 2],
    /// Two delays for each section, transposed direct form II.
    state: [[[f64; 2]; 2]; 2],
}

impl Pair {
    /// Filters a run of frames and returns its weighted energy.
    fn energy(&mut self, sections: &[Section; 2], blocks: &[&[f64]; 2]) -> f64 {
        let [[mut s, mut t], [mut u, mut v]] = self.state;
        let [[b0, b1, b2, a1, a2], [_, _, _, c1, c2]] = *sections;
        let mut sum = [0.0; 2];
        for (&left, &right) in blocks[0].iter().zip(blocks[1]) {
            let x = [left, right];
            for i in 0..2 {
                let y = b0 * x[i] + s[i];
                s[i] = b1 * x[i] - a1 * y + t[i];
                t[i] = b2 * x[i] - a2 * y;
                let z = y + u[i];
                u[i] = -2.0 * y - c1 * z + v[i];
                v[i] = y - c2 * z;
                sum[i] += z * z;
            }
        }
        self.state = [[s, t], [u, v]];
        // A decaying tail would end in denormals, which are slow; nothing down there is ever heard.
        for value in self.state.iter_mut().flatten().flatten() {
            if value.abs() < 1e-60 {
                *value = 0.0;
            }
        }
        sum[0] * self.weights[0] + sum[1] * self.weights[1]
    }
}

/// A programme's loudness while it is fed in. Memory: 16 bytes for each 100 ms.
pub struct Loudness {
    rate: u64,
    sections: [Section; 2],
    pairs: Vec<Pair>,
    frames: u64,
    /// The part being filled: its number, and its energy so far.
    part: u64,
    energy: f64,
    /// Energy of the last 3 s of parts, part n at n modulo its length.
    ring: Vec<f64>,
    momentary_max: f64,
    shortterm_max: f64,
    /// Mean squares of the gating blocks, every 100 ms from 400 ms on.
    blocks: Vec<f64>,
    /// Mean squares of 3 s, every 100 ms from 3 s on.
    shortterm: Vec<f64>,
}

impl Loudness {
    /// For channels of the given `weights` at `rate` Hz.
    pub fn new(rate: u32, weights: &[f64]) -> Self {
        let heard: Vec<usize> = (0..weights.len()).filter(|&channel| weights[channel] > 0.0).collect();
        let pairs = heard
            .chunks(2)
            .map(|pair| {
                // An odd one is paired with itself at weight 0.
                let (first, second) = (pair[0], *pair.last().expect("chunks are not empty"));
                let alone = pair.len() == 1;
                Pair {
                    channels: [first, second],
                    weights: [weights[first], if alone { 0.0 } else { weights[second] }],
                    state: [[[0.0; 2]; 2]; 2],
                }
            })
            .collect();
        Loudness {
            rate: u64::from(rate),
            sections: k_weighting(rate),
            pairs,
            frames: 0,
            part: 0,
            energy: 0.0,
            ring: vec![0.0; SHORTTERM_PARTS],
            momentary_max: 0.0,
            shortterm_max: 0.0,
            blocks: Vec::new(),
            shortterm: Vec::new(),
        }
    }

    /// Takes the next frames, one slice a channel, all of one length.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        let frames = channels.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < frames {
            let end = self.start_of(self.part + 1);
            let to = frames.min(from + (end - self.frames) as usize);
            for pair in &mut self.pairs {
                let blocks = pair.channels.map(|channel| &channels[channel][from..to]);
                self.energy += pair.energy(&self.sections, &blocks);
            }
            self.frames += (to - from) as u64;
            from = to;
            if self.frames == end {
                self.end_part();
            }
        }
    }

    fn start_of(&self, part: u64) -> u64 {
        (part * self.rate + PARTS_PER_SECOND / 2) / PARTS_PER_SECOND
    }

    /// The mean square of the last `parts` parts.
    fn mean(&self, parts: usize) -> f64 {
        let sum: f64 = (0..parts as u64).map(|back| self.ring[((self.part - 1 - back) % SHORTTERM_PARTS as u64) as usize]).sum();
        sum / (self.start_of(self.part) - self.start_of(self.part - parts as u64)) as f64
    }

    fn end_part(&mut self) {
        self.ring[(self.part % SHORTTERM_PARTS as u64) as usize] = std::mem::take(&mut self.energy);
        self.part += 1;
        let step = self.part.is_multiple_of(STEP_PARTS);
        if self.part >= MOMENTARY_PARTS as u64 {
            let mean = self.mean(MOMENTARY_PARTS);
            self.momentary_max = self.momentary_max.max(mean);
            if step {
                self.blocks.push(mean);
            }
        }
        if self.part >= SHORTTERM_PARTS as u64 {
            let mean = self.mean(SHORTTERM_PARTS);
            self.shortterm_max = self.shortterm_max.max(mean);
            if step {
                self.shortterm.push(mean);
            }
        }
    }

    /// Integrated loudness in LUFS; `None` where no block passes the gate at −70.
    pub fn integrated(&self) -> Option<f64> {
        together(std::iter::once(self))
    }

    /// The largest momentary loudness in LUFS; `None` in silence or under 400 ms.
    pub fn momentary_max(&self) -> Option<f64> {
        (self.momentary_max > 0.0).then(|| lufs(self.momentary_max))
    }

    /// The largest short-term loudness in LUFS; `None` in silence or under 3 s.
    pub fn shortterm_max(&self) -> Option<f64> {
        (self.shortterm_max > 0.0).then(|| lufs(self.shortterm_max))
    }

    /// Loudness range in LU (Tech 3342): from the 10th to the 95th percentile of the short-term values
    /// above −70 LUFS and above 20 LU under their mean. `None` where there are none.
    pub fn range(&self) -> Option<f64> {
        let gate = energy_of(ABSOLUTE_GATE);
        let gate = gate.max(mean_above(&self.shortterm, gate)? / 100.0);
        let mut values: Vec<f64> = self.shortterm.iter().copied().filter(|&energy| energy >= gate).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Some(lufs(at(0.95)) - lufs(at(0.10)))
    }

    /// Momentary loudness over time: seconds at the window's end and LUFS, every 100 ms.
    pub fn momentary(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.blocks.iter().enumerate().map(|(n, &energy)| (0.4 + n as f64 / 10.0, lufs(energy)))
    }

    /// Short-term loudness over time, likewise.
    pub fn shortterm(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.shortterm.iter().enumerate().map(|(n, &energy)| (3.0 + n as f64 / 10.0, lufs(energy)))
    }
}

/// Integrated loudness of several programmes as if they were one, as an album is; no window spans two of them.
pub fn together<'a>(programmes: impl Iterator<Item = &'a Loudness> + Clone) -> Option<f64> {
    let blocks = || programmes.clone().flat_map(|programme| &programme.blocks);
    let ungated = mean_above(blocks(), energy_of(ABSOLUTE_GATE))?;
    mean_above(blocks(), energy_of(ABSOLUTE_GATE).max(ungated / 10.0)).map(lufs)
}

fn mean_above<'a>(energies: impl IntoIterator<Item = &'a f64>, gate: f64) -> Option<f64> {
    let heard = energies.into_iter().filter(|&&energy| energy >= gate);
    let (count, sum) = heard.fold((0u64, 0.0), |(count, sum), energy| (count + 1, sum + energy));
    (count > 0).then(|| sum / count as f64)
}
