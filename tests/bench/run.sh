#!/bin/bash
# Builds the forwarder, the peers and the harness, and measures: run.sh [--write] [--one-core] [--quick] [--small]
#
# --write also writes docs/performance.md. Measure on a machine that does nothing else: the report says what it saw.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."

arguments=()
for argument in "$@"; do
    case $argument in
    --write) arguments+=(--write docs/performance.md) ;;
    --one-core | --quick | --small) arguments+=("$argument") ;;
    *)
        echo "usage: run.sh [--write] [--one-core] [--quick] [--small]" >&2
        exit 2
        ;;
    esac
done

target=${CARGO_TARGET_DIR:-$PWD/target}
case $(uname -m) in
x86_64 | amd64) triple=x86_64-unknown-linux-gnu ;;
arm64 | aarch64) triple=aarch64-unknown-linux-gnu ;;
*)
    echo "bench: Lambda has no $(uname -m)" >&2
    exit 1
    ;;
esac
forwarder/build-functions.sh
# The same profile as the function, which is built without the server.
cargo build --quiet --profile function -p aigw-forwarder --bin forwarder
# Nothing else runs the harness's own tests.
CARGO_TARGET_DIR=$target cargo test --quiet --release --locked --manifest-path tests/bench/Cargo.toml
CARGO_TARGET_DIR=$target cargo build --quiet --release --locked --manifest-path tests/bench/Cargo.toml
peers=$(tests/bench/peers/setup.sh)
exec "$target/release/aigw-bench" --function "$target/$triple/function/forwarder" --server "$target/function/forwarder" \
    --peers "$peers" "${arguments[@]}"
