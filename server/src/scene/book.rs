//! The scenes of a rig in their order: what is in memory, what is on the disk, and where one stands.

mod folder;
mod names;
mod places;

use super::writer::{Done, Work, Writer};
use super::{Layout, Scene, Standing, file_of, format};
use folder::{MOST, ORDER, Stamp, stamp};
use headroom_dsp::desk::Desk;
use headroom_dsp::desk::fade::Shape;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{ParamId, Tree};
use headroom_protocol::address::quoted;
use names::Names;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Folder of a rig's scenes, beside its file.
pub const FOLDER: &str = "scenes";
/// Largest file, in bytes.
const LARGEST: u64 = 4 << 20;

/// Text in memory, not on the disk yet.
struct Unsaved {
    text: Arc<str>,
    name: String,
    /// The job that writes it; `None` where nothing is written.
    job: Option<u64>,
}

impl Unsaved {
    fn is_under_way(&self) -> bool {
        self.job.is_some()
    }
}

/// Why there is no scene.
#[derive(Clone, Debug)]
pub enum Unread {
    /// The file does not say one.
    Wrong(String),
    /// The disk does not give it now.
    Disk(String),
}

impl From<Unread> for String {
    fn from(why: Unread) -> String {
        match why {
            Unread::Wrong(why) | Unread::Disk(why) => why,
        }
    }
}

/// The job that writes a scene, its name, and the other name of the one that it replaced.
type Stored = (Option<u64>, String, Option<String>);

type Read = Result<Arc<Scene>, Unread>;

/// See the module documentation.
#[derive(Default)]
pub struct Book {
    folder: Option<PathBuf>,
    writer: Option<Writer>,
    /// Files without their ending.
    order: Vec<String>,
    /// The folder and its order were read once; what was not read is not written over.
    followed: bool,
    ordered: Option<Stamp>,
    /// The job that writes the order.
    ordering: Option<u64>,
    unsaved: HashMap<String, Unsaved>,
    /// Files that are about to be removed or renamed, and by which job.
    leaving: HashMap<String, u64>,
    known: HashMap<String, (Option<Stamp>, Read)>,
    names: Option<Names>,
    /// Names that were asked for and need no disk.
    listed: Option<Vec<String>>,
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

    /// The scene in a file.
    ///
    /// # Errors
    /// What is wrong with the file, with its line, or with the disk.
    pub fn read(&mut self, file: &str) -> Read {
        let path = self.path(file);
        let cannot = |path: &Path, e: std::io::Error| Unread::Disk(format!("cannot read {}: {e}", path.display()));
        let now = match (&path, self.unsaved.contains_key(file)) {
            (Some(path), false) => stamp(path).map_err(|e| cannot(path, e))?,
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
                None => return Err(Unread::Wrong(format!("{} is gone", path.display()))),
                Some(Stamp { bytes, .. }) if bytes > LARGEST => {
                    return Err(Unread::Wrong(format!("{} is too large for a scene", path.display())));
                }
                Some(_) => fs::read_to_string(&path).map_err(|e| match e.kind() {
                    std::io::ErrorKind::InvalidData => Unread::Wrong(format!("{} is no text", path.display())),
                    _ => cannot(&path, e),
                })?,
            },
            (None, None) => return Err(Unread::Wrong("it is gone".into())),
        };
        let read = format::parse(&text).and_then(|t| format::on(t, file, &self.layout, &self.tree)).map(Arc::new);
        let read = read.map_err(|why| Unread::Wrong(format!("{file}.toml, {why}")));
        self.known.insert(file.to_owned(), (now, read.clone()));
        read
    }

    fn path(&self, file: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{file}.toml")))
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
        let (other, notes, fade) = self.title(&file);
        if !self.order.contains(&file) && self.order.len() >= MOST {
            return Err(format!("there are {MOST} scenes"));
        }
        let name = name.trim().to_owned();
        let other = other.filter(|other| *other != name);
        let scene = Scene { name: name.clone(), notes, fade, values: values.to_vec(), gone: Vec::new() };
        let text = format::write(&scene, values, &self.layout, &self.tree);
        let job = self.put(&file, scene, text)?;
        if !self.order.contains(&file) {
            self.order.push(file);
            self.save_order()?;
        }
        Ok((job, name, other))
    }

    /// Name, notes and fade of the scene in a file; the next one there keeps the latter two.
    fn title(&mut self, file: &str) -> (Option<String>, String, Option<(f64, Shape)>) {
        if self.leaving.contains_key(file) {
            return Default::default();
        }
        match (self.read(file), self.known.get(file)) {
            (Ok(scene), _) => (Some(scene.name.clone()), scene.notes.clone(), scene.fade),
            // A disk that fails takes nothing along: they are what they were.
            (Err(Unread::Disk(_)), Some((_, Ok(scene)))) => (Some(scene.name.clone()), scene.notes.clone(), scene.fade),
            (Err(Unread::Disk(why)), _) => {
                tracing::warn!(file, "what notes and fade the scene had is not known: {why}; its file stays as the one before");
                Default::default()
            }
            (Err(Unread::Wrong(_)), _) => Default::default(),
        }
    }

    fn put(&mut self, file: &str, scene: Scene, text: String) -> Result<Option<u64>, String> {
        let text: Arc<str> = text.into();
        let job = self.give(Work::Write(format!("{file}.toml"), text.clone()))?;
        self.hold(file, scene, text, job);
        Ok(job)
    }

    /// From now on this is the scene in a file; `text` is what it reads as.
    fn hold(&mut self, file: &str, scene: Scene, text: Arc<str>, job: Option<u64>) {
        self.leaving.remove(file);
        self.unsaved.insert(file.to_owned(), Unsaved { text, name: scene.name.clone(), job });
        self.known.insert(file.to_owned(), (None, Ok(Arc::new(scene))));
    }

    fn give(&mut self, work: Work) -> Result<Option<u64>, String> {
        let Some(folder) = &self.folder else { return Ok(None) };
        if self.writer.is_none() {
            self.writer = Some(Writer::start(folder.clone()).map_err(|e| format!("cannot save: {e}"))?);
        }
        self.writer.as_mut().map(|w| w.give(work)).transpose()
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
                let now = self.path(&file).and_then(|path| stamp(&path).ok().flatten());
                if let Some((then, _)) = self.known.get_mut(&file) {
                    *then = now;
                }
            }
        }
        Some(done)
    }

    fn text(&self, file: &str) -> Result<String, String> {
        match (self.unsaved.get(file), self.path(file)) {
            (Some(unsaved), _) => Ok(unsaved.text.to_string()),
            (None, Some(path)) => fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display())),
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
        self.put(file, scene, text)
    }

    /// Gives a scene another name; the job that writes it.
    ///
    /// # Errors
    /// Where that name cannot be one, or is another scene's.
    pub fn rename(&mut self, file: &str, to: &str) -> Result<Option<u64>, String> {
        let new = file_of(to)?;
        let mut scene = (*self.read(file)?).clone();
        to.trim().clone_into(&mut scene.name);
        let text = format::retitled(&self.text(file)?, &scene.name, &scene.notes, scene.fade);
        if new == file {
            return self.put(file, scene, text);
        }
        if self.order.contains(&new) {
            return Err(format!("there is a scene {} already", quoted(to)));
        }
        let text: Arc<str> = text.into();
        let job = self.give(Work::Rename(format!("{file}.toml"), format!("{new}.toml"), text.clone()))?;
        self.leave(file, job);
        self.hold(&new, scene, text, job);
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
}
