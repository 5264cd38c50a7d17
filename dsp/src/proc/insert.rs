//! An insert: the strip goes out to another program or machine at this point and comes back.
//!
//! What is sent is always the signal at this point; what comes back replaces it while `on` is set. The loop
//! takes one period of the audio system, which is the strip's latency from here on, whether on or off, so
//! that switching it is no jump in time. Where nothing can come back (`render`, the built-in clock) the
//! signal passes as if the loop were a cable.

use super::{Build, Ctx, Outside, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::lanes::Lanes;
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};

/// The insert.
pub struct Insert;

impl Processor for Insert {
    const NAME: &'static str = "insert";
    const DOC: &'static str = "Loop through another program or machine";
    const PARTS: &'static [Part] = &[Part::common(&[
        Decl::bool("on", true, "What comes back is heard"),
        Decl::int("period", Unit::Frames, 0, i64::MAX, 0, "What the loop takes: one period").read_only(),
    ])];
    const OWN_BYPASS: bool = true;
    const SOURCE: bool = true;

    fn latency(params: &Params, _rate: f64) -> usize {
        params.parts[0].num("period") as usize
    }

    fn coeffs(_part: usize, params: &Params, _rate: f64) -> Targets {
        let mut to = Targets::default();
        to[0] = f64::from(u8::from(params.parts[0].on("on")));
        to
    }

    type State<L: Lanes> = InsertBank<L>;

    fn build<L: Lanes>(build: &Build) -> InsertBank<L> {
        // Strips with another latency sit in other banks.
        let period = build.lanes.iter().flatten().map(|p| Insert::latency(p, build.rate)).max().unwrap_or(0);
        InsertBank {
            period,
            ring: vec![L::zero(); (period + BLOCK).next_power_of_two()],
            next: 0,
            share: Coeffs::new(build.curve, [0.0]),
            on: 0,
        }
    }
}

/// A bank of inserts of one period.
pub struct InsertBank<L> {
    period: usize,
    /// The signal, by absolute frame: what is heard while it is off.
    ring: Vec<L>,
    /// Frame that the next block starts with.
    next: u64,
    /// Share of what comes back.
    share: Coeffs<L, 1>,
    on: u32,
}

impl<L: Lanes> Process<L> for InsertBank<L> {
    fn set(&mut self, _part: usize, lane: usize, to: &Targets, when: When) {
        self.share.set(lane, [to[0]], when);
        self.on = (self.on & !(1 << lane)) | (u32::from(to[0] >= 0.5) << lane);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mask = self.ring.len() - 1;
        let (zero, one) = (L::zero(), L::splat(1.0));
        self.next = ctx.frame + io.len() as u64;
        for (i, x) in io.iter().enumerate() {
            self.ring[(ctx.frame as usize + i) & mask] = *x;
        }
        let mut looped = ctx.looped.as_mut();
        if let Some(looped) = &mut looped {
            looped.sent[..io.len()].copy_from_slice(io);
        }
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            self.share.at(here);
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            for (i, y) in io[at..at + n].iter_mut().enumerate() {
                let passed = self.ring[(here as usize + i).wrapping_sub(self.period) & mask];
                *y = passed;
                if let Some(looped) = &looped {
                    let (back, share) = (looped.back[at + i], self.share.now[0]);
                    let heard = L::select(share.ge(one), back, share.mul_add(back - passed, passed));
                    *y = L::select(L::and(looped.lanes, share.gt(zero)), heard, passed);
                }
                if self.share.moving() {
                    self.share.advance();
                }
            }
            at += n;
        }
    }

    fn clear(&mut self, lane: usize) {
        self.ring.iter_mut().for_each(|v| v.set(lane, 0.0));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.share.carry(lane, &from.share, from_lane);
        self.on = (self.on & !(1 << lane)) | ((from.on >> from_lane & 1) << lane);
        let (mask, from_mask) = (self.ring.len() - 1, from.ring.len() - 1);
        for age in 1..=self.ring.len().min(from.ring.len()) {
            let frame = (from.next as usize).wrapping_sub(age);
            self.ring[frame & mask].set(lane, from.ring[frame & from_mask].get(from_lane));
        }
        self.next = from.next;
    }

    fn join(&mut self, _lane: usize, outside: &Outside) {
        if let Some(cell) = outside.told.first() {
            cell.put(self.period as f32);
        }
    }

    /// What comes back may sound long after what was sent.
    fn rest(&self, lane: usize) -> bool {
        self.on & (1 << lane) == 0
    }

    fn tail(&self, _lane: usize) -> u64 {
        self.period as u64
    }
}
