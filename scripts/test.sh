#!/usr/bin/env bash
# test.sh   Every check, in the order in which a mistake is cheapest to find. `.ci/run` runs this and nothing else.
# With CI=true, tests that need a JACK server fail where there is none; elsewhere they say so and pass.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH="$HOME/.cargo/bin:$PATH"
# One set of flags for all of it, so that nothing is compiled twice.
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}

scripts/install.sh test || echo "Some test programs are missing; the tests that want them will say so." >&2

# Clients written by others speak to the server in some tests; python-osc is one of them.
python=target/test-python/bin/python
if ! "$python" -c 'import pythonosc' 2>/dev/null && python3 -c 'import ensurepip' 2>/dev/null; then
  python3 -m venv target/test-python && "$python" -m pip install -q --disable-pip-version-check python-osc ||
    echo "python-osc could not be had; its test will say so." >&2
fi
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
step "unit tests" cargo test --workspace --exclude headroom-e2e --locked
# The same profile as the tests, so that the program is linked from what was just compiled.
step "program" cargo build -p headroom --profile test --locked
export HEADROOM_BIN=${HEADROOM_BIN:-$(realpath "${CARGO_TARGET_DIR:-target}")/debug/headroom}
step "end-to-end tests" cargo test -p headroom-e2e --locked -- --test-threads=2

if [ ${#failed[@]} -gt 0 ]; then
  printf 'Failed in %s s: %s\n' "$SECONDS" "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
  exit 1
fi
echo "All passed in $SECONDS s."
