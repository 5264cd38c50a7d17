use super::shelf::{BUILT_IN, is_name};
use super::*;
use crate::rig::{Rig, emit, load, parse, stated};
use headroom_dsp::tree::{Owner, Slot};
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A rig with one strip of a kind that states `keys`.
fn one(kind: StripKind, keys: &str) -> String {
    match kind {
        StripKind::Channel => format!("[[channel]]\nname = \"A\"\n{keys}\n[main]"),
        kind if kind.single() => format!("[{}]\n{keys}\n", kind.address()),
        kind => format!("[[bus]]\nname = \"A\"\nkind = \"{}\"\n{keys}\n[main]", kind_word(kind).unwrap()),
    }
}

#[track_caller]
fn good(text: &str) -> Rig {
    parse(text, "rig.toml").unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn bad(text: &str) -> String {
    match parse(text, "rig.toml") {
        Ok(_) => panic!("this should not be taken:\n{text}"),
        Err(e) => e.0.brief(),
    }
}

fn values(rig: &Rig) -> HashMap<String, Value> {
    stated(rig).into_iter().collect()
}

/// A folder with a rig and presets of its own.
fn folder(rig: &str, presets: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("presets")).unwrap();
    fs::write(folder.path().join("rig.toml"), rig).unwrap();
    for (name, text) in presets {
        fs::write(folder.path().join(format!("presets/{name}.toml")), text).unwrap();
    }
    folder
}

fn loaded(folder: &tempfile::TempDir) -> Result<Rig, String> {
    load(folder.path().join("rig.toml")).map_err(|e| e.0.brief())
}

#[test]
fn the_list_is_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/presets");
    let files = fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.map(|f| f.trim_end_matches(".toml").to_string()).collect();
    let mut listed: Vec<&str> = BUILT_IN.iter().map(|(id, _)| *id).collect();
    files.sort();
    listed.sort_unstable();
    assert_eq!(files, listed);
    assert!(listed.iter().all(|id| is_name(id)));
}

#[test]
fn every_built_in_preset_loads_on_each_kind_it_is_for() {
    let mut shelf = Shelf::default();
    for (id, _) in BUILT_IN {
        let found = shelf.find(id).unwrap();
        assert_eq!(found.report.brief(), "");
        let preset = &found.preset;
        assert!(!preset.kinds.is_empty() && !preset.values.is_empty() && preset.name != *id, "{id}");
        assert!((10..=100).contains(&preset.description.len()), "{id}: {}", preset.description);
        for kind in &preset.kinds {
            let rig = good(&one(*kind, &format!("preset = \"{id}\"")));
            let said: Vec<_> = rig.report.items.iter().filter(|d| d.severity != crate::rig::diagnose::Severity::Note).collect();
            assert!(said.is_empty(), "{id}: {said:?}");
            let strip = rig.spec.strips.iter().position(|s| s.kind == *kind).unwrap();
            assert_eq!(rig.values.iter().filter(|s| s.path != "name").count(), preset.values.len(), "{id}");
            for s in rig.values.iter().filter(|s| s.path != "name") {
                let entry = rig.tree.entry(s.id);
                assert!(s.owner == Owner::Strip(strip) && matches!(entry.slot, Slot::Proc(..)), "{id}: {}", s.path);
                assert_eq!(entry.decl.clamp(&s.value), s.value, "{id}: {}", s.path);
            }
        }
    }
}

/// What a preset of a channel or of main does not want is off, whatever was there before.
#[test]
fn a_preset_says_of_every_processor_of_its_kind_whether_it_is_on() {
    let mut shelf = Shelf::default();
    for (id, _) in BUILT_IN {
        let preset = shelf.find(id).unwrap().preset.clone();
        for kind in &preset.kinds {
            let own: Vec<&str> = kind.default_chain().to_vec();
            let chain = preset.chain.as_ref().map_or(own, |c| c.iter().map(String::as_str).collect());
            for name in chain.into_iter().filter(|n| headroom_dsp::proc::ProcKind::named(n).is_some()) {
                assert!(preset.processors().contains(&name), "{id} says nothing of {name}");
            }
        }
    }
}

#[test]
fn what_the_rig_states_wins() {
    let rig =
        good(&one(StripKind::Channel, "preset = \"kick\"\nhpf.freq = 50\neq.1 = { gain = -2 }\neq.4.gain = 1\ncomp.on = false"));
    let stated = values(&rig);
    let number = |path: &str| stated[&format!("ch/a/{path}")].as_f64();
    assert_eq!((number("hpf/freq"), number("hpf/on")), (50.0, 1.0));
    assert_eq!((number("eq/1/gain"), number("eq/1/freq"), number("eq/4/gain")), (-2.0, 62.0, 1.0));
    assert_eq!((number("comp/on"), number("comp/ratio")), (0.0, 4.0));
    // Nothing is said twice, and the chain is the preset's.
    assert_eq!(stated.len(), rig.values.len());
    assert_eq!(rig.spec.strips[0].chain_names(), ["hpf", "lpf", "gate", "eq", "transient", "comp"]);
}

