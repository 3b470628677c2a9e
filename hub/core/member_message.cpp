#include "hub/core/member_message.hpp"

#include "hub/base/binary.hpp"
#include "hub/raft/message_codec.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

enum class Kind : uint8_t {
    raft = 1,
    read_index_ask = 2,
    read_index_answer = 3,
    requests = 4,
    replies = 5,
    state_digest = 6,
    release = 7,
    requests_of_callers = 8,
    lease_renewals = 9,
    renewals_taken = 10,
    lease_question = 11,
    lease_times = 12,
};

void begin(Writer& out, Kind kind) { out.u8(static_cast<uint8_t>(kind)); }

void write(Writer& out, const raft::Message& body) {
    begin(out, Kind::raft);
    out.raw(raft::encode_message(body));
}
void write(Writer& out, const ReadIndexAsk& body) {
    begin(out, Kind::read_index_ask);
    out.varint(body.round);
}
void write(Writer& out, const ReadIndexAnswer& body) {
    begin(out, Kind::read_index_answer);
    out.varint(body.round);
    out.u8(body.granted ? 1 : 0);
    out.varint(body.index.value);
}
void write(Writer& out, const ForwardedRequests& body) {
    begin(out, body.callers.empty() ? Kind::requests : Kind::requests_of_callers);
    if (!body.callers.empty()) out.varint(body.callers.size());
    for (const Principal& caller : body.callers) {
        out.bytes(caller.name);
        out.u64(caller.stamp);
    }
    out.raw(protocol::encode_requests(body.requests));
}
void write(Writer& out, const ForwardedReplies& body) {
    begin(out, Kind::replies);
    out.raw(protocol::encode_replies(body.replies));
}
void write(Writer& out, const StateDigest& body) {
    begin(out, Kind::state_digest);
    out.varint(body.index.value);
    out.u64(body.digest);
}
void write(Writer& out, const Release& body) {
    begin(out, Kind::release);
    out.varint(body.entry_format);
    out.u64(body.plugins);
}

void write(Writer& out, const LeaseRenewals& body) {
    begin(out, Kind::lease_renewals);
    out.varint(body.term.value);
    out.varint(body.round);
    out.varint(body.leases.size());
    for (const LeaseRenewals::Lease& one : body.leases) {
        out.varint(one.lease.value);
        out.varint(one.number);
    }
}
void write(Writer& out, const RenewalsTaken& body) {
    begin(out, Kind::renewals_taken);
    out.varint(body.term.value);
    out.varint(body.round);
}
void write(Writer& out, const LeaseQuestion& body) {
    begin(out, Kind::lease_question);
    out.varint(body.term.value);
    out.varint(body.round);
    out.varint(body.after.value);
}
void write(Writer& out, const LeaseTimes& body) {
    begin(out, Kind::lease_times);
    out.varint(body.term.value);
    out.varint(body.round);
    out.varint(body.age_ms);
    out.varint(body.known);
    out.u8(body.more ? 1 : 0);
    out.varint(body.times.size());
    for (const LeaseTime& time : body.times) {
        out.varint(time.lease.value);
        out.varint(time.number);
        out.varint(time.remaining_ms);
    }
}

Error nonsense(const std::string& what) { return {Code::invalid_argument, "member message: " + what}; }

Result<MemberMessage> requests_of(uint64_t peer, BytesView frame) {
    auto requests = protocol::decode_requests(frame);
    if (!requests) return nonsense(requests.error().detail);
    for (const protocol::Request& request : *requests) {
        if (const Status valid = protocol::validate(request); !valid) return nonsense(valid.error().detail);
    }
    return MemberMessage{peer, ForwardedRequests{std::move(*requests)}};
}

Result<MemberMessage> requests_of_callers_of(uint64_t peer, BytesView octets) {
    Reader in(octets);
    std::vector<Principal> callers;
    const uint64_t count = in.varint();
    if (count > belfry::limits::frame_requests_max) in.fail();
    for (uint64_t i = 0; i < count && in.ok(); ++i) {
        Bytes name(in.bytes());
        callers.push_back({std::move(name), in.u64()});
    }
    const BytesView frame = in.rest();
    if (!in.ok()) return nonsense("not understood at octet " + std::to_string(in.offset() + 1));
    auto message = requests_of(peer, frame);
    if (!message) return message;
    auto& requests = std::get<ForwardedRequests>(message->body);
    if (callers.empty() || requests.requests.size() != callers.size()) return nonsense("not one caller for each request");
    requests.callers = std::move(callers);
    return message;
}

