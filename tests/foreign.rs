//! Clients that others wrote: liblo's tools and python-osc speak to the program as they come.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crossbeam_channel::{Receiver, unbounded};
use headroom_e2e::{Headroom, Osc, eventually, here, in_path};

fn rig(dir: &Path, osc: &str) -> String {
    let path = dir.join("rig.toml");
    let text = format!(
        r#"
name = "Foreign"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
{osc}
[[channel]]
name = "Kick"
[main]
output = ["playback:1", "playback:2"]
"#
    );
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// A child that is killed when the test is over, and the lines it prints.
struct Listener(Child, Receiver<String>);

impl Listener {
    fn oscdump(port: u16) -> Self {
        let mut child = Command::new("oscdump")
            .args(["-L", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("oscdump starts");
        let (sender, lines) = unbounded();
        let out = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok()));
        Listener(child, lines)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("a bound socket").port()
}

fn oscsend(osc: &Osc, server: &Headroom, arguments: &[&str]) {
    assert_ne!(osc.port(), server.osc_address().port());
    let port = server.osc_address().port().to_string();
    let done = Command::new("oscsend").args(["127.0.0.1", &port]).args(arguments).status().expect("oscsend runs");
    assert!(done.success(), "oscsend {arguments:?}: {done}");
}

#[test]
fn liblo_sets_a_fader_and_a_liblo_peer_is_told_unasked() {
    if !here("oscsend", in_path("oscsend")) || !here("oscdump", in_path("oscdump")) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let listener = Listener::oscdump(port);
    let server = Headroom::spawn(&["run", &rig(dir.path(), &format!("peers = [\"127.0.0.1:{port}\"]")), "--log", "warn"]);
    let mut osc = server.osc();
    let mut level = 0;
    // The listener may come up after the first change; a later one reaches it.
    eventually("oscdump shows a fader that oscsend moved", || {
        level = level % 40 + 1;
        let text = format!("{}", -level);
        oscsend(&osc, &server, &["/ch/kick/fader", "f", &text]);
        eventually("the fader is where it was set", || osc.number("/ch/1/fader") == f64::from(-level));
        std::thread::sleep(std::time::Duration::from_millis(50));
        let wanted = format!("/ch/1/fader f -{level}.0");
        listener.1.try_iter().any(|line| line.contains(&wanted))
    });
    oscsend(&osc, &server, &["/ch/1/mute", "T"]);
    eventually("true mutes", || osc.number("/ch/1/mute") == 1.0);
    oscsend(&osc, &server, &["/ch/1/fader", "s", "-6 dB"]);
    eventually("text with a unit", || osc.number("/ch/1/fader") == -6.0);
    oscsend(&osc, &server, &["/norm/ch/1/fader", "d", "0.75"]);
    eventually("a double in norm", || osc.number("/ch/1/fader") == 0.0);
}

const PYTHON: &str = r#"
import sys
from pythonosc.udp_client import SimpleUDPClient
from pythonosc.osc_message import OscMessage
from pythonosc.osc_bundle_builder import OscBundleBuilder, IMMEDIATELY
from pythonosc.osc_message_builder import OscMessageBuilder

client = SimpleUDPClient("127.0.0.1", int(sys.argv[1]))

def answer(address):
    client.send_message(address, [])
    for _ in range(100):
        message = OscMessage(client.receive(5))
        if message.address == address:
            return message.params
    sys.exit("no answer to " + address)

def message(address, value):
    builder = OscMessageBuilder(address=address)
    builder.add_arg(value)
    return builder.build()

client.send_message("/ch/1/fader", -6.0)
print(answer("/ch/1/fader"))
bundle = OscBundleBuilder(IMMEDIATELY)
bundle.add_content(message("/ch/1/mute", True))
bundle.add_content(message("/ch/1/name", "Boom"))
client.send(bundle.build())
print(answer("/ch/1/mute"), answer("/ch/1/name"))
"#;

#[test]
fn python_osc_sets_asks_and_bundles() {
    let python = std::env::var("HEADROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&python).args(["-c", "import pythonosc"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !here("python-osc (HEADROOM_TEST_PYTHON)", there) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let server = Headroom::spawn(&["run", &rig(dir.path(), ""), "--log", "warn"]);
    let port = server.osc_address().port().to_string();
    let done = Command::new(&python).args(["-c", PYTHON, &port]).output().expect("python runs");
    let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}");
    assert_eq!(text.lines().collect::<Vec<_>>(), ["[-6.0]", "[1] ['Boom']"]);
}

/// A client of OSCQuery asks what there is, and sets what it found.
const OSCQUERY: &str = r#"
import socket, sys
from zeroconf import ServiceInfo
from pythonosc.udp_client import SimpleUDPClient
from pythonoscquery.osc_query_client import OSCQueryClient
service = ServiceInfo("_oscjson._tcp.local.", "x._oscjson._tcp.local.", int(sys.argv[1]), addresses=[socket.inet_aton("127.0.0.1")])
client = OSCQueryClient(service)
info = client.get_host_info()
print(info.name, info.osc_ip, info.osc_transport, info.extensions["VALUE"])
def leaves(node):
    return [leaf for inner in node.contents or [] for leaf in leaves(inner)] or [node]
strip = client.query_node("/ch/kick")
faders = [leaf for leaf in leaves(strip) if leaf.full_path.endswith("/fader")]
print(len(leaves(strip)) > 50, [f.full_path for f in faders], faders[0].access.name, faders[0].value, bool(faders[0].description))
SimpleUDPClient(info.osc_ip, info.osc_port).send_message(faders[0].full_path, -6.5)
for _ in range(200):
    value = client.query_node("/ch/1/fader").value
    if value == [-6.5]:
        break
print(value, client.query_node("/no/such"), client.query_node("/ch/1/mute").value)
"#;

#[test]
fn python_oscquery_finds_its_way_by_what_is_told() {
    let python = std::env::var("HEADROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let there =
        Command::new(&python).args(["-c", "import pythonoscquery"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !here("python-oscquery (HEADROOM_TEST_PYTHON)", there) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let rig = rig(dir.path(), "[http]\nlisten = \"127.0.0.1:0\"");
    let server = Headroom::spawn(&["run", &rig, "--log", "warn"]);
    let port = server.web_address().port().to_string();
    let done = Command::new(&python).args(["-c", OSCQUERY, &port]).output().expect("python runs");
    let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{text}");
    let wanted = ["Foreign 127.0.0.1 UDP True", "True ['/ch/1/fader'] READWRITE_VALUE [0.0] True", "[-6.5] None [False]"];
    assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
}
