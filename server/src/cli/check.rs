//! `headroom check`: the errors of a rig, or the graph it makes.

use super::job::desk_of;
use super::{Fail, load_rig};
use crate::rig::settings::{ENGINEER, NONE, Settings};
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::engine;
use headroom_dsp::engine::message::{Batch, Command};
use headroom_dsp::graph::{StripKind, StripSpec};
use headroom_dsp::lanes::Path as LanePath;
use headroom_dsp::network::Io;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::pattern::Pattern;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `check`.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The rig.
    rig: PathBuf,
    /// The graph for graphviz.
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// Strips and outputs as JSON.
    #[arg(long)]
    json: bool,
    /// The compiled schedule, one line a step.
    #[arg(long, conflicts_with_all = ["json", "dot"])]
    schedule: bool,
}

/// Runs the command.
pub fn run(args: &CheckArgs) -> Result<(), Fail> {
    let rig = load_rig(&args.rig)?;
    let rate = f64::from(rig.settings.audio.rate);
    let desk = desk_of(&rig, rig.spec.clone(), rate)?;
    if args.dot {
        say_part!("{}", dot(&desk));
    } else if args.schedule {
        say_part!("{}", desk.plan().schedule);
    } else if args.json {
        say!("{:#}", as_json(&desk, &rig.settings));
    } else {
        table(desk, &rig.settings.audio, &rig.spec.name);
        roles(&rig.settings, &AddressSpace::new(&rig.spec, &rig.tree));
    }
    Ok(())
}

/// Which roles there are, and who has them; nothing where all is open.
fn roles(settings: &Settings, space: &AddressSpace) {
    if settings.roles.is_empty() && settings.access.is_none() {
        return;
    }
    say!("");
    let all = space.len();
    let named = [&settings.x32, &settings.xair].into_iter().flatten().filter_map(|d| d.role.as_ref());
    let named = named.chain(settings.surfaces.iter().filter_map(|s| s.role.as_ref()));
    let named: Vec<&String> = named.chain(settings.osc.peers.iter().filter_map(|p| p.role.as_ref())).collect();
    for role in &settings.roles {
        let count = |patterns: &[&Vec<String>]| {
            let meant = patterns.iter().copied().flatten().filter_map(|t| Pattern::parse(t).ok()).flat_map(|p| space.meant(&p));
            meant.collect::<std::collections::HashSet<_>>().len()
        };
        let may = match role.name.as_str() {
            ENGINEER => "may do everything".to_string(),
            NONE => "may do nothing".to_string(),
            _ => format!("sets {}, reads {} of {all} addresses", count(&[&role.write]), count(&[&role.write, &role.read])),
        };
        let by = match &role.token {
            Some(token) => token.key().map_or_else(|why| format!("nobody can log in: {why}"), |_| "by its token".into()),
            None if named.contains(&&role.name) => "by the entries that name it".into(),
            None if settings.default_role() == role.name => "by everyone who has not logged in".into(),
            None => "nobody has it: it has no token and nothing names it".into(),
        };
        say!("role {:<19} {may}; {by}", role.name);
    }
    say!("who has not logged in has the role {}", settings.default_role());
    let engineer = settings.roles.iter().any(|r| r.name == ENGINEER && r.token.is_some()) || named.iter().any(|n| *n == ENGINEER);
    if settings.default_role() != ENGINEER && !engineer {
        say!("nobody can be engineer over the network: [[role]] name = \"engineer\" with a token lets one log in");
    }
    let deaf = settings.osc.peers.iter().filter(|p| p.role.as_deref().unwrap_or(settings.default_role()) == NONE);
    for peer in deaf {
        say!("peer {} has the role none and is told nothing; `role` in its entry names another", peer.addr);
    }
}

fn outputs(desk: &Desk) -> impl Iterator<Item = (usize, &StripSpec)> {
    desk.spec().strips.iter().enumerate().filter(|(_, s)| s.output.is_some())
}

fn as_json(desk: &Desk, settings: &Settings) -> Json {
    let strip = |(s, spec): (usize, &StripSpec)| {
        json!({
            "id": spec.id,
            "address": format!("/{}", spec.address()),
            "channels": spec.channels(),
            "latency": desk.plan().latencies.own(s),
        })
    };
    let output = |(s, spec): (usize, &StripSpec)| {
        (spec.id.clone(), json!({ "latency": desk.plan().latencies.output(s), "channels": spec.channels() }))
    };
    json!({
        "strips": desk.spec().strips.iter().enumerate().map(strip).collect::<Vec<_>>(),
        "outputs": outputs(desk).map(output).collect::<serde_json::Map<_, _>>(),
        "roles": settings.roles.iter().map(|r| &r.name).collect::<Vec<_>>(),
        "default_role": settings.default_role(),
    })
}

