// A consumer at a hub that loses answers: what real hubs (tests/integration/queue_test.cpp) do too seldom.
#include <catch2/catch_test_macros.hpp>

#include "tests/support/queues.hpp"
#include "tests/unit/sdk/recipes/fake_hub.hpp"

using namespace std::chrono_literals;

namespace belfry {
using test::list;
using test::values;

TEST_CASE("consumer: what a claim took whose answer was lost is found, and a late copy of that claim is not done") {
    test::FakeHub hub;
    const auto client = hub.client();
    for (const char* item : {"a", "b", "c"}) hub.put(Bytes("q/item/5/") + item, item);
    Consumer consumer(client, hub.lease(client), "q");
    REQUIRE(values(consumer.take(1, 5s)) == list({"a"}));
    hub.lose_copies = true;
    hub.lose_answers = 1;
    const auto found = consumer.take(1, 5s);
    CHECK(hub.lose_answers == 0);
    REQUIRE(values(found) == list({"b"}));
    CHECK((*found)[0].since == hub.at("q/held/5/b").mod_revision);
    CHECK(consumer.holds() == 2);

    const auto late = client->txn(hub.last_lost());
    REQUIRE(late);
    CHECK_FALSE(late->succeeded);
    CHECK(hub.keys().size() == 6);  // three items, two claims and the consumer: nobody holds the third item
    CHECK(values(consumer.take(1, 5s)) == list({"c"}));
}

TEST_CASE("consumer: who begins with acknowledge_and_take() puts its key before it claims") {
    test::FakeHub hub;
    const auto client = hub.client();
    hub.put("q/item/5/a", "a");
    hub.put("q/item/5/b", "b");
    Consumer consumer(client, hub.lease(client), "q");
    const auto first = consumer.acknowledge_and_take({}, 1, 5s);
    REQUIRE(values(first) == list({"a"}));
    CHECK(hub.keys().back().starts_with("q/user/7-"));
    hub.erase(hub.keys().back());  // by hand: it puts it anew, and claims then
    CHECK(values(consumer.acknowledge_and_take(*first, 1, 5s)) == list({"b"}));
    CHECK(hub.keys().back().starts_with("q/user/7-"));
    CHECK(consumer.holds() == 1);
}

TEST_CASE("consumer: who waits for what does not come claims once") {
    test::FakeHub hub;
    hub.tells = hub.waits = true;
    const auto client = hub.client(1500ms);
    Consumer consumer(client, hub.lease(client), "q");
    CHECK(consumer.take(1, 4s).error().code == Code::timeout);
    CHECK(hub.txns == 2);  // one put its key
    CHECK(hub.copies == 0);
}

}  // namespace belfry
