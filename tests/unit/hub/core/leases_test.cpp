// Leases among several members: kept alive without a log entry, and neither cut short nor begun anew by a fail-over.
#include <algorithm>
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/hub/core/asking.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t second_ms = 1000;
// What elections and steps of the cluster's clock take, at most.
constexpr uint64_t slack_ms = 1000;

PutRequest bound(const Bytes& key, LeaseId lease) { return {key, "v", lease, false}; }

struct Leased : Cluster {
    explicit Leased(uint64_t members, Options options = World::default_options()) : Cluster(members, std::move(options)) {
        leader_id = elect();
        run(2 * second_ms);  // all have said which entries they read
    }
    LeaseId grant(uint64_t ttl_s, LeaseId id = {}) {
        const Reply reply = ask(leader_id, LeaseGrantRequest{id, ttl_s});
        INFO(reply.error.detail);
        REQUIRE(reply.error.code == Code::ok);
        return std::get<LeaseGrantReply>(reply.result).lease;
    }
    LeaseId grant_with_key(const Bytes& key, uint64_t ttl_s) {
        const LeaseId lease = grant(ttl_s);
        REQUIRE(ask(leader_id, bound(key, lease)).error.code == Code::ok);
        return lease;
    }
    uint64_t keep_alive(uint64_t member, LeaseId lease) {
        const Reply reply = ask(member, LeaseKeepAliveRequest{{lease}});
        INFO(reply.error.detail);
        REQUIRE(reply.error.code == Code::ok);
        return std::get<LeaseKeepAliveReply>(reply.result).ttl_s.at(0);
    }
    uint64_t remaining_ms(LeaseId lease) {
        const Reply reply = ask(leader_id, LeaseTimeToLiveRequest{lease, false, {}});
        return reply.error.code == Code::ok ? std::get<LeaseTimeToLiveReply>(reply.result).facts.remaining_ms : 0;
    }
    bool has(const Bytes& key) { return get(leader_id, key) != "(none)"; }
    // The leader is gone, and another one there.
    void fail_over(bool crashes) {
        const uint64_t old = leader_id;
        crashes ? crash(old) : cut_off(old);
        leader_id = elect();
        REQUIRE(leader_id != old);
    }

    uint64_t leader_id = 0;
};

}  // namespace

TEST_CASE("a lease that nobody keeps alive ends after its time, and its keys with it", "[core][lease]") {
    Leased cluster(GENERATE(1, 3));
    const LeaseId lease = cluster.grant_with_key("a", 5);
    REQUIRE(cluster.ask(cluster.leader_id, put("free")).error.code == Code::ok);
    cluster.run(4800);
    CHECK(cluster.has("a"));
    CHECK(cluster.remaining_ms(lease) > 0);
    CHECK(cluster.remaining_ms(lease) <= 200);
    cluster.run(300);
    CHECK_FALSE(cluster.has("a"));
    CHECK(cluster.has("free"));
    CHECK(cluster.keep_alive(cluster.leader_id, lease) == 0);
    CHECK(cluster.ask(cluster.leader_id, LeaseTimeToLiveRequest{lease, false, {}}).error.code == Code::not_found);
    CHECK(cluster.ask(cluster.leader_id, bound("b", lease)).error.code == Code::not_found);
}

TEST_CASE("a lease is kept alive through any member, without a log entry", "[core][lease]") {
    Leased cluster(GENERATE(1, 3));
    const LeaseId lease = cluster.grant_with_key("a", 2);
    const uint64_t any = cluster.at(1).core->role() == raft::Role::leader ? cluster.leader_id : 1;
    const size_t entries = cluster.at(cluster.leader_id).written.size();
    for (int i = 0; i < 10; ++i) {
        cluster.run(1800);
        CHECK(cluster.keep_alive(any, lease) == 2);
    }
    CHECK(cluster.at(cluster.leader_id).written.size() == entries);
    CHECK(cluster.has("a"));
    CHECK(cluster.keep_alive(any, {77}) == 0);
    cluster.run(2100);
    CHECK_FALSE(cluster.has("a"));
}

TEST_CASE("where there are many leases keep-alives wait for each other, some 50 ms at most", "[core][lease]") {
    Options options = World::default_options();
    options.lease_pace_us = 10'000;
    Leased cluster(3, options);
    std::vector<LeaseId> leases;
    for (int i = 0; i < 5; ++i) leases.push_back(cluster.grant(2));
    World& leader = cluster.at(cluster.leader_id);
    std::vector<uint64_t> asked;
    const auto ask_of_each = [&] {
        for (const LeaseId lease : leases) asked.push_back(leader.send(LeaseKeepAliveRequest{{lease}})), cluster.run(5);
    };
    const auto answered = [&] {
        return std::count_if(asked.begin(), asked.end(), [&](uint64_t id) { return leader.reply(id) != nullptr; });
    };
    ask_of_each();
    CHECK(answered() == 1);  // nobody was asking before
    cluster.run(15);
    CHECK(answered() == 1);
    cluster.run(30);
    CHECK(answered() == 5);
    cluster.run(100);
    asked.clear();
    for (int rounds = 0; rounds < 100; ++rounds) ask_of_each(), cluster.run(10);
    cluster.run(100);
    CHECK(answered() == 500);
    for (const LeaseId lease : leases) CHECK(cluster.remaining_ms(lease) > 1700);
}

