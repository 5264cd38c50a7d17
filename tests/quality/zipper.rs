//! Zipper noise over the whole table of parameters: what `headroom reference --json` lists as writable is moved
//! under a steady tone, and what comes out is held against what may be there.
//!
//! A number jumps from a quarter to three quarters of its travel and back, each time at the crest of the tone, and
//! then goes there and back in a controller's 60 steps a second for two seconds. Switches, lists and counts take
//! all of their values in turn. Of parts that stand often (bands, notches, sends) one is moved.
//!
//! What may be there is said by [`Compare`]: a click is broadband, so it is looked for where the sound itself has
//! nothing. Two figures are read from four seconds around each jump: the energy outside of the lines, and the
//! loudest 10 ms above 4 kHz between them; both re a tone of 0 dBFS or what is louder.

use crate::table::{Done, Table};
use crate::take::{RATE, json};
use headroom_e2e::measure::signal::{amplitude, peak, rms_db};
use headroom_e2e::measure::spectrum::{Spectrum, filtered};
use serde_json::Value;
use std::collections::BTreeSet;
use std::f64::consts::{PI, TAU};
use std::sync::atomic::{AtomicUsize, Ordering};

mod cases;

use cases::{CASES, Case, NO_SOUND};

/// What a movement is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compare {
    /// A tone comes out as a tone: outside of ±200 Hz there is nothing.
    Tone,
    /// The processor makes harmonics, and a drive or ceiling on its way makes them come and go faster than itself: all
    /// have ±350 Hz. A click has three tenths of its energy between those.
    Harmonics,
    /// Sound may be anywhere between two frequencies, which is where the parameter itself moves it.
    Range(f64, f64),
    /// A filter that jumps from one frequency or width to another rings, for some milliseconds, between the two; in
    /// a stream it must be as a tone.
    Rings(f64, f64),
    /// A level-dependent gain that is moved past the level goes as fast as its attack, which was asked for. That
    /// spreads a tone, steeply falling; a click is looked for above 4 kHz alone.
    Gain,
    /// Noise comes out: no 10 ms above 4 kHz are louder than those of the seconds before and after, by 1.5 dB (the
    /// loudest of a hundred frames of noise is as far above their mean).
    Noise,
}

/// Bars of a jump and of a stream: outside of the lines, and above 4 kHz.
const JUMP: (f64, f64) = (-80.0, -100.0);
const STREAM: (f64, f64) = (-70.0, -90.0);
/// Above 4 kHz between harmonics, whose own edges are there.
const BETWEEN: f64 = -80.0;
/// Seconds before the first stretch, and of a stretch, which moves in its middle.
const LEAD: f64 = 2.0;
const STRETCH: f64 = 4.0;

/// A parameter to be moved.
struct Moved {
    case: &'static Case,
    address: String,
    path: String,
    /// Values that it takes one after the other.
    stops: Vec<String>,
    /// Values of a stream.
    stream: Vec<String>,
    compare: Compare,
}

/// What was read: distance from the bars is what counts, so each comes with its own.
#[derive(Clone, Copy, Default)]
struct Figures {
    outside: f64,
    above: f64,
}

/// A number at a place 0 … 1 of its travel, as the reference states its taper.
fn travel(entry: &Value, n: f64) -> f64 {
    let end = |i: usize| entry["range"][i].as_f64().unwrap_or(0.0);
    match entry["taper"].as_str() {
        Some("log") => end(0) * (end(1) / end(0)).powf(n),
        Some("level") => match n {
            n if n >= 0.5 => 40.0 * n - 30.0,
            n if n >= 0.25 => 80.0 * n - 50.0,
            n if n >= 0.0625 => 160.0 * n - 70.0,
            n if n > 0.0 => 480.0 * n - 90.0,
            _ => -144.0,
        },
        _ => end(0) + (end(1) - end(0)) * n,
    }
}

/// What a parameter of the reference is moved to: stops, and a stream.
fn values(entry: &Value, case: &Case, path: &str) -> Option<(Vec<String>, Vec<String>)> {
    let there_and_back = |list: Vec<String>| list.iter().chain(list.first()).cloned().collect::<Vec<_>>();
    let list = || entry["range"].as_array().cloned().unwrap_or_default();
    let word = |v: &Value| v.as_str().map_or_else(|| v.to_string(), String::from);
    match entry["kind"].as_str()? {
        "bool" => Some((["0", "1", "0"].map(String::from).to_vec(), Vec::new())),
        "enum" | "steps" => Some((there_and_back(list().iter().map(word).collect()), Vec::new())),
        "int" => {
            let (low, high) = (list()[0].as_i64()?, list()[1].as_i64()?);
            Some((there_and_back((low..=high).map(|v| v.to_string()).collect()), Vec::new()))
        }
        "text" => {
            let (_, text) = case.texts.iter().find(|t| t.0 == path)?;
            Some((["\"\"", text, "\"\""].map(String::from).to_vec(), Vec::new()))
        }
        _ => {
            let at = |n: f64| format!("{:.5}", travel(entry, n));
            let stream = (0..120).map(|i| at(0.75 - 0.5 * (f64::from(i + 1) / 60.0 - 1.0).abs()));
            Some((vec![at(0.25), at(0.75), at(0.25)], stream.collect()))
        }
    }
}

