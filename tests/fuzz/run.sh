#!/bin/bash
# Builds the fuzz targets and runs them: run.sh [--seconds N] [--jobs N] [--background] [target…]
#
# Ends with a table; fails where a target crashed. --background starts the runs, prints their pids and returns; --table
# prints the table of what the logs have by now. Corpora, logs and crashes go to AIGW_FUZZ_DIR, which is kept between
# runs: by default a folder of the user's cache.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"

usage() {
    echo "usage: run.sh [--seconds N] [--jobs N] [--background | --table] [target…]" >&2
    exit 2
}

seconds=60 jobs=1 mode=wait targets=() detach=()
while (($#)); do
    case $1 in
    --seconds | --jobs)
        [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage
        if [[ $1 == --jobs ]]; then jobs=$2; else seconds=$2; fi
        shift
        ;;
    --background) mode=background ;;
    --table) mode=table ;;
    -*) usage ;;
    *) targets+=("$1") ;;
    esac
    shift
done
known=(src/bin/*.rs)
known=("${known[@]##*/}")
known=("${known[@]%.rs}")
for target in "${targets[@]}"; do
    [[ " ${known[*]} " == *" $target "* ]] || { echo "fuzz: no target $target; there are: ${known[*]}" >&2; exit 2; }
done
((${#targets[@]})) || targets=("${known[@]}")

base=${AIGW_FUZZ_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/aigw-fuzz}
mkdir -p "$base/logs"

# libFuzzer measures by the clock, and at the lowest priority a busy machine can keep a target waiting for many seconds.
patience=120

# The last line of libFuzzer's that has counts: "#123 … cov: 5 ft: 6 corp: 7/8b …".
counts() {
    awk '
        /^#[0-9]+/ { executions = substr($1, 2)
            for (i = 2; i < NF; i++) { if ($i == "cov:") edges = $(i + 1); if ($i == "corp:") { split($(i + 1), corpus, "/") } } }
        /^stat::number_of_executed_units:/ { executions = $2 }
        /^Done [0-9]+ runs in [0-9]+ second/ { executions = $2; seconds = $5 }
        END { print executions + 0, edges + 0, corpus[1] + 0, seconds + 0 }' "$1"
}

table() {
    local target log executions edges corpus finished began crashes status=0
    printf '%-10s %9s %14s %10s %7s %7s %8s\n' target seconds executions 'per second' edges corpus crashes
    for target in "${targets[@]}"; do
        log=$base/logs/$target.log
        [[ -f $log ]] || { printf '%-10s NOT RUN\n' "$target"; continue; }
        read -r executions edges corpus finished < <(counts "$log")
        if ((finished == 0)); then
            began=$(cat "$base/logs/$target.began")
            finished=$(($(stat -c %Y "$log") - began))
        fi
        crashes=$(find "$base/crashes/$target" -type f ! -name 'slow-unit-*' | wc -l)
        ((crashes == 0)) || status=1
        printf '%-10s %9d %14d %10d %7d %7d %8d\n' \
            "$target" "$finished" "$executions" $((executions / (finished > 0 ? finished : 1))) "$edges" "$corpus" "$crashes"
    done
    return $status
}

if [[ $mode == table ]]; then
    table
    exit
fi

# The flags of cargo-fuzz without a sanitizer, all of which stable rustc knows: the code is safe Rust, and what its
# dependencies do in C or assembly would not be instrumented anyway. With --target the flags spare build scripts.
triple=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../../target}/fuzz
export RUSTFLAGS="-Cpasses=sancov-module -Ccodegen-units=1 --cfg fuzzing \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
CARGO_INCREMENTAL=0 cargo build --quiet --locked --profile fuzz --target "$triple" --bins
programs=$CARGO_TARGET_DIR/$triple/fuzz

run() {
    local target=$1 corpus=$base/corpora/$1 crashes=$base/crashes/$1
    local inputs=("$corpus")
    [[ ! -d regressions/$target ]] || inputs+=("regressions/$target")
    mkdir -p "$corpus" "$crashes"
    date +%s >"$base/logs/$target.began"
    # Seeds are written anew: tokens are signed by keys of this run.
    AIGW_FUZZ_SEEDS=$corpus exec "${detach[@]}" nice -n 19 "$programs/$target" "${inputs[@]}" -max_total_time="$seconds" \
        -artifact_prefix="$crashes/" -rss_limit_mb=1024 -timeout="$patience" -max_len=2048 -print_final_stats=1 \
        -dict="$PWD/words.dict" >"$base/logs/$target.log" 2>&1
}

if [[ $mode == background ]]; then
    detach=(setsid)
    for target in "${targets[@]}"; do
        (run "$target") </dev/null &
        echo "$target $!"
        disown
    done
    exit
fi
for target in "${targets[@]}"; do
    while (($(jobs -rp | wc -l) >= jobs)); do
        wait -n || true
    done
    (run "$target") &
done
wait
table || { echo "fuzz: crashes are in $base/crashes, what they said in $base/logs" >&2; exit 1; }
