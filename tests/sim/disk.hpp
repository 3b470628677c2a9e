// The hub's disk: the log with its unsynced tail, snapshots, and the state store, which can be full. What a machine crash
// takes is decided here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/plugin/state_store.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class SimLog {
public:
    hub::raft::Restored restored() const;
    // As the log writer's: false = no space, or an entry that does not follow the last (the one before it did not fit).
    bool append(const hub::raft::Entry& entry);
    void save_vote(const hub::raft::Vote& vote) { vote_ = vote; }
    // `but_truncations`: a bug on purpose.
    void sync(bool but_truncations = false) {
        durable_ = entries_.size();
        if (!but_truncations) cut_.clear();
    }
    void truncate_after(Index last_kept);
    void reset(const hub::core::Boundary& boundary);
    void compact(Index first_kept);
    // The tail that no sync covered: any prefix of it stays; the entry behind that is torn and cut when the log is opened.
    // A truncation that no sync covered may be undone.
    size_t crash(Random& random);

    std::vector<hub::raft::Entry> read(Index first, Index last, size_t bytes_max) const;
    Index boundary() const { return boundary_; }
    Index first() const { return boundary_.next(); }
    Index last() const { return {boundary_.value + entries_.size()}; }
    Index durable() const { return {boundary_.value + durable_}; }
    const hub::raft::Entry& at(Index index) const { return entries_.at(index.value - boundary_.value - 1); }
    bool full = false;

private:
    hub::raft::Vote vote_;
    Index boundary_;
    Term boundary_term_;
    hub::raft::Entry configuration_;  // the newest CHANGE at or before the boundary
    std::vector<hub::raft::Entry> entries_;
    size_t durable_ = 0;
    std::vector<hub::raft::Entry> cut_;  // were durable, and cut since the last sync
};

// storage_memory through its C table, with commits that can be told to find no space.
class SimStore {
public:
    SimStore();
    SimStore(const SimStore&) = delete;
    SimStore& operator=(const SimStore&) = delete;
    hub::plugin::StateStore& get() { return *store_; }
    void process_crash();                                // what was committed stays
    void replace(const std::optional<Bytes>& snapshot);  // by the snapshot, or by nothing
    Result<std::pair<Index, Bytes>> snapshot();
    // A store on a full disk finds out at its commit, or at some of its puts: also in the middle of a command.
    enum class Full { no, at_commit, at_put };
    void set_full(Full full);

private:
    void open();
    std::unique_ptr<hub::plugin::StateStore> store_;
    Full full_ = Full::no;
    unsigned puts_while_full_ = 0;
};

}  // namespace belfry::sim
