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

#[test]
fn trim_moves_and_the_monitors_stay() {
    let channel = with_chain(strip(StripKind::Channel, 1, "c", false), &[]);
    let wedge = with_chain(strip(StripKind::Aux, 1, "wedge", false), &[]);
    let fx = with_chain(strip(StripKind::Fx, 2, "fx", false), &[]);
    let main = with_chain(strip(StripKind::Main, 1, "main", false), &[]);
    let mut spec = wire(vec![channel, wedge, fx, main]);
    spec.strips[2].to = None;
    spec.strips[2].output = Some(Vec::new());
    let frames = 48_000;
    let mut c = Console::new(spec, RATE, vec![vec![0.25; frames]]);
    for (path, value) in [("send/1/level", 0.0), ("send/2/level", 0.0), ("compensate", 1.0)] {
        c.set("c", path, value);
    }
    c.flush(None);
    c.run(9600, 64);
    c.set("c", "trim", 6.0);
    c.set("c", "trim", -3.0);
    c.flush(None);
    c.run(9600, 64);
    let level = |c: &Console, port: usize| c.io.outputs[port][c.io.at - 1];
    let down = 10f64.powf(-3.0 / 20.0);
    assert!(is(20.0 * level(&c, 0).log10(), 0.25), "the wedge stays: {}", level(&c, 0));
    assert!(is(20.0 * level(&c, 1).log10(), 0.25 * down), "a reverb follows: {}", level(&c, 1));
    assert!(is(20.0 * level(&c, 2).log10(), 0.25 * down), "main follows: {}", level(&c, 2));
    assert_eq!(c.desk.get(c.id("c", "compensation")).as_f64(), 3.0);
    // A fade of the trim takes the same time on both ways.
    let trim = c.id("c", "trim");
    let now = c.engine.frame();
    c.desk.fade(trim, &Value::Float(9.0), 0.2, headroom_dsp::desk::fade::Shape::Linear, now, &mut Vec::new());
    c.flush(None);
    let from = c.io.at;
    c.run(19_200, 64);
    let off = |c: &Console, from: usize| {
        let wedge = &c.io.outputs[0][from..c.io.at];
        wedge.iter().map(|x| (20.0 * (x / 0.25).log10()).abs()).fold(0.0, f64::max)
    };
    assert!(off(&c, from) < 0.2, "the wedge while the trim fades by 12 dB: {} dB", off(&c, from));
}

#[test]
fn the_monitors_stay_while_a_compensated_trim_is_on_its_way() {
    // A look-ahead and a delay stand between the trim and the sends.
    for (chain, delay) in [(&[][..], 0.0), (&["limiter"][..], 10.0)] {
        let channel = with_chain(strip(StripKind::Channel, 1, "c", false), chain);
        let wedge = with_chain(strip(StripKind::Aux, 1, "wedge", false), &[]);
        let main = with_chain(strip(StripKind::Main, 1, "main", false), &[]);
        let frames = 96_000;
        let mut c = Console::on(wire(vec![channel, wedge, main]), RATE, vec![vec![0.05; frames]], Path::best(), |desk| {
            let mut set = |path: &str, value: f64| {
                let id = desk.tree().find(Owner::Strip(0), path).unwrap_or_else(|| panic!("{path}"));
                desk.set(id, &Value::Float(value), &mut Vec::new());
            };
            [("send/1/level", 0.0), ("delay", delay), ("compensate", 1.0)].iter().for_each(|(path, value)| set(path, *value));
            chain.iter().for_each(|name| set(&format!("{name}/lookahead"), 5.0));
        });
        c.flush(None);
        c.run(9600, 64);
        for to in [12.0, -12.0, 0.5, 6.0] {
            c.set("c", "trim", to);
            assert_eq!(c.desk.present(c.id("c", "trim"), c.engine.frame()).as_f64(), to, "what was set holds at once");
            c.flush(None);
            let from = c.io.at;
            // The last one comes while the one before is under way.
            c.run(if to == 0.5 { 1200 } else { 19_200 }, 64);
            let wedge = &c.io.outputs[0][from..c.io.at];
            let off = wedge.iter().map(|x| (20.0 * (x / 0.05).log10()).abs()).fold(0.0, f64::max);
            // Sound between trim and sends keeps to the move that is cut short.
            let most = if to == 6.0 && delay > 0.0 { 1.0 } else { 0.3 };
            assert!(off < most, "{chain:?}, {delay} ms: the wedge is off by {off} dB on the way to {to} dB");
        }
        let main = c.io.outputs[1][c.io.at - 1];
        assert!(is(20.0 * main.abs().log10(), 0.05 * 10f64.powf(6.0 / 20.0)), "main follows: {main}");
    }
}

