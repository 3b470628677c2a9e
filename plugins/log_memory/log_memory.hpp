// A log store in memory, for tests and the simulator: nothing outlives close(). The hooks show a host what disks do.
#pragma once

#include <deque>

#include "sdk/plugin/log_store.hpp"

namespace belfry::log_memory {

class MemoryLog {
public:
    static Result<std::unique_ptr<MemoryLog>> open(const plugin::OpenArguments& arguments);

    Result<plugin::LogState> state();
    Status append(std::span<const belfry_log_entry> entries);
    Status truncate_after(Index last_kept);
    Status sync();
    Status read(Index first, const plugin::LogVisitor& visitor);
    Status compact(Index first_kept);
    Status reset(Index boundary, Term boundary_term);
    Status save_vote(Term term, uint64_t voted_for);
    Result<plugin::LogStoreStats> stats() { return plugin::LogStoreStats{0, 1}; }

    // Drops the entries that no sync covered, but for the first `keep_unsynced_prefix_entries` of them.
    void crash(size_t keep_unsynced_prefix_entries);
    // The next append or sync answers this code once and does nothing.
    void fail_next_append(Code code) { append_failure_ = code; }
    void fail_next_sync(Code code) { sync_failure_ = code; }

private:
    struct Entry {
        Term term;
        uint32_t type;
        Bytes payload;
    };
    Index last() const { return {boundary_.value + entries_.size()}; }

    std::deque<Entry> entries_;
    Index boundary_, synced_;
    Term boundary_term_, term_;
    uint64_t voted_for_ = 0;
    Code append_failure_ = Code::ok, sync_failure_ = Code::ok;
};

}  // namespace belfry::log_memory
