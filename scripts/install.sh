#!/usr/bin/env bash
# install.sh run|test|bench|deb|vm   Install the Debian packages of one set that are missing; nothing is asked, and
# a machine that has everything is left alone without touching the network.
#   run   a C linker, the headers the build needs, and JACK where there is neither JACK nor PipeWire
#   test  run, and the programs that the end-to-end tests drive
#   bench test, and the programs that count instructions
#   deb   run, and what makes the Debian packages
#   vm    deb, and the emulated machines that `make vm-test` boots
# Exit status: 0 everything is there, 1 something could not be installed (named on standard error).
set -u
set_name=${1:-run}
cd "$(dirname "$0")/.." || exit 1

have() { command -v "$1" >/dev/null 2>&1; }
has_header() { [ -n "$(find /usr/include -maxdepth 2 -path "*/$1" -print -quit 2>/dev/null)" ]; }
has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q "$1"; }
pipewire_answers() { have pw-cli && timeout -s KILL 3 pw-cli info 0 >/dev/null 2>&1; }

missing=()
need() { missing+=("$@"); }

need_for_run() {
  have cc || need gcc libc6-dev
  have pkg-config || need pkg-config
  has_header alsa/asoundlib.h || need libasound2-dev
  has_header jack/jack.h || need libjack-jackd2-dev
  if pipewire_answers; then
    compgen -G '/usr/lib/*/pipewire-*/jack/libjack.so.0' >/dev/null || need pipewire-jack
  elif ! have jackd && ! have jackdbus; then
    need jackd2
  fi
  has_library 'libjack\.so\.0' || need libjack-jackd2-0
}

need_for_test() {
  have jackd || need jackd2
  have jack_lsp || need jackd2
  have oscsend || need liblo-tools
  # Judges of loudness and of FLAC files that are not ours.
  have ffmpeg || need ffmpeg
  have flac || need flac
  have aplay || need alsa-utils
  have fluidsynth || need fluidsynth
  [ -n "$(find /usr/share/sounds/sf2 /usr/share/sounds/sf3 -name '*.sf[23]' -print -quit 2>/dev/null)" ] || need fluid-soundfont-gm
  have chromium || have google-chrome || need chromium
  have strace || need strace
  have faketime || need faketime
  have ip || need iproute2
  have systemd-analyze || need systemd
  have python3 || need python3
  python3 -c 'import ensurepip' 2>/dev/null || need python3-venv
}

need_for_bench() {
  have valgrind || need valgrind
  have qemu-aarch64-static || need qemu-user-static
  have aarch64-linux-gnu-gcc || need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  # Not a package of Debian's, and only on machines that have rustup.
  ! have rustup || rustup -q target add aarch64-unknown-linux-gnu >/dev/null 2>&1 || true
}

need_for_deb() {
  have dpkg-deb || need dpkg
  have readelf || need binutils
  have lintian || need lintian
  # The other of the two architectures.
  case $(dpkg --print-architecture 2>/dev/null) in
    amd64)
      have aarch64-linux-gnu-gcc || need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
      ! have rustup || rustup -q target add aarch64-unknown-linux-gnu >/dev/null 2>&1 || true
      ;;
    arm64)
      have x86_64-linux-gnu-gcc || need gcc-x86-64-linux-gnu libc6-dev-amd64-cross
      ! have rustup || rustup -q target add x86_64-unknown-linux-gnu >/dev/null 2>&1 || true
      ;;
  esac
}

need_for_vm() {
  have mmdebstrap || need mmdebstrap arch-test
  have qemu-system-x86_64 || need qemu-system-x86 seabios ipxe-qemu
  have qemu-system-aarch64 || need qemu-system-arm ipxe-qemu
  have qemu-aarch64-static || need qemu-user-static
  have mke2fs || [ -x /sbin/mke2fs ] || need e2fsprogs
  have depmod || [ -x /sbin/depmod ] || need kmod
  have cpio || need cpio
}

case $set_name in
  run) need_for_run ;;
  test) need_for_run; need_for_test ;;
  bench) need_for_run; need_for_test; need_for_bench ;;
  deb) need_for_run; need_for_deb ;;
  vm) need_for_run; need_for_deb; need_for_vm ;;
  *) echo "usage: install.sh run|test|bench|deb|vm" >&2; exit 2 ;;
esac

[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

if ! have apt-get; then
  echo "These packages are missing, and this is no Debian to install them on: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  root=(env)
elif have sudo && sudo -n true 2>/dev/null; then
  root=(sudo -n env)
else
  echo "These packages are missing: ${missing[*]}" >&2
  echo "Install them as root:  apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "Installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
  "${root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >>"$log" 2>&1
}
wanted() { apt install --no-install-recommends "${missing[@]}"; }
if command -v debconf-set-selections >/dev/null 2>&1; then
  echo 'jackd2 jackd/tweak_rt_limits boolean true' | "${root[@]}" debconf-set-selections 2>/dev/null
fi
# The lists may be old, or not there at all.
if ! wanted; then
  apt update
  if ! wanted; then
    tail -n 20 "$log" >&2
    echo "Could not install: ${missing[*]}" >&2
    exit 1
  fi
fi
