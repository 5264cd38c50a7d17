//! Delay lines on absolute frames, taps that change without a click, and delays between frames.
//!
//! A sample of frame `f` always stands at `f` modulo the line's size, so there is no write position
//! to keep, to carry or to get wrong. Every line knows since when it holds signal; what is older
//! reads as silence, so forgetting costs nothing, however long the line is.

use crate::ramp::{Curve, When};
use std::ops::{Add, Mul, Sub};

/// The most frames read or written at once; no chunk crosses a multiple of it (see [`chunk`]).
pub const CHUNK: usize = 64;

/// Taps of the interpolator.
pub const TAPS: usize = 32;

/// The shortest delay the interpolator can reach, in frames: half its taps lie on the newer side.
pub const SHORTEST: f64 = (TAPS / 2) as f64;

/// Each line repeats its first frames behind its last, so that a read never wraps.
const PAD: usize = 2 * CHUNK;

/// What a line holds: `f32` or `f64`.
pub trait Sample: Copy + Default + Send + 'static + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// A chunk of nothing.
    const SILENCE: &'static [Self; CHUNK];
    /// Rounded to this type.
    fn of(x: f64) -> Self;
    /// As `f64`, exactly.
    fn wide(self) -> f64;
}

impl Sample for f32 {
    const SILENCE: &'static [f32; CHUNK] = &[0.0; CHUNK];
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Sample for f64 {
    const SILENCE: &'static [f64; CHUNK] = &[0.0; CHUNK];
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
}

/// Frames from `frame` to the next multiple of [`CHUNK`], at most `left`.
#[inline(always)]
pub fn chunk(frame: u64, left: usize) -> usize {
    (CHUNK - (frame as usize & (CHUNK - 1))).min(left)
}

/// Delay lines of one size, side by side.
pub struct Lines<S> {
    data: Vec<S>,
    since: Vec<u64>,
    size: usize,
    stride: usize,
    /// Up to which frame each line has [`Lines::ahead`].
    ahead: Vec<u64>,
}

impl<S: Sample> Lines<S> {
    /// `count` lines that reach back `frames` from the first frame of a chunk; silent. The size is
    /// the next power of two.
    pub fn new(count: usize, frames: usize) -> Self {
        let size = frames.max(PAD).next_power_of_two();
        // Lines a power of two apart would all fall into the same cache sets.
        let stride = size + PAD + 16;
        let mut data = vec![S::default(); count * stride];
        // Written now, so that the audio thread meets no fresh page.
        std::hint::black_box(&mut data).fill(S::default());
        Lines { data, since: vec![0; count], size, stride, ahead: vec![0; count] }
    }

    /// Frames each line reaches back.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The frame from which on a line holds signal.
    #[inline(always)]
    pub fn since(&self, line: usize) -> u64 {
        self.since[line]
    }

    /// Makes everything before `frame` silence.
    #[inline(always)]
    pub fn forget(&mut self, line: usize, frame: u64) {
        self.begin(line, frame, CHUNK);
    }

    /// The first frame of signal; the `clean` frames before it are overwritten.
    fn begin(&mut self, line: usize, frame: u64, clean: usize) {
        self.since[line] = frame;
        let own = &mut self.data[line * self.stride..(line + 1) * self.stride];
        for k in 1..=clean as u64 {
            let at = frame.wrapping_sub(k) as usize & (self.size - 1);
            own[at] = S::default();
            if at < PAD {
                own[at + self.size] = S::default();
            }
        }
    }

    /// [`Lines::forget`] for all lines.
    #[inline(always)]
    pub fn forget_all(&mut self, frame: u64) {
        (0..self.since.len()).for_each(|line| self.forget(line, frame));
    }

    /// Puts the frames from `frame` on; they do not cross a multiple of [`CHUNK`].
    #[inline(always)]
    pub fn write(&mut self, line: usize, frame: u64, from: &[S]) {
        let at = frame as usize & (self.size - 1);
        let own = &mut self.data[line * self.stride..(line + 1) * self.stride];
        own[at..at + from.len()].copy_from_slice(from);
        if at < PAD {
            let again = at + self.size;
            own[again..again + from.len()].copy_from_slice(from);
        }
    }

