//! `headroom master`: songs brought to the loudness and the ceiling of a medium, by the engine's own limiter.
//!
//! Several songs are an album: one gain for all of them, so that the integrated loudness over the whole album, gated as
//! one programme (BS.1770), is the target's; the balance between the songs stays as it was mixed.

pub(super) mod pass;
mod report;
mod solve;
mod strip;
mod target;

use super::{Fail, Progress, bits, dither, load_rig};
use crate::analyze::{self, Measured, loudness};
use crate::audiofile::{Bits, Container, Format, Reader, Shape};
use pass::{Draft, Song};
use report::Master;
use solve::Before;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use strip::{Setting, Strip};
use target::{Medium, Target};

/// Arguments of `master`.
#[derive(clap::Args)]
#[command(after_help = "\
Several songs are an album: they get one gain, so that their integrated loudness together is the target's and their \
balance stays. cd and vinyl are limits: a quieter song is raised only as far as the limiter takes 6 dB off its peaks. \
A master keeps the rate of its song and has 24 bit unless the target or you say otherwise.")]
pub struct MasterArgs {
    /// Mono or stereo WAV files; several are an album.
    #[arg(required = true, value_name = "SONG")]
    songs: Vec<PathBuf>,
    /// Where the masters go, by the names of the songs; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What they are for.
    #[arg(long, value_enum)]
    target: Medium,
    /// Integrated loudness in LUFS, in place of the target's.
    #[arg(long, value_name = "LUFS", allow_hyphen_values = true)]
    loudness: Option<f64>,
    /// Largest true peak in dBTP, in place of the target's.
    #[arg(long, value_name = "DBTP", allow_hyphen_values = true)]
    ceiling: Option<f64>,
    /// wav or flac.
    #[arg(long, default_value = "wav", value_parser = container)]
    format: Container,
    /// 16, 24, 32f or 64f.
    #[arg(long, value_parser = bits)]
    bits: Option<Bits>,
    /// Rate in Hz.
    #[arg(long, value_parser = clap::value_parser!(u32).range(8000..=384_000))]
    rate: Option<u32>,
    /// Dither of 16 and 24 bit files: tpdf, shaped or off.
    #[arg(long, default_value = "tpdf", value_parser = dither)]
    dither: Shape,
    /// A rig through whose main the songs go first: its EQ, glue, multiband and the rest, at the levels of the songs.
    #[arg(long, value_name = "RIG.toml")]
    rig: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

/// `wav` or `flac`.
fn container(text: &str) -> Result<Container, String> {
    text.parse()
}

/// What a song is called where several are worked on: `song 2 of 3`.
fn nth(n: usize, songs: &[Song]) -> String {
    if songs.len() == 1 { "master".into() } else { format!("master song {} of {}", n + 1, songs.len()) }
}

/// Runs the command.
pub fn run(args: &MasterArgs) -> Result<(), Fail> {
    let target = args.target.target(args.loudness, args.ceiling)?;
    let rig = args.rig.as_deref().map(load_rig).transpose()?;
    let strip = Strip::new(&target, rig.as_ref())?;
    let songs = args.songs.iter().map(|file| song(file, args, &target, strip.seed)).collect::<Result<Vec<_>, Fail>>()?;
    check_outputs(&songs, &args.out)?;
    let files = measure(&songs)?;
    let before = if strip.is_plain() && songs.iter().all(|s| s.rate == s.format.rate) {
        before(&songs, files.iter())?
    } else {
        // What conversion and the chain make of them, in full resolution and without limiting.
        let mut passes = Vec::new();
        for (n, song) in songs.iter().enumerate() {
            let mut bar = Progress::new(format!("{}, pass 1", nth(n, &songs)));
            let raw =
                Song { format: Format { bits: Bits::Float64, container: Container::Wav, ..song.format.clone() }, ..song.clone() };
            let open = Setting { gain: 0.0, ceiling: None };
            passes.push(pass::run(&raw, &strip, open, None, &mut |share| bar.at(share))?.measured);
        }
        before(&songs, passes.iter())?
    };
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Fail::running(format!("{}: cannot make this directory: {e}", args.out.display())))?;
    let drafts: Vec<Draft> = songs.iter().map(|song| Draft::beside(&song.to)).collect();
    let solved = solve::solve(&songs, &drafts, &strip, &target, &before)?;
    for draft in drafts {
        draft.keep()?;
    }
    let together = loudness::together(files.iter().map(|file| &file.loudness));
    let master = Master::new(args.target, &target, &songs, &files, together, &solved, strip.notes);
    if args.json {
        say!("{:#}", master.json());
    } else {
        say_part!("{master}");
    }
    Ok(())
}

