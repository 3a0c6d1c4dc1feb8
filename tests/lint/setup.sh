#!/bin/sh
# Puts the programs that check what is not Rust in place and prints where: setup.sh [DIR]
#
# Default DIR: ${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/lint-<hash of this folder's pins and sources>. Result:
#
#   DIR/actionlint, kubeconform, promrules, gitops    from the Go module of this folder (build.sh)
#   DIR/venv/bin/shellcheck, cfn-lint                 from PyPI (requirements.txt)
#
# Returns at once when nothing changed. The file "ready" is written last, so an interrupted run is begun again.
# Exit codes: 0 ready, 1 an installation failed, 2 wrong usage, 3 no Go or no Python.
set -eu

say() { printf '%s\n' "lint: $*" >&2; }

if [ $# -gt 1 ]; then
    echo "usage: setup.sh [DIR]" >&2
    exit 2
fi
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-12
}

key=$(cd "$here" && cat go.mod go.sum build.sh requirements.txt cmd/*/*.go | checksum)
dir=${1:-${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/lint-$key}
if [ -e "$dir/ready" ]; then
    echo "$dir"
    exit
fi
command -v go >/dev/null 2>&1 || { say "go was not found on PATH; install Go 1.26 or newer from https://go.dev/dl"; exit 3; }
python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { say "Python 3.10 or newer with the venv module is needed; install python3 (and python3-venv)"; exit 3; }

mkdir -p "$dir"
log=$dir/setup.log
quietly() {
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "failed: $*; is a package registry reachable?"
        exit 1
    fi
}
say "compiling actionlint, kubeconform and Prometheus' rule engine (once, about a minute)"
quietly "$here/build.sh" "$dir"
quietly "$python" -m venv --clear "$dir/venv"
quietly "$dir/venv/bin/python" -m pip install --quiet --only-binary :all: -r "$here/requirements.txt"
rm -f "$log"
: >"$dir/ready"
echo "$dir"
