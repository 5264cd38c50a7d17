//! The control side's half of the engine.

use super::QUEUE;
use super::message::{Command, Returned};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// What both sides see.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Commands sent, published after each send.
    pub sent: AtomicU64,
    /// Things given back, published after each.
    pub given: AtomicU64,
    /// Things collected by the control side.
    pub collected: AtomicU64,
    /// Number of the last batch that took effect.
    pub applied: AtomicU64,
    /// Frames done.
    pub frames: AtomicU64,
    /// Batches whose time had passed.
    pub late: AtomicU64,
    pub clock: ClockCell,
}

/// Frame and time of the last period's start, written by one thread, read whole by others.
#[derive(Debug, Default)]
pub(crate) struct ClockCell {
    turn: AtomicU32,
    frame: AtomicU64,
    nanos: AtomicU64,
}

impl ClockCell {
    pub fn put(&self, frame: u64, nanos: u64) {
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Release);
        std::sync::atomic::fence(Ordering::Release);
        self.frame.store(frame, Ordering::Relaxed);
        self.nanos.store(nanos, Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(2), Ordering::Release);
    }

    pub fn get(&self) -> (u64, u64) {
        loop {
            let before = self.turn.load(Ordering::Acquire);
            let seen = (self.frame.load(Ordering::Relaxed), self.nanos.load(Ordering::Relaxed));
            std::sync::atomic::fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.turn.load(Ordering::Relaxed) == before {
                return seen;
            }
            std::hint::spin_loop();
        }
    }
}

/// Sends commands, collects what comes back, and reads the engine's clock. Control side only.
pub struct Handle {
    send: crossbeam_channel::Sender<Command>,
    returned: crossbeam_channel::Receiver<Returned>,
    shared: Arc<Shared>,
    sent: u64,
    collected: u64,
    rate: f64,
}

impl Handle {
    pub(super) fn new(
        send: crossbeam_channel::Sender<Command>,
        returned: crossbeam_channel::Receiver<Returned>,
        shared: Arc<Shared>,
        rate: f64,
    ) -> Self {
        Handle { send, returned, shared, sent: 0, collected: 0, rate }
    }

    /// The engine's rate in Hz.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Sends a command; gives it back where the queue is full.
    pub fn send(&mut self, command: Command) -> Result<(), Command> {
        self.send.try_send(command).map_err(|e| e.into_inner())?;
        self.sent += 1;
        self.shared.sent.store(self.sent, Ordering::Release);
        Ok(())
    }

    /// Commands under way that the engine has not taken yet, at most [`QUEUE`].
    pub fn depth(&self) -> usize {
        self.send.len()
    }

    /// Room in the queue.
    pub fn room(&self) -> usize {
        QUEUE - self.send.len()
    }

    /// One thing that came back, to be read or dropped. Poll on a timer.
    pub fn collect(&mut self) -> Option<Returned> {
        if self.collected == self.shared.given.load(Ordering::Acquire) {
            return None;
        }
        let what = self.returned.try_recv().ok()?;
        self.collected += 1;
        self.shared.collected.store(self.collected, Ordering::Release);
        Some(what)
    }

    /// Number of the last batch that took effect.
    pub fn applied(&self) -> u64 {
        self.shared.applied.load(Ordering::Acquire)
    }

    /// Frames done so far.
    pub fn frames(&self) -> u64 {
        self.shared.frames.load(Ordering::Acquire)
    }

    /// Batches that came after their time.
    pub fn late(&self) -> u64 {
        self.shared.late.load(Ordering::Relaxed)
    }

    /// Frame and monotonic nanoseconds of the last period's start.
    pub fn clock(&self) -> (u64, u64) {
        self.shared.clock.get()
    }
}
