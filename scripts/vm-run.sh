#!/usr/bin/env bash
# vm-run.sh [-a amd64|arm64] [-t SECONDS] DIRECTORY
# Boot the emulated machine of vm-image.sh and run DIRECTORY/guest.sh in it as root, at every boot until that script
# says `guest: done STATUS` on a line of its own; print the machine's console, end with that status (99: it never said so).
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
trap 'rm -rf "$work"' EXIT
tar -C "$1" -cf "$work/payload" .

# The program ends with the machine: guest.sh switches it off, and a reboot is one more boot of the same disk.
timeout -s KILL "$seconds" "${qemu[@]}" -accel tcg,thread=multi -smp 2 -m 1024 -display none -nodefaults -serial stdio \
  -kernel "$image/vmlinuz" -initrd "$image/initrd" \
  -append "root=/dev/vda rw console=$console quiet panic=1 mitigations=off systemd.show_status=0 loglevel=3" \
  -drive "file=$image/disk,if=none,id=system,format=raw,snapshot=on" -device virtio-blk-pci,drive=system \
  -drive "file=$work/payload,if=none,id=payload,format=raw,readonly=on" -device virtio-blk-pci,drive=payload \
  -device virtio-rng-pci </dev/null | sed -u 's/\r$//' | tee "$work/console" || true
status=$(sed -n 's/^guest: done \([0-9]*\)$/\1/p' "$work/console" | tail -n 1)
exit "${status:-99}"
