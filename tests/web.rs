//! The web mixer's server, from outside: OSCQuery as the proposal has it, WebSockets, roles, and what is no HTTP.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use headroom_e2e::web::{Frame, Socket, get, raw};
use headroom_e2e::{Headroom, Osc, eventually};
use rosc::OscType;
use serde_json::json;

const RIG: &str = r#"
name = "Web"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
[[channel]]
name = "Keys"
stereo = true
[[bus]]
name = "Wedge"
kind = "aux"
[[bus]]
name = "Other"
kind = "aux"
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

const DESK: &str = "the desk's own token";
const DRUMMER: &str = "the drummer's & nobody else's";

const SOON: Duration = Duration::from_millis(300);

fn serve(dir: &std::path::Path, rig: &str) -> Headroom {
    let path = dir.join("rig.toml");
    std::fs::write(&path, rig).expect("a file");
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "debug"])
}

fn f(x: f32) -> OscType {
    OscType::Float(x)
}

#[test]
fn the_tree_is_told_as_oscquery_has_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), RIG);
    let (at, mut osc) = (server.web_address(), server.osc());
    let info = get(at, "/whatever/path?HOST_INFO", &[]).json();
    assert_eq!((&info["NAME"], &info["OSC_TRANSPORT"]), (&json!("Web"), &json!("UDP")));
    assert_eq!((&info["OSC_IP"], info["OSC_PORT"].as_u64()), (&json!("127.0.0.1"), Some(u64::from(server.osc_address().port()))));
    assert_eq!(info["WS_PORT"].as_u64(), Some(u64::from(at.port())));
    assert_eq!(info["EXTENSIONS"]["LISTEN"], true);

    osc.send("/ch/2/fader", [f(-6.1)]);
    assert_eq!(osc.number("/ch/2/fader") as f32, -6.1);
    let fader = get(at, "/ch/keys/fader", &[]);
    assert_eq!(fader.header("access-control-allow-origin"), Some("*"));
    let fader = fader.json();
    assert_eq!((&fader["FULL_PATH"], &fader["VALUE"], &fader["TYPE"]), (&json!("/ch/2/fader"), &json!([-6.1]), &json!("f")));
    assert_eq!(get(at, "/ch/1/mute?VALUE", &[]).json(), json!({ "VALUE": [false] }));
    assert_eq!(get(at, "/ch/1?VALUE", &[]).json(), json!({}));
    let meter = get(at, "/ch/2/meter/out", &[]).json();
    assert_eq!((&meter["ACCESS"], &meter["TYPE"]), (&json!(1), &json!("ff")));
    let whole = get(at, "/", &[]).json();
    assert_eq!(whole["CONTENTS"]["ch"]["CONTENTS"]["2"]["CONTENTS"]["fader"], fader);
    assert_eq!(whole["CONTENTS"]["ch"]["CONTENTS"]["2"]["DESCRIPTION"], "Keys");

    for (path, status) in [
        ("/ch/9", 404),
        ("/ch/*", 404),
        ("/ch/1?NOPE", 400),
        ("/%ff", 400),
        ("/assets/../rig.toml", 404),
        ("/assets/%2e%2e%2frig.toml", 404),
    ] {
        assert_eq!(get(at, path, &[]).status, status, "{path}");
    }
    let page = get(at, "/", &["Accept: text/html,application/xhtml+xml"]);
    assert!(page.text().contains("<html") && page.header("content-type").is_some_and(|t| t.starts_with("text/html")));
    assert_eq!(get(at, "/health", &[]).status, 200);
    let metrics = get(at, "/metrics", &[]).text();
    assert!(metrics.contains("\nheadroom_running 1\n") && metrics.contains("\nheadroom_xruns "), "{metrics}");
    assert!(server.stop().success());
}

