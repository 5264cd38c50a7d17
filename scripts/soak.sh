#!/usr/bin/env bash
# soak.sh [MINUTES] [RIG]   A soak of the released program, 60 minutes of the festival rig where nothing else is said, with
# its output, date, machine and commit in docs/soak.txt. HEADROOM_BIN names another program.
# On the JACK server that runs, so on a Pi with its card it is an acceptance test; where none does, on a jackd of its own
# with real-time priority, 64 frames and no sound card. Nothing is heard: the rig's ports stay unconnected.
# Exit status: that of `headroom soak`, 0 where all bars hold.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH"
minutes=${1:-60}
rig=${2:-configs/festival-32.toml}
. scripts/where.sh

if [ -z "${HEADROOM_BIN:-}" ]; then
  scripts/install.sh run || exit 1
  cargo build --release --locked -p headroom || exit 1
  HEADROOM_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release/headroom
fi
export HEADROOM_BIN

soak() {
  "$HEADROOM_BIN" soak "$rig" --minutes "$minutes"
}

# In a world of its own: a server, and the soak on it.
own_server() {
  export JACK_DEFAULT_SERVER=headroom-soak
  jackd --realtime -P 60 -n "$JACK_DEFAULT_SERVER" -d dummy -r 48000 -p 64 -C 2 -P 2 >/dev/null 2>&1 &
  for _ in $(seq 100); do
    timeout -s KILL 2 jack_lsp >/dev/null 2>&1 && break
    sleep 0.1
  done
  soak
}

mkdir -p docs
{
  where
  echo "Program  $(basename "$(dirname "$HEADROOM_BIN")") build"
} >docs/soak.txt
if timeout -s KILL 2 jack_lsp >/dev/null 2>&1; then
  echo "JACK     the server that runs" >>docs/soak.txt
  soak 2>&1 | tee -a docs/soak.txt
  exit "${PIPESTATUS[0]}"
fi
echo "JACK     jackd -R, dummy driver, 48000 Hz, 64 frames" >>docs/soak.txt
export -f soak own_server
export minutes rig
seconds=$(awk "BEGIN { print int($minutes * 60) + 120 }")
scripts/isolate.sh -t "$seconds" bash -c own_server 2>&1 | tee -a docs/soak.txt
exit "${PIPESTATUS[0]}"
