// What stands in front of everything that members send each other.
//
// frame := u8 format (2), u8 kind, u64 cluster, u64 sender, u64 sender's directory, u64 receiver, body
//
//     kind 1: member message      kind 3: you come with another data directory than before (no body)
//     kind 2: snapshot exchange   kind 4: greeting (no body)
//
// Integers as in hub/base/binary.hpp. With keys, who the sender is says the key; without, this does.
#pragma once

#include <cstdint>

#include "hub/base/limits.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::peer {

inline constexpr uint8_t frame_format = 2;
// The largest is a reply on its way back through another member (hub::limits::forwarded_reply_bytes_max), and its
// envelopes.
inline constexpr int64_t frame_bytes_max = 64 * 1024 * 1024;
static_assert(frame_bytes_max / 4 * 3 >= static_cast<int64_t>(limits::forwarded_reply_bytes_max));

enum class FrameKind : uint8_t { member_message = 1, snapshot = 2, not_recognised = 3, greeting = 4 };

struct FrameHead {
    FrameKind kind = FrameKind::member_message;
    uint64_t cluster = 0;
    uint64_t sender = 0;
    uint64_t directory = 0;  // the number of the sender's data directory
    uint64_t receiver = 0;
};

Bytes encode_frame(const FrameHead& head, BytesView body);
struct Frame {
    FrameHead head;
    BytesView body;  // of the octets given
};
// Any octets; `incompatible` for another release's format.
Result<Frame> decode_frame(BytesView octets);

}  // namespace belfry::hub::peer
