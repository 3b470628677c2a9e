// Those who close a barrier and those who wait for its opening, step by step as sdk/recipes/barrier.hpp does it: the same
// key, the same comparisons, the same waiting.
#pragma once

#include "tests/sim/gate_checks.hpp"
#include "tests/sim/leased_process.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct GatePlants {
    bool pass_unlooked = false;  // it goes when a wait for changes ends, without looking
    bool open_anybody = false;   // releases whatever closing it finds
};

class GateUser {
public:
    GateUser(RecipeParts parts, GateChecks& checks, RecipeClient client, GatePlants plants);
    void start() { process_.begin(world_.random.below(1000)); }
    // From now on it is neither stopped nor killed.
    void calm_down();
    // It neither closes nor comes any more.
    void stop() { stopped_ = true; }

private:
    void rest();
    void hold();
    void inside();
    void release();
    void open();
    void come();
    void look();
    void on_look(const protocol::RangeReply& range, Revision at);
    void pass();

    World& world_;
    GateChecks& checks_;
    LeasedProcess process_;
    const GatePlants plants_;
    const bool is_opener_;  // opens now and then what others have closed
    Bytes mark_;
    Revision closed_;  // the closing that is waited for: a later one is not
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
