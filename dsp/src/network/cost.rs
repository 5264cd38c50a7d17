//! What each bank costs, measured on the audio thread: one block of many, by the processor's counter.

use crate::graph::schedule::{Schedule, Step};
use crate::graph::seats::{BankPlan, BankRef};
use crate::kernel::ticks;
use crate::meter::{Cost, Meters};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// One block of so many is measured: readings take some nanoseconds a step, so less than a thousandth of the time. No
/// power of two: what happens every so many blocks is not always met, or never.
const EVERY: u32 = 61;

/// A stopwatch over the steps of a schedule.
pub(super) struct Stopwatch {
    /// Place of each step's bank.
    of: Box<[usize]>,
    spent: Box<[u64]>,
    meters: Arc<Meters>,
    turn: u32,
    running: bool,
    then: u64,
}

impl Stopwatch {
    /// A step counts for the bank that it works on; a mix for the bank that it goes to.
    pub(super) fn new(schedule: &Schedule, banks: &[BankPlan], meters: Arc<Meters>) -> Self {
        let place = |bank: BankRef| banks.iter().position(|b| b.bank == bank).unwrap_or(0);
        let of = |step: &Step| match *step {
            Step::Read(r) => place(schedule.reads[r].bank),
            Step::Enter(bank) | Step::Run(bank) => place(bank),
            Step::Key(k) | Step::Keep(k) => place(schedule.keys[k].bank),
            Step::Back(l) | Step::Send(l) => place(schedule.loops[l].bank),
            Step::Mix(m) => place(BankRef::Wide(schedule.mixes[m].to)),
            Step::Write(seat) | Step::Tap(seat) => place(seat.bank),
        };
        let of = schedule.steps.iter().map(of).collect();
        Stopwatch { of, spent: vec![0; banks.len()].into(), meters, turn: 0, running: false, then: 0 }
    }

    /// A block begins.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.turn += 1;
        self.running = self.turn == EVERY;
        if self.running {
            self.turn = 0;
            self.spent.fill(0);
            self.then = ticks::now();
        }
    }

    /// A step was done.
    #[inline]
    pub(super) fn step(&mut self, step: usize) {
        if self.running {
            let now = ticks::now();
            if let Some(spent) = self.of.get(step).and_then(|&bank| self.spent.get_mut(bank)) {
                *spent += now.saturating_sub(self.then);
            }
            self.then = now;
        }
    }

    /// The block of `n` frames is done.
    #[inline]
    pub(super) fn end(&mut self, n: usize) {
        if self.running {
            for (cost, &spent) in self.meters.costs.iter().zip(&self.spent) {
                cost.add(spent, n as u64);
            }
        }
    }
}

impl Cost {
    fn add(&self, ticks: u64, frames: u64) {
        self.ticks.fetch_add(ticks, Relaxed);
        self.frames.fetch_add(frames, Relaxed);
        // A short block in front of a change pays what a whole one pays for its steps.
        if frames == crate::block::BLOCK as u64 && ticks > self.most.load(Relaxed) {
            self.most.store(ticks, Relaxed);
        }
    }
}
