// Those who write and read at random: puts, deletes, transactions with and without a condition, compactions; gets that are
// linearizable, local, or wait for a revision. The ledger judges what they hear.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/call.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class Client {
public:
    Client(World& world, const Truth& truth, Ledger& ledger, Send send, Bytes name);
    // Acts now and again until told to stop.
    void start(uint64_t pause_ms_max);
    void stop() { stopped_ = true; }
    void put(const Bytes& key, const Bytes& value);
    void insist(const Bytes& key, const Bytes& value);  // again, until it is not refused
    uint64_t acknowledged() const { return acknowledged_; }

private:
    void act();
    void txn();
    void erase();
    void get();
    void compact();
    void write(protocol::RequestOp op, std::vector<Event> events, std::optional<protocol::Compare> guard,
               std::function<void()> when_refused = {});
    Bytes some_key();
    Bytes some_value();

    World& world_;
    const Truth& truth_;
    Ledger& ledger_;
    Send send_;
    Bytes name_;
    uint64_t pause_ms_max_ = 100;
    uint64_t values_ = 0;
    uint64_t writes_ = 0;
    uint64_t acknowledged_ = 0;
    bool stopped_ = false;
};

}  // namespace belfry::sim
