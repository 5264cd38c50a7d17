use super::*;
use crate::lanes::{One32, One64, Pair};
use crate::meter::Figures;
use crate::param::Value;
use crate::proc::PartValues;
use crate::ramp::Curve;

const RATE: f64 = 48000.0;
type Two = Pair<One32>;

fn targets(on: bool, group: i64, weight: f64) -> Targets {
    let values = [Value::Bool(on), Value::Int(group), Value::Float(weight)];
    Automix::coeffs(0, &Params { parts: vec![PartValues { decls: Automix::PARTS[0].decls, values: &values }] }, RATE)
}

/// Strips in banks of two lanes, all in group 1.
struct Desk {
    banks: Vec<Bank<Two>>,
    frame: u64,
    /// Banks run last to first.
    backwards: bool,
}

impl Desk {
    fn new(strips: usize) -> Desk {
        let curve = Curve::new(RATE);
        let talkers = Arc::new(Talkers::new(strips));
        let bank = |b: usize| {
            let mut bank = Automix::build::<Two>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
            for lane in (0..2).filter(|lane| 2 * b + lane < strips) {
                bank.join(
                    lane,
                    &Outside {
                        talkers: &talkers,
                        slot: 2 * b + lane,
                        sides: 1,
                        told: &Figures::default(),
                        impulse: None,
                        tape: None,
                    },
                );
                bank.set(0, lane, &targets(true, 1, 0.0), When::Jump);
            }
            bank
        };
        Desk { banks: (0..strips.div_ceil(2)).map(bank).collect(), frame: 0, backwards: false }
    }

    fn set(&mut self, strip: usize, to: &Targets) {
        let at = When::At(self.frame);
        self.banks[strip / 2].set(0, strip % 2, to, at);
    }

    /// Runs for some frames in pieces of `block`; `awake` says which banks run. Gives the outputs.
    fn run(
        &mut self,
        frames: usize,
        block: usize,
        awake: impl Fn(usize) -> bool,
        sound: impl Fn(usize, u64) -> f64,
    ) -> Vec<Vec<f64>> {
        let mut out = vec![Vec::new(); 2 * self.banks.len()];
        let mut left = frames;
        while left > 0 {
            let n = block.min(BLOCK - (self.frame % 64) as usize).min(left);
            let count = self.banks.len();
            for b in (0..count).map(|b| if self.backwards { count - 1 - b } else { b }) {
                let at = |i: u64| Two::from_fn(|lane| sound(2 * b + lane, self.frame + i));
                let mut io: Vec<Two> = (0..n as u64).map(at).collect();
                if awake(b) {
                    let mut ctx = Ctx::new(self.frame, Two::mask(0));
                    self.banks[b].run(&mut ctx, &mut io);
                }
                for lane in 0..2 {
                    out[2 * b + lane].extend(io.iter().map(|x| x.get(lane)));
                }
            }
            self.frame += n as u64;
            left -= n;
        }
        out
    }
}

fn tone(strip: usize, frame: u64, db: f64) -> f64 {
    let hz = 300.0 + 170.0 * strip as f64;
    10f64.powf(db / 20.0) * (std::f64::consts::TAU * hz * frame as f64 / RATE).sin()
}

/// Gain in every frame, of a strip that plays a constant.
fn gains(out: &[f64], level: f64) -> Vec<f64> {
    out.iter().map(|y| y / level).collect()
}

#[test]
fn the_gains_of_a_group_add_to_one_in_every_frame() {
    for talkers in 1..=8 {
        let mut desk = Desk::new(8);
        // Levels that change all the time, told by a constant that tells the gain.
        let level =
            |s: usize, f: u64| if s < talkers { 0.1 + 0.08 * (f as f64 * (0.0003 + 0.0002 * s as f64)).sin() } else { 1e-5 };
        let out = desk.run(48000, 64, |_| true, level);
        for i in (4800..48000).step_by(37) {
            let sum: f64 = (0..8).map(|s| out[s][i] / level(s, i as u64)).sum();
            assert!((20.0 * sum.log10()).abs() < 0.01, "{talkers} talkers, frame {i}: {sum}");
        }
    }
}