/// An address of the reference as the case's rig has it.
fn address(case: &Case, path: &str) -> String {
    let numbers = case.numbers.iter().find(|(part, _)| path.starts_with(part)).map_or("1", |(_, number)| number);
    format!("{}/{}", case.strip, path.replacen('N', numbers, 1))
}

/// A tone of 1 kHz that is at its crest at each full millisecond; it begins and ends softly.
fn tone(level: f64, seconds: f64) -> Vec<f64> {
    let frames = (seconds * RATE) as usize;
    let at = |i: usize| {
        let edge = (i.min(frames - 1 - i) as f64 / 9600.0).min(1.0);
        amplitude(level) * (0.5 - 0.5 * (PI * edge).cos()) * (TAU * (i as f64 / 48.0).fract()).cos()
    };
    (0..frames).map(at).collect()
}

impl Compare {
    /// Whether a frequency belongs to the sound itself.
    fn is_own(self, f: f64) -> bool {
        match self {
            Compare::Tone => (f - 1000.0).abs() <= 200.0,
            Compare::Harmonics => (f - (f / 1000.0).round() * 1000.0).abs() <= 350.0,
            Compare::Range(low, high) | Compare::Rings(low, high) => (low - 200.0..=high + 200.0).contains(&f),
            Compare::Gain | Compare::Noise => true,
        }
    }

    /// Factor of a frequency above 4 kHz, with some slope so that a click stays short.
    fn above(self, f: f64) -> f64 {
        let slope = |x: f64| 0.5 - 0.5 * (PI * x.clamp(0.0, 1.0)).cos();
        // Above the sound itself, where that reaches up to there.
        let own = if let Compare::Range(_, high) | Compare::Rings(_, high) = self { 2.0 * high } else { 0.0 };
        let high = slope((f / own.max(4000.0) - 0.875) * 8.0);
        match self {
            Compare::Harmonics => high * slope(((f - (f / 1000.0).round() * 1000.0).abs() - 300.0) / 100.0),
            _ => high,
        }
    }

    /// For jumps, or for streams.
    fn of(self, jumps: bool) -> Self {
        if matches!(self, Compare::Rings(..)) && !jumps { Compare::Tone } else { self }
    }

    fn read(self, x: &[f64]) -> Figures {
        let spectrum = Spectrum::new(x, RATE);
        let outside = 10.0 * (spectrum.power(|f| !self.is_own(f)) / spectrum.power(|_| true)).max(1e-30).log10();
        let high = filtered(x, RATE, |f| self.above(f));
        let frames: Vec<f64> = high[9600..high.len() - 9600].chunks_exact(480).map(rms_db).collect();
        let loudest = |frames: &[f64]| frames.iter().copied().fold(-300.0, f64::max);
        if self == Compare::Noise {
            // Half a second around the movement, over what is before and after.
            let (from, until) = (frames.len() / 2 - 10, frames.len() / 2 + 40);
            let around = loudest(&frames[..from]).max(loudest(&frames[until..])).max(-100.0);
            return Figures { outside: -300.0, above: loudest(&frames[from..until]) - around };
        }
        Figures { outside, above: loudest(&frames) - 20.0 * peak(x).log10().max(0.0) }
    }
}

impl Moved {
    /// Jumps first, then the stream.
    fn measure(&self) -> Result<(Figures, Option<Figures>), String> {
        let none = Figures { outside: -300.0, above: -300.0 };
        let stretches = self.stops.len() - 1 + usize::from(!self.stream.is_empty());
        let seconds = LEAD + STRETCH * stretches as f64 + 0.25;
        let mut take = self.case.take(|level| tone(level, seconds)).cue(0.0, format!("{} {}", self.address, self.stops[0]));
        for (i, value) in self.stops[1..].iter().enumerate() {
            take = take.cue(LEAD + STRETCH * (i as f64 + 0.5), format!("{} {value}", self.address));
        }
        let streaming = LEAD + STRETCH * (self.stops.len() as f64 - 0.75);
        for (i, value) in self.stream.iter().enumerate() {
            take = take.cue(streaming + i as f64 / 60.0, format!("{} {value}", self.address));
        }
        let heard = take.render(self.case.heard)?;
        let (mut jump, mut stream) = (none, none);
        for x in heard.sounds.iter().flat_map(|s| &s.channels) {
            for stretch in 0..stretches {
                let from = ((LEAD + STRETCH * stretch as f64) * RATE) as usize;
                let x = &x[from..from + (STRETCH * RATE) as usize];
                if x.iter().all(|v| *v == 0.0) {
                    continue;
                }
                let jumps = stretch < self.stops.len() - 1;
                let to = if jumps { &mut jump } else { &mut stream };
                let read = self.compare.of(jumps).read(x);
                *to = Figures { outside: to.outside.max(read.outside), above: to.above.max(read.above) };
            }
        }
        Ok((jump, (!self.stream.is_empty()).then_some(stream)))
    }
}

