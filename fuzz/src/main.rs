//! All targets in one binary; `HEADROOM_FUZZ` names the one that runs. `scripts/fuzz.sh` builds and runs it.
#![no_main]

mod targets;

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("HEADROOM_FUZZ").unwrap_or_default();
    targets::TARGETS.iter().find(|t| t.name == name).unwrap_or_else(|| {
        let names: Vec<_> = targets::TARGETS.iter().map(|t| t.name).collect();
        eprintln!("HEADROOM_FUZZ is one of {}", names.join(" "));
        std::process::exit(2)
    })
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
