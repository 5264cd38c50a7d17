//! What is asked of every processor: one line for each, and the sections go through all of them.

/// A processor, as the sections need it.
pub struct Processor {
    /// Its word in a chain.
    pub name: &'static str,
    /// It stands last, on main.
    pub last: bool,
    /// Settings that must pass samples bit for bit; TOML, `P` for its name. Off is tried by itself.
    pub neutral: &'static [&'static str],
    /// A setting at which it is clearly at work on loud noise, and on a 1 kHz tone; `on` is set beside it.
    pub working: &'static str,
    /// Jumps under a tone: path and value, from `working`. On and off are tried by themselves.
    pub moves: &'static [(&'static str, &'static str)],
    /// Level of that tone, dBFS.
    pub tone: f64,
    /// Cues while everything moves: path and two values.
    pub sweep: (&'static str, &'static str, &'static str),
    /// Strips that have it change each other.
    pub shares: bool,
}

const fn chain(name: &'static str, neutral: &'static [&'static str], working: &'static str) -> Processor {
    Processor { name, last: false, neutral, working, moves: &[], tone: 0.0, sweep: ("on", "0", "1"), shares: false }
}

impl Processor {
    const fn moves(self, moves: &'static [(&'static str, &'static str)]) -> Self {
        Processor { moves, ..self }
    }

    const fn sweep(self, path: &'static str, a: &'static str, b: &'static str) -> Self {
        Processor { sweep: (path, a, b), ..self }
    }

    const fn tone(self, tone: f64) -> Self {
        Processor { tone, ..self }
    }

    const fn shares(self) -> Self {
        Processor { shares: true, ..self }
    }

    const fn last(self) -> Self {
        Processor { last: true, ..self }
    }
}

/// All of them.
pub const ALL: &[Processor] = &[
    chain("hpf", &[], "freq = 1000, slope = 24").moves(&[("slope", "12")]).sweep("freq", "100", "3000"),
    chain("lpf", &[], "freq = 1000, slope = 24").moves(&[("slope", "12")]).sweep("freq", "400", "9000"),
    chain("gate", &["range = 0", "ratio = 1"], "threshold = -6, range = 20, ratio = 4")
        .moves(&[("range", "8"), ("threshold", "0")])
        .tone(-18.0)
        .sweep("threshold", "-30", "-6"),
    chain("eq", &["1.gain = 0", "2 = { freq = 3000, q = 5 }"], "1 = { freq = 1000, gain = 12, q = 1 }")
        .moves(&[("1/gain", "-12"), ("1/freq", "900"), ("1/q", "4"), ("1/type", "lowshelf"), ("1/on", "0")])
        .sweep("1/freq", "200", "5000"),
    chain("geq", &["1.gain = 0", "31.gain = 0"], "18.gain = 9, 19.gain = -6, 8.gain = 6")
        .moves(&[("18/gain", "-12"), ("17/gain", "6")])
        .sweep("18/gain", "-12", "12"),
    chain("feedback", &["sensitivity = 0.2"], "sensitivity = 1, release = 1")
        .moves(&[("sensitivity", "0"), ("clear", "1")])
        .sweep("sensitivity", "0", "1"),
    chain("comp", &["ratio = 1", "mix = 0", "threshold = 0, knee = 0"], "threshold = -20, ratio = 4")
        .moves(&[("threshold", "-30"), ("ratio", "2"), ("makeup", "12"), ("mix", "0.2"), ("detector", "rms")])
        .sweep("threshold", "-40", "-10"),
    chain("glue", &["ratio = 1", "mix = 0", "threshold = 0, knee = 0"], "threshold = -20, ratio = 4")
        .moves(&[("threshold", "-30"), ("makeup", "12")])
        .sweep("makeup", "0", "6"),
    chain("automix", &["weight = 6", "group = 8"], "weight = 3").moves(&[("weight", "-12"), ("group", "2")]).shares(),
    chain(
        "ms",
        &["mid.1.gain = 0, side.1.gain = 0", "mid.2 = { freq = 3000, q = 5 }, side.3 = { on = false, gain = 6 }"],
        "mid.1 = { freq = 1000, gain = 12, q = 1 }, side.1 = { freq = 500, gain = -6 }",
    )
    .moves(&[("mid/1/gain", "-12"), ("mid/1/freq", "900"), ("mid/1/q", "4"), ("mid/1/type", "lowshelf"), ("mid/1/on", "0")])
    .sweep("mid/1/freq", "200", "5000"),
    chain("deess", &["range = 0, threshold = -60", "threshold = 0"], "freq = 1000, threshold = -40, range = 20")
        .moves(&[("mode", "wide"), ("threshold", "-10"), ("range", "6"), ("freq", "1100")])
        .sweep("threshold", "-40", "-10"),
    chain(
        "multiband",
        &["bands = 4", "bands = 5, 2.threshold = -60, 3.knee = 24, 4 = { on = false, ratio = 4, gain = 6 }"],
        "crossover.2 = 3000, 1 = { threshold = -40, ratio = 4 }, 2 = { threshold = -30, ratio = 4 }, 3 = { threshold = -40, ratio = 4, gain = 3 }",
    )
    .moves(&[("2/threshold", "-20"), ("2/ratio", "2"), ("2/gain", "-12"), ("2/on", "0"), ("crossover/2", "2500"), ("bands", "2")])
    .sweep("2/threshold", "-40", "-10"),
    // Nothing keys it here: what it does with a key is among its own bars.
    chain("duck", &["range = 0", "range = 60, threshold = -60"], "threshold = -60, range = 20"),
    chain(
        "dyneq",
        &["1.gain = 0", "1 = { range = -12, threshold = 0 }", "2 = { on = false, gain = 9, range = 6, threshold = -80 }"],
        "1 = { freq = 1000, q = 1, threshold = -40, range = -12 }",
    )
    .moves(&[
        ("1/range", "6"),
        ("1/threshold", "-10"),
        ("1/gain", "-12"),
        ("1/freq", "900"),
        ("1/q", "2"),
        ("1/type", "lowshelf"),
        ("1/on", "0"),
    ])
    .sweep("1/freq", "200", "5000"),
    chain("phase", &["stages = 0", "freq = 20, stages = 0"], "freq = 1000, stages = 2")
        .moves(&[("stages", "4"), ("stages", "0"), ("freq", "900")])
        .sweep("freq", "200", "5000"),
    chain("reverb", &["mix = 0"], "mix = 0.5")
        .moves(&[("mix", "0.1"), ("type", "plate"), ("predelay", "60")])
        .sweep("mix", "0", "1"),
    // In a render nothing comes back: a cable.
    chain("insert", &[""], ""),
    // Quiet tones: harmonics are no clicks.
    chain("saturate", &["mix = 0"], "drive = 12, output = -9")
        .moves(&[("drive", "24"), ("output", "0"), ("mix", "0.3"), ("type", "tape"), ("type", "tube"), ("type", "hard")])
        .tone(-84.0)
        .sweep("drive", "0", "24"),
    chain("clip", &["mix = 0", "ceiling = 0"], "ceiling = -12, knee = 6")
        .moves(&[("ceiling", "-20"), ("knee", "0"), ("mix", "0.3")])
        .tone(-36.0)
        .sweep("ceiling", "-24", "0"),
    chain("exciter", &["mix = 0"], "freq = 700, drive = 12, mix = 0.5")
        .moves(&[("freq", "3000"), ("drive", "24"), ("mix", "1")])
        .tone(-96.0)
        .sweep("freq", "500", "8000"),
    // A mono strip passes `width` as it is: what it does is measured with colour.
    chain("width", &["amount = 1"], "amount = 0.5, mono = 200")
        .moves(&[("amount", "2"), ("mono", "0")])
        .sweep("mono", "0", "500"),
    chain("transient", &["attack = 0, sustain = 0"], "attack = 9, sustain = 6")
        .moves(&[("attack", "-12"), ("sustain", "-12")])
        .sweep("attack", "-12", "12"),
    chain("convolve", &["mix = 0", "mix = 0, file = \"room.wav\""], "file = \"room.wav\", mix = 0.5")
        .moves(&[("mix", "0.1"), ("gain", "-12"), ("predelay", "60"), ("file", "\"\"")])
        .sweep("gain", "-12", "6"),
    chain("echo", &["mix = 0"], "mix = 0.5, left = 100, right = 130, lowcut = 100, highcut = 8000")
        .moves(&[("mix", "0.1"), ("mode", "pingpong"), ("left", "60"), ("feedback", "0.8"), ("highcut", "3000")])
        .sweep("feedback", "0", "0.6"),
    chain("chorus", &["mix = 0"], "mix = 0.5")
        .moves(&[
            ("mix", "0.1"),
            ("rate", "1.6"),
            ("depth", "4"),
            ("delay", "25"),
            ("voices", "4"),
            ("spread", "0"),
            ("feedback", "0.5"),
        ])
        .sweep("mix", "0", "1"),
    chain("flanger", &["mix = 0"], "mix = 0.5")
        .moves(&[("mix", "0.1"), ("rate", "0.5"), ("depth", "0.5"), ("delay", "4"), ("feedback", "0.1")])
        .sweep("mix", "0", "1"),
    chain("phaser", &["mix = 0"], "rate = 0.4")
        .moves(&[("mix", "0.1"), ("rate", "1"), ("depth", "1"), ("spread", "0"), ("feedback", "0.6")])
        .sweep("mix", "0", "1"),
    chain("tremolo", &["mix = 0", "depth = 0"], "rate = 4")
        .moves(&[("mix", "0.1"), ("rate", "8"), ("depth", "1"), ("spread", "0")])
        .sweep("depth", "0", "1"),
    chain("pitch", &["mix = 0", "mix = 0, shift = 5", "shift = 0"], "shift = 0.5")
        .moves(&[("mix", "0.1"), ("shift", "1.2"), ("shift", "-1"), ("shift", "0")])
        .sweep("mix", "0", "1"),
    chain("limiter", &["ceiling = 0", "ceiling = 0, lookahead = 5"], "ceiling = -6, gain = 3")
        .moves(&[("gain", "6"), ("ceiling", "-12"), ("true-peak", "0"), ("lookahead", "4")])
        .sweep("gain", "0", "9")
        .last(),
];

/// Processors of which nothing is asked here: `render` leaves `dither` to the files, and the others stand on one
/// strip only (`monitor.rs`).
pub const LEFT_OUT: &[&str] = &["dither", "check", "oscillator", "talkback", "reference"];

impl Processor {
    /// TOML of a strip's settings: it is on, or off.
    pub fn keys(&self, settings: &str, on: bool) -> String {
        // Sections of the settings may be dotted; a table takes them as they are.
        let comma = if settings.is_empty() { "" } else { ", " };
        format!("{} = {{ on = {on}{comma}{settings} }}", self.name)
    }

    /// A channel `c` with it alone (or as it is, into main with it), and the address of the strip that has it.
    pub fn rig(&self, keys: &str) -> (String, &'static str) {
        let (name, channel) = (self.name, "[[channel]]\nname = \"c\"\n");
        if self.last {
            (format!("{channel}chain = []\n[main]\nchain = [\"{name}\"]\n{keys}\n"), "/main")
        } else {
            (format!("{channel}chain = [\"{name}\"]\n{keys}\n[main]\nchain = []\n"), "/ch/1")
        }
    }

    /// Name, keys at the start, path and value of each jump.
    pub fn jumps(&self) -> Vec<(String, String, String, String)> {
        let jump = |what: String, keys: String, path: &str, value: &str| {
            (what, keys, format!("{}/{path}", self.name), value.to_string())
        };
        let on = self.keys(self.working, true);
        let mut all =
            vec![jump("on".into(), self.keys(self.working, false), "on", "1"), jump("off".into(), on.clone(), "on", "0")];
        all.extend(self.moves.iter().map(|(path, value)| jump(format!("{path} {value}"), on.clone(), path, value)));
        all
    }
}