#[test]
fn a_chain_of_the_rig_wins_and_what_it_leaves_out_is_told() {
    let rig = good(&one(StripKind::Channel, "preset = \"kick\"\nchain = [\"hpf\", \"eq\", \"comp\"]"));
    assert_eq!(rig.spec.strips[0].chain_names(), ["hpf", "eq", "comp"]);
    let told = rig.report.brief();
    // The preset has no use for the low-pass, so nothing is missing there.
    assert!(told.contains("rig.toml:3:10: warning: the chain of channel \"A\" leaves out what the preset `kick` has"), "{told}");
    assert!(told.contains("add `gate`, `transient` to the chain"), "{told}");
}

#[test]
fn bands_grow_with_the_preset() {
    let preset = "for = [\"channel\"]\neq.7.gain = 3\n";
    let folder = folder(&one(StripKind::Channel, "preset = \"mine\""), &[("mine", preset)]);
    assert_eq!(values(&loaded(&folder).unwrap())["ch/a/eq/7/gain"].as_f64(), 3.0);
}

#[test]
fn presets_are_named_and_for_some_kinds() {
    let told = bad(&one(StripKind::Channel, "preset = \"kik\""));
    assert!(told.contains("rig.toml:3:10: error: there is no preset \"kik\""), "{told}");
    assert!(told.contains("did you mean `kick`? There are `acoustic-guitar`"), "{told}");
    assert!(bad(&one(StripKind::Channel, "preset = \"../kick\"")).contains("there is no preset"));
    let told = bad(&one(StripKind::Channel, "preset = \"wedge\""));
    assert!(told.contains("the preset `wedge` is for aux, matrix, not for channel; for it are `acoustic-guitar`"), "{told}");
    assert!(bad(&one(StripKind::Main, "preset = 3")).contains("`preset` of main is text"));
    assert!(bad("[oscillator]\npreset = \"kick\"").contains("not for oscillator; no preset is for it"));
    // A slip is found beside parameters too.
    assert!(bad(&one(StripKind::Channel, "presett = \"kick\"")).contains("did you mean `preset`"));
}

#[test]
fn a_bad_preset_is_told_as_a_bad_rig_is() {
    let rig = format!("{}\n[[channel]]\nname = \"B\"\npreset = \"mine\"", one(StripKind::Channel, "preset = \"mine\"\nfadr = 1"));
    let told = |text: &str| loaded(&folder(&rig, &[("mine", text)])).unwrap_err();
    let whole = told("name = \"Mine\"\nfor = [\"channel\"]\ncomp = { on = true, ratoi = 3 }\nhpf.freq = 5\n");
    let lines: Vec<&str> = whole.lines().collect();
    // Once for both strips, behind what is wrong with the rig itself.
    assert_eq!(lines.len(), 3, "{whole}");
    assert!(lines[0].contains("rig.toml:4:1: error: channel \"A\" has no `fadr`"), "{whole}");
    assert!(lines[1].contains("presets/mine.toml:3:21: error: `comp` of preset `mine` has no `ratoi`"), "{whole}");
    assert!(lines[1].ends_with("did you mean `ratio`?"), "{whole}");
    assert!(
        lines[2].contains("mine.toml:4:12: error: `hpf.freq` of preset `mine` is a number of 20 to 20000 Hz, not 5"),
        "{whole}"
    );
    for (text, parts) in [
        ("hpf.on = true", ["does not say what it is `for`", "for = ["]),
        ("for = []", ["for no kind of strip", "channel"]),
        ("for = \"chanel\"", ["cannot be \"chanel\"", "did you mean `channel`"]),
        ("for = \"channel\"\nfader = -3", ["has no `fader`", "belongs to the strip"]),
        ("for = \"channel\"\nsend.1.level = -3", ["has no `send`", "belongs to the strip"]),
        ("for = \"channel\"\npreset = \"kick\"", ["has no `preset`", "belongs to the strip"]),
        ("for = \"channel\"\ncmop.on = true", ["has no `cmop`", "did you mean `comp`"]),
        ("for = \"channel\"\nlimiter.on = true", ["the chain of preset `mine` leaves out `limiter`", "\"limiter\"]"]),
        ("for = [\"channel\", \"aux\"]\ngate.on = true", ["on the kind aux leaves out `gate`", ""]),
        ("for = \"channel\"\nchain = [\"hfp\"]", ["no processor \"hfp\"", "did you mean `hpf`"]),
        ("for = \"channel\"\nchain = [{ insert = { send = \"a\", return = \"b\" } }]", ["cannot hold an insert", "in the rig"]),
        ("for = \"channel\"\nname = 3", ["`name` of preset `mine` is text", ""]),
        ("for = ", ["this is not TOML", "mine.toml:1"]),
    ] {
        let whole = told(text);
        assert!(parts.iter().all(|part| whole.contains(part)), "of {text}:\n{whole}");
    }
    let shown = load(folder(&rig, &[("mine", "for = \"aux\"\nx = 1")]).path().join("rig.toml")).unwrap_err().to_string();
    assert!(shown.contains("is for aux, not for channel"), "{shown}");
}