TEST_CASE("a fail-over neither shortens nor begins anew what a lease has left", "[core][lease]") {
    Leased cluster(3);
    const LeaseId kept = cluster.grant_with_key("kept", 10), silent = cluster.grant_with_key("silent", 10);
    cluster.run(11 * second_ms - 2 * second_ms);
    REQUIRE(cluster.keep_alive(cluster.leader_id, kept) == 10);
    REQUIRE(cluster.keep_alive(cluster.leader_id, silent) == 10);
    cluster.run(6 * second_ms);
    REQUIRE(cluster.keep_alive(cluster.leader_id, kept) == 10);
    cluster.run(second_ms);
    cluster.fail_over(GENERATE(false, true));
    cluster.run(200);
    CHECK(cluster.remaining_ms(kept) > 9 * second_ms - slack_ms);
    CHECK(cluster.remaining_ms(kept) <= 9 * second_ms);
    CHECK(cluster.remaining_ms(silent) > 3 * second_ms - slack_ms);
    CHECK(cluster.remaining_ms(silent) <= 3 * second_ms);
    cluster.run(3 * second_ms);
    CHECK_FALSE(cluster.has("silent"));
    CHECK(cluster.has("kept"));
    cluster.run(6 * second_ms);
    CHECK_FALSE(cluster.has("kept"));
}

TEST_CASE("what one follower alone has heard counts for the next leader", "[core][lease]") {
    Leased cluster(3);
    const LeaseId lease = cluster.grant_with_key("a", 5);
    cluster.run(6 * second_ms - 2 * second_ms);  // memories are older than the lease lives, by the time of the fail-over
    REQUIRE(cluster.keep_alive(cluster.leader_id, lease) == 5);
    cluster.run(3 * second_ms);
    std::vector<uint64_t> others;
    for (const uint64_t id : {1, 2, 3}) {
        if (id != cluster.leader_id) others.push_back(id);
    }
    const uint64_t deaf = others[GENERATE(0, 1)];
    cluster.cut_off(deaf);
    REQUIRE(cluster.keep_alive(cluster.leader_id, lease) == 5);
    const uint64_t old = cluster.leader_id;
    cluster.crash(old);
    cluster.reconnect(deaf);
    cluster.leader_id = cluster.elect();
    cluster.run(500);
    CHECK(cluster.remaining_ms(lease) > 5 * second_ms - 2 * slack_ms);
}

TEST_CASE("a keep-alive that a member took while its store was behind is not forgotten", "[core][lease][no_space]") {
    Leased cluster(3);
    cluster.run(6 * second_ms);  // memories are older than the lease lives
    std::vector<uint64_t> others;
    for (const uint64_t id : {1, 2, 3}) {
        if (id != cluster.leader_id) others.push_back(id);
    }
    const uint64_t behind = others[0], deaf = others[1];
    cluster.at(behind).store->inject([](std::string_view slot) {
        return slot == "commit" ? Status(Error{Code::no_space, "the test's store is full"}) : Status();
    });
    const LeaseId lease = cluster.grant_with_key("a", 5);  // in the open batch there
    cluster.run(200);
    REQUIRE(std::string(cluster.at(behind).core->state()) == "store full");
    cluster.cut_off(deaf);
    cluster.run(3 * second_ms);
    REQUIRE(cluster.keep_alive(cluster.leader_id, lease) == 5);
    cluster.at(behind).store->inject({});
    cluster.run(second_ms);
    cluster.reconnect(deaf);
    cluster.fail_over(true);
    cluster.run(second_ms);
    CHECK(cluster.has("a"));
    cluster.run(5 * second_ms);
    CHECK_FALSE(cluster.has("a"));
}

TEST_CASE("a leader that is cut off keeps nobody's lease alive", "[core][lease]") {
    Leased cluster(3);
    const LeaseId lease = cluster.grant_with_key("a", 5);
    const uint64_t old = cluster.leader_id;
    cluster.cut_off(old);
    const uint64_t asked = cluster.at(old).send(LeaseKeepAliveRequest{{lease}});
    cluster.leader_id = cluster.elect();
    cluster.run(5500);
    const Reply* const reply = cluster.at(old).reply(asked);
    CHECK((reply == nullptr || reply->error.code != Code::ok));
    CHECK_FALSE(cluster.has("a"));
}

TEST_CASE("after a restart of all members a lease has its whole time", "[core][lease]") {
    const uint64_t members = GENERATE(1, 3);
    Leased cluster(members);
    const LeaseId lease = cluster.grant_with_key("a", 5);
    cluster.run(3 * second_ms);
    for (uint64_t id = 1; id <= members; ++id) cluster.crash(id);
    for (uint64_t id = 1; id <= members; ++id) cluster.restart(id);
    cluster.leader_id = cluster.elect();
    cluster.run(300);
    CHECK(cluster.remaining_ms(lease) > 5 * second_ms - 2 * slack_ms);
    cluster.run(5 * second_ms);
    CHECK_FALSE(cluster.has("a"));
}

