use super::*;
use crate::kernel::talkers::Talkers;
use crate::lanes::{One32, Pair};
use crate::meter::Latest;
use crate::param::Value;
use crate::proc::PartValues;
use crate::ramp::Curve;
use std::f64::consts::TAU;
use std::sync::Arc;

const RATE: f64 = 48_000.0;
type Two = Pair<One32>;

fn targets(release: f64, hold: bool, clear: bool) -> Targets {
    let values = [Value::Bool(true), Value::Float(0.5), Value::Float(release), Value::Bool(hold), Value::Bool(clear)];
    Feedback::coeffs(0, &Params { parts: vec![PartValues { decls: Feedback::PARTS[0].decls, values: &values }] }, RATE)
}

struct Strips {
    bank: Bank<Two>,
    told: Figures,
    frame: u64,
    pairs: u32,
}

impl Strips {
    fn new(to: &Targets) -> Strips {
        let curve = Curve::new(RATE);
        let mut bank = Feedback::build::<Two>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[0, 7 << 8] });
        let told: Figures = (0..2 * NOTCHES).map(|_| Latest::default()).collect();
        let talkers = Arc::new(Talkers::default());
        bank.join(0, &Outside { talkers: &talkers, slot: 0, sides: 1, told: &told, impulse: None, tape: None });
        (0..2).for_each(|lane| bank.set(0, lane, to, When::Jump));
        Strips { bank, told, frame: 0, pairs: 0 }
    }

    /// Both lanes through the bank.
    fn run(&mut self, seconds: f64, piece: usize, sound: impl Fn(usize, f64) -> f64) -> [Vec<f64>; 2] {
        let mut out = [Vec::new(), Vec::new()];
        let mut left = (seconds * RATE) as usize;
        while left > 0 {
            let n = piece.min(BLOCK - (self.frame % 64) as usize).min(left);
            let at = |i: usize| Two::from_fn(|lane| sound(lane, (self.frame + i as u64) as f64 / RATE));
            let mut io: Vec<Two> = (0..n).map(at).collect();
            let mut ctx = Ctx::new(self.frame, Two::mask(self.pairs));
            self.bank.run(&mut ctx, &mut io);
            out.iter_mut().enumerate().for_each(|(lane, out)| out.extend(io.iter().map(|x| x.get(lane))));
            self.frame += n as u64;
            left -= n;
        }
        out
    }

    fn figures(&self) -> Vec<(f32, f32)> {
        self.told.chunks(2).map(|c| (c[0].get(), c[1].get())).filter(|c| c.0 > 0.0).collect()
    }
}

/// A tone that grows by 12 dB/s from −50 dBFS at a time, to −14.
fn ringing(hz: f64, t: f64) -> f64 {
    10f64.powf((-50.0 + 12.0 * t.min(3.0)) / 20.0) * (TAU * hz * t).sin()
}

fn level(x: &[f64]) -> f64 {
    10.0 * (2.0 * x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).log10()
}

#[test]
fn a_ringing_tone_is_notched_and_told_and_others_are_not() {
    let mut strips = Strips::new(&targets(60.0, false, false));
    let steady = |t: f64| 0.05 * (TAU * 700.0 * t).sin();
    let out = strips.run(4.0, 64, |lane, t| if lane == 0 { ringing(1000.0, t) } else { steady(t) });
    let told = strips.figures();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((f64::from(told[0].0) / 1000.0).log2().abs() < 1.0 / 48.0 && told[0].1 <= -12.0, "{told:?}");
    assert!(level(&out[0][180_000..]) < -14.0 - 10.0, "{}", level(&out[0][180_000..]));
    let untouched = out[1].iter().enumerate().all(|(i, y)| *y == f64::from(steady(i as f64 / RATE) as f32));
    assert!(untouched);
}

#[test]
fn a_notch_is_released_in_time_unless_held() {
    for (hold, left) in [(false, 0), (true, 1)] {
        let mut strips = Strips::new(&targets(2.0, hold, false));
        let end = |_: usize, t: f64| if t < 3.0 { ringing(1000.0, t) } else { 0.05 * (TAU * 300.0 * t).sin() };
        strips.run(3.5, 64, end);
        assert_eq!(strips.figures().len(), 1);
        let out = strips.run(3.0, 64, end);
        assert_eq!(strips.figures().len(), left, "hold {hold}");
        if !hold {
            let from = strips.frame as usize - 4800;
            let exact = |i: usize| f64::from(end(0, (from + i) as f64 / RATE) as f32);
            assert!(out[0][out[0].len() - 4800..].iter().enumerate().all(|(i, y)| *y == exact(i)));
        }
    }
}

#[test]
fn clear_lets_go_of_all() {
    let mut strips = Strips::new(&targets(60.0, true, false));
    strips.run(3.0, 64, |_, t| ringing(1000.0, t) + ringing(2310.0, t));
    assert_eq!(strips.figures().len(), 2, "{:?}", strips.figures());
    strips.bank.set(0, 0, &targets(60.0, true, true), When::At(strips.frame));
    strips.run(0.1, 64, |_, t| ringing(1000.0, t));
    assert!(strips.figures().is_empty());
}

#[test]
fn a_ninth_takes_the_place_of_the_quietest() {
    let mut strip = Strips::new(&targets(60.0, false, false)).bank.strips[0].take().expect("a strip");
    for i in 0..9u64 {
        strip.place(200.0 * 1.5f64.powi(i as i32), 1000 * i);
    }
    assert!((strip.notches[0].hz - 200.0 * 1.5f64.powi(8)).abs() < 1e-6);
    for _ in 0..5 {
        strip.place(300.0, 20_000);
    }
    assert_eq!((strip.notches[1].depth, strip.notches[1].rang), (MOST_DB, 20_000));
    assert_eq!(strip.place(303.0, 21_000), None);
}

#[test]
fn any_period_gives_the_same_and_so_does_one_that_goes_on() {
    let sound = |lane: usize, t: f64| ringing(1000.0, t) * if lane == 0 { 1.0 } else { 0.5 };
    let mut one = Strips::new(&targets(60.0, false, false));
    let want = one.run(3.0, 64, sound);
    for piece in [1, 17] {
        let mut other = Strips::new(&targets(60.0, false, false));
        assert!(want == other.run(3.0, piece, sound), "{piece}");
    }
    let mut old = Strips::new(&targets(60.0, false, false));
    old.run(1.6667, 64, sound);
    let mut new = Strips::new(&targets(60.0, false, false));
    new.frame = old.frame;
    (0..2).for_each(|lane| new.bank.carry(lane, &old.bank, lane));
    let at = old.frame as usize;
    let rest = new.run(3.0 - at as f64 / RATE, 64, sound);
    assert!((0..2).all(|lane| rest[lane][..] == want[lane][at..at + rest[lane].len()]));
}

#[test]
fn the_sides_of_a_stereo_strip_share_their_notches() {
    let mut strips = Strips::new(&targets(60.0, false, false));
    strips.pairs = 3;
    let out = strips.run(4.0, 64, |lane, t| if lane == 0 { 0.0 } else { ringing(1000.0, t) });
    assert_eq!(strips.figures().len(), 1);
    assert!(level(&out[1][180_000..]) < -24.0);
}
