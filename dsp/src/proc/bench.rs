//! A processor on the bench, for the tests of the processors: settings by path, one strip a lane, and what is asked
//! of every processor.

use super::{Build, Count, Ctx, Params, PartValues, Process, Processor, Running};
use crate::block::BLOCK;
use crate::lanes::{Lanes, One32, One64, Pair};
use crate::param::{Decl, Value};
use crate::ramp::{Curve, When};
use std::f64::consts::TAU;
use std::marker::PhantomData;

/// Path and value; enums and switches by number.
pub type Settings<'a> = &'a [(&'a str, f64)];

/// The values of every part of a processor.
pub struct Values<P> {
    parts: Vec<(&'static [Decl], Vec<Value>)>,
    paths: Vec<Vec<String>>,
    of: PhantomData<P>,
}

impl<P: Processor> Values<P> {
    /// Defaults but for these; four bands where the strip says how many.
    pub fn new(settings: Settings) -> Self {
        let mut v = Values { parts: Vec::new(), paths: Vec::new(), of: PhantomData };
        for part in P::PARTS {
            let count = match part.count {
                Count::Once => 1,
                Count::Numbered(n) => n,
                Count::Bands => 4,
            };
            for n in 0..count {
                let number = if part.count == Count::Once { String::new() } else { (n + 1).to_string() };
                let path = |d: &Decl| {
                    let words = [part.prefix, &number, d.path];
                    words.iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join("/")
                };
                let default = |d: &Decl| {
                    let own = part.defaults.iter().find(|(p, _)| *p == d.path).and_then(|(_, x)| x.get(n));
                    own.map_or_else(|| d.default(), |x| d.clamp(&Value::Float(*x)))
                };
                v.parts.push((part.decls, part.decls.iter().map(default).collect()));
                v.paths.push(part.decls.iter().map(path).collect());
            }
        }
        v.with(settings)
    }

    /// The same with these.
    pub fn with(mut self, settings: Settings) -> Self {
        for (path, x) in settings {
            let at = self.paths.iter().enumerate().find_map(|(p, part)| part.iter().position(|q| q == path).map(|d| (p, d)));
            let (part, decl) = at.unwrap_or_else(|| panic!("no {path}"));
            let (decls, values) = &mut self.parts[part];
            values[decl] = decls[decl].clamp(&Value::Float(*x));
        }
        self
    }

    pub fn params(&self) -> Params<'_> {
        Params { parts: self.parts.iter().map(|(decls, values)| PartValues { decls, values }).collect() }
    }
}

/// A processor, one strip a lane, on absolute frames.
pub struct Bench<P: Processor, L: Lanes> {
    pub state: P::State<L>,
    pub rate: f64,
    pub frame: u64,
    /// Lanes that are a side of a stereo strip.
    pub pairs: u32,
    /// Lanes that hear the key.
    pub keyed: u32,
    /// The lowest gain change so far, dB.
    pub lowest: L,
}

/// Sound for a frame and a lane.
pub trait Input: Fn(usize, usize) -> f64 {}
impl<F: Fn(usize, usize) -> f64> Input for F {}

/// A change: frame, lane, values.
pub type Move<P> = (u64, usize, Values<P>);

impl<P: Processor, L: Lanes> Bench<P, L> {
    pub fn new(rate: f64, lanes: &[Values<P>]) -> Self {
        let curve = Curve::new(rate);
        let params: Vec<_> = lanes.iter().map(|v| Some(v.params())).collect();
        let state = P::build(&Build { rate, curve: &curve, lanes: &params, seeds: &[0; 8] });
        let mut bench = Bench { state, rate, frame: 0, pairs: 0, keyed: 0, lowest: L::zero() };
        for lane in 0..L::N {
            bench.set(lane, &lanes[lane % lanes.len()], When::Jump);
        }
        bench
    }

    pub fn paired(mut self) -> Self {
        self.pairs = (1 << L::N) - 1;
        self
    }

    pub fn set(&mut self, lane: usize, values: &Values<P>, when: When) {
        let params = values.params();
        for part in 0..params.parts.len() {
            Process::set(&mut self.state, part, lane, &P::coeffs(part, &params, self.rate), when);
        }
    }

    /// Runs in blocks; `moves`, ascending, take effect at their frames.
    pub fn run(&mut self, frames: usize, block: usize, moves: &[Move<P>], input: impl Input, key: impl Input) -> Vec<L> {
        let mut out: Vec<L> = Vec::new();
        let mut moves = moves.iter().peekable();
        while out.len() < frames {
            while let Some((at, lane, values)) = moves.next_if(|m| m.0 <= self.frame) {
                self.set(*lane, values, When::At(*at));
            }
            let to_move = moves.peek().map_or(usize::MAX, |m| (m.0 - self.frame) as usize);
            let to_grid = BLOCK - (self.frame % BLOCK as u64) as usize;
            let n = block.min(to_grid).min(to_move).min(frames - out.len());
            let at = out.len();
            let mut io: Vec<L> = (0..n).map(|i| L::from_fn(|lane| input(at + i, lane))).collect();
            let keys: Vec<L> = (0..n).map(|i| L::from_fn(|lane| key(at + i, lane))).collect();
            let key = (self.keyed != 0).then(|| (L::mask(self.keyed), &keys[..]));
            let mut ctx = Ctx { key, ..Ctx::new(self.frame, L::mask(self.pairs)) };
            Running::process(&mut self.state, &mut ctx, &mut io);
            self.lowest = ctx.reduction.min(self.lowest);
            self.frame += n as u64;
            out.extend(io);
        }
        out
    }
}

/// One lane of 64 bits through a whole signal.
pub fn through<P: Processor>(rate: f64, settings: Settings, input: &[f64]) -> Vec<f64> {
    let mut bench = Bench::<P, One64>::new(rate, &[Values::new(settings)]);
    bench.run(input.len(), 64, &[], |i, _| input[i], |_, _| 0.0).iter().map(|v| v.0).collect()
}

/// A sine in dBFS.
pub fn tone(rate: f64, hz: f64, db: f64, frames: usize) -> Vec<f64> {
    (0..frames).map(|i| 10f64.powf(db / 20.0) * (TAU * (hz * i as f64 / rate).fract()).sin()).collect()
}

/// Level of the part of a stretch at a frequency, dB, by quadrature over the whole stretch.
pub fn level(x: &[f64], rate: f64, hz: f64) -> f64 {
    let (mut s, mut c) = (0.0, 0.0);
    for (i, v) in x.iter().enumerate() {
        let (sin, cos) = (TAU * (hz * i as f64 / rate).fract()).sin_cos();
        (s, c) = (s + v * sin, c + v * cos);
    }
    20.0 * (f64::hypot(s, c) * 2.0 / x.len() as f64).log10()
}

/// Magnitude of an impulse response at a frequency, dB.
pub fn magnitude(h: &[f64], rate: f64, hz: f64) -> f64 {
    level(h, rate, hz) + 20.0 * (h.len() as f64 / 2.0).log10()
}

/// A restless signal, another in every lane.
pub fn noise(i: usize, lane: usize) -> f64 {
    let hash = (i as u64 * 8 + lane as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f64::from((hash >> 40) as f32 / (1u64 << 24) as f32 - 0.5)
}

const RUN: usize = 9000;

fn key(i: usize, lane: usize) -> f64 {
    noise(i, lane + 3) * if i / 3000 == 1 { 1.0 } else { 0.01 }
}

/// Loud and quiet by turns.
fn lively(i: usize, lane: usize) -> f64 {
    noise(i, lane) * if (i / 1500).is_multiple_of(2) { 1.0 } else { 1.0 / 64.0 }
}

/// Every lane of a bank is the one-lane run, whatever the others do, and any partition gives the same samples.
/// `settings` gives a setting a lane, and where each lane goes to.
pub fn lanes_and_blocks_agree<P: Processor>(settings: impl Fn(usize) -> Values<P>) {
    fn check<P: Processor, A: Lanes, B: Lanes>(settings: &impl Fn(usize) -> Values<P>) {
        let all: Vec<_> = (0..A::N).map(settings).collect();
        let moves = |lane: usize, to: usize| {
            [(700, settings(lane + 1)), (3500, settings(lane + 2)), (3700, settings(lane))]
                .map(|(at, v)| (at + 37 * lane as u64, to, v))
        };
        let mut together: Vec<Move<P>> = (0..A::N).flat_map(|lane| moves(lane, lane)).collect();
        together.sort_by_key(|m| m.0);
        let mut wide = Bench::<P, A>::new(48000.0, &all);
        wide.keyed = (1 << A::N) - 1;
        let wide = wide.run(RUN, 64, &together, lively, key);
        for lane in 0..A::N {
            let mut one = Bench::<P, B>::new(48000.0, &[settings(lane)]);
            one.keyed = 1;
            let block = [64, 1, 17][lane % 3];
            let alone = one.run(RUN, block, &moves(lane, 0), |i, _| lively(i, lane), |i, _| key(i, lane));
            for (i, (a, b)) in wide.iter().zip(&alone).enumerate() {
                assert!(a.get(lane) == b.get(0), "lane {lane} frame {i}: {} and {}", a.get(lane), b.get(0));
            }
        }
    }
    check::<P, Pair<One32>, One32>(&settings);
    check::<P, Pair<One64>, One64>(&settings);
    #[cfg(target_arch = "x86_64")]
    if crate::lanes::Path::available().contains(&crate::lanes::Path::Avx2) {
        check::<P, crate::lanes::AvxF32, One32>(&settings);
    }
    #[cfg(target_arch = "aarch64")]
    check::<P, crate::lanes::NeonF32, One32>(&settings);
}

/// Every sample passes as it is, on strips of either width.
pub fn passes<P: Processor>(settings: Settings) {
    fn check<P: Processor, L: Lanes>(settings: Settings) {
        for pairs in [0, 3] {
            let mut bench = Bench::<P, L>::new(48000.0, &[Values::new(settings)]);
            bench.pairs = pairs;
            let out = bench.run(4000, 64, &[], lively, |_, _| 0.0);
            assert!(out.iter().enumerate().all(|(i, v)| (0..L::N).all(|l| v.get(l) == lively(i, l))), "{settings:?}");
        }
    }
    check::<P, Pair<One32>>(settings);
    check::<P, Pair<One64>>(settings);
}

/// What is not a number stays in its lane, and is over once the lane is cleared; silence comes to rest.
pub fn broken_lane_and_silence<P: Processor>(settings: Settings) {
    let run = |bad: f64| {
        let mut bench = Bench::<P, Pair<One32>>::new(48000.0, &[Values::new(settings)]);
        let input = |i: usize, lane: usize| if lane == 1 && i == 500 { bad } else { noise(i, lane) };
        let out = bench.run(2000, 64, &[], input, |_, _| 0.0);
        Process::clear(&mut bench.state, 1);
        (out, bench.run(20_000, 64, &[], noise, |_, _| 0.0))
    };
    let (clean, later) = run(0.0);
    for bad in [f64::NAN, f64::INFINITY, 3e38] {
        let (out, after) = run(bad);
        assert!(out.iter().zip(&clean).all(|(a, b)| a.get(0) == b.get(0)));
        assert!(after.iter().all(|v| v.get(1).is_finite()), "{bad}");
        assert!(after[19_000..].iter().zip(&later[19_000..]).all(|(a, b)| (a.get(1) - b.get(1)).abs() < 1e-3), "{bad}");
    }
    let mut bench = Bench::<P, One32>::new(48000.0, &[Values::new(settings)]);
    let out = bench.run(9 * 48_000, 64, &[], |i, _| if i < 9600 { noise(i, 0) } else { 0.0 }, |_, _| 0.0);
    assert!(out[8 * 48_000..].iter().all(|v| v.0.abs() < 1e-9), "under −180 dBFS");
    Process::clear(&mut bench.state, 0);
    assert!(bench.run(1000, 64, &[], |_, _| 0.0, |_, _| 0.0).iter().all(|v| v.0 == 0.0));
    assert!(Process::rest(&bench.state, 0));
}

/// The largest bend that a 1 kHz tone does not make by itself after a change, re the tone: 0 dB for a step, −65 dB
/// for a fade over the movement curve.
pub fn smooth<P: Processor>(from: Settings, to: Settings) -> f64 {
    let (a, b) = (Values::<P>::new(from), Values::<P>::new(from).with(to));
    let mut bench = Bench::<P, One64>::new(48000.0, &[a]);
    let wave = |i: usize, _: usize| (TAU * (i as f64 / 48.0 + 0.25)).sin();
    let out = bench.run(48_000, 64, &[(24_000, 0, b)], wave, wave);
    // The second difference of a tone is the tone; what is left over is a bend.
    let w2 = 2.0 * (1.0 - (TAU / 48.0).cos());
    let bend = |w: &[One64]| (w[2].0 - 2.0 * w[1].0 + w[0].0 + w2 * w[1].0).abs();
    20.0 * (out[23_000..30_000].windows(3).map(bend).fold(1e-12, f64::max)).log10()
}
