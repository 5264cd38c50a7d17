//! Many values at once, at once or over time: what an engineer hears of a recall.

mod common;

use common::*;
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Access, Kind, Value};
use headroom_dsp::tree::{Owner, ParamId, Slot};
use realfft::RealFftPlanner;

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
            .filter(|(id, _)| matches!(c.desk.tree().entry(*id).slot, Slot::Proc(_, 0)))
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
    let near = levels.iter().filter(|x| (20.0 * (*x / half).log10()).abs() < 0.6).count();
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

/// What is outside of 1 kHz ± 200 Hz re the tone, and the loudest 10 ms above 4 kHz re it, dB.
fn splatter(x: &[f64]) -> (f64, f64) {
    let n = x.len();
    let db = |power: f64| 10.0 * power.max(1e-30).log10();
    let mut windowed: Vec<f64> =
        (0..n).map(|i| x[i] * (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / n as f64).cos())).collect();
    let mean = windowed.iter().map(|x| x * x).sum::<f64>() / n as f64;
    let mut planner = RealFftPlanner::<f64>::new();
    let forward = planner.plan_fft_forward(n);
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut windowed, &mut spectrum).expect("as long as planned");
    let hz = |bin: usize| bin as f64 * RATE / n as f64;
    let power = |inside: bool| {
        let bins = spectrum.iter().enumerate().filter(|(bin, _)| ((hz(*bin) - 1000.0).abs() <= 200.0) == inside);
        bins.map(|(_, c)| c.norm_sqr()).sum::<f64>()
    };
    let outside = db(power(false) / power(true));
    let low = (0..spectrum.len()).take_while(|bin| hz(*bin) < 4000.0).count();
    spectrum[..low].iter_mut().for_each(|c| *c *= 0.0);
    let mut high = vec![0.0; n];
    planner.plan_fft_inverse(n).process(&mut spectrum, &mut high).expect("as long as planned");
    let frame = |c: &[f64]| c.iter().map(|x| (x / n as f64).powi(2)).sum::<f64>() / c.len() as f64;
    (outside, db(high.chunks(480).map(frame).fold(0.0, f64::max) / mean))
}

/// The continuous values of levels, pans, sends and filters of a stage under a tone; dynamics are off, as their gains
/// would follow the level at the speed of their own attack.
fn tuning(c: &Console, at: f64) -> Vec<(ParamId, Value)> {
    let tree = c.desk.tree();
    let of = |(i, e): (usize, &headroom_dsp::tree::Entry)| {
        let moves = e.decl.access == Access::Write && !e.decl.structural && matches!(e.decl.kind, Kind::Float { .. });
        // A delay that moves shifts the pitch, and is asked for that.
        let heard = e.owner != Owner::Console && !matches!(e.decl.path, "delay" | "compensation");
        let spread = (i * 7919 % 101) as f64 / 101.0;
        let place = match e.decl.path {
            "fader" | "level" => 0.55 + 0.2 * (at + spread).fract(),
            "gain" | "makeup" | "trim" => 0.4 + 0.2 * (at + spread).fract(),
            _ => 0.25 + 0.5 * (at + spread).fract(),
        };
        (moves && heard).then(|| (ParamId(i as u32), e.decl.from_norm(place)))
    };
    tree.entries().iter().enumerate().filter_map(of).collect()
}

#[test]
fn a_crossfade_of_two_thousand_values_is_no_click_and_ends_on_the_scene() {
    let frames = 10 * 48_000;
    let run = |seconds: f64| {
        let inputs = (0..50).map(|_| sine(1000.0, 0.05, RATE, frames)).collect();
        let mut c = Console::new(stage(50), RATE, inputs);
        let filters: Vec<_> = {
            let tree = c.desk.tree();
            let is_filter =
                |id: &ParamId| matches!(tree.entry(*id).slot, Slot::Proc(..)) && tree.entry(*id).path.ends_with("pf/on");
            (0..tree.entries().len()).map(|i| ParamId(i as u32)).filter(is_filter).map(|id| (id, Value::Bool(true))).collect()
        };
        assert_eq!(filters.len(), 100, "a high-pass and a low-pass each");
        recall(&mut c, &filters, None);
        let (one, two) = (tuning(&c, 0.0), tuning(&c, 0.5));
        recall(&mut c, &one, None);
        c.run(2 * 48_000, 64);
        recall(&mut c, &two, Some((seconds, Shape::Linear)));
        let moving = c.desk.fading().count();
        c.run(frames, 64);
        assert!(c.desk.fading().next().is_none() || moving > 0);
        assert!(two.iter().all(|(id, value)| c.desk.get(*id) == value));
        (moving, c.io.outputs)
    };
    let (moving, faded) = run(3.0);
    assert!(moving >= 2_000, "{moving} values move");
    // Two wedges, main left and right.
    for (port, out) in faded.iter().take(4).enumerate() {
        let (outside, above) = splatter(&out[48_000..6 * 48_000]);
        println!("port {port}: {outside:.1} dB outside of the tone, {above:.1} dB above 4 kHz");
        assert!(outside <= -70.0 && above <= -90.0, "port {port}: {outside:.1} dB, {above:.1} dB above 4 kHz");
    }
    // What rang has died away: the same samples as behind a jump to the scene.
    let (_, jumped) = run(0.0);
    for (port, (a, b)) in faded.iter().zip(&jumped).take(4).enumerate() {
        let worst = a[8 * 48_000..].iter().zip(&b[8 * 48_000..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst <= 1e-6, "port {port} is {worst} off the scene");
    }
}

#[test]
fn a_whole_scene_at_once_changes_nothing_before_its_frame_and_everything_at_it() {
    let frames = 19_200;
    let at = 9_600 + 333;
    let run = |to: Option<usize>| {
        let inputs = (0..8).map(|i| noise(i + 1, frames).iter().map(|x| x * 0.1).collect()).collect();
        let mut c = Console::new(stage(8), RATE, inputs);
        let (one, two) = (scene(&c, 1), scene(&c, 2));
        recall(&mut c, &one, None);
        c.run(9_600, 64);
        if let Some(period) = to {
            c.desk.recall(&two, None, at, &mut Vec::new());
            c.flush(Some(at));
            c.run(frames, period);
        }
        c.run(frames, 64);
        c.io.outputs
    };
    let rest = run(None);
    let first = run(Some(64));
    for (port, (rest, out)) in rest.iter().zip(&first).take(4).enumerate() {
        let changed = rest.iter().zip(out).position(|(a, b)| a != b);
        // Movement begins at the frame with a slope of zero.
        assert!(changed.is_some_and(|f| f >= at as usize && f < at as usize + 16), "port {port} changes at {changed:?}");
    }
    for period in [1, 37, 1024] {
        assert!(run(Some(period)) == first, "the period {period} makes no difference");
    }
}
