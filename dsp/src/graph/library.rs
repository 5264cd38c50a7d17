//! Where the console gets impulse responses from. The graph knows names only; who owns the files
//! (the server) puts a [`Sounds`] into the [`Library`].

use crate::kernel::convolver::Impulse;
use std::fmt;
use std::sync::Arc;

/// A store of impulse responses. Control side: it may read files, and should remember them.
pub trait Sounds: Send + Sync {
    /// The impulse response of a name, at a rate in Hz.
    ///
    /// # Errors
    /// In words for the user: what was looked for where, and what is wrong.
    fn impulse(&self, name: &str, rate: f64) -> Result<Arc<Impulse>, String>;
}

/// A store or none. Two consoles do not differ by it.
#[derive(Clone, Default)]
pub struct Library(Option<Arc<dyn Sounds>>);

impl Library {
    /// A library of this store.
    pub fn new(sounds: Arc<dyn Sounds>) -> Library {
        Library(Some(sounds))
    }

    /// The impulse response of a name, at a rate in Hz.
    ///
    /// # Errors
    /// As [`Sounds::impulse`]; without a store there is none to be had.
    pub fn impulse(&self, name: &str, rate: f64) -> Result<Arc<Impulse>, String> {
        let none = || format!("\"{name}\" cannot be loaded: this rig is built in and has no folder for files");
        self.0.as_ref().ok_or_else(none)?.impulse(name, rate)
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Library" } else { "no library" })
    }
}

impl PartialEq for Library {
    fn eq(&self, _other: &Library) -> bool {
        true
    }
}
