// Every transport passes the same stories.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <memory>

#include "sdk/base/limits.hpp"
#include "sdk/testing/transport_driver.hpp"
#include "tests/conformance/transport/local_peer.hpp"
#include "tests/conformance/transport/zmq_peer.hpp"
#include "transports/inproc/inproc.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_transport_zmq(const belfry_host_v1*, belfry_error*);
extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_transport_local(const belfry_host_v1*, belfry_error*);
extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_transport_inproc(const belfry_host_v1*, belfry_error*);

namespace belfry::testing {

namespace {

// One client, however it is connected.
class Peer {
public:
    virtual ~Peer() = default;
    virtual void send(BytesView frame) = 0;
    virtual std::optional<Bytes> receive(std::chrono::milliseconds timeout) = 0;
    virtual void subscribe(BytesView topic) = 0;
    virtual void unsubscribe(BytesView topic) = 0;
    virtual std::optional<Bytes> receive_feed(std::chrono::milliseconds timeout) = 0;
};

class ZmqPeer : public Peer {
public:
    explicit ZmqPeer(OpenTransport& transport) {
        REQUIRE(requests_.connect(transport.endpoint("request")));
        REQUIRE(feed_.connect(transport.endpoint("feed")));
    }
    void send(BytesView frame) override { REQUIRE(requests_.send(frame)); }
    std::optional<Bytes> receive(std::chrono::milliseconds timeout) override { return requests_.receive(timeout); }
    void subscribe(BytesView topic) override { feed_.set(ZMQ_SUBSCRIBE, topic); }
    void unsubscribe(BytesView topic) override { feed_.set(ZMQ_UNSUBSCRIBE, topic); }
    std::optional<Bytes> receive_feed(std::chrono::milliseconds timeout) override { return feed_.receive(timeout); }

private:
    ZmqSocket requests_{ZMQ_DEALER};
    ZmqSocket feed_{ZMQ_SUB};
};

class LocalPeer : public Peer {
public:
    explicit LocalPeer(OpenTransport& transport) : socket_(transport.endpoint("request")) { REQUIRE(socket_.connected()); }
    void send(BytesView frame) override { REQUIRE(socket_.send('R', frame)); }
    std::optional<Bytes> receive(std::chrono::milliseconds timeout) override { return socket_.receive('R', timeout); }
    void subscribe(BytesView topic) override { REQUIRE(socket_.send('S', topic)); }
    void unsubscribe(BytesView topic) override { REQUIRE(socket_.send('U', topic)); }
    std::optional<Bytes> receive_feed(std::chrono::milliseconds timeout) override { return socket_.receive('F', timeout); }

private:
    LocalSocket socket_;
};

class InprocPeer : public Peer {
public:
    InprocPeer() : client_(std::move(transports::inproc::Client::connect("conformance").value())) {}
    void send(BytesView frame) override { REQUIRE(client_->send(frame).ok()); }
    std::optional<Bytes> receive(std::chrono::milliseconds timeout) override { return client_->receive(timeout); }
    void subscribe(BytesView topic) override { REQUIRE(client_->subscribe(topic).ok()); }
    void unsubscribe(BytesView topic) override { client_->unsubscribe(topic); }
    std::optional<Bytes> receive_feed(std::chrono::milliseconds timeout) override { return client_->receive_feed(timeout); }

private:
    std::unique_ptr<transports::inproc::Client> client_;
};

struct Kind {
    const char* name;
    belfry_plugin_entry_function entry;
    std::vector<std::pair<std::string, std::string>> settings;

