// A state store in memory: an ordered map per table. For tests, simulations and small hubs that rebuild from the log.
//
// Only the core thread writes the maps, so it reads them without a lock; it writes under the mutex because snapshot_write
// reads them from the sync thread, a part at a time. While a copy runs, every first change of a key leaves what the key was
// before in `before_`, which the copy prefers over the map: the copy shows one commit although writing goes on.
#pragma once

#include <map>
#include <mutex>
#include <optional>

#include "sdk/plugin/state_store.hpp"

namespace belfry::storage_memory {

class MemoryStore {
public:
    static Result<std::unique_ptr<MemoryStore>> open(const plugin::OpenArguments& arguments);
    explicit MemoryStore(uint64_t bytes_max) : bytes_max_(bytes_max) {}

    Result<Index> applied_index() { return applied_; }
    Status begin() { return {}; }
    Status put(uint32_t table, BytesView key, BytesView value);
    Status erase(uint32_t table, BytesView key);
    Status commit(Index applied_index);
    void rollback();
    Result<BytesView> get(uint32_t table, BytesView key);
    Status scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                const plugin::ScanVisitor& visitor);
    Result<Index> snapshot_write(const plugin::SnapshotSink& sink);
    Status snapshot_read(const plugin::SnapshotSource& source);
    Result<plugin::StateStoreStats> stats() { return plugin::StateStoreStats{bytes_used_, bytes_max_}; }

private:
    using Table = std::map<Bytes, Bytes, std::less<>>;
    struct Undo {
        uint32_t table;
        Bytes key;
        std::optional<Bytes> before;  // none = the key was not there
    };
    struct Before {
        std::map<Bytes, std::optional<Bytes>, std::less<>> tables[BELFRY_TABLE_COUNT];
    };
    class Copy;

    void remember(uint32_t table, BytesView key, std::optional<Bytes> before);

    Table tables_[BELFRY_TABLE_COUNT];
    Index applied_;
    std::vector<Undo> undo_;  // of the open batch, in order
    uint64_t bytes_used_ = 0;
    const uint64_t bytes_max_;  // 0 = no bound

    std::mutex mutex_;
    std::optional<Before> before_;  // while a copy runs
};

}  // namespace belfry::storage_memory
