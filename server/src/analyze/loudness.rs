//! Loudness of a programme, of a file or live: ITU-R BS.1770-4, EBU R 128, Tech 3341 and 3342.
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

/// A stream cut into parts of 10 ms.
#[derive(Clone, Debug)]
pub struct Parts {
    rate: u64,
    frames: u64,
    /// Number of the part being filled.
    part: u64,
}

impl Parts {
    /// Parts of a stream at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        Parts { rate: u64::from(rate), frames: 0, part: 0 }
    }

    /// First frame of a part.
    fn start_of(&self, part: u64) -> u64 {
        (part * self.rate + PARTS_PER_SECOND / 2) / PARTS_PER_SECOND
    }

    /// Frames that the part being filled still takes.
    pub fn room(&self) -> usize {
        (self.start_of(self.part + 1) - self.frames) as usize
    }

    /// Counts frames, at most [`Parts::room`]; whether they ended a part.
    pub fn advance(&mut self, frames: usize) -> bool {
        self.frames += frames as u64;
        let ended = self.frames == self.start_of(self.part + 1);
        self.part += u64::from(ended);
        ended
    }

    /// Parts that have ended.
    pub fn ended(&self) -> u64 {
        self.part
    }

    /// Frames of the last `parts` parts that have ended.
    pub fn frames_of(&self, parts: u64) -> u64 {
        self.start_of(self.part) - self.start_of(self.part - parts)
    }

    /// Goes on at another rate, at the beginning of a part.
    pub fn at_rate(&mut self, rate: u32) {
        self.rate = u64::from(rate);
        self.frames = self.start_of(self.part);
    }
}

/// Mean squares above the absolute gate, counted in steps of 0.01 LU: a programme of any length in bounded memory.
/// Each step keeps its sum, so only what lies within 0.01 LU of a gate may fall on its other side.
struct Histogram {
    counts: Vec<u32>,
    sums: Vec<f64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    const STEPS_PER_LU: f64 = 100.0;
    /// Up to +10 LUFS; what is louder is summed in the last step.
    const STEPS: usize = 8_000;

    fn new() -> Self {
        Histogram { counts: vec![0; Self::STEPS], sums: vec![0.0; Self::STEPS], count: 0, sum: 0.0 }
    }

    fn clear(&mut self) {
        self.counts.fill(0);
        self.sums.fill(0.0);
        (self.count, self.sum) = (0, 0.0);
    }

    fn step(energy: f64) -> usize {
        (((lufs(energy) - ABSOLUTE_GATE) * Self::STEPS_PER_LU) as usize).min(Self::STEPS - 1)
    }

    fn add(&mut self, energy: f64) {
        if energy >= energy_of(ABSOLUTE_GATE) {
            let step = Self::step(energy);
            self.counts[step] = self.counts[step].saturating_add(1);
            self.sums[step] += energy;
            self.count += 1;
            self.sum += energy;
        }
    }

