// Bugs on purpose: the simulator must find each of them (docs/simulation.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/sim/barrier_users.hpp"
#include "tests/sim/counter_users.hpp"
#include "tests/sim/deliveries.hpp"
#include "tests/sim/gate_users.hpp"
#include "tests/sim/hub.hpp"
#include "tests/sim/line_users.hpp"
#include "tests/sim/once_users.hpp"
#include "tests/sim/presence_users.hpp"
#include "tests/sim/queue_workers.hpp"
#include "tests/sim/registrants.hpp"
#include "tests/sim/subscriber.hpp"

namespace belfry::sim {

enum class Use { leases, queue, line, barrier, gate, once, counter, presence, discovery };

struct Plants {
    HubPlants hub;
    SubscriberPlants subscriber;
    QueuePlants queue;
    LinePlants line;
    BarrierPlants barrier;
    GatePlants gate;
    OncePlants once;
    CounterPlants counter;
    PresencePlants presence;
    DiscoveryPlants discovery;
    ObserverPlants observer;
    bool requests_twice = false;  // the network between members doubles what is forwarded for clients
    std::optional<Use> use;       // what the bug is in, or shows in: each run with it has users, or many of them
    // The names for the command line.
    static std::vector<std::string> names();
    bool set(const std::string& name);  // false = there is none of this name
};

}  // namespace belfry::sim
