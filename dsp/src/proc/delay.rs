//! The strip's own delay: loudspeakers aligned, microphones set back.
//!
//! Exact to a fraction of a frame from 16 frames up (a 32-tap interpolator, see [`Tap`]), whole
//! frames below; 0 passes samples bit for bit and costs nothing where no lane delays. A new delay is
//! crossfaded to over the 20 ms curve: no pitch bends. It is no member of the chain and has no `on`;
//! the bank runs it behind the chain. No latency is reported: the delay is what was asked for.
//!
//! Memory is what the longest delay of the bank needs when it is built; the engine builds a new bank
//! for a longer one ([`Delay::fits`]) and carries what the old line holds. Where the old one held
//! less than the new delay reaches back, the signal fades in at that seam.

use super::{Build, Ctx, Process, Targets};
use crate::kernel::delayline::{CHUNK, Crossfade, Lines, Sample, TAPS, Tap, chunk, interpolate};
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Curve, When};
use std::sync::Arc;

/// The parameter, directly under the strip.
pub const DECL: Decl = Decl::float("delay", Unit::Ms, 0.0, 1000.0, 0.0, "Delay of the strip before its fader");

/// The coefficients of a delay in ms at a rate in Hz: its frames.
pub fn coeffs(ms: f64, rate: f64) -> Targets {
    let mut to = Targets::default();
    to[0] = Tap::new(ms * rate / 1000.0).frames;
    to
}

/// The most lanes of any bank.
const MAX_LANES: usize = 8;

/// A bank of delays.
pub struct Delay<L> {
    lines: Bank,
    lanes: Vec<Lane>,
    curve: Arc<Curve>,
    /// The longest delay there is memory for.
    max_frames: usize,
    /// The frame after the last block.
    now: u64,
    /// Up to where the lines are written; behind `now` while no lane delays.
    written: u64,
    /// Lanes that delay or are on their way.
    busy: u32,
    /// Lanes that [`Delay::joins`] was called for.
    joining: u32,
    _lanes: std::marker::PhantomData<L>,
}

/// Samples are kept as the bank's lanes hold them.
enum Bank {
    Narrow(Lines<f32>),
    Wide(Lines<f64>),
}

struct Lane {
    tap: Crossfade<Tap>,
    /// At this frame the line was taken over, or begun, without all of the sound before it; what it holds is
    /// faded in where a tap reached further back then.
    seam: Option<u64>,
}

impl<L: Lanes> Delay<L> {
    /// A bank whose delays can be up to `max_frames` frames long (0: no memory at all). All are 0.
    pub fn new(build: &Build, max_frames: usize) -> Self {
        let (count, reach) = if max_frames == 0 { (0, 0) } else { (L::N, max_frames + TAPS / 2 + CHUNK) };
        Delay {
            lines: if L::WIDE { Bank::Wide(Lines::new(count, reach)) } else { Bank::Narrow(Lines::new(count, reach)) },
            lanes: (0..L::N).map(|_| Lane { tap: Crossfade::new(Tap::new(0.0)), seam: None }).collect(),
            curve: build.curve.clone(),
            max_frames,
            now: 0,
            written: 0,
            busy: 0,
            joining: 0,
            _lanes: std::marker::PhantomData,
        }
    }

    /// Whether there is memory for a delay of `frames`. A longer one that is set all the same is cut
    /// to what there is.
    pub fn fits(&self, frames: f64) -> bool {
        frames <= self.max_frames as f64
    }

    /// The strip in `lane` has sounded without a line so far: whatever delay is set now starts as a
    /// crossfade from none with the first block. In place of [`Process::carry`] from a bank that has
    /// no delay.
    pub fn joins(&mut self, lane: usize) {
        self.joining |= 1 << lane;
        self.busy |= 1 << lane;
    }

