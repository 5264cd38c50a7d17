//! The `headroom` binary: arguments, logging, command, exit status.

fn main() {}
