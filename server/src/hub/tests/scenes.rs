//! Scenes, safes, undo.

use super::bench::{Bench, SECOND, STEP, f, message, texts};
use crate::scene::{Book, Standing};
use headroom_protocol::intent::ClientId;
use rosc::OscType;
use std::fs;
use std::path::Path;

const RIG: &str = "name = \"Club\"\n[[channel]]\nname = \"Kick\"\n[[channel]]\nname = \"Vox\"\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[[dca]]\nname = \"All\"\n[main]\n[monitor]\n";
const WITHOUT_KICK: &str = "name = \"Club\"\n[[channel]]\nname = \"Vox\"\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[[dca]]\nname = \"All\"\n[main]\n[monitor]\n";

/// A hub whose rig stands in a folder, and two clients.
fn at_home() -> (Bench, ClientId, ClientId, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::of(RIG);
    come_home(&mut bench, folder.path());
    let (one, two) = (bench.client(1), bench.client(2));
    (bench, one, two, folder)
}

fn come_home(bench: &mut Bench, folder: &Path) {
    let desk = &bench.hub.mixer().desk;
    bench.hub.scenes = Book::open(Some(folder.join("scenes")), desk, Standing::default());
}

/// The one answer to a command.
#[track_caller]
fn said(bench: &mut Bench, from: ClientId, address: &str, args: &[OscType]) -> (String, Vec<OscType>) {
    bench.send(from, address, args);
    for _ in 0..1000 {
        let mut heard = bench.heard(from);
        heard.retain(|h| h.0 == address || h.0 == "/error");
        if !heard.is_empty() {
            assert_eq!(heard.len(), 1, "{heard:?}");
            return heard.remove(0);
        }
        // A file is on its way to the disk.
        std::thread::sleep(std::time::Duration::from_millis(10));
        bench.run(STEP);
    }
    panic!("no answer to {address}");
}

#[track_caller]
fn done(bench: &mut Bench, from: ClientId, address: &str, args: &[OscType]) -> Vec<OscType> {
    let (told, answer) = said(bench, from, address, args);
    assert_eq!(told, address, "{answer:?}");
    answer
}

#[track_caller]
fn refused(bench: &mut Bench, from: ClientId, address: &str, args: &[OscType], reason: &str) {
    let (told, answer) = said(bench, from, address, args);
    let text = answer[1].clone().string().unwrap_or_default();
    assert!(told == "/error" && text.contains(reason), "{told} {answer:?}");
}

fn store(bench: &mut Bench, from: ClientId, name: &str, kick: f32, vox: f32) {
    bench.send(from, "/ch/1/fader", &[f(kick)]);
    bench.send(from, "/ch/2/fader", &[f(vox)]);
    done(bench, from, "/scene/store", &texts(&[name]));
}

fn faders(bench: &mut Bench, from: ClientId) -> [f32; 2] {
    [bench.number(from, "/ch/1/fader"), bench.number(from, "/ch/2/fader")]
}

#[test]
fn a_recall_is_one_batch_and_all_are_told_its_maker_too() {
    let (mut bench, one, two, _folder) = at_home();
    store(&mut bench, one, "Verse 1", -10.0, -20.0);
    store(&mut bench, one, "Chorus", 0.0, -5.0);
    for client in [one, two] {
        bench.subscribe(client, &[OscType::from("/ch/*/fader")]);
    }
    let flushes = bench.hub.mixer().flushes;
    let answer = done(&mut bench, one, "/scene/recall", &texts(&["verse-1"]));
    assert_eq!(answer, [OscType::from("Verse 1"), OscType::Int(2)]);
    bench.run(100 * STEP);
    assert_eq!(bench.hub.mixer().flushes, flushes + 1);
    for client in [one, two] {
        let heard = bench.heard(client);
        for told in [("/ch/1/fader".to_owned(), vec![f(-10.0)]), ("/ch/2/fader".to_owned(), vec![f(-20.0)])] {
            assert!(heard.contains(&told), "{heard:?}");
        }
    }
}

