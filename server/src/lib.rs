//! The server side of headroom: everything that waits, allocates freely and opens things.
//!
//! The `headroom` binary is a thin shell over this library, so that tests can drive its parts directly.

pub mod backend;
