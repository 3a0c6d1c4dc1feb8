#!/bin/sh
# Creates the Python environment of the AWS emulator: setup.sh VENV_DIR
#
# Cheap when nothing changed: VENV_DIR/.aigw-stamp holds a hash of everything that goes in, is removed
# before the first change and written after the last, so an interrupted run is never taken for a good one.
# Exit codes: 0 ready, 1 the installation failed (see its output), 2 wrong usage, 3 no Python 3.13.
set -eu

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: setup.sh VENV_DIR" >&2
    exit 2
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=$1
stamp_file=$venv/.aigw-stamp
log=$venv.log

# A file named python3.13 proves nothing: pyenv's shim exists even when it refuses to run.
is_python_313() {
    [ -n "$1" ] && [ "$("$1" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.13 ]
}

find_python() {
    for candidate in \
        "$(command -v python3.13 || true)" \
        "$HOME"/.pyenv/versions/3.13*/bin/python3.13 \
        "$(pyenv root 2>/dev/null || true)"/versions/3.13*/bin/python3.13 \
        "$(uv python find 3.13 2>/dev/null || true)"
    do
        if is_python_313 "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi
}

# Paths in the venv are absolute, so its place is part of the stamp.
stamp() {
    {
        "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
        (CDPATH='' cd -- "$(dirname -- "$venv")" && pwd)
        cat "$here/setup.sh" "$here/constraints.txt" "$here/plugin/pyproject.toml"
        for source in "$here"/plugin/aigw_emulator/*.py; do
            echo "$source"
            cat "$source"
        done
    } | checksum | cut -d ' ' -f 1
}

# pip's chatter goes to a log, which is shown only when a step fails.
step() {
    echo "emulator: $1" >&2
    shift
    if ! "$@" >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "emulator: setting up the Python environment failed; the full log is $log" >&2
        exit 1
    fi
}

pip_install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$here/constraints.txt" "$@"
}

# setuptools writes build leftovers next to the sources, so it gets a copy.
install_plugin() {
    rm -rf "$venv/plugin-src"
    cp -R "$here/plugin" "$venv/plugin-src"
    pip_install --no-deps --no-build-isolation --force-reinstall "$venv/plugin-src"
    rm -rf "$venv/plugin-src"
}

if ! python=$(find_python); then
    echo "the AWS emulator needs Python 3.13 and none was found: install it so that 'python3.13' is on PATH, or run 'pyenv install 3.13' or 'uv python install 3.13'" >&2
    exit 3
fi

mkdir -p "$(dirname -- "$venv")"
wanted=$(stamp)
if [ "$(cat "$stamp_file" 2>/dev/null || true)" = "$wanted" ]; then
    exit 0
fi

# The heavy part (packages) has its own stamp: a changed plugin source must cost seconds, not a minute.
packages_stamp=$({ "$python" -c 'import sys; print(sys.version, sys.base_prefix)'; echo "$venv"; cat "$here/constraints.txt"; } | checksum | cut -d ' ' -f 1)
rm -f "$stamp_file"
: >"$log"
if [ "$(cat "$venv/.aigw-packages" 2>/dev/null || true)" != "$packages_stamp" ]; then
    if [ -n "$(ls -A "$venv" 2>/dev/null || true)" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        echo "emulator: $venv exists and is not a Python environment, so it is left alone" >&2
        exit 2
    fi
    rm -rf "$venv"
    step "creating a Python 3.13 environment in $venv" "$python" -m venv "$venv"
    step "installing LocalEmu and its dependencies (about a minute, 600 MB)" \
        pip_install localemu boto3 pytest setuptools
    echo "$packages_stamp" >"$venv/.aigw-packages"
fi
step "installing the emulator plugin" install_plugin
echo "$wanted" >"$stamp_file"
rm -f "$log"
