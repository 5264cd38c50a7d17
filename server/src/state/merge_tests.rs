//! Every case of the merge, on a small rig.

use super::*;
use crate::rig::{Rig, parse};
use crate::state::load::desk;

const KICK: &str = "[[channel]]\nname = \"Kick\"\n";

fn rig(text: &str) -> Rig {
    parse(&format!("name = \"T\"\n{text}"), "t.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)))
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(a, v)| ((*a).to_owned(), (*v).to_owned())).collect()
}

fn merged(rig: &Rig, memory: &Memory) -> Merged {
    merge(&rig.spec, &rig.tree, &stated(rig), memory, &HashMap::new(), |_, _| false)
}

fn value(rig: &Rig, merged: &Merged, key: &str) -> Value {
    let at = (0..merged.values.len()).find(|at| address(&rig.spec, &rig.tree, ParamId(*at as u32)) == key);
    merged.values[at.unwrap_or_else(|| panic!("no {key}"))].clone()
}

/// The kick's fader, where the rig states `now` and stated `before`, and `saved` was set live.
fn fader(now: Option<&str>, before: Option<&str>, saved: Option<&str>) -> (f64, bool) {
    let rig = rig(&now.map_or(KICK.to_owned(), |n| format!("{KICK}fader = {n}\n")));
    let one = |v: Option<&str>| v.map_or_else(BTreeMap::new, |v| map(&[("/ch/kick/fader", v)]));
    let memory = Memory { live: one(saved), stated: one(before), ..Memory::default() };
    let merged = merged(&rig, &memory);
    assert_eq!(merged.from_state, merged.memory.live.len());
    assert_eq!(merged.memory.stated.get("/ch/kick/fader").map(String::as_str), now);
    (value(&rig, &merged, "/ch/kick/fader").as_f64(), merged.from_state == 1)
}

#[test]
fn what_the_rig_states_anew_wins_then_the_saved_then_the_rig_then_the_default() {
    for (now, before, saved, want, from_state) in [
        (None, None, None, 0.0, false),
        (None, None, Some("-9"), -9.0, true),
        // The rig does not state it any more.
        (None, Some("-5"), None, 0.0, false),
        (None, Some("-5"), Some("-9"), -9.0, true),
        // It never stated it before.
        (Some("-5"), None, None, -5.0, false),
        (Some("-5"), None, Some("-9"), -5.0, false),
        // It states it as before.
        (Some("-5"), Some("-5"), None, -5.0, false),
        (Some("-5"), Some("-5"), Some("-9"), -9.0, true),
        // It states something else.
        (Some("-5"), Some("-4"), None, -5.0, false),
        (Some("-5"), Some("-4"), Some("-9"), -5.0, false),
        // The saved value is one of the others.
        (Some("-5"), Some("-5"), Some("-5"), -5.0, true),
        (Some("-5"), Some("-4"), Some("-4"), -5.0, false),
        (Some("-5"), Some("-5"), Some("0"), 0.0, true),
        (None, Some("-5"), Some("-5"), -5.0, true),
    ] {
        assert_eq!(fader(now, before, saved), (want, from_state), "{now:?} {before:?} {saved:?}");
    }
}

#[test]
fn a_value_follows_its_ids_and_not_its_number() {
    let before = rig(
        "[[channel]]\nname = \"Kick\"\n[[channel]]\nname = \"Vox\"\n[[bus]]\nname = \"A\"\nkind = \"aux\"\n[[dca]]\nname = \"Band\"\n",
    );
    let memory = Memory {
        live: map(&[
            ("/ch/vox/send/a/level", "-20"),
            ("/ch/vox/dca/band", "on"),
            ("/ch/vox/eq/2/type", "highshelf"),
            ("/dca/band/fader", "-3"),
        ]),
        ..Memory::default()
    };
    assert_eq!(merged(&before, &memory).from_state, 4);
    let after = rig(
        "[[channel]]\nname = \"New\"\n[[channel]]\nname = \"Vox\"\n[[bus]]\nname = \"B\"\nkind = \"aux\"\n[[bus]]\nname = \"A\"\nkind = \"aux\"\n[[dca]]\nname = \"All\"\n[[dca]]\nname = \"Band\"\n",
    );
    let merged = merged(&after, &memory);
    assert_eq!((merged.from_state, merged.unfit.len()), (4, 0));
    assert_eq!(value(&after, &merged, "/ch/vox/send/a/level"), Value::Float(-20.0));
    assert_eq!(value(&after, &merged, "/ch/vox/send/b/level"), Value::Float(-144.0));
    assert_eq!(value(&after, &merged, "/ch/vox/dca/band"), Value::Bool(true));
    assert_eq!(value(&after, &merged, "/ch/vox/dca/all"), Value::Bool(false));
    assert_eq!(value(&after, &merged, "/ch/new/send/a/level"), Value::Float(-144.0));
}

