//! The folder as it stands: which scenes there are, and the file that names them in order.

use super::{Book, Unsaved};
use crate::scene::is_file;
use crate::state::whole;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

/// The file that names the scenes in order; no scene's name leads to it.
pub(super) const ORDER: &str = "_order.toml";
/// Scenes of a rig at most.
pub(super) const MOST: usize = 1_024;

/// A file as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    changed: Option<SystemTime>,
    pub bytes: u64,
}

/// A file as it is now; `None` where there is none.
pub(super) fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        // Anything but a file could keep its reader waiting.
        Ok(about) => Ok(about.is_file().then(|| Stamp { changed: about.modified().ok(), bytes: about.len() })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file that names the scenes in order.
#[derive(serde::Deserialize)]
struct Order {
    scenes: Vec<String>,
}

impl Book {
    /// Follows the folder. What cannot be read now leaves things as they were.
    pub fn refresh(&mut self) {
        let Some(folder) = self.folder.clone() else { return };
        let scene = |name: &str| name.strip_suffix(".toml").filter(|f| is_file(f)).map(str::to_owned);
        let mut there = match whole::entries(&folder, MOST, scene) {
            Ok(files) => files,
            Err(error) => {
                if error.kind() == ErrorKind::NotFound {
                    let unsaved = &self.unsaved;
                    self.order.retain(|f| unsaved.contains_key(f));
                    self.followed = true;
                } else {
                    tracing::warn!(folder = %folder.display(), %error, "scenes cannot be looked for");
                }
                return;
            }
        };
        let busy = |book: &Book, f: &str| book.unsaved.get(f).is_some_and(Unsaved::is_under_way);
        there.retain(|f| self.order.contains(f) || !self.leaving.contains_key(f));
        there.sort();
        if self.ordering.is_none() {
            let read = self.read_order(&folder.join(ORDER));
            self.followed |= read;
        }
        let order = std::mem::take(&mut self.order);
        self.order = order.into_iter().filter(|f| there.binary_search(f).is_ok() || busy(self, f)).collect();
        for file in there {
            if !self.order.contains(&file) {
                self.order.push(file);
            }
        }
    }

    /// False where the disk does not give it.
    fn read_order(&mut self, path: &Path) -> bool {
        let Ok(now) = stamp(path) else { return false };
        if now == self.ordered {
            return true;
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return error.kind() == ErrorKind::NotFound,
        };
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
        true
    }
}
