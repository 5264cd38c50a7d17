//! The one table of [`Case`]s: each processor and each kind of strip, at work under a tone, with what its movement
//! is held against. A processor more is a line here; the reference tells if it is missing.

use super::Compare::{self, Gain, Harmonics, Noise, Range, Rings, Tone};
use crate::take::Take;
use serde_json::Value;
use std::collections::BTreeSet;

/// Something whose parameters are moved.
pub struct Case {
    /// Its name in the table.
    pub name: &'static str,
    /// Its addresses in the reference begin so.
    pub listed: &'static str,
    /// The first words of a path that are its own; all if there are none.
    pub only: &'static [&'static str],
    /// Its strip in the rig.
    pub strip: &'static str,
    /// The chain of channel `c`, and its keys; or a whole rig.
    pub rig: Rig,
    /// Outputs that are read.
    pub heard: &'static [&'static str],
    /// Level of the tone, dBFS.
    pub level: f64,
    pub compare: Compare,
    /// Parameters with another comparison: those that move the tone itself, or turn it into noise.
    pub compares: &'static [(&'static str, Compare)],
    /// Which of the parts that stand often is moved.
    pub numbers: &'static [(&'static str, &'static str)],
    /// What a text is set to.
    pub texts: &'static [(&'static str, &'static str)],
    /// Cues at the start.
    pub cues: &'static [&'static str],
    /// Parameters that are not moved, and why.
    pub exempt: &'static [(&'static str, &'static str)],
}

/// What a case runs in.
pub enum Rig {
    /// Channel `c` has this processor, with these settings.
    Channel(&'static str),
    /// As it is.
    Whole(&'static str),
}

/// Why dither is not moved here.
const DITHER: &str = "acts on live outputs only, 96 dB down; files have that of their writer";

/// What stands on every strip and makes no sound.
pub const NO_SOUND: &[(&str, &str)] = &[
    ("name", "text"),
    ("color", "text"),
    ("icon", "text"),
    ("safe", "keeps the strip out of scenes"),
    ("solo-safe", "keeps the strip from being silenced by solo, which is measured"),
    ("loudness/reset", "restarts a meter"),
    ("dither/on", DITHER),
    ("dither/bits", DITHER),
    ("dither/shape", DITHER),
];

const fn processor(name: &'static str, settings: &'static str) -> Case {
    Case {
        name,
        listed: "/ch/N/",
        only: &[],
        strip: "/ch/1",
        rig: Rig::Channel(settings),
        heard: &["main"],
        level: 0.0,
        compare: Tone,
        compares: &[],
        numbers: &[],
        texts: &[],
        cues: &[],
        exempt: &[],
    }
}

const fn strip(name: &'static str, listed: &'static str, strip: &'static str) -> Case {
    Case { name, listed, strip, rig: Rig::Whole(STAGE), heard: &["main", "w", "m", "monitor"], ..processor("", "") }
}

impl Case {
    const fn level(self, level: f64) -> Self {
        Case { level, ..self }
    }

    const fn compare(self, compare: Compare) -> Self {
        Case { compare, ..self }
    }

    const fn compares(self, compares: &'static [(&'static str, Compare)]) -> Self {
        Case { compares, ..self }
    }

    const fn numbers(self, numbers: &'static [(&'static str, &'static str)]) -> Self {
        Case { numbers, ..self }
    }

    const fn texts(self, texts: &'static [(&'static str, &'static str)]) -> Self {
        Case { texts, ..self }
    }

