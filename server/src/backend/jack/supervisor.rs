//! The supervisor: where the engine is, whether JACK's heart beats, and what follows when it does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::session::Shared;
use super::worker::{self, Leave, Task};
use super::{CLOSING, Common};
use crate::backend::internal::{InternalClock, Role, lock};
use crate::backend::ledger::Return;
use crate::backend::realtime::is_realtime;
use crate::backend::realtime::waited_nanos;
use crate::backend::{BackendEvent, Evidence, Format, Rack, Xrun};

/// How often the heartbeat is looked at.
const TICK: Duration = Duration::from_millis(20);
/// The least time of which xruns are judged.
const RECENT: Duration = Duration::from_millis(20);
/// A supervisor that slept this long itself cannot blame JACK for the silence.
const OVERSLEPT: Duration = Duration::from_millis(150);
/// How often the worker of a stalled session looks whether the server runs without us. A server that waits for
/// another client does so too, for some seconds, and then comes back by itself.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// After this long a worker counts as hung, and the next one is started without it.
const HUNG: Duration = Duration::from_secs(5);

/// What the supervisor hears.
pub(super) enum Message {
    /// From the owner: the engine.
    Run(Box<Rack>),
    /// From the owner: ports were added, connected otherwise or retired.
    PlanChanged,
    /// From the owner: end, and hand the engine back.
    Stop(Sender<Option<Box<Rack>>>),
    /// From a worker: no server answered, and it goes on looking.
    NoServer(u64),
    /// From a worker: a server answered at this time; ports and connections are being made.
    Answered(u64, Instant),
    /// From a worker: the client is active.
    Opened(u64, Arc<Shared>),
    /// From a worker: it has let go of its client.
    Left(u64),
    /// From JACK's notification thread.
    Notice(u64, Notice),
    /// From a worker: whether its server runs periods, though we get none.
    ServerRuns(u64, bool),
}

/// What JACK tells a client.
pub(super) enum Notice {
    Shutdown(String),
    Xrun(u64),
    Freewheel(bool),
}

/// Where the engine is.
enum Place {
    /// Not handed over yet, or handed back.
    Nowhere,
    /// In our hands, between two places.
    Hand(Box<Rack>),
    /// With JACK's process thread.
    Seat(Arc<Shared>),
    /// With the spare clock.
    Spare(InternalClock),
}

/// A session as the supervisor sees it.
struct Session {
    number: u64,
    tasks: Sender<Task>,
    stage: Stage,
}

enum Stage {
    /// The worker looks for a server.
    Opening,
    /// Periods come.
    Beating(Heart),
    /// They have stopped, and nobody said why. `asked`: when the worker is to look at the
    /// server, None while it looks.
    Stalled { heart: Heart, asked: Option<Instant> },
    /// The worker was told to let go.
    Leaving(Instant),
}

struct Heart {
    shared: Arc<Shared>,
    beats: u64,
    at: Instant,
}

impl Heart {
    fn new(shared: Arc<Shared>) -> Self {
        let beats = shared.beats.load(Ordering::Relaxed);
        Heart { shared, beats, at: Instant::now() }
    }

    /// Whether it has beaten since this was last asked.
    fn has_beaten(&mut self) -> bool {
        let beats = self.shared.beats.load(Ordering::Relaxed);
        let moved = beats != self.beats;
        if moved {
            self.beats = beats;
            self.at = Instant::now();
        }
        moved
    }

    fn format(&self) -> Format {
        Format { rate: self.shared.rate.load(Ordering::Relaxed), period: self.shared.period.load(Ordering::Relaxed) }
    }

    /// Three periods and 200 ms: no working server is silent for so long.
    fn patience(&self) -> Duration {
        Duration::from_nanos(3 * period_nanos(self.format())) + Duration::from_millis(200)
    }
}

fn period_nanos(format: Format) -> u64 {
    u64::from(format.period) * 1_000_000_000 / u64::from(format.rate.max(1))
}

