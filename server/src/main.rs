//! The `headroom` binary.

#[allow(dead_code)]
mod analyze;
#[allow(dead_code)]
mod audiofile;
#[allow(dead_code)]
mod demo;

fn main() {}
