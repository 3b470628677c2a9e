// The subscriber's half, step by step: a hub of a few lines speaks, the tracker answers.
#include "sdk/client/tracker.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/protocol/codec.hpp"

using namespace belfry;
using client::Tracker;
using client::TrackerOptions;
using client::TrackerOutput;

namespace {

constexpr ChannelId channel{5};
constexpr uint64_t epoch = 7, incarnation = 9;

ChangeSet put(uint64_t revision, const Bytes& key) {
    return {{revision}, 0, "w", "", {{EventType::put, {key, "v", {revision}, {revision}, 1, {}}}}};
}

class Talk {
public:
    explicit Talk(std::optional<Revision> from = Revision{10}, protocol::FilterSpec filter = {"prefix", "a/"})
        : tracker(options(from, std::move(filter))) {}
    explicit Talk(TrackerOptions made) : tracker(std::move(made)) {}

    // Channel, JOIN, registration; caught up at `revision` if the tracker says it knows that much.
    void connect(uint64_t revision) {
        start(revision);
        join(revision);
        reply(protocol::ChannelReply{channel, {revision}, incarnation, 3, exact});
    }
    void step_start() {
        step([&](auto& out) { tracker.start(now, out); });
    }
    void start(uint64_t revision) {
        step_start();
        reply(protocol::ChannelReply{channel, {revision}, incarnation, 3, exact});
    }
    void join(uint64_t revision, uint64_t of_epoch = epoch, uint64_t of_incarnation = incarnation) {
        const Bytes joined = token;
        step([&](auto& out) { tracker.on_join(joined, {of_epoch, of_incarnation, {revision}, 0}, now, out); });
    }
    void feed(uint64_t from, uint64_t to, std::vector<ChangeSet> changes, bool fetch = false) {
        step([&](auto& out) {
            tracker.on_feed({channel, epoch, incarnation, {from}, {to}, fetch, std::move(changes)}, now, out);
        });
    }
    void mark(uint64_t sequence, uint64_t revision, std::optional<uint64_t> ours = {}) {
        protocol::MarkMessage message{epoch, incarnation, sequence, {revision}, {}};
        if (ours) message.changed.emplace_back(channel, Revision{*ours});
        step([&](auto& out) { tracker.on_mark(message, now, out); });
    }
    void reply(protocol::ReplyResult result) {
        REQUIRE(asked.has_value());
        protocol::Reply made{asked->first, {}, {}, std::move(result)};
        step([&](auto& out) { tracker.on_reply(made.id, made, now, out); });
    }
    void refuse(Code code) {
        REQUIRE(asked.has_value());
        step([&, id = asked->first](auto& out) { tracker.on_reply(id, Error{code, "no"}, now, out); });
    }
    void wait_until_due() {
        now = tracker.wake_at_ms();
        step([&](auto& out) { tracker.on_timer(now, out); });
    }
    // A mark, then a second passes; ends early when the tracker asks something.
    void live_second(uint64_t sequence, uint64_t revision) {
        const uint64_t end = now + 1000;
        mark(sequence, revision);
        while (!asked && tracker.wake_at_ms() <= end) wait_until_due();
        if (!asked) now = end;
    }
    template <class Request>
    const Request* asks() const {
        return asked ? std::get_if<Request>(&asked->second) : nullptr;
    }

    Tracker tracker;
    TrackerOutput output;  // of the last step
    std::optional<std::pair<uint64_t, protocol::RequestOp>> asked;
    Bytes token;
    uint64_t now = 1000;
    bool exact = false;  // the hub says that the channel is the filter's own

private:
    static TrackerOptions options(std::optional<Revision> from, protocol::FilterSpec filter) {
        TrackerOptions made;
        made.filter = std::move(filter);
        made.from = from;
        return made;
    }
    template <class Call>
    void step(Call&& call) {
        output = {};
        asked.reset();
        call(output);
        if (!output.requests.empty()) asked = output.requests.back();
        if (!output.subscribe.empty()) token = output.subscribe.back();
    }
};

}  // namespace

