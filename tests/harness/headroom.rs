//! The program itself, as a user starts it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::isolate::root;
use crate::{Osc, eventually};

/// A running `headroom`. Dropping it kills it.
pub struct Headroom {
    child: Child,
    ready: String,
    output: Arc<Mutex<String>>,
    lines: Receiver<String>,
}

/// The program under test: `HEADROOM_BIN`, else built here once, with the profile of the tests.
pub(crate) fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY
        .get_or_init(|| {
            if let Some(given) = std::env::var_os("HEADROOM_BIN") {
                return given.into();
            }
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let built =
                Command::new(cargo).args(["build", "-q", "-p", "headroom", "--profile", "test"]).current_dir(root()).status();
            assert!(built.is_ok_and(|s| s.success()), "the program does not build");
            let test = std::env::current_exe().expect("the path of this test");
            // target/debug/deps/test-hash → target/debug/headroom
            test.ancestors().nth(2).expect("a target directory").join("headroom")
        })
        .clone()
}

impl Headroom {
    /// A command that runs the program, for tests of what it prints and how it ends. Its state is that of
    /// this test process, unless the arguments name another place.
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).stdin(Stdio::null()).env_remove("STATE_DIRECTORY");
        command.env("XDG_STATE_HOME", std::env::temp_dir().join(format!("headroom-test-{}", std::process::id())));
        command
    }

    /// Start it and wait until it says that it is ready.
    ///
    /// # Panics
    /// When it ends instead, or says nothing for ten seconds; with what it printed.
    pub fn spawn(arguments: &[&str]) -> Self {
        Self::spawn_with(arguments, |_| {})
    }

    /// The same with an environment of its own.
    ///
    /// # Panics
    /// As [`Headroom::spawn`].
    pub fn spawn_with(arguments: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Self::command(arguments);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("headroom starts");
        let output = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = unbounded();
        let out: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().expect("its output"));
        let err: Box<dyn std::io::Read + Send> = Box::new(child.stderr.take().expect("its errors"));
        for stream in [out, err] {
            let (output, sender) = (output.clone(), sender.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut all = output.lock().expect("no reader panics");
                    all.push_str(&line);
                    all.push('\n');
                    let _ = sender.send(line);
                }
            });
        }
        let mut headroom = Headroom { child, ready: String::new(), output, lines: lines.clone() };
        eventually("headroom says that it is ready", || {
            while let Ok(line) = lines.try_recv() {
                if line.starts_with("headroom ready:") {
                    headroom.ready = line;
                    return true;
                }
            }
            let ended = headroom.child.try_wait().expect("its status");
            assert!(ended.is_none(), "headroom ended with {ended:?}:\n{}", headroom.output());
            false
        });
        headroom
    }

    /// The line that said it was ready.
    pub fn ready(&self) -> &str {
        &self.ready
    }

    /// Where it serves HTTP, from what it printed.
    ///
    /// # Panics
    /// When it prints no such address for ten seconds.
    pub fn web_address(&self) -> SocketAddr {
        let mut found = None;
        eventually("the address of the web mixer", || {
            let output = self.output();
            let line = output.lines().find_map(|l| l.strip_prefix("web mixer: http://"));
            found = line.and_then(|l| l.trim_end_matches('/').parse().ok());
            found.is_some()
        });
        found.expect("an address")
    }

    /// Where it listens for OSC, from its ready line.
    ///
    /// # Panics
    /// When the line names no address.
    pub fn osc_address(&self) -> SocketAddr {
        let mut words = self.ready.split([' ', ',']).skip_while(|w| *w != "osc").skip(1);
        let word = words.next().unwrap_or_default();
        let mut address: SocketAddr = word.parse().unwrap_or_else(|_| panic!("no OSC address: {}", self.ready));
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        address
    }

    /// A new OSC client of it.
    pub fn osc(&self) -> Osc {
        Osc::connect(self.osc_address())
    }

    /// All that it printed so far, standard error included.
    pub fn output(&self) -> String {
        self.output.lock().expect("no reader panics").clone()
    }

    /// Its process, to freeze it or to look into it.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Ask it to end, as Ctrl-C does, and wait for that.
    ///
    /// # Panics
    /// When it does not end within ten seconds.
    pub fn stop(self) -> ExitStatus {
        self.stop_and_tell().0
    }

    /// [`Headroom::stop`] with all that it printed, to its last line.
    ///
    /// # Panics
    /// As [`Headroom::stop`].
    pub fn stop_and_tell(mut self) -> (ExitStatus, String) {
        kill(self.pid(), Signal::SIGINT).expect("a signal to our own child");
        let mut status = None;
        eventually("headroom ends when asked to", || {
            status = self.child.try_wait().expect("its status");
            status.is_some()
        });
        // The last lines are still on their way; who reads them is done when the pipes have ended.
        while self.lines.recv_timeout(Duration::from_secs(2)).is_ok() {}
        (status.expect("it has ended"), self.output())
    }

    /// Kill it without a chance to save anything.
    pub fn kill(self) {}
}

impl Drop for Headroom {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
