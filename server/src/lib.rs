//! headroom, the server: everything that waits, opens things and talks to the outside.

pub mod analyze;
pub mod audiofile;
pub mod backend;
pub mod demo;
pub mod rig;