    fn join(&mut self, frame: u64) {
        for (i, lane) in self.lanes.iter_mut().enumerate().filter(|(i, _)| self.joining >> i & 1 != 0) {
            lane.seam = Some(frame);
            let to = lane.tap.target().clone();
            lane.tap = Crossfade::new(Tap::new(0.0));
            lane.tap.set(to, When::At(frame));
            match &mut self.lines {
                Bank::Narrow(lines) => lines.forget(i, frame),
                Bank::Wide(lines) => lines.forget(i, frame),
            }
        }
        self.joining = 0;
    }
}

impl<L: Lanes> Process<L> for Delay<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        let tap = Tap::new(to[0].min(self.max_frames as f64));
        self.lanes[lane].tap.set(tap, when);
        self.busy |= 1 << lane;
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let frame = ctx.frame;
        if self.busy != 0 && self.max_frames != 0 {
            let fresh = self.written != frame;
            if fresh {
                // Idle in between: sound passed by that was not kept. Skipped: there was silence.
                let seam = (self.now == frame && frame != 0).then_some(frame);
                self.lanes.iter_mut().for_each(|l| l.seam = seam);
            }
            if self.joining != 0 {
                self.join(frame);
            }
            self.written = match &mut self.lines {
                Bank::Narrow(lines) => delay(lines, &mut self.lanes, &mut self.busy, &self.curve, fresh, frame, io),
                Bank::Wide(lines) => delay(lines, &mut self.lanes, &mut self.busy, &self.curve, fresh, frame, io),
            };
        }
        self.now = frame + io.len() as u64;
    }

    fn clear(&mut self, lane: usize) {
        self.lanes[lane].seam = None;
        if self.max_frames != 0 {
            match &mut self.lines {
                Bank::Narrow(lines) => lines.forget(lane, self.now),
                Bank::Wide(lines) => lines.forget(lane, self.now),
            }
        }
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let (to, other) = (&mut self.lanes[lane], &from.lanes[from_lane]);
        to.tap.clone_from(&other.tap);
        self.busy = (self.busy & !(1 << lane)) | ((from.busy >> from_lane & 1) << lane);
        (self.now, self.written) = (from.now, from.now);
        if self.max_frames == 0 {
            return;
        }
        let known = from.max_frames != 0 && from.written == from.now;
        let left_behind = match (&mut self.lines, &from.lines) {
            (Bank::Narrow(to), Bank::Narrow(from)) if known => to.carry(lane, from, from_lane, self.now),
            (Bank::Wide(to), Bank::Wide(from)) if known => to.carry(lane, from, from_lane, self.now),
            (Bank::Narrow(to), _) => {
                to.forget(lane, self.now);
                self.now != 0
            }
            (Bank::Wide(to), _) => {
                to.forget(lane, self.now);
                self.now != 0
            }
        };
        to.seam = if left_behind { Some(self.now) } else { other.seam.filter(|_| known) };
    }

    fn ahead(&mut self, lane: usize, from: &Self, from_lane: usize, budget: &mut usize) -> bool {
        if self.max_frames == 0 || from.max_frames == 0 || from.written != from.now {
            return true;
        }
        match (&mut self.lines, &from.lines) {
            (Bank::Narrow(to), Bank::Narrow(other)) => to.ahead(lane, other, from_lane, from.now, budget),
            (Bank::Wide(to), Bank::Wide(other)) => to.ahead(lane, other, from_lane, from.now, budget),
            _ => true,
        }
    }

    fn tail(&self, lane: usize) -> u64 {
        let (old, new) = self.lanes[lane].tap.heard();
        old.map_or(0, Tap::reach).max(new.reach()).max(self.lanes[lane].tap.target().reach()) as u64
    }
}

