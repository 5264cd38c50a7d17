//! The equaliser against its bars, through the same calls as the bank makes.

use super::*;
use crate::kernel::band::{DECLS as BAND, FREQS, SHAPES, TYPES};
use crate::kernel::design::Spec;
use crate::lanes::{One32, One64};
use crate::param::Value;
use crate::proc::{PartValues, Running};
use crate::ramp::Curve;
use realfft::RealFftPlanner;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Values of an equaliser's parts: `on`, then for each band `on type freq gain q`.
type Values = Vec<Vec<Value>>;

fn flat(bands: usize) -> Values {
    let band = |i: usize| BAND.iter().map(|d| if d.path == "freq" { Value::Float(FREQS[i]) } else { d.default() }).collect();
    std::iter::once(vec![Value::Bool(true)]).chain((0..bands).map(band)).collect()
}

fn with(mut values: Values, band: usize, kind: &str, freq: f64, gain: f64, q: f64) -> Values {
    let kind = TYPES.iter().position(|t| *t == kind).unwrap_or_else(|| panic!("{kind}"));
    values[band] = vec![Value::Bool(true), Value::Int(kind as i64), Value::Float(freq), Value::Float(gain), Value::Float(q)];
    values
}

fn one(kind: &str, freq: f64, gain: f64, q: f64) -> Values {
    with(flat(1), 1, kind, freq, gain, q)
}

fn params(values: &Values) -> Params<'_> {
    let decls = |part: usize| if part == 0 { Eq::PARTS[0].decls } else { BAND };
    Params { parts: values.iter().enumerate().map(|(i, v)| PartValues { decls: decls(i), values: v }).collect() }
}

/// An equaliser, one strip a lane, on absolute frames.
struct Bench<L: Lanes> {
    state: EqState<L>,
    rate: f64,
    frame: u64,
}

impl<L: Lanes> Bench<L> {
    fn new(rate: f64, lanes: &[Values]) -> Self {
        let curve: Arc<Curve> = Curve::new(rate);
        let params: Vec<_> = lanes.iter().map(|v| Some(params(v))).collect();
        let state = Eq::build(&Build { rate, curve: &curve, lanes: &params, seeds: &[0; 8] });
        let mut bench = Bench { state, rate, frame: 0 };
        lanes.iter().enumerate().for_each(|(lane, v)| bench.set(lane, v, When::Jump));
        bench
    }

    fn set(&mut self, lane: usize, values: &Values, when: When) {
        let params = params(values);
        for part in 1..params.parts.len() {
            Process::set(&mut self.state, part, lane, &Eq::coeffs(part, &params, self.rate), when);
        }
    }

    fn block(&mut self, io: &mut [L]) {
        let mut ctx = Ctx::new(self.frame, L::mask(0));
        Running::process(&mut self.state, &mut ctx, io);
        self.frame += io.len() as u64;
    }

    /// Runs `input(frame, lane)` in blocks; `moves` (frame, lane, values), ascending, are handed over
    /// before the block that holds their frame.
    fn run(
        &mut self,
        frames: usize,
        block: usize,
        moves: &[(u64, usize, Values)],
        input: impl Fn(usize, usize) -> f64,
    ) -> Vec<L> {
        let mut out = Vec::new();
        let mut moves = moves.iter().peekable();
        while out.len() < frames {
            let n = block.min(frames - out.len());
            while let Some((at, lane, values)) = moves.next_if(|(at, ..)| *at < self.frame + n as u64) {
                self.set(*lane, values, When::At(*at));
            }
            let mut io: Vec<L> = (0..n).map(|i| L::from_fn(|lane| input(out.len() + i, lane))).collect();
            self.block(&mut io);
            out.extend(io);
        }
        out
    }
}

/// One lane through a whole signal.
fn through<L: Lanes>(rate: f64, values: &Values, moves: &[(u64, Values)], input: &[f64]) -> Vec<f64> {
    let moves: Vec<_> = moves.iter().map(|(at, v)| (*at, 0, v.clone())).collect();
    let out = Bench::<L>::new(rate, std::slice::from_ref(values)).run(input.len(), 64, &moves, |i, _| input[i]);
    out.iter().map(|v| v.get(0)).collect()
}

fn tone(rate: f64, hz: f64, amplitude: f64, frames: usize) -> Vec<f64> {
    (0..frames).map(|i| amplitude * (TAU * hz * i as f64 / rate).sin()).collect()
}

