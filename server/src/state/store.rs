//! The files of a rig's state: where they are, one owner at a time, never half written, never deleted.
//!
//! `NAME-KEY.state` is the state: the rig's name for people, and a number of where its file is, which keeps
//! rigs of one name apart. Beside it stand `….state.1`, the one before; `….state.damaged-N`, what could not
//! be read; `….state.fresh-N`, what `--fresh` left behind; and `KEY.lock`, held by the process that has it.

use super::format::{Memory, crc64, decode};
use super::whole::{self, beside};
use crate::rig::strip::slug;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process that is about to end is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Times that a file is read again where the system fails.
const READ_AGAIN: usize = 4;
/// Bytes of a state file at most; more are not headroom's.
const MOST_BYTES: u64 = 64 << 20;

/// Why a rig's state is not to be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    /// `--state` names no directory.
    #[error("--state {0} is not a directory")]
    NoDirectory(String),
    /// Another process has it.
    #[error(
        "the state in {path} belongs to another headroom ({owner}); stop that one, or give this one a directory with --state"
    )]
    Busy {
        /// The file.
        path: String,
        /// Who has it.
        owner: String,
    },
}

/// The directory of state: the one named, else `$STATE_DIRECTORY`, `$XDG_STATE_HOME/headroom`,
/// `~/.local/state/headroom`. `None` where there is no home.
///
/// # Errors
/// Where the one named is something else.
pub fn directory(named: Option<&Path>) -> Result<Option<PathBuf>, Refused> {
    if let Some(named) = named {
        let refused = || Refused::NoDirectory(named.display().to_string());
        let dir = std::path::absolute(named).map_err(|_| refused())?;
        return if dir.exists() && !dir.is_dir() { Err(refused()) } else { Ok(Some(dir)) };
    }
    Ok(default_directory(|name| std::env::var_os(name).map(PathBuf::from)))
}

fn default_directory(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let var = |name| var(name).filter(|p| p.is_absolute());
    // systemd names several with colons between; the first is the service's own.
    let systemd = var("STATE_DIRECTORY").and_then(|p| p.to_str().and_then(|p| p.split(':').next()).map(PathBuf::from));
    let xdg = || var("XDG_STATE_HOME").map(|p| p.join("headroom"));
    let home = || var("HOME").map(|p| p.join(".local/state/headroom"));
    systemd.or_else(xdg).or_else(home)
}

/// What keeps a rig's state apart from others: a number of where its file is.
pub fn key(file: Option<&Path>) -> String {
    let Some(file) = file else { return "built-in".into() };
    let path = fs::canonicalize(file).or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.into());
    format!("{:08x}", crc64(path.as_os_str().as_encoded_bytes()) as u32)
}

fn file_name(rig: &str, key: &str) -> String {
    let mut name = slug(rig);
    name.truncate(64);
    let name = if name.is_empty() { "rig" } else { name.trim_end_matches('-') };
    format!("{name}-{key}.state")
}

/// See the module documentation.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    key: String,
    path: PathBuf,
    lock: Option<File>,
    /// What is there was read, or may be written over.
    known: bool,
}

