//! `headroom run` and `headroom demo`: the server, in the foreground.

use super::rehearsal::Rehearsal;
use super::{Fail, load_rig};
use crate::audiofile::Bits;
use crate::backend::realtime::{advice, lock_memory};
use crate::backend::source::MAX_SOURCES;
use crate::backend::{self, Format, Kind, Sourced};
use crate::console::{Console, LiveOptions, Source, port_specs};
use crate::cues::{self, Cue, Player};
use crate::demo::band::Song;
use crate::demo::source::BandSource;
use crate::discovery::{Discovery, Places};
use crate::http::Http;
use crate::hub::Hub;
use crate::hub::roles::Standing;
use crate::log::{self, Writing};
use crate::midi::{self, Learned, Surfaces};
use crate::net::{Event, Mail, Server, Sockets, moment, reach};
use crate::record::{Recorder, Recording};
use crate::rig::{self, Rig};
use crate::scene::Book;
use crate::service::{Pulse, Service};
use crate::state::{self, load};
use headroom_dsp::graph::schedule::Ports;
use headroom_dsp::lanes::Path as LanePath;
use headroom_protocol::osc::decode;
use headroom_protocol::osc::encode::{Arg, Encoder};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Arguments of `run`.
#[derive(clap::Args)]
pub struct RunArgs {
    /// The rig.
    rig: PathBuf,
    /// auto, jack or internal, in place of the rig's.
    #[arg(long, value_parser = ["auto", "jack", "internal"])]
    backend: Option<String>,
    #[command(flatten)]
    log: Log,
    /// Where state is kept, in place of $STATE_DIRECTORY, $XDG_STATE_HOME/headroom or ~/.local/state/headroom.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Sets the state aside and starts from the rig.
    #[arg(long)]
    fresh: bool,
    /// What happens when, counted from the first frame after the start ramp.
    #[arg(long)]
    cues: Option<PathBuf>,
    /// Records a strip's output; may be given often.
    #[arg(long, value_name = "STRIP=FILE")]
    record: Vec<String>,
    /// Stops after this many seconds of audio.
    #[arg(long)]
    seconds: Option<f64>,
    /// Tries a rig without a band and without a sound: a built-in source plays all inputs, no port is connected, and the
    /// ports of OSC and HTTP are free ones that this machine alone reaches.
    #[arg(long)]
    rehearse: bool,
}

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// Records the main outputs.
    #[arg(long)]
    record: Option<PathBuf>,
    /// Stops after this many seconds; else at Ctrl-C.
    #[arg(long)]
    seconds: Option<f64>,
    /// auto, jack or internal.
    #[arg(long, value_parser = ["auto", "jack", "internal"])]
    backend: Option<String>,
    /// Where state is kept; without it the demo starts the same each time.
    #[arg(long)]
    state: Option<PathBuf>,
    #[command(flatten)]
    log: Log,
}

/// How much is logged.
#[derive(clap::Args, Clone)]
pub struct Log {
    /// error, warn, info, debug or trace; json, or json with a level (`json,debug`), for machines.
    #[arg(long = "log", value_name = "LEVEL", default_value = "info")]
    level: String,
}

impl Log {
    /// Starts it; held as long as there is something to log.
    fn start(&self) -> Result<Writing, Fail> {
        let json = self.level.split(',').any(|w| w == "json");
        let level = self.level.split(',').find(|w| *w != "json").unwrap_or("info");
        let level: tracing::Level = level
            .parse()
            .map_err(|_| Fail::input(format!("\"{level}\" is no log level; expected error, warn, info, debug, trace or json")))?;
        let (lines, writing) = log::write_to(std::io::stderr()).map_err(|e| Fail::running(e.to_string()))?;
        let log = tracing_subscriber::fmt().with_max_level(level).with_writer(move || lines.clone()).with_target(false);
        let log = log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).log_internal_errors(false);
        let _ = if json { log.json().try_init() } else { log.try_init() };
        Ok(writing)
    }
}

