//! Who hears whom: side-chains, solo, DCAs, mute groups. No allocation on the audio side.

mod common;

use common::*;
use headroom_dsp::graph::{GraphSpec, GroupSpec, StripKind};
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;

const RATE: f64 = 48_000.0;

fn rms_db(x: &[f64]) -> f64 {
    10.0 * (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).log10()
}

/// Music and a voice; the voice goes through a group, which every channel may send to.
fn duck() -> GraphSpec {
    let music = with_chain(strip(StripKind::Channel, 1, "music", false), &["comp"]);
    let voice = with_chain(strip(StripKind::Channel, 2, "voice", false), &[]);
    let group = with_chain(strip(StripKind::Group, 1, "vox", true), &[]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
    let mut spec = wire(vec![music, voice, group, main]);
    spec.strips[1].to = Some(2);
    // Only the music is heard.
    spec.strips[2].to = None;
    spec
}

#[test]
fn a_bus_keys_a_channel_that_could_be_sent_to_it() {
    let frames = 48_000;
    let music = sine(300.0, 0.1, RATE, frames);
    let voice: Vec<f32> = noise(5, frames).iter().enumerate().map(|(i, x)| if i < 24_000 { 0.0 } else { x * 0.5 }).collect();
    let render = |period: usize, path: Path| {
        let mut c = Console::on(duck(), RATE, vec![music.clone(), voice.clone()], path, |desk| {
            let id = desk.tree().find(Owner::Strip(0), "comp/sidechain").expect("a side-chain");
            desk.set(id, &Value::Text("bus/1".into()), &mut Vec::new());
        });
        for (path, value) in [("comp/on", 1.0), ("comp/threshold", -40.0), ("comp/ratio", 100.0), ("pan", -1.0)] {
            c.set("music", path, value);
        }
        c.flush(None);
        c.run(frames, period);
        c.io.outputs[0].clone()
    };
    let out = render(64, Path::best());
    let (before, after) = (rms_db(&out[12_000..24_000]), rms_db(&out[36_000..]));
    assert!((before + 23.0).abs() < 0.1, "the music alone is not touched: {before} dB");
    assert!(after < before - 15.0, "the voice pushes it down: {after} dB");
    for period in [1, 17, 480] {
        assert!(render(period, Path::best()) == out, "period {period} differs");
    }
}

/// Two channels, main and monitor.
fn listening() -> GraphSpec {
    let channel = |n: usize| with_chain(strip(StripKind::Channel, n, &format!("c{n}"), false), &[]);
    let main = with_chain(strip(StripKind::Main, 1, "main", true), &["limiter"]);
    let monitor = with_chain(strip(StripKind::Monitor, 1, "monitor", true), &[]);
    let mut spec = wire(vec![channel(1), channel(2), main, monitor]);
    spec.dcas = vec![GroupSpec { id: "band".into(), name: "Band".into() }];
    spec.mute_groups = vec![GroupSpec { id: "all".into(), name: "All".into() }];
    spec
}

/// Levels of main left and monitor left, dBFS, after some changes have settled.
fn heard(change: impl FnOnce(&mut Console)) -> (f64, f64) {
    let frames = 19_200;
    let mut c = Console::new(listening(), RATE, vec![vec![0.5; frames], vec![0.25; frames]]);
    for s in ["c1", "c2"] {
        c.set(s, "pan", -1.0);
        c.set(s, "mutegroup/1", 1.0);
    }
    c.set("c1", "dca/1", 1.0);
    change(&mut c);
    c.flush(None);
    c.run(frames, 64);
    let level = |port: usize| 20.0 * c.io.outputs[port][frames - 1].abs().log10();
    (level(0), level(2))
}

fn group(c: &mut Console, owner: Owner, path: &str, value: f64) {
    let id = c.desk.tree().find(owner, path).expect("a group's parameter");
    c.desk.set(id, &Value::Float(value), &mut Vec::new());
}

fn is(got: f64, amplitude: f64) -> bool {
    (got - 20.0 * amplitude.log10()).abs() < 0.01
}

#[test]
fn solo_replaces_what_the_monitor_hears_and_leaves_main_alone() {
    let (main, monitor) = heard(|_| {});
    assert!(is(main, 0.75) && is(monitor, 0.75), "{main} {monitor}");
    // PFL: before the fader, and not panned.
    let (main, monitor) = heard(|c| {
        c.set("c2", "solo", 1.0);
        c.set("c2", "fader", -20.0);
    });
    assert!(is(main, 0.525) && is(monitor, 0.25 * 0.5f64.sqrt()), "{main} {monitor}");
    // AFL: after fader and pan.
    let (_, monitor) = heard(|c| {
        c.set("monitor", "solo/mode", 1.0);
        c.set("c2", "solo", 1.0);
        c.set("c2", "fader", -20.0);
    });
    assert!(is(monitor, 0.025), "{monitor}");
    // In place: the others leave main, but who is safe stays.
    let (main, _) = heard(|c| {
        c.set("monitor", "solo/mode", 2.0);
        c.set("c2", "solo", 1.0);
    });
    assert!(is(main, 0.25), "{main}");
    let (main, _) = heard(|c| {
        c.set("monitor", "solo/mode", 2.0);
        c.set("c2", "solo", 1.0);
        c.set("c1", "solo-safe", 1.0);
    });
    assert!(is(main, 0.75), "{main}");
}

#[test]
fn a_dca_adds_to_its_members_faders_and_an_off_dca_is_off() {
    let (main, _) = heard(|c| {
        c.set("c1", "fader", -6.0);
        group(c, Owner::Dca(0), "fader", -6.0);
    });
    assert!(is(main, 0.5 * 10f64.powf(-12.0 / 20.0) + 0.25), "{main}");
    let (main, _) = heard(|c| group(c, Owner::Dca(0), "fader", -144.0));
    assert!(is(main, 0.25), "{main}");
    let (main, _) = heard(|c| group(c, Owner::Dca(0), "mute", 1.0));
    assert!(is(main, 0.25), "{main}");
}

#[test]
fn a_mute_group_silences_its_members_exactly() {
    let (main, monitor) = heard(|c| group(c, Owner::MuteGroup(0), "mute", 1.0));
    assert!(main == f64::NEG_INFINITY && monitor == f64::NEG_INFINITY, "{main} {monitor}");
}
