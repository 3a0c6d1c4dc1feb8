#!/bin/sh
# Builds the operator for its image: one static program, for any Linux of that architecture.
#
#   operator/image/build-operator.sh [x86_64|arm64]        default: the host's architecture
#
# Result: the path of the program, on standard output.
#
# Static (musl), because the image then needs no C library and no base image: what runs is what was built, and there is
# nothing in it to be patched. Linked through zig, whose C compiler ring's assembly needs for a foreign target.
set -eu

say() { printf '%s\n' "build-operator: $*" >&2; }
die() { say "$*"; exit 1; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/forwarder/zig.sh"

case "${1:-$(uname -m)}" in
x86_64 | amd64) target=x86_64-unknown-linux-musl ;;
arm64 | aarch64) target=aarch64-unknown-linux-musl ;;
*) die "unknown architecture '${1:-$(uname -m)}'; use x86_64 or arm64" ;;
esac

command -v cargo >/dev/null 2>&1 || die "cargo is needed; install Rust from https://rustup.rs"
python=$(find_python)
ensure_zig
ensure_target
without_paths "$root"

cd "$root"
say "compiling for $target; some minutes the first time"
cargo zigbuild --quiet --locked --profile image --target "$target" -p aigw-operator --bin aigw-operator >&2
printf '%s\n' "${CARGO_TARGET_DIR:-$root/target}/$target/image/aigw-operator"
