//! Impulse responses and recordings of a rig: WAV files in the folder of the rig file, or below it.

use super::tape;
use crate::audiofile::{RateReader, Reader};
use headroom_dsp::graph::library::{Library, Sounds};
use headroom_dsp::kernel::convolver::Impulse;
use headroom_dsp::kernel::tape::Tape;
use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

/// The longest response, in seconds.
const LONGEST_S: f64 = 20.0;
/// Frames read at a time.
const CHUNK: usize = 4096;

/// A file as it was when it was read.
#[derive(PartialEq, Clone, Copy)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
}

/// By name and rate: what was read, and of which file.
type Known = HashMap<(String, u32), (Stamp, Arc<Impulse>)>;

/// A folder of responses. What was read is remembered until the file changes; one that is gone since is
/// still served, so that a console that runs goes on.
struct Folder {
    root: PathBuf,
    known: Mutex<Known>,
    /// Recordings that someone holds, by name and rate.
    tapes: Mutex<HashMap<(String, u32), Weak<Tape>>>,
}

impl Folder {
    fn path(&self, name: &str) -> Result<PathBuf, String> {
        let plain = |c: Component| matches!(c, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(plain) || name.contains('\\') {
            return Err(format!("\"{name}\" is no name below the rig's folder; expected one such as hall.wav or rooms/hall.wav"));
        }
        let path = self.root.join(name);
        // Opening a pipe would wait for who writes it.
        if std::fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(format!("\"{name}\" is not a file"));
        }
        Ok(path)
    }
}

/// The folders that some rig uses, by their paths.
static FOLDERS: Mutex<BTreeMap<PathBuf, Weak<Folder>>> = Mutex::new(BTreeMap::new());

/// The library of the rig in a file. Rigs of one folder share it while one of them is in use: after a reload a response
/// is still the same one, and the network that takes over goes on with the tail of the one before.
pub fn of(rig: &Path) -> Library {
    let root = rig.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_path_buf());
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    folders.retain(|_, folder| folder.strong_count() > 0);
    let folder = folders.get(&root).and_then(Weak::upgrade).unwrap_or_else(|| {
        let folder = Arc::new(Folder { root: root.clone(), known: Mutex::default(), tapes: Mutex::default() });
        folders.insert(root, Arc::downgrade(&folder));
        folder
    });
    Library::new(folder)
}

impl Sounds for Folder {
    fn impulse(&self, name: &str, rate: f64) -> Result<Arc<Impulse>, String> {
        let path = self.path(name)?;
        let key = (name.to_string(), rate.round() as u32);
        let stamp = std::fs::metadata(&path).map(|about| Stamp { changed: about.modified().ok(), bytes: about.len() });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, impulse)) = known.get(&key)
            && stamp.as_ref().map_or(true, |now| now == then)
        {
            return Ok(impulse.clone());
        }
        let stamp = stamp.map_err(|e| {
            format!("cannot read {}: {e}; put the WAV into the rig's folder, or leave `file` empty", path.display())
        })?;
        let impulse = Arc::new(read(&path, key.1)?);
        known.insert(key, (stamp, impulse.clone()));
        Ok(impulse)
    }

    fn tape(&self, name: &str, rate: f64) -> Result<Arc<Tape>, String> {
        let path = self.path(name)?;
        let key = (name.to_string(), rate.round() as u32);
        let mut tapes = self.tapes.lock().unwrap_or_else(PoisonError::into_inner);
        tapes.retain(|_, tape| tape.strong_count() > 0);
        if let Some(tape) = tapes.get(&key).and_then(Weak::upgrade) {
            return Ok(tape);
        }
        let tape = tape::wind(&path, key.1)?;
        tapes.insert(key, Arc::downgrade(&tape));
        Ok(tape)
    }
}

