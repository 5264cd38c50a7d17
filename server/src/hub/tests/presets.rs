//! Presets by message.

use super::bench::{Bench, SECOND, STEP, f, texts};
use crate::rig::Shelf;
use headroom_protocol::intent::ClientId;
use rosc::OscType;
use std::fs;

const RIG: &str = "name = \"Club\"\n[[channel]]\nname = \"Kick\"\n[[channel]]\nname = \"Drum\"\npreset = \"kick\"\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[main]\n[monitor]\n[oscillator]\n";

/// A hub whose rig stands in a folder.
fn at_home() -> (Bench, ClientId, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::of(RIG);
    bench.hub.shelf = Shelf::beside(&folder.path().join("rig.toml"));
    let client = bench.client(1);
    (bench, client, folder)
}

/// The one answer to a command.
#[track_caller]
fn said(bench: &mut Bench, from: ClientId, address: &str, args: &[&str]) -> (String, Vec<OscType>) {
    bench.send(from, address, &texts(args));
    let mut heard = bench.heard(from);
    for _ in 0..1000 {
        if !heard.is_empty() {
            break;
        }
        // A file is on its way to the disk.
        std::thread::sleep(std::time::Duration::from_millis(10));
        bench.run(STEP);
        heard = bench.heard(from);
    }
    assert_eq!(heard.len(), 1, "{heard:?}");
    heard.remove(0)
}

#[track_caller]
fn refused(bench: &mut Bench, from: ClientId, address: &str, args: &[&str], reason: &str) {
    let (told, args) = said(bench, from, address, args);
    let text = args[1].clone().string().unwrap();
    assert!(told == "/error" && args[0] == OscType::from(address) && text.contains(reason), "{told} {text}");
}

#[test]
fn the_list_names_and_describes_all() {
    let (mut bench, one, folder) = at_home();
    fs::create_dir(folder.path().join("presets")).unwrap();
    for (name, text) in
        [("mine", "description = \"My own\"\nfor = \"aux\"\n"), ("broken", "for = \"aux\"\nx = 1\n"), ("No Name", "")]
    {
        fs::write(folder.path().join(format!("presets/{name}.toml")), text).unwrap();
    }
    let (address, list) = said(&mut bench, one, "/preset/list", &[]);
    let of = |name: &str| list.chunks(2).find(|p| p[0] == OscType::from(name)).map(|p| p[1].clone().string().unwrap());
    assert_eq!(address, "/preset/list");
    assert!(of("kick").is_some_and(|d| d.contains("Kick drum")));
    assert_eq!(of("mine").as_deref(), Some("My own"));
    assert!(of("broken").is_some_and(|d| d.contains("cannot be used")), "{list:?}");
    assert!(of("No Name").is_none() && list.len() % 2 == 0);
}

#[test]
fn a_preset_does_not_depend_on_what_was_there() {
    let (mut bench, one, _folder) = at_home();
    for (address, x) in [("eq/4/gain", 9.0), ("gate/threshold", -60.0), ("lpf/on", 1.0), ("comp/mix", 0.2), ("fader", -7.0)] {
        bench.send(one, &format!("/ch/1/{address}"), &[f(x)]);
    }
    bench.run(10 * STEP);
    let (address, args) = said(&mut bench, one, "/preset/load", &["kick", "kick"]);
    assert_eq!(address, "/preset/load");
    assert_eq!(args[..2], texts(&["ch/1", "kick"]));
    assert!(matches!(args[2], OscType::Int(n) if n > 15));
    // The strip has no transient shaper.
    assert_eq!(args[3..], texts(&["transient"]));
    bench.run(10 * STEP);
    for (path, x) in [
        ("eq/4/gain", 0.0),
        ("eq/2/gain", -6.0),
        ("gate/threshold", -36.0),
        ("lpf/on", 0.0),
        ("comp/mix", 1.0),
        ("comp/ratio", 4.0),
        ("hpf/freq", 35.0),
        ("fader", -7.0),
    ] {
        assert_eq!(bench.number(one, &format!("/ch/1/{path}")), x, "{path}");
    }
    // What a message sets is what a rig gets.
    for id in bench.hub.mixer().desk.tree().of(headroom_dsp::tree::Owner::Strip(0)).collect::<Vec<_>>() {
        let desk = &bench.hub.mixer().desk;
        let path = &desk.tree().entry(id).path;
        let twin = desk.tree().find(headroom_dsp::tree::Owner::Strip(1), path);
        let of_processor = ["hpf/", "lpf/", "gate/", "eq/", "comp/"].iter().any(|p| path.starts_with(p));
        assert!(!of_processor || twin.is_none_or(|twin| desk.get(id) == desk.get(twin)), "{path}");
    }
}

