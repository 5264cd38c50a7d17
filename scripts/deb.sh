#!/usr/bin/env bash
# deb.sh [ARCH…]   Build Debian packages into target/deb: amd64 and arm64, or those named.
#
# dpkg-deb and this script, without debhelper or cargo-deb: the same few lines pack for either architecture, on either.
# CARGO names another cargo, HEADROOM_PROFILE another profile than release (`test`: for trying the package itself).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"
cargo=${CARGO:-cargo} profile=${HEADROOM_PROFILE:-release}
arches=("$@")
[ $# -gt 0 ] || arches=(amd64 arm64)
scripts/install.sh deb
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/deb
case $profile in test | dev) built=debug ;; *) built=$profile ;; esac
# Packages of one commit are the same, byte for byte.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

# foreign ARCH: prints a directory with the libraries of ARCH that the build asks pkg-config for. They are unpacked, not
# installed, by an apt with lists of its own: this machine's architectures stay as they are.
foreign() {
  local dir=${XDG_CACHE_HOME:-$HOME/.cache}/headroom/sysroot-$1 apt file
  if [ ! -e "$dir/complete" ]; then
    rm -rf "$dir"
    mkdir -p "$dir"/{lists/partial,archives/partial}
    apt=(apt-get -qq -o "APT::Architecture=$1" -o "APT::Architectures=$1" -o "Dir::State::Lists=$dir/lists"
      -o "Dir::Cache=$dir" -o "Dir::State::status=$dir/status" -o APT::Sandbox::User=root)
    : >"$dir/status"
    "${apt[@]}" update >&2
    (cd "$dir" && "${apt[@]}" download libjack-jackd2-dev libjack-jackd2-0 libasound2-dev libasound2 >&2)
    for file in "$dir"/*.deb; do dpkg-deb -x "$file" "$dir"; done
    rm -rf "$dir"/{lists,archives,*.deb,*.bin,status}
    touch "$dir/complete"
  fi
  echo "$dir"
}

# build ARCH: sets `program`.
build() {
  local triple prefix
  if [ "$1" = "$(dpkg --print-architecture)" ]; then
    "$cargo" build --locked -p headroom --bin headroom --profile "$profile"
    program=$target/$built/headroom strip=strip
    return
  fi
  case $1 in
    amd64) triple=x86_64-unknown-linux-gnu prefix=x86_64-linux-gnu ;;
    arm64) triple=aarch64-unknown-linux-gnu prefix=aarch64-linux-gnu ;;
    *) echo "deb.sh: no package for architecture $1, only amd64 and arm64" >&2; exit 2 ;;
  esac
  local linker=${triple//-/_} sysroot libraries
  sysroot=$(foreign "$1")
  libraries=$sysroot/usr/lib/$prefix
  env PKG_CONFIG_ALLOW_CROSS=1 "PKG_CONFIG_SYSROOT_DIR=$sysroot" "PKG_CONFIG_LIBDIR=$libraries/pkgconfig" \
    "CARGO_TARGET_${linker^^}_LINKER=$prefix-gcc" "RUSTFLAGS=-L native=$libraries" \
    "$cargo" build --locked -p headroom --bin headroom --profile "$profile" --target "$triple"
  program=$target/$triple/$built/headroom strip=$prefix-strip
}

# libraries PROGRAM: the packages that hold what it is linked with.
libraries() {
  local glibc name
  glibc=$(readelf -W --version-info "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
  readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
    case $name in
      libc.so.6 | libm.so.6 | ld-linux-*) echo "libc6 (>= ${glibc#GLIBC_})" ;;
      libgcc_s.so.1) echo "libgcc-s1" ;;
      libasound.so.2) echo "libasound2" ;;
      *) echo "deb.sh: which package holds $name?" >&2; return 1 ;;
    esac
  done | sort -u | paste -s -d , | sed 's/,/, /g'
}

# compressed FILE TO
compressed() { gzip -9n <"$1" >"$2" && chmod 644 "$2"; }

# pack ARCH
pack() {
  local arch=$1 root doc page size file
  root=$(mktemp -d)
  chmod 755 "$root"
  umask 022
  doc=$root/usr/share/doc/headroom
  mkdir -p "$root"/{DEBIAN,etc/{headroom,default,security/limits.d},usr/{bin,lib/{headroom,systemd/system,sysusers.d,tmpfiles.d,udev/rules.d}}} \
    "$root"/usr/share/{man/man1,man/man7,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d,lintian/overrides} "$doc"

  install -m 755 "$program" "$root/usr/bin/headroom"
  $strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/headroom"
  install -m 755 systemd/jackd "$root/usr/lib/headroom/jackd"
  install -m 644 systemd/cards.sh "$root/usr/lib/headroom/"
  install -m 644 systemd/headroom.service systemd/headroom-jackd.service "$root/usr/lib/systemd/system/"
  install -m 644 systemd/headroom.sysusers "$root/usr/lib/sysusers.d/headroom.conf"
  install -m 644 systemd/headroom.tmpfiles "$root/usr/lib/tmpfiles.d/headroom.conf"
  install -m 644 systemd/headroom.rules "$root/usr/lib/udev/rules.d/70-headroom.rules"
  install -m 644 systemd/headroom.limits "$root/etc/security/limits.d/headroom.conf"
  install -m 644 systemd/headroom.default "$root/etc/default/headroom"
  install -m 644 configs/*.toml "$root/etc/headroom/"
  rm "$root/etc/headroom/demo.toml"
  mv "$root/etc/headroom/rack.toml" "$root/etc/headroom/rig.toml"

  for page in "$out"/manual/*.[17]; do compressed "$page" "$root/usr/share/man/man${page##*.}/${page##*/}.gz"; done
  install -m 644 "$out/manual/headroom.bash" "$root/usr/share/bash-completion/completions/headroom"
  install -m 644 "$out/manual/_headroom" "$root/usr/share/zsh/vendor-completions/_headroom"
  install -m 644 "$out/manual/headroom.fish" "$root/usr/share/fish/vendor_completions.d/headroom.fish"

  compressed README.md "$doc/README.md.gz"
  if [ -d docs ]; then for file in docs/*.md; do compressed "$file" "$doc/${file##*/}.gz"; done; fi
  sed -e "/^@MIT@$/{r /dev/stdin
