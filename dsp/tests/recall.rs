//! Many values at once, at once or over time: what an engineer hears of a recall.

mod common;

use common::*;
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Access, Kind, Value};
use headroom_dsp::tree::{Owner, ParamId};

const RATE: f64 = 48_000.0;

/// Channels with their default chains, two wedges, a stereo main.
fn stage(channels: usize) -> GraphSpec {
    let mut strips: Vec<_> = (0..channels).map(|i| strip(StripKind::Channel, i + 1, &format!("c{}", i + 1), false)).collect();
    for i in 0..2 {
        strips.push(with_chain(strip(StripKind::Aux, i + 1, &format!("w{}", i + 1), false), &["eq"]));
    }
    strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &["eq", "glue"]));
    wire(strips)
}

/// All values of strips that may be recalled, each somewhere in its range; structural ones stay.
fn scene(c: &Console, seed: u64) -> Vec<(ParamId, Value)> {
    let mut x = seed | 1;
    let mut next = || {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 33) as f64 / f64::from(1u32 << 31)
    };
    let tree = c.desk.tree();
    let of = |(i, e): (usize, &headroom_dsp::tree::Entry)| {
        let place = next();
        let plain = e.decl.access == Access::Write && !e.decl.structural && !e.decl.momentary && e.owner != Owner::Console;
        // What feeds back or boosts without bound says nothing about movement.
        let quiet = matches!(e.decl.path, "trim" | "gain" | "makeup" | "compensation" | "delay");
        let place = if quiet { 0.45 + 0.1 * place } else { 0.2 + 0.6 * place };
        (plain && !matches!(e.decl.kind, Kind::Text { .. })).then(|| (ParamId(i as u32), e.decl.from_norm(place)))
    };
    tree.entries().iter().enumerate().filter_map(of).collect()
}

fn recall(c: &mut Console, values: &[(ParamId, Value)], fade: Option<(f64, Shape)>) {
    let now = c.engine.frame();
    c.desk.recall(values, fade, now, &mut Vec::new());
    c.flush(None);
}

#[test]
fn what_moves_together_arrives_where_a_jump_would_have_gone() {
    let frames = 4 * 48_000;
    let render = |fade: Option<(f64, Shape)>| {
        let inputs = (0..8).map(|i| noise(i + 1, frames).iter().map(|x| x * 0.1).collect()).collect();
        let mut c = Console::new(stage(8), RATE, inputs);
        let (one, two) = (scene(&c, 1), scene(&c, 2));
        recall(&mut c, &one, None);
        c.run(9600, 64);
        recall(&mut c, &two, fade);
        c.run(2 * 48_000, 64);
        // Gains and coefficients are the scene's: what forgets its past sounds the same.
        let neutral: Vec<_> = two.iter().filter(|(id, _)| c.desk.tree().entry(*id).decl.path == "on").cloned().collect();
        let off: Vec<_> = neutral
            .iter()
            .filter(|(id, _)| matches!(c.desk.tree().entry(*id).slot, headroom_dsp::tree::Slot::Proc(_, 0)))
            .map(|(id, _)| (*id, Value::Bool(false)))
            .collect();
        recall(&mut c, &off, None);
        c.run(frames, 64);
        let held: Vec<Value> = two.iter().map(|(id, _)| c.desk.get(*id).clone()).collect();
        let same = two.iter().zip(&held).all(|((id, v), h)| off.iter().any(|o| o.0 == *id) || v == h);
        assert!(same && c.desk.fading().next().is_none());
        c.io.outputs
    };
    let jump = render(None);
    for shape in [Shape::Linear, Shape::S, Shape::Slow, Shape::Fast] {
        let fade = render(Some((1.0, shape)));
        for (port, (a, b)) in jump.iter().zip(&fade).enumerate() {
            let from = 3 * 48_000;
            assert!(a[from..] == b[from..], "{shape:?}, port {port}");
        }
        assert!(jump[0][20_000..40_000] != fade[0][20_000..40_000], "it was under way");
    }
}

