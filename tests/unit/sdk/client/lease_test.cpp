#include "sdk/client/lease.hpp"

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "sdk/protocol/codec.hpp"
#include "tests/unit/sdk/client/raw_socket.hpp"

using namespace std::chrono_literals;

namespace belfry {
namespace {

using Clock = Lease::Clock;

// A ROUTER that grants leases 7, 8 and so on, and answers about them as it is told to.
class LeasingHub {
public:
    LeasingHub() {
        zmq_bind(router_, "tcp://127.0.0.1:*");
        options.endpoints = {test::endpoint_of(router_)};
        options.timeout = 500ms;
        options.author = "test";
        thread_ = std::thread([this] { run(); });
    }
    ~LeasingHub() {
        stop_ = true;
        thread_.join();
        test::close(router_);
        zmq_ctx_term(context_);
    }
    std::shared_ptr<Client> client() const { return *Client::connect(options); }

    ClientOptions options;
    std::atomic<bool> mute = false, ended = false, slow = false;
    std::atomic<Code> refuse = Code::ok;  // keep-alives
    std::atomic<uint64_t> ended_one = 0;
    std::atomic<int> leases_kept = 0;
    std::atomic<int> kept = 0, refused = 0, revoked = 0, tickets_of_keep_alives = 0, tickets_of_grants = 0, taken = 0;

private:
    void run() {
        Bytes peer, frame;
        while (!stop_) {
            zmq_pollitem_t item{router_, 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, 10);
            while (test::receive(router_, peer) && test::receive(router_, frame)) {
                auto decoded = protocol::decode_requests(frame);
                if (!decoded || mute) continue;
                if (slow) std::this_thread::sleep_for(300ms);
                protocol::ReplyFrame replies;
                for (auto& request : *decoded) replies.add(answer(request));
                const Bytes octets = replies.take();
                zmq_send(router_, peer.data(), peer.size(), ZMQ_SNDMORE);
                zmq_send(router_, octets.data(), octets.size(), 0);
            }
        }
    }
    protocol::Reply answer(const protocol::Request& request) {
        protocol::Reply reply{request.id, {1}, {}, protocol::StatusReply{}};
        if (const auto* grant = std::get_if<protocol::LeaseGrantRequest>(&request.op)) {
            tickets_of_grants += request.ticket.session != 0;
            if (grant->lease.value != 0) {
                ++taken;
                reply.error = {Code::conflict, "there is a lease 7 already"};
                return reply;
            }
            reply.result = protocol::LeaseGrantReply{{next_++}, grant->ttl_s};
            ttl_s_ = grant->ttl_s;
        } else if (const auto* keep = std::get_if<protocol::LeaseKeepAliveRequest>(&request.op)) {
            tickets_of_keep_alives += request.ticket.session != 0;
            if (refuse != Code::ok) {
                ++refused;
                reply.error = {refuse, "not now"};
                return reply;
            }
            protocol::LeaseKeepAliveReply result;
            for (const LeaseId id : keep->leases) {
                const bool lives = !ended && id.value >= 7 && id.value < next_ && id.value != ended_one;
                result.ttl_s.push_back(lives ? ttl_s_ : 0);
            }
            ++kept;
            leases_kept += static_cast<int>(keep->leases.size());
            reply.result = result;
        } else if (std::holds_alternative<protocol::LeaseRevokeRequest>(request.op)) {
            reply.result = protocol::LeaseRevokeReply{10, ++revoked < 3};
        } else if (const auto* look = std::get_if<protocol::LeaseTimeToLiveRequest>(&request.op)) {
            protocol::LeaseTimeToLiveReply result{{{7}, ttl_s_, 900, "test"}, {}, false};
            if (look->keys) result.keys = {look->after.empty() ? "a" : "b"};
            result.more = look->keys && look->after.empty();
            reply.result = result;
        } else if (const auto* list = std::get_if<protocol::LeasesRequest>(&request.op)) {
            const uint64_t next = list->after.value + 1;
            reply.result = protocol::LeasesReply{{{{next}, 1, 900, "test"}}, next < 3};
        }
        return reply;
    }

