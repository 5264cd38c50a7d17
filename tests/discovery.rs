//! Discovery: a program that others wrote finds the console by mDNS, is told changes, and hears that it goes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use headroom_e2e::{Headroom, apart, eventually_within, here};
use rosc::OscType;

/// To give up after.
const PATIENCE: Duration = Duration::from_secs(60);

const RIG: &str = r#"
name = "Found"
[audio]
backend = "internal"
[osc]
listen = "0.0.0.0:0"
[http]
listen = "0.0.0.0:0"
[[channel]]
name = "Kick"
[main]
"#;

/// Finds services and prints what it finds; announces a tablet when it is told to.
const FINDER: &str = r#"
import socket, sys
from zeroconf import ServiceBrowser, ServiceInfo, Zeroconf, IPVersion
own = sys.argv[1]
net = Zeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
class Listener:
    def add_service(self, net, kind, name):
        info = net.get_service_info(kind, name, 20000)
        where = ",".join(info.parsed_addresses()) if info else "?"
        print("found", kind, name, where, info.port if info else 0, flush=True)
    def update_service(self, net, kind, name):
        pass
    def remove_service(self, net, kind, name):
        print("gone", kind, name, flush=True)
ears = ["_osc._udp.local.", "_oscjson._tcp.local.", "_http._tcp.local."]
browser = ServiceBrowser(net, ears, Listener())
tablet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tablet.bind((own, 0))
info = None
for line in sys.stdin:
    if line.startswith("announce"):
        port = tablet.getsockname()[1]
        info = ServiceInfo("_osc._udp.local.", "Tablet._osc._udp.local.", port, addresses=[socket.inet_aton(own)])
        net.register_service(info)
    if line.startswith("hear"):
        tablet.settimeout(20)
        print("heard", tablet.recv(2000).hex(), flush=True)
    if line.startswith("leave"):
        net.unregister_service(info)
"#;

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).status().expect("it runs");
    assert!(done.success(), "{program} {arguments:?}");
}

/// A machine of its own at the other end of a cable, on which the finder runs.
struct Finder {
    child: Child,
    tell: ChildStdin,
    lines: Receiver<String>,
    /// The console's address as it is seen from there.
    console: &'static str,
}

impl Finder {
    fn at(python: &str, cable: &str, console: &'static str, own: &str) -> Finder {
        let ear = format!("{cable}-ear");
        run("ip", &["link", "add", cable, "type", "veth", "peer", "name", &ear]);
        run("ip", &["addr", "add", &format!("{console}/24"), "dev", cable]);
        run("ip", &["link", "set", cable, "up"]);
        // It waits until it has its end of the cable.
        let there = format!(
            "read go && ip link set lo up && ip addr add {own}/24 dev {ear} && ip link set {ear} up && exec \"$0\" -c \"$1\" {own}"
        );
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", &there, python, FINDER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let (say, lines) = unbounded();
        let out = BufReader::new(child.stdout.take().expect("its output"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).all(|line| say.send(line).is_ok()));
        let mut tell = child.stdin.take().expect("its input");
        let place = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let pid = child.id().to_string();
        eventually_within(PATIENCE, "it has a network of its own", || place(&pid).is_some() && place(&pid) != place("self"));
        run("ip", &["link", "set", &ear, "netns", &pid]);
        writeln!(tell, "go").expect("it listens");
        Finder { child, tell, lines, console }
    }
}

impl Drop for Finder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_tablet_finds_the_console_and_is_found() {
    let python = std::env::var("HEADROOM_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let there = Command::new(&python).args(["-c", "import zeroconf"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !here("zeroconf (HEADROOM_TEST_PYTHON)", there) {
        return;
    }
    apart(move || {
        // Two networks, and a machine in each.
        let mut finders =
            [Finder::at(&python, "stage", "10.77.1.1", "10.77.1.2"), Finder::at(&python, "front", "10.77.2.1", "10.77.2.2")];
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rig.toml");
        std::fs::write(&path, RIG).expect("a file");
        let server = Headroom::spawn(&["run", &path.display().to_string(), "--log", "info"]);
        for finder in &finders {
            let mut missing = vec!["_osc._udp.local.", "_oscjson._tcp.local.", "_http._tcp.local."];
            let console = finder.console;
            eventually_within(PATIENCE, &format!("all services are found, at {console}"), || {
                for line in finder.lines.try_iter().filter(|l| l.starts_with("found") && l.contains("Found")) {
                    assert!(line.contains(&format!(" {console} ")), "the address in this network and no other: {line}");
                    missing.retain(|kind| !line.contains(kind));
                }
                missing.is_empty()
            });
        }
        // A tablet announces itself: it is told changes without having asked.
        let stage = &mut finders[0];
        writeln!(stage.tell, "announce").expect("it listens");
        let mut osc = server.osc();
        let mut named = || osc.command("/clients", []).contains(&OscType::String("Tablet".into()));
        eventually_within(PATIENCE, "the tablet is listed", &mut named);
        writeln!(stage.tell, "hear").expect("it listens");
        let mut level = 0.0;
        eventually_within(PATIENCE, "the tablet hears of a fader", || {
            level -= 1.0;
            server.osc().send("/ch/kick/fader", [OscType::Float(level)]);
            stage.lines.recv_timeout(Duration::from_millis(200)).is_ok_and(|line| line.starts_with("heard"))
        });
        writeln!(stage.tell, "leave").expect("it listens");
        eventually_within(PATIENCE, "the tablet is listed no more", || !named());
        // A goodbye, and not a timeout of an hour and a quarter.
        assert!(server.stop().success());
        for finder in &finders {
            let mut gone = 0;
            eventually_within(PATIENCE, &format!("goodbyes are heard by who found {}", finder.console), || {
                gone += finder.lines.try_iter().filter(|l| l.starts_with("gone") && l.contains("Found")).count();
                gone >= 3
            });
        }
    });
}

#[test]
fn without_multicast_the_console_says_so_and_plays() {
    apart(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("rig.toml");
        std::fs::write(&path, RIG).expect("a file");
        let server = Headroom::spawn(&["run", &path.display().to_string(), "--log", "info"]);
        assert_eq!(server.osc().number("/ch/kick/fader"), 0.0);
        eventually_within(PATIENCE, "it says so", || server.output().matches("no network with multicast").count() == 1);
        assert!(server.stop().success());
    });
}
