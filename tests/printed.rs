//! What is printed: where it can be written nowhere, and what it must not say.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::FromRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headroom_e2e::{Headroom, Osc, eventually};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rosc::OscType;

/// A program that is killed at the end of its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn is_alive(&mut self) -> bool {
        self.0.try_wait().expect("its status").is_none()
    }
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("a disk without room")
}

/// A rig on a port that was free a moment ago: nobody can read the one that a free port is printed on.
fn rig(dir: &Path, more: &str) -> (PathBuf, SocketAddr) {
    let at = UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a free port");
    let path = dir.join("rig.toml");
    let text = format!(
        "name = \"Printed\"\n[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"{at}\"\n[http]\nlisten = \"\"\n[[channel]]\nname = \"Kick\"\n{more}"
    );
    std::fs::write(&path, text).expect("a file");
    (path, at)
}

fn server(rig: &Path, state: &Path) -> Command {
    Headroom::command(&["run", &rig.display().to_string(), "--log", "trace", "--state", &state.display().to_string()])
}

/// Whether an address answers, and not with an error.
fn answers(osc: &mut Osc, address: &str) -> bool {
    osc.send(address, []);
    while let Some(message) = osc.receive(Duration::from_secs(1)) {
        let asked = message.addr == "/error" && message.args.first() == Some(&OscType::String(address.into()));
        if message.addr == address || asked {
            return !asked;
        }
    }
    false
}

/// Waits until it answers, and asks for a lot that is logged.
fn serves(running: &mut Running, at: SocketAddr) {
    let mut osc = Osc::connect(at);
    eventually("an answer", || {
        assert!(running.is_alive(), "it ended");
        answers(&mut osc, "/info")
    });
    for _ in 0..40 {
        osc.send("/subscribe", [OscType::String("/ch/1/fader".into())]);
        osc.send("/nowhere", []);
    }
    osc.send("/rig/reload", []);
    eventually("an answer again", || answers(&mut osc, "/info"));
    assert!(running.is_alive(), "it ended");
}

#[test]
fn a_console_whose_log_goes_nowhere_plays_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, at) = rig(dir.path(), "");
    // A disk that is full.
    let mut running = Running(server(&path, dir.path()).stdout(full()).stderr(full()).spawn().expect("it starts"));
    serves(&mut running, at);
    drop(running);
    // Readers that are gone.
    let child = server(&path, dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut running = Running(child);
    drop((running.0.stdout.take(), running.0.stderr.take()));
    serves(&mut running, at);
    drop(running);
    // A reader that does not read.
    let child = server(&path, dir.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut running = Running(child);
    for _ in 0..20 {
        serves(&mut running, at);
    }
}

#[test]
fn a_terminal_that_is_closed_takes_neither_the_sound_nor_another_rig() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, at) = rig(dir.path(), "");
    let log = dir.path().join("log");
    let mut name = [0u8; 64];
    // SAFETY: plain calls; the name has the stated room, and the descriptor is ours alone.
    let master = unsafe {
        let fd = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(fd >= 0 && libc::grantpt(fd) == 0 && libc::unlockpt(fd) == 0, "a terminal");
        assert_eq!(libc::ptsname_r(fd, name.as_mut_ptr().cast(), name.len()), 0);
        File::from_raw_fd(fd)
    };
    let slave = String::from_utf8(name.iter().copied().take_while(|b| *b != 0).collect()).expect("a name");
    let slave = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(slave).expect("its other side");
    let mut command = server(&path, dir.path());
    command.stdin(slave.try_clone().expect("a copy")).stdout(slave.try_clone().expect("a copy"));
    command.stderr(File::create(&log).expect("a file"));
    // SAFETY: both calls may be made between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
            true => Err(std::io::Error::last_os_error()),
            false => Ok(()),
        });
    }
    let mut running = Running(command.spawn().expect("it starts"));
    drop(slave);
    serves(&mut running, at);
    let (_, other) = rig(dir.path(), "[[channel]]\nname = \"Snare\"\n");
    assert_ne!(other, at, "a rig that listens elsewhere, too");
    drop(master);
    let logged = || std::fs::read_to_string(&log).expect("the log");
    eventually("the end of its terminal", || logged().contains("the terminal was closed"));
    serves_without_snare(&mut running, at);
    // The next one is meant.
    kill(Pid::from_raw(running.0.id() as i32), Signal::SIGHUP).expect("our own child");
    eventually("the changed rig", || answers(&mut Osc::connect(at), "/ch/2/name"));
    let warned = format!("[osc] listen stays {at} until the next start");
    eventually("what a reload does not take", || logged().contains(&warned));
}