fn db(power: f64) -> f64 {
    10.0 * power.max(1e-30).log10()
}

/// Power outside `1 kHz ± 200 Hz` re the tone, and the worst 10 ms frame above 4 kHz, in dB.
fn splatter(rate: f64, x: &[f64]) -> (f64, f64) {
    let n = x.len();
    let window = |i: usize| {
        let u = TAU * i as f64 / n as f64;
        0.35875 - 0.48829 * u.cos() + 0.14128 * (2.0 * u).cos() - 0.01168 * (3.0 * u).cos()
    };
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(n);
    let mut spectrum = forward.make_output_vec();
    let mut windowed: Vec<f64> = x.iter().enumerate().map(|(i, x)| x * window(i)).collect();
    forward.process(&mut windowed, &mut spectrum).unwrap();
    let hz = |bin: usize| bin as f64 * rate / n as f64;
    let power = |inside: bool| {
        let bins = spectrum.iter().enumerate().filter(|(bin, _)| ((hz(*bin) - 1000.0).abs() <= 200.0) == inside);
        bins.map(|(_, c)| c.norm_sqr()).sum::<f64>()
    };
    let outside = db(power(false) / power(true));

    // Faded at both ends, where the cyclic transform would see a step.
    let ends = (rate * 0.5) as usize;
    let fade = |i: usize| 0.5 - 0.5 * (0.5 * TAU * i.min(n - i).min(ends) as f64 / ends as f64).cos();
    let mut whole: Vec<f64> = x.iter().enumerate().map(|(i, x)| x * fade(i)).collect();
    forward.process(&mut whole, &mut spectrum).unwrap();
    let low = (0..spectrum.len()).take_while(|bin| hz(*bin) < 4000.0).count();
    spectrum[..low].iter_mut().for_each(|c| *c *= 0.0);
    let mut high = vec![0.0; n];
    planner.plan_fft_inverse(n).process(&mut spectrum, &mut high).unwrap();
    let frame = (rate * 0.01) as usize;
    let worst =
        high.chunks(frame).map(|c| c.iter().map(|x| (x / n as f64).powi(2)).sum::<f64>() / frame as f64).fold(0.0, f64::max);
    let rms = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
    (outside, db(worst / rms))
}

#[test]
fn a_swept_bell_leaves_no_zipper_noise() {
    for rate in [44100.0, 48000.0, 96000.0] {
        let bell = |freq: f64| one("peak", freq, 12.0, 1.0);
        // One second up, one second down, a controller's 60 steps a second.
        let place = |i: usize| 1.0 - (i as f64 / 60.0 - 1.0).abs();
        let moves: Vec<_> =
            (0..120).map(|i| ((rate * (1.0 + i as f64 / 60.0)) as u64, bell(200.0 * 25f64.powf(place(i))))).collect();
        let out = through::<One32>(rate, &bell(200.0), &moves, &tone(rate, 1000.0, 1.0, 4 * rate as usize));
        let (outside, above) = splatter(rate, &out);
        assert!(outside < -90.0 && above < -110.0, "{rate}: {outside:.1} dB, {above:.1} dB above 4 kHz");
    }
}

#[test]
fn a_jump_does_not_click() {
    let rate = 48000.0;
    // The jump meets a crest.
    let input: Vec<f64> = (0..4 * 48000).map(|i| (TAU * 1000.0 * (i as f64 - 96000.0) / rate).cos()).collect();
    let bell = one("peak", 1000.0, 12.0, 1.0);
    let mut off = bell.clone();
    off[1][0] = Value::Bool(false);
    for (what, from, to, bar) in [
        ("cut", one("peak", 1000.0, 0.0, 1.0), one("peak", 1000.0, -12.0, 1.0), -80.0),
        ("boost", one("peak", 1000.0, 0.0, 1.0), bell.clone(), -80.0),
        ("type", one("lowshelf", 1000.0, 12.0, 0.7), one("highshelf", 1000.0, 12.0, 0.7), -80.0),
        ("low cut", flat(1), one("lowcut", 1000.0, 0.0, 0.7), -80.0),
        ("off", bell.clone(), off.clone(), -80.0),
        ("on", off, bell, -80.0),
        // A bell that passes the tone within 20 ms is heard, but not as a click.
        ("frequency", one("peak", 300.0, 12.0, 1.0), one("peak", 3000.0, 12.0, 1.0), -30.0),
    ] {
        let (outside, above) = splatter(rate, &through::<One32>(rate, &from, &[(96000, to)], &input));
        assert!(outside < bar && above < -100.0, "{what}: {outside:.1} dB, {above:.1} dB above 4 kHz");
    }
}

