//! headroom-protocol: bytes in, intents out; changes in, bytes out. No I/O, so all of it is tested
//! as pure code.
//!
//! | module | does |
//! | --- | --- |
//! | [`osc`] | packets and streams to messages and back |
//! | [`pattern`] | address patterns |
//! | [`oscquery`] | the tree as JSON |
//! | [`layout`] | layouts for tablets, made of the tree |
//! | [`address`] | addresses to parameters and back |
//! | [`coerce`] | arguments to values and back |
//! | [`intent`] | messages to [`intent::Intent`], the only words between surfaces and hub |
//! | [`midi`] | control surfaces: MIDI to wishes, changes to MIDI |
//! | [`reference`](mod@reference) | every address and command, printed |

pub mod address;
pub mod coerce;
pub mod intent;
pub mod layout;
pub mod midi;
pub mod osc;
pub mod oscquery;
pub mod pattern;
pub mod reference;