/// Everything that the reference lists for a case, as far as it makes sound; and what is left out, with why.
fn of(case: &'static Case, reference: &[Value], left_out: &mut Vec<(String, &'static str)>) -> Vec<Moved> {
    let mut all = Vec::new();
    for entry in reference {
        let Some(path) = entry["address"].as_str().and_then(|a| a.strip_prefix(case.listed)) else { continue };
        if entry["access"] != "write" || !case.covers(path) {
            continue;
        }
        if let Some((_, why)) = case.exempt.iter().chain(NO_SOUND).find(|(p, _)| *p == path) {
            left_out.push((format!("{}{path}", case.listed), why));
            continue;
        }
        let compare = case.compares.iter().find(|c| c.0 == path).map_or(case.compare, |c| c.1);
        match values(entry, case, path) {
            Some((stops, stream)) => {
                let address = address(case, path);
                all.push(Moved { case, address, path: path.into(), stops, stream, compare });
            }
            None => left_out.push((format!("{}{path}", case.listed), "no case says how it is moved")),
        }
    }
    all
}

/// Measures some at a time, in order.
fn measure_all(all: &[Moved]) -> Vec<Result<(Figures, Option<Figures>), String>> {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut done: Vec<(usize, _)> = std::thread::scope(|scope| {
        let work = || {
            let take = || next.fetch_add(1, Ordering::Relaxed);
            std::iter::repeat_with(take).map_while(|i| all.get(i).map(|m| (i, m.measure()))).collect::<Vec<_>>()
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|r| r.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, figures)| figures).collect()
}

/// One line for the worst of a case, and one for each parameter that misses.
fn judge<'a>(t: &mut Table, case: &str, what: &str, list: &[(&'a str, f64)], bar: f64, unit: &str) {
    let worst = list.iter().copied().fold(("", -300.0), |worst: (&'a str, f64), x| if x.1 > worst.1 { x } else { worst });
    if list.is_empty() {
        return;
    }
    t.most(format!("{case}: {what} of {}, most at {}", list.len(), worst.0), worst.1, bar, unit);
    for (path, x) in list.iter().filter(|x| x.1 > bar && x.0 != worst.0) {
        t.most(format!("{case}: {what} of {path}"), *x, bar, unit);
    }
}

pub fn parameters(t: &mut Table) -> Done {
    let reference = json(&["reference", "--json"])?;
    let reference = reference.as_array().ok_or("the reference is a list")?;
    let mut left_out = Vec::new();
    let mut moved = BTreeSet::new();
    for case in CASES {
        let all = of(case, reference, &mut left_out);
        if all.is_empty() {
            t.broken(case.name, "the reference lists no parameter of this case");
        }
        moved.extend(all.iter().map(|m| format!("{}{}", case.listed, m.path)));
        let figures = measure_all(&all);
        let (mut jumps, mut streams): (Vec<_>, Vec<_>) = Default::default();
        for (m, figures) in all.iter().zip(figures) {
            match figures {
                Ok((jump, stream)) => {
                    jumps.push((m, jump));
                    streams.extend(stream.map(|s| (m, s)));
                }
                Err(why) => t.broken(&format!("{} {}", case.name, m.path), &why),
            }
        }
        for (what, list, bars) in [("jumps", &jumps, JUMP), ("streams", &streams, STREAM)] {
            let pick = |noise: bool| list.iter().filter(move |(m, _)| (m.compare == Compare::Noise) == noise);
            let lines: Vec<_> = pick(false).map(|(m, f)| (m.path.as_str(), f.outside)).collect();
            judge(t, case.name, &format!("{what}, outside of its lines,"), &lines, bars.0, "dB");
            let lines: Vec<_> = pick(false).map(|(m, f)| (m.path.as_str(), f.above)).collect();
            let above = if case.compare == Compare::Harmonics { bars.1.max(BETWEEN) } else { bars.1 };
            judge(t, case.name, &format!("{what}, 10 ms above 4 kHz,"), &lines, above, "dB");
            let noise: Vec<_> = pick(true).map(|(m, f)| (m.path.as_str(), f.above)).collect();
            judge(t, case.name, &format!("{what}, 10 ms over the noise around,"), &noise, 1.5, "dB");
        }
    }
    // Nothing is left out in silence: processors are measured on a channel, where all but a few can stand.
    let rest = cases::unlisted(reference, &moved, &left_out);
    t.exact("parameters that make sound and are not moved here", rest.len() as f64);
    rest.iter().for_each(|address| println!("    {address}"));
    println!("  {} parameters moved, {} left out:", moved.len(), left_out.len());
    let reasons: BTreeSet<&str> = left_out.iter().map(|l| l.1).collect();
    for why in reasons {
        let of: BTreeSet<&str> = left_out.iter().filter(|l| l.1 == why).map(|l| l.0.as_str()).collect();
        println!("    {why}: {}", of.into_iter().collect::<Vec<_>>().join(" "));
    }
    Ok(())
}
