//! The engine as a whole, asked what a mixing engineer would ask. No allocation on the audio side.

mod common;

use assert_no_alloc::assert_no_alloc;
use common::*;
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::message::{Command, Returned};
use headroom_dsp::graph::library::{Library, Sounds};
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::kernel::convolver::Impulse;
use headroom_dsp::kernel::tape::Tape;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;
use std::sync::Arc;

#[test]
fn a_neutral_strip_panned_hard_left_is_bit_exact() {
    for path in Path::available() {
        let input = noise(7, 4800);
        let mut c = Console::on(simple(3), 48000.0, vec![input.clone(), vec![], vec![]], *path, |_| {});
        c.set("c1", "pan", -1.0);
        c.flush(None);
        c.run(960, 64);
        c.run(9999, 64);
        for (i, x) in input.iter().enumerate().skip(960) {
            assert_eq!(c.io.outputs[0][i], f64::from(*x), "{path:?} frame {i}");
            assert_eq!(c.io.outputs[1][i], 0.0);
        }
    }
}

#[test]
fn any_period_gives_the_same_samples() {
    let frames = 9600;
    let inputs: Vec<_> = (0..5).map(|i| noise(i + 1, frames)).collect();
    let render = |period: usize| {
        let mut spec = simple(5);
        spec.strips.insert(5, strip(StripKind::Aux, 1, "wedge", false));
        let spec = wire(spec.strips);
        let mut c = Console::new(spec, 48000.0, inputs.clone());
        c.set("c2", "send/1/level", -6.0);
        c.set("c1", "hpf/on", 1.0);
        c.flush(Some(100));
        c.set("c1", "fader", -12.0);
        c.set("c1", "hpf/freq", 300.0);
        c.flush(Some(1234));
        c.set("c3", "mute", 1.0);
        c.set("c3", "polarity", 1.0);
        c.flush(Some(4001));
        c.run(frames, period);
        c.io.outputs
    };
    let reference = render(64);
    for period in [1, 17, 512, 4096] {
        assert!(render(period) == reference, "period {period} differs");
    }
}

#[test]
fn silence_is_exact_and_a_strip_wakes_as_if_it_had_never_slept() {
    let frames = 96000;
    let mut input = noise(3, frames);
    for x in &mut input[9600..80000] {
        *x = 0.0;
    }
    let render = |path: Path| {
        let mut c = Console::on(simple(1), 48000.0, vec![input.clone()], path, |_| {});
        c.set("c1", "hpf/on", 1.0);
        c.set("c1", "hpf/freq", 100.0);
        c.flush(None);
        c.run(frames, 128);
        c.io.outputs[0].clone()
    };
    let out = render(Path::best());
    assert!(out[9600 + 48000..80000].iter().all(|x| *x == 0.0));
    assert!(out[80000..].iter().any(|x| *x != 0.0));
    // The same input without the sleep: noise starts from rest.
    let mut c = Console::new(simple(1), 48000.0, vec![input[80000..].to_vec()]);
    c.set("c1", "hpf/on", 1.0);
    c.set("c1", "hpf/freq", 100.0);
    let mut told = Vec::new();
    let id = c.id("c1", "hpf/on");
    c.desk.set(id, &Value::Bool(true), &mut told);
    c.flush(None);
    c.run(16000, 128);
    let late = &c.io.outputs[0][4000..];
    for (a, b) in out[84000..].iter().zip(late) {
        assert!((a - b).abs() < 1e-6);
    }
}

#[test]
fn what_is_not_finite_stays_out() {
    let mut input = noise(3, 9600);
    input[1000] = f32::NAN;
    input[2000] = f32::INFINITY;
    input[3000] = f32::MAX;
    let mut c = Console::new(simple(9), 48000.0, (0..9).map(|i| if i == 4 { input.clone() } else { noise(9, 9600) }).collect());
    for s in ["c5", "c6"] {
        c.set(s, "hpf/on", 1.0);
    }
    c.set("c5", "trim", 40.0);
    c.flush(None);
    c.run(9600, 64);
    assert!(c.io.outputs[0].iter().all(|x| x.is_finite()));
    assert!(c.io.outputs[0][9000..].iter().any(|x| *x != 0.0));
}

