// Encrypted daemons: who gets in, who does not, and how clients find out.
#include <sys/stat.h>
#include <zmq.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <thread>

#include "sdk/client/curve.hpp"
#include "sdk/client/subscription.hpp"
#include "sdk/protocol/auth_records.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

struct KeyPair {
    std::string file;
    std::string public_key;
};

// As an operator makes them.
KeyPair keygen(const TemporaryDirectory& directory, const std::string& name) {
    KeyPair keys{directory.path() + "/" + name + ".key", ""};
    const auto outcome = run_program({program("belfry"), "keygen", keys.file});
    REQUIRE(outcome.exit_code == 0);
    const auto made = load_key_file(keys.file, "test");
    REQUIRE(made);
    CHECK(has(outcome.output, made->public_key));
    CHECK_FALSE(has(outcome.output, made->secret_key));
    keys.public_key = made->public_key;
    return keys;
}

// As keygen writes it.
std::string secret_file_of(const TemporaryDirectory& directory, const std::string& name, const CurveKeys& keys) {
    const std::string path = directory.path() + "/" + name + ".key";
    std::ofstream(path) << "public_key = \"" << keys.public_key << "\"\nsecret_key = \"" << keys.secret_key << "\"\n";
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    return path;
}

struct Setup {
    explicit Setup(std::vector<std::string> settings = {}) {
        settings.push_back("listen.key_file=" + server.file);
        hub = std::make_unique<HubProcess>(directory.path() + "/data", std::move(settings));
        hub->clients_use(server.public_key);
    }
    Result<std::shared_ptr<Client>> client(const std::string& server_key, const std::string& key_file,
                                           std::chrono::milliseconds timeout = 1500ms) const {
        auto options = hub->client_options();
        options.server_keys.clear();
        if (!server_key.empty()) options.server_keys.push_back(server_key);
        options.key_file = key_file;
        options.timeout = timeout;
        return Client::connect(options);
    }
    TemporaryDirectory directory;
    KeyPair server = keygen(directory, "server");
    std::unique_ptr<HubProcess> hub;
};

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = 15s) {
    const auto end = Clock::now() + patience;
    while (!condition() && Clock::now() < end) std::this_thread::sleep_for(10ms);
    return condition();
}

// A subscriber that keeps to no rules of ours: it hears what libzmq gives it.
class RawSubscriber {
public:
    RawSubscriber(const HubProcess& hub, const std::string& server_key, const CurveKeys& own,
                  const std::vector<Bytes>& topics) {
        const int zero = 0;
        zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, server_key.data(), curve_key_characters);
        zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, own.public_key.data(), curve_key_characters);
        zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, own.secret_key.data(), curve_key_characters);
        REQUIRE(zmq_connect(socket_, hub.client_options().feed_endpoints[0].c_str()) == 0);
        for (const Bytes& topic : topics) zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, topic.data(), topic.size());
    }
    ~RawSubscriber() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    RawSubscriber(const RawSubscriber&) = delete;
    RawSubscriber& operator=(const RawSubscriber&) = delete;

    // All that has come since the last time, or comes within the time.
    Bytes heard(std::chrono::milliseconds patience) {
        Bytes all;
        zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
        for (const auto end = Clock::now() + patience; Clock::now() < end;) {
            if (zmq_poll(&item, 1, 10) <= 0) continue;
            zmq_msg_t message;
            zmq_msg_init(&message);
            if (zmq_msg_recv(&message, socket_, ZMQ_DONTWAIT) >= 0)
                all.append(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
            zmq_msg_close(&message);
        }
        return all;
    }

private:
    void* context_ = zmq_ctx_new();
    void* socket_ = zmq_socket(context_, ZMQ_SUB);
};

protocol::RecordChangeRequest record(const Bytes& name, Bytes content) { return {name, false, std::move(content), {}}; }

}  // namespace

