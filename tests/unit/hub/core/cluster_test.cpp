// What members of one cluster do for each other when some of them are lost, cut off or away.
#include "tests/unit/hub/core/cluster.hpp"

namespace belfry::hub::core {

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

TEST_CASE("the entries that a round proposes go to each member in one message", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    CHECK(cluster.put(leader, "first", "1").revision == Revision{1});
    World& world = cluster.at(leader);
    for (int i = 0; i < 102; ++i) world.put("key" + std::to_string(i), Bytes(1000, 'x'));  // two rounds go; the rest waits
    world.messages.clear();
    world.sync();
    std::map<uint64_t, std::vector<size_t>> entries;  // of the messages with any
    for (const MemberMessage& message : world.messages) {
        const auto* const raft = std::get_if<raft::Message>(&message.body);
        const auto* const append = raft == nullptr ? nullptr : std::get_if<raft::AppendEntries>(&raft->body);
        if (append != nullptr && append->count > 0) entries[message.peer].push_back(append->count);
    }
    REQUIRE(entries.size() == 2);
    for (const auto& [peer, counts] : entries) {
        CHECK(counts.size() == 1);
        CHECK(counts.front() >= 4);  // of 24 KiB
    }
    cluster.run(1000);
    for (const uint64_t id : {1, 2, 3}) CHECK(cluster.get(id, "key101") == Bytes(1000, 'x'));
}

TEST_CASE("what is on its way to a slow member is not sent again, and what was lost is", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "first", "1");
    World& world = cluster.at(leader);
    for (const uint64_t id : {1, 2, 3}) {
        if (id != leader) cluster.deliver_every(id, 200);  // seven heartbeats
    }
    cluster.entries_sent.clear();
    const size_t before = world.written.size();
    for (int i = 0; i < 20; ++i) {
        world.put("key" + std::to_string(i), Bytes(1000, 'x'));
        cluster.run(70);
    }
    cluster.run(1000);
    const size_t written = world.written.size() - before;
    CHECK(written > 3);
    CHECK(cluster.leader() == leader);
    REQUIRE(cluster.entries_sent.size() == 2);
    for (const auto& [id, sent] : cluster.entries_sent) CHECK(sent == written);

    const uint64_t other = cluster.other_than(leader);
    cluster.cut_off(other);
    for (int i = 0; i < 20; ++i) cluster.put(leader, "lost" + std::to_string(i), "x");
    cluster.reconnect(other);
    cluster.run(1000);
    CHECK(cluster.at(other).written.size() == world.written.size());
    CHECK(cluster.get(other, "lost19") == "x");
}

TEST_CASE("a member with many entries that nobody else has is mended in a second, two leaders later", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t old = cluster.elect();
    cluster.put(old, "a", "1");
    cluster.cut_off(old);
    for (int i = 0; i < 25; ++i) {
        cluster.at(old).put("own" + std::to_string(i), "x");
        cluster.run(5);
    }
    const size_t entries = cluster.at(old).written.size();
    REQUIRE(entries > 20);
    cluster.run_until([&] { return cluster.leader() != 0; });
    const uint64_t second = cluster.leader();
    for (int i = 0; i < 30; ++i) cluster.put(second, "b" + std::to_string(i), "2");
    cluster.crash(second);
    cluster.run(1000);
    cluster.restart(second);
    const uint64_t third = cluster.elect();
    cluster.put(third, "c", "3");
    cluster.reconnect(old);
    cluster.run(1000);
    CHECK(cluster.at(old).written.size() == cluster.at(third).written.size());
    CHECK(cluster.get(old, "c") == "3");
    CHECK(cluster.get(old, "own24") == "(none)");
}

TEST_CASE("a write through a follower is refused by the rules, as at the leader", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t other = cluster.other_than(cluster.elect());
    const auto reply = cluster.ask(other, protocol::CompactRequest{Revision{99}});
    CHECK(reply.error.code == Code::invalid_argument);
}

TEST_CASE("large replies travel back alone, and one that is too large is told to be done", "[core][cluster]") {
    Ready world;
    const Bytes value(belfry::limits::value_bytes_max, 'v');
    for (int i = 0; i < 49; ++i) world.enqueue(put_of("big/" + std::to_string(i), value));
    world.flush();
    world.sync();
    protocol::TxnRequest txn;
    protocol::RangeRequest range;
    range.range = KeyRange::prefix("big/");
    txn.then_ops = {{put_of("x", "1")}, {range}};
    const protocol::PutRequest replaces{"big/0", "", {}, true};
    const std::vector<protocol::RequestOp> ops{put_of("a", "1"), replaces, put_of("b", "1"), txn, txn};
    ForwardedRequests forwarded;
    for (uint64_t id = 1; id <= ops.size(); ++id) {
        protocol::Request request;
        request.id = id;
        request.op = ops[id - 1];
        request.dry_run = id == 5;
        forwarded.requests.push_back(std::move(request));
    }
    std::get<protocol::TxnRequest>(forwarded.requests[4].op).then_ops[0] = {put_of("y", "1")};
    world.step(MessageReceived{{7, std::move(forwarded)}});
    world.sync();
    std::vector<std::vector<uint64_t>> messages;
    std::map<uint64_t, Error> errors;
    for (const MemberMessage& message : world.messages) {
        const auto* const replies = std::get_if<ForwardedReplies>(&message.body);
        if (message.peer != 7 || replies == nullptr) continue;
        messages.emplace_back();
        for (const protocol::Reply& reply : replies->replies) {
            messages.back().push_back(reply.id);
            errors[reply.id] = reply.error;
        }
    }
    CHECK(messages == std::vector<std::vector<uint64_t>>{{5}, {1}, {2}, {3, 4}});
    CHECK(errors[5].code == Code::too_large);
    CHECK(errors[4].code == Code::conflict);
    CHECK(errors[4].detail.find("done, at revision 53") != std::string::npos);
    CHECK(world.get("x") == "1");
    CHECK(world.get("y") == "(none)");
}

