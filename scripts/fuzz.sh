#!/usr/bin/env bash
# fuzz.sh [SECONDS] [TARGET...]   Coverage-guided fuzzing of every decoder, SECONDS (default 60) a target, one after the other.
#
# libFuzzer on the stable compiler: the coverage that it needs is a pass that LLVM brings along. The instrumented build
# has a target directory of its own. Inputs that found new code are kept in target/fuzz-corpus; an input that crashes is
# printed and kept in target/fuzz-found: put it into fuzz/corpus/TARGET under a name that says what it is, and
# `cargo test -p headroom-e2e --test fuzz` replays it from then on. Exit status 1 where something was found.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls fuzz/corpus)

host=$(rustc -vV | sed -n 's/^host: //p')
flags="--cfg fastest_path --cfg fuzzing -Cpasses=sancov-module -Cdebug-assertions -Coverflow-checks -Clink-dead-code"
for arg in sanitizer-coverage-level=4 sanitizer-coverage-inline-8bit-counters sanitizer-coverage-pc-table sanitizer-coverage-trace-compares; do
  flags+=" -Cllvm-args=-$arg"
done
into=$(realpath -m "${CARGO_TARGET_DIR:-target}")/fuzz
CARGO_TARGET_DIR=$into RUSTFLAGS=$flags CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
  cargo build --manifest-path fuzz/Cargo.toml --release --target "$host" || exit 1

found=0
for target in "${targets[@]}"; do
  mkdir -p "$into/../fuzz-corpus/$target" "$into/../fuzz-found"
  echo "== $target: $seconds s"
  HEADROOM_FUZZ=$target timeout $((seconds + 120)) "$into/$host/release/fuzz" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 -verbosity=0 -dict="fuzz/dictionaries/$target.dict" \
    -artifact_prefix="$into/../fuzz-found/$target-" "$into/../fuzz-corpus/$target" "fuzz/corpus/$target" 2>&1 |
    grep -E '^(==|stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|thread|SUMMARY|artifact_prefix|Base64|assertion)|panicked' 
  [ "${PIPESTATUS[0]}" = 0 ] || found=1
done
exit $found
