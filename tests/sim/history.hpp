// What has really happened, as seen from outside: every committed change set of one log. The checkers' truth.
#pragma once

#include <map>
#include <vector>

#include "sdk/base/match.hpp"
#include "sdk/base/types.hpp"

namespace belfry::sim {

using State = std::map<Bytes, KeyValue>;

inline void apply_to(State& state, const ChangeSet& change) {
    for (const Event& event : change.events) {
        if (event.type == EventType::put) {
            state[event.kv.key] = event.kv;
        } else {
            state.erase(event.kv.key);
        }
    }
}

// The filter's part of a change set; no events if it has none.
inline ChangeSet part_of(const ChangeSet& change, const KeyMatcher& wanted) {
    ChangeSet part{change.revision, change.time_ms, change.author, change.comment, {}};
    for (const Event& event : change.events) {
        if (wanted(event.kv.key)) part.events.push_back(event);
    }
    return part;
}

class History {
public:
    Revision revision() const { return {changes_.size()}; }
    const ChangeSet& at(Revision revision) const { return changes_.at(revision.value - 1); }
    void add(ChangeSet change) { changes_.push_back(std::move(change)); }
    void truncate(Revision last) { changes_.resize(last.value); }

    State state_at(Revision revision, const KeyMatcher& wanted) const {
        State state;
        for (size_t i = 0; i < revision.value; ++i) apply_to(state, part_of(changes_[i], wanted));
        return state;
    }

private:
    std::vector<ChangeSet> changes_;  // [i] is revision i + 1
};

}  // namespace belfry::sim