/// What a session is made of.
struct Session {
    rig: Rig,
    file: Option<PathBuf>,
    kind: Kind,
    cues: Vec<Cue>,
    cue_file: Option<PathBuf>,
    record: Vec<(usize, PathBuf)>,
    bits: Bits,
    seconds: Option<f64>,
    demo: bool,
    rehearse: bool,
    /// None: nothing is saved.
    state: Option<state::Options>,
}

fn kind(name: Option<&str>, rig: &Rig) -> Kind {
    match (name, rig.settings.audio.backend) {
        (Some("jack"), _) | (None, rig::settings::Backend::Jack) => Kind::Jack,
        (Some("internal"), _) | (None, rig::settings::Backend::Internal) => Kind::Internal,
        _ => Kind::Auto,
    }
}

/// Runs `headroom run`.
pub fn run(args: &RunArgs) -> Result<(), Fail> {
    let _writing = args.log.start()?;
    let mut rig = load_rig(&args.rig)?;
    if args.rehearse {
        rig.settings.osc.listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        rig.settings.osc.peers.clear();
        rig.settings.http = rig.settings.http.map(|_| (std::net::Ipv4Addr::LOCALHOST, 0).into());
        rig.settings.surfaces.clear();
    }
    let cues = args.cues.as_deref().map_or(Ok(Vec::new()), cues::load).map_err(Fail::Input)?;
    let mut record = Vec::new();
    for text in &args.record {
        let known = |name: &str| rig.spec.named(name).or_else(|| rig.spec.strips.iter().position(|s| s.name == name));
        let split = text.match_indices('=').find_map(|(i, _)| Some((known(&text[..i])?, PathBuf::from(&text[i + 1..]))));
        record.push(split.ok_or_else(|| Fail::input(format!("\"{text}\" does not start with a strip of this rig and =")))?);
    }
    let kind = kind(args.backend.as_deref(), &rig);
    let state = Some(state::Options { dir: args.state.clone(), fresh: args.fresh });
    let file = Some(args.rig.clone());
    let cue_file = args.cues.clone();
    let (bits, seconds, rehearse) = (Bits::Float32, args.seconds, args.rehearse);
    play(Session { rig, file, kind, cues, cue_file, record, bits, seconds, demo: false, rehearse, state })
}

/// How much of a demo without a way to the speakers is recorded.
const DEMO_MINUTES: f64 = 10.0;

/// The demo's rig.
pub const DEMO_RIG: &str = include_str!("../../../configs/demo.toml");

/// Runs `headroom demo`.
pub fn demo(args: &DemoArgs) -> Result<(), Fail> {
    let _writing = args.log.start()?;
    let rig = rig::parse(DEMO_RIG, "demo.toml").map_err(|e| Fail::running(e.0.render(false)))?;
    let main = rig.spec.main().unwrap_or(0);
    let record = args.record.iter().map(|f| (main, f.clone())).collect();
    let kind = kind(args.backend.as_deref(), &rig);
    let (file, cue_file) = (None, None);
    let state = args.state.clone().map(|dir| state::Options { dir: Some(dir), fresh: false });
    play(Session {
        rig,
        file,
        kind,
        cues: Vec::new(),
        cue_file,
        record,
        bits: Bits::Int24,
        seconds: args.seconds,
        demo: true,
        rehearse: false,
        state,
    })
}

