//! One render: a rig, its inputs and cues go to files, the program runs, its outputs are read back.

use headroom_e2e::Headroom;
use headroom_e2e::measure::signal::noise;
use headroom_e2e::measure::{Sound, read, write};
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The rate of every rig, unless it says otherwise.
pub const RATE: f64 = 48_000.0;

/// A render to be made.
#[derive(Clone, Default)]
pub struct Take {
    rig: String,
    inputs: Vec<(String, Sound)>,
    cues: String,
    files: Vec<(String, Sound)>,
    arguments: Vec<String>,
    lanes: Option<&'static str>,
    wide: bool,
}

/// What came out: a sound for each output, and what the program said.
pub struct Rendered {
    /// In the order of the outputs.
    pub sounds: Vec<Sound>,
    /// The files' bytes.
    pub bytes: Vec<Vec<u8>>,
    /// Processor time of the program.
    pub time: Duration,
}

impl Take {
    /// Of this rig.
    pub fn new(rig: impl Into<String>) -> Self {
        Take { rig: rig.into(), wide: true, ..Take::default() }
    }

    /// A channel `c` with this chain and these keys (TOML), into a main without processors.
    pub fn channel(chain: &str, keys: &str) -> Self {
        Self::new(format!(
            "[[channel]]\nname = \"c\"\nchain = [{}]\n{keys}\n[main]\nchain = []\noutput = [\"a\", \"b\"]\n",
            quoted(chain)
        ))
    }

    /// A channel `c` as it is, hard left, into a mono main with this chain and these keys.
    pub fn mono_main(chain: &str, keys: &str) -> Self {
        Self::new(format!("[[channel]]\nname = \"c\"\nchain = []\n[main]\nstereo = false\nchain = [{}]\n{keys}\n", quoted(chain)))
    }

    /// A stereo channel `c` as it is, into a main with this chain and these keys.
    pub fn main(chain: &str, keys: &str) -> Self {
        Self::new(format!(
            "[[channel]]\nname = \"c\"\nstereo = true\nchain = []\n[main]\nstereo = true\nchain = [{}]\n{keys}\n",
            quoted(chain)
        ))
    }

    /// With a mono input.
    pub fn feed(self, strip: &str, x: &[f64]) -> Self {
        self.feed_all(strip, vec![x.to_vec()])
    }

    /// With an input of some channels.
    pub fn feed_all(self, strip: &str, channels: Vec<Vec<f64>>) -> Self {
        self.feed_sound(strip, Sound { rate: RATE as u32, channels })
    }

    /// With an input at a rate of its own.
    pub fn feed_sound(mut self, strip: &str, sound: Sound) -> Self {
        self.inputs.push((strip.into(), sound));
        self
    }

    /// With a file beside the rig.
    pub fn file(mut self, name: &str, sound: Sound) -> Self {
        self.files.push((name.into(), sound));
        self
    }

    /// With a word of the rig replaced.
    pub fn rig_with(mut self, word: &str, by: &str) -> Self {
        self.rig = self.rig.replace(word, by);
        self
    }

    /// With a cue.
    pub fn cue(mut self, seconds: f64, what: impl Display) -> Self {
        self.cues.push_str(&format!("{seconds:.9} {what}\n"));
        self
    }

