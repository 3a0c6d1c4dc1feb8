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
ZIGLANG=0.17.1
CARGO_ZIGBUILD=0.24.0
MAX_BYTES=3000000

say() { printf '%s\n' "build-functions: $*" >&2; }
die() { say "$*"; exit 1; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

case "${1:-$(uname -m)}" in
x86_64 | amd64) arch=x86_64 target=x86_64-unknown-linux-gnu ;;
arm64 | aarch64) arch=arm64 target=aarch64-unknown-linux-gnu ;;
*) die "unknown architecture '${1:-$(uname -m)}'; use x86_64 or arm64" ;;
esac

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.10 python3.9 python3.14; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    die "Python 3.9 or newer with the venv module is needed to fetch the zig linker; install python3 (and python3-venv)"
}

# Puts the tools in place once. The directory name carries the versions, so a new pin is a new environment; the file
# "ready" is written last, so an interrupted run is begun again.
ensure_zig() {
    cache=${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}
    tools=$cache/zig-$ZIGLANG-$CARGO_ZIGBUILD
    if [ ! -e "$tools/ready" ]; then
        say "installing ziglang $ZIGLANG and cargo-zigbuild $CARGO_ZIGBUILD into $tools (once, about 100 MB)"
        mkdir -p "$cache"
        rm -rf "$tools"
        "$python" -m venv "$tools"
        "$tools/bin/python" -m pip install --quiet --disable-pip-version-check \
            "ziglang==$ZIGLANG" "cargo-zigbuild==$CARGO_ZIGBUILD" >&2 ||
            die "pip could not install the zig linker; is a package index reachable?"
        : >"$tools/ready"
    fi
    PATH=$tools/bin:$PATH
    CARGO_ZIGBUILD_ZIG_PATH=$tools/bin/python-zig
    export PATH CARGO_ZIGBUILD_ZIG_PATH
    if [ ! -x "$CARGO_ZIGBUILD_ZIG_PATH" ]; then unset CARGO_ZIGBUILD_ZIG_PATH; fi
}

ensure_target() {
    sysroot=$(rustc --print sysroot)
    [ -d "$sysroot/lib/rustlib/$target" ] && return
    command -v rustup >/dev/null 2>&1 || die "Rust's standard library for $target is missing and there is no rustup to add it"
    say "adding the Rust target $target"
    rustup target add "$target" >&2
}

command -v cargo >/dev/null 2>&1 || die "cargo is needed; install Rust from https://rustup.rs"
python=$(find_python)
ensure_zig
ensure_target

# Panic messages name source files. Without this they would name the builder's home, and no two people's zips were equal.
# The variable takes the place of RUSTFLAGS and of flags in a person's cargo configuration, and its separator lets
# folders have spaces. The last prefix that fits counts, and cargo's folder may lie in the checkout.
flags=$(printf -- '--remap-path-prefix=%s=/source\037--remap-path-prefix=%s=/cargo' "$root" "${CARGO_HOME:-$HOME/.cargo}")
export CARGO_ENCODED_RUSTFLAGS="$flags"

cd "$root"
say "compiling for $arch (glibc $GLIBC); a minute or two the first time, seconds where nothing changed"
cargo zigbuild --quiet --profile function --target "$target.$GLIBC" -p aigw-forwarder --no-default-features --bins >&2

built=${CARGO_TARGET_DIR:-$root/target}/$target/function
out=${AIGW_FUNCTIONS_DIR:-$root/target/functions}/$arch
mkdir -p "$out"
"$python" "$root/forwarder/pack-functions.py" --glibc "$GLIBC" --max-bytes "$MAX_BYTES" --machine "$arch" \
    "$built" "$out" forwarder authorizer
