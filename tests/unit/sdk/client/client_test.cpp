#include "sdk/client/client.hpp"

#include <zmq.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "sdk/client/view.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/sdk/client/raw_socket.hpp"

using namespace std::chrono_literals;

namespace belfry {
namespace {

// A ROUTER and an XPUB that know one channel: enough of a hub to talk to.
class FakeHub {
public:
    FakeHub() {
        for (void* socket : {router_, feed_}) {
            zmq_bind(socket, "tcp://127.0.0.1:*");
        }
        const int verbose = 1;
        zmq_setsockopt(feed_, ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose);
        options.endpoints = {test::endpoint_of(router_)};
        options.feed_endpoints = {test::endpoint_of(feed_)};
        options.timeout = 600ms;
        options.author = "test";
        thread_ = std::thread([this] { run(); });
    }
    ~FakeHub() {
        stop_ = true;
        thread_.join();
        for (void* socket : {router_, feed_}) test::close(socket);
        zmq_ctx_term(context_);
    }

    ClientOptions options;
    std::atomic<bool> mute = false, newer_protocol = false, no_such_filter = false;
    std::atomic<int> frames = 0, requests = 0;

private:
    void publish(const Bytes& frame) { zmq_send(feed_, frame.data(), frame.size(), 0); }
    void run() {
        Bytes peer, frame;
        while (!stop_) {
            zmq_pollitem_t items[] = {{router_, 0, ZMQ_POLLIN, 0}, {feed_, 0, ZMQ_POLLIN, 0}};
            zmq_poll(items, 2, 10);
            while (test::receive(feed_, frame)) {
                if (frame.size() > 1 && frame[0] == 1 && frame[1] == 'T') {
                    publish(frame.substr(1) + protocol::encode_join({1, 2, {revision_}, 0}));
                }
            }
            while (test::receive(router_, peer) && test::receive(router_, frame)) {
                ++frames;
                auto decoded = protocol::decode_requests(frame);
                if (!decoded || mute) continue;
                protocol::ReplyFrame replies;
                for (auto& request : *decoded) replies.add(answer(request));
                Bytes octets = replies.take();
                if (newer_protocol) octets[1] = 99;
                zmq_send(router_, peer.data(), peer.size(), ZMQ_SNDMORE);
                zmq_send(router_, octets.data(), octets.size(), 0);
            }
            publish(protocol::encode_mark({1, 2, ++marks_, {revision_}, {{{9}, {revision_}}}}));
        }
    }
    protocol::Reply answer(const protocol::Request& request) {
        ++requests;
        protocol::Reply reply{request.id, {revision_}, {}, protocol::StatusReply{}};
        if (const auto* put = std::get_if<protocol::PutRequest>(&request.op)) {
            ++revision_;
            KeyValue kv{put->key, put->value, {revision_}, {revision_}, 1, {}};
            state_[put->key] = kv;
            const ChangeSet change{{revision_}, 1, request.author, request.comment, {{EventType::put, kv}}};
            publish(protocol::encode_feed({{9}, 1, 2, {revision_ - 1}, {revision_}, false, {change}}));
            reply.result = protocol::PutReply{};
        } else if (const auto* range = std::get_if<protocol::RangeRequest>(&request.op)) {
            protocol::RangeReply result;
            for (const auto& [key, kv] : state_) {
                if (range->range.contains(key)) result.kvs.push_back(kv);
            }
            result.count = result.kvs.size();
            reply.result = result;
        } else if (std::holds_alternative<protocol::ChannelRequest>(request.op) && no_such_filter) {
            reply.error = {Code::unsupported, "no filter of kind 'regex' here"};
        } else if (std::holds_alternative<protocol::ChannelRequest>(request.op)) {
            reply.result = protocol::ChannelReply{{9}, {revision_}, 2, marks_};
        } else if (std::holds_alternative<protocol::SnapshotRequest>(request.op)) {
            protocol::SnapshotReply result{{revision_}, {}, false};
            for (const auto& [key, kv] : state_) result.kvs.push_back(kv);
            reply.result = result;
        } else if (const auto* changes = std::get_if<protocol::ChangesRequest>(&request.op)) {
            reply.result = protocol::ChangesReply{changes->from, {revision_}, {}, false};
        }
        reply.revision = {revision_};
        return reply;
    }