#[test]
fn go_steps_through_the_list_and_next_chooses_what_it_takes() {
    let (mut bench, one, _, _folder) = at_home();
    refused(&mut bench, one, "/scene/go", &[], "there are no scenes");
    for (n, name) in ["A", "B", "C"].iter().enumerate() {
        store(&mut bench, one, name, -(n as f32), 0.0);
    }
    for (n, name) in ["A", "B", "C"].iter().enumerate() {
        assert_eq!(done(&mut bench, one, "/scene/go", &[])[0], OscType::from(*name));
        assert_eq!(bench.number(one, "/ch/1/fader"), -(n as f32));
    }
    refused(&mut bench, one, "/scene/go", &[], "no scene behind");
    assert_eq!(done(&mut bench, one, "/scene/previous", &[]), texts(&["B"]));
    assert_eq!(done(&mut bench, one, "/scene/previous", &[]), texts(&["A"]));
    refused(&mut bench, one, "/scene/previous", &[], "no scene before");
    assert_eq!(bench.number(one, "/ch/1/fader"), -2.0, "a step recalls nothing");
    assert_eq!(done(&mut bench, one, "/scene/next", &[]), texts(&["B"]));
    assert_eq!(done(&mut bench, one, "/scene/go", &[])[0], OscType::from("B"));
    // A button that is let go does nothing.
    bench.send(one, "/scene/go", &[f(0.0)]);
    assert_eq!(done(&mut bench, one, "/scene/go", &[f(1.0)])[0], OscType::from("C"));
    // In another order, under another name.
    assert_eq!(done(&mut bench, one, "/scene/move", &[OscType::from("C"), OscType::Int(1)])[1], OscType::Int(1));
    done(&mut bench, one, "/scene/rename", &texts(&["B", "Bridge"]));
    assert_eq!(done(&mut bench, one, "/scene/list", &[]), texts(&["C", "A", "Bridge"]));
    assert_eq!(done(&mut bench, one, "/scene/go", &[])[0], OscType::from("A"));
    // What came behind a scene that is gone still comes next.
    done(&mut bench, one, "/scene/delete", &texts(&["A"]));
    assert_eq!(done(&mut bench, one, "/scene/go", &[])[0], OscType::from("Bridge"));
    refused(&mut bench, one, "/scene/recall", &texts(&["Brige"]), "did you mean Bridge?");
}

#[test]
fn files_are_readable_survive_and_are_followed() {
    let (mut bench, one, _, folder) = at_home();
    store(&mut bench, one, "Verse 1", -10.0, -144.0);
    done(&mut bench, one, "/scene/notes", &texts(&["verse-1", "Strings\nup"]));
    done(&mut bench, one, "/scene/fade", &[OscType::from("verse-1"), f(0.5), OscType::from("s")]);
    let path = folder.path().join("scenes/verse-1.toml");
    let text = fs::read_to_string(&path).unwrap();
    for line in [
        "name = \"Verse 1\"",
        "[ch.kick]",
        "fader = -10.0",
        "fader = \"off\"",
        "send.wedge.level",
        "[main]",
        "[dca.all]",
        "fade = 0.5",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("solo =") && !text.contains("[monitor]") && !text.contains("\nsafe ="), "{text}");
    assert!(fs::read_to_string(folder.path().join("scenes/_order.toml")).unwrap().contains("\"verse-1\""));
    // Another hub finds it all.
    let mut other = Bench::of(RIG);
    come_home(&mut other, folder.path());
    let client = other.client(1);
    assert_eq!(done(&mut other, client, "/scene/notes", &texts(&["verse-1"]))[1], OscType::from("Strings\nup"));
    done(&mut other, client, "/scene/recall", &[OscType::from("Verse 1"), f(0.0)]);
    assert_eq!(faders(&mut other, client), [-10.0, -144.0]);
    // Somebody edits it while it runs, adds one, and spoils one.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, text.replace("fader = -10.0", "fader = -11.5")).unwrap();
    fs::write(folder.path().join("scenes/by-hand.toml"), "[ch.vox]\nfader = 3\n[ch.gone]\nfader = 1\n").unwrap();
    fs::write(folder.path().join("scenes/spoilt.toml"), "[ch.vox]\nfader = \"loud\"\n").unwrap();
    done(&mut bench, one, "/scene/recall", &[OscType::from("verse-1"), f(0.0)]);
    assert_eq!(faders(&mut bench, one), [-11.5, -144.0]);
    let answer = done(&mut bench, one, "/scene/recall", &texts(&["by-hand"]));
    assert_eq!(answer, [OscType::from("by-hand"), OscType::Int(1), OscType::from("/ch/gone/fader")]);
    assert_eq!(faders(&mut bench, one), [-11.5, 3.0]);
    refused(&mut bench, one, "/scene/recall", &texts(&["spoilt"]), "spoilt.toml, line 2");
    assert_eq!(faders(&mut bench, one), [-11.5, 3.0]);
    for bad in ["", "!!!", "a\u{7}b", &"x".repeat(65)] {
        refused(&mut bench, one, "/scene/store", &texts(&[bad]), "cannot be a scene's name");
    }
    store(&mut bench, one, "../../Über\\all", -1.0, 0.0);
    assert!(folder.path().join("scenes/über-all.toml").exists());
}

