// A place in a line at a hub that loses answers, is behind, and refuses: what real hubs (tests/integration/lock_test.cpp)
// do too seldom.
#include "sdk/recipes/place.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/recipes/double_barrier.hpp"
#include "sdk/recipes/election.hpp"
#include "sdk/recipes/lock.hpp"
#include "sdk/recipes/presence.hpp"
#include "sdk/recipes/semaphore.hpp"
#include "tests/unit/sdk/recipes/fake_hub.hpp"

using namespace std::chrono_literals;

using belfry::test::FakeHub;

namespace belfry::recipes {
namespace {

using Clock = std::chrono::steady_clock;

const Bytes other_place = "x/0000000000000001-00000001-00000001";

bool soon(const std::function<bool()>& condition) {
    for (const auto end = Clock::now() + 10s; !condition() && Clock::now() < end;) std::this_thread::sleep_for(5ms);
    return condition();
}

}  // namespace

TEST_CASE("place: one whose put was done and not answered is found by its key") {
    FakeHub hub;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x");
    hub.lose_answers = 1;
    REQUIRE(place.join("me", Patience::of(5s)));
    CHECK(hub.lose_answers == 0);
    CHECK(place.created().value == 11);
    CHECK(hub.keys() == std::vector<Bytes>{place.key()});
    CHECK(place.key().starts_with("x/0000000000000007-"));
    CHECK(is_place("x", place.key()));
    CHECK_FALSE(place.ahead().value());
    CHECK(place.leave());
    CHECK(hub.keys().empty());
}

TEST_CASE("place: what could not be deleted is deleted by the next joining, which has another key") {
    FakeHub hub;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x");
    REQUIRE(place.join("", Patience::of(5s)));
    const Bytes first = place.key();
    hub.refuse_deletes = Code::busy;
    CHECK(place.leave().error().code == Code::busy);
    CHECK_FALSE(place.joined());
    CHECK(hub.keys().size() == 1);
    hub.refuse_deletes = Code::ok;
    REQUIRE(place.join("", Patience::of(5s)));
    CHECK(place.key() > first);
    CHECK(hub.keys() == std::vector<Bytes>{place.key()});
    CHECK(place.wait(Patience::of(1s)));
}

TEST_CASE("place: what could not be deleted goes with a keep-alive of its lease, though nobody asks for it any more") {
    FakeHub hub;
    const auto client = hub.client();
    const std::shared_ptr<const Lease> lease = *Lease::grant(client, {.ttl = 1s});
    {
        Place place(client, lease, "x"), other(client, lease, "x");
        REQUIRE(place.join("", Patience::of(5s)));
        REQUIRE(other.join("", Patience::of(5s)));
        hub.refuse_deletes = Code::busy;
        for (Place* one : {&place, &other, &other}) CHECK(one->leave().error().code == Code::busy);
    }
    hub.refuse_txns = Code::busy;  // of which it is one
    hub.refuse_deletes = Code::ok;
    CHECK(soon([&] { return hub.txns_refused >= 4; }));  // two, and again after the next keep-alive
    CHECK(hub.keys().size() == 2);
    hub.refuse_txns = Code::ok;
    CHECK(soon([&] { return hub.keys().empty(); }));
    CHECK(lease->alive());
}

TEST_CASE("place: what a lease owes does not keep it, and is not owed by one that was let go") {
    FakeHub hub;
    const auto client = hub.client();
    std::shared_ptr<Lease> lease = *Lease::grant(client, {.ttl = 1s});
    const std::weak_ptr<const Lease> weak = lease;
    lease->owe("w", {{}, {{protocol::DeleteRequest{KeyRange::one("x")}}}, {}});
    lease->release();
    hub.put("x");
    lease->owe("w", {{}, {{protocol::DeleteRequest{KeyRange::one("x")}}}, {}});
    std::this_thread::sleep_for(800ms);
    CHECK(hub.keys().size() == 1);
    lease.reset();
    CHECK(weak.expired());
}

TEST_CASE("place: one that is told who left looks at the line, and reads nothing else") {
    FakeHub hub;
    hub.put(other_place);
    hub.leaves_when_asked = true;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x");
    REQUIRE(place.join("", Patience::of(5s)));
    CHECK(place.wait(Patience::of(5s)));
    CHECK(hub.asked_for_changes == 1);
    CHECK(place.looks() == 2);
    CHECK(hub.ranges == 2);
}

TEST_CASE("place: a member that is behind, or full, delays a turn and does not lose it") {
    for (const Code code : {Code::ok, Code::invalid_argument, Code::busy, Code::unavailable, Code::compacted}) {
        INFO(to_string(code));
        FakeHub hub;
        hub.put(other_place);
        hub.changes = code;
        const auto client = hub.client();
        Place place(client, hub.lease(client), "x");
        REQUIRE(place.join("", Patience::of(5s)));
        std::thread later([&] { std::this_thread::sleep_for(500ms), hub.erase(other_place); });
        CHECK(place.wait(Patience::of(5s)));
        later.join();
        CHECK(place.looks() == 2);
        CHECK(hub.asked_for_changes > 0);
        CHECK(hub.ranges < 12);  // it does not hurry
    }
}

TEST_CASE("place: a hub that lets it wait is asked once for each round, and is not left for another one") {
    FakeHub hub, other;
    hub.put(other_place);
    hub.tells = hub.waits = true;
    constexpr auto timeout = 1500ms, round = timeout / waits_per_timeout;
    for (const auto& others : {std::vector<std::string>(), std::vector<std::string>{other.endpoint()}}) {
        const auto client = hub.client(timeout, others);
        Place place(client, hub.lease(client), "x");
        REQUIRE(place.join("", Patience::of(5s)));
        hub.asked_for_changes = 0;
        const auto begin = Clock::now();
        CHECK(place.wait(Patience::of(4s)).error().code == Code::timeout);
        CHECK(hub.asked_for_changes >= 2);
        constexpr int last_ones = 3;  // short, up to the end of the patience
        CHECK(hub.asked_for_changes <= last_ones + (Clock::now() - begin) / round);
        CHECK(hub.copies == 0);
        CHECK(other.frames == 0);
        CHECK(place.leave());
    }
}

TEST_CASE("lock: who tries again after he could not unlock is not kept away by what he left") {
    FakeHub hub;
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Lock lock(client, lease, "x");
    REQUIRE(lock.try_lock().value());
    hub.refuse_deletes = Code::busy;
    CHECK(lock.unlock().error().code == Code::busy);
    CHECK(lock.try_lock().error().code == Code::busy);  // not "somebody else has it"
    CHECK_FALSE(lock.held());
    hub.refuse_deletes = Code::ok;
    CHECK(lock.try_lock().value());
    CHECK(hub.keys() == std::vector<Bytes>{lock.key()});
    REQUIRE(lock.unlock());

    hub.put(other_place);
    CHECK_FALSE(lock.try_lock().value());
    hub.ended = true;
    REQUIRE(soon([&] { return !lease->alive(); }));
    CHECK(lock.try_lock().error().code == Code::not_found);
}

TEST_CASE("double barrier: who could not begin the round, since one had gone, begins it with those who are there") {
    FakeHub hub([&hub](int number) {
        if (number != 2) return;  // the one that begins; the first has put the place
        hub.erase(other_place);
        hub.put("x/0000000000000001-00000001-00000002", "2 another one");
    });
    hub.put(other_place, "2 another one");
    hub.tells = hub.waits = true;
    const auto client = hub.client(3s);
    DoubleBarrier barrier(client, hub.lease(client), "x", 2);
    CHECK(barrier.enter(5s));
    CHECK(barrier.inside());
    CHECK(hub.asked_for_changes == 0);
    CHECK(hub.txns == 3);
}

TEST_CASE("place: who gives no time is asked for once all the same, and who only asks for a lock disturbs nobody") {
    FakeHub hub;
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Lock lock(client, lease, "x"), second(client, lease, "x");
    REQUIRE(lock.lock(0ms));
    const int txns = hub.txns;
    CHECK(second.lock(0ms).error().code == Code::timeout);
    CHECK(second.lock(-1ms).error().code == Code::timeout);
    CHECK(hub.txns == txns);
    Lock cancelled(client, lease, "y", {.cancelled = [] { return true; }});
    CHECK(cancelled.lock(0ms).error().code == Code::timeout);
    CHECK_FALSE(cancelled.held());
    REQUIRE(Semaphore(client, lease, "x", 1).acquire(0ms));
    REQUIRE(lock.unlock());

    Election election(client, lease, "x"), rival(client, lease, "x");
    REQUIRE(election.campaign("me", 0ms));
    CHECK(rival.campaign("me", 0ms).error().code == Code::timeout);
    Presence here(client, lease, "z");
    REQUIRE(here.join("me", 0ms));
    DoubleBarrier alone(client, lease, "b", 1), pair(client, lease, "c", 2);
    CHECK(alone.enter(0ms));
    CHECK(alone.leave(0ms));
    CHECK(pair.enter(0ms).error().code == Code::timeout);
    CHECK(hub.keys().size() == 3);  // who leads, who is there, and the number of permits
}

TEST_CASE("place: who may not watch, or whose lease or key is gone, hears so") {
    FakeHub hub;
    hub.put(other_place);
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Place place(client, lease, "x");
    REQUIRE(place.join("", Patience::of(5s)));
    hub.changes = Code::denied;
    CHECK(place.wait(Patience::of(5s)).error().code == Code::denied);
    hub.changes = Code::ok;
    CHECK(place.wait(Patience::of(300ms)).error().code == Code::timeout);
    CHECK(place.joined());
    hub.erase(place.key());
    hub.erase(other_place);
    CHECK(place.wait(Patience::of(5s)).error().code == Code::not_found);
    CHECK(place.leave());

    hub.put(other_place);
    REQUIRE(place.join("", Patience::of(5s)));
    hub.ended = true;
    const auto begin = Clock::now();
    CHECK(place.wait(Patience::of(1h)).error().code == Code::not_found);
    CHECK(Clock::now() - begin < 20s);
    CHECK(place.join("", Patience::of(1s)).error().code == Code::not_found);
}

}  // namespace belfry::recipes
