//! The worker: every call to the JACK server, on a thread that may hang and then is abandoned.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use jack::{AsyncClient, AudioIn, AudioOut, Client, ClientOptions, MidiIn, MidiOut, Port, PortId, ProcessScope, Unowned};

use super::Common;
use super::cables::Cables;
use super::connect::Patchbay;
use super::session::{Notify, Process, Shared, Table, exists};
use super::supervisor::Message;
use crate::backend::internal::lock;
use crate::backend::ports::{Direction, Medium, PortSpec};

/// How often a server is looked for.
const PROBE: Duration = Duration::from_millis(250);
/// How often connections are looked over, should JACK have kept a change to itself.
const ROUND: Duration = Duration::from_secs(1);
/// How often it is looked whether the audio thread has given a table back.
const EXCHANGE: Duration = Duration::from_millis(5);
/// How long the server's clock is watched.
const LOOK: Duration = Duration::from_millis(500);
/// How long JACK's threads have to come to rest.
const ENDING: Duration = Duration::from_millis(500);
/// So many looks in a row, a millisecond apart, must find them so.
const QUIET_ROUNDS: u32 = 10;

/// What a worker is asked to do.
pub(super) enum Task {
    PortAppeared,
    PortVanished(PortId),
    /// Two ports were connected, or taken apart.
    Connected(PortId, PortId, bool),
    PlanChanged,
    Look,
    Leave(Leave),
}

/// How a worker leaves its client behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Close it: the server answers.
    Close,
    /// Leak it: the server is dead, and closing could hang.
    Leak,
}

/// Start the worker of session number `session`. It tells the supervisor what becomes of it.
pub(super) fn start(common: Common, session: u64, tasks: Receiver<Task>, own: Sender<Task>) -> std::io::Result<()> {
    let run = move || {
        if let Some(client) = probe(&common, session, &tasks) {
            match Worker::activate(&common, session, client, own) {
                Some(mut worker) => {
                    let leave = worker.serve(&tasks);
                    worker.leave(leave);
                }
                // Nothing was activated, and the client is gone with it.
                None => std::thread::sleep(PROBE),
            }
        }
        let _ = common.supervisor.send(Message::Left(session));
    };
    std::thread::Builder::new().name("headroom-ports".into()).spawn(run).map(drop)
}

