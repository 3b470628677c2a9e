// A job that one of many does, at a hub that loses answers and whose names are forgotten at the worst time: what real hubs
// (tests/integration/once_test.cpp) do too seldom.
#include "sdk/recipes/once.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/sdk/recipes/fake_hub.hpp"

using namespace belfry;

using belfry::test::FakeHub;

// Transactions of one who is alone: he looks, then he begins.
TEST_CASE("once: a name that is forgotten before it can be begun is begun at once", "[once]") {
    FakeHub hub([&hub](int number) {
        if (number == 2) hub.erase("job/tries");
    });
    hub.put("job/tries", "2 12 no space left");
    const auto client = hub.client();
    uint64_t turn_number = 0;
    const auto result = run_once(client, hub.lease(client), "job", [&](const OnceTurn& turn) -> Result<Bytes> {
        turn_number = turn.number;
        return Bytes("done");
    });
    REQUIRE(result);
    CHECK(*result == "done");
    CHECK(turn_number == 1);
    CHECK(hub.asked_for_changes == 0);
}

TEST_CASE("once: who gets another's result gives back what he has perhaps begun", "[once]") {
    FakeHub hub([&hub](int number) {
        if (number == 2) hub.lose_answers = 1;
        if (number == 3) hub.put("job/result", "another's");
    });
    hub.lose_copies = true;
    const auto client = hub.client();
    const auto result = run_once(client, hub.lease(client), "job", [](const OnceTurn&) { return Bytes("own"); });
    REQUIRE(result);
    CHECK(*result == "another's");
    const auto keys = hub.keys();
    CHECK(std::find(keys.begin(), keys.end(), "job/worker") == keys.end());
}
