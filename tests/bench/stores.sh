#!/usr/bin/env bash
# Each state store under the same hub and the same load; prints a table in Markdown.
#
#   stores.sh BIN [--keys "N N"] [--stores "NAME NAME"] [--value-bytes N] [--count N]
#   stores.sh BIN --large GIB [--stores "NAME NAME"]      a store of so many GiB (values of 4 KiB): what memory it takes
#
# For each store and number of keys a hub on an empty directory: fill, then COUNT puts in a shuffled order, COUNT gets, ranges of
# 1,000 keys, one connection, 256 (ranges 8) in flight; then the process's memory and what its state takes of the disk. Values
# cannot be compressed. Puts are durable: acknowledged after an fdatasync of the log, which is log_wal in every row.
set -euo pipefail
bin=$(cd "$1" && pwd)
shift
keys_list="10000 1000000" stores="storage_lmdb storage_rocksdb storage_sqlite storage_memory" value_bytes=256 count=200000 large=""
while [ $# -gt 0 ]; do
    case $1 in
        --keys) keys_list=$2 ;;
        --stores) stores=$2 ;;
        --value-bytes) value_bytes=$2 ;;
        --count) count=$2 ;;
        --large) large=$2 ;;
        *) echo "stores.sh: unknown option '$1'" >&2; exit 2 ;;
    esac
    shift 2
done
work=$(mktemp -d "${TMPDIR:-/tmp}/belfry-stores.XXXXXX")
hub=""
cleanup() { [ -z "$hub" ] || kill -KILL "$hub" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

belfry() { "$bin/belfry" --endpoint "tcp://127.0.0.1:$port" --feed "tcp://127.0.0.1:$((port + 1))" --timeout 120s "$@"; }
start() {  # start STORE [settings]: a hub on a new directory
    local store=$1; shift
    rm -rf "$work/data"
    port=$((20000 + RANDOM % 20000))
    "$bin/belfryd" --data-dir "$work/data" --listen "tcp://127.0.0.1:$port" --feed "tcp://127.0.0.1:$((port + 1))" \
        --set "store.plugin=$store" "$@" 2>"$work/log" &
    hub=$!
    for _ in $(seq 100); do belfry get x --count >/dev/null 2>&1 && return 0; sleep 0.1; done
    cat "$work/log" >&2; exit 1
}
stop() { kill "$hub"; wait "$hub" 2>/dev/null || true; hub=""; }
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p"; }
memory() { awk -v name="$1:" '$1 == name {printf "%d", $2 / 1024}' "/proc/$hub/status"; }  # MiB
grouped() { printf '%.0f' "$1" | rev | sed 's/[0-9]\{3\}/&,/g; s/,$//' | rev; }  # 1234567 -> 1,234,567
per_second() { grouped "$(field per_second <<<"$1")"; }
latencies() { printf '%s / %s' "$(field p50_us <<<"$1")" "$(field p99_us <<<"$1")"; }

row() {  # row STORE KEYS
    start "$1" --set history.keep_revisions=100000
    belfry bench put --keys "$2" --count "$2" --value-bytes "$value_bytes" --in-flight 256 --keep >/dev/null
    local puts gets ranges one
    puts=$(belfry -o json bench put --filled --keep --keys "$2" --count "$count" --value-bytes "$value_bytes" --in-flight 256)
    gets=$(belfry -o json bench get --filled --keep --keys "$2" --count "$count" --in-flight 256)
    one=$(belfry -o json bench get --filled --keep --keys "$2" --count 3000 --in-flight 1)
    ranges=$(belfry -o json bench range --filled --keep --prefix bench/00000 --keys 1000 --count 2000 --in-flight 8)  # all keys that begin so
    printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$(grouped "$2")" "$(per_second "$puts")" "$(latencies "$puts")" \
        "$(per_second "$gets")" "$(latencies "$gets")" "$(latencies "$one")" "$(per_second "$ranges")" \
        "$(memory VmRSS)" "$(memory RssAnon)" "$(du -sm "$work/data/state" | cut -f1)"
    stop
}

large() {  # large STORE
    local keys=$((large * 262144)) puts gets
    # The log stays as it is: a copy of the state for each part of it would need the disk thrice.
    start "$1" --set history.keep_revisions=1000 --set "snapshot_log_bytes=1 TiB"
    puts=$(belfry -o json bench put --keys "$keys" --count "$keys" --value-bytes 4096 --in-flight 64 --keep)
    echo "   $1: filled, $(per_second "$puts") puts/s; anonymous memory $(memory RssAnon) MiB" >&2
    gets=$(belfry -o json bench get --filled --keep --keys "$keys" --count 100000 --in-flight 64)
    printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$large" "$(per_second "$puts")" "$(per_second "$gets")" "$(latencies "$gets")" \
        "$(memory VmRSS)" "$(memory RssAnon)" "$(du -sm "$work/data/state" | cut -f1)"
    stop
}

if [ -n "$large" ]; then
    echo '| store | GiB | filling, puts/s | gets/s | p50 / p99 us | resident MiB | anonymous MiB | state on disk MiB |'
    echo '|---|---|---|---|---|---|---|---|'
    for store in $stores; do [ "$store" = storage_memory ] || large "$store"; done
    exit 0
fi
echo '| store | keys | puts/s | p50 / p99 us | gets/s | p50 / p99 us | one get p50 / p99 us | ranges/s | resident MiB | anonymous MiB | state on disk MiB |'
echo '|---|---|---|---|---|---|---|---|---|---|---|'
for keys in $keys_list; do for store in $stores; do row "$store" "$keys"; done; done