#[test]
fn a_fade_moves_along_the_taper_and_ends_on_its_target() {
    use headroom_dsp::desk::fade::Shape;
    let frames = 96000;
    let mut c = Console::new(simple(1), 48000.0, vec![vec![0.5; frames]]);
    c.set("c1", "pan", -1.0);
    c.flush(None);
    c.run(4800, 64);
    let id = c.id("c1", "fader");
    let from = c.engine.frame();
    assert!(c.desk.fade(id, &Value::Float(-20.0), 1.0, Shape::Linear, from, &mut Vec::new()));
    c.flush(None);
    c.run(60000, 64);
    let db = |i: usize| 20.0 * (c.io.outputs[0][i] / 0.5).log10();
    // Half the time is half the travel: 0.75 → 0.375 is −20 dB + …; the law decides.
    let half = headroom_dsp::param::taper::level_db((0.75 + 0.375) / 2.0);
    assert!((db(4800 + 24000) - half).abs() < 0.15, "{} {half}", db(28800));
    assert!((db(4800 + 52000) + 20.0).abs() < 1e-9);
}

#[test]
fn a_new_network_carries_on_without_a_click() {
    let frames = 48000;
    let tone = sine(1000.0, 0.5, 48000.0, frames);
    let mut c = Console::new(simple(1), 48000.0, vec![tone.clone(), tone.clone(), vec![]]);
    c.set("c1", "hpf/on", 1.0);
    c.flush(None);
    c.run(24000, 64);
    let before = c.desk.skeleton();
    let mut spec = simple(3);
    spec.strips[1].to = None;
    let mut values_from = Desk::new(spec, 48000.0, Path::best()).expect("compiles");
    let on = values_from.tree().find(Owner::Strip(0), "hpf/on").expect("hpf");
    values_from.set(on, &Value::Bool(true), &mut Vec::new());
    let (adopt, _) = values_from.adopt(Some(&before), vec![0, 1, 2], vec![0, 1]);
    assert!(c.handle.send(Command::Adopt(adopt)).is_ok());
    c.run(24000, 64);
    let out = &c.io.outputs[0];
    // Same gain and phase before, during and after: the sample one period earlier repeats.
    for i in 12000..47900 {
        assert!((out[i] - out[i - 48]).abs() < 1e-5, "frame {i}: {} {}", out[i], out[i - 48]);
    }
}

#[test]
fn many_channels_sum_exactly() {
    let n = 128;
    let frames = 4800;
    let inputs: Vec<_> = (0..n).map(|i| noise(i as u64 + 1, frames).iter().map(|x| x * 0.1).collect::<Vec<f32>>()).collect();
    let mut c = Console::new(simple(n), 48000.0, inputs.clone());
    for i in 1..=n {
        c.set(&format!("c{i}"), "pan", -1.0);
    }
    c.flush(None);
    c.run(frames, 64);
    let (mut error, mut power) = (0.0, 0.0);
    for i in 1000..frames {
        let exact: f64 = inputs.iter().map(|x| f64::from(x[i])).sum();
        error += (c.io.outputs[0][i] - exact).powi(2);
        power += 1.0;
    }
    let db = 10.0 * (error / power).log10();
    assert!(db < -290.0, "{db}");
}

