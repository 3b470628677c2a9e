// Counters on real hubs: every add counts once, whoever adds beside it and whatever answers are lost.
#include "sdk/recipes/counter.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <mutex>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {
constexpr int64_t largest = std::numeric_limits<int64_t>::max();
constexpr int64_t smallest = std::numeric_limits<int64_t>::min();
}  // namespace

TEST_CASE("counter: 8 who add at once get 200 different numbers", "[integration][counter]") {
    const OneHub one;
    constexpr int adders = 8, rounds = 25;
    std::mutex mutex;
    std::vector<int64_t> numbers;
    std::atomic<int> failures = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < adders; ++i) {
        threads.emplace_back([&] {
            const Counter counter(one.hub.client(), "c");
            for (int round = 0; round < rounds; ++round) {
                auto number = counter.add(1);
                while (!number && number.error().code == Code::busy) number = counter.add(1);  // certainly not done
                if (!number) ++failures;
                const std::lock_guard lock(mutex);
                if (number) numbers.push_back(*number);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    std::sort(numbers.begin(), numbers.end());
    REQUIRE(numbers.size() == adders * rounds);
    for (size_t i = 0; i < numbers.size(); ++i) CHECK(numbers[i] == static_cast<int64_t>(i) + 1);
    CHECK(one.hub.client()->get("c")->value == "200");
}

TEST_CASE("counter: overflow, other values and other numbers are refused, and nothing is done", "[integration][counter]") {
    const OneHub one;
    const auto client = one.hub.client();
    const Counter counter(client, "c");
    CHECK(counter.get().value() == 0);
    CHECK(counter.add(-7).value() == -7);
    CHECK(counter.set(largest));
    CHECK(counter.add(0).value() == largest);
    CHECK(counter.add(1).error().code == Code::invalid_argument);
    CHECK(counter.add(smallest).value() == -1);
    CHECK(counter.add(smallest).error().code == Code::invalid_argument);
    CHECK(counter.add(smallest + 1).value() == smallest);
    CHECK(counter.add(-1).error().code == Code::invalid_argument);
    CHECK(counter.get().value() == smallest);
    CHECK(counter.compare_and_set(0, 5).error().code == Code::conflict);
    CHECK(counter.compare_and_set(smallest, 5));
    CHECK(Counter(client, "new").compare_and_set(0, 3));
    CHECK(client->get("new")->value == "3");

    for (const char* text : {"", "x", "5 ", "0x5", "9223372036854775808"}) {
        REQUIRE(client->put("c", text));
        CHECK(counter.get().error().code == Code::invalid_argument);
        CHECK(counter.add(1).error().code == Code::invalid_argument);
        CHECK(client->get("c")->value == text);
    }
    // One that goes with a lease still does.
    const auto lease = client->grant_lease(60s);
    REQUIRE(client->put("c", "1", {.lease = lease->lease}));
    CHECK(counter.add(1).value() == 2);
    CHECK(client->get("c")->lease == lease->lease);

    CHECK(one.run({"counter", "n", "--add", "-5"}).output == "-5\n");
    CHECK(one.run({"counter", "n", "--add", "7"}).output == "2\n");
    CHECK(one.run({"counter", "n", "-o", "json"}).output == "{\"value\":\"2\"}\n");
    CHECK(one.run({"counter", "n", "--set", "9223372036854775807"}).exit_code == 0);
    CHECK(one.exit_of({"counter", "n", "--add", "1"}) == 5);
    CHECK(one.exit_of({"counter", "n", "--add", "many"}) == 2);
    CHECK(one.exit_of({"counter", "n", "--add", "1", "--set", "1"}) == 2);
}

TEST_CASE("counter: each add counts once while the leader of three is killed", "[integration][cluster][counter]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    std::atomic<bool> stop = false;
    std::atomic<int64_t> added = 0, failures = 0;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 3; ++i) {
        const auto client = cluster.client(20s, 1 + i);
        threads.emplace_back([&, client] {
            const Counter counter(client, "c");
            while (!stop) {
                const auto number = counter.add(1);
                if (number) ++added;
                if (!number && number.error().code != Code::busy) ++failures;
            }
        });
    }
    CHECK(wait_for([&] { return added > 50; }, 60s));
    cluster.at(leader).kill();
    const int64_t before = added;
    CHECK(wait_for([&] { return added > before + 50; }, 60s));
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    CHECK(failures == 0);
    CHECK(Counter(cluster.client(5s, 1 + leader % 3), "c").get().value() == added);
}
