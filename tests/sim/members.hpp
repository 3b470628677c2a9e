// The hubs of one cluster, what happens to them, and what must hold among them: never two leaders of one term; after the
// troubles every member has applied the same and holds the same state.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/sim/hub.hpp"
#include "tests/sim/member_net.hpp"

namespace belfry::sim {

class Members {
public:
    // `founders` start the cluster, `joiners` wait to be admitted; ids go on from 1.
    Members(World& world, Truth& truth, const hub::plugin::Filters& filters, uint64_t founders, uint64_t joiners,
            const HubPlants& plants);

    void start();
    // A joiner's process: it knows nobody and waits to hear from a leader.
    void admit(uint64_t id);
    // Those of whom the log says that they are members no more are switched off for good.
    void retire_removed();

    std::vector<Hub*> hubs();
    Publisher& publisher(size_t place) { return *publishers_[place]; }
    // A hub whose process ought to run, as its number among all.
    size_t some_place();
    // Of one that takes itself for the leader; some place, if there is none.
    size_t leaders_place();
    const std::vector<uint64_t>& joiners() const { return joiners_; }

    // Something goes wrong, for a few seconds at most.
    void trouble();
    // Nothing goes wrong any more.
    void heal();
    void check_equal();

    uint64_t crashes() const { return crashes_; }
    uint64_t leaders() const { return leaders_.size(); }
    MemberNet& net() { return net_; }

private:
    Hub& hub(uint64_t id) { return *hubs_.at(id - 1); }
    Hub& victim();
    void watch_leaders();
    void crash(Hub& hub, Hub::Crash how);
    void start_again(Hub& hub, uint64_t within_ms);
    void crash_all();
    void partition();
    void cut_off(uint64_t id, bool hears, bool is_heard);
    void cut_in_halves();
    void cut_some();
    void flap(uint64_t id, uint64_t times);

    World& world_;
    Truth& truth_;
    MemberNet net_;
    std::vector<std::unique_ptr<Publisher>> publishers_;  // one per hub
    std::vector<std::unique_ptr<Hub>> hubs_;
    std::vector<uint64_t> joiners_;
    std::set<uint64_t> wanted_;             // whose process ought to run: founders and who was admitted, until removed
    std::set<uint64_t> seen_;               // were members at some time
    std::map<uint64_t, uint64_t> leaders_;  // term -> member
    bool calm_ = false;
    uint64_t crashes_ = 0;
};

}  // namespace belfry::sim
