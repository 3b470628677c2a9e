// A place in a line at a hub that loses answers, is behind, and refuses: what real hubs (tests/integration/lock_test.cpp)
// do too seldom.
#include "sdk/recipes/place.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "sdk/protocol/codec.hpp"
#include "tests/unit/sdk/client/raw_socket.hpp"

using namespace std::chrono_literals;

namespace belfry::recipes {
namespace {

using Clock = std::chrono::steady_clock;

// A ROUTER with a few keys, and with what it is told to get wrong.
class FakeHub {
public:
    FakeHub() {
        zmq_bind(router_, "tcp://127.0.0.1:*");
        thread_ = std::thread([this] { run(); });
    }
    ~FakeHub() {
        stop_ = true;
        thread_.join();
        test::close(router_);
        zmq_ctx_term(context_);
    }
    std::shared_ptr<Client> client() const {
        ClientOptions options;
        options.endpoints = {test::endpoint_of(router_)};
        options.timeout = 300ms;
        options.author = "test";
        return *Client::connect(options);
    }
    std::shared_ptr<const Lease> lease(const std::shared_ptr<Client>& client) const {
        return std::shared_ptr<const Lease>(*Lease::grant(client, {.ttl = 5s}));
    }
    void put(const Bytes& key) {
        const std::lock_guard lock(mutex_);
        keys_[key] = {key, "", {++revision_}, {revision_}, 1, {}};
    }
    void erase(const Bytes& key) {
        const std::lock_guard lock(mutex_);
        keys_.erase(key);
        ++revision_;
    }
    std::vector<Bytes> keys() const {
        const std::lock_guard lock(mutex_);
        std::vector<Bytes> all;
        for (const auto& [key, kv] : keys_) all.push_back(key);
        return all;
    }

    std::atomic<int> lose_answers = 0;                                // of so many transactions that are done
    std::atomic<Code> refuse_deletes = Code::ok, changes = Code::ok;  // their answer
    std::atomic<int> asked_for_changes = 0, ranges = 0;
    std::atomic<bool> ended = false;  // the lease

private:
    void run() {
        Bytes peer, frame;
        while (!stop_) {
            zmq_pollitem_t item{router_, 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, 10);
            while (test::receive(router_, peer) && test::receive(router_, frame)) {
                auto decoded = protocol::decode_requests(frame);
                if (!decoded) continue;
                for (auto& request : *decoded) answer(peer, request);
            }
        }
    }
    void answer(const Bytes& peer, const protocol::Request& request) {
        const std::lock_guard lock(mutex_);
        protocol::Reply reply{request.id, {}, {}, protocol::StatusReply{}};
        std::visit([&](const auto& op) { take(op, reply); }, request.op);
        reply.revision = {revision_};
        if (std::holds_alternative<protocol::TxnRequest>(request.op) && lose_answers > 0) return void(--lose_answers);
        protocol::ReplyFrame replies;
        replies.add(reply);
        const Bytes octets = replies.take();
        zmq_send(router_, peer.data(), peer.size(), ZMQ_SNDMORE);
        zmq_send(router_, octets.data(), octets.size(), 0);
    }

    // ---- under the mutex ----
    void take(const protocol::LeaseGrantRequest& op, protocol::Reply& reply) {
        reply.result = protocol::LeaseGrantReply{{7}, op.ttl_s};
    }
    void take(const protocol::LeaseKeepAliveRequest&, protocol::Reply& reply) {
        reply.result = protocol::LeaseKeepAliveReply{{ended ? 0u : 5u}};
    }
    void take(const protocol::LeaseRevokeRequest&, protocol::Reply& reply) { reply.result = protocol::LeaseRevokeReply{}; }
    void take(const protocol::RangeRequest& op, protocol::Reply& reply) {
        ++ranges;
        reply.result = range(op);
    }
    void take(const protocol::ChangesRequest& op, protocol::Reply& reply) {
        ++asked_for_changes;
        if (changes != Code::ok) reply.error = {changes, "as told"};
        reply.result = protocol::ChangesReply{op.from, {revision_}, {}, false, 1};
    }
    void take(const protocol::DeleteRequest& op, protocol::Reply& reply) {
        if (refuse_deletes != Code::ok) {
            reply.error = {refuse_deletes, "as told"};
            return;
        }
        ++revision_;
        reply.result = erase(op);
    }
    void take(const protocol::TxnRequest& op, protocol::Reply& reply) {
        protocol::TxnReply done;
        done.succeeded = !keys_.contains(op.compares.at(0).range.begin);  // what a place asks: it is not there
        if (done.succeeded) ++revision_;
        for (const auto& part : done.succeeded ? op.then_ops : op.else_ops) {
            if (const auto* one = std::get_if<protocol::RangeRequest>(&part.op)) done.replies.push_back({range(*one)});
            if (const auto* one = std::get_if<protocol::DeleteRequest>(&part.op)) done.replies.push_back({erase(*one)});
            if (const auto* one = std::get_if<protocol::PutRequest>(&part.op)) {
                keys_[one->key] = {one->key, one->value, {revision_}, {revision_}, 1, one->lease};
                done.replies.push_back({protocol::PutReply{}});
            }
        }
        reply.result = done;
    }
    void take(const auto&, protocol::Reply& reply) { reply.error = {Code::unsupported, "not in this test"}; }

