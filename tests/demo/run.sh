#!/bin/bash
# The demo from nothing: builds what it needs, brings up a temporary local environment, runs demo.py in it and leaves
# nothing running. Prints what each stage took. Exit code: the demo's.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."

stages=()
stage() { # NAME COMMAND...
    local name=$1 started=$SECONDS status=0
    shift
    printf '\n=== %s\n' "$name" >&2
    "$@" || status=$?
    stages+=("$(printf '%5d s  %s' $((SECONDS - started)) "$name")")
    if [ "$status" -ne 0 ]; then
        summary
        printf 'demo: stage failed: %s (exit code %d)\n' "$name" "$status" >&2
        exit "$status"
    fi
}
summary() {
    printf '\n=== stages\n' >&2
    printf '%s\n' "${stages[@]}" >&2
}

build() { cargo build --quiet --package aigw-operator --package aigw-env --bins; }
functions() { forwarder/build-functions.sh; }
clients() { clients_dir=$(tests/clients/setup.sh); }
demo() {
    "${CARGO_TARGET_DIR:-target}/debug/aigw-env" run -- \
        "$clients_dir/venv/bin/python" tests/demo/demo.py --clients "$clients_dir"
}

stage 'build the operator and the local environment' build
stage 'build the Lambda functions' functions
stage 'install the AWS SDKs' clients
stage 'bring up the environment (tools are compiled once), demo, take it down' demo
summary
