//! The files, with everything that can be wrong with them.

use super::*;
use crate::state::format::encode;
use std::collections::BTreeMap;

fn memory(value: &str) -> Memory {
    Memory { live: BTreeMap::from([("/ch/kick/fader".to_owned(), value.to_owned())]), ..Memory::default() }
}

fn bytes(value: &str) -> Vec<u8> {
    encode(&memory(value), "Stage")
}

fn open(dir: &Path) -> Store {
    Store::open(dir.join("state"), "Small stage!", "0badcafe").expect("a store")
}

fn names(store: &Store) -> Vec<String> {
    let entries = fs::read_dir(&store.dir).expect("a directory");
    let mut names: Vec<String> = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_directory_is_the_named_one_else_that_of_the_service_else_of_the_user() {
    let vars = |pairs: &'static [(&str, &str)]| {
        default_directory(move |name| pairs.iter().find(|p| p.0 == name).map(|p| PathBuf::from(p.1)))
    };
    let is = |got: Option<PathBuf>, want: &str| assert_eq!(got.as_deref(), Some(Path::new(want)));
    is(vars(&[("STATE_DIRECTORY", "/var/lib/headroom:/x"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/h")]), "/var/lib/headroom");
    is(vars(&[("XDG_STATE_HOME", "/xdg"), ("HOME", "/h")]), "/xdg/headroom");
    is(vars(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]), "/h/.local/state/headroom");
    assert_eq!(vars(&[]), None);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, b"").expect("a file");
    assert_eq!(directory(Some(dir.path())), Ok(Some(dir.path().to_owned())));
    assert!(directory(Some(&file)).is_err());
    assert!(directory(Some(Path::new(""))).is_err());
}

#[test]
fn two_rigs_of_one_name_have_two_states() {
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| key(Some(&dir.path().join(name)));
    assert_ne!(at("a.toml"), at("b.toml"));
    assert_eq!(at("a.toml"), at("./a.toml"));
    assert_eq!(file_name("Small stage!", "0badcafe"), "small-stage-0badcafe.state");
    assert_eq!(file_name("音", "0badcafe"), "rig-0badcafe.state");
    assert_eq!(file_name(&"x".repeat(999), "k").len(), 64 + "-k.state".len());
}

#[test]
fn the_present_one_becomes_the_one_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    assert_eq!(store.load(), Memory::default());
    for value in ["-1", "-2", "-3"] {
        store.write(&bytes(value)).expect("it is written");
    }
    assert_eq!(names(&store), ["0badcafe.lock", "small-stage-0badcafe.state", "small-stage-0badcafe.state.1"]);
    assert_eq!(store.load(), memory("-3"));
    assert_eq!(fs::read(store.beside("1")).expect("the one before"), bytes("-2"));
    // A crash between the two renames of a file system without hard links.
    fs::remove_file(store.path()).expect("the state");
    assert_eq!(store.load(), memory("-2"));
}

#[test]
fn whatever_is_damaged_is_kept_and_the_one_before_is_used() {
    for damage in [&b""[..], b"\xff\xfe\x00", &bytes("-2")[..40], &bytes("-2").repeat(2)] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = open(dir.path());
        store.load();
        store.write(&bytes("-1")).expect("it is written");
        store.write(&bytes("-2")).expect("it is written");
        fs::write(store.path(), damage).expect("damage");
        assert_eq!(store.load(), memory("-1"));
        assert_eq!(fs::read(store.beside("damaged-1")).expect("what was damaged"), damage);
        fs::write(store.beside("1"), damage).expect("damage");
        assert_eq!(store.load(), Memory::default());
        assert!(store.beside("damaged-2").exists());
        store.write(&bytes("-3")).expect("it is written");
        assert_eq!(store.load(), memory("-3"));
    }
}

#[test]
fn a_directory_in_its_place_is_set_aside_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    fs::create_dir(store.path()).expect("a directory");
    assert_eq!(store.load(), Memory::default());
    store.write(&bytes("-1")).expect("it is written");
    assert!(store.beside("damaged-1").is_dir());
}

#[test]
fn a_pipe_in_its_place_is_set_aside_and_waited_for_by_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    let pipe = |path: &Path| {
        let done = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo");
        assert!(done.success());
    };
    pipe(store.path());
    pipe(&store.beside("tmp"));
    assert_eq!(store.load(), Memory::default());
    store.write(&bytes("-6")).expect("it can be written");
    assert_eq!(store.load(), memory("-6"));
    assert!(names(&store).iter().any(|n| n.contains("damaged")), "{:?}", names(&store));
}

#[test]
fn setting_aside_deletes_nothing_however_often() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    store.load();
    assert_eq!(store.set_all_aside("fresh").expect("nothing to do"), None);
    for value in ["-1", "-2", "-3"] {
        store.write(&bytes(value)).expect("it is written");
        let to = store.set_all_aside("fresh").expect("it is renamed").expect("there was one");
        assert_eq!(fs::read(to).expect("what was set aside"), bytes(value));
        assert_eq!(store.load(), Memory::default());
    }
}

#[test]
fn a_second_owner_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = open(dir.path());
    let Err(Refused::Busy { owner, .. }) = Store::open(dir.path().join("state"), "Another name", "0badcafe") else {
        panic!("two owners")
    };
    assert_eq!(owner, format!("process {}", std::process::id()));
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(first);
    });
    open(dir.path());
    release.join().expect("no panic");
}

#[test]
fn a_new_name_of_the_rig_takes_the_files_along() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path());
    store.load();
    store.write(&bytes("-1")).expect("it is written");
    store.write(&bytes("-2")).expect("it is written");
    let at = store.dir.clone();
    drop(store);
    let mut store = Store::open(at.clone(), "Big stage", "0badcafe").expect("a store");
    assert_eq!(store.load(), memory("-2"));
    assert_eq!(names(&store), ["0badcafe.lock", "big-stage-0badcafe.state", "big-stage-0badcafe.state.1"]);
    let mut other = Store::open(at, "Big stage", "0badcaff").expect("a store");
    assert_eq!(other.load(), Memory::default());
}

#[test]
fn what_came_to_light_after_the_start_is_not_written_over() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("state"), b"no directory").expect("a file");
    let mut store = open(dir.path());
    assert_eq!(store.load(), Memory::default());
    assert!(store.write(&bytes("-1")).is_err());
    fs::remove_file(dir.path().join("state")).expect("the file");
    let mut owner = open(dir.path());
    owner.load();
    owner.write(&bytes("-2")).expect("it is written");
    assert!(store.write(&bytes("-1")).is_err(), "it is another's");
    drop(owner);
    store.write(&bytes("-1")).expect("it is written");
    assert_eq!(fs::read(store.beside("unread-1")).expect("what was there"), bytes("-2"));
    assert_eq!(store.load(), memory("-1"));
}
