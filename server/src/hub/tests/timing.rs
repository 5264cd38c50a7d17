//! Bundles with a time, and pings.

use super::bench::{Bench, RATE, SECOND, STEP, f, message};
use rosc::OscType;

/// Frames at which the output begins to move after a rest, looked for from a frame on.
fn moves(output: &[f64], from: usize) -> Vec<usize> {
    let moving: Vec<usize> = (from..output.len()).filter(|i| output[*i] != output[i - 1]).collect();
    let after_rest = |k: &usize| *k == 0 || moving[*k] - moving[k - 1] > 2000;
    (0..moving.len()).filter(after_rest).map(|k| moving[k]).collect()
}

#[test]
fn a_bundle_takes_effect_at_its_frame() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.play(0.5);
    bench.run(SECOND / 2);
    let from = bench.output().len();
    let begin = bench.now;
    // Not on the border of a period, 250 ms apart, and sent in the wrong order.
    bench.later(one, 400 * STEP + 313_000, &[message("/ch/1/fader", &[f(-20.0)]), message("/ch/2/fader", &[f(-20.0)])]);
    bench.later(one, 150 * STEP + 313_000, &[message("/ch/1/fader", &[f(-6.0)]), message("/ch/2/fader", &[f(-6.0)])]);
    bench.run(100 * STEP);
    assert_eq!(bench.number(one, "/ch/1/fader"), 0.0);
    bench.run(70 * STEP);
    assert_eq!(bench.number(one, "/ch/1/fader"), -6.0);
    bench.run(SECOND / 2);
    assert_eq!(bench.number(one, "/ch/2/fader"), -20.0);
    let due = |after: u64| ((begin + after) * RATE / SECOND) as usize;
    let moved = moves(bench.output(), from);
    assert_eq!(moved.len(), 2, "{moved:?}");
    for (moved, due) in moved.iter().zip([due(150 * STEP + 313_000), due(400 * STEP + 313_000)]) {
        // A ramp's first steps are too small to see.
        assert!((due..due + 5).contains(moved), "{moved} for {due}");
    }
    assert!((moved[1] - moved[0]).abs_diff(RATE as usize / 4) <= 2);
    assert_eq!(bench.hub.mixer.projected.len(), 2);
}

#[test]
fn others_are_told_when_it_takes_effect() {
    let mut bench = Bench::new();
    let (one, two) = (bench.client(1), bench.client(2));
    bench.subscribe(two, &["/ch/1/fader".into()]);
    bench.later(one, 100 * STEP, &[message("/ch/1/fader", &[f(-6.0)]), message("/ch/1/nothing", &[f(1.0)])]);
    bench.run(99 * STEP);
    assert_eq!(bench.heard(two), []);
    assert_eq!(bench.heard(one), []);
    bench.run(20 * STEP);
    assert_eq!(bench.heard(two), [("/ch/1/fader".into(), vec![f(-6.0)])]);
    // A failed message gets its error, the rest holds.
    assert_eq!(bench.heard(one)[0].0, "/error");
}

#[test]
fn a_plain_set_holds_until_the_frame_of_a_bundle() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.play(0.5);
    bench.run(SECOND / 2);
    let level = bench.output().last().copied().unwrap();
    bench.later(one, 100 * STEP, &[message("/ch/*/fader", &[f(-40.0)])]);
    bench.run(95 * STEP);
    assert_eq!(bench.hub.mixer.projected.len(), 1);
    bench.send(one, "/ch/*/fader", &[f(-1.0)]);
    assert_eq!(bench.number(one, "/ch/1/fader"), -1.0);
    bench.run(SECOND / 2);
    assert_eq!(bench.number(one, "/ch/1/fader"), -40.0);
    let now = bench.output().last().copied().unwrap();
    assert!((20.0 * (now / level).log10() + 40.0).abs() < 0.01, "values and engine agree");
}

#[test]
fn a_plain_set_behind_the_frame_of_a_bundle_wins() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.play(0.5);
    bench.run(SECOND / 2);
    let level = bench.output().last().copied().unwrap();
    bench.later(one, 100 * STEP, &[message("/ch/*/fader", &[f(-40.0)])]);
    // The hub's own values have not followed yet.
    bench.run(101 * STEP);
    assert_eq!(bench.number(one, "/ch/1/fader"), 0.0);
    bench.send(one, "/ch/*/fader", &[f(-1.0)]);
    bench.run(SECOND / 2);
    assert_eq!(bench.number(one, "/ch/1/fader"), -1.0);
    let now = bench.output().last().copied().unwrap();
    assert!((20.0 * (now / level).log10() + 1.0).abs() < 0.01, "values and engine agree");
}

