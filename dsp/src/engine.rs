//! The engine: the only entry point of the audio thread.
//!
//! [`engine`] makes both halves. The control side owns the [`Handle`]; the audio side owns the
//! [`Engine`] and calls [`Engine::process`] once a period. Between them is one bounded channel each
//! way (see [`message`]). Everything that changes sound arrives as a [`message::Batch`] whose changes
//! begin in one frame, or as a new network that is crossfaded in.

pub mod guard;
pub mod handle;
pub mod message;

use crate::block::BLOCK;
use crate::network::{Io, Runs};
use crate::ramp::{Curve, Gain, When};
use handle::Shared;
use message::{Adopt, Batch, Command, Fade, Returned};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use handle::Handle;

/// Commands and returned things that may be under way each way.
pub const QUEUE: usize = 1024;
/// Time-tagged batches that may wait.
pub const WAITING: usize = 4096;
/// Fades that may run at once.
pub const FADES: usize = 8192;
/// Commands taken a period at most; the rest waits for the next.
const BUDGET: u64 = 256;
/// Bytes a frame that are copied for a network that waits to take over: 130 kB a block, about 15 µs from cold memory.
const COPIED: usize = 2048;

/// Makes an engine for a rate in Hz. Outputs rise from silence over `start_ramp` seconds (0: none).
pub fn engine(rate: f64, start_ramp: f64) -> (Engine, Handle) {
    let (send, commands) = crossbeam_channel::bounded(QUEUE);
    let (give_back, returned) = crossbeam_channel::bounded(QUEUE);
    let shared = Arc::new(Shared::default());
    // Without a ramp the curve is still needed: a stop fades out along it.
    let ramp = Curve::lasting(rate, if start_ramp > 0.0 { start_ramp } else { 0.02 });
    let mut level = Gain::new(&ramp, if start_ramp > 0.0 { 0.0 } else { 1.0 });
    level.set(1.0, When::At(0));
    let engine = Engine {
        frame: 0,
        rate,
        rise: start_ramp,
        network: None,
        leaving: None,
        level,
        commands,
        taken: 0,
        give_back,
        given: 0,
        timed: Vec::with_capacity(WAITING),
        fades: Vec::with_capacity(FADES),
        held: None,
        joining: None,
        copied: COPIED,
        curve: Curve::new(rate),
        shared: shared.clone(),
    };
    (engine, Handle::new(send, returned, shared, rate))
}

/// A network that is being faded out.
struct Leaving {
    network: Box<dyn Runs>,
    adopt: Box<Adopt>,
    since: u64,
}

/// The audio side. See the module documentation.
pub struct Engine {
    frame: u64,
    /// Rate that the network was built for.
    rate: f64,
    /// Seconds of the ramp from silence.
    rise: f64,
    network: Option<Box<dyn Runs>>,
    leaving: Option<Leaving>,
    /// Level of all outputs: the ramp at start, the fade at stop.
    level: Gain,
    commands: crossbeam_channel::Receiver<Command>,
    taken: u64,
    give_back: crossbeam_channel::Sender<Returned>,
    given: u64,
    // Boxed as they came: moving them must not copy or free.
    #[allow(clippy::vec_box)]
    timed: Vec<Box<Batch>>,
    #[allow(clippy::vec_box)]
    fades: Vec<Box<Fade>>,
    held: Option<Box<Adopt>>,
    /// The frame up to which the held network was given time to copy; none before it has its settings.
    joining: Option<u64>,
    /// Bytes a frame for that, [`COPIED`] where periods must be met.
    copied: usize,
    curve: Arc<Curve>,
    shared: Arc<Shared>,
}

impl Engine {
    /// Frame that the next period starts with.
    pub fn frame(&self) -> u64 {
        self.frame
    }

    /// Frames that the ramp from silence takes.
    pub fn ramp_frames(&self) -> u64 {
        if self.rise > 0.0 { self.level.frames() } else { 0 }
    }

    /// For files: no period has an end to be met, so a new network takes over in the very frame that it is given.
    pub fn unhurried(&mut self) {
        self.copied = usize::MAX;
    }

    /// Starts anew from silence, on the ramp; called off the audio thread while nothing is processed.
    pub fn rearm(&mut self) {
        if self.rise > 0.0 {
            self.level.set(0.0, When::Jump);
            self.level.set(1.0, When::At(self.frame));
        }
    }

