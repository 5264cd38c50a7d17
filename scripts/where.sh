# where.sh   To be read by others (`. scripts/where.sh`): what stands above figures that are kept.

# Date, commit and machine. The commit is said to be changed where the sources of the program are.
where() {
  echo "Date     $(date -u +%Y-%m-%dT%H:%MZ)"
  echo "Commit   $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(git diff --quiet HEAD -- dsp protocol server 2>/dev/null || echo ", changed since")"
  echo "Machine  $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(uname -srm)"
  echo "Load     $(cut -d ' ' -f 1-3 /proc/loadavg) before"
}