#[test]
fn a_crossfade_arrives_on_the_scene_and_lets_go_of_what_is_touched() {
    let (mut bench, one, two, _folder) = at_home();
    store(&mut bench, one, "A", -60.0, -60.0);
    store(&mut bench, one, "B", 0.0, 0.0);
    done(&mut bench, one, "/scene/recall", &[OscType::from("A"), f(1.0)]);
    bench.run(SECOND / 2);
    let [kick, _] = faders(&mut bench, one);
    assert!((-30.0..-5.0).contains(&kick), "{kick}");
    bench.send(two, "/ch/2/fader", &[f(-3.0)]);
    bench.run(SECOND);
    assert_eq!(faders(&mut bench, one), [-60.0, -3.0]);
}

#[test]
fn a_scope_and_safes_leave_the_rest_alone() {
    let (mut bench, one, _, _folder) = at_home();
    store(&mut bench, one, "A", -10.0, -20.0);
    bench.send(one, "/ch/*/fader", &[f(0.0)]);
    done(&mut bench, one, "/scene/recall", &[OscType::from("A"), f(0.0), OscType::from("linear"), OscType::from("/ch/vox")]);
    assert_eq!(faders(&mut bench, one), [0.0, -20.0]);
    assert_eq!(
        done(&mut bench, one, "/safe", &[OscType::from("/ch/*/fader"), OscType::Int(1)])[1..],
        [OscType::Int(1), OscType::Int(2)]
    );
    done(&mut bench, one, "/safe", &[OscType::from("/ch/kick/fader"), OscType::Int(0)]);
    bench.send(one, "/ch/*/fader", &[f(-1.0)]);
    let preview = done(&mut bench, one, "/scene/preview", &texts(&["A"]));
    let expected =
        [OscType::from("A"), OscType::Int(1), OscType::Int(1), OscType::Int(0), OscType::from("/ch/1/fader"), f(-1.0), f(-10.0)];
    assert_eq!(preview, expected);
    assert_eq!(faders(&mut bench, one), [-1.0, -1.0], "a preview changes nothing");
    done(&mut bench, one, "/scene/recall", &texts(&["A"]));
    assert_eq!(faders(&mut bench, one), [-10.0, -1.0]);
    bench.send(one, "/ch/1/safe", &[OscType::Int(1)]);
    bench.send(one, "/ch/*/fader", &[f(-2.0)]);
    done(&mut bench, one, "/scene/recall", &texts(&["A"]));
    assert_eq!(faders(&mut bench, one), [-2.0, -2.0]);
    refused(&mut bench, one, "/safe", &[OscType::from("/ch/kik"), OscType::Int(1)], "did you mean");
}

#[test]
fn undo_takes_back_ones_own_and_leaves_later_moves_alone() {
    let (mut bench, one, two, _folder) = at_home();
    refused(&mut bench, two, "/undo", &[], "has changed nothing");
    store(&mut bench, one, "A", -10.0, -20.0);
    bench.run(2 * SECOND);
    bench.send(one, "/ch/*/fader", &[f(0.0)]);
    // One gesture is one step.
    for x in 0..5 {
        bench.send(two, "/monitor/fader", &[f(-(x as f32))]);
        bench.run(10 * STEP);
    }
    done(&mut bench, one, "/scene/recall", &texts(&["A"]));
    bench.send(two, "/ch/2/fader", &[f(-33.0)]);
    assert_eq!(done(&mut bench, one, "/undo", &[]), [OscType::from("A"), OscType::Int(1)]);
    assert_eq!(faders(&mut bench, one), [0.0, -33.0]);
    assert_eq!(done(&mut bench, one, "/redo", &[])[0], OscType::from("A"));
    assert_eq!(faders(&mut bench, one), [-10.0, -33.0]);
    assert_eq!(done(&mut bench, two, "/undo", &[])[1], OscType::Int(1));
    assert_eq!(done(&mut bench, two, "/undo", &[])[0], OscType::from("/monitor/fader"));
    assert_eq!(bench.number(two, "/monitor/fader"), 0.0);
    // The recall alone, past a later move of the same client, by anybody.
    bench.send(one, "/ch/2/pan", &[f(0.5)]);
    assert_eq!(done(&mut bench, two, "/undo", &texts(&["recall"]))[0], OscType::from("A"));
    assert_eq!(bench.number(one, "/ch/1/fader"), 0.0);
    assert_eq!(bench.number(one, "/ch/2/pan"), 0.5);
    refused(&mut bench, one, "/undo", &texts(&["recall"]), "no recall");
}