#[test]
fn what_does_not_fit_is_named_kept_aside_and_comes_back() {
    let both = rig(&format!("{KICK}[[channel]]\nname = \"Bass\"\nfader = -5\nchain = [\"comp\"]\n"));
    let without = rig(KICK);
    let live = [("/ch/bass/fader", "-9"), ("/ch/bass/comp/ratio", "2"), ("/ch/kick/pan", "7"), ("/ch/kick/mute", "on")];
    let memory = Memory { live: map(&live), stated: stated(&both), ..Memory::default() };

    let first = merged(&without, &memory);
    let mut named: Vec<_> = first.unfit.iter().map(|u| (u.address.as_str(), u.reason.as_str())).collect();
    named.sort_unstable();
    let none = "the rig has no such address";
    assert_eq!(named, [("/ch/bass/comp/ratio", none), ("/ch/bass/fader", none), ("/ch/kick/pan", "it is out of range")]);
    assert_eq!((first.from_state, first.memory.aside.len()), (1, 3));
    assert_eq!(value(&without, &first, "/ch/kick/pan"), Value::Float(0.0));

    // Once named is enough.
    let second = merged(&without, &first.memory);
    assert_eq!((second.unfit.len(), &second.memory), (0, &first.memory));

    // Back with its strip, over what the rig states as it did then.
    let third = merged(&both, &second.memory);
    assert_eq!(value(&both, &third, "/ch/bass/fader"), Value::Float(-9.0));
    assert_eq!(value(&both, &third, "/ch/bass/comp/ratio"), Value::Float(2.0));
    assert_eq!((third.from_state, third.memory.aside.len()), (3, 1));

    // Back with another statement, and without its processor.
    let other = rig(&format!("{KICK}[[channel]]\nname = \"Bass\"\nfader = -6\nchain = []\n"));
    let fourth = merged(&other, &second.memory);
    assert_eq!(value(&other, &fourth, "/ch/bass/fader"), Value::Float(-6.0));
    assert_eq!((fourth.from_state, fourth.memory.aside.len()), (1, 2));
}

#[test]
fn what_is_kept_aside_is_bounded_and_the_oldest_goes_first() {
    let rig = rig(KICK);
    let old = |n: usize| Aside { address: format!("/ch/old/{n:05}"), value: "0".into(), was: None };
    let memory =
        Memory { live: map(&[("/ch/gone/fader", "-1")]), aside: (0..MOST_ASIDE).map(old).collect(), ..Memory::default() };
    let aside = merged(&rig, &memory).memory.aside;
    assert_eq!(aside.len(), MOST_ASIDE);
    assert_eq!(aside[0].address, "/ch/gone/fader");
    assert_eq!(aside.last().unwrap().address, format!("/ch/old/{:05}", MOST_ASIDE - 2));
}

#[test]
fn listening_is_no_state_and_off_at_start() {
    let rig = rig(&format!("{KICK}solo = true\n[[dca]]\nname = \"D\"\n"));
    let keys = ["/ch/kick/solo", "/monitor/dim", "/monitor/mono", "/dca/d/solo"];
    let memory = Memory { live: map(&keys.map(|k| (k, "on"))), ..Memory::default() };
    let at_start = merged(&rig, &memory);
    assert!(keys.iter().all(|k| !value(&rig, &at_start, k).as_bool()));
    let held = keys.iter().map(|k| ((*k).to_owned(), Value::Bool(true))).collect();
    let reloaded = merge(&rig.spec, &rig.tree, &stated(&rig), &memory, &held, |_, _| false);
    assert!(keys.iter().all(|k| value(&rig, &reloaded, k).as_bool()));
    // Meters and figures neither.
    let told = Memory { live: map(&[("/ch/kick/latency", "5"), ("/ch/kick/meter/in", "0")]), ..Memory::default() };
    assert_eq!(merged(&rig, &told).from_state, 0);
}

