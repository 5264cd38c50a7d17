//! A wet path that delays, beside the dry one that is delayed as much (or, where something is only added, not
//! at all): the share of each, moving without a
//! click, and exact where the share is 0.
//!
//! While no lane has a share the wet path does not run. A lane that gets one starts its wet path from
//! silence, and [`SPAN`] frames later, when nothing is missing inside, the share begins to rise: a change of
//! the share comes that much late. Both are decided on absolute frames.

use crate::lanes::Lanes;
use crate::proc::{Ctx, Process, Targets};
use crate::ramp::{Coeffs, Curve, GRID, When};
use std::sync::Arc;

use super::oversample::SPAN;

/// What makes the wet signal.
pub trait Wet<L: Lanes>: Send + 'static {
    /// The wet signal is added to the dry one by its share; else it takes the dry one's place.
    const ADDED: bool;

    /// New coefficients of one lane, but for `to[0]`, which is the share.
    fn set(&mut self, lane: usize, to: &Targets, when: When);

    /// From input to wet signal; the frames do not cross a multiple of [`GRID`]. `#[inline(always)]`, please.
    fn run(&mut self, frame: u64, io: &mut [L]);

    /// Forgets the signal of a lane.
    fn clear(&mut self, lane: usize);

    /// Takes over a lane.
    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize);

    /// Whether coefficients move.
    fn moving(&self) -> bool;
}

/// Both paths of a bank.
pub struct Beside<L, W> {
    wet: W,
    latency: usize,
    /// The dry signal, by absolute frame.
    dry: Vec<L>,
    /// Frame that the next block starts with.
    next: u64,
    share: Coeffs<L, 1>,
    /// Lanes that have a share, or are about to.
    active: u32,
    /// Lanes that will be active, from a frame on.
    waiting: u32,
    from: Vec<u64>,
}

impl<L: Lanes, W: Wet<L>> Beside<L, W> {
    /// The dry path takes this many frames.
    pub fn new(curve: &Arc<Curve>, latency: usize, wet: W) -> Self {
        Beside {
            wet,
            latency,
            dry: vec![L::zero(); (latency + GRID as usize).next_power_of_two()],
            next: 0,
            share: Coeffs::new(curve, [0.0]),
            active: 0,
            waiting: 0,
            from: vec![0; L::N],
        }
    }

    /// At a multiple of [`GRID`]: lanes begin and end.
    #[inline(never)]
    fn turn(&mut self, frame: u64) {
        let waiting = self.waiting;
        for lane in (0..L::N).filter(|lane| waiting & (1 << lane) != 0) {
            if self.from[lane] <= frame {
                self.wet.clear(lane);
                self.waiting &= !(1 << lane);
                self.active |= 1 << lane;
            }
        }
        let before = self.share.moving_lanes();
        self.share.at(frame);
        let ended = before & !self.share.moving_lanes();
        for lane in (0..L::N).filter(|lane| ended & (1 << lane) != 0) {
            if self.share.now[0].get(lane) == 0.0 {
                self.active &= !(1 << lane);
            }
        }
    }

    #[inline(always)]
    fn chunk(&mut self, frame: u64, io: &mut [L]) {
        let mask = self.dry.len() - 1;
        let late = |i: usize| (frame as usize).wrapping_sub(self.latency).wrapping_add(i) & mask;
        for (i, x) in io.iter().enumerate() {
            self.dry[(frame as usize + i) & mask] = *x;
        }
        if self.active == 0 {
            for (i, y) in io.iter_mut().enumerate() {
                *y = self.dry[late(i)];
            }
            return;
        }
        self.wet.run(frame, io);
        let moving = self.share.moving();
        let (zero, one) = (L::zero(), L::splat(1.0));
        for (i, y) in io.iter_mut().enumerate() {
            let dry = self.dry[late(i)];
            let share = self.share.now[0];
            let rest = if W::ADDED { dry } else { (one - share) * dry };
            // Whatever the wet path holds, without a share it is not there.
            *y = L::select(share.gt(zero), share.mul_add(*y, rest), dry);
            if moving {
                self.share.advance();
            }
        }
    }
}

impl<L: Lanes, W: Wet<L>> Process<L> for Beside<L, W> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.wet.set(lane, to, when);
        match when {
            When::Jump => {
                self.share.set(lane, [to[0]], when);
                self.waiting &= !(1 << lane);
                self.active = (self.active & !(1 << lane)) | (u32::from(to[0] != 0.0) << lane);
            }
            When::At(frame) => {
                let frame = frame.next_multiple_of(GRID);
                if self.share.target(lane) != [to[0]] && (self.active | self.waiting) & (1 << lane) == 0 {
                    self.waiting |= 1 << lane;
                    self.from[lane] = frame;
                }
                self.share.set(lane, [to[0]], When::At(frame + SPAN));
            }
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            if here.is_multiple_of(GRID) && (self.waiting != 0 || self.share.moving()) {
                self.turn(here);
            }
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            self.chunk(here, &mut io[at..at + n]);
            at += n;
        }
        self.next = ctx.frame + io.len() as u64;
    }

    fn clear(&mut self, lane: usize) {
        self.dry.iter_mut().for_each(|v| v.set(lane, 0.0));
        self.wet.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.share.carry(lane, &from.share, from_lane);
        self.from[lane] = from.from[from_lane];
        for (to, old) in [(&mut self.active, from.active), (&mut self.waiting, from.waiting)] {
            *to = (*to & !(1 << lane)) | ((old >> from_lane & 1) << lane);
        }
        self.wet.carry(lane, &from.wet, from_lane);
        let mask = self.dry.len() - 1;
        for age in 1..=self.dry.len().min(from.dry.len()) {
            let frame = (from.next as usize).wrapping_sub(age);
            self.dry[frame & mask].set(lane, from.dry[frame & (from.dry.len() - 1)].get(from_lane));
        }
        self.next = from.next;
    }

    fn rest(&self, lane: usize) -> bool {
        let bit = 1 << lane;
        (self.share.moving_lanes() | self.waiting) & bit == 0 && (self.active & bit == 0 || !self.wet.moving())
    }

    fn tail(&self, _lane: usize) -> u64 {
        SPAN + self.latency as u64
    }
}
