// One run: a cluster of 1 to 5 hubs, its clients, holders of leases, users of recipes, subscribers and administrator,
// troubles, then quiet; all from one seed.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/plants.hpp"
#include "tests/sim/recipes.hpp"

namespace belfry::sim {

struct Outcome {
    std::string failure;  // empty = all is well
    uint64_t acknowledged = 0, deliveries = 0, reads = 0, register_calls = 0, searches_given_up = 0;
    uint64_t members = 0, changes = 0, leaders = 0, crashes = 0, snapshots = 0, installs = 0;
    uint64_t gaps_by_chain = 0, gaps_by_mark = 0, deltas = 0, snapshot_catch_ups = 0;
    uint64_t leases = 0, leases_expired = 0, leases_kept_alive = 0;
    RecipeFigures recipes;
    std::vector<std::string> trace;

    void add(const Outcome& other);  // the figures
};

// `trace_lines` > 0 keeps that many of the last lines. Any number of threads.
Outcome simulate(uint64_t seed, const Plants& plants, size_t trace_lines);

}  // namespace belfry::sim
