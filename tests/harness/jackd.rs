//! A JACK server without a sound card, and JACK's own tools.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventually;

/// A running jackd with the dummy driver: two capture and two playback ports that lead nowhere.
///
/// Dropping it kills it outright, since a JACK server that is asked to end may wait for its clients for ever.
pub struct Jackd {
    child: Child,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

pub(crate) fn is_installed() -> bool {
    Command::new("jackd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

impl Jackd {
    /// Start the test's server and wait until it answers.
    ///
    /// # Panics
    /// When it does not, with what it printed.
    pub fn start(rate: u32, period: u32) -> Self {
        Self::start_with(&["--no-realtime"], rate, period).unwrap_or_else(|log| panic!("{log}"))
    }

    /// [`Jackd::start`] with real-time priority for it and its clients, so that their times are their own and not
    /// those of whatever else the machine does; without it, and with a loud line, where that is not allowed.
    ///
    /// # Panics
    /// As [`Jackd::start`].
    pub fn start_realtime(rate: u32, period: u32) -> Self {
        Self::start_with(&["--realtime", "-P", "60"], rate, period).unwrap_or_else(|log| {
            eprintln!("\n**** NOT IN REAL TIME, this machine does not allow it ****\n{log}");
            Self::start(rate, period)
        })
    }

    /// [`Jackd::start`] of a server that waits for late clients, up to two seconds, where others leave them out of a
    /// period: for tests whose sound must have no gap on a machine that others use.
    ///
    /// # Panics
    /// As [`Jackd::start`].
    pub fn start_waiting(rate: u32, period: u32) -> Self {
        let options = ["--no-realtime", "--sync", "--timeout", "2000"];
        Self::start_with(&options, rate, period).unwrap_or_else(|log| panic!("{log}"))
    }

    /// [`Jackd::start`] of a server that has another name than the test's, beside it or not.
    ///
    /// # Panics
    /// As [`Jackd::start`].
    pub fn start_named(name: &str, rate: u32, period: u32) -> Self {
        Self::start_as(name, &["--no-realtime"], rate, period).unwrap_or_else(|log| panic!("{log}"))
    }

    fn start_with(options: &[&str], rate: u32, period: u32) -> Result<Self, String> {
        let server = std::env::var("JACK_DEFAULT_SERVER").unwrap_or_else(|_| "default".into());
        Self::start_as(&server, options, rate, period)
    }

    fn start_as(server: &str, options: &[&str], rate: u32, period: u32) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = directory.path().join("jackd.log");
        let out = File::create(&log).expect("a log");
        let child = Command::new("jackd")
            .args(options)
            .args(["-n", server, "-d", "dummy", "-C", "2", "-P", "2"])
            .args(["-r", &rate.to_string(), "-p", &period.to_string()])
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a log"))
            .stderr(out)
            .spawn()
            .expect("jackd starts");
        let mut jackd = Jackd { child, log, _directory: directory };
        let mut ended = None;
        eventually("jackd answers", || {
            ended = jackd.child.try_wait().expect("its status");
            ended.is_some() || tool_of(server, "jack_lsp", &[]).is_some()
        });
        match ended {
            Some(status) => Err(format!("jackd ended with {status}:\n{}", jackd.log())),
            None => Ok(jackd),
        }
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The output of `jack_lsp` with these arguments; empty when it does not answer.
    pub fn lsp(&self, arguments: &[&str]) -> String {
        tool("jack_lsp", arguments).unwrap_or_default()
    }

    /// The ports that `port` is connected to, by full names.
    pub fn connections(&self, port: &str) -> Vec<String> {
        let all = self.lsp(&["-c"]);
        let mut lines = all.lines().skip_while(|l| *l != port).skip(1);
        let mut found: Vec<String> = lines.by_ref().map_while(|l| l.strip_prefix("   ")).map(|l| l.trim().to_owned()).collect();
        found.sort();
        found
    }

    /// Stop its process where it stands, as a kernel or a disk can.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Let it go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Stop the thread that runs its periods and nothing else of it while `meanwhile` runs, as a sound card does that was
    /// pulled out: the process lives on. False where this machine does not allow it; then nothing was done.
    ///
    /// # Panics
    /// When it has no such thread.
    pub fn without_driver(&self, periods_a_second: f64, meanwhile: impl FnOnce()) -> bool {
        use nix::libc::{PTRACE_ATTACH, PTRACE_DETACH, c_void, ptrace};
        let nothing = std::ptr::null_mut::<c_void>();
        let thread = crate::Thread::of_audio(Pid::from_raw(self.child.id() as i32), periods_a_second).id.as_raw();
        // SAFETY: a request of the kernel that touches no memory of ours; it stops this one thread of our own child.
        if unsafe { ptrace(PTRACE_ATTACH, thread, nothing, nothing) } != 0 {
            eprintln!("**** SKIPPED, threads cannot be traced here ****");
            return false;
        }
        meanwhile();
        // SAFETY: as above; it lets the thread go on.
        assert_eq!(unsafe { ptrace(PTRACE_DETACH, thread, nothing, nothing) }, 0, "the thread goes on");
        true
    }

    /// Kill it without a chance to say goodbye.
    pub fn kill(self) {}

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal to our own jackd");
    }
}

impl Drop for Jackd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Run one of JACK's tools, five seconds at most: they hang for ever once their server is gone. None when it
/// failed or had to be killed.
pub fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    run(Command::new("timeout").args(["-s", "KILL", "5", name]).args(arguments))
}

/// The same with the server of another name.
fn tool_of(server: &str, name: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("timeout");
    run(command.args(["-s", "KILL", "5", name]).args(arguments).env("JACK_DEFAULT_SERVER", server))
}

fn run(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().expect("timeout runs");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