#[test]
fn a_value_that_the_console_does_not_compile_with_is_left_out_alone() {
    let rig = rig("[[channel]]\nname = \"Kick\"\n[[channel]]\nname = \"Snare\"\n");
    let live = [
        ("/ch/kick/fader", "-9"),
        ("/ch/kick/comp/sidechain", "\"gone\""),
        ("/ch/kick/gate/sidechain", "\"snare\""),
        // A loop.
        ("/ch/snare/comp/sidechain", "\"main\""),
        ("/main/limiter/lookahead", "3"),
    ];
    let memory = Memory { live: map(&live), ..Memory::default() };
    let (desk, loaded) = desk(&rig, &rig.spec, &memory, &HashMap::new(), 48_000.0).expect("it starts");
    let held = |strip: usize, path: &str| {
        let id = desk.tree().find(headroom_dsp::tree::Owner::Strip(strip), path);
        desk.get(id.unwrap_or_else(|| panic!("no {path}"))).clone()
    };
    let main = rig.spec.main().expect("main");
    assert_eq!((held(0, "fader"), held(main, "limiter/lookahead")), (Value::Float(-9.0), Value::Float(3.0)));
    assert_eq!(held(0, "gate/sidechain").as_text(), "snare");
    assert_eq!(held(0, "comp/sidechain").as_text(), "");
    assert_eq!((loaded.from_state, loaded.unfit.len(), loaded.memory.aside.len()), (3, 2, 2));
    assert_eq!(loaded.unfit[0].address, "/ch/kick/comp/sidechain");
    assert_eq!(loaded.unfit[1].address, "/ch/snare/comp/sidechain");
}

#[test]
fn what_a_preset_states_the_rig_states() {
    let with = |keys: &str| rig(&format!("{KICK}{keys}\n"));
    let (ratio, body) = ("/ch/kick/comp/ratio", "/ch/kick/eq/1/gain");
    let kick = with("preset = \"kick\"");
    let memory = Memory { live: map(&[(ratio, "6"), (body, "1")]), stated: stated(&kick), ..Memory::default() };
    let numbers = |rig: &Rig| {
        let merged = merged(rig, &memory);
        (value(rig, &merged, ratio).as_f64(), value(rig, &merged, body).as_f64())
    };
    // As it was: what was set live holds.
    assert_eq!(numbers(&kick), (6.0, 1.0));
    // Another preset, and what the rig states over one, is said anew where it differs.
    assert_eq!(numbers(&with("preset = \"snare\"")), (3.0, 2.0));
    assert_eq!(numbers(&with("preset = \"kick\"\ncomp.ratio = 5")), (5.0, 1.0));
    // The same values without the preset are as before, and none at all leave what was set.
    assert_eq!(numbers(&with("comp.ratio = 4\neq.1.gain = 3")), (6.0, 1.0));
    assert_eq!(numbers(&with("")), (6.0, 1.0));
}

#[test]
fn an_edited_preset_is_stated_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rig.toml");
    std::fs::create_dir(folder.path().join("presets")).unwrap();
    std::fs::write(&file, format!("{KICK}preset = \"mine\"\n")).unwrap();
    let load = |text: &str| {
        std::fs::write(folder.path().join("presets/mine.toml"), text).unwrap();
        crate::rig::load(&file).unwrap()
    };
    let before = load("for = [\"channel\"]\nhpf.freq = 40\nlpf.freq = 9000\n");
    let live = map(&[("/ch/kick/hpf/freq", "50"), ("/ch/kick/lpf/freq", "7000")]);
    let memory = Memory { live, stated: stated(&before), ..Memory::default() };
    let after = load("for = [\"channel\"]\nhpf.freq = 60\nlpf.freq = 9000\n");
    let merged = merged(&after, &memory);
    assert_eq!(value(&after, &merged, "/ch/kick/hpf/freq").as_f64(), 60.0);
    assert_eq!(value(&after, &merged, "/ch/kick/lpf/freq").as_f64(), 7000.0);
}
