#include "hub/core/member_message.hpp"

#include <catch2/catch_test_macros.hpp>

namespace belfry::hub::core {
namespace {

template <class Body>
Body there_and_back(Body body) {
    const auto decoded = decode_member_message(7, encode_member_message({3, std::move(body)}));
    REQUIRE(decoded);
    CHECK(decoded->peer == 7);
    REQUIRE(std::holds_alternative<Body>(decoded->body));
    return std::get<Body>(decoded->body);
}

}  // namespace

TEST_CASE("member messages come back as they were", "[core][cluster]") {
    CHECK(there_and_back(ReadIndexAsk{~0ull}).round == ~0ull);
    const auto answer = there_and_back(ReadIndexAnswer{300, true, Index{5}});
    CHECK((answer.round == 300 && answer.granted && answer.index == Index{5}));
    const auto digest = there_and_back(StateDigest{Index{128}, 0x1234567890abcdef});
    CHECK((digest.index == Index{128} && digest.digest == 0x1234567890abcdef));
    CHECK(there_and_back(Release{5, 7}).entry_format == 5);
    CHECK(there_and_back(Release{5, 7}).plugins == 7);
    const auto renewals = there_and_back(LeaseRenewals{Term{3}, 5, {{{1}, 2}, {{~0ull}, 4}}});
    CHECK((renewals.term == Term{3} && renewals.round == 5 && renewals.leases.size() == 2));
    CHECK((renewals.leases[1].lease == LeaseId{~0ull} && renewals.leases[1].number == 4));
    CHECK(there_and_back(RenewalsTaken{Term{3}, 5}).round == 5);
    CHECK(there_and_back(LeaseQuestion{Term{3}, 5, {7}}).after == LeaseId{7});
    const auto told = there_and_back(LeaseTimes{Term{3}, 5, 99, 44, true, {{{7}, 1, 30'000}}});
    CHECK((told.age_ms == 99 && told.known == 44 && told.more && told.times.at(0).remaining_ms == 30'000));
    const auto requests =
        there_and_back(ForwardedRequests{{{9, "me", "why", protocol::PutRequest{"k", "v", {}, true}, {}, false, {"a"}}}});
    REQUIRE(requests.requests.size() == 1);
    CHECK(requests.requests[0].author == "me");
    CHECK(requests.requests[0].labels == Labels{"a"});
    CHECK(std::get<protocol::PutRequest>(requests.requests[0].op).value == "v");
    CHECK(requests.callers.empty());
    const auto callers = there_and_back(ForwardedRequests{
        {{9, "me", "", protocol::PutRequest{"k", "v", {}, false}}, {10, "", "", protocol::CompactRequest{Revision{3}}}},
        {{"ann", ~0ull}, {"root", 0}}});
    CHECK(callers.requests.size() == 2);
    CHECK(callers.callers == std::vector<Principal>{{"ann", ~0ull}, {"root", 0}});
    protocol::Reply reply{9, Revision{4}, Error{Code::conflict, "no"}, {}};
    const auto replies = there_and_back(ForwardedReplies{{reply}});
    REQUIRE(replies.replies.size() == 1);
    CHECK(replies.replies[0].error.detail == "no");
    raft::AppendEntries entries{Index{1}, Term{1}, Index{1}, 1, {}};
    entries.entries.push_back({Index{2}, Term{2}, raft::EntryType::command, std::make_shared<const Bytes>("payload")});
    const auto message = there_and_back(raft::Message{3, 1, Term{2}, entries});
    CHECK(message.peer == 7);
    CHECK(*std::get<raft::AppendEntries>(message.body).entries.at(0).payload == "payload");
}

TEST_CASE("octets that are no member message are refused by kind and place", "[core][cluster]") {
    CHECK(decode_member_message(1, "").error().code == Code::invalid_argument);
    CHECK(decode_member_message(1, "\x63 from a newer release").error().code == Code::incompatible);
    const Bytes whole = encode_member_message({1, StateDigest{Index{1000}, 77}});
    for (size_t size = 1; size < whole.size(); ++size) {
        CHECK_FALSE(decode_member_message(1, BytesView(whole).substr(0, size)).ok());
    }
    CHECK_FALSE(decode_member_message(1, whole + "x").ok());
    const Bytes times = encode_member_message({1, LeaseTimes{Term{1}, 1, 1, 1, false, {{{7}, 1, 1}, {{8}, 1, 1}}}});
    for (size_t size = 1; size < times.size(); ++size) {
        CHECK_FALSE(decode_member_message(1, BytesView(times).substr(0, size)).ok());
    }
    // What a later release adds to kind 7 is passed over.
    CHECK(decode_member_message(1, encode_member_message({1, Release{4}}) + "more").ok());
    CHECK(decode_member_message(1, "\x07\x04").ok());  // of a release that does not speak of plugins
    CHECK(decode_member_message(1, "\x07").error().code == Code::invalid_argument);
    // One caller for each request.
    const Bytes of_one = encode_member_message(
        {1, ForwardedRequests{{{9, "me", "", protocol::PutRequest{"k", "v", {}, false}}}, {{"ann", 7}, {"bob", 8}}}});
    CHECK(decode_member_message(1, of_one).error().detail == "member message: not one caller for each request");
    CHECK_FALSE(decode_member_message(1, BytesView("\x08\0", 2)).ok());
    // A member forwards only what its door has let in; a key too long was not.
    const Bytes long_key(1000, 'k');
    const Bytes forwarded =
        encode_member_message({1, ForwardedRequests{{{1, "", "", protocol::PutRequest{long_key, "", {}, false}}}}});
    CHECK(decode_member_message(1, forwarded).error().code == Code::invalid_argument);
}

}  // namespace belfry::hub::core
