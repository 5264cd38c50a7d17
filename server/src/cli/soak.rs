//! `headroom soak`: minutes of storm, and a verdict.
//!
//! With a rig it starts a server of its own that rehearses (a source of its own plays, nothing is connected), storms its
//! control port and holds what it sees against bars: an acceptance test of a machine. With `--to` it watches a server that
//! runs, and sets nothing there.

mod storm;
mod verdict;

use super::Fail;
use super::client::{Client, Message, server};
use super::status::{Figures, PATTERNS};
use headroom_protocol::osc::encode::Arg;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storm::{Counts, Storm};
use verdict::{SILENT, Sample, Seen};

/// Before counts begin: caches fill, what is kept for reuse is made.
const WARM_UP: Duration = Duration::from_secs(3);
/// How long a server of our own may take to say that it is ready.
const STARTING: Duration = Duration::from_secs(30);
/// What is listened to.
const LEVEL: &str = "/main/meter/out";

/// Arguments of `soak`.
#[derive(clap::Args)]
pub struct SoakArgs {
    /// The rig; without one that of the demo.
    #[arg(conflicts_with = "to")]
    rig: Option<PathBuf>,
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// A server that runs already: it is watched, and nothing is set there.
    #[arg(long, value_name = "HOST:PORT")]
    to: Option<String>,
    /// auto, jack or internal, in place of the rig's.
    #[arg(long, value_parser = ["auto", "jack", "internal"])]
    backend: Option<String>,
    /// Sets a second.
    #[arg(long, default_value_t = 20_000.0)]
    rate: f64,
    /// As a JSON object.
    #[arg(long)]
    json: bool,
}

/// A server of our own, and its directory. Dropping it ends it.
struct Own {
    child: Child,
    dir: PathBuf,
}

