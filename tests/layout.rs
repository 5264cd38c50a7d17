//! Generated layouts, read back: what they are bound to is on the running console, and comes back under ids.

use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use headroom_e2e::web::get;
use headroom_e2e::{Headroom, Osc, eventually, here};
use miniz_oxide::inflate::decompress_to_vec_zlib;
use rosc::OscType;

const RIG: &str = r#"
name = "Layout"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick & \"Co\""
id = "kick"
color = "red"
[[channel]]
name = "Keys"
stereo = true
[[bus]]
name = "Wedge"
kind = "aux"
[[bus]]
name = "Plate"
kind = "fx"
chain = ["reverb"]
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
write = ["/ch/*/send/wedge/*", "/bus/wedge/fader"]
read = ["/ch/*/name", "/ch/*/meter/in"]
"#;

const DESK: &str = "a token for the desk";
const DRUMMER: &str = "a token for the drummer";

fn serve(dir: &std::path::Path, rig: &str) -> Headroom {
    let path = dir.join("rig.toml");
    std::fs::write(&path, rig).expect("a file");
    std::fs::write(dir.join("desk.token"), DESK).expect("a file");
    std::fs::write(dir.join("drummer.token"), DRUMMER).expect("a file");
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "trace"])
}

fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

/// A `.tosc` file as this test reads it: its XML, nodes and bindings.
struct Tosc {
    xml: String,
    nodes: usize,
    /// Addresses that controls are bound to, and the number at their ends.
    bound: Vec<(String, f64, f64)>,
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let at = text.find(from).unwrap_or_else(|| panic!("{from} in {text}")) + from.len();
    let end = text[at..].find(to).unwrap_or_else(|| panic!("{to} in {text}"));
    &text[at..at + end]
}

fn quoted(text: &str) -> &str {
    text.strip_prefix("<![CDATA[").and_then(|t| t.strip_suffix("]]>")).unwrap_or(text)
}

impl Tosc {
    fn read(bytes: &[u8]) -> Tosc {
        let xml = String::from_utf8(decompress_to_vec_zlib(bytes).expect("a zlib stream")).expect("UTF-8");
        assert!(
            xml.starts_with("<?xml version='1.0' encoding='UTF-8'?><lexml version='3'><node ")
                && xml.ends_with("</node></lexml>")
        );
        // Tags outside of quoted text close in the order in which they opened.
        let (mut open, mut rest, mut ids) = (Vec::new(), xml.as_str(), HashSet::new());
        let mut nodes = 0;
        while let Some(at) = rest.find('<') {
            rest = &rest[at..];
            let end = if rest.starts_with("<![CDATA[") {
                rest.find("]]>").expect("it ends") + 3
            } else {
                rest.find('>').expect("it ends") + 1
            };
            let tag = &rest[..end];
            rest = &rest[end..];
            if let Some(name) = tag.strip_prefix("</") {
                assert_eq!(open.pop(), Some(name.trim_end_matches('>')));
            } else if !tag.starts_with("<?") && !tag.starts_with("<!") {
                let name = tag[1..tag.len() - 1].split(' ').next().expect("a name");
                open.push(name);
                if name == "node" {
                    nodes += 1;
                    assert!(ids.insert(between(tag, "ID='", "'").to_owned()), "{tag} stands twice");
                }
            }
        }
        assert!(open.is_empty(), "{open:?} stay open");
        let mut bound = Vec::new();
        for message in xml.split("<osc>").skip(1) {
            let path = between(message, "<path>", "</path>");
            let arguments = between(message, "<arguments>", "</arguments>");
            let number = |key: &str| between(arguments, &format!("<{key}>"), &format!("</{key}>")).parse().expect("a number");
            assert_eq!((between(path, "<type>", "</type>"), path.matches("<partial>").count()), ("CONSTANT", 1));
            bound.push((quoted(between(path, "<value>", "</value>")).to_owned(), number("scaleMin"), number("scaleMax")));
        }
        Tosc { xml, nodes, bound }
    }

    /// What its script subscribes to.
    fn wanted(&self) -> Vec<&str> {
        let list = between(&self.xml, "local wanted = {", "}\nlocal heard");
        list.split("', '").map(|one| one.trim_matches('\'')).collect()
    }
}

/// Whether each address answers, at this very address.
fn all_answer(osc: &mut Osc, addresses: &[String]) {
    osc.command("/client/ids", [OscType::Int(1)]);
    for address in addresses {
        // Whatever is wrong with the address is `/error`, and no answer at this one.
        osc.ask(address);
    }
}

/// All addresses of a session of Open Stage Control.
fn addresses(widget: &serde_json::Value, found: &mut Vec<String>) {
    if let Some(address) = widget["address"].as_str().filter(|a| a.starts_with('/')) {
        found.push(address.to_owned());
    }
    for key in ["widgets", "tabs"] {
        widget[key].as_array().into_iter().flatten().for_each(|inner| addresses(inner, found));
    }
}

