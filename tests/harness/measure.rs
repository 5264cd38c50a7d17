//! What sound is measured by: test signals, levels, spectra, rooms, and files that keep every bit.
//!
//! Levels are dBFS with a sine's peak as its level; distortion is relative to the whole. Nothing here
//! knows the program under test.

pub mod file;
pub mod room;
pub mod signal;
pub mod song;
pub mod spectrum;

pub use file::{Sound, read, write};
pub use signal::{amplitude, db, noise, power_db, rms_db, tone};
