#include "hub/core/sent_marks.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

// Between two repetitions to one member: at first a few heartbeats, and twice as long each time that it has nothing more
// than before, since its answers may be that slow.
constexpr uint64_t pause_min_ms = 100;
constexpr uint64_t pause_max_ms = 10'000;

}  // namespace

Index SentMarks::of(uint64_t peer, Term term) const {
    const auto found = marks_.find(peer);
    return found == marks_.end() || found->second.term != term ? Index{} : found->second.up_to;
}

void SentMarks::sent(uint64_t peer, Term term, Index up_to) {
    Mark& mark = marks_[peer];
    if (mark.term != term) mark = Mark{term, {}, {}, 0, 0};
    mark.up_to = std::max(mark.up_to, up_to);
}

void SentMarks::refused(uint64_t peer, Term term, Index matched, uint64_t now_ms) {
    const auto found = marks_.find(peer);
    if (found == marks_.end() || found->second.term != term) return;
    Mark& mark = found->second;
    if (now_ms < mark.again_at_ms) return;
    const bool stands_still = mark.pause_ms != 0 && matched <= mark.matched;
    mark.pause_ms = stands_still ? std::min(2 * mark.pause_ms, pause_max_ms) : pause_min_ms;
    mark.again_at_ms = now_ms + mark.pause_ms;
    mark.matched = matched;
    mark.up_to = Index{};
}

}  // namespace belfry::hub::core
