// What a Subscription of the SDK (sdk/client/subscription.hpp) hands to its owner, made of what a simulated subscriber
// takes: those who observe are told by this. A subscriber that starts from nothing has a new owner.
#pragma once

#include <functional>

#include "sdk/client/subscription.hpp"
#include "tests/sim/subscriber.hpp"

namespace belfry::sim {

// Bugs of those who observe.
struct ObserverPlants {
    bool skip_removals = false;  // what a later snapshot has no more is not told of
};

class Deliveries {
public:
    // `keep_view`: as SubscriptionOptions has it.
    Deliveries(Subscriber& subscriber, bool keep_view, ObserverPlants plants);
    Deliveries(const Deliveries&) = delete;
    Deliveries& operator=(const Deliveries&) = delete;

    std::function<void(const Delivery& delivery)> on_delivery;
    std::function<void()> on_new_owner;

private:
    void take_snapshot(const client::TrackerOutput::Snapshot& snapshot);
    void take_change(const ChangeSet& change);

    const bool keep_view_;
    const ObserverPlants plants_;
    ViewBuilder view_;
};

}  // namespace belfry::sim
