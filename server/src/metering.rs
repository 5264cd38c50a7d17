//! Live loudness and meters. The audio thread copies the output of each strip that is analysed into a bounded ring
//! ([`tap`]); one thread takes the samples out every 20 ms and measures them ([`analyser`]); the readings stand in
//! cells ([`readings`]) that the hub reads like meters.
//!
//! Windows follow the samples, not the clock: a paused or a free-wheeling backend reads the same.

pub mod analyser;
pub mod bands;
pub mod readings;
pub mod tap;
mod windows;

use analyser::Analyser;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use headroom_dsp::graph::GraphSpec;
use readings::Readings;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tap::{Tap, TapSet, Taps, UNDER_WAY};

/// Time between two looks at the rings.
const EVERY: Duration = Duration::from_millis(20);
/// Seconds of samples that may wait.
const PATIENCE_S: f64 = 4.0;

/// The samples of one strip on their way.
struct Feed {
    readings: Arc<Readings>,
    rate: u32,
    sides: usize,
    samples: rtrb::Consumer<f32>,
}

/// A strip that is analysed.
struct Known {
    id: String,
    /// Its first side's tap.
    first: usize,
    sides: usize,
    rate: u32,
    readings: Arc<Readings>,
}

/// The control side: which strips are analysed, and what they read.
pub struct Metering {
    known: Vec<Known>,
    /// By strip of the console.
    readings: Vec<Option<Arc<Readings>>>,
    next: usize,
    coming: rtrb::Producer<Box<TapSet>>,
    gone: rtrb::Consumer<Box<TapSet>>,
    waiting: Option<Box<TapSet>>,
    feeds: Sender<Vec<Feed>>,
    lost: Arc<AtomicU64>,
    told: u64,
}

impl Metering {
    /// Metering and its half on the audio thread; the samples are measured by the [`Analysis`].
    pub fn new() -> (Metering, Taps, Analysis) {
        let (coming, next) = rtrb::RingBuffer::new(UNDER_WAY);
        let (old, gone) = rtrb::RingBuffer::new(UNDER_WAY);
        let (feeds, taken) = crossbeam_channel::unbounded();
        let metering = Metering {
            known: Vec::new(),
            readings: Vec::new(),
            next: 0,
            coming,
            gone,
            waiting: None,
            feeds,
            lost: Arc::default(),
            told: 0,
        };
        let taps = Taps { now: Box::default(), coming: next, gone: old };
        (metering, taps, Analysis { feeds: taken, strips: Vec::new() })
    }

    /// Metering whose samples are measured by a thread of its own, which ends with it.
    pub fn start() -> (Metering, Taps) {
        let (metering, taps, mut analysis) = Metering::new();
        let thread = std::thread::Builder::new().name("analysis".into()).spawn(move || analysis.run());
        if let Err(error) = thread {
            tracing::error!(%error, "loudness is not measured");
        }
        (metering, taps)
    }

    /// Follows a console: strips that were analysed before keep their readings, by id. Gives the ids of the taps, to
    /// be appended to those of the outputs.
    pub fn arrange(&mut self, spec: &GraphSpec, rate: f64) -> Vec<usize> {
        let rate = rate.round() as u32;
        let mut known: Vec<Known> = Vec::new();
        let mut changed = false;
        for strip in spec.strips.iter().filter(|s| s.is_analysed()) {
            let sides = strip.channels();
            let before = self.known.iter().find(|k| k.id == strip.id);
            let same = before.filter(|k| k.sides == sides && k.rate == rate);
            changed |= same.is_none();
            let first = same.map_or(self.next, |k| k.first);
            if same.is_none() {
                self.next += sides;
            }
            let readings = before.map_or_else(Arc::default, |k| k.readings.clone());
            known.push(Known { id: strip.id.clone(), first, sides, rate, readings });
        }
        let of = |id: &str| known.iter().find(|k| k.id == id).map(|k| k.readings.clone());
        self.readings = spec.strips.iter().map(|s| if s.is_analysed() { of(&s.id) } else { None }).collect();
        changed |= known.len() != self.known.len();
        self.known = known;
        if changed {
            self.connect();
        }
        self.known.iter().flat_map(|k| (0..k.sides).map(|side| tap::FIRST + k.first + side)).collect()
    }