    /// Counts what another has counted.
    fn join(&mut self, other: &Histogram) {
        for (step, (count, sum)) in other.counts.iter().zip(&other.sums).enumerate() {
            self.counts[step] = self.counts[step].saturating_add(*count);
            self.sums[step] += sum;
        }
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Mean of all; `None` where there is nothing.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Mean of a step; 0 for an empty one.
    fn mean_of(&self, step: usize) -> f64 {
        if self.counts[step] > 0 { self.sums[step] / f64::from(self.counts[step]) } else { 0.0 }
    }

    /// First step whose mean passes a gate.
    fn first_above(&self, gate: f64) -> usize {
        if gate <= energy_of(ABSOLUTE_GATE) {
            return 0;
        }
        let step = Self::step(gate);
        step + usize::from(self.mean_of(step) < gate)
    }

    /// Mean of what passes a gate.
    fn mean_above(&self, gate: f64) -> Option<f64> {
        let from = self.first_above(gate);
        let count: u64 = self.counts[from..].iter().map(|c| u64::from(*c)).sum();
        (count > 0).then(|| self.sums[from..].iter().sum::<f64>() / count as f64)
    }

    /// The values at these shares of what passes a gate, sorted.
    fn percentiles<const N: usize>(&self, gate: f64, shares: [f64; N]) -> Option<[f64; N]> {
        let from = self.first_above(gate);
        let count: u64 = self.counts[from..].iter().map(|c| u64::from(*c)).sum();
        let last = count.checked_sub(1)?;
        Some(shares.map(|share| {
            let rank = (last as f64 * share).round() as u64;
            let mut below = 0;
            let step = (from..Self::STEPS).find(|&step| {
                below += u64::from(self.counts[step]);
                below > rank
            });
            self.mean_of(step.unwrap_or(Self::STEPS - 1))
        }))
    }
}

/// Loudness over time, for a plot: 16 bytes for each 100 ms.
#[derive(Default)]
struct Trace {
    momentary: Vec<f64>,
    shortterm: Vec<f64>,
}

/// A programme's loudness while it is fed in, in bounded memory.
pub struct Loudness {
    sections: [Section; 2],
    pairs: Vec<Pair>,
    parts: Parts,
    /// Energy so far of the part being filled.
    energy: f64,
    /// Energy of the last 3 s of parts, part n at n modulo its length.
    ring: Vec<f64>,
    /// Mean squares of the windows that end now, once they are full.
    momentary: Option<f64>,
    shortterm: Option<f64>,
    /// First part after the reset: windows count from there for everything below.
    since: u64,
    momentary_max: f64,
    shortterm_max: f64,
    /// Gating blocks, every 100 ms from 400 ms on.
    blocks: Histogram,
    /// Windows of 3 s, every 100 ms from 3 s on.
    windows: Histogram,
    trace: Option<Trace>,
}

fn pairs(weights: &[f64]) -> Vec<Pair> {
    let heard: Vec<usize> = (0..weights.len()).filter(|&channel| weights[channel] > 0.0).collect();
    let pair = |pair: &[usize]| {
        // An odd one is paired with itself at weight 0.
        let (first, second) = (pair[0], *pair.last().expect("chunks are not empty"));
        let alone = pair.len() == 1;
        Pair {
            channels: [first, second],
            weights: [weights[first], if alone { 0.0 } else { weights[second] }],
            state: [[[0.0; 2]; 2]; 2],
        }
    };
    heard.chunks(2).map(pair).collect()
}

impl Loudness {
    /// For channels of the given `weights` at `rate` Hz.
    pub fn new(rate: u32, weights: &[f64]) -> Self {
        Loudness {
            sections: k_weighting(rate),
            pairs: pairs(weights),
            parts: Parts::new(rate),
            energy: 0.0,
            ring: vec![0.0; SHORTTERM_PARTS],
            momentary: None,
            shortterm: None,
            since: 0,
            momentary_max: 0.0,
            shortterm_max: 0.0,
            blocks: Histogram::new(),
            windows: Histogram::new(),
            trace: None,
        }
    }

    /// The same, keeping loudness over time for [`Loudness::momentary_trace`] and [`Loudness::shortterm_trace`].
    pub fn traced(mut self) -> Self {
        self.trace = Some(Trace::default());
        self
    }

    /// Goes on with channels of other `weights`, or at another rate: the filters start from silence, all readings
    /// stay.
    pub fn change(&mut self, rate: u32, weights: &[f64]) {
        let ratio = f64::from(rate) / self.parts.rate as f64;
        self.ring.iter_mut().for_each(|energy| *energy *= ratio);
        self.energy = 0.0;
        self.parts.at_rate(rate);
        self.sections = k_weighting(rate);
        self.pairs = pairs(weights);
    }

    /// Starts integrated loudness, range and maxima anew; what is heard now (momentary, short-term) goes on.
    pub fn reset(&mut self) {
        self.since = self.parts.ended() + u64::from(self.parts.frames > self.parts.start_of(self.parts.part));
        (self.momentary_max, self.shortterm_max) = (0.0, 0.0);
        self.blocks.clear();
        self.windows.clear();
        if self.trace.is_some() {
            self.trace = Some(Trace::default());
        }
    }

