#!/usr/bin/env bash
# quality.sh [word…]   Render test signals with the released program and hold what comes out against the bars.
# Words choose what is measured (`eq`, `limiter` …). HEADROOM_BIN measures another program.
set -eu
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"
if [ -z "${HEADROOM_BIN:-}" ]; then
  cargo build --release --locked -p headroom
  HEADROOM_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release/headroom
fi
export HEADROOM_BIN
exec cargo bench --locked -q -p headroom-e2e --bench quality -- "$@"
