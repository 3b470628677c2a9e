// Encrypted sockets of transport_zmq: who is let in, who is not, who is put out.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "sdk/testing/transport_driver.hpp"
#include "tests/conformance/transport/zmq_peer.hpp"
#include "tests/unit/transports/zmq/topics.hpp"
#include "transports/zmq/gate.hpp"
#include "transports/zmq/options.hpp"

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_transport_zmq(const belfry_host_v1*, belfry_error*);

namespace belfry::transports::zmq {

namespace {

using namespace belfry::testing;

// What must not happen happens, if at all, as soon as a handshake is over.
constexpr auto while_refused = 300ms;

CurveKeys new_keys() {
    char public_key[curve_key_characters + 1] = {}, secret_key[curve_key_characters + 1] = {};
    REQUIRE(zmq_curve_keypair(public_key, secret_key) == 0);
    return {public_key, secret_key};
}

class KeyFile {
public:
    explicit KeyFile(const CurveKeys& keys, mode_t mode = 0600) {
        path_ = "/tmp/belfry-curve-XXXXXX";
        ::close(::mkstemp(path_.data()));
        std::ofstream(path_) << "# a comment\npublic_key = \"" << keys.public_key << "\"\nsecret_key = \""
                             << keys.secret_key << "\"\n";
        ::chmod(path_.c_str(), mode);
    }
    ~KeyFile() { ::unlink(path_.c_str()); }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

using SettingList = std::vector<std::pair<std::string, std::string>>;

struct Server {
    explicit Server(SettingList more = {}, bool told = true) {
        SettingList settings = {
            {"request_endpoint", "tcp://127.0.0.1:*"}, {"feed_endpoint", "tcp://127.0.0.1:*"}, {"key_file", file.path()}};
        settings.insert(settings.end(), more.begin(), more.end());
        auto opened = told ? OpenTransport::open(&belfry_plugin_entry_transport_zmq, host, settings)
                           : OpenTransport::open_untold(&belfry_plugin_entry_transport_zmq, host, settings);
        if (!opened) FAIL(opened.error().detail);
        transport.emplace(*std::move(opened));
    }
    CurveKeys keys = new_keys();
    KeyFile file{keys};
    RecordingHost host;
    std::optional<OpenTransport> transport;
};

void encrypt(ZmqSocket& socket, const CurveKeys& own, const std::string& server_key) {
    socket.set(ZMQ_CURVE_SERVERKEY, server_key);
    socket.set(ZMQ_CURVE_PUBLICKEY, own.public_key);
    socket.set(ZMQ_CURVE_SECRETKEY, own.secret_key);
}

std::unique_ptr<ZmqSocket> client_of(Server& server, const CurveKeys& own) {
    auto socket = std::make_unique<ZmqSocket>(ZMQ_DEALER);
    encrypt(*socket, own, server.keys.public_key);
    REQUIRE(socket->connect(server.transport->endpoint("request")));
    return socket;
}

std::unique_ptr<ZmqSocket> subscriber_of(Server& server, const CurveKeys& own) {
    auto socket = std::make_unique<ZmqSocket>(ZMQ_SUB);
    encrypt(*socket, own, server.keys.public_key);
    socket->set(ZMQ_SUBSCRIBE, channel);
    socket->set(ZMQ_SUBSCRIBE, token);
    REQUIRE(socket->connect(server.transport->endpoint("feed")));
    return socket;
}

// Reads until it comes. Others with the same token make more join answers come, in between.
bool hears(ZmqSocket& subscriber, const Bytes& message, std::chrono::milliseconds wait = patience) {
    const auto end = std::chrono::steady_clock::now() + wait;
    while (std::chrono::steady_clock::now() < end) {
        if (subscriber.receive(moment) == message) return true;
    }
    return false;
}

bool joins(ZmqSocket& subscriber, std::chrono::milliseconds wait = patience) {
    return hears(subscriber, token + "joined", wait);
}

// Frames that came so far; what is refused never comes.
size_t frames_after(RecordingHost& host, std::chrono::milliseconds wait) {
    std::this_thread::sleep_for(wait);
    return host.frames(0).size();
}

}  // namespace

TEST_CASE("curve: any key is let in by default, and the host hears whose frames they are", "[zmq][curve]") {
    Server server;
    const CurveKeys own = new_keys();
    auto client = client_of(server, own);
    client->send("hello");
    const auto frames = server.host.frames(1);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].second == "hello");
    CHECK(server.host.key_of(frames[0].first) == own.public_key);
    FrameSource source;
    server.transport->send(frames[0].first, source.frame("answer"));
    server.transport->flush();
    CHECK(client->receive(patience) == "answer");
    CHECK(joins(*subscriber_of(server, own)));
}

