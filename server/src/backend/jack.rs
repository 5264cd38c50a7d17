//! The JACK client: ports, connections, and life after a server's death.
//!
//! Three kinds of thread share the work. JACK's process thread finds the engine in its session's seat, runs one
//! period and puts it back. The **supervisor** watches the heartbeat and moves the engine between the seat and a
//! spare clock; it never calls JACK, so it can never hang. A **worker** makes every call to the server: it opens
//! the client, registers, connects. A frozen server can hang it, and then it is abandoned with its session.
//!
//! A dead server's client is never closed, since closing can hang: it is leaked, and libjack itself clears it
//! away when the next client is opened. What stays behind is about 40 kB for each death of a server.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::internal::lock;
use super::midi::{self, AudioLine, Line, Plug};
use super::ports::Plan;
use super::{Backend, BackendEvent, Callback, Config, Error, Format, PortSpec, Rack, Status, Timing};
use supervisor::{Message, Supervisor};
use wiring::Wiring;

mod cables;
mod connect;
mod session;
pub(crate) use session::log_quietly;
mod supervisor;
mod wiring;
mod worker;

/// How long the first attempt to reach a server may take before the console goes on without it.
const FIRST_ATTEMPT: Duration = Duration::from_secs(2);

/// How long closing may take at the end.
const CLOSING: Duration = Duration::from_secs(2);

/// What the threads of one backend have in common.
#[derive(Clone)]
pub(super) struct Common {
    config: Arc<Config>,
    plan: Arc<Mutex<Plan>>,
    status: Arc<Mutex<Status>>,
    timing: Arc<Timing>,
    /// What others connected and took apart, over all sessions.
    wiring: Arc<Mutex<Wiring>>,
    supervisor: Sender<Message>,
    /// By line: what its MIDI ports are plugged into.
    plugs: Arc<[Arc<Plug>]>,
}

/// A client of the JACK server that `JACK_DEFAULT_SERVER` names, or of whichever comes up later.
pub struct JackBackend {
    common: Common,
    events: Receiver<BackendEvent>,
    thread: Option<JoinHandle<()>>,
    /// Ends of the MIDI lines until they are handed over: the surfaces', and the engine's.
    lines: Mutex<(Vec<Line>, Vec<AudioLine>)>,
}

impl Drop for JackBackend {
    fn drop(&mut self) {
        // Whoever drops it without stopping it does not wait for the engine.
        self.tell(Message::Stop(bounded(1).0));
    }
}

impl JackBackend {
    /// Open the client with these ports. Without a server it comes back all the same, after one attempt or two
    /// seconds, and waits for one.
    ///
    /// # Errors
    /// When there is no JACK library, or no thread to be had.
    pub fn open(config: &Config, ports: Vec<PortSpec>) -> Result<Self, Error> {
        ::jack::jack_sys::library().map_err(|e| Error::NoLibrary(e.to_string()))?;
        session::log_quietly();
        let (sender, messages) = unbounded();
        let (event_sender, events) = unbounded();
        let (near, far, plugs) = midi::lines();
        let common = Common {
            config: Arc::new(config.clone()),
            plan: Arc::new(Mutex::new(Plan::new(ports))),
            status: Arc::new(Mutex::new(Status {
                backend: "JACK",
                client: config.client.clone(),
                format: config.format,
                running: false,
                outages: 0,
                last_return: Default::default(),
                ports: Vec::new(),
            })),
            timing: Arc::default(),
            wiring: Arc::default(),
            supervisor: sender,
            plugs: plugs.into(),
        };
        let (attempted, attempts) = bounded(1);
        let supervisor = Supervisor::new(common.clone(), messages, event_sender, attempted);
        let thread = std::thread::Builder::new().name("headroom-jack".into()).spawn(move || supervisor.run())?;
        let _ = attempts.recv_timeout(FIRST_ATTEMPT);
        Ok(JackBackend { common, events, thread: Some(thread), lines: Mutex::new((near, far)) })
    }

    fn tell(&self, message: Message) {
        // The supervisor outlives this handle.
        let _ = self.common.supervisor.send(message);
    }
}

impl Backend for JackBackend {
    fn format(&self) -> Format {
        lock(&self.common.status).format
    }

    fn run(&self, callback: Box<dyn Callback>) {
        let mut rack = Rack::new(callback, self.common.timing.clone());
        rack.midi = std::mem::take(&mut lock(&self.lines).1);
        self.tell(Message::Run(Box::new(rack)));
    }

    fn events(&self) -> &Receiver<BackendEvent> {
        &self.events
    }

    fn set_ports(&self, ports: Vec<PortSpec>) -> Vec<usize> {
        let indices = lock(&self.common.plan).replace(ports);
        self.tell(Message::PlanChanged);
        indices
    }

    fn retire_ports(&self) {
        lock(&self.common.plan).retire();
        self.tell(Message::PlanChanged);
    }

    fn status(&self) -> Status {
        lock(&self.common.status).clone()
    }

    fn timing(&self) -> Arc<Timing> {
        self.common.timing.clone()
    }

    fn take_midi(&self) -> Vec<Line> {
        std::mem::take(&mut lock(&self.lines).0)
    }

    fn stop(mut self: Box<Self>) -> Option<Box<dyn Callback>> {
        let (reply, replies) = bounded(1);
        self.tell(Message::Stop(reply));
        let rack = replies.recv_timeout(CLOSING + Duration::from_secs(1));
        if rack.is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        rack.ok().flatten().map(|r| r.into_callback())
    }
}
