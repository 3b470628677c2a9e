// Those who write and read, and what they hold the hub to: an acknowledged write is in the log at the revision named, with
// the content sent; a read shows the state of the revision it names, and that is never older than what was acknowledged
// before the read began.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/subscriber.hpp"
#include "tests/sim/truth.hpp"

namespace belfry::sim {

struct Ledger {
    struct Write {
        Revision revision;
        Bytes author;
        std::vector<Event> events;  // key and value of puts, keys of erases
    };
    std::vector<Write> acknowledged;
    Revision newest;  // acknowledged or shown to anybody
    uint64_t reads = 0;

    // Every acknowledged write against the truth.
    void check(World& world, const Truth& truth) const;
};

class Client {
public:
    Client(World& world, const Truth& truth, Ledger& ledger, Send send, Bytes name);
    // Acts now and again until told to stop.
    void start(uint64_t pause_ms_max);
    void stop() { stopped_ = true; }
    void put(const Bytes& key, const Bytes& value);
    uint64_t acknowledged() const { return acknowledged_; }

private:
    void act();
    void txn();
    void erase();
    void get();
    void compact();
    void write(protocol::RequestOp op, std::vector<Event> events);
    void check_get(const Bytes& key, Revision floor, const protocol::Reply& reply);
    Bytes some_key();
    Bytes some_value();

    World& world_;
    const Truth& truth_;
    Ledger& ledger_;
    Send send_;
    Bytes name_;
    uint64_t pause_ms_max_ = 100;
    uint64_t values_ = 0;
    uint64_t acknowledged_ = 0;
    bool stopped_ = false;
};

}  // namespace belfry::sim
