// Strangers' octets on both sockets of a real daemon: every refusal is a sentence, nothing grows, everybody else is served.
#include <zmq.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <memory>
#include <random>
#include <thread>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/support/hub_process.hpp"
#include "tests/support/sanitizers.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

// Sanitizers keep freed memory for themselves; under them LeakSanitizer looks for leaks.
constexpr double growth_kib_max = sanitized ? 1024 * 1024 : 30 * 1024;

class Stranger {
public:
    Stranger(void* context, int kind, const std::string& endpoint) : socket_(zmq_socket(context, kind)) {
        const int zero = 0, wait_ms = 10'000;
        zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
        zmq_connect(socket_, endpoint.c_str());
    }
    ~Stranger() { zmq_close(socket_); }
    Stranger(const Stranger&) = delete;
    Stranger& operator=(const Stranger&) = delete;
    void* socket() const { return socket_; }
    void send(BytesView frame, int flags = 0) { zmq_send(socket_, frame.data(), frame.size(), flags); }

    // The first reply's error, or ok if none came in time.
    Error refusal() {
        zmq_msg_t message;
        zmq_msg_init(&message);
        Error error;
        if (zmq_msg_recv(&message, socket_, 0) >= 0) {
            const Bytes frame(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
            const auto replies = protocol::decode_replies(frame);
            if (replies && !replies->empty()) error = replies->front().error;
        }
        zmq_msg_close(&message);
        return error;
    }

private:
    void* socket_;
};

struct Context {
    void* value = zmq_ctx_new();
    Context() { zmq_ctx_set(value, ZMQ_MAX_SOCKETS, 4096); }
    ~Context() { zmq_ctx_term(value); }
};

// True once the hub has seen all hang-ups and returned the memory; a leak stays. How long that takes is the machine's
// affair, so the wait is generous.
bool settles(int pid, double before_kib, size_t files_max) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    const auto settled = [&] { return private_kib(pid) - before_kib < growth_kib_max && open_files(pid) <= files_max; };
    while (!settled() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(100ms);
    return settled();
}

bool is_sentence(const Error& error) { return error.code != Code::ok && error.detail.find(' ') != std::string::npos; }

Bytes real_request() {
    const protocol::Request request{7, "stranger", "comment", protocol::PutRequest{"hostile", "value", {}, false}};
    return protocol::encode_requests({&request, 1});
}

Bytes random_octets(std::mt19937& random, size_t size) {
    Bytes octets(size, '\0');
    for (char& octet : octets) octet = static_cast<char>(random());
    return octets;
}

}  // namespace

TEST_CASE("hostile: garbage, cut requests, other versions and unknown opcodes are answered with sentences",
          "[integration][hostile]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const Context context;
    Stranger stranger(context.value, ZMQ_DEALER, hub.client_options().endpoints[0]);
    const Bytes good = real_request();
    for (size_t size = 0; size < good.size(); ++size) {
        stranger.send(BytesView(good).substr(0, size));
        const Error error = stranger.refusal();
        INFO("cut to " << size << ": " << error.detail);
        REQUIRE(is_sentence(error));
    }
    CHECK(hub.client()->get("hostile").error().code == Code::not_found);

    Bytes newer = good;
    newer[1] = 9;  // array of 2, version, requests
    stranger.send(newer);
    const Error version = stranger.refusal();
    INFO(version.detail);
    CHECK(version.code == Code::incompatible);
    CHECK(version.detail.find('9') != std::string::npos);
    CHECK(version.detail.find(std::to_string(protocol::protocol_version)) != std::string::npos);

    std::mt19937 random(11);
    for (int number = 0; number < 300; ++number) {
        stranger.send(random_octets(random, 1 + random() % 400));
        REQUIRE(is_sentence(stranger.refusal()));
        Bytes damaged = good;  // opcodes, lengths and types among others
        damaged[2 + random() % (damaged.size() - 2)] = static_cast<char>(random());
        stranger.send(damaged);
        const Error error = stranger.refusal();
        CHECK((error.code == Code::ok || is_sentence(error)));
    }
    stranger.send(Bytes(limits::frame_bytes_max + 1, 'x'));
    const Error large = stranger.refusal();
    INFO(large.detail);
    CHECK(is_sentence(large));
    CHECK(hub.client()->put("a", "normal client").ok());
    CHECK(hub.stop() == 0);
}

