#include "hub/peer/frame.hpp"

#include "hub/base/binary.hpp"

namespace belfry::hub::peer {

namespace {

constexpr size_t head_bytes = 2 + 4 * sizeof(uint64_t);

}  // namespace

Bytes encode_frame(const FrameHead& head, BytesView body) {
    Bytes frame;
    frame.reserve(head_bytes + body.size());
    Writer out(frame);
    out.u8(frame_format);
    out.u8(static_cast<uint8_t>(head.kind));
    out.u64(head.cluster);
    out.u64(head.sender);
    out.u64(head.directory);
    out.u64(head.receiver);
    out.raw(body);
    return frame;
}

Result<Frame> decode_frame(BytesView octets) {
    Reader in(octets);
    const uint8_t format = in.u8();
    if (in.ok() && format != frame_format) {
        return Error{Code::incompatible, "it speaks format " + std::to_string(format) + " of the member link, this one " +
                                             std::to_string(frame_format)};
    }
    Frame frame;
    frame.head.kind = static_cast<FrameKind>(in.u8());
    frame.head.cluster = in.u64();
    frame.head.sender = in.u64();
    frame.head.directory = in.u64();
    frame.head.receiver = in.u64();
    frame.body = in.rest();
    if (!in.ok()) return Error{Code::invalid_argument, "a frame without a head"};
    return frame;
}

}  // namespace belfry::hub::peer