TEST_CASE(
    "keys: the feed of a hub that asks is heard by who may read everything, and by nobody else, whatever he subscribes to",
    "[integration][auth]") {
    const Setup setup({"auth.plugin=auth_rbac"});
    REQUIRE(setup.hub->start());
    const auto root = setup.hub->client();
    using auth::Action;
    constexpr auto read = static_cast<uint32_t>(Action::read);
    std::map<std::string, CurveKeys> keys;
    const std::pair<const char*, KeyRange> users[] = {{"eve", KeyRange::all()}, {"ann", KeyRange::prefix("app/")}};
    for (const auto& [name, range] : users) {
        keys[name] = *make_curve_keys();
        REQUIRE(root->call(record(Bytes("auth/role/") + name, auth::encode_role({{{read, range}}}))));
        REQUIRE(root->call(record(Bytes("auth/user/") + name, auth::encode_user({false, 1, {name}}))));
        REQUIRE(root->call(record("auth/key/" + keys[name].public_key, auth::encode_key(name))));
    }
    const auto eve_keys = secret_file_of(setup.directory, "eve", keys["eve"]);
    auto eve = *setup.client(setup.server.public_key, eve_keys, 10s);
    const auto channel = eve->call(protocol::ChannelRequest{{"prefix", ""}});
    REQUIRE(channel);
    const auto& opened = std::get<protocol::ChannelReply>(channel->result);
    CHECK_FALSE(opened.stream);
    const std::vector<Bytes> topics = {protocol::channel_topic(opened.channel), protocol::mark_topic()};
    RawSubscriber by_eve(*setup.hub, setup.server.public_key, keys["eve"], topics);
    RawSubscriber by_ann(*setup.hub, setup.server.public_key, keys["ann"], topics);
    RawSubscriber by_stranger(*setup.hub, setup.server.public_key, *make_curve_keys(), topics);
    int put = 0;
    const auto write = [&] {
        for (int i = 0; i < 20; ++i) REQUIRE(root->put("secret/" + std::to_string(put++), "a secret value"));
    };
    CHECK(eventually([&] {
        write();
        return has(by_eve.heard(50ms), "a secret value");
    }));
    CHECK(by_ann.heard(300ms).empty());
    CHECK(by_stranger.heard(10ms).empty());

    // She loses it while she listens: whatever was acknowledged after that she does not hear, nor can she come back.
    REQUIRE(root->call(record("auth/role/eve", auth::encode_role({{{read, KeyRange::prefix("app/")}}}))));
    const int first = put;
    write();
    RawSubscriber again(*setup.hub, setup.server.public_key, keys["eve"], topics);
    write();
    const Bytes after = by_eve.heard(500ms);
    for (int i = first; i < put; ++i) CHECK_FALSE(has(after, "secret/" + std::to_string(i)));
    CHECK(again.heard(10ms).empty());
    CHECK(setup.hub->stop() == 0);
}

TEST_CASE("keys: an encrypted hub serves puts, gets, watches and subscriptions, and nobody without its key",
          "[integration]") {
    const Setup setup;
    REQUIRE(setup.hub->start());
    auto client = setup.hub->client();
    REQUIRE(client->put("a/b", "1"));
    CHECK(client->get("a/b")->value == "1");
    SubscriptionOptions options;
    options.filter = {"prefix", "a/"};
    auto subscription = std::move(*Subscription::open(client, options));
    REQUIRE(subscription->wait_current(10s));
    CHECK(subscription->figures().joins == 1);
    const auto put = client->put("a/b", "2");
    REQUIRE(put);
    CHECK(subscription->wait_revision(put->revision, 5s));

    auto plain = *setup.client("", "");
    const auto refused = plain->get("a/b");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::unavailable);
    CHECK(has(refused.error().detail, "listen.key_file"));
    auto wrong = *setup.client(make_curve_keys()->public_key, "");
    CHECK(wrong->get("a/b").error().code == Code::unavailable);

    const auto& hub = setup.hub->client_options();
    const std::vector<std::string> at = {program("belfry"),     "--endpoint",   hub.endpoints[0],       "--feed",
                                         hub.feed_endpoints[0], "--server-key", setup.server.public_key};
    auto get = at;
    get.insert(get.end(), {"get", "a/b"});
    CHECK(run_program(get).output == "2\n");
    auto watch = at;
    watch.insert(watch.end(), {"watch", "a/", "--rev", "1", "--count", "2"});
    CHECK(run_program(watch).exit_code == 0);

    const std::string secret = read_text(setup.server.file);
    const size_t begin = secret.find("secret_key = \"") + 14;
    CHECK_FALSE(has(setup.hub->log(), secret.substr(begin, curve_key_characters)));
    CHECK(setup.hub->stop() == 0);
}

TEST_CASE("keys: known clients alone are let in; a client that is refused gets in by itself once it is known",
          "[integration]") {
    const TemporaryDirectory directory;
    const KeyPair known = keygen(directory, "known"), stranger = keygen(directory, "stranger");
    Setup setup({"listen.clients=known", "listen.client_keys=" + known.public_key});
    setup.hub->clients_use(setup.server.public_key, known.file);
    REQUIRE(setup.hub->start());
    REQUIRE(setup.hub->client()->put("a", "1"));

    auto other = *setup.client(setup.server.public_key, stranger.file);
    const auto refused = other->get("a");
    REQUIRE_FALSE(refused);
    CHECK(has(refused.error().detail, stranger.public_key));
    CHECK(eventually([&] { return has(setup.hub->log(), "a client was refused: its key is not known"); }));
    SubscriptionOptions options;
    options.filter = {"prefix", ""};
    auto subscription = std::move(*Subscription::open(other, options));
    CHECK_FALSE(subscription->wait_current(1s));

    // The operator adds the key: the same client goes on.
    REQUIRE(setup.hub->stop() == 0);
    HubProcess again(setup.directory.path() + "/data",
                     {"listen.key_file=" + setup.server.file, "listen.clients=known",
                      "listen.client_keys=" + known.public_key + "," + stranger.public_key,
                      "listen.request_endpoint=" + setup.hub->client_options().endpoints[0],
                      "listen.feed_endpoint=" + setup.hub->client_options().feed_endpoints[0]});
    again.clients_use(setup.server.public_key, known.file);
    again.launch();
    CHECK(subscription->wait_current(20s));
    CHECK(eventually([&] { return other->get("a").ok(); }));
}

