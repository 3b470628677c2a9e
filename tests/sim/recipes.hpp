// The users of one recipe of the SDK, in every other run: those who are there, and what must hold of what they do. Whatever
// a recipe needs in the simulator is named here, and its bugs in plants.hpp.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/sim/plants.hpp"
#include "tests/sim/request_net.hpp"

namespace belfry::sim {

struct RecipeFigures {
    uint64_t items = 0, items_handed_out = 0, turns = 0, guarded_writes = 0, rounds = 0, passages = 0;
    uint64_t job_tries = 0, job_results = 0, adds = 0;

    void add(const RecipeFigures& other);
    std::string words() const;
};

class Recipes {
public:
    Recipes(RecipeParts parts, const Truth& truth, RequestNet& net);

    // The users of one of them, or of none, with its bugs.
    void add_one(const Plants& plants);
    void start();
    Status on_change(const ChangeSet& change);
    // The troubles are over: nobody is stopped or killed any more.
    void calm_down();
    // From now on nobody is to wait for long; after some time all come to their end.
    void end();
    void check_end() const;
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
    // Of all recipes, though only one of them has any.
    template <class Action>
    void each_user(const Action& action);

    const RecipeParts parts_;
    World& world_;
    RequestNet& net_;
    QueueChecks queue_;
    LineChecks lines_;
    BarrierChecks barrier_;
    GateChecks gate_;
    OnceChecks once_;
    CounterChecks counter_;
    std::unique_ptr<QueuePusher> pusher_;
    std::deque<QueueWorker> workers_;
    std::deque<LineUser> in_line_;
    std::deque<BarrierUser> at_barrier_;
    std::deque<GateUser> at_gate_;
    std::deque<OnceUser> at_jobs_;
    std::deque<CounterUser> counting_;
};

}  // namespace belfry::sim
