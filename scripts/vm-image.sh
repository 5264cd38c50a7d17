#!/usr/bin/env bash
# vm-image.sh [amd64|arm64]   The disk of an emulated Debian 12 machine, with its kernel; made once and kept in
# $HEADROOM_VM_CACHE (~/.cache/headroom/vm). Prints the directory that holds `disk`, `vmlinuz` and `initrd`.
#
# It is a minimal Debian with systemd, ALSA's tools and JACK, its own kernel with the sound modules, and one unit
# more: whatever machine.sh gives as second disk (a tar archive) is unpacked at each boot, and its `guest.sh` run.
# Root is needed, and the packages of `install.sh vm`. Delete the directory to have it made anew.
set -euo pipefail
arch=${1:-$(dpkg --print-architecture)}
cache=${HEADROOM_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/headroom/vm}/$arch
# Bumped when this script makes another machine than before.
edition=1
if [ "$(cat "$cache/edition" 2>/dev/null)" = "$edition" ]; then
  echo "$cache"
  exit 0
fi

case $arch in
  amd64) console=ttyS0 ;;
  arm64) console=ttyAMA0 ;;
  *) echo "vm-image.sh: no machine of architecture $arch is known, only amd64 and arm64" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "vm-image.sh: making the disk needs root" >&2; exit 1; }
for tool in mmdebstrap mke2fs depmod cpio; do
  command -v "$tool" >/dev/null || { echo "vm-image.sh: $tool is missing: scripts/install.sh vm" >&2; exit 1; }
done

# Programs of another architecture run by way of the kernel's table of interpreters.
if [ "$arch" = arm64 ] && [ "$(dpkg --print-architecture)" != arm64 ]; then
  table=/proc/sys/fs/binfmt_misc
  [ -e $table/register ] || mount -t binfmt_misc binfmt_misc $table
  if [ ! -e $table/qemu-aarch64 ]; then
    # ELF, 64 bit, little endian, executable or shared, machine 183; F keeps the interpreter open for chroots.
    magic='\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf '%s' ":qemu-aarch64:M::$magic:$mask:/usr/bin/qemu-aarch64-static:OCF" >$table/register
  fi
fi

echo "Making the $arch machine in $cache; this takes minutes." >&2
rm -rf "$cache"
mkdir -p "$cache"
root=$cache/root
# The kernel is only unpacked: to install it would run update-initramfs, which takes 20 minutes when emulated.
mmdebstrap --quiet --arch="$arch" --variant=minbase \
  --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include=systemd,systemd-sysv,udev,dbus,kmod,procps,iproute2,alsa-utils,jackd2 \
  --customize-hook="cd $cache && APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get -q download busybox-static \
    \$(APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-cache depends linux-image-$arch | sed -n 's/.*Depends: \\(linux-image-[0-9][^ ]*\\)/\\1/p' | head -n 1)" \
  bookworm "$root" >&2

mkdir "$cache/kernel" "$cache/busybox"
dpkg-deb -x "$cache"/linux-image-*.deb "$cache/kernel"
dpkg-deb -x "$cache"/busybox-static_*.deb "$cache/busybox"
version=$(ls "$cache/kernel/lib/modules")
depmod -b "$cache/kernel" "$version"
cp "$cache"/kernel/boot/vmlinuz-* "$cache/vmlinuz"

# needed_by MODULE…: their files and those they need, in loading order. What this kernel has built in or lacks is left out.
needed_by() {
  local module
  for module in "$@"; do
    modprobe -d "$cache/kernel" -S "$version" --show-depends "$module" 2>/dev/null || true
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}
# Of several hundred megabytes of modules these are used.
needed_by ext4 autofs4 virtio_blk virtio_pci virtio_rng snd-aloop snd-dummy snd-seq snd-seq-dummy snd-virmidi snd-usb-audio |
  while read -r file; do install -D -m 644 "$file" "$root/usr${file#"$cache/kernel"}"; done
cp "$cache/kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$version/"
depmod -b "$root" "$version"

# An initrd that does one thing: bring in the disk, and go there.
ram=$cache/ram
mkdir -p "$ram"/{bin,dev,proc,root,modules}
cp "$cache/busybox/bin/busybox" "$ram/bin/"
needed_by virtio_pci virtio_blk crc32c_generic ext4 | nl -n rz | while read -r number file; do
  cp "$file" "$ram/modules/$number-$(basename "$file")"
done
cat >"$ram/init" <<'INIT'
#!/bin/busybox sh
busybox() { /bin/busybox "$@"; }
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
for module in /modules/*; do busybox insmod "$module"; done
tries=0
until busybox mount -t ext4 /dev/vda /root; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || busybox reboot -f
  busybox sleep 0.2
done
busybox umount /proc
busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
INIT
chmod +x "$ram/init"
(cd "$ram" && find . | cpio -o -H newc --quiet | gzip -1 >"$cache/initrd")

echo headroom-vm >"$root/etc/hostname"
echo snd-aloop >"$root/etc/modules-load.d/headroom-vm.conf"
# What a test has no use for and an emulated machine pays for dearly.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  systemd-timesyncd.service systemd-pstore.service systemd-logind.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount getty@tty1.service "serial-getty@$console.service"; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
cat >"$root/etc/systemd/system/guest.service" <<'UNIT'
[Unit]
Description=What the second disk brings
After=multi-user.target

[Service]
Type=exec
RuntimeDirectory=guest
ExecStartPre=/bin/tar -xf /dev/vdb -C /run/guest
ExecStart=/bin/bash /run/guest/guest.sh
WorkingDirectory=/run/guest
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
KillMode=process
LimitRTPRIO=95
LimitMEMLOCK=infinity

[Install]
WantedBy=graphical.target
UNIT
mkdir -p "$root/etc/systemd/system/graphical.target.wants"
ln -s ../guest.service "$root/etc/systemd/system/graphical.target.wants/guest.service"

# With a journal: the machine is switched off in mid-flight.
mke2fs -q -F -t ext4 -L root -d "$root" "$cache/disk" "$(($(du -sm "$root" | cut -f 1) * 5 / 4 + 300))M"
rm -rf "$cache"/{kernel,busybox,ram,root} "$cache"/*.deb
echo "$edition" >"$cache/edition"
echo "$cache"
