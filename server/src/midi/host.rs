//! The thread of the surfaces.

use super::alsa;
use super::desk::{Desk, Seat};
use super::learned::Learned;
use super::setup::{Surfaces, controller, rows};
use crate::backend::midi::Line;
use crate::backend::realtime::monotonic_nanos;
use crate::console::Console;
use crate::hub::roles::Standing;
use crate::hub::surfaces::SurfaceNews;
use crate::net::{Event, LinkId, Mail};
use crate::rig::SurfaceConfig;
use crate::rig::settings::ENGINEER;
use crossbeam_channel::{Receiver, Sender, unbounded};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::tree::Tree;
use headroom_protocol::intent::ClientId;
use headroom_protocol::midi::MS;
use headroom_protocol::midi::controller::{Clock, Controller as _};
use headroom_protocol::midi::learn::Taught;
use headroom_protocol::midi::remote::Remote;
use headroom_protocol::osc::encode::{Arg, Encoder};
use std::sync::Arc;
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// How often something is sent while there may be more to send, in nanoseconds: a cable takes a message in this time.
const PACE: u64 = MS;
/// So long after something was sent or came there may be more.
pub(super) const ACTIVE: u64 = 10 * MS;
/// How often it is looked whether a cable was made at JACK's ports, in nanoseconds.
const ASLEEP: u64 = 50 * MS;
/// The longest sleep where there is nothing to wait for.
const FOREVER: u64 = 3_600_000 * MS;
/// How often what passes by itself is drawn (the clock, values that were shown), in nanoseconds.
pub(super) const REDRAW: u64 = 50 * MS;
/// A surface brings two cables; it is greeted when both are there.
pub(super) const SETTLE: u64 = 20 * MS;

/// How often ALSA's sequencer is looked at, in nanoseconds.
const SCAN: u64 = 1_000 * MS;

/// What a surface is told, and how often at most in Hz.
const SUBSCRIBED: &[(&str, f32)] = &[("//", 100.0), ("//meter/out", 20.0), ("/main/loudness/momentary", 10.0)];

/// What the thread hears.
enum News {
    /// From the hub, for the desk of this number.
    Told(u64, Vec<u8>),
    /// The console is made of this now.
    Console(Box<Known>),
    /// What the hub has for surfaces.
    Hub(SurfaceNews),
    /// A port of the sequencer has something.
    Wake,
    /// The program ends.
    Stop,
}

/// The way to the thread: it is parked, which is cheaper than to wait at a channel with a time limit, which spins first.
#[derive(Clone)]
struct Post {
    inbox: Sender<News>,
    thread: Thread,
}

impl Post {
    /// False where the thread has ended.
    fn send(&self, news: News) -> bool {
        let sent = self.inbox.send(news).is_ok();
        self.thread.unpark();
        sent
    }
}

/// What surfaces are made for.
struct Known {
    spec: Arc<GraphSpec>,
    tree: Arc<Tree>,
    rate: f64,
    surfaces: Surfaces,
}