    /// New rings for all: the old ones are read to their end first, so no sample is missed.
    fn connect(&mut self) {
        let mut taps = TapSet::new();
        let mut feeds = Vec::new();
        for Known { first, sides, rate, readings, .. } in &self.known {
            let room = (f64::from(*rate) * PATIENCE_S) as usize * sides;
            let (producer, samples) = rtrb::RingBuffer::new(room);
            taps.push(Tap::new(*first, *sides, producer, self.lost.clone()));
            feeds.push(Feed { readings: readings.clone(), rate: *rate, sides: *sides, samples });
        }
        taps.sort_by_key(|tap| tap.first);
        // Without an analysis there is nobody to tell.
        let _ = self.feeds.send(feeds);
        self.waiting = Some(Box::new(taps));
        self.tick();
    }

    /// Sends what waits and frees what came back.
    pub fn tick(&mut self) {
        while self.gone.pop().is_ok() {}
        if let Some(taps) = self.waiting.take()
            && let Err(rtrb::PushError::Full(taps)) = self.coming.push(taps)
        {
            self.waiting = Some(taps);
        }
        let lost = self.lost();
        // Told once, and again when it has doubled.
        if lost > 2 * self.told {
            tracing::warn!(frames = lost, "the analysis is too slow: so many frames are in no reading of loudness and levels");
            self.told = lost;
        }
    }

    /// Readings by strip; `None` where a strip is not analysed.
    pub fn readings(&self) -> &[Option<Arc<Readings>>] {
        &self.readings
    }

    /// Frames that were not measured because a ring was full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Starts what counts from a reset anew.
    pub fn reset(&self, strip: usize) {
        if let Some(Some(readings)) = self.readings.get(strip) {
            readings.reset();
        }
    }
}

/// One strip's samples, the oldest ring first, and what measures them.
struct Strip {
    readings: Arc<Readings>,
    rings: VecDeque<Feed>,
    analyser: Analyser,
    reset: u32,
}

impl Strip {
    /// Measures what has come; whether much more may be there.
    fn poll(&mut self) -> bool {
        let asked = self.readings.asked();
        let mut taken = 0;
        let mut busy = false;
        while let Some(feed) = self.rings.front_mut() {
            // In this order: what was pushed before the other half went is seen.
            let ended = feed.samples.is_abandoned();
            let count = feed.samples.slots();
            if count > 0 {
                self.analyser.change(feed.rate, feed.sides);
                busy |= count > feed.samples.buffer().capacity() / 8;
            }
            if let Ok(chunk) = feed.samples.read_chunk(count) {
                let (first, second) = chunk.as_slices();
                self.analyser.add(first);
                self.analyser.add(second);
                chunk.commit_all();
            }
            taken += count;
            if !ended || self.rings.len() == 1 {
                break;
            }
            self.rings.pop_front();
        }
        let reset = asked != self.reset;
        if reset {
            self.analyser.reset();
            self.reset = asked;
        }
        if taken > 0 || reset {
            self.analyser.publish(&self.readings);
            self.readings.done(asked);
        }
        busy
    }
}

/// Measures what the taps deliver.
pub struct Analysis {
    feeds: Receiver<Vec<Feed>>,
    strips: Vec<Strip>,
}

impl Analysis {
    /// Measures until the [`Metering`] is gone.
    fn run(&mut self) {
        let mut busy = false;
        loop {
            match self.feeds.recv_timeout(if busy { Duration::ZERO } else { EVERY }) {
                Ok(feeds) => self.follow(feeds),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            busy = self.strips.iter_mut().fold(false, |busy, strip| strip.poll() | busy);
        }
    }

    /// One look at everything that has come.
    pub fn poll(&mut self) {
        while let Ok(feeds) = self.feeds.try_recv() {
            self.follow(feeds);
        }
        self.strips.iter_mut().for_each(|strip| while strip.poll() {});
    }

    fn follow(&mut self, feeds: Vec<Feed>) {
        let mut before = std::mem::take(&mut self.strips);
        for feed in feeds {
            let known = before.iter().position(|s| Arc::ptr_eq(&s.readings, &feed.readings));
            let mut strip = known.map(|at| before.swap_remove(at)).unwrap_or_else(|| Strip {
                readings: feed.readings.clone(),
                rings: VecDeque::new(),
                analyser: Analyser::new(feed.rate, feed.sides),
                reset: 0,
            });
            strip.rings.push_back(feed);
            self.strips.push(strip);
        }
    }
}

#[cfg(test)]
mod tests;
