#!/bin/sh
# Builds the operator's image as an OCI layout, without a container engine and without a registry of images.
#
#   operator/image/build.sh [--output DIR] [ARCH...]      default: target/image, the host's architecture
#
# ARCH is x86_64 or arm64: of the operator. The functions are always there for both. What goes in, and how it is pushed
# or loaded: assemble.py. Prints the digest. The same sources, Rust, zig and Python give the same digest, on any machine;
# the time in it is SOURCE_DATE_EPOCH, or that of the last commit.
set -eu

say() { printf '%s\n' "image: $*" >&2; }
die() { say "$*"; exit 1; }

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/forwarder/zig.sh"
here=$root/operator/image
work=${CARGO_TARGET_DIR:-$root/target}/image-parts
output=${CARGO_TARGET_DIR:-$root/target}/image
if [ "${1:-}" = --output ]; then
    output=$2
    shift 2
fi
[ $# -gt 0 ] || set -- "$(uname -m)"
python=$(find_python)
version=$(sed -n 's/^appVersion: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$root/charts/aigw-operator/Chart.yaml")
revision=$(git -C "$root" rev-parse HEAD)
[ -z "$(git -C "$root" status --porcelain --untracked-files=no)" ] || revision=$revision-dirty
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}

# From the package index, by hash: every machine has other authorities of its own.
certificates() {
    rm -rf "$work/certificates"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --only-binary :all: \
        --require-hashes --target "$work/certificates" --requirement "$here/certificates.txt" >&2 ||
        die "pip could not fetch the certificate authorities; is a package index reachable?"
}

mkdir -p "$work"
certificates
"$python" -B "$here/sbom.py" --version "$version" --output "$work/sbom.cdx.json"
for arch in x86_64 arm64; do
    AIGW_FUNCTIONS_DIR=$work/functions "$root/forwarder/build-functions.sh" "$arch" >&2
done
programs=
for arch in "$@"; do
    program=$("$here/build-operator.sh" "$arch")
    case $arch in
    x86_64 | amd64) programs="$programs --program amd64=$program" ;;
    *) programs="$programs --program arm64=$program" ;;
    esac
done
# shellcheck disable=SC2086 # two words each, and no folder of cargo's has a space in its name here
"$python" -B "$here/assemble.py" $programs --functions "$work/functions" --all-functions \
    --certificates "$work/certificates/certifi/cacert.pem" --license "$root/LICENSE" --sbom "$work/sbom.cdx.json" \
    --version "$version" --revision "$revision" --source "${AIGW_SOURCE_URL:-}" --name "${AIGW_IMAGE_NAME:-aigw-operator}" \
    --epoch "$epoch" --output "$output"
say "wrote $output"
