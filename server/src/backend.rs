//! Where audio comes from and where it goes: JACK, or the built-in clock on a machine without JACK.
//!
//! A [`Backend`] owns the threads that call the engine's [`Callback`] once a period. The engine outlives every
//! JACK server: while the server is away a spare clock runs it on silence, so that fades end, meters fall and
//! commands keep being answered, and it is handed to the next server with all its state.
//!
//! ```text
//!  owner ── set_ports, run ──► supervisor ◄── notices ── JACK's notification thread
//!    ▲                          │      │
//!    └───── BackendEvent ───────┘      └─ moves the engine: seat of the session ⇄ spare clock
//!                                                              ▲
//!                                  JACK's process thread ──────┘ takes it for a period, puts it back
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use ledger::Return;

pub mod internal;
pub mod jack;
pub mod ledger;
pub mod midi;
pub mod ports;
pub mod realtime;
pub mod source;
pub mod timing;

pub use ports::{Direction, Medium, PortSpec};
pub use source::{Source, Sourced};
pub use timing::Timing;

/// The longest period that a [`Callback`] is ever handed, in frames. A longer one plays silence.
pub const MAX_PERIOD: usize = 8192;

/// What the audio thread calls once a period; the engine implements it.
pub trait Callback: Send {
    /// Called off the audio thread while nothing is processed: before the first period, and before the first
    /// one after each interruption. `rate` is in Hz, `period` in frames; any period may still follow.
    ///
    /// This is where a safe start is armed: what comes next follows on silence.
    fn resume(&mut self, rate: u32, period: usize) {
        let _ = (rate, period);
    }

    /// One period of `frames` frames (1 … [`MAX_PERIOD`]). Runs on the audio thread: no allocation, no lock, no
    /// system call. Outputs that it does not ask for are silent; those that it asks for it must fill.
    ///
    /// An engine that was built for another rate than `clock.rate` fills its outputs with silence until it has
    /// been given a schedule for this one.
    fn process(&mut self, io: &mut dyn Io, frames: usize, clock: Clock);
}

/// The ports of one period, by the index that [`Backend::set_ports`] gave them.
///
/// An index without a port (not registered yet, or gone) reads as silence and is written into the void: ports
/// and schedule change over in separate periods.
pub trait Io {
    /// The samples that arrived at an input port, one period long; nothing where no wire can be (the built-in clock).
    fn input(&self, port: usize) -> &[f32];

    /// The samples that an output port will send, one period long, with undefined content.
    fn output(&mut self, port: usize) -> &mut [f32];
}

/// When a period happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Frames processed before this period since the engine was started. Never runs backwards, and goes on
    /// counting while JACK is away.
    pub frame: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds at which this period began. Under JACK it is smoothed by the server's
    /// delay-locked loop, on the internal clock it is exact, so it can turn time tags into frames.
    pub nanos: u64,
    /// Frames a second.
    pub rate: u32,
}

/// The rate and period that audio runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Frames a second.
    pub rate: u32,
    /// Frames in a period.
    pub period: u32,
}

impl BackendEvent {
    /// Says it in the log.
    pub fn log(&self) {
        match self {
            BackendEvent::RateChanged(rate) => tracing::info!(rate, "audio runs at another rate"),
            BackendEvent::PeriodChanged(period) => tracing::info!(period, "audio runs in other periods"),
            BackendEvent::Xrun(xrun) => tracing::info!(cause = xrun.cause.name(), "xrun"),
            BackendEvent::Shutdown(reason) => tracing::warn!(%reason, "audio is gone"),
            BackendEvent::Stalled => tracing::warn!("audio stands still"),
            BackendEvent::Back => tracing::debug!("audio is back"),
            BackendEvent::Freewheel(on) => tracing::info!(on, "freewheel"),
        }
    }
}

/// What happened to the audio that its owner should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendEvent {
    /// Audio now runs at this rate in Hz; the engine needs a schedule for it.
    RateChanged(u32),
    /// Periods now have this many frames.
    PeriodChanged(u32),
    /// A deadline was missed.
    Xrun(Xrun),
    /// The server is gone, for the reason it gave. The engine runs on silence until [`BackendEvent::Back`].
    Shutdown(String),
    /// The server has stopped calling without saying why: frozen, or its sound card was pulled out.
    Stalled,
    /// Audio runs again after [`BackendEvent::Shutdown`] or [`BackendEvent::Stalled`].
    Back,
    /// The server runs as fast as it can (true), or in real time again.
    Freewheel(bool),
}

/// A missed deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xrun {
    /// `CLOCK_MONOTONIC` in nanoseconds when it was reported.
    pub nanos: u64,
    /// The likely cause.
    pub cause: XrunCause,
    /// What speaks for it.
    pub evidence: Evidence,
}

/// The longest times of the short while in which a deadline was missed, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Process time.
    pub process: u64,
    /// From one call to the next.
    pub interval: u64,
    /// From when a period began, or was due, to the call.
    pub wakeup: u64,
    /// From when one period began to when the next did, by the server's own clock.
    pub gap: u64,
    /// For how long the audio thread was ready and had no processor; None where the system does not tell.
    pub waited: Option<u64>,
}

/// Who is likely to have missed the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XrunCause {
    /// Processing took longer than the period.
    Processing,
    /// The audio thread was woken too late: the machine was busy, or gave it no priority.
    Wakeup,
    /// Another client of the server took too long.
    Client,
    /// The server, its driver or the sound card.
    Server,
}

