// One run: a cluster of 1, 3 or 5 hubs, its clients and subscribers, troubles, then quiet; all from one seed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/clients.hpp"
#include "tests/sim/hub.hpp"
#include "tests/sim/member_net.hpp"
#include "tests/sim/request_net.hpp"
#include "tests/sim/subscriber.hpp"

namespace belfry::sim {

struct Plants {
    HubPlants hub;
    SubscriberPlants subscriber;
    // The names for the command line; "" = fine.
    static const std::vector<std::string>& names();
    bool set(const std::string& name);
};

struct Outcome {
    std::string failure;  // empty = all is well
    uint64_t acknowledged = 0, deliveries = 0, reads = 0, crashes = 0, snapshots = 0;
    uint64_t members = 0, installs = 0, leaders = 0;
    uint64_t gaps_by_chain = 0, gaps_by_mark = 0, deltas = 0, snapshot_catch_ups = 0;
    std::vector<std::string> trace;
};

// `trace_lines` > 0 keeps that many of the last lines.
Outcome simulate(uint64_t seed, const Plants& plants, size_t trace_lines);

}  // namespace belfry::sim