#[test]
fn a_jump_changes_all_channels_in_one_frame_whatever_the_period() {
    let frames = 9600;
    for period in [1, 37, 64, 1024] {
        let mut c = Console::new(simple(16), RATE, vec![vec![0.25; frames]; 16]);
        c.run(4800, 64);
        let mutes: Vec<_> = (1..=16).map(|i| (c.id(&format!("c{i}"), "fader"), Value::Float(-144.0))).collect();
        let at = c.engine.frame() + 333;
        c.desk.recall(&mutes, None, at, &mut Vec::new());
        c.flush(Some(at));
        c.run(4800, period);
        let out = &c.io.outputs[0];
        let full = out[4799];
        assert!(out[4800..=at as usize].iter().all(|x| *x == full), "nothing before its frame");
        // All sixteen follow one curve: after half of it half is left.
        assert!((out[at as usize + 480] / full - 0.5).abs() < 1e-9, "{}", out[at as usize + 480] / full);
        assert!(out[at as usize + 960..].iter().all(|x| *x == 0.0));
    }
}

#[test]
fn a_touched_parameter_leaves_the_fade_and_the_others_go_on() {
    let frames = 3 * 48_000;
    let mut c = Console::new(simple(2), RATE, vec![vec![0.5; frames]; 2]);
    let ids = ["fader", "pan"].map(|p| c.id("c1", p));
    let other = c.id("c2", "fader");
    c.run(4800, 64);
    let to = [(ids[0], Value::Float(-40.0)), (ids[1], Value::Float(-1.0)), (other, Value::Float(-144.0))];
    recall(&mut c, &to, Some((1.0, Shape::Linear)));
    c.run(24_000, 64);
    c.desk.set(ids[0], &Value::Float(0.0), &mut Vec::new());
    c.flush(None);
    let left: Vec<_> = c.desk.fading().map(|f| f.0).collect();
    assert_eq!(left, [ids[1], other]);
    c.run(frames, 64);
    assert_eq!(c.io.outputs[0].last(), Some(&0.5), "fader as touched, pan hard left");
    assert_eq!(c.io.outputs[1].last(), Some(&0.0));
}

#[test]
fn mutes_and_sends_open_and_close_over_the_fade() {
    let frames = 3 * 48_000;
    let mut spec = simple(2);
    spec.strips.insert(2, with_chain(strip(StripKind::Aux, 1, "w", false), &[]));
    let mut c = Console::new(wire(spec.strips), RATE, vec![vec![0.5; frames]; 2]);
    let pan = [(c.id("c1", "pan"), Value::Float(-1.0)), (c.id("c2", "pan"), Value::Float(1.0))];
    recall(&mut c, &pan, None);
    c.set("c2", "mute", 1.0);
    c.set("c1", "send/1/level", 0.0);
    c.flush(None);
    c.run(4800, 64);
    let to = [
        (c.id("c1", "mute"), Value::Bool(true)),
        (c.id("c2", "mute"), Value::Bool(false)),
        (c.id("c1", "send/1/on"), Value::Bool(false)),
    ];
    recall(&mut c, &to, Some((1.0, Shape::Linear)));
    // A button shows at once what it will be.
    assert_eq!(c.desk.present(to[0].0, c.engine.frame() + 100), Value::Bool(true));
    c.run(24_000, 64);
    let half = 10f64.powf(headroom_dsp::param::taper::level_db(0.375) / 20.0) * 0.5;
    let levels: Vec<f64> = c.io.outputs[..3].iter().map(|o| o[c.io.at - 1]).collect();
    let near = levels.iter().filter(|x| (20.0 * (*x / half).log10()).abs() < 0.2).count();
    assert_eq!(near, 2, "of wedge, left and right the muted and the unmuted are half the travel down: {levels:?}");
    c.run(frames, 64);
    let levels: Vec<f64> = c.io.outputs[..3].iter().map(|o| o[c.io.at - 1]).collect();
    assert_eq!(levels.iter().filter(|x| **x == 0.0).count(), 2, "{levels:?}");
    assert_eq!(levels.iter().filter(|x| **x == 0.5).count(), 1, "{levels:?}");
}

#[test]
fn a_recall_sets_a_compensated_trim_and_its_sends_once() {
    let mut spec = simple(1);
    spec.strips.insert(1, with_chain(strip(StripKind::Aux, 1, "w", false), &[]));
    for fade in [None, Some((0.2, Shape::Linear))] {
        let mut c = Console::new(wire(spec.strips.clone()), RATE, vec![vec![0.25; 48_000]]);
        let ids = ["compensate", "trim", "compensation"].map(|p| c.id("c1", p));
        let to = [(ids[0], Value::Bool(true)), (ids[1], Value::Float(6.0)), (ids[2], Value::Float(-2.0))];
        recall(&mut c, &to, fade);
        c.run(24_000, 64);
        assert_eq!(ids.map(|id| c.desk.get(id).clone()), [Value::Bool(true), Value::Float(6.0), Value::Float(-2.0)]);
    }
}
