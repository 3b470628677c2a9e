// What only transport_zmq can get wrong: endpoints, peers that misbehave, high-water marks.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <unistd.h>
#include <cstdio>
#include <thread>

#include "sdk/testing/transport_driver.hpp"
#include "tests/conformance/transport/zmq_peer.hpp"
#include "tests/conformance/transport/zmtp_peer.hpp"
#include "tests/unit/transports/zmq/topics.hpp"
#include "transports/zmq/options.hpp"
#include "transports/zmq/outbox.hpp"
#include "transports/zmq/subscribers.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_transport_zmq(const belfry_host_v1*, belfry_error*);

namespace belfry::transports::zmq {

namespace {

using namespace belfry::testing;

using SettingList = std::vector<std::pair<std::string, std::string>>;

SettingList any_ports() { return {{"request_endpoint", "tcp://127.0.0.1:*"}, {"feed_endpoint", "tcp://127.0.0.1:*"}}; }

OpenTransport open(RecordingHost& host, const SettingList& settings = any_ports()) {
    Result<OpenTransport> opened = OpenTransport::open(&belfry_plugin_entry_transport_zmq, host, settings);
    if (!opened) {
        FAIL(opened.error().detail);
    }
    return std::move(opened).value();
}

Error refusal(const SettingList& settings) {
    RecordingHost host;
    const auto opened = OpenTransport::open(&belfry_plugin_entry_transport_zmq, host, settings);
    REQUIRE_FALSE(opened);
    return opened.error();
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void join(ZmqSocket& subscriber, OpenTransport& transport) {
    REQUIRE(subscriber.connect(transport.endpoint("feed")));
    subscriber.set(ZMQ_SUBSCRIBE, channel);
    subscriber.set(ZMQ_SUBSCRIBE, token);
    REQUIRE(subscriber.receive(patience) == token + "joined");
}

// What a subscriber sends for the channel with this number.
Bytes subscription(int number) {
    char text[11];
    std::snprintf(text, sizeof text, "\1E%08d", number);
    return text;
}

template <class Condition>
bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(1ms);
    }
    return condition();
}

}  // namespace

TEST_CASE("zmq: a port in use is a conflict that names the endpoint and the way out", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport first = open(host);
    for (const char* which : {"request", "feed"}) {
        SettingList settings = any_ports();
        settings[which == std::string("feed")].second = first.endpoint(which);
        const Error error = refusal(settings);
        CHECK(error.code == Code::conflict);
        CHECK(has(error.detail, first.endpoint(which)));
        CHECK(has(error.detail, std::string("listen.") + which + "_endpoint"));
    }
}

TEST_CASE("zmq: an endpoint that other machines can reach needs insecure = true", "[transport][zmq]") {
    for (const char* endpoint :
         {"tcp://0.0.0.0:*", "tcp://*:*", "tcp://192.0.2.1:7420", "tcp://eth0:7420", "tcp://[::]:7420"}) {
        INFO(endpoint);
        const Error error = refusal({{"request_endpoint", endpoint}, {"feed_endpoint", "tcp://127.0.0.1:*"}});
        CHECK(error.code == Code::denied);
        CHECK(has(error.detail, "insecure = true"));
        CHECK(has(error.detail, "CURVE"));
    }
    RecordingHost host;
    OpenTransport transport =
        open(host, {{"insecure", "true"}, {"request_endpoint", "tcp://0.0.0.0:*"}, {"feed_endpoint", "tcp://localhost:*"}});
    CHECK(transport.endpoint("request").starts_with("tcp://0.0.0.0:"));
}

TEST_CASE("zmq: bad settings are refused with the setting's name", "[transport][zmq]") {
    const auto detail = [](const plugin::Settings& settings) { return parse_options(settings).error().detail; };
    const plugin::Settings good = any_ports();
    const auto with = [&](const char* name, const char* value) {
        plugin::Settings settings = good;
        settings.emplace_back(name, value);
        return settings;
    };
    CHECK(parse_options(good).ok());
    CHECK(has(detail(with("request_endpoint", "udp://127.0.0.1:1")), "request_endpoint"));
    CHECK(has(detail(with("feed_endpoint", "tcp://127.0.0.1")), "feed_endpoint"));
    CHECK(has(detail(with("feed_endpoint", "tcp://127.0.0.1:70000")), "from 0 to 65535"));
    CHECK(has(detail(with("feed_endpoint", "")), "feed_endpoint"));
    CHECK(has(detail(with("io_threads", "0")), "io_threads"));
    CHECK(has(detail(with("max_frame_bytes", "1x")), "max_frame_bytes"));
    CHECK(has(detail(with("insecure", "yes")), "insecure"));
    CHECK(has(detail({}), "request_endpoint"));
}

