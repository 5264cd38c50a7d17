#!/usr/bin/env bash
# vm-test.sh [amd64|arm64]   The Debian package in an emulated Debian 12 machine: installed without a sound card, booted
# into sound, killed, frozen, unplugged, reloaded, cut from power, stopped, purged. Prints the seconds of each.
#
# They are those of an emulated machine on a shared host: they compare nothing but outages with one another.
# DEB=FILE tries a package that is there; RECORD=1 keeps the output in docs/vm-test-ARCH.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:-amd64}
. scripts/where.sh
case $arch in amd64) emulator=qemu-system-x86_64 ;; *) emulator=qemu-system-aarch64 ;; esac
scripts/install.sh vm
deb=${DEB:-}
if [ -z "$deb" ]; then
  scripts/deb.sh "$arch"
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
  deb=${CARGO_TARGET_DIR:-target}/deb/headroom_${version}_$arch.deb
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/payload"
cp "$deb" tests/vm/* "$work/payload/"
status=0
start=$SECONDS head=$(where)
scripts/vm-run.sh -a "$arch" -t "${SECONDS_LIMIT:-3600}" "$work/payload" >"$work/console" || status=$?
{
  echo "$head"
  echo "Guest    Debian 12 $arch, $("$emulator" --version | sed -n '1s/.*version \([0-9.]*\).*/QEMU \1/p') (TCG, 2 processors)"
  if [ $status = 0 ]; then sed -n 's/^guest: //p' "$work/console"; else cat "$work/console"; fi
  echo "$((SECONDS - start)) s in all; load of the host at the end: $(cut -d ' ' -f 1-3 /proc/loadavg)"
} | tee "$work/summary"
[ $status = 0 ] || { echo "vm-test.sh: failed with status $status" >&2; exit 1; }
if [ -n "${RECORD:-}" ]; then mkdir -p docs && grep -v '^done 0$' "$work/summary" >"docs/vm-test-$arch.txt"; fi
