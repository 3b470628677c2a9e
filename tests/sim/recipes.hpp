// The users of one recipe of the SDK, in every other run: those who are there, and what must hold of what they do. Whatever
// a recipe needs in the simulator is named here, and its bugs in plants.hpp.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/sim/folder_observers.hpp"
#include "tests/sim/plants.hpp"
#include "tests/sim/request_net.hpp"
#include "tests/sim/service_observers.hpp"

namespace belfry::sim {

struct RecipeFigures {
    uint64_t items = 0, items_handed_out = 0, items_buried = 0, turns = 0, guarded_writes = 0, rounds = 0, passages = 0;
    uint64_t job_tries = 0, job_results = 0, adds = 0;
    uint64_t joined = 0, registrations = 0;

    void add(const RecipeFigures& other);
    std::string words() const;
};

class Recipes {
public:
    // A subscriber of this filter, with the troubles of all others.
    using Subscribe = std::function<Subscriber&(const protocol::FilterSpec& filter)>;
    Recipes(RecipeParts parts, const Truth& truth, RequestNet& net, Subscribe subscribe);

    // The users of one of them, or of none, with its bugs.
    void add_one(const Plants& plants);
    void start();
    Status on_change(const ChangeSet& change);
    // The troubles are over: nobody is stopped or killed any more.
    void calm_down();
    // From now on nobody is to wait for long; after some time all come to their end.
    void end();
    void check_end();
    RecipeFigures figures() const;

private:
    RecipeClient some_client(const Bytes& name, uint64_t number);
    RecipeClient session_client(const Bytes& name);
    RecipeClient hasty_client(const Bytes& name);
    CounterClient counter_client(const Bytes& name);
    void add_queue(const QueuePlants& plants);
    void add_line(const LinePlants& plants);
    void add_barrier(const BarrierPlants& plants);
    void add_gate(const GatePlants& plants);
    void add_once(const OncePlants& plants);
    void add_counter(const CounterPlants& plants);
    void add_presence(const PresencePlants& plants, const ObserverPlants& of_observers);
    void add_discovery(const DiscoveryPlants& plants, const ObserverPlants& of_observers);
    // Of all recipes, though only one of them has any.
    template <class Action>
    void each_user(const Action& action);

    const RecipeParts parts_;
    World& world_;
    const Truth& truth_;
    RequestNet& net_;
    const Subscribe subscribe_;
    QueueChecks queue_;
    LineChecks lines_;
    BarrierChecks barrier_;
    GateChecks gate_;
    OnceChecks once_;
    CounterChecks counter_;
    PresenceChecks presence_;
    DiscoveryChecks discovery_;
    std::unique_ptr<QueuePusher> pusher_;
    std::deque<QueueWorker> workers_;
    std::deque<LineUser> in_line_;
    std::deque<BarrierUser> at_barrier_;
    std::deque<GateUser> at_gate_;
    std::deque<OnceUser> at_jobs_;
    std::deque<CounterUser> counting_;
    std::deque<PresenceUser> present_;
    std::deque<DirectoryObserver> of_folders_;
    std::deque<PresentObserver> of_members_;
    std::deque<Registrant> registrants_;
    std::deque<ServiceObserver> of_services_;
    std::unique_ptr<Finder> finder_;
};

}  // namespace belfry::sim
