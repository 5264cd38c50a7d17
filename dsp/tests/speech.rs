//! Processors that reach beyond their bank, in a whole engine that must not allocate.

mod common;

use common::{Console, noise, sine, strip, wire, with_chain};
use headroom_dsp::graph::StripKind;
use headroom_dsp::graph::library::{Library, Sounds};
use headroom_dsp::kernel::convolver::Impulse;
use headroom_dsp::kernel::tape::Tape;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;
use std::sync::Arc;

const RATE: f64 = 48000.0;

/// One response whatever the name.
struct One(Arc<Impulse>);

impl Sounds for One {
    fn impulse(&self, _name: &str, _rate: f64) -> Result<Arc<Impulse>, String> {
        Ok(self.0.clone())
    }

    fn tape(&self, name: &str, _rate: f64) -> Result<Arc<Tape>, String> {
        Err(format!("no recording {name} here"))
    }
}

fn console(frames: usize, period: usize) -> Vec<f64> {
    let chain: &[&str] = &["feedback", "geq", "automix"];
    // Microphones in lanes of different banks: mono, stereo, and a group that has one too.
    let mut strips: Vec<_> =
        (0..3).map(|i| with_chain(strip(StripKind::Channel, i + 1, &format!("c{}", i + 1), i == 1), chain)).collect();
    strips.push(with_chain(strip(StripKind::Group, 1, "g", true), &["automix"]));
    strips.push(with_chain(strip(StripKind::Fx, 2, "r", true), &["convolve"]));
    strips.push(with_chain(strip(StripKind::Main, 1, "main", true), &[]));
    let mut spec = wire(strips);
    let response: Vec<f32> = noise(9, 20_000).iter().map(|x| 0.01 * x).collect();
    spec.library = Library::new(Arc::new(One(Arc::new(Impulse::new(&[response.clone(), response])))));
    let mut inputs: Vec<Vec<f32>> = (0..3).map(|i| sine(300.0 + 200.0 * f64::from(i), 0.2, RATE, frames)).collect();
    inputs.push(noise(4, frames));
    let mut c = Console::on(spec, RATE, inputs, Path::best(), |desk| {
        let tree = desk.tree().clone();
        let mut set = |strip: &str, path: &str, value: Value| {
            let s = desk.spec().by_id(strip).expect("a strip");
            let id = tree.find(Owner::Strip(s), path).expect("a parameter");
            desk.set(id, &value, &mut Vec::new());
        };
        set("r", "convolve/file", Value::Text("room.wav".into()));
        for c in ["c1", "c2", "c3"] {
            set(c, "send/2/level", Value::Float(-6.0));
        }
    });
    c.run(frames / 4, period);
    c.set("c1", "geq/18/gain", 9.0);
    c.set("c2", "automix/weight", 6.0);
    c.set("c3", "automix/group", 2.0);
    c.set("r", "convolve/predelay", 30.0);
    c.flush(Some(frames as u64 / 4));
    c.run(frames, period);
    let main = c.desk.plan().ports.output.iter().flatten().copied().min().expect("main has ports");
    c.io.outputs[main].clone()
}

#[test]
fn nothing_is_allocated_and_no_period_shows() {
    let one = console(48_000, 64);
    assert!(one.iter().any(|x| x.abs() > 0.01) && one.iter().all(|x| x.is_finite()));
    for period in [17, 480] {
        assert!(one == console(48_000, period), "{period}");
    }
}
