//! The command line. Exit status: 0 done, 1 failed while running, 2 the input is wrong.

mod check;
mod new;
mod render;

use crate::audiofile::{Bits, Shape};
use crate::rig::{self, Rig};
use clap::{Parser, Subcommand};
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
    /// The errors of a rig, or the graph it makes.
    Check(check::CheckArgs),
    /// A rig to start from.
    New(new::NewArgs),
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
    /// A picture: waveform, spectrum, loudness over time (SVG).
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Analyze(args) => {
            let options = crate::analyze::Options { json: args.json, plot: args.plot };
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            let mut bar = Progress::new("analyze");
            let status = crate::analyze::run(&args.files, &options, &mut out, &mut err, &mut |share| bar.at(share));
            return ExitCode::from(status as u8);
        }
        Command::Check(args) => check::run(&args),
        Command::New(args) => new::run(&args),
        Command::Render(args) => render::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fail::Input(text)) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(2)
        }
        Err(Fail::Running(text)) => {
            eprintln!("{}", text.trim_end());
            ExitCode::from(1)
        }
    }
}

/// Loads a rig, printing its warnings; all its errors are the failure.
pub fn load_rig(path: &Path) -> Result<Rig, Fail> {
    let colours = std::io::stderr().is_terminal();
    match rig::load(path) {
        Ok(rig) => {
            eprint!("{}", rig.report.render(colours));
            Ok(rig)
        }
        Err(errors) => Err(Fail::Input(errors.0.render(colours))),
    }
}

/// A progress line on standard error, when a person is watching.
pub struct Progress {
    what: &'static str,
    shown: Option<u32>,
    watched: bool,
}

impl Progress {
    /// For work of this name.
    pub fn new(what: &'static str) -> Progress {
        Progress { what, shown: None, watched: std::io::stderr().is_terminal() }
    }

    /// Shows a share of 0 … 1.
    pub fn at(&mut self, share: f64) {
        let percent = (share.clamp(0.0, 1.0) * 100.0) as u32;
        if self.watched && self.shown != Some(percent) {
            self.shown = Some(percent);
            let bar = "█".repeat(percent as usize / 4);
            eprint!("\r{} [{bar:<25}] {percent:>3} %", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r{:60}\r", "");
        }
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
