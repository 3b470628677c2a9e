// The conformance suite of log stores: what every store must do, checked through its C table alone.
//
// A store that shows nothing after it was closed and opened again counts as one in memory; what only a store on disk can
// keep is then left out. The checks are bounded: seconds, and less than 1 GiB of disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/plugin/log_store.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct LogStoreSuite {
    const belfry_log_store_v1* table = nullptr;
    std::string directory;                 // an empty one; the suite makes folders in it and removes them
    uint64_t seed = 1;                     // of the random model check
    std::vector<belfry_setting> settings;  // given to every open
};

Report check_log_store(const LogStoreSuite& suite);

// `directory` lies on a disk that is full after at most `bytes_max`. An append must answer BELFRY_NO_SPACE, nothing of it
// may remain, votes and what was synced must be kept, and appends must work again once there is room.
Report check_log_store_on_full_disk(const LogStoreSuite& suite, uint64_t bytes_max);

}  // namespace belfry::testing
