// Real processes: what several clients see of the keys they share, while the hub is killed again and again, is what one
// register per key could have done.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "tests/support/one_hub.hpp"
#include "tests/support/witness.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("consistency: what clients see across 20 kills is linearizable", "[integration][crash]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    std::vector<Operation> history;
    std::vector<uint64_t> kills_ns;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned number = 1; number <= 4; ++number)
            witnesses.push_back(std::make_unique<Witness>(hub.client(400ms), number));
        const auto answered = [&] {
            uint64_t sum = 0;
            for (const auto& witness : witnesses) sum += witness->answered();
            return sum;
        };
        std::mt19937 random(11);
        while (kills_ns.size() < 20) {
            // Work goes on: a hub that nobody has found yet is killed in the middle of nothing.
            REQUIRE(wait_for([&, before = answered()] { return answered() > before; }));
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
            kills_ns.push_back(now_ns());
            hub.kill();
            REQUIRE(hub.start());
        }
        std::this_thread::sleep_for(200ms);
        history = finish_all(witnesses);
    }
    // Most are answered after all: their tickets let the client send them again to the hub that came back.
    const auto interrupting = std::count_if(kills_ns.begin(), kills_ns.end(), [&](uint64_t kill_ns) {
        return std::any_of(history.begin(), history.end(),
                           [&](const Operation& one) { return one.called < kill_ns && kill_ns < one.returned; });
    });
    INFO(history.size() << " operations, " << interrupting << " kills in the middle of some");
    CHECK(history.size() > 200);
    CHECK(interrupting >= 10);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": "
                << verdict.longest.substr(verdict.longest.size() > 2000 ? verdict.longest.size() - 2000 : 0));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);
    CHECK(hub.stop() == 0);
}
