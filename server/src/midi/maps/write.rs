//! A map as text: what was learned, in the words that maps are read in.

use headroom_protocol::midi::map::{Control, Does, Kind, Map, Relative, Source};
use std::fmt::Write;

/// Name and number of a source, as the keys of a control.
pub fn words(source: Source) -> (u8, &'static str, u16) {
    match source {
        Source::Control(channel, number) => (channel, "cc", number.into()),
        Source::Fine(channel, number) => (channel, "cc14", number.into()),
        Source::Nrpn(channel, number) => (channel, "nrpn", number),
        Source::Note(channel, key) => (channel, "note", key.into()),
        Source::Program(channel, number) => (channel, "program", number.into()),
        Source::Bend(channel) => (channel, "bend", 0),
        Source::Pressure(channel) => (channel, "pressure", 0),
    }
}

/// The text of a map of learned controls.
pub fn write(map: &Map) -> String {
    let mut out = String::new();
    if !map.title.is_empty() {
        let _ = writeln!(out, "title = {:?}", map.title);
    }
    for control in &map.controls {
        let Control { source, kind, does: Does::Move { address, .. }, shows, .. } = control else { continue };
        let (channel, key, number) = words(*source);
        let number = if matches!(key, "bend" | "pressure") { "true".to_owned() } else { number.to_string() };
        let _ = writeln!(out, "\n[[control]]\n{key} = {number}\nchannel = {}\nto = {address:?}", channel + 1);
        let _ = match kind {
            Kind::Absolute(Some(mode)) => writeln!(out, "takeover = {:?}", mode.name()),
            Kind::Absolute(None) => writeln!(out, "motor = true"),
            Kind::Relative(relative) => writeln!(out, "relative = {:?}", Relative::NAMES[*relative as usize]),
            Kind::Edge => writeln!(out, "button = \"edge\""),
            Kind::Level => writeln!(out, "button = \"level\""),
        };
        if shows.is_some_and(|shows| !shows.motor) {
            out.push_str("show = true\n");
        }
    }
    out
}
