//! Control surfaces: one thread serves them all.
//!
//! A surface is a client of the hub like any other: it has a link, a role, a subscription, and speaks OSC over it. What it
//! is and does is [`headroom_protocol::midi`]; here are its ports, the clock, and what happens when a cable is pulled.
//!
//! ```text
//!  JACK's process thread ⇄ rings ⇄ this thread ⇄ link ⇄ hub
//!  ALSA's sequencer ──── ports ──┘
//! ```

pub mod alsa;
mod desk;
mod host;
mod learned;
pub mod maps;
mod setup;
mod wishes;

pub use host::{Host, start};
pub use learned::Learned;
pub use setup::Surfaces;