    const fn cues(self, cues: &'static [&'static str]) -> Self {
        Case { cues, ..self }
    }

    const fn exempt(self, exempt: &'static [(&'static str, &'static str)]) -> Self {
        Case { exempt, ..self }
    }

    const fn only(self, only: &'static [&'static str]) -> Self {
        Case { only, ..self }
    }

    const fn whole(self, rig: &'static str, heard: &'static [&'static str]) -> Self {
        Case { rig: Rig::Whole(rig), heard, ..self }
    }

    /// Whether a path below `listed` is moved by this case.
    pub fn covers(&self, path: &str) -> bool {
        match self.rig {
            Rig::Channel(_) => {
                let word = self.name.split(' ').next().unwrap_or_default();
                path.strip_prefix(word).is_some_and(|rest| {
                    rest.starts_with('/') && (self.only.is_empty() || self.only.iter().any(|only| rest[1..].starts_with(only)))
                })
            }
            Rig::Whole(_) if self.only.is_empty() => !is_processors(path) || path.starts_with("send/"),
            Rig::Whole(_) => self.only.iter().any(|only| path == *only),
        }
    }

    /// The rig, fed with a tone.
    pub fn take(&self, tone: impl Fn(f64) -> Vec<f64>) -> Take {
        let left = tone(self.level);
        let right: Vec<f64> = left.iter().map(|x| 0.5 * x).collect();
        let sides = || vec![left.clone(), right.clone()];
        let feed = |take: Take, rig: &str, name: &str| {
            if rig.contains(&format!("name = \"{name}\"")) { take.feed_all(name, sides()) } else { take }
        };
        let take = match self.rig {
            Rig::Channel(settings) => {
                let name = self.name.split(' ').next().unwrap_or_default();
                let strip = |id: &str, more: &str| {
                    format!(
                        "[[channel]]\nname = \"{id}\"\nstereo = true\nchain = [\"{name}\"]\n{more}\n{name} = {{ on = true, {settings} }}\n"
                    )
                };
                // `k` is there to be a key, and to share gains with.
                let settings_of_k = "[[channel]]\nname = \"k\"\nstereo = true\nchain = []\nto = \"none\"\n";
                let k = if name == "automix" { strip("k", "to = \"none\"") } else { settings_of_k.into() };
                let rig = strip("c", "") + &k + "[main]\nstereo = true\nchain = []\n";
                Take::new(rig).feed_all("c", sides()).feed_all("k", sides())
            }
            Rig::Whole(rig) => {
                let take = feed(feed(Take::new(rig), rig, "c"), rig, "k");
                if rig.contains("[talkback]") { take.feed("talkback", &left) } else { take }
            }
        };
        self.cues.iter().fold(take, |take, cue| take.cue(0.0, cue))
    }
}

/// A path of a processor below a strip: its first word has an `on`.
fn is_processors(path: &str) -> bool {
    CASES.iter().any(|c| matches!(c.rig, Rig::Channel(_)) && path.split('/').next() == c.name.split(' ').next())
}

