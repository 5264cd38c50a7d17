//! Finds tones that ring: acoustic feedback, as against music.
//!
//! A feedback tone grows by the same number of decibels in equal times, stands alone (neither overtones
//! nor a fundamental of which it is one), keeps its frequency and stands out from what is beside it.
//! Spectra of 85 ms every 21 ms are searched for peaks; the loudest are followed, and for each these
//! criteria are asked: peak to neighbours, peak to harmonics, straightness of growth ("Fifty years of
//! acoustic feedback control: state of the art and future challenges", van Waterschoot, Moonen: PNPR,
//! PHPR, IMSD), besides growth beyond that of the whole sound and a level that the tone did not have
//! before. A held tone does not grow, a beating one comes back to where it was, a swelling
//! instrument has overtones.
//!
//! The work of one spectrum is dealt out over the blocks until the next; times are absolute frames.

use crate::block::BLOCK;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Seconds of a spectrum.
const WINDOW_S: f64 = 0.08;
/// Spectra in the time of one.
const OVERLAP: usize = 4;
/// Peaks that are looked at, and followed.
const PEAKS: usize = 24;
const TRACKS: usize = 32;
/// Spectra that a track remembers.
const PAST: usize = 64;
/// Search from here, Hz, to here.
const LOWEST_HZ: f64 = 70.0;
const HIGHEST_HZ: f64 = 16_000.0;
/// Below this a tone is not heard, dBFS.
const QUIET_DB: f32 = -70.0;
/// How growth is judged: spectra, the least slope in dB/s, the most deviation in dB.
const GROWTHS: [(usize, f32, f32); 3] = [(40, 2.5, 0.85), (26, 2.5, 0.6), (12, 22.0, 0.9)];
/// Spectra of the shortest.
const YOUNGEST: usize = GROWTHS[2].0;
/// The least that a tone stands out from its neighbours, dB.
const STANDS_OUT_DB: f32 = 18.0;
/// The same for a tone whose growth deviates by no more than this share of the most.
const STRAIGHT_DB: f32 = 12.0;
const STRAIGHT: f32 = 0.4;
/// Overtones and fundamentals, as ratios to the tone, must be this far below, dB.
const FAMILY: [(f32, f32); 4] = [(2.0, 15.0), (3.0, 12.0), (0.5, 8.0), (1.0 / 3.0, 8.0)];
/// The most that the frequency may move about, as a share of it and of a bin.
const STEADY: (f32, f32) = (0.002, 0.12);
/// dB/s by which a tone grows faster than the whole.
const AHEAD_DB_S: f32 = 2.0;
/// dB above the level that it had before.
const NEW_DB: f32 = 1.0;
/// dB/s by which that level is forgotten.
const FORGET_DB_S: f32 = 0.5;

#[derive(Clone, Copy, Default)]
struct Peak {
    /// In bins.
    place: f32,
    level: f32,
    stands_out: f32,
}

#[derive(Clone, Copy)]
struct Track {
    place: f32,
    /// Spectra since it began, 0: free; and since it was seen.
    age: usize,
    missed: usize,
    stands_out: f32,
    /// Level before the past, slowly forgotten.
    high: f32,
    levels: [f32; PAST],
    places: [f32; PAST],
}

impl Track {
    const FREE: Track =
        Track { place: 0.0, age: 0, missed: 0, stands_out: 0.0, high: -200.0, levels: [0.0; PAST], places: [0.0; PAST] };

    fn level(&self) -> f32 {
        self.levels[(self.age.max(1) - 1) % PAST]
    }
}

/// A detector of one strip.
pub struct Howl {
    /// Frames of a spectrum.
    size: usize,
    /// Blocks between two.
    steps: usize,
    turn: usize,
    seconds: f32,
    bin_hz: f32,
    ring: Vec<f32>,
    window: Vec<f32>,
    time: Vec<f32>,
    bins: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// Squared magnitudes, and the same in dBFS of a sine.
    power: Vec<f32>,
    db: Vec<f32>,
    plan: Arc<dyn RealToComplex<f32>>,
    peaks: [Peak; PEAKS],
    tracks: Vec<Track>,
    /// Level of all, by spectrum.
    whole: [f32; PAST],
    count: usize,
    /// The spectrum is that of sound since the last silence.
    fresh: bool,
}

