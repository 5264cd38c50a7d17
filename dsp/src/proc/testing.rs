//! What is asked of every effect that works a strip at a time, for the tests beside each.

use super::{Build, Ctx, Params, PartValues, Process, Processor, Running, Targets};
use crate::lanes::*;
use crate::param::Value;
use crate::ramp::{Curve, When};

/// Rate of all tests that name none.
pub const RATE: f64 = 48000.0;

/// Two lanes: one stereo strip.
pub type Two = Pair<One64>;

/// Settings that differ from the defaults.
pub type With<'a> = &'a [(&'a str, f64)];

fn values<P: Processor>(with: With) -> Vec<Value> {
    let value = |d: &crate::param::Decl| match with.iter().find(|(path, _)| *path == d.path) {
        Some((_, x)) => d.clamp(&Value::Float(*x)),
        None => d.default(),
    };
    P::PARTS[0].decls.iter().map(value).collect()
}

/// The coefficients of some settings.
pub fn targets<P: Processor>(with: With, rate: f64) -> Targets {
    let values = values::<P>(with);
    P::coeffs(0, &Params { parts: vec![PartValues { decls: P::PARTS[0].decls, values: &values }] }, rate)
}

/// A bank at rest at some settings; stereo strips in lanes 0 and 1, 2 and 3 …, or mono ones.
pub fn bank<P: Processor, L: Lanes>(with: With, rate: f64, stereo: bool) -> P::State<L> {
    let curve = Curve::new(rate);
    let values = values::<P>(with);
    let params = || Some(Params { parts: vec![PartValues { decls: P::PARTS[0].decls, values: &values }] });
    let lanes: Vec<_> = (0..if stereo { L::N } else { 0 }).map(|_| params()).collect();
    let mut bank = P::build::<L>(&Build { rate, curve: &curve, lanes: &lanes, seeds: &[] });
    set::<P, L>(&mut bank, with, rate, When::Jump);
    bank
}

/// New settings in all lanes.
pub fn set<P: Processor, L: Lanes>(bank: &mut P::State<L>, with: With, rate: f64, when: When) {
    (0..L::N).for_each(|lane| Process::set(bank, 0, lane, &targets::<P>(with, rate), when));
}

/// Runs blocks of some length from a frame on.
pub fn render<L: Lanes>(p: &mut dyn Running<L>, pairs: u32, from: u64, block: usize, io: &mut [L]) {
    let mut frame = from;
    for io in io.chunks_mut(block) {
        let mut ctx = Ctx::new(frame, L::mask(pairs));
        p.process(&mut ctx, io);
        frame += io.len() as u64;
    }
}

/// What a stereo strip makes of a sound, from frame 0 on.
pub fn heard<P: Processor>(with: With, rate: f64, frames: usize, x: impl Fn(usize) -> [f64; 2]) -> [Vec<f64>; 2] {
    let mut p = bank::<P, Two>(with, rate, true);
    let mut io: Vec<Two> = (0..frames).map(|f| Two::from_fn(|side| x(f)[side])).collect();
    render(&mut p, 0b11, 0, 64, &mut io);
    [0, 1].map(|side| io.iter().map(|v| v.get(side)).collect())
}

/// White noise, ±0.5.
pub fn noise(frame: u64, lane: usize) -> f64 {
    let mut z = (frame * 64 + lane as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z >> 40) as f64 / 8_388_608.0 - 1.0) * 0.5
}

/// A sine of full scale.
pub fn tone(frame: usize, hz: f64, rate: f64) -> f64 {
    (std::f64::consts::TAU * hz * frame as f64 / rate).sin()
}

/// Energy outside `hz` ± `width` re all of it, dB; Blackman-Harris over the whole.
pub fn outside(x: &[f64], rate: f64, hz: f64, width: f64) -> f64 {
    let n = x.len();
    let mut planner = realfft::RealFftPlanner::<f64>::new();
    let fft = planner.plan_fft_forward(n);
    let mut windowed: Vec<f64> = x
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let u = std::f64::consts::TAU * i as f64 / n as f64;
            x * (0.35875 - 0.48829 * u.cos() + 0.14128 * (2.0 * u).cos() - 0.01168 * (3.0 * u).cos())
        })
        .collect();
    let mut spectrum = fft.make_output_vec();
    fft.process(&mut windowed, &mut spectrum).unwrap();
    let bin = |hz: f64| hz * n as f64 / rate;
    let (mut all, mut out) = (0.0, 0.0);
    for (k, c) in spectrum.iter().enumerate() {
        all += c.norm_sqr();
        if (k as f64 - bin(hz)).abs() > bin(width) {
            out += c.norm_sqr();
        }
    }
    10.0 * (out / all).log10()
}

fn story<P: Processor, L: Lanes>(settings: &[[With; 2]], pairs: u32, block: usize, lane_of: impl Fn(usize) -> usize) -> Vec<L> {
    let mut p = bank::<P, L>(&[], RATE, false);
    let to = |lane: usize, n: usize| targets::<P>(settings[lane_of(lane) % settings.len()][n], RATE);
    (0..L::N).for_each(|lane| Process::set(&mut p, 0, lane, &to(lane, 0), When::Jump));
    // Silence first: it starts within a block.
    let mut io: Vec<L> = (0..9000).map(|f| L::from_fn(|lane| if f < 101 { 0.0 } else { noise(f, lane_of(lane)) })).collect();
    let (first, second) = io.split_at_mut(3333);
    render(&mut p, pairs, 0, block, first);
    (0..L::N).for_each(|lane| Process::set(&mut p, 0, lane, &to(lane, 1), When::At(3333)));
    render(&mut p, pairs, 3333, block, second);
    io
}