    /// [`Lines::write`] of the first `n` frames of a chunk: the usual block is copied as a whole.
    #[inline(always)]
    pub fn put(&mut self, line: usize, frame: u64, n: usize, from: &[S; CHUNK]) {
        let at = frame as usize & (self.size - 1);
        let own = &mut self.data[line * self.stride..(line + 1) * self.stride];
        match own[at..].first_chunk_mut() {
            Some(to) if n == CHUNK => *to = *from,
            _ => own[at..at + n].copy_from_slice(&from[..n]),
        }
        if at < PAD {
            own.copy_within(at..at + n, at + self.size);
        }
    }

    /// The [`CHUNK`] frames from `frame` − `delay` on, as [`Lines::read`], in place; those not yet
    /// written are anything.
    #[inline(always)]
    pub fn chunk(&self, line: usize, frame: u64, delay: usize) -> &[S; CHUNK] {
        let first = frame.wrapping_sub(delay as u64);
        let unknown = self.since[line].wrapping_sub(first) as i64;
        let at = line * self.stride + (first as usize & (self.size - 1));
        // A chunk that holds both silence and signal needs no look: see `forget`.
        match self.data[at..].first_chunk() {
            Some(chunk) if unknown < CHUNK as i64 => chunk,
            _ => S::SILENCE,
        }
    }

    /// [`Lines::chunk`] from each of `N` frames in a row, each `delays[k]` + `more` back.
    #[inline(always)]
    pub fn places<const N: usize>(&self, line: usize, frame: u64, delays: &[u32; N], more: usize) -> [&[S; CHUNK]; N] {
        let (own, mask) = (&self.data[line * self.stride..(line + 1) * self.stride], self.size - 1);
        let mut to = [S::SILENCE; N];
        let first = frame.wrapping_sub(more as u64);
        let mut farthest = 0;
        for delay in delays {
            farthest = farthest.max(*delay);
        }
        // Where even the oldest of them is known, none needs a look.
        let known = first.wrapping_sub(u64::from(farthest)).wrapping_sub(self.since[line]) as i64 >= 0;
        for (k, to) in to.iter_mut().enumerate() {
            if known {
                let at = (first as usize).wrapping_add(k).wrapping_sub(delays[k] as usize) & mask;
                if let Some(chunk) = own[at..].first_chunk() {
                    *to = chunk;
                }
            } else {
                *to = self.chunk(line, frame + k as u64, delays[k] as usize + more);
            }
        }
        to
    }

    /// [`Lines::write`] of what `make` gives for each of `n` frames, asked in order.
    #[inline(always)]
    pub fn write_with(&mut self, line: usize, frame: u64, n: usize, mut make: impl FnMut(usize) -> S) {
        let at = frame as usize & (self.size - 1);
        let own = &mut self.data[line * self.stride..(line + 1) * self.stride];
        for (t, to) in own[at..at + n].iter_mut().enumerate() {
            *to = make(t);
        }
        if at < PAD {
            own.copy_within(at..at + n, at + self.size);
        }
    }

    /// Puts one frame on.
    #[inline(always)]
    pub fn push(&mut self, line: usize, frame: u64, x: S) {
        let at = line * self.stride + (frame as usize & (self.size - 1));
        self.data[at] = x;
        if at < line * self.stride + PAD {
            self.data[at + self.size] = x;
        }
    }

    /// Reads `to.len()` frames (at most 128) from `frame` − `delay` on. The oldest is at most
    /// [`Lines::size`] before the last frame written, the newest was written.
    #[inline(always)]
    pub fn read(&self, line: usize, frame: u64, delay: usize, to: &mut [S]) {
        let first = frame.wrapping_sub(delay as u64);
        let at = first as usize & (self.size - 1);
        let own = &self.data[line * self.stride..(line + 1) * self.stride];
        to.copy_from_slice(&own[at..at + to.len()]);
        if first.wrapping_sub(self.since[line]) as i64 >= 0 {
            return;
        }
        let unknown = (self.since[line].wrapping_sub(first) as usize).min(to.len());
        to[..unknown].fill(S::default());
    }

