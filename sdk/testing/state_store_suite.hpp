// The conformance suite of state stores: what every store must do, checked through its C table alone.
//
// A store that shows nothing after it was closed and opened again counts as one in memory; what only a store on disk can
// keep is then left out. The checks are bounded: seconds, and less than 100 MB of disk.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/plugin/state_store.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct StateStoreSuite {
    const belfry_state_store_v1* table = nullptr;
    std::string directory;  // an empty one; the suite makes folders in it and removes them
    uint64_t seed = 1;      // of the random model check
};

Report check_state_store(const StateStoreSuite& suite);

// `directory` lies on a disk that is full after at most `bytes_max`. The store must answer BELFRY_NO_SPACE, keep what was
// committed, and go on to read. May kill the process if the store does not: run it in a child.
Report check_state_store_on_full_disk(const belfry_state_store_v1& table, const std::string& directory, uint64_t bytes_max);

}  // namespace belfry::testing
