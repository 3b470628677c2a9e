#!/usr/bin/env bash
# A fleet in small: a hub of one or more members, this machine's own configuration, 20 subscribers, and trouble in the middle.
#
#   run.sh BIN [--cluster N] [--store NAME] [--stay]     BIN holds belfryd and belfry; `./dev run` builds them and calls this.
#
# --store NAME is the one line `store.plugin = "NAME"` of a belfry.toml: storage_lmdb, storage_sqlite, storage_rocksdb, ...
# Ends with a table; exit code 0 only if every subscriber's state equals the hub's. --stay leaves hub and data where they are.
set -euo pipefail

bin=$(cd "$1" && pwd)
shift
stay="" size=1 store=storage_lmdb
while [ $# -gt 0 ]; do
    case $1 in
        --stay) stay=1 ;;
        --store) store=${2:?--store needs a plugin, such as storage_sqlite}; shift ;;
        --cluster) size=${2:?--cluster needs a number of members}; shift ;;
        *) echo "run.sh: unknown option '$1'" >&2; exit 2 ;;
    esac
    shift
done
work=$(mktemp -d "${TMPDIR:-/tmp}/belfry-run.XXXXXX")
hub_pids=()  # [member]
subscriber_pids=()

printf 'store.plugin = "%s"\n' "$store" >"$work/belfry.toml"
say() { printf '\n== %s\n' "$*"; }

