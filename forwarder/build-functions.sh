#!/bin/sh
# Builds both Lambda functions for one architecture and packs each into a deterministic zip.
#
#   forwarder/build-functions.sh [x86_64|arm64]        default: the host's architecture
#
# Result: ${AIGW_FUNCTIONS_DIR:-<root>/target/functions}/<arch>/{forwarder,authorizer}.zip
#
# Lambda's provided.al2023 has glibc 2.34, usually older than the build host's, so linking goes through zig, which
# carries every glibc's symbols. zig comes from PyPI into a virtual environment in the cache; nothing is installed
# into the system. Cargo decides what is to be compiled again.
set -eu

GLIBC=2.34
MAX_BYTES=3000000

say() { printf '%s\n' "build-functions: $*" >&2; }
die() { say "$*"; exit 1; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

case "${1:-$(uname -m)}" in
x86_64 | amd64) arch=x86_64 target=x86_64-unknown-linux-gnu ;;
arm64 | aarch64) arch=arm64 target=aarch64-unknown-linux-gnu ;;
*) die "unknown architecture '${1:-$(uname -m)}'; use x86_64 or arm64" ;;
esac

. "$root/forwarder/zig.sh"

command -v cargo >/dev/null 2>&1 || die "cargo is needed; install Rust from https://rustup.rs"
python=$(find_python)
ensure_zig
ensure_target

without_paths "$root"

cd "$root"
say "compiling for $arch (glibc $GLIBC); a minute or two the first time, seconds where nothing changed"
cargo zigbuild --quiet --profile function --target "$target.$GLIBC" -p aigw-forwarder --no-default-features --bins >&2

built=${CARGO_TARGET_DIR:-$root/target}/$target/function
out=${AIGW_FUNCTIONS_DIR:-$root/target/functions}/$arch
mkdir -p "$out"
"$python" "$root/forwarder/pack-functions.py" --glibc "$GLIBC" --max-bytes "$MAX_BYTES" --machine "$arch" \
    "$built" "$out" forwarder authorizer
