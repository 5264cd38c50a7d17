//! The figures below `/status`: asked, subscribed, reset.

use super::bench::{Bench, SECOND, STEP, f};
use headroom_dsp::tree::status::{Group, STATUS};
use rosc::OscType;

#[test]
fn every_figure_of_the_table_answers_and_takes_no_set() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    for (path, _) in STATUS.iter().flat_map(Group::paths) {
        bench.run(STEP);
        bench.ask(one, &format!("/status/{path}"));
    }
    assert_eq!(bench.ask(one, "/status/backend"), OscType::String("bench".into()));
    assert_eq!(bench.ask(one, "/status/bank/1/strips"), OscType::String("kick".into()));
    bench.send(one, "/status/xruns", &[f(0.0)]);
    bench.run(STEP);
    assert!(bench.heard(one).iter().any(|(address, _)| address == "/error"));
}

#[test]
fn a_figure_is_told_when_it_changes_and_only_to_those_who_spell_status() {
    let mut bench = Bench::new();
    let (one, two, three) = (bench.client(1), bench.client(2), bench.client(3));
    bench.subscribe(two, &["/status/*".into()]);
    bench.subscribe(three, &["//".into()]);
    let before = bench.number(two, "/status/sets");
    bench.send(one, "/ch/1/fader", &[f(-3.0)]);
    bench.run(SECOND);
    let heard = bench.heard(two);
    let sets = heard.iter().rfind(|h| h.0 == "/status/sets").expect("it was told");
    assert_eq!(sets.1, [OscType::Int(before as i32 + 1)]);
    assert!(heard.iter().all(|h| !h.0.starts_with("/ch")));
    assert!(bench.heard(three).iter().all(|h| !h.0.starts_with("/status")));
    // Who does not subscribe to them causes no revisions by them.
    bench.send(two, "/unsubscribe", &[]);
    bench.run(SECOND);
    let revision = bench.number(one, "/status/revision");
    bench.run(3 * SECOND);
    assert_eq!(bench.number(one, "/status/revision"), revision);
}

#[test]
fn banks_cost_something_until_their_costs_are_reset() {
    let mut bench = Bench::new();
    let one = bench.client(1);
    bench.play(0.5);
    bench.run(2 * SECOND);
    let load = bench.number(one, "/status/bank/1/load");
    assert!(load > 0.0 && load < 1e4, "{load}");
    bench.send(one, "/status/reset", &[]);
    assert_eq!(bench.number(one, "/status/bank/1/load"), 0.0);
    // A button that is let go does nothing, and there is one message with all of it.
    bench.run(SECOND);
    bench.send(one, "/status/reset", &[f(0.0)]);
    assert!(bench.number(one, "/status/bank/1/load") > 0.0);
    bench.send(one, "/status", &[]);
    let words = bench.heard(one).into_iter().find(|h| h.0 == "/status").expect("an answer").1;
    for name in ["running", "process-p99", "kernel-dropped", "state-error", "cause-server"] {
        assert!(words.contains(&OscType::String(name.into())), "{name}");
    }
    assert!(!words.contains(&OscType::String("ledger-1".into())));
}
