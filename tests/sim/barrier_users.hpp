// Those who begin and end together, step by step as sdk/recipes/double_barrier.hpp does it: the same keys, the same
// comparisons, the same waiting.
#pragma once

#include "tests/sim/barrier_checks.hpp"
#include "tests/sim/leased_process.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct BarrierPlants {
    bool leave_alone = false;  // without waiting for the others of the round
};

class BarrierUser {
public:
    BarrierUser(RecipeParts parts, BarrierChecks& checks, RecipeClient client, BarrierPlants plants);
    void start();
    // From now on it is neither stopped nor killed.
    void calm_down();
    // It does not come any more, nor wait for others who do not.
    void stop() { stopped_ = true; }

private:
    struct Standing {
        Revision revision;
        std::optional<KeyValue> round;
        std::vector<KeyValue> line;
    };
    using Look = std::function<void(const Standing& now)>;

    void rest();
    void enter();
    void look(Look then);
    void look_for_round();
    void on_look(const Standing& now);
    void begin_round(const std::vector<KeyValue>& line);
    void inside();
    void leave();
    void look_for_others();
    void end_round(Revision created, std::function<void()> then);
    void await(const Bytes& key, Revision seen, std::function<void()> then);
    bool holds(const std::vector<KeyValue>& line, const Bytes& key) const;

    World& world_;
    BarrierChecks& checks_;
    LeasedProcess process_;
    const BarrierPlants plants_;
    Bytes own_prefix_, key_;
    std::vector<Bytes> round_;
    Revision round_created_;
    uint64_t times_joined_ = 0;
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