#[test]
fn a_wild_low_pass_stays_in_bounds() {
    let rate = 48000.0;
    let low_pass = |freq: f64| one("highcut", freq, 0.0, 8.0);
    let input = tone(rate, 200.0, 1.0, 96000);
    let square: Vec<_> =
        (0..80).map(|i| ((rate * i as f64 / 40.0) as u64, low_pass(if i % 2 == 0 { 8000.0 } else { 100.0 }))).collect();
    // A 200 Hz sine, as fast as the control side may send: once a millisecond.
    let place = |i: usize| 0.5 + 0.5 * (TAU * 200.0 * i as f64 / 1000.0).sin();
    let sine: Vec<_> = (0..2000).map(|i| (48 * i as u64, low_pass(100.0 * 80f64.powf(place(i))))).collect();
    for moves in [square, sine] {
        let out = through::<One32>(rate, &low_pass(100.0), &moves, &input);
        let peak = db(out.iter().map(|x| x * x).fold(0.0, f64::max));
        assert!(peak < 7.0, "{peak:.1} dBFS");
    }
}

#[test]
fn four_bands_on_their_way_are_no_louder_than_at_either_end() {
    let rate = 48000.0;
    let four = |kind, freq: f64, gain| (1..=4).fold(flat(4), |v, b| with(v, b, kind, freq * 1.3f64.powi(b as i32), gain, 0.7));
    let ends = [
        four("peak", 100.0, 12.0),
        four("peak", 5000.0, -12.0),
        four("lowshelf", 400.0, 12.0),
        four("highshelf", 100.0, 12.0),
        four("highcut", 2000.0, 0.0),
        four("lowcut", 100.0, 0.0),
    ];
    for (from, to) in ends.iter().flat_map(|a| ends.iter().map(move |b| (a, b))) {
        let at = |hz: f64| response(&params(from), rate, hz).max(response(&params(to), rate, hz));
        let most = (0..=20).map(|i| at(20.0 * 1000f64.powf(f64::from(i) / 20.0))).fold(f64::MIN, f64::max);
        for hz in [150.0, 1500.0] {
            let out = through::<One64>(rate, from, &[(9600, to.clone())], &tone(rate, hz, 1.0, 24000));
            let peak = db(out.iter().map(|x| x * x).fold(0.0, f64::max));
            assert!(peak < most + 3.0, "{from:?} to {to:?} at {hz} Hz: {peak:.1} dB over {most:.1} dB");
        }
    }
}

#[test]
fn low_notes_stay_clean_in_f32() {
    for rate in [44100.0, 48000.0, 96000.0] {
        let frames = 12 * rate as usize;
        let bell = one("peak", 20.0, 12.0, 10.0);
        let out = through::<One32>(rate, &bell, &[], &tone(rate, 20.0, 10f64.powf(-24.0 / 20.0), frames));
        // Over the last four seconds: what is left without the tone.
        let last = &out[frames - 4 * rate as usize..];
        let turn = |i: usize| (TAU * 20.0 * i as f64 / rate).sin_cos();
        let share = 2.0 / last.len() as f64;
        let (c, s) = last.iter().enumerate().fold((0.0, 0.0), |(c, s), (i, x)| {
            let (sin, cos) = turn(i);
            (c + share * x * cos, s + share * x * sin)
        });
        let rest = last.iter().enumerate().map(|(i, x)| {
            let (sin, cos) = turn(i);
            (x - c * cos - s * sin).powi(2)
        });
        let noise = db(share * rest.sum::<f64>());
        assert!((db(c * c + s * s) + 12.0).abs() < 0.01, "{rate}");
        assert!(noise < -140.0, "{rate}: {noise:.1} dBFS");
    }
}

/// Magnitude of an impulse response at a frequency, in dB.
fn magnitude(h: &[f64], rate: f64, hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, x) in h.iter().enumerate() {
        let (sin, cos) = (TAU * hz * i as f64 / rate).sin_cos();
        (re, im) = (re + x * cos, im - x * sin);
    }
    db(re * re + im * im)
}