fn dot(desk: &Desk) -> String {
    let mut out = String::from("digraph rig {\n  rankdir=LR; node [shape=box, fontname=\"sans-serif\"];\n");
    let strips = &desk.spec().strips;
    for strip in strips {
        let name = format!("{}\n/{}\n{}", strip.name, strip.address(), strip.chain_names().join(" "));
        out.push_str(&format!("  {:?} [label={name:?}];\n", strip.id));
    }
    for (s, strip) in strips.iter().enumerate() {
        let mut edge = |to: usize, style: &str| out.push_str(&format!("  {:?} -> {:?}{style};\n", strip.id, strips[to].id));
        if let Some(to) = strip.to {
            edge(to, "");
        }
        for (k, &to) in strip.sends.iter().enumerate() {
            // A send that is off is there, but not worth a line.
            if desk.get(desk.tree().send(s, k)).as_f64() > headroom_dsp::param::taper::OFF_DB {
                edge(to, " [style=dashed]");
            }
        }
    }
    for key in &desk.plan().keys {
        out.push_str(&format!("  {:?} -> {:?} [style=dotted, label=\"key\"];\n", strips[key.from].id, strips[key.strip].id));
    }
    out.push_str("}\n");
    out
}

fn table(desk: Desk, audio: &crate::rig::settings::AudioConfig, name: &str) {
    say!("{name}: {} strips, {} Hz, period {}", desk.spec().strips.len(), audio.rate, audio.period);
    say!("");
    say!("{:<12} {:<18} {:<7} {:>8}  chain", "address", "id", "", "latency");
    for (s, strip) in desk.spec().strips.iter().enumerate() {
        let side = if strip.stereo { "stereo" } else { "mono" };
        say!(
            "{:<12} {:<18} {:<7} {:>8}  {}",
            format!("/{}", strip.address()),
            strip.id,
            side,
            desk.plan().latencies.own(s),
            strip.chain_names().join(" ")
        );
    }
    say!("");
    let ports = &desk.plan().ports;
    for (kind, list) in [("input", &ports.inputs), ("output", &ports.outputs)] {
        for (port, to) in list {
            say!("{kind:<7} {port:<24} {}", if to.is_empty() { "unconnected".into() } else { to.join(", ") });
        }
    }
    say!("");
    let latencies: Vec<(String, usize)> = outputs(&desk).map(|(s, o)| (o.id.clone(), desk.plan().latencies.output(s))).collect();
    let (gains, load) = measure(desk, audio);
    for ((id, latency), gain) in latencies.iter().zip(gains) {
        let level = if gain > 0.0 { format!("{:+.1} dBFS", 20.0 * gain.log10()) } else { "silent".into() };
        let ms = *latency as f64 * 1000.0 / f64::from(audio.rate);
        say!("output {id:<17} latency {latency} frames ({ms:.2} ms), a 0 dBFS sine in the first channel leaves at {level}");
    }
    say!("predicted load {:.1} % of one core on {} lanes, all strips sounding", load * 100.0, LanePath::best().name());
}

struct Bench {
    input: Vec<f32>,
    noise: Vec<f32>,
    first: usize,
    peaks: Vec<f64>,
    all: bool,
    hot: bool,
}

impl Io for Bench {
    fn input(&self, port: usize) -> &[f32] {
        if self.all {
            &self.noise
        } else if port < self.first {
            &self.input
        } else {
            &[]
        }
    }
    fn output(&mut self, port: usize, _at: usize, block: &[f64]) {
        if self.hot {
            self.peaks[port] = block.iter().fold(self.peaks[port], |m, x| m.max(x.abs()));
        }
    }
}

/// Peak at each output with a 0 dBFS sine in the first channel, and the share of a core that the
/// engine takes with noise in all of them.
fn measure(mut desk: Desk, audio: &crate::rig::settings::AudioConfig) -> (Vec<f64>, f64) {
    let rate = f64::from(audio.rate);
    let period = audio.period;
    let first = desk.spec().strips.iter().find(|s| s.kind == StripKind::Channel).map_or(0, StripSpec::channels);
    let (n, m) = (desk.plan().ports.inputs.len(), desk.plan().ports.outputs.len());
    let starts: Vec<usize> = (0..desk.spec().strips.len()).filter_map(|s| desk.plan().ports.output[s]).collect();
    let (mut engine, mut handle) = engine(rate, 0.0);
    let (adopt, _) = desk.adopt(None, (0..n).collect(), (0..m).collect());
    let _ = handle.send(Command::Adopt(adopt));
    let mut batch = Box::new(Batch::default());
    desk.flush(0, &mut batch);
    let _ = handle.send(Command::Apply(batch));
    let mut seed = 1u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 16_777_216.0 - 0.5
    };
    let noise = (0..period).map(|_| noise()).collect();
    let mut io = Bench { input: vec![0.0; period], noise, first, peaks: vec![0.0; m], all: false, hot: false };
    let mut run = |io: &mut Bench, seconds: f64, from: usize| {
        let periods = (seconds * rate / period as f64).ceil() as usize;
        for p in 0..periods {
            for (i, x) in io.input.iter_mut().enumerate() {
                let at = ((from + p) * period + i) as f64;
                *x = (std::f64::consts::TAU * 997.0 * at / rate).sin() as f32;
            }
            engine.process(io, period, 0, rate);
        }
        periods
    };
    let settled = run(&mut io, 1.0, 0);
    io.hot = true;
    run(&mut io, 0.2, settled);
    (io.hot, io.all) = (false, true);
    run(&mut io, 0.2, 0);
    let begin = Instant::now();
    let periods = run(&mut io, 1.0, 0);
    let load = begin.elapsed().as_secs_f64() / (periods as f64 * period as f64 / rate);
    (starts.iter().map(|&p| io.peaks[p]).collect(), load)
}
