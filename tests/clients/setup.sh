#!/bin/sh
# Puts the AWS SDKs of the client programs in place and prints where: setup.sh [--matrix] [DIR]
#
# With --matrix also the further clients that only the client matrix of the end-to-end tests needs (matrix.sh).
#
# Default DIR: ${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/clients-<hash of the lock files>. Result:
#
#   DIR/venv/bin/python    runs python/*.py
#   DIR/node/*.mjs         run with node (an ES module finds its packages only beside itself, hence copies)
#
# Returns at once when nothing changed. The file "ready" is written last, so an interrupted run is begun again.
# Exit codes: 0 ready, 1 an installation failed, 2 wrong usage, 3 no Python 3.10 or no Node.js 20.
set -eu

say() { printf '%s\n' "clients: $*" >&2; }

with_matrix=
if [ "${1:-}" = --matrix ]; then
    with_matrix=1
    shift
fi
if [ $# -gt 1 ]; then
    echo "usage: setup.sh [--matrix] [DIR]" >&2
    exit 2
fi
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "Python 3.10 or newer with the venv module is needed for boto3; install python3 (and python3-venv)"
    return 1
}

node_is_new_enough() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null
}

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-12
}

quietly() {
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "failed: $*; is a package registry reachable?"
        exit 1
    fi
}

python=$(find_python) || exit 3
if ! node_is_new_enough; then
    say "Node.js 20 or newer with npm is needed for the AWS SDK for JavaScript; install it from https://nodejs.org"
    exit 3
fi

stamp=$({
    cat "$here/requirements.txt" "$here/node/package.json" "$here/node/package-lock.json"
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
    node --version
} | checksum)
dir=${1:-${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/clients-$stamp}
mkdir -p "$dir"
dir=$(CDPATH='' cd -- "$dir" && pwd)
log=$dir/setup.log

# Two builds may meet here. The one that made the lock works, the other waits; a lock of a process that is gone is void.
until mkdir "$dir/lock" 2>/dev/null; do
    holder=$(cat "$dir/lock/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$dir/lock"; else sleep 0.2; fi
done
trap 'rm -rf "$dir/lock"' EXIT
trap 'exit 130' HUP INT TERM
echo $$ >"$dir/lock/pid"

if [ "$(cat "$dir/ready" 2>/dev/null || true)" != "$stamp" ]; then
    rm -rf "$dir/ready" "$dir/venv" "$dir/node"
    say "installing boto3 and the AWS SDK for JavaScript into $dir (once, about 60 MB)"
    quietly "$python" -m venv "$dir/venv"
    quietly "$dir/venv/bin/python" -m pip install --disable-pip-version-check --no-deps -r "$here/requirements.txt"
    mkdir "$dir/node"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$here/node/.npmrc" "$dir/node"
    quietly npm ci --prefix "$dir/node" --no-audit --no-fund
    echo "$stamp" >"$dir/ready"
fi
cp "$here"/node/*.mjs "$dir/node"
if [ -n "$with_matrix" ]; then
    . "$here/matrix.sh"
    install_matrix
fi
printf '%s\n' "$dir"