Result<MemberMessage> replies_of(uint64_t peer, BytesView frame) {
    auto replies = protocol::decode_replies(frame);
    if (!replies) return nonsense(replies.error().detail);
    return MemberMessage{peer, ForwardedReplies{std::move(*replies)}};
}

// Kinds of a few numbers each.
Result<MemberMessage> numbers_of(uint64_t peer, Kind kind, BytesView octets) {
    Reader in(octets);
    MemberMessage message{peer, ReadIndexAsk{}};
    if (kind == Kind::read_index_ask) {
        message.body = ReadIndexAsk{in.varint()};
    } else if (kind == Kind::read_index_answer) {
        const uint64_t round = in.varint();
        const uint8_t flags = in.u8();
        if (flags > 1) in.fail();
        message.body = ReadIndexAnswer{round, flags == 1, Index{in.varint()}};
    } else {
        const Index index{in.varint()};
        message.body = StateDigest{index, in.u64()};
    }
    if (!in.ok() || !in.at_end()) return nonsense("not understood at octet " + std::to_string(in.offset() + 1));
    return message;
}

// Every lease takes two octets at least, so a count beyond what is left is a lie and nothing is allocated for it.
uint64_t read_count(Reader& in) {
    const uint64_t count = in.varint();
    if (count > in.remaining()) in.fail();
    return in.ok() ? count : 0;
}

Result<MemberMessage> about_leases_of(uint64_t peer, Kind kind, BytesView octets) {
    Reader in(octets);
    const Term term{in.varint()};
    const uint64_t round = in.varint();
    MemberMessage message{peer, RenewalsTaken{term, round}};
    if (kind == Kind::lease_question) {
        message.body = LeaseQuestion{term, round, {in.varint()}};
    } else if (kind == Kind::lease_renewals) {
        LeaseRenewals renewals{term, round, {}};
        for (uint64_t left = read_count(in); left > 0 && in.ok(); --left) {
            const LeaseId lease{in.varint()};
            renewals.leases.push_back({lease, in.varint()});
        }
        message.body = std::move(renewals);
    } else if (kind == Kind::lease_times) {
        LeaseTimes told{term, round, in.varint(), in.varint(), false, {}};
        const uint8_t flags = in.u8();
        if (flags > 1) in.fail();
        told.more = flags == 1;
        for (uint64_t left = read_count(in); left > 0 && in.ok(); --left) {
            const LeaseId lease{in.varint()};
            const uint64_t number = in.varint();
            told.times.push_back({lease, number, in.varint()});
        }
        message.body = std::move(told);
    }
    if (!in.ok() || !in.at_end()) return nonsense("not understood at octet " + std::to_string(in.offset() + 1));
    return message;
}

Result<MemberMessage> release_of(uint64_t peer, BytesView octets) {
    Reader in(octets);
    Release release{in.varint()};
    if (!in.ok()) return nonsense("a release without an entry format");
    if (in.remaining() >= sizeof(release.plugins)) release.plugins = in.u64();
    return MemberMessage{peer, release};
}

}  // namespace

Bytes encode_member_message(const MemberMessage& message) {
    Bytes octets;
    Writer out(octets);
    std::visit([&](const auto& body) { write(out, body); }, message.body);
    return octets;
}

Result<MemberMessage> decode_member_message(uint64_t peer, BytesView octets) {
    if (octets.empty()) return nonsense("it is empty");
    const auto kind = static_cast<Kind>(octets[0]);
    const BytesView body = octets.substr(1);
    switch (kind) {
        case Kind::raft: {
            auto message = raft::decode_message(peer, body);
            if (!message) return message.error();
            return MemberMessage{peer, std::move(*message)};
        }
        case Kind::requests: return requests_of(peer, body);
        case Kind::requests_of_callers: return requests_of_callers_of(peer, body);
        case Kind::replies: return replies_of(peer, body);
        case Kind::read_index_ask:
        case Kind::read_index_answer:
        case Kind::state_digest: return numbers_of(peer, kind, body);
        case Kind::release: return release_of(peer, body);
        case Kind::lease_renewals:
        case Kind::renewals_taken:
        case Kind::lease_question:
        case Kind::lease_times: return about_leases_of(peer, kind, body);
    }
    return Error{Code::incompatible, "member message of kind " + std::to_string(static_cast<unsigned>(kind)) +
                                         ": the other member runs another release"};
}

}  // namespace belfry::hub::core
