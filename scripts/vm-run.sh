#!/usr/bin/env bash
# vm-run.sh [-a amd64|arm64] [-t SECONDS] DIRECTORY
# Boot the emulated machine of vm-image.sh and run DIRECTORY/guest.sh in it as root, at every boot until that script
# says `guest: done STATUS` on a line of its own; print the machine's console, end with that status (99: it never said so).
# A restart is a new boot of the same disk; `guest: power cut` has the machine killed first, and what it had not synced is lost.
# Nothing that the machine writes is kept. KVM is not used: the machine is the same wherever this runs, only slow.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$(dpkg --print-architecture) seconds=1800
while getopts a:t: option; do
  case $option in
    a) arch=$OPTARG ;;
    t) seconds=$OPTARG ;;
    *) echo "usage: vm-run.sh [-a amd64|arm64] [-t seconds] directory" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ -f "${1:-}/guest.sh" ] || { echo "vm-run.sh: no guest.sh in \"${1:-}\"" >&2; exit 2; }

case $arch in
  amd64) qemu=(qemu-system-x86_64 -cpu max) console=ttyS0 ;;
  arm64) qemu=(qemu-system-aarch64 -machine virt -cpu cortex-a72) console=ttyAMA0 ;;
  *) echo "vm-run.sh: no machine of architecture $arch is known" >&2; exit 2 ;;
esac
command -v "${qemu[0]}" >/dev/null || { echo "vm-run.sh: ${qemu[0]} is missing: scripts/install.sh vm" >&2; exit 1; }
image=$(scripts/vm-image.sh "$arch")
work=$(mktemp -d)
machine=
trap '[ -z "$machine" ] || kill -KILL "$(pgrep -P "$machine")" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
tar -C "$1" -cf "$work/payload" .

cp --sparse=always "$image/disk" "$work/disk"
mkfifo "$work/serial"
: >"$work/console"
ends=$((SECONDS + seconds))
# boot: one run of the machine, until it is switched off or restarts, or the guest asks for a power cut.
boot() {
  timeout -s KILL "$((ends - SECONDS))" "${qemu[@]}" -accel tcg,thread=multi -smp 2 -m 1024 -display none -nodefaults \
    -serial stdio -no-reboot -kernel "$image/vmlinuz" -initrd "$image/initrd" \
    -append "root=/dev/vda rw console=$console quiet panic=1 mitigations=off systemd.show_status=0 loglevel=3" \
    -drive "file=$work/disk,if=none,id=system,format=raw" -device virtio-blk-pci,drive=system \
    -drive "file=$work/payload,if=none,id=payload,format=raw,readonly=on" -device virtio-blk-pci,drive=payload \
    -device virtio-rng-pci </dev/null >"$work/serial" &
  machine=$!
  local line
  while IFS= read -r line; do
    line=${line%$'\r'}
    printf '%s\n' "$line" | tee -a "$work/console"
    [ "$line" != "guest: power cut" ] || kill -KILL "$(pgrep -P "$machine")"
  done <"$work/serial"
  wait "$machine" 2>/dev/null || true
  machine=
}
status=
until [ -n "$status" ] || [ $SECONDS -ge $ends ]; do
  before=$(wc -l <"$work/console")
  boot
  status=$(sed -n 's/^guest: done \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
  # A machine that ends without a word of its own would do so again.
  [ -n "$status" ] || tail -n "+$((before + 1))" "$work/console" | grep -q '^guest: ' || break
done
exit "${status:-99}"
