//! The `headroom` binary.

#[allow(dead_code, unused_imports)]
mod audiofile;

fn main() {}
