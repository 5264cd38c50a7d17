//! Convolution with a long impulse response, without latency and without bursts of work.
//!
//! The first 64 taps are a plain sum. What comes later is cut into partitions that are multiplied in
//! the frequency domain ("Efficient convolution without input-output delay", Gardner): of 64 frames,
//! worked out at the start of each block of the grid, then of 512 and of 2048. A partition of the longer
//! ones starts two lengths into the response, so there is a whole length of time to work it out; the
//! transforms and products are dealt out evenly over the blocks of that time. Everything happens at
//! fixed places of the absolute grid, so any period gives the same samples.

use crate::block::BLOCK;
use crate::kernel::per_strip::Sides;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::fmt;
use std::sync::Arc;

/// Taps of the plain sum.
const HEAD: usize = BLOCK;
/// Lengths of the partitions.
const SIZES: [usize; 3] = [64, 512, 2048];
/// Where each begins, in taps; the last is where the longest response may go on without end.
const FROM: [usize; 4] = [64, 1024, 4096, usize::MAX];
const LEVELS: usize = SIZES.len();
/// The level whose past is long.
const LONG: usize = LEVELS - 1;
/// The longest transform.
const LONGEST: usize = 2 * SIZES[LONG];
/// Channels of a response.
const CHANNELS: usize = 4;

/// Real and imaginary parts of some spectra, one after the other.
#[derive(Clone, Default)]
struct Spectra {
    re: Vec<f32>,
    im: Vec<f32>,
}

impl Spectra {
    fn new(bins: usize) -> Spectra {
        Spectra { re: vec![0.0; bins], im: vec![0.0; bins] }
    }

    fn put(&mut self, at: usize, from: &[Complex<f32>], scale: f32) {
        let to = self.re[at..].iter_mut().zip(&mut self.im[at..]);
        to.zip(from).for_each(|((re, im), x)| (*re, *im) = (x.re * scale, x.im * scale));
    }

    fn copy(&mut self, from: &Spectra, begin: usize, end: usize) {
        self.re[begin..end].copy_from_slice(&from.re[begin..end]);
        self.im[begin..end].copy_from_slice(&from.im[begin..end]);
    }

    fn clear(&mut self) {
        self.re.fill(0.0);
        self.im.fill(0.0);
    }
}

/// An impulse response, cut and transformed. Made on the control side, shared by all that use it.
pub struct Impulse {
    channels: usize,
    frames: usize,
    head: Vec<[f32; HEAD]>,
    /// By channel and level: a spectrum for each partition.
    parts: Vec<[Spectra; LEVELS]>,
    counts: [usize; LEVELS],
    forward: [Arc<dyn RealToComplex<f32>>; LEVELS],
    back: [Arc<dyn ComplexToReal<f32>>; LEVELS],
}

impl fmt::Debug for Impulse {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Impulse of {} frames, {} channels", self.frames, self.channels)
    }
}

impl Impulse {
    /// From one, two or four channels of one length at the engine's rate. One serves both sides, two
    /// are left and right, four are left to left, left to right, right to left, right to right.
    /// Others than four beyond the second are not heard.
    pub fn new(channels: &[Vec<f32>]) -> Impulse {
        let mut planner = RealFftPlanner::<f32>::new();
        let forward = SIZES.map(|size| planner.plan_fft_forward(2 * size));
        let back = SIZES.map(|size| planner.plan_fft_inverse(2 * size));
        let channels = &channels[..if channels.len() >= CHANNELS { CHANNELS } else { channels.len().min(2) }];
        let frames = channels.iter().map(Vec::len).max().unwrap_or(0);
        let counts: [usize; LEVELS] = std::array::from_fn(|l| frames.min(FROM[l + 1]).saturating_sub(FROM[l]).div_ceil(SIZES[l]));
        let head = |taps: &Vec<f32>| std::array::from_fn(|k| taps.get(k).copied().unwrap_or(0.0));
        let parts = |taps: &Vec<f32>| {
            std::array::from_fn(|l| {
                let (size, bins) = (SIZES[l], SIZES[l] + 1);
                let mut spectra = Spectra::new(counts[l] * bins);
                let (mut time, mut bin) = (vec![0.0; 2 * size], forward[l].make_output_vec());
                for p in 0..counts[l] {
                    let from = FROM[l] + p * size;
                    time.fill(0.0);
                    let part = taps.get(from..).unwrap_or_default();
                    time.iter_mut().zip(part.iter().take(size)).for_each(|(to, x)| *to = *x);
                    // The lengths are the plan's own.
                    let _ = forward[l].process(&mut time, &mut bin);
                    spectra.put(p * bins, &bin, 0.5 / size as f32);
                }
                spectra
            })
        };
        Impulse {
            channels: channels.len(),
            frames,
            head: channels.iter().map(head).collect(),
            parts: channels.iter().map(parts).collect(),
            counts,
            forward,
            back,
        }
    }