d}" systemd/deb/copyright < <(sed -e 1,4d -e 's/^$/./' -e 's/^/ /' LICENSE-MIT) >"$doc/copyright"
  printf 'headroom (%s) unstable; urgency=medium\n\n  * Built from the sources of this version.\n\n -- %s  %s\n' "$version" \
    "$(sed -n 's/^Maintainer: //p' systemd/deb/control)" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" >"$out/changelog"
  compressed "$out/changelog" "$doc/changelog.gz"
  rm "$out/changelog"
  install -m 644 systemd/deb/lintian-overrides "$root/usr/share/lintian/overrides/headroom"

  install -m 755 systemd/deb/{postinst,prerm,postrm} "$root/DEBIAN/"
  (cd "$root" && find etc -type f | sed 's,^,/,' | LC_ALL=C sort) >"$root/DEBIAN/conffiles"
  (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  size=$(du -sk --exclude=DEBIAN "$root" | cut -f 1)
  sed -e "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/; s/@LIBRARIES@/$(libraries "$root/usr/bin/headroom")/" \
    systemd/deb/control >"$root/DEBIAN/control"
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$root" "$out/headroom_${version}_$arch.deb" >/dev/null
  rm -rf "$root"
}

mkdir -p "$out"
rm -rf "$out/manual"
"$cargo" build --locked -p headroom --example manual --profile "$profile"
"$target/$built/examples/manual" "$out/manual"
for arch in "${arches[@]}"; do
  build "$arch"
  pack "$arch"
  lintian --fail-on error,warning "$out/headroom_${version}_$arch.deb"
  echo "$out/headroom_${version}_$arch.deb  $(du -h "$out/headroom_${version}_$arch.deb" | cut -f 1)"
done