#[test]
fn what_was_handed_follows_other_sets_of_its_strip() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.play(0.5);
    bench.run(SECOND / 2);
    bench.later(one, 100 * STEP, &[message("/ch/*/pan", &[f(0.0)]), message("/ch/*/trim", &[f(-6.0)])]);
    bench.run(93 * STEP);
    bench.send(one, "/ch/*/fader", &[f(-10.0)]);
    bench.run(SECOND / 2);
    let tail = &bench.output()[RATE as usize / 4..];
    // The fader never goes back up.
    assert!(tail.windows(2).all(|w| w[1] <= w[0] + 1e-6));
}

#[test]
fn a_new_network_keeps_what_was_handed() {
    let text =
        "[[channel]]\nname = \"A\"\nchain = []\n[[channel]]\nname = \"B\"\nchain = [\"comp\"]\n[main]\nchain = [\"limiter\"]\n";
    let mut bench = Bench::of(text);
    let one = bench.client(1);
    bench.play(0.01);
    bench.run(SECOND / 2);
    let begin = bench.now;
    bench.later(one, 100 * STEP, &[message("/ch/*/fader", &[f(-6.0)])]);
    bench.run(90 * STEP);
    // The limiter's latency belongs to the schedule.
    bench.send(one, "/main/limiter/lookahead", &[f(3.0)]);
    bench.run(SECOND / 2);
    assert_eq!(bench.number(one, "/ch/2/fader"), -6.0);
    let latency = bench.number(one, "/main/latency") as usize;
    let output = bench.output();
    let due = ((begin + 100 * STEP) * RATE / SECOND) as usize + latency;
    // Old and new are crossfaded meanwhile, and carry the same: nothing moves before it is due.
    let moved = moves(output, due - 2000);
    assert!(moved.iter().any(|m| (due - 200..due + 5).contains(m)), "{moved:?} for {due}");
    assert!((20.0 * (output[output.len() - 1] / output[due - 2000]).log10() + 6.0).abs() < 0.05);
}

#[test]
fn late_bundles_run_at_once_and_are_counted() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.run(SECOND);
    let late = bench.hub.counters().late;
    let begin = bench.now;
    bench.now -= SECOND / 2;
    bench.later(one, 0, &[message("/ch/1/fader", &[f(-6.0)]), message("/ch/1/pan", &[f(0.5)])]);
    bench.now = begin;
    assert_eq!(bench.number(one, "/ch/1/fader"), -6.0);
    assert_eq!(bench.hub.counters().late, late + 1);
}

#[test]
fn too_far_and_too_many_are_errors() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    let set = message("/ch/1/fader", &[f(-6.0)]);
    bench.later(one, 61 * SECOND, std::slice::from_ref(&set));
    assert_eq!(bench.heard(one)[0].0, "/error");
    bench.later(one, 59 * SECOND, std::slice::from_ref(&set));
    assert_eq!(bench.heard(one), []);
    for _ in 1..4096 {
        bench.later(one, 30 * SECOND, std::slice::from_ref(&set));
    }
    assert_eq!(bench.heard(one), []);
    bench.later(one, 30 * SECOND, std::slice::from_ref(&set));
    assert_eq!(bench.heard(one)[0].0, "/error");
    bench.bundle(one, &vec![set.clone(); 4096]);
    assert_eq!(bench.heard(one), []);
    bench.bundle(one, &vec![message("/ch/1/fader", &[f(-8.0)]); 4097]);
    assert_eq!(bench.heard(one)[0].0, "/error");
    assert_eq!(bench.number(one, "/ch/1/fader"), -6.0);
}

#[test]
fn many_bundles_close_together_all_take_effect() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    for n in 0..1000u64 {
        bench.later(one, 100 * STEP + n * 20_000, &[message("/ch/1/fader", &[f(-(n as f32) / 100.0)])]);
    }
    bench.run(SECOND / 2);
    assert_eq!(bench.number(one, "/ch/1/fader"), -9.99);
    assert_eq!(bench.ask(one, "/ch/1/mute"), OscType::Int(0));
}

#[test]
fn a_ping_comes_back_when_the_engine_has_what_was_set() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.run(SECOND / 10);
    bench.send(one, "/ch/1/fader", &[f(-6.0)]);
    bench.send(one, "/ping", &[OscType::Int(3), "x".into()]);
    bench.turn();
    assert_eq!(bench.heard(one), []);
    bench.run(3 * STEP);
    assert_eq!(bench.heard(one), [("/ping".into(), vec![OscType::Int(3), "x".into()])]);
    // With nothing under way at the next turn.
    bench.run(SECOND / 10);
    bench.send(one, "/ping", &[]);
    bench.turn();
    assert_eq!(bench.heard(one).len(), 1);
}