TEST_CASE("zmq: ipc endpoints work", "[transport][zmq]") {
    const std::string path = "/tmp/belfry-zmq-test-" + std::to_string(::getpid());
    RecordingHost host;
    {
        OpenTransport transport =
            open(host, {{"request_endpoint", "ipc://" + path + "-r"}, {"feed_endpoint", "ipc://" + path + "-f"}});
        ZmqSocket client(ZMQ_DEALER);
        REQUIRE(client.connect(transport.endpoint("request")));
        client.send("hello");
        CHECK(host.frames(1).size() == 1);
    }
    std::remove((path + "-r").c_str());
    std::remove((path + "-f").c_str());
}

TEST_CASE("zmq: 1,000 joins in a row are answered", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmqSocket subscriber(ZMQ_SUB);
    join(subscriber, transport);
    for (int i = 0; i < 1000; ++i) {
        char again[18];
        std::snprintf(again, sizeof again, "T%016d", i);
        subscriber.set(ZMQ_SUBSCRIBE, again);
        REQUIRE(subscriber.receive(patience) == std::string(again) + "joined");
        subscriber.set(ZMQ_UNSUBSCRIBE, again);
    }
    CHECK(eventually([&] { return transport.stats().subscriptions == 2; }));
}

TEST_CASE("zmq: a burst of 20,000 messages, ten high-water marks, reaches a healthy subscriber whole", "[transport][zmq]") {
    constexpr int count = 20'000;
    constexpr int attempts_max = 5;  // a machine that stops its threads for long is not healthy; then try again
    bool whole = false;
    for (int attempt = 0; attempt < attempts_max && !whole; ++attempt) {
        RecordingHost host;
        OpenTransport transport = open(host);
        ZmqSocket subscriber(ZMQ_SUB);
        join(subscriber, transport);
        for (int i = 0; i < count; ++i) {
            transport.publish(plugin::Frame::of(channel + std::to_string(i)).take());
        }
        transport.flush();
        int received = 0;
        while (received < count && subscriber.receive(2s) == channel + std::to_string(received)) {
            ++received;
        }
        whole = received == count;
    }
    CHECK(whole);
}

