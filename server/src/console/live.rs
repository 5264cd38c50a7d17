//! The engine as the backend calls it, and the taps that record its outputs.

use crate::backend::{Callback, Clock, Io};
use crate::metering::tap::{self, Taps};
use headroom_dsp::engine::Engine;
use headroom_dsp::network;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One recorded output.
pub struct Tap {
    /// Index among the desk's output ports.
    pub port: usize,
    /// Takes the samples.
    pub samples: rtrb::Producer<f32>,
    /// First frame to record.
    pub from: u64,
    /// Samples that did not fit and have not been made up for by zeros.
    pub owed: usize,
    /// Samples that did not fit, ever.
    pub lost: Arc<AtomicU64>,
}

/// Zeros made up for at most, for each sample that is taken: the audio thread's share of the work stays small.
const MAKE_UP: usize = 4;

impl Tap {
    /// Takes a block. Where the disk is behind it is replaced by zeros, so that all sides of a file stay aligned.
    fn take(&mut self, block: &[f64]) {
        let room = self.samples.slots();
        let zeros = self.owed.min(room).min(MAKE_UP * block.len());
        for _ in 0..zeros {
            let _ = self.samples.push(0.0);
        }
        self.owed -= zeros;
        if self.owed > 0 || room - zeros < block.len() {
            self.owed += block.len();
            self.lost.fetch_add(block.len() as u64, Ordering::Relaxed);
            return;
        }
        for x in block {
            let _ = self.samples.push(*x as f32);
        }
    }
}

/// The engine behind a backend's callback.
pub struct Live {
    engine: Engine,
    /// Port id of the first output at start; taps count from there.
    first: usize,
    taps: Vec<Tap>,
    /// What the analysis listens to.
    analysed: Taps,
}

impl Live {
    /// `first` is the port id of output 0.
    pub fn new(engine: Engine, first: usize, taps: Vec<Tap>, analysed: Taps) -> Self {
        Live { engine, first, taps, analysed }
    }
}

struct Ports<'a> {
    io: &'a mut dyn Io,
    taps: &'a mut [Tap],
    analysed: &'a mut Taps,
    first: usize,
    frame: u64,
}

impl network::Io for Ports<'_> {
    fn input(&self, port: usize) -> &[f32] {
        self.io.input(port)
    }

    fn output(&mut self, port: usize, at: usize, block: &[f64]) {
        if port >= tap::FIRST {
            return self.analysed.output(port, block);
        }
        let out = self.io.output(port);
        for (to, x) in out.iter_mut().skip(at).zip(block) {
            *to = *x as f32;
        }
        for tap in self.taps.iter_mut().filter(|t| t.port + self.first == port) {
            let here = self.frame + at as u64;
            let skip = tap.from.saturating_sub(here).min(block.len() as u64) as usize;
            tap.take(&block[skip..]);
        }
    }
}

impl Callback for Live {
    fn resume(&mut self, _rate: u32, _period: usize) {
        if self.engine.frame() > 0 {
            self.engine.rearm();
        }
    }

    fn process(&mut self, io: &mut dyn Io, frames: usize, clock: Clock) {
        let frame = self.engine.frame();
        self.analysed.change();
        let mut ports = Ports { io, taps: &mut self.taps, analysed: &mut self.analysed, first: self.first, frame };
        self.engine.process(&mut ports, frames, clock.nanos, f64::from(clock.rate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_becomes_silence_of_the_same_length() {
        let (samples, mut side) = rtrb::RingBuffer::new(100);
        let mut tap = Tap { port: 0, samples, from: 0, owed: 0, lost: Arc::default() };
        let mut heard = Vec::new();
        for n in 1..=40 {
            tap.take(&[f64::from(n); 30]);
            if n % 7 == 0 || n > 30 {
                heard.extend(std::iter::from_fn(|| side.pop().ok()));
            }
        }
        for (at, x) in heard.iter().enumerate() {
            assert!(*x == 0.0 || *x == (at / 30 + 1) as f32, "sample {at} is {x}");
        }
        assert!(heard.len() == 1200 && heard[1199] == 40.0 && tap.lost.load(Ordering::Relaxed) > 0);
    }
}
