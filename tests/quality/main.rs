//! Measures the program against the bars of its processors, from files that `headroom render` wrote.
//!
//! `make quality` prints one line a bar and fails if a gate is missed; words after it choose sections.
//! A processor more: a line in `processors.rs` for what is asked of every one, and a function of its own here.

mod dynamics;
mod eq;
mod every;
mod limiter;
mod loudness;
mod meters;
mod moving;
mod output;
mod processors;
mod space;
mod table;
mod take;

use std::process::ExitCode;
use std::time::Instant;
use table::{Done, Table};

/// What is measured, and how.
type Part = (&'static str, fn(&mut Table) -> Done);

/// Sections of the table.
const SECTIONS: &[(&str, &[Part])] = &[
    (
        "Every processor",
        &[
            ("null", every::null),
            ("same samples", every::same),
            ("lanes", every::lanes),
            ("silence", every::silence),
            ("aligned", every::aligned),
            ("denormals", every::denormals),
        ],
    ),
    (
        "Equaliser and cuts: distance from the analog prototype",
        &[
            ("eq magnitude", eq::magnitudes),
            ("eq noise", eq::noise),
            ("eq movement", eq::movement),
            ("eq stability", eq::stability),
        ],
    ),
    (
        "Dynamics",
        &[
            ("dynamics curves", dynamics::curves),
            ("dynamics timing", dynamics::timing),
            ("dynamics distortion", dynamics::distortion),
            ("dynamics gate", dynamics::gate),
            ("dynamics link", dynamics::link),
        ],
    ),
    (
        "Limiter: ceiling −1 dBTP",
        &[
            ("limiter overshoot", limiter::overshoot),
            ("limiter distortion", limiter::distortion),
            ("limiter faithful", limiter::faithful),
        ],
    ),
    (
        "Loudness and true peak of `headroom analyze`",
        &[("loudness levels", loudness::levels), ("loudness ranges", loudness::ranges), ("loudness peaks", loudness::true_peaks)],
    ),
    (
        "Live meters",
        &[
            ("meters loudness", meters::loudness),
            ("meters peaks", meters::true_peaks),
            ("meters levels", meters::levels),
            ("meters spectrum", meters::spectrum),
        ],
    ),
    (
        "Movement of parameters: a 1 kHz tone of 0 dBFS",
        &[
            ("movement of gains", moving::gain_jumps),
            ("movement streams", moving::gain_streams),
            ("movement sweeps", moving::sweeps),
            ("movement of others", moving::other_jumps),
        ],
    ),
    ("Pan, delay, reverb", &[("pan", space::pan), ("delay", space::delay), ("reverb", space::reverb)]),
    ("Dither, rates, sums", &[("dither", output::dither), ("rates", output::rates), ("sums", output::sums)]),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let mut table = Table::default();
    let start = Instant::now();
    for (section, parts) in SECTIONS {
        let wanted = |name: &str| words.is_empty() || words.iter().any(|w| name.contains(w.as_str()));
        let parts: Vec<_> = parts.iter().filter(|(name, _)| wanted(name)).collect();
        if !parts.is_empty() {
            table.section(section);
        }
        for (name, measure) in parts {
            if let Err(why) = measure(&mut table) {
                table.broken(name, &why);
            }
        }
    }
    println!("\n{} s", start.elapsed().as_secs());
    if table.finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