#[test]
fn one_talker_has_the_gain_and_an_idle_microphone_is_well_down() {
    let mut desk = Desk::new(3);
    let db = [-20.0, -20.0, -60.0];
    desk.run(48000, 64, |_| true, |s, f| tone(s, f, db.get(s).copied().unwrap_or(-300.0)));
    let idle = desk.banks[1].lanes[0].gains[2];
    let talking = desk.banks[0].lanes[0].gains[2];
    assert!(20.0 * idle.log10() < -40.0, "{idle}");
    assert!((20.0 * talking.log10() + 6.02).abs() < 0.2, "{talking}");
}

#[test]
fn weight_gives_precedence() {
    let mut desk = Desk::new(2);
    desk.set(1, &targets(true, 1, 12.0));
    desk.run(48000, 64, |_| true, |s, f| tone(s, f, -20.0));
    let [a, b] = [0, 1].map(|l| desk.banks[0].lanes[l].gains[2]);
    assert!((20.0 * (b / a).log10() - 12.0).abs() < 0.1, "{a} {b}");
}

#[test]
fn groups_do_not_hear_each_other() {
    let mut desk = Desk::new(2);
    desk.set(1, &targets(true, 2, 0.0));
    let out = desk.run(48000, 64, |_| true, |s, f| tone(s, f, -20.0));
    for (s, out) in out.iter().enumerate().take(2) {
        let same = (24000..48000).all(|f| out[f] == f64::from(tone(s, f as u64, -20.0) as f32));
        assert!(same, "strip {s}");
    }
}

#[test]
fn alone_or_off_is_bit_exact() {
    let mut desk = Desk::new(2);
    desk.set(1, &targets(false, 1, 0.0));
    desk.run(4800, 64, |_| true, |s, f| tone(s, f, -20.0));
    let from = desk.frame;
    let out = desk.run(4800, 64, |_| true, |s, f| tone(s, f, -20.0));
    for (s, out) in out.iter().enumerate().take(2) {
        assert!((0..4800).all(|i| out[i] == f64::from(tone(s, from + i as u64, -20.0) as f32)), "strip {s}");
    }
}

#[test]
fn neither_the_period_nor_the_order_of_banks_shows() {
    let run = |block: usize, backwards: bool| {
        let mut desk = Desk::new(5);
        desk.backwards = backwards;
        let sound = |s: usize, f: u64| tone(s, f, -20.0 - 10.0 * ((f / 7000 + s as u64) % 4) as f64);
        let mut out = desk.run(10_001, block, |_| true, sound);
        desk.set(2, &targets(true, 1, 9.0));
        desk.set(3, &targets(true, 2, 0.0));
        for (all, more) in out.iter_mut().zip(desk.run(20_000, block, |_| true, sound)) {
            all.extend(more);
        }
        out
    };
    let one = run(64, false);
    for (block, backwards) in [(1, false), (17, true), (64, true)] {
        assert!(one == run(block, backwards), "{block}");
    }
}

#[test]
fn gains_move_without_a_zipper() {
    // The second starts to talk: the gain of the first falls, told by a constant.
    let mut desk = Desk::new(2);
    let sound = |s: usize, f: u64| {
        if s == 0 {
            0.25
        } else if f < 12_000 {
            0.0
        } else {
            tone(1, f, -10.0)
        }
    };
    let out = desk.run(36_000, 64, |_| true, sound);
    let gain = gains(&out[0], 0.25);
    let bend = gain[4800..].windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]).abs()).fold(0.0, f64::max);
    // A step of the gain would bend by itself; a kink of straight lines over 64 frames by a hundredth.
    assert!(bend < 3e-4, "{bend}");
    assert!(gain[35_999] < 0.6 && gain[11_000] > 0.99);
}

