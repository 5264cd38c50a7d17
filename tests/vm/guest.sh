#!/bin/bash
# Inside the emulated machine: from a package to a rig that boots into sound, and comes back from whatever happens.
# Runs at every boot; what is to be done at which is in a file that survives. A tone goes into one end of the loopback
# card, JACK and headroom play it out of the other, and a listener says when it is heard. No time is asserted but the
# patience of `eventually`: the machine is emulated, and its host is busy.
set -u
memory=/root/boots
patience=${PATIENCE:-300}
boot=$(($(cat $memory 2>/dev/null || echo 0) + 1))
echo $boot >$memory
touch heard

now() { read -r up _ </proc/uptime; echo "$up"; }
minus() { awk "BEGIN { printf \"%.2f\", $1 - $2 }"; }
say() { printf 'guest: %s\n' "$*"; }
fail() {
  say "FAILED: $*"
  systemctl --no-pager --full status headroom headroom-jackd | tail -n 40
  journalctl --no-pager -o short-monotonic -u headroom -u headroom-jackd -n 2000 | grep -iv xrun | tail -n 60
  cat heard
  say "done 1"
  systemctl --no-block --no-wall -i poweroff 2>/dev/null
  exit 1
}
# eventually WHAT COMMAND…: until it succeeds.
eventually() {
  local what=$1 until=$((SECONDS + patience))
  shift
  until "$@"; do
    [ $SECONDS -lt $until ] || fail "$what: not within $patience s"
    sleep 0.1
  done
}

sound_on() {
  perl tone.pl | aplay -q -t raw -f S16_LE -r 48000 -c 2 -D plughw:Loopback,1,0 2>/dev/null &
  arecord -q -t raw -f S16_LE -r 48000 -c 2 -D plughw:Loopback,1,0 --buffer-time=1000000 2>/dev/null | perl listen.pl levels >>heard &
}
# since WORD TIME: sets `heard_at` to when the listener first said WORD after TIME.
since() {
  heard_at=$(awk -v word="$1" -v from="$2" '$1 == word && $2 >= from { print $2; exit }' heard)
  [ -n "$heard_at" ]
}
playing() { [ "$(tail -n 1 heard | cut -d ' ' -f 1)" = on ]; }
value() { headroom send "$1" 2>/dev/null | cut -d ' ' -f 2-; }
holds() { [ "$(value "$1")" = "$2" ]; }
active() { systemctl -q is-active "$@"; }
main_pid() { systemctl show -P MainPID "$1"; }
started_at() { systemctl show -P ExecMainStartTimestampMonotonic "$1" | awk '{ printf "%.2f", $1 / 1e6 }'; }
another_pid() { local pid; pid=$(main_pid "$1") && [ "$pid" != 0 ] && [ "$pid" != "$2" ] && active "$1"; }
jackd_pid() { pidof -s jackd; }
another_jackd() { local pid; pid=$(jackd_pid) && [ "$pid" != "$1" ]; }

# outage WHAT COMMAND…: what the command does is heard, and then the tone again.
outage() {
  local what=$1 from off
  shift
  eventually "sound before: $what" playing
  from=$(now)
  "$@"
  eventually "$what is heard" since off "$from"
  off=$heard_at
  eventually "sound after: $what" since on "$off"
  printf 'guest: %-34s sound again after %6.2f s, %6.2f s of silence\n' "$what" "$(minus "$heard_at" "$from")" "$(minus "$heard_at" "$off")"
}

# A surface at ALSA's sequencer: what is written into a virtual MIDI card arrives as if a USB surface had sent it, and what
# that surface would be sent is read from it.
surface_on() {
  wire=$(find /dev/snd -name 'midiC*D0' | head -n 1)
  cat "$wire" >shown &
  shown_by=$!
}
plays() { printf "$1" >"$wire"; }
shows() { od -An -v -tx1 shown | tr -d ' \n' | grep -q "$1"; }
# The name of its first strip. What was drawn before somebody read it is drawn again when the surface says that it is ready.
drawn() { shows 496e70757431 || { plays '\xf0\x00\x00\x66\x14\x01\xf7' && sleep 5 && shows 496e70757431; }; }
told() { journalctl --no-pager -u headroom | grep -q "$1"; }