#[test]
fn the_measured_response_is_the_analog_one() {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    for rate in [44100.0, 48000.0, 96000.0, 192000.0] {
        for (kind, freq, gain, q) in [
            ("peak", 1000.0, 12.0, 1.0),
            ("peak", 10000.0, 12.0, 1.0),
            ("peak", 16000.0, 12.0, 1.0),
            ("peak", 16000.0, -12.0, 4.0),
            ("highshelf", 12000.0, 12.0, half),
            ("highshelf", 8000.0, 6.0, half),
            ("lowshelf", 100.0, 12.0, half),
            ("highcut", 12000.0, 0.0, half),
            ("lowcut", 30.0, 0.0, half),
            ("notch", 3000.0, 0.0, 2.0),
            ("bandpass", 3000.0, 0.0, 2.0),
        ] {
            let values = one(kind, freq, gain, q);
            let mut impulse = vec![0.0; (rate * 0.4) as usize];
            impulse[0] = 1.0;
            let h = through::<One32>(rate, &values, &[], &impulse);
            let shape = SHAPES[TYPES.iter().position(|t| *t == kind).unwrap()];
            let spec = Spec { shape, freq, gain_db: gain, q };
            for i in 0..=40 {
                let hz = 20.0 * 1000f64.powf(f64::from(i) / 40.0);
                let (got, told, want) = (magnitude(&h, rate, hz), response(&params(&values), rate, hz), spec.analog_db(hz));
                if want > -40.0 {
                    assert!((got - told).abs() < 0.01, "{kind} {freq} at {rate}, {hz:.0} Hz: {got:.3}, told {told:.3}");
                    let bar = if freq <= 1000.0 {
                        0.05
                    } else if kind == "bandpass" {
                        0.3
                    } else {
                        0.2
                    };
                    assert!((got - want).abs() < bar, "{kind} {freq} at {rate}, {hz:.0} Hz: {got:.3} for {want:.3}");
                }
            }
        }
    }
}

/// A restless signal, another in every lane.
fn noise(i: usize, lane: usize) -> f64 {
    let hash = (i as u64 * 8 + lane as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 40) as f64 / (1u64 << 24) as f64 - 0.5
}

/// Four bands, different in every lane; some off, some neutral.
fn lane_values(lane: usize) -> Values {
    let l = lane as f64;
    let v = with(flat(4), 1, TYPES[lane % 7], 60.0 + 40.0 * l, 6.0 - 2.0 * l, 0.7 + 0.1 * l);
    let v = with(v, 2, TYPES[(lane + 3) % 7], 500.0 * (1.0 + l), 3.0, 1.0);
    let mut v = with(v, 3, "peak", 3000.0 + 500.0 * l, if lane.is_multiple_of(3) { 0.0 } else { -6.0 }, 2.0);
    v[4][0] = Value::Bool(lane.is_multiple_of(2));
    v
}

/// Changes in mid-flight: bands switched, retuned, sent to neutral and back, faster than they settle.
fn changes(lane: usize) -> Vec<(u64, usize, Values)> {
    let mut off = lane_values(lane);
    off[1][0] = Value::Bool(false);
    off[2][0] = Value::Bool(false);
    let retuned = with(off.clone(), 1, "peak", 1000.0, 9.0, 1.0);
    let at = 37 * lane as u64;
    [(300, off.clone()), (700, lane_values(lane + 1)), (2500, off), (4000, retuned), (4100, flat(4)), (7000, lane_values(lane))]
        .map(|(frame, v)| (frame + at, lane, v))
        .into()
}

const RUN: usize = 10000;

fn lanes_equal<A: Lanes, B: Lanes>() {
    let all: Vec<_> = (0..A::N).map(lane_values).collect();
    let mut moves: Vec<_> = (0..A::N).flat_map(changes).collect();
    moves.sort_by_key(|(at, ..)| *at);
    let wide = Bench::<A>::new(48000.0, &all).run(RUN, 64, &moves, noise);
    for lane in 0..A::N {
        let alone: Vec<_> = changes(lane).into_iter().map(|(at, _, v)| (at, 0, v)).collect();
        let one = Bench::<B>::new(48000.0, &[lane_values(lane)]).run(RUN, 64, &alone, |i, _| noise(i, lane));
        for (i, (a, b)) in wide.iter().zip(&one).enumerate() {
            assert_eq!(a.get(lane).to_bits(), b.get(0).to_bits(), "lane {lane} frame {i}");
        }
    }
}