TEST_CASE("tracker: joins with the token last, and with nothing missed asks for nothing") {
    Talk talk;
    talk.connect(10);
    CHECK_FALSE(talk.asked.has_value());
    CHECK(talk.output.proved);
    CHECK(talk.output.complete == Revision{10});
    CHECK(talk.token.front() == 'T');
    CHECK(talk.token.size() == protocol::token_topic_bytes);
}

TEST_CASE("tracker: without a state it fetches a snapshot chunk by chunk; live messages wait for it") {
    Talk talk(std::nullopt);
    talk.connect(20);
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    const auto request = talk.asked;
    talk.feed(20, 21, {put(21, "a/live")});
    CHECK(talk.output.changes.empty());
    talk.asked = request;
    talk.reply(protocol::SnapshotReply{{20}, {{"a/1", "v", {3}, {3}, 1, {}}}, true});
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    CHECK(talk.asks<protocol::SnapshotRequest>()->at == Revision{20});
    CHECK(talk.asks<protocol::SnapshotRequest>()->after_key == "a/1");
    talk.reply(protocol::SnapshotReply{{20}, {{"a/2", "v", {4}, {4}, 1, {}}}, false});
    REQUIRE(talk.output.snapshot.has_value());
    CHECK(talk.output.snapshot->kvs.size() == 2);
    CHECK(talk.output.changes == std::vector{put(21, "a/live")});
    CHECK(talk.tracker.known() == Revision{21});
}

TEST_CASE("tracker: an empty chunk of a snapshot that goes on is gone on from; one that does not, begun anew") {
    Talk talk(std::nullopt);
    talk.connect(20);
    talk.reply(protocol::SnapshotReply{{20}, {}, true, "a/5"});
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    CHECK(talk.asks<protocol::SnapshotRequest>()->at == Revision{20});
    CHECK(talk.asks<protocol::SnapshotRequest>()->after_key == "a/5");
    talk.reply(protocol::SnapshotReply{{20}, {}, true, "a/5"});
    CHECK_FALSE(talk.asked.has_value());
    talk.wait_until_due();
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    CHECK(talk.asks<protocol::SnapshotRequest>()->after_key.empty());
    talk.reply(protocol::SnapshotReply{{21}, {{"a/9", "v", {3}, {3}, 1, {}}}, false, {}});
    REQUIRE(talk.output.snapshot.has_value());
    CHECK(talk.output.snapshot->at == Revision{21});
}

TEST_CASE("tracker: a filter it does not know, served by a broader channel, only hears that something changed") {
    Talk talk(Revision{10}, {"json", "a/** . > 1"});
    SECTION("its own channel is believed") {
        talk.exact = true;
        talk.connect(10);
        talk.feed(10, 11, {put(11, "a/1")});
        CHECK(talk.output.changes.size() == 1);
        CHECK_FALSE(talk.asked.has_value());
        return;
    }
    talk.connect(10);
    talk.feed(10, 11, {put(11, "a/1"), put(11, "z/1")});
    CHECK(talk.output.changes.empty());
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{10});
    talk.feed(11, 12, {put(12, "z/2")});
    talk.asked = std::pair<uint64_t, protocol::RequestOp>{2 + 1, protocol::ChangesRequest{}};
    talk.reply(protocol::ChangesReply{{10}, {11}, {put(11, "a/1")}, false});
    CHECK(talk.output.changes == std::vector{put(11, "a/1")});
    // Not at once: many may be in the same plight.
    CHECK_FALSE(talk.asked.has_value());
    talk.wait_until_due();
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{11});
    talk.reply(protocol::ChangesReply{{11}, {12}, {}, false});
    CHECK(talk.tracker.known() == Revision{12});
    CHECK(talk.output.changes.empty());
}