/// Channels straight to main, by way of a group, and into the group by a send alone.
#[test]
fn solo_in_place_reaches_through_groups_and_sends_to_them() {
    let heard = |soloed: &[&str]| {
        let channel = |n: usize| with_chain(strip(StripKind::Channel, n, &format!("c{n}"), false), &[]);
        let group = with_chain(strip(StripKind::Group, 1, "g", false), &[]);
        let main = with_chain(strip(StripKind::Main, 1, "main", false), &[]);
        let monitor = with_chain(strip(StripKind::Monitor, 1, "monitor", true), &[]);
        let mut spec = wire(vec![channel(1), channel(2), channel(3), group, main, monitor]);
        spec.strips[1].to = Some(3);
        spec.strips[2].to = None;
        let frames = 9_600;
        let mut c = Console::new(spec, RATE, [0.5, 0.25, 0.125].map(|x| vec![x; frames]).to_vec());
        c.set("c3", "send/1/level", 0.0);
        c.set("monitor", "solo/mode", 2.0);
        soloed.iter().for_each(|s| c.set(s, "solo", 1.0));
        c.flush(None);
        c.run(frames, 64);
        c.io.outputs[0][frames - 1]
    };
    for (soloed, want) in [
        (&[][..], 0.875),
        (&["c1"], 0.5),
        (&["c2"], 0.25),
        (&["c3"], 0.125),
        (&["g"], 0.375),
        (&["c1", "c3"], 0.625),
        (&["main"], 0.875),
    ] {
        let got = heard(soloed);
        assert!((got - want).abs() < 1e-4, "{soloed:?} soloed: {got}, not {want}");
    }
}

#[test]
fn an_oscillator_wakes_a_silent_console_and_talkback_speaks_where_it_is_sent() {
    let wedge = with_chain(strip(StripKind::Aux, 1, "wedge", false), &[]);
    let other = with_chain(strip(StripKind::Aux, 2, "other", false), &[]);
    let main = with_chain(strip(StripKind::Main, 1, "main", false), &[]);
    let talkback = with_chain(strip(StripKind::Talkback, 1, "talkback", false), &[]);
    let oscillator = strip(StripKind::Oscillator, 1, "oscillator", false);
    let mut spec = wire(vec![wedge, other, main, talkback, oscillator]);
    for s in [3, 4] {
        spec.strips[s].output = None;
        spec.strips[s].sends = vec![0, 1, 2];
    }
    let frames = 96_000;
    let mut c = Console::new(spec, RATE, vec![vec![0.5; 24_000]]);
    c.io.outputs.iter_mut().for_each(|o| o.resize(frames, 0.0));
    c.set("talkback", "send/1/on", 1.0);
    c.flush(None);
    c.run(4800, 64);
    assert!(c.io.outputs.iter().all(|o| o.iter().all(|x| *x == 0.0)), "nobody speaks");
    c.set("talkback", "on", 1.0);
    c.flush(None);
    c.run(4800, 64);
    assert_eq!([0, 1, 2].map(|p| c.io.outputs[p][c.io.at - 1]), [0.5, 0.0, 0.0]);
    c.set("talkback", "on", 0.0);
    c.flush(None);
    c.run(38_400, 64);
    assert!(c.io.outputs[0][c.io.at - 4800..c.io.at].iter().all(|x| *x == 0.0));
    // Everything has slept for long; nothing comes in that would wake it.
    c.set("oscillator", "send/main/on", 1.0);
    c.set("oscillator", "on", 1.0);
    c.set("oscillator", "level", -20.0);
    c.flush(None);
    c.run(24_000, 64);
    let sounding = &c.io.outputs[2][c.io.at - 4800..c.io.at];
    assert!((rms_db(sounding) + 23.01).abs() < 0.1, "{}", rms_db(sounding));
    assert_eq!(c.io.outputs[0][c.io.at - 1], 0.0, "a bus that it is not sent to");
}
