// One member's disk is full, or fails: the others go on, the member says what it suffers from, and comes back.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/load.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/trouble.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr uint64_t pause_ms_max = 5000;  // some 1.3 s on a quiet machine: the leader's patience, then the transfer

// What an operator sees.
std::string state_of(const HubProcess& member) {
    const auto shown = run_program({program("belfry"), "--endpoint", member.client_options().endpoints[0], "status"});
    const size_t at = shown.output.find("\nstate ");
    if (shown.exit_code != 0 || at == std::string::npos) return "(" + shown.output + ")";
    const size_t begin = shown.output.find_first_not_of(' ', at + 7);
    return shown.output.substr(begin, shown.output.find('\n', begin) - begin);
}

bool comes_to(const HubProcess& member, const std::vector<std::string>& states) {
    for (const auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
        if (std::find(states.begin(), states.end(), state_of(member)) != states.end()) return true;
        std::this_thread::sleep_for(100ms);
    }
    return false;
}

// Until the log or the store of that member has used up what it had ahead of its need.
void write_until_full(ClusterProcesses& cluster, uint64_t id) {
    constexpr int puts_max = 1000;
    auto client = cluster.client(1500ms);
    for (int number = 0; number < puts_max; ++number) {
        (void)client->put("big/" + std::to_string(number % 100), std::string(60'000, static_cast<char>('a' + number % 26)));
        if (number % 20 == 19 && state_of(cluster.at(id)) != "ready") return;
    }
}

void disk_of_a_member_is_full(bool of_the_leader) {
    const TemporaryDirectory directory;
    constexpr unsigned disk_mebibytes = 192;  // only one of them is filled up
    std::vector<std::unique_ptr<SmallDisk>> disks;
    for (uint64_t id = 1; id <= 3; ++id) {
        disks.push_back(std::make_unique<SmallDisk>(directory.path() + "/member" + std::to_string(id), disk_mebibytes));
        if (!disks.back()->mounted()) SKIP("mounting a small tmpfs is not allowed here");
    }
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t full = of_the_leader ? leader : leader % 3 + 1;
    Load load(cluster, 1500ms);
    disks[full - 1]->fill_up();
    write_until_full(cluster, full);
    INFO("member " << full << " is full, " << leader << " led" << cluster.logs());
    REQUIRE(comes_to(cluster.at(full), {"log full", "store full"}));
    CHECK(load.writes_go_on(100, 30s));
    CHECK(load.longest_pause_ms() < pause_ms_max);
    CHECK(cluster.leader() != full);
    CHECK(cluster.client()->put("while", "full").ok());
    CHECK(state_of(cluster.at(full)) != "ready");
    disks[full - 1]->make_room();
    CHECK(comes_to(cluster.at(full), {"ready"}));
    load.judge(cluster.ids(), 200);
    const auto got = cluster.at(full).client()->get("while");
    CHECK((got.ok() && got->value == "full"));
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

}  // namespace

TEST_CASE("member disk: a follower's is full; it says so, the others go on, room heals it", "[integration][cluster]") {
    disk_of_a_member_is_full(false);
}

TEST_CASE("member disk: the leader's is full; another member leads, room heals the old one", "[integration][cluster]") {
    disk_of_a_member_is_full(true);
}

TEST_CASE("member disk: a failed sync stops the member with its reason, and nobody else", "[integration][cluster]") {
    if (!Trouble::is_possible()) SKIP("under sanitizers nothing can be preloaded");
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    std::map<uint64_t, std::unique_ptr<Trouble>> troubles;
    for (const uint64_t id : cluster.ids()) {
        troubles[id] = std::make_unique<Trouble>(directory.path() + "/trouble" + std::to_string(id));
        cluster.at(id).run_as(program("belfryd"), troubles[id]->prefix());
    }
    REQUIRE(cluster.start());
    Load load(cluster, 1500ms);
    for (const bool of_the_leader : {false, true}) {
        const uint64_t leader = cluster.leader();
        REQUIRE(leader != 0);
        const uint64_t failing = of_the_leader ? leader : leader % 3 + 1;
        INFO("the disk of member " << failing << " fails, " << leader << " leads" << cluster.logs());
        troubles[failing]->fail_syncs(true);
        CHECK(cluster.at(failing).process().wait(20) == 1);
        const std::string log = cluster.at(failing).log();
        CHECK(log.find("cannot be synced: Input/output error") != std::string::npos);
        CHECK(load.writes_go_on(50, 30s));
        troubles[failing]->fail_syncs(false);  // another disk, the same data
        REQUIRE(cluster.at(failing).start());
    }
    CHECK(load.longest_pause_ms() < pause_ms_max);
    load.judge(cluster.ids(), 200);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}
