// What the key space keeps in the state store (docs/formats.md, "State store tables"). Integers and `bytes` as in
// hub/base/binary.hpp; key:rev is a revision as 8 octets, big-endian, so that the table is in revision order. On disk since
// 1.0: numbers are never reused.
//
// table 0 meta     "keyspace" -> u32 format (3; 4 with a content type or quota; 5 with labels; 6 with leases),
//                                u64 revision, u64 compacted, u64 dropped, u64 drop_target, u64 key_count, u64 time_ms,
//                                u64 digest (not in format 1), u64 session_ms (not in 1, 2),
//                                u64 last_lease_number (not in 1 to 5)
// table 1 current  key        -> varint create, varint mod, varint version, varint lease, value (the rest);
//                                if the value has a content type, in front of that: varint 0, bytes type (not in 1 to 3)
// table 2 changes  key:rev    -> u8 format (1; 2 with labels), u64 time_ms, bytes author, bytes comment,
//                                [varint n (1 to 16), bytes label*n,] event*      (to the end)
// table 3 deleted  key        -> varint revision of the delete
// table 4 sessions            -> hub/model/session_record.hpp
// table 5 records             -> hub/model/own_records.hpp
// table 6 leases              -> hub/model/leases.hpp
//
// event    := u8 flags, bytes key, [create, version, lease (varints), bytes value, content type]: put only; previous
// flags    := type (0 put, 1 erase) | previous << 1 (0 nothing, 1 tombstone, 2 live)
//           | 8 a content type follows the value | 16 another follows the previous one's: bytes type (not in 1 to 3)
// previous := nothing:   the key's past begins here, or compaction had passed its last delete when this was written
//           | tombstone: varint mod                        the revision of the delete that ended the incarnation before
//           | live:      varint create, mod, version, lease, bytes value, content type
//
// So one key's past is a chain: current (or deleted) names the newest record, `previous` of each event the next older one.
// The state of a key at R is its newest version with mod <= R: `current` itself, or else `previous` of the oldest event
// with mod > R. Hence a record is needed for reads below its revision alone, and compaction at C drops all records <= C.
// A key is in `current` or in `deleted` or in neither; a key is changed by at most one event of a record.
#pragma once

#include <array>
#include <optional>

#include "hub/base/binary.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::model {

enum Table : uint32_t {
    table_meta = 0,
    table_current = 1,
    table_changes = 2,
    table_deleted = 3,
    table_sessions = 4,
    table_own_records = 5,
    table_leases = 6
};

// The newest; a state is of format 3 until the first content type or quota, label, or lease, is in it, so that members of
// an older release can take its snapshots for as long as there is nothing in it that they cannot read.
inline constexpr uint32_t meta_format = 6;
inline constexpr uint32_t meta_format_least = 3;   // that is written
inline constexpr uint32_t meta_format_values = 4;  // content types and quotas
inline constexpr uint32_t meta_format_labels = 5;
inline constexpr uint32_t meta_format_leases = 6;
inline constexpr uint8_t change_format = 1;
inline constexpr uint8_t change_format_labels = 2;  // of a record that has some
inline constexpr BytesView meta_key = "keyspace";

struct Meta {
    Revision revision;
    Revision compacted;
    Revision dropped;      // no record up to here is kept
    Revision drop_target;  // dropped goes here at the end of the batch; trails `compacted` while a debt is worked off
    uint64_t key_count = 0;
    uint64_t time_ms = 0;
    uint64_t digest = 0;             // of all change records ever, each folded into the one before
    uint64_t session_ms = 0;         // the sessions' clock (hub/model/sessions.hpp)
    uint64_t last_lease_number = 0;  // no lease ever had a greater number, nor a greater id
    uint32_t format = meta_format_least;
};
Bytes encode_meta(const Meta& meta);
Result<Meta> decode_meta(BytesView record);

// The facts about a key, the key itself left out; views point into what was decoded.
struct Version {
    Revision create;
    Revision mod;
    uint64_t version = 0;
    LeaseId lease;
    BytesView value;
    BytesView content_type = {};
};
void encode_current(const Version& version, Bytes& out);  // appends
Result<Version> decode_current(BytesView record);
KeyValue to_key_value(BytesView key, const Version& version);

Bytes encode_deleted(Revision revision);
Result<Revision> decode_deleted(BytesView record);

using RevisionKey = std::array<char, 8>;
RevisionKey revision_key(Revision revision);
inline BytesView view(const RevisionKey& key) { return {key.data(), key.size()}; }
Revision revision_of(BytesView key);  // 0 for what is no key of `changes`

struct ChangeEvent {
    enum class Previous : uint8_t { nothing = 0, tombstone = 1, live = 2 };  // on disk
    EventType type = EventType::put;
    BytesView key;
    Version now;  // put only; mod is the record's revision
    Previous previous = Previous::nothing;
    Version before;  // of live: all; of tombstone: mod
};

struct ChangeHeader {
    uint64_t time_ms = 0;
    BytesView author;
    BytesView comment;
    Labels labels = {};
};
void encode_change_header(const ChangeHeader& header, Bytes& out);
void encode_change_event(const ChangeEvent& event, Bytes& out);

// Reads a change record event by event. Any octets: error() says what is wrong once next() has ended.
class ChangeReader {
public:
    ChangeReader(BytesView record, Revision revision);
    // Events alone, without the header.
    static ChangeReader events(BytesView octets, Revision revision);
    const ChangeHeader& header() const { return header_; }
    // False at the end and at what is not understood.
    bool next(ChangeEvent& event);
    // Skips to the event of this key; `not_found` if it has none.
    Result<ChangeEvent> find(BytesView key);
    Status status() const;
    // Behind the event that was read last.
    size_t offset() const { return in_.offset(); }

private:
    ChangeReader(Reader in, Revision revision) : in_(in), revision_(revision) {}
    Reader in_;
    Revision revision_;
    ChangeHeader header_;
};

Event to_event(const ChangeEvent& event, Revision revision);
Error damaged(std::string_view table, size_t offset);

}  // namespace belfry::hub::model
