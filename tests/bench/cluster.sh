#!/usr/bin/env bash
# cluster.sh BIN transfer    three members, two writers, the leader's office handed on 20 times
# cluster.sh BIN grow GB     three members with GB of values, a fourth joins while one client puts; then a backup
# Figures of the cluster that no timed test may hold (docs/benchmarks.md). Uses a directory under TMPDIR and ports from 9301.
set -euo pipefail
bin=$(realpath "$1") what=$2 gigabytes=${3:-1}
directory=$(mktemp -d)
cd "$directory"
trap 'for file in *.pid; do kill "$(cat "$file")"; done; wait; rm -rf "$directory"' EXIT
export BELFRY_ENDPOINT=tcp://127.0.0.1:9301,tcp://127.0.0.1:9302,tcp://127.0.0.1:9303
export BELFRY_FEED=tcp://127.0.0.1:9311,tcp://127.0.0.1:9312,tcp://127.0.0.1:9313
readonly first_members="1=tcp://127.0.0.1:9401,2=tcp://127.0.0.1:9402,3=tcp://127.0.0.1:9403"

start() {  # start ID --set KEY=VALUE...
    local id=$1; shift
    "$bin/belfryd" --data-dir "m$id" --listen "tcp://127.0.0.1:930$id" --feed "tcp://127.0.0.1:931$id" --set "member.id=$id" \
        --set "cluster.endpoint=tcp://127.0.0.1:940$id" "$@" >"m$id.log" 2>&1 &
    echo $! >"m$id.pid"
}
now_ms() { date +%s%3N; }
put() { "$bin/belfry" bench put "$@"; }
memory() { for file in m*.pid; do echo "$file $(grep RssAnon "/proc/$(cat "$file")/status")"; done; }

transfer() {
    put --clients 2 --in-flight 1 --count 40000 --value-bytes 100 --keys 100 --prefix t/ >writers.txt & local writers=$!
    for _ in $(seq 20); do
        sleep 0.3
        local begin; begin=$(now_ms)
        "$bin/belfry" leader transfer >/dev/null
        echo -n "$(($(now_ms) - begin)) "
    done
    echo "ms each, the command included"
    wait $writers
    cat writers.txt
}

grow() {
    local count=$((gigabytes * 1000000000 / 16384)) load="--clients 1 --in-flight 64 --value-bytes 100 --keys 1000 --prefix load/"
    put --clients 4 --in-flight 64 --count $count --value-bytes 16384 --keys $count --prefix big/ --keep
    "$bin/belfry" status | grep -E '^(keys|store.bytes) '
    echo "-- puts before, and memory that is no page of a file"
    put $load --count 60000
    memory
    "$bin/belfry" member add 4 tcp://127.0.0.1:9404 >new.txt
    local begin; begin=$(now_ms)
    start 4 --set cluster.join=true --set "cluster.id=$(awk -F'"' '/^id = /{print $2}' new.txt)" \
        --set "cluster.members=$(awk -F'"' '/^members = /{print $2}' new.txt)"
    put $load --count 300000 >during.txt & local writer=$!
    "$bin/belfry" member promote 4 --timeout 5m >/dev/null
    local took=$(($(now_ms) - begin)) bytes
    bytes=$(stat -c %s m[123]/snapshots/*.snap | sort -n | tail -1)
    echo "-- caught up and voting after $took ms; snapshot of $bytes octets: $((bytes / 1048576 * 1000 / took)) MiB/s"
    wait $writer
    cat during.txt
    memory
    echo "-- a backup"
    time "$bin/belfry" snapshot save backup
    echo "-- the disk: $(dd if=/dev/zero of=zeros bs=1M count=1000 oflag=dsync 2>&1 | tail -1)"
}

for id in 1 2 3; do start $id --set "cluster.members=$first_members"; done
"$bin/belfry" put ready yes --timeout 20s >/dev/null
"$what"
