//! Cues: what happens when, in a text file.
//!
//! UTF-8, one a line: `seconds address args…`, fields split by blanks, text with blanks in double
//! quotes, `#` comments. A cue takes effect at frame round(seconds × rate); those of one frame act as
//! one bundle, in file order; the order in the file is free.

use crate::scene::{Book, Standing, recall};
use headroom_dsp::desk::Desk;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent::scene::Scene;
use headroom_protocol::intent::{self, Intent};
use headroom_protocol::osc::decode;
use headroom_protocol::osc::encode::{Arg, Encoder};
use std::path::{Path, PathBuf};

/// One cue.
#[derive(Clone, Debug, PartialEq)]
pub struct Cue {
    /// Line in the file, from 1.
    pub line: usize,
    /// When, in seconds.
    pub seconds: f64,
    /// Address.
    pub address: String,
    /// Arguments: whole numbers as int, other numbers as float, the rest as text.
    pub args: Vec<Arg>,
}

/// Reads a cue file; the error names each bad line.
pub fn load(path: &Path) -> Result<Vec<Cue>, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {name}: {e}"))?;
    read(&text, &name.to_string())
}

/// Reads cues from their text; `name` is the file's in messages.
///
/// # Errors
/// Each bad line, on a line of its own.
pub fn read(text: &str, name: &str) -> Result<Vec<Cue>, String> {
    let mut cues = Vec::new();
    let mut errors = String::new();
    // Editors of another system put a byte order mark in front.
    for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match parse(line) {
            Ok(Some((seconds, address, args))) => cues.push(Cue { line: i + 1, seconds, address, args }),
            Ok(None) => {}
            Err(reason) => errors.push_str(&format!("{name}:{}: {reason}\n", i + 1)),
        }
    }
    if errors.is_empty() {
        cues.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        Ok(cues)
    } else {
        Err(errors)
    }
}

type Line = (f64, String, Vec<Arg>);

fn parse(line: &str) -> Result<Option<Line>, String> {
    let fields = fields(line)?;
    let Some((time, rest)) = fields.split_first() else { return Ok(None) };
    let seconds: f64 = time.0.parse().map_err(|_| format!("\"{}\" is no time in seconds", time.0))?;
    if !seconds.is_finite() || !(0.0..=1e6).contains(&seconds) {
        return Err(format!("the time {} is out of range; expected 0 … 1000000 seconds", time.0));
    }
    let Some((address, args)) = rest.split_first() else {
        return Err("an address is missing after the time, such as /ch/1/fader".into());
    };
    if !address.0.starts_with('/') {
        return Err(format!("\"{}\" is no address; expected one such as /ch/1/fader", address.0));
    }
    Ok(Some((seconds, address.0.clone(), args.iter().map(|(text, quoted)| guess(text, *quoted)).collect())))
}

/// The argument that a word stands for.
pub fn guess(word: &str, quoted: bool) -> Arg {
    if !quoted {
        if let Ok(i) = word.parse::<i32>() {
            return Arg::Int(i);
        }
        if let Ok(x) = word.parse::<f64>()
            && x.is_finite()
        {
            return Arg::Double(x);
        }
    }
    Arg::String(word.into())
}

/// Fields with whether they were quoted.
fn fields(line: &str) -> Result<Vec<(String, bool)>, String> {
    let mut fields = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(fields),
            Some('"') => {
                chars.next();
                let mut field = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => field.extend(chars.next()),
                        Some(c) => field.push(c),
                        None => return Err("a double quote is not closed".into()),
                    }
                }
                fields.push((field, true));
            }
            Some(_) => {
                let mut field = String::new();
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    field.push(c);
                }
                fields.push((field, false));
            }
        }
    }
}

/// Cues by frame, in order.
pub fn by_frame(cues: Vec<Cue>, rate: f64) -> Vec<(u64, Vec<Cue>)> {
    let mut groups: Vec<(u64, Vec<Cue>)> = Vec::new();
    for cue in cues {
        let frame = (cue.seconds * rate).round() as u64;
        match groups.last_mut() {
            Some((f, group)) if *f == frame => group.push(cue),
            _ => groups.push((frame, vec![cue])),
        }
    }
    groups
}

/// Carries cues out on a desk.
pub struct Player {
    space: AddressSpace,
    scenes: Book,
}

impl Player {
    /// For a desk's console. `/scene/go` of cues counts from the first of the scenes in a folder.
    pub fn new(desk: &Desk, scenes: Option<PathBuf>) -> Player {
        let space = AddressSpace::new(desk.spec(), desk.tree()).at_rate(desk.rate());
        Player { space, scenes: Book::open(scenes, desk, Standing::default()) }
    }