    /// Takes the next frames, one slice a channel, all of one length.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        let frames = channels.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < frames {
            let to = frames.min(from + self.parts.room());
            for pair in &mut self.pairs {
                let blocks = pair.channels.map(|channel| &channels[channel][from..to]);
                self.energy += pair.energy(&self.sections, &blocks);
            }
            let part = self.parts.ended();
            if self.parts.advance(to - from) {
                self.ring[(part % SHORTTERM_PARTS as u64) as usize] = std::mem::take(&mut self.energy);
                self.end_part();
            }
            from = to;
        }
    }

    /// The mean square of the last `parts` parts.
    fn mean(&self, parts: usize) -> Option<f64> {
        let end = self.parts.ended().checked_sub(parts as u64)?;
        let sum: f64 = (end..end + parts as u64).map(|part| self.ring[(part % SHORTTERM_PARTS as u64) as usize]).sum();
        Some(sum / self.parts.frames_of(parts as u64) as f64)
    }

    fn end_part(&mut self) {
        self.momentary = self.mean(MOMENTARY_PARTS);
        self.shortterm = self.mean(SHORTTERM_PARTS);
        let age = self.parts.ended().saturating_sub(self.since);
        let step = age.is_multiple_of(STEP_PARTS);
        if let Some(mean) = self.momentary
            && age >= MOMENTARY_PARTS as u64
        {
            self.momentary_max = self.momentary_max.max(mean);
            if step {
                self.blocks.add(mean);
                self.trace.iter_mut().for_each(|t| t.momentary.push(mean));
            }
        }
        if let Some(mean) = self.shortterm
            && age >= SHORTTERM_PARTS as u64
        {
            self.shortterm_max = self.shortterm_max.max(mean);
            if step {
                self.windows.add(mean);
                self.trace.iter_mut().for_each(|t| t.shortterm.push(mean));
            }
        }
    }

    /// Loudness of the last 400 ms in LUFS, in steps of 10 ms; `None` in silence or before the first 400 ms.
    pub fn momentary(&self) -> Option<f64> {
        self.momentary.filter(|&energy| energy > 0.0).map(lufs)
    }

    /// Loudness of the last 3 s in LUFS, likewise.
    pub fn shortterm(&self) -> Option<f64> {
        self.shortterm.filter(|&energy| energy > 0.0).map(lufs)
    }

    /// Gating blocks and windows that integrated loudness and range are made of: these are as they were while it is.
    pub fn measured(&self) -> u64 {
        self.blocks.count + self.windows.count
    }

    /// Integrated loudness in LUFS; `None` where no block passes the gate at −70.
    pub fn integrated(&self) -> Option<f64> {
        self.blocks.mean_above(self.blocks.mean()? / 10.0).map(lufs)
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
        let [low, high] = self.windows.percentiles(self.windows.mean()? / 100.0, [0.10, 0.95])?;
        Some(lufs(high) - lufs(low))
    }

    /// Momentary loudness over time: seconds at the window's end and LUFS, every 100 ms.
    pub fn momentary_trace(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let values = self.trace.iter().flat_map(|t| &t.momentary);
        values.enumerate().map(|(n, &energy)| (0.4 + n as f64 / 10.0, lufs(energy)))
    }

    /// Short-term loudness over time, likewise.
    pub fn shortterm_trace(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let values = self.trace.iter().flat_map(|t| &t.shortterm);
        values.enumerate().map(|(n, &energy)| (3.0 + n as f64 / 10.0, lufs(energy)))
    }
}

/// Integrated loudness of several programmes as if they were one, as an album is; no window spans two of them.
pub fn together<'a>(programmes: impl Iterator<Item = &'a Loudness>) -> Option<f64> {
    let mut all = Histogram::new();
    programmes.for_each(|programme| all.join(&programme.blocks));
    all.mean_above(all.mean()? / 10.0).map(lufs)
}
