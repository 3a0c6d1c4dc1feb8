# shellcheck shell=sh
# Sourced by the scripts that build for other machines than this one: puts the zig linker in place. zig carries every
# glibc's symbols and a musl; it comes from PyPI into a virtual environment in the cache, and nothing is installed into
# the system. The caller defines say and die, and sets $python and
# $target before it calls what uses them.

ZIGLANG=0.17.1
CARGO_ZIGBUILD=0.24.0

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
# shellcheck disable=SC2154
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

# Adds the Rust target $target unless it is there.
# shellcheck disable=SC2154
ensure_target() {
    sysroot=$(rustc --print sysroot)
    [ -d "$sysroot/lib/rustlib/$target" ] && return
    command -v rustup >/dev/null 2>&1 || die "Rust's standard library for $target is missing and there is no rustup to add it"
    say "adding the Rust target $target"
    rustup target add "$target" >&2
}

# Panic messages name source files. Without this they would name the builder's home, and no two people's builds were
# equal. The variable takes the place of RUSTFLAGS and of flags in a person's cargo configuration, and its separator lets
# folders have spaces. The last prefix that fits counts, and cargo's folder may lie in the checkout.
without_paths() { # ROOT
    flags=$(printf -- '--remap-path-prefix=%s=/source\037--remap-path-prefix=%s=/cargo' "$1" "${CARGO_HOME:-$HOME/.cargo}")
    export CARGO_ENCODED_RUSTFLAGS="$flags"
}
