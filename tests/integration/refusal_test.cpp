// What a stranger can get wrong, told by the real daemon: each refusal names the thing and what to do, and nothing is
// half-started.
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("refusal: flags and settings are refused with exit code 2 and a sentence", "[integration][refusal]") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/belfry.toml";
    std::ofstream(config) << "data_dir = \"x\"\n[log]\nplugin = 7\n";
    auto outcome = run_program({program("belfryd"), "--config", config});
    CHECK(outcome.exit_code == 2);
    CHECK(has(outcome.output, config + ":3"));
    CHECK(has(outcome.output, "log.plugin"));

    outcome = run_program({program("belfryd"), "--colour", "red"});
    CHECK(outcome.exit_code == 2);
    CHECK(has(outcome.output, "--colour"));

    outcome =
        run_program({program("belfryd"), "--set", "store.plugin=storage_paper", "--data-dir", directory.path() + "/d"});
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, "storage_paper"));
    CHECK(has(outcome.output, "storage_lmdb"));

    outcome = run_program({program("belfryd"), "--listen", "tcp://0.0.0.0:17420", "--data-dir", directory.path() + "/e"});
    CHECK(outcome.exit_code != 0);
    CHECK(has(outcome.output, "insecure"));
}

TEST_CASE("refusal: a second daemon on the same data directory or port is refused", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto options = hub.client_options();
    auto outcome = run_program(
        {program("belfryd"), "--data-dir", hub.data_dir(), "--listen", "tcp://127.0.0.1:*", "--feed", "tcp://127.0.0.1:*"});
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, "in use by process " + std::to_string(hub.process().pid())));

    outcome = run_program({program("belfryd"), "--data-dir", directory.path() + "/other", "--listen", options.endpoints[0],
                           "--feed", "tcp://127.0.0.1:*"});
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, options.endpoints[0]));
    CHECK(hub.client()->put("still", "alive").ok());
    CHECK(hub.stop() == 0);
}

TEST_CASE("refusal: a store written by another plugin is named", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    REQUIRE(hub.client()->put("a", "1").ok());
    REQUIRE(hub.stop() == 0);
    const auto outcome =
        run_program({program("belfryd"), "--data-dir", hub.data_dir(), "--set", "store.plugin=storage_memory", "--listen",
                     "tcp://127.0.0.1:*", "--feed", "tcp://127.0.0.1:*"});
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, "storage_lmdb"));
    CHECK(has(outcome.output, "storage_memory"));
    REQUIRE(hub.start());
    CHECK(hub.client()->get("a")->value == "1");
}

TEST_CASE("refusal: data of another member, another cluster, or known to be wrong", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", {"cluster.id=abc"});
    REQUIRE(hub.start());
    CHECK(hub.stop() == 0);
    const auto refused = [&](const std::string& setting) {
        return run_program({program("belfryd"), "--data-dir", directory.path() + "/data", "--set", setting}).output;
    };
    CHECK(has(refused("member.id=2"), "belongs to member 1, the settings say member.id = 2"));
    CHECK(has(refused("cluster.id=abd"), "belongs to another cluster"));
    std::ofstream(directory.path() + "/data/fenced") << "this member's state differs";
    const auto fenced = refused("cluster.id=abc");
    CHECK(has(fenced, "must not be used any more"));
    CHECK(has(fenced, "this member's state differs"));
}

TEST_CASE("refusal: a segment damaged in the middle is named and nothing is served", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    {
        auto client = hub.client();
        for (int number = 0; number < 50; ++number) REQUIRE(client->put("k", std::string(1000, 'a')).ok());
    }
    hub.kill();
    std::string victim;
    for (const auto& entry : std::filesystem::directory_iterator(hub.data_dir() + "/log")) {
        const std::string path = entry.path().string();
        if (entry.file_size() > 1'000'000 && has(read_text(path), std::string(500, 'a'))) victim = path;
    }
    REQUIRE_FALSE(victim.empty());
    const size_t at = read_text(victim).find(std::string(500, 'a'));
    std::fstream(victim, std::ios::in | std::ios::out | std::ios::binary).seekp(static_cast<long>(at) + 100).put('X');
    CHECK_FALSE(hub.start());
    CHECK(has(hub.log(), std::filesystem::path(victim).filename().string()));
    CHECK(has(hub.log(), "cannot run"));
}

TEST_CASE("refusal: a read-only data directory is named", "[integration][refusal]") {
    const TemporaryDirectory directory;
    const std::string path = "/proc/belfry-cannot-be-here";
    const auto outcome = run_program(
        {program("belfryd"), "--data-dir", path, "--listen", "tcp://127.0.0.1:*", "--feed", "tcp://127.0.0.1:*"});
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, path));
}

TEST_CASE("refusal: requests beyond the limits are refused one by one, the rest goes on", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    auto client = hub.client();
    CHECK(client->put(std::string(5000, 'k'), "v").error().code == Code::too_large);
    CHECK(client->put("", "v").error().code == Code::invalid_argument);
    CHECK(client->put("k", std::string(3 << 20, 'v')).error().code == Code::too_large);
    protocol::TxnRequest many;
    for (int number = 0; number < 2000; ++number) {
        many.then_ops.push_back({protocol::PutRequest{"k" + std::to_string(number), "v", {}, false}});
    }
    CHECK(client->txn(many).error().code == Code::too_large);
    many.then_ops.resize(1000);
    CHECK(client->txn(many).ok());
    protocol::SnapshotRequest explode;
    explode.filter = {"glob", "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"};
    const auto refused = client->call(explode);
    CHECK((!refused.ok() || refused->error.code == Code::invalid_argument));
    CHECK(client->put("k", std::string(1 << 20, 'v')).ok());
    CHECK(client->get("k")->value.size() == 1 << 20);
}

TEST_CASE("refusal: a hub that nobody can reach does not add members", "[integration][refusal]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const Outcome outcome = run_program(
        {program("belfry"), "--endpoint", hub.client_options().endpoints[0], "member", "add", "2", "tcp://127.0.0.1:9999"});
    CHECK(outcome.exit_code == 5);
    CHECK(has(outcome.output, "cluster.endpoint"));
    CHECK(hub.client()->put("still", "alive").ok());
}
