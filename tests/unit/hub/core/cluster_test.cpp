// Several cores and the messages between them; disks are quick, the network is as the test says. The simulator
// (tests/sim) does this with every trouble at once; here is one thing at a time.
#include <map>
#include <set>

#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/world.hpp"

namespace belfry::hub::core {
namespace {

class Cluster {
public:
    explicit Cluster(uint64_t size, Options common = World::default_options()) {
        common.log_trailing_entries = 4;
        common.log_trailing_bytes = 0;
        for (uint64_t id = 1; id <= size; ++id) common.bootstrap.resize(id, {}), common.bootstrap[id - 1] = {id, name(id)};
        for (uint64_t id = 1; id <= size; ++id) {
            common.member_id = id;
            common.incarnation = id * 1000;
            common.seed = static_cast<unsigned>(id);
            members_[id] = std::make_unique<World>(common);
            members_[id]->start();
        }
    }
    World& at(uint64_t id) { return *members_.at(id); }
    void cut_off(uint64_t id) { cut_.insert(id); }
    void reconnect(uint64_t id) { cut_.erase(id); }
    void crash(uint64_t id) { at(id).crash(); }
    void restart(uint64_t id) {
        at(id).now = now_;
        at(id).messages.clear();
        at(id).restart();
    }

    // Time goes by in steps of a few milliseconds; disks are instant, messages take one step.
    void run(uint64_t ms) {
        for (const uint64_t end = now_.monotonic_ms + ms; now_.monotonic_ms < end;) {
            now_ = {now_.monotonic_ms + 5, now_.wall_ms + 5};
            for (auto& [id, world] : members_) {
                if (world->core) turn(*world);
            }
            carry();
        }
    }
    template <class Condition>
    void run_until(Condition condition) {
        for (int i = 0; i < 2000 && !condition(); ++i) run(5);
        REQUIRE(condition());
    }
    uint64_t leader() {
        for (auto& [id, world] : members_) {
            if (world->core && !cut_.contains(id) && world->core->role() == raft::Role::leader) return id;
        }
        return 0;
    }
    uint64_t elect() {
        run_until([&] { return leader() != 0; });
        return leader();
    }
    uint64_t other_than(uint64_t id) { return id == 1 ? 2 : 1; }
    protocol::Reply ask(uint64_t id, protocol::RequestOp op) {
        const uint64_t request = at(id).send(std::move(op));
        run_until([&] { return at(id).reply(request) != nullptr; });
        return *at(id).reply(request);
    }
    protocol::Reply put(uint64_t id, const Bytes& key, const Bytes& value) {
        return ask(id, protocol::PutRequest{key, value, {}, false});
    }
    Bytes get(uint64_t id, const Bytes& key) {
        protocol::RangeRequest range;
        range.range = KeyRange::one(key);
        const auto answer = ask(id, range);
        if (answer.error.code != Code::ok) return "(error: " + to_string(answer.error) + ")";
        const auto& kvs = std::get<protocol::RangeReply>(answer.result).kvs;
        return kvs.empty() ? "(none)" : kvs[0].value;
    }
    std::map<uint64_t, std::pair<Index, Bytes>> snapshots;  // by member: its newest
    bool stops_expected = false;

private:
    static std::string name(uint64_t id) { return "m" + std::to_string(id); }
    void turn(World& world) {
        world.now = now_;
        world.step(TimerFired{});
        world.sync();
        while (world.read) world.give_read();
        if (world.fetch) {
            const Fetch wanted = *std::exchange(world.fetch, std::nullopt);
            fetched_ = snapshots.at(wanted.from);
            REQUIRE(fetched_.first == wanted.index);
            world.step(SnapshotFetched{wanted.index});
        }
        if (world.to_install) world.install(fetched_.second, Boundary(*world.to_install));
        REQUIRE((stops_expected || !world.fatal));
    }
    void carry() {
        std::vector<std::pair<uint64_t, MemberMessage>> all;
        for (auto& [id, world] : members_) {
            for (MemberMessage& message : world->messages) all.emplace_back(id, std::move(message));
            world->messages.clear();
        }
        for (auto& [from, message] : all) {
            const auto to = members_.find(message.peer);
            if (to == members_.end() || !to->second->core || cut_.contains(from) || cut_.contains(message.peer)) continue;
            message.peer = from;
            if (auto* raft = std::get_if<raft::Message>(&message.body)) raft->peer = from;
            to->second->step(MessageReceived{std::move(message)});
        }
    }