/// Returns the frame up to which the lines were written.
#[inline(always)]
fn delay<L: Lanes, S: Sample>(
    lines: &mut Lines<S>,
    lanes: &mut [Lane],
    busy: &mut u32,
    curve: &Curve,
    fresh: bool,
    frame: u64,
    io: &mut [L],
) -> u64 {
    if fresh {
        lines.forget_all(frame);
    }
    let mut at = 0;
    while at < io.len() {
        let here = frame + at as u64;
        let mut n = chunk(here, io.len() - at);
        for (i, lane) in lanes.iter_mut().enumerate() {
            if *busy & (1 << i) != 0 {
                let end = lane.tap.at(here, curve);
                n = n.min((end - here) as usize);
                // On the grid, so that the lines end at the same frame for any block size.
                if end == u64::MAX && lane.tap.target().frames == 0.0 && here.is_multiple_of(CHUNK as u64) {
                    *busy &= !(1 << i);
                }
            }
        }
        if *busy == 0 {
            return here;
        }
        let io = &mut io[at..at + n];
        let mut out = [[S::default(); CHUNK]; MAX_LANES];
        for ((i, lane), y) in lanes.iter().enumerate().zip(&mut out) {
            let mut x = [S::default(); CHUNK];
            for (x, io) in x.iter_mut().zip(io.iter()) {
                *x = S::of(io.get(i));
            }
            lines.write(i, here, &x[..n]);
            if *busy & (1 << i) == 0 {
                continue;
            }
            let (old, new) = lane.tap.heard();
            hear(lines, i, lane.seam, new, curve, here, n, y);
            if let Some(old) = old {
                let mut was = [S::default(); CHUNK];
                hear(lines, i, lane.seam, old, curve, here, n, &mut was);
                for (k, (y, was)) in y.iter_mut().zip(was).enumerate().take(n) {
                    *y = was + (*y - was) * S::of(lane.tap.share(here + k as u64, curve));
                }
            }
        }
        let delayed = L::mask(*busy);
        for (i, io) in io.iter_mut().enumerate() {
            *io = L::select(delayed, L::from_fn(|lane| out[lane][i].wide()), *io);
        }
        at += n;
    }
    frame + io.len() as u64
}

