use super::*;
use crate::lanes::*;
use crate::param::Value;
use crate::proc::{PartValues, Running};
use crate::ramp::Curve;
use measure::*;

const DECLS: &[Decl] = Reverb::PARTS[0].decls;

/// The defaults, but for what is given.
fn values(with: &[(&str, f64)]) -> Vec<Value> {
    let value = |d: &Decl| match with.iter().find(|(path, _)| *path == d.path) {
        Some((_, x)) => Value::Float(*x),
        None => d.default(),
    };
    DECLS.iter().map(value).collect()
}

fn targets(with: &[(&str, f64)], rate: f64) -> Targets {
    let values = values(with);
    Reverb::coeffs(0, &Params { parts: vec![PartValues { decls: DECLS, values: &values }] }, rate)
}

/// A bank with a stereo strip in lanes 0 and 1 (mono in all lanes where `stereo` is not set).
fn bank<L: Lanes>(rate: f64, stereo: bool, seeds: &[u64]) -> Box<dyn Running<L>> {
    let curve = Curve::new(rate);
    let values = values(&[]);
    let params = || Some(Params { parts: vec![PartValues { decls: DECLS, values: &values }] });
    let lanes: Vec<_> = (0..if stereo { L::N } else { 0 }).map(|_| params()).collect();
    Box::new(Reverb::build::<L>(&Build { rate, curve: &curve, lanes: &lanes, seeds }))
}

fn render<L: Lanes>(p: &mut dyn Running<L>, pairs: u32, from: u64, block: usize, io: &mut [L]) {
    let mut frame = from;
    for io in io.chunks_mut(block) {
        let mut ctx = Ctx { frame, pairs: L::mask(pairs), key: None, reduction: L::zero() };
        p.process(&mut ctx, io);
        frame += io.len() as u64;
    }
}

type Two = Pair<One64>;

/// Impulse response of a stereo strip to an impulse on the left (gain `l`) and right (`r`).
fn response(with: &[(&str, f64)], rate: f64, seconds: f64, l: f64, r: f64) -> [Vec<f64>; 2] {
    let mut p = bank::<Two>(rate, true, &[7, 7]);
    let to = targets(with, rate);
    (0..2).for_each(|lane| p.set(0, lane, &to, When::Jump));
    let mut io = vec![Two::zero(); (seconds * rate) as usize];
    io[0] = Pair(One64(l), One64(r));
    render(&mut *p, 0b11, 0, 64, &mut io);
    [io.iter().map(|v| v.0.0).collect(), io.iter().map(|v| v.1.0).collect()]
}

#[test]
fn figures() {
    for rate in [44100.0, 48000.0, 96000.0] {
        for (kind, name) in ["hall", "plate", "room"].iter().enumerate() {
            for time in [0.3, 0.5, 1.8, 6.0] {
                let with = [("type", kind as f64), ("time", time), ("damping", 0.0)];
                let [l, r] = response(&with, rate, 1.6 * time + 0.8, 1.0, 0.0);
                let bands: Vec<String> = [250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
                    .iter()
                    .map(|&hz| format!("{:+.1}", 100.0 * (t30(&octave(&l, rate, hz), rate) / time - 1.0)))
                    .collect();
                let with = [("type", kind as f64), ("time", time)];
                let [dl, _] = response(&with, rate, 1.6 * time + 0.8, 1.0, 0.0);
                let damped: Vec<String> = [250.0, 500.0, 1000.0, 4000.0, 8000.0]
                    .iter()
                    .map(|&hz| format!("{:+.1}", 100.0 * (t30(&octave(&dl, rate, hz), rate) / time - 1.0)))
                    .collect();
                let late: f64 = (0..40).map(|i| echo_density(&dl, rate, 0.2 + 0.005 * i as f64)).sum::<f64>() / 40.0;
                let first = (1..400).map(|i| i as f64 * 0.001).find(|&t| t > 0.02 && echo_density(&dl, rate, t) >= 0.9);
                let lines: Vec<String> = [0.34, 0.68, 1.36, 2.7]
                    .iter()
                    .map(|&s| {
                        if 0.2 + s < 1.5 * time + 0.7 {
                            format!("{:.1}", largest_line(&l, rate, time, 0.2, s))
                        } else {
                            "-".into()
                        }
                    })
                    .collect();
                let from = (0.12 * rate) as usize;
                let to = (time.min(2.0) * rate + 0.1 * rate) as usize;
                let energy = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
                println!(
                    "{rate} {name} {time}: T30 {} | damped {} | NED {late:.3} {:.0} ms | line {} | corr {:+.3} | E {:.2} {:.2}",
                    bands.join(" "),
                    damped.join(" "),
                    first.unwrap_or(9.9) * 1000.0,
                    lines.join(" "),
                    correlation(&l[from..to], &r[from..to]),
                    energy(&l),
                    energy(&r)
                );
            }
        }
    }
}
