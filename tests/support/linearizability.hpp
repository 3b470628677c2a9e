// Is there an order of these operations, each between its call and its return, that one register per key could have gone
// through? Wing and Gong's search ("Testing and verifying concurrent objects", 1993) with Lowe's cache of visited
// configurations ("Testing for linearizability", 2017). Keys are independent of each other, so each is searched alone
// (Herlihy and Wing: linearizability is local).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::test {

struct Operation {
    enum class Kind { put, erase, get, swap };
    Kind kind = Kind::get;
    Bytes key;
    std::optional<Bytes> value;     // put: what was written. get: what was read, none = no such key. swap: the new value
    std::optional<Bytes> expected;  // swap: takes place only if this is there; none = only if the key is not there
    bool succeeded = true;          // swap: whether it took place
    uint64_t called = 0;
    // `never`: the outcome is not known; it took place at any time after the call, or not at all. A get without an answer
    // says nothing and need not be in the history; for a swap without an answer `succeeded` means nothing.
    static constexpr uint64_t never = UINT64_MAX;
    uint64_t returned = 0;
};

struct LinearizabilityVerdict {
    enum class Kind { linearizable, not_linearizable, gave_up };
    Kind kind = Kind::linearizable;
    Bytes key;            // of the first one that is not
    std::string longest;  // the longest order found for it, in words
    bool ok() const { return kind == Kind::linearizable; }
};

// `steps_max` bounds the search for each key; it is exponential at worst, in the number of operations that overlap.
LinearizabilityVerdict check_linearizability(const std::vector<Operation>& history, uint64_t steps_max = 20'000'000);

}  // namespace belfry::test
