//! The units: what systemd thinks of them, and what they do under it.

use headroom::rig::settings::{Net, PRIVATE};
use headroom_e2e::{Headroom, here, in_path};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const UNITS: [&str; 2] = ["headroom.service", "headroom-jackd.service"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the sources")
}

fn program() -> PathBuf {
    Headroom::command(&[]).get_program().into()
}

/// The units with the programs of this tree, since those of a package may not be installed.
fn here_and_now(unit: &str) -> String {
    let text = std::fs::read_to_string(root().join("systemd").join(unit)).expect("a unit");
    text.replace("/usr/bin/headroom ", &format!("{} ", program().display()))
        .replace("/usr/lib/headroom/jackd", &root().join("systemd/jackd").display().to_string())
}

#[test]
fn systemd_finds_nothing_wrong_in_the_units_and_little_exposed() {
    if !here("systemd-analyze", in_path("systemd-analyze")) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let files = UNITS.map(|unit| dir.path().join(unit));
    for (file, unit) in files.iter().zip(UNITS) {
        std::fs::write(file, here_and_now(unit)).expect("a file");
    }
    let verify =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output().expect("systemd-analyze runs");
    let said = String::from_utf8_lossy(&verify.stderr);
    // It also speaks of this machine's own units.
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("headroom")).collect();
    assert!(ours.is_empty(), "{}", ours.join("\n"));
    for file in &files {
        // 20 is an exposure of 2.0 out of 10.
        let exposure = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
            .arg(file)
            .output()
            .expect("systemd-analyze runs");
        let said = String::from_utf8_lossy(&exposure.stdout);
        println!("{}", said.lines().last().unwrap_or_default());
        assert!(exposure.status.success(), "{}:\n{said}", file.display());
    }
}

#[test]
fn under_systemd_it_starts_without_a_server_and_comes_back_killed_or_frozen() {
    if !here("jackd", in_path("jackd")) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let copy = |from: PathBuf, to: &str| {
        std::fs::copy(&from, dir.path().join(to)).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    };
    copy(root().join("tests/systemd/guest.sh"), "guest.sh");
    copy(root().join("configs/rack.toml"), "rig.toml");
    copy(program(), "headroom");
    std::fs::create_dir(dir.path().join("units")).expect("a directory");
    for file in std::fs::read_dir(root().join("systemd")).expect("the units").flatten() {
        if file.path().is_file() {
            copy(file.path(), &format!("units/{}", file.file_name().display()));
        }
    }
    let run = Command::new(root().join("scripts/under-systemd.sh"))
        .args(["-t", "300"])
        .arg(dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("the script runs");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    if run.status.code() == Some(125) {
        // Also where everything else has to be there: not every machine that tests may make control groups.
        eprintln!("\n**** SKIPPED, no systemd of its own here: {} ****\n", err.trim_end());
        return;
    }
    println!("{out}");
    assert!(run.status.success(), "{out}\n{err}");
}

#[test]
fn the_card_that_is_taken_can_play_and_is_no_screen() {
    let asound = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(asound.path().join(name), text).expect("a file");
    write(
        "cards",
        " 0 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0\n                      vc4-hdmi-0\n \
         1 [Webcam         ]: USB-Audio - C920\n                      C920 at usb-1\n \
         2 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n \
         3 [M2             ]: USB-Audio - MOTU M2\n                      MOTU M2 at usb-2\n",
    );
    write(
        "pcm",
        "00-00: MAI PCM i2s-hifi-0 : MAI PCM i2s-hifi-0 : playback 1\n01-00: USB Audio : USB Audio : capture 1\n\
         02-00: bcm2835 Headphones : bcm2835 Headphones : playback 8\n03-00: USB Audio : USB Audio : playback 1 : capture 1\n",
    );
    let list = Command::new("bash")
        .args(["-c", ". systemd/cards.sh && playing_cards \"$1\"", "bash"])
        .arg(asound.path())
        .current_dir(root())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&list.stdout);
    let cards: Vec<Vec<&str>> = said.lines().map(|l| l.split('\t').collect()).collect();
    let expected =
        [["M2", "MOTU M2", "duplex"], ["Headphones", "bcm2835 Headphones", "playback"], ["vc4hdmi0", "vc4-hdmi-0", "playback"]];
    assert_eq!(cards, expected, "{}", String::from_utf8_lossy(&list.stderr));
}

/// A network of `IPAddressAllow=`, or of those that systemd has a name for (systemd.resource-control(5)).
fn networks(word: &str) -> Vec<Net> {
    let texts = match word {
        "localhost" => vec!["127.0.0.0/8", "::1/128"],
        "link-local" => vec!["169.254.0.0/16", "fe80::/64"],
        "multicast" => vec!["224.0.0.0/4", "ff00::/8"],
        other => vec![other],
    };
    texts.into_iter().map(|text| Net::parse(text).unwrap_or_else(|| panic!("{word} is no network"))).collect()
}

#[test]
fn the_unit_lets_through_what_a_rig_answers_by_default() {
    let unit = std::fs::read_to_string(root().join("systemd/headroom.service")).expect("a unit");
    let allowed = unit.lines().filter_map(|l| l.strip_prefix("IPAddressAllow=")).flat_map(str::split_whitespace);
    let allowed: Vec<Net> = allowed.flat_map(networks).collect();
    // The first address of each network: those of IPv6 link-local beyond fe80::/64 are given to nobody.
    for text in PRIVATE {
        let net = Net::parse(text).expect("a network");
        assert!(allowed.iter().any(|a| a.contains(net.addr)), "{text} is answered and not let through");
    }
}