#[test]
fn what_has_gone_from_the_rig_is_skipped_and_told() {
    let (mut bench, one, _, _folder) = at_home();
    store(&mut bench, one, "A", -10.0, -20.0);
    bench.reload(one, WITHOUT_KICK);
    bench.run(50 * STEP);
    bench.heard(one);
    let answer = done(&mut bench, one, "/scene/recall", &texts(&["A"]));
    assert!(answer.contains(&OscType::from("/ch/kick/fader")), "{answer:?}");
    assert_eq!(bench.number(one, "/ch/1/fader"), -20.0);
    assert!(bench.sent.iter().all(|(_, bytes, _)| *bytes <= 1400));
}

#[test]
fn a_recall_in_a_bundle_keeps_its_frame() {
    let (mut bench, one, _, _folder) = at_home();
    store(&mut bench, one, "Off", -144.0, -144.0);
    bench.send(one, "/ch/*/fader", &[f(0.0)]);
    bench.play(0.5);
    bench.run(SECOND / 2);
    let due = bench.now + 100 * STEP;
    bench.later(one, 100 * STEP, &[message("/scene/recall", &texts(&["Off"]))]);
    bench.run(300 * STEP);
    assert_eq!(faders(&mut bench, one), [-144.0, -144.0]);
    let frame = (due * 48_000 / SECOND) as usize;
    let out = bench.output();
    let first = (frame - 4_000..frame + 4_000).find(|i| (out[*i] - out[frame - 4_000]).abs() > 1e-9).unwrap();
    // Main's limiter looks 72 frames ahead.
    assert!((frame + 72..frame + 76).contains(&first), "{first}, due at {frame}");
    assert_eq!(out.last(), Some(&0.0));
}

#[test]
fn lists_are_read_beside_the_hub_and_everyone_who_asks_is_answered() {
    let (mut bench, one, two, folder) = at_home();
    store(&mut bench, one, "A", -10.0, -20.0);
    // Files by other hands: one with a name, one with a mistake, and the order names neither.
    for (file, text) in [("verse-2", "name = \"Verse 2\"\n[ch.gone]\nfader = 1\n"), ("broken", "name = \n")] {
        fs::write(folder.path().join(format!("scenes/{file}.toml")), text).unwrap();
    }
    let (mut lists, mut refused) = ([0; 2], 0);
    for _ in 0..20 {
        bench.send(one, "/scene/list", &[]);
    }
    bench.send(two, "/scene/list", &[]);
    for _ in 0..1000 {
        for (n, client) in [one, two].into_iter().enumerate() {
            for (address, answer) in bench.heard(client) {
                match address.as_str() {
                    "/scene/list" => assert_eq!(answer, texts(&["A", "broken", "Verse 2"])),
                    other => assert!(other == "/error" && n == 0, "{other} {answer:?}"),
                }
                *(if address == "/error" { &mut refused } else { &mut lists[n] }) += 1;
            }
        }
        if lists[0] + refused == 20 && lists[1] == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        bench.run(STEP);
    }
    assert!(lists[0] + refused == 20 && lists[0] >= 8 && lists[1] == 1, "{lists:?}, {refused} refused");
    // What a client stored before it asks is there.
    store(&mut bench, two, "B", 0.0, 0.0);
    assert_eq!(done(&mut bench, two, "/scene/list", &[]), texts(&["A", "broken", "Verse 2", "B"]));
}

#[test]
fn what_was_not_read_is_not_written_over() {
    let (mut bench, one, _, folder) = at_home();
    for name in ["C", "A", "B"] {
        store(&mut bench, one, name, 0.0, 0.0);
    }
    done(&mut bench, one, "/scene/notes", &texts(&["A", "Strings"]));
    let (scenes, away) = (folder.path().join("scenes"), folder.path().join("away"));
    // A folder that cannot be read: in its place stands a file.
    fs::rename(&scenes, &away).unwrap();
    fs::write(&scenes, "").unwrap();
    let mut other = Bench::of(RIG);
    come_home(&mut other, folder.path());
    let client = other.client(1);
    other.send(client, "/scene/store", &texts(&["D"]));
    other.run(STEP);
    fs::remove_file(&scenes).unwrap();
    fs::rename(&away, &scenes).unwrap();
    for _ in 0..1000 {
        if scenes.join("d.toml").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        other.run(STEP);
    }
    other.heard(client);
    assert_eq!(done(&mut other, client, "/scene/list", &[]), texts(&["C", "A", "B", "D"]));
    assert_eq!(done(&mut other, client, "/scene/notes", &texts(&["A"]))[1], OscType::from("Strings"));
}
