// The network between members. Raft's messages may be late, overtaken, lost or come twice; what is forwarded for a client
// may be late, overtaken or lost, but never comes twice: the real link is TCP, and what a broken connection held is gone.
// Links may be cut, one way too.
#pragma once

#include <map>
#include <set>

#include "tests/sim/hub.hpp"

namespace belfry::sim {

class MemberNet {
public:
    MemberNet(World& world, Truth& truth) : world_(world), truth_(truth) {}

    // Gives the hub its way out.
    void connect(Hub& hub);
    void cut(uint64_t from, uint64_t to) { cuts_.insert({from, to}); }
    void heal() { cuts_.clear(); }

    unsigned loss_percent = 2;
    unsigned twice_percent = 2;
    unsigned late_percent = 2;
    bool requests_twice = false;  // a bug on purpose

private:
    void send(uint64_t from, const hub::core::MemberMessage& message);
    void deliver(uint64_t from, uint64_t to, const Bytes& octets);
    bool may_come_twice(const hub::core::MemberMessage& message) const;
    bool is_cut(uint64_t from, uint64_t to) const { return cuts_.contains({from, to}); }

    World& world_;
    Truth& truth_;
    std::map<uint64_t, Hub*> hubs_;
    std::set<std::pair<uint64_t, uint64_t>> cuts_;  // from, to
};

}  // namespace belfry::sim
