#include "hub/core/compaction.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

constexpr uint64_t interval_ms = 1000;
constexpr uint64_t excess_revisions_max = 1000;
// How much faster than time itself the clock of ages may go: a clock that is 8 days ahead takes more than two days to make
// a week old, and a week that a hub was off is made up for as soon.
constexpr uint64_t age_pace_max = 4;

}  // namespace

Revision compactable_by_count(Revision revision, Revision compacted, uint64_t keep_revisions) {
    if (keep_revisions == 0 || revision.value <= keep_revisions) return {};
    const Revision target{revision.value - keep_revisions};
    const uint64_t worth = std::max<uint64_t>(1, std::min(keep_revisions / 10, excess_revisions_max));
    return target.value >= compacted.value + worth ? target : Revision{};
}

void Compaction::pass_time(uint64_t monotonic_ms, uint64_t applied_ms, uint64_t cluster_ms) {
    const uint64_t latest = age_ms_ + age_pace_max * (monotonic_ms - passed_at_ms_);
    passed_at_ms_ = monotonic_ms;
    age_ms_ = age_ms_ == 0 ? applied_ms : std::max(age_ms_, std::min(cluster_ms, latest));
}

Result<Revision> Compaction::due(model::Keyspace& keyspace, uint64_t monotonic_ms) {
    if (monotonic_ms < next_ms_) return Revision{};
    const Revision compacted = std::max(keyspace.compacted(), given_);
    Revision target = compactable_by_count(keyspace.revision(), compacted, keep_revisions_);
    if (keep_ms_ != 0 && monotonic_ms >= next_age_ms_ && age_ms_ > keep_ms_) {
        next_age_ms_ = monotonic_ms + std::max(interval_ms, keep_ms_ / 10);
        auto old = keyspace.revision_before(age_ms_ - keep_ms_);
        if (!old) return old.error();
        target = std::max(target, *old);
    }
    // Writes wake the core by themselves; only the clock can make an idle hub's revisions old enough.
    const bool history_left = keyspace.revision().value > compacted.value + 1;
    wake_at_ms_ = keep_ms_ != 0 && history_left ? next_age_ms_ : UINT64_MAX;
    if (target <= compacted) return Revision{};
    next_ms_ = monotonic_ms + interval_ms;
    given_ = target;
    return target;
}

}  // namespace belfry::hub::core
