// The publisher's half: what is published when, and what its messages claim.
#include "hub/feed/feed.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/support/filters.hpp"

using namespace belfry;
namespace feed = belfry::hub::feed;

namespace {

ChangeSet change(uint64_t revision, std::vector<std::pair<Bytes, Bytes>> puts) {
    ChangeSet made{{revision}, 1000 + revision, "tester", "", {}};
    for (auto& [key, value] : puts) made.events.push_back({EventType::put, {key, value, {revision}, {revision}, 1, {}}});
    return made;
}

struct Published {
    std::vector<protocol::FeedMessage> feed;
    std::vector<protocol::MarkMessage> marks;
};

class Hub {
public:
    explicit Hub(size_t channels_max = 8) : feed({7, 99, channels_max}) {}

    ChannelId open(const Bytes& kind, const Bytes& spec, uint64_t now = 0) { return try_open(kind, spec, now).channel; }
    protocol::ChannelReply try_open(const Bytes& kind, const Bytes& spec, uint64_t now = 0) {
        auto filter = filters.compile({kind, spec});
        auto everything = filters.compile({"prefix", ""});
        REQUIRE(filter.ok());
        REQUIRE(everything.ok());
        auto reply = feed.open_channel(*filter, *everything, now);
        REQUIRE(reply.ok());
        return *reply;
    }
    ChannelId subscribed(const Bytes& kind, const Bytes& spec) {
        const ChannelId id = open(kind, spec);
        feed.on_topic(id, true, 0);
        return id;
    }
    Published flush(uint64_t applied, uint64_t now = 0) {
        std::vector<feed::Message> messages;
        feed.flush({applied}, now, messages);
        return read(messages);
    }
    Published tick(uint64_t now) {
        std::vector<feed::Message> messages;
        feed.tick(now, messages);
        return read(messages);
    }
    static Published read(const std::vector<feed::Message>& messages) {
        Published read;
        for (const auto& message : messages) {
            if (message->front() == 'M') {
                auto mark = protocol::decode_mark(*message);
                REQUIRE(mark.ok());
                read.marks.push_back(*mark);
            } else {
                auto decoded = protocol::decode_feed(*message);
                REQUIRE(decoded.ok());
                read.feed.push_back(*decoded);
            }
        }
        return read;
    }

    hub::plugin::Filters filters = test::all_filters();
    feed::Feed feed;
};

}  // namespace

