// A round that has done enough: clients' requests wait for the next one, members' messages do not.
#include <catch2/catch_test_macros.hpp>

#include "hub/shell/backlog.hpp"
#include "sdk/protocol/codec.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::shell;

namespace {

constexpr uint64_t requests_max = 4;
const std::chrono::steady_clock::time_point at_once{};

struct Door {
    Mailbox<Item> mailbox;
    Inbox inbox{mailbox, {requests_max, 1'000'000}};
    Backlog backlog;

    Status request(uint64_t id) {
        protocol::Request request;
        request.id = id;
        request.op = protocol::StatusRequest{};
        return inbox.on_frame(1, {}, protocol::encode_requests({&request, 1}));
    }
    void message(uint64_t peer) { mailbox.put(core::Input(core::MessageReceived{{peer, core::ReadIndexAsk{}}})); }
    void close(uint64_t connection) { mailbox.put(core::Input(core::ConnectionClosed{connection})); }
    // The next round, which has time for so many items: "r1 m7 closed1 busy".
    std::string round(size_t items) {
        backlog.fill(inbox, at_once);
        std::string all;
        for (size_t done = 0;; ++done) {
            const Item* const item = backlog.next(done >= items);
            if (item == nullptr) return all;
            all += (all.empty() ? "" : " ") + name(*item);
        }
    }
    static std::string name(const Item& item) {
        if (std::holds_alternative<Refusal>(item)) return "busy";
        const auto& input = std::get<core::Input>(item);
        if (const auto* one = std::get_if<core::RequestReceived>(&input)) return "r" + std::to_string(one->request.id);
        if (const auto* one = std::get_if<core::MessageReceived>(&input)) return "m" + std::to_string(one->message.peer);
        if (const auto* one = std::get_if<core::ConnectionClosed>(&input))
            return "closed" + std::to_string(one->connection);
        return "?";
    }
};

}  // namespace

TEST_CASE("backlog: with time for it everything comes in order", "[shell]") {
    Door door;
    REQUIRE(door.request(1));
    door.message(7);
    REQUIRE(door.request(2));
    door.close(1);
    CHECK(door.round(9) == "r1 m7 r2 closed1");
    CHECK(door.backlog.empty());
    CHECK(door.round(9).empty());
}

TEST_CASE("backlog: what members say goes before requests that a round had no time for", "[shell]") {
    Door door;
    for (uint64_t id = 1; id <= 3; ++id) REQUIRE(door.request(id));
    door.message(7);
    door.close(1);
    door.message(8);
    CHECK(door.round(1) == "r1 m7 m8");
    CHECK_FALSE(door.backlog.empty());
    door.message(9);
    CHECK(door.round(2) == "m9 r2");
    CHECK(door.round(0).empty());
    CHECK(door.round(9) == "r3 closed1");
    CHECK(door.backlog.empty());
}

TEST_CASE("backlog: requests that come while others are left count for the bounds of the inbox", "[shell]") {
    Door door;
    for (uint64_t id = 1; id <= requests_max; ++id) REQUIRE(door.request(id));
    CHECK(door.round(1) == "r1");
    for (uint64_t id = 5; id <= 4 + requests_max; ++id) REQUIRE(door.request(id));
    CHECK(door.round(1) == "r2");
    CHECK_FALSE(door.request(9));
    CHECK(door.round(9) == "r3 r4");
    CHECK(door.round(9) == "r5 r6 r7 r8 busy");
    CHECK(door.request(9));
}
