// Several engines in one process and virtual time: disks that lose what was not synced, a network that loses, doubles,
// delays and cuts, crashes, snapshots, membership changes. What a member is and does here stands in member.hpp; this is the
// world around it and the judge. One seed decides everything.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/raft/member.hpp"
#include "tests/sim/random.hpp"

namespace belfry::sim {

struct ClusterSetup {
    uint64_t seed = 1;
    unsigned voters = 3;   // at the beginning
    unsigned joiners = 0;  // that are added one after another
    bool removals = false;
    bool trace = false;
    hub::raft::Guards guards;
    bool ask_before_reads = true;
};

struct ClusterVerdict {
    std::string failure;  // empty = none
    std::vector<std::string> trace;
    uint64_t acknowledged = 0, crashes = 0, elections = 0, installs = 0, changes = 0, transfers = 0, reads = 0;
};

class Cluster : public MemberWorld {
public:
    explicit Cluster(const ClusterSetup& setup);
    ClusterVerdict run();

    // What members tell the world.
    uint64_t now_ms() const override { return now_ms_; }
    Random& random() override { return random_; }
    void after(uint64_t delay_ms, std::function<void()> what) override;
    void send(uint64_t from, Packet packet) override;
    void applied(uint64_t member, Index index, const hub::raft::Entry& entry, uint64_t digest) override;
    void leads(uint64_t member, Term term) override;
    void fail(const std::string& what) override;
    void trace(const std::string& line) override;
    uint64_t digest_at(Index index) const override;
    Index newest_applied() const override { return Index{truth_.empty() ? 0 : truth_.rbegin()->first}; }

private:
    struct Truth {
        Term term;
        std::shared_ptr<const Bytes> payload;
        uint64_t digest = 0;
    };

    void trouble();
    void write();
    void administer();
    void settle();
    bool all_equal(Index at_least);
    std::string describe();
    bool cut(uint64_t from, uint64_t to) const { return cuts_.contains({from, to}); }
    void crash(SimMember& member);
    SimMember* leader();
    SimMember& any_member();

    const ClusterSetup setup_;
    Random random_;
    uint64_t now_ms_ = 1000;
    uint64_t order_ = 0;
    std::map<std::pair<uint64_t, uint64_t>, std::function<void()>> events_;  // by time, then order
    std::map<uint64_t, std::unique_ptr<SimMember>> members_;
    std::set<uint64_t> removed_;  // asked to be; never to be added again
    std::set<std::pair<uint64_t, uint64_t>> cuts_;
    bool troubled_ = true;
    unsigned joined_ = 0;
    uint64_t commands_ = 0;

    std::map<uint64_t, Truth> truth_;         // what the first member to apply an index applied there
    std::map<uint64_t, uint64_t> leader_of_;  // term -> member
    ClusterVerdict verdict_;
};

}  // namespace belfry::sim
