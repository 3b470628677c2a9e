// Messages between members as octets. Integers as in hub/base/binary.hpp.
//
// message := u8 format (1), u8 kind, u8 version (the engine's own), varint term, body
// body    := request vote (1)           varint candidate, varint last, varint last_term, u8 flags (1 = disrupt, 2 =
// pre-vote)
//          | request vote result (2)    u8 flags (1 = granted, 2 = pre-vote), varint features, varint capacity
//          | append entries (3)         varint previous, varint previous_term, varint commit, varint count, entry*count
//          | append entries result (4)  varint rejected, varint last, varint features, varint capacity
//          | install snapshot (5)       varint last, varint last_term, varint configuration_index, bytes configuration
//          | timeout now (6)            varint last, varint last_term
//          | read probe (7)             varint round
//          | read probe result (8)      varint round, u8 flags (1 = granted)
// entry   := varint term, u8 type, bytes payload          their indexes follow `previous`
//
// Who it is from or for is not in it: the connection says that, by the key of whoever holds its other end. Members of one
// cluster may run different releases for a while; numbers are never reused, and an unknown format or kind is refused.
#pragma once

#include "hub/raft/message.hpp"
#include "sdk/base/error.hpp"

namespace belfry::hub::raft {

inline constexpr uint8_t message_format = 1;
// What a sender puts into one message, and a receiver takes at most. (An entry's payload is bounded by the log's limits.)
inline constexpr size_t message_entries_max = 4096;

// REQUIRES: the entries of an AppendEntries are filled in, with their payloads.
Bytes encode_message(const Message& message);
// Any octets: `invalid_argument` with the offset, `incompatible` for another format. `peer` is the sender.
Result<Message> decode_message(uint64_t peer, BytesView octets);

}  // namespace belfry::hub::raft