TEST_CASE("keys: what is set wrong is refused with what to do", "[integration]") {
    const TemporaryDirectory directory;
    const auto refusal = [&](std::vector<std::string> settings) {
        HubProcess hub(directory.path() + "/data", std::move(settings));
        hub.launch();
        CHECK(hub.process().wait(20) > 0);
        return hub.log();
    };
    CHECK(has(refusal({"listen.key_file=/nowhere/key"}), "belfry keygen"));
    CHECK(has(refusal({"listen.clients=known"}), "set listen.key_file"));
    CHECK(has(refusal({"listen.client_keys=abc"}), "is no public key"));
    const KeyPair own = keygen(directory, "own");
    HubProcess hub(directory.path() + "/open", {"listen.key_file=" + own.file});
    ClientOptions options = hub.client_options();
    options.key_file = own.file;
    CHECK(Client::connect(options).error().code == Code::invalid_argument);
    options.server_keys = {"short"};
    CHECK(Client::connect(options).error().code == Code::invalid_argument);
}

TEST_CASE("keys: with keys other machines may reach it, without them not", "[integration]") {
    const TemporaryDirectory directory;
    const KeyPair own = keygen(directory, "own");
    std::vector<std::string> arguments = {program("belfryd"), "--data-dir", directory.path() + "/data", "--listen",
                                          "tcp://0.0.0.0:*",  "--feed",     "tcp://0.0.0.0:*"};
    CHECK(has(run_program(arguments).output, "set listen.key_file"));
    arguments.insert(arguments.end(), {"--set", "listen.key_file=" + own.file});
    const std::string output = directory.path() + "/output";
    const Process hub(arguments, output);
    CHECK(eventually([&] { return has(read_text(output), "ready"); }));
}

TEST_CASE("keys: a thousand clients connect in reasonable time, and garbage hurts nobody", "[integration]") {
    const Setup setup;
    REQUIRE(setup.hub->start());
    void* const context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 4096);
    const auto own = make_curve_keys();
    const std::string endpoint = setup.hub->client_options().endpoints[0];
    const protocol::Request request{7, "", "", protocol::StatusRequest{}};
    const Bytes frame = protocol::encode_requests({&request, 1});
    std::vector<void*> sockets;
    const auto begin = Clock::now();
    for (int i = 0; i < 1000; ++i) {
        void* const socket = sockets.emplace_back(zmq_socket(context, ZMQ_DEALER));
        const int zero = 0;
        zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, setup.server.public_key.data(), curve_key_characters);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own->public_key.data(), curve_key_characters);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, own->secret_key.data(), curve_key_characters);
        REQUIRE(zmq_connect(socket, endpoint.c_str()) == 0);
        zmq_send(socket, frame.data(), frame.size(), 0);
    }
    size_t answered = 0;
    for (void* const socket : sockets) {
        zmq_pollitem_t item{socket, 0, ZMQ_POLLIN, 0};
        answered += static_cast<size_t>(zmq_poll(&item, 1, 20'000));
    }
    const auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
    std::cout << "1,000 encrypted clients connected and were answered within " << took_ms << " ms\n";
    CHECK(answered == 1000);
    for (void* const socket : sockets) zmq_close(socket);
    zmq_ctx_term(context);

    // Raw TCP: handshakes that are cut, garbled, or announce a gigabyte.
    std::mt19937 random(1);
    const size_t colon = endpoint.rfind(':');
    for (int i = 0; i < 200; ++i) {
        void* const raw_context = zmq_ctx_new();
        void* const raw = zmq_socket(raw_context, ZMQ_STREAM);
        const int zero = 0;
        zmq_setsockopt(raw, ZMQ_LINGER, &zero, sizeof zero);
        REQUIRE(zmq_connect(raw, ("tcp://127.0.0.1" + endpoint.substr(colon)).c_str()) == 0);
        char id[256];
        const int id_bytes = zmq_recv(raw, id, sizeof id, 0);
        zmq_recv(raw, nullptr, 0, 0);
        Bytes octets =
            Bytes("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE", 17) + Bytes(15, '\0') + Bytes(1, '\0') + Bytes(31, '\0');
        octets += i % 3 == 0 ? Bytes("\x06\0\0\0\0\x40\0\0\0", 9) : Bytes("\x04\xc8\x05HELLO", 8);
        for (int more = 0; more < 250; ++more) octets += static_cast<char>(random());
        if (i % 3 == 1) octets.resize(random() % octets.size());
        zmq_send(raw, id, static_cast<size_t>(id_bytes), ZMQ_SNDMORE);
        zmq_send(raw, octets.data(), octets.size(), 0);
        zmq_close(raw);
        zmq_ctx_term(raw_context);
    }
    auto client = setup.hub->client();
    CHECK(client->put("still", "there"));
    CHECK(setup.hub->stop() == 0);
}