    OpenTransport open(RecordingHost& host) const {
        Result<OpenTransport> opened = OpenTransport::open(entry, host, settings);
        if (!opened) {
            FAIL(opened.error().detail);
        }
        return std::move(opened).value();
    }
    std::unique_ptr<Peer> connect(OpenTransport& transport) const {
        if (std::string(name) == "zmq") {
            return std::make_unique<ZmqPeer>(transport);
        }
        if (std::string(name) == "local") {
            return std::make_unique<LocalPeer>(transport);
        }
        return std::make_unique<InprocPeer>();
    }
};

const Kind& any_kind() {
    static const std::vector<Kind> kinds{
        {"zmq",
         &belfry_plugin_entry_transport_zmq,
         {{"request_endpoint", "tcp://127.0.0.1:*"}, {"feed_endpoint", "tcp://127.0.0.1:*"}}},
        {"inproc", &belfry_plugin_entry_transport_inproc, {{"name", "conformance"}}},
        {"local",
         &belfry_plugin_entry_transport_local,
         {{"request_endpoint", "ipc:///tmp/belfry-transport-test-" + std::to_string(::getpid())}}},
    };
    return kinds[GENERATE(as<size_t>{}, 0, 1, 2)];
}

Bytes channel(char last) { return "E1234567" + Bytes(1, last); }
Bytes token(char last) { return "T123456789abcdef" + Bytes(1, last); }

// Subscribes and waits until it is in force.
void join(Peer& peer, const std::vector<Bytes>& topics, char token_end) {
    for (const Bytes& topic : topics) {
        peer.subscribe(topic);
    }
    peer.subscribe(token(token_end));
    REQUIRE(peer.receive_feed(patience) == token(token_end) + "joined");
}

}  // namespace

TEST_CASE("transport: a frame comes in, its answer goes to the one who asked", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = kind.open(host);
    const auto first = kind.connect(transport);
    const auto second = kind.connect(transport);

    first->send("from the first");
    const auto frames_of_one = host.frames(1);
    second->send("from the second");
    const auto frames = host.frames(2);
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].second == "from the first");
    CHECK(frames[1].second == "from the second");
    CHECK(frames[0].first != 0);
    CHECK(frames[0].first != frames[1].first);

    transport.send(frames[1].first, source.frame("to the second"));
    transport.send(frames[0].first, source.frame("to the first"));
    transport.flush();
    CHECK(first->receive(patience) == "to the first");
    CHECK(second->receive(patience) == "to the second");
    CHECK_FALSE(first->receive(moment));
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("transport: answers of 1 octet, 4 KiB and 2 MiB arrive whole and in order", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = kind.open(host);
    const auto peer = kind.connect(transport);
    peer->send("hello");
    const auto frames = host.frames(1);
    REQUIRE(frames.size() == 1);
    const uint64_t connection = frames[0].first;
    const std::vector<Bytes> answers{"a", Bytes(4096, 'b'), Bytes(limits::frame_bytes_max, 'c'), "d"};
    for (const Bytes& answer : answers) {
        transport.send(connection, source.frame(answer));
    }
    transport.flush();
    for (const Bytes& answer : answers) {
        CHECK(peer->receive(patience) == answer);
    }
    CHECK(transport.stats().frames_sent == answers.size());
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("transport: 20,000 frames of one connection keep their order both ways", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    constexpr int count = 20'000;
    constexpr int window = 2'000;
    RecordingHost host;
    std::atomic<OpenTransport*> open = nullptr;
    host.answer = [&](uint64_t connection, BytesView frame) {
        open.load()->send(connection, plugin::Frame::of(Bytes(frame)).take());
        open.load()->flush();
        return belfry_status{BELFRY_OK};
    };
    OpenTransport transport = kind.open(host);
    open = &transport;
    const auto peer = kind.connect(transport);
    int received = 0;
    for (int sent = 0; received < count;) {
        while (sent < count && sent - received < window) {
            peer->send(std::to_string(sent++));
        }
        const auto answer = peer->receive(patience);
        REQUIRE(answer == std::to_string(received));
        ++received;
    }
    CHECK(transport.stats().frames_received == count);
}

TEST_CASE("transport: the feed reaches subscribers of the topic, in the order of publishing", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = kind.open(host);
    const auto one = kind.connect(transport);
    const auto both = kind.connect(transport);
    join(*one, {channel('1')}, '1');
    join(*both, {channel('1'), channel('2'), "M"}, '2');

    for (int i = 0; i < 100; ++i) {
        transport.publish(source.frame(channel('1') + std::to_string(i)));
        transport.publish(source.frame(channel('2') + std::to_string(i)));
    }
    transport.publish(source.frame("M the end"));
    transport.flush();
    for (int i = 0; i < 100; ++i) {
        REQUIRE(one->receive_feed(patience) == channel('1') + std::to_string(i));
        REQUIRE(both->receive_feed(patience) == channel('1') + std::to_string(i));
        REQUIRE(both->receive_feed(patience) == channel('2') + std::to_string(i));
    }
    CHECK(both->receive_feed(patience) == "M the end");
    CHECK_FALSE(one->receive_feed(moment));
    CHECK(transport.stats().frames_published >= 201);
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("transport: the host hears of a channel's first subscriber and of its last one's end", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    OpenTransport transport = kind.open(host);
    auto first = kind.connect(transport);
    auto second = kind.connect(transport);
    join(*first, {channel('1'), "M"}, '1');
    join(*second, {channel('1')}, '2');
    CHECK(host.topics(1) == RecordingHost::Topics{{channel('1'), true}});
    first->unsubscribe(channel('1'));
    join(*first, {}, '3');
    CHECK(host.topics(1).size() == 1);
    second.reset();
    CHECK(host.topics(2) == RecordingHost::Topics{{channel('1'), true}, {channel('1'), false}});
    first->subscribe(channel('1'));
    CHECK(host.topics(3).back() == std::pair<Bytes, bool>{channel('1'), true});
}

TEST_CASE("transport: a join is answered after everything published so far", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    constexpr int published = 300;
    RecordingHost host;
    OpenTransport transport = kind.open(host);
    const auto peer = kind.connect(transport);
    join(*peer, {channel('1')}, '1');

    for (int i = 0; i < published; ++i) {
        transport.publish(plugin::Frame::of(channel('1') + std::to_string(i)).take());
    }
    host.set_join_answer("at 300");
    transport.flush();
    peer->subscribe(token('2'));
    int seen = 0;
    for (;;) {
        const auto message = peer->receive_feed(patience);
        REQUIRE(message);
        if (message->front() == 'T') {
            CHECK(*message == token('2') + "at 300");
            break;
        }
        ++seen;
    }
    CHECK(seen == published);
    CHECK(transport.stats().joins == 2);
}

TEST_CASE("transport: an answer to a connection that never was is swallowed", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    FrameSource source;
    OpenTransport transport = kind.open(host);
    const auto peer = kind.connect(transport);
    transport.send(4711, source.frame("nobody"));
    transport.flush();
    peer->send("still alive?");
    CHECK(host.frames(1).size() == 1);
    transport.close();
    CHECK(source.released() == source.made());
}

TEST_CASE("transport: after close no callback comes and every frame is released", "[transport]") {
    const Kind& kind = any_kind();
    INFO(kind.name);
    auto host = std::make_unique<RecordingHost>();
    FrameSource source;
    auto transport = std::make_unique<OpenTransport>(kind.open(*host));
    const auto peer = kind.connect(*transport);
    join(*peer, {channel('1')}, '1');
    peer->send("before");
    const auto frames = host->frames(1);
    REQUIRE(frames.size() == 1);
    transport->send(frames[0].first, source.frame("the last answer"));
    transport->publish(source.frame(channel('1') + "the last change"));
    transport->close();  // sends what is queued, flushed or not
    host.reset();        // a callback from now on is a use after free
    CHECK(source.released() == source.made());
    CHECK(peer->receive(patience) == "the last answer");
    CHECK(peer->receive_feed(patience) == channel('1') + "the last change");
}

TEST_CASE("transport: an unknown setting is refused by name", "[transport]") {
    Kind kind = any_kind();
    INFO(kind.name);
    RecordingHost host;
    kind.settings.emplace_back("frobnicate", "1");
    const Result<OpenTransport> opened = OpenTransport::open(kind.entry, host, kind.settings);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == Code::invalid_argument);
    CHECK(opened.error().detail.find("frobnicate") != std::string::npos);
}

}  // namespace belfry::testing
