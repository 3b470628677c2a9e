#include "hub/raft/message_codec.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/binary.hpp"

namespace belfry::hub::raft {

namespace {

// As they stand in the variant, from 1.
enum class Kind : uint8_t {
    request_vote = 1,
    request_vote_result = 2,
    append_entries = 3,
    append_entries_result = 4,
    install_snapshot = 5,
    timeout_now = 6,
    read_probe = 7,
    read_probe_result = 8,
};

uint8_t flags(bool first, bool second = false) { return static_cast<uint8_t>((first ? 1 : 0) | (second ? 2 : 0)); }

void write(Writer& out, const RequestVote& body) {
    out.varint(body.candidate);
    out.varint(body.last.value);
    out.varint(body.last_term.value);
    out.u8(flags(body.disrupt_leader, body.pre_vote));
}

void write(Writer& out, const RequestVoteResult& body) {
    out.u8(flags(body.granted, body.pre_vote));
    out.varint(body.features);
    out.varint(body.capacity);
}

void write(Writer& out, const AppendEntries& body) {
    BELFRY_ASSERT(body.count == body.entries.size() && body.entries.size() <= message_entries_max);
    out.varint(body.previous.value);
    out.varint(body.previous_term.value);
    out.varint(body.commit.value);
    out.varint(body.entries.size());
    for (const Entry& entry : body.entries) {
        out.varint(entry.term.value);
        out.u8(static_cast<uint8_t>(entry.type));
        out.bytes(*entry.payload);
    }
}

void write(Writer& out, const AppendEntriesResult& body) {
    out.varint(body.rejected.value);
    out.varint(body.last.value);
    out.varint(body.features);
    out.varint(body.capacity);
}

void write(Writer& out, const InstallSnapshot& body) {
    out.varint(body.last.value);
    out.varint(body.last_term.value);
    out.varint(body.configuration_index.value);
    out.bytes(body.configuration);
}

void write(Writer& out, const TimeoutNow& body) {
    out.varint(body.last.value);
    out.varint(body.last_term.value);
}

void write(Writer& out, const ReadProbe& body) { out.varint(body.round); }

void write(Writer& out, const ReadProbeResult& body) {
    out.varint(body.round);
    out.u8(flags(body.granted));
}

uint8_t read_flags(Reader& in, uint8_t most) {
    const uint8_t read = in.u8();
    if (read > most) in.fail();
    return read;
}

uint16_t read_u16(Reader& in) {
    const uint64_t read = in.varint();
    if (read > UINT16_MAX) in.fail();
    return static_cast<uint16_t>(read);
}

Index read_index(Reader& in) { return Index{in.varint()}; }
Term read_term(Reader& in) { return Term{in.varint()}; }

AppendEntries read_entries(Reader& in) {
    constexpr size_t entry_bytes_min = 3;
    AppendEntries body{read_index(in), read_term(in), read_index(in), 0, {}};
    const uint64_t count = in.varint();
    const bool impossible = count > message_entries_max || count > in.remaining() / entry_bytes_min ||
                            body.previous.value > UINT64_MAX - message_entries_max;
    if (impossible) in.fail();
    if (!in.ok()) return body;
    body.count = static_cast<uint32_t>(count);
    body.entries.reserve(static_cast<size_t>(count));
    for (uint64_t i = 1; i <= count && in.ok(); ++i) {
        Entry entry;
        entry.index = Index{body.previous.value + i};
        entry.term = read_term(in);
        const uint8_t type = in.u8();
        if (type < static_cast<uint8_t>(EntryType::command) || type > static_cast<uint8_t>(EntryType::change)) in.fail();
        entry.type = static_cast<EntryType>(type);
        entry.payload = std::make_shared<const Bytes>(in.bytes());
        body.entries.push_back(std::move(entry));
    }
    return body;
}

void read_body(Reader& in, Kind kind, Message& message) {
    switch (kind) {
        case Kind::request_vote: {
            RequestVote body{in.varint(), read_index(in), read_term(in), false, false};
            const uint8_t read = read_flags(in, 3);
            body.disrupt_leader = (read & 1) != 0;
            body.pre_vote = (read & 2) != 0;
            message.body = body;
            return;
        }
        case Kind::request_vote_result: {
            const uint8_t read = read_flags(in, 3);
            message.body = RequestVoteResult{(read & 1) != 0, (read & 2) != 0, read_u16(in), read_u16(in)};
            return;
        }
        case Kind::append_entries: message.body = read_entries(in); return;
        case Kind::append_entries_result:
            message.body = AppendEntriesResult{read_index(in), read_index(in), read_u16(in), read_u16(in)};
            return;
        case Kind::install_snapshot:
            message.body = InstallSnapshot{read_index(in), read_term(in), read_index(in), Bytes(in.bytes())};
            return;
        case Kind::timeout_now: message.body = TimeoutNow{read_index(in), read_term(in)}; return;
        case Kind::read_probe: message.body = ReadProbe{in.varint()}; return;
        case Kind::read_probe_result: message.body = ReadProbeResult{in.varint(), read_flags(in, 1) != 0}; return;
    }
    in.fail();
}

}  // namespace

Bytes encode_message(const Message& message) {
    Bytes octets;
    if (const auto* body = std::get_if<AppendEntries>(&message.body)) {
        size_t bytes = 64;
        for (const Entry& entry : body->entries) bytes += entry.payload->size() + 16;
        octets.reserve(bytes);
    }
    Writer out(octets);
    out.u8(message_format);
    out.u8(static_cast<uint8_t>(message.body.index() + 1));
    out.u8(message.version);
    out.varint(message.term.value);
    std::visit([&](const auto& body) { write(out, body); }, message.body);
    return octets;
}

Result<Message> decode_message(uint64_t peer, BytesView octets) {
    Reader in(octets);
    const uint8_t format = in.u8();
    if (in.ok() && format != message_format) {
        return Error{Code::incompatible, "a member's message of format " + std::to_string(format) + "; known is " +
                                             std::to_string(message_format)};
    }
    const auto kind = static_cast<Kind>(in.u8());
    Message message;
    message.peer = peer;
    message.version = in.u8();
    message.term = read_term(in);
    read_body(in, kind, message);
    if (in.ok() && in.at_end()) return message;
    return Error{Code::invalid_argument, "a member's message of " + std::to_string(octets.size()) +
                                             " octets is not understood at " + std::to_string(in.offset())};
}

}  // namespace belfry::hub::raft
