#!/bin/bash
# Checks what cargo does not see: shell scripts, workflows, links between documents, the CloudFormation template, the charts' README, alerts and their
# tests. Each check runs although an earlier one failed; exit code 1 if any did.
set -uo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." || exit

tools=$(tests/lint/setup.sh) || exit
failed=0
check() { # NAME COMMAND...
    if "${@:2}"; then
        printf 'lint: %-12s ok\n' "$1"
    else
        printf 'lint: %-12s FAILED\n' "$1" >&2
        failed=1
    fi
}

# By their first line: not every script has a suffix. Tracked files, and those about to be.
shell_scripts() {
    git ls-files --cached --others --exclude-standard | while IFS= read -r file; do
        if [ -f "$file" ] && [[ $(head -c 64 "$file" 2>/dev/null | tr -d '\0' | head -n 1) =~ ^#!.*(/| )(ba)?sh( |$) ]]; then
            echo "$file"
        fi
    done
}

mapfile -t scripts < <(shell_scripts)
check shellcheck "$tools/venv/bin/shellcheck" "${scripts[@]}"
# actionlint finds shellcheck by itself for the scripts inside workflows.
check actionlint env "PATH=$tools/venv/bin:$PATH" "$tools/actionlint" -no-color
check template "$tools/venv/bin/cfn-lint" docs/iam/prerequisites.yaml
check links python3 -B tests/lint/links.py
check readme python3 -B charts/generate-readme.py --check
check alerts "$tools/promrules" check charts/aigw-operator/files/alerts.yaml
check alert-tests "$tools/promrules" test charts/aigw-operator/files/alerts_test.yaml
exit "$failed"