fn read(path: &Path, rate: u32) -> Result<Impulse, String> {
    let reader = Reader::open(path).map_err(|e| e.to_string())?;
    let spec = reader.spec().clone();
    let name = path.display();
    if !matches!(spec.channels, 1 | 2 | 4) {
        return Err(format!("{name} has {} channels; an impulse response has 1, 2 or 4", spec.channels));
    }
    let longest = (LONGEST_S * f64::from(rate)) as usize;
    let mut file = RateReader::new(reader, rate);
    // The sum over the taps is what passes: more of them a second want to be smaller.
    let scale = f64::from(spec.rate) / f64::from(rate);
    let mut channels = vec![Vec::new(); spec.channels];
    let mut block = vec![0.0; CHUNK * spec.channels];
    loop {
        let frames = file.read_f64(&mut block).map_err(|e| e.to_string())?;
        if frames == 0 {
            break;
        }
        for frame in block[..frames * spec.channels].chunks_exact(spec.channels) {
            channels.iter_mut().zip(frame).for_each(|(to, x)| to.push((x * scale) as f32));
        }
        if channels[0].len() > longest {
            return Err(format!("{name} is longer than {LONGEST_S} s; an impulse response ends where its sound does"));
        }
    }
    if channels[0].is_empty() {
        return Err(format!("{name} holds no sound; expected an impulse response"));
    }
    Ok(Impulse::new(&channels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audiofile::{Bits, Format, Writer};

    fn write(path: &Path, rate: u32, channels: usize, samples: &[f64]) {
        let mut writer = Writer::create(path, &Format::new(rate, channels, Bits::Float32)).expect("a file");
        writer.write_f64(samples).expect("written");
        writer.finish().expect("closed");
    }

    fn folder() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().expect("a folder");
        let library = of(&folder.path().join("rig.toml"));
        (folder, library)
    }

    #[test]
    fn a_response_is_read_at_the_rate_and_kept_until_its_file_changes() {
        let (folder, library) = folder();
        let path = folder.path().join("hall.wav");
        write(&path, 48_000, 2, &vec![0.1; 2 * 4800]);
        let first = library.impulse("hall.wav", 48_000.0).expect("loads");
        assert_eq!(first.frames(), 4800);
        assert!(Arc::ptr_eq(&first, &library.impulse("hall.wav", 48_000.0).expect("loads")));
        assert_eq!(library.impulse("hall.wav", 96_000.0).expect("loads").frames(), 9600);
        write(&path, 48_000, 1, &vec![0.1; 2400]);
        assert_eq!(library.impulse("hall.wav", 48_000.0).expect("loads").frames(), 2400);
        std::fs::remove_file(&path).expect("gone");
        assert_eq!(library.impulse("hall.wav", 48_000.0).expect("remembered").frames(), 2400);
    }

    #[test]
    fn a_reload_finds_the_response_that_is_playing() {
        let (folder, library) = folder();
        write(&folder.path().join("hall.wav"), 48_000, 1, &[0.1; 4800]);
        let playing = library.impulse("hall.wav", 48_000.0).expect("loads");
        let anew = of(&folder.path().join("rig.toml")).impulse("hall.wav", 48_000.0).expect("loads");
        assert!(Arc::ptr_eq(&playing, &anew));
    }

    #[test]
    fn what_cannot_be_had_is_said_with_a_way_out() {
        let (folder, library) = folder();
        let said = |name: &str| library.impulse(name, 48_000.0).expect_err("refused");
        for name in ["../hall.wav", "/etc/hall.wav", "rooms/../../hall.wav", "..\\hall.wav"] {
            assert!(said(name).contains("below the rig's folder"), "{name}");
        }
        assert!(said("hall.wav").contains("put the WAV into the rig's folder"));
        std::fs::write(folder.path().join("text.wav"), "no sound at all").expect("written");
        assert!(said("text.wav").contains("text.wav"));
        write(&folder.path().join("three.wav"), 48_000, 3, &[0.0; 300]);
        assert!(said("three.wav").contains("1, 2 or 4"));
        write(&folder.path().join("none.wav"), 48_000, 1, &[]);
        assert!(said("none.wav").contains("no sound"));
    }
}