#[test]
fn the_error_of_a_preset_shows_its_own_line() {
    let folder = folder(&one(StripKind::Channel, "preset = \"mine\""), &[("mine", "for = \"channel\"\ncomp.ratio = 0.5\n")]);
    let shown = load(folder.path().join("rig.toml")).unwrap_err().to_string();
    assert!(shown.contains("presets/mine.toml:2:14") && shown.contains("2 | comp.ratio = 0.5"), "{shown}");
}

#[test]
fn a_preset_of_ones_own_goes_before_a_built_in_one() {
    let rig = one(StripKind::Channel, "preset = \"kick\"");
    let folder = folder(&rig, &[("kick", "for = [\"channel\"]\nhpf = { on = true, freq = 44 }\n")]);
    let stated = values(&loaded(&folder).unwrap());
    assert_eq!((stated["ch/a/hpf/freq"].as_f64(), stated.len()), (44.0, 3), "{stated:?}");
    // A rig that is no file has the built-in ones.
    assert_eq!(values(&good(&rig))["ch/a/hpf/freq"].as_f64(), 35.0);
    let mut shelf = Shelf::beside(&folder.path().join("rig.toml"));
    assert_eq!(shelf.find("kick").unwrap().preset.values.len(), 2);
    fs::write(folder.path().join("presets/kick.toml"), "for = [\"channel\"]\nhpf.on = true\n").unwrap();
    assert_eq!(shelf.find("kick").unwrap().preset.values.len(), 1);
    fs::remove_file(folder.path().join("presets/kick.toml")).unwrap();
    assert!(shelf.find("kick").unwrap().preset.values.len() > 10);
    // What is no file is not read.
    fs::create_dir(folder.path().join("presets/snare.toml")).unwrap();
    assert!(shelf.find("snare").is_some_and(|l| l.report.errors() == 0));
    fs::write(folder.path().join("presets/toms.toml"), vec![b' '; 100_000]).unwrap();
    assert!(shelf.find("toms").unwrap().report.brief().contains("too many for a preset"));
}

#[test]
fn strips_that_a_preset_names_are_looked_for_in_the_rig() {
    let preset = "for = [\"channel\"]\ncomp = { on = true, sidechain = \"host\" }\n";
    let rig = one(StripKind::Channel, "preset = \"duck\"");
    let told = loaded(&folder(&rig, &[("duck", preset)])).unwrap_err();
    assert!(told.contains("rig.toml:3:10: error: there is no strip \"host\""), "{told}");
    let both = format!("[[channel]]\nname = \"Host\"\n{rig}");
    assert!(loaded(&folder(&both, &[("duck", preset)])).is_ok());
}

#[test]
fn a_rig_with_presets_is_written_with_what_they_say() {
    let rig = good(&one(StripKind::Main, "preset = \"master-vinyl\"\nlimiter.ceiling = -4"));
    let again = good(&emit::emit(&rig));
    assert_eq!(rig.spec, again.spec);
    assert_eq!(values(&rig), values(&again));
}

#[test]
fn linked_channels_share_a_preset() {
    let rig = good("[[channel]]\nname = \"L\"\nlink = \"next\"\npreset = \"overheads\"\n[[channel]]\nname = \"R\"\n[main]");
    assert_eq!(rig.spec.strips[0].chain, rig.spec.strips[1].chain);
    assert!(values(&rig).keys().all(|address| !address.starts_with("ch/r/") || address.ends_with("name")));
}

#[test]
fn what_is_not_built_is_warned_of_with_its_place() {
    if headroom_dsp::proc::ProcKind::named("feedback").is_some() {
        return;
    }
    let preset = "for = [\"channel\"]\nchain = [\"hpf\", \"feedback\"]\nfeedback.on = true\n";
    let folder = folder(&one(StripKind::Channel, "preset = \"mine\""), &[("mine", preset)]);
    let told = loaded(&folder).unwrap().report.brief();
    assert_eq!(told.lines().filter(|l| l.contains("not built yet")).count(), 1, "{told}");
    assert!(told.contains("mine.toml:2:17"), "{told}");
}