impl Howl {
    /// For a rate in Hz; detectors of different `turn` work at different times.
    pub fn new(rate: f64, turn: usize) -> Howl {
        let size = ((rate * WINDOW_S) as usize).next_power_of_two();
        let steps = size / OVERLAP / BLOCK;
        let plan = RealFftPlanner::<f32>::new().plan_fft_forward(size);
        let hann = |i: usize| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / size as f64).cos();
        Howl {
            size,
            steps,
            turn: turn % steps.max(1),
            seconds: (size as f64 / OVERLAP as f64 / rate) as f32,
            bin_hz: (rate / size as f64) as f32,
            ring: vec![0.0; size],
            // A full-scale sine reads 1.
            window: (0..size).map(|i| (hann(i) * 4.0 / size as f64) as f32).collect(),
            time: vec![0.0; size],
            bins: plan.make_output_vec(),
            scratch: plan.make_scratch_vec(),
            power: vec![0.0; size / 2 + 1],
            db: vec![-200.0; size / 2 + 1],
            plan,
            peaks: [Peak::default(); PEAKS],
            tracks: vec![Track::FREE; TRACKS],
            whole: [0.0; PAST],
            count: 0,
            fresh: false,
        }
    }

    /// Silence was before.
    pub fn forget(&mut self) {
        self.ring.fill(0.0);
        self.tracks.fill(Track::FREE);
        (self.count, self.fresh) = (0, false);
    }

    /// Takes over what another detector of the same rate heard.
    pub fn carry(&mut self, from: &Howl) {
        self.ring.copy_from_slice(&from.ring);
        self.time.copy_from_slice(&from.time);
        self.bins.copy_from_slice(&from.bins);
        self.power.copy_from_slice(&from.power);
        self.db.copy_from_slice(&from.db);
        self.tracks.copy_from_slice(&from.tracks);
        (self.peaks, self.whole, self.count, self.fresh) = (from.peaks, from.whole, from.count, from.fresh);
        self.turn = from.turn;
    }

    /// Takes sound, in pieces that do not cross a block of the grid.
    #[inline(always)]
    pub fn hear(&mut self, frame: u64, x: impl Iterator<Item = f32>) {
        let at = frame as usize & (self.size - 1);
        for (to, x) in self.ring[at..].iter_mut().zip(x) {
            *to = x;
        }
    }

    /// This block's share of the work, before the block is heard; a frequency in Hz where a tone rings.
    /// `sensitivity` is 0 … 1.
    pub fn turn(&mut self, block: u64, sensitivity: f32) -> Option<f32> {
        let step = (block as usize).wrapping_add(self.turn) % self.steps;
        // Whatever the rate, the same eight portions.
        match step {
            0 => self.take(block),
            1 if self.fresh => {
                let _ = self.plan.process_with_scratch(&mut self.time, &mut self.bins, &mut self.scratch);
            }
            2..=5 if self.fresh => self.measure(step - 2),
            6 if self.fresh => self.search(),
            7 if self.fresh => {
                self.follow();
                return self.judge(sensitivity);
            }
            _ => {}
        }
        None
    }

    fn take(&mut self, block: u64) {
        let at = (block as usize).wrapping_mul(BLOCK) & (self.size - 1);
        let (end, begin) = self.ring.split_at(at);
        for ((to, x), w) in self.time.iter_mut().zip(begin.iter().chain(end)).zip(&self.window) {
            *to = x * w;
        }
        self.fresh = true;
    }

    /// A quarter of the levels.
    fn measure(&mut self, quarter: usize) {
        let all = self.bins.len();
        let range = quarter * all / 4..(quarter + 1) * all / 4;
        for i in range {
            let power = self.bins[i].norm_sqr();
            self.power[i] = if power.is_finite() { power } else { 0.0 };
            self.db[i] = 10.0 * (self.power[i] + 1e-20).log10();
        }
    }

    /// Peaks, the most prominent first.
    fn search(&mut self) {
        self.peaks = [Peak::default(); PEAKS];
        let mut found = 0;
        let from = ((LOWEST_HZ as f32 / self.bin_hz) as usize).max(4);
        let to = ((HIGHEST_HZ as f32 / self.bin_hz) as usize).min(self.db.len() - 12);
        for i in from..to {
            let d = &self.db;
            let peak = d[i] > QUIET_DB && d[i] > d[i - 1] && d[i] >= d[i + 1] && d[i] > d[i - 2] && d[i] > d[i + 2];
            if !peak {
                continue;
            }
            let stands_out = d[i] - 10.0 * (self.beside(i) + 1e-20).log10();
            if found == PEAKS && stands_out <= self.peaks[PEAKS - 1].stands_out {
                continue;
            }
            // The top of a parabola through three levels.
            let (a, b, c) = (d[i - 1], d[i], d[i + 1]);
            let bend = a - 2.0 * b + c;
            let shift = if bend < -1e-3 { (0.5 * (a - c) / bend).clamp(-0.5, 0.5) } else { 0.0 };
            let new = Peak { place: i as f32 + shift, level: b - 0.25 * (a - c) * shift, stands_out };
            found = (found + 1).min(PEAKS);
            let mut at = found - 1;
            while at > 0 && self.peaks[at - 1].stands_out < stands_out {
                self.peaks[at] = self.peaks[at - 1];
                at -= 1;
            }
            self.peaks[at] = new;
        }
    }

    /// Mean square of the neighbours of a bin, beyond the skirts of its own line.
    fn beside(&self, bin: usize) -> f32 {
        let low = &self.power[bin.saturating_sub(9)..bin.saturating_sub(3).max(1)];
        let high = &self.power[(bin + 4).min(self.power.len())..(bin + 10).min(self.power.len())];
        low.iter().chain(high).sum::<f32>() / (low.len() + high.len()).max(1) as f32
    }

    /// The level of whatever is at a place, dB.
    fn level_at(&self, place: f32, around: usize) -> f32 {
        let bin = place.round().max(0.0) as usize;
        let range = bin.saturating_sub(around).min(self.db.len())..(bin + around + 1).min(self.db.len());
        self.db[range].iter().fold(-200.0, |a: f32, b| a.max(*b))
    }

    fn follow(&mut self) {
        let sum: f32 = self.power[3..].iter().sum();
        self.whole[self.count % PAST] = 10.0 * (sum + 1e-20).log10();
        self.count += 1;
        let mut seen = [false; TRACKS];
        for i in 0..PEAKS {
            let peak = self.peaks[i];
            if peak.place == 0.0 {
                break;
            }
            let near = |t: &Track| t.age > 0 && (t.place - peak.place).abs() < (0.004 * peak.place).max(0.8);
            let known = (0..TRACKS).filter(|t| !seen[*t] && near(&self.tracks[*t])).min_by(|a, b| {
                let off = |t: usize| (self.tracks[t].place - peak.place).abs();
                off(*a).total_cmp(&off(*b))
            });
            let at = match known {
                Some(at) => at,
                None => {
                    // The one seen least, then the least prominent, makes room.
                    let worth = |t: &Track| if t.age == 0 { -1000.0 } else { t.stands_out - 20.0 * t.missed as f32 };
                    let at = (0..TRACKS)
                        .filter(|t| !seen[*t])
                        .min_by(|a, b| worth(&self.tracks[*a]).total_cmp(&worth(&self.tracks[*b])));
                    let Some(at) = at else { break };
                    self.tracks[at] = Track::FREE;
                    at
                }
            };
            seen[at] = true;
            let track = &mut self.tracks[at];
            track.note(peak.level, peak.place, self.seconds);
            (track.place, track.missed, track.stands_out) = (peak.place, 0, peak.stands_out);
        }
        for at in (0..TRACKS).filter(|at| !seen[*at]) {
            if self.tracks[at].age == 0 {
                continue;
            }
            self.tracks[at].missed += 1;
            if self.tracks[at].missed > 3 {
                self.tracks[at] = Track::FREE;
                continue;
            }
            let level = self.level_at(self.tracks[at].place, 1);
            let place = self.tracks[at].place;
            self.tracks[at].note(level, place, self.seconds);
        }
    }

    /// The tone that rings most clearly.
    fn judge(&mut self, sensitivity: f32) -> Option<f32> {
        // 6 dB easier or harder from end to end of the middle.
        let ease = 12.0 * (sensitivity - 0.5);
        let lenient = 2f32.powf(2.0 * (sensitivity - 0.5));
        let mut best: Option<(f32, usize)> = None;
        for (at, track) in self.tracks.iter().enumerate() {
            if track.age < YOUNGEST || track.missed > 0 || track.stands_out < STRAIGHT_DB - ease {
                continue;
            }
            let grows = |(n, least, most): (usize, f32, f32)| {
                if track.age < n {
                    return false;
                }
                let (slope, off) = line(n, |i| track.levels[(track.age - n + i) % PAST]);
                let whole = if self.count >= n { line(n, |i| self.whole[(self.count - n + i) % PAST]).0 } else { 0.0 };
                let (slope, whole) = (slope / self.seconds, whole / self.seconds);
                // Where the tone is most of the whole they grow alike.
                let own = self.whole[(self.count - 1) % PAST] - track.level() < 6.0;
                let ahead = own || slope - whole > AHEAD_DB_S;
                let mut places = (0..n).map(|i| track.places[(track.age - n + i) % PAST]);
                let first = places.next().unwrap_or(0.0);
                let (low, high) = places.fold((first, first), |(l, h), p| (l.min(p), h.max(p)));
                let steady = high - low <= 4.0 * (STEADY.0 * track.place).max(STEADY.1);
                let halves = n > YOUNGEST || {
                    let half = |from: usize| line(n / 2, |i| track.levels[(track.age - n + from + i) % PAST]).0;
                    half(n / 2) > 0.75 * half(0)
                };
                let new = track.level() > track.before(n) + NEW_DB;
                slope > least / lenient
                    && off < most * lenient
                    && ahead
                    && steady
                    && new
                    && halves
                    && (track.stands_out >= STANDS_OUT_DB - ease || off < STRAIGHT * most)
            };
            let level = track.level();
            if !GROWTHS.into_iter().any(grows) || !self.alone(track.place, level, 0.5 * ease) {
                continue;
            }
            if best.is_none_or(|(b, _)| track.stands_out > b) {
                best = Some((track.stands_out, at));
            }
        }
        let (_, at) = best?;
        let hz = self.tracks[at].place * self.bin_hz;
        // It has to prove itself anew.
        self.tracks[at] = Track::FREE;
        Some(hz)
    }

    /// Neither overtones nor fundamentals of the tone are nearly as loud.
    fn alone(&self, place: f32, level: f32, ease: f32) -> bool {
        FAMILY.into_iter().all(|(ratio, by)| {
            let other = place * ratio;
            let edge = LOWEST_HZ as f32 * 0.5 / self.bin_hz;
            if other < edge || other > (self.db.len() - 4) as f32 {
                return true;
            }
            self.level_at(other, 1) < level - by + ease
        })
    }
}

impl Track {
    /// The highest level before the last `n`.
    fn before(&self, n: usize) -> f32 {
        let first = self.age.saturating_sub(PAST);
        (first..self.age - n.min(self.age)).map(|i| self.levels[i % PAST]).fold(self.high, f32::max)
    }

    fn note(&mut self, level: f32, place: f32, seconds: f32) {
        if self.age >= PAST {
            self.high = (self.high - FORGET_DB_S * seconds).max(self.levels[self.age % PAST]);
        }
        self.levels[self.age % PAST] = level;
        self.places[self.age % PAST] = place;
        self.age += 1;
    }
}

/// The straight line through `n` values: its slope by value, and the root mean square off it.
fn line(n: usize, value: impl Fn(usize) -> f32) -> (f32, f32) {
    let middle = 0.5 * (n as f32 - 1.0);
    let mean = (0..n).map(&value).sum::<f32>() / n as f32;
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for i in 0..n {
        let (x, y) = (i as f32 - middle, value(i) - mean);
        (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
    }
    (xy / xx, ((yy - xy * xy / xx).max(0.0) / n as f32).sqrt())
}

#[cfg(test)]
mod tests;
