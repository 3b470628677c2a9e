// Those who look for instances: views (sdk/discovery/service_view.hpp) with the SDK's own table over what a simulated
// subscriber takes; and one who asks (Registry::find), and deletes a key by hand now and then. What they see is held
// against the log.
#pragma once

#include "sdk/discovery/instance_table.hpp"
#include "tests/sim/discovery_checks.hpp"
#include "tests/sim/folder_observers.hpp"
#include "tests/sim/leased_process.hpp"

namespace belfry::sim {

// belfry::ServiceView
class ServiceObserver {
public:
    ServiceObserver(World& world, const Truth& truth, DiscoveryChecks& checks, Subscriber& subscriber, FindOptions find,
                    ObserverPlants plants);
    void check_end() const { following_.check_end(); }

private:
    using Instances = std::map<Bytes, Instance>;  // by id
    void begin();
    void take(const Delivery& delivery);
    Instances there() const;

    DiscoveryChecks& checks_;
    Following following_;
    Deliveries deliveries_;
    const FindOptions find_;
    std::optional<InstanceTable> table_;
};

class Finder {
public:
    Finder(RecipeParts parts, DiscoveryChecks& checks, Send send, Bytes name);
    void start() { look(); }
    // From now on it deletes nothing more, but for one key.
    void calm_down() { calm_ = true; }
    void delete_one();

private:
    void look();
    void find();

    World& world_;
    Ledger& ledger_;
    DiscoveryChecks& checks_;
    const Send send_;
    const Bytes name_;
    uint64_t calls_ = 0;
    bool calm_ = false;
};

}  // namespace belfry::sim