    /// Copies some of what [`Lines::carry`] from the same line will take over, while that goes on to be written:
    /// `budget` bytes of it, and in any case more than is written meanwhile. Takes off what it used; true when nothing
    /// is left to do at frame `now`.
    pub fn ahead(&mut self, line: usize, from: &Self, from_line: usize, now: u64, budget: &mut usize) -> bool {
        let begin = self.oldest(from, from_line, now).max(self.ahead[line]);
        let most = (*budget / size_of::<S>()).max(2 * CHUNK) as u64;
        let end = now.min(begin + most).max(begin);
        self.copy(line, from, from_line, begin, end);
        *budget = budget.saturating_sub((end - begin) as usize * size_of::<S>());
        self.ahead[line] = end;
        end == now.max(begin)
    }

    /// [`Lines::ahead`] of all lines.
    pub fn ahead_all(&mut self, from: &Self, now: u64, budget: &mut usize) -> bool {
        let mut done = true;
        for line in 0..self.since.len() {
            done &= self.ahead(line, from, line, now, budget);
        }
        done
    }

    /// The first frame that another line has and this one can hold at `now`.
    fn oldest(&self, from: &Self, from_line: usize, now: u64) -> u64 {
        from.since[from_line].max(now.saturating_sub(self.size.min(from.size) as u64))
    }

    fn copy(&mut self, line: usize, from: &Self, from_line: usize, begin: u64, end: u64) {
        let own = &mut self.data[line * self.stride..(line + 1) * self.stride];
        let other = &from.data[from_line * from.stride..(from_line + 1) * from.stride];
        let mut frame = begin;
        while frame < end {
            let (a, b) = (frame as usize & (self.size - 1), frame as usize & (from.size - 1));
            let n = (self.size - a).min(from.size - b).min((end - frame) as usize);
            own[a..a + n].copy_from_slice(&other[b..b + n]);
            frame += n as u64;
        }
    }

    /// Takes over what another line holds at frame `now` (the first not yet written), as far back
    /// as both reach; true where something of it had to be left behind. What [`Lines::ahead`] copied of it is not
    /// copied again.
    pub fn carry(&mut self, line: usize, from: &Self, from_line: usize, now: u64) -> bool {
        let oldest = self.oldest(from, from_line, now);
        let copied = std::mem::take(&mut self.ahead[line]);
        self.copy(line, from, from_line, oldest.max(copied.min(now)), now);
        self.data[line * self.stride..(line + 1) * self.stride].copy_within(..PAD, self.size);
        // What is older than the line reaches cannot be asked for.
        let room = (oldest + self.size as u64).saturating_sub(now) as usize;
        self.begin(line, oldest, room.min(CHUNK));
        // A line no longer than the old one cannot be asked for what that had forgotten.
        self.size > from.size && oldest > from.since[from_line]
    }
}

/// A setting that is crossfaded to a new one along the curve, from an absolute frame on. A setting
/// that comes meanwhile waits for the end; only the latest waiting one counts.
#[derive(Clone, Debug)]
pub struct Crossfade<T> {
    from: T,
    to: T,
    start: u64,
    waiting: Option<T>,
    fading: bool,
}

impl<T: Clone + PartialEq> Crossfade<T> {
    /// At rest.
    pub fn new(at: T) -> Self {
        Crossfade { from: at.clone(), to: at, start: 0, waiting: None, fading: false }
    }

    /// The next setting.
    pub fn set(&mut self, to: T, when: When) {
        match when {
            When::Jump => *self = Crossfade::new(to),
            When::At(_) if *self.target() == to => {}
            When::At(_) if self.fading => self.waiting = (self.to != to).then_some(to),
            When::At(frame) => (self.to, self.start, self.fading) = (to, frame, true),
        }
    }

