// The format of one segment file, version 1. Little-endian; pure functions.
//
//   segment = header (its own 4096 octets), records, zeros
//   header  = magic crc format plugin salt sequence base_sequence first_index boundary_term term voted_for previous_end
//   capacity record  = crc size type kind index term durable_offset payload padding-to-8        crc covers salt and all
//   that follows
//
// Records are replayed in order, segments by sequence: a truncation and a vote are records like an entry. A header repeats
// the newest vote, so that older segments can go. `previous_end` says where the segment before it ended; `durable_offset`
// up to which position of its own segment everything was synced when the record was written: how a torn tail is told from
// damage.
#pragma once

#include <optional>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::log_wal {

inline constexpr uint32_t format_version = 1;
inline constexpr uint64_t header_bytes = 4096;  // a block of its own: no later write can tear it

enum class Kind : uint32_t { entry = 1, vote = 2, truncate = 3 };  // on disk since 1.0

struct SegmentHeader {
    char magic[8] = {'B', 'E', 'L', 'F', 'R', 'Y', 'W', 'L'};
    uint32_t crc = 0;
    uint32_t format = format_version;
    char plugin[16] = "log_wal";
    uint64_t salt = 0;           // random; makes records of other segments invalid here
    uint64_t sequence = 0;       // from 1, without gaps
    uint64_t base_sequence = 0;  // segments before it are void: a reset made this one or an earlier one
    uint64_t first_index = 0;    // of the next entry when the segment began
    uint64_t boundary_term = 0;  // of the entry first_index - 1
    uint64_t term = 0;
    uint64_t voted_for = 0;
    uint64_t previous_end = 0;  // 0 = there was none
    uint64_t capacity = 0;      // of the file; a shorter one has lost its end
};
static_assert(sizeof(SegmentHeader) == 104);

struct RecordHeader {
    uint32_t crc = 0;
    uint32_t size = 0;  // of the payload
    uint32_t type = 0;  // the host's
    Kind kind = Kind::entry;
    uint64_t index = 0;  // entry: its own; vote: voted_for; truncate: the last one kept
    uint64_t term = 0;
    uint64_t durable_offset = 0;
};
static_assert(sizeof(RecordHeader) == 40);

struct Record {
    RecordHeader header;
    BytesView payload;   // views what was parsed
    uint64_t bytes = 0;  // padding included
};

constexpr uint64_t record_bytes(uint64_t payload_bytes) { return (sizeof(RecordHeader) + payload_bytes + 7) / 8 * 8; }

Bytes encode_header(SegmentHeader header);
// `corrupt` or `incompatible`, with a sentence without the file's name.
Result<SegmentHeader> parse_header(BytesView bytes);

void append_record(Bytes& out, uint64_t salt, RecordHeader header, BytesView payload);
// The record at the beginning of `bytes`; none if what is there is no whole valid record of this segment.
std::optional<Record> parse_record(BytesView bytes, uint64_t salt);

// True if `segment` holds, behind `offset`, a record written when a sync had already covered `offset`.
bool synced_past(BytesView segment, uint64_t offset, uint64_t salt);

}  // namespace belfry::log_wal