TEST_CASE("tracker: a message that does not join on is a gap; the delta fills it and doubles are dropped") {
    Talk talk;
    talk.connect(10);
    talk.feed(12, 13, {put(13, "a/3")});
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{10});
    talk.reply(protocol::ChangesReply{{10}, {13}, {put(11, "a/1"), put(13, "a/3")}, false});
    CHECK(talk.output.changes.size() == 2);
    CHECK(talk.tracker.figures().gaps_by_chain == 1);
    talk.feed(12, 14, {put(13, "a/3"), put(14, "a/4")});
    CHECK(talk.output.changes == std::vector{put(14, "a/4")});
}

TEST_CASE("tracker: keys of a broader channel are dropped, the revision still counts") {
    Talk talk;
    talk.connect(10);
    talk.feed(10, 11, {put(11, "b/1")});
    CHECK(talk.output.changes.empty());
    CHECK(talk.output.complete == Revision{11});
}

TEST_CASE("tracker: a lost tail is found by the mark alone") {
    Talk talk;
    talk.connect(10);
    talk.mark(4, 15, 14);
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK_FALSE(talk.output.proved);
    talk.reply(protocol::ChangesReply{{10}, {15}, {put(14, "a/1")}, false});
    CHECK(talk.tracker.known() == Revision{15});
    CHECK(talk.tracker.figures().gaps_by_mark == 1);
}

TEST_CASE("tracker: one lost mark is forgiven, two are not") {
    Talk talk;
    talk.connect(10);
    talk.mark(5, 12);
    CHECK(talk.output.proved);
    CHECK(talk.tracker.known() == Revision{12});
    talk.mark(8, 20);
    CHECK_FALSE(talk.output.proved);
    CHECK(talk.tracker.known() == Revision{12});
    CHECK(talk.asks<protocol::ChannelRequest>());
}

TEST_CASE("tracker: an announced change is fetched") {
    Talk talk;
    talk.connect(10);
    talk.feed(10, 12, {}, true);
    CHECK(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.tracker.known() == Revision{10});
}

TEST_CASE("tracker: a position that was compacted leads to a snapshot, and so does a log with another past") {
    Talk talk;
    talk.connect(30);
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    talk.refuse(Code::compacted);
    CHECK(talk.asks<protocol::SnapshotRequest>());

    Talk other;
    other.connect(10);
    other.join(10, epoch + 1, incarnation + 1);
    other.reply(protocol::ChannelReply{channel, {4}, incarnation + 1, 3});
    CHECK(other.asks<protocol::SnapshotRequest>());
}

TEST_CASE("tracker: ahead of the hub, it asks before believing it, and gives in after a while") {
    Talk talk(Revision{50});
    talk.connect(10);
    CHECK(talk.tracker.known() == Revision{50});
    CHECK_FALSE(talk.output.proved);
    int refusals = 0;
    uint64_t sequence = 3;
    while (talk.asks<protocol::ChangesRequest>()) {
        talk.refuse(Code::invalid_argument);
        REQUIRE(++refusals < 20);
        while (!talk.asked) talk.live_second(++sequence, 10);
    }
    CHECK(talk.asks<protocol::SnapshotRequest>());
}

TEST_CASE("tracker: no JOIN brings a new token, then a new connection; silence too") {
    Talk talk;
    talk.connect(10);
    talk.wait_until_due();
    CHECK(talk.output.reconnect);
    CHECK(talk.output.subscribe.size() == 3);
    const Bytes first = talk.token;
    talk.wait_until_due();
    CHECK_FALSE(talk.output.reconnect);
    CHECK(talk.output.unsubscribe == std::vector{first});
    CHECK(talk.token != first);
    talk.wait_until_due();
    CHECK(talk.output.reconnect);
}

