//! headroom, the server: everything that waits, opens things and talks to the outside.
//!
//! The `headroom` binary is a thin shell over this library, so that tests can drive its parts directly.

// What is printed may have no reader: `cli::out` and `log` know what to do then.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod analyze;
pub mod audiofile;
pub mod backend;
pub mod cli;
pub mod console;
pub mod cues;
pub mod demo;
pub mod discovery;
pub mod http;
pub mod hub;
pub mod log;
pub mod metering;
pub mod midi;
pub mod net;
pub mod record;
pub mod rig;
pub mod scene;
pub mod service;
pub mod state;
