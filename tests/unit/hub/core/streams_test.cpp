// Private streams: requests for changes that wait.
#include "hub/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/cluster.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;

namespace {

protocol::ChangesRequest stream_of(const Bytes& prefix, uint64_t from, uint64_t wait_ms = 1000) {
    return {{"prefix", prefix}, {from}, {}, 0, wait_ms};
}

struct StreamingHub : World {
    StreamingHub() {
        start();
        sync();
        write(put_of("app/a", "0"));  // revision 1
    }
    // The answer, as the client decodes it; none = it waits.
    std::optional<protocol::Reply> heard(uint64_t id) const {
        for (const auto& outgoing : replies) {
            if (outgoing.reply.id != id) continue;
            if (outgoing.frame.empty()) return outgoing.reply;
            auto decoded = protocol::decode_replies(outgoing.frame);
            REQUIRE(decoded);
            return decoded->at(0);
        }
        return std::nullopt;
    }
    protocol::ChangesReply interval(uint64_t id) const {
        const auto reply = heard(id);
        REQUIRE(reply);
        REQUIRE(reply->error.detail == "");
        return std::get<protocol::ChangesReply>(reply->result);
    }
    uint64_t ask_as(uint64_t connection, uint64_t id, protocol::RequestOp op) {
        step(RequestReceived{connection, {id, "tester", "", std::move(op)}});
        flush();
        return id;
    }
    uint64_t waiting() {
        const auto id = send(protocol::StatusRequest{});
        for (const auto& [name, value] : std::get<protocol::StatusReply>(reply(id)->result).figures) {
            if (name == "streams.waiting") return std::get<uint64_t>(value);
        }
        return UINT64_MAX;
    }
};

}  // namespace

TEST_CASE("stream: what is there already is answered at once, and names the log", "[core]") {
    StreamingHub hub;
    const auto reply = hub.interval(hub.send(stream_of("app/", 0)));
    CHECK(reply.changes.size() == 1);
    CHECK(reply.to == Revision{1});
    CHECK(reply.epoch == 77);
}

TEST_CASE("stream: waits for a change of its filter and for no other, and covers both", "[core]") {
    StreamingHub hub;
    const auto id = hub.send(stream_of("app/", 1));
    CHECK_FALSE(hub.heard(id));
    hub.write(put_of("other", "1"));
    CHECK_FALSE(hub.heard(id));
    hub.write(put_of("app/b", "2"));
    const auto reply = hub.interval(id);
    CHECK(reply.from == Revision{1});
    CHECK(reply.to == Revision{3});
    REQUIRE(reply.changes.size() == 1);
    CHECK(reply.changes[0].events[0].kv.key == "app/b");
    CHECK(hub.waiting() == 0);
}

TEST_CASE("stream: at the end of its wait it hears that nothing came, up to now", "[core]") {
    StreamingHub hub;
    const auto id = hub.send(stream_of("app/", 1, 1000));
    hub.write(put_of("other", "1"));
    hub.pass(999);
    CHECK_FALSE(hub.heard(id));
    CHECK(hub.wake_at_ms <= hub.now.monotonic_ms + 1);
    hub.pass(1);
    const auto reply = hub.interval(id);
    CHECK(reply.from == Revision{1});
    CHECK(reply.to == Revision{2});
    CHECK(reply.changes.empty());
    CHECK_FALSE(reply.more);
    CHECK(reply.epoch == 77);
    CHECK(hub.waiting() == 0);
}

TEST_CASE("stream: equal filters get one answer with their own beginnings, others theirs", "[core]") {
    StreamingHub hub;
    hub.write(put_of("other", "1"));
    const auto first = hub.ask_as(11, 1001, stream_of("app/", 1));
    const auto second = hub.ask_as(12, 1002, stream_of("app/", 2));
    const auto deeper = hub.ask_as(13, 1003, stream_of("app/b/", 2));
    const auto all = hub.ask_as(14, 1004, stream_of("", 2));
    hub.write(put_of("app/b", "1"));
    CHECK(hub.interval(first).from == Revision{1});
    CHECK(hub.interval(second).from == Revision{2});
    CHECK(hub.interval(first).changes == hub.interval(second).changes);
    CHECK(hub.interval(all).changes.size() == 1);
    CHECK_FALSE(hub.heard(deeper));
    CHECK(hub.waiting() == 1);
}

