#!/bin/bash
# The whole path in a kind cluster: images, cluster, the emulated AWS in it, charts, and the checks of the demo.
#
#   tests/kind/run.sh [--keep]          --keep leaves the cluster running
#
# Needs Docker (or what kind takes for it), kind, kubectl, helm, and what `make demo` needs of Rust, Python and Node.js.
#
# Another AWS than the emulator, for example LocalStack with a licence: AIGW_KIND_OPERATOR_AWS_URL (as pods reach it),
# AIGW_KIND_AWS_URL and AIGW_KIND_GATEWAY_URL (as this machine reaches it), AWS_CA_BUNDLE. Nothing is deployed then.
# AIGW_KIND_NODE_IMAGE: another version of Kubernetes.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.."

cluster=${AIGW_KIND_CLUSTER:-aigw}
keep=
if [ "${1:-}" = --keep ]; then keep=1; fi

say() { printf '\n=== %s\n' "$*" >&2; }
for tool in docker kind kubectl helm cargo python3 node; do
    command -v "$tool" >/dev/null || { printf 'kind: %s is needed and not there\n' "$tool" >&2; exit 3; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/aigw-kind.XXXXXX")
export KUBECONFIG=$work/kubeconfig
made=
finish() {
    local status=$?
    if [ "$status" -ne 0 ] && [ -n "$made" ]; then
        say 'state at the failure'
        kubectl get pods --all-namespaces --output wide || true
        kubectl logs --namespace aigw-system --selector app.kubernetes.io/name=aigw-operator --tail 60 || true
        kubectl logs --namespace aws deployment/aws --tail 60 || true
    fi
    if [ -n "$made" ] && [ -z "$keep" ]; then kind delete cluster --name "$cluster" >&2 || true; fi
    if [ -z "$keep" ]; then rm -rf "$work"; else printf 'export KUBECONFIG=%s\n' "$KUBECONFIG"; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say 'build the image of the operator'
case $(uname -m) in x86_64 | amd64) arch=x86_64 ;; *) arch=arm64 ;; esac
operator/image/build.sh --output "$work/image" "$arch"
tar -C "$work/image" -cf "$work/operator.tar" .

say 'create the cluster'
kind create cluster --name "$cluster" --config tests/kind/cluster.yaml --wait 120s ${AIGW_KIND_NODE_IMAGE:+--image "$AIGW_KIND_NODE_IMAGE"}
made=1
kind load image-archive --name "$cluster" "$work/operator.tar"

values=(--values tests/kind/values.yaml)
if [ -z "${AIGW_KIND_OPERATOR_AWS_URL:-}" ]; then
    say 'build and start the emulated AWS'
    docker build --file tests/kind/Dockerfile --tag aigw-emulator:test .
    kind load docker-image --name "$cluster" aigw-emulator:test
    kubectl apply --filename tests/kind/emulator.yaml
    kubectl rollout status --namespace aws deployment/aws --timeout 180s
    kubectl exec --namespace aws deployment/aws -- cat /home/aws/ca.pem >"$work/ca.pem"
    AIGW_KIND_OPERATOR_AWS_URL=http://aws.aws.svc:4566
    AIGW_KIND_AWS_URL=http://127.0.0.1:4566
    AIGW_KIND_GATEWAY_URL=https://localhost:8443
    export AWS_CA_BUNDLE=$work/ca.pem NODE_EXTRA_CA_CERTS=$work/ca.pem
    # The operator probes gateways under the URL that clients have. On this machine that leads to the node's port; in the
    # operator's pod, where nothing listens at 8443, the name has a second address: the Service's.
    kubectl create namespace aigw-system
    kubectl create configmap --namespace aigw-system aigw-emulator-authority --from-file="$work/ca.pem"
    address=$(kubectl get service --namespace aws aws --output 'jsonpath={.spec.clusterIP}')
    printf 'hostAliases: [{ip: "%s", hostnames: [localhost]}]\n' "$address" >"$work/hosts.yaml"
    export AIGW_OPERATOR_CA_FILE=/etc/aigw-emulator/ca.pem
    values+=(--values tests/kind/emulator-values.yaml --values "$work/hosts.yaml")
fi

say 'run the demo in it'
clients=$(tests/clients/setup.sh)
mkdir -p "$work/logs"
export AIGW_ENV_DIR=$work AWS_ENDPOINT_URL=$AIGW_KIND_AWS_URL AIGW_GATEWAY_URL=$AIGW_KIND_GATEWAY_URL
export AIGW_OPERATOR_AWS_ENDPOINT_URL=$AIGW_KIND_OPERATOR_AWS_URL
export AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=local AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1
"$clients/venv/bin/python" tests/demo/demo.py --clients "$clients" "${values[@]}"