    /// Its length.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// From which side to which, through which channel.
    fn paths(&self, sides: usize) -> Vec<Path> {
        let path = |(input, output, channel)| Path { input, output, channel };
        let all: &[(usize, usize, usize)] = match (sides, self.channels) {
            (_, 0) => &[],
            (1, _) => &[(0, 0, 0)],
            (_, 1) => &[(0, 0, 0), (1, 1, 0)],
            (_, CHANNELS) => &[(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)],
            _ => &[(0, 0, 0), (1, 1, 1)],
        };
        all.iter().copied().map(path).collect()
    }
}

#[derive(Clone, Copy)]
struct Path {
    input: usize,
    output: usize,
    channel: usize,
}

/// What one side of a strip keeps for one length of partitions.
struct Lane {
    /// Input by absolute frame, two lengths.
    ring: Vec<f32>,
    /// The same in order, as it was when the segment began.
    staged: Vec<f32>,
    /// Spectra of past segments, by their number.
    past: Spectra,
    sum: Spectra,
    /// Output of the present segment and of the next.
    ready: Vec<f32>,
    next: Vec<f32>,
}

/// A convolver of one strip.
pub struct Convolver {
    impulse: Arc<Impulse>,
    paths: Vec<Path>,
    sides: usize,
    /// By level and side.
    lanes: [Vec<Lane>; LEVELS],
    /// Segments before these were silent.
    first: [u64; LEVELS],
    /// Blocks of a segment before its transform: convolvers do not all do theirs at once.
    phase: usize,
    /// Block of the grid that was begun.
    begun: u64,
    /// How many bins of the longest partitions' past have come by [`Convolver::ahead`], a side, and the segment in
    /// which that began.
    copied: (usize, u64),
    bins: Vec<Complex<f32>>,
    time: Vec<f32>,
    scratch: Vec<Complex<f32>>,
}

impl Convolver {
    /// For one or two sides. Convolvers with different `turn` do their long transforms at different times.
    pub fn new(impulse: &Arc<Impulse>, sides: usize, turn: usize) -> Convolver {
        let lanes = std::array::from_fn(|l| {
            let (size, bins) = (SIZES[l], SIZES[l] + 1);
            let lane = || Lane {
                ring: vec![0.0; 2 * size],
                staged: vec![0.0; 2 * size],
                past: Spectra::new(impulse.counts[l] * bins),
                sum: Spectra::new(bins),
                ready: vec![0.0; size],
                next: vec![0.0; size],
            };
            (0..sides).map(|_| lane()).collect()
        });
        let scratch = |l: usize| impulse.forward[l].get_scratch_len().max(impulse.back[l].get_scratch_len());
        Convolver {
            paths: impulse.paths(sides),
            sides,
            lanes,
            first: [0; LEVELS],
            phase: turn,
            begun: u64::MAX,
            copied: (0, 0),
            bins: vec![Complex::default(); LONGEST / 2 + 1],
            time: vec![0.0; LONGEST],
            scratch: vec![Complex::default(); (0..LEVELS).map(scratch).max().unwrap_or(0)],
            impulse: impulse.clone(),
        }
    }

    /// The response.
    pub fn impulse(&self) -> &Arc<Impulse> {
        &self.impulse
    }

    /// Sound starts at a frame.
    pub fn forget(&mut self, now: u64) {
        for (l, lanes) in self.lanes.iter_mut().enumerate() {
            self.first[l] = now / SIZES[l] as u64;
            for lane in lanes {
                [&mut lane.ring, &mut lane.staged, &mut lane.ready, &mut lane.next].into_iter().for_each(|x| x.fill(0.0));
                lane.sum.clear();
            }
        }
        self.begun = now / BLOCK as u64;
    }

