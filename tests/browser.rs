//! The web mixer as a person uses it: a real browser, the real program, and OSC to ask what the console holds. What is
//! done and asked is in `browser/page.py`.

use std::path::Path;
use std::process::Command;

use headroom_e2e::{Headroom, here, in_path};

const RIG: &str = r#"
name = "Band"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
ROLES
[[channel]]
name = "Kick"
[[channel]]
name = "Vox"
[[bus]]
name = "Drummer"
kind = "aux"
[[bus]]
name = "Singer"
kind = "aux"
[[dca]]
name = "Band"
[main]
"#;

const ROLES: &str = r#"
[[role]]
name = "engineer"
token = "file:desk.token"
[[role]]
name = "drummer"
token = "file:drummer.token"
write = ["/ch/*/send/drummer/*", "/bus/drummer/fader"]
read = ["/ch/*/name", "/ch/*/color", "/ch/*/meter/in", "/bus/drummer/name", "/bus/drummer/meter/out"]
"#;

const DESK: &str = "the-desk's-own-token";
const DRUMMER: &str = "the-drummer's-own-token";

fn has_browser() -> bool {
    here("chromium", ["chromium", "chromium-browser", "google-chrome"].iter().any(|name| in_path(name)))
        && here("python3", in_path("python3"))
}

fn server(dir: &Path, roles: &str) -> Headroom {
    let path = dir.join("rig.toml");
    std::fs::write(&path, RIG.replace("ROLES", roles)).expect("a file");
    for (file, token) in [("desk.token", DESK), ("drummer.token", DRUMMER)] {
        std::fs::write(dir.join(file), format!("{token}\n")).expect("a file");
    }
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn"])
}

fn drive(server: &Headroom, what: &str, more: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/browser/page.py");
    let osc = server.osc_address().to_string();
    let done = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args([script, what, "--http", &server.web_address().to_string(), "--osc", &osc])
        .args(more)
        .output()
        .expect("python3 runs");
    let (said, failed) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{what}:\n{said}\n{failed}\nheadroom said:\n{}", server.output());
}

#[test]
fn the_page_is_small_and_needs_nothing_from_elsewhere() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/web");
    let files: Vec<_> = std::fs::read_dir(folder).expect("the page").map(|file| file.expect("a file").path()).collect();
    let mut weight = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).expect("text");
        weight += text.len();
        // A namespace is a name and no address.
        let addresses = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!addresses.contains("http://") && !addresses.contains("https://"), "{} names another host", file.display());
    }
    assert!((10_000..300_000).contains(&weight), "{weight} bytes");
}

#[test]
fn a_mix_is_made_in_two_browsers_with_mouse_keys_and_fingers() {
    if !has_browser() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    drive(&server(dir.path(), ""), "mix", &[]);
}

#[test]
fn a_lost_link_is_said_and_caught_up_with_and_sends_only_what_is_still_meant() {
    if !has_browser() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    drive(&server(dir.path(), ""), "link", &[]);
}

#[test]
fn a_musician_sees_and_moves_the_own_mix_and_nothing_else() {
    if !has_browser() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    drive(&server(dir.path(), ROLES), "musician", &["--token", DRUMMER, "--other", DESK]);
}
