//! A console on the bench: a spec, a desk, an engine, and planar samples in and out.
#![allow(dead_code)]

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::message::{Batch, Command};
use headroom_dsp::engine::{Engine, Handle, engine};
use headroom_dsp::graph::{GraphSpec, StripKind, StripSpec, chain_of};
use headroom_dsp::lanes::Path;
use headroom_dsp::meter::Meters;
use headroom_dsp::network::Io;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use std::sync::Arc;

/// Aborts a test whose audio side allocates or frees.
#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

/// A strip with its kind's default chain (what is built of it).
pub fn strip(kind: StripKind, number: usize, id: &str, stereo: bool) -> StripSpec {
    let bands = kind.bands();
    let (chain, _) = chain_of(kind.default_chain(), kind, bands);
    let out = !matches!(kind, StripKind::Channel | StripKind::Group | StripKind::Fx);
    StripSpec {
        kind,
        number,
        id: id.into(),
        name: id.into(),
        stereo,
        input: Vec::new(),
        output: out.then(Vec::new),
        chain,
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: false,
    }
}

/// The same with another chain.
pub fn with_chain(mut s: StripSpec, chain: &[&str]) -> StripSpec {
    s.chain = chain_of(chain, s.kind, s.kind.bands()).0;
    s
}

/// `n` mono channels into a stereo main without a chain.
pub fn simple(n: usize) -> GraphSpec {
    let mut strips: Vec<StripSpec> = (0..n).map(|i| strip(StripKind::Channel, i + 1, &format!("c{}", i + 1), false)).collect();
    strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &[]));
    wire(strips)
}

/// Channels, groups and fx buses to main; every channel sends to every bus.
pub fn wire(mut strips: Vec<StripSpec>) -> GraphSpec {
    let main = strips.iter().position(|s| s.kind == StripKind::Main);
    let buses: Vec<usize> = (0..strips.len()).filter(|&i| strips[i].kind.is_bus()).collect();
    for s in &mut strips {
        if matches!(s.kind, StripKind::Channel | StripKind::Group | StripKind::Fx) {
            s.to = main;
        }
        if s.kind == StripKind::Channel {
            s.sends = buses.clone();
        }
    }
    GraphSpec { name: "test".into(), strips, ..GraphSpec::default() }
}

/// Planar buffers as ports.
pub struct Planar {
    pub inputs: Vec<Vec<f32>>,
    pub outputs: Vec<Vec<f64>>,
    pub at: usize,
    pub frames: usize,
}

impl Io for Planar {
    fn input(&self, port: usize) -> &[f32] {
        self.inputs.get(port).and_then(|p| p.get(self.at..self.at + self.frames)).unwrap_or(&[])
    }
    fn output(&mut self, port: usize, at: usize, block: &[f64]) {
        let from = self.at + at;
        self.outputs[port][from..from + block.len()].copy_from_slice(block);
    }
}

/// A console that runs offline.
pub struct Console {
    pub desk: Desk,
    pub engine: Engine,
    pub handle: Handle,
    pub io: Planar,
    pub meters: Arc<Meters>,
    pub seq: u64,
}

impl Console {
    pub fn new(spec: GraphSpec, rate: f64, inputs: Vec<Vec<f32>>) -> Console {
        Self::on(spec, rate, inputs, Path::best(), |_| {})
    }

    pub fn on(spec: GraphSpec, rate: f64, inputs: Vec<Vec<f32>>, path: Path, setup: impl FnOnce(&mut Desk)) -> Console {
        let mut desk = Desk::new(spec, rate, path).expect("the spec compiles");
        setup(&mut desk);
        let (engine, mut handle) = engine(rate, 0.0);
        if desk.needs_swap() {
            desk.replan_structure().expect("the spec compiles");
        }
        let ports = desk.plan().ports.clone();
        let (adopt, meters) = desk.adopt(None, (0..ports.inputs.len()).collect(), (0..ports.outputs.len()).collect());
        assert!(handle.send(Command::Adopt(adopt)).is_ok());
        let frames = inputs.iter().map(Vec::len).max().unwrap_or(0);
        let io = Planar { inputs, outputs: vec![vec![0.0; frames]; ports.outputs.len() + 8], at: 0, frames: 0 };
        Console { desk, engine, handle, io, meters, seq: 0 }
    }

    pub fn id(&self, strip: &str, path: &str) -> ParamId {
        let s = self.desk.spec().by_id(strip).expect("a strip");
        self.desk.tree().find(Owner::Strip(s), path).unwrap_or_else(|| panic!("{strip}/{path}"))
    }

    pub fn set(&mut self, strip: &str, path: &str, value: f64) {
        let id = self.id(strip, path);
        self.desk.set(id, &Value::Float(value), &mut Vec::new());
    }

    /// Sends what was set, for frame `at` (none: the next period).
    pub fn flush(&mut self, at: Option<u64>) {
        self.seq += 1;
        let mut batch = Box::new(Batch { seq: self.seq, at, ..Batch::default() });
        let now = at.unwrap_or(self.engine.frame());
        self.desk.flush(now, &mut batch);
        assert!(self.handle.send(Command::Apply(batch)).is_ok());
    }

    /// Runs frames in periods.
    pub fn run(&mut self, frames: usize, period: usize) {
        let end = (self.io.at + frames).min(self.io.outputs[0].len());
        while self.io.at < end {
            let n = period.min(end - self.io.at);
            self.io.frames = n;
            let rate = self.handle.rate();
            assert_no_alloc(|| self.engine.process(&mut self.io, n, 0, rate));
            self.io.at += n;
            while self.handle.collect().is_some() {}
        }
    }
}

/// A sine.
pub fn sine(hz: f64, amplitude: f64, rate: f64, frames: usize) -> Vec<f32> {
    (0..frames).map(|i| (amplitude * (std::f64::consts::TAU * hz * i as f64 / rate).sin()) as f32).collect()
}

/// Deterministic noise, −1 … 1.
pub fn noise(seed: u64, frames: usize) -> Vec<f32> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..frames)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}
