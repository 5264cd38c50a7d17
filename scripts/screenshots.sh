#!/usr/bin/env bash
# screenshots.sh [RIG]   Pictures of the web mixer from the running program into docs/: phone, tablet, desktop.
# HEADROOM_BIN names another program than target/release/headroom. Chromium draws them.
set -eu
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
exec python3 tests/browser/pictures.py "${1:-configs/festival-32.toml}" docs
