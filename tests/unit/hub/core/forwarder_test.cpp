#include "hub/core/forwarder.hpp"

#include <catch2/catch_test_macros.hpp>

#include "hub/base/limits.hpp"

namespace belfry::hub::core {
namespace {

struct Member {
    explicit Member(uint64_t incarnation = 100) : forwarder(incarnation) {}
    void add(uint64_t request, uint64_t now_ms, Bytes value = "v") {
        forwarder.add({7, {request, "me", {}, protocol::PutRequest{"k", std::move(value), {}, false}}}, now_ms);
    }
    // Of what a flush sends: numbers, as the leader sees them.
    std::vector<uint64_t> flush(uint64_t leader, uint64_t now_ms) {
        std::vector<MemberMessage> out;
        forwarder.flush(leader, Term{leader}, now_ms, out, replies);
        std::vector<uint64_t> numbers;
        for (const MemberMessage& message : out) {
            CHECK(message.peer == leader);
            for (const auto& request : std::get<ForwardedRequests>(message.body).requests) numbers.push_back(request.id);
        }
        return numbers;
    }
    void answer(uint64_t leader, uint64_t number, Code code, uint64_t now_ms) {
        std::vector<protocol::Reply> answers = {{number, {}, Error{code, "the leader's reason"}, {}}};
        forwarder.receive(leader, answers, now_ms, replies);
    }

    Forwarder forwarder;
    std::vector<OutgoingReply> replies;
};

}  // namespace

TEST_CASE("forwarder: what a leader could not do is asked again after a pause, of another leader at once", "[core]") {
    Member member;
    member.add(1, 1000);
    CHECK(member.flush(2, 1000) == std::vector<uint64_t>{101});
    member.answer(2, 101, Code::unavailable, 1001);
    CHECK(member.flush(2, 1001).empty());
    CHECK(member.forwarder.wake_at_ms() == 1021);
    CHECK(member.flush(2, 1021) == std::vector<uint64_t>{102});
    member.answer(2, 102, Code::unavailable, 1022);
    CHECK(member.flush(3, 1023) == std::vector<uint64_t>{103});
    CHECK(member.replies.empty());
    member.answer(3, 103, Code::ok, 1030);
    REQUIRE(member.replies.size() == 1);
    CHECK(member.replies[0].connection == 7);
    CHECK(member.replies[0].reply.id == 1);
    CHECK(member.forwarder.count() == 0);
    CHECK(member.forwarder.wake_at_ms() == UINT64_MAX);
}

TEST_CASE("forwarder: a refusal that comes when there is another leader already goes on to that one", "[core]") {
    Member member;
    member.add(1, 1000);
    CHECK(member.flush(2, 1000) == std::vector<uint64_t>{101});
    CHECK(member.flush(3, 1010).empty());
    member.answer(2, 101, Code::unavailable, 1011);
    CHECK(member.flush(3, 1011) == std::vector<uint64_t>{102});
}

TEST_CASE("forwarder: a leader that refuses for ever is told to the client with its reason", "[core]") {
    Member member;
    member.add(1, 1000);
    uint64_t now_ms = 1000;
    size_t asked = 0;
    while (member.replies.empty() && now_ms < 10'000) {
        for (const uint64_t number : member.flush(2, now_ms)) {
            ++asked;
            member.answer(2, number, Code::unavailable, ++now_ms);
        }
        ++now_ms;
    }
    REQUIRE(member.replies.size() == 1);
    CHECK(member.replies[0].reply.error.code == Code::unavailable);
    CHECK(member.replies[0].reply.error.detail == "the leader's reason");
    CHECK(now_ms <= 1000 + limits::leader_wait_ms_max + 2);
    CHECK(asked < 200);
    CHECK(member.forwarder.count() == 0);
}

TEST_CASE("forwarder: without a leader the oldest are refused first, whatever has come back meanwhile", "[core]") {
    Member member;
    member.add(1, 1000);
    CHECK(member.flush(2, 1000).size() == 1);
    member.add(2, 2000);
    CHECK(member.flush(0, 2000).empty());
    member.answer(2, 101, Code::unavailable, 2001);
    CHECK(member.flush(0, 1000 + limits::leader_wait_ms_max).empty());
    REQUIRE(member.replies.size() == 1);
    CHECK(member.replies[0].reply.id == 1);
    CHECK(member.forwarder.wake_at_ms() == 2000 + limits::leader_wait_ms_max);
}

TEST_CASE("forwarder: what waits for an answer counts until it has come, or nobody waits for it any more", "[core]") {
    constexpr size_t value_bytes = 1024 * 1024;
    Member member;
    uint64_t request = 0;
    while (!member.forwarder.full()) member.add(++request, 1000, Bytes(value_bytes, 'v'));
    CHECK(request <= limits::forwards_bytes_max / value_bytes + 1);
    CHECK(member.flush(2, 1000).size() == request);
    CHECK(member.forwarder.full());
    member.answer(2, 101, Code::ok, 1001);
    member.answer(2, 102, Code::ok, 1001);
    CHECK_FALSE(member.forwarder.full());
    member.forwarder.forget(7);
    CHECK(member.forwarder.count() == 0);
    while (!member.forwarder.full()) member.add(++request, 1000, Bytes(value_bytes, 'v'));
    CHECK(member.forwarder.count() == limits::forwards_bytes_max / value_bytes);
}

}  // namespace belfry::hub::core