    void* context_ = zmq_ctx_new();
    void* router_ = zmq_socket(context_, ZMQ_ROUTER);
    std::atomic<bool> stop_ = false;
    uint64_t ttl_s_ = 1, next_ = 7;
    std::thread thread_;
};

// What on_lost was called with, how often and when.
struct Losses {
    std::atomic<int> count = 0;
    std::mutex mutex;
    Error reason;
    Clock::time_point at;

    std::function<void(const Error&)> callback() {
        return [this](const Error& error) {
            const std::lock_guard lock(mutex);
            reason = error;
            at = Clock::now();
            ++count;
        };
    }
    bool wait(std::chrono::milliseconds patience) const {
        for (const auto end = Clock::now() + patience; count == 0 && Clock::now() < end;) std::this_thread::sleep_for(5ms);
        return count > 0;
    }
};

}  // namespace

TEST_CASE("lease: it is kept alive by requests without a ticket, and revoked at its end") {
    LeasingHub hub;
    auto client = hub.client();
    Losses losses;
    {
        auto lease = Lease::grant(client, {.ttl = 2s, .on_lost = losses.callback()});
        REQUIRE(lease);
        CHECK((*lease)->id().value == 7);
        CHECK((*lease)->ttl() == 2s);
        for (const auto end = Clock::now() + 3500ms; Clock::now() < end; std::this_thread::sleep_for(50ms)) {
            CHECK((*lease)->alive());
            CHECK((*lease)->expires_at() > Clock::now());
            CHECK((*lease)->expires_at() < Clock::now() + 2s);
        }
        CHECK(hub.kept >= 4);
        CHECK(hub.kept <= 7);
    }
    CHECK(hub.revoked == 1);
    CHECK(losses.count == 0);
    CHECK(hub.tickets_of_grants == 1);
    CHECK(hub.tickets_of_keep_alives == 0);
    const int kept = hub.kept;
    std::this_thread::sleep_for(500ms);
    CHECK(hub.kept == kept);
}

TEST_CASE("lease: its time counts from when a request was sent, not from when the answer came") {
    LeasingHub hub;
    hub.slow = true;
    auto client = hub.client();
    const auto sent = Clock::now();
    auto lease = Lease::grant(client, {.ttl = 2s});
    REQUIRE(lease);
    CHECK(Clock::now() - sent >= 300ms);
    CHECK((*lease)->expires_at() >= sent + 2s);
    CHECK((*lease)->expires_at() <= sent + 2s + 250ms);
    const auto before = (*lease)->expires_at();
    while ((*lease)->expires_at() == before && Clock::now() < sent + 3s) std::this_thread::sleep_for(5ms);
    const auto renewed = Clock::now();
    CHECK((*lease)->expires_at() > before);
    CHECK((*lease)->expires_at() <= renewed + 2s - 290ms);
}

TEST_CASE("lease: a grant that is answered when its time is over is none") {
    LeasingHub hub;
    hub.options.timeout = 5s;
    auto client = hub.client();
    hub.mute = true;
    std::thread later([&] { std::this_thread::sleep_for(1200ms), hub.mute = false; });
    const auto lease = Lease::grant(client, {.ttl = 1s});
    later.join();
    REQUIRE_FALSE(lease);
    CHECK(lease.error().code == Code::timeout);
}

TEST_CASE("lease: that a number is taken is an answer, though `conflict` is also one about tickets") {
    LeasingHub hub;
    const auto lease = Lease::grant(hub.client(), {.ttl = 1s, .id = {7}});
    REQUIRE_FALSE(lease);
    CHECK(lease.error().code == Code::conflict);
    CHECK(hub.taken == 1);
    CHECK(hub.tickets_of_grants == 0);
}

TEST_CASE("lease: that it has ended is told once, and then it is not revoked") {
    LeasingHub hub;
    Losses losses;
    auto lease = Lease::grant(hub.client(), {.ttl = 1s, .on_lost = losses.callback()});
    REQUIRE(lease);
    hub.ended = true;
    REQUIRE(losses.wait(5s));
    CHECK(losses.reason.code == Code::not_found);
    CHECK_FALSE((*lease)->alive());
    std::this_thread::sleep_for(1200ms);
    CHECK(losses.count == 1);
    CHECK((*lease)->revoke().error().code == Code::not_found);
    lease->reset();
    CHECK(hub.revoked == 0);
}

TEST_CASE("lease: silence is told before its time is over, and a late answer changes nothing") {
    constexpr int attempts_max = 5;  // 20 ms before; a machine that stops its threads for longer tells nothing in time
    bool in_time = false;
    for (int attempt = 0; attempt < attempts_max && !in_time; ++attempt) {
        LeasingHub hub;
        Losses losses;
        auto lease = Lease::grant(hub.client(), {.ttl = 1s, .on_lost = losses.callback()});
        REQUIRE(lease);
        hub.mute = true;
        const auto end = (*lease)->expires_at();
        REQUIRE(losses.wait(5s));
        in_time = losses.at <= end;
        CHECK(losses.at >= end - 100ms);
        CHECK(losses.reason.code == Code::timeout);
        CHECK_FALSE((*lease)->alive());
        hub.mute = false;
        std::this_thread::sleep_for(500ms);
        CHECK_FALSE((*lease)->alive());
        CHECK((*lease)->expires_at() == end);
        CHECK(losses.count == 1);
    }
    CHECK(in_time);
}

TEST_CASE("lease: what may pass is asked again until it is too late") {
    LeasingHub hub;
    Losses losses;
    auto lease = Lease::grant(hub.client(), {.ttl = 2s, .on_lost = losses.callback()});
    REQUIRE(lease);
    const auto granted = Clock::now();
    for (const Code code : {Code::unavailable, Code::busy, Code::uncertain}) {
        INFO(to_string(code));
        const int refused = hub.refused;
        hub.refuse = code;
        while (hub.refused == refused && Clock::now() < granted + 1800ms) std::this_thread::sleep_for(5ms);
        CHECK(hub.refused > refused);
    }
    hub.refuse = Code::ok;
    std::this_thread::sleep_until(granted + 2200ms);
    CHECK((*lease)->alive());
    CHECK(losses.count == 0);
    hub.refuse = Code::busy;
    REQUIRE(losses.wait(10s));
    CHECK(losses.reason.code == Code::timeout);
    CHECK(losses.reason.detail.find("busy: not now") != std::string::npos);
    CHECK(losses.at <= (*lease)->expires_at() + 1s);
}

TEST_CASE("lease: released it is neither kept alive nor revoked nor lost") {
    LeasingHub hub;
    Losses losses;
    auto lease = Lease::grant(hub.client(), {.ttl = 1s, .on_lost = losses.callback()});
    REQUIRE(lease);
    (*lease)->release();
    CHECK((*lease)->alive());  // by the clock
    const int kept = hub.kept;
    std::this_thread::sleep_for(1200ms);
    CHECK_FALSE((*lease)->alive());
    lease->reset();
    CHECK(hub.kept == kept);
    CHECK(hub.revoked == 0);
    CHECK(losses.count == 0);
}

TEST_CASE("lease: revoking goes on while there is more, and the destructor of a lease waits a second at most") {
    LeasingHub hub;
    Losses losses;
    auto lease = Lease::grant(hub.client(), {.ttl = 5s, .on_lost = losses.callback()});
    REQUIRE(lease);
    const auto deleted = (*lease)->revoke();
    REQUIRE(deleted);
    CHECK(*deleted == 30);
    CHECK(hub.revoked == 3);
    CHECK_FALSE((*lease)->alive());
    lease->reset();
    CHECK(hub.revoked == 3);

    hub.options.timeout = 20s;
    auto other = Lease::grant(hub.client(), {.ttl = 5s, .on_lost = losses.callback()});
    REQUIRE(other);
    hub.mute = true;
    const auto begin = Clock::now();
    other->reset();
    CHECK(Clock::now() - begin < 10s);
    CHECK(losses.count == 0);
}

TEST_CASE("lease: it may be moved, and destroyed where its loss is told") {
    LeasingHub hub;
    std::unique_ptr<Lease> held;
    std::atomic<bool> told = false;
    auto lease = Lease::grant(hub.client(), {.ttl = 1s, .on_lost = [&](const Error&) { held.reset(), told = true; }});
    REQUIRE(lease);
    held = std::make_unique<Lease>(std::move(**lease));
    lease->reset();
    CHECK(hub.revoked == 0);
    CHECK(held->alive());
    hub.ended = true;
    for (int tries = 0; tries < 1000 && !told; ++tries) std::this_thread::sleep_for(10ms);
    CHECK(told);
}

TEST_CASE("lease: 300 of a client are kept alive by some ten requests in a third of their time") {
    LeasingHub hub;
    auto client = hub.client();
    std::array<Losses, 300> losses;
    std::vector<std::unique_ptr<Lease>> leases;
    for (Losses& one : losses) {
        auto lease = Lease::grant(client, {.ttl = 3s, .on_lost = one.callback()});
        REQUIRE(lease);
        leases.push_back(std::move(*lease));
    }
    std::this_thread::sleep_for(1s);
    const int requests = hub.kept, kept = hub.leases_kept;
    const auto begin = Clock::now();
    std::this_thread::sleep_for(3s);
    CHECK(hub.kept - requests <= 15 * ((Clock::now() - begin) / 1ms) / 1000);  // 11 a second, or fewer
    CHECK(hub.leases_kept - kept >= 2 * 300);

    // What is refused for all is asked again for all; what has ended is one lease's business.
    hub.refuse = Code::unavailable;
    std::this_thread::sleep_for(1200ms);
    hub.refuse = Code::ok;
    hub.ended_one = leases[5]->id().value;
    REQUIRE(losses[5].wait(10s));
    std::this_thread::sleep_for(1500ms);
    for (size_t i = 0; i < leases.size(); ++i) {
        CHECK(losses[i].count == (i == 5 ? 1 : 0));
        CHECK(leases[i]->alive() == (i != 5));
    }
}

TEST_CASE("lease: pages are gathered, and what the client refuses is not sent") {
    LeasingHub hub;
    auto client = hub.client();
    REQUIRE(client->grant_lease(30s));
    const auto keys = client->lease_time_to_live({7}, true);
    REQUIRE(keys);
    CHECK((keys->keys == std::vector<Bytes>{"a", "b"}));
    CHECK(keys->facts.ttl_s == 30);
    CHECK(client->lease_time_to_live({7})->keys.empty());
    const auto leases = client->leases();
    REQUIRE(leases);
    REQUIRE(leases->size() == 3);
    CHECK(leases->back().lease.value == 3);
    const auto kept = client->keep_alive({{7}, {8}});
    REQUIRE(kept);
    CHECK((*kept == std::vector<std::chrono::seconds>{30s, 0s}));
    for (const auto ttl : {std::chrono::seconds(0), std::chrono::seconds(-5), std::chrono::seconds::max()}) {
        CHECK(client->grant_lease(ttl).error().code == Code::invalid_argument);
    }
    CHECK(client->keep_alive({}).error().code == Code::invalid_argument);
    CHECK(client->revoke_lease({0}).error().code == Code::invalid_argument);
}

}  // namespace belfry
