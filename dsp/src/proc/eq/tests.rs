//! The equaliser against its bars, through the same calls as the bank makes.

use super::*;
use crate::lanes::{One32, One64, Pair, Plain32};
use crate::param::Value;
use crate::proc::Running;
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
        let mut ctx = Ctx { frame: self.frame, pairs: L::mask(0), key: None, reduction: L::zero() };
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
    let out = Bench::<L>::new(rate, &[values.clone()]).run(input.len(), 64, &moves, |i, _| input[i]);
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
    spectrum[..low].iter_mut().for_each(|c| *c = (*c) * 0.0);
    let mut high = vec![0.0; n];
    planner.plan_fft_inverse(n).process(&mut spectrum, &mut high).unwrap();
    let frame = (rate * 0.01) as usize;
    let worst = high
        .chunks(frame)
        .map(|c| c.iter().map(|x| (x / n as f64).powi(2)).sum::<f64>() / frame as f64)
        .fold(0.0, f64::max);
    let rms = x.iter().map(|x| x * x).sum::<f64>() / n as f64;
    (outside, db(worst / rms))
}

#[test]
fn a_swept_bell_leaves_no_zipper_noise() {
    for rate in [44100.0, 48000.0, 96000.0] {
        let bell = |freq: f64| one("peak", freq, 12.0, 1.0);
        // One second up, one second down, a controller's 60 steps a second.
        let place = |i: usize| 1.0 - (i as f64 / 60.0 - 1.0).abs();
        let moves: Vec<_> = (0..120)
            .map(|i| ((rate * (1.0 + i as f64 / 60.0)) as u64, bell(200.0 * 25f64.powf(place(i)))))
            .collect();
        let out = through::<One32>(rate, &bell(200.0), &moves, &tone(rate, 1000.0, 1.0, 4 * rate as usize));
        let (outside, above) = splatter(rate, &out);
        println!("{rate}: {outside:.1} {above:.1}");
    }
}

#[test]
fn a_jump_does_not_click() {
    let rate = 48000.0;
    let input: Vec<f64> = (0..4 * 48000).map(|i| (TAU * 1000.0 * (i as f64 - 96000.0) / rate).cos()).collect();
    let bell = || one("peak", 1000.0, 12.0, 1.0);
    let mut off = bell();
    off[1][0] = Value::Bool(false);
    for (name, from, to) in [
        ("gain", one("peak", 1000.0, 0.0, 1.0), one("peak", 1000.0, -12.0, 1.0)),
        ("gain up", one("peak", 1000.0, 0.0, 1.0), bell()),
        ("freq", one("peak", 300.0, 12.0, 1.0), one("peak", 3000.0, 12.0, 1.0)),
        ("freq", one("peak", 100.0, 12.0, 1.0), one("peak", 10000.0, 12.0, 1.0)),
        ("q", one("peak", 700.0, 12.0, 0.3), one("peak", 700.0, 12.0, 6.0)),
        ("type", one("lowshelf", 1000.0, 12.0, 0.7), one("highshelf", 1000.0, 12.0, 0.7)),
        ("off", bell(), off.clone()),
        ("on", off, bell()),
        ("lowcut", flat(1), one("lowcut", 1000.0, 0.0, 0.7)),
        ("highcut", one("highcut", 20000.0, 0.0, 0.7), one("highcut", 1000.0, 0.0, 0.7)),
    ] {
        let (outside, above) = splatter(rate, &through::<One32>(rate, &from, &[(96000, to)], &input));
        println!("{name}: {outside:.1} {above:.1}");
    }
}

