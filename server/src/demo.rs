//! What `headroom demo` plays and how it is wired.

pub mod band;
pub mod source;
