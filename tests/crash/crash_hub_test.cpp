// A whole hub on each store and log whose machine loses power: what was acknowledged is there when it starts again.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "tests/support/power_loss.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("crash: a hub that loses power keeps what it acknowledged, on every store and log", "[crash]") {
#ifdef BELFRY_SANITIZED
    SKIP("sanitizers come before the shim");
#endif
    const auto [store, log] =
        GENERATE(Catch::Generators::table<std::string, std::string>({{"storage_lmdb", "log_wal"},
                                                                     {"storage_sqlite", "log_lmdb"},
                                                                     {"storage_rocksdb", "log_wal"},
                                                                     {"storage_memory", "log_lmdb"}}));
    const uint64_t seed = std::random_device()();
    std::mt19937_64 chance(seed);
    INFO(store << " and " << log << ", seed " << seed);
    const TemporaryDirectory directory;
    const PowerLoss power(directory.path() + "/durable");
    const std::string data = directory.path() + "/data";
    HubProcess hub(data, {"store.plugin=" + store, "log.plugin=" + log});
    hub.run_as(program("belfryd"), power.prefix());
    std::map<std::string, std::string> acknowledged;
    for (int round = 0; round < 2; ++round) {
        const bool started = hub.start();
        INFO(hub.log());
        REQUIRE(started);
        auto client = hub.client();
        for (const auto& [key, value] : acknowledged) REQUIRE(client->get(key)->value == value);
        // And until there is enough to lose, however slow the disk is.
        const auto begin = std::chrono::steady_clock::now(), end = begin + std::chrono::milliseconds(300 + chance() % 400);
        const size_t wanted = 6u * static_cast<size_t>(round + 1);
        const auto goes_on = [&] {
            const auto now = std::chrono::steady_clock::now();
            return now < end || (acknowledged.size() < wanted && now < begin + 20s);
        };
        while (goes_on()) {
            const std::string key = "app/" + std::to_string(chance() % 60);
            const std::string value = std::to_string(acknowledged.size()) + std::string(chance() % 3000, 'v');
            if (client->put(key, value).ok()) acknowledged[key] = value;
        }
        hub.kill();
        power.strike(data, chance);
        // Another boot of the machine than the one that the hub wrote down.
        std::ofstream(data + "/running") << "00000000-0000-4000-8000-00000000000" << round << "\n";
    }
    const bool started = hub.start();
    INFO(hub.log());
    REQUIRE(started);
    for (const auto& [key, value] : acknowledged) CHECK(hub.client()->get(key)->value == value);
    CHECK(acknowledged.size() > 10);
    CHECK(hub.stop() == 0);
}