/// Which backend to open, as `[audio] backend` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// JACK where a server answers now, else the internal clock.
    #[default]
    Auto,
    /// JACK; a server that is not there is waited for.
    Jack,
    /// The internal clock.
    Internal,
}

/// What a backend is opened with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the JACK client.
    pub client: String,
    /// What the internal clock runs at, and the engine while there is no JACK server.
    pub format: Format,
    /// Whether ports are connected as the rig says; else they are registered and left alone.
    pub connects: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { client: "headroom".into(), format: Format { rate: 48_000, period: 64 }, connects: true }
    }
}

/// Why a backend could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine has no JACK library; the loader's words follow.
    #[error("JACK's library is not on this machine: install libjack-jackd2-0 or pipewire-jack, or use the internal clock ({0})")]
    NoLibrary(String),
    /// A thread could not be started.
    #[error("the audio backend could not start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// How a backend stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `JACK` or `internal`.
    pub backend: &'static str,
    /// The client's name as the server knows it.
    pub client: String,
    /// What audio runs at, or ran at last.
    pub format: Format,
    /// Whether audio runs: false while the server is away or stalled.
    pub running: bool,
    /// Outages since the start: servers that went away or stalled.
    pub outages: u64,
    /// How the last outage ended.
    pub last_return: Return,
    /// Every port and what it is connected to.
    pub ports: Vec<PortStatus>,
}

impl Status {
    /// The ports that the rig names and that are not there, as (our port, the pattern nothing matches).
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ports.iter().flat_map(|p| p.missing.iter().map(|m| (p.name.as_str(), m.as_str())))
    }
}

/// How one port stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// The short name, `in-kick`.
    pub name: String,
    /// What the rig asked for and what was connected.
    pub connected: Vec<String>,
    /// Patterns of the rig that match no port at present; they are waited for.
    pub missing: Vec<String>,
}

/// A running source of periods. All methods belong to the control side; none is real-time safe.
pub trait Backend: Send {
    /// What audio runs at; known before the engine is built for it.
    fn format(&self) -> Format;

    /// Hand over the engine; it is called from now on.
    fn run(&self, callback: Box<dyn Callback>);

    /// What happened, in order.
    fn events(&self) -> &Receiver<BackendEvent>;

    /// Replace the ports while audio runs, and tell the index of each, in the order of `ports`.
    ///
    /// A port that was there already, by name and direction, keeps its index and its connections. One that is
    /// no longer listed stays registered, since the running schedule may still use it, until
    /// [`Backend::retire_ports`].
    fn set_ports(&self, ports: Vec<PortSpec>) -> Vec<usize>;

    /// Unregister the ports that the last [`Backend::set_ports`] left out. To be called when the engine has
    /// adopted a schedule that does not name them.
    fn retire_ports(&self);

    /// How the backend stands now.
    fn status(&self) -> Status;

    /// Histograms and counters, for `/status` and `/metrics`.
    fn timing(&self) -> Arc<Timing>;

    /// The lines to its MIDI ports, once; none where it has no such ports.
    fn take_midi(&self) -> Vec<midi::Line> {
        Vec::new()
    }

    /// Stop, and give the engine back if it could be had. Takes two seconds at most, whatever JACK does.
    fn stop(self: Box<Self>) -> Option<Box<dyn Callback>>;
}

/// Open a backend with these ports; their index is their place in `ports`.
///
/// # Errors
/// With [`Kind::Jack`] when there is no JACK library; when a thread cannot be started.
pub fn open(kind: Kind, config: &Config, ports: Vec<PortSpec>) -> Result<Box<dyn Backend>, Error> {
    let internal = |ports| -> Result<Box<dyn Backend>, Error> { Ok(Box::new(internal::InternalBackend::open(config, ports))) };
    match kind {
        Kind::Internal => internal(ports),
        Kind::Jack => Ok(Box::new(jack::JackBackend::open(config, ports)?)),
        Kind::Auto => match jack::JackBackend::open(config, ports.clone()) {
            Ok(jack) if jack.status().running => Ok(Box::new(jack)),
            Ok(jack) => {
                Box::new(jack).stop();
                internal(ports)
            }
            Err(Error::NoLibrary(_)) => internal(ports),
            Err(error) => Err(error),
        },
    }
}

/// The engine with what has to travel along from one clock to the next.
pub(crate) struct Rack {
    callback: Box<dyn Callback>,
    frame: u64,
    timing: Arc<Timing>,
    /// The audio ends of the MIDI lines.
    pub(crate) midi: Vec<midi::AudioLine>,
}

impl Rack {
    pub(crate) fn new(callback: Box<dyn Callback>, timing: Arc<Timing>) -> Self {
        Rack { callback, frame: 0, timing, midi: Vec::new() }
    }

    pub(crate) fn resume(&mut self, format: Format) {
        self.timing.interrupted();
        self.callback.resume(format.rate, format.period as usize);
    }

    /// Run one period. False when the engine panicked: its outputs are not to be trusted then, and the next
    /// period is tried as if nothing had been.
    pub(crate) fn process(&mut self, io: &mut dyn Io, frames: usize, nanos: Option<u64>, rate: u32) -> bool {
        let begin = realtime::monotonic_nanos();
        let clock = Clock { frame: self.frame, nanos: nanos.unwrap_or(begin), rate };
        let callback = &mut self.callback;
        let sound = catch_unwind(AssertUnwindSafe(|| callback.process(io, frames, clock))).is_ok();
        self.frame += frames as u64;
        self.timing.record(nanos, begin, realtime::monotonic_nanos(), !sound);
        sound
    }

    pub(crate) fn into_callback(self) -> Box<dyn Callback> {
        self.callback
    }
}
