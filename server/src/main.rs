//! The `headroom` binary.

#[allow(dead_code, unused_imports)]
mod analyze;
#[allow(dead_code, unused_imports)]
mod audiofile;

fn main() {}
