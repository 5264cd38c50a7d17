//! The engine run on buffers, for files: a desk, its cues, and the ports of one chunk.

use super::Fail;
use crate::cues::{self, Cue};
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::message::{Batch, Command};
use headroom_dsp::engine::{Engine, Handle, engine};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::lanes::Path as LanePath;
use headroom_dsp::meter::Meters;
use headroom_dsp::network::Io;
use headroom_dsp::tree::Tree;
use std::sync::Arc;

/// Frames that files are read and written by; the engine's period may be shorter.
pub const CHUNK: usize = 2048;

/// Buffers of one chunk as the engine's ports.
pub struct Ports {
    /// One a port.
    pub inputs: Vec<Vec<f32>>,
    /// Likewise.
    pub outputs: Vec<Vec<f64>>,
    at: usize,
    frames: usize,
}

impl Io for Ports {
    fn input(&self, port: usize) -> &[f32] {
        self.inputs.get(port).and_then(|p| p.get(self.at..self.at + self.frames)).unwrap_or_default()
    }
    fn output(&mut self, port: usize, at: usize, block: &[f64]) {
        let from = self.at + at;
        self.outputs[port][from..from + block.len()].copy_from_slice(block);
    }
}

/// A desk with what a rig states, for another spec made from the rig's.
pub fn desk_of(rig: &crate::rig::Rig, mut spec: GraphSpec, rate: f64) -> Result<Desk, Fail> {
    spec.library = spec.library.offline();
    let tree = Tree::new(&spec);
    let mut values = tree.defaults();
    for stated in &rig.values {
        if let Some(id) = tree.find(stated.owner, &stated.path) {
            values[id.0 as usize] = tree.entry(id).decl.clamp(&stated.value);
        }
    }
    Desk::with(spec, tree, values, rate, LanePath::best()).map_err(|e| Fail::input(e.to_string()))
}

/// A cue gave an output another latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// When.
    pub frame: u64,
    /// The strip.
    pub strip: usize,
    /// Frames before.
    pub from: usize,
    /// Frames after.
    pub to: usize,
}

/// A desk and its engine, run chunk by chunk with cues at their frames.
pub struct Job {
    /// What it plays.
    pub desk: Desk,
    player: cues::Player,
    cues: std::vec::IntoIter<(u64, Vec<Cue>)>,
    next: Option<(u64, Vec<Cue>)>,
    engine: Engine,
    handle: Handle,
    /// Its ports: inputs are filled before [`Job::chunk`], outputs are there after it.
    pub io: Ports,
    /// Outputs whose latency cues have changed so far.
    pub shifts: Vec<Shift>,
    meters: Arc<Meters>,
    rate: f64,
    period: usize,
    seq: u64,
}

impl Job {
    /// A desk and its cues by frame, in periods of `period` frames.
    pub fn new(mut desk: Desk, player: cues::Player, groups: Vec<(u64, Vec<Cue>)>, rate: f64, period: usize) -> Job {
        let (mut engine, mut handle) = engine(rate, 0.0);
        engine.unhurried();
        let (n, m) = (desk.plan().ports.inputs.len(), desk.plan().ports.outputs.len());
        let (adopt, meters) = desk.adopt(None, (0..n).collect(), (0..m).collect());
        // The queue is empty.
        let _ = handle.send(Command::Adopt(adopt));
        let mut inputs = vec![vec![0.0; CHUNK]; n];
        for &(strip, _, _, back) in &desk.plan().ports.loops {
            // Nothing comes back from outside: an insert is a cable.
            inputs[back..back + desk.spec().strips[strip].channels()].fill(Vec::new());
        }
        let io = Ports { inputs, outputs: vec![vec![0.0; CHUNK]; m], at: 0, frames: 0 };
        let mut cues = groups.into_iter();
        let next = cues.next();
        Job { desk, player, cues, next, engine, handle, io, shifts: Vec::new(), meters, rate, period, seq: 0 }
    }

    /// Runs a chunk of at most [`CHUNK`] frames.
    ///
    /// # Errors
    /// A cue that cannot be played.
    pub fn chunk(&mut self, n: usize) -> Result<(), String> {
        let start = self.engine.frame();
        let mut at = 0;
        while at < n {
            let frame = start + at as u64;
            while self.next.as_ref().is_some_and(|(f, _)| *f <= frame) {
                if let Some((_, group)) = self.next.take() {
                    for cue in &group {
                        self.player.play(cue, &mut self.desk, frame)?;
                    }
                }
                self.next = self.cues.next();
            }
            self.send(frame)?;
            let until = self.next.as_ref().map_or(n, |(f, _)| ((f - start) as usize).min(n));
            let frames = self.period.min(until - at);
            (self.io.at, self.io.frames) = (at, frames);
            self.engine.process(&mut self.io, frames, 0, self.rate);
            while self.handle.collect().is_some() {}
            at += frames;
        }
        Ok(())
    }

    /// By how many dB, at most, the last of a strip's metered processors has reduced the level so far.
    pub fn most_reduction(&self, strip: usize) -> f64 {
        let last = self.meters.strips.get(strip).and_then(|meters| meters.reduction.last());
        last.map_or(0.0, |peak| f64::from(peak.take()))
    }

    fn send(&mut self, frame: u64) -> Result<(), String> {
        if self.desk.needs_swap() {
            let late =
                |desk: &Desk| -> Vec<usize> { (0..desk.spec().strips.len()).map(|s| desk.plan().latencies.output(s)).collect() };
            let was = late(&self.desk);
            let before = self.desk.replan_structure().map_err(|e| e.to_string())?;
            for (strip, (from, to)) in was.into_iter().zip(late(&self.desk)).enumerate() {
                if from != to && self.desk.spec().strips[strip].output.is_some() {
                    self.shifts.push(Shift { frame, strip, from, to });
                }
            }
            let (n, m) = (self.desk.plan().ports.inputs.len(), self.desk.plan().ports.outputs.len());
            let (adopt, meters) = self.desk.adopt_at(frame, Some(&before), (0..n).collect(), (0..m).collect());
            self.meters = meters;
            let _ = self.handle.send(Command::Adopt(adopt));
        }
        // Fades that a new network ended go on in the same frame.
        if self.desk.is_dirty() {
            self.seq += 1;
            let mut batch = Box::new(Batch { seq: self.seq, ..Batch::default() });
            self.desk.flush(frame, &mut batch);
            let _ = self.handle.send(Command::Apply(batch));
        }
        Ok(())
    }
}
