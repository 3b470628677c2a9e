// What members say about snapshot files, as data and as octets.
//
// body := u8 kind, u64 index, rest        kind 1 ask:     u64 offset
//                                         kind 2 chunk:   u64 total, u64 offset, u32 crc32c of the octets, the octets
//                                         kind 3 missing: nothing
#pragma once

#include <variant>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::peer {

struct ChunkAsk {
    Index index;
    uint64_t offset = 0;
};
struct Chunk {
    Index index;
    uint64_t total = 0;  // octets of the file
    uint64_t offset = 0;
    Bytes octets;
};
struct SnapshotMissing {
    Index index;
};
using SnapshotFrame = std::variant<ChunkAsk, Chunk, SnapshotMissing>;

Bytes encode_snapshot_frame(const SnapshotFrame& frame);
// Any octets; `corrupt` for a chunk whose checksum is wrong.
Result<SnapshotFrame> decode_snapshot_frame(BytesView octets);

}  // namespace belfry::hub::peer
