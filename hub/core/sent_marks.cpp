#include "hub/core/sent_marks.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

// Between two repetitions to one member: at first a few heartbeats, and twice as long each time that it has nothing more
// than before, since the way to it may be that long.
constexpr uint64_t pause_min_ms = 100;
constexpr uint64_t pause_max_ms = 10'000;

}  // namespace

Index SentMarks::of(uint64_t peer, Term term, Index previous) const {
    const auto found = marks_.find(peer);
    const bool repeats = found != marks_.end() && found->second.term == term && previous >= found->second.from;
    return repeats ? found->second.up_to : Index{};
}

void SentMarks::sent(uint64_t peer, Term term, Index previous, Index up_to) {
    Mark& mark = marks_[peer];
    if (mark.term != term) mark = Mark{term, {}, {}, {}, 0, 0};
    const bool goes_on = mark.up_to != Index{} && previous >= mark.from;
    if (!goes_on) mark.from = previous;
    mark.up_to = goes_on ? std::max(mark.up_to, up_to) : up_to;
}

void SentMarks::refused(uint64_t peer, Term term, Index last, uint64_t now_ms) {
    const auto found = marks_.find(peer);
    if (found == marks_.end() || found->second.term != term) return;
    Mark& mark = found->second;
    const bool is_first = mark.pause_ms == 0;
    const bool stands_still = last <= mark.refused_at;
    const uint64_t pause_ms = stands_still ? mark.pause_ms : pause_min_ms;
    if (!is_first && now_ms < mark.cleared_at_ms + pause_ms) return;
    mark.pause_ms = is_first || !stands_still ? pause_min_ms : std::min(2 * mark.pause_ms, pause_max_ms);
    mark.cleared_at_ms = now_ms;
    mark.refused_at = last;
    mark.up_to = Index{};
}

}  // namespace belfry::hub::core