/// Writable addresses that no case moved or named. Processors are the same on every kind of strip, and so are
/// sends, DCAs and groups: those of a channel stand for all.
pub fn unlisted(reference: &[Value], moved: &BTreeSet<String>, left_out: &[(String, &'static str)]) -> Vec<String> {
    let known = |address: &str| {
        let path = address.trim_start_matches('/').split_once('/').map_or("", |(_, path)| path.trim_start_matches("N/"));
        let same = format!("/ch/N/{path}");
        let named = |a: &str| moved.contains(a) || left_out.iter().any(|l| l.0 == a);
        named(address) || ((is_processors(path) || path.starts_with("send/")) && named(&same))
    };
    let writable = reference.iter().filter(|e| e["access"] == "write");
    writable.filter_map(|e| e["address"].as_str()).filter(|a| !known(a)).map(String::from).collect()
}

/// A stage on which everything is heard: a channel through a group into main, with sends to an aux; main feeds a
/// matrix and the monitor; a DCA and a mute group hold the channel.
const STAGE: &str = "
[[channel]]
name = \"c\"
stereo = true
chain = []
to = \"g\"
delay = 3.0
send.w = { level = 0, pan = 0.3 }
dca = [\"d\"]
mutegroup = [\"u\"]
[[channel]]
name = \"k\"
stereo = true
chain = []
fader = -12.0
[[bus]]
name = \"g\"
kind = \"group\"
chain = []
send.w = { level = -20 }
[[bus]]
name = \"w\"
kind = \"aux\"
chain = []
stereo = true
[[bus]]
name = \"m\"
kind = \"matrix\"
chain = []
stereo = true
[[dca]]
name = \"d\"
[[mutegroup]]
name = \"u\"
[main]
chain = []
stereo = true
send.m = { level = -6 }
[monitor]
stereo = true
[talkback]
chain = []
send.w = { on = true, level = -6 }
";

/// The tone comes from the oscillator.
const OSCILLATOR: &str = "
[[channel]]
name = \"c\"
stereo = true
chain = []
mute = true
[[dca]]
name = \"d\"
[[mutegroup]]
name = \"u\"
[main]
chain = []
stereo = true
[monitor]
stereo = true
[oscillator]
send.main = { on = true, level = 0 }
level = -6
";

/// A quarter and three quarters of 20 Hz … 20 kHz. Slopes are among it since they go from 24 dB to 6 at once, which turns
/// the phase of the tone by more than a half.
const FREQS: Compare = Rings(112.0, 3557.0);
/// A filter of Q 0.4 at 1 kHz; and of one shape after another (outside of ±200 Hz that is at −76 dB).
const WIDTHS: Compare = Rings(414.0, 2414.0);
/// A delay that goes on by steps, 60 a second, exchanges the phase of a tone as often: it has lines 60 Hz apart.
const STEPS: Compare = Range(500.0, 1500.0);

/// All of them.
pub const CASES: &[Case] = &[
    processor("hpf", "freq = 500, slope = 24").compares(&[("hpf/freq", FREQS), ("hpf/slope", FREQS)]),
    processor("lpf", "freq = 2000, slope = 24").compares(&[("lpf/freq", FREQS), ("lpf/slope", FREQS)]),
    // At −30 dBFS it is closed by its whole range, or open, as the threshold goes.
    processor("gate as an expander", "threshold = -6, range = 20, ratio = 4, key = { on = true, type = \"bandpass\" }")
        .level(-30.0)
        .compares(&[("gate/threshold", Gain)])
        .texts(&[("gate/sidechain", "k")]),
    // A gate opens in its attack: the edge of a short one is heard because it was asked for.
    processor("gate as a gate", "threshold = -40, range = 20, attack = 60, release = 600, hold = 0")
        .level(-30.0)
        .only(&["threshold", "hysteresis", "range", "hold", "key/"]),
    processor("comp", "threshold = -20, ratio = 4, attack = 20, key = { on = true, type = \"bandpass\" }").texts(&[("comp/sidechain", "k")]),
    processor("glue", "threshold = -20, ratio = 4, key = { on = true, type = \"bandpass\" }").texts(&[("glue/sidechain", "k")]),
    processor("automix", "weight = 3"),
    processor("reverb", "mix = 0.5"),
    processor("echo", "mix = 0.5, left = 100, right = 130, lowcut = 100, highcut = 8000"),
    processor("convolve", "file = \"room.wav\", mix = 0.5").texts(&[("convolve/file", "room.wav")]),
    processor("chorus", "mix = 0.5").compares(&[("chorus/delay", STEPS)]),
    processor("flanger", "mix = 0.5").compares(&[("flanger/delay", STEPS)]),
    processor("phaser", "rate = 0.4"),
    processor("tremolo", "rate = 4"),
    // ±6 semitones, and the tone itself.
    processor("pitch", "shift = 3, mix = 0.5").compare(Range(1000.0, 1189.0)).compares(&[("pitch/shift", Range(707.0, 1415.0))]),
    processor("eq", "1 = { freq = 1000, gain = 12, q = 1 }").compares(&[("eq/N/freq", FREQS), ("eq/N/q", WIDTHS), ("eq/N/type", WIDTHS)]),
    processor("geq", "18.gain = 9, 19.gain = -6, 8.gain = 6").numbers(&[("geq/N/", "18")]),
    processor("insert", ""),
    processor("saturate", "drive = 12, output = -9").level(-3.0).compare(Harmonics),
    processor("clip", "ceiling = -12, knee = 6").compare(Harmonics),
    processor("exciter", "freq = 700, drive = 12, mix = 0.5").level(-3.0).compare(Harmonics),
    processor("width", "amount = 0.5, mono = 200"),
    processor("transient", "attack = 9, sustain = 6"),
    processor("ms", "mid.1 = { freq = 1000, gain = 12, q = 1 }, side.1 = { freq = 1000, gain = -6 }")
        .compares(&[("ms/mid/N/freq", FREQS), ("ms/mid/N/q", WIDTHS), ("ms/mid/N/type", WIDTHS), ("ms/side/N/freq", FREQS), ("ms/side/N/q", WIDTHS), ("ms/side/N/type", WIDTHS)]),
    processor("deess", "freq = 1000, threshold = -40, range = 20").compares(&[("deess/threshold", Gain)]),
    processor(
        "multiband",
        "crossover.2 = 3000, 1 = { threshold = -40, ratio = 4 }, 2 = { threshold = -30, ratio = 4 }, 3 = { threshold = -40, ratio = 4, gain = 3 }",
    )
    .numbers(&[("multiband/crossover/N", "2"), ("multiband/N/", "2")])
    .compares(&[("multiband/crossover/N", Rings(179.0, 3578.0))]),
    processor("duck", "threshold = -60, range = 20, sidechain = \"k\", key = { on = true, type = \"bandpass\" }")
        .texts(&[("duck/sidechain", "k")]),
    processor("dyneq", "1 = { freq = 1000, q = 1, threshold = -40, range = -12 }")
        .compares(&[("dyneq/N/freq", FREQS), ("dyneq/N/q", WIDTHS), ("dyneq/N/type", WIDTHS), ("dyneq/N/gain", WIDTHS)]),
    processor("phase", "freq = 1000, stages = 2").compares(&[("phase/freq", FREQS)]),
    // A tone is what it looks for, so that it has a notch on it.
    processor("feedback", "sensitivity = 1, release = 1"),
    processor("limiter", "ceiling = -6, gain = 3"),
    strip("channel", "/ch/N/", "/ch/1").compares(&[("delay", STEPS)]),
    strip("bus", "/bus/N/", "/bus/1").numbers(&[("send/N/", "2")]).compares(&[("delay", STEPS)]),
    strip("matrix", "/matrix/N/", "/matrix/1").compares(&[("delay", STEPS)]),
    strip("main", "/main/", "/main").numbers(&[("send/N/", "m1")]).compares(&[("delay", STEPS)]),
    strip("monitor", "/monitor/", "/monitor").texts(&[("source", "w")]).compares(&[("delay", STEPS)]).exempt(&[
        ("reference/on", "the player runs live only: tests/reference.rs"),
        ("reference/file", "the player runs live only: tests/reference.rs"),
        ("reference/match", "the player runs live only: tests/reference.rs"),
        ("reference/gain", "the player runs live only: tests/reference.rs"),
    ]),
    strip("talkback", "/talkback/", "/talkback").numbers(&[("send/N/", "2")]).cues(&["/talkback/on 1"]).compares(&[("delay", STEPS)]),
    strip("dca", "/dca/N/", "/dca/1"),
    strip("mute group", "/mutegroup/N/", "/mutegroup/1"),
    // The frequency is what moves, five octaves in 20 ms, which spreads it by a kHz; noise takes the place of the tone.
    strip("oscillator", "/oscillator/", "/oscillator")
        .whole(OSCILLATOR, &["main"])
        .numbers(&[("send/N/", "main")])
        .cues(&["/oscillator/on 1"])
        .compares(&[("freq", Range(112.0, 4700.0)), ("type", Noise), ("delay", STEPS)]),
    strip("tempo", "/", "").only(&["tempo"]).whole(TEMPO, &["main"]),
];

/// An echo that follows the tempo.
const TEMPO: &str = "
[[channel]]
name = \"c\"
stereo = true
chain = [\"echo\"]
echo = { left = \"1/8\", right = \"1/4\", mix = 0.5 }
[main]
chain = []
stereo = true
";
