#!/bin/sh
# Runs every *_fuzz program of a build for a while, each on a corpus of its own that is thrown away.
#
#     tests/fuzz/run.sh build/fuzz/bin 60 [SEED]
#
# With a SEED the same inputs come again, as far as the time goes: CI says the same of the same commit.
# One line each; the last line counts. Exit code 0: all passed, 1: one failed, 2: nothing was run.
set -u

if [ $# -lt 2 ] || [ $# -gt 3 ] || ! [ -d "$1" ] || ! [ "$2" -gt 0 ] 2>/dev/null; then
    echo "usage: $0 BIN SECONDS [SEED]" >&2
    exit 2
fi
bin=$1
seconds=$2
seed=${3:-0} # 0: another one each time
memory_mib=2048
octets_max=65536
work=$(mktemp -d "${TMPDIR:-/tmp}/belfry-fuzz-XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

passed=0
failed=0
for program in "$bin"/*_fuzz; do
    [ -x "$program" ] || continue
    name=$(basename "$program")
    mkdir -p "$work/$name/corpus" "$work/$name/found"
    if "$program" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb="$memory_mib" -max_len="$octets_max" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$work/$name/found/" "$work/$name/corpus" >"$work/$name/log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name/log")
        echo "ok    $name: ${runs:-?} runs"
        passed=$((passed + 1))
    else
        echo "FAIL  $name: $(grep -m 1 -E 'ERROR|runtime error|timeout|out-of-memory' "$work/$name/log" || echo 'it ended with an error')"
        tail -n 40 "$work/$name/log" >&2
        for input in "$work/$name/found/"*; do
            [ -f "$input" ] || continue
            echo "the input, base64: $(head -c 4096 "$input" | base64 -w 0)" >&2
        done
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $((passed + failed)) -gt 0 ] || exit 2
[ "$failed" -eq 0 ]