TEST_CASE("stream: one sent again takes the place of the first, and a connection that ends is forgotten", "[core]") {
    StreamingHub hub;
    hub.ask_as(11, 1001, stream_of("app/", 1));
    hub.ask_as(11, 1001, stream_of("other/", 1));
    hub.ask_as(11, 1002, stream_of("other/", 1));
    hub.ask_as(12, 1003, stream_of("other/", 1));
    CHECK(hub.waiting() == 3);
    hub.step(ConnectionClosed{11});
    CHECK(hub.waiting() == 1);
    hub.write(put_of("other/x", "1"));
    CHECK_FALSE(hub.heard(1001));
    CHECK_FALSE(hub.heard(1002));
    CHECK(hub.heard(1003));
}

TEST_CASE("stream: a crowd that one change touches is answered in rounds, with writes between", "[core]") {
    StreamingHub hub;
    const size_t crowd = 2 * hub::limits::stream_answers_per_round_max + 1;
    for (uint64_t i = 0; i < crowd; ++i) hub.step(RequestReceived{100 + i, {5000 + i, "", "", stream_of("app/", 1)}});
    hub.flush();
    hub.replies.clear();
    hub.put("app/b", "1");
    hub.durable = hub.written.size();
    hub.step(EntriesPersisted{{hub.boundary.value + hub.durable}, hub.generation});
    CHECK(hub.replies.size() == hub::limits::stream_answers_per_round_max + 1);
    CHECK(hub.wake_at_ms == hub.now.monotonic_ms);
    hub.flush();
    hub.flush();
    CHECK(hub.replies.size() == crowd + 1);
    CHECK(hub.waiting() == 0);
}

TEST_CASE("stream: a full list says busy", "[core]") {
    StreamingHub hub;
    for (uint64_t i = 0; i < hub::limits::waiting_changes_max; ++i) {
        hub.step(RequestReceived{5, {100'000 + i, "", "", stream_of("app/" + std::to_string(i % 50), 1)}});
    }
    const auto id = hub.send(stream_of("app/", 1));
    REQUIRE(hub.heard(id));
    CHECK(hub.heard(id)->error.code == Code::busy);
}

TEST_CASE("stream: a compaction of what an answer needs leads to a snapshot", "[core]") {
    StreamingHub hub;
    hub.write(put_of("app/b", "1"));
    hub.write(put_of("app/b", "2"));
    hub.write(protocol::CompactRequest{{3}});
    const auto id = hub.send(stream_of("app/", 1));
    REQUIRE(hub.heard(id));
    CHECK(hub.heard(id)->error.code == Code::compacted);
}

TEST_CASE("stream: a filter of change sets hears at once what compaction took from it", "[core]") {
    belfry_filter_v1 nothing = prefix_filter;
    nothing.kind = "nothing";
    nothing.matches_change = [](const belfry_filter*, const belfry_change*) -> int32_t { return 0; };
    StreamingHub hub;
    REQUIRE(hub.filters.add(nothing));
    hub.write(put_of("app/b", "1"));
    hub.write(put_of("app/b", "2"));
    hub.write(protocol::CompactRequest{{3}});
    auto request = stream_of("app/", 1);
    request.filter.kind = "nothing";
    const auto reply = hub.interval(hub.send(request));
    CHECK(reply.from > Revision{1});
    request.from = reply.from;
    const auto second = hub.send(request);
    CHECK_FALSE(hub.heard(second));
}

TEST_CASE("stream: a member without a leader does not say that nothing came", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "app/a", "1");
    const uint64_t follower = cluster.other_than(leader);
    cluster.run(200);
    const auto quiet = cluster.ask(follower, stream_of("app/", 1, 500));
    CHECK(quiet.error.code == Code::ok);
    const auto id = cluster.at(follower).send(stream_of("app/", 1, 2500));
    cluster.run(100);
    cluster.cut_off(follower);
    cluster.run_until([&] { return cluster.at(follower).reply(id) != nullptr; });
    CHECK(cluster.at(follower).reply(id)->error.code == Code::unavailable);
}

TEST_CASE("stream: a member that stops sends its waiting streams to the others", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t leader = cluster.elect();
    cluster.put(leader, "app/a", "1");
    const auto id = cluster.at(leader).send(stream_of("app/", 1, 5000));
    cluster.run(100);
    REQUIRE(cluster.at(leader).reply(id) == nullptr);
    cluster.at(leader).step(StopAsked{});
    cluster.run(20);
    REQUIRE(cluster.at(leader).reply(id) != nullptr);
    CHECK(cluster.at(leader).reply(id)->error.code == Code::unavailable);
}
