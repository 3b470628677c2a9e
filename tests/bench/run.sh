#!/usr/bin/env bash
# run.sh BIN [belfry_bench options]: says what machine this is, then runs the scenarios.
set -euo pipefail
bin=$1
shift
echo "machine: $(nproc) x $(awk -F': ' '/model name/{print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/{printf "%.0f", $2/1048576}' /proc/meminfo) GiB, $(uname -sr), $(df --output=fstype . | tail -1)"
command -v etcd >/dev/null && echo "etcd: $(etcd --version 2>/dev/null | head -1)"
ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
exec "$bin/belfry_bench" --hub "$bin/belfryd" "$@"
