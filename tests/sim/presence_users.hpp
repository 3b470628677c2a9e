// Those who are there, step by step as sdk/recipes/presence.hpp does it: the same keys, the same comparisons. Each life has
// an object of its own, which joins and leaves now and then.
#pragma once

#include "tests/sim/leased_process.hpp"
#include "tests/sim/presence_checks.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct PresencePlants {
    bool unbound = false;  // the place is put without the lease
};

class PresenceUser {
public:
    PresenceUser(RecipeParts parts, PresenceChecks& checks, RecipeClient client, PresencePlants plants);
    void start() { process_.begin(world_.random.below(1000)); }
    // From now on it is neither stopped nor killed.
    void calm_down();
    // Some are gone without a word, and do not come again.
    void perhaps_vanish();
    // It leaves, or stays to the very end.
    void stop();

private:
    void begin();
    void rest();
    void join();
    protocol::TxnRequest joining() const;
    void on_joined(const protocol::TxnReply& reply, Revision at);
    void inside();
    void leave();

    World& world_;
    PresenceChecks& checks_;
    const bool has_session_;
    LeasedProcess process_;
    const PresencePlants plants_;
    Bytes own_prefix_, key_;
    Revision created_;
    uint64_t times_joined_ = 0, looks_left_ = 0;
    bool calm_ = false, stopped_ = false, stays_ = false;
};

}  // namespace belfry::sim