TEST_CASE(
    "tracker: registered again and again with another process than the one that publishes, it builds a new connection") {
    Talk talk;
    talk.start(10);
    for (const bool gives_up : {false, true}) {
        talk.join(10);
        while (!talk.asked) talk.wait_until_due();
        talk.reply(protocol::ChannelReply{channel, {10}, incarnation + 1, 3});
        CHECK(talk.output.reconnect == gives_up);
    }
    talk.join(10);
    while (!talk.asked) talk.wait_until_due();
    talk.reply(protocol::ChannelReply{channel, {10}, incarnation, 3});
    CHECK(talk.tracker.known() == Revision{10});
}

TEST_CASE("tracker: replies to old requests change nothing, unanswered ones are asked again") {
    Talk talk;
    talk.connect(20);
    const auto first = talk.asked;
    talk.mark(4, 20);
    talk.now = 5500;
    talk.mark(5, 20);
    talk.wait_until_due();
    if (!talk.asked) talk.wait_until_due();
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asked->first != first->first);
    const auto second = talk.asked;
    talk.asked = first;
    talk.reply(protocol::ChangesReply{{10}, {20}, {put(20, "a/1")}, false});
    CHECK(talk.output.changes.empty());
    talk.asked = second;
    talk.reply(protocol::ChangesReply{{10}, {20}, {put(20, "a/1")}, false});
    CHECK(talk.output.changes.size() == 1);
}

TEST_CASE("tracker: a buffer that overflows is forgotten and fetched") {
    Talk talk;
    talk.connect(20);
    const auto request = talk.asked;
    for (uint64_t revision = 20; revision < 5000; ++revision) {
        talk.feed(revision, revision + 1, {put(revision + 1, "a/x")});
    }
    talk.asked = request;
    talk.reply(protocol::ChangesReply{{10}, {20}, {}, true});
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{20});
}

// ---- private streams ----

namespace {

protocol::ChangesReply changes(uint64_t from, uint64_t to, std::vector<ChangeSet> sets = {}, uint64_t of_epoch = epoch) {
    return {{from}, {to}, std::move(sets), false, of_epoch};
}

// A stream at revision 10 that waits.
Talk streaming() {
    Talk talk;
    talk.step_start();
    protocol::ChannelReply told;
    told.stream = true;
    talk.reply(told);
    talk.reply(changes(10, 10));
    return talk;
}

}  // namespace

TEST_CASE("tracker: where the hub says stream it asks for changes and never subscribes") {
    Talk talk;
    talk.step_start();
    protocol::ChannelReply told;
    told.stream = true;
    talk.reply(told);
    CHECK_FALSE(talk.output.disconnect);  // there was none
    CHECK(talk.output.subscribe.empty());
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->wait_ms == 0);  // nobody has said yet that this hub waits

    talk.reply(changes(10, 12, {put(12, "a/1")}));
    CHECK(talk.output.proved);
    CHECK(talk.output.changes.size() == 1);
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->wait_ms == 1000);
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{12});
    CHECK(talk.tracker.figures().stream);
}

TEST_CASE("tracker: a stream that hears that nothing came is complete, proved, and asks again at once") {
    Talk talk = streaming();
    talk.now += 1000;
    talk.reply(changes(10, 15));
    CHECK(talk.output.complete == Revision{15});
    CHECK(talk.output.proved);
    CHECK(talk.output.changes.empty());
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{15});
}

TEST_CASE("tracker: a stream asked for needs no channel, and begins with a snapshot without a state") {
    TrackerOptions options;
    options.filter = {"prefix", "a/"};
    options.stream = true;
    Talk talk(std::move(options));
    talk.step_start();
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    talk.reply(protocol::SnapshotReply{{10}, {{"a/1", "v", {3}, {3}, 1, {}}}, false, {}, epoch});
    CHECK(talk.output.snapshot.has_value());
    CHECK(talk.output.proved);
    CHECK(talk.tracker.epoch() == epoch);
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->wait_ms == 1000);
}

