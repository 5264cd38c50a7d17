//! Who is served, and what a role lets a client do, over the network and from the command line.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use headroom_e2e::{Headroom, Osc, apart, eventually, message};
use rosc::{OscMessage, OscPacket, OscType};

const RIG: &str = r#"
name = "Band"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[role]]
name = "engineer"
token = "file:desk.token"
[[role]]
name = "drummer"
token = "HASH"
write = ["/ch/*/send/drummer/*", "/bus/drummer/fader"]
read = ["/ch/*/name", "/ch/*/meter/in"]
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
[main]
"#;

const DESK: &str = "the desk's own token";

fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

fn f(x: f32) -> OscType {
    OscType::Float(x)
}

/// A token from the program itself, and its line for the rig.
fn token() -> (String, String) {
    let done = Headroom::command(&["token"]).output().expect("it runs");
    let said = String::from_utf8(done.stdout).expect("text");
    let token = said.lines().nth(1).expect("a token").trim().to_owned();
    let line = said.lines().last().expect("a line").to_owned();
    assert!(done.status.success() && line.starts_with("token = \"sha256:") && !line.contains(&token), "{said}");
    (token, line)
}

fn server(dir: &Path, rig: &str) -> Headroom {
    let path = dir.join("rig.toml");
    std::fs::write(&path, rig).expect("a file");
    std::fs::write(dir.join("desk.token"), format!("{DESK}\n")).expect("a file");
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "trace"])
}

/// All that arrives until there is quiet.
fn all(osc: &mut Osc) -> Vec<OscMessage> {
    let mut heard = Vec::new();
    while let Some(message) = osc.receive(Duration::from_millis(150)) {
        heard.push(message);
    }
    heard
}

/// Whether a musician may hear of this address.
fn is_own(address: &str) -> bool {
    let plain = address.strip_prefix("/norm").unwrap_or(address);
    let channel = plain.starts_with("/ch/");
    plain == "/bus/1/fader"
        || channel && (plain.contains("/send/1/") || plain.ends_with("/name") || plain.ends_with("/meter/in"))
        || ["/rev", "/subscribe", "/sync", "/error", "/status", "/login", "/info", "/ping"].contains(&plain)
}