    /// Where it goes.
    #[inline(always)]
    pub fn target(&self) -> &T {
        self.waiting.as_ref().unwrap_or(&self.to)
    }

    /// The settings that sound: the old one while fading, and the new one.
    #[inline(always)]
    pub fn heard(&self) -> (Option<&T>, &T) {
        (self.fading.then_some(&self.from), &self.to)
    }

    /// Call at the first frame of a chunk: ends what is over. Returns the frame at which the present
    /// fade ends; a chunk must not pass it.
    #[inline(always)]
    pub fn at(&mut self, frame: u64, curve: &Curve) -> u64 {
        while self.fading {
            let end = self.start + curve.frames();
            if frame < end {
                return end;
            }
            self.from.clone_from(&self.to);
            match self.waiting.take() {
                Some(next) => (self.to, self.start) = (next, end),
                None => self.fading = false,
            }
        }
        u64::MAX
    }

    /// The new setting's share at a frame while fading.
    #[inline(always)]
    pub fn share(&self, frame: u64, curve: &Curve) -> f64 {
        curve.at(frame.saturating_sub(self.start))
    }
}

/// A delay of whole frames, and an interpolator for the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// The delay in frames, as set.
    pub frames: f64,
    /// Whole frames: the delay, or with an interpolator that of its newest tap.
    pub whole: usize,
    /// Coefficients, the oldest tap first.
    pub fir: Option<[f64; TAPS]>,
}

impl Tap {
    /// The tap for a delay in frames: exact from [`SHORTEST`] up, the nearest whole frame below, and
    /// whole where it is within a millionth of a frame. The interpolator is a sinc under a Hann
    /// window, normalised at 0 Hz: within 0.005 dB and 0.0002 frames to a third of the rate, 0.04 dB
    /// and 0.001 frames to 0.41 of it, for any fraction ("Splitting the Unit Delay", Laakso et al.).
    pub fn new(frames: f64) -> Tap {
        let frames = if frames.is_finite() { frames.max(0.0) } else { 0.0 };
        let whole = frames.floor();
        let fraction = frames - whole;
        if frames < SHORTEST || !(1e-6..=1.0 - 1e-6).contains(&fraction) {
            return Tap { frames: frames.round(), whole: frames.round() as usize, fir: None };
        }
        use std::f64::consts::{PI, TAU};
        // sin π(d − x) = ±sin πx for whole d: one sine serves all taps.
        let sine = (PI * fraction).sin() / PI;
        let mut fir = [0.0; TAPS];
        let mut sum = 0.0;
        for (k, c) in fir.iter_mut().enumerate() {
            // Tap k lies at delay whole + d.
            let d = SHORTEST - k as f64;
            let window = 0.5 + 0.5 * (TAU / TAPS as f64 * (d - fraction)).cos();
            let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
            *c = sign * sine / (d - fraction) * window;
            sum += *c;
        }
        fir.iter_mut().for_each(|c| *c /= sum);
        Tap { frames, whole: whole as usize + 1 - TAPS / 2, fir: Some(fir) }
    }

    /// The oldest frame it needs, counted back.
    pub fn reach(&self) -> usize {
        self.whole + if self.fir.is_some() { TAPS - 1 } else { 0 }
    }
}

