//! The command line. Exit status: 0 done, 1 failed while running, 2 the input is wrong.

#[macro_use]
mod out;

mod check;
mod client;
mod job;
mod latency;
mod layout;
mod master;
mod midi;
mod new;
mod ports;
mod rehearsal;
mod reload;
mod render;
mod run;
mod send;
mod soak;
mod status;
mod token;

use crate::audiofile::{Bits, Shape};
use crate::rig::{self, Rig};
use clap::{CommandFactory, Parser, Subcommand};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Why a command ends without success.
#[derive(Debug)]
pub enum Fail {
    /// The input is wrong: exit status 2.
    Input(String),
    /// It failed while running: exit status 1.
    Running(String),
}

impl Fail {
    /// An error of the input.
    pub fn input(text: impl Into<String>) -> Fail {
        Fail::Input(text.into())
    }

    /// An error while running.
    pub fn running(text: impl Into<String>) -> Fail {
        Fail::Running(text.into())
    }
}

impl From<crate::audiofile::FileError> for Fail {
    fn from(error: crate::audiofile::FileError) -> Fail {
        if error.is_input() { Fail::Input(error.to_string()) } else { Fail::Running(error.to_string()) }
    }
}

impl From<crate::state::Refused> for Fail {
    fn from(refused: crate::state::Refused) -> Fail {
        match refused {
            crate::state::Refused::NoDirectory(_) => Fail::Input(refused.to_string()),
            crate::state::Refused::Busy { .. } => Fail::Running(refused.to_string()),
        }
    }
}

/// headroom: a networked, headless mixing console.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Loudness, range, peaks, correlation and band balance of files.
    Analyze(AnalyzeArgs),
    /// A complete rig with a built-in band, JACK or not.
    Demo(run::DemoArgs),
    /// What there is to connect to.
    Ports,
    /// Every address with kind, unit, range and default.
    Reference {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// The server, in the foreground.
    Run(run::RunArgs),
    /// For a service: has it read its rig again, and says what came of it.
    Reload,
    /// One message to a running server; prints the value that holds.
    Send(send::SendArgs),
    /// A layout of a rig for a tablet: TouchOSC, Open Stage Control.
    Layout(layout::LayoutArgs),
    /// A rig from another console's scene (not built yet).
    Import(Later),
    /// Control surfaces: which are plugged in, what they send, and one in this terminal.
    Midi(midi::MidiArgs),
    /// How a running server stands: times, xruns with their causes, costs, what was dropped.
    Status(status::StatusArgs),
    /// A verdict after minutes of storm: times, memory, what was lost.
    Soak(soak::SoakArgs),
    /// A loop through JACK, measured by a signal.
    Latency(latency::LatencyArgs),
    /// A token for a role, and its line for the rig.
    Token(token::TokenArgs),
    /// The errors of a rig, or the graph it makes.
    Check(check::CheckArgs),
    /// A rig to start from.
    New(new::NewArgs),
    /// Songs or an album brought to the loudness and ceiling of a medium.
    Master(master::MasterArgs),
    /// The same engine on files, faster than real time.
    Render(render::RenderArgs),
}

#[derive(clap::Args)]
struct AnalyzeArgs {
    /// WAV files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// An array with one object a file.
    #[arg(long)]
    json: bool,
    /// A picture: waveform, loudness over time, spectrum; PNG or SVG by its name. Several files get one each, by theirs.
    #[arg(long, value_name = "PICTURE")]
    plot: Option<PathBuf>,
}

impl Command {
    /// Whether it goes on though nobody reads what it prints.
    fn serves(&self) -> bool {
        matches!(self, Command::Run(_) | Command::Demo(_))
    }

    /// Whether all that it does is to print: without a reader there is no use in it.
    fn only_prints(&self) -> bool {
        use Command::{Check, Midi, Ports, Reference, Send, Status, Token};
        matches!(self, Check(_) | Midi(_) | Ports | Reference { .. } | Send(_) | Status(_) | Token(_))
    }
}