    protocol::RangeReply range(const protocol::RangeRequest& op) const {
        protocol::RangeReply found;
        for (const auto& [key, kv] : keys_) {
            if (op.range.contains(key)) found.kvs.push_back(kv);
        }
        return found;
    }
    protocol::DeleteReply erase(const protocol::DeleteRequest& op) {
        return {std::erase_if(keys_, [&](const auto& one) { return op.range.contains(one.first); }), {}};
    }

    void* context_ = zmq_ctx_new();
    void* router_ = zmq_socket(context_, ZMQ_ROUTER);
    std::atomic<bool> stop_ = false;
    mutable std::mutex mutex_;
    std::map<Bytes, KeyValue> keys_;
    uint64_t revision_ = 10;
    std::thread thread_;
};

const Bytes other_place = "x/0000000000000001-00000001-00000001";

}  // namespace

TEST_CASE("place: one whose put was done and not answered is found by its key") {
    FakeHub hub;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x");
    hub.lose_answers = 1;
    REQUIRE(place.join("me", Patience::of(5s)));
    CHECK(hub.lose_answers == 0);
    CHECK(place.created().value == 11);
    CHECK(hub.keys() == std::vector<Bytes>{place.key()});
    CHECK(place.key().starts_with("x/0000000000000007-"));
    CHECK(is_place("x", place.key()));
    CHECK_FALSE(place.ahead().value());
    CHECK(place.leave());
    CHECK(hub.keys().empty());
}

TEST_CASE("place: what could not be deleted is deleted by the next joining, which has another key") {
    FakeHub hub;
    const auto client = hub.client();
    Place place(client, hub.lease(client), "x");
    REQUIRE(place.join("", Patience::of(5s)));
    const Bytes first = place.key();
    hub.refuse_deletes = Code::busy;
    CHECK(place.leave().error().code == Code::busy);
    CHECK_FALSE(place.joined());
    CHECK(hub.keys().size() == 1);
    hub.refuse_deletes = Code::ok;
    REQUIRE(place.join("", Patience::of(5s)));
    CHECK(place.key() > first);
    CHECK(hub.keys() == std::vector<Bytes>{place.key()});
    CHECK(place.wait(Patience::of(1s)));
}

TEST_CASE("place: a member that is behind, or full, delays a turn and does not lose it") {
    for (const Code code : {Code::ok, Code::invalid_argument, Code::busy, Code::unavailable, Code::compacted}) {
        INFO(to_string(code));
        FakeHub hub;
        hub.put(other_place);
        hub.changes = code;
        const auto client = hub.client();
        Place place(client, hub.lease(client), "x");
        REQUIRE(place.join("", Patience::of(5s)));
        std::thread later([&] { std::this_thread::sleep_for(500ms), hub.erase(other_place); });
        CHECK(place.wait(Patience::of(5s)));
        later.join();
        CHECK(place.looks() == 2);
        CHECK(hub.asked_for_changes > 0);
        CHECK(hub.ranges < 12);  // it does not hurry
    }
}

TEST_CASE("place: who may not watch, or whose lease or key is gone, hears so") {
    FakeHub hub;
    hub.put(other_place);
    const auto client = hub.client();
    const auto lease = hub.lease(client);
    Place place(client, lease, "x");
    REQUIRE(place.join("", Patience::of(5s)));
    hub.changes = Code::denied;
    CHECK(place.wait(Patience::of(5s)).error().code == Code::denied);
    hub.changes = Code::ok;
    CHECK(place.wait(Patience::of(300ms)).error().code == Code::timeout);
    CHECK(place.joined());
    hub.erase(place.key());
    hub.erase(other_place);
    CHECK(place.wait(Patience::of(5s)).error().code == Code::not_found);
    CHECK(place.leave());

    hub.put(other_place);
    REQUIRE(place.join("", Patience::of(5s)));
    hub.ended = true;
    const auto begin = Clock::now();
    CHECK(place.wait(Patience::of(1h)).error().code == Code::not_found);
    CHECK(Clock::now() - begin < 3s);
    CHECK(place.join("", Patience::of(1s)).error().code == Code::not_found);
}

TEST_CASE("place: other keys below the name are no places") {
    CHECK(is_place("x", other_place));
    CHECK_FALSE(is_place("y", other_place));
    CHECK_FALSE(is_place("x", "x/0000000000000001-00000001-0000000"));
    CHECK_FALSE(is_place("x", "x/0000000000000001-00000001-0000000g"));
    CHECK_FALSE(is_place("x", "x/00000000000000010000000010000000-1"));
    CHECK_FALSE(is_place("x", "x/a" + other_place));
    CHECK_FALSE(is_place("x", "x"));
    CHECK(check_name(Bytes(445, 'n')));
    CHECK(check_name(Bytes(446, 'n')).error().code == Code::invalid_argument);
}

}  // namespace belfry::recipes
