#!/usr/bin/env bash
# count.sh   Instructions a sample and strip of the engine: this machine's path under valgrind, NEON under user-mode
# emulation. Counts do not wander as times do. Wants valgrind, qemu-user-static, gcc-aarch64-linux-gnu and
# `rustup target add aarch64-unknown-linux-gnu`; says what is missing and counts the rest. Fails where the arm64 build
# does not run its vectors, or needs more than 2.5 times the instructions of AVX2.
set -u
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc

# The bench program for a target, built.
program() {
  cargo bench -q --locked -p headroom-dsp --bench strips --no-run --message-format json "$@" |
    sed -n 's/.*"executable":"\([^"]*strips-[^"]*\)".*/\1/p' | tail -n 1
}

native() {
  valgrind --tool=lackey --basic-counts=yes "$1" run "$2" "$3" 2>&1 | sed -n 's/.*guest instrs: *//p' | tr -d ,
}

# The emulator logs each block of instructions once, with what is in it, and every time it is run.
emulated() {
  qemu-aarch64-static -L /usr/aarch64-linux-gnu -d in_asm,exec,nochain -D /dev/stdout "$1" run "$2" "$3" | awk '
    /^IN:/ { first = ""; next }
    /^0x/ { pc = substr($1, 3); sub(":", "", pc); while (length(pc) < 16) pc = "0" pc
            if (first == "") { first = pc; size[first] = 0 }
            size[first]++; next }
    /^Trace/ { split($4, part, "/"); sum += size[part[2]] }
    END { printf "%d\n", sum }'
}

# Marginal strip, without start: 64 strips more, 960 frames more, behind the first 2,400 in which gains still move.
marginal() {
  local count=$1 of=$2 a b c d
  a=$($count "$of" 8 2400) b=$($count "$of" 8 3360) c=$($count "$of" 72 2400) d=$($count "$of" 72 3360)
  awk -v a="$a" -v b="$b" -v c="$c" -v d="$d" 'BEGIN { printf "%.1f\n", ((d - c) - (b - a)) / 960 / 64 }'
}

if command -v valgrind >/dev/null; then
  here=$(program)
  path=$("$here" run 8 64)
  own=$(marginal native "$here")
  echo "$path: $own instructions a sample and strip"
else
  echo "valgrind is missing: nothing to compare with"
fi
if command -v qemu-aarch64-static >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null &&
  rustup target list --installed 2>/dev/null | grep -q aarch64-unknown-linux-gnu; then
  there=$(program --target aarch64-unknown-linux-gnu)
  path=$(qemu-aarch64-static -L /usr/aarch64-linux-gnu "$there" run 8 64)
  vector=$(marginal emulated "$there")
  scalar=$(HEADROOM_LANES=scalar marginal emulated "$there")
  echo "$path: $vector instructions a sample and strip (one lane at a time: $scalar)${own:+, $(awk -v a="$vector" -v b="$own" 'BEGIN { printf "%.2f", a / b }') times as many}"
  awk -v v="$vector" -v s="$scalar" -v o="${own:-1e9}" -v p="$path" 'BEGIN { exit !(p == "neon" && v < 0.75 * s && v <= 2.5 * o) }' ||
    { echo "that is not what the vectors are there for" >&2; exit 1; }
else
  echo "qemu-user-static, gcc-aarch64-linux-gnu or the Rust target is missing: NEON is not counted"
fi