#[test]
fn a_websocket_is_a_client_like_any_and_listens_as_oscquery_has_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), RIG);
    let (at, mut osc) = (server.web_address(), server.osc());
    let mut app = Socket::connect(at, &[]).expect("it may connect");
    app.send("/ch/1/fader", [f(-20.0)]);
    app.send("/ch/1/fader", []);
    assert_eq!(app.wait_for("/ch/1/fader").expect("an answer").args, [f(-20.0)]);
    assert_eq!(osc.number("/ch/1/fader"), -20.0);
    app.send("/subscribe", [OscType::String("/ch/*/pan".into())]);
    assert_eq!(app.wait_for("/ch/2/pan").expect("its present value").args, [f(0.0)]);
    osc.send("/ch/2/pan", [f(0.5)]);
    assert_eq!(app.wait_for("/ch/2/pan").expect("its change").args, [f(0.5)]);

    let mut query = Socket::connect(at, &[]).expect("it may connect");
    query.say(r#"{"COMMAND":"LISTEN","DATA":"/ch/1/fader"}"#);
    query.say("nonsense");
    let before = query.messages(SOON);
    assert!(before.is_empty(), "a present value is not listened to: {before:?}");
    osc.send("/ch/2/fader", [f(-3.0)]);
    osc.send("/ch/1/fader", [f(-12.0)]);
    let heard = query.messages(SOON);
    assert_eq!(heard.iter().map(|m| (m.addr.as_str(), m.args.clone())).collect::<Vec<_>>(), [("/ch/1/fader", vec![f(-12.0)])]);
    query.say(r#"{"COMMAND":"IGNORE","DATA":"/ch/1/fader"}"#);
    query.send("/ping", []);
    query.wait_for("/ping").expect("an answer");
    osc.send("/ch/1/fader", [f(-13.0)]);
    assert!(query.messages(SOON).is_empty());

    // A channel comes in front: the tree is told anew.
    let rig = RIG.replacen("[[channel]]", "[[channel]]\nname = \"Snare\"\n[[channel]]", 1);
    std::fs::write(dir.path().join("rig.toml"), rig).expect("a file");
    osc.command("/rig/reload", []);
    let mut frames = Vec::new();
    eventually("the new tree is told", || {
        if let Some(Frame::Text(text)) = query.receive(SOON) {
            frames.push(text);
        }
        ["PATH_ADDED\",\"DATA\":\"/ch/3", "PATH_CHANGED\",\"DATA\":\"/ch/1"].iter().all(|w| frames.iter().any(|f| f.contains(w)))
    });
    assert_eq!(get(at, "/ch/snare/name?VALUE", &[]).json(), json!({ "VALUE": ["Snare"] }));
    for elsewhere in ["https://example.com", "null", "file://"] {
        assert_eq!(Socket::connect(at, &[("Origin", elsewhere)]).err(), Some(403), "{elsewhere}");
    }
    let here = format!("http://{at}");
    assert!(Socket::connect(at, &[("Origin", &here)]).is_ok() && Socket::connect(at, &[]).is_ok());
    assert!(server.stop().success());
}

#[test]
fn a_role_is_the_same_in_a_browser() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("desk.token"), DESK).expect("a file");
    std::fs::write(dir.path().join("drummer.token"), DRUMMER).expect("a file");
    let server = serve(dir.path(), &format!("{RIG}{ROLES}"));
    let at = server.web_address();
    // Who has no token is shown the page, which asks for one, and nothing of the console.
    assert_eq!(get(at, "/", &["Accept: text/html"]).status, 200);
    for path in ["/", "/ch/1/fader", "/ch/1/name?VALUE", "/metrics"] {
        assert_eq!(get(at, path, &[]).status, 401, "{path}");
    }
    assert_eq!(get(at, "/?token=wrong%20one", &[]).status, 403);

    let entered = get(at, "/?token=the+drummer's+%26+nobody+else's", &["Accept: text/html"]);
    assert_eq!((entered.status, entered.header("location")), (303, Some("/")));
    let cookie = entered.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().expect("its value").to_owned();
    let own = [format!("Cookie: {cookie}")];
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    assert_eq!(get(at, "/ch/1/send/1/level?ACCESS", &own).json(), json!({ "ACCESS": 3 }));
    assert_eq!(get(at, "/ch/1/name?ACCESS", &own).json(), json!({ "ACCESS": 1 }));
    for path in ["/main", "/ch/1/fader", "/ch/1/send/2/level", "/bus/2", "/status"] {
        assert_eq!(get(at, path, &own).status, 404, "{path}");
    }
    assert_eq!(get(at, "/metrics", &own).status, 401);
    let whole = get(at, "/", &own).text();
    for path in ["/main", "/send/2", "/bus/2", "/status", "eq"] {
        assert!(!whole.contains(path), "{path} in {whole}");
    }

    let mut drummer = Socket::connect(at, &[("Cookie", &cookie)]).expect("it may connect");
    drummer.send("/login", []);
    assert_eq!(drummer.wait_for("/login").expect("a role").args, [OscType::String("drummer".into())]);
    drummer.send("/main/fader", [f(-40.0)]);
    assert_eq!(drummer.receive(Duration::from_secs(5)).map(|f| format!("{f:?}").contains("/error")), Some(true));
    drummer.send("/ch/1/send/1/level", [f(-11.0)]);
    let bearer = format!("Authorization: Bearer {DESK}");
    eventually("the drummer's own send", || {
        get(at, "/ch/1/send/1/level?VALUE", &[&bearer]).json() == json!({ "VALUE": [-11.0] })
    });
    assert_eq!(get(at, "/main/fader?VALUE", &[&bearer]).json(), json!({ "VALUE": [0.0] }));
    assert_eq!(get(at, "/metrics", &[&bearer]).status, 200);
    let output = server.output();
    for secret in [DESK, DRUMMER, "wrong one", "wrong%20one"] {
        assert!(!output.contains(secret), "the log tells a token");
    }
    assert!(server.stop().success());
}

#[test]
fn what_is_no_http_harms_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = serve(dir.path(), RIG);
    let at = server.web_address();
    // Heads that never end are kept for a while at most, and never more than so many of a host.
    let mut slow: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(at).expect("a connection");
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nX: ");
            stream
        })
        .collect();
    slow.truncate(20);
    let long = [b"GET /".as_slice(), &vec![b'a'; 200_000], b" HTTP/1.1\r\n\r\n"].concat();
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(5_000));
    let bad: Vec<&[u8]> = vec![
        b"",
        b"\0\0\0\0",
        b"GARBAGE\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &long,
        many.as_bytes(),
    ];
    for bytes in &bad {
        let mut stream = TcpStream::connect(at).expect("a connection");
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout");
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || text.starts_with("HTTP/1.") && !text.starts_with("HTTP/1.1 200"), "{text}");
    }
    // Frames that are none, after an upgrade that is one.
    let upgrade = format!(
        "GET / HTTP/1.1\r\nHost: {at}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    for frames in [
        vec![0xff; 5_000],
        [0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].to_vec(),
        vec![0; 100],
        vec![0x82, 3, 1, 2, 3],
    ] {
        let answer = raw(at, &[upgrade.as_bytes(), &frames].concat());
        assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    }
    drop(slow);
    let mut osc: Osc = server.osc();
    eventually("it serves as before", || get(at, "/ch/1/name?VALUE", &[]).status == 200);
    assert_eq!(osc.status().number("faults"), 0.0);
    assert!(!server.output().contains("panicked"), "{}", server.output());
    assert!(server.stop().success());
}