#[test]
fn a_layout_is_bound_to_what_is_there_and_is_told_by_id() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), RIG);
    let answer = get(server.web_address(), "/layout/stage.tosc", &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-disposition").is_some_and(|h| h.contains("stage.tosc")));
    let tosc = Tosc::read(&answer.body);
    let mut bound: Vec<String> = tosc.bound.iter().map(|b| b.0.clone()).collect();
    bound.sort();
    bound.dedup();
    for wanted in ["/norm/ch/kick/fader", "/ch/keys/eq/2/gain", "/norm/ch/keys/send/plate/level", "/norm/bus/plate/reverb/time"] {
        assert!(bound.iter().any(|b| b == wanted), "{wanted}");
    }
    assert!(!bound.iter().any(|b| b.split('/').any(|part| part == "ch" && b.contains("/ch/1/"))), "by id");
    let mut app = server.osc();
    all_answer(&mut app, &bound);
    // Limits are those of the declarations.
    let gain = tosc.bound.iter().find(|b| b.0 == "/ch/kick/eq/1/gain").expect("it is there");
    assert_eq!((gain.1, gain.2), (-24.0, 24.0));

    // What the layout's script says when it is opened, and what then comes of another's move.
    for pattern in tosc.wanted() {
        app.command("/subscribe", [text(pattern), OscType::Int(60)]);
    }
    let other = server.osc();
    for (n, address) in
        ["/norm/ch/kick/fader", "/ch/kick/mute", "/ch/keys/name", "/norm/bus/plate/reverb/time"].iter().enumerate()
    {
        let value = if address.ends_with("name") { text("Organ") } else { OscType::Float(if n == 0 { 0.5 } else { 1.0 }) };
        other.send(address, [value]);
        eventually(address, || app.receive(Duration::from_millis(100)).is_some_and(|told| told.addr == *address));
    }

    // The command line makes the same of the same rig.
    let file = dir.path().join("out.tosc");
    let rig = dir.path().join("rig.toml").display().to_string();
    std::fs::write(dir.path().join("copy.toml"), RIG).expect("a file");
    let done = Headroom::command(&["layout", "touchosc", &rig, "-o", &file.display().to_string()]).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(Tosc::read(&std::fs::read(&file).expect("a file")).xml, tosc.xml);
    reads_in_tosclib(&file, &tosc);

    let session = get(server.web_address(), "/layout/open-stage-control.json", &[]).json();
    let mut found = Vec::new();
    addresses(&session["content"], &mut found);
    found.retain(|a| a != "/rev");
    found.sort();
    found.dedup();
    assert!(found.len() > 100, "{}", found.len());
    all_answer(&mut server.osc(), &found);
    assert!(server.stop().success());
}

/// The same file read by a library that others wrote.
fn reads_in_tosclib(file: &std::path::Path, tosc: &Tosc) {
    const SCRIPT: &str = r"
import sys, tosclib
root = tosclib.load(sys.argv[1])
nodes = list(root.iter('node'))
print(len(nodes), len(set(n.attrib['ID'] for n in nodes)))
print(len([p for p in root.iter('path')]))
print(tosclib.ElementTOSC(root[0]).getPropertyValue('name').text)
";
    let python = std::env::var("HEADROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&python).args(["-c", "import tosclib"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !here("tosclib (HEADROOM_TEST_PYTHON)", there) {
        return;
    }
    let done = Command::new(&python).args(["-c", SCRIPT, &file.display().to_string()]).output().expect("python runs");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let _ = std::io::stderr().write_all(&done.stderr);
    assert_eq!(said, format!("{0} {0}\n{1}\nLayout\n", tosc.nodes, tosc.bound.len()));
}

#[test]
fn a_role_gets_a_layout_of_its_own_mix_and_no_token_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), &format!("{RIG}{ROLES}"));
    let at = server.web_address();
    for path in ["/layout/stage.tosc", "/layout/open-stage-control.json", "/layout/stage.tosc?role=drummer"] {
        let refused = get(at, path, &[]).status;
        assert!(refused == 401 || refused == 403, "{path}: {refused}");
    }
    let (desk, drummer) = (format!("Authorization: Bearer {DESK}"), format!("Authorization: Bearer {DRUMMER}"));
    let own = Tosc::read(&get(at, "/layout/stage.tosc", &[&drummer]).body);
    let may = |address: &str| {
        let plain = address.strip_prefix("/norm").unwrap_or(address);
        let channel = plain.starts_with("/ch/");
        let is_read = plain.ends_with("/name") || plain.ends_with("/meter/in");
        plain == "/bus/wedge/fader" || plain == "/login" || channel && (plain.contains("/send/wedge/") || is_read)
    };
    assert!(own.bound.iter().any(|b| b.0 == "/norm/ch/kick/send/wedge/level"));
    for (address, ..) in &own.bound {
        assert!(may(address), "{address}");
    }
    for secret in [DRUMMER, DESK, "plate", "Plate"] {
        assert!(!own.xml.contains(secret), "{secret}");
    }
    assert_eq!(get(at, "/layout/stage.tosc?role=engineer", &[&drummer]).status, 403);
    assert_eq!(get(at, "/layout/stage.tosc?role=nobody", &[&desk]).status, 404);
    assert_eq!(Tosc::read(&get(at, "/layout/stage.tosc?role=drummer", &[&desk]).body).xml, own.xml);
    let file = dir.path().join("own.tosc").display().to_string();
    let rig = dir.path().join("rig.toml").display().to_string();
    let done = Headroom::command(&["layout", "touchosc", &rig, "-o", &file, "--role", "drummer"]).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(Tosc::read(&std::fs::read(&file).expect("a file")).xml, own.xml);
    let wrong = Headroom::command(&["layout", "touchosc", &rig, "-o", &file, "--role", "guest"]).output().expect("it runs");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("drummer"));

    // The tablet logs in with what is typed into it, and is then told what it may see.
    let mut app = server.osc();
    app.command("/login", [text(DRUMMER)]);
    let mut bound: Vec<String> = own.bound.iter().map(|b| b.0.clone()).filter(|a| a != "/login").collect();
    bound.dedup();
    all_answer(&mut app, &bound);
    eventually("the log holds no token", || !server.output().contains(DRUMMER) && !server.output().contains(DESK));
    assert!(server.stop().success());
}
