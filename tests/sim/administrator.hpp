// Who changes the cluster while it runs: adds the joiners one by one, removes members, hands the office on. Asks any
// member, as anybody does, and repeats what is uncertain; the log says what came of it (Truth::members).
#pragma once

#include <optional>

#include "tests/sim/call.hpp"
#include "tests/sim/members.hpp"

namespace belfry::sim {

class Administrator {
public:
    Administrator(World& world, const Truth& truth, Members& members, Send send);
    void start() { act(); }
    // Finishes what is begun, and begins nothing more.
    void stop() { stopped_ = true; }
    uint64_t changes() const { return changes_; }

private:
    void act();
    void begin();
    void ask();
    void answered(const Result<protocol::Reply>& reply);
    bool is_member(uint64_t id) const;

    World& world_;
    const Truth& truth_;
    Members& members_;
    Send send_;
    std::optional<protocol::RequestOp> wanted_;  // asked until it is answered for good
    size_t admitted_ = 0;
    uint64_t changes_ = 0;
    bool stopped_ = false;
};

}  // namespace belfry::sim
