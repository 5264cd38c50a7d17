#!/usr/bin/env bash
# test.sh   Every check, in the order in which a mistake is cheapest to find. `.ci/run` runs this and nothing else.
# With CI=true, tests that need a JACK server fail where there is none; elsewhere they say so and pass.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH"
# One set of flags for all of it, so that nothing is compiled twice.
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

scripts/install.sh test || echo "Some test programs are missing; the tests that want them will say so." >&2

# What others wrote speaks to the server in some tests, and reads what it makes: python-osc, python-oscquery, tosclib (which
# wants pyparsing), zeroconf, and python-rtmidi as a control surface.
python=target/test-python/bin/python
for module in pythonosc:python-osc pythonoscquery:python-oscquery tosclib:"tosclib pyparsing" zeroconf:zeroconf rtmidi:python-rtmidi; do
  if ! "$python" -c "import ${module%%:*}" 2>/dev/null && python3 -c 'import ensurepip' 2>/dev/null; then
    # Some are two packages.
    # shellcheck disable=SC2086
    { [ -x "$python" ] || python3 -m venv target/test-python; } && "$python" -m pip install -q --disable-pip-version-check ${module#*:} ||
      echo "${module#*:} could not be had; its test will say so." >&2
  fi
done
if "$python" -c 'import pythonosc' 2>/dev/null; then export HEADROOM_TEST_PYTHON="$PWD/$python"; fi

failed=()
step() {
  local what=$1 start=$SECONDS
  shift
  echo "== $what"
  if "$@"; then echo "== $what: passed in $((SECONDS - start)) s"; else
    failed+=("$what")
    echo "== $what: FAILED after $((SECONDS - start)) s"
  fi
}

step "format" cargo fmt --all -- --check
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
# Private items are documented too, so links to them lead somewhere.
step "documentation" env RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --locked -q
# The whole workspace is named in every line, and single targets by their names: which crates are chosen decides the
# features of those that they share, and so whether the program is compiled once or three times.
named() {
  local file
  for file in "$@"; do printf -- '--test\n%s\n' "$(basename "$file" .rs)"; done
}
mapfile -t inside < <(named {dsp,protocol,server}/tests/*.rs)
mapfile -t across < <(for file in tests/*.rs; do [ "$file" = tests/peer.rs ] || named "$file"; done)
step "compiling the tests" cargo test --workspace --locked --no-run -q
step "unit tests" cargo test --workspace --locked --no-fail-fast --lib --bins "${inside[@]}"
step "examples in the documentation" cargo test --workspace --locked --doc
# The program that was compiled for them.
export HEADROOM_BIN=${HEADROOM_BIN:-$(realpath "${CARGO_TARGET_DIR:-target}")/debug/headroom}
# All of them, whatever fails: one run tells all that is wrong.
step "end-to-end tests" cargo test --workspace --locked --no-fail-fast "${across[@]}" -- --test-threads=2

if [ ${#failed[@]} -gt 0 ]; then
  printf 'Failed in %s s: %s\n' "$SECONDS" "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
  exit 1
fi
echo "All passed in $SECONDS s."
