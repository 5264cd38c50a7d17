//! Rigs to start from: names, colours, filters, dynamics, groups and sends that an engineer would set
//! before the first sound check. What a strip's processors do is said by a preset wherever there is one.

use super::Shelf;
use super::emit::{Out, quoted};
use super::sources::{BAND, SPEECH, STREAM, Source};
use super::strip::{is_processor, slug};
use headroom_dsp::graph::StripKind;
use headroom_dsp::proc::ProcKind;

/// What a new rig is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A band with wedges.
    Band,
    /// People who speak.
    Speech,
    /// A band with in-ear monitors.
    Iem,
    /// A stream or a podcast.
    Stream,
}

impl Template {
    /// Words of the command line.
    pub const NAMES: &'static [&'static str] = &["band", "speech", "iem", "stream"];

    /// The template of this word.
    pub fn named(name: &str) -> Option<Template> {
        [Template::Band, Template::Speech, Template::Iem, Template::Stream]
            .into_iter()
            .zip(Self::NAMES)
            .find(|(_, n)| **n == name)
            .map(|(t, _)| t)
    }

    fn sources(self) -> &'static [Source] {
        match self {
            Template::Band | Template::Iem => BAND,
            Template::Speech => SPEECH,
            Template::Stream => STREAM,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Template::Band => "Band",
            Template::Speech => "Speech",
            Template::Iem => "Band with in-ears",
            Template::Stream => "Stream",
        }
    }

    /// DCAs: name and colour.
    fn dcas(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Template::Band | Template::Iem => &[("Drums", "red"), ("Band", "green"), ("Vox", "yellow")],
            Template::Speech => &[("Speech", "yellow"), ("Players", "blue")],
            Template::Stream => &[("Voices", "yellow"), ("Players", "blue")],
        }
    }

    fn has_plate(self) -> bool {
        self != Template::Speech
    }

    /// Name of an aux, from 1.
    fn aux(self, n: usize) -> String {
        match self {
            Template::Band => format!("Wedge {n}"),
            Template::Iem => format!("IEM {n}"),
            Template::Speech if n == 1 => "Foldback".into(),
            Template::Speech if n == 2 => "Recording".into(),
            // What a caller hears is everything but the caller.
            Template::Stream if n <= 2 => format!("Mix minus {n}"),
            _ => format!("Aux {n}"),
        }
    }
}

/// Text of a new rig.
pub fn write(template: Template, channels: usize, auxes: usize) -> String {
    let mut out = Out::default();
    let aux_names: Vec<String> = (1..=auxes).map(|n| template.aux(n)).collect();
    head(&mut out, template, channels, auxes);
    let mut port = 1;
    let chosen = choose(template.sources(), channels);
    for (i, source) in chosen.iter().enumerate() {
        channel(&mut out, template, i, *source, &mut port, &aux_names);
    }
    buses(&mut out, template, &aux_names);
    groups(&mut out, template);
    main(&mut out, template);
    out.finish()
}

fn built(processor: &str) -> bool {
    ProcKind::named(processor).is_some()
}

