//! State: what was set live, kept over the end of the program.
//!
//! ```text
//!  hub ─► Keeper (which values were set live) ─► Writer (a thread) ─► Store (files) ─┐
//!  desk ◄─ merge ◄─ Memory ◄─ format ◄──────────────────────────────────────────────┘
//! ```
//!
//! The rig file is never written. A [`Memory`] holds what was set live and what the rig stated when it was
//! last loaded, by address with ids for numbers; [`load::desk`] merges it with a rig, at start and at reload.

pub mod format;
pub mod keeper;
pub mod load;
pub mod merge;
pub mod store;
pub mod text;
pub mod whole;
pub mod writer;

pub use format::{Aside, Memory};
pub use keeper::Keeper;
pub use store::{Refused, Store};
pub use writer::{Status, Writer};

use crate::rig::Rig;
use std::path::{Path, PathBuf};

/// What the command line says about state.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--state`.
    pub dir: Option<PathBuf>,
    /// `--fresh`.
    pub fresh: bool,
}

/// The state of a rig, read and not yet written.
#[derive(Default)]
pub struct Opened {
    /// What was saved.
    pub memory: Memory,
    store: Option<Store>,
    fresh: bool,
}

/// Opens the state of a rig, and keeps others from opening it. What cannot be had now is logged and tried
/// again by the writer.
///
/// # Errors
/// Where `--state` names no directory, or another process has this state.
pub fn open(rig: &Rig, file: Option<&Path>, options: &Options) -> Result<Opened, Refused> {
    let Some(dir) = store::directory(options.dir.as_deref())? else {
        tracing::error!("state is not kept: there is no home directory; --state DIR names another");
        return Ok(Opened::default());
    };
    let mut store = Store::open(dir, &rig.spec.name, &store::key(file))?;
    let memory = if options.fresh { Memory::default() } else { store.load() };
    Ok(Opened { memory, store: Some(store), fresh: options.fresh })
}

impl Opened {
    /// Folder of what the rig's control surfaces have learned.
    pub fn surfaces(&self) -> Option<PathBuf> {
        self.store.as_ref().map(|store| store.path().with_extension("surfaces"))
    }

    /// Starts to write, from now on; with `--fresh` what was there is set aside first, and its new name given.
    pub fn writer(self) -> (Option<Writer>, Option<PathBuf>) {
        let Some(mut store) = self.store else { return (None, None) };
        let aside = if self.fresh { store.set_all_aside("fresh") } else { Ok(None) };
        let aside = aside.unwrap_or_else(|error| {
            tracing::error!(path = %store.path().display(), %error, "the state cannot be set aside yet");
            None
        });
        (Some(Writer::start(store)), aside)
    }
}