    fn is_like(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.impulse, &other.impulse) && self.sides == other.sides
    }

    /// Copies some of what [`Convolver::carry`] from the same convolver will take over, `budget` bytes or little more,
    /// and takes off what it used; true when all of the long memory is here.
    pub fn ahead(&mut self, from: &Self, now: u64, budget: &mut usize) -> bool {
        let all = from.lanes[LONG].first().map_or(0, |lane| lane.past.re.len());
        if !self.is_like(from) || self.copied.0 == all {
            return true;
        }
        let (begin, mut since) = self.copied;
        if begin == 0 {
            since = now / SIZES[LONG] as u64;
        }
        let bytes = size_of::<Complex<f32>>() * self.sides;
        let end = all.min(begin + (*budget / bytes).max(BLOCK));
        for (to, from) in self.lanes[LONG].iter_mut().zip(&from.lanes[LONG]) {
            to.past.copy(&from.past, begin, end);
        }
        *budget = budget.saturating_sub((end - begin) * bytes);
        self.copied = (end, since);
        end == all
    }

    /// Goes on at frame `now` with what another convolver of the same response and sides has heard; false where it is
    /// none. What [`Convolver::ahead`] copied is not copied again, but for what was written since.
    pub fn carry(&mut self, from: &Self, now: u64) -> bool {
        if !self.is_like(from) {
            return false;
        }
        let (copied, since) = std::mem::take(&mut self.copied);
        for (level, (to, from)) in self.lanes.iter_mut().zip(&from.lanes).enumerate() {
            let (count, bins) = (self.impulse.counts[level], SIZES[level] + 1);
            for (to, from) in to.iter_mut().zip(from) {
                to.ring.copy_from_slice(&from.ring);
                to.staged.copy_from_slice(&from.staged);
                to.ready.copy_from_slice(&from.ready);
                to.next.copy_from_slice(&from.next);
                to.sum.copy(&from.sum, 0, bins);
                let begin = if level == LONG { copied } else { 0 };
                to.past.copy(&from.past, begin, count * bins);
                if begin > 0 {
                    let written = since.saturating_sub(1)..=now / SIZES[level] as u64;
                    for segment in written.take(count) {
                        let slot = (segment % count as u64) as usize * bins;
                        to.past.copy(&from.past, slot, slot + bins);
                    }
                }
            }
        }
        (self.first, self.begun, self.phase) = (from.first, from.begun, from.phase);
        true
    }

    /// A chunk in place: at most a block, inside one block of the grid.
    #[inline(always)]
    pub fn run(&mut self, frame: u64, n: usize, io: &mut Sides) {
        if self.begun != frame / BLOCK as u64 {
            self.begun = frame / BLOCK as u64;
            for level in 0..LEVELS {
                if self.impulse.counts[level] > 0 {
                    self.turn(level);
                }
            }
        }
        let mut heard = [[0.0f32; HEAD + BLOCK]; 2];
        for side in 0..self.sides {
            let ring = &self.lanes[0][side].ring;
            let mask = ring.len() - 1;
            for (k, to) in heard[side][..HEAD].iter_mut().enumerate() {
                *to = ring[(frame as usize).wrapping_sub(HEAD - k) & mask];
            }
            heard[side][HEAD..HEAD + n].copy_from_slice(&io[side][..n]);
            for (level, size) in SIZES.iter().enumerate() {
                let at = frame as usize & (2 * size - 1);
                self.lanes[level][side].ring[at..at + n].copy_from_slice(&io[side][..n]);
            }
        }
        for side in io.iter_mut().take(self.sides) {
            side[..n].fill(0.0);
        }
        for path in &self.paths {
            let (x, out) = (&heard[path.input], &mut io[path.output]);
            for (k, h) in self.impulse.head[path.channel].iter().enumerate() {
                let x = &x[HEAD - k..HEAD - k + n];
                out[..n].iter_mut().zip(x).for_each(|(y, x)| *y += h * x);
            }
        }
        for (level, size) in SIZES.iter().enumerate().filter(|(l, _)| self.impulse.counts[*l] > 0) {
            let at = frame as usize & (size - 1);
            for (lane, out) in self.lanes[level].iter().zip(io.iter_mut()) {
                out[..n].iter_mut().zip(&lane.ready[at..at + n]).for_each(|(y, x)| *y += x);
            }
        }
    }

    /// This block's share of the work of a level.
    #[inline(always)]
    fn turn(&mut self, level: usize) {
        let steps = (SIZES[level] / BLOCK) as u64;
        let (segment, step) = (self.begun / steps, (self.begun % steps) as usize);
        if steps == 1 {
            self.stage(level, segment);
            self.transform(level, segment);
            self.products(level, segment, 0, usize::MAX);
            self.answer(level);
            self.swap(level);
            return;
        }
        let (last, phase) = (steps as usize - 1, self.phase % (steps as usize / 4));
        if step == 0 {
            self.swap(level);
            self.stage(level, segment);
        }
        if step == phase {
            self.transform(level, segment);
        } else if step == last - phase {
            self.answer(level);
        } else if (phase..last - phase).contains(&step) {
            let all = self.paths.len() * self.impulse.counts[level];
            let (i, of) = (step - phase - 1, last - 2 * phase - 1);
            self.products(level, segment, i * all / of, (i + 1) * all / of);
        }
    }

    fn swap(&mut self, level: usize) {
        for lane in &mut self.lanes[level] {
            std::mem::swap(&mut lane.ready, &mut lane.next);
        }
    }

    /// The two segments before this one, in order.
    fn stage(&mut self, level: usize, segment: u64) {
        let size = SIZES[level];
        for lane in &mut self.lanes[level] {
            let at = (segment as usize).wrapping_mul(size) & (2 * size - 1);
            let (end, begin) = lane.ring.split_at(at);
            lane.staged[..begin.len()].copy_from_slice(begin);
            lane.staged[begin.len()..].copy_from_slice(end);
            lane.sum.clear();
        }
    }

    #[inline(always)]
    fn transform(&mut self, level: usize, segment: u64) {
        let (Some(newest), bins) = (segment.checked_sub(1), SIZES[level] + 1) else { return };
        if newest < self.first[level] {
            return;
        }
        let slot = (newest % self.impulse.counts[level] as u64) as usize;
        for lane in &mut self.lanes[level] {
            let plan = &self.impulse.forward[level];
            let scratch = &mut self.scratch[..plan.get_scratch_len()];
            // The lengths are the plan's own.
            let _ = plan.process_with_scratch(&mut lane.staged, &mut self.bins[..bins], scratch);
            lane.past.put(slot * bins, &self.bins[..bins], 1.0);
        }
    }

    /// Adds products of past segments and partitions, from one of them to another.
    #[inline(always)]
    fn products(&mut self, level: usize, segment: u64, from: usize, to: usize) {
        let (count, bins) = (self.impulse.counts[level], SIZES[level] + 1);
        for unit in from..to.min(self.paths.len() * count) {
            let (path, part) = (self.paths[unit / count], unit % count);
            let Some(past) = segment.checked_sub(1 + part as u64).filter(|s| *s >= self.first[level]) else { continue };
            let x = (past % count as u64) as usize * bins;
            let h = &self.impulse.parts[path.channel][level];
            let h = (&h.re[part * bins..][..bins], &h.im[part * bins..][..bins]);
            let lanes = &mut self.lanes[level];
            if path.input == path.output {
                let Lane { past, sum, .. } = &mut lanes[path.output];
                multiply(sum, (&past.re[x..x + bins], &past.im[x..x + bins]), h);
            } else if let [left, right] = &mut lanes[..] {
                let (from, to) = if path.input == 0 { (left, right) } else { (right, left) };
                multiply(&mut to.sum, (&from.past.re[x..x + bins], &from.past.im[x..x + bins]), h);
            }
        }
    }

    #[inline(always)]
    fn answer(&mut self, level: usize) {
        let size = SIZES[level];
        for lane in &mut self.lanes[level] {
            let bins = &mut self.bins[..=size];
            bins.iter_mut().zip(lane.sum.re.iter().zip(&lane.sum.im)).for_each(|(to, (re, im))| *to = Complex::new(*re, *im));
            // Real signals have no phase at the ends.
            (bins[0].im, bins[size].im) = (0.0, 0.0);
            let plan = &self.impulse.back[level];
            let scratch = &mut self.scratch[..plan.get_scratch_len()];
            let time = &mut self.time[..2 * size];
            let _ = plan.process_with_scratch(bins, time, scratch);
            lane.next.copy_from_slice(&time[size..]);
        }
    }
}

