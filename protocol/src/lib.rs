//! headroom-protocol

pub mod osc;
pub mod pattern;