cleanup() {
    local status=$?
    for pid in "${subscriber_pids[@]}"; do kill -CONT "$pid" 2>/dev/null; kill "$pid" 2>/dev/null; done || true
    if [ -z "$stay" ] || [ "$status" != 0 ]; then
        for pid in "${hub_pids[@]}"; do kill "$pid" 2>/dev/null; done || true
        wait 2>/dev/null || true
        if [ "$status" = 0 ]; then rm -rf "$work"; else echo "logs and data are kept in $work" >&2; fi
    fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

belfry() { "$bin/belfry" --endpoint "$endpoint" --feed "$feed" "$@"; }
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$2"; }  # field NAME JSON-LINE

# Each member has three ports: requests, feed, and (in a cluster) the other members.
start_hub() {  # start_hub MEMBER: the process; does not wait
    local member=$1 port=$((base + 3 * ($1 - 1))) cluster=()
    [ "$size" = 1 ] || cluster=(--set "cluster.endpoint=tcp://127.0.0.1:$((port + 2))" --set "cluster.members=$members")
    "$bin/belfryd" --config "$work/belfry.toml" --data-dir "$work/data$member" --set "member.id=$member" --listen "tcp://127.0.0.1:$port" \
        --feed "tcp://127.0.0.1:$((port + 1))" "${cluster[@]}" 2>>"$work/hub$member.log" &
    hub_pids[$member]=$!
}
serves() {  # serves: somebody answers a read
    for _ in $(seq 100); do
        belfry --timeout 1s get fleet/version --count >/dev/null 2>&1 && return 0
        for pid in "${hub_pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
        sleep 0.1
    done
    return 1
}
name_ports() {
    base=$((20000 + RANDOM % 12000)) endpoint="" feed="" members=""
    for member in $(seq "$size"); do
        local port=$((base + 3 * (member - 1)))
        endpoint+="${endpoint:+,}tcp://127.0.0.1:$port"
        feed+="${feed:+,}tcp://127.0.0.1:$((port + 1))"
        members+="${members:+,}$member=tcp://127.0.0.1:$((port + 2))"
    done
}
leader() { field leader "$(belfry --output json member list)"; }

if [ "$size" = 1 ]; then say "a hub on a data directory of its own ($work), $store"; else say "a hub of $size members ($work), $store"; fi
up=""
for _ in 1 2 3 4 5; do  # a random row of ports may be taken
    name_ports
    for member in $(seq "$size"); do start_hub "$member"; done
    serves && up=1 && break
    for pid in "${hub_pids[@]}"; do kill "$pid" 2>/dev/null; done || true
    wait 2>/dev/null || true
    rm -rf "$work"/data*
done
[ -n "$up" ] || { cat "$work"/hub*.log >&2; exit 1; }
tail -qn 1 "$work"/hub*.log

say "import: every file under /etc that anybody may read, and the kernel's settings"
belfry import /etc --prefix etc/ --format tree --world-readable --comment "etc of $(uname -n)"
sysctl -a 2>/dev/null >"$work/sysctl" || true
belfry import --stdin-kv --prefix sysctl/ --comment "sysctl -a" <"$work/sysctl"
printf 'keys in the hub: %s\n' "$(belfry get --prefix "" --count)"

filters=("prefix:" "prefix:etc/" "prefix:sysctl/" "prefix:fleet/" "prefix:fleet/web/" "prefix:fleet/db/" "prefix:etc/apt/"
         "prefix:sysctl/net." "prefix:sysctl/kernel." "exact:fleet/version" "exact:fleet/web/1/port" "exact:etc/hostname"
         "glob:fleet/*/1/port" "glob:fleet/**" "glob:etc/*.conf" "glob:**/port" "glob:fleet/web/?/*" "glob:sysctl/vm.*"
         "glob:fleet/[wd]*/2/limit" "glob:etc/**")
say "${#filters[@]} subscribers, each a process with a filter of its own"
for number in "${!filters[@]}"; do
    "$bin/belfry" --endpoint "$endpoint" --feed "$feed" subscribe "${filters[$number]#*:}" --kind "${filters[$number]%%:*}" \
        --ready "$work/ready.$number" --report "$work/report.$number" 2>"$work/subscriber.$number.log" &
    subscriber_pids+=("$!")
done
for number in "${!filters[@]}"; do
    for _ in $(seq 150); do [ -e "$work/ready.$number" ] && break; sleep 0.1; done
    [ -e "$work/ready.$number" ] || { echo "subscriber $number did not start: $(cat "$work/subscriber.$number.log")" >&2; exit 1; }
done

# One change set: version, and a port and a limit for each of six machines; all or nothing.
push() {
    local version=$1 group machine
    {
        echo; echo "put fleet/version $version"
        for group in web db; do for machine in 1 2 3; do
            echo "put fleet/$group/$machine/port $((8000 + version))"
            echo "put fleet/$group/$machine/limit $((version * machine))"
        done; done
        echo; echo
    } | belfry txn --comment "release $version" >/dev/null
}

if [ "$size" = 1 ]; then trouble="the hub"; else trouble="its leader"; fi
say "push 40 releases of 13 keys each; pause subscriber 4; kill -9 $trouble after the 20th and start it again"
kill -STOP "${subscriber_pids[4]}"
acknowledged=0 again=0
for version in $(seq 40); do
    if [ "$version" = 21 ]; then
        victim=$(leader)
        [ "$size" = 1 ] && victim=1
        kill -KILL "${hub_pids[$victim]}"
        wait "${hub_pids[$victim]}" 2>/dev/null || true
        echo "   $trouble (member $victim) killed after release 20 was acknowledged"
        if [ "$size" = 1 ]; then start_hub 1; serves || { tail -3 "$work/hub1.log" >&2; exit 1; }; tail -1 "$work/hub1.log"; fi
    fi
    if [ "$version" = 30 ]; then
        kill -CONT "${subscriber_pids[4]}" && echo "   subscriber 4 goes on"
        if [ "$size" != 1 ]; then start_hub "$victim"; echo "   member $victim starts again; member $(leader) leads"; fi
    fi
    # A change that a dying leader did not answer is pushed again: it says what is to be, so twice does no harm.
    for _ in $(seq 20); do
        push "$version" && acknowledged=$((acknowledged + 1)) && break
        again=$((again + 1))
    done
done
[ "$acknowledged" = 40 ] && [ "$(belfry get fleet/version)" = 40 ] || { echo "an acknowledged release is lost" >&2; exit 1; }

say "what everybody holds"
sleep 4  # a mark comes each second: it proves to a quiet subscriber that nothing is missing
for pid in "${subscriber_pids[@]}"; do kill -TERM "$pid"; done
for pid in "${subscriber_pids[@]}"; do wait "$pid" || true; done
subscriber_pids=()

unequal=0
printf '%-28s %9s %8s %8s  %-16s %-16s %s\n' filter revision changes keys digest "hub's digest" equal
for number in "${!filters[@]}"; do
    report=$(cat "$work/report.$number" 2>/dev/null || echo '{}')
    kind=${filters[$number]%%:*} spec=${filters[$number]#*:}
    hub=$(belfry --output json digest "$spec" --kind "$kind" | tr -d '\n')
    equal=yes
    [ "$(field digest "$report")" = "$(field digest "$hub")" ] && [ "$(field keys "$report")" = "$(field keys "$hub")" ] &&
        [ "$(field revision "$report")" = "$(field revision "$hub")" ] || { equal=NO; unequal=$((unequal + 1)); }
    printf '%-28s %9s %8s %8s  %-16s %-16s %s\n' "$kind '$spec'" "$(field revision "$report")" "$(field changes "$report")" \
        "$(field keys "$report")" "$(field digest "$report")" "$(field digest "$hub")" "$equal"
done
echo
if [ "$unequal" != 0 ]; then echo "$unequal of ${#filters[@]} subscribers differ from the hub"; exit 1; fi
echo "all ${#filters[@]} subscribers equal the hub; $acknowledged releases acknowledged, none lost, $again pushed again"

if [ -n "$stay" ]; then
    cat <<HINTS

the hub goes on (process ${hub_pids[*]}); try:
  export BELFRY_ENDPOINT=$endpoint BELFRY_FEED=$feed PATH=$bin:\$PATH
  belfry get fleet/web/1/port          belfry history fleet/version --limit 5
  belfry watch fleet/ &                belfry put fleet/version 41 --comment "by hand"
  belfry diff 5000 5010                belfry status
stop it and remove its data:  kill ${hub_pids[*]}; rm -r $work
HINTS
fi