/// Runs the interpolator over `TAPS − 1` older frames and the chunk; every output is one sum in one
/// order, whatever the chunk.
#[inline(always)]
pub fn interpolate<S: Sample>(fir: &[f64; TAPS], from: &[S; CHUNK + TAPS], to: &mut [S; CHUNK], n: usize) {
    const TILE: usize = 16;
    let fir: [S; TAPS] = std::array::from_fn(|k| S::of(fir[k]));
    for t in 0..n.div_ceil(TILE) {
        let window = &from[t * TILE..t * TILE + TILE + TAPS];
        let mut sum = [S::default(); TILE];
        for k in 0..TAPS {
            for i in 0..TILE {
                sum[i] = sum[i] + window[i + k] * fir[k];
            }
        }
        to[t * TILE..(t + 1) * TILE].copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_ahead_is_all_there_and_is_not_copied_again() {
        let (mut old, mut new) = (Lines::<f32>::new(1, 4000), Lines::<f32>::new(1, 4000));
        let mut now = 0;
        let go_on = |old: &mut Lines<f32>, now: &mut u64| {
            let block: [f32; CHUNK] = std::array::from_fn(|i| (*now + i as u64) as f32);
            old.write(0, *now, &block);
            *now += CHUNK as u64;
        };
        (0..100).for_each(|_| go_on(&mut old, &mut now));
        let mut calls = 1;
        // A budget of less than is written meanwhile gets there too.
        while !new.ahead(0, &old, 0, now, &mut 16) {
            go_on(&mut old, &mut now);
            calls += 1;
        }
        assert!((20..100).contains(&calls), "{calls}");
        let marked = now - 2000;
        new.data[marked as usize & 4095] = -1.0;
        go_on(&mut old, &mut now);
        assert!(!new.carry(0, &old, 0, now));
        let mut heard = [0.0; CHUNK];
        for delay in (CHUNK..=4000).step_by(CHUNK / 2) {
            new.read(0, now, delay, &mut heard);
            for (frame, x) in (now - delay as u64..).zip(heard) {
                assert!(x == if frame == marked { -1.0 } else { frame as f32 }, "{frame}: {x}");
            }
        }
    }

    #[test]
    fn a_line_gives_back_what_it_was_given_and_silence_before() {
        let mut lines = Lines::<f32>::new(2, 200);
        assert_eq!(lines.size(), 256);
        lines.forget_all(1000);
        let mut frame = 1000u64;
        let mut out = [0.0f32; 64];
        for left in [24usize, 64, 10, 54, 64, 64, 64, 64, 64, 64] {
            let n = chunk(frame, left);
            assert_eq!(n, left);
            let block: Vec<f32> = (0..n).map(|i| (frame + i as u64) as f32).collect();
            lines.write(1, frame, &block);
            for delay in [0, 1, 63, 130, 192] {
                lines.read(1, frame, delay, &mut out[..n]);
                for (i, got) in out[..n].iter().enumerate() {
                    let want = frame + i as u64 - delay as u64;
                    assert_eq!(*got, if want < 1000 { 0.0 } else { want as f32 }, "{frame} {i} {delay}");
                }
            }
            frame += n as u64;
        }
        let mut larger = Lines::<f32>::new(1, 1000);
        assert!(larger.carry(0, &lines, 1, frame));
        larger.read(0, frame, 100, &mut out);
        assert_eq!(out[0], frame as f32 - 100.0);
        larger.read(0, frame, 300, &mut out);
        assert_eq!((out[43], out[44]), (0.0, frame as f32 - 256.0));
    }

    #[test]
    fn waiting_settings_start_where_the_fade_before_ended() {
        let curve = Curve::new(48000.0);
        let mut c = Crossfade::new(1);
        c.set(2, When::At(100));
        c.set(3, When::At(110));
        c.set(4, When::At(120));
        assert_eq!(c.at(130, &curve), 100 + 960);
        assert_eq!(c.heard(), (Some(&1), &2));
        assert_eq!(c.at(1060, &curve), 1060 + 960);
        assert_eq!(c.heard(), (Some(&2), &4));
        assert_eq!(c.at(5000, &curve), u64::MAX);
        assert_eq!(c.heard(), (None, &4));
    }

    #[test]
    fn below_the_interpolator_delays_are_whole() {
        assert_eq!(Tap::new(15.4), Tap { frames: 15.0, whole: 15, fir: None });
        assert_eq!(Tap::new(480.0 + 1e-9).fir, None);
        let tap = Tap::new(494.4);
        assert_eq!(tap.reach(), 494 + 16);
        assert!(Tap::new(16.5).whole == 1);
    }
}