    /// One period of `frames` frames. Real-time safe; `nanos` is the monotonic time of its start. A
    /// network for another rate than `rate` stays silent until one for this rate arrives.
    pub fn process(&mut self, io: &mut dyn Io, frames: usize, nanos: u64, rate: f64) {
        let _flush = guard::FlushToZero::new();
        self.shared.clock.put(self.frame, nanos);
        self.take_commands();
        let mut at = 0;
        while at < frames {
            self.apply_due();
            let to_grid = BLOCK - (self.frame % BLOCK as u64) as usize;
            let mut n = to_grid.min(frames - at);
            if let Some(next) = self.timed.first().and_then(|b| b.at) {
                // `apply_due` left only batches of later frames.
                n = n.min(next.saturating_sub(self.frame).max(1) as usize);
            }
            if let Some(leaving) = &self.leaving {
                // A swap ends on its frame, and what waits for that begins on the same one in any period.
                n = n.min((leaving.since + self.curve.frames()).saturating_sub(self.frame).max(1) as usize);
            }
            self.run_fades(n);
            if rate == self.rate {
                self.block(io, at, n);
            }
            self.frame += n as u64;
            at += n;
            self.end_leaving();
            if self.held.is_some() && self.leaving.is_none() {
                self.take_commands();
            }
        }
        if let Some(network) = &mut self.network {
            network.publish();
        }
        self.end_fades();
        self.shared.frames.store(self.frame, Ordering::Release);
    }

    fn block(&mut self, io: &mut dyn Io, at: usize, n: usize) {
        let Some(network) = &mut self.network else { return };
        network.process(self.frame, at, n, io);
        let mut level = [1.0; BLOCK];
        let full = self.level.resting() == Some(1.0);
        if !full {
            self.level.run(self.frame, n, |i, g| level[i] = g);
        }
        let Some(leaving) = &mut self.leaving else {
            let (ids, blocks) = network.outputs();
            for (id, block) in ids.iter().zip(blocks) {
                if full {
                    io.output(*id, at, &block[..n]);
                } else {
                    let mut out = *block;
                    out.iter_mut().zip(&level).for_each(|(x, g)| *x *= g);
                    io.output(*id, at, &out[..n]);
                }
            }
            return;
        };
        leaving.network.process(self.frame, at, n, io);
        let since = self.frame - leaving.since;
        let (ids, blocks) = network.outputs();
        let (old_ids, old_blocks) = leaving.network.outputs();
        let share = |i: usize| self.curve.at(since + i as u64);
        for (id, block) in ids.iter().zip(blocks) {
            let old = old_ids.iter().position(|o| o == id).map(|o| &old_blocks[o]);
            let mut out = [0.0; BLOCK];
            for (i, x) in out.iter_mut().enumerate().take(n) {
                let was = old.map_or(0.0, |o| o[i]);
                *x = (was + (block[i] - was) * share(i)) * level[i];
            }
            io.output(*id, at, &out[..n]);
        }
        for (id, block) in old_ids.iter().zip(old_blocks).filter(|(id, _)| !ids.contains(id)) {
            let mut out = [0.0; BLOCK];
            for (i, x) in out.iter_mut().enumerate().take(n) {
                *x = block[i] * (1.0 - share(i)) * level[i];
            }
            io.output(*id, at, &out[..n]);
        }
    }

    /// Takes what the handle has published as sent: `try_recv` never meets a half-written slot.
    fn take_commands(&mut self) {
        let sent = self.shared.sent.load(Ordering::Acquire);
        for _ in 0..BUDGET {
            if let Some(adopt) = self.held.take()
                && !self.adopt(adopt)
            {
                return;
            }
            // Whatever is taken must be able to go back.
            if self.taken == sent || !self.room(2) {
                return;
            }
            let Ok(command) = self.commands.try_recv() else { return };
            self.taken += 1;
            match command {
                Command::Apply(batch) => self.accept(batch),
                Command::Adopt(adopt) => self.held = Some(adopt),
                Command::Level(gain) => self.level.set(gain, When::At(self.frame)),
            }
        }
    }

    fn room(&self, n: u64) -> bool {
        self.given - self.shared.collected.load(Ordering::Acquire) + n <= QUEUE as u64
    }

    /// Sends something back to be freed; callers made sure of the room.
    fn give(&mut self, what: Returned) {
        match self.give_back.try_send(what) {
            Ok(()) => {
                self.given += 1;
                self.shared.given.store(self.given, Ordering::Release);
            }
            // Cannot happen while the counts hold; leaking is the one real-time safe way out.
            Err(e) => std::mem::forget(e),
        }
    }

