#!/usr/bin/env bash
# storm.sh [SECONDS]   Everything that an attacker on the network can do at once, for 60 seconds where nothing else is said,
# with its output, date, machine and commit in docs/storm.txt. Attackers, clients and server share this machine.
# Exit status: 0 where all that is asked holds.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH"
seconds=${1:-60}
. scripts/where.sh

# Compiled first, so that nothing of it shows.
cargo test --locked -q -p headroom-e2e --test hostile --no-run || exit 1
mkdir -p docs
{
  where
  echo "Storm    $seconds s, built-in clock"
} | tee docs/storm.txt
HEADROOM_STORM=$seconds cargo test --locked -q -p headroom-e2e --test hostile -- --nocapture 2>&1 |
  sed -e '/^\.*$/d' -e '/^running/d' -e 's/finished in.*//' | tee -a docs/storm.txt
exit "${PIPESTATUS[0]}"
