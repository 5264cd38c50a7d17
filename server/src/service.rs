//! What systemd is told: ready, reloading, stopping, how it goes, and that it is alive.
//!
//! The ping for the watchdog says that both ends turn: the hub carried out an errand, and the engine made frames, since
//! the ping before. The engine makes frames under JACK, on the built-in clock and, while a JACK server is away, on the
//! spare one, so a machine without a sound card is alive, and a console whose audio thread hangs is not. Without systemd
//! nothing is sent.

use sd_notify::NotifyState;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the line for `systemctl status` is written anew, where it has changed.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Bytes of the answer to a reload at most.
pub const LONGEST_ANSWER: usize = 8_192;

/// Where `headroom reload` waits for its answer; `None` outside of a service.
pub fn reload_socket() -> Option<PathBuf> {
    let all = std::env::var("RUNTIME_DIRECTORY").ok()?;
    // systemd names several with colons between; the first is the service's own.
    let own = all.split(':').next().filter(|dir| !dir.is_empty())?;
    Some(PathBuf::from(own).join("reload"))
}

/// Tells whoever waits there what came of a reload: nothing, or why the rig is refused.
fn answer_reload(refused: &str) {
    let Some(at) = reload_socket() else { return };
    let refused = &refused[..refused.floor_char_boundary(LONGEST_ANSWER)];
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(refused.as_bytes(), &at)
    });
    if let Err(error) = sent {
        tracing::debug!(%error, "nobody waits for the reload");
    }
}

/// Delivers what is told.
type Send = Box<dyn FnMut(&[NotifyState<'_>])>;

/// The way to the service manager.
pub struct Service {
    send: Send,
    /// Time between two pings; None where nobody waits for them.
    every: Option<Duration>,
    pinged: Instant,
    pulse: Pulse,
    said: Instant,
    status: String,
}

/// How far the hub and the engine had come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Errands that the hub carried out.
    pub turns: u64,
    /// Frames that the engine made.
    pub frames: u64,
}

impl Service {
    /// As the environment says.
    pub fn of_environment() -> Service {
        let deliver = |state: &[NotifyState<'_>]| {
            if let Err(error) = sd_notify::notify(state) {
                tracing::debug!(%error, "the service manager was told nothing");
            }
        };
        Service::new(Box::new(deliver), sd_notify::watchdog_enabled())
    }

    /// `limit` is the time after which the manager takes a silent service for dead.
    fn new(send: Send, limit: Option<Duration>) -> Service {
        let now = Instant::now();
        // Three times within the limit, so that one late ping costs nothing.
        let every = limit.map(|limit| limit / 3);
        Service { send, every, pinged: now, pulse: Pulse::default(), said: now, status: String::new() }
    }

    /// Sound can flow, or a server is waited for with the control up.
    pub fn ready(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        (self.send)(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// The rig is read again; [`Service::ready`] ends it. The time is for `Type=notify-reload` (systemd 253 and later);
    /// earlier ones ignore it.
    pub fn reloading(&mut self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => (self.send)(&[NotifyState::Reloading, now]),
            Err(_) => (self.send)(&[NotifyState::Reloading]),
        }
    }

    /// The rig was read: it plays, or is refused and the one before plays on.
    pub fn reloaded(&mut self, status: &str, outcome: &Result<(), String>) {
        if let Err(why) = outcome {
            tracing::error!("the rig is refused, and the one before plays on: {why}");
        }
        self.ready(status);
        answer_reload(outcome.as_ref().err().map_or("", String::as_str));
    }

    /// The outputs fade out and the program ends.
    pub fn stopping(&mut self) {
        (self.send)(&[NotifyState::Stopping]);
    }

    /// Call often. Pings when it is time and both hub and engine moved on since the last ping.
    pub fn beat(&mut self, now: Instant, pulse: Pulse, status: impl FnOnce() -> String) {
        if let Some(every) = self.every
            && now.saturating_duration_since(self.pinged) >= every
            && pulse.turns > self.pulse.turns
            && pulse.frames > self.pulse.frames
        {
            (self.pinged, self.pulse) = (now, pulse);
            (self.send)(&[NotifyState::Watchdog]);
        }
        if now.saturating_duration_since(self.said) >= STATUS_EVERY {
            self.said = now;
            let status = status();
            if status != self.status {
                (self.send)(&[NotifyState::Status(&status)]);
                self.status = status;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A service whose manager writes down what it hears.
    fn service(limit: Duration) -> (Service, Arc<Mutex<Vec<String>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let send = move |state: &[NotifyState<'_>]| ear.lock().unwrap().extend(state.iter().map(ToString::to_string));
        (Service::new(Box::new(send), Some(limit)), heard)
    }

    #[test]
    fn the_ping_wants_hub_and_engine_both() {
        let (mut service, heard) = service(Duration::from_secs(9));
        let start = Instant::now();
        let mut beat = |seconds: u64, turns: u64, frames: u64| {
            service.beat(start + Duration::from_secs(seconds), Pulse { turns, frames }, String::new);
            std::mem::take(&mut *heard.lock().unwrap()) == ["WATCHDOG=1"]
        };
        assert!(!beat(2, 10, 1_000), "it is early");
        assert!(beat(4, 20, 2_000));
        assert!(!beat(8, 20, 4_000), "the hub stands");
        assert!(!beat(12, 40, 2_000), "the engine stands");
        assert!(beat(13, 41, 4_001));
    }

    #[test]
    fn the_line_of_status_is_sent_when_it_changes() {
        let (mut service, heard) = service(Duration::from_secs(900));
        service.ready("JACK");
        let start = Instant::now();
        for second in 1..9 {
            let line = if second < 5 { "JACK" } else { "waiting" };
            service.beat(start + Duration::from_secs(second), Pulse::default(), || line.into());
        }
        service.reloading();
        service.ready("waiting");
        service.stopping();
        let heard = heard.lock().unwrap();
        assert_eq!(heard[..4], ["READY=1", "STATUS=JACK", "STATUS=waiting", "RELOADING=1"]);
        assert!(heard[4].starts_with("MONOTONIC_USEC="), "{heard:?}");
        assert_eq!(heard[5..], ["READY=1", "STATUS=waiting", "STOPPING=1"]);
    }
}
