#!/usr/bin/env bash
# bench.sh [WORD...]   Every benchmark, after a few lines about the machine without which the figures say little.
# engine: a strip in the engine alone, by path; procs: each processor alone; recall: a whole console recalled; offline, live: the program as a user runs it; count: instructions.
set -eu
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"
words=${*:-engine procs recall offline live count}
scripts/install.sh bench || echo "Some programs are missing; the parts that want them will say so." >&2
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sr), $(rustc --version)"
cargo build -q --release --locked -p headroom
export HEADROOM_BIN=${HEADROOM_BIN:-$(realpath "${CARGO_TARGET_DIR:-target}")/release/headroom}
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); governor: $(cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2>/dev/null || echo unknown)"
for word in $words; do
  case $word in
    engine) cargo bench -q --locked -p headroom-dsp --bench strips ;;
    procs) cargo bench -q --locked -p headroom-dsp --bench strips -- procs ;;
    recall) cargo bench -q --locked -p headroom-dsp --bench strips -- recall ;;
    offline | live) cargo bench -q --locked -p headroom-e2e --bench work -- "$word" ;;
    count) scripts/count.sh ;;
    *) echo "bench.sh: no part is named $word: engine, procs, offline, live, count" >&2; exit 2 ;;
  esac
done