/// `sum += x · h`, bin by bin.
#[inline(always)]
fn multiply(sum: &mut Spectra, x: (&[f32], &[f32]), h: (&[f32], &[f32])) {
    let n = sum.re.len();
    let (xr, xi, hr, hi) = (&x.0[..n], &x.1[..n], &h.0[..n], &h.1[..n]);
    let (re, im) = (&mut sum.re[..n], &mut sum.im[..n]);
    for i in 0..n {
        re[i] += xr[i] * hr[i] - xi[i] * hi[i];
        im[i] += xr[i] * hi[i] + xi[i] * hr[i];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, n: usize) -> Vec<f32> {
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            z ^= z << 13;
            z ^= z >> 7;
            z ^= z << 17;
            (z >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..n).map(|_| next()).collect()
    }

    /// A noise that decays.
    fn room(seed: u64, n: usize) -> Vec<f32> {
        noise(seed, n).iter().enumerate().map(|(i, x)| x * (-3.0 * i as f32 / n as f32).exp()).collect()
    }

    fn run(convolver: &mut Convolver, from: u64, piece: usize, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let mut out = vec![Vec::new(); x.len()];
        let (mut frame, mut at) = (from, 0);
        while at < x[0].len() {
            let n = piece.min(BLOCK - (frame % 64) as usize).min(x[0].len() - at);
            let mut io = [[0.0; BLOCK]; 2];
            for (io, x) in io.iter_mut().zip(x) {
                io[..n].copy_from_slice(&x[at..at + n]);
            }
            convolver.run(frame, n, &mut io);
            for (out, io) in out.iter_mut().zip(&io) {
                out.extend_from_slice(&io[..n]);
            }
            (frame, at) = (frame + n as u64, at + n);
        }
        out
    }

    fn direct(x: &[f32], h: &[f32]) -> Vec<f64> {
        let mut y = vec![0.0; x.len()];
        for (i, x) in x.iter().enumerate() {
            y[i..].iter_mut().zip(h).for_each(|(y, h)| *y += f64::from(*x) * f64::from(*h));
        }
        y
    }

    /// Distance in dB re the wanted.
    fn apart(y: &[f32], want: &[f64]) -> f64 {
        let off: f64 = y.iter().zip(want).map(|(y, w)| (f64::from(*y) - w).powi(2)).sum();
        10.0 * (off / want.iter().map(|w| w * w).sum::<f64>()).log10()
    }

    #[test]
    fn it_is_the_direct_sum_for_any_length_and_start() {
        for (length, from, turn) in [(1, 0, 0), (64, 7, 1), (65, 64, 0), (1500, 1000, 1), (4096, 0, 0), (15_000, 3001, 5)] {
            let (h, x) = (room(3, length), noise(5, 24_000));
            let mut convolver = Convolver::new(&Arc::new(Impulse::new(std::slice::from_ref(&h))), 1, turn);
            convolver.forget(from);
            let y = run(&mut convolver, from, 64, std::slice::from_ref(&x));
            let off = apart(&y[0], &direct(&x, &h));
            assert!(off < -125.0, "{length} from {from}: {off}");
        }
    }

    #[test]
    fn any_pieces_give_the_same_samples_and_so_does_another_that_goes_on() {
        let (h, x) = (Arc::new(Impulse::new(&[room(3, 9000)])), [noise(5, 20_000)]);
        let mut one = Convolver::new(&h, 1, 3);
        one.forget(100);
        let want = run(&mut one, 100, 64, &x);
        for piece in [1, 17, 63] {
            let mut other = Convolver::new(&h, 1, 3);
            other.forget(100);
            assert!(want == run(&mut other, 100, piece, &x), "{piece}");
        }
        let mut first = Convolver::new(&h, 1, 3);
        first.forget(100);
        run(&mut first, 100, 64, &[x[0][..7777].to_vec()]);
        let mut second = Convolver::new(&h, 1, 0);
        assert!(second.carry(&first, 7877));
        let rest = run(&mut second, 7877, 64, &[x[0][7777..].to_vec()]);
        assert!(rest[0] == want[0][7777..]);
        let other = Arc::new(Impulse::new(&[room(3, 9000)]));
        assert!(!Convolver::new(&other, 1, 3).carry(&first, 7877));
    }

    #[test]
    fn long_memory_comes_ahead_and_is_not_copied_again() {
        let (h, x) = (Arc::new(Impulse::new(&[room(3, 60_000)])), [noise(5, 120_000)]);
        let mut whole = Convolver::new(&h, 1, 3);
        whole.forget(0);
        let want = run(&mut whole, 0, 64, &x);
        let piece = |from: usize, to: usize| [x[0][from..to].to_vec()];
        let (mut old, mut new) = (Convolver::new(&h, 1, 3), Convolver::new(&h, 1, 0));
        old.forget(0);
        run(&mut old, 0, 64, &piece(0, 80_000));
        // The old one goes on meanwhile, over more than two segments.
        let (mut now, mut calls) = (80_000, 0);
        loop {
            let mut budget = 4096;
            let done = new.ahead(&old, now as u64, &mut budget);
            calls += 1;
            if done {
                break;
            }
            run(&mut old, now as u64, 64, &piece(now, now + 64));
            now += 64;
        }
        let bytes = new.lanes[LONG][0].past.re.len() * 8;
        assert!(calls >= bytes / 4096 && now > 80_000 + 2 * SIZES[LONG], "{calls} calls until {now}");
        // A mark in the oldest slot, which nothing has written meanwhile, stays.
        let (count, bins) = (h.counts[LONG], SIZES[LONG] + 1);
        let oldest = ((now / SIZES[LONG] + 2) % count) * bins;
        let kept = std::mem::replace(&mut new.lanes[LONG][0].past.re[oldest], 99.0);
        assert!(new.carry(&old, now as u64));
        assert!(std::mem::replace(&mut new.lanes[LONG][0].past.re[oldest], kept) == 99.0);
        let rest = run(&mut new, now as u64, 64, &piece(now, 120_000));
        assert!(rest[0] == want[0][now..]);
    }

    #[test]
    fn four_channels_go_from_each_side_to_each() {
        let h: Vec<_> = (0..4).map(|c| room(10 + c, 5000)).collect();
        let x = [noise(1, 9000), noise(2, 9000)];
        let mut convolver = Convolver::new(&Arc::new(Impulse::new(&h)), 2, 0);
        let y = run(&mut convolver, 0, 64, &x);
        for side in 0..2 {
            let want = direct(&x[0], &h[side]).into_iter().zip(direct(&x[1], &h[2 + side])).map(|(a, b)| a + b);
            let off = apart(&y[side], &want.collect::<Vec<_>>());
            assert!(off < -125.0, "{side}: {off}");
        }
        let mut two = Convolver::new(&Arc::new(Impulse::new(&h[..2])), 2, 0);
        let y = run(&mut two, 0, 64, &x);
        assert!((0..2).all(|s| apart(&y[s], &direct(&x[s], &h[s])) < -125.0));
    }

    #[test]
    fn what_is_forgotten_is_silent_to_the_last_bit() {
        let mut convolver = Convolver::new(&Arc::new(Impulse::new(&[room(3, 9000)])), 1, 0);
        run(&mut convolver, 0, 64, &[noise(5, 12_345)]);
        convolver.forget(12_345);
        assert!(run(&mut convolver, 12_345, 64, &[vec![0.0; 20_000]])[0].iter().all(|y| *y == 0.0));
    }

    #[test]
    fn work_is_dealt_out() {
        // No block does both long transforms, whatever the turn.
        for turn in 0..16 {
            for size in &SIZES[1..] {
                let (steps, phase) = (size / BLOCK, turn % (size / BLOCK / 4));
                assert!(phase < steps - 1 - phase, "{turn} {size}");
            }
        }
    }
}