#[test]
fn who_sleeps_is_silent_to_the_others_and_wakes_with_a_sensible_gain() {
    let mut desk = Desk::new(4);
    desk.run(4 * 48_000, 64, |_| true, |s, f| if s < 2 && f < 1000 { tone(s, f, -20.0) } else { 0.0 });
    assert!((0..2).all(|lane| desk.banks[1].rest(lane)));
    // Bank 1 sleeps while strip 0 talks: nothing changes for it.
    let out = desk.run(48_000, 64, |b| b == 0, |s, _| if s == 0 { 0.1 } else { 0.0 });
    assert!((gains(&out[0], 0.1)[47_999] - 1.0).abs() < 0.01);
    // It wakes: its own gain is small at first, and a third of a second later it has its share.
    let out = desk.run(48_000, 64, |_| true, |s, _| if s == 0 || s == 2 { 0.1 } else { 0.0 });
    let gain = gains(&out[2], 0.1);
    assert!(gain[0] < 0.1 && (gain[16_000] - 0.5).abs() < 0.02, "{} {}", gain[0], gain[16_000]);
}

#[test]
fn all_silent_share_equally() {
    let mut desk = Desk::new(4);
    desk.run(6 * 48_000, 64, |_| true, |s, f| if f < 9000 { tone(s, f, -10.0 * s as f64) } else { 0.0 });
    for b in &desk.banks {
        assert!(b.lanes.iter().all(|l| (l.gains[2] - 0.25).abs() < 1e-9));
    }
}

#[test]
fn a_lane_that_is_carried_goes_on_and_is_not_counted_twice() {
    let sound = |s: usize, f: u64| tone(s, f, -20.0);
    let mut whole = Desk::new(2);
    let want = whole.run(20_000, 64, |_| true, sound);
    let mut old = Desk::new(2);
    old.run(10_010, 17, |_| true, sound);
    let mut new = Desk::new(3);
    new.frame = old.frame;
    // Strip 1 goes to another bank, where a third is off.
    new.banks[0].carry(0, &old.banks[0], 0);
    new.banks[1].carry(0, &old.banks[0], 1);
    new.banks[0].set(0, 1, &targets(false, 1, 0.0), When::Jump);
    let moved = |s: usize, f: u64| sound(if s == 2 { 1 } else { 0 }, f);
    let out = new.run(9_990, 64, |_| true, moved);
    assert!(out[0] == want[0][10_010..] && out[2] == want[1][10_010..]);
}

#[test]
fn a_side_of_a_stereo_strip_follows_the_louder_one() {
    let curve = Curve::new(RATE);
    let talkers = Arc::new(Talkers::new(2));
    let mut bank = Automix::build::<Pair<One64>>(&Build { rate: RATE, curve: &curve, lanes: &[], seeds: &[] });
    for lane in 0..2 {
        bank.join(lane, &Outside { talkers: &talkers, slot: 0, sides: 2, told: &Figures::default(), impulse: None, tape: None });
        bank.set(0, lane, &targets(true, 1, 0.0), When::Jump);
    }
    talkers.sleeps_with(1, &std::array::from_fn(|g| if g == 0 { 0.05 } else { 0.0 }));
    let mut io = vec![Pair::<One64>::zero(); 64];
    for block in 0..500 {
        io.iter_mut().for_each(|x| *x = Pair::<One64>::from_fn(|l| [0.1, 0.001][l]));
        let mut ctx = Ctx::new(block * 64, Pair::<One64>::mask(3));
        bank.run(&mut ctx, &mut io);
    }
    let [l, r] = [io[63].get(0) / 0.1, io[63].get(1) / 0.001];
    assert!((l / r - 1.0).abs() < 1e-9 && (l - 2.0 / 3.0).abs() < 0.01, "{l} {r}");
}

#[test]
fn a_sample_that_is_none_is_forgotten() {
    let mut desk = Desk::new(2);
    desk.run(640, 64, |_| true, |s, _| if s == 0 { f64::NAN } else { 0.1 });
    desk.banks[0].clear(0);
    let out = desk.run(48_000, 64, |_| true, |_, _| 0.1);
    assert!(out.iter().all(|o| (o[47_999] - 0.05).abs() < 1e-3));
}
