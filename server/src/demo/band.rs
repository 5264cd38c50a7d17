//! The built-in band: a song, synthesised at start, whose stems feed the channels of the demo rig.
//!
//! Nothing is sampled: drums, bass, electric piano, guitar, a lead that sings words and a choir are
//! made from scratch, from a score of sixteen bars (verse, fill, chorus) and a seed that stands for
//! the players' hands. The stems loop without a seam: whatever rings past the end rings into the
//! start. Each is levelled as an engineer would set its preamp, so that no channel is too hot or lost.
//!
//! [`Song::render`] takes its time and memory (13 planes of 32 s, 80 MB at 48 kHz) and belongs off
//! the audio thread; [`Stem::read`] is fit for the audio thread.

mod bass;
mod choir;
mod drums;
mod guitar;
mod keys;
mod score;
mod tone;
mod voice;

use std::thread;
use tone::{Take, Track, gain};

/// What is known of a stem before it is rendered.
#[derive(Debug)]
pub struct StemInfo {
    /// Name, as the channel strip shows it.
    pub name: &'static str,
    /// Planes: 1 or 2.
    pub channels: usize,
    /// Largest sample in dBFS.
    pub peak_db: f32,
    /// Stretches of bars, counted from 0, in which the part plays: the first, and the one after the
    /// last. Elsewhere only neighbours spill into it.
    pub bars: &'static [(usize, usize)],
}

/// The stems in channel order.
pub static STEMS: [StemInfo; 10] = [
    StemInfo { name: "Kick", channels: 1, peak_db: -7.0, bars: ALL },
    StemInfo { name: "Snare", channels: 1, peak_db: -7.0, bars: ALL },
    StemInfo { name: "Hats", channels: 1, peak_db: -11.0, bars: ALL },
    StemInfo { name: "Toms", channels: 1, peak_db: -7.0, bars: &[(7, 8), (15, 16)] },
    StemInfo { name: "Overheads", channels: 2, peak_db: -10.0, bars: ALL },
    StemInfo { name: "Bass", channels: 1, peak_db: -9.0, bars: ALL },
    StemInfo { name: "Keys", channels: 2, peak_db: -10.0, bars: ALL },
    StemInfo { name: "Guitar", channels: 1, peak_db: -9.0, bars: ALL },
    StemInfo { name: "Lead vox", channels: 1, peak_db: -7.0, bars: ALL },
    StemInfo { name: "Choir", channels: 2, peak_db: -12.0, bars: &[(choir::ENTRY, score::BARS)] },
];

const ALL: &[(usize, usize)] = &[(0, score::BARS)];

/// One stem: a whole number of times round the loop, it can be played for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct Stem {
    /// Name, as the channel strip shows it.
    pub name: &'static str,
    /// Planes: 1 or 2.
    pub channels: usize,
    /// The planes one after the other (left, then right), each as long as the song.
    pub samples: Vec<f32>,
}

impl Stem {
    /// The samples of one plane: 0 is left or mono, 1 is right.
    ///
    /// # Panics
    /// If the stem has no such plane.
    pub fn plane(&self, plane: usize) -> &[f32] {
        let frames = self.samples.len() / self.channels;
        &self.samples[plane * frames..(plane + 1) * frames]
    }

    /// Fills `out` with what plays from `frame` on, round and round. Copies, and does nothing else:
    /// fit for the audio thread.
    ///
    /// # Panics
    /// If the stem has no such plane.
    pub fn read(&self, plane: usize, frame: u64, mut out: &mut [f32]) {
        let plane = self.plane(plane);
        let mut from = (frame % plane.len() as u64) as usize;
        while !out.is_empty() {
            let count = out.len().min(plane.len() - from);
            let (now, rest) = out.split_at_mut(count);
            now.copy_from_slice(&plane[from..from + count]);
            (out, from) = (rest, 0);
        }
    }
}

/// The song, rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// Frames a second.
    pub rate: u32,
    /// Length of every plane in frames.
    pub frames: usize,
    /// The stems, in the order of [`STEMS`].
    pub stems: Vec<Stem>,
}

impl Song {
    /// Tempo in beats a minute.
    pub const BPM: f64 = score::BPM;
    /// The seed of [`Song::render`].
    pub const SEED: u64 = 1;

    /// Renders the song at `rate` Hz, 22.05 to 192 kHz.
    pub fn render(rate: u32) -> Self {
        Self::render_seeded(rate, Self::SEED)
    }

    /// Renders the song with other hands: timing, touch and noise follow from `seed`, the notes do
    /// not. The same rate and seed give the same samples.
    pub fn render_seeded(rate: u32, seed: u64) -> Self {
        let take = Take::new(rate, seed);
        let planes: Vec<Vec<Track>> = thread::scope(|scope| {
            let drums = scope.spawn(|| drums::record(&take));
            let bass = scope.spawn(|| bass::record(&take));
            let keys = scope.spawn(|| keys::record(&take));
            let guitar = scope.spawn(|| guitar::record(&take));
            let lead = scope.spawn(|| voice::record(&take));
            let choir = choir::record(&take);
            let drums = played(drums);
            vec![
                vec![drums.kick],
                vec![drums.snare],
                vec![drums.hats],
                vec![drums.toms],
                drums.overheads.into(),
                vec![played(bass)],
                played(keys).into(),
                vec![played(guitar)],
                vec![played(lead)],
                choir.into(),
            ]
        });
        let stems = STEMS.iter().zip(planes).map(|(info, planes)| level(info, planes)).collect();
        Self { rate, frames: take.frames, stems }
    }
}

/// What a player's thread recorded; a panic there goes on here.
fn played<T>(player: thread::ScopedJoinHandle<'_, T>) -> T {
    player.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Sets the preamp: the stem's largest sample comes to the level that its info states.
fn level(info: &StemInfo, mut planes: Vec<Track>) -> Stem {
    let peak = planes.iter().map(Track::peak).fold(1e-9, f64::max);
    for plane in &mut planes {
        plane.scale(gain(f64::from(info.peak_db)) / peak);
    }
    let samples = planes.into_iter().map(Track::into_samples);
    let samples = samples.reduce(|mut all, plane| {
        all.extend(plane);
        all
    });
    Stem { name: info.name, channels: info.channels, samples: samples.unwrap_or_default() }
}

/// The period, in fractional frames within `span`, at which a sound repeats best.
#[cfg(test)]
fn period(sound: &[f32], span: std::ops::Range<usize>) -> f64 {
    let likeness = |lag: usize| -> f64 {
        let count = sound.len() - span.end - 1;
        let (a, b) = (&sound[..count], &sound[lag..lag + count]);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let scores: Vec<f64> = span.clone().map(likeness).collect();
    let best = (1..scores.len() - 1).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    let (a, b, c) = (scores[best - 1], scores[best], scores[best + 1]);
    (span.start + best) as f64 + 0.5 * (a - c) / (a - 2.0 * b + c)
}

#[cfg(test)]
mod tests;
