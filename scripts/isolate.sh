#!/usr/bin/env bash
# isolate.sh [-t SECONDS] CMD...   Run CMD with mounts, network, processes and shared memory of its own.
#
# JACK servers meet in /dev/shm and every test wants the same UDP ports, so each test gets both for itself.
# As root, or without it where user namespaces are allowed. Whatever CMD leaves behind is killed with it:
# a JACK tool whose server is gone ignores SIGTERM and would hang for ever.
# Exit status: that of CMD; 137 when the time is up; 125 when this machine cannot isolate.
set -u
seconds=120
if [ "${1:-}" = -t ]; then seconds=$2; shift 2; fi
[ $# -gt 0 ] || { echo "usage: isolate.sh [-t seconds] cmd..." >&2; exit 2; }

flags=(--mount --net --pid --ipc --fork --kill-child=SIGKILL --mount-proc --propagation private)
[ "$(id -u)" = 0 ] || flags+=(--user --map-root-user)
unshare "${flags[@]}" mount -t tmpfs tmpfs /dev/shm 2>/dev/null || {
  echo "isolate.sh: namespaces are not allowed here" >&2
  exit 125
}

export JACK_NO_START_SERVER=1 JACK_NO_AUDIO_RESERVATION=1
# The inner shell stays pid 1 of the new world and must not exec CMD, which may rely on an init above it.
exec timeout -s KILL "$seconds" unshare "${flags[@]}" bash -c '
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm || exit 125
  ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null
  "$@"
  status=$?
  exit $status' isolate "$@"
