#!/bin/sh
# build.sh OUTDIR: compiles kube-apiserver, etcd, kube-controllers, kubectl and helm from the versions go.mod pins.
# ONLY_CONTROLLERS=1 compiles just kube-controllers, for machines that bring the other four.
# `aigw-env tools` calls this once per content of this folder; it keeps the lock and the stamp.
set -eu
[ $# = 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
export CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
version_of() { awk -v module="$1" '$1 == module { print $2; exit }' go.mod; }
kube=$(version_of k8s.io/kubernetes)
# Without these the server calls itself v0.0.0-master+$Format:%H$.
x="-s -w -X helm.sh/helm/v4/internal/version.version=$(version_of helm.sh/helm/v4)"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    x="$x -X $package.gitVersion=$kube -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$kube" | cut -d. -f2)"
    x="$x -X $package.gitCommit= -X $package.gitTreeState=archive"
done
# Inlining is a fifth of all compiling. The bulk that only wires and generates goes without; what runs per request has it.
set -- -gcflags all=-dwarf=false
for tree in k8s.io/api k8s.io/client-go k8s.io/kubernetes k8s.io/kube-aggregator k8s.io/kubectl k8s.io/cli-runtime \
    helm.sh sigs.k8s.io/kustomize; do
    set -- "$@" -gcflags "$tree/...=-l -dwarf=false"
done
if [ -n "${ONLY_CONTROLLERS:-}" ]; then
    go build -trimpath -tags controllersonly "$@" -ldflags "-s -w" -o "$out/kube-controllers" ./server
    exit
fi
# One call for both programs: shared packages compile once. Changed flags mean a cold build of everything.
go build -trimpath "$@" -ldflags "$x" -o "$out/" ./server ./client
for name in kube-apiserver etcd kube-controllers; do ln -sf server "$out/$name"; done
for name in kubectl helm; do ln -sf client "$out/$name"; done
