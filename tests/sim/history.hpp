// What has really happened, as seen from outside: every committed change set of one log. The checkers' truth.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "sdk/base/types.hpp"
#include "tests/sim/wanted.hpp"

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

using ValuesBefore = std::vector<std::optional<Bytes>>;

class History {
public:
    Revision revision() const { return {changes_.size()}; }
    const ChangeSet& at(Revision revision) const { return changes_.at(revision.value - 1); }
    // The values that its events replaced or deleted.
    const ValuesBefore& values_before(Revision revision) const { return values_before_.at(revision.value - 1); }
    void add(ChangeSet change) {
        ValuesBefore& before = values_before_.emplace_back();
        for (const Event& event : change.events) {
            const auto found = newest_.find(event.kv.key);
            before.push_back(found == newest_.end() ? std::nullopt : std::optional(found->second.value));
        }
        apply_to(newest_, change);
        changes_.push_back(std::move(change));
    }
    void truncate(Revision last) {
        changes_.resize(last.value);
        values_before_.resize(last.value);
        newest_.clear();
        for (const ChangeSet& change : changes_) apply_to(newest_, change);
    }

    // What a revision is to those who keep what is wanted: a put of it, or that a key is no longer wanted or there. No
    // events if nothing.
    ChangeSet part_of(Revision revision, const Wanted& wanted) const {
        const ChangeSet& change = at(revision);
        ChangeSet part{change.revision, change.time_ms, change.author, change.comment, {}, change.labels};
        if (!wanted.takes(change)) return part;
        for (size_t i = 0; i < change.events.size(); ++i) {
            const Event& event = change.events[i];
            const auto& before = values_before(revision)[i];
            const bool is_put = event.type == EventType::put;
            if (is_put && wanted(event.kv.key, event.kv.value)) {
                part.events.push_back(event);
            } else if (before ? wanted(event.kv.key, *before) : !is_put && wanted.by_key_alone(event.kv.key)) {
                part.events.push_back({EventType::erase, {event.kv.key, {}, {}, change.revision, 0, {}}});
            }
        }
        return part;
    }
    // All keys of then, and of these the wanted ones.
    State state_at(Revision revision, const Wanted& wanted) const {
        State state;
        for (size_t i = 0; i < revision.value; ++i) apply_to(state, changes_[i]);
        std::erase_if(state, [&](const auto& entry) { return !wanted(entry.first, entry.second.value); });
        return state;
    }

private:
    std::vector<ChangeSet> changes_;           // [i] is revision i + 1
    std::vector<ValuesBefore> values_before_;  // likewise
    State newest_;
};

}  // namespace belfry::sim
