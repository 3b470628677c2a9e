// Those who count: add, set, compare and set, and read, step by step as sdk/recipes/counter.hpp does it: the same
// comparison, the same pauses. Now and then one of them is stopped between its read and its write, deletes the key, or puts
// what is no number.
#pragma once

#include "tests/sim/call.hpp"
#include "tests/sim/counter_checks.hpp"
#include "tests/sim/ledger.hpp"

namespace belfry::sim {

// Bugs of the recipe.
struct CounterPlants {
    bool add_unguarded = false;  // without the comparison that the key is as it was read
    bool add_again = false;      // what is uncertain is taken for not done
};

struct CounterClient {
    Send send;
    Bytes name;
    bool has_session = false;
    uint64_t timeout_ms = 0;  // how long it waits for an answer
};

class CounterUser {
public:
    CounterUser(World& world, Ledger& ledger, CounterChecks& checks, CounterClient client, CounterPlants plants)
        : world_(world), ledger_(ledger), checks_(checks), client_(std::move(client)), plants_(plants) {}
    void start() { rest(); }
    // From now on it is not stopped.
    void calm_down() { calm_ = true; }
    // It does nothing more.
    void stop() { stopped_ = true; }

private:
    using Take = std::function<void(const Result<protocol::Reply>& reply)>;

    void rest();
    void act();
    void get();
    void begin(const CounterCall& call);
    void change();
    void read(std::function<void(const KeyValue* found)> then, std::function<void()> otherwise);
    void write_next(const KeyValue* found);
    void write(protocol::RequestOp op, std::optional<protocol::Compare> guard, Take take);
    void try_again();
    void put(const std::optional<Bytes>& value);
    void end(Code code);
    void ask(protocol::RequestOp op, const Bytes& comment, Take take);

    World& world_;
    Ledger& ledger_;
    CounterChecks& checks_;
    const CounterClient client_;
    const CounterPlants plants_;
    CounterCall call_;
    size_t number_ = 0;  // of the call, as the checks say
    uint64_t tries_ = 0, writes_ = 0;
    int64_t last_seen_ = 0;
    bool calm_ = false, stopped_ = false;
};

}  // namespace belfry::sim