/// Whether it still plays the rig that it began with; asked by a reload's own sign, a second channel.
fn serves_without_snare(running: &mut Running, at: SocketAddr) {
    assert!(running.is_alive(), "it ended");
    let mut osc = Osc::connect(at);
    assert!(answers(&mut osc, "/info") && !answers(&mut osc, "/ch/2/name"), "its end was taken for a reload");
}

#[test]
fn a_result_that_cannot_be_written_fails_with_a_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, _) = rig(dir.path(), "");
    let path = path.display().to_string();
    for arguments in [vec!["check", "--json", &path], vec!["check", &path], vec!["reference"], vec!["token"], vec!["new"]] {
        let done = Headroom::command(&arguments).stdout(full()).output().expect("it runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("No space left") && !said.contains("panicked"), "{arguments:?}: {said}");
        let done = Headroom::command(&arguments).stderr(full()).output().expect("it runs");
        assert_eq!(done.status.code(), Some(0), "{arguments:?} without a place for remarks");
        // A reader that has seen enough.
        let mut child = Headroom::command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let said = String::from_utf8_lossy(&child.wait_with_output().expect("it ends").stderr).into_owned();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    }
    let wrong = Headroom::command(&["check", "/nowhere.toml"]).stderr(full()).output().expect("it runs");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn what_listens_everywhere_is_told_with_an_address_that_others_have() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rig.toml");
    let text = "[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"0.0.0.0:0\"\n[http]\nlisten = \"0.0.0.0:0\"\n";
    std::fs::write(&path, text).expect("a file");
    let server = Headroom::spawn(&["run", &path.display().to_string()]);
    let web = server.web_address();
    assert!(web.ip().is_loopback() && server.osc_address().ip().is_loopback(), "{}", server.output());
    let own = headroom::net::reach::addresses(([0, 0, 0, 0], web.port()).into());
    eventually("all addresses", || own.iter().all(|at| server.output().contains(&format!("web mixer: http://{at}/"))));
    for at in &own[1..] {
        let osc = SocketAddr::new(at.ip(), server.osc_address().port());
        assert!(server.output().contains(&format!("from other machines: osc {osc}")), "{}", server.output());
    }
}

#[test]
fn status_says_where_a_role_may_not_read_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, at) = rig(dir.path(), "[[role]]\nname = \"engineer\"\ntoken = \"desk-and-no-other\"\n");
    std::fs::write(dir.path().join("token"), "desk-and-no-other\n").expect("a file");
    let mut running = Running(server(&path, dir.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
    serves(&mut running, at);
    let to = at.to_string();
    let status = |more: &[&str]| {
        let done = Headroom::command(&[&["status", "--to", &to][..], more].concat()).output().expect("it runs");
        (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
    };
    let (code, said) = status(&[]);
    assert!(code == Some(1) && said.contains("may not read /status") && said.contains("HEADROOM_TOKEN"), "{code:?} {said}");
    let file = dir.path().join("token").display().to_string();
    let (code, said) = status(&["--token-file", &file]);
    assert!(code == Some(0) && said.contains("internal clock, 48000 Hz"), "{code:?} {said}");
    assert!(status(&["--help"]).1.contains("HEADROOM_TOKEN"));
}