    void* context_ = zmq_ctx_new();
    void* router_ = zmq_socket(context_, ZMQ_ROUTER);
    void* feed_ = zmq_socket(context_, ZMQ_XPUB);
    std::atomic<bool> stop_ = false;
    uint64_t revision_ = 0, marks_ = 0;
    std::map<Bytes, KeyValue> state_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("a put is read back, and 1,000 requests at once travel in few frames") {
    FakeHub hub;
    auto client = Client::connect(hub.options);
    REQUIRE(client.ok());
    const auto put = (*client)->put("a", "1");
    INFO((put.ok() ? "" : put.error().detail));
    REQUIRE(put.ok());
    CHECK(put->revision.value == 1);
    CHECK((*client)->get("a")->value == "1");
    CHECK((*client)->get("b").error().code == Code::not_found);
    CHECK((*client)->put("", "1").error().code == Code::invalid_argument);
    const int frames = hub.frames;
    std::vector<std::future<Result<protocol::Reply>>> replies;
    for (int i = 0; i < 1000; ++i) replies.push_back((*client)->send(protocol::PutRequest{"a", "2", {}, false}));
    for (auto& reply : replies) CHECK(reply.get().ok());
    CHECK(hub.frames - frames < 900);
}

TEST_CASE("silence after sending is uncertain for a put, unavailable for a get; without a hub both are unavailable") {
    FakeHub hub;
    auto client = Client::connect(hub.options);
    REQUIRE((*client)->status().ok());
    hub.mute = true;
    auto get = (*client)->send(protocol::RangeRequest{KeyRange::one("a"), 0, {}, {}, {}, {}, false, false, false});
    CHECK((*client)->put("a", "1").error().code == Code::uncertain);
    CHECK(get.get().error().code == Code::unavailable);
    auto nobody = Client::connect({.endpoints = {"tcp://127.0.0.1:1"},
                                   .feed_endpoints = {"tcp://127.0.0.1:1"},
                                   .timeout = 200ms,
                                   .requests_in_flight_max = 1,
                                   .author = "x"});
    auto first = (*nobody)->send(protocol::PutRequest{"a", "1", {}, false});
    CHECK((*nobody)->put("a", "1").error().code == Code::busy);
    CHECK(first.get().error().code == Code::unavailable);
    CHECK(!Client::connect(
               {.endpoints = {"nonsense"}, .feed_endpoints = {}, .timeout = 1s, .requests_in_flight_max = 1, .author = ""})
               .ok());
}

TEST_CASE("with two endpoints a read moves to the one that answers") {
    FakeHub hub;
    hub.options.endpoints.insert(hub.options.endpoints.begin(), "tcp://127.0.0.1:1");
    CHECK(!Client::connect(hub.options).ok());  // whose feed is it?
    hub.options.feed_endpoints.insert(hub.options.feed_endpoints.begin(), "tcp://127.0.0.1:1");
    hub.options.timeout = 3s;
    auto client = Client::connect(hub.options);
    CHECK((*client)->status().ok());
}

TEST_CASE("a subscription follows: snapshot, 300 live changes in order, typed reads, bindings") {
    FakeHub hub;
    auto client = Client::connect(hub.options);
    REQUIRE((*client)->put("n/0", "old").ok());
    std::vector<uint64_t> seen;
    auto subscription = Subscription::open(
        *client, {.filter = {"prefix", "n/"}, .from = {}, .keep_view = true, .on_change = [&](const Delivery& delivery) {
                      seen.push_back(delivery.revision.value);
                  }});
    REQUIRE(subscription.ok());
    REQUIRE((*subscription)->wait_current(5s));
    CHECK((*subscription)->get("n/0") == "old");
    int bound = 0;
    (*subscription)->bind("n/7", [&](const KeyChange&) { ++bound; });
    CHECK(bound == 1);
    Revision last;
    for (int i = 1; i <= 300; ++i) last = (*client)->put("n/" + std::to_string(i), std::to_string(i))->revision;
    REQUIRE((*subscription)->wait_revision(last, 5s));
    const auto view = (*subscription)->view();
    CHECK(view->size() == 301);
    CHECK((*subscription)->get_int("n/7", 0) == 7);
    CHECK((*subscription)->get_int("n/0", 5) == 5);
    CHECK((*subscription)->staleness() < 5s);
    subscription->reset();
    CHECK(bound == 2);
    REQUIRE(seen.size() == 301);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
}

TEST_CASE("a binding that is made in a callback is told of each change once, and of no older one") {
    FakeHub hub;
    auto client = Client::connect(hub.options), writer = Client::connect(hub.options);
    std::promise<void> holds_up, go_on;
    std::shared_ptr<Subscription> subscription;
    std::vector<Bytes> told;
    const auto note = [&](const KeyChange& change) { told.push_back(change.after ? change.after->value : ""); };
    SubscriptionOptions options;
    options.filter = {"prefix", "n/"};
    options.on_change = [&, bound = false](const Delivery& delivery) mutable {
        if (delivery.changes.empty()) return;
        const Bytes value = delivery.changes[0].after->value;
        if (value == "1") holds_up.set_value(), go_on.get_future().wait();
        if (value != "1" && !std::exchange(bound, true)) subscription->bind("n/a", note);
    };
    subscription = *Subscription::open(*client, std::move(options));
    REQUIRE(subscription->wait_current(5s));
    REQUIRE((*writer)->put("n/a", "1"));
    holds_up.get_future().wait();
    Revision last;
    for (const char* value : {"2", "3", "4"}) last = (*writer)->put("n/a", value)->revision;
    std::this_thread::sleep_for(100ms);  // all three are delivered together then
    go_on.set_value();
    REQUIRE(subscription->wait_revision(last, 5s));
    CHECK((*writer)->put("n/a", "5"));
    REQUIRE(subscription->wait_revision({last.value + 1}, 5s));
    subscription.reset();
    CHECK(told == std::vector<Bytes>{"4", "5"});
}

TEST_CASE("a subscription that is opened and dropped in a callback keeps nothing") {
    FakeHub hub;
    auto client = *Client::connect(hub.options);
    const std::weak_ptr<Client> weak = client;
    std::promise<bool> opened;
    REQUIRE(client->send(protocol::StatusRequest{}, [&](const Result<protocol::Reply>&) {
        opened.set_value(Subscription::open(client, {.filter = {"prefix", "n/"}}).ok());
    }));
    CHECK(opened.get_future().get());
    CHECK(client->status());
    client.reset();
    for (int tries = 0; tries < 500 && !weak.expired(); ++tries) std::this_thread::sleep_for(10ms);
    CHECK(weak.expired());
}

TEST_CASE("views share blocks: an old view does not change, ranges come in order") {
    ViewBuilder builder;
    for (int i = 0; i < 1000; ++i) builder.put({std::to_string(1000 + i * 7 % 1000), "a", {1}, {1}, 1, {}});
    const auto old = builder.publish({1});
    for (int i = 0; i < 1000; i += 2) CHECK(builder.erase(std::to_string(1000 + i)));
    CHECK(builder.put({"1001", "b", {1}, {2}, 2, {}})->value == "a");
    const auto now = builder.publish({2});
    CHECK((old->size() == 1000 && now->size() == 500));
    CHECK((old->find("1001")->value == "a" && now->find("1001")->value == "b" && now->find("1000") == nullptr));
    StateDigest digest;
    std::vector<Bytes> keys;
    now->for_each([&](const KeyValue& kv) { digest.add(kv), keys.push_back(kv.key); });
    CHECK(digest == now->digest);
    CHECK((keys.size() == 500 && std::is_sorted(keys.begin(), keys.end())));
    int in_range = 0;
    now->for_each_in(KeyRange::prefix("11"), [&](const KeyValue&) { ++in_range; });
    CHECK(in_range == 50);
}

TEST_CASE("an answer that is not understood is told at once, not as a timeout") {
    FakeHub hub;
    hub.newer_protocol = true;
    hub.options.timeout = 30s;
    auto client = Client::connect(hub.options);
    REQUIRE(client.ok());
    const auto begin = std::chrono::steady_clock::now();
    const auto got = (*client)->get("a");
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code == Code::incompatible);
    CHECK(got.error().detail.find("speaks protocol version 99") != std::string::npos);
    const auto put = (*client)->put("a", "1");
    REQUIRE_FALSE(put.ok());
    CHECK(put.error().code == Code::uncertain);  // it may well have been done
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("a subscription says that its filter is refused, and recovers when it no longer is") {
    FakeHub hub;
    hub.no_such_filter = true;
    auto client = Client::connect(hub.options);
    REQUIRE(client.ok());
    SubscriptionOptions options;
    options.filter = {"regex", "a.*"};
    auto subscription = Subscription::open(*client, options);
    REQUIRE(subscription.ok());
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE((*subscription)->wait_current(30s));
    CHECK(std::chrono::steady_clock::now() - begin < 10s);
    const auto refused = (*subscription)->refused();
    REQUIRE(refused);
    CHECK(refused->code == Code::unsupported);
    hub.no_such_filter = false;
    for (int tries = 0; tries < 100 && (*subscription)->refused(); ++tries)
        (*subscription)->wait_current(100ms), std::this_thread::sleep_for(50ms);
    CHECK_FALSE((*subscription)->refused());
    CHECK((*subscription)->wait_current(10s));
}

TEST_CASE("a synchronous call inside a completion is refused, not waited for") {
    FakeHub hub;
    auto client = Client::connect(hub.options);
    REQUIRE(client.ok());
    std::promise<Code> inner;
    REQUIRE((*client)->send(protocol::StatusRequest{}, [&](Result<protocol::Reply>) {
        const auto got = (*client)->get("a");
        inner.set_value(got.ok() ? Code::ok : got.error().code);
    }));
    CHECK(inner.get_future().get() == Code::invalid_argument);
}

}  // namespace belfry
