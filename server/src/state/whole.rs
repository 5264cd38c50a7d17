//! Files that are whole at any instant: written beside, synced and renamed; the one before keeps its name and `.1`.

use rustix::fs::{Dir, Mode, OFlags};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A path with something behind a dot.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Replaces a file; the present one becomes the one before. Whatever fails, one of them is whole.
///
/// # Errors
/// What the system says.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = beside(path, "tmp");
    let done = replace(path, &tmp, bytes);
    if done.is_err() {
        let _ = fs::remove_file(&tmp);
    }
    done
}

fn replace(path: &Path, tmp: &Path, bytes: &[u8]) -> io::Result<()> {
    // Whatever stands there is of an earlier attempt, or a pipe that would be waited for.
    let _ = fs::remove_file(tmp);
    let mut file = File::create(tmp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    if path.try_exists()? {
        keep(path)?;
    }
    fs::rename(tmp, path)?;
    sync_folder(path)
}

/// Makes the present file the one before, with no moment in which it is not there.
fn keep(path: &Path) -> io::Result<()> {
    let before = beside(path, "1");
    match fs::remove_file(&before) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if fs::hard_link(path, &before).is_ok() {
        return Ok(());
    }
    // Not every file system has second names, and not every file may be given one.
    let copy = beside(path, "1.tmp");
    let copied = fs::copy(path, &copy).and_then(|_| File::open(&copy)?.sync_all()).and_then(|()| fs::rename(&copy, &before));
    copied.or_else(|_| {
        let _ = fs::remove_file(&copy);
        // What cannot be copied is kept all the same.
        fs::rename(path, &before)
    })
}

/// Takes a file away; it becomes the one before.
///
/// # Errors
/// What the system says; that it was not there is none.
pub fn set_aside(path: &Path) -> io::Result<()> {
    match fs::rename(path, beside(path, "1")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(path),
    }
}

/// What is wanted of the names in a folder, `most` at most. Where not all of them can be read, that is an error and not a
/// shorter list.
///
/// # Errors
/// What the system says.
pub fn entries<T>(folder: &Path, most: usize, wanted: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    // Not the standard library's reader, which panics where the folder cannot be closed.
    let folder = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut found = Vec::new();
    for entry in Dir::new(folder)? {
        found.extend(entry?.file_name().to_str().ok().and_then(&wanted));
        if found.len() >= most {
            break;
        }
    }
    Ok(found)
}

/// Syncs the folder that a file or folder stands in.
///
/// # Errors
/// What the system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}