pub(super) struct Supervisor {
    common: Common,
    messages: Receiver<Message>,
    events: Sender<BackendEvent>,
    /// Told once, when the first attempt to reach a server has ended either way.
    attempted: Option<Sender<()>>,
    session: Session,
    place: Place,
    /// Whether JACK's thread has real-time priority was looked at.
    asked_priority: bool,
    /// An outage has been told of, and its end not yet.
    out: bool,
    /// When the last period before it was, and when a server answered again.
    went: Instant,
    answered: Instant,
    recent: [Evidence; 2],
    rotated: Instant,
    /// How long the audio thread had waited for a processor, ever, at the last look.
    waited: Option<u64>,
    ticked: Instant,
}

impl Supervisor {
    pub(super) fn new(common: Common, messages: Receiver<Message>, events: Sender<BackendEvent>, attempted: Sender<()>) -> Self {
        let session = open(&common, 0);
        Supervisor {
            common,
            messages,
            events,
            attempted: Some(attempted),
            session,
            place: Place::Nowhere,
            asked_priority: false,
            out: false,
            went: Instant::now(),
            answered: Instant::now(),
            recent: Default::default(),
            rotated: Instant::now(),
            waited: None,
            ticked: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        loop {
            match self.messages.recv_timeout(TICK) {
                Ok(Message::Stop(reply)) => return self.stop(&reply),
                Ok(message) => self.hear(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.ticked.elapsed() >= TICK {
                self.tick();
            }
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Run(rack) => {
                self.place = Place::Hand(rack);
                self.settle();
            }
            Message::PlanChanged => self.task(Task::PlanChanged),
            Message::NoServer(number) if number == self.session.number => {
                // What comes later comes back, also for an owner that began without a server.
                self.out = true;
                self.release_owner();
                self.settle();
            }
            Message::Answered(number, at) if number == self.session.number => self.answered = at,
            Message::Opened(number, shared) if number == self.session.number => self.opened(shared),
            Message::Left(number) if number == self.session.number => self.reopen(),
            Message::Notice(number, notice) if number == self.session.number => self.notice(notice),
            Message::ServerRuns(number, runs) if number == self.session.number => self.judge(runs),
            // From a session that is over.
            _ => {}
        }
    }

    fn opened(&mut self, shared: Arc<Shared>) {
        if matches!(self.session.stage, Stage::Leaving(_)) {
            return;
        }
        let heart = Heart::new(shared);
        self.adopt_format(heart.format());
        self.session.stage = Stage::Beating(heart);
        self.settle();
        self.back();
    }

    /// Release the owner that waits for the first attempt. False when nobody waits (any more).
    fn release_owner(&mut self) -> bool {
        self.attempted.take().is_some_and(|owner| owner.send(()).is_ok())
    }

    /// A server that runs without us has dropped us, and wants a new client. One that stands, because it is
    /// frozen or its card was pulled out, would serve a new client no better.
    fn judge(&mut self, runs: bool) {
        let Stage::Stalled { asked, .. } = &mut self.session.stage else {
            return;
        };
        if runs {
            tracing::warn!("the JACK server runs but does not call this client: opening a new one");
            self.leave(Leave::Close);
        } else {
            *asked = Some(Instant::now() + SECOND_LOOK);
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Shutdown(_) if matches!(self.session.stage, Stage::Leaving(_)) => {}
            Notice::Shutdown(reason) => {
                tracing::warn!(%reason, "the JACK server is gone; waiting for one");
                self.outage(BackendEvent::Shutdown(reason));
                self.leave(Leave::Leak);
            }
            Notice::Xrun(nanos) => {
                let format = lock(&self.common.status).format;
                self.recent[0] = self.recent[0].max(self.look());
                let evidence = self.recent[0].max(self.recent[1]);
                let cause = evidence.cause(period_nanos(format));
                self.common.timing.count_xrun(cause);
                self.tell(BackendEvent::Xrun(Xrun { nanos, cause, evidence }));
            }
            Notice::Freewheel(on) => self.tell(BackendEvent::Freewheel(on)),
        }
    }

    fn tick(&mut self) {
        let overslept = self.ticked.elapsed() > OVERSLEPT;
        self.ticked = Instant::now();
        self.recent[0] = self.recent[0].max(self.look());
        // An xrun is told some time after it happened, and what it was due to lies a period back.
        let while_ago = RECENT.max(Duration::from_nanos(2 * period_nanos(lock(&self.common.status).format)));
        if self.rotated.elapsed() > while_ago {
            self.rotated = Instant::now();
            self.recent = [Evidence::default(), self.recent[0]];
        }
        match &mut self.session.stage {
            Stage::Opening => {}
            Stage::Beating(heart) => {
                if heart.has_beaten() || overslept {
                    heart.at = Instant::now();
                    let format = heart.format();
                    let thread = heart.shared.process_thread.load(Ordering::Relaxed);
                    if thread != 0 && !std::mem::replace(&mut self.asked_priority, true) && !is_realtime(thread) {
                        tracing::warn!(
                            "JACK calls without real-time priority: dropouts are likelier under load; start jackd with -R"
                        );
                    }
                    self.adopt_format(format);
                } else if heart.at.elapsed() > heart.patience() {
                    let shared = heart.shared.clone();
                    tracing::warn!("JACK has stopped calling; waiting for it");
                    self.outage(BackendEvent::Stalled);
                    let heart = Heart::new(shared);
                    self.session.stage = Stage::Stalled { heart, asked: Some(Instant::now() + SECOND_LOOK) };
                    self.settle();
                }
            }
            Stage::Stalled { heart, asked } => {
                if heart.has_beaten() {
                    self.answered = heart.at;
                    let heart = Heart::new(heart.shared.clone());
                    self.adopt_format(heart.format());
                    self.session.stage = Stage::Beating(heart);
                    self.settle();
                    self.back();
                } else if asked.take_if(|at| Instant::now() > *at).is_some() {
                    self.task(Task::Look);
                }
            }
            Stage::Leaving(since) if since.elapsed() > HUNG => self.reopen(),
            Stage::Leaving(_) => {}
        }
    }

    /// The longest times since the last look, and for how long the audio thread waited for a processor.
    fn look(&mut self) -> Evidence {
        let thread = match &self.session.stage {
            Stage::Beating(heart) => heart.shared.process_thread.load(Ordering::Relaxed),
            _ => 0,
        };
        let before = std::mem::replace(&mut self.waited, if thread == 0 { None } else { waited_nanos(thread) });
        let waited = self.waited.zip(before).map(|(now, before)| now.saturating_sub(before));
        Evidence { waited, ..self.common.timing.take_recent() }
    }

    /// Take over what audio runs at, and tell when that is news.
    fn adopt_format(&mut self, format: Format) {
        let mut status = lock(&self.common.status);
        status.running = true;
        let old = std::mem::replace(&mut status.format, format);
        drop(status);
        // An owner that still waits for the first attempt will find the new format and nothing changed.
        if self.release_owner() {
            return;
        }
        if old.rate != format.rate {
            self.tell(BackendEvent::RateChanged(format.rate));
        }
        if old.period != format.period {
            self.tell(BackendEvent::PeriodChanged(format.period));
        }
    }

    fn outage(&mut self, event: BackendEvent) {
        let mut status = lock(&self.common.status);
        status.running = false;
        // A stalled server that then dies is still one outage.
        let first = !std::mem::replace(&mut self.out, true);
        status.outages += u64::from(first);
        drop(status);
        if first {
            self.went = self.last_beat();
            self.common.timing.went(match &event {
                BackendEvent::Shutdown(reason) => format!("the JACK server went away ({reason})"),
                _ => "JACK stopped calling".into(),
            });
        }
        self.tell(event);
    }

    fn back(&mut self) {
        if !std::mem::take(&mut self.out) {
            return;
        }
        let now = Instant::now();
        let nanos = |since: Instant| now.saturating_duration_since(since).as_nanos() as u64;
        let how = Return { silence: nanos(self.went), recovery: nanos(self.answered.max(self.went)) };
        let mut status = lock(&self.common.status);
        if status.outages > 0 {
            status.last_return = how;
            let seconds = |n: u64| (n as f64 / 1e7).round() / 100.0;
            tracing::info!(silence_s = seconds(how.silence), recovery_s = seconds(how.recovery), "audio is back");
        }
        drop(status);
        self.common.timing.came_back(how);
        self.tell(BackendEvent::Back);
    }

    /// When the last period was, as far as that was seen.
    fn last_beat(&self) -> Instant {
        match &self.session.stage {
            Stage::Beating(heart) | Stage::Stalled { heart, .. } => heart.at,
            _ => Instant::now(),
        }
    }

    fn leave(&mut self, leave: Leave) {
        self.task(Task::Leave(leave));
        self.session.stage = Stage::Leaving(Instant::now());
        self.settle();
    }

    fn reopen(&mut self) {
        self.session = open(&self.common, self.session.number + 1);
    }

    /// Bring the engine to where it belongs now: to JACK while its heart beats, else to the spare clock.
    fn settle(&mut self) {
        let wanted = match &self.session.stage {
            Stage::Beating(heart) => Some((heart.shared.clone(), heart.format())),
            _ => None,
        };
        match (&self.place, &wanted) {
            (Place::Nowhere, _) => return,
            (Place::Seat(now), Some((to, _))) if Arc::ptr_eq(now, to) => return,
            (Place::Spare(_), None) => return,
            _ => {}
        }
        let Some(mut rack) = self.lift() else { return };
        match wanted {
            Some((shared, format)) => {
                rack.resume(format);
                std::mem::forget(shared.seat.swap(Some(rack)));
                self.place = Place::Seat(shared);
            }
            None => {
                let format = lock(&self.common.status).format;
                match InternalClock::start(format, Role::StandIn) {
                    Ok(clock) => {
                        clock.run(rack, format);
                        self.place = Place::Spare(clock);
                    }
                    Err(error) => {
                        tracing::error!(%error, "no thread for the spare clock: the engine stands still");
                        self.place = Place::Hand(rack);
                    }
                }
            }
        }
    }

    /// Take the engine from wherever it is.
    fn lift(&mut self) -> Option<Box<Rack>> {
        match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Nowhere => None,
            Place::Hand(rack) => Some(rack),
            Place::Spare(clock) => clock.stop(),
            Place::Seat(shared) => {
                // Empty means that the process thread has it for this period: it is back in a moment.
                let patience = Instant::now() + Duration::from_secs(1);
                loop {
                    if let Some(rack) = shared.seat.take() {
                        return Some(rack);
                    }
                    if Instant::now() > patience {
                        tracing::error!("the audio thread does not give the engine back");
                        self.place = Place::Seat(shared);
                        return None;
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
    }

    fn stop(mut self, reply: &Sender<Option<Box<Rack>>>) {
        let rack = self.lift();
        self.task(Task::Leave(Leave::Close));
        let until = Instant::now() + CLOSING;
        let opening = matches!(self.session.stage, Stage::Opening);
        while let Ok(message) = self.messages.recv_deadline(until) {
            match message {
                Message::Left(number) if number == self.session.number => break,
                Message::NoServer(_) if opening => break,
                _ => {}
            }
        }
        let _ = reply.send(rack);
    }

    fn task(&self, task: Task) {
        let _ = self.session.tasks.send(task);
    }

    fn tell(&self, event: BackendEvent) {
        let _ = self.events.send(event);
    }
}

fn open(common: &Common, number: u64) -> Session {
    let (tasks, inbox) = unbounded();
    if let Err(error) = worker::start(common.clone(), number, inbox, tasks.clone()) {
        tracing::error!(%error, "no thread to reach JACK with; trying again");
        // As if a worker had left that hung.
        return Session { number, tasks, stage: Stage::Leaving(Instant::now()) };
    }
    Session { number, tasks, stage: Stage::Opening }
}
