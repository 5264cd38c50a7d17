//! The rig in memory that songs go through: one channel as it is, into main, whose limiter stands last.

use super::super::Fail;
use super::super::job::desk_of;
use super::target::Target;
use crate::rig::{self, Rig};
use headroom_dsp::desk::Desk;
use headroom_dsp::graph::{ProcSpec, StripKind, chain_of};
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;

/// The most that fader and limiter raise a song by: 10 dB and 24 dB.
pub const MOST_GAIN_DB: f64 = FADER_DB + 24.0;
const FADER_DB: f64 = 10.0;

/// How the gain of a pass is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Gain ahead of the limiter, dB.
    pub gain: f64,
    /// The limiter's ceiling, dBTP; without one it is off.
    pub ceiling: Option<f64>,
}

/// Main as songs are to meet it.
pub struct Strip {
    chain: Vec<ProcSpec>,
    /// Parameters of main by their path.
    values: Vec<(String, Value)>,
    /// Seed of modulation and dither.
    pub seed: u64,
    /// What the user should know of it.
    pub notes: Vec<String>,
}

/// What of a rig's main stays behind: where it goes, and what sets its level, which the master sets itself.
fn stays_behind(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    matches!(first, "fader" | "mute" | "solo" | "solo-safe" | "pan" | "delay" | "send" | "dca" | "mutegroup" | "dither")
}

impl Strip {
    /// Main of `rig` where one is given, with what `target` asks for at its end.
    ///
    /// # Errors
    /// The rig has no main.
    pub fn new(target: &Target, rig: Option<&Rig>) -> Result<Strip, Fail> {
        let mut strip = Strip { chain: Vec::new(), values: Vec::new(), seed: 0, notes: Vec::new() };
        if let Some(rig) = rig {
            strip.take_main(rig)?;
        }
        let limiter = strip.chain.iter().position(|p| p.name == "limiter").map(|at| strip.chain.remove(at));
        if limiter.is_none() {
            // Offline nobody waits: the longest look-ahead holds low tones best.
            strip.values.push(("limiter/lookahead".into(), Value::Float(5.0)));
        }
        if let Some(hz) = target.mono {
            strip.narrow(hz);
        }
        let (last, _) = chain_of(&["limiter"], StripKind::Main, 0);
        strip.chain.extend(limiter.into_iter().chain(last).take(1));
        strip.values.push(("limiter/true-peak".into(), Value::Bool(true)));
        Ok(strip)
    }

    fn take_main(&mut self, rig: &Rig) -> Result<(), Fail> {
        let main = rig.spec.main().ok_or_else(|| Fail::input("the rig of --rig has no main"))?;
        self.seed = rig.spec.seed;
        self.chain = rig.spec.strips[main].chain.iter().filter(|p| p.kind.decl().name != "dither").cloned().collect();
        for stated in rig.values.iter().filter(|v| v.owner == Owner::Strip(main) && !stays_behind(&v.path)) {
            let keyed = stated.path.ends_with("/sidechain");
            if keyed && !matches!(&stated.value, Value::Text(key) if key.is_empty() || &**key == "main") {
                self.notes.push(format!("main's {} is left out: a song has no such strip", stated.path));
                continue;
            }
            self.values.push((stated.path.clone(), stated.value.clone()));
        }
        Ok(())
    }

    /// No side signal below `hz`.
    fn narrow(&mut self, hz: f64) {
        if !self.chain.iter().any(|p| p.name == "width") {
            let (width, unknown) = chain_of(&["width"], StripKind::Main, 0);
            self.chain.extend(width);
            if !unknown.is_empty() {
                self.notes.push(format!("this build has no processor `width`: what is below {hz} Hz stays as wide as it is"));
                return;
            }
        }
        self.values.push(("width/on".into(), Value::Bool(true)));
        self.values.push(("width/mono".into(), Value::Float(hz)));
    }

    /// Whether a song leaves it as it came, but for gain and limiter.
    pub fn is_plain(&self) -> bool {
        self.chain.len() == 1
    }

    /// A desk for a song of one or two channels.
    ///
    /// # Errors
    /// The rig's main cannot be made for it.
    pub fn desk(&self, channels: usize, rate: u32, setting: Setting) -> Result<Desk, Fail> {
        let stereo = channels == 2;
        let text = format!(
            "[audio]\nseed = {}\n[[channel]]\nname = \"Song\"\nstereo = {stereo}\nchain = []\n\
             [main]\nstereo = {stereo}\nchain = []\noutput = {}\n",
            self.seed,
            if stereo { "[\"\", \"\"]" } else { "\"\"" },
        );
        let base = rig::parse(&text, "master").map_err(|e| Fail::running(e.0.render(false)))?;
        let mut spec = base.spec;
        let main = spec.main().ok_or_else(|| Fail::running("a rig without main"))?;
        // What works on the side signal has none in a mono song.
        let sided = |p: &&ProcSpec| stereo || !matches!(p.kind.decl().name, "width" | "ms");
        spec.strips[main].chain = self.chain.iter().filter(sided).cloned().collect();
        let fader = setting.gain.min(FADER_DB);
        let own = [
            ("fader", Value::Float(fader)),
            ("limiter/on", Value::Bool(setting.ceiling.is_some())),
            ("limiter/gain", Value::Float(if setting.ceiling.is_some() { setting.gain - fader } else { 0.0 })),
            ("limiter/ceiling", Value::Float(setting.ceiling.unwrap_or(0.0))),
        ];
        let values = self.values.iter().cloned().chain(own.map(|(path, value)| (path.to_string(), value)));
        let rig = Rig::new(spec, values.map(|(path, value)| (Owner::Strip(main), path, value)), base.settings);
        desk_of(&rig, rig.spec.clone(), f64::from(rate))
    }
}
