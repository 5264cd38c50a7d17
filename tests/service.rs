//! What the program tells a service manager, heard on a socket such as systemd's.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use headroom_e2e::{Headroom, Jackd, eventually, isolated};
use nix::sys::signal::{Signal, kill};

const RIG: &str = r#"
name = "Service"
[audio]
backend = "BACKEND"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
[main]
output = ["playback:1", "playback:2"]
"#;

/// A manager that hears what is told.
struct Manager {
    socket: UnixDatagram,
    dir: tempfile::TempDir,
    heard: Vec<String>,
}

impl Manager {
    fn new() -> Manager {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(dir.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        Manager { socket, dir, heard: Vec::new() }
    }

    fn start(&self, backend: &str, watchdog: Duration) -> Headroom {
        let rig = self.dir.path().join("rig.toml");
        std::fs::write(&rig, RIG.replace("BACKEND", backend)).expect("a file");
        let state = self.dir.path().join("state");
        let arguments = ["run", &rig.display().to_string(), "--log", "warn", "--state", &state.display().to_string()];
        Headroom::spawn_with(&arguments, |command| {
            command.env("NOTIFY_SOCKET", self.dir.path().join("notify"));
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string()).env_remove("WATCHDOG_PID");
        })
    }

    /// Takes what has come.
    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.heard.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
        }
    }

    fn hears(&mut self, line: &str) {
        eventually(line, || {
            self.listen();
            self.heard.iter().any(|heard| heard.starts_with(line))
        });
    }

    fn forget(&mut self) {
        self.listen();
        self.heard.clear();
    }
}

#[test]
fn ready_alive_reloading_and_stopping_are_told() {
    let mut manager = Manager::new();
    let server = manager.start("internal", Duration::from_millis(600));
    manager.hears("READY=1");
    manager.hears("STATUS=internal 48000 Hz");
    manager.hears("WATCHDOG=1");
    manager.forget();
    kill(server.pid(), Signal::SIGHUP).expect("our own child");
    manager.hears("RELOADING=1");
    manager.hears("MONOTONIC_USEC=");
    manager.hears("READY=1");
    let place = |line: &str| manager.heard.iter().position(|heard| heard.starts_with(line));
    assert!(place("RELOADING=1") < place("READY=1"), "{:?}", manager.heard);
    // A rig that does not load ends the reloading too.
    manager.forget();
    std::fs::write(manager.dir.path().join("rig.toml"), "name = ").expect("a file");
    kill(server.pid(), Signal::SIGHUP).expect("our own child");
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    manager.forget();
    kill(server.pid(), Signal::SIGTERM).expect("our own child");
    manager.hears("STOPPING=1");
}

#[test]
fn a_frozen_program_is_silent_and_one_without_a_sound_card_is_not() {
    isolated(|| {
        let mut manager = Manager::new();
        // JACK is wanted and not there: control is up, and that is ready and alive.
        let server = manager.start("jack", Duration::from_millis(600));
        manager.hears("READY=1");
        manager.hears("STATUS=waiting for a JACK server");
        manager.forget();
        manager.hears("WATCHDOG=1");
        let jackd = Jackd::start(48_000, 128);
        manager.hears("STATUS=JACK 48000 Hz period 128");
        // A frozen server is no reason to be restarted.
        jackd.freeze();
        manager.hears("STATUS=waiting for a JACK server");
        manager.forget();
        manager.hears("WATCHDOG=1");
        jackd.thaw();
        // A frozen program is.
        kill(server.pid(), Signal::SIGSTOP).expect("our own child");
        manager.forget();
        let until = Instant::now() + Duration::from_millis(1_500);
        while Instant::now() < until {
            manager.listen();
        }
        assert!(manager.heard.is_empty(), "{:?}", manager.heard);
        kill(server.pid(), Signal::SIGCONT).expect("our own child");
        manager.hears("WATCHDOG=1");
    });
}