TEST_CASE("zmq: 5,000 answers to a peer that sleeps through them all arrive, in order", "[transport][zmq]") {
    constexpr int count = 5000;
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = open(host);
    {
        ZmqSocket client(ZMQ_DEALER);
        client.set(ZMQ_RCVHWM, 10);
        client.set(ZMQ_RCVBUF, 4096);
        REQUIRE(client.connect(transport.endpoint("request")));
        client.send("hello");
        const auto frames = host.frames(1);
        REQUIRE(frames.size() == 1);
        const Bytes padding(2000, '.');
        for (int i = 0; i < count; ++i) {
            transport.send(frames[0].first, source.frame(std::to_string(i) + padding));
        }
        transport.flush();
        std::this_thread::sleep_for(200ms);
        for (int i = 0; i < count; ++i) {
            REQUIRE(client.receive(patience) == std::to_string(i) + padding);
        }
        CHECK(transport.stats().sends_refused == 0);
        CHECK(host.closed(0).empty());
    }
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("zmq: 64 answers of 1 MiB wait for a peer that sleeps, another one is served meanwhile", "[transport][zmq]") {
    constexpr int count = 64;
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = open(host);
    {
        ZmqSocket sleeper(ZMQ_DEALER);
        sleeper.set(ZMQ_RCVHWM, 1);
        sleeper.set(ZMQ_RCVBUF, 4096);
        ZmqSocket awake(ZMQ_DEALER);
        REQUIRE(sleeper.connect(transport.endpoint("request")));
        REQUIRE(awake.connect(transport.endpoint("request")));
        sleeper.send("sleeper");
        const uint64_t sleeping = host.frames(1).at(0).first;
        awake.send("awake");
        const uint64_t waking = host.frames(2).at(1).first;
        const Bytes padding(1024 * 1024, '.');
        for (int i = 0; i < count; ++i) {
            transport.send(sleeping, source.frame(std::to_string(i) + padding));
        }
        transport.send(waking, source.frame("at once" + padding));
        transport.flush();
        CHECK(awake.receive(patience) == "at once" + padding);
        CHECK(source.released() < source.made() - count / 2);
        for (int i = 0; i < count; ++i) {
            const bool as_sent = sleeper.receive(patience) == std::to_string(i) + padding;
            REQUIRE(as_sent);
        }
    }
    CHECK(transport.stats().sends_refused == 0);
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("zmq: a peer that reads nothing is disconnected at 100 answers of 1 MiB, or with a few after 5 s",
          "[transport][zmq]") {
    const Bytes padding(1024 * 1024, '.');
    const int count = GENERATE(100, 40);
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = open(host);
    ZmtpPeer sleeper(transport.endpoint("request"));
    REQUIRE(sleeper.greets_3_0("DEALER", patience));
    sleeper.send("sleeper");
    const uint64_t sleeping = host.frames(1).at(0).first;
    for (int i = 0; i < count; ++i) {
        transport.send(sleeping, source.frame(padding));
    }
    transport.flush();
    CHECK(eventually([&] { return !host.closed(1).empty(); }));
    CHECK(host.closed(1).at(0) == sleeping);
    CHECK(eventually([&] { return source.released() == source.made(); }));
    CHECK(sleeper.is_ended(patience));
    ZmqSocket awake(ZMQ_DEALER);
    REQUIRE(awake.connect(transport.endpoint("request")));
    awake.send("awake");
    transport.send(host.frames(2).at(1).first, source.frame("at once" + padding));
    transport.flush();
    CHECK(awake.receive(patience) == "at once" + padding);
}

TEST_CASE("zmq: an answer to a peer that left ends its connection for the host", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    uint64_t connection = 0;
    {
        ZmqSocket client(ZMQ_DEALER);
        REQUIRE(client.connect(transport.endpoint("request")));
        client.send("hello");
        connection = host.frames(1).at(0).first;
    }
    CHECK(eventually([&] {
        transport.send(connection, plugin::Frame::of("anybody there?").take());
        transport.flush();
        return !host.closed(0).empty();
    }));
    CHECK(host.closed(1).at(0) == connection);
    CHECK(transport.stats().sends_refused >= 1);
}

TEST_CASE("zmq: peers that do not keep to the form are disconnected and harm nobody", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmqSocket good(ZMQ_DEALER);
    ZmqSocket good_subscriber(ZMQ_SUB);
    REQUIRE(good.connect(transport.endpoint("request")));
    join(good_subscriber, transport);

    const auto ignored = [&](uint64_t count) {
        return eventually([&] { return transport.stats().frames_ignored >= count; });
    };
    ZmqSocket in_parts(ZMQ_DEALER);
    REQUIRE(in_parts.connect(transport.endpoint("request")));
    in_parts.send("one", ZMQ_SNDMORE);
    in_parts.send("two", ZMQ_SNDMORE);
    in_parts.send("three");
    CHECK(ignored(1));
    ZmqSocket named(ZMQ_DEALER);
    named.set(ZMQ_ROUTING_ID, "admin");
    REQUIRE(named.connect(transport.endpoint("request")));
    named.send("I am admin");
    CHECK(ignored(2));
    {
        ZmqSocket everything(ZMQ_SUB);
        everything.set(ZMQ_SUBSCRIBE, "");
        REQUIRE(everything.connect(transport.endpoint("feed")));
        CHECK(ignored(3));
        ZmqSocket talker(ZMQ_XSUB);
        REQUIRE(talker.connect(transport.endpoint("feed")));
        talker.send("I publish too");
        CHECK(ignored(4));
    }
    good.send("still served?");
    CHECK(host.frames(1) == RecordingHost::Frames{{host.frames(1).at(0).first, "still served?"}});
    transport.publish(plugin::Frame::of(channel + "still here").take());
    transport.flush();
    CHECK(good_subscriber.receive(patience) == channel + "still here");
    CHECK(host.topics(1).size() == 1);
    CHECK_FALSE(host.lines(1).empty());
}

TEST_CASE("zmq: a stranger's cancels close no channel that others have, the last subscriber's end does",
          "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    {
        ZmqSocket subscriber(ZMQ_SUB);
        join(subscriber, transport);
        ZmtpPeer stranger(transport.endpoint("feed"));
        REQUIRE(stranger.greets_3_0("SUB", patience));
        stranger.send('\0' + channel);
        // One that was subscribed leaves, once with a right to it.
        stranger.send('\1' + channel);
        stranger.send('\0' + channel);
        stranger.send('\0' + channel);
        stranger.send("\1Tfedcba9876543210");
        REQUIRE(stranger.hears("joined", patience));
        CHECK(host.topics(1) == RecordingHost::Topics{{channel, true}});
        transport.publish(plugin::Frame::of(channel + "still here").take());
        transport.flush();
        CHECK(subscriber.receive(patience) == channel + "still here");
    }
    CHECK(host.topics(2) == RecordingHost::Topics{{channel, true}, {channel, false}});
}

TEST_CASE("zmq: the last subscriber's own cancel closes a channel", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmqSocket subscriber(ZMQ_SUB);
    join(subscriber, transport);
    subscriber.set(ZMQ_UNSUBSCRIBE, channel);
    CHECK(host.topics(2) == RecordingHost::Topics{{channel, true}, {channel, false}});
}

TEST_CASE("zmq: a peer of ZMTP 2.0, whose cancels nothing tells from libzmq's own, is not let in", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmqSocket subscriber(ZMQ_SUB);
    join(subscriber, transport);
    ZmtpPeer old(transport.endpoint("feed"));
    old.greet_2_0();
    old.send('\0' + channel);
    CHECK(old.is_ended(patience));
    CHECK(host.topics(1) == RecordingHost::Topics{{channel, true}});
}

TEST_CASE("zmq subscribers: a topic ends with its last holder, and a doubt with the descriptors", "[transport][zmq]") {
    Subscribers subscribers;
    const auto sweep = [&](int closed) {
        std::vector<Bytes> ended;
        subscribers.sweep([&](int descriptor) { return descriptor != closed; },
                          [&](BytesView topic) { ended.emplace_back(topic); });
        return ended;
    };
    CHECK(subscribers.subscribe(5, channel));
    CHECK_FALSE(subscribers.subscribe(6, channel));
    CHECK_FALSE(subscribers.cancel(7, channel));
    CHECK_FALSE(subscribers.in_doubt());
    CHECK_FALSE(subscribers.cancel(6, channel));
    CHECK_FALSE(subscribers.cancel(6, channel));
    CHECK(subscribers.in_doubt());
    CHECK(sweep(6).empty());
    CHECK(sweep(5) == std::vector<Bytes>{channel});
    CHECK_FALSE(subscribers.in_doubt());
    CHECK(subscribers.subscribe(5, channel));
    CHECK_FALSE(subscribers.subscribe(6, channel));
    CHECK(subscribers.end(channel));
    CHECK_FALSE(subscribers.end(channel));
    CHECK(subscribers.topic_count() == 0);
    CHECK(subscribers.subscribe(6, channel));
    CHECK(subscribers.cancel(6, channel));
    subscribers.subscribe(5, channel);
    subscribers.subscribe(5, token);
    subscribers.subscribe(6, token);
    CHECK(subscribers.topics_of(5) == 2);
    std::vector<Bytes> ended;
    subscribers.forget(5, [&](BytesView topic) { ended.emplace_back(topic); });
    CHECK(ended == std::vector<Bytes>{channel});
    CHECK(subscribers.topics_of(5) == 0);
    CHECK(subscribers.has(token));
    CHECK(subscribers.end(token));
    CHECK(subscribers.topics_of(6) == 0);
}

TEST_CASE("zmq: a connection that asks for more than 512 topics is ended, and they with it", "[transport][zmq]") {
    constexpr int count = 513;
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmtpPeer greedy(transport.endpoint("feed"));
    REQUIRE(greedy.greets_3_0("SUB", patience));
    for (int i = 0; i < count; ++i) {
        greedy.send(subscription(i));
    }
    CHECK(greedy.is_ended(patience));
    CHECK(host.topics(2 * (count - 1)).size() == 2 * (count - 1));
    CHECK(transport.stats().subscriptions == 0);
    CHECK(transport.stats().frames_ignored == 1);
    ZmqSocket subscriber(ZMQ_SUB);
    join(subscriber, transport);
}

TEST_CASE("zmq: at 65,536 topics nobody gets a new one, but everybody those there are", "[transport][zmq]") {
    constexpr int peers = 128, topics = 512;
    RecordingHost host;
    OpenTransport transport = open(host);
    std::vector<std::unique_ptr<ZmtpPeer>> crowd;
    for (int peer = 0; peer < peers; ++peer) {
        crowd.push_back(std::make_unique<ZmtpPeer>(transport.endpoint("feed")));
        REQUIRE(crowd.back()->greets_3_0("SUB", patience));
        for (int i = 0; i < topics; ++i) {
            crowd.back()->send(subscription(peer * topics + i));
        }
    }
    REQUIRE(eventually([&] { return transport.stats().subscriptions == peers * topics; }));
    CHECK(transport.stats().frames_ignored == 0);
    ZmtpPeer modest(transport.endpoint("feed")), late(transport.endpoint("feed"));
    REQUIRE(late.greets_3_0("SUB", patience));
    late.send(subscription(peers * topics));
    CHECK(late.is_ended(patience));
    REQUIRE(modest.greets_3_0("SUB", patience));
    modest.send(subscription(7));
    CHECK(eventually([&] {
        transport.publish(plugin::Frame::of("E00000007 heard").take());
        transport.flush();
        return modest.hears("heard", moment);
    }));
    CHECK(transport.stats().frames_ignored == 1);
}

TEST_CASE("zmq: behind 50,000 messages no join is answered, afterwards the next one is", "[transport][zmq]") {
    RecordingHost host;
    OpenTransport transport = open(host);
    ZmqSocket subscriber(ZMQ_SUB), newcomer(ZMQ_SUB);
    join(subscriber, transport);
    for (int i = 0; i < 50'000; ++i) {
        transport.publish(plugin::Frame::of(channel).take());
    }
    transport.flush();
    REQUIRE(newcomer.connect(transport.endpoint("feed")));
    newcomer.set(ZMQ_SUBSCRIBE, "Ttoo early 123456");
    CHECK(eventually([&] { return transport.stats().subscriptions == 3; }));
    int number = 0;
    std::optional<Bytes> answer;
    CHECK(eventually([&] {
        char again[18];
        std::snprintf(again, sizeof again, "T%016d", ++number);
        newcomer.set(ZMQ_SUBSCRIBE, again);
        answer = newcomer.receive(moment);
        return answer.has_value();
    }));
    CHECK(answer.value_or("").substr(0, 2) == "T0");
    CHECK(number > 1);
    CHECK(transport.stats().joins < 2 + static_cast<uint64_t>(number));
}

TEST_CASE("zmq: a frame above max_frame_bytes ends the connection, not the hub", "[transport][zmq]") {
    RecordingHost host;
    SettingList settings = any_ports();
    settings.emplace_back("max_frame_bytes", "65536");
    OpenTransport transport = open(host, settings);
    ZmqSocket client(ZMQ_DEALER);
    REQUIRE(client.connect(transport.endpoint("request")));
    client.send(Bytes(65536, 'x'));
    CHECK(host.frames(1).size() == 1);
    ZmqSocket greedy(ZMQ_DEALER);
    REQUIRE(greedy.connect(transport.endpoint("request")));
    greedy.send(Bytes(65537, 'x'));
    client.send("still served?");
    const auto frames = host.frames(2);
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].second == "still served?");
}

TEST_CASE("zmq outbox: what was added is seen after the flush, and the bounds hold", "[transport][zmq]") {
    Outbox outbox(3, 100);
    std::vector<Outgoing> taken;
    CHECK(outbox.add({1, plugin::Frame::of("a")}));
    CHECK(outbox.add({2, plugin::Frame::of("b")}));
    CHECK_FALSE(outbox.take(taken));
    CHECK(outbox.prepare_sleep());
    outbox.flush();
    CHECK_FALSE(outbox.prepare_sleep());
    CHECK(outbox.take(taken));
    REQUIRE(taken.size() == 2);
    CHECK(taken[0].connection == 1);
    CHECK(outbox.add({3, plugin::Frame::of(Bytes(98, 'c'))}));
    CHECK_FALSE(outbox.add({4, plugin::Frame::of("too many frames")}));
    outbox.done(2, 2);
    CHECK(outbox.add({5, plugin::Frame::of("dd")}));
    CHECK_FALSE(outbox.add({6, plugin::Frame::of("too many octets")}));
}

}  // namespace belfry::transports::zmq
