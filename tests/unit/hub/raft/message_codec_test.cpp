#include "hub/raft/message_codec.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace belfry;
using namespace belfry::hub::raft;

namespace {

std::vector<Message> one_of_each() {
    const auto payload = std::make_shared<const Bytes>(Bytes(300, 'p'));
    const auto nothing = std::make_shared<const Bytes>();
    return {
        {2, 2, Term{7}, RequestVote{3, Index{200}, Term{6}, true, false}},
        {2, 2, Term{7}, RequestVoteResult{true, true, 1, 65535}},
        {2, 0, Term{300},
         AppendEntries{
             Index{127},
             Term{6},
             Index{120},
             2,
             {{Index{128}, Term{6}, EntryType::command, payload}, {Index{129}, Term{7}, EntryType::barrier, nothing}}}},
        {2, 1, Term{7}, AppendEntriesResult{Index{5}, Index{4}, 1, 0}},
        {2, 1, Term{7}, InstallSnapshot{Index{1ull << 40}, Term{6}, Index{9}, "members"}},
        {2, 1, Term{UINT64_MAX}, TimeoutNow{Index{5}, Term{4}}},
        {2, 0, Term{7}, ReadProbe{12}},
        {2, 0, Term{7}, ReadProbeResult{12, true}},
    };
}

}  // namespace

TEST_CASE("every kind of message comes back from its octets as it was", "[raft]") {
    size_t kind = 0;
    for (const Message& message : one_of_each()) {
        const Bytes octets = encode_message(message);
        CHECK(static_cast<size_t>(octets[1]) == ++kind);  // the numbers on the wire are these
        const auto decoded = decode_message(2, octets);
        REQUIRE(decoded.ok());
        CHECK(decoded->peer == 2);
        CHECK(decoded->term == message.term);
        CHECK(decoded->version == message.version);
        CHECK(decoded->body.index() == message.body.index());
        CHECK(encode_message(*decoded) == octets);
    }
    const auto decoded = decode_message(2, encode_message(one_of_each()[2]));
    const auto& entries = std::get<AppendEntries>(decoded->body).entries;
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].index == Index{128});
    CHECK(entries[1].type == EntryType::barrier);
    CHECK(*entries[0].payload == Bytes(300, 'p'));
}

TEST_CASE("messages that are cut off, too long or of another kind are refused", "[raft]") {
    for (const Message& message : one_of_each()) {
        const Bytes octets = encode_message(message);
        for (size_t size = 0; size < octets.size(); ++size) {
            CHECK_FALSE(decode_message(2, BytesView(octets).substr(0, size)).ok());
        }
        CHECK_FALSE(decode_message(2, octets + "x").ok());
        Bytes other = octets;
        other[0] = 2;
        CHECK(decode_message(2, other).error().code == Code::incompatible);
        other = octets;
        other[1] = 9;
        CHECK(decode_message(2, other).error().code == Code::invalid_argument);
    }
    // More entries announced than there are octets.
    CHECK_FALSE(decode_message(2, Bytes("\x01\x03\x00\x07\x01\x01\x01\xff\x1f", 9)).ok());
}