/// Runs a session until it is told to stop.
fn play(mut session: Session) -> Result<(), Fail> {
    for (strip, _) in &session.record {
        // A recorded strip has an output, if only an unconnected port.
        session.rig.spec.strips[*strip].output.get_or_insert_with(Vec::new);
    }
    let listen = session.rig.settings.osc.listen;
    let sockets = Sockets::bind(listen).map_err(|e| {
        Fail::running(format!("OSC cannot listen on {listen}: {e}; is another headroom running? `[osc] listen` chooses a port"))
    })?;
    let at = sockets.local_addr().map_err(|e| Fail::running(e.to_string()))?;
    let opened = match &session.state {
        Some(options) => state::open(&session.rig, session.file.as_deref(), options)?,
        None => state::Opened::default(),
    };
    let audio = session.rig.settings.audio.clone();
    let config = backend::Config {
        client: audio.client.clone(),
        format: backend::Format { rate: audio.rate, period: audio.period as u32 },
        connects: !session.rehearse,
    };
    let ports = Ports::of(&session.rig.spec);
    let surfaces = Surfaces::new(&session.rig.settings.surfaces);
    let all_ports = [port_specs(&ports), surfaces.ports()].concat();
    let backend = backend::open(session.kind, &config, all_ports).map_err(|e| Fail::running(e.to_string()))?;
    if let Err(error) = lock_memory() {
        tracing::warn!("{}", advice("locked memory", error));
    }
    let format = backend.format();
    let rate = f64::from(format.rate);
    session.rig.spec.period = format.period as usize;
    let listening = HashMap::new();
    let (desk, loaded) =
        load::desk(&session.rig, &session.rig.spec, &opened.memory, &listening, rate).map_err(|e| Fail::input(e.to_string()))?;
    loaded.log();
    let mut player = Player::new(&desk, session.file.as_deref().map(Book::beside));
    if let Some(file) = &session.cue_file {
        player.check(&session.cues, &desk, file).map_err(Fail::Input)?;
    }
    let first = Console::first_frame_at(rate);
    let mut recorder = Recorder::default();
    let mut taps = Vec::new();
    let limit = session.seconds.map(|s| (s * rate).round() as u64);
    // A demo that nobody hears must not fill the disk.
    let unheard = (session.demo && silent()).then_some((DEMO_MINUTES * 60.0 * rate) as u64);
    for (strip, file) in &session.record {
        let from = ports.output[*strip].unwrap_or(0);
        let sides: Vec<usize> = (0..session.rig.spec.strips[*strip].channels()).map(|s| from + s).collect();
        let limit = limit.or(unheard);
        taps.extend(recorder.add(file, format.rate, &sides, first, limit, session.bits)?);
    }
    let recording =
        if session.record.is_empty() { None } else { Some(recorder.start().map_err(|e| Fail::running(e.to_string()))?) };
    let started = (!session.rehearse).then(|| session.rig.settings.clone());
    let source = Source { file: session.file.clone(), started };
    let inputs = ports.inputs.len();
    let from_state = session.state.as_ref().map(|_| loaded.from_state);
    let learned = Learned::new(opened.surfaces());
    let (writer, aside) = opened.writer();
    let options = LiveOptions { taps, source, memory: loaded.memory, writer, surfaces };
    let console = if session.demo {
        let song = Arc::new(Song::render(format.rate));
        Console::start(desk, backend, options, |live| {
            Box::new(Sourced::new(BandSource::new(song), live, &(0..inputs).collect::<Vec<_>>()))
        })
    } else if session.rehearse {
        let played: Vec<usize> = (0..inputs.min(MAX_SOURCES)).collect();
        Console::start(desk, backend, options, |live| Box::new(Sourced::new(Rehearsal::new(format.rate), live, &played)))
    } else {
        Console::start(desk, backend, options, |live| Box::new(live))
    };
    // Whoever reads that it is ready may end it.
    let signals = Signals::listen()?;
    announce(&session, &console, at, from_state);
    if let Some(aside) = aside {
        say!("state set aside as {}", aside.display());
    }
    let backend = console.status().backend;
    let line = standing(&console);
    let lines = console.take_midi();
    let revision =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |d| d.as_secs() as i32 & 0x3fff_ffff);
    let hub = Hub::new(console, &session.rig.settings, revision, Box::new(moment));
    let (server, mail) = Server::new(hub, sockets).map_err(|e| Fail::running(format!("OSC cannot be served: {e}")))?;
    let http = serve_http(&session, &mail, at.port());
    let places = Places { osc: at, http: http.as_ref().map(Http::local_addr) };
    let discover = session.rig.settings.osc.discover;
    let discovery = discover.then(|| Discovery::start(&session.rig.spec.name, places, &mail)).flatten();
    let ended = mail.clone();
    let surfaces = midi::start(mail.clone(), lines, learned).map_err(|e| Fail::running(e.to_string()))?;
    let thread = std::thread::Builder::new().name("hub".into()).spawn(move || server.run());
    let thread = thread.map_err(|e| Fail::running(e.to_string()))?;
    let heard = backend == "JACK";
    let shown = silent() || (!heard && std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let cue_player = CuePlayer::new(session.cues, player, rate, first);
    let end = End { recording: recording.as_ref(), until: limit.map(|l| l + first) };
    let result = wait(&mail, cue_player, end, session.demo && shown, line, signals, &thread);
    let asked = Instant::now();
    drop(discovery);
    if let Some(http) = http {
        http.stop();
    }
    surfaces.stop();
    ended.send(Event::Stop);
    match thread.join() {
        Ok(Ok(hub)) => {
            // No disk keeps the outputs from fading out.
            let (console, scenes) = hub.into_parts();
            tracing::debug!(seconds = asked.elapsed().as_secs_f64(), "control has ended");
            console.stop();
            drop(scenes);
        }
        Ok(Err(e)) => return Err(Fail::running(format!("the hub stopped: {e}"))),
        Err(_) => return Err(Fail::running("the hub stopped unexpectedly")),
    }
    if let Some(recording) = recording {
        for done in recording.stop() {
            let (path, frames) = done?;
            say!("recorded {}  {:.2} s", path.display(), frames as f64 / rate);
        }
    }
    result
}