/// One tap of one lane over a chunk.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn hear<S: Sample>(
    lines: &Lines<S>,
    lane: usize,
    seam: Option<u64>,
    tap: &Tap,
    curve: &Curve,
    frame: u64,
    n: usize,
    to: &mut [S; CHUNK],
) {
    let older = if tap.fir.is_some() { TAPS - 1 } else { 0 };
    let mut from = [S::default(); CHUNK + TAPS];
    lines.read(lane, frame, tap.reach(), &mut from[..n + older]);
    // The live signal is never faded, only what is heard later.
    let since = lines.since(lane);
    if seam.is_some_and(|at| at < since + tap.reach() as u64) {
        let first = (frame + n as u64 + older as u64).saturating_sub(tap.reach() as u64);
        if first < since + curve.frames() + (n + older) as u64 {
            for (k, x) in from[..n + older].iter_mut().enumerate() {
                let age = (frame + k as u64).saturating_sub(tap.reach() as u64).saturating_sub(since);
                *x = *x * S::of(curve.at(age));
            }
        }
    }
    match &tap.fir {
        Some(fir) => interpolate(fir, &from, to, n),
        None => to[..n].copy_from_slice(&from[..n]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::*;
    use crate::proc::Running;
    use std::f64::consts::TAU;

    fn build<L: Lanes>(rate: f64, max_frames: usize) -> Delay<L> {
        let curve = Curve::new(rate);
        Delay::new(&Build { rate, curve: &curve, lanes: &[], seeds: &[] }, max_frames)
    }

    fn to<L: Lanes>(d: &mut Delay<L>, lane: usize, frames: &Targets, when: When) {
        Process::set(d, 0, lane, frames, when);
    }

    fn render<L: Lanes>(d: &mut Delay<L>, from: u64, block: usize, n: usize, x: impl Fn(u64, usize) -> f64) -> Vec<L> {
        let mut io: Vec<L> = (0..n).map(|i| L::from_fn(|lane| x(from + i as u64, lane))).collect();
        let mut frame = from;
        for io in io.chunks_mut(block) {
            let mut ctx = Ctx::new(frame, L::mask(0));
            d.process(&mut ctx, io);
            frame += io.len() as u64;
        }
        io
    }

    fn noise(frame: u64, lane: usize) -> f64 {
        let mut z = (frame * 64 + lane as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z >> 40) as f64 / 8_388_608.0 - 1.0) * 0.5
    }

    /// Gain in dB and delay in frames that a tone of `hz` went through.
    fn through(rate: f64, ms: f64, hz: f64) -> (f64, f64) {
        let mut d = build::<One64>(rate, rate as usize);
        to(&mut d, 0, &coeffs(ms, rate), When::Jump);
        let n = rate as usize;
        let w = TAU * hz / rate;
        let y = render(&mut d, 0, 64, n, |f, _| (w * f as f64).sin());
        let (mut re, mut im, mut norm) = (0.0, 0.0, 0.0);
        for (f, y) in y.iter().enumerate().skip(n / 2) {
            let window = 1.0 - (TAU * (f - n / 2) as f64 / (n - n / 2) as f64).cos();
            re += y.0 * (w * f as f64).sin() * window;
            im += y.0 * (w * f as f64).cos() * window;
            norm += window / 2.0;
        }
        let cycles = ms * hz / 1000.0;
        let phase = (-im.atan2(re) / TAU - cycles).rem_euclid(1.0);
        let off = if phase > 0.5 { phase - 1.0 } else { phase };
        (20.0 * ((re * re + im * im).sqrt() / norm).log10(), (off + cycles) * rate / hz)
    }

    #[test]
    fn fractions_of_a_frame_are_kept_up_to_the_treble() {
        for rate in [44100.0, 48000.0, 96000.0, 192_000.0] {
            for ms in [10.3, 0.5, 3.333, 400.01] {
                for hz in [100.0, 997.0, 5000.0, 16000.0, 18000.0] {
                    let (db, frames) = through(rate, ms, hz);
                    assert!((frames - ms * rate / 1000.0).abs() < 0.002, "{rate} {ms} ms {hz} Hz: {frames} frames");
                    assert!(db.abs() < 0.05, "{rate} {ms} ms {hz} Hz: {db} dB");
                }
            }
        }
    }

    #[test]
    fn whole_frames_and_zero_pass_bit_exact() {
        for ms in [0.0, 10.0, 1.0 / 48.0, 15.0 / 48.0, 0.32] {
            let mut d = build::<Plain32>(48000.0, 48000);
            let frames = (ms * 48.0_f64).round() as u64;
            for lane in 0..1 {
                to(&mut d, lane, &coeffs(ms, 48000.0), When::Jump);
            }
            let y = render(&mut d, 0, 64, 2000, noise);
            for (f, y) in y.iter().enumerate().skip(frames as usize) {
                for lane in 0..1 {
                    assert_eq!(y.get(lane), f64::from(noise(f as u64 - frames, lane) as f32));
                }
            }
        }
    }

    fn every_lane_equals<W: Lanes, R: Lanes>() {
        if W::N == 4 && W::WIDE || W::N == 8 {
            let ms = [0.0, 10.3, 5.0, 0.1, 33.37, 0.7, 2.5, 20.01];
            let later = [3.21, 0.0, 7.77, 12.0, 33.37, 0.2, 40.0, 1.01];
            let mut wide = build::<W>(48000.0, 2048);
            (0..W::N).for_each(|lane| to(&mut wide, lane, &coeffs(ms[lane], 48000.0), When::Jump));
            let mut got = render(&mut wide, 0, 64, 1000, noise);
            (0..W::N).for_each(|lane| to(&mut wide, lane, &coeffs(later[lane], 48000.0), When::At(1000)));
            got.extend(render(&mut wide, 1000, 17, 3000, noise));
            for lane in 0..W::N {
                let mut one = build::<R>(48000.0, 2048);
                to(&mut one, 0, &coeffs(ms[lane], 48000.0), When::Jump);
                let mut want = render(&mut one, 0, 1, 1000, |f, _| noise(f, lane));
                to(&mut one, 0, &coeffs(later[lane], 48000.0), When::At(1000));
                want.extend(render(&mut one, 1000, 64, 3000, |f, _| noise(f, lane)));
                // A bank that idled keeps no history; a lane beside a busy one does.
                let from = if ms[lane] == 0.0 { 1000 + 960 + 200 } else { 0 };
                for (f, (a, b)) in got.iter().zip(&want).enumerate().skip(from) {
                    assert_eq!(a.get(lane).to_bits(), b.get(0).to_bits(), "lane {lane} frame {f}");
                }
            }
        }
    }

    #[test]
    fn every_lane_equals_the_scalar_run_for_any_block_size() {
        #[cfg(target_arch = "x86_64")]
        {
            every_lane_equals::<Pair<SseF32>, Plain32>();
            every_lane_equals::<Pair<SseF64>, Plain64>();
            if Path::available().contains(&Path::Avx2) {
                every_lane_equals::<AvxF32, One32>();
                every_lane_equals::<AvxF64, One64>();
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            every_lane_equals::<Pair<NeonF32>, One32>();
            every_lane_equals::<Pair<NeonF64>, One64>();
        }
    }

    /// Energy of `y` outside 1 kHz ± 200 Hz re its whole, in dB.
    fn outside(y: &[f64]) -> f64 {
        let n = y.len();
        let mut fft = realfft::RealFftPlanner::<f64>::new();
        let plan = fft.plan_fft_forward(n);
        let mut x: Vec<f64> =
            y.iter().enumerate().map(|(i, y)| y * (0.5 - 0.5 * (TAU * i as f64 / n as f64).cos()).powi(2)).collect();
        let mut bins = plan.make_output_vec();
        plan.process(&mut x, &mut bins).unwrap();
        let (mut all, mut out) = (0.0, 0.0);
        for (k, bin) in bins.iter().enumerate() {
            all += bin.norm_sqr();
            if (k as f64 * 48000.0 / n as f64 - 1000.0).abs() > 200.0 {
                out += bin.norm_sqr();
            }
        }
        10.0 * (out / all).log10()
    }

    #[test]
    fn a_new_delay_does_not_click() {
        for (first, second) in [(0.0, 10.3), (10.3, 0.0), (10.0, 10.3), (100.0, 3.7)] {
            let tone = |f: u64, _| (TAU * f as f64 / 48.0).sin();
            let mut d = build::<One64>(48000.0, 9600);
            to(&mut d, 0, &coeffs(first, 48000.0), When::Jump);
            let mut y = render(&mut d, 0, 64, 48012, tone);
            to(&mut d, 0, &coeffs(second, 48000.0), When::At(48012));
            y.extend(render(&mut d, 48012, 64, 47988, tone));
            let y: Vec<f64> = y[9600..].iter().map(|y| y.0).collect();
            let e = outside(&y);
            assert!(e < -80.0, "{first} to {second} ms: {e} dB");
        }
    }

    #[test]
    fn a_longer_line_fades_in_where_the_shorter_one_ended() {
        let tone = |f: u64, _| (TAU * f as f64 / 48.0).sin();
        for small in [0, 480] {
            let mut short = build::<One64>(48000.0, small);
            to(&mut short, 0, &coeffs(if small > 0 { 5.0 } else { 0.0 }, 48000.0), When::Jump);
            let mut y = render(&mut short, 0, 64, 24012, tone);
            assert!(short.fits(small as f64) && !short.fits(4800.0));
            let mut long = build::<One64>(48000.0, 4800);
            Process::carry(&mut long, 0, &short, 0);
            to(&mut long, 0, &coeffs(100.0, 48000.0), When::At(24012));
            y.extend(render(&mut long, 24012, 64, 71988, tone));
            let y: Vec<f64> = y.iter().map(|y| y.0).collect();
            let e = outside(&y);
            assert!(e < -60.0, "{e} dB");
            let steepest = y.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
            assert!(steepest < 1.05 * TAU / 48.0, "{steepest}");
            assert!((y[40000] - tone(40000 - 4800, 0)).abs() < 1e-12);
        }
    }

    #[test]
    fn a_strip_that_gets_its_first_line_fades_over_to_it() {
        let tone = |f: u64, _| (TAU * f as f64 / 48.0).sin();
        let mut d = build::<One64>(48000.0, 4800);
        to(&mut d, 0, &coeffs(100.0, 48000.0), When::Jump);
        d.joins(0);
        let y: Vec<f64> = render(&mut d, 24012, 64, 24000, tone).iter().map(|y| y.0).collect();
        assert_eq!(y[0], tone(24012, 0));
        let steepest = y.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
        assert!(steepest < 1.05 * TAU / 48.0, "{steepest}");
        assert!((y[20000] - tone(24012 + 20000 - 4800, 0)).abs() < 1e-12);
    }

    #[test]
    fn silence_gives_exact_zero_and_other_lanes_stay_clean() {
        type W = Pair<SseF32Or>;
        let mut d = build::<W>(48000.0, 4800);
        (0..W::N).for_each(|lane| to(&mut d, lane, &coeffs(10.0 + 0.3 * lane as f64, 48000.0), When::Jump));
        let bad = |f: u64, lane: usize| match (f, lane) {
            (100, 0) => f64::NAN,
            (101, 0) => f64::INFINITY,
            (0..1000, _) => noise(f, lane),
            _ => 0.0,
        };
        let y = render(&mut d, 0, 64, 4000, bad);
        assert!(y.iter().all(|y| (1..W::N).all(|lane| y.get(lane).is_finite())));
        let tail = Process::<W>::tail(&d, W::N - 1) as usize;
        assert!(y[1000 + tail..].iter().all(|y| (0..W::N).all(|lane| y.get(lane) == 0.0)));
        // Cleared, it holds nothing, and a gap counts as silence.
        render(&mut d, 4000, 64, 640, noise);
        (0..W::N).for_each(|lane| Process::clear(&mut d, lane));
        let y = render(&mut d, 4640, 64, 4000, |_, _| 0.0);
        assert!(y.iter().all(|y| (0..W::N).all(|lane| y.get(lane) == 0.0)));
        render(&mut d, 9000, 64, 640, noise);
        let y = render(&mut d, 20000, 64, 4000, |_, _| 0.0);
        assert!(y.iter().all(|y| (0..W::N).all(|lane| y.get(lane) == 0.0)));
    }

    #[cfg(target_arch = "x86_64")]
    type SseF32Or = SseF32;
    #[cfg(not(target_arch = "x86_64"))]
    type SseF32Or = NeonF32;

    #[test]
    fn a_bank_taken_over_goes_on_as_if_nothing_had_happened() {
        let ms = coeffs(10.3, 48000.0);
        for size in [2048, 8192] {
            let (mut old, mut whole) = (build::<One64>(48000.0, 2048), build::<One64>(48000.0, 2048));
            for d in [&mut old, &mut whole] {
                to(d, 0, &ms, When::Jump);
                render(d, 0, 64, 9600, noise);
            }
            let mut new = build::<One64>(48000.0, size);
            Process::carry(&mut new, 0, &old, 0);
            let (got, want) = (render(&mut new, 9600, 64, 4800, noise), render(&mut whole, 9600, 64, 4800, noise));
            assert!(got.iter().zip(&want).all(|(a, b)| a.0 == b.0), "memory of {size}");
        }
    }
}