TEST_CASE("tracker: a stream whose hub has another past takes a snapshot and nothing of that past before") {
    Talk talk = streaming();
    talk.reply(changes(10, 11, {put(11, "a/1")}, epoch + 1));
    CHECK(talk.output.changes.empty());
    CHECK_FALSE(talk.output.proved);
    REQUIRE(talk.asks<protocol::SnapshotRequest>());
    talk.reply(protocol::SnapshotReply{{4}, {}, false, {}, epoch + 1});
    CHECK(talk.output.snapshot.has_value());
    CHECK(talk.tracker.epoch() == epoch + 1);
}

TEST_CASE("tracker: a stream backs off where the hub refuses, and asks first without waiting then") {
    Talk talk = streaming();
    talk.refuse(Code::unavailable);
    CHECK_FALSE(talk.asked.has_value());
    CHECK(talk.tracker.wake_at_ms() > talk.now);
    CHECK(talk.tracker.wake_at_ms() <= talk.now + 50);
    talk.wait_until_due();
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    CHECK(talk.asks<protocol::ChangesRequest>()->wait_ms == 0);
    talk.refuse(Code::compacted);
    CHECK(talk.asks<protocol::SnapshotRequest>() != nullptr);
}

TEST_CASE("tracker: a stream tells that an older hub cannot serve it, and that it is denied") {
    Talk talk = streaming();
    talk.reply(changes(10, 15, {}, 0));
    REQUIRE(talk.output.refused.has_value());
    CHECK(talk.output.refused->code == Code::unsupported);
    CHECK_FALSE(talk.output.complete.has_value());
    talk.wait_until_due();
    talk.refuse(Code::denied);
    REQUIRE(talk.output.refused.has_value());
    CHECK(talk.output.refused->code == Code::denied);
}

TEST_CASE("tracker: an answer that never comes to a stream is asked for again after its wait and a timeout") {
    Talk talk = streaming();
    CHECK(talk.tracker.wake_at_ms() == talk.now + 1000 + 5000);
    talk.wait_until_due();
    CHECK_FALSE(talk.asked.has_value());
    talk.wait_until_due();
    CHECK(talk.asks<protocol::ChangesRequest>() != nullptr);
}

TEST_CASE("tracker: when no join is answered any more it asks whether the feed still serves it") {
    Talk talk;
    talk.connect(10);
    while (!talk.asked) talk.wait_until_due();  // silence, a new connection, no JOIN on it
    REQUIRE(talk.asks<protocol::ChannelRequest>());
    SECTION("it does not: the connection is closed, the state stays") {
        protocol::ChannelReply told;
        told.stream = true;
        talk.reply(told);
        CHECK(talk.output.disconnect);
        CHECK(talk.output.subscribe.empty());
        REQUIRE(talk.asks<protocol::ChangesRequest>());
        CHECK(talk.asks<protocol::ChangesRequest>()->from == Revision{10});
        talk.mark(9, 40);  // of the old connection
        CHECK(talk.tracker.known() == Revision{10});
    }
    SECTION("it does: the join goes on") {
        talk.reply(protocol::ChannelReply{channel, {10}, incarnation, 3, false});
        CHECK_FALSE(talk.output.disconnect);
        CHECK_FALSE(talk.asked.has_value());
        talk.join(10);
        CHECK(talk.asks<protocol::ChannelRequest>() != nullptr);
    }
}

TEST_CASE("tracker: an answer about another past than the feed's is not taken") {
    Talk talk;
    talk.connect(12);
    REQUIRE(talk.asks<protocol::ChangesRequest>());
    talk.reply(changes(10, 12, {put(12, "a/1")}, epoch + 1));
    CHECK(talk.output.changes.empty());
    CHECK(talk.tracker.known() == Revision{10});
    talk.wait_until_due();
    talk.reply(changes(10, 12, {put(12, "a/1")}));
    CHECK(talk.output.changes.size() == 1);
}
