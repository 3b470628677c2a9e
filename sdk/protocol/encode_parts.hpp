// What requests and replies, as octets, have in common. Private to sdk/protocol.
#pragma once

#include "sdk/base/labels.hpp"
#include "sdk/protocol/messages.hpp"
#include "sdk/protocol/wire.hpp"
#include "sdk/protocol/writer.hpp"

namespace belfry::protocol {

inline void write_op(Writer& writer, wire::Opcode opcode) { writer.number(static_cast<uint64_t>(opcode)); }

inline void write(Writer& writer, const Labels& labels) {
    writer.array(labels.size());
    for (const Bytes& label : labels) writer.bytes(label);
}

// An array whose count is filled in when it is known: always in msgpack's longest form.
inline constexpr size_t open_array_bytes = 5;

inline size_t open_array(Bytes& out) {
    const size_t at = out.size();
    out.append("\xdd\0\0\0\0", open_array_bytes);
    return at;
}

inline void close_array(Bytes& out, size_t at, size_t count) {
    for (size_t octet = 0; octet < 4; ++octet) out[at + 4 - octet] = static_cast<char>(count >> (8 * octet));
}

inline void begin_frame(Bytes& out) {
    static_assert(protocol_version < 0x80);
    out += '\x92';
    out += static_cast<char>(protocol_version);
    open_array(out);
}

inline void set_count(Bytes& out, size_t count) { close_array(out, wire::frame_head_bytes - open_array_bytes, count); }

}  // namespace belfry::protocol
