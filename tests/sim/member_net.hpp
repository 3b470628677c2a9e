// The network between members: every message may be late, overtaken, lost or come twice; links may be cut, one way too.
#pragma once

#include <map>
#include <set>

#include "tests/sim/hub.hpp"

namespace belfry::sim {

class MemberNet {
public:
    explicit MemberNet(World& world) : world_(world) {}

    // Gives the hub its way out.
    void connect(Hub& hub);
    void cut(uint64_t from, uint64_t to) { cuts_.insert({from, to}); }
    void heal() { cuts_.clear(); }

    unsigned loss_percent = 2;
    unsigned twice_percent = 2;
    unsigned late_percent = 2;

private:
    void send(uint64_t from, const hub::core::MemberMessage& message);
    bool is_cut(uint64_t from, uint64_t to) const { return cuts_.contains({from, to}); }

    World& world_;
    std::map<uint64_t, Hub*> hubs_;
    std::set<std::pair<uint64_t, uint64_t>> cuts_;  // from, to
};

}  // namespace belfry::sim
