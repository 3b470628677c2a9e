// Those who run a job that one of them does, and those who forget it, step by step as sdk/recipes/once.hpp does it: the
// same keys, the same comparisons, the same waiting. The work fails often.
#pragma once

#include "tests/sim/leased_process.hpp"
#include "tests/sim/once_checks.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct OncePlants {
    bool begin_unlooked = false;     // without the comparisons: whoever has begun since it looked
    bool publish_unguarded = false;  // without the comparison that it is still its turn
    bool wait_for_result = false;    // for that alone, and so not for a turn that has failed
};

class OnceUser {
public:
    OnceUser(RecipeParts parts, OnceChecks& checks, RecipeClient client, OncePlants plants);
    void start() { process_.begin(world_.random.below(1000)); }
    // From now on it is neither stopped nor killed.
    void calm_down();
    // It does not run anything any more.
    void stop() { stopped_ = true; }

private:
    void rest();
    void forget();
    void run();
    void look();
    void on_look(const protocol::TxnReply& reply, Revision at);
    void await(Revision seen);
    void begin(const std::optional<KeyValue>& tries, uint64_t number);
    void begun(uint64_t number, Revision token);
    void end_turn(bool fails);
    void insist(const protocol::TxnRequest& txn, bool fails);
    void told(Code code, const Bytes& result);
    void give_up();
    void give_back();
    Bytes key(const char* part) const { return name_ + part; }
    Bytes result() const { return process_.name() + " " + std::to_string(token_.value); }

    World& world_;
    OnceChecks& checks_;
    LeasedProcess process_;
    const OncePlants plants_;
    Bytes name_, mark_;
    uint64_t runs_ = 0, number_ = 0;
    Revision token_;
    bool perhaps_begun_ = false;
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
