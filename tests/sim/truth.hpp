// An independent reading of the log: what every applied entry means, by a key space of a few lines over a map. The hub's
// answers, its feed and its digests are compared with it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "hub/log/entry.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/history.hpp"

namespace belfry::sim {

class Truth {
public:
    static constexpr uint64_t epoch = 1;

    // A member has applied this entry: the first one to apply an index says what it is, all others must agree.
    Status learn(const hub::raft::Entry& entry);
    Index learned() const { return {entries_.size()}; }
    Revision revision() const { return histories_.at(epoch).revision(); }
    const History& history() const { return histories_.at(epoch); }
    const std::map<uint64_t, History>& histories() const { return histories_; }
    // The key as of a revision.
    std::optional<KeyValue> get(const Bytes& key, Revision at) const;

private:
    void apply(const hub::log::Command& command);
    void put(const protocol::PutRequest& request, ChangeSet& change);
    void erase(const protocol::DeleteRequest& request, ChangeSet& change);
    bool holds(const protocol::Compare& compare) const;

    std::map<uint64_t, History> histories_{{epoch, {}}};
    State state_;
    std::map<Bytes, std::vector<std::pair<Revision, std::optional<KeyValue>>>> versions_;
    uint64_t time_ms_ = 0;
    std::vector<std::pair<Term, std::shared_ptr<const Bytes>>> entries_;  // [i] is index i + 1
};

}  // namespace belfry::sim
