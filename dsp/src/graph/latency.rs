//! Pass 2, latency: how late each strip's signal is, and what each edge must wait so that paths that
//! meet in a sum are aligned.

use super::{Edge, EdgeTap, GraphSpec};
use crate::proc::{Params, Place};

/// Frames, by strip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Of the sum at the input.
    pub input: Vec<usize>,
    /// Of the latest path into the strip that is there for solo: these meet with each other only.
    pub solo: Vec<usize>,
    /// Of the strip's chain.
    pub chain: Vec<usize>,
    /// Of what stands last.
    pub last: Vec<usize>,
    /// Of each processor of each strip.
    pub procs: Vec<Vec<usize>>,
}

impl Latencies {
    /// Of the strip's own processing.
    pub fn own(&self, strip: usize) -> usize {
        self.chain[strip] + self.last[strip]
    }

    /// From the inputs to the strip's output.
    pub fn output(&self, strip: usize) -> usize {
        self.input[strip] + self.own(strip)
    }

    /// From the inputs to where an edge takes its signal.
    pub fn at(&self, strip: usize, tap: EdgeTap) -> usize {
        match tap {
            EdgeTap::Input => self.input[strip],
            EdgeTap::Chain => self.input[strip] + self.chain[strip],
            EdgeTap::Out => self.output(strip),
        }
    }

    /// Frames by which an edge is delayed.
    pub fn wait(&self, edge: &Edge, tap: EdgeTap) -> usize {
        let meet = if edge.solo { self.solo[edge.to] } else { self.input[edge.to] };
        meet.saturating_sub(self.at(edge.from, tap))
    }
}

/// Latencies of all strips; `params(strip, processor)` gives a processor's parameters.
pub fn latencies<'a>(
    spec: &GraphSpec,
    edges: &[Edge],
    depth: &[usize],
    rate: f64,
    params: impl Fn(usize, usize) -> Params<'a>,
) -> Latencies {
    let n = spec.strips.len();
    let mut l =
        Latencies { input: vec![0; n], solo: vec![0; n], chain: vec![0; n], last: vec![0; n], procs: vec![Vec::new(); n] };
    for (s, strip) in spec.strips.iter().enumerate() {
        for (p, proc) in strip.chain.iter().enumerate() {
            let frames = (proc.kind.decl().latency)(&params(s, p), rate);
            l.procs[s].push(frames);
            match proc.kind.decl().place {
                Place::Chain => l.chain[s] += frames,
                Place::Last(_) => l.last[s] += frames,
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&s| depth[s]);
    let mut arriving = vec![Vec::new(); n];
    for edge in edges {
        arriving[edge.to].push(edge);
    }
    for s in order {
        let late = arriving[s].iter().filter(|e| !e.solo).map(|e| l.at(e.from, e.tap)).max();
        l.input[s] = late.unwrap_or(0);
        let solo = arriving[s].iter().filter(|e| e.solo);
        l.solo[s] = solo.flat_map(|e| e.taps().iter().map(|tap| l.at(e.from, *tap))).max().unwrap_or(0);
    }
    l
}
