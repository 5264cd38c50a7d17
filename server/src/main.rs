//! The `headroom` binary.
#[allow(dead_code)]
mod rig;

fn main() {}
