#!/bin/bash
# Every test suite, one after the other: Rust (unit, scenario, conformance, end to end) and the emulator plugin's. Ends with
# a table of how many tests each suite ran. Exit code 0 only if every suite ran and passed; a suite that did not run is
# "NOT RUN" in the table, and never counts as passed.
set -uo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit

work=$(mktemp -d "${TMPDIR:-/tmp}/aigw-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

failed=0
table=$work/table
: >"$table"
row() { printf '%-44s %s\n' "$1" "$2" >>"$table"; }

step() { # NAME COMMAND...: something the suites need
    local started=$SECONDS
    printf '\n=== %s\n' "$1" >&2
    if "${@:2}"; then
        printf -- '--- %d s\n' $((SECONDS - started)) >&2
    else
        failed=1
        row "$1" FAILED
        return 1
    fi
}

# Reads cargo's output; prints a row for each test program that has tests or failed.
count_rust() {
    awk '
        /^ +Running / { suite = $NF; gsub(/^\(|\)$/, "", suite); sub(/.*\//, "", suite); sub(/-[0-9a-f]+$/, "", suite)
                      if ($0 ~ /unittests src\/main.rs|unittests src\/bin/) suite = suite " (bin)" }
        /^ +Doc-tests / { suite = $2 " (docs)" }
        /^NOT RUN: / { printf "%-44s %s\n", suite, $0 }
        /^test result: / {
            passed = $4; bad = $6; ignored = $8
            if (passed + bad + ignored > 0) printf "%-44s %d passed, %d failed, %d ignored\n", suite, passed, bad, ignored
        }
    ' "$1"
}

# One cargo call for the whole workspace: with fewer packages, shared dependencies would be compiled again with other
# features.
rust_suites() {
    local log=$work/rust.log status=0
    cargo test --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?
    if ! grep -q '^test result: ' "$log"; then
        row 'Rust suites' 'NOT RUN: they do not build'
    else
        count_rust "$log" >>"$table"
    fi
    return "$status"
}

# The supervisor's own folder for this checkout, so that 600 MB are installed once.
emulator_venv() {
    local source=$PWD/tests/env/emulator
    local key
    key=$({ echo "$source"; cat "$source/constraints.txt"; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c 1-12)
    echo "${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/emulator-$key"
}

plugin_suite() {
    local venv log=$work/pytest.log status=0
    venv=$(emulator_venv)
    if ! tests/env/emulator/setup.sh "$venv"; then
        row 'emulator plugin (pytest)' 'NOT RUN: no Python environment'
        return 1
    fi
    "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/env/emulator/tests 2>&1 | tee "$log" || status=$?
    row 'emulator plugin (pytest)' "$(tail -n 1 "$log" | sed -E 's/^=+ | =+$//g; s/ in [0-9.]+s.*//')"
    return "$status"
}

definitions() {
    if crds/generate.sh --check "${CARGO_TARGET_DIR:-target}/debug/aigw-operator"; then
        row 'generated definitions (crds/, chart)' '1 passed, 0 failed'
    else
        row 'generated definitions (crds/, chart)' '0 passed, 1 failed'
        return 1
    fi
}

export PYTHONDONTWRITEBYTECODE=1
step 'build the programs' cargo build --workspace --bins || row 'Rust suites' 'NOT RUN'
step 'build the Lambda functions' forwarder/build-functions.sh
# shellcheck disable=SC2016 # step evaluates it
if step 'install the AWS SDKs of the client programs' eval 'AIGW_CLIENTS_DIR=$(tests/clients/setup.sh)'; then
    export AIGW_CLIENTS_DIR
fi
if [ "$failed" = 0 ]; then
    step 'generated definitions' definitions
    step 'Rust suites' rust_suites
fi
step 'emulator plugin' plugin_suite

printf '\n=== tests run\n'
cat "$table"
if [ "$failed" = 0 ]; then
    printf 'all passed in %d s\n' "$SECONDS"
else
    printf 'FAILED after %d s\n' "$SECONDS"
fi
exit "$failed"