TEST_CASE("curve: without a key, or with another server's, nobody gets in", "[zmq][curve]") {
    Server server;
    ZmqSocket plain(ZMQ_DEALER);
    REQUIRE(plain.connect(server.transport->endpoint("request")));
    plain.send("hello");
    ZmqSocket wrong(ZMQ_DEALER);
    encrypt(wrong, new_keys(), new_keys().public_key);
    REQUIRE(wrong.connect(server.transport->endpoint("request")));
    wrong.send("hello");
    ZmqSocket listener(ZMQ_SUB);
    listener.set(ZMQ_SUBSCRIBE, "");
    REQUIRE(listener.connect(server.transport->endpoint("feed")));
    CHECK(frames_after(server.host, while_refused) == 0);
    FrameSource source;
    auto known = subscriber_of(server, new_keys());
    REQUIRE(joins(*known));
    server.transport->publish(source.frame(channel + "secret"));
    server.transport->flush();
    CHECK(hears(*known, channel + "secret"));
    CHECK_FALSE(listener.receive(moment));
}

TEST_CASE("curve: known clients alone: those of the settings, then those that the host names", "[zmq][curve]") {
    const CurveKeys fixed = new_keys(), later = new_keys(), stranger = new_keys();
    Server server(SettingList{{"clients", "known"}, {"client_keys", fixed.public_key}}, false);
    auto first = client_of(server, fixed);
    first->send("fixed");
    REQUIRE(server.host.frames(1).size() == 1);

    // Before the host has said whom it knows, a stranger is told to come again: libzmq does so by itself.
    auto patient = client_of(server, later);
    patient->send("later");
    CHECK(frames_after(server.host, while_refused) == 1);
    server.transport->set_keys(true, {later.public_key}, {});
    REQUIRE(server.host.frames(2).size() == 2);

    // Afterwards he is refused for good, and a new socket is let in once he is known.
    auto refused = client_of(server, stranger);
    refused->send("stranger");
    CHECK(frames_after(server.host, while_refused) == 2);
    server.transport->set_keys(true, {later.public_key, stranger.public_key}, {});
    CHECK(frames_after(server.host, while_refused) == 2);
    auto again = client_of(server, stranger);
    again->send("stranger");
    CHECK(server.host.frames(3).size() == 3);
    const auto lines = server.host.lines(1);
    REQUIRE_FALSE(lines.empty());
    CHECK(lines[0] == "a client was refused: its key is not known");
}

TEST_CASE("curve: a client whose key is known no more is put out at once and stays out", "[zmq][curve]") {
    const CurveKeys kept = new_keys(), revoked = new_keys();
    Server server(SettingList{{"clients", "known"}});
    server.transport->set_keys(true, {kept.public_key, revoked.public_key}, {});
    auto stays = client_of(server, kept);
    auto goes = client_of(server, revoked);
    stays->send("1");
    REQUIRE(server.host.frames(1).size() == 1);
    goes->send("2");
    const auto frames = server.host.frames(2);
    REQUIRE(frames.size() == 2);

    server.transport->set_keys(true, {kept.public_key}, {});
    CHECK(server.host.closed(1) == std::vector<uint64_t>{frames[1].first});
    goes->send("3");
    CHECK(frames_after(server.host, while_refused) == 2);
    stays->send("4");
    CHECK(server.host.frames(3).back().second == "4");
}

TEST_CASE("curve: the feed is for those who may read everything; who loses that hears nothing more", "[zmq][curve]") {
    const CurveKeys reader = new_keys(), other = new_keys(), restricted = new_keys();
    Server server;
    server.transport->set_keys(false, {}, {reader.public_key, other.public_key});
    auto listens = subscriber_of(server, reader);
    auto listens_too = subscriber_of(server, other);
    auto refused = subscriber_of(server, restricted);
    REQUIRE(joins(*listens));
    REQUIRE(joins(*listens_too));
    CHECK_FALSE(joins(*refused, while_refused));
    auto asks = client_of(server, restricted);
    asks->send("a request");
    CHECK(server.host.frames(1).size() == 1);

    FrameSource source;
    server.transport->set_keys(false, {}, {reader.public_key});
    server.transport->publish(source.frame(channel + "secret"));
    server.transport->flush();
    CHECK(hears(*listens, channel + "secret"));
    CHECK_FALSE(hears(*listens_too, channel + "secret", while_refused));
}

TEST_CASE("curve: until the host has told, nobody gets to the feed, and afterwards libzmq comes again", "[zmq][curve]") {
    Server server({}, false);
    auto early = subscriber_of(server, new_keys());
    CHECK_FALSE(joins(*early, while_refused));
    CHECK(server.transport->stats().subscriptions == 0);
    server.transport->set_keys(true, {}, {});
    CHECK(joins(*early));
}

TEST_CASE("curve: without keys a subscriber waits until the host has told whom the feed is for", "[zmq][curve]") {
    RecordingHost host;
    auto opened =
        OpenTransport::open_untold(&belfry_plugin_entry_transport_zmq, host,
                                   {{"request_endpoint", "tcp://127.0.0.1:*"}, {"feed_endpoint", "tcp://127.0.0.1:*"}});
    REQUIRE(opened);
    OpenTransport transport = *std::move(opened);
    ZmqSocket early(ZMQ_SUB);
    early.set(ZMQ_SUBSCRIBE, channel);
    early.set(ZMQ_SUBSCRIBE, token);
    REQUIRE(early.connect(transport.endpoint("feed")));
    REQUIRE(host.topics(1).size() == 1);
    FrameSource source;
    transport.publish(source.frame(channel + "secret"));
    transport.flush();
    CHECK_FALSE(hears(early, channel + "secret", while_refused));
    transport.set_keys(true, {}, {});
    transport.publish(source.frame(channel + "for all"));
    transport.flush();
    CHECK(hears(early, channel + "for all"));
    CHECK(transport.stats().joins == 0);
}

