// The hub on each state store, chosen by one line of belfry.toml.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

Outcome start_on(const std::string& data_dir, const std::string& store) {
    return run_program({program("belfryd"), "--data-dir", data_dir, "--listen", "tcp://127.0.0.1:*", "--feed",
                        "tcp://127.0.0.1:*", "--set", "store.plugin=" + store});
}

}  // namespace

TEST_CASE("store: one line in belfry.toml chooses where the state is, and kill -9 loses nothing", "[integration][store]") {
    const std::string store = GENERATE("storage_lmdb", "storage_sqlite", "storage_rocksdb", "storage_memory");
    CAPTURE(store);
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/belfry.toml";
    std::ofstream(config) << "store.plugin = \"" << store << "\"\n";
    HubProcess hub(directory.path() + "/data");
    hub.use_config(config);
    REQUIRE(hub.start());
    auto watching = hub.client();
    SubscriptionOptions options;
    options.filter = {"prefix", "app/"};
    auto subscription = Subscription::open(watching, options);
    REQUIRE(subscription);
    for (int round = 1; round <= 3; ++round) {
        for (int i = 0; i < 100; ++i) REQUIRE(hub.client()->put("app/" + std::to_string(i), std::to_string(round)).ok());
        hub.kill();
        REQUIRE(hub.start());
        for (int i = 0; i < 100; ++i) CHECK(hub.client()->get("app/" + std::to_string(i))->value == std::to_string(round));
    }
    REQUIRE(hub.client()->put("app/last", "seen").ok());
    for (int tries = 0; tries < 100 && (*subscription)->get("app/last") != "seen"; ++tries)
        std::this_thread::sleep_for(100ms);
    CHECK((*subscription)->get("app/last") == "seen");
    CHECK((*subscription)->get("app/99") == "3");
    REQUIRE(hub.stop() == 0);
    if (store != "storage_memory")
        CHECK(read_text(hub.data_dir() + "/state/PLUGIN") == store + (store == "storage_rocksdb" ? " 2\n" : " 1\n"));
    if (store == "storage_sqlite") CHECK(read_text(hub.data_dir() + "/state/state.sqlite").starts_with("SQLite format 3"));
    // The same directory with another line: the hub asks for the first one, and changes nothing.
    const std::string other = store == "storage_lmdb" ? "storage_sqlite" : "storage_lmdb";
    const auto refused = start_on(hub.data_dir(), other);
    CHECK(refused.exit_code == 1);
    CHECK(refused.output.find(store) != std::string::npos);
    CHECK(refused.output.find(other) != std::string::npos);
    REQUIRE(hub.start());
    CHECK(hub.client()->get("app/last")->value == "seen");
    CHECK(hub.stop() == 0);
}

TEST_CASE("store: a plugin that is not there, or no plugin's name, is refused with the place looked at",
          "[integration][store]") {
    const TemporaryDirectory directory;
    for (const std::string name : {"storage_nowhere", "../storage_rocksdb", "log_wal"}) {
        const auto refused = start_on(directory.path() + "/data", name);
        INFO(refused.output);
        CHECK(refused.exit_code == 1);
        CHECK(refused.output.find(name) != std::string::npos);
    }
    const auto refused = start_on(directory.path() + "/data", "storage_nowhere");
    CHECK(refused.output.find("lib/belfry/plugins/storage_nowhere.so") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(directory.path() + "/data/state"));
}

TEST_CASE("store: a cluster of three on log_lmdb loses nothing to kill -9", "[integration][store]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3, {"log.plugin=log_lmdb"});
    REQUIRE(cluster.start());
    auto client = cluster.client();
    std::map<std::string, std::string> acknowledged;
    const auto write = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const std::string key = "app/" + std::to_string(acknowledged.size());
            if (client->put(key, std::string(100, 'v') + key).ok()) acknowledged[key] = std::string(100, 'v') + key;
        }
    };
    for (int round = 0; round < 4; ++round) {
        write(100);
        const uint64_t leader = cluster.leader();
        INFO(cluster.logs());
        REQUIRE(leader != 0);
        cluster.at(leader).kill();
        write(50);
        REQUIRE(cluster.at(leader).start());
    }
    for (const uint64_t id : cluster.ids()) cluster.at(id).kill();  // all at once: the log alone is the truth
    REQUIRE(cluster.start());
    client = cluster.client();
    for (const auto& [key, value] : acknowledged) CHECK(client->get(key)->value == value);
    CHECK(acknowledged.size() > 400);
    for (const uint64_t id : cluster.ids()) {
        CHECK(read_text(cluster.at(id).data_dir() + "/log/PLUGIN") == "log_lmdb 1\n");
        CHECK(cluster.at(id).stop() == 0);
    }
}
