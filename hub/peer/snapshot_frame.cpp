#include "hub/peer/snapshot_frame.hpp"

#include "hub/base/binary.hpp"
#include "sdk/base/crc32c.hpp"

namespace belfry::hub::peer {

namespace {

enum class Kind : uint8_t { ask = 1, chunk = 2, missing = 3 };

}  // namespace

Bytes encode_snapshot_frame(const SnapshotFrame& frame) {
    Bytes octets;
    Writer out(octets);
    if (const auto* ask = std::get_if<ChunkAsk>(&frame)) {
        out.u8(static_cast<uint8_t>(Kind::ask));
        out.u64(ask->index.value);
        out.u64(ask->offset);
    } else if (const auto* chunk = std::get_if<Chunk>(&frame)) {
        out.u8(static_cast<uint8_t>(Kind::chunk));
        out.u64(chunk->index.value);
        out.u64(chunk->total);
        out.u64(chunk->offset);
        out.u32(crc32c(0, chunk->octets));
        out.raw(chunk->octets);
    } else {
        out.u8(static_cast<uint8_t>(Kind::missing));
        out.u64(std::get<SnapshotMissing>(frame).index.value);
    }
    return octets;
}

Result<SnapshotFrame> decode_snapshot_frame(BytesView octets) {
    Reader in(octets);
    const auto kind = static_cast<Kind>(in.u8());
    const Index index{in.u64()};
    SnapshotFrame frame = SnapshotMissing{index};
    if (kind == Kind::ask) {
        frame = ChunkAsk{index, in.u64()};
    } else if (kind == Kind::chunk) {
        Chunk chunk{index, in.u64(), in.u64(), {}};
        const uint32_t crc = in.u32();
        chunk.octets = Bytes(in.rest());
        if (in.ok() && crc32c(0, chunk.octets) != crc) return Error{Code::corrupt, "a chunk of a snapshot is damaged"};
        frame = std::move(chunk);
    } else if (kind != Kind::missing) {
        in.fail();
    }
    if (!in.ok() || !in.at_end()) return Error{Code::invalid_argument, "a snapshot frame that is not understood"};
    return frame;
}

}  // namespace belfry::hub::peer
