#!/usr/bin/env bash
# bench.sh   Run every benchmark, after a few lines about the machine without which the figures say little.
set -eu
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"
echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sr), $(rustc --version)"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg); governor: $(cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor 2>/dev/null || echo unknown)"
exec cargo bench --workspace --locked "$@"
