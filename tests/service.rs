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
            command.env("NOTIFY_SOCKET", self.dir.path().join("notify")).env("RUNTIME_DIRECTORY", self.dir.path());
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
    // A rig that does not load ends the reloading too, and the log shows why.
    manager.forget();
    std::fs::write(manager.dir.path().join("rig.toml"), "name = ").expect("a file");
    kill(server.pid(), Signal::SIGHUP).expect("our own child");
    manager.hears("RELOADING=1");
    manager.hears("READY=1");
    eventually("the log tells", || server.output().contains("the rig is refused") && server.output().contains("rig.toml:1"));
    manager.forget();
    kill(server.pid(), Signal::SIGTERM).expect("our own child");
    manager.hears("STOPPING=1");
}

/// What systemd runs for a reload.
fn reload(manager: &Manager, server: &Headroom) -> (Option<i32>, String) {
    let mut command = Headroom::command(&["reload"]);
    command.env("MAINPID", server.pid().to_string()).env("RUNTIME_DIRECTORY", manager.dir.path());
    let done = command.output().expect("headroom runs");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_reload_fails_where_the_rig_is_refused_and_the_one_before_plays_on() {
    let mut manager = Manager::new();
    let server = manager.start("internal", Duration::from_secs(60));
    manager.hears("READY=1");
    let (mut osc, rig) = (server.osc(), manager.dir.path().join("rig.toml"));
    let wrong = RIG.replace("BACKEND", "internal").replace("\"Kick\"", "\"Kick\"\nfader = \"loud\"");
    std::fs::write(&rig, wrong).expect("a file");
    for _ in 0..2 {
        let (code, said) = reload(&manager, &server);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("refused") && said.contains("rig.toml:9") && said.contains("loud"), "{said}");
        assert_eq!(osc.number("/ch/kick/fader"), 0.0);
    }
    std::fs::write(&rig, RIG.replace("BACKEND", "internal").replace("\"Kick\"", "\"Kick\"\nfader = -7")).expect("a file");
    let (code, said) = reload(&manager, &server);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert_eq!(osc.number("/ch/kick/fader"), -7.0, "what is answered is done");
    let mut command = Headroom::command(&["reload"]);
    let done = command.env_remove("MAINPID").env_remove("RUNTIME_DIRECTORY").output().expect("headroom runs");
    assert_eq!(done.status.code(), Some(2), "{}", String::from_utf8_lossy(&done.stderr));
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
