// A member whose log or state is damaged says what is damaged and what to do, the others go on, and what it says is enough
// to get it back.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/load.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void damage(const std::string& path, size_t at) {
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at))
        .write("DAMAGED", 7);
}

// The file of the log in which an entry of these octets begins, and where.
std::pair<std::string, size_t> find_in_log(const HubProcess& member, const std::string& octets) {
    for (const auto& entry : std::filesystem::directory_iterator(member.data_dir() + "/log")) {
        const size_t at = read_text(entry.path().string()).find(octets);
        if (entry.path().extension() == ".wal" && at != std::string::npos) return {entry.path().string(), at};
    }
    return {};
}

Outcome run_belfry(const ClusterProcesses& cluster, std::vector<std::string> words, uint64_t first) {
    std::string endpoints;
    for (const auto& endpoint : cluster.client_options(first).endpoints) {
        endpoints += (endpoints.empty() ? "" : ",") + endpoint;
    }
    std::vector<std::string> arguments = {program("belfry"), "--endpoint", endpoints};
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_program(std::move(arguments), 30);
}

// The new member with the settings as they were printed, on an empty directory.
HubProcess& start_as_printed(ClusterProcesses& cluster, uint64_t id, const std::string& printed, const std::string& path) {
    const size_t begin = printed.find("# settings of the new member");
    REQUIRE(begin != std::string::npos);
    std::ofstream(path) << printed.substr(begin, printed.find("belfry member: ") - begin);  // without what went to stderr
    HubProcess& member = cluster.add_configured(id, path);
    member.launch();
    return member;
}

bool is_voter(ClusterProcesses& cluster, uint64_t id, uint64_t first) {
    const auto waited = run_belfry(cluster, {"member", "promote", std::to_string(id), "--timeout", "20s"}, first);
    INFO(waited.output);
    CHECK(waited.exit_code == 0);
    return waited.exit_code == 0;
}

}  // namespace

TEST_CASE("rebuild: a member with a damaged log is named, and replaced by one command while clients work",
          "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const std::string marked(500, 'm');
    REQUIRE(cluster.client()->put("marked", marked).ok());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t damaged = leader % 3 + 1;
    Load load(cluster);
    std::this_thread::sleep_for(300ms);
    cluster.at(damaged).kill();
    const auto [file, at] = find_in_log(cluster.at(damaged), marked);
    REQUIRE_FALSE(file.empty());
    damage(file, at + 100);
    CHECK_FALSE(cluster.at(damaged).start());
    const std::string log = cluster.at(damaged).log();
    INFO(log);
    CHECK(has(log, std::filesystem::path(file).filename().string()));
    CHECK(has(log, "belfry member replace " + std::to_string(damaged)));
    cluster.at(damaged).launch();
    CHECK(cluster.at(damaged).process().wait(20) == 1);
    CHECK(load.writes_go_on(20, 20s));

    // The one command; the new member has the old one's address.
    const auto same = run_belfry(cluster, {"member", "replace", std::to_string(damaged), std::to_string(damaged)}, leader);
    CHECK(same.exit_code == 2);
    const auto again = run_belfry(cluster, {"member", "replace", std::to_string(damaged), "2"}, leader);
    CHECK(again.exit_code != 0);
    const auto replaced = run_belfry(cluster, {"member", "replace", std::to_string(damaged), "4"}, leader);
    INFO(replaced.output);
    REQUIRE(replaced.exit_code == 0);
    CHECK(has(replaced.output, cluster.endpoint(damaged)));
    cluster.forget(damaged);
    HubProcess& fresh = start_as_printed(cluster, 4, replaced.output, directory.path() + "/4.toml");
    INFO(fresh.log());
    REQUIRE(is_voter(cluster, 4, leader));
    REQUIRE(fresh.is_ready());
    CHECK(fresh.client()->get("marked")->value == marked);
    // With it they are three again: another one may go.
    const uint64_t other = 6 - leader - damaged;
    CHECK(cluster.at(other).stop() == 0);
    CHECK(load.writes_go_on(20, 20s));
    REQUIRE(cluster.at(other).start());
    load.judge(cluster.ids(), 100);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("rebuild: a member that lost its disk cannot come back under its old id", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    REQUIRE(cluster.client()->put("kept", "yes").ok());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t emptied = leader % 3 + 1, other = 6 - leader - emptied;
    HubProcess& lost = cluster.at(emptied);
    const std::string known = cluster.at(other).data_dir() + "/acquaintances";
    for (int i = 0; i < 2000 && !has(read_text(known), std::to_string(emptied) + " "); ++i)
        std::this_thread::sleep_for(10ms);
    lost.kill();
    std::filesystem::remove_all(lost.data_dir());
    lost.launch();
    CHECK(lost.process().wait(20) == 1);
    INFO(lost.log());
    CHECK(has(lost.log(), "with another data directory"));
    CHECK(has(lost.log(), "belfry member replace " + std::to_string(emptied)));
    // Even if the one it may deceive has just started itself: it remembers, and without a majority nothing is decided.
    cluster.at(leader).kill();
    CHECK(cluster.at(other).stop() == 0);
    cluster.at(other).launch();
    lost.launch();
    CHECK(lost.process().wait(20) == 1);
    REQUIRE(cluster.at(leader).start());
    REQUIRE(cluster.at(other).is_ready());
    CHECK(cluster.client()->get("kept")->value == "yes");
    for (const uint64_t id : {leader, other}) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("rebuild: a damaged state is named, and comes back from the log when its folder is moved away",
          "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, {"snapshot_log_bytes=1MiB"});
    REQUIRE(cluster.start());
    for (int i = 0; i < 60; ++i) {
        REQUIRE(cluster.client()->put("k/" + std::to_string(i), std::string(50'000, 'x')).ok());
    }
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    HubProcess& damaged = cluster.at(leader % 3 + 1);
    Load load(cluster);
    CHECK(damaged.stop() == 0);
    const std::string state = damaged.data_dir() + "/state";
    for (const size_t page : {0, 4096}) damage(state + "/data.mdb", page + 16);
    CHECK_FALSE(damaged.start());
    INFO(damaged.log());
    CHECK(has(damaged.log(), "move " + state + " away"));
    std::filesystem::rename(state, state + ".damaged");
    REQUIRE(damaged.start());
    load.judge(cluster.ids(), 100);
    CHECK(damaged.client()->get("k/0")->value.size() == 50'000);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("rebuild: a member that works is replaced by one elsewhere, and stays until that one votes",
          "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    Load load(cluster);
    const std::vector<std::string> command = {"member", "replace", std::to_string(leader), "7",
                                              "tcp://127.0.0.1:" + std::to_string(free_port_pair())};
    auto early = command;
    early.insert(early.end(), {"--timeout", "3s"});
    const auto begun = run_belfry(cluster, early, leader);
    INFO(begun.output);
    CHECK(begun.exit_code == 3);
    CHECK(has(begun.output, "stays until then"));
    start_as_printed(cluster, 7, begun.output, directory.path() + "/7.toml");
    auto late = command;
    late.insert(late.end(), {"--timeout", "20s"});
    const auto done = run_belfry(cluster, late, leader % 3 + 1);
    INFO(done.output << cluster.logs());
    REQUIRE(done.exit_code == 0);
    CHECK_FALSE(has(done.output, "\n" + std::to_string(leader) + "  "));
    cluster.forget(leader);
    REQUIRE(cluster.at(7).is_ready());
    load.judge(cluster.ids(), 100);
}