    std::map<uint64_t, std::unique_ptr<World>> members_;
    std::set<uint64_t> cut_;
    Instant now_{1'000'000, 1'700'000'000'000};
    std::pair<Index, Bytes> fetched_;
};

}  // namespace

TEST_CASE("three members elect a leader, and any of them takes writes and reads", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    const uint64_t other = cluster.other_than(leader);
    CHECK(cluster.put(leader, "a", "1").revision == Revision{1});
    CHECK(cluster.put(other, "b", "2").revision == Revision{2});
    for (const uint64_t id : {1, 2, 3}) {
        CHECK(cluster.get(id, "a") == "1");
        CHECK(cluster.get(id, "b") == "2");
    }
}

TEST_CASE("a write through a follower is refused by the rules, as at the leader", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t other = cluster.other_than(cluster.elect());
    const auto reply = cluster.ask(other, protocol::CompactRequest{Revision{99}});
    CHECK(reply.error.code == Code::invalid_argument);
}

TEST_CASE("when the leader is lost another one goes on, and the old one follows", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t first = cluster.elect();
    cluster.put(first, "a", "1");
    cluster.cut_off(first);
    // Nobody hears of it: perhaps done, and in the end not.
    const uint64_t lost = cluster.at(first).put("a", "lost");
    cluster.run_until([&] { return cluster.leader() != 0; });
    const uint64_t second = cluster.leader();
    REQUIRE(second != first);
    cluster.put(second, "a", "2");
    cluster.run(1500);
    REQUIRE(cluster.at(first).reply(lost) != nullptr);
    CHECK(cluster.at(first).reply(lost)->error.code == Code::uncertain);
    // Cut off, it does not answer what it cannot know; what is here it can tell.
    protocol::RangeRequest range;
    range.range = KeyRange::one("a");
    CHECK(cluster.ask(first, range).error.code == Code::unavailable);
    range.local = true;
    CHECK(std::get<protocol::RangeReply>(cluster.ask(first, range).result).kvs.at(0).value == "1");
    cluster.reconnect(first);
    cluster.run(500);
    CHECK(cluster.get(first, "a") == "2");
    CHECK(cluster.at(first).written.size() == cluster.at(second).written.size());
}

TEST_CASE("without a majority writes are told so in time, and wait for nobody", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    for (uint64_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.crash(id);
    }
    const auto reply = cluster.put(leader, "a", "1");
    CHECK(reply.error.code == Code::uncertain);
    const auto later = cluster.put(leader, "a", "2");
    CHECK(later.error.code == Code::unavailable);
}

TEST_CASE("a member that was away gets what it lacks from the log", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    const uint64_t away = cluster.other_than(leader);
    cluster.crash(away);
    for (int i = 0; i < 50; ++i) cluster.put(leader, "k" + std::to_string(i), Bytes(2000, 'x'));
    cluster.restart(away);
    cluster.run(500);
    CHECK(cluster.get(away, "k49").size() == 2000);
    CHECK(cluster.at(away).core->applied() == cluster.at(leader).core->applied());
}

TEST_CASE("a member that was away for long gets a snapshot", "[core][cluster]") {
    auto options = World::default_options();
    options.snapshot_log_bytes = 10'000;
    Cluster cluster(3, options);
    const uint64_t leader = cluster.elect();
    const uint64_t away = cluster.other_than(leader);
    cluster.put(leader, "a", "1");
    cluster.crash(away);
    for (int i = 0; i < 40; ++i) {
        cluster.put(leader, "k" + std::to_string(i), Bytes(2000, 'x'));
        if (cluster.at(leader).take_snapshot) cluster.snapshots[leader] = cluster.at(leader).snapshot();
    }
    REQUIRE(cluster.at(leader).boundary > Index{5});
    cluster.restart(away);
    cluster.run(1000);
    CHECK(cluster.at(away).boundary == cluster.snapshots[leader].first);
    CHECK(cluster.get(away, "k39").size() == 2000);
    CHECK(cluster.get(away, "a") == "1");
    // And it is whole after a restart.
    cluster.crash(away);
    cluster.restart(away);
    cluster.run(500);
    CHECK(cluster.get(away, "k20").size() == 2000);
}

TEST_CASE("a member whose state is another one stops and says so", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    const uint64_t wrong = cluster.other_than(leader);
    cluster.put(leader, "a", "1");
    for (int i = 0; i < 300; ++i) cluster.put(leader, "k", "v");
    cluster.run(100);
    for (const uint64_t id : {1, 2, 3}) CHECK_FALSE(cluster.at(id).fatal);
    // The store loses a record behind everybody's back.
    cluster.crash(wrong);
    REQUIRE(cluster.at(wrong).store->begin());
    REQUIRE(cluster.at(wrong).store->erase(1, "a"));
    const auto applied = cluster.at(wrong).store->applied_index();
    REQUIRE(applied);
    REQUIRE(cluster.at(wrong).store->commit(*applied));
    cluster.restart(wrong);
    cluster.put(leader, "a", "2");  // version 2 there, version 1 here
    cluster.stops_expected = true;
    for (int i = 0; i < 300; ++i) cluster.put(leader, "k", "v");
    cluster.run(100);
    REQUIRE(cluster.at(wrong).fatal);
    CHECK(cluster.at(wrong).fatal->code == Code::corrupt);
    CHECK_FALSE(cluster.at(leader).fatal);
}

TEST_CASE("every member publishes what it applied", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "a", "0");
    cluster.run(200);
    for (const uint64_t id : {1, 2, 3})
        CHECK(cluster.ask(id, protocol::ChannelRequest{{"prefix", ""}}).error.code == Code::ok);
    for (const uint64_t id : {1, 2, 3}) cluster.at(id).deliveries.clear();
    cluster.put(leader, "a", "1");
    cluster.run(100);
    for (const uint64_t id : {1, 2, 3}) {
        bool found = false;
        for (const auto& message : cluster.at(id).deliveries) {
            const auto decoded = protocol::decode_feed(*message);
            found = found || (decoded && decoded->to == Revision{2} && decoded->changes.size() == 1);
        }
        CHECK(found);
    }
}

}  // namespace belfry::hub::core
