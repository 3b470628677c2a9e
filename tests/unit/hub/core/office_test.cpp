// A leader that hands its office on: because it stops, or because its disk keeps the cluster from writing.
#include "tests/unit/hub/core/cluster.hpp"

namespace belfry::hub::core {

namespace {

bool may_end(Cluster& cluster, uint64_t id) { return cluster.at(id).may_end; }

}  // namespace

TEST_CASE("a leader that is to stop hands over, answers what it has begun and turns new clients away", "[core][office]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "a", "1");
    const uint64_t begun = cluster.at(leader).put("a", "2");
    cluster.at(leader).step(StopAsked{});
    CHECK_FALSE(may_end(cluster, leader));
    const auto refused = cluster.put(leader, "a", "3");
    CHECK(refused.error.code == Code::unavailable);
    CHECK(refused.error.detail.find("stopping") != std::string::npos);
    cluster.run_until([&] { return may_end(cluster, leader); });
    REQUIRE(cluster.at(leader).reply(begun) != nullptr);
    CHECK(cluster.at(leader).reply(begun)->error.code == Code::ok);
    CHECK(cluster.at(leader).core->role() != raft::Role::leader);
    const uint64_t next = cluster.leader();
    REQUIRE(next != 0);
    REQUIRE(next != leader);
    CHECK(cluster.get(next, "a") == "2");
    CHECK(cluster.put(next, "a", "4").error.code == Code::ok);
}

TEST_CASE("a follower that is to stop ends when what it sent on is answered; an idle one at once", "[core][office]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    const uint64_t follower = cluster.other_than(leader);
    cluster.run(500);
    const uint64_t begun = cluster.at(follower).put("a", "1");
    cluster.at(follower).step(StopAsked{});
    CHECK_FALSE(may_end(cluster, follower));
    cluster.run_until([&] { return may_end(cluster, follower); });
    REQUIRE(cluster.at(follower).reply(begun) != nullptr);
    CHECK(cluster.at(follower).reply(begun)->error.code == Code::ok);
    const uint64_t idle = 6 - leader - follower;
    cluster.at(idle).step(StopAsked{});
    CHECK(may_end(cluster, idle));
    World alone;
    alone.start();
    alone.sync();
    alone.step(StopAsked{});
    CHECK(alone.may_end);
}

TEST_CASE("a leader without followers stops in bounded time", "[core][office]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    for (uint64_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.crash(id);
    }
    cluster.at(leader).put("a", "1");
    cluster.at(leader).step(StopAsked{});
    cluster.run(2600);
    CHECK(may_end(cluster, leader));
}

TEST_CASE("a leader whose log has no room hands over to a member that has room, and follows it", "[core][office]") {
    Cluster cluster(3);
    const uint64_t full = cluster.elect();
    cluster.put(full, "a", "1");
    cluster.at(full).log_is_full = true;
    const uint64_t caught = cluster.at(full).put("a", "2");
    cluster.run(300);
    CHECK(cluster.put(full, "b", "x").error.code == Code::no_space);
    cluster.run_until([&] { return cluster.at(full).core->role() != raft::Role::leader && cluster.leader() != 0; });
    REQUIRE(cluster.at(full).reply(caught) != nullptr);
    CHECK(cluster.at(full).reply(caught)->error.code == Code::uncertain);
    const uint64_t next = cluster.leader();
    CHECK(cluster.put(next, "b", "1").error.code == Code::ok);
    CHECK(cluster.get(next, "a") == "2");
    // What the full member is asked is done by the leader.
    CHECK(cluster.put(full, "b", "2").error.code == Code::ok);
    CHECK(std::string(cluster.at(full).core->state()) == "log full");
    cluster.at(full).log_is_full = false;
    cluster.run_until([&] { return std::string(cluster.at(full).core->state()) == "ready"; });
    CHECK(cluster.get(full, "b") == "2");
}

TEST_CASE("a leader whose store has no room hands over too, and applies when there is room", "[core][office]") {
    Cluster cluster(3);
    const uint64_t full = cluster.elect();
    cluster.put(full, "a", "1");
    cluster.at(full).store->inject([](std::string_view slot) {
        return slot == "put" || slot == "erase" ? Status(Error{Code::no_space, "the test's store is full"}) : Status();
    });
    const uint64_t caught = cluster.at(full).put("a", "2");
    cluster.run_until([&] { return cluster.at(full).core->role() != raft::Role::leader && cluster.leader() != 0; });
    REQUIRE(cluster.at(full).reply(caught) != nullptr);
    CHECK(cluster.at(full).reply(caught)->error.code == Code::uncertain);
    CHECK(cluster.put(cluster.leader(), "b", "1").error.code == Code::ok);
    CHECK(cluster.put(full, "b", "2").error.code == Code::ok);
    CHECK(std::string(cluster.at(full).core->state()) == "store full");
    // A read there does not wait for room: another member can answer it.
    protocol::RangeRequest range;
    range.range = KeyRange::one("b");
    const uint64_t read = cluster.at(full).send(range);
    cluster.run(100);
    REQUIRE(cluster.at(full).reply(read) != nullptr);
    CHECK(cluster.at(full).reply(read)->error.code == Code::unavailable);
    CHECK(cluster.at(full).reply(read)->error.detail.find("disk") != std::string::npos);
    cluster.at(full).store->inject({});
    cluster.run(1000);
    CHECK(cluster.get(full, "b") == "2");
}

TEST_CASE("leaders whose logs have no room do not pass the office round and round", "[core][office]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "a", "1");
    const Term before = cluster.at(leader).core->term();
    for (const uint64_t id : {1, 2, 3}) cluster.at(id).log_is_full = true;
    cluster.at(leader).put("a", "2");
    cluster.run(20'000);
    CHECK(cluster.at(leader).core->role() == raft::Role::leader);
    CHECK(cluster.at(leader).core->term() == before);
    for (const uint64_t id : {1, 2, 3}) cluster.at(id).log_is_full = false;
    cluster.run(1000);
    CHECK(cluster.put(leader, "a", "3").error.code == Code::ok);
}

}  // namespace belfry::hub::core