impl Store {
    /// The state of a rig in a directory, made where it is missing; `key` as [`key`] gives it. Where that
    /// fails, values can still be read, and [`Store::write`] tries again.
    ///
    /// # Errors
    /// Where another process has it and keeps it for two seconds.
    pub fn open(dir: PathBuf, rig: &str, key: &str) -> Result<Store, Refused> {
        let mut store = Store { path: dir.join(file_name(rig, key)), dir, key: key.into(), lock: None, known: false };
        let until = Instant::now() + PATIENCE;
        loop {
            match store.lock() {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() > until {
                        let owner = fs::read_to_string(store.lock_file()).unwrap_or_default();
                        let owner = if owner.trim().is_empty() { "unknown".into() } else { format!("process {}", owner.trim()) };
                        return Err(Refused::Busy { path: store.path.display().to_string(), owner });
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
                // The writer meets it again, and says so.
                Err(error) => {
                    tracing::debug!(%error, "the state is not locked");
                    break;
                }
            }
        }
        store.follow_name();
        Ok(store)
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        beside(&self.path, suffix)
    }

    fn lock_file(&self) -> PathBuf {
        self.dir.join(format!("{}.lock", self.key))
    }

    fn lock(&mut self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut file = File::options().create(true).read(true).write(true).truncate(false).open(self.lock_file())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
        self.lock = Some(file);
        Ok(())
    }

    /// A rig that was given another name keeps its state: the files of the old name get the new one.
    fn follow_name(&self) {
        if self.lock.is_none() || self.path.exists() || self.beside("1").exists() {
            return;
        }
        let end = format!("-{}.state", self.key);
        let named = whole::entries(&self.dir, 1, |name| name.ends_with(&end).then(|| self.dir.join(name)));
        let Some(old) = named.unwrap_or_default().pop() else { return };
        // The state last: while it is there under its old name, this is done again.
        let _ = fs::rename(beside(&old, "1"), self.beside("1"));
        if fs::rename(&old, &self.path).is_ok() {
            tracing::info!(from = %old.display(), to = %self.path.display(), "the rig has a new name; its state follows");
        }
    }

    /// What was saved: of the state and the one before it the first that is whole. What is not is set aside.
    pub fn load(&mut self) -> Memory {
        self.known = self.lock.is_some();
        let mut damaged = false;
        for path in [self.path.clone(), self.beside("1")] {
            match read(&path) {
                Ok(None) => {}
                Ok(Some(memory)) => {
                    self.known = true;
                    if damaged {
                        tracing::warn!(path = %path.display(), "the state before it is used");
                    }
                    return memory;
                }
                Err(reason) => {
                    let kept = match self.set_aside(&path, "damaged") {
                        Ok(to) => format!("it is kept as {}", to.display()),
                        Err(error) => format!("it stays where it is: {error}"),
                    };
                    tracing::warn!(path = %path.display(), "a state file is damaged: {reason}; {kept}");
                    damaged = true;
                }
            }
        }
        if damaged {
            tracing::warn!("no state is left that is whole; the rig's values are used");
        }
        Memory::default()
    }

    /// Renames a file to the first free name of a kind.
    fn set_aside(&self, path: &Path, kind: &str) -> io::Result<PathBuf> {
        let free = (1..).map(|n| self.beside(&format!("{kind}-{n}"))).find(|p| p.symlink_metadata().is_err());
        let to = free.unwrap_or_else(|| self.beside(kind));
        fs::rename(path, &to)?;
        Ok(to)
    }

    /// Renames the state and the one before it, so that the next start knows neither; the state's new name.
    ///
    /// # Errors
    /// What the system says; it is tried again before the first write.
    pub fn set_all_aside(&mut self, kind: &str) -> io::Result<Option<PathBuf>> {
        self.known = false;
        // The older one first: it would be taken for the state if the other went alone.
        let mut renamed = None;
        for path in [self.beside("1"), self.path.clone()] {
            match self.set_aside(&path, kind) {
                Ok(to) => renamed = Some(to),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.known = true;
        Ok(renamed)
    }

    /// Replaces the state; the present one becomes the one before. Whatever fails, one of them is whole.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.lock.is_none() {
            self.lock().map_err(|e| match e.kind() {
                ErrorKind::WouldBlock => io::Error::new(e.kind(), "another headroom has it"),
                _ => e,
            })?;
        }
        if !self.known {
            // What came to light after the start was not read by it.
            self.set_all_aside("unread")?;
        }
        whole::write(&self.path, bytes)
    }
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<Memory>, String> {
    let mut bytes = read_bytes(path);
    for _ in 0..READ_AGAIN {
        match &bytes {
            // A lack of descriptors or memory passes, and says nothing about the file.
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(Duration::from_millis(50)),
            _ => break,
        }
        bytes = read_bytes(path);
    }
    match bytes {
        Ok(bytes) if bytes.len() as u64 > MOST_BYTES => Err("it is far too long".into()),
        Ok(bytes) => decode(&bytes).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Opening a pipe would wait for who writes it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