#[test]
fn a_preset_takes_effect_whole_and_everybody_hears_of_it() {
    let (mut bench, one, _folder) = at_home();
    let two = bench.client(2);
    for client in [one, two] {
        bench.subscribe(client, &texts(&["/ch/1/comp/*"]));
    }
    let before = bench.hub.mixer().flushes;
    bench.send(one, "/preset/load", &texts(&["/ch/kick", "lead-vocal"]));
    bench.run(SECOND / 5);
    assert_eq!(bench.hub.mixer().flushes, before + 1);
    for client in [one, two] {
        let heard = bench.heard(client);
        assert!(heard.iter().any(|(a, x)| a == "/ch/1/comp/ratio" && x[0] == f(3.0)), "{heard:?}");
    }
    // A second time nothing is left to change.
    bench.send(one, "/preset/load", &texts(&["ch/1", "lead-vocal"]));
    bench.run(SECOND / 5);
    assert_eq!(bench.hub.mixer().flushes, before + 1);
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    let (mut bench, one, folder) = at_home();
    refused(&mut bench, one, "/preset/load", &["nobody", "kick"], "there is no strip \"nobody\"");
    refused(&mut bench, one, "/preset/load", &["kick", "kik"], "did you mean kick?");
    refused(&mut bench, one, "/preset/load", &["kick", "../../etc/passwd"], "/preset/list names all");
    refused(&mut bench, one, "/preset/load", &["main", "kick"], "the preset `kick` is for channel, not for main");
    refused(&mut bench, one, "/preset/load", &["kick"], "takes s:strip s:name");
    refused(&mut bench, one, "/preset/save", &["nobody", "mine"], "there is no strip");
    refused(&mut bench, one, "/preset/save", &["oscillator", "mine"], "no presets for oscillator");
    for name in ["", "../mine", "Mine", "a/b", ".mine", "mine-", &"m".repeat(65)] {
        refused(&mut bench, one, "/preset/save", &["kick", name], "cannot be a preset's name");
    }
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    fs::write(folder.path().join("presets"), "in the way").unwrap();
    refused(&mut bench, one, "/preset/save", &["kick", "mine"], "cannot write");
    bench.hub.shelf = Shelf::default();
    refused(&mut bench, one, "/preset/save", &["kick", "mine"], "this rig is built in");
}

#[test]
fn what_was_saved_loads_the_same() {
    let (mut bench, one, folder) = at_home();
    for (address, x) in [("eq/3/gain", 4.5), ("gate/on", 1.0), ("comp/ratio", 6.0), ("fader", -9.0)] {
        bench.send(one, &format!("/ch/1/{address}"), &[f(x)]);
    }
    bench.send(one, "/ch/1/gate/sidechain", &texts(&["drum"]));
    bench.run(10 * STEP);
    assert_eq!(said(&mut bench, one, "/preset/save", &["ch/1", "my-kick"]), ("/preset/save".into(), texts(&["ch/1", "my-kick"])));
    let text = fs::read_to_string(folder.path().join("presets/my-kick.toml")).unwrap();
    assert!(text.contains("ratio = 6.0") && text.contains("sidechain = \"drum\"") && !text.contains("fader"), "{text}");
    assert_eq!(fs::read_dir(folder.path().join("presets")).unwrap().count(), 1);
    let desk = |bench: &Bench| bench.hub.mixer().desk.values().to_vec();
    let before = desk(&bench);
    bench.send(one, "/preset/load", &texts(&["kick", "phone-caller"]));
    bench.run(10 * STEP);
    bench.heard(one);
    assert_ne!(desk(&bench), before);
    let (_, args) = said(&mut bench, one, "/preset/load", &["kick", "my-kick"]);
    assert_eq!(args.len(), 3, "{args:?}");
    assert_eq!(desk(&bench), before);
    // Over it, with another strip's settings.
    said(&mut bench, one, "/preset/save", &["drum", "my-kick"]);
    let (_, args) = said(&mut bench, one, "/preset/load", &["kick", "my-kick"]);
    assert_eq!(args[3..], texts(&["transient"]));
    assert_eq!(bench.number(one, "/ch/1/eq/2/gain"), -6.0);
}

#[test]
fn a_bundle_carries_a_preset_with_what_else_it_sets() {
    let (mut bench, one, _folder) = at_home();
    let load = super::bench::message("/preset/load", &texts(&["kick", "kick"]));
    let more = super::bench::message("/ch/1/comp/ratio", &[f(8.0)]);
    bench.later(one, 40 * STEP, &[load, more]);
    bench.run(20 * STEP);
    assert_eq!(bench.number(one, "/ch/1/eq/2/gain"), 0.0);
    bench.run(60 * STEP);
    assert_eq!((bench.number(one, "/ch/1/eq/2/gain"), bench.number(one, "/ch/1/comp/ratio")), (-6.0, 8.0));
}

#[test]
fn there_is_a_most_of_presets_and_all_of_them_are_listed() {
    let (mut bench, one, folder) = at_home();
    let presets = folder.path().join("presets");
    fs::create_dir_all(&presets).unwrap();
    for n in 0..255 {
        fs::write(presets.join(format!("my-{n}.toml")), "for = \"aux\"\n").unwrap();
    }
    assert_eq!(said(&mut bench, one, "/preset/save", &["kick", "the-last"]).0, "/preset/save");
    refused(&mut bench, one, "/preset/save", &["kick", "one-more"], "there are 256 presets");
    assert_eq!(said(&mut bench, one, "/preset/save", &["kick", "my-7"]).0, "/preset/save");
    let (_, list) = said(&mut bench, one, "/preset/list", &[]);
    let own = list.chunks(2).filter(|p| p[0].clone().string().is_some_and(|n| n.starts_with("my-") || n == "the-last"));
    assert_eq!(own.count(), 256);
}
