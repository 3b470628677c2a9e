// Compare-and-set registers: a few clients that read, write and swap a few keys, one call after the other each, and the
// history of their calls. Whether there is an order of them is decided by tests/support/linearizability.hpp, which believes
// no revision and knows nothing of the log.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/call.hpp"
#include "tests/sim/world.hpp"
#include "tests/support/linearizability.hpp"

namespace belfry::sim {

class Registers {
public:
    explicit Registers(World& world) : world_(world) {}

    void start(Send send, const Bytes& name);
    void stop() { stopped_ = true; }
    // Fails the world if no order explains what the clients saw. False = the search was given up.
    bool check() const;
    size_t calls() const { return history_.size(); }

private:
    struct Client {
        Send send;
        Bytes name;
        uint64_t calls = 0;
    };
    using Kind = test::Operation::Kind;
    void act(Client& client);
    void call(Client& client, Call call, test::Operation operation);
    void answered(test::Operation& operation, const Result<protocol::Reply>& reply);
    void swap_answered(test::Operation& operation, const protocol::TxnReply& reply);
    std::vector<test::Operation> without_the_unseen() const;

    World& world_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<test::Operation> history_;
    std::map<Bytes, std::optional<Bytes>> last_seen_;  // by anybody; what swaps expect
    bool stopped_ = false;
};

}  // namespace belfry::sim
