//! Where the console gets impulse responses and recordings from. The graph knows names only; who owns the files
//! (the server) puts a [`Sounds`] into the [`Library`].

use crate::kernel::convolver::Impulse;
use crate::kernel::tape::Tape;
use std::fmt;
use std::sync::Arc;

/// A store of sounds. Control side: it may read files, and should remember them.
pub trait Sounds: Send + Sync {
    /// The impulse response of a name, at a rate in Hz.
    ///
    /// # Errors
    /// In words for the user: what was looked for where, and what is wrong.
    fn impulse(&self, name: &str, rate: f64) -> Result<Arc<Impulse>, String>;

    /// The recording of a name, at a rate in Hz: the same tape for the same name as long as anyone holds it.
    ///
    /// # Errors
    /// As [`Sounds::impulse`].
    fn tape(&self, name: &str, rate: f64) -> Result<Arc<Tape>, String>;
}

/// A store or none. Two consoles do not differ by it.
#[derive(Clone, Default)]
pub struct Library {
    sounds: Option<Arc<dyn Sounds>>,
    /// Faster than real time: no tape can be wound.
    offline: bool,
}

impl Library {
    /// A library of this store.
    pub fn new(sounds: Arc<dyn Sounds>) -> Library {
        Library { sounds: Some(sounds), offline: false }
    }

    /// The impulse response of a name, at a rate in Hz.
    ///
    /// # Errors
    /// As [`Sounds::impulse`]; without a store there is none to be had.
    pub fn impulse(&self, name: &str, rate: f64) -> Result<Arc<Impulse>, String> {
        let none = || format!("\"{name}\" cannot be loaded: this rig is built in and has no folder for files");
        self.sounds.as_ref().ok_or_else(none)?.impulse(name, rate)
    }

    /// The recording of a name, at a rate in Hz; none offline.
    ///
    /// # Errors
    /// As [`Library::impulse`].
    pub fn tape(&self, name: &str, rate: f64) -> Result<Option<Arc<Tape>>, String> {
        let none = || format!("\"{name}\" cannot be loaded: this rig is built in and has no folder for files");
        if self.offline { Ok(None) } else { self.sounds.as_ref().ok_or_else(none)?.tape(name, rate).map(Some) }
    }

    /// The same store for a render.
    pub fn offline(&self) -> Library {
        Library { offline: true, ..self.clone() }
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.sounds.is_some() { "Library" } else { "no library" })
    }
}

impl PartialEq for Library {
    fn eq(&self, _other: &Library) -> bool {
        true
    }
}
