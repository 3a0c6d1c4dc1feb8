#!/bin/bash
# The demo from nothing: builds what it needs, brings up a temporary local environment, runs demo.py in it and leaves
# nothing running. Prints what each stage took. Exit code: the demo's.
#
# AIGW_IMAGE: an image as operator/image/build.sh writes it; it is unpacked, and its operator and functions are used.
# AIGW_OPERATOR_BINARY: another operator than the one built here, for example out of an unpacked image; then with
# AIGW_FUNCTIONS_DIR, the functions it brings along, which are not built either.
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

target=${CARGO_TARGET_DIR:-target}
if [ -n "${AIGW_IMAGE:-}" ]; then
    unpacked=$(mktemp -d "${TMPDIR:-/tmp}/aigw-image.XXXXXX")
    trap 'rm -rf "$unpacked"' EXIT
    python3 -B operator/image/unpack.py "$AIGW_IMAGE" "$unpacked" >/dev/null
    export AIGW_OPERATOR_BINARY=$unpacked/usr/bin/aigw-operator AIGW_FUNCTIONS_DIR=$unpacked/functions
fi
export AIGW_FUNCTIONS_DIR=${AIGW_FUNCTIONS_DIR:-$PWD/target/functions}

# The whole workspace, as the tests do: with fewer packages, shared dependencies would be compiled again.
build() { cargo build --workspace --bins; }
operator=${AIGW_OPERATOR_BINARY:-$target/debug/aigw-operator}
functions() { [ -n "${AIGW_OPERATOR_BINARY:-}" ] || forwarder/build-functions.sh; }
clients() { clients_dir=$(tests/clients/setup.sh); }
tools() { "$target/debug/aigw-env" tools; }
demo() {
    "$target/debug/aigw-env" run --operator-binary "$operator" --functions-dir "$AIGW_FUNCTIONS_DIR" -- \
        "$clients_dir/venv/bin/python" tests/demo/demo.py --clients "$clients_dir"
}

stage 'build the operator and the local environment' build
stage 'build the Lambda functions' functions
stage 'install the AWS SDKs for the client programs' clients
stage 'find or compile kube-apiserver, etcd, kubectl and helm' tools
stage 'bring up the environment, run the demo, take it down' demo
summary
