// Real processes: what several clients see of the keys they share, while the hub is killed again and again, is what one
// register per key could have done.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "tests/support/hub_process.hpp"
#include "tests/support/witness.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("consistency: what clients see across 20 kills is linearizable", "[integration][crash]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    std::vector<Operation> history;
    {
        std::vector<std::unique_ptr<Witness>> witnesses;
        for (unsigned number = 1; number <= 4; ++number)
            witnesses.push_back(std::make_unique<Witness>(hub.client(400ms), number));
        std::mt19937 random(11);
        for (int kills = 0; kills < 20; ++kills) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
            hub.kill();
            REQUIRE(hub.start());
        }
        std::this_thread::sleep_for(200ms);
        history = finish_all(witnesses);
    }
    const auto unanswered = std::count_if(history.begin(), history.end(),
                                          [](const Operation& one) { return one.returned == Operation::never; });
    INFO(history.size() << " operations, " << unanswered << " of them unanswered");
    CHECK(history.size() > 200);
    CHECK(unanswered > 0);
    const auto verdict = check_linearizability(history);
    INFO("key " << verdict.key << ": "
                << verdict.longest.substr(verdict.longest.size() > 2000 ? verdict.longest.size() - 2000 : 0));
    CHECK(verdict.kind == LinearizabilityVerdict::Kind::linearizable);
    CHECK(hub.stop() == 0);
}
