// Shared words: what everything above agrees on. Identities are strong types, never bare integers.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belfry {

// Owned and borrowed octets; any value, zero included. Not text unless a comment says so.
using Bytes = std::string;
using BytesView = std::string_view;

// One number per committed mutating transaction, from 1 upward without gaps. 0 = "nothing yet" or "not given".
struct Revision {
    uint64_t value = 0;
    friend auto operator<=>(const Revision&, const Revision&) = default;
    Revision next() const { return {value + 1}; }
    Revision previous() const { return {value - 1}; }
};

// Position in the replicated log, from 1 upward. 0 = none.
struct Index {
    uint64_t value = 0;
    friend auto operator<=>(const Index&, const Index&) = default;
    Index next() const { return {value + 1}; }
    Index previous() const { return {value - 1}; }
};

struct Term {
    uint64_t value = 0;
    friend auto operator<=>(const Term&, const Term&) = default;
};

// 0 = the key is bound to no lease.
struct LeaseId {
    uint64_t value = 0;
    friend auto operator<=>(const LeaseId&, const LeaseId&) = default;
};

// 64-bit hash of a canonical filter (protocol/filter_spec.hpp); the same on every member with no coordination.
struct ChannelId {
    uint64_t value = 0;
    friend auto operator<=>(const ChannelId&, const ChannelId&) = default;
};

// A key and the facts about it; the words and meanings of etcd v3.
struct KeyValue {
    Bytes key;
    Bytes value;
    Revision create_revision;  // of the put that created this incarnation of the key
    Revision mod_revision;     // of the last put
    uint64_t version = 0;      // puts since creation, from 1
    LeaseId lease;
    Bytes content_type = {};  // of the value, as the last put said it (sdk/base/content_type.hpp); empty = not said
    friend bool operator==(const KeyValue&, const KeyValue&) = default;
};

enum class EventType : uint8_t { put = 0, erase = 1 };  // on the wire and on disk since 1.0

// One key's part of a change set. For erase, `kv` has key and mod_revision only.
struct Event {
    EventType type = EventType::put;
    KeyValue kv;
    friend bool operator==(const Event&, const Event&) = default;
};

// What a change set is marked with (sdk/base/labels.hpp): in order, each once.
using Labels = std::vector<Bytes>;

// Everything one revision did, to be applied at once or not at all.
struct ChangeSet {
    Revision revision;
    uint64_t time_ms = 0;  // wall clock of the leader, from the log entry; milliseconds since 1970
    Bytes author;          // UTF-8
    Bytes comment;         // UTF-8, may be empty
    std::vector<Event> events;
    Labels labels = {};
    friend bool operator==(const ChangeSet&, const ChangeSet&) = default;
};

}  // namespace belfry
