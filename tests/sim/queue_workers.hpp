// Those who work a queue off, step by step as sdk/recipes/queue.hpp does it: the same keys, the same comparisons, the same
// waiting.
#pragma once

#include <map>
#include <memory>

#include "tests/sim/leased_process.hpp"
#include "tests/sim/queue_checks.hpp"
#include "tests/sim/queue_pusher.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct QueuePlants {
    bool acknowledge_unguarded = false;  // without the comparison that it is still held
    bool wait_from_now = false;          // for what comes after asking, not after what was seen
    bool claim_late = false;             // though it has looked what it holds since it sent the claim
    bool bury_unguarded = false;         // without the comparison that it is still held
    bool bury_early = false;             // though it may be tried once more
};

class QueueWorker {
public:
    QueueWorker(RecipeParts parts, QueueChecks& checks, RecipeClient client, QueuePlants plants);
    void start();
    // From now on it is neither stopped nor killed, and acknowledges whatever it gets.
    void calm_down();
    // Takes nothing more.
    void stop() { stopped_ = true; }

private:
    struct Held {
        Bytes value;
        uint64_t attempts = 0;
        Revision since;
    };
    using Items = std::map<Bytes, Held>;  // by the rest of the key
    using Take = std::function<void(const protocol::TxnReply& reply, Revision at)>;

    void begin();
    void act();
    // A transaction of this worker's. What has no answer, or not this one, is tried anew by act().
    void txn(protocol::TxnRequest txn, std::optional<protocol::Compare> guard, bool claims, Take take);
    void claim();
    protocol::TxnRequest claim_next() const;
    void read_claim(const protocol::TxnReply& reply, Revision at);
    bool is_announced(const protocol::TxnReply& reply) const;
    void announce();
    void wait(uint64_t until_ms);
    bool is_worth_a_look(const ChangeSet& change) const;
    // Those that were tried too often go to the dead letters, before anything is done with the others.
    Items::const_iterator find_worn_out() const;
    void bury_soon();
    void bury();
    void work();
    void finish();
    void acknowledge(size_t most, bool claims);
    void give_back(bool claims);
    protocol::Compare guard(const Bytes& rest, const Held& held) const;

    World& world_;
    Ledger& ledger_;
    QueueChecks& checks_;
    LeasedProcess process_;
    const QueuePlants plants_;
    uint64_t claimant_ = 0;
    Bytes own_key_;
    Items held_;
    bool must_announce_ = true;  // it may hold what it was not told of
    Revision announced_, seen_;
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
