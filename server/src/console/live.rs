//! The engine as the backend calls it, and the taps that record its outputs.

use crate::backend::{Callback, Clock, Io};
use headroom_dsp::engine::Engine;
use headroom_dsp::network;

/// One recorded output.
pub struct Tap {
    /// Index among the desk's output ports.
    pub port: usize,
    /// Takes the samples; what does not fit is lost and counted by the reader's gap.
    pub samples: rtrb::Producer<f32>,
    /// First frame to record.
    pub from: u64,
}

/// The engine behind a backend's callback.
pub struct Live {
    engine: Engine,
    /// Port id of the first output at start; taps count from there.
    first: usize,
    taps: Vec<Tap>,
}

impl Live {
    /// `first` is the port id of output 0.
    pub fn new(engine: Engine, first: usize, taps: Vec<Tap>) -> Self {
        Live { engine, first, taps }
    }
}

struct Ports<'a> {
    io: &'a mut dyn Io,
    taps: &'a mut [Tap],
    first: usize,
    frame: u64,
}

impl network::Io for Ports<'_> {
    fn input(&self, port: usize) -> &[f32] {
        self.io.input(port)
    }

    fn output(&mut self, port: usize, at: usize, block: &[f64]) {
        let out = self.io.output(port);
        for (to, x) in out.iter_mut().skip(at).zip(block) {
            *to = *x as f32;
        }
        for tap in self.taps.iter_mut().filter(|t| t.port + self.first == port) {
            let here = self.frame + at as u64;
            let skip = tap.from.saturating_sub(here).min(block.len() as u64) as usize;
            for x in &block[skip..] {
                // A full ring means the disk is behind: nothing to be done about it here.
                let _ = tap.samples.push(*x as f32);
            }
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
        let mut ports = Ports { io, taps: &mut self.taps, first: self.first, frame };
        self.engine.process(&mut ports, frames, clock.nanos, f64::from(clock.rate));
    }
}
