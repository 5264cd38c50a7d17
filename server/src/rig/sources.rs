//! What stands on stages and tables: starting points for the strips of new rigs.
//!
//! Each is TOML as it goes into the file. Lines of processors that are not built are left out when a
//! rig is written, so that a new rig loads without a warning.

/// A source and where its strip starts.
pub struct Source {
    /// Name on the strip.
    pub name: &'static str,
    /// When it comes in as channels are added, 1 first.
    pub rank: u32,
    /// Two ports.
    pub stereo: bool,
    /// Colour.
    pub color: &'static str,
    /// Id of its DCA; none where empty.
    pub dca: &'static str,
    /// The preset it starts with; none where empty.
    pub preset: &'static str,
    /// Processors beyond the chain of its preset or its kind.
    pub extra: &'static [&'static str],
    /// Its parameters, beyond or over those of the preset.
    pub lines: &'static [&'static str],
}

impl Source {
    const fn preset(self, preset: &'static str) -> Source {
        Source { preset, ..self }
    }
}

const fn source(name: &'static str, rank: u32, color: &'static str, dca: &'static str, lines: &'static [&'static str]) -> Source {
    Source { name, rank, stereo: false, color, dca, preset: "", extra: &[], lines }
}

const fn pair(name: &'static str, rank: u32, color: &'static str, dca: &'static str, lines: &'static [&'static str]) -> Source {
    Source { stereo: true, ..source(name, rank, color, dca, lines) }
}

const fn with(extra: &'static [&'static str], source: Source) -> Source {
    Source { extra, ..source }
}

const BRASS: &[&str] = &["hpf = { on = true, freq = 120 }", "comp = { on = true, threshold = -18, ratio = 3 }"];

/// A band: drums, bass, guitars, keys, voices.
pub const BAND: &[Source] = &[
    source("Kick", 2, "red", "drums", &[]).preset("kick"),
    source("Snare", 3, "red", "drums", &["send.plate = { level = -16 }"]).preset("snare"),
    source("Snare bottom", 16, "red", "drums", &["polarity = true", "hpf = { on = true, freq = 180 }", "fader = -8"]),
    source("Hats", 12, "red", "drums", &["pan = -0.4"]).preset("hi-hat"),
    source("Rack tom", 10, "red", "drums", &[]).preset("toms"),
    source("Floor tom", 11, "red", "drums", &["eq.1.freq = 80"]).preset("toms"),
    pair("Overheads", 5, "red", "drums", &[]).preset("overheads"),
    source("Bass", 4, "blue", "band", &[]).preset("bass-di"),
    source("Guitar 1", 6, "green", "band", &[]).preset("electric-guitar"),
    source("Guitar 2", 9, "green", "band", &[]).preset("electric-guitar"),
    source("Acoustic", 14, "green", "band", &["send.plate = { level = -20 }"]).preset("acoustic-guitar"),
    pair("Keys", 7, "cyan", "band", &[]).preset("piano"),
    source("Lead vox", 1, "yellow", "vox", &[]).preset("lead-vocal"),
    source("Backing 1", 8, "yellow", "vox", &[]).preset("backing-vocal"),
    source("Backing 2", 13, "yellow", "vox", &[]).preset("backing-vocal"),
    pair("Tracks", 15, "white", "band", &["fader = -5"]),
    source("Brass 1", 17, "magenta", "band", BRASS),
    source("Brass 2", 18, "magenta", "band", BRASS),
    source("Percussion", 19, "red", "drums", &["hpf = { on = true, freq = 150 }"]),
    source("Backing 3", 20, "yellow", "vox", &[]).preset("backing-vocal"),
];

/// People whose microphones are open together.
const VOICE: &[&str] = &["automix"];

/// A conference, a church, a theatre foyer: people who speak, and players.
pub const SPEECH: &[Source] = &[
    with(VOICE, source("Lectern", 1, "yellow", "speech", &[]).preset("speech-lectern")),
    with(VOICE, source("Headset 1", 2, "yellow", "speech", &[]).preset("speech-headset")),
    with(VOICE, source("Headset 2", 5, "yellow", "speech", &[]).preset("speech-headset")),
    with(VOICE, source("Lapel", 8, "yellow", "speech", &[]).preset("speech-headset")),
    with(VOICE, source("Handheld 1", 3, "yellow", "speech", &[]).preset("speech-handheld")),
    with(VOICE, source("Handheld 2", 6, "yellow", "speech", &[]).preset("speech-handheld")),
    with(VOICE, source("Panel 1", 9, "green", "speech", &[]).preset("speech-lectern")),
    with(VOICE, source("Panel 2", 10, "green", "speech", &[]).preset("speech-lectern")),
    with(VOICE, source("Panel 3", 11, "green", "speech", &[]).preset("speech-lectern")),
    with(VOICE, source("Panel 4", 12, "green", "speech", &[]).preset("speech-lectern")),
    pair("Laptop", 4, "blue", "players", &["fader = -10"]),
    pair("Video", 7, "blue", "players", &["fader = -10"]),
    pair("Music", 13, "blue", "players", &["fader = -20"]),
    source("Piano", 14, "cyan", "players", &[]).preset("piano"),
    source("Choir left", 15, "magenta", "players", &["hpf = { on = true, freq = 140 }", "pan = -0.8"]),
    source("Choir right", 16, "magenta", "players", &["hpf = { on = true, freq = 140 }", "pan = 0.8"]),
];

/// A bed that makes way for the first voice.
const BED: &[&str] =
    &["fader = -14", "comp = { on = true, threshold = -40, ratio = 4, attack = 20, release = 800, sidechain = \"host\" }"];

/// A stream or a podcast: hosts, guests, callers, players.
pub const STREAM: &[Source] = &[
    source("Host", 1, "yellow", "voices", &[]).preset("broadcast-voice"),
    source("Co-host", 4, "yellow", "voices", &[]).preset("broadcast-voice"),
    source("Guest 1", 5, "yellow", "voices", &[]).preset("broadcast-voice"),
    source("Guest 2", 6, "yellow", "voices", &[]).preset("broadcast-voice"),
    source("Caller", 3, "green", "voices", &[]).preset("phone-caller"),
    source("Caller 2", 9, "green", "voices", &[]).preset("phone-caller"),
    pair("Music bed", 2, "blue", "players", BED),
    pair("Computer", 7, "blue", "players", &["fader = -8"]),
    pair("Jingles", 8, "blue", "players", &["fader = -8"]),
    pair("Video", 10, "blue", "players", &["fader = -8"]),
    source("Guitar", 11, "magenta", "players", &[]).preset("electric-guitar"),
    source("Singer", 12, "magenta", "players", &[]).preset("lead-vocal"),
];
