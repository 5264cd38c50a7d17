#!/usr/bin/env bash
# page-cost.sh [RIG]   What the web mixer weighs, and what a frame of it costs with 64 strips metering, by Chromium's trace.
# HEADROOM_BIN names another program than target/release/headroom.
set -eu
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
rig=${1:-}
if [ -z "$rig" ]; then
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  rig=$dir/64.toml
  "${HEADROOM_BIN:-target/release/headroom}" new --channels 64 --aux 8 --template band -o "$rig" >&2
fi
python3 tests/browser/cost.py "$rig"