/// The web mixer and OSCQuery, where the rig has them and the port is free.
fn serve_http(session: &Session, mail: &Mail<Console>, osc_port: u16) -> Option<Http> {
    let listen = session.rig.settings.http?;
    let name = &session.rig.spec.name;
    let http = std::net::TcpListener::bind(listen).and_then(|listener| Http::start(listener, mail.clone(), name, osc_port));
    match http {
        Ok(http) => {
            let at = http.local_addr();
            for at in reach::addresses(at) {
                say!("web mixer: http://{at}/");
            }
            Some(http)
        }
        Err(error) => {
            tracing::warn!("no web mixer on {listen}: {error}; `[http] listen` chooses a port");
            None
        }
    }
}

/// Whether the start script found no way to the speakers.
fn silent() -> bool {
    std::env::var("HEADROOM_SOUND").is_ok_and(|s| s == "none")
}

fn announce(session: &Session, console: &Console, at: std::net::SocketAddr, from_state: Option<usize>) {
    let status = console.status();
    let format = console.format();
    let host = if at.ip().is_unspecified() { "127.0.0.1".to_string() } else { at.ip().to_string() };
    let state = match from_state {
        None => String::new(),
        Some(1) => ", 1 value from state".into(),
        Some(n) => format!(", {n} values from state"),
    };
    say!(
        "headroom ready: osc {host}:{} audio {} {} Hz period {} rig \"{}\"{state}",
        at.port(),
        status.backend,
        format.rate,
        format.period,
        session.rig.spec.name
    );
    for other in reach::addresses(at).into_iter().skip(1) {
        say!("from other machines: osc {other}");
    }
    for (port, wanted) in status.missing() {
        say!("waiting for {wanted} to connect {port}");
    }
    if session.demo {
        let sound = std::env::var("HEADROOM_SOUND").unwrap_or_default();
        let way = match (status.backend, sound.as_str()) {
            ("JACK", "") => "JACK, the first physical outputs".to_string(),
            ("JACK", other) => other.to_string(),
            _ if session.record.is_empty() => "nowhere: no JACK server answers; --record FILE writes it to a file".to_string(),
            _ => "only into the recording: no JACK server answers".to_string(),
        };
        say!("sound: {way}");
        say!("try:");
        say!("  headroom send --to {host}:{} /ch/lead-vox/fader -20", at.port());
        say!("  headroom send --to {host}:{} /dca/band/mute on", at.port());
        say!("  oscsend {host} {} /fade sff /bus/plate/fader 6 4", at.port());
    }
    tracing::info!(lanes = LanePath::best().name(), strips = session.rig.spec.strips.len(), "started");
}

type Hubs = Hub<Console>;

/// What the hub's thread tells the one that waits.
#[derive(Default)]
struct Seen {
    frames: AtomicU64,
    turns: AtomicU64,
    under_way: AtomicBool,
    line: Mutex<String>,
}