#[test]
fn a_musician_has_the_own_monitor_mix_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let (token, line) = token();
    let server = server(dir.path(), &RIG.replace("token = \"HASH\"", &line));
    let (mut desk, mut drummer) = (server.osc(), server.osc());
    drummer.send("/ch/1/fader", []);
    assert_eq!(drummer.receive(Duration::from_secs(5)).expect("an answer").addr, "/error");
    assert_eq!(desk.command("/login", [text(DESK)]), [text("engineer")]);
    assert_eq!(drummer.command("/login", [text(&token)]), [text("drummer")]);

    // Everything a client can think of, by any door.
    let everything = ["//", "/norm//", "//meter/*", "/ch/*/*", "/*/*/*", "/main/fader", "/ch/1/fader", "/bus/singer/fader"];
    for address in everything {
        drummer.send(address, []);
        drummer.send(address, [f(-30.0)]);
        drummer.send("/subscribe", [text(address), OscType::Int(60), f(100.0)]);
        drummer.send("/fade", [text(address), f(-30.0), f(0.05)]);
        let now = rosc::OscTime { seconds: 0, fractional: 1 };
        drummer.send_bundle(now, [message(address, []), message(address, [f(-30.0)])]);
    }
    for command in ["/solo/clear", "/rig/reload", "/preset/list", "/tap", "/status", "/sync"] {
        drummer.send(command, []);
    }
    drummer.send("/preset/load", [text("kick"), text("kick")]);
    drummer.send("/preset/save", [text("kick"), text("stolen")]);
    let heard = all(&mut drummer);
    let strange: Vec<_> = heard.iter().filter(|m| !is_own(&m.addr)).collect();
    assert!(heard.len() > 50 && strange.is_empty(), "{strange:?}");
    for error in heard.iter().filter(|m| m.addr == "/error") {
        let said = format!("{:?}", error.args[1]);
        for path in ["/main", "/eq", "/mute", "send/2", "singer", "/fader"] {
            assert!(!said.contains(path) || said.contains("/bus/1/fader"), "{said}");
        }
    }
    for address in ["/main/fader", "/ch/1/fader", "/bus/singer/fader"] {
        assert_eq!(desk.number(address), 0.0, "{address}");
    }
    assert_eq!(desk.number("/ch/1/send/singer/level"), -144.0);
    assert!(!dir.path().join("presets").exists());
    drummer.send("/ch/vox/send/drummer/level", [f(-11.0)]);
    eventually("the drummer's own send", || desk.number("/ch/2/send/1/level") == -11.0);

    // From the command line, with a token that no list of processes shows.
    let to = server.osc_address().to_string();
    let send = |login: Option<&str>, rest: &[&str]| {
        let mut command = Headroom::command(&["send", "--to", &to]);
        if let Some(token) = login {
            command.env("HEADROOM_TOKEN", token);
        }
        let done = command.args(rest).output().expect("it runs");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    assert_eq!(send(Some(DESK), &["/main/fader", "-2"]), (Some(0), "/main/fader -2\n".into()));
    assert_eq!(send(None, &["/main/fader"]).0, Some(1));
    assert_eq!(send(Some(&token), &["/main/fader"]).0, Some(1));

    // Over TCP each connection stands for itself, and a login ends with it.
    for wanted in ["drummer", "none"] {
        let mut stream = TcpStream::connect(server.osc_address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut ask = |address: &str, args: Vec<OscType>| {
            let packet = OscPacket::Message(OscMessage { addr: address.into(), args });
            let bytes = rosc::encoder::encode(&packet).expect("a packet");
            stream.write_all(&[&(bytes.len() as u32).to_be_bytes(), bytes.as_slice()].concat()).expect("it is sent");
            let mut size = [0; 4];
            stream.read_exact(&mut size).expect("an answer");
            let mut answer = vec![0; u32::from_be_bytes(size) as usize];
            stream.read_exact(&mut answer).expect("an answer");
            rosc::decoder::decode_udp(&answer).expect("OSC").1
        };
        if wanted == "drummer" {
            ask("/login", vec![text(&token)]);
        }
        let OscPacket::Message(role) = ask("/login", vec![]) else { panic!("a bundle") };
        assert_eq!(role.args, [text(wanted)]);
        let OscPacket::Message(fader) = ask("/main/fader", vec![]) else { panic!("a bundle") };
        assert_eq!(fader.addr, "/error");
    }

    // A reload that fails shows the rig's lines: no token among them.
    let rig = std::fs::read_to_string(dir.path().join("rig.toml")).expect("a file");
    std::fs::write(dir.path().join("rig.toml"), "role = [{ name = \"x\", token = \"plain as day\", wrtie = [] }]\n")
        .expect("a file");
    desk.send("/rig/reload", []);
    let said = desk.receive(Duration::from_secs(5)).expect("an answer");
    assert!(
        said.addr == "/error" && format!("{said:?}").contains("wrtie") && !format!("{said:?}").contains("plain as day"),
        "{said:?}"
    );
    std::fs::write(dir.path().join("rig.toml"), format!("{rig}\ntoken = \"plain as day")).expect("a file");
    desk.send("/rig/reload", []);
    let said = desk.receive(Duration::from_secs(5)).expect("an answer");
    assert!(said.addr == "/error" && !format!("{said:?}").contains("plain as day"), "{said:?}");
    drummer.send("/login", [text("nobody gave me one")]);
    assert_eq!(drummer.receive(Duration::from_secs(5)).expect("an answer").addr, "/error");
    eventually("the log tells of logins", || {
        let output = server.output();
        output.contains("logged in") && output.contains("wrong token")
    });
    let output = server.output();
    for secret in [token.as_str(), DESK, "plain as day", "nobody gave me one"] {
        assert!(!output.contains(secret), "the log tells a token");
        assert!(!format!("{heard:?}").contains(secret));
    }
    let state = headroom_state(&mut desk);
    assert!(!state.contains(&token) && !state.contains(DESK));
}

fn headroom_state(desk: &mut Osc) -> String {
    let path = desk.status().text("state-file").to_owned();
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn check_tells_the_roles_and_what_their_patterns_miss() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rig.toml");
    let rig = RIG
        .replace("token = \"HASH\"", "")
        .replace("\"/bus/drummer/fader\"", "\"/bus/drumer/fader\", \"/rig/relaod\", \"/rig/reload\"");
    std::fs::write(&path, rig).expect("a file");
    std::fs::write(dir.path().join("desk.token"), DESK).expect("a file");
    let done = Headroom::command(&["check", &path.display().to_string()]).output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{err}");
    for wanted in [
        "/bus/drumer/fader matches nothing",
        "did you mean `drummer`?",
        "/rig/relaod matches nothing",
        "did you mean `/rig/reload`?",
    ] {
        assert!(err.contains(wanted), "{wanted}:\n{err}");
    }
    assert_eq!(err.matches("matches nothing").count(), 2, "{err}");
    for wanted in ["role engineer", "may do everything; by its token", "role drummer", "nobody has it", "has the role none"] {
        assert!(out.contains(wanted), "{wanted}:\n{out}");
    }
    assert!(!out.contains(DESK) && !err.contains(DESK));
}

#[test]
fn a_token_of_ones_own_is_hashed_and_a_short_one_refused() {
    let hash = |token: &str| {
        let command = &mut Headroom::command(&["token", "--stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        child.stdin.take().expect("its input").write_all(token.as_bytes()).expect("it reads");
        let done = child.wait_with_output().expect("it ends");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
    };
    let (status, line) = hash("correct horse battery\n");
    assert_eq!(status, Some(0));
    assert_eq!(line.trim().len(), "token = \"sha256:\"".len() + 64);
    assert_eq!(hash("short\n").0, Some(2));
}

/// Outside of the networks that the rig allows nobody gets a byte, by UDP or TCP, whatever is sent; and the kernel has
/// nothing to say either, since the port is there.
#[test]
fn outside_of_the_allowed_networks_there_is_not_one_byte() {
    apart(|| {
        let ip = |arguments: &[&str]| Command::new("ip").args(arguments).status().is_ok_and(|s| s.success());
        assert!(
            ip(&["addr", "add", "198.51.100.7/32", "dev", "lo"]) && ip(&["addr", "add", "10.9.8.7/32", "dev", "lo"]),
            "iproute2"
        );
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rig.toml");
        let rig = "[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"0.0.0.0:9000\"\n[[channel]]\nname = \"a\"\n[main]\n";
        std::fs::write(&path, rig).expect("a file");
        let server = Headroom::spawn(&["run", &path.display().to_string()]);
        let packets: Vec<Vec<u8>> = ["/info", "/ping", "/ch/1/fader", "//", "/nothing", "/login"]
            .iter()
            .map(|address| rosc::encoder::encode(&message(address, [])).expect("a packet"))
            .chain([rosc::encoder::encode(&message("/subscribe", [text("//")])).expect("a packet"), b"nonsense".to_vec()])
            .collect();
        let mut buffer = [0; 65_536];
        for (from, served) in [("198.51.100.7", false), ("10.9.8.7", true)] {
            for to in ["198.51.100.7:9000", "127.0.0.1:9000", "10.9.8.7:9000"] {
                let socket = UdpSocket::bind((from, 0)).expect("an address");
                socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
                // Not connected: with several addresses a host answers from any of them.
                for packet in &packets {
                    socket.send_to(packet, to).expect("it is sent");
                }
                assert_eq!(socket.recv_from(&mut buffer).is_ok(), served, "UDP from {from} to {to}");
            }
            let bound = nix::sys::socket::socket(
                nix::sys::socket::AddressFamily::Inet,
                nix::sys::socket::SockType::Stream,
                nix::sys::socket::SockFlag::empty(),
                None,
            )
            .expect("a socket");
            let at = |a: &str| nix::sys::socket::SockaddrStorage::from(a.parse::<std::net::SocketAddr>().expect("an address"));
            use std::os::fd::AsRawFd;
            nix::sys::socket::bind(bound.as_raw_fd(), &at(&format!("{from}:0"))).expect("an address");
            nix::sys::socket::connect(bound.as_raw_fd(), &at("127.0.0.1:9000")).expect("the kernel takes it");
            let mut stream = TcpStream::from(bound);
            stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
            let _ = stream.write_all(&[&(packets[0].len() as u32).to_be_bytes(), packets[0].as_slice()].concat());
            let answered = stream.read(&mut buffer).is_ok_and(|length| length > 0);
            assert_eq!(answered, served, "TCP from {from}");
        }
        let refused = server.osc().status().number("refused");
        assert!(refused >= 3.0 * packets.len() as f64, "{refused}");
    });
}
