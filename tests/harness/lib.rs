//! What the end-to-end tests stand on: real JACK servers, the real program, and clients of both, each test in
//! a world of its own.
//!
//! ```no_run
//! use headroom_e2e::{Jackd, isolated};
//!
//! #[test]
//! fn a_server_answers() {
//!     isolated(|| {
//!         let jackd = Jackd::start(48_000, 256);
//!         assert!(jackd.lsp(&[]).contains("system:playback_1"));
//!     });
//! }
//! ```
//!
//! [`isolated`] runs the test again as a process in private namespaces (see `scripts/isolate.sh`), so a test may
//! use any port and any server name, and whatever it leaves behind dies with it.

use std::time::{Duration, Instant};

mod headroom;
mod isolate;
mod jackd;
pub mod measure;
mod midi_process;
mod needs;
mod osc;
mod peer;
mod peer_process;
mod process;
pub mod recorded;
mod surface;
mod wav;
pub mod web;

pub use headroom::Headroom;
pub use isolate::{apart, isolated, isolated_for};
pub use jackd::{Jackd, tool};
pub use needs::{here, in_path};
pub use osc::{Osc, Status, message};
pub use peer::Peer;
pub use peer_process::peer_main;
pub use process::{Thread, files, resident_kb, threads};
pub use rosc::OscMessage;
pub use surface::ControlSurface;
pub use wav::{frames, peak, read_wav, side, tone, write_wav};

/// Ask until the answer is yes; panic, naming what was awaited, when it is not within ten seconds.
///
/// Tests wait for events, never for times: on a busy machine everything comes, only later.
pub fn eventually(what: &str, yes: impl FnMut() -> bool) {
    eventually_within(Duration::from_secs(10), what, yes);
}

/// [`eventually`] with another patience.
pub fn eventually_within(patience: Duration, what: &str, mut yes: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !yes() {
        assert!(Instant::now() < until, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