impl Seen {
    /// On the hub's thread.
    fn look(&self, hub: &mut Hubs) {
        self.frames.store(hub.frame_now(), Ordering::Release);
        let turns = self.turns.fetch_add(1, Ordering::AcqRel);
        // The line is for people: some times a second is often enough.
        if turns.is_multiple_of(64) {
            let line = standing(hub.mixer());
            *self.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
        }
        self.under_way.store(false, Ordering::Release);
    }

    fn pulse(&self) -> Pulse {
        Pulse { turns: self.turns.load(Ordering::Acquire), frames: self.frames.load(Ordering::Acquire) }
    }

    fn line(&self) -> String {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How the console stands, in one line for `systemctl status`.
fn standing(console: &Console) -> String {
    let status = console.status();
    let Format { rate, period } = status.format;
    match (status.backend, status.running) {
        ("JACK", false) => "waiting for a JACK server; control is up".into(),
        (backend, _) => {
            let (xruns, outages) = (console.timing().xruns(), status.outages);
            format!("{backend} {rate} Hz period {period}, {xruns} xruns, {outages} outages")
        }
    }
}

/// The signals that end the program or have it read its rig again, and the runtime that they are waited for in.
struct Signals {
    runtime: tokio::runtime::Runtime,
    int: Signal,
    term: Signal,
    hup: Signal,
}

impl Signals {
    /// From now on none of them has its default effect.
    fn listen() -> Result<Signals, Fail> {
        let failed = |e: std::io::Error| Fail::running(e.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let inside = runtime.enter();
        let listen = |kind| signal(kind).map_err(failed);
        let (int, term, hup) =
            (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
        drop(inside);
        Ok(Signals { runtime, int, term, hup })
    }
}

/// Whether this process belongs to a terminal.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// When a session ends by itself: with its recording, or at a frame.
struct End<'a> {
    recording: Option<&'a Recording>,
    until: Option<u64>,
}

/// Waits for a signal, the end of the recording, or the hub's end; plays cues and shows meters.
fn wait(
    mail: &Mail<Console>,
    cues: CuePlayer,
    end: End<'_>,
    meters: bool,
    line: String,
    signals: Signals,
    hub: &std::thread::JoinHandle<std::io::Result<Hubs>>,
) -> Result<(), Fail> {
    let End { recording, until } = end;
    let Signals { runtime, mut int, mut term, mut hup } = signals;
    runtime.block_on(async {
        let pulse: Arc<Seen> = Arc::default();
        let cues = Arc::new(Mutex::new(cues));
        let mut service = Service::of_environment();
        service.ready(&line);
        let reloaded: Arc<Mutex<Option<Result<(), String>>>> = Arc::default();
        let meter = meters.then(|| Meter::open(mail));
        let mut terminal = has_terminal();
        let mut every = tokio::time::interval(Duration::from_millis(5));
        let mut shown = Instant::now();
        let done = reloaded.clone();
        // Whatever is answered to a reload, an error too, ends it.
        let deliver = Box::new(move |bytes: &[u8]| *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome(bytes)));
        let local = mail.open("signals".into(), None, Standing::Console, deliver);
        loop {
            tokio::select! {
                _ = int.recv() => break,
                _ = term.recv() => break,
                _ = hup.recv() => {
                    if terminal && !has_terminal() {
                        // Its own end is no wish for another rig. A show goes on without it, a demo was for who watched.
                        terminal = false;
                        if meters {
                            break;
                        }
                        tracing::warn!("the terminal was closed; the sound goes on, SIGTERM ends it, SIGHUP reads the rig again");
                        continue;
                    }
                    service.reloading();
                    mail.send(Event::Packet(local, packet("/rig/reload", &[])));
                }
                _ = every.tick() => {
                    if hub.is_finished() {
                        break;
                    }
                    let outcome = reloaded.lock().unwrap_or_else(PoisonError::into_inner).take();
                    if let Some(outcome) = outcome {
                        service.reloaded(&pulse.line(), &outcome);
                    }
                    // One errand at a time: a hub that hangs is not buried under them.
                    if !pulse.under_way.swap(true, Ordering::AcqRel) {
                        let (seen, due) = (pulse.clone(), cues.clone());
                        mail.send(Event::Errand(Box::new(move |hub| {
                            seen.look(hub);
                            if let Ok(mut due) = due.lock() {
                                due.play(hub);
                            }
                        })));
                    }
                    let now = pulse.frames.load(Ordering::Acquire);
                    service.beat(Instant::now(), pulse.pulse(), || pulse.line());
                    let done = recording.map_or(until.is_some_and(|u| now >= u), |r| until.is_some() && r.is_done());
                    if done {
                        break;
                    }
                    if let Some(meter) = &meter && shown.elapsed() > Duration::from_millis(100) {
                        shown = Instant::now();
                        meter.show();
                    }
                }
            }
        }
        service.stopping();
        Ok(())
    })
}

/// What the hub answered to a command: the reason where it was refused.
fn outcome(answer: &[u8]) -> Result<(), String> {
    let packet = decode::packet(answer).map_err(|_| "the answer is not understood".to_owned())?;
    let refused = packet.messages().map(|(_, message)| message).find(|message| message.address == "/error");
    let text = |arg| if let decode::Arg::Str(text) = arg { Some(text.to_owned()) } else { None };
    refused.map_or(Ok(()), |message| Err(message.args.filter_map(text).last().unwrap_or_default()))
}

fn packet(address: &str, args: &[Arg]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Encoder::new().message(address, args.iter().cloned(), &mut bytes);
    bytes
}

/// Cues of a live session: each is handed to the engine shortly before its frame.
struct CuePlayer {
    groups: std::collections::VecDeque<(u64, Vec<Cue>)>,
    player: Player,
    first: u64,
    rate: f64,
    last: u64,
}

impl CuePlayer {
    fn new(cues: Vec<Cue>, player: Player, rate: f64, first: u64) -> CuePlayer {
        CuePlayer { groups: cues::by_frame(cues, rate).into(), player, first, rate, last: 0 }
    }

    fn play(&mut self, hub: &mut Hubs) {
        let now = hub.frame_now();
        // Under freewheel time runs: look as far ahead as many of the last steps went.
        let ahead = ((now - self.last) * 20).max((self.rate * 0.1) as u64);
        self.last = now;
        while let Some((frame, _)) = self.groups.front() {
            let due = frame + self.first;
            if due > now + ahead {
                return;
            }
            if let Some((_, group)) = self.groups.pop_front() {
                let player = &mut self.player;
                hub.cue(due, |desk| {
                    for cue in &group {
                        if let Err(reason) = player.play(cue, desk, due) {
                            tracing::warn!(line = cue.line, %reason, "cue left out");
                        }
                    }
                });
            }
        }
    }
}

/// Main's meter in the terminal, over a subscription like anybody's.
struct Meter {
    levels: Arc<[AtomicU64; 2]>,
}

impl Meter {
    fn open(mail: &Mail<Console>) -> Meter {
        let levels: Arc<[AtomicU64; 2]> = Arc::default();
        let seen = levels.clone();
        let link = mail.open(
            "terminal".into(),
            None,
            Standing::Console,
            Box::new(move |bytes| {
                let Ok(packet) = decode::packet(bytes) else { return };
                for (_, message) in packet.messages() {
                    if message.address == "/main/meter/out" {
                        for (cell, arg) in seen.iter().zip(message.args) {
                            if let decode::Arg::Float(x) = arg {
                                cell.store(f64::from(x).to_bits(), Ordering::Release);
                            }
                        }
                    }
                }
            }),
        );
        mail.send(Event::Packet(link, packet("/subscribe", &[Arg::String("/main/meter/out".into())])));
        Meter { levels }
    }

    fn show(&self) {
        let bar = |cell: &AtomicU64| {
            let db = f64::from_bits(cell.load(Ordering::Acquire));
            let full = ((db + 60.0) / 60.0 * 24.0).clamp(0.0, 24.0) as usize;
            format!("{:<24} {db:>6.1}", "█".repeat(full))
        };
        tell_part!("\rmain L {}  R {} dBFS ", bar(&self.levels[0]), bar(&self.levels[1]));
    }
}