TEST_CASE("a lease whose end is in the log cannot be kept alive any more", "[core][lease]") {
    Leased cluster(3);
    const LeaseId lease = cluster.grant_with_key("a", 2);
    for (const uint64_t id : {1, 2, 3}) {
        if (id != cluster.leader_id) cluster.deliver_every(id, 150);  // the end takes a while to be committed
    }
    cluster.run(2050);
    CHECK(cluster.keep_alive(cluster.leader_id, lease) == 0);
    cluster.run(2 * second_ms);
    CHECK_FALSE(cluster.has("a"));
}

TEST_CASE("many leases end in a few entries, and a put between them is answered", "[core][lease]") {
    Ready world;
    world.pass(10);
    std::vector<uint64_t> asked;
    for (uint64_t i = 1; i <= 3000; ++i) {
        world.enqueue(LeaseGrantRequest{{i}, 5});
        world.enqueue(bound("k" + std::to_string(i), {i}));
    }
    world.flush();
    world.sync();
    const uint64_t count = world.send(range(KeyRange::prefix("k")));
    REQUIRE(std::get<RangeReply>(world.reply(count)->result).count == 3000);
    const size_t entries = world.written.size();
    world.pass(5100);
    const uint64_t between = world.put("between", "1");
    for (int i = 0; i < 50; ++i) world.sync(), world.flush();
    CHECK(world.reply(between) != nullptr);
    const uint64_t after = world.send(range(KeyRange::prefix("k")));
    CHECK(std::get<RangeReply>(world.reply(after)->result).count == 0);
    CHECK(world.written.size() - entries < 20);
}

TEST_CASE("leases are listed by number, and their keys in pages", "[core][lease]") {
    Leased cluster(1);
    const LeaseId one = cluster.grant(10), two = cluster.grant(20), many = cluster.grant(30, {1000});
    for (size_t i = 0; i < belfry::limits::leases_page_max + 5; ++i) {
        cluster.at(1).enqueue(bound("k" + std::to_string(10'000 + i), many));
    }
    cluster.run(100);
    const auto list = std::get<LeasesReply>(cluster.ask(1, LeasesRequest{}).result);
    REQUIRE(list.leases.size() == 3);
    CHECK((list.leases[0].lease == one && list.leases[1].lease == two && list.leases[2].lease == many));
    CHECK(list.leases[1].ttl_s == 20);
    CHECK(std::get<LeasesReply>(cluster.ask(1, LeasesRequest{two}).result).leases.size() == 1);
    auto page = std::get<LeaseTimeToLiveReply>(cluster.ask(1, LeaseTimeToLiveRequest{many, true, {}}).result);
    CHECK(page.keys.size() == belfry::limits::leases_page_max);
    CHECK(page.more);
    page = std::get<LeaseTimeToLiveReply>(cluster.ask(1, LeaseTimeToLiveRequest{many, true, page.keys.back()}).result);
    CHECK(page.keys.size() == 5);
    CHECK_FALSE(page.more);
}

TEST_CASE("a lease is its owner's, and an administrator's", "[core][lease][access]") {
    Asking hub(GENERATE(1, 3));
    hub.as_root(role_of({may(Action::write), may(Action::lease)}));
    hub.as_root(user_of("bob"));
    const Bytes bob = hub.log_in("bob");
    const Reply granted = hub.ask(LeaseGrantRequest{{}, 20}, hub.token);
    REQUIRE(granted.error.code == Code::ok);
    const LeaseId lease = std::get<LeaseGrantReply>(granted.result).lease;
    REQUIRE(hub.ask(bound("app/x", lease), hub.token).error.code == Code::ok);
    CHECK(hub.ask(bound("app/y", lease), bob).error.code == Code::ok);  // a key of his own, in others' hands
    CHECK(hub.ask(LeaseKeepAliveRequest{{lease}}, hub.token).error.code == Code::ok);
    const Reply kept = hub.ask(LeaseKeepAliveRequest{{lease}}, bob);
    CHECK(std::get<LeaseKeepAliveReply>(kept.result).ttl_s == std::vector<uint64_t>{0});
    for (const RequestOp& op : {RequestOp(LeaseRevokeRequest{lease}), RequestOp(LeaseTimeToLiveRequest{lease, true, {}})}) {
        CHECK(hub.ask(op, bob).error.code == Code::denied);
    }
    CHECK(std::get<LeasesReply>(hub.ask(LeasesRequest{}, bob).result).leases.empty());
    CHECK(std::get<LeasesReply>(hub.ask(LeasesRequest{}, hub.token).result).leases.size() == 1);
    CHECK(std::get<LeasesReply>(hub.ask(LeasesRequest{}, root_token).result).leases.size() == 1);
    CHECK(std::get<LeaseRevokeReply>(hub.ask(LeaseRevokeRequest{lease}, root_token).result).deleted == 2);
}

}  // namespace belfry::hub::core
