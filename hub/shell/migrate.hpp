// The state of a stopped hub moved into another store (`belfryd --migrate-store`, `belfry store migrate`).
//
// The new store is made in a folder of its own beside the old one; when it is whole, compared and durable, one write of
// DIR/identity names both the store and its folder, at once. So a crash leaves a hub on the old store or on the new one,
// and what the other left is removed at the next start.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hub/plugin/plugin.hpp"
#include "hub/settings/settings.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::shell {

struct MigratedStore {
    Index applied;
    uint64_t pair_count = 0;
    uint64_t digest = 0;   // over all tables, in order; the same of both stores
    bool rebuilt = false;  // nothing was copied: one of the stores keeps nothing on disk, the next start fills the new one
};

// Told now and then, on the calling thread: what is done ("copying", "comparing") and how many octets so far.
using MigrationProgress = std::function<void(const char* step, uint64_t octets)>;

// `settings.store` says which store the directory `settings.data_dir` has, with its settings; `to` takes none. conflict: a
// hub runs on it. incompatible: it has another store than that. corrupt: the old store is damaged, or has to be rebuilt by
// a hub first. Other errors are a store's own. After an error the directory is as it was.
Result<MigratedStore> migrate_store(const settings::Settings& settings, const std::string& to,
                                    std::vector<plugin::Plugin>& plugins, const belfry_host_v1& host,
                                    const MigrationProgress& progress);

}  // namespace belfry::hub::shell
