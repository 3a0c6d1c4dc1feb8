#!/bin/sh
# build.sh OUTDIR: compiles the programs that check what is not Rust, from the versions go.mod pins: actionlint,
# kubeconform, promrules (Prometheus' rule engine) and gitops (Argo CD's Lua, Flux' kstatus).
set -eu
[ $# = 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
# One call: shared packages compile once. Nothing here runs long enough for inlining to pay for its compile time.
go build -trimpath -gcflags 'all=-l -dwarf=false' -ldflags '-s -w' -o "$out/" \
    github.com/rhysd/actionlint/cmd/actionlint github.com/yannh/kubeconform/cmd/kubeconform ./cmd/promrules ./cmd/gitops