case $boot in
  1)
    modprobe -r snd-aloop
    say "no sound card; installing $(ls ./*.deb)"
    from=$(now)
    dpkg -i ./*.deb >dpkg.log 2>&1 || { cat dpkg.log; fail "dpkg -i"; }
    say "installed in $(minus "$(now)" "$from") s"
    for unit in headroom headroom-jackd; do eventually "$unit runs without a card" active $unit; done
    eventually "it answers" holds /ch/1/fader -12
    ! systemctl --failed --no-legend --plain | grep headroom || fail "a unit failed"
    [ "$(stat -c %U /var/lib/headroom /etc/headroom/presets | sort -u)" = headroom ] || fail "whose directories?"
    # An emulated machine keeps up with one channel, two of the card's 32, and long periods.
    cat >/etc/headroom/rig.toml <<'RIG'
name = "Rack"
[[channel]]
name = "Input 1"
input = "capture:1"
chain = []
[main]
output = ["playback:1", "playback:2"]
chain = []
RIG
    headroom check /etc/headroom/rig.toml >/dev/null || fail "check"
    systemctl reload headroom || fail "reload"
    sed -i -e 's/^JACK_PERIOD=.*/JACK_PERIOD=2048/' -e 's/^JACK_OPTIONS=.*/JACK_OPTIONS="-i 2 -o 2"/' /etc/default/headroom
    headroom send /ch/1/fader -6 >/dev/null
    headroom send /preset/save ch/1 mine >/dev/null || fail "a preset cannot be saved"
    sleep 2
    say "rebooting"
    systemctl --no-wall -i reboot 2>/dev/null
    ;;
  2)
    sound_on
    eventually "sound after a boot" since on 0
    say "booted into sound: $heard_at s after the kernel's start (service up at $(started_at headroom) s)"
    eventually "the fader as it was" holds /ch/1/fader -6
    # Field 41: the policy of the thread, 1 is SCHED_FIFO.
    awk '$41 == 1 { found = 1 } END { exit !found }' /proc/"$(main_pid headroom)"/task/*/stat || fail "no thread runs in real time"
    grep -q 'VmLck:.*[1-9]' "/proc/$(main_pid headroom)/status" || fail "no memory is locked"
    say "real time and locked memory: allowed by the unit"

    pid=$(main_pid headroom) from=$(now)
    outage "console killed (SIGKILL)" kill -KILL "$pid"
    eventually "another process" another_pid headroom "$pid"
    say "  process again after $(minus "$(started_at headroom)" "$from") s"
    pid=$(main_pid headroom)
    outage "console frozen (SIGSTOP)" kill -STOP "$pid"
    eventually "another process" another_pid headroom "$pid"

    pid=$(jackd_pid)
    outage "JACK server killed (SIGKILL)" kill -KILL "$pid"
    another_jackd "$pid" || fail "the same jackd"
    pid=$(jackd_pid)
    outage "JACK server frozen (SIGSTOP)" kill -STOP "$pid"
    another_jackd "$pid" || fail "the same jackd"

    pid=$(main_pid headroom)
    eventually "sound before unplugging" playing
    # The driver's unbinding waits until everyone has let go of the card.
    (echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/unbind) &
    unbinding=$!
    eventually "the card is gone" test ! -e /proc/asound/Loopback
    eventually "jackd ends" bash -c '! pidof jackd >/dev/null'
    eventually "the card is let go of" bash -c "! kill -0 $unbinding 2>/dev/null"
    [ "$(main_pid headroom)" = "$pid" ] || fail "the console was restarted for a card"
    eventually "an answer without a card" holds /ch/1/fader -6
    from=$(now)
    echo snd_aloop.0 >/sys/bus/platform/drivers/snd_aloop/bind
    eventually "the card is back" test -e /proc/asound/Loopback
    sleep 0.5
    sound_on
    eventually "sound after plugging in" since on "$from"
    printf 'guest: %-34s sound again after %6.2f s\n' "card unplugged, and plugged in" "$(minus "$heard_at" "$from")"
    [ "$(main_pid headroom)" = "$pid" ] || fail "the console was restarted for a card"

    from=$(now)
    printf '[[channel]]\nname = "New"\n' >>/etc/headroom/rig.toml
    systemctl reload headroom || fail "reload"
    eventually "the new channel" holds /ch/new/name New
    [ "$(main_pid headroom)" = "$pid" ] || fail "the reload was a restart"
    say "reload (systemctl reload): a new channel, $(since off "$from" && echo "a period lost meanwhile" || echo "no gap")"
    if modprobe snd-virmidi midi_devs=1 2>/dev/null; then
      headroom midi | grep VirMIDI >/dev/null || fail "headroom midi does not list the surface"
      printf '[[midi.surface]]\nport = "VirMIDI"\nkind = "mcu"\n' >>/etc/headroom/rig.toml
      surface_on
      from=$(now)
      systemctl reload headroom || fail "reload"
      eventually "the surface shows names" drawn
      say "surface at ALSA's sequencer: drawn after $(minus "$(now)" "$from") s"
      plays '\xe0\x70\x60'
      eventually "its fader moves the console" holds /ch/1/fader 0
      headroom send /ch/1/mute 1 >/dev/null
      eventually "its light" shows 90107f
      kill $shown_by
      (echo snd_virmidi.0 >/sys/bus/platform/drivers/snd_virmidi/unbind) &
      unbinding=$!
      eventually "the surface is unplugged" told "a surface has gone"
      eventually "its card is let go of" bash -c "! kill -0 $unbinding 2>/dev/null"
      headroom send /ch/1/mute 0 >/dev/null
      from=$(now)
      echo snd_virmidi.0 >/sys/bus/platform/drivers/snd_virmidi/bind
      eventually "the surface's card is back" bash -c "compgen -G '/dev/snd/midiC*D0'"
      surface_on
      eventually "everything is shown anew" drawn
      say "surface unplugged, and plugged in: drawn again after $(minus "$(now)" "$from") s"
      eventually "the mute's light off" shows 901000
      plays '\xe0\x00\x40'
      eventually "its fader moves the console again" bash -c '[ "$(headroom send /ch/1/fader | cut -d " " -f 2 | cut -d . -f 1)" -lt -3 ]'
      kill $shown_by
      [ "$(main_pid headroom)" = "$pid" ] || fail "the console was restarted for a surface"
    else
      say "this kernel has no virtual MIDI card: surfaces at ALSA's sequencer are not tried"
    fi
    headroom send /ch/1/fader -9 >/dev/null
    sleep 2
    say "power cut"
    sleep 600
    ;;
  3)
    sound_on
    eventually "sound after a power cut" since on 0
    eventually "the fader as it was before the power cut" holds /ch/1/fader -9
    say "power cut: sound $heard_at s after the kernel's start, with the mix as it was"

    from=$(now)
    systemctl stop headroom
    stopped=$(now)
    eventually "silence" since off "$from"
    # From 1 dB below the level before to silence. An emulated machine may lose periods in it, so it is only told.
    sleep 1
    fade=$(awk '{ at[NR] = $1; db[NR] = $2 } END { for (i = NR; i && db[i] < -50; i--); for (j = i; j && db[j] < db[i - 50] - 1; j--); printf "%.2f", at[i] - at[j] }' levels)
    say "stopped in $(minus "$stopped" "$from") s, faded out over $fade s"
    say "  of these the program took: $(journalctl --no-pager -u headroom -o cat -n 20 | sed -n 's/.*stopped //p' | tail -n 1)"
    systemctl start headroom
    eventually "sound after a start" since on "$stopped"

    dpkg --purge headroom >dpkg.log 2>&1 || { cat dpkg.log; fail "purge"; }
    left=$(find / -xdev -name '*headroom*' -not -path '/proc/*' -not -path '/run/guest/*' -not -name headroom-vm.conf -not -path '/var/log/*' | head)
    [ -z "$left" ] || fail "purge leaves: $left"
    ! getent passwd headroom || fail "purge leaves the user"
    say "purged: nothing left"
    say "done 0"
    systemctl --no-block --no-wall -i poweroff 2>/dev/null
    ;;
esac