TEST_CASE("hostile: 1,000 connections that vanish, junk subscriptions and frames too large leave no trace",
          "[integration][hostile]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto options = hub.client_options();
    const Context context;
    std::mt19937 random(12);
    const auto trouble = [&](int count) {
        std::deque<std::unique_ptr<Stranger>> alive;  // long enough to arrive
        for (int number = 0; number < count; ++number) {
            auto vanishing = std::make_unique<Stranger>(context.value, ZMQ_DEALER, options.endpoints[0]);
            vanishing->send(number % 2 == 0 ? real_request() : random_octets(random, 100));
            auto junk = std::make_unique<Stranger>(context.value, ZMQ_SUB, options.feed_endpoints[0]);
            const Bytes topic = random_octets(random, number % 40);
            zmq_setsockopt(junk->socket(), ZMQ_SUBSCRIBE, topic.data(), topic.size());
            alive.push_back(std::move(vanishing));
            alive.push_back(std::move(junk));
            while (alive.size() > 40) alive.pop_front();
            if (number % 50 == 0) {
                Stranger large(context.value, ZMQ_DEALER, options.endpoints[0]);
                large.send(Bytes(8 << 20, 'x'));
                Stranger parts(context.value, ZMQ_DEALER, options.endpoints[0]);
                parts.send("several", ZMQ_SNDMORE);
                parts.send("frames");
                std::this_thread::sleep_for(20ms);
            }
            if (number % 10 == 0) std::this_thread::sleep_for(2ms);  // let some of them arrive
        }
    };
    trouble(100);  // what a first contact costs once is no leak
    std::this_thread::sleep_for(300ms);
    REQUIRE(hub.client()->put("a", "1").ok());
    const double before_kib = private_kib(hub.process().pid());
    const size_t before_files = open_files(hub.process().pid());
    trouble(1000);
    const bool settled = settles(hub.process().pid(), before_kib, before_files + 10);
    INFO("grown by " << private_kib(hub.process().pid()) - before_kib << " KiB, " << open_files(hub.process().pid())
                     << " files open, before " << before_files);
    CHECK(settled);
    CHECK(hub.process().wait(0) == -1);  // it runs
    uint64_t malformed = 0;
    const auto status = hub.client()->status();
    REQUIRE(status.ok());
    for (const auto& [name, figure] : status->figures) {
        if (name == "inbox.malformed") malformed = std::get<uint64_t>(figure);
    }
    CHECK(malformed > 100);  // the trouble was real
    CHECK(hub.client()->put("a", "2").ok());
    CHECK(hub.client()->get("a")->value == "2");
    CHECK(hub.stop() == 0);
}

TEST_CASE("hostile: 2,000 clients that vanish at once leave no trace", "[integration][hostile]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto options = hub.client_options();
    const auto client = hub.client();  // stays: its file is counted before and after
    REQUIRE(client->put("a", "1").ok());
    const double before_kib = private_kib(hub.process().pid());
    const size_t before_files = open_files(hub.process().pid());
    const size_t clients = std::min<size_t>(2000, (raise_open_files_limit() - 300) / 2);  // libzmq: two files each
    {
        const Context context;
        std::vector<std::unique_ptr<Stranger>> crowd;
        for (size_t number = 0; number < clients; ++number) {
            crowd.push_back(std::make_unique<Stranger>(context.value, ZMQ_DEALER, options.endpoints[0]));
            crowd.back()->send(real_request());
        }
        for (const auto& stranger : crowd) REQUIRE(stranger->refusal().code == Code::ok);
        CHECK(open_files(hub.process().pid()) >= before_files + clients);
    }
    const bool settled = settles(hub.process().pid(), before_kib, before_files + 10);
    INFO("grown by " << private_kib(hub.process().pid()) - before_kib << " KiB, " << open_files(hub.process().pid())
                     << " files open, before " << before_files);
    CHECK(settled);
    CHECK(client->put("a", "2").ok());
    CHECK(hub.stop() == 0);
}
