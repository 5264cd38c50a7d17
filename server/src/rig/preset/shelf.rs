//! Where presets come from: those built in, and the user's own in `presets/` beside the rig file.

use super::super::diagnose::{Report, listed, nearest};
use super::super::strip::slug;
use super::{Loaded, Preset, read};
use crate::state::whole;
use headroom_dsp::graph::StripKind;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

/// Folder of the user's presets, beside the rig file.
pub const FOLDER: &str = "presets";
/// Longest name.
pub const LONGEST_NAME: usize = 64;
/// Largest file, in bytes.
const LARGEST: u64 = 64 * 1024;
/// Files of a folder: so many are listed, and no more are saved.
pub const MOST: usize = 256;
/// Names in a message.
const NAMED: usize = 64;

macro_rules! built_in {
    ($($id:literal)*) => {
        &[$(($id, include_str!(concat!("../../../../configs/presets/", $id, ".toml")))),*]
    };
}

/// Names and texts of the built-in presets: the files of `configs/presets/`, which a test compares.
pub static BUILT_IN: &[(&str, &str)] = built_in!(
    "kick" "snare" "toms" "hi-hat" "overheads"
    "bass-di" "bass-drive" "electric-guitar" "acoustic-guitar" "piano"
    "lead-vocal" "backing-vocal"
    "speech-headset" "speech-lectern" "speech-handheld" "broadcast-voice" "phone-caller"
    "drum-bus" "vocal-bus"
    "room-reverb" "plate-reverb" "hall-reverb" "delay-throw"
    "wedge" "in-ears"
    "master-streaming" "master-vinyl" "master-loud" "master-broadcast"
);

static READ: LazyLock<Vec<Arc<Loaded>>> = LazyLock::new(|| {
    let loaded = |(id, text): &(&str, &str)| Arc::new(read(id, text, &format!("{id}.toml (built in)")));
    BUILT_IN.iter().map(loaded).collect()
});

/// A file as it was when it was read.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
}

/// The presets of a rig. A user's own goes before a built-in one of the same name.
#[derive(Default)]
pub struct Shelf {
    folder: Option<PathBuf>,
    /// The user's own, each as its file was.
    known: HashMap<String, (Stamp, Arc<Loaded>)>,
}

/// Whether a name can be a preset's, and so a file's: a–z, 0–9 and single dashes.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && slug(name) == name
}

impl Shelf {
    /// The presets of the rig in a file.
    pub fn beside(rig: &Path) -> Shelf {
        let root = rig.parent().unwrap_or(Path::new(""));
        Shelf { folder: Some(root.join(FOLDER)), known: HashMap::new() }
    }

    /// Where the user's own are; none for a rig that is built in.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The preset of this name, with what is wrong with it.
    pub fn find(&mut self, name: &str) -> Option<Arc<Loaded>> {
        if !is_name(name) {
            return None;
        }
        self.own(name).or_else(|| READ.iter().find(|l| l.preset.id == name).cloned())
    }

    fn own(&mut self, name: &str) -> Option<Arc<Loaded>> {
        let path = self.folder.as_ref()?.join(format!("{name}.toml"));
        // Anything but a file could keep its reader waiting.
        let about = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let stamp = Stamp { changed: about.modified().ok(), bytes: about.len() };
        if let Some((then, loaded)) = self.known.get(name)
            && *then == stamp
        {
            return Some(loaded.clone());
        }
        let file = path.display().to_string();
        let text = match about.len() {
            0..=LARGEST => fs::read_to_string(&path).map_err(|e| e.to_string()),
            bytes => Err(format!("{bytes} bytes are too many for a preset")),
        };
        let loaded = Arc::new(match text {
            Ok(text) => read(name, &text, &file),
            Err(why) => {
                let mut report = Report::new(&file, "");
                report.error(&(0..0), format!("cannot read the preset {file}: {why}"), "");
                Loaded { preset: Preset { id: name.into(), name: name.into(), ..Preset::default() }, report }
            }
        });
        self.known.insert(name.into(), (stamp, loaded.clone()));
        Some(loaded)
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.own_names().into_iter().take(MOST).collect();
        names.extend(BUILT_IN.iter().map(|(id, _)| (*id).to_string()));
        names.into_iter().collect()
    }

    fn own_names(&self) -> Vec<String> {
        let name = |file: &str| file.strip_suffix(".toml").filter(|n| is_name(n)).map(str::to_owned);
        self.folder.as_ref().and_then(|f| whole::entries(f, 4 * MOST, name).ok()).unwrap_or_default()
    }

    /// Whether there is room for a file of this name, beside those that are on their way to the disk.
    pub fn has_room(&self, name: &str, under_way: &[&str]) -> bool {
        let mut names: BTreeSet<String> = self.own_names().into_iter().collect();
        names.extend(under_way.iter().map(|name| (*name).to_owned()));
        names.len() < MOST || names.contains(name)
    }

    /// The name that somebody may have meant.
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.names();
        nearest(&slug(name), names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// What somebody may have meant by a name that no preset has, and what there is.
    pub fn suggest(&self, name: &str) -> String {
        let names = self.names();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let there = listed(&all, NAMED);
        match self.nearest(name) {
            Some(near) => format!("did you mean `{near}`? There are {there}"),
            None => format!("there are {there}"),
        }
    }

    /// The presets for a kind of strip, in words.
    pub fn fitting(&mut self, kind: StripKind) -> String {
        let fits = |l: &Arc<Loaded>| l.preset.kinds.contains(&kind);
        let all: Vec<Arc<Loaded>> = self.names().iter().filter_map(|n| self.find(n)).filter(fits).collect();
        match all.is_empty() {
            true => "no preset is for it".into(),
            false => format!("for it are {}", listed(&all.iter().map(|l| l.preset.id.as_str()).collect::<Vec<_>>(), NAMED)),
        }
    }
}
