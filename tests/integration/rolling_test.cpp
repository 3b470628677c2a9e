// Five members are restarted one after the other, and upgraded one after the other, while clients work: who is stopped
// hands over and turns its clients away first, so that nobody hears an error.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/load.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t members = 5;
constexpr uint64_t pause_ms_max = 5000;  // some 50 ms on a quiet machine; on disks that stall it would be theirs

bool has_caught_up(ClusterProcesses& cluster, uint64_t id) {
    const uint64_t goal = figure(cluster.at(cluster.leader()), "raft.commit", UINT64_MAX);
    for (int tries = 0; tries < 1000; ++tries) {
        if (figure(cluster.at(id), "raft.applied") >= goal) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

// One after the other, and the leader more than once: who takes over is the next one to stop. `change` comes between end
// and start.
template <class Change>
void roll(ClusterProcesses& cluster, Change change) {
    Load load(cluster);
    unsigned leaders = 0;
    for (const uint64_t id : cluster.ids()) {
        const uint64_t before = cluster.leader();
        INFO("member " << id << ", the leader is " << before << cluster.logs());
        REQUIRE(before != 0);
        CHECK(cluster.at(id).stop() == 0);
        if (id == before) {
            ++leaders;
            // It has not ended before somebody else led.
            CHECK(figure(cluster.at(id % members + 1), "raft.leader") != id);
            CHECK(figure(cluster.at(id % members + 1), "raft.leader") != 0);
        }
        CHECK(load.writes_go_on(5, 20s));
        change(id);
        REQUIRE(cluster.at(id).start());
        REQUIRE(has_caught_up(cluster, id));
    }
    CHECK(leaders > 0);
    load.judge(cluster.ids(), 200);
    INFO("the longest pause of writes: " << load.longest_pause_ms() << " ms");
    CHECK(load.longest_pause_ms() < pause_ms_max);
    CHECK(load.errors() == "");
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

}  // namespace

TEST_CASE("rolling: five members restarted one by one cost no client an error", "[integration][cluster]") {
    const TemporaryDirectory directory(memory_base());
    ClusterProcesses cluster(directory.path(), members);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    roll(cluster, [](uint64_t) {});
}

TEST_CASE("rolling: five members upgraded one by one cost no client an error", "[integration][cluster]") {
    const TemporaryDirectory directory, data(memory_base());  // programs may not run where data is
    // The same release under another number.
    std::string program_text = read_text(program("belfryd"));
    const std::string now = std::string(BELFRY_VERSION), then = "9" + now.substr(1);
    for (size_t at = 0; (at = program_text.find(now, at)) != std::string::npos;) program_text.replace(at, now.size(), then);
    const std::string upgraded = directory.path() + "/belfryd";
    std::ofstream(upgraded, std::ios::binary) << program_text;
    std::filesystem::permissions(upgraded, std::filesystem::perms::owner_all);
    REQUIRE(run_program({upgraded, "--version"}).output == "belfryd " + then + "\n");

    ClusterProcesses cluster(data.path(), members);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    roll(cluster, [&](uint64_t id) { cluster.at(id).run_as(upgraded); });
}

// `./dev upgrade REVISION` builds that older release and names its daemon.
TEST_CASE("rolling: five members of an older release upgraded one by one cost no client an error",
          "[integration][cluster][upgrade]") {
    const char* const older = std::getenv("BELFRY_OLDER_DAEMON");
    if (older == nullptr) SKIP("BELFRY_OLDER_DAEMON names no older belfryd; ./dev upgrade REVISION builds one");
    const TemporaryDirectory directory(memory_base());
    ClusterProcesses cluster(directory.path(), members);
    for (const uint64_t id : cluster.ids()) cluster.at(id).run_as(older);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    roll(cluster, [&](uint64_t id) { cluster.at(id).run_as(program("belfryd")); });
}