    /// Checks that every cue can be carried out; all that cannot, by line.
    ///
    /// # Errors
    /// One line for each bad cue.
    pub fn check(&mut self, cues: &[Cue], desk: &Desk, file: &Path) -> Result<(), String> {
        let mut errors = String::new();
        for cue in cues {
            let done = self.intent(cue).and_then(|intent| allowed(&intent, desk, &mut self.scenes));
            if let Err(reason) = done {
                errors.push_str(&format!("{}:{}: {}: {reason}\n", file.display(), cue.line, cue.address));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What a cue asks for.
    ///
    /// # Errors
    /// The reason in words.
    pub fn intent(&self, cue: &Cue) -> Result<Intent, String> {
        let mut bytes = Vec::new();
        Encoder::new().message(&cue.address, cue.args.iter().cloned(), &mut bytes);
        let packet = decode::packet(&bytes).map_err(|e| e.to_string())?;
        match packet {
            decode::Packet::Message(message) => intent::parse(&message, &self.space).map_err(|e| e.reason.into()),
            decode::Packet::Bundle(_) => Err("a cue is one message".into()),
        }
    }

    /// Carries a cue out at an engine frame.
    ///
    /// # Errors
    /// The reason in words.
    pub fn play(&mut self, cue: &Cue, desk: &mut Desk, frame: u64) -> Result<(), String> {
        match self.intent(cue)? {
            Intent::Scene(scene) => self.recall(&scene, desk, frame),
            intent => apply(&intent, desk, frame),
        }
    }

    fn recall(&mut self, scene: &Scene, desk: &mut Desk, frame: u64) -> Result<(), String> {
        let (file, fade, scope) = match scene {
            Scene::Recall { name, fade, scope } => (self.scenes.find(name)?, *fade, scope.as_slice()),
            Scene::Go => (self.scenes.upcoming()?, None, &[][..]),
            _ => return Err(NOT_A_CUE.into()),
        };
        let scene = self.scenes.read(&file)?;
        let within = recall::scoped(scope, (&self.space).into())?;
        let plan = recall::plan(&scene, desk, &self.space, self.scenes.standing(), within.as_deref());
        let fade = fade.map_or(scene.fade, |(time, shape)| Some((time.as_secs_f64(), shape)));
        desk.recall(&plan.values, fade, frame, &mut Vec::new());
        self.scenes.recalled(&file);
        Ok(())
    }
}

const NOT_A_CUE: &str = "only values, patterns of values, /fade, /solo/clear, /scene/recall and /scene/go can be cues";

fn allowed(intent: &Intent, desk: &Desk, scenes: &mut Book) -> Result<(), String> {
    match intent {
        Intent::Set(set) if desk.tree().entry(set.target.param).decl.structural => {
            desk.allows(set.target.param, &set.value).map_err(|e| e.to_string())
        }
        Intent::Set(_) | Intent::SetAll(..) | Intent::Fade(_) | Intent::SoloClear => Ok(()),
        Intent::Scene(scene) => match &**scene {
            Scene::Recall { name, .. } => scenes.find(name).and_then(|file| Ok(scenes.read(&file)?)).map(drop),
            Scene::Go => Ok(()),
            _ => Err(NOT_A_CUE.into()),
        },
        _ => Err(NOT_A_CUE.into()),
    }
}

/// Sets what an intent says on a desk.
fn apply(intent: &Intent, desk: &mut Desk, frame: u64) -> Result<(), String> {
    let told = &mut Vec::new();
    match intent {
        Intent::Set(set) => desk.set(set.target.param, &set.value, told),
        Intent::SetAll(sets, _) => sets.iter().for_each(|set| desk.set(set.target.param, &set.value, told)),
        Intent::Fade(fade) => {
            let to = &fade.to;
            if !desk.fade(to.target.param, &to.value, fade.time.as_secs_f64(), fade.shape, frame, told) {
                return Err("this parameter cannot be faded".into());
            }
        }
        Intent::SoloClear => desk.clear_solo(told),
        _ => return Err(NOT_A_CUE.into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_time_an_address_and_arguments() {
        let (seconds, address, args) = parse("1.5 /ch/1/name \"Lead vox\" # comment").unwrap().unwrap();
        assert_eq!((seconds, address.as_str(), args), (1.5, "/ch/1/name", vec![Arg::String("Lead vox".into())]));
        assert_eq!(parse("0 /ch/1/fader -6").unwrap().unwrap().2, vec![Arg::Int(-6)]);
        assert_eq!(parse("  # nothing").unwrap(), None);
        for bad in ["x /a 1", "1", "-1 /a", "1 a", "1 /a \"b", "nan /a", "1e9 /a"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cues_of_one_frame_act_as_one() {
        let cue = |seconds, line| Cue { line, seconds, address: "/a".into(), args: vec![] };
        let groups = by_frame(vec![cue(0.5, 1), cue(0.500001, 2), cue(1.0, 3)], 48000.0);
        assert_eq!(groups.iter().map(|g| (g.0, g.1.len())).collect::<Vec<_>>(), [(24000, 2), (48000, 1)]);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_a_cue_or_an_error_and_never_a_panic(line in "\\PC{0,200}") {
            let _ = parse(&line);
        }

        #[test]
        fn what_is_quoted_is_read_back(seconds in 0.0..1e6f64, address in "/[a-z0-9/]{1,30}", text in "\\PC{0,40}", n: i32) {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let line = format!("  {seconds} {address} {n} \"{quoted}\" # and a remark");
            let (at, to, args) = parse(&line).unwrap().unwrap();
            proptest::prop_assert_eq!((at, to), (seconds, address));
            proptest::prop_assert_eq!(args, vec![Arg::Int(n), Arg::String(text.as_str().into())]);
        }
    }
}