/// A command whose reader has seen enough (`headroom check … | head`) ends without a word, as others do. Not a server,
/// which would die with a client's connection, nor what writes files, which would leave them half done.
fn die_with_the_pipe() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: no handler is installed, and no other thread runs yet.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
}

/// The command line as it is declared, for manual pages and completions.
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let serves = args.command.serves();
    if args.command.only_prints() {
        die_with_the_pipe();
    }
    let done = match args.command {
        Command::Analyze(args) => {
            let options = crate::analyze::Options { json: args.json, plot: args.plot };
            let (mut out, mut err) = (std::io::stdout().lock(), out::Remarks);
            let mut bar = Progress::new("analyze");
            let status = crate::analyze::run(&args.files, &options, &mut out, &mut err, &mut |_, done, all| {
                bar.at(done as f64 / all.max(1) as f64)
            });
            return ExitCode::from(status as u8);
        }
        Command::Demo(args) => run::demo(&args),
        Command::New(args) => new::run(&args),
        Command::Ports => ports::run(),
        Command::Reload => reload::run(),
        Command::Reference { json } => reference(json),
        Command::Run(args) => run::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Master(args) => master::run(&args),
        Command::Layout(args) => layout::run(&args),
        Command::Import(_) => later("import"),
        Command::Midi(args) => midi::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Latency(args) => latency::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Render(args) => render::run(&args),
    };
    match done {
        Ok(()) => match out::failure().filter(|_| !serves) {
            Some(why) => {
                tell!("standard output: {why}");
                ExitCode::from(1)
            }
            None => ExitCode::SUCCESS,
        },
        Err(Fail::Input(text)) => {
            tell!("{}", text.trim_end());
            ExitCode::from(2)
        }
        Err(Fail::Running(text)) => {
            tell!("{}", text.trim_end());
            ExitCode::from(1)
        }
    }
}

/// Arguments of a command that is not built yet: whatever they are.
#[derive(clap::Args)]
struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    args: Vec<String>,
}

fn later(name: &str) -> Result<(), Fail> {
    Err(Fail::running(format!("headroom {name} is not built yet")))
}

fn reference(json: bool) -> Result<(), Fail> {
    let text = if json { headroom_protocol::reference::json() } else { headroom_protocol::reference::markdown() };
    say!("{}", text.trim_end());
    Ok(())
}

/// Loads a rig, printing its warnings; all its errors are the failure.
pub fn load_rig(path: &Path) -> Result<Rig, Fail> {
    let colours = std::io::stderr().is_terminal();
    match rig::load(path) {
        Ok(rig) => {
            tell_part!("{}", rig.report.render(colours));
            Ok(rig)
        }
        Err(errors) => Err(Fail::Input(errors.0.render(colours))),
    }
}

/// A progress line on standard error, when a person is watching. It is gone when the work is done.
pub struct Progress {
    what: String,
    shown: Option<u32>,
    watched: bool,
}

impl Progress {
    /// For work of this name.
    pub fn new(what: impl Into<String>) -> Progress {
        Progress { what: what.into(), shown: None, watched: std::io::stderr().is_terminal() }
    }

    /// Shows a share of 0 … 1.
    pub fn at(&mut self, share: f64) {
        let percent = (share.clamp(0.0, 1.0) * 100.0) as u32;
        if self.watched && self.shown != Some(percent) {
            self.shown = Some(percent);
            let bar = "█".repeat(percent as usize / 4);
            tell_part!("\r\x1b[K{} [{bar:<25}] {percent:>3} %", self.what);
        }
        if percent == 100 {
            self.clear();
        }
    }

    /// Takes the line away, for what is printed next.
    fn clear(&mut self) {
        if self.shown.take().is_some() {
            tell_part!("\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// `tpdf`, `shaped` or `off`.
fn dither(text: &str) -> Result<Shape, String> {
    text.parse()
}

/// `16`, `24`, `32f` or `64f`.
fn bits(text: &str) -> Result<Bits, String> {
    text.parse()
}