/// Look for a server until there is one. None when asked to leave before.
fn probe(common: &Common, session: u64, tasks: &Receiver<Task>) -> Option<Client> {
    loop {
        if let Ok((client, _)) = Client::new(&common.config.client, ClientOptions::NO_START_SERVER) {
            return Some(client);
        }
        let _ = common.supervisor.send(Message::NoServer(session));
        let until = Instant::now() + PROBE;
        loop {
            match tasks.recv_deadline(until) {
                Ok(Task::Leave(_)) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(_) => continue,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
    }
}

/// A port that we registered.
enum Owned {
    In(Port<AudioIn>),
    Out(Port<AudioOut>),
    MidiIn(Port<MidiIn>),
    MidiOut(Port<MidiOut>),
}

struct Registered {
    name: String,
    direction: Direction,
    medium: Medium,
    port: Owned,
}

impl Registered {
    fn is(&self, spec: &PortSpec) -> bool {
        self.name == spec.name && self.direction == spec.direction && self.medium == spec.medium
    }

    fn register(client: &Client, spec: &PortSpec) -> Result<Self, jack::Error> {
        let port = match (spec.medium, spec.direction) {
            (Medium::Audio, Direction::In) => client.register_port(&spec.name, AudioIn::default()).map(Owned::In),
            (Medium::Audio, Direction::Out) => client.register_port(&spec.name, AudioOut::default()).map(Owned::Out),
            (Medium::Midi(_), Direction::In) => client.register_port(&spec.name, MidiIn::default()).map(Owned::MidiIn),
            (Medium::Midi(_), Direction::Out) => client.register_port(&spec.name, MidiOut::default()).map(Owned::MidiOut),
        }?;
        Ok(Registered { name: spec.name.clone(), direction: spec.direction, medium: spec.medium, port })
    }

    fn shared(&self) -> Port<Unowned> {
        match &self.port {
            Owned::In(port) => port.clone_unowned(),
            Owned::Out(port) => port.clone_unowned(),
            Owned::MidiIn(port) => port.clone_unowned(),
            Owned::MidiOut(port) => port.clone_unowned(),
        }
    }

    fn unregister(self, client: &Client) {
        let result = match self.port {
            Owned::In(port) => client.unregister_port(port),
            Owned::Out(port) => client.unregister_port(port),
            Owned::MidiIn(port) => client.unregister_port(port),
            Owned::MidiOut(port) => client.unregister_port(port),
        };
        if let Err(error) = result {
            tracing::debug!(port = %self.name, %error, "not unregistered");
        }
    }
}

struct Worker {
    common: Common,
    session: u64,
    client: AsyncClient<Notify, Process>,
    shared: Arc<Shared>,
    ports: Vec<Option<Registered>>,
    /// Out of the newest table, but maybe still in the one that the audio thread has.
    leaving: Vec<Registered>,
    /// A table is on its way to the audio thread, or the old one on its way back.
    exchanging: bool,
    /// The plan has moved on from the newest table.
    stale: bool,
    patchbay: Patchbay,
    cables: Cables,
}

impl Worker {
    fn activate(common: &Common, session: u64, client: Client, own: Sender<Task>) -> Option<Self> {
        let _ = common.supervisor.send(Message::Answered(session, Instant::now()));
        let ports = register_all(&client, common);
        let shared = Arc::new(Shared::default());
        let (rate, period) = (client.sample_rate(), client.buffer_size());
        shared.rate.store(rate, Relaxed);
        shared.period.store(period, Relaxed);
        let name = client.name().to_owned();
        let process = Process { shared: shared.clone(), table: table(&ports) };
        let notify = Notify { session, shared: shared.clone(), supervisor: common.supervisor.clone(), worker: own };
        let client = match client.activate_async(notify, process) {
            Ok(client) => client,
            Err(error) => {
                tracing::warn!(%error, "JACK does not activate the client");
                return None;
            }
        };
        tracing::info!(client = %name, rate, period, "connected to JACK");
        let mut worker = Worker {
            common: common.clone(),
            session,
            client,
            shared: shared.clone(),
            ports,
            leaving: Vec::new(),
            exchanging: false,
            stale: false,
            patchbay: Patchbay::new(common.wiring.clone(), common.config.connects),
            cables: Cables::new(common.plugs.clone()),
        };
        // Connected first, so that the owner that waits for the opening finds everything in place.
        worker.round();
        lock(&common.status).client = name;
        let _ = common.supervisor.send(Message::Opened(session, shared));
        Some(worker)
    }

    /// Work until told to leave.
    fn serve(&mut self, tasks: &Receiver<Task>) -> Leave {
        let mut next_round = Instant::now() + ROUND;
        loop {
            let exchange = Instant::now() + EXCHANGE;
            let until = if self.exchanging { exchange.min(next_round) } else { next_round };
            let mut due;
            match tasks.recv_deadline(until) {
                Ok(Task::Leave(leave)) => return leave,
                Ok(task) => due = self.take(task),
                Err(RecvTimeoutError::Timeout) => due = Instant::now() >= next_round,
                Err(RecvTimeoutError::Disconnected) => return Leave::Close,
            }
            // A client that comes or goes makes a burst of these: one round for all.
            while let Ok(task) = tasks.try_recv() {
                if let Task::Leave(leave) = task {
                    return leave;
                }
                due |= self.take(task);
            }
            if self.exchanging
                && let Some(old) = self.shared.outgoing.take()
            {
                drop(old);
                self.exchanging = false;
                for port in std::mem::take(&mut self.leaving) {
                    self.patchbay.forget(&port.name);
                    port.unregister(self.client.as_client());
                }
            }
            if self.stale && !self.exchanging {
                self.follow_plan();
                due = true;
            }
            if due {
                self.round();
                next_round = Instant::now() + ROUND;
            }
        }
    }

    /// Note a task; true when connections are to be looked over.
    fn take(&mut self, task: Task) -> bool {
        match task {
            Task::PortAppeared => {}
            Task::PortVanished(port) => {
                self.cables.vanished(port);
                self.patchbay.vanished(port);
            }
            Task::Connected(a, b, connected) => {
                self.cables.connected(self.client.as_client(), &lock(&self.common.plan), a, b, connected);
                self.patchbay.connected(self.client.as_client(), a, b, connected);
                // A port that goes is taken apart first: whether it stays shows at the next round.
                return false;
            }
            Task::PlanChanged => self.stale = true,
            Task::Look => {
                self.look();
                return false;
            }
            Task::Leave(_) => return false,
        }
        true
    }

    /// Register what is new, send the audio thread a table without what is gone.
    fn follow_plan(&mut self) {
        let plan = lock(&self.common.plan).clone();
        let client = self.client.as_client();
        self.stale = false;
        let mut changed = false;
        self.ports.resize_with(plan.len().max(self.ports.len()), || None);
        for (index, slot) in self.ports.iter_mut().enumerate() {
            if slot.as_ref().is_some_and(|r| !plan.get(index).is_some_and(|spec| r.is(spec))) {
                self.leaving.extend(slot.take());
                changed = true;
            }
        }
        for (index, spec) in plan.in_order() {
            if self.ports[index].is_none() {
                match Registered::register(client, spec) {
                    Ok(port) => {
                        self.ports[index] = Some(port);
                        changed = true;
                    }
                    // A port of this name and the other direction has to go first.
                    Err(_) if self.leaving.iter().any(|r| r.name == spec.name) => self.stale = true,
                    Err(error) => {
                        tracing::warn!(port = %spec.name, %error, "JACK does not register the port")
                    }
                }
            }
        }
        if changed {
            std::mem::forget(self.shared.incoming.swap(Some(table(&self.ports))));
            self.exchanging = true;
        }
    }

    /// See whether the server runs periods at all, by the time that it keeps in shared memory: the server is
    /// not asked, for it may be frozen. (Nor is a second client: two in one process stop each other.)
    fn look(&self) {
        let client = self.client.as_client();
        // SAFETY: the scope serves to read the time of the last period of an open client, no buffers.
        let scope = unsafe { ProcessScope::from_raw(0, client.raw()) };
        let before = scope.last_frame_time();
        std::thread::sleep(LOOK);
        let passed = scope.last_frame_time().wrapping_sub(before);
        // A server that limps from one timeout to the next has its trouble with all of its clients.
        let real_time = f64::from(self.shared.rate.load(Relaxed)) * LOOK.as_secs_f64();
        let runs = f64::from(passed) > real_time / 2.0;
        let _ = self.common.supervisor.send(Message::ServerRuns(self.session, runs));
    }

    fn round(&mut self) {
        let plan = lock(&self.common.plan).clone();
        let ports = &self.ports;
        let registered = |i: usize| ports.get(i).is_some_and(Option::is_some);
        let status = self.patchbay.round(self.client.as_client(), &plan, registered);
        lock(&self.common.status).ports = status;
    }

    /// See to it that none of JACK's threads is in our code when libjack cancels them, which it does at closing,
    /// and for a leaked client at the next opening: a cancellation that unwinds through Rust aborts the process.
    ///
    /// The process thread is asked to end by itself, and has time for that while the server lives. Else it is
    /// enough that it sleeps: none of them ever does so in our code.
    fn end_callbacks(&self, leave: Leave) {
        self.shared.quit.store(true, Relaxed);
        if leave == Leave::Close {
            wait(ENDING, || !exists(self.shared.process_thread.load(Relaxed)));
        }
        let mut quiet = 0;
        wait(ENDING, || {
            quiet = if self.shared.is_quiet() { quiet + 1 } else { 0 };
            quiet >= QUIET_ROUNDS
        });
    }

    fn leave(self, leave: Leave) {
        self.end_callbacks(leave);
        match leave {
            Leave::Close => drop(self.client),
            Leave::Leak => {
                // Its process thread may still be inside the callback: all that it touches is leaked with it.
                std::mem::forget(self.client);
            }
        }
    }
}

/// Wait for something, looking every millisecond, but not for ever.
fn wait(patience: Duration, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !done() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn register_all(client: &Client, common: &Common) -> Vec<Option<Registered>> {
    let plan = lock(&common.plan).clone();
    let mut ports: Vec<Option<Registered>> = (0..plan.len()).map(|_| None).collect();
    for (index, spec) in plan.in_order() {
        match Registered::register(client, spec) {
            Ok(port) => ports[index] = Some(port),
            Err(error) => {
                tracing::warn!(port = %spec.name, %error, "JACK does not register the port")
            }
        }
    }
    ports
}

fn table(ports: &[Option<Registered>]) -> Box<Table> {
    Table::new(ports.iter().map(|p| p.as_ref().map(|r| (r.shared(), r.direction, r.medium))).collect())
}
