//! The scenes of a rig in their order: what is in memory, what is on the disk, and where one stands.

use super::writer::{Done, Work, Writer};
use super::{Layout, Scene, Standing, file_of, format, is_file};
use headroom_dsp::desk::Desk;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{ParamId, Tree};
use headroom_protocol::address::quoted;
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Folder of a rig's scenes, beside its file.
pub const FOLDER: &str = "scenes";
/// The file that names them in order; no scene's name leads to it.
pub const ORDER: &str = "_order.toml";
/// Scenes of a rig at most.
const MOST: usize = 1_024;
/// Largest file, in bytes.
const LARGEST: u64 = 4 << 20;

/// A file as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stamp {
    changed: Option<SystemTime>,
    bytes: u64,
}

fn stamp(path: &Path) -> std::io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        // Anything but a file could keep its reader waiting.
        Ok(about) => Ok(about.is_file().then(|| Stamp { changed: about.modified().ok(), bytes: about.len() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Text in memory, not on the disk yet.
struct Unsaved {
    text: Arc<str>,
    /// The job that writes it; `None` where nothing is written.
    job: Option<u64>,
}

/// The job that writes a scene, its name, and the other name of the one that it replaced.
type Stored = (Option<u64>, String, Option<String>);

type Read = Result<Arc<Scene>, String>;

/// See the module documentation.
#[derive(Default)]
pub struct Book {
    folder: Option<PathBuf>,
    writer: Option<Writer>,
    /// Files without their ending.
    order: Vec<String>,
    ordered: Option<Stamp>,
    /// The job that writes the order.
    ordering: Option<u64>,
    unsaved: HashMap<String, Unsaved>,
    /// Files that are about to be removed or renamed, and by which job.
    leaving: HashMap<String, u64>,
    known: HashMap<String, (Option<Stamp>, Read)>,
    layout: Layout,
    tree: Arc<Tree>,
    standing: Standing,
    changed: bool,
}

impl Book {
    /// The scenes in a folder, on a console; without a folder they are held in memory.
    pub fn open(folder: Option<PathBuf>, desk: &Desk, standing: Standing) -> Book {
        let mut book = Book { folder, standing, ..Book::default() };
        book.fit(desk);
        book.refresh();
        book
    }

    /// The scenes beside a rig's file.
    pub fn beside(rig: &Path) -> PathBuf {
        rig.parent().unwrap_or(Path::new("")).join(FOLDER)
    }

    /// Another console: what the scenes mean there is read anew.
    pub fn fit(&mut self, desk: &Desk) {
        self.layout = Layout::of(desk);
        self.tree = desk.tree().clone();
        self.known.clear();
    }

    /// Where one stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Where one stands, to change it.
    pub fn stand(&mut self) -> &mut Standing {
        self.changed = true;
        &mut self.standing
    }

    /// Stands elsewhere for a while: the scene that was recalled last, and the one chosen, change places with these.
    pub fn exchange(&mut self, present: &mut Option<String>, selected: &mut Option<String>) {
        std::mem::swap(&mut self.standing.present, present);
        std::mem::swap(&mut self.standing.selected, selected);
    }

    /// Whether that changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Follows the folder. What cannot be read now leaves things as they were.
    pub fn refresh(&mut self) {
        let Some(folder) = self.folder.clone() else { return };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() == ErrorKind::NotFound {
                    let unsaved = &self.unsaved;
                    self.order.retain(|f| unsaved.contains_key(f));
                } else {
                    tracing::warn!(folder = %folder.display(), %error, "scenes cannot be looked for");
                }
                return;
            }
        };
        let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned);
        let files = entries.filter_map(Result::ok).filter_map(name);
        let mut there: Vec<String> = files.filter(|f| is_file(f)).take(MOST).collect();
        let busy = |book: &Book, f: &str| book.unsaved.get(f).is_some_and(|u| u.job.is_some());
        there.retain(|f| self.order.contains(f) || !self.is_leaving(f));
        there.sort();
        if self.ordering.is_none() {
            self.read_order(&folder.join(ORDER));
        }
        let order = std::mem::take(&mut self.order);
        self.order = order.into_iter().filter(|f| there.binary_search(f).is_ok() || busy(self, f)).collect();
        for file in there {
            if !self.order.contains(&file) {
                self.order.push(file);
            }
        }
    }

    /// Whether a file is about to be removed or renamed.
    fn is_leaving(&self, file: &str) -> bool {
        self.leaving.contains_key(file)
    }

    fn read_order(&mut self, path: &Path) {
        let Ok(now) = stamp(path) else { return };
        if now == self.ordered {
            return;
        }
        let Ok(text) = fs::read_to_string(path) else { return };
        self.ordered = now;
        let read: Result<Order, _> = toml::from_str(&text);
        match read {
            Ok(order) => {
                let mut known = std::mem::take(&mut self.order);
                let mut next: Vec<String> = Vec::new();
                for file in order.scenes {
                    if !next.contains(&file) {
                        next.push(file);
                    }
                }
                known.retain(|f| !next.contains(f));
                known.sort();
                self.order = next.into_iter().chain(known).collect();
            }
            Err(error) => {
                let why = error.message().to_owned();
                tracing::warn!(path = %path.display(), "the order of the scenes is not understood: {why}");
            }
        }
    }

    /// Files of all scenes, in order.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// The scene in a file.
    ///
    /// # Errors
    /// What is wrong with the file, with its line.
    pub fn read(&mut self, file: &str) -> Read {
        let path = self.folder.as_ref().map(|f| f.join(format!("{file}.toml")));
        let now = match (&path, self.unsaved.contains_key(file)) {
            (Some(path), false) => stamp(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?,
            _ => None,
        };
        if let Some((then, read)) = self.known.get(file)
            && *then == now
        {
            return read.clone();
        }
        let text = match (self.unsaved.get(file), path) {
            (Some(unsaved), _) => unsaved.text.to_string(),
            (None, Some(path)) => match now {
                None => return Err(format!("{} is gone", path.display())),
                Some(Stamp { bytes, .. }) if bytes > LARGEST => {
                    return Err(format!("{} is too large for a scene", path.display()));
                }
                Some(_) => fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?,
            },
            (None, None) => return Err("it is gone".into()),
        };
        let read = format::parse(&text).and_then(|t| format::on(t, file, &self.layout, &self.tree)).map(Arc::new);
        let read = read.map_err(|why| format!("{file}.toml, {why}"));
        self.known.insert(file.to_owned(), (now, read.clone()));
        read
    }

    /// The name that a file shows.
    pub fn name(&mut self, file: &str) -> String {
        self.read(file).map_or_else(|_| file.to_owned(), |scene| scene.name.clone())
    }

    /// The file of a scene that somebody named.
    ///
    /// # Errors
    /// Where there is none, with what may have been meant.
    pub fn find(&mut self, name: &str) -> Result<String, String> {
        self.refresh();
        let file = file_of(name)?;
        if self.order.contains(&file) {
            return Ok(file);
        }
        let near = crate::rig::diagnose::nearest(&file, self.order.iter().map(String::as_str)).map(str::to_owned);
        Err(match near {
            Some(near) => format!("there is no scene {}: did you mean {}?", quoted(name), self.name(&near)),
            None => format!("there is no scene {}; /scene/list names all", quoted(name)),
        })
    }

    /// Holds values as a scene, in place of one of that name; the job that writes it, if any, the scene's name, and the
    /// other name of the one before.
    ///
    /// # Errors
    /// Where the name cannot be one, or there are too many.
    pub fn store(&mut self, name: &str, values: &[(ParamId, Value)]) -> Result<Stored, String> {
        self.refresh();
        let file = file_of(name)?;
        let before = self.order.contains(&file).then(|| self.read(&file).ok()).flatten();
        if !self.order.contains(&file) && self.order.len() >= MOST {
            return Err(format!("there are {MOST} scenes"));
        }
        let other = before.as_ref().map(|b| b.name.clone()).filter(|b| *b != name.trim());
        let (notes, fade) = before.map_or_else(Default::default, |b| (b.notes.clone(), b.fade));
        let scene = Scene { name: name.trim().to_owned(), notes, fade, ..Scene::default() };
        let text = format::write(&scene, values, &self.layout, &self.tree);
        let job = self.put(&file, text)?;
        if !self.order.contains(&file) {
            self.order.push(file);
            self.save_order()?;
        }
        Ok((job, scene.name, other))
    }

    fn put(&mut self, file: &str, text: String) -> Result<Option<u64>, String> {
        let text: Arc<str> = text.into();
        self.leaving.remove(file);
        let job = self.give(Work::Write(format!("{file}.toml"), text.clone()))?;
        self.known.remove(file);
        self.unsaved.insert(file.to_owned(), Unsaved { text, job });
        Ok(job)
    }

    fn give(&mut self, work: Work) -> Result<Option<u64>, String> {
        let Some(folder) = &self.folder else { return Ok(None) };
        if self.writer.is_none() {
            self.writer = Some(Writer::start(folder.clone()).map_err(|e| format!("cannot save: {e}"))?);
        }
        self.writer.as_mut().map(|w| w.give(work)).transpose()
    }

    fn save_order(&mut self) -> Result<(), String> {
        let names: String = self.order.iter().map(|f| format!("  {},\n", crate::rig::emit::quoted(f))).collect();
        let text = format!("# The order of the scenes. Those that are not named here follow by name.\nscenes = [\n{names}]\n");
        self.ordering = self.give(Work::Write(ORDER.into(), text.into()))?;
        Ok(())
    }

    /// How many changes wait for the disk, and why the last that failed does.
    pub fn unsaved(&self) -> (u64, Option<&str>) {
        self.writer.as_ref().map_or((0, None), |w| (w.unsaved(), w.error()))
    }

    /// What the writer has done.
    pub fn done(&mut self) -> Option<Done> {
        let done = self.writer.as_mut()?.done()?;
        if done.result.is_ok() {
            if self.ordering == Some(done.job) {
                self.ordering = None;
                self.ordered = self.folder.as_ref().and_then(|f| stamp(&f.join(ORDER)).ok().flatten());
            }
            self.leaving.retain(|_, job| *job != done.job);
            let written = self.unsaved.iter().find(|(_, u)| u.job == Some(done.job)).map(|(f, _)| f.clone());
            if let Some(file) = written {
                self.unsaved.remove(&file);
                // What was read from memory is what is on the disk now.
                let now = self.folder.as_ref().and_then(|f| stamp(&f.join(format!("{file}.toml"))).ok().flatten());
                if let Some((then, _)) = self.known.get_mut(&file) {
                    *then = now;
                }
            }
        }
        Some(done)
    }

    fn text(&self, file: &str) -> Result<String, String> {
        match (self.unsaved.get(file), &self.folder) {
            (Some(unsaved), _) => Ok(unsaved.text.to_string()),
            (None, Some(folder)) => fs::read_to_string(folder.join(format!("{file}.toml"))).map_err(|e| e.to_string()),
            (None, None) => Err("it is gone".into()),
        }
    }

    /// Gives a scene other notes or another fade; the job that writes it.
    ///
    /// # Errors
    /// Where its file cannot be read.
    pub fn describe(&mut self, file: &str, change: impl FnOnce(&mut Scene)) -> Result<Option<u64>, String> {
        let mut scene = (*self.read(file)?).clone();
        change(&mut scene);
        let text = format::retitled(&self.text(file)?, &scene.name, &scene.notes, scene.fade);
        self.put(file, text)
    }

    /// Gives a scene another name; the job that writes it.
    ///
    /// # Errors
    /// Where that name cannot be one, or is another scene's.
    pub fn rename(&mut self, file: &str, to: &str) -> Result<Option<u64>, String> {
        let new = file_of(to)?;
        let scene = self.read(file)?;
        let text = format::retitled(&self.text(file)?, to.trim(), &scene.notes, scene.fade);
        if new == file {
            return self.put(file, text);
        }
        if self.order.contains(&new) {
            return Err(format!("there is a scene {} already", quoted(to)));
        }
        let text: Arc<str> = text.into();
        let job = self.give(Work::Rename(format!("{file}.toml"), format!("{new}.toml"), text.clone()))?;
        self.leave(file, job);
        self.unsaved.insert(new.clone(), Unsaved { text, job });
        self.order.iter_mut().filter(|f| *f == file).for_each(|f| f.clone_from(&new));
        let mut standing = self.standing.clone();
        for place in [&mut standing.present, &mut standing.selected].into_iter().flatten().filter(|p| *p == file) {
            place.clone_from(&new);
        }
        *self.stand() = standing;
        self.save_order()?;
        Ok(job)
    }

    fn leave(&mut self, file: &str, job: Option<u64>) {
        self.known.remove(file);
        self.unsaved.remove(file);
        if let Some(job) = job {
            self.leaving.insert(file.to_owned(), job);
        }
    }

    /// Forgets a scene; the job that does so on the disk.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn delete(&mut self, file: &str) -> Result<Option<u64>, String> {
        let Some(at) = self.order.iter().position(|f| f == file) else { return Ok(None) };
        let job = self.give(Work::Remove(format!("{file}.toml")))?;
        self.leave(file, job);
        self.order.remove(at);
        if self.standing.present.as_deref() == Some(file) {
            // What came behind it is still what comes next.
            self.stand().present = at.checked_sub(1).map(|before| self.order[before].clone());
        }
        if self.standing.selected.as_deref() == Some(file) {
            self.stand().selected = None;
        }
        self.save_order()?;
        Ok(job)
    }

    /// Puts a scene at a place, from 1; the place it has then.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn place(&mut self, file: &str, place: usize) -> Result<usize, String> {
        self.order.retain(|f| f != file);
        let at = place.clamp(1, self.order.len() + 1);
        self.order.insert(at - 1, file.to_owned());
        self.save_order()?;
        Ok(at)
    }

    /// The scene a step from where one stands, forwards or back.
    ///
    /// # Errors
    /// Where the list ends.
    pub fn step(&mut self, forwards: bool) -> Result<String, String> {
        self.refresh();
        let place = |f: &Option<String>| f.as_ref().and_then(|f| self.order.iter().position(|o| o == f));
        let here = place(&self.standing.selected).or_else(|| place(&self.standing.present));
        let there = match (here, forwards) {
            (None, true) => Some(0),
            (Some(at), true) => Some(at + 1),
            (at, false) => at.and_then(|at| at.checked_sub(1)),
        };
        let found = there.and_then(|at| self.order.get(at)).cloned();
        found.ok_or_else(|| match (self.order.is_empty(), forwards) {
            (true, _) => "there are no scenes".into(),
            (_, true) => "there is no scene behind this one".into(),
            (_, false) => "there is no scene before this one".into(),
        })
    }

    /// The scene that `/scene/go` recalls.
    ///
    /// # Errors
    /// Where the list ends.
    pub fn upcoming(&mut self) -> Result<String, String> {
        self.refresh();
        match &self.standing.selected {
            Some(file) if self.order.contains(file) => Ok(file.clone()),
            _ => self.step(true),
        }
    }

    /// Notes that a scene was recalled.
    pub fn recalled(&mut self, file: &str) {
        let standing = self.stand();
        standing.present = Some(file.to_owned());
        standing.selected = None;
    }
}

/// The file that names the scenes in order.
#[derive(serde::Deserialize)]
struct Order {
    scenes: Vec<String>,
}
