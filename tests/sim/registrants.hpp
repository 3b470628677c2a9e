// Those who are registered, step by step as sdk/discovery/registration.cpp does it: what the hub has is compared with what
// is wanted, and made so; with the SDK's own record of health. A lease that was lost, a key that was deleted by hand and an
// answer that did not come are all this one difference. There are more of them than ids.
#pragma once

#include "sdk/discovery/health_record.hpp"
#include "tests/sim/discovery_checks.hpp"
#include "tests/sim/leased_process.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct DiscoveryPlants {
    bool report_unguarded = false;      // written whoever has the key by now
    bool register_again_never = false;  // when its lease is lost it does nothing
    bool forget_lost_lease = false;     // deregistered, it does not look for what it has put with a lease that was lost
};

class Registrant {
public:
    Registrant(RecipeParts parts, DiscoveryChecks& checks, RecipeClient client, Bytes id, DiscoveryPlants plants);
    void start();
    // From now on it is neither stopped nor killed.
    void calm_down();
    // Some are gone without a word, and do not come again.
    void perhaps_vanish();
    // It is deregistered, or stays as it is to the very end.
    void stop();
    void check_end();

private:
    enum class State : uint8_t { registering, registered, withdrawn, displaced, gone };
    void begin_anew();
    void begin();
    void run();
    void happen();
    bool come_and_go(uint64_t dice);
    void make_so();
    void on_look(const protocol::RangeReply& range);
    void put(const Instance& instance, Revision modified);
    void on_put(const Instance& instance, const Result<protocol::Reply>& reply);
    void is_so(const Instance& instance);
    void end(State state);
    void take_along();
    void end_lease(bool is_done);
    void has_ended(bool is_done);
    HealthRecord::Time time() const { return HealthRecord::Time(std::chrono::milliseconds(world_.now())); }
    HealthRecord::Standing standing() { return record_->at(time()); }
    Instance wanted();
    bool is_settled();
    protocol::Compare unchanged_since(Revision modified) const;
    bool is_own(const KeyValue& kv) const;

    World& world_;
    DiscoveryChecks& checks_;
    const Bytes id_, key_;
    LeasedProcess process_;
    const DiscoveryPlants plants_;
    const uint64_t look_ms_;  // how often it looks whether its key is there
    const HealthRecord::Options health_;
    std::optional<HealthRecord> record_;
    Instance base_;
    std::optional<Instance> written_;
    std::vector<LeaseId> own_leases_;
    State state_ = State::registering;
    uint64_t times_registered_ = 0, look_at_ms_ = 0, beats_from_ms_ = 0;
    bool perhaps_put_ = false;   // its key, with the lease that it has
    bool perhaps_left_ = false;  // with one before that
    bool calm_ = false, stopped_ = false, deregisters_ = false;
};

}  // namespace belfry::sim
