// Places with permits, and shared ones, at a hub that loses answers and of which each request is seen.
#include <catch2/catch_test_macros.hpp>

#include "sdk/recipes/semaphore.hpp"
#include "sdk/recipes/shared_lock.hpp"
#include "tests/unit/sdk/recipes/fake_hub.hpp"

using namespace std::chrono_literals;
using belfry::test::FakeHub;

namespace belfry::recipes {
namespace {

using Clock = std::chrono::steady_clock;

Bytes other_permit(int number) { return "x/permits/0000000000000001-00000001-0000000" + std::to_string(number); }
constexpr Order two_permits{Order::Kind::permit, 2};

// Two who have a permit.
struct FullHub : FakeHub {
    FullHub() {
        FakeHub::put("x/permits", "2");
        FakeHub::put(other_permit(1));
        FakeHub::put(other_permit(2));
        tells = true;
    }
};

}  // namespace

TEST_CASE("permits: the first sets their number, whatever becomes of the answer, and another number is refused") {
    FakeHub hub;
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Place first(client, lease, "x", two_permits);
    hub.lose_answers = 1;
    REQUIRE(first.join("me", Patience::of(5s)));
    CHECK(hub.lose_answers == 0);
    CHECK(first.created() == hub.at(first.key()).create_revision);
    CHECK(hub.at("x/permits").value == "2");
    CHECK(hub.at(first.key()).value == "me");

    Place second(client, lease, "x", two_permits);
    hub.lose_answers = 2;
    REQUIRE(second.join("", Patience::of(5s)));
    CHECK(second.created() == hub.at(second.key()).create_revision);
    CHECK(hub.keys().size() == 3);

    Place third(client, lease, "x", {Order::Kind::permit, 3});
    const Status refused = third.join("", Patience::of(5s));
    CHECK(refused.error().code == Code::conflict);
    CHECK(refused.error().detail == "'x': somebody has a permit or waits for one, and of 2, not 3");
    CHECK(hub.keys().size() == 3);
    CHECK(hub.at("x/permits").value == "2");
    hub.erase("x/permits");
    CHECK(third.join("", Patience::of(5s)).error().detail.ends_with("their number, the key 'x/permits', is gone"));

    REQUIRE(first.leave());
    REQUIRE(second.leave());
    REQUIRE(third.join("", Patience::of(5s)));
    CHECK(hub.at("x/permits").value == "3");
}

TEST_CASE("permits: the first who waits passes over those who join behind him without reading the line") {
    FullHub hub;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x", two_permits);
    REQUIRE(place.join("", Patience::of(5s)));
    std::thread others([&] {
        for (int i = 3; i < 9; ++i) {
            std::this_thread::sleep_for(20ms);
            hub.put(other_permit(i));
        }
        hub.erase(other_permit(8));
        hub.put("x/permits/note", "something else");
        hub.erase(other_permit(2));
    });
    const auto begin = Clock::now();
    CHECK(place.wait(Patience::of(5s)));
    others.join();
    // A hub that never waits makes it look at the line every 200 ms; each that joined would have made it six more.
    CHECK(place.looks() <= 2u + static_cast<uint64_t>((Clock::now() - begin) / 200ms));
    CHECK(hub.at(place.key()).version == 2);  // it has told the one behind it
    CHECK(hub.at(place.key()).create_revision == place.created());
}

TEST_CASE("permits: who is not the first to wait hears of his turn by the put of the one ahead of him") {
    FullHub hub;
    hub.put(other_permit(3));
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x", two_permits);
    REQUIRE(place.join("", Patience::of(5s)));
    CHECK(place.ahead().value()->any_of.front().key == other_permit(3));
    CHECK(place.ahead().value()->or_put);
    hub.erase(other_permit(1));
    CHECK(place.wait(Patience::of(300ms)).error().code == Code::timeout);  // the one ahead of it has a permit now
    std::thread later([&] {
        hub.put(other_permit(4));
        std::this_thread::sleep_for(100ms);
        hub.erase(other_permit(3));
    });
    CHECK(place.wait(Patience::of(5s)));
    later.join();
}

TEST_CASE("permits: a put of the one ahead is seen though its changes are not told") {
    FullHub hub;
    hub.put(other_permit(3));
    hub.tells = false;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x", two_permits);
    REQUIRE(place.join("", Patience::of(5s)));
    std::thread later([&] {
        std::this_thread::sleep_for(100ms);
        hub.erase(other_permit(1));
        hub.put(other_permit(3));
        std::this_thread::sleep_for(1s);
        hub.erase(other_permit(2));
    });
    CHECK(place.wait(Patience::of(5s)));
    later.join();
    CHECK(place.looks() >= 3);
}

TEST_CASE("permits: a turn whose telling fails is given back, and the lease's end is heard of in every state") {
    FullHub hub;
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Semaphore semaphore(client, lease, "x", 2);
    CHECK_FALSE(semaphore.try_acquire().value());
    CHECK(hub.keys().size() == 3);
    CHECK(Semaphore(client, lease, "x", 0).try_acquire().error().code == Code::invalid_argument);
    CHECK(Semaphore(client, lease, "x", 3).acquire(1s).error().code == Code::conflict);
    CHECK(semaphore.acquire(200ms).error().code == Code::timeout);
    CHECK(hub.keys().size() == 3);

    Place place(client, lease, "x", two_permits);
    REQUIRE(place.join("", Patience::of(5s)));
    hub.put(other_permit(3));
    hub.erase(other_permit(1));
    hub.lose_answers = 1'000'000;
    CHECK(place.try_wait(Patience::of(500ms)).error().code == Code::timeout);
    hub.lose_answers = 0;
    CHECK(place.try_wait(Patience::of(5s)).value());
    hub.erase(place.key());
    CHECK(place.try_wait(Patience::of(5s)).error().code == Code::not_found);
    CHECK(place.leave());

    hub.put(other_permit(4));
    const auto begin = Clock::now();
    std::thread later([&] { std::this_thread::sleep_for(200ms), hub.ended = true; });
    CHECK(semaphore.acquire(1h).error().code == Code::not_found);  // it waits
    later.join();
    CHECK(Clock::now() - begin < 10s);
    CHECK(semaphore.acquire(1s).error().code == Code::not_found);  // and does not join any more
    CHECK_FALSE(semaphore.held());
}

TEST_CASE("shared: whose put was done and not answered holds, and waits for a lock alone") {
    FakeHub hub;
    hub.tells = true;
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    SharedLock first(client, lease, "x"), second(client, lease, "x");
    hub.lose_answers = 1;
    REQUIRE(first.lock(5s));
    CHECK(is_shared(first.key()));
    CHECK(hub.keys() == std::vector<Bytes>{first.key()});
    CHECK(second.try_lock().value());
    Lock alone(client, lease, "x");
    CHECK_FALSE(alone.try_lock().value());
    CHECK(alone.lock(200ms).error().code == Code::timeout);
    const Bytes writer = "x/0000000000000001-00000001-00000001";
    hub.put(writer);
    REQUIRE(second.unlock());
    CHECK_FALSE(second.try_lock().value());
    hub.changes = Code::denied;
    CHECK(second.lock(5s).error().code == Code::denied);
    hub.changes = Code::ok;
    std::thread later([&] { std::this_thread::sleep_for(200ms), hub.erase(writer); });
    CHECK(second.lock(5s));
    later.join();
    CHECK(first.held());
    CHECK(second.fencing_token() > first.fencing_token());
    hub.ended = true;
    CHECK(first.unlock());
    CHECK(second.unlock());
}

}  // namespace belfry::recipes
