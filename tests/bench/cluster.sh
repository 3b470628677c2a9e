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

# Puts on the same thousand keys, in short series, until the file `stop` is there: when each began and ended, and its rate.
series() {
    local begin rate
    while [ ! -e stop ]; do
        begin=$(now_ms)
        rate=$(put --clients 1 --in-flight 64 --value-bytes 100 --keys 1000 --prefix load/ --keep --count 10000 |
            sed -n 's|.*puts in .* s, \([0-9,]*\)/s.*|\1|p' | tr -d ,)
        echo "$begin $(now_ms) $rate"
    done
}
# rate FROM TO: puts per second over the series that lie wholly between the two.
rate() {
    awk -v from="$1" -v to="$2" '$1 >= from && $2 <= to { ++n; time += 1 / $3 } END { if (n) printf "%d", n / time; else print 0 }' series.txt
}
disk() { dd if=/dev/zero of=zeros bs=1M count=1000 oflag=dsync 2>&1 | awk 'END { print $(NF - 1), $NF }'; rm zeros; }

grow() {
    local count=$((gigabytes * 1000000000 / 16384)) disk_before
    put --clients 4 --in-flight 64 --count $count --value-bytes 16384 --keys $count --prefix big/ --keep
    "$bin/belfry" status | grep -E '^(keys|store.bytes) '
    sleep 10  # the copies that the filling caused are made
    disk_before=$(disk)
    series >series.txt & local writer=$!
    sleep 5  # warm
    local warm; warm=$(now_ms)
    sleep 10
    echo "-- memory that is no page of a file"
    memory
    "$bin/belfry" member add 4 tcp://127.0.0.1:9404 >new.txt
    local begin; begin=$(now_ms)
    start 4 --set cluster.join=true --set "cluster.id=$(awk -F'"' '/^id = /{print $2}' new.txt)" \
        --set "cluster.members=$(awk -F'"' '/^members = /{print $2}' new.txt)"
    "$bin/belfry" member promote 4 --timeout 5m >/dev/null
    local end; end=$(now_ms)
    touch stop
    wait $writer
    local took=$((end - begin)) bytes before meanwhile
    bytes=$(stat -c %s m[123]/snapshots/*.snap | sort -n | tail -1)
    echo "-- caught up and voting after $took ms; snapshot of $bytes octets: $((bytes / 1000 / took)) MB/s"
    echo "-- the disk before: $disk_before"
    before=$(rate "$warm" "$begin") meanwhile=$(rate "$begin" "$end")
    echo "-- puts before: $before/s; meanwhile: $meanwhile/s, $((100 - meanwhile * 100 / before)) % less"
    memory
    echo "-- a backup"
    time "$bin/belfry" snapshot save backup
    echo "-- the disk after: $(disk)"
}

for id in 1 2 3; do start $id --set "cluster.members=$first_members"; done
"$bin/belfry" put ready yes --timeout 20s >/dev/null
"$what"