#[test]
fn every_lane_is_the_scalar_run() {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::lanes::{AvxF32, AvxF64, Pair, Path, Plain32, Plain64, SseF32, SseF64};
        lanes_equal::<Pair<SseF32>, Plain32>();
        lanes_equal::<Pair<SseF64>, Plain64>();
        if Path::available().contains(&Path::Avx2) {
            lanes_equal::<AvxF32, One32>();
            lanes_equal::<AvxF64, One64>();
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        use crate::lanes::{NeonF32, NeonF64, Pair};
        lanes_equal::<Pair<NeonF32>, One32>();
        lanes_equal::<Pair<NeonF64>, One64>();
    }
}

#[test]
fn any_partition_into_blocks_gives_the_same_samples() {
    let run = |block| {
        let out = Bench::<One32>::new(48000.0, &[lane_values(1)]).run(RUN, block, &changes(0), noise);
        out.iter().map(|v| v.0.to_bits()).collect::<Vec<_>>()
    };
    let reference = run(64);
    assert!(run(1) == reference && run(17) == reference);
}

#[test]
fn neutral_bands_pass_every_bit() {
    let mut off = one("highcut", 300.0, 0.0, 4.0);
    off[1][0] = Value::Bool(false);
    for values in [flat(6), one("peak", 60.0, 0.0, 10.0), one("lowshelf", 500.0, 0.0, 0.7), off.clone()] {
        let input: Vec<f64> = (0..2000).map(|i| if i % 9 == 0 { -0.0 } else { f64::from(noise(i, 0) as f32) }).collect();
        let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(bits(&through::<One32>(48000.0, &values, &[], &input)) == bits(&input));
        // Again after a filter was in the path, from 20 ms (and the grid) after it went.
        let out = through::<One32>(48000.0, &one("highcut", 300.0, 0.0, 4.0), &[(100, off.clone())], &input);
        assert!(bits(&out[1080..]) == bits(&input[1080..]));
    }
}

#[test]
fn a_neutral_lane_is_untouched_by_its_neighbours() {
    let values = [flat(4), lane_values(1)];
    let run = |values: &[Values]| {
        let moves: Vec<_> = if values.len() > 1 { changes(1) } else { Vec::new() };
        Bench::<crate::lanes::Pair<One32>>::new(48000.0, values).run(RUN, 64, &moves, noise)
    };
    assert!(run(&values).iter().enumerate().all(|(i, v)| v.get(0) == f64::from(noise(i, 0) as f32)));
}

#[test]
fn a_broken_lane_stays_alone() {
    let all: Vec<_> = (0..2).map(|_| lane_values(1)).collect();
    let run = |bad: f64| {
        let input = move |i: usize, lane: usize| if lane == 1 && i == 500 { bad } else { noise(i, lane) };
        Bench::<crate::lanes::Pair<One32>>::new(48000.0, &all).run(2000, 64, &[], input)
    };
    let clean = run(0.0);
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(run(bad).iter().zip(&clean).all(|(a, b)| a.get(0).to_bits() == b.get(0).to_bits()));
    }
}

#[test]
fn silence_decays_and_a_cleared_lane_is_silent() {
    let values = one("peak", 50.0, 18.0, 4.0);
    let mut bench = Bench::<One32>::new(48000.0, &[values]);
    let out = bench.run(10 * 48000, 64, &[], |i, _| if i < 4800 { noise(i, 0) } else { 0.0 });
    assert!(out[9 * 48000..].iter().all(|v| v.0.abs() < 1e-9), "under −180 dBFS");
    Process::clear(&mut bench.state, 0);
    assert!(bench.run(1000, 64, &[], |_, _| 0.0).iter().all(|v| v.0 == 0.0));
}

#[test]
fn a_strip_keeps_its_sound_in_another_bank() {
    let mut old = Bench::<One32>::new(48000.0, &[lane_values(2)]);
    old.run(5000, 64, &changes(0)[..2], noise);
    let mut new = Bench::<One32>::new(48000.0, &[lane_values(2)]);
    new.frame = old.frame;
    Process::carry(&mut new.state, 0, &old.state, 0);
    let (a, b) = (old.run(1000, 64, &[], noise), new.run(1000, 64, &[], noise));
    assert!(a.iter().zip(&b).all(|(a, b)| a.0.to_bits() == b.0.to_bits()));
}
