#!/bin/bash
# Under a systemd of its own: the units as they are installed, with a JACK server without a card. Beside this file:
# `headroom`, the program, and `units`, the directory systemd/ of the sources.
set -u
patience=${PATIENCE:-60}
now() { read -r up _ </proc/uptime; echo "$up"; }
minus() { awk "BEGIN { printf \"%.2f\", $1 - $2 }"; }
fail() {
  echo "FAILED: $*"
  systemctl --no-pager --full status headroom headroom-jackd
  journalctl --no-pager -o short-monotonic -n 60
  exit 1
}
eventually() {
  local what=$1 until=$((SECONDS + patience))
  shift
  until "$@"; do
    [ $SECONDS -lt $until ] || fail "$what: not within $patience s"
    sleep 0.02
  done
}
value() { headroom send "$1" 2>/dev/null | cut -d ' ' -f 2-; }
holds() { [ "$(value "$1")" = "$2" ]; }
property() { systemctl show -P "$2" "$1"; }
pid() { property "$1" MainPID; }
again() { local now; now=$(pid "$1") && [ "$now" != 0 ] && [ "$now" != "$2" ] && systemctl -q is-active "$1"; }
started() { property "$1" ExecMainStartTimestampMonotonic | awk '{ printf "%.2f", $1 / 1e6 }'; }
ports() { timeout -s KILL 5 runuser -u headroom -- env JACK_NO_START_SERVER=1 jack_lsp 2>/dev/null; }
plays() { ports | grep -q '^headroom:out-main-l'; }

install -m 755 headroom /usr/bin/headroom
install -D -m 755 units/jackd /usr/lib/headroom/jackd
install -m 644 units/cards.sh /usr/lib/headroom/
cp units/*.service /etc/systemd/system/
install -D -m 644 units/headroom.sysusers /etc/sysusers.d/headroom.conf
install -D -m 644 units/headroom.tmpfiles /etc/tmpfiles.d/headroom.conf
install -D -m 644 rig.toml /etc/headroom/rig.toml
systemd-sysusers headroom.conf || fail "sysusers"
systemd-tmpfiles --create headroom.conf || fail "tmpfiles"
systemctl daemon-reload

from=$(now)
systemctl start headroom || fail "start without a JACK server"
echo "started without a JACK server in $(minus "$(now)" "$from") s"
holds /ch/1/fader -12 || fail "no answer: $(value /ch/1/fader)"

# The server of the unit, but for its driver.
mkdir -p /run/systemd/system/headroom-jackd.service.d
cat >/run/systemd/system/headroom-jackd.service.d/dummy.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=/usr/bin/jackd --no-realtime -d dummy -r 48000 -p 256 -C 2 -P 2
UNIT
systemctl daemon-reload
from=$(now)
systemctl start headroom-jackd || fail "jackd"
eventually "the console takes part" plays
echo "joined a JACK server that came later in $(minus "$(now)" "$from") s"
headroom send /ch/1/fader -6 >/dev/null || fail "a set"
sleep 1.5

old=$(pid headroom) from=$(now)
kill -KILL "$old"
eventually "another process" again headroom "$old"
eventually "it plays" plays
done=$(now)
eventually "the fader as it was" holds /ch/1/fader -6
echo "killed: process after $(minus "$(started headroom)" "$from") s, ready after $(awk -v t="$(property headroom ActiveEnterTimestampMonotonic)" -v f="$from" 'BEGIN { printf "%.2f", t / 1e6 - f }') s, ports after $(minus "$done" "$from") s"

old=$(pid headroom) from=$(now)
kill -STOP "$old"
eventually "another process" again headroom "$old"
eventually "it plays" plays
echo "frozen: process after $(minus "$(started headroom)" "$from") s ($(property headroom Result), watchdog of $(property headroom WatchdogUSec)), ports after $(minus "$(now)" "$from") s"

old=$(pid headroom) from=$(now)
printf '\n[[channel]]\nname = "New"\n' >>/etc/headroom/rig.toml
systemctl reload headroom || fail "reload"
eventually "the new channel" holds /ch/new/name New
[ "$(pid headroom)" = "$old" ] || fail "the reload was a restart"
echo "reloaded in $(minus "$(now)" "$from") s, by the same process"

cp /etc/headroom/rig.toml rig.whole
sed -i 's/name = "New"/nome = "New"/' /etc/headroom/rig.toml
systemctl reload headroom && fail "a reload of a rig that is refused succeeds"
journalctl --no-pager -u headroom -n 20 | grep -q 'nome' || fail "the journal does not show why"
holds /ch/new/name New || fail "the rig before does not play on"
[ "$(pid headroom)" = "$old" ] && systemctl -q is-active headroom || fail "a refused reload ended the console"
cp rig.whole /etc/headroom/rig.toml
systemctl reload headroom || fail "reload of the rig as it was"
echo "a reload whose rig is refused fails, and the rig before plays on"

old=$(pid headroom-jackd) from=$(now)
kill -KILL "$old"
eventually "another server" again headroom-jackd "$old"
eventually "the console is back" plays
echo "JACK server killed: ports again after $(minus "$(now)" "$from") s"

headroom send /preset/save ch/1 mine >/dev/null || fail "a preset cannot be saved"
[ "$(stat -c %U /etc/headroom/presets/mine.toml)" = headroom ] || fail "whose preset?"

from=$(now)
systemctl stop headroom || fail "stop"
took=$(minus "$(now)" "$from")
awk "BEGIN { exit !($took >= 0.25) }" || fail "stopped in $took s, too fast for a fade"
[ "$(property headroom Result)" = success ] || fail "stopped with $(property headroom Result)"
echo "stopped in $took s, fade included: $(journalctl --no-pager -u headroom -o cat -n 20 | sed -n 's/.*stopped //p' | tail -n 1)"

printf '[[channel]\n' >/etc/headroom/rig.toml
systemctl start headroom && fail "a rig that cannot be read is started"
sleep 1
[ "$(property headroom ActiveState)" = failed ] || fail "a wrong rig is tried again: $(property headroom ActiveState)"
journalctl --no-pager -u headroom -n 20 | grep -q 'rig.toml' || fail "the journal does not show what is wrong"
echo "a wrong rig is not tried again, and the journal shows it"