#[test]
fn a_wild_low_pass_stays_in_bounds() {
    let rate = 48000.0;
    let low_pass = |freq: f64| one("highcut", freq, 0.0, 8.0);
    let input = tone(rate, 200.0, 1.0, 2 * 48000);
    let square: Vec<_> =
        (0..80).map(|i| ((rate * i as f64 / 40.0) as u64, low_pass(if i % 2 == 0 { 8000.0 } else { 100.0 }))).collect();
    // A 200 Hz sine, as fast as the control side may send: once a millisecond.
    let sine: Vec<_> = (0..2000)
        .map(|i| {
            let u = 0.5 + 0.5 * (TAU * 200.0 * i as f64 / 1000.0).sin();
            (48 * i as u64, low_pass(100.0 * 80f64.powf(u)))
        })
        .collect();
    for moves in [square, sine] {
        let out = through::<One32>(rate, &low_pass(100.0), &moves, &input);
        let peak = out.iter().fold(0f64, |m, x| m.max(x.abs()));
        println!("{:.2}", db(peak * peak));
    }
}

#[test]
fn low_notes_stay_clean_in_f32() {
    for rate in [44100.0, 48000.0, 96000.0, 192000.0] {
    let frames = 12 * rate as usize;
    let input = tone(rate, 20.0, 10f64.powf(-24.0 / 20.0), frames);
    for (f,g,q) in [(20.0,12.0,10.0),(20.0,24.0,20.0),(20.0,-12.0,10.0)] {
    let bell = one("peak", f,g,q);
    let noisy = through::<One32>(rate, &bell, &[], &input);
    let exact = through::<One64>(rate, &bell, &[], &input);
    // Whatever is left once the tone is fitted, over the last four seconds.
    let tail = frames - 4 * rate as usize;
    let residual = |x: &[f64]| {
        let (mut c, mut s, n) = (0.0, 0.0, (frames - tail) as f64);
        for (i, x) in x.iter().enumerate().skip(tail) {
            let (sin, cos) = (TAU * 20.0 * i as f64 / rate).sin_cos();
            (c, s) = (c + 2.0 * x * cos / n, s + 2.0 * x * sin / n);
        }
        let rest = x.iter().enumerate().skip(tail).map(|(i, x)| {
            let (sin, cos) = (TAU * 20.0 * i as f64 / rate).sin_cos();
            (x - c * cos - s * sin).powi(2)
        });
        (db((c*c+s*s)/2.0*2.0), db(2.0 * rest.sum::<f64>() / n))
    };
    println!("{rate} {f} {g} {q} f32 {:?}, f64 {:?}", residual(&noisy), residual(&exact));
    }}
}

#[test]
fn zz_gain() {
    let rate = 48000.0;
    let mut worst = (0.0f64, String::new());
    let kinds = [("peak", 12.0), ("lowshelf", 12.0), ("highshelf", 12.0), ("peak", -12.0), ("highcut", 0.0), ("lowcut", 0.0)];
    for (k1, g1) in kinds { for (k2, g2) in kinds { for (f1, f2) in [(100.0, 8000.0), (200.0, 400.0), (8000.0, 100.0), (3000.0,1000.0)] { for q in [0.7, 4.0] {
        let a = (1..=4).fold(flat(4), |v, b| with(v, b, k1, f1 * 1.3f64.powi(b as i32), g1, q));
        let b = (1..=4).fold(flat(4), |v, b| with(v, b, k2, f2 * 1.3f64.powi(b as i32), g2, q));
        for hz in [150.0, 500.0, 1500.0, 6000.0] {
            let most = response(&params(&a), rate, hz).max(response(&params(&b), rate, hz));
            let out = through::<One64>(rate, &a, &[(24000, b.clone())], &tone(rate, hz, 1.0, 48000));
            let peak = out.iter().fold(0f64, |m, x| m.max(x.abs()));
            let before = out[..23000].iter().fold(0f64, |m, x| m.max(x.abs()));
            let all = (0..200).map(|i| { let hz = 20.0*1000f64.powf(i as f64/200.0); response(&params(&a), rate, hz).max(response(&params(&b), rate, hz)) }).fold(-200.0, f64::max);
            let over = db(peak * peak) - all;
            if over > worst.0 { worst = (over, format!("{k1}{g1} {f1} -> {k2}{g2} {f2} q {q} at {hz}: {most:.1} before {:.1}", db(before*before))); println!("{worst:?}"); }
        }
    }}}}
}