/// A song by its file; nothing of it is read yet but the header.
fn song(file: &Path, args: &MasterArgs, target: &Target, seed: u64) -> Result<Song, Fail> {
    let reader = Reader::open(file)?;
    let found = reader.spec();
    if found.channels > 2 {
        let text = format!("{}: has {} channels; master takes mono and stereo files", file.display(), found.channels);
        return Err(Fail::input(text));
    }
    let name = file.file_name().ok_or_else(|| Fail::input(format!("{}: names no file", file.display())))?;
    let mut to = args.out.join(name);
    let extension = if args.format == Container::Flac { "flac" } else { "wav" };
    if !to.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)) {
        to.set_extension(extension);
    }
    let rate = args.rate.or(target.rate).unwrap_or(found.rate);
    if rate != found.rate {
        tell!("{}: converted from {} Hz to {rate} Hz", file.display(), found.rate);
    }
    let format = Format {
        container: args.format,
        dither: args.dither,
        seed,
        ..Format::new(rate, found.channels, args.bits.unwrap_or(target.bits))
    };
    format.possible(&to)?;
    Ok(Song { file: file.to_owned(), to, rate: found.rate, channels: found.channels, format })
}

/// Nothing is written over a song, nor twice.
fn check_outputs(songs: &[Song], out: &Path) -> Result<(), Fail> {
    if out.exists() && !out.is_dir() {
        return Err(Fail::input(format!("--out {} is a file; expected a directory", out.display())));
    }
    // By what the file is, so that links do not hide it.
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    for (n, song) in songs.iter().enumerate() {
        if songs[..n].iter().any(|other| other.to == song.to) {
            let text = format!("two songs would be written to {}; rename one of them", song.to.display());
            return Err(Fail::input(text));
        }
        if song.to.is_dir() {
            return Err(Fail::input(format!("{} is a directory; choose another --out", song.to.display())));
        }
        let there = identity(&song.to);
        if there.is_some() && songs.iter().any(|other| identity(&other.file) == there) {
            let text = format!("{} is one of the songs; choose another directory for --out", song.to.display());
            return Err(Fail::input(text));
        }
    }
    Ok(())
}

/// The songs as they come.
fn measure(songs: &[Song]) -> Result<Vec<Measured>, Fail> {
    let mut files = Vec::new();
    for (n, song) in songs.iter().enumerate() {
        let mut bar = Progress::new(format!("{}, measuring", nth(n, songs)));
        let measured = analyze::measure(&song.file, &mut |_, done, all| bar.at(done as f64 / all.max(1) as f64))?;
        drop(bar);
        for remark in &measured.remarks {
            tell!("{remark}");
        }
        files.push(measured);
    }
    Ok(files)
}

/// Loudness and peak of all songs; those without a loudness are named.
fn before<'a>(songs: &[Song], measured: impl Iterator<Item = &'a Measured> + Clone) -> Result<Before, Fail> {
    let mut mute = Vec::new();
    for (song, measured) in songs.iter().zip(measured.clone()) {
        let file = song.file.display();
        if measured.report.integrated.is_none() {
            mute.push(if measured.report.seconds < 0.4 {
                format!("{file}: is {:.2} s long; loudness needs at least 0.4 s", measured.report.seconds)
            } else {
                format!("{file}: is silent, or under −70 LUFS throughout: it has no loudness to be brought to a target")
            });
        }
    }
    let peak = measured.clone().filter_map(|m| m.report.truepeak).fold(f64::NEG_INFINITY, f64::max);
    match loudness::together(measured.map(|m| &m.loudness)) {
        Some(loudness) => {
            // On an album such a song gets the gain of the others.
            mute.iter().for_each(|text| tell!("{text}; it gets the album's gain"));
            Ok(Before { loudness, peak })
        }
        None => Err(Fail::input(mute.join("\n"))),
    }
}