TEST_CASE("feed: nothing is published when nobody asked, and an idle hub never wakes") {
    Hub hub;
    hub.feed.add(change(1, {{"a", "1"}}));
    CHECK(hub.flush(1).feed.empty());
    CHECK(hub.feed.wake_at_ms() == UINT64_MAX);
    CHECK(hub.tick(100'000).marks.empty());
}

TEST_CASE("feed: a channel's intervals join without a hole, over changes that are not its own") {
    Hub hub;
    hub.feed.reset({10});
    const auto opened = hub.try_open("prefix", "a/");
    CHECK(opened.from == Revision{10});
    CHECK(opened.incarnation == 99);

    hub.feed.add(change(11, {{"a/x", "1"}}));
    hub.feed.add(change(12, {{"b/x", "1"}}));
    auto first = hub.flush(12);
    REQUIRE(first.feed.size() == 1);
    CHECK(first.feed[0].channel == opened.channel);
    CHECK(first.feed[0].epoch == 7);
    CHECK(first.feed[0].from == Revision{10});
    CHECK(first.feed[0].to == Revision{12});
    REQUIRE(first.feed[0].changes.size() == 1);
    CHECK(first.feed[0].changes[0] == change(11, {{"a/x", "1"}}));

    hub.feed.add(change(13, {{"b/y", "1"}}));
    CHECK(hub.flush(13).feed.empty());
    hub.feed.add(change(14, {{"a/y", "1"}}));
    auto second = hub.flush(14);
    REQUIRE(second.feed.size() == 1);
    CHECK(second.feed[0].from == Revision{12});
    CHECK(second.feed[0].to == Revision{14});
}

TEST_CASE("feed: each channel gets its own keys of a change set, whatever kind of filter it has") {
    Hub hub;
    const auto exact = hub.open("exact", "a/x"), prefix = hub.open("prefix", "a/"), deeper = hub.open("prefix", "a/x");
    const auto suffix = hub.open("suffix", "y"), everything = hub.open("prefix", "");
    hub.feed.add(change(1, {{"a/x", "1"}, {"a/y", "2"}, {"c", "3"}}));
    std::map<ChannelId, std::string> keys;
    for (const auto& message : hub.flush(1).feed) {
        REQUIRE(message.changes.size() == 1);
        for (const auto& event : message.changes[0].events) keys[message.channel] += event.kv.key + " ";
    }
    CHECK(keys ==
          std::map<ChannelId, std::string>{
              {exact, "a/x "}, {prefix, "a/x a/y "}, {deeper, "a/x "}, {suffix, "a/y "}, {everything, "a/x a/y c "}});
}

TEST_CASE("feed: a value that stops matching takes the key away from a channel by content") {
    Hub hub;
    hub.open("prefix", "a/");
    CHECK_FALSE(hub.feed.wants_values_before());
    const auto even = hub.open("even", "a/");
    CHECK(hub.feed.wants_values_before());
    const auto events_of = [&](uint64_t revision, const Bytes& value, std::optional<Bytes> before) {
        ChangeSet made = change(revision, {{"a/x", value}});
        if (value.empty()) made.events[0].type = EventType::erase;
        hub.feed.add(made, {std::move(before)});
        for (const auto& message : hub.flush(revision).feed) {
            if (message.channel == even) return message.changes.at(0).events;
        }
        return std::vector<Event>();
    };
    const Bytes even_value = "22", odd_value = "21";
    REQUIRE(test::is_even(even_value));
    REQUIRE_FALSE(test::is_even(odd_value));
    const auto gone = [](uint64_t revision) { return Event{EventType::erase, {"a/x", "", {}, {revision}, 0, {}}}; };
    CHECK(events_of(1, odd_value, std::nullopt).empty());
    CHECK(events_of(2, even_value, odd_value) == change(2, {{"a/x", even_value}}).events);
    CHECK(events_of(3, odd_value, even_value) == std::vector{gone(3)});
    CHECK(events_of(4, odd_value, odd_value).empty());
    CHECK(events_of(5, "", odd_value).empty());
    CHECK(events_of(6, "", even_value) == std::vector{gone(6)});
    CHECK(events_of(7, Bytes(limits::feed_value_bytes_max + 1, 'x') + "y", even_value) == std::vector{gone(7)});
}

TEST_CASE("feed: when its last channel by content is closed, replaced values are no longer wanted") {
    Hub hub;
    hub.open("even", "a/");
    CHECK(hub.feed.wants_values_before());
    for (uint64_t now = 1000; now <= 30'000; now += 1000) hub.tick(now);
    CHECK(hub.feed.channel_count() == 0);
    CHECK_FALSE(hub.feed.wants_values_before());
}

TEST_CASE("feed: equal filters share a channel, and one filter too many is served by the channel of all keys") {
    Hub hub(2);
    const auto a = hub.open("prefix", "a/"), b = hub.open("prefix", "b/");
    CHECK(hub.open("prefix", "a/") == a);
    CHECK(a != b);
    const auto broad = hub.open("prefix", "c/");
    CHECK(broad == hub.open("exact", "d"));
    CHECK(hub.try_open("prefix", "a/").exact);
    CHECK_FALSE(hub.try_open("prefix", "c/").exact);
    hub.feed.add(change(1, {{"zzz", "1"}}));
    const auto published = hub.flush(1);
    REQUIRE(published.feed.size() == 1);
    CHECK(published.feed[0].channel == broad);
    CHECK(hub.feed.channel_count() == 3);
}

TEST_CASE("feed: a filter made to have the id of the channel of all keys does not become that channel") {
    Hub hub(1);
    const Bytes forged = "collision/\xdf\xd4\x6d\xe9\x83\x90\x97\xdb\x41\x69\x8f\x74\xd2\xc4\xfb\x17";
    const ChannelId everything = (*hub.filters.compile({"prefix", ""}))->channel();
    REQUIRE((*hub.filters.compile({"exact", forged}))->channel() == everything);
    const auto reply = hub.try_open("exact", forged);
    CHECK(reply.channel == everything);
    CHECK_FALSE(reply.exact);
    CHECK(hub.open("prefix", "one too many") == everything);
    hub.feed.add(change(1, {{"one too many/a", "1"}, {forged, "1"}}));
    const auto published = hub.flush(1);
    REQUIRE(published.feed.size() == 1);
    CHECK(published.feed[0].changes.at(0).events.size() == 2);
    CHECK(hub.try_open("prefix", "").exact);
}

TEST_CASE("feed: a value over 64 KiB is only announced, and splits the message around it") {
    Hub hub;
    hub.open("prefix", "");
    hub.feed.add(change(1, {{"a", "1"}}));
    hub.feed.add(change(2, {{"b", Bytes(limits::feed_value_bytes_max + 1, 'x')}, {"c", "1"}}));
    hub.feed.add(change(3, {{"d", "1"}}));
    const auto published = hub.flush(3).feed;
    REQUIRE(published.size() == 3);
    CHECK_FALSE(published[0].fetch);
    CHECK(published[0].to == Revision{1});
    CHECK(published[1].fetch);
    CHECK(published[1].from == Revision{1});
    CHECK(published[1].to == Revision{2});
    CHECK(published[1].changes.empty());
    CHECK(published[2].from == Revision{2});
    CHECK(published[2].to == Revision{3});
    CHECK(published[2].changes.size() == 1);
}

TEST_CASE("feed: 1 MiB of changes goes out as messages of at most 256 KiB whose intervals join") {
    Hub hub;
    hub.open("prefix", "");
    for (uint64_t revision = 1; revision <= 32; ++revision) hub.feed.add(change(revision, {{"k", Bytes(32 * 1024, 'x')}}));
    std::vector<feed::Message> messages;
    hub.feed.flush({32}, 0, messages);
    CHECK(messages.size() > 3);
    for (const auto& message : messages) CHECK(message->size() <= limits::feed_message_bytes_max);
    Revision known;
    size_t changes = 0;
    for (const auto& message : Hub::read(messages).feed) {
        CHECK(message.from == known);
        known = message.to;
        changes += message.changes.size();
    }
    CHECK(known == Revision{32});
    CHECK(changes == 32);
}

TEST_CASE("feed: a change set that fits no message is only announced") {
    Hub hub;
    hub.open("prefix", "");
    ChangeSet large = change(1, {});
    for (int i = 0; i < 10; ++i) {
        large.events.push_back({EventType::put, {std::to_string(i), Bytes(32 * 1024, 'x'), {1}, {1}, 1, {}}});
    }
    hub.feed.add(large);
    const auto published = hub.flush(1).feed;
    REQUIRE(published.size() == 1);
    CHECK(published[0].fetch);
}

TEST_CASE("feed: a mark comes 150 ms after the last change and every second, and lists a change twice") {
    Hub hub;
    const auto channel = hub.subscribed("prefix", "a/");
    hub.subscribed("prefix", "b/");
    hub.feed.add(change(1, {{"a/x", "1"}}));
    hub.flush(1, 100);
    CHECK(hub.feed.wake_at_ms() == 250);
    CHECK(hub.tick(249).marks.empty());
    const auto first = hub.tick(250).marks;
    REQUIRE(first.size() == 1);
    CHECK(first[0].revision == Revision{1});
    CHECK(first[0].changed == std::vector<std::pair<ChannelId, Revision>>{{channel, {1}}});
    CHECK(hub.feed.wake_at_ms() == 1250);
    const auto second = hub.tick(1250).marks, third = hub.tick(2250).marks;
    REQUIRE(second.size() == 1);
    REQUIRE(third.size() == 1);
    CHECK(second[0].changed == first[0].changed);
    CHECK(third[0].changed.empty());
    CHECK(second[0].sequence == first[0].sequence + 1);
    CHECK(third[0].sequence == first[0].sequence + 2);
}

TEST_CASE("feed: under constant change marks still come every second") {
    Hub hub;
    hub.subscribed("prefix", "a/");
    size_t marks = 0;
    for (uint64_t now = 1; now <= 5000; now += 10) {
        hub.feed.add(change(now, {{"a/x", "1"}}));
        hub.flush(now, now);
        marks += hub.tick(now).marks.size();
    }
    CHECK(marks >= 4);
}

TEST_CASE("feed: a channel that nobody subscribes is closed after 30 s, not before four marks") {
    Hub hub;
    hub.open("prefix", "a/");
    for (uint64_t now = 1000; now < 30'000; now += 1000) hub.tick(now);
    CHECK(hub.feed.channel_count() == 1);
    hub.tick(30'000);
    CHECK(hub.feed.channel_count() == 0);

    SECTION("a hub that slept does not close it at once") {
        hub.open("prefix", "a/", 40'000);
        for (int i = 0; i < 4; ++i) {
            hub.tick(140'000 + 1000 * i);
            CHECK(hub.feed.channel_count() == 1);
        }
        hub.tick(144'000);
        CHECK(hub.feed.channel_count() == 0);
    }
    SECTION("a subscriber keeps it") {
        const auto id = hub.open("prefix", "a/", 40'000);
        hub.feed.on_topic(id, true, 40'000);
        for (uint64_t now = 41'000; now < 100'000; now += 1000) hub.tick(now);
        CHECK(hub.feed.channel_count() == 1);
    }
    SECTION("also one whose subscription came before the channel was opened") {
        auto filter = hub.filters.compile({"prefix", "a/"});
        hub.feed.on_topic((*filter)->channel(), true, 40'000);
        hub.open("prefix", "a/", 41'000);
        for (uint64_t now = 42'000; now < 100'000; now += 1000) hub.tick(now);
        CHECK(hub.feed.channel_count() == 1);
    }
}

TEST_CASE(
    "feed: 5,000 topics that no channel has are forgotten in part, and the forgotten keep no channel once they ended") {
    constexpr uint64_t topics = 5000;
    Hub hub;
    const ChannelId forgotten = (*hub.filters.compile({"prefix", "a/"}))->channel();
    for (uint64_t topic = 1; topic <= topics; ++topic) hub.feed.on_topic({topic}, true, 0);
    hub.feed.on_topic(forgotten, true, 0);
    hub.open("prefix", "a/");
    hub.open("prefix", "b/");
    for (uint64_t topic = 1; topic <= topics; ++topic) hub.feed.on_topic({topic}, false, 1000);
    uint64_t now = 1000;
    for (; now < 60'000; now += 1000) hub.tick(now);
    CHECK(hub.feed.channel_count() == 2);  // one of them is subscribed, nobody knows which
    hub.feed.on_topic(forgotten, false, now);
    for (const uint64_t end = now + 40'000; now < end; now += 1000) hub.tick(now);
    CHECK(hub.feed.channel_count() == 0);
    hub.open("prefix", "c/", now);
    for (const uint64_t end = now + 40'000; now < end; now += 1000) hub.tick(now);
    CHECK(hub.feed.channel_count() == 0);
}

TEST_CASE("feed: matching a change costs about the same with 1000 channels as with 10") {
    const auto cost_ns = [](size_t channels) {
        Hub hub(1100);
        for (size_t i = 0; i < channels; ++i) {
            hub.open(i % 2 == 0 ? "exact" : "prefix", "fleet/service-" + std::to_string(i) + (i % 2 == 0 ? "/key" : "/"));
        }
        const auto started = std::chrono::steady_clock::now();
        for (uint64_t revision = 1; revision <= 20'000; ++revision) {
            hub.feed.add(change(revision, {{"fleet/service-3/key-of-some-length", "value"}}));
            hub.flush(revision);
        }
        return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - started).count() / 20'000;
    };
    // Whoever else runs on this machine makes it slower, never quicker.
    const auto best_ns = [&](size_t channels) {
        return std::min({cost_ns(channels), cost_ns(channels), cost_ns(channels)});
    };
    const double few = best_ns(10), many = best_ns(1000);
    INFO("ns per change: " << few << " with 10 channels, " << many << " with 1000");
    CHECK(many < 4 * few);  // far from the hundredfold of asking each channel
}