TEST_CASE("curve: without keys a feed that is not for everybody is for nobody", "[zmq][curve]") {
    RecordingHost host;
    auto opened = OpenTransport::open(&belfry_plugin_entry_transport_zmq, host,
                                      {{"request_endpoint", "tcp://127.0.0.1:*"}, {"feed_endpoint", "tcp://127.0.0.1:*"}});
    REQUIRE(opened);
    OpenTransport transport = *std::move(opened);
    ZmqSocket early(ZMQ_SUB), late(ZMQ_SUB);
    for (ZmqSocket* socket : {&early, &late}) {
        socket->set(ZMQ_SUBSCRIBE, channel);
        socket->set(ZMQ_SUBSCRIBE, token);
    }
    REQUIRE(early.connect(transport.endpoint("feed")));
    REQUIRE(joins(early));
    transport.set_keys(false, {}, {});
    REQUIRE(late.connect(transport.endpoint("feed")));
    CHECK_FALSE(joins(late, while_refused));
    FrameSource source;
    transport.publish(source.frame(channel + "secret"));
    transport.flush();
    CHECK_FALSE(hears(early, channel + "secret", while_refused));
    CHECK_FALSE(hears(late, channel + "secret", moment));
    CHECK(source.released() == 1);

    transport.set_keys(true, {}, {});
    REQUIRE(joins(early));
    transport.publish(source.frame(channel + "open again"));
    transport.flush();
    CHECK(hears(early, channel + "open again"));
    transport.close();
}

TEST_CASE("curve: a socket that lets strangers in is found by the proof, and so is a gate that is not asked",
          "[zmq][curve]") {
    const CurveKeys server = new_keys();
    Options options;
    options.keys = server;
    const Context context(1);
    const Admission admission(options, true);
    RecordingHost host;
    auto gate = Gate::open(context, admission, plugin::Host(host.logger()));
    REQUIRE(gate);
    const auto bound = [&](int type, const char* domain) {
        auto socket = Socket::open(context, type);
        REQUIRE(socket);
        if (domain != nullptr) {
            REQUIRE(socket->encrypt(server, domain));
        } else {  // as if ZAP were forgotten
            REQUIRE(socket->set(ZMQ_CURVE_SERVER, 1));
            REQUIRE(zmq_setsockopt(socket->handle(), ZMQ_CURVE_SECRETKEY, server.secret_key.c_str(), 40) == 0);
        }
        REQUIRE(socket->bind("tcp://127.0.0.1:*", "nothing"));
        return *std::move(socket);
    };
    const Socket good = bound(ZMQ_ROUTER, Gate::requests_domain);
    CHECK((*gate)->prove(context, good.endpoint(), Gate::requests_domain, server).ok());
    const Socket feed = bound(ZMQ_XPUB, Gate::feed_domain);
    CHECK((*gate)->prove(context, feed.endpoint(), Gate::feed_domain, server).ok());

    const Socket open = bound(ZMQ_ROUTER, nullptr);
    const Status proved = (*gate)->prove(context, open.endpoint(), Gate::requests_domain, server);
    REQUIRE_FALSE(proved.ok());
    CHECK(proved.error().code == Code::incompatible);
    const Socket open_feed = bound(ZMQ_XPUB, nullptr);
    CHECK_FALSE((*gate)->prove(context, open_feed.endpoint(), Gate::feed_domain, server).ok());
}

TEST_CASE("curve: key files and keys that are none are refused with what to type", "[zmq][curve]") {
    const auto refusal = [](const SettingList& more) {
        SettingList settings = {{"request_endpoint", "tcp://0.0.0.0:*"}, {"feed_endpoint", "tcp://0.0.0.0:*"}};
        settings.insert(settings.end(), more.begin(), more.end());
        const auto options = parse_options({settings.begin(), settings.end()});
        return options ? std::string() : options.error().detail;
    };
    const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
    const KeyFile good(new_keys()), readable(new_keys(), 0644), empty(CurveKeys{"x", "y"});
    CHECK(refusal({{"key_file", good.path()}}).empty());  // with keys other machines may reach it
    CHECK(has(refusal({}), "belfry keygen"));
    CHECK(has(refusal({{"key_file", "/nowhere/key"}}), "make one with: belfry keygen /nowhere/key"));
    CHECK(has(refusal({{"key_file", readable.path()}}), "chmod 600"));
    CHECK(has(refusal({{"key_file", empty.path()}}), "does not hold"));
    CHECK(has(refusal({{"clients", "all"}}), "any or known"));
    CHECK(has(refusal({{"client_keys", "short"}}), "is no public key"));
}

}  // namespace belfry::transports::zmq
