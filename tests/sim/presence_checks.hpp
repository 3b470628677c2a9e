// What must hold of those who are there (sdk/recipes/presence.hpp), besides what bound_keys.hpp says of all such keys: a
// place is put once, whoever believes that he is there is, and who has left in order does not come back by himself.
#pragma once

#include "tests/sim/bound_keys.hpp"

namespace belfry::sim {

// Where the keys are, as the recipe's header says.
struct PresenceKeys {
    static constexpr const char* name = "m";
    static constexpr const char* all = "m/";
};

class PresenceChecks {
public:
    PresenceChecks(World& world, const Truth& truth) : world_(world), keys_(world, truth, PresenceKeys::all) {}

    Status on_change(const ChangeSet& change);
    // He believes so: at first, and as long as he does.
    void is_there(const Bytes& user, const Bytes& key, Revision created);
    // The hub says so, and nothing of it is under way.
    void has_left(const Bytes& key);
    BoundKeys& keys() { return keys_; }
    const BoundKeys& keys() const { return keys_; }
    uint64_t joined() const { return joined_; }

private:
    World& world_;
    BoundKeys keys_;
    std::set<Bytes> left_;
    uint64_t joined_ = 0;
};

}  // namespace belfry::sim
