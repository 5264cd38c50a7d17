//! The names of scenes, read on a thread of their own: a list of many takes as long as their files, and the hub waits
//! for none of them.

use super::folder::{Stamp, stamp};
use super::{Book, LARGEST};
use crate::scene::format;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// Files in their order, each with its name where that is known already.
type Asked = Vec<(String, Option<String>)>;

/// The thread and the way to it. Dropping it ends the thread when it has read what it was asked for.
pub(super) struct Names {
    asked: Sender<Asked>,
    told: Receiver<Vec<String>>,
}

impl Names {
    fn start(folder: PathBuf) -> io::Result<Names> {
        let (asked, asks) = channel::<Asked>();
        let (tell, told) = channel();
        let read = move || {
            let mut known: HashMap<String, (Stamp, String)> = HashMap::new();
            for files in asks {
                known.retain(|file, _| files.iter().any(|f| f.0 == *file));
                let name = |(file, name): (String, Option<String>)| name.unwrap_or_else(|| named(&folder, file, &mut known));
                if tell.send(files.into_iter().map(name).collect()).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("headroom-names".into()).spawn(read)?;
        Ok(Names { asked, told })
    }
}

/// The name that a file shows: its own where it says none, or cannot be read.
fn named(folder: &Path, file: String, known: &mut HashMap<String, (Stamp, String)>) -> String {
    let path = folder.join(format!("{file}.toml"));
    let Ok(Some(now)) = stamp(&path) else { return file };
    if let Some((_, name)) = known.get(&file).filter(|k| k.0 == now) {
        return name.clone();
    }
    let text = if now.bytes > LARGEST { None } else { fs::read_to_string(&path).ok() };
    let Some(text) = text else { return file };
    let name = format::parse(&text).map_or_else(|_| file.clone(), |text| text.shown(&file).to_owned());
    known.insert(file, (now, name.clone()));
    name
}

impl Book {
    /// Begins to list the names of all scenes in their order: [`Book::listed`] has them as soon as they are known.
    pub fn list(&mut self) {
        self.refresh();
        if self.names.is_none() {
            let start =
                |folder: &PathBuf| Names::start(folder.clone()).inspect_err(|e| tracing::warn!("scenes have no names: {e}"));
            self.names = self.folder.as_ref().and_then(|folder| start(folder).ok());
        }
        let name = |file: &String| (file.clone(), self.unsaved.get(file).map(|u| u.name.clone()));
        let files: Asked = self.order.iter().map(name).collect();
        let rest = match &self.names {
            Some(names) => names.asked.send(files).err().map(|e| e.0),
            None => Some(files),
        };
        // Without a folder all are in memory; without a thread files have to do.
        self.listed = rest.map(|files| files.into_iter().map(|(file, name)| name.unwrap_or(file)).collect());
    }

    /// The names that were asked for last.
    pub fn listed(&mut self) -> Option<Vec<String>> {
        if let Some(names) = &self.names {
            match names.told.try_recv() {
                Ok(told) => return Some(told),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    self.names = None;
                    return Some(self.order.clone());
                }
            }
        }
        self.listed.take()
    }
}
