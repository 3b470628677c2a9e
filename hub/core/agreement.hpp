// Do the members agree? Each tells the others the digest of its state at every so many entries. A member that differs from
// what a majority of the voters says at the same entry has computed or kept something else, and must not go on. Pure.
//
// It finds what replication cannot: a store that lost or changed a record, memory that flipped a bit, two releases that
// apply one command differently. It finds it when a change touches what is wrong.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "hub/core/core.hpp"

namespace belfry::hub::core {

class Agreement {
public:
    static constexpr uint64_t entries_between = 128;
    static bool is_due(Index index) { return index.value % entries_between == 0; }

    // This member's own; tell it to the others.
    void add(StateDigest own);
    void receive(uint64_t peer, const StateDigest& digest);

    struct Difference {
        Index index;
        uint64_t own = 0, theirs = 0;
    };
    // Those who are no members any more differ from nobody.
    void keep(const std::vector<raft::Member>& members);
    // By the voters of `members`: where a majority says something else than this member.
    std::optional<Difference> difference(const std::vector<raft::Member>& members) const;
    // Members whose newest digest is not this member's at the same entry.
    const std::set<uint64_t>& differing() const { return differing_; }
    Index checked() const { return checked_; }  // newest entry at which another member said the same
    void reset() { own_.clear(); }              // the state was replaced

private:
    void compare(uint64_t peer, const StateDigest& digest);
    std::map<Index, uint64_t> own_;
    std::map<Index, std::map<uint64_t, uint64_t>> others_;  // index -> member -> digest
    std::set<uint64_t> differing_;
    Index checked_;
};

}  // namespace belfry::hub::core
