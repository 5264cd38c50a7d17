//! What is kept and when, on a clock set by hand.

use super::*;
use crate::rig::{Rig, parse};
use crate::state::load;
use crate::state::store::Store;
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::tree::Owner;
use std::time::Duration;

const MS: u64 = 1_000_000;

fn rig() -> Rig {
    let text = "name = \"T\"\n[[channel]]\nname = \"Kick\"\nfader = -5\n[[channel]]\nname = \"Vox\"\n";
    parse(text, "t.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)))
}

fn keeper(writer: Option<Writer>) -> (Desk, Keeper) {
    let rig = rig();
    let (desk, loaded) = load::desk(&rig, &rig.spec, &Memory::default(), &HashMap::new(), 48_000.0).expect("it compiles");
    let keeper = Keeper::new(&desk, loaded.memory, writer);
    (desk, keeper)
}

fn id(desk: &Desk, strip: usize, path: &str) -> ParamId {
    desk.tree().find(Owner::Strip(strip), path).expect("a parameter")
}

fn live(keeper: &Keeper) -> Vec<(String, String)> {
    keeper.memory().live.into_iter().collect()
}

fn pair(address: &str, value: &str) -> (String, String) {
    (address.into(), value.into())
}

#[test]
fn what_was_set_is_kept_and_what_was_not_is_not() {
    let (mut desk, mut keeper) = keeper(None);
    let (fader, pan, solo) = (id(&desk, 0, "fader"), id(&desk, 1, "pan"), id(&desk, 1, "solo"));
    keeper.keep(&desk, &[fader, pan, solo], 1, 0);
    assert_eq!(live(&keeper), []);
    let mut told = Vec::new();
    desk.set(fader, &Value::Float(-9.0), &mut told);
    desk.set(solo, &Value::Bool(true), &mut told);
    keeper.keep(&desk, &told, 2, 0);
    assert_eq!(live(&keeper), [pair("/ch/kick/fader", "-9")]);
    // Set back to what the rig states is set all the same.
    desk.set(fader, &Value::Float(-5.0), &mut told);
    keeper.keep(&desk, &[fader], 3, 0);
    assert_eq!(live(&keeper), [pair("/ch/kick/fader", "-5")]);
    // A fade is its target; and what nobody told of is found.
    desk.fade(pan, &Value::Float(1.0), 60.0, Shape::Linear, 0, &mut told);
    keeper.catch_up(&desk, 0);
    assert_eq!(live(&keeper), [pair("/ch/kick/fader", "-5"), pair("/ch/vox/pan", "1")]);
    assert_eq!(keeper.memory().stated.get("/ch/kick/fader").map(String::as_str), Some("-5"));
}

#[test]
fn what_is_set_anew_replaces_what_did_not_fit() {
    let (mut desk, mut keeper) = keeper(None);
    let aside = |address: &str| Aside { address: address.into(), value: "99".into(), was: None };
    let memory = Memory { aside: vec![aside("/ch/kick/pan"), aside("/ch/gone/pan")], ..keeper.memory() };
    keeper.reload(&desk, memory);
    let pan = id(&desk, 0, "pan");
    desk.set(pan, &Value::Float(0.5), &mut Vec::new());
    keeper.keep(&desk, &[pan], 1, 0);
    assert_eq!(keeper.memory().aside, [aside("/ch/gone/pan")]);
}

#[test]
fn snapshots_are_soon_after_a_change_and_not_often() {
    let (mut desk, mut keeper) = keeper(None);
    let fader = id(&desk, 0, "fader");
    let mut saved = Vec::new();
    for ms in 0..10_000 {
        let now = ms * MS;
        // One change, then a stream of them.
        if ms == 2_000 || (4_000..8_000).contains(&ms) {
            desk.set(fader, &Value::Float(-(ms as f64) / 1000.0), &mut Vec::new());
            keeper.keep(&desk, &[fader], ms as i32, now);
        }
        let before = keeper.changed;
        keeper.tick(now);
        if let (Some(since), None) = (before, keeper.changed) {
            saved.push(ms);
            assert!(now - since <= 750 * MS || since == 0, "a change waited {} ms", (now - since) / MS);
        }
    }
    assert_eq!(saved[..3], [200, 2_200, 4_200]);
    assert!(saved.windows(2).all(|w| w[1] - w[0] >= 750), "{saved:?}");
    assert!((8_000..8_760).contains(saved.last().expect("a snapshot")), "{saved:?}");
}

#[test]
fn the_last_change_is_on_the_disk_when_the_keeper_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path().to_owned(), "T", "k").expect("a store");
    store.load();
    let (mut desk, mut keeper) = keeper(Some(Writer::start(store)));
    let fader = id(&desk, 0, "fader");
    desk.set(fader, &Value::Float(-9.0), &mut Vec::new());
    keeper.keep(&desk, &[fader], 7, 0);
    keeper.tick(300 * MS);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while keeper.status().expect("a writer").saved != 7 {
        assert!(std::time::Instant::now() < until, "{:?}", keeper.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    desk.set(fader, &Value::Float(-10.0), &mut Vec::new());
    keeper.keep(&desk, &[fader], 8, 301 * MS);
    let memory = keeper.memory();
    drop(keeper);
    let mut store = Store::open(dir.path().to_owned(), "T", "k").expect("a store");
    assert_eq!(store.load(), memory);
    assert_eq!(memory.live["/ch/kick/fader"], "-10");
}
