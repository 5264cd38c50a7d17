#!/usr/bin/env bash
# run.sh   From a fresh checkout to sound: install, build, find the way to the speakers, play the demo.
#
# The way is, in this order: a JACK server that answers; PipeWire through its own libjack; a jackd started here
# on a sound card, and stopped at exit; none, and then the demo goes to demo.wav with meters in the terminal.
# The program is told what was found by HEADROOM_SOUND (one phrase) and says the rest itself.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH" JACK_NO_START_SERVER=1
# Without a session bus jackd would wait for a reservation service that is not there.
[ -n "${DBUS_SESSION_BUS_ADDRESS:-}" ] || export JACK_NO_AUDIO_RESERVATION=1

have() { command -v "$1" >/dev/null 2>&1; }
# A JACK tool can hang for ever on a server that died or froze, and then heeds no SIGTERM.
within() { timeout -s KILL "$@" </dev/null >/dev/null 2>&1; }

jack_answers() { have jack_lsp && within 3 jack_lsp; }
pipewire_answers() { have pw-cli && within 3 pw-cli info 0; }
pipewire_libraries() {
  local found
  found=$(compgen -G '/usr/lib/*/pipewire-*/jack/libjack.so.0' | head -n 1)
  [ -n "$found" ] && dirname "$found"
}

. systemd/cards.sh

jackd_pid=
jackd_log=
stop_jackd() {
  [ -n "$jackd_pid" ] || return 0
  kill -INT "$jackd_pid" 2>/dev/null
  for _ in $(seq 30); do
    kill -0 "$jackd_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$jackd_pid" 2>/dev/null
  wait "$jackd_pid" 2>/dev/null
  jackd_pid=
}
trap 'stop_jackd; [ -z "$jackd_log" ] || rm -f "$jackd_log"' EXIT
trap 'exit 130' INT TERM HUP

# start_jackd ID WAYS: a server of our own on that card. In a session of its own, so that Ctrl-C reaches the
# console first and the server only when the console has faded out.
start_jackd() {
  local ways=() realtime=(--realtime -P70)
  [ "$2" = duplex ] || ways=(-P)
  chrt -f 70 true 2>/dev/null || realtime=(--no-realtime)
  jackd_log=${jackd_log:-$(mktemp)}
  setsid jackd "${realtime[@]}" -d alsa -d "hw:$1" "${ways[@]}" -r 48000 -p 256 -n 3 </dev/null >"$jackd_log" 2>&1 &
  jackd_pid=$!
  for _ in $(seq 50); do
    kill -0 "$jackd_pid" 2>/dev/null || break
    jack_answers && return 0
    sleep 0.1
  done
  stop_jackd
  return 1
}

sound=none
find_sound() {
  sound=none
  if jack_answers; then
    sound=jack
  elif pipewire_answers; then
    sound=pipewire
  elif [ -n "$(playing_cards)" ]; then
    sound=card
  fi
}

# Whether there will be sound is the first thing said, before minutes of building.
find_sound
case $sound in
  none) echo "No JACK server, no PipeWire and no sound card here: the demo goes to demo.wav, with meters in this terminal." ;;
  jack) echo "Sound: the JACK server that is running." ;;
  pipewire) echo "Sound: PipeWire." ;;
  card) echo "Sound: a JACK server, started on $(playing_cards | head -n 1 | cut -f 2)." ;;
esac

scripts/install.sh run || echo "Going on with what is here." >&2
if ! have cargo; then
  echo "No cargo found, neither on PATH nor in ~/.cargo/bin: install Rust from https://rustup.rs" >&2
  exit 1
fi
cargo build --release -p headroom || exit 1
headroom=${CARGO_TARGET_DIR:-target}/release/headroom

case $sound in
  jack) export HEADROOM_SOUND="the JACK server that was running" ;;
  pipewire)
    libraries=$(pipewire_libraries) || { echo "PipeWire's JACK library is not here (package pipewire-jack)." >&2; sound=none; }
    export LD_LIBRARY_PATH="${libraries:-}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" HEADROOM_SOUND="PipeWire"
    ;;
  card)
    sound=none
    while IFS=$'\t' read -r id name ways; do
      if start_jackd "$id" "$ways" || { [ "$ways" = duplex ] && start_jackd "$id" playback; }; then
        sound=card
        export HEADROOM_SOUND="$name (hw:$id), by a JACK server started for this"
        break
      fi
      echo "jackd does not start on $name (hw:$id): $(grep -iE 'error|cannot|busy|denied' "$jackd_log" | tail -n 1)" >&2
    done < <(playing_cards)
    ;;
esac

if [ "$sound" = none ]; then
  export HEADROOM_SOUND="none"
  "$headroom" demo --record demo.wav "$@"
else
  "$headroom" demo "$@"
fi
