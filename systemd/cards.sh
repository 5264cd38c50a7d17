# Cards that can play: those that can also record first, the HDMI sockets of a screen that may not be there last. To
# be sourced by bash.
# playing_cards [DIRECTORY] prints a line for each, "ID<tab>name<tab>duplex|playback", from /proc/asound.
playing_cards() {
  local asound=${1:-/proc/asound} line number id name ways order
  [ -r "$asound/cards" ] && [ -r "$asound/pcm" ] || return 0
  # " 1 [PCH            ]: HDA-Intel - HDA Intel PCH", and a line of details after each.
  while IFS= read -r line; do
    [[ $line =~ ^\ *([0-9]+)\ \[([^]\ ]+)\ *\]:\ (.*)$ ]] || continue
    number=${BASH_REMATCH[1]} id=${BASH_REMATCH[2]} name=${BASH_REMATCH[3]#* - }
    ways=$(grep "^$(printf '%02d' "$number")-" "$asound/pcm")
    case $ways in *playback*) ;; *) continue ;; esac
    case $ways in *capture*) ways=duplex order=0 ;; *) ways=playback order=1 ;; esac
    case "$id $name" in *HDMI* | *hdmi* | *vc4*) order=2 ;; esac
    printf '%s\t%s\t%s\t%s\n' "$order" "$id" "$name" "$ways"
  done <"$asound/cards" | sort -s -n -k 1,1 | cut -f 2-
}