/// The running thread.
pub struct Host {
    inbox: Sender<News>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Ends it; surfaces keep what they show.
    pub fn stop(mut self) {
        let _ = self.inbox.send(News::Stop);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Serves the surfaces of the console behind `mail` over these lines; what they learn is kept in `learned`.
///
/// # Errors
/// Where there is no thread to be had.
pub fn start(mail: Mail<Console>, lines: Vec<Line>, learned: Learned) -> std::io::Result<Host> {
    let (sender, inbox) = unbounded();
    let served = Served {
        mail,
        inbox,
        sender: sender.clone(),
        lines,
        known: None,
        desks: Vec::new(),
        numbers: 0,
        learned,
        teaching: None,
        next_scan: 0,
        active: 0,
        encoder: Encoder::new(),
    };
    let thread = std::thread::Builder::new().name("surfaces".into()).spawn(move || served.run())?;
    Ok(Host { inbox: sender, thread: Some(thread) })
}

pub(super) struct Served {
    pub(super) mail: Mail<Console>,
    inbox: Receiver<News>,
    sender: Sender<News>,
    lines: Vec<Line>,
    known: Option<Known>,
    pub(super) desks: Vec<Desk>,
    numbers: u64,
    pub(super) learned: Learned,
    /// Who is answered when something was learned, and until when.
    pub(super) teaching: Option<(ClientId, u64)>,
    next_scan: u64,
    /// When something last came from a surface, or went to one.
    active: u64,
    encoder: Encoder,
}

impl Served {
    fn run(mut self) {
        let post = self.post();
        self.mail.send(Event::Errand(Box::new(move |hub| hub.set_surfaces(Box::new(move |news| post.send(News::Hub(news)))))));
        self.ask();
        loop {
            std::thread::park_timeout(self.patience(monotonic_nanos()));
            while let Ok(news) = self.inbox.try_recv() {
                if let News::Stop = news {
                    return;
                }
                self.hear(news);
            }
            let now = monotonic_nanos();
            if now >= self.next_scan {
                self.next_scan = now + SCAN;
                self.scan(now);
            }
            let clock = local_time();
            for desk in &mut self.desks {
                if desk.serve(&mut self.lines, &self.mail, now, clock) {
                    self.active = now;
                }
            }
            self.finish_learning(now);
        }
    }

    /// How long nothing can happen that it is not woken for. What comes from the hub and from the sequencer wakes it.
    fn patience(&self, now: u64) -> Duration {
        let mut next = now + FOREVER;
        if !self.desks.is_empty() {
            next = next.min(self.next_scan);
        }
        if let Some((_, until)) = self.teaching {
            next = next.min(until);
        }
        for desk in &self.desks {
            for seat in &desk.seats {
                let line = seat.line.and_then(|line| self.lines.get(line));
                let cable = line.map(|line| if line.plug().cables() > 0 { line.plug().next_look(now) } else { now + ASLEEP });
                next = [cable, seat.greet_at, seat.open.then_some(desk.draw_at)].into_iter().flatten().fold(next, u64::min);
            }
        }
        if now.saturating_sub(self.active) < ACTIVE {
            next = next.min(now + PACE);
        }
        Duration::from_nanos(next.saturating_sub(now))
    }

    fn post(&self) -> Post {
        Post { inbox: self.sender.clone(), thread: std::thread::current() }
    }

    /// Asks the hub whether the console is still what is known of it.
    fn ask(&self) {
        let known = self.known.as_ref().map(|k| (k.spec.clone(), k.rate, k.surfaces.configs().clone()));
        let answer = self.post();
        self.mail.send(Event::Errand(Box::new(move |hub| {
            let console = hub.mixer();
            let (desk, surfaces) = (console.desk(), console.surfaces());
            let same = |(spec, rate, configs): (Arc<GraphSpec>, f64, Arc<[SurfaceConfig]>)| {
                Arc::ptr_eq(&spec, desk.spec()) && rate == desk.rate() && Arc::ptr_eq(&configs, surfaces.configs())
            };
            if !known.is_some_and(same) {
                let (spec, tree) = (desk.spec().clone(), desk.tree().clone());
                let known = Known { spec, tree, rate: desk.rate(), surfaces: surfaces.clone() };
                answer.send(News::Console(Box::new(known)));
            }
        })));
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Told(number, packet) => {
                if let Some(desk) = self.desks.iter_mut().find(|d| d.number == number) {
                    desk.remote.told(&packet);
                }
            }
            News::Console(known) => self.take(*known),
            News::Hub(SurfaceNews::Wish { from, what }) => self.wish(from, &what),
            News::Hub(SurfaceNews::Rebuilt) => self.ask(),
            News::Wake | News::Stop => {}
        }
    }

    /// The console is made of something else, or the rig names other surfaces.
    fn take(&mut self, known: Known) {
        let before = self.known.replace(known);
        let Some(known) = &self.known else { return };
        let same_surfaces = before.as_ref().is_some_and(|b| b.surfaces.configs() == known.surfaces.configs());
        if same_surfaces && before.is_some_and(|b| b.spec == known.spec && b.rate == known.rate) {
            return;
        }
        if same_surfaces {
            for desk in &mut self.desks {
                desk.remote = Remote::new(known.spec.clone(), known.tree.clone(), known.rate);
                desk.controller.attach(&desk.remote);
                let packet = message(&mut self.encoder, "/unsubscribe", &[]);
                self.mail.send(Event::Packet(desk.link, packet));
                subscribe(&self.mail, desk.link, &mut self.encoder);
            }
            return;
        }
        self.next_scan = 0;
        for mut desk in self.desks.drain(..) {
            desk.remote.let_go();
            for wish in desk.remote.take_wishes() {
                self.mail.send(Event::Packet(desk.link, wish));
            }
            self.mail.send(Event::Closed(desk.link));
        }
        let (configs, post) = (known.surfaces.configs().clone(), self.post());
        for (leader, row) in rows(&configs) {
            let remote = Remote::new(known.spec.clone(), known.tree.clone(), known.rate);
            let taught = row.iter().map(|at| self.learned.load(&configs[*at].port)).collect();
            let controller = match controller(&configs, leader, &row, &remote) {
                Ok(controller) => Taught::new(controller, taught, &remote),
                Err(reason) => {
                    tracing::warn!(surface = configs[leader].port, "this surface is not served: {reason}");
                    continue;
                }
            };
            let seat = |at: &usize| {
                let config = &configs[*at];
                Seat {
                    name: config.port.clone(),
                    line: known.surfaces.line(config),
                    alsa: None,
                    made: 0,
                    greet_at: None,
                    open: false,
                }
            };
            let seats = row.iter().map(seat).collect();
            self.numbers += 1;
            let (number, post) = (self.numbers, post.clone());
            let link = open(&self.mail, &configs[leader], move |packet| {
                post.send(News::Told(number, packet.to_vec()));
            });
            subscribe(&self.mail, link, &mut self.encoder);
            self.desks.push(Desk { number, link, remote, controller, seats, drawn: 0, draw_at: 0, sent: 0 });
        }
    }
}

impl Served {
    /// Looks for surfaces at ALSA's sequencer: those that JACK has no cable to.
    fn scan(&mut self, now: u64) {
        let seats = || self.desks.iter().flat_map(|d| &d.seats);
        if seats().next().is_none() || !alsa::is_here() {
            return;
        }
        let all: Vec<String> = seats().map(|s| s.name.clone()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let Some(mut look) = alsa::Look::new() else { return };
        let post = self.post();
        for desk in &mut self.desks {
            for (port, seat) in desk.seats.iter_mut().enumerate() {
                let cables = seat.line.and_then(|line| self.lines.get(line)).map_or(0, |line| line.plug().cables());
                if seat.alsa.as_ref().is_some_and(|alsa| !look.has(alsa)) {
                    seat.alsa = None;
                    seat.gone(port, &mut desk.controller, &mut desk.remote);
                }
                if seat.alsa.is_some() || cables > 0 {
                    continue;
                }
                let post = post.clone();
                seat.alsa = look.open(&seat.name, &all, move || {
                    post.send(News::Wake);
                });
                if seat.alsa.is_some() {
                    seat.came(port, &mut desk.controller, now);
                }
                match alsa::Look::new() {
                    Some(next) => look = next,
                    None => return,
                }
            }
        }
    }
}

/// A link to the hub, with the role that the rig gives to this surface.
fn open(mail: &Mail<Console>, config: &SurfaceConfig, deliver: impl FnMut(&[u8]) + Send + 'static) -> LinkId {
    let role = config.role.clone().unwrap_or_else(|| ENGINEER.into());
    mail.open(format!("surface {}", config.port), None, Standing::Named(role), Box::new(deliver))
}

fn subscribe(mail: &Mail<Console>, link: LinkId, encoder: &mut Encoder) {
    for (pattern, hz) in SUBSCRIBED {
        let packet = message(encoder, "/subscribe", &[Arg::from(*pattern), Arg::Int(60), Arg::Float(*hz)]);
        mail.send(Event::Packet(link, packet));
    }
}

fn message(encoder: &mut Encoder, address: &str, args: &[Arg]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.message(address, args.iter().cloned(), &mut out);
    out
}

/// The time of day where this machine is.
fn local_time() -> Clock {
    // SAFETY: `time` takes null, and `localtime_r` fills the struct that is ours from the time that is ours.
    let (hour, minute, second) = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&now, &mut local).is_null() {
            return (0, 0, 0);
        }
        (local.tm_hour, local.tm_min, local.tm_sec)
    };
    (hour as u8, minute as u8, second.min(59) as u8)
}