    /// Takes a new network over; false while the last one is still being faded out.
    fn adopt(&mut self, mut adopt: Box<Adopt>) -> bool {
        if self.leaving.is_some() || !self.room(3) {
            self.held = Some(adopt);
            return false;
        }
        if !self.is_ready(&mut adopt) {
            self.held = Some(adopt);
            return false;
        }
        let Some(mut network) = adopt.network.take() else { return true };
        // What waits names places of the old network; its sender sends it anew.
        for batch in &mut self.timed {
            batch.sets.clear();
            batch.fades.iter_mut().for_each(|f| f.cancelled = true);
        }
        if adopt.rate != self.rate {
            // Nothing of the old network can go on at another rate.
            self.rate = adopt.rate;
            std::mem::swap(&mut self.curve, &mut adopt.curve);
            adopt.network = self.network.replace(network);
            self.end_all_fades();
            self.level.set(0.0, When::Jump);
            self.level.set(1.0, When::At(self.frame));
            self.give(Returned::Adopt(adopt));
            return true;
        }
        if let Some(old) = self.network.take() {
            network.carry(&*old, &adopt.carry);
            for set in &adopt.after {
                network.set(set, When::At(self.frame));
            }
            // Fades name places of the old network; what goes on comes anew with a batch.
            self.end_all_fades();
            self.leaving = Some(Leaving { network: old, adopt, since: self.frame });
        } else {
            self.give(Returned::Adopt(adopt));
        }
        self.network = Some(network);
        true
    }

    /// Gives a new network its settings, then block by block what the old one remembers: megabytes in long delays and
    /// responses, which no period has time for at once.
    fn is_ready(&mut self, adopt: &mut Adopt) -> bool {
        let Some(network) = &mut adopt.network else { return true };
        let since = *self.joining.get_or_insert_with(|| {
            for set in &adopt.sets {
                network.set(set, When::Jump);
            }
            self.frame.wrapping_sub(BLOCK as u64)
        });
        if let Some(old) = &self.network
            && adopt.rate == self.rate
        {
            let frames = self.frame.wrapping_sub(since).min(BLOCK as u64) as usize;
            self.joining = Some(self.frame);
            // One share a block, however often it is asked.
            if frames == 0 || !network.ahead(&**old, &adopt.carry, frames.saturating_mul(self.copied)) {
                return false;
            }
        }
        self.joining = None;
        true
    }

    fn end_all_fades(&mut self) {
        for fade in &mut self.fades {
            fade.cancelled = true;
        }
    }

    fn end_leaving(&mut self) {
        let over = |l: &Leaving| self.frame - l.since >= self.curve.frames();
        if self.leaving.as_ref().is_some_and(over)
            && self.room(2)
            && let Some(Leaving { network, mut adopt, .. }) = self.leaving.take()
        {
            adopt.network = Some(network);
            self.give(Returned::Adopt(adopt));
        }
    }

    fn accept(&mut self, batch: Box<Batch>) {
        match batch.at {
            Some(frame) if frame > self.frame && self.timed.len() < WAITING => {
                let at = self.timed.partition_point(|b| b.at <= Some(frame));
                self.timed.insert(at, batch);
            }
            late => {
                if late.is_some_and(|f| f < self.frame) {
                    self.shared.late.fetch_add(1, Ordering::Relaxed);
                }
                self.apply(batch);
            }
        }
    }

    fn apply_due(&mut self) {
        while self.timed.first().is_some_and(|b| b.at <= Some(self.frame)) && self.room(2) {
            let batch = self.timed.remove(0);
            self.apply(batch);
        }
    }

    fn apply(&mut self, mut batch: Box<Batch>) {
        if let Some(network) = &mut self.network {
            for set in &batch.sets {
                network.set(set, When::At(self.frame));
            }
        }
        for fade in &mut self.fades {
            fade.cancelled |= batch.cancel.binary_search(&fade.id).is_ok();
        }
        while let Some(mut fade) = batch.fades.pop() {
            if self.fades.len() == FADES {
                fade.jump(|set| {
                    if let Some(network) = &mut self.network {
                        network.set(set, When::At(self.frame));
                    }
                });
                batch.fades.insert(0, fade);
                break;
            }
            fade.start = self.frame;
            self.fades.push(fade);
        }
        self.shared.applied.store(batch.seq, Ordering::Release);
        self.give(Returned::Batch(batch));
    }

    /// Sets the targets of fades whose steps fall into this block.
    fn run_fades(&mut self, n: usize) {
        let Some(network) = &mut self.network else { return };
        let end = self.frame + n as u64;
        for fade in self.fades.iter_mut().filter(|f| !f.cancelled) {
            fade.steps(self.curve.quarter(), end, |set, at| network.set(set, When::At(at)));
        }
    }

    fn end_fades(&mut self) {
        let mut at = 0;
        while at < self.fades.len() {
            if (self.fades[at].cancelled || self.fades[at].done()) && self.room(2) {
                let fade = self.fades.swap_remove(at);
                self.give(Returned::Fade(fade));
            } else {
                at += 1;
            }
        }
    }
}
