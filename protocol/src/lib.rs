//! headroom-protocol

pub mod pattern;
