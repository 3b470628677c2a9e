// What must hold between rounds. The first part costs nothing and is always on; the walk over memory is for debug builds
// and the simulator.
#include <algorithm>
#include <utility>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"

namespace belfry::hub::core {

Core::Impl::Facts Core::Impl::facts() const {
    return {keyspace_.revision(), keyspace_.compacted(), applied_, raft_->commit_index(), persisted_, raft_->term()};
}

void Core::Impl::check_invariants() {
    if (stopped_) return;
    const Facts now = facts();
    // Holds now.
    if (!options_.plants.reply_before_quorum)
        BELFRY_ASSERT(now.applied <=
                      std::max(now.commit, applied_at_start_));  // whose commit Raft has yet to hear of again
    BELFRY_ASSERT(now.applied <= now.persisted || raft_->installing());
    BELFRY_ASSERT(now.persisted <= raft_->last_index());
    BELFRY_ASSERT(now.compacted <= now.revision);
    BELFRY_ASSERT(loaded_.value == applied_.value + pending_.size());
    BELFRY_ASSERT(!ready_ || now.applied >= ready_at_);
    BELFRY_ASSERT(pending_.empty() || !raft_->installing());
    BELFRY_ASSERT(raft_->installing() || store_.in_batch() == (!held_.entries.empty() && !behind_));
    BELFRY_ASSERT(held_.entries.empty() || held_.entries.back().index == applied_);
    // May change so.
    if (!behind_) {
        BELFRY_ASSERT(now.revision >= last_facts_.revision);
        BELFRY_ASSERT(now.compacted >= last_facts_.compacted);
    }
    BELFRY_ASSERT(now.applied >= last_facts_.applied);
    BELFRY_ASSERT(now.commit >= last_facts_.commit);
    BELFRY_ASSERT(now.term >= last_facts_.term);
    const Facts before = std::exchange(last_facts_, now);
    if (behind_) {  // must come back to these
        last_facts_.revision = before.revision;
        last_facts_.compacted = before.compacted;
    }
#ifndef NDEBUG
    Index expected = applied_.next();
    for (const Pending& pending : pending_) {
        BELFRY_ASSERT(pending.entry.index == expected);
        BELFRY_ASSERT(pending.entry.term == raft_->term_of(expected));
        BELFRY_ASSERT(!pending.commands || pending.clients.empty() ||
                      pending.clients.size() == pending.commands->commands.size());
        expected = expected.next();
    }
#endif
}

}  // namespace belfry::hub::core
