#!/usr/bin/env bash
# under-systemd.sh [-t SECONDS] DIRECTORY   Run DIRECTORY/guest.sh as root under a systemd of its own.
#
# A real systemd is process 1 of fresh namespaces; its root is this machine's, with a layer over it that takes all
# writes and is thrown away. The directory is /payload there. For what needs neither a kernel nor a card of its own:
# readiness, watchdog, restarts, reload, hardening. Rules for devices and addresses may not take effect here.
# Exit status: that of guest.sh; 125 where this machine does not allow it (said on standard error).
set -u
seconds=120
if [ "${1:-}" = -t ]; then seconds=$2; shift 2; fi
[ -f "${1:-}/guest.sh" ] || { echo "usage: under-systemd.sh [-t seconds] directory-with-guest.sh" >&2; exit 2; }
unable() { echo "under-systemd.sh: $1" >&2; exit 125; }

[ "$(id -u)" = 0 ] || unable "this takes root"
init=/lib/systemd/systemd
[ -x $init ] || unable "systemd is not installed"
# Where version 2 of the control groups is, alone or beside version 1.
groups=
for groups in /sys/fs/cgroup /sys/fs/cgroup/unified; do
  [ "$(stat -f -c %T $groups 2>/dev/null)" = cgroup2fs ] && break
  groups=
done
[ -n "$groups" ] || unable "there are no control groups of version 2"
group=$groups/headroom-test-$$
mkdir "$group" 2>/dev/null || unable "control groups cannot be made"
work=$(mktemp -d)
cleanup() {
  local pid
  for pid in $(cat "$group/cgroup.procs" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
  for _ in $(seq 50); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] || break
    sleep 0.1
  done
  rm -rf "$work"
}
trap cleanup EXIT
cp -a "$1" "$work/payload"
: >"$work/console"

cat >"$work/enter" <<'ENTER'
set -eu
work=$1
root=$work/root
mkdir "$work/layer" "$root"
mount -t tmpfs layer "$work/layer"
mkdir "$work/layer/upper" "$work/layer/work"
mount -t overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mkdir -p "$root/sys/fs/cgroup"
mountpoint -q "$root/sys/fs/cgroup" || mount -t tmpfs none "$root/sys/fs/cgroup" 2>/dev/null || true
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for dir in run tmp dev; do mount -t tmpfs -o mode=755 "$dir" "$root/$dir"; done
chmod 1777 "$root/tmp"
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
: >"$root/dev/console"
mount --bind "$work/console" "$root/dev/console"
mkdir -p "$root/payload"
mount --bind "$work/payload" "$root/payload"
ip link set lo up 2>/dev/null || true

# Nothing of this machine's own services: a target that wants one thing.
units=$root/run/systemd/system
mkdir -p "$units"
cat >"$units/payload.target" <<'UNIT'
[Unit]
Requires=payload.service
UNIT
cat >"$units/payload.service" <<'UNIT'
[Unit]
After=basic.target
Wants=basic.target
[Service]
ExecStart=/bin/bash -c 'cd /payload; bash guest.sh >out 2>&1; echo $? >status; systemctl --force --force exit'
KillMode=process
UNIT
for name in "$root"/etc/systemd/system/{sysinit,basic,sockets,timers,paths}.target.wants/*; do
  [ ! -L "$name" ] || ln -sf /dev/null "$units/$(basename "$name")"
done
for name in systemd-udevd.service systemd-udevd-{control,kernel}.socket systemd-udev-trigger.service systemd-binfmt.service \
  proc-sys-fs-binfmt_misc.automount systemd-modules-load.service systemd-random-seed.service systemd-pstore.service; do
  ln -sf /dev/null "$units/$name"
done
cd "$root"
mkdir .before
pivot_root . .before
umount -l /.before
exec env -i container=headroom-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=payload.target --log-target=console --log-level=warning --show-status=0
ENTER

timeout -s KILL "$seconds" bash -c 'echo $$ >"$1/cgroup.procs" || exit 125
exec unshare --mount --pid --fork --ipc --uts --net --cgroup --kill-child=SIGKILL --propagation private bash "$2/enter" "$2"' \
  under-systemd "$group" "$work" </dev/null >"$work/log" 2>&1
cat "$work/payload/out" 2>/dev/null
status=$(cat "$work/payload/status" 2>/dev/null)
if [ -z "$status" ]; then
  cat "$work/log" "$work/console" >&2
  unable "systemd did not come to run guest.sh within $seconds s"
fi
exit "$status"
