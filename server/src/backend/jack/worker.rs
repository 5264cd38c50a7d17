//! The worker: every call to the JACK server, on a thread that may hang and then is abandoned.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use jack::{AsyncClient, AudioIn, AudioOut, Client, ClientOptions, Port, PortId, Unowned};

use super::Common;
use super::connect::Patchbay;
use super::session::{Notify, Process, Shared, Slot, Table};
use super::supervisor::Message;
use crate::backend::internal::lock;
use crate::backend::ports::{Direction, PortSpec};
use crate::backend::realtime::monotonic_nanos;

/// How often a server is looked for.
const PROBE: Duration = Duration::from_millis(250);
/// How often connections are looked over, should JACK have kept a change to itself.
const ROUND: Duration = Duration::from_secs(1);
/// How often it is looked whether the audio thread has given a table back.
const EXCHANGE: Duration = Duration::from_millis(5);
/// How long the process thread has to come by and end.
const ENDING: Duration = Duration::from_millis(500);
/// JACK's time and `CLOCK_MONOTONIC` closer than this are the same clock, read twice.
const SAME_CLOCK_NANOS: u64 = 2_000_000;

/// What a worker is asked to do.
pub(super) enum Task {
    PortAppeared,
    PortVanished(PortId),
    Connected(PortId, PortId),
    PlanChanged,
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
pub(super) fn start(
    common: Common,
    session: u64,
    tasks: Receiver<Task>,
    own: Sender<Task>,
) -> std::io::Result<()> {
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
    std::thread::Builder::new()
        .name("headroom-ports".into())
        .spawn(run)
        .map(drop)
}

/// Look for a server until there is one. None when asked to leave before.
fn probe(common: &Common, session: u64, tasks: &Receiver<Task>) -> Option<Client> {
    loop {
        if let Ok((client, _)) = Client::new(&common.config.client, ClientOptions::NO_START_SERVER)
        {
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
}

struct Registered {
    name: String,
    direction: Direction,
    port: Owned,
}

impl Registered {
    fn is(&self, spec: &PortSpec) -> bool {
        self.name == spec.name && self.direction == spec.direction
    }

    fn register(client: &Client, spec: &PortSpec) -> Result<Self, jack::Error> {
        let port = match spec.direction {
            Direction::In => client
                .register_port(&spec.name, AudioIn::default())
                .map(Owned::In),
            Direction::Out => client
                .register_port(&spec.name, AudioOut::default())
                .map(Owned::Out),
        }?;
        Ok(Registered {
            name: spec.name.clone(),
            direction: spec.direction,
            port,
        })
    }

    fn shared(&self) -> Port<Unowned> {
        match &self.port {
            Owned::In(port) => port.clone_unowned(),
            Owned::Out(port) => port.clone_unowned(),
        }
    }

    fn unregister(self, client: &Client) {
        let result = match self.port {
            Owned::In(port) => client.unregister_port(port),
            Owned::Out(port) => client.unregister_port(port),
        };
        if let Err(error) = result {
            tracing::debug!(port = %self.name, %error, "not unregistered");
        }
    }
}

struct Worker {
    common: Common,
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
}

impl Worker {
    fn activate(common: &Common, session: u64, client: Client, own: Sender<Task>) -> Option<Self> {
        let ports = register_all(&client, common);
        let shared = Arc::new(Shared::default());
        let (rate, period) = (client.sample_rate(), client.buffer_size());
        shared.rate.store(rate, Relaxed);
        shared.period.store(period, Relaxed);
        let name = client.name().to_owned();
        let difference = (client.time() * 1_000).abs_diff(monotonic_nanos());
        let process = Process {
            shared: shared.clone(),
            table: table(&ports),
            same_clock: difference < SAME_CLOCK_NANOS,
        };
        let notify = Notify {
            session,
            shared: shared.clone(),
            supervisor: common.supervisor.clone(),
            worker: own,
        };
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
            client,
            shared: shared.clone(),
            ports,
            leaving: Vec::new(),
            exchanging: false,
            stale: false,
            patchbay: Patchbay::default(),
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
            let until = if self.exchanging {
                exchange.min(next_round)
            } else {
                next_round
            };
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
            Task::PortVanished(port) => self.patchbay.vanished(port),
            Task::Connected(a, b) => {
                self.patchbay.connected(self.client.as_client(), a, b);
                return false;
            }
            Task::PlanChanged => self.stale = true,
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
        self.ports
            .resize_with(plan.len().max(self.ports.len()), || None);
        for (index, slot) in self.ports.iter_mut().enumerate() {
            if slot
                .as_ref()
                .is_some_and(|r| !plan.get(index).is_some_and(|spec| r.is(spec)))
            {
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

    fn round(&mut self) {
        let plan = lock(&self.common.plan).clone();
        let ports = &self.ports;
        let registered = |i: usize| ports.get(i).is_some_and(Option::is_some);
        let status = self
            .patchbay
            .round(self.client.as_client(), &plan, registered);
        lock(&self.common.status).ports = status;
    }

    /// Have the process thread end by itself. libjack would cancel it wherever it is, and a cancellation that
    /// unwinds through Rust aborts the process. A thread that no longer comes is asleep inside libjack.
    fn end_processing(&self) {
        self.shared.quit.store(true, Relaxed);
        let until = Instant::now() + ENDING;
        while !self.shared.ended.load(Relaxed) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        // From the mark to the return into libjack it is a few instructions more.
        std::thread::sleep(Duration::from_millis(10));
    }

    fn leave(self, leave: Leave) {
        match leave {
            Leave::Close => {
                self.end_processing();
                drop(self.client);
            }
            Leave::Leak => {
                // Its process thread may still be inside the callback: all that it touches is leaked with it.
                std::mem::forget(self.client);
            }
        }
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
    Table::new(
        ports
            .iter()
            .map(|p| p.as_ref().map(|r| Slot::new(r.shared(), r.direction)))
            .collect(),
    )
}
