//! What a recall costs: of all values of 32 channels, 8 auxes and main, at once and over three seconds.

use super::common::{Console, noise, strip, wire, with_chain};
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::engine::message::{Batch, Command};
use headroom_dsp::graph::StripKind;
use headroom_dsp::param::{Access, Kind, Value};
use headroom_dsp::tree::{Owner, ParamId};
use std::time::Instant;

const PERIOD: usize = 64;

fn scene(c: &Console, at: f64) -> Vec<(ParamId, Value)> {
    let of = |(i, e): (usize, &headroom_dsp::tree::Entry)| {
        let plain = e.decl.access == Access::Write && !e.decl.structural && !e.decl.momentary && e.owner != Owner::Console;
        let moves = matches!(e.decl.kind, Kind::Float { .. }) && e.decl.path != "delay";
        (plain && moves).then(|| (ParamId(i as u32), e.decl.from_norm(at + 0.1 * (i % 7) as f64 / 7.0)))
    };
    c.desk.tree().entries().iter().enumerate().filter_map(of).collect()
}

/// Mean and longest time of a period in µs, over some frames.
fn periods(c: &mut Console, frames: usize) -> (f64, f64) {
    let (mut sum, mut most, mut count) = (0.0, 0.0f64, 0.0);
    for _ in 0..frames / PERIOD {
        let start = Instant::now();
        c.run(PERIOD, PERIOD);
        let time = start.elapsed().as_secs_f64() * 1e6;
        (sum, most, count) = (sum + time, most.max(time), count + 1.0);
    }
    (sum / count, most)
}

/// Prints it.
pub fn print() {
    let frames = 14 * 48_000;
    let mut strips: Vec<_> = (0..32).map(|i| strip(StripKind::Channel, i + 1, &format!("c{}", i + 1), false)).collect();
    strips.extend((0..8).map(|i| with_chain(strip(StripKind::Aux, i + 1, &format!("a{}", i + 1), false), &["eq"])));
    strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &["eq", "glue"]));
    let inputs = (0..32).map(|i| noise(i + 1, frames)).collect();
    let mut c = Console::new(wire(strips), 48_000.0, inputs);
    let (one, two) = (scene(&c, 0.3), scene(&c, 0.6));
    println!("a recall of {} values, period {PERIOD} (1333 µs)", one.len());
    println!("| | control side, ms | a period, mean µs | longest µs |\n| --- | --- | --- | --- |");
    c.run(48_000, PERIOD);
    for (name, values, fade) in [
        ("at rest", None, None),
        ("at once", Some(&one), None),
        ("over 3 s", Some(&two), Some(3.0)),
        ("another, 3 s", Some(&one), Some(3.0)),
    ] {
        let start = Instant::now();
        if let Some(values) = values {
            let now = c.engine.frame();
            c.desk.recall(values, fade.map(|s| (s, Shape::S)), now, &mut Vec::new());
            let mut batch = Box::new(Batch { seq: 1, ..Batch::default() });
            c.desk.flush(now, &mut batch);
            let points: usize = batch.fades.iter().flat_map(|f| &f.tracks).map(|t| t.points.len() * 8).sum();
            println!("    {} sets, {} fades, {} kB", batch.sets.len(), batch.fades.len(), points / 1024);
            assert!(c.handle.send(Command::Apply(batch)).is_ok());
        }
        let control = start.elapsed().as_secs_f64() * 1e3;
        // The second crossfade begins in the middle of the first.
        let (mean, most) = periods(&mut c, if fade == Some(3.0) { 72_000 } else { 96_000 });
        println!("| {name} | {control:.1} | {mean:.0} | {most:.0} |");
    }
}
