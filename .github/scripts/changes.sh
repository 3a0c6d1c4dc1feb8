#!/bin/sh
# Prints what CHANGELOG.md says of one version: changes.sh VERSION. Fails where it says nothing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
text=$(awk -v heading="## $1" '
    /^## / { inside = ($0 == heading || index($0, heading " ") == 1); next }
    inside' "$here/../../CHANGELOG.md")
if [ -z "$(printf '%s' "$text" | tr -d '[:space:]')" ]; then
    echo "changes: CHANGELOG.md has no section for $1" >&2
    exit 1
fi
printf '%s\n' "$text"