TEST_CASE("when the leader is lost another one goes on, and the old one follows", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t first = cluster.elect();
    cluster.put(first, "a", "1");
    cluster.cut_off(first);
    // Nobody hears of it: perhaps done, and in the end not.
    const uint64_t lost = cluster.at(first).put("a", "lost");
    const uint64_t list = cluster.at(first).send(protocol::MembersRequest{});  // it may be old
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
    REQUIRE(cluster.at(first).reply(list) != nullptr);
    CHECK(cluster.at(first).reply(list)->error.code == Code::unavailable);
    cluster.reconnect(first);
    cluster.run(500);
    CHECK(cluster.get(first, "a") == "2");
    CHECK(cluster.at(first).written.size() == cluster.at(second).written.size());
}

TEST_CASE("a write of a session that is sent again to the next leader is done once", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t first = cluster.elect();
    const protocol::PutRequest put{"a", "1", {}, false};
    CHECK(cluster.ask(cluster.other_than(first), put, {77, 1, 0}).revision == Revision{1});
    // Committed by the old leader, whose answer nobody hears.
    cluster.at(first).send(put, {77, 2, 0});
    cluster.run(50);
    // In the old leader's log alone: it goes when that comes back.
    cluster.cut_off(first);
    const uint64_t lost = cluster.at(first).send(put, {77, 3, 0});
    cluster.run_until([&] { return cluster.leader() != 0; });
    const uint64_t second = cluster.leader();
    REQUIRE(second != first);
    const uint64_t third = 6 - first - second;
    for (const uint64_t id : {second, third}) {
        CHECK(cluster.ask(id, put, {77, 2, 0}).revision == Revision{2});
        CHECK(cluster.ask(id, put, {77, 3, 0}).revision == Revision{3});
    }
    cluster.reconnect(first);
    cluster.run(1500);
    REQUIRE(cluster.at(first).reply(lost) != nullptr);
    CHECK(cluster.at(first).reply(lost)->error.code == Code::uncertain);
    CHECK(cluster.ask(first, put, {77, 3, 1}).revision == Revision{3});
    CHECK(cluster.ask(first, put, {77, 1, 0}).error.code == Code::conflict);
    CHECK(cluster.at(second).core->revision() == Revision{3});
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

namespace {

Options often_snapshotting() {
    auto options = World::default_options();
    options.snapshot_log_bytes = 10'000;
    return options;
}

// So much that the member's log is cut at least once.
void put_much(Cluster& cluster, uint64_t member) {
    for (int i = 0; i < 40; ++i) {
        cluster.put(member, "k" + std::to_string(i), Bytes(2000, 'x'));
        if (cluster.at(member).take_snapshot) cluster.snapshots[member] = cluster.at(member).snapshot();
    }
}

}  // namespace

TEST_CASE("a member that was away for long gets a snapshot", "[core][cluster]") {
    Cluster cluster(3, often_snapshotting());
    const uint64_t leader = cluster.elect();
    const uint64_t away = cluster.other_than(leader);
    cluster.put(leader, "a", "1");
    cluster.crash(away);
    put_much(cluster, leader);
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

TEST_CASE("a newer snapshot does not make a member begin again with fetching", "[core][cluster]") {
    auto options = often_snapshotting();
    options.snapshot_log_bytes = 30'000;
    Cluster cluster(3, options);
    const uint64_t leader = cluster.elect();
    const uint64_t away = cluster.other_than(leader);
    cluster.crash(away);
    put_much(cluster, leader);
    cluster.fetches_stall = true;
    cluster.restart(away);
    cluster.run_until([&] { return cluster.fetches == 1; });
    const Index fetched = cluster.snapshots[leader].first;
    for (int i = 0; cluster.snapshots[leader].first == fetched; ++i) {
        REQUIRE(i < 40);
        cluster.put(leader, "later", Bytes(2000, 'x'));
        if (cluster.at(leader).take_snapshot) cluster.snapshots[leader] = cluster.at(leader).snapshot();
    }
    cluster.run(5000);  // the offer is repeated meanwhile
    CHECK(cluster.fetches == 1);
    CHECK(cluster.at(leader).boundary.value < fetched.value);
    cluster.fetches_stall = false;
    cluster.run(1000);
    CHECK(cluster.at(away).boundary.value == fetched.value);
    CHECK(cluster.get(away, "later").size() == 2000);
    // Whoever fetches nothing keeps no log back.
    for (int i = 0; i < 4; ++i) put_much(cluster, leader);
    CHECK(cluster.at(leader).boundary.value > fetched.value);
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
