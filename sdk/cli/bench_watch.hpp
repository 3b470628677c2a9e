// The load of `belfry bench watch`: some subscribers, one writer, the time from a change to each callback.
#pragma once

#include "sdk/cli/bench_load.hpp"

namespace belfry::cli {

struct WatchLoad {
    protocol::FilterSpec filter;
    uint64_t changes = 0;
    uint64_t rate = 0;  // changes per second; 0 = as fast as acknowledged
    uint64_t in_flight = 1;
    std::chrono::milliseconds timeout{5000};                   // for the last delivery, after the last change
    std::function<protocol::PutRequest(uint64_t number)> put;  // the value has room for 8 octets
};

// Each client gets a subscription; the first client also writes. `done` counts deliveries; missing ones are `failed`.
Result<LoadResult> run_watch_load(const std::vector<std::shared_ptr<Client>>& clients, const WatchLoad& load);

}  // namespace belfry::cli
