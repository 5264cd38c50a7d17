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
    /// Processors beyond the default chain.
    pub extra: &'static [&'static str],
    /// Its parameters.
    pub lines: &'static [&'static str],
}

const fn source(name: &'static str, rank: u32, color: &'static str, dca: &'static str, lines: &'static [&'static str]) -> Source {
    Source { name, rank, stereo: false, color, dca, extra: &[], lines }
}

const fn pair(name: &'static str, rank: u32, color: &'static str, dca: &'static str, lines: &'static [&'static str]) -> Source {
    Source { stereo: true, ..source(name, rank, color, dca, lines) }
}

const fn with(extra: &'static [&'static str], source: Source) -> Source {
    Source { extra, ..source }
}

const SINGER: &[&str] = &[
    "hpf = { on = true, freq = 110, slope = 18 }",
    "eq.1 = { type = \"peak\", freq = 240, gain = -3.0, q = 1.2 }",
    "eq.3 = { type = \"peak\", freq = 3200, gain = 1.5, q = 1.0 }",
    "eq.4 = { type = \"highshelf\", freq = 9000, gain = 2.0 }",
    "comp = { on = true, threshold = -22, ratio = 3, attack = 8, release = 140, makeup = 3 }",
    "deess = { on = true, freq = 6500, threshold = -28, range = 6 }",
];

const BACKING: &[&str] = &[
    "hpf = { on = true, freq = 130, slope = 18 }",
    "eq.1 = { type = \"peak\", freq = 280, gain = -3.0, q = 1.2 }",
    "eq.4 = { type = \"highshelf\", freq = 8000, gain = 1.5 }",
    "comp = { on = true, threshold = -22, ratio = 3, attack = 8, release = 140, makeup = 2 }",
];

const TOM: &[&str] = &[
    "hpf = { on = true, freq = 60 }",
    "gate = { on = true, threshold = -38, range = 24, attack = 1, hold = 120, release = 300 }",
    "eq.1 = { type = \"peak\", freq = 100, gain = 3.0, q = 1.2 }",
    "eq.2 = { type = \"peak\", freq = 400, gain = -5.0, q = 1.4 }",
    "eq.3 = { type = \"peak\", freq = 4500, gain = 3.0, q = 1.0 }",
];

const GUITAR: &[&str] = &[
    "hpf = { on = true, freq = 100 }",
    "lpf = { on = true, freq = 9000 }",
    "eq.2 = { type = \"peak\", freq = 400, gain = -2.0, q = 1.0 }",
    "eq.3 = { type = \"peak\", freq = 2800, gain = 1.5, q = 1.2 }",
];

/// A band: drums, bass, guitars, keys, voices.
pub const BAND: &[Source] = &[
    source(
        "Kick",
        2,
        "red",
        "drums",
        &[
            "hpf = { on = true, freq = 35 }",
            "gate = { on = true, threshold = -36, range = 40, attack = 0.5, hold = 60, release = 150 }",
            "eq.1 = { type = \"peak\", freq = 62, gain = 3.0, q = 1.1 }",
            "eq.2 = { type = \"peak\", freq = 350, gain = -6.0, q = 1.2 }",
            "eq.3 = { type = \"peak\", freq = 3800, gain = 3.0, q = 1.0 }",
            "comp = { on = true, threshold = -16, ratio = 4, attack = 20, release = 120, makeup = 2 }",
        ],
    ),
    source(
        "Snare",
        3,
        "red",
        "drums",
        &[
            "hpf = { on = true, freq = 90 }",
            "gate = { on = true, threshold = -36, range = 18, attack = 0.5, hold = 80, release = 180 }",
            "eq.1 = { type = \"peak\", freq = 200, gain = 2.0, q = 1.0 }",
            "eq.2 = { type = \"peak\", freq = 850, gain = -3.0, q = 1.4 }",
            "eq.3 = { type = \"peak\", freq = 5200, gain = 2.5, q = 0.9 }",
            "comp = { on = true, threshold = -18, ratio = 3, attack = 12, release = 120, makeup = 2 }",
            "send.plate = { level = -16 }",
        ],
    ),
    source("Snare bottom", 16, "red", "drums", &["polarity = true", "hpf = { on = true, freq = 180 }", "fader = -8"]),
    source("Hats", 12, "red", "drums", &["hpf = { on = true, freq = 400, slope = 18 }", "pan = -0.4"]),
    source("Rack tom", 10, "red", "drums", TOM),
    source("Floor tom", 11, "red", "drums", TOM),
    pair(
        "Overheads",
        5,
        "red",
        "drums",
        &["hpf = { on = true, freq = 250 }", "eq.4 = { type = \"highshelf\", freq = 10000, gain = 1.5 }"],
    ),
    source(
        "Bass",
        4,
        "blue",
        "band",
        &[
            "hpf = { on = true, freq = 35 }",
            "eq.1 = { type = \"lowshelf\", freq = 90, gain = 1.5 }",
            "eq.2 = { type = \"peak\", freq = 250, gain = -3.0, q = 1.2 }",
            "eq.3 = { type = \"peak\", freq = 900, gain = 2.0, q = 1.0 }",
            "comp = { on = true, threshold = -22, ratio = 4, attack = 15, release = 180, makeup = 3 }",
        ],
    ),
    source("Guitar 1", 6, "green", "band", GUITAR),
    source("Guitar 2", 9, "green", "band", GUITAR),
    source(
        "Acoustic",
        14,
        "green",
        "band",
        &[
            "hpf = { on = true, freq = 120 }",
            "eq.2 = { type = \"peak\", freq = 220, gain = -3.0, q = 1.4 }",
            "comp = { on = true, threshold = -22, ratio = 3, attack = 15, release = 160, makeup = 2 }",
            "send.plate = { level = -20 }",
        ],
    ),
    pair("Keys", 7, "cyan", "band", &["hpf = { on = true, freq = 50 }"]),
    source("Lead vox", 1, "yellow", "vox", SINGER),
    source("Backing 1", 8, "yellow", "vox", BACKING),
    source("Backing 2", 13, "yellow", "vox", BACKING),
    pair("Tracks", 15, "white", "band", &["fader = -5"]),
    source(
        "Brass 1",
        17,
        "magenta",
        "band",
        &["hpf = { on = true, freq = 120 }", "comp = { on = true, threshold = -18, ratio = 3 }"],
    ),
    source(
        "Brass 2",
        18,
        "magenta",
        "band",
        &["hpf = { on = true, freq = 120 }", "comp = { on = true, threshold = -18, ratio = 3 }"],
    ),
    source("Percussion", 19, "red", "drums", &["hpf = { on = true, freq = 150 }"]),
    source("Backing 3", 20, "yellow", "vox", BACKING),
];

const LECTERN: &[&str] = &[
    "hpf = { on = true, freq = 120, slope = 18 }",
    "eq.1 = { type = \"peak\", freq = 250, gain = -3.0, q = 1.2 }",
    "eq.3 = { type = \"peak\", freq = 2500, gain = -2.0, q = 2.0 }",
    "comp = { on = true, threshold = -24, ratio = 2.5, attack = 10, release = 200, makeup = 3 }",
];

const HEADSET: &[&str] = &[
    "hpf = { on = true, freq = 140, slope = 18 }",
    "eq.1 = { type = \"peak\", freq = 300, gain = -2.0, q = 1.2 }",
    "eq.3 = { type = \"peak\", freq = 3500, gain = -3.0, q = 2.0 }",
    "comp = { on = true, threshold = -24, ratio = 3, attack = 8, release = 200, makeup = 4 }",
    "deess = { on = true, freq = 7000, threshold = -30, range = 8 }",
];

const HANDHELD: &[&str] = &[
    "hpf = { on = true, freq = 120, slope = 18 }",
    "eq.1 = { type = \"peak\", freq = 220, gain = -3.0, q = 1.0 }",
    "comp = { on = true, threshold = -22, ratio = 3, attack = 8, release = 180, makeup = 3 }",
];

const VOICE: &[&str] = &["automix"];

/// A conference, a church, a theatre foyer: people who speak, and players.
pub const SPEECH: &[Source] = &[
    with(VOICE, source("Lectern", 1, "yellow", "speech", LECTERN)),
    with(VOICE, source("Headset 1", 2, "yellow", "speech", HEADSET)),
    with(VOICE, source("Headset 2", 5, "yellow", "speech", HEADSET)),
    with(VOICE, source("Lapel", 8, "yellow", "speech", HEADSET)),
    with(VOICE, source("Handheld 1", 3, "yellow", "speech", HANDHELD)),
    with(VOICE, source("Handheld 2", 6, "yellow", "speech", HANDHELD)),
    with(VOICE, source("Panel 1", 9, "green", "speech", LECTERN)),
    with(VOICE, source("Panel 2", 10, "green", "speech", LECTERN)),
    with(VOICE, source("Panel 3", 11, "green", "speech", LECTERN)),
    with(VOICE, source("Panel 4", 12, "green", "speech", LECTERN)),
    pair("Laptop", 4, "blue", "players", &["fader = -10"]),
    pair("Video", 7, "blue", "players", &["fader = -10"]),
    pair("Music", 13, "blue", "players", &["fader = -20"]),
    source("Piano", 14, "cyan", "players", &["hpf = { on = true, freq = 60 }"]),
    source("Choir left", 15, "magenta", "players", &["hpf = { on = true, freq = 140 }", "pan = -0.8"]),
    source("Choir right", 16, "magenta", "players", &["hpf = { on = true, freq = 140 }", "pan = 0.8"]),
];

const HOST: &[&str] = &[
    "hpf = { on = true, freq = 80, slope = 18 }",
    "gate = { on = true, threshold = -52, range = 12, attack = 2, hold = 250, release = 400 }",
    "eq.1 = { type = \"peak\", freq = 220, gain = -2.0, q = 1.0 }",
    "eq.4 = { type = \"highshelf\", freq = 9000, gain = 2.0 }",
    "comp = { on = true, threshold = -26, ratio = 4, attack = 5, release = 150, makeup = 6 }",
    "deess = { on = true, freq = 6500, threshold = -30, range = 8 }",
];

const REMOTE: &[&str] = &[
    "hpf = { on = true, freq = 120, slope = 18 }",
    "lpf = { on = true, freq = 9000 }",
    "comp = { on = true, threshold = -28, ratio = 4, attack = 5, release = 150, makeup = 6 }",
];

/// A bed that makes way for the first voice.
const BED: &[&str] =
    &["fader = -14", "comp = { on = true, threshold = -40, ratio = 4, attack = 20, release = 800, sidechain = \"host\" }"];

/// A stream or a podcast: hosts, guests, callers, players.
pub const STREAM: &[Source] = &[
    source("Host", 1, "yellow", "voices", HOST),
    source("Co-host", 4, "yellow", "voices", HOST),
    source("Guest 1", 5, "yellow", "voices", HOST),
    source("Guest 2", 6, "yellow", "voices", HOST),
    source("Caller", 3, "green", "voices", REMOTE),
    source("Caller 2", 9, "green", "voices", REMOTE),
    pair("Music bed", 2, "blue", "players", BED),
    pair("Computer", 7, "blue", "players", &["fader = -8"]),
    pair("Jingles", 8, "blue", "players", &["fader = -8"]),
    pair("Video", 10, "blue", "players", &["fader = -8"]),
    source("Guitar", 11, "magenta", "players", GUITAR),
    source("Singer", 12, "magenta", "players", SINGER),
];
