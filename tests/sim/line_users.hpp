// Those who stand in a line for a lock, alone or shared, or for a permit; step by step as sdk/recipes/place.hpp does it:
// the same keys, the same comparisons, the same waiting. Who has his turn writes under the guard of his place, and leaves.
#pragma once

#include "tests/sim/leased_process.hpp"
#include "tests/sim/line_checks.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct LinePlants {
    bool turn_unlooked = false;    // when the one ahead is gone it does not look at the line again
    bool write_unguarded = false;  // without the comparison that the place is there
};

class LineUser {
public:
    LineUser(RecipeParts parts, LineChecks& checks, RecipeClient client, LinePlants plants);
    void start();
    // From now on it is neither stopped nor killed.
    void calm_down();
    // It does not join any more.
    void stop() { stopped_ = true; }

private:
    // What it waits for: that one of these is gone, or, with `or_put`, put.
    struct Ahead {
        std::vector<KeyValue> any_of;
        bool or_put = false;
    };

    void begin();
    void rest();
    void join();
    protocol::TxnRequest joining() const;
    void on_joined(const protocol::TxnReply& reply, Revision at);
    void look();
    std::optional<Ahead> ahead_in(const std::vector<KeyValue>& line, size_t own) const;
    void outlast(const Ahead& ahead);
    void look_at(const KeyValue& other, bool or_put);
    void tell_next(bool followed);
    void hold();
    void write();
    void leave();
    protocol::Compare guard() const;

    World& world_;
    LineChecks& checks_;
    LeasedProcess process_;
    const LinePlants plants_;
    LineKind kind_ = LineKind::alone;
    Bytes line_, own_prefix_, key_;
    Revision created_, seen_;
    uint64_t times_joined_ = 0, writes_left_ = 0;
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
