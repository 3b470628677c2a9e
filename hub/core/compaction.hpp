// When the leader compacts by itself: by count, by age, or both; whichever allows more is taken. Pure.
//
// Nothing happens until the excess is worth a command. One command may free any number of revisions: the key space spreads
// the work over the commands that follow.
//
// Ages are told by a clock of their own, one on each member: it begins with the time of the last entry that this process
// found, and follows cluster time at a bounded pace. So a member whose clock is days ahead cannot forget at once what it is
// to keep for days: somebody has time to see it. After long idleness, or an absence, history is kept for longer instead.
#pragma once

#include <cstdint>

#include "hub/model/keyspace.hpp"

namespace belfry::hub::core {

class Compaction {
public:
    Compaction(uint64_t keep_revisions, uint64_t keep_ms) : keep_revisions_(keep_revisions), keep_ms_(keep_ms) {}

    // Call in each round. `applied_ms`: the time of the last entry applied; `cluster_ms`: what the next one's would be.
    void pass_time(uint64_t monotonic_ms, uint64_t applied_ms, uint64_t cluster_ms);
    // The revision to compact to now; 0 = none. Gives one at most once per second. The error is the store's.
    Result<Revision> due(model::Keyspace& keyspace, uint64_t monotonic_ms);
    // What was given last did not get into the log.
    void dropped() { given_ = {}; }
    uint64_t wake_at_ms() const { return wake_at_ms_; }

private:
    const uint64_t keep_revisions_;
    const uint64_t keep_ms_;
    uint64_t age_ms_ = 0;        // the clock of ages; 0 = this hub has no entry yet
    uint64_t passed_at_ms_ = 0;  // monotonic
    uint64_t next_ms_ = 0;       // no look before this
    uint64_t next_age_ms_ = 0;   // no look at ages before this
    uint64_t wake_at_ms_ = UINT64_MAX;
    Revision given_;  // the last answer; perhaps still on its way through the log
};

// What may go by count, if it is worth a command: at least a tenth of what is kept, or 1000 revisions. 0 = nothing.
Revision compactable_by_count(Revision revision, Revision compacted, uint64_t keep_revisions);

}  // namespace belfry::hub::core