/// The sources of a rig with this many channels, in the order of the stage; `None` for what is left.
fn choose(sources: &'static [Source], channels: usize) -> Vec<Option<&'static Source>> {
    let mut out: Vec<Option<&Source>> = sources.iter().filter(|s| s.rank as usize <= channels).map(Some).collect();
    out.resize(channels, None);
    out
}

fn head(out: &mut Out, template: Template, channels: usize, auxes: usize) {
    out.comment(&format!(
        "A rig of {channels} channels and {auxes} auxes. What it states holds at start; what is set live is kept beside it."
    ));
    out.comment("`headroom check` shows what it makes, `headroom run` runs it, `headroom reference` lists every key.");
    out.blank();
    out.text("name", template.title());
    out.header("[audio]");
    out.line("backend = \"auto\"      # JACK where a server answers, else the built-in clock");
    out.line("rate = 48000          # under JACK the server decides");
    out.line("period = 64");
    out.header("[osc]");
    out.line("listen = \"0.0.0.0:9000\"");
    out.line("# peers = [\"192.168.1.40:9001\"]     # told every change, for apps that do not subscribe");
    out.blank();
    out.comment("A control surface: its MIDI port by name, waited for and taken back after unplugging.");
    out.comment("[[midi.surface]]\nport = \"X-Touch\"\nkind = \"mcu\"");
}

fn channel(out: &mut Out, template: Template, index: usize, source: Option<&Source>, port: &mut usize, auxes: &[String]) {
    out.header("[[channel]]");
    let Some(source) = source else {
        out.text("name", &format!("Ch {}", index + 1));
        out.text("input", &format!("capture:{port}"));
        *port += 1;
        return;
    };
    out.text("name", source.name);
    if source.stereo {
        out.texts("input", &[format!("capture:{port}"), format!("capture:{}", *port + 1)]);
    } else {
        out.text("input", &format!("capture:{port}"));
    }
    *port += 1 + usize::from(source.stereo);
    out.text("color", source.color);
    if !source.dca.is_empty() {
        out.key("dca", &format!("[{}]", quoted(source.dca)));
    }
    if !source.preset.is_empty() {
        out.text("preset", source.preset);
    }
    let extra: Vec<&str> = source.extra.iter().copied().filter(|p| built(p)).collect();
    if !extra.is_empty() {
        let chain = [chain_of(source), extra.into_iter().map(str::to_owned).collect()].concat();
        let chain: Vec<String> = chain.iter().filter(|p| built(p)).map(|p| quoted(p)).collect();
        out.key("chain", &format!("[{}]", chain.join(", ")));
    }
    for line in source.lines {
        let key = line.split(['.', ' ']).next().unwrap_or_default();
        let here = if is_processor(key) { built(key) } else { key != "send" || template.has_plate() };
        if here {
            out.line(line);
        }
    }
    sends(out, template, source, auxes);
}

/// The processors of a source without what its template adds.
fn chain_of(source: &Source) -> Vec<String> {
    let chain = Shelf::default().find(source.preset).and_then(|loaded| loaded.preset.chain.clone());
    chain.unwrap_or_else(|| StripKind::Channel.default_chain().iter().map(|p| (*p).to_owned()).collect())
}

/// Who hears whom at the start: singers themselves, ears a little of everything, callers all but themselves.
fn sends(out: &mut Out, template: Template, source: &Source, auxes: &[String]) {
    let voice = matches!(source.name, "Lead vox" | "Singer");
    if voice && template.has_plate() {
        out.line("send.plate = { level = -14 }");
    }
    for (i, aux) in auxes.iter().enumerate() {
        let level = match template {
            Template::Band if source.name == "Lead vox" => Some(-6),
            Template::Iem if source.name == "Lead vox" => Some(-8),
            Template::Iem if matches!(source.name, "Kick" | "Snare" | "Bass" | "Keys" | "Tracks") => Some(-14),
            Template::Speech if i == 0 && source.stereo => Some(-12),
            Template::Speech if i == 1 => Some(0),
            Template::Stream if i == 0 && source.name != "Caller" => Some(-6),
            Template::Stream if i == 1 && source.name != "Caller 2" => Some(-6),
            _ => None,
        };
        let tap = if template == Template::Speech && i == 1 { ", tap = \"post\"" } else { "" };
        if let Some(level) = level {
            out.key(&format!("send.{}", slug(aux)), &format!("{{ level = {level}{tap} }}"));
        }
    }
}

fn buses(out: &mut Out, template: Template, auxes: &[String]) {
    let mut port = 3;
    for (i, name) in auxes.iter().enumerate() {
        if i == 0 {
            out.blank();
            match template {
                Template::Band => out.comment("Wedges, one output each, fed before the faders."),
                Template::Iem => out.comment("In-ears, two outputs each, fed before the faders; the limiter guards the ears."),
                Template::Speech => out.comment("Foldback for the stage, a feed for recording, then free ones."),
                Template::Stream => out.comment("What callers hear: everything but themselves."),
            }
        }
        out.header("[[bus]]");
        out.text("name", name);
        out.text("kind", "aux");
        let stereo = template == Template::Iem || (template == Template::Speech && i == 1);
        if stereo {
            out.texts("output", &[format!("playback:{port}"), format!("playback:{}", port + 1)]);
        } else {
            out.text("output", &format!("playback:{port}"));
        }
        port += 1 + usize::from(stereo);
        out.text("color", "magenta");
        match template {
            Template::Iem => out.text("preset", "in-ears"),
            Template::Band => out.text("preset", "wedge"),
            _ => {}
        }
    }
    if template.has_plate() {
        out.blank();
        out.comment("Effects come back on buses of their own.");
        out.header("[[bus]]");
        out.text("name", "Plate");
        out.text("kind", "fx");
        out.text("color", "cyan");
        out.line("mutegroup = [\"effects\"]");
        out.text("preset", "plate-reverb");
    }
}

fn groups(out: &mut Out, template: Template) {
    out.blank();
    out.comment("DCAs add to the faders of their members.");
    for (name, color) in template.dcas() {
        out.header("[[dca]]");
        out.text("name", name);
        out.text("color", color);
    }
    if template.has_plate() {
        out.blank();
        out.comment("Between songs.");
        out.header("[[mutegroup]]");
        out.text("name", "Effects");
    }
}

fn main(out: &mut Out, template: Template) {
    out.header("[main]");
    out.line("output = [\"playback:1\", \"playback:2\"]");
    if template == Template::Stream {
        out.line("loudness = true      # at /main/loudness/…; a channel or bus says the same to be measured too");
    }
    match template {
        Template::Stream => out.text("preset", "master-streaming"),
        Template::Speech => out.line("limiter = { ceiling = -1.0 }"),
        Template::Band | Template::Iem => {
            out.line("glue = { on = true, threshold = -14, ratio = 2, attack = 30, release = 200 }");
            out.line("limiter = { ceiling = -1.0 }");
        }
    }
    out.blank();
    out.comment("Headphones: what is soloed, else main.");
    out.header("[monitor]");
    out.line("# output = [\"playback:15\", \"playback:16\"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{parse, stated};

    #[test]
    fn every_new_rig_loads_without_a_word() {
        for name in Template::NAMES {
            let template = Template::named(name).unwrap();
            for (channels, auxes) in [(1, 0), (2, 1), (8, 2), (16, 4), (32, 8), (64, 16)] {
                let text = write(template, channels, auxes);
                let rig = parse(&text, "new.toml").unwrap_or_else(|e| panic!("{name} {channels} {auxes}: {e}"));
                assert_eq!(rig.report.brief(), "", "{name} {channels} {auxes}:\n{text}");
                assert_eq!(rig.spec.strips.iter().filter(|s| s.number == channels && s.kind.address() == "ch").count(), 1);
                assert_eq!(rig.spec.strips.iter().filter(|s| s.kind == StripKind::Aux).count(), auxes);
            }
        }
    }

    #[test]
    fn few_channels_are_the_ones_that_matter() {
        let rig = parse(&write(Template::Band, 4, 1), "new.toml").unwrap_or_else(|e| panic!("{e}"));
        let names: Vec<&str> = rig.spec.strips.iter().take(4).map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["Kick", "Snare", "Bass", "Lead vox"]);
        assert!(stated(&rig).iter().any(|(a, _)| a == "ch/lead-vox/send/wedge-1/level"));
    }

    #[test]
    fn every_rank_is_taken_once() {
        for sources in [BAND, SPEECH, STREAM] {
            let mut ranks: Vec<u32> = sources.iter().map(|s| s.rank).collect();
            ranks.sort_unstable();
            assert_eq!(ranks, (1..=sources.len() as u32).collect::<Vec<_>>());
        }
    }
}