impl Own {
    fn start(args: &SoakArgs) -> Result<(Own, SocketAddr), Fail> {
        let failed = |what: &str, error: std::io::Error| Fail::running(format!("{what}: {error}"));
        let dir = std::env::temp_dir().join(format!("headroom-soak-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|e| failed(&dir.display().to_string(), e))?;
        let rig = match &args.rig {
            Some(rig) => rig.clone(),
            None => {
                let rig = dir.join("demo.toml");
                std::fs::write(&rig, super::run::DEMO_RIG).map_err(|e| failed(&rig.display().to_string(), e))?;
                rig
            }
        };
        let program = std::env::current_exe().map_err(|e| failed("headroom", e))?;
        let mut command = Command::new(program);
        command.arg("run").arg(&rig).args(["--rehearse", "--fresh", "--log", "warn", "--state"]).arg(&dir);
        // It ends by itself, should we be killed.
        command.arg("--seconds").arg(((args.minutes * 60.0) as u64 + 120).to_string());
        if let Some(backend) = &args.backend {
            command.args(["--backend", backend]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| failed("headroom run", e))?;
        let mut own = Own { child, dir };
        let at = own.ready()?;
        Ok((own, at))
    }

    /// Where it listens, when it has said so.
    fn ready(&mut self) -> Result<SocketAddr, Fail> {
        let Some(out) = self.child.stdout.take() else { return Err(Fail::running("headroom run: no output")) };
        let (found, addresses) = crossbeam_channel::bounded(1);
        std::thread::spawn(move || {
            // To its end, so that it never waits for a reader.
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let mut words = line.split(' ').skip_while(|w| *w != "osc").skip(1);
                if let (true, Some(Ok(at))) = (line.starts_with("headroom ready:"), words.next().map(str::parse)) {
                    let _ = found.try_send(at);
                }
            }
        });
        match addresses.recv_timeout(STARTING) {
            Ok(at) => Ok(at),
            // It has said why on standard error.
            Err(_) => match self.child.try_wait().ok().flatten().and_then(|status| status.code()) {
                Some(2) => Err(Fail::input("headroom run did not take the rig")),
                _ => Err(Fail::running("headroom run did not start")),
            },
        }
    }

    /// Whether it still runs.
    fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let until = Instant::now() + Duration::from_secs(5);
        while self.lives() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Listens to a server.
struct Watcher {
    client: Client,
    levels: (u64, u64, u64),
    was_silent: bool,
}

impl Watcher {
    fn new(at: SocketAddr) -> Result<Watcher, Fail> {
        let mut client = Client::connect(at, None)?;
        client.ask("/info", [])?;
        client.send("/subscribe", [Arg::String(LEVEL.into()), Arg::Int(60)]);
        Ok(Watcher { client, levels: (0, 0, 0), was_silent: false })
    }

    fn heard(&mut self, message: &Message) {
        if message.0 == LEVEL {
            let loudest = message.1.iter().map(|a| a.number()).fold(f64::NEG_INFINITY, f64::max);
            let (told, silent, broken) = &mut self.levels;
            *told += 1;
            // A period that was late leaves one report empty, and one that stays silent is told once a second.
            let is_silent = loudest <= SILENT;
            *silent += u64::from(is_silent && self.was_silent);
            self.was_silent = is_silent;
            *broken += u64::from(!message.1.iter().all(|a| a.number().is_finite()));
        }
    }

    /// Listens for a while.
    fn listen(&mut self, until: Instant) {
        while let Some(message) = self.client.receive(until) {
            self.heard(&message);
        }
    }

    fn figures(&mut self) -> Result<Figures, Fail> {
        let all = self.client.ask_all(&PATTERNS)?;
        all.iter().for_each(|message| self.heard(message));
        Ok(Figures::of(all))
    }

    /// Times that strips were reset.
    fn faults(&mut self) -> Result<f64, Fail> {
        let all = self.client.ask_all(&["/*/fault", "/*/*/fault"])?;
        all.iter().for_each(|message| self.heard(message));
        let faults = all.iter().filter(|m| m.0.ends_with("/fault"));
        Ok(faults.filter_map(|m| m.1.first()).map(|a| a.number()).sum())
    }
}

/// Runs `headroom soak`.
pub fn run(args: &SoakArgs) -> Result<(), Fail> {
    if !(args.minutes > 0.0 && args.minutes <= 100_000.0) {
        return Err(Fail::input("--minutes is more than 0"));
    }
    if !(args.rate >= 1.0 && args.rate <= 1e7) {
        return Err(Fail::input("--rate is at least one set a second"));
    }
    let (mut own, at) = match &args.to {
        Some(to) => (None, server(to)?),
        None => Own::start(args).map(|(own, at)| (Some(own), at))?,
    };
    let seen = soak(args, own.as_mut(), at)?;
    drop(own);
    report(args, &seen)
}

fn soak(args: &SoakArgs, mut own: Option<&mut Own>, at: SocketAddr) -> Result<Seen, Fail> {
    let mut watcher = Watcher::new(at)?;
    let (counts, stop): (Arc<Counts>, Arc<AtomicBool>) = Default::default();
    let storm = match own {
        Some(_) => {
            let storm = Storm::new(at, counts.clone())?;
            let (rate, stop) = (args.rate, stop.clone());
            Some(std::thread::spawn(move || storm.run(rate, &stop)))
        }
        None => None,
    };
    watcher.listen(Instant::now() + WARM_UP);
    watcher.client.ask("/status/reset", [])?;
    watcher.levels = (0, 0, 0);
    let count =
        |counts: &Counts| [&counts.sets, &counts.read, &counts.lost, &counts.unanswered].map(|c| c.load(Ordering::Relaxed));
    let (began, before) = (Instant::now(), count(&counts));
    let (first, faults) = (watcher.figures()?, watcher.faults()?);
    let lasts = Duration::from_secs_f64(args.minutes * 60.0);
    let mut bar = super::Progress::new("soak");
    let mut samples = Vec::new();
    let mut last = None;
    while began.elapsed() < lasts {
        watcher.listen(Instant::now() + Duration::from_secs(1).min(lasts.saturating_sub(began.elapsed())));
        if own.as_mut().is_some_and(|own| !own.lives()) {
            return Err(Fail::running(format!("the server ended after {:.0} s", began.elapsed().as_secs_f64())));
        }
        // One answer that is late on a busy machine is no end; what stays away is counted by the storm.
        if let Ok(figures) = watcher.figures() {
            let n = |path: &str| figures.number(path);
            samples.push(Sample { memory: n("memory"), threads: n("threads"), files: n("files") });
            last = Some(figures);
        }
        bar.at(began.elapsed().as_secs_f64() / lasts.as_secs_f64());
    }
    let lasted = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    if let Some(storm) = storm {
        let _ = storm.join();
    }
    let last = watcher.figures().ok().or(last).ok_or_else(|| Fail::running("the server did not answer once"))?;
    let faults = watcher.faults()? - faults;
    let after = count(&counts);
    let storm = std::array::from_fn(|n| after[n] - before[n]);
    Ok(Seen { first, last, samples, levels: watcher.levels, faults, storm, lasted, own: own.is_some() })
}

fn report(args: &SoakArgs, seen: &Seen) -> Result<(), Fail> {
    let bars = seen.bars();
    if args.json {
        say!("{}", seen.json());
    } else {
        let of = args.rig.as_deref().map_or_else(|| args.to.clone().unwrap_or_else(|| "demo".into()), name);
        say!("soak of {of}");
        for (name, text) in seen.figures() {
            say!("{name:<22} {text}");
        }
        for bar in &bars {
            say!("{}", bar.line());
        }
    }
    let missed: Vec<&str> = bars.iter().filter(|b| !b.holds()).map(|b| b.name()).collect();
    if missed.is_empty() {
        if !args.json {
            say!("verdict: all bars hold");
        }
        return Ok(());
    }
    Err(Fail::running(format!("verdict: missed: {}", missed.join(", "))))
}

fn name(rig: &Path) -> String {
    rig.display().to_string()
}