fn lanes_equal<P: Processor, W: Lanes, R: Lanes>(settings: &[[With; 2]]) {
    let wide = story::<P, W>(settings, 0, 64, |lane| lane);
    for lane in 0..W::N {
        let one = story::<P, R>(settings, 0, 64, |_| lane);
        for (f, (a, b)) in wide.iter().zip(&one).enumerate() {
            assert_eq!(a.get(lane).to_bits(), b.get(0).to_bits(), "lane {lane} frame {f}");
        }
    }
}

/// Every lane equals the scalar run, and any block size gives the same samples; `settings` of each lane, before
/// and after a change.
pub fn lanes_and_blocks<P: Processor>(settings: &[[With; 2]]) {
    #[cfg(target_arch = "x86_64")]
    {
        lanes_equal::<P, Pair<SseF32>, Plain32>(settings);
        lanes_equal::<P, Pair<SseF64>, Plain64>(settings);
        if Path::available().contains(&Path::Avx2) {
            lanes_equal::<P, AvxF32, One32>(settings);
            lanes_equal::<P, AvxF64, One64>(settings);
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        lanes_equal::<P, Pair<NeonF32>, One32>(settings);
        lanes_equal::<P, Pair<NeonF64>, One64>(settings);
    }
    type W = Pair<Two>;
    let want = story::<P, W>(settings, 0b0011, 64, |lane| lane);
    for block in [1, 17, 32] {
        let got = story::<P, W>(settings, 0b0011, block, |lane| lane);
        for (f, (a, b)) in got.iter().zip(&want).enumerate() {
            (0..4).for_each(|l| assert_eq!(a.get(l).to_bits(), b.get(l).to_bits(), "block {block} frame {f} lane {l}"));
        }
    }
}

/// Settings that pass samples bit for bit, signs of zeros and all.
pub fn neutral<P: Processor>(with: With) {
    let mut p = bank::<P, Two>(with, RATE, true);
    let want: Vec<Two> = (0..20000).map(|f| Two::from_fn(|l| if f % 100 == 7 { -0.0 } else { 9.0 * noise(f, l) })).collect();
    let mut io = want.clone();
    render(&mut p, 0b11, 0, 64, &mut io);
    assert!(io.iter().zip(&want).all(|(a, b)| (0..2).all(|l| a.get(l).to_bits() == b.get(l).to_bits())), "{with:?}");
}

/// Each change, from `base`, under a 1 kHz tone: what it spreads outside ±200 Hz, dB; no more than −80.
pub fn no_clicks<P: Processor>(base: With, changes: &[(&str, f64)]) {
    for change in changes {
        let mut p = bank::<P, Two>(base, RATE, true);
        let mut io: Vec<Two> = (0..288_000).map(|f| Two::splat(tone(f, 1000.0, RATE))).collect();
        let (first, second) = io.split_at_mut(192_012);
        render(&mut p, 0b11, 0, 64, first);
        let mut to = base.to_vec();
        to.retain(|(path, _)| *path != change.0);
        to.push(*change);
        set::<P, Two>(&mut p, &to, RATE, When::At(192_012));
        render(&mut p, 0b11, 192_012, 64, second);
        for side in 0..2 {
            let y: Vec<f64> = io[96000..].iter().map(|v| v.get(side)).collect();
            let db = outside(&y, RATE, 1000.0, 200.0);
            println!("{change:?}: {db:.1} dB outside the tone");
            assert!(db < -80.0, "{change:?} side {side}: {db} dB");
        }
    }
}

/// What is carried sounds on as if nothing had happened; a broken strip leaves its neighbour alone; after a clear
/// there is silence.
pub fn lives_on<P: Processor>(with: With, then: With) {
    let mut p = bank::<P, Two>(with, RATE, true);
    let mut io: Vec<Two> = (0..12000).map(|f| Two::from_fn(|lane| noise(f, lane))).collect();
    render(&mut p, 0b11, 0, 64, &mut io);
    set::<P, Two>(&mut p, then, RATE, When::At(12000));
    render(&mut p, 0b11, 12000, 64, &mut io[..448]);
    let mut q = bank::<P, Two>(&[], RATE, true);
    (0..2).for_each(|lane| Process::carry(&mut q, lane, &p, lane));
    let mut a: Vec<Two> = (0..24000).map(|f| Two::from_fn(|lane| noise(f, lane))).collect();
    let mut b = a.clone();
    render(&mut p, 0b11, 12448, 64, &mut a);
    render(&mut q, 0b11, 12448, 64, &mut b);
    assert!(a.iter().zip(&b).all(|(a, b)| a.get(0) == b.get(0) && a.get(1) == b.get(1)), "carried");

    (0..2).for_each(|lane| Process::clear(&mut q, lane));
    let mut rest = vec![Two::zero(); 24000];
    render(&mut q, 0b11, 36448, 64, &mut rest);
    assert!(rest.iter().all(|v| v.get(0) == 0.0 && v.get(1) == 0.0), "cleared");

    type W = Pair<Two>;
    let run = |bad: f64| {
        let mut p = bank::<P, W>(with, RATE, true);
        let mut io: Vec<W> = (0..9600).map(|f| W::from_fn(|l| if l < 2 && f == 500 { bad } else { noise(f, l) })).collect();
        render(&mut p, 0b1111, 0, 64, &mut io);
        (0..2).for_each(|lane| Process::clear(&mut p, lane));
        let mut rest = vec![W::splat(0.1); 48000];
        render(&mut p, 0b1111, 9600, 64, &mut rest);
        assert!(rest.iter().all(|v| (0..4).all(|l| v.get(l).is_finite())), "broken");
        io
    };
    let clean = run(0.0);
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(run(bad).iter().zip(&clean).all(|(a, b)| a.get(2) == b.get(2) && a.get(3) == b.get(3)), "neighbour");
    }
}
