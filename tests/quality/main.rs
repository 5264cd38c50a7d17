//! Measures the program against the bars of its processors, from files that `headroom render` wrote.
//!
//! `make quality` prints one line a bar and fails if a gate is missed; words after it choose sections.
//! A processor more: a line in `processors.rs` for what is asked of every one, one in `zipper/cases.rs` for its movement,
//! and a function of its own here.

mod bands;
mod colour;
mod dynamics;
mod effects;
mod eq;
mod every;
mod limiter;
mod loudness;
mod mastering;
mod meters;
mod monitor;
mod moving;
mod output;
mod processors;
mod space;
mod speech;
mod table;
mod take;
mod zipper;

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
            ("recovery", every::recovery),
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
        "Bands: mid/side, de-esser, multiband, ducker, dynamic equaliser, phase",
        &[
            ("bands ms", bands::ms),
            ("bands deess", bands::deess),
            ("bands multiband", bands::multiband),
            ("bands duck", bands::duck),
            ("bands dyneq", bands::dyneq),
            ("bands phase", bands::phase),
        ],
    ),
    (
        "Limiter: ceiling −1 dBTP",
        &[
            ("limiter overshoot", limiter::overshoot),
            ("limiter look-ahead", limiter::swaps),
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
            ("movement of every parameter", zipper::parameters),
        ],
    ),
    ("Pan, delay, reverb", &[("pan", space::pan), ("delay", space::delay), ("reverb", space::reverb)]),
    (
        "Monitor, talkback, oscillator",
        &[("monitor", monitor::checks), ("talkback", monitor::talkback), ("oscillator", monitor::oscillator)],
    ),
    (
        "Colour",
        &[
            ("colour aliasing", colour::aliasing),
            ("colour curves", colour::curves),
            ("colour clip", colour::clip),
            ("colour exciter", colour::exciter),
            ("colour width", colour::width),
            ("colour transient", colour::transient),
            ("colour movement", colour::movement),
            ("colour same", colour::same),
        ],
    ),
    (
        "Mastering: `headroom master` of a dense and of a dynamic song",
        &[("mastering", mastering::targets), ("mastering albums", mastering::album)],
    ),
    (
        "Speech and stage",
        &[("automix", speech::automix), ("geq", speech::geq), ("convolve", speech::convolve), ("feedback", speech::feedback)],
    ),
    (
        "Effects of time and pitch",
        &[
            ("effects echo", effects::echo),
            ("effects chorus", effects::chorus),
            ("effects swings", effects::swings),
            ("effects pitch", effects::pitch),
        ],
    ),
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
