// Members that are stopped for longer than an election, and members whose clocks jump, in a cluster of five under load.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/load.hpp"
#include "tests/support/trouble.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t members = 5;
constexpr uint64_t pause_ms_max = 5000;  // below 1 s on a quiet machine; on disks that stall it would be theirs

}  // namespace

TEST_CASE("time: two followers and then leaders that sleep for longer than an election", "[integration][cluster]") {
    const TemporaryDirectory directory(memory_base());
    ClusterProcesses cluster(directory.path(), members);
    REQUIRE(cluster.start());
    Load load(cluster, 1500ms);
    const auto sleep_with = [&](const std::vector<uint64_t>& ids) {
        for (const uint64_t id : ids) cluster.at(id).process().signal(SIGSTOP);
        CHECK(load.writes_go_on(20, 30s));
        std::this_thread::sleep_for(1500ms);
        for (const uint64_t id : ids) cluster.at(id).process().signal(SIGCONT);
        std::this_thread::sleep_for(500ms);
    };
    const uint64_t first = cluster.leader();
    REQUIRE(first != 0);
    sleep_with({first % members + 1, (first + 1) % members + 1});
    for (int round = 0; round < 2; ++round) {
        const uint64_t leader = cluster.leader();
        REQUIRE(leader != 0);
        sleep_with({leader});
        CHECK(cluster.leader() != 0);
    }
    load.judge(cluster.ids(), 200);
    INFO("the longest pause of writes: " << load.longest_pause_ms() << " ms");
    CHECK(load.longest_pause_ms() < pause_ms_max);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("time: clocks that jump by hours move nothing but the times in the history, which never go back",
          "[integration][cluster]") {
    if (!Trouble::is_possible()) SKIP("under sanitizers nothing can be preloaded");
    const TemporaryDirectory directory(memory_base());
    ClusterProcesses cluster(directory.path(), members);
    std::map<uint64_t, std::unique_ptr<Trouble>> troubles;
    for (const uint64_t id : cluster.ids()) {
        troubles[id] = std::make_unique<Trouble>(directory.path() + "/trouble" + std::to_string(id));
        cluster.at(id).run_as(program("belfryd"), troubles[id]->prefix());
    }
    REQUIRE(cluster.start());
    Load load(cluster);
    constexpr int64_t hour = 3600;
    uint64_t leader = 0;
    const auto term_outlasts_jumps = [&] {
        leader = cluster.leader();
        REQUIRE(leader != 0);
        const uint64_t term = figure(cluster.at(leader), "raft.term");
        for (const int64_t offset : {hour, -24 * hour, 365 * 24 * hour, int64_t{0}}) {
            for (const uint64_t id : {leader, leader % members + 1}) {
                troubles[id]->shift_wall_clock(offset);
                CHECK(load.writes_go_on(20, 30s));
                std::this_thread::sleep_for(400ms);  // longer than an election timeout
            }
        }
        return figure(cluster.at(leader), "raft.term") == term;
    };
    // A machine that stalls may cost a leader its office, whatever the clocks do; then try again.
    constexpr int attempts_max = 3;
    bool outlasted = false;
    for (int attempt = 0; attempt < attempts_max && !outlasted; ++attempt) outlasted = term_outlasts_jumps();
    CHECK(outlasted);
    load.judge(cluster.ids(), 200);
    CHECK(load.errors() == "");
    uint64_t time_ms = 0, longest_step_ms = 0;
    protocol::ChangesRequest request;
    request.filter = {"prefix", ""};
    for (bool more = true; more;) {
        const auto reply = cluster.at(leader).client()->changes(request);
        REQUIRE(reply);
        for (const ChangeSet& change : reply->changes) {
            CHECK(change.time_ms >= time_ms);
            if (time_ms != 0) longest_step_ms = std::max(longest_step_ms, change.time_ms - time_ms);
            time_ms = change.time_ms;
        }
        request.from = reply->to;
        more = reply->more;
    }
    CHECK(longest_step_ms > 364ull * 24 * hour * 1000);  // the shim works
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}