#[test]
fn a_room_switched_on_under_a_tone_does_not_click() {
    let frames = 96000;
    let tone: Vec<f32> =
        (0..frames).map(|i| (0.5 * (std::f64::consts::TAU * (i as f64 - 48000.0) / 48.0).cos()) as f32).collect();
    let channel = with_chain(strip(StripKind::Channel, 1, "c1", true), &["reverb"]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
    let mut c = Console::new(wire(vec![channel, main]), 48000.0, vec![tone.clone(), tone]);
    c.run(48000, 64);
    c.set("c1", "reverb/on", 1.0);
    c.flush(None);
    c.run(48000, 64);
    // Differences of fourth order: a step is nowhere near as smooth as a tone of 1 kHz.
    let rough = |w: &[f64]| (w[0] - 4.0 * w[1] + 6.0 * w[2] - 4.0 * w[3] + w[4]).abs();
    let most = |x: &[f64]| x.windows(5).map(rough).fold(0.0, f64::max);
    let (on, steady) = (most(&c.io.outputs[0][48000..60000]), most(&c.io.outputs[0][80000..]));
    assert!(on < 2.0 * steady, "{on:.2e}, later {steady:.2e}");
}

#[test]
fn a_bus_that_nobody_feeds_any_more_hears_nothing_old_whatever_the_steps() {
    // A mute ends the feed at once, while the delay keeps the bus awake; the steps before were shorter.
    let spec = || {
        let bus = with_chain(strip(StripKind::Group, 1, "g", false), &["echo"]);
        let mut spec = wire(vec![
            with_chain(strip(StripKind::Channel, 1, "c", false), &[]),
            bus,
            with_chain(strip(StripKind::Main, 1, "main", false), &[]),
        ]);
        spec.strips[0].to = Some(1);
        spec
    };
    let frames = 24_000;
    let run = |steps: &[usize]| {
        let mut c = Console::new(spec(), 48_000.0, vec![noise(3, frames)]);
        c.set("g", "echo/on", 1.0);
        c.flush(None);
        c.run(4800, 64);
        c.set("c", "mute", 1.0);
        c.flush(None);
        let mut at = 0;
        while c.io.at < frames {
            c.run(steps[at % steps.len()], 4096);
            at += 1;
        }
        c.io.outputs[0].clone()
    };
    let whole = run(&[64]);
    for steps in [&[32, 16, 48][..], &[1, 63], &[7]] {
        assert!(run(steps) == whole, "{steps:?}");
    }
}

/// A response of four seconds, the same for every name.
struct Hall(Arc<Impulse>);

impl Sounds for Hall {
    fn impulse(&self, _: &str, _: f64) -> Result<Arc<Impulse>, String> {
        Ok(self.0.clone())
    }
    fn tape(&self, name: &str, _: f64) -> Result<Arc<Tape>, String> {
        Err(name.into())
    }
}

#[test]
fn long_memory_goes_over_block_by_block_and_its_sound_goes_on_unbroken() {
    let frames = 144_000;
    let response = |seed| (0..).zip(noise(seed, 192_000)).map(|(i, x)| x * (i as f32 / -40_000.0).exp() * 0.02).collect();
    let library = Library::new(Arc::new(Hall(Arc::new(Impulse::new(&[response(1), response(2)])))));
    // The second network has a channel more, so that it is another one.
    let spec = |n: usize| {
        let chain = ["convolve", "reverb", "echo"];
        let mut strips: Vec<_> =
            (1..=n).map(|i| with_chain(strip(StripKind::Channel, i, &format!("c{i}"), true), &chain)).collect();
        strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &[]));
        GraphSpec { library: library.clone(), ..wire(strips) }
    };
    let setup = |desk: &mut Desk| {
        for (path, value) in [
            ("convolve/on", Value::Float(1.0)),
            ("convolve/file", Value::Text("hall".into())),
            ("convolve/mix", Value::Float(0.5)),
            ("reverb/on", Value::Float(1.0)),
            ("reverb/mix", Value::Float(0.5)),
            ("echo/on", Value::Float(1.0)),
            ("echo/left", Value::Float(1700.0)),
            ("echo/mix", Value::Float(0.5)),
            ("delay", Value::Float(900.0)),
        ] {
            let id = desk.tree().find(Owner::Strip(0), path).unwrap_or_else(|| panic!("{path}"));
            desk.set(id, &value, &mut Vec::new());
        }
    };
    let mut input = [noise(3, frames), noise(4, frames)];
    // The tail alone is heard when the networks change.
    input.iter_mut().for_each(|x| x[60_000..].fill(0.0));
    let run = |swap_at: usize| {
        let mut c = Console::on(spec(1), 48_000.0, input.to_vec(), Path::best(), setup);
        c.run(swap_at, 64);
        let mut blocks = None;
        if swap_at < frames {
            let mut desk = Desk::new(spec(2), 48_000.0, Path::best()).expect("compiles");
            setup(&mut desk);
            desk.replan_structure().expect("compiles");
            let (adopt, _) = desk.adopt(Some(&c.desk.skeleton()), vec![0, 1, 2, 3], vec![0, 1]);
            assert!(c.handle.send(Command::Adopt(adopt)).is_ok());
        }
        for block in 0.. {
            if c.io.at >= frames {
                break;
            }
            c.io.frames = 64;
            assert_no_alloc(|| c.engine.process(&mut c.io, 64, 0, 48_000.0));
            c.io.at += 64;
            while let Some(back) = c.handle.collect() {
                if matches!(back, Returned::Adopt(_)) {
                    blocks.get_or_insert(block);
                }
            }
        }
        (c.io.outputs, blocks)
    };
    let (want, _) = run(frames);
    let (heard, blocks) = run(70_400);
    // Two sides of 1.5 MB for the response, 1 MB for the echo, as much for the rest, 130 kB a block at most.
    let fade = 960 / 64;
    assert!(blocks.is_some_and(|b| (fade + 30..fade + 80).contains(&b)), "{blocks:?} blocks until the old network was gone");
    for side in 0..2 {
        let loud = want[side][70_400..].iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let off = want[side].iter().zip(&heard[side]).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
        assert!(loud > 0.01 && off < 1e-9 * loud, "side {side}: {off:.1e} of {loud:.1e}");
    }
}
