// What the members of a cluster say to each other: Raft's messages, and what the hub adds to them. As data, and as octets.
//
// member message := u8 kind, body
// kind 1 raft               body as in hub/raft/message_codec.hpp
//      2 read index ask     varint round
//      3 read index answer  varint round, u8 flags (1 = granted), varint index
//      4 requests           a frame of requests as clients send it (docs/protocol.md)
//      5 replies            a frame of replies
//      6 state digest       varint index, u64 digest
//      7 release            varint entry format, [u64 digest of plugins], more to come: what follows is passed over
//      8 requests of whom   varint count, count of (bytes principal, u64 stamp), then a frame of as many requests
//      9 lease renewals     varint term, varint round, varint count, count of (varint lease, varint number)
//     10 renewals taken     varint term, varint round
//     11 lease question     varint term, varint round, varint after
//     12 lease times        varint term, varint round, varint age_ms, varint known, u8 flags (1 = more), varint count,
//                           count of (varint lease, varint number, varint remaining_ms)
// Integers as in hub/base/binary.hpp. Members of one cluster may run different releases for a while: numbers are never
// reused, an unknown kind is `incompatible` and is dropped by who receives it.
#pragma once

#include <variant>
#include <vector>

#include "hub/core/access.hpp"
#include "hub/raft/message.hpp"
#include "sdk/base/error.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::core {

// To the leader: what must be applied here so that a read sees everything that was acknowledged before this question?
struct ReadIndexAsk {
    uint64_t round = 0;  // the asker's; ascends
};
struct ReadIndexAnswer {
    uint64_t round = 0;
    bool granted = false;  // false: ask again, somebody else perhaps
    Index index;
};
// Requests of the sender's clients that only the leader can answer; the ids are the sender's numbers for them.
struct ForwardedRequests {
    std::vector<protocol::Request> requests;
    std::vector<Principal> callers = {};  // of each request, as the sender found it; empty: it asks nobody (kind 4)
};
struct ForwardedReplies {
    std::vector<protocol::Reply> replies;
};
// The digest of the sender's state when it had applied exactly this entry.
struct StateDigest {
    Index index;
    uint64_t digest = 0;
};

// The newest format of log entries (hub/log/entry.hpp) that the sender reads, and what decides there (releases.hpp).
struct Release {
    uint64_t entry_format = 0;
    uint64_t plugins = 0;  // 0: an older release, which does not say
};

// ---- leases (lease_keeper.hpp); of the leader of this term, or to it ----

// Leases that clients keep alive; taken when the sender's memory is not the only one that knows.
struct LeaseRenewals {
    struct Lease {
        LeaseId lease;
        uint64_t number = 0;  // model::Lease::number
    };
    Term term;
    uint64_t round = 0;
    std::vector<Lease> leases;
};
struct RenewalsTaken {
    Term term;
    uint64_t round = 0;
};
// What does the receiver remember of the leases after this one?
struct LeaseQuestion {
    Term term;
    uint64_t round = 0;
    LeaseId after;
};
struct LeaseTime {
    LeaseId lease;
    uint64_t number = 0;
    uint64_t remaining_ms = 0;
};
struct LeaseTimes {
    Term term;
    uint64_t round = 0;
    uint64_t age_ms = 0;  // of the sender's memory: for so long it has missed nothing that it was told
    uint64_t known = 0;   // but of leases with a greater number: their grants it has not applied
    bool more = false;    // after the last of these
    std::vector<LeaseTime> times;
};

struct MemberMessage {
    uint64_t peer = 0;  // to whom, or from whom
    std::variant<raft::Message, ReadIndexAsk, ReadIndexAnswer, ForwardedRequests, ForwardedReplies, StateDigest, Release,
                 LeaseRenewals, RenewalsTaken, LeaseQuestion, LeaseTimes>
        body;
};

// REQUIRES: the entries of an AppendEntries are filled in; what is forwarded fits a frame (limits::frame_requests_max).
Bytes encode_member_message(const MemberMessage& message);
// Any octets: `invalid_argument`, or `incompatible` for another release's kinds. Requests are validated.
Result<MemberMessage> decode_member_message(uint64_t peer, BytesView octets);

}  // namespace belfry::hub::core