    /// With an argument of `render`.
    pub fn with(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split_whitespace().map(String::from));
        self
    }

    /// Written with other words than 64-bit floats; `--bits` is among the arguments.
    pub fn bits(mut self, bits: &str) -> Self {
        self.wide = false;
        self.with(&format!("--bits {bits}"))
    }

    /// On another path of the lanes.
    pub fn lanes(mut self, path: &'static str) -> Self {
        self.lanes = Some(path);
        self
    }

    /// Renders some outputs, each to a file.
    ///
    /// # Errors
    /// The program failed; what it said.
    pub fn render(&self, outputs: &[&str]) -> Result<Rendered, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let ran = self.render_in(folder.path(), outputs);
        if std::env::var_os("QUALITY_KEEP").is_some() {
            eprintln!("kept {}", folder.keep().display());
        }
        ran
    }

    fn render_in(&self, folder: &Path, outputs: &[&str]) -> Result<Rendered, String> {
        let path = |name: &str| folder.join(name);
        let text = |name: &str| path(name).display().to_string();
        let put = |name: &str, what: &str| fs::write(path(name), what).map_err(|e| e.to_string());
        put("rig.toml", &self.rig)?;
        for (name, sound) in &self.files {
            write(&path(name), sound)?;
        }
        if self.rig.contains("room.wav") || self.cues.contains("room.wav") {
            // Some responses for rigs that name them.
            let room = |seed: u64| -> Vec<f64> {
                let decay = |i: usize| (-(i as f64) / 6000.0).exp() * 0.05;
                noise(seed, 1.0, 24_000).iter().enumerate().map(|(i, x)| x * decay(i)).collect()
            };
            write(&path("room.wav"), &Sound { rate: RATE as u32, channels: vec![room(1), room(2)] })?;
        }
        let mut command = Headroom::command(&["render", &text("rig.toml")]);
        for (i, (strip, sound)) in self.inputs.iter().enumerate() {
            write(&path(&format!("in-{i}.wav")), sound)?;
            command.args(["--in", &format!("{strip}={}", text(&format!("in-{i}.wav")))]);
        }
        for (i, output) in outputs.iter().enumerate() {
            command.args(["--out", &format!("{output}={}", text(&format!("out-{i}.wav")))]);
        }
        if !self.cues.is_empty() {
            put("cues", &self.cues)?;
            command.args(["--cues", &text("cues")]);
        }
        if self.wide {
            command.args(["--bits", "64f"]);
        }
        if let Some(lanes) = self.lanes {
            command.env("HEADROOM_LANES", lanes);
        }
        let before = children();
        let ran = command.args(&self.arguments).output().map_err(|e| e.to_string())?;
        let time = children().saturating_sub(before);
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        if !ran.status.success() {
            return Err(format!("{said}\n{}\n{}", self.rig, self.cues.lines().take(3).collect::<Vec<_>>().join("\n")));
        }
        let files: Vec<_> = (0..outputs.len()).map(|i| path(&format!("out-{i}.wav"))).collect();
        let sounds = files.iter().map(|f| read(f)).collect::<Result<Vec<_>, _>>()?;
        let bytes = files.iter().map(|f| fs::read(f).map_err(|e| e.to_string())).collect::<Result<Vec<_>, _>>()?;
        Ok(Rendered { sounds, bytes, time })
    }

    /// The channels of one output.
    ///
    /// # Errors
    /// As [`Take::render`].
    pub fn out(&self, output: &str) -> Result<Vec<Vec<f64>>, String> {
        Ok(self.render(&[output])?.sounds.swap_remove(0).channels)
    }

    /// The first channel of one output.
    ///
    /// # Errors
    /// As [`Take::render`].
    pub fn first(&self, output: &str) -> Result<Vec<f64>, String> {
        Ok(self.out(output)?.swap_remove(0))
    }

    /// What `check` says about the rig.
    ///
    /// # Errors
    /// The program failed.
    pub fn check(&self) -> Result<serde_json::Value, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let rig = folder.path().join("rig.toml");
        fs::write(&rig, &self.rig).map_err(|e| e.to_string())?;
        json(&["check", "--json", &rig.display().to_string()])
    }
}

/// What a command prints as JSON.
///
/// # Errors
/// The program failed, or it is none.
pub fn json(arguments: &[&str]) -> Result<serde_json::Value, String> {
    let ran = Headroom::command(arguments).output().map_err(|e| e.to_string())?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    serde_json::from_slice(&ran.stdout).map_err(|e| e.to_string())
}

/// `a b` as `"a", "b"`.
pub fn quoted(words: &str) -> String {
    words.split_whitespace().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", ")
}

/// Processor time of all children that have ended.
fn children() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let used = getrusage(UsageWho::RUSAGE_CHILDREN);
    used.map_or(Duration::ZERO, |u| Duration::from_micros((u.user_time() + u.system_time()).num_microseconds() as u64))
}
