//! `headroom reload`: has the service read its rig again and says what came of it, for `ExecReload=`. A signal alone has
//! no answer.

use super::Fail;
use crate::service;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Longest wait for an answer. A rig is read in milliseconds, but the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the command.
pub fn run() -> Result<(), Fail> {
    let main = std::env::var("MAINPID").ok().and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 1);
    let (Some(main), Some(at)) = (main.map(Pid::from_raw), service::reload_socket()) else {
        return Err(Fail::input(
            "this is for systemd's ExecReload=, which sets $MAINPID and $RUNTIME_DIRECTORY; `headroom send /rig/reload` asks a \
             running server",
        ));
    };
    let failed = |error: std::io::Error| Fail::running(format!("{}: {error}", at.display()));
    // One that was killed before it had its answer leaves its socket behind.
    let _ = std::fs::remove_file(&at);
    let socket = UnixDatagram::bind(&at).map_err(failed)?;
    socket.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let answer = kill(main, Signal::SIGHUP).map_err(std::io::Error::from).and_then(|()| {
        let mut answer = vec![0; service::LONGEST_ANSWER];
        let length = socket.recv(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    });
    let _ = std::fs::remove_file(&at);
    match answer {
        Ok(refused) if refused.is_empty() => Ok(()),
        Ok(refused) => Err(Fail::running(format!("the rig is refused, and the one before plays on\n{refused}"))),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Err(Fail::running(format!("process {main} does not answer within {} s", PATIENCE.as_secs())))
        }
        Err(error) => Err(Fail::running(format!("process {main}: {error}"))),
    }
}
