//! What each processor of the table costs alone: defaults, on, under noise. ns per sample and strip.
//!
//! *bus*: one stereo strip in `f64`, as buses have it; *bank*: as many mono channels as a vector has lanes.

use headroom_dsp::block::BLOCK;
use headroom_dsp::lanes::Lanes;
use headroom_dsp::param::Value;
use headroom_dsp::proc::{self, Build, Count, Ctx, PROCESSORS, Params, Part, PartValues, ProcKind};
use headroom_dsp::ramp::{Curve, When};
use std::time::Instant;

const RATE: f64 = 48000.0;
const FRAMES: usize = 48_000;
/// The fastest of this many runs counts.
const RUNS: usize = 5;

/// One set of values for each time a part stands; defaults, but on.
fn values(part: &Part) -> Vec<Vec<Value>> {
    let count = match part.count {
        Count::Once => 1,
        Count::Numbered(n) => n,
        Count::Bands => 4,
    };
    let default = |n: usize, path: &str| part.defaults.iter().find(|(p, _)| *p == path).and_then(|(_, x)| x.get(n)).copied();
    let of = |n: usize| {
        let value = |d: &headroom_dsp::param::Decl| match default(n, d.path) {
            _ if d.path == "on" => d.clamp(&Value::Float(1.0)),
            Some(x) => d.clamp(&Value::Float(x)),
            None => d.default(),
        };
        part.decls.iter().map(value).collect()
    };
    (0..count).map(of).collect()
}

/// `used` lanes of one processor; `stereo` makes pairs of them.
fn time<L: Lanes>(kind: ProcKind, used: usize, stereo: bool) -> f64 {
    let decl = kind.decl();
    let all: Vec<_> = decl.parts.iter().flat_map(|part| values(part).into_iter().map(|v| (part.decls, v))).collect();
    let params = Params { parts: all.iter().map(|(decls, values)| PartValues { decls, values }).collect() };
    // Sides of a strip share their values, strips have their own.
    let copies: Vec<_> = (0..L::N).map(|_| all.clone()).collect();
    let lane = |lane: usize| {
        let own = &copies[if stereo { lane & !1 } else { lane }];
        (lane < used)
            .then(|| Params { parts: own.iter().map(|(decls, values)| PartValues { decls, values }).collect::<Vec<_>>() })
    };
    let lanes: Vec<_> = (0..L::N).map(lane).collect();
    let seeds: Vec<u64> = (0..L::N as u64).collect();
    let curve = Curve::new(RATE);
    let mut state = proc::build::<L>(kind, &Build { rate: RATE, curve: &curve, lanes: &lanes, seeds: &seeds });
    for lane in 0..used {
        for part in 0..params.parts.len() {
            state.set(part, lane, &(decl.coeffs)(part, &params, RATE), When::Jump);
        }
    }
    let mut seed = 1u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let input: Vec<L> = (0..FRAMES).map(|_| L::from_fn(|lane| if lane < used { noise() } else { 0.0 })).collect();
    let pairs = L::mask(if stereo { (1 << used) - 1 } else { 0 });
    let mut io = vec![L::zero(); BLOCK];
    let (mut frame, mut best) = (0, f64::INFINITY);
    for _ in 0..RUNS {
        let begin = Instant::now();
        for block in input.chunks_exact(BLOCK) {
            io.copy_from_slice(block);
            state.process(&mut Ctx::new(frame, pairs), &mut io);
            frame += BLOCK as u64;
        }
        best = f64::min(best, begin.elapsed().as_nanos() as f64 / FRAMES as f64);
    }
    std::hint::black_box(&io);
    best / if stereo { used as f64 / 2.0 } else { used as f64 }
}

fn table<N: Lanes, W: Lanes>() {
    println!("each processor alone, ns per sample and strip: a stereo bus, and one of {} mono channels", N::N);
    println!("{:>16} {:>8} {:>8}", "", "bus", "bank");
    for (i, decl) in PROCESSORS.iter().enumerate() {
        let kind = ProcKind(i as u8);
        println!("{:>16} {:>8.2} {:>8.2}", decl.name, time::<W>(kind, 2, true), time::<N>(kind, N::N, false));
    }
}

/// The table on the fastest path of this machine.
pub fn run() {
    use headroom_dsp::lanes::*;
    match Path::best() {
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => table::<AvxF32, AvxF64>(),
        #[cfg(target_arch = "x86_64")]
        Path::Sse2 => table::<Pair<SseF32>, Pair<SseF64>>(),
        #[cfg(target_arch = "aarch64")]
        Path::Neon => table::<Pair<NeonF32>, Pair<NeonF64>>(),
        Path::Scalar => table::<Pair<One32>, Pair<One64>>(),
    }
}
