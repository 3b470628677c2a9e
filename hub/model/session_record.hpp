// One session as a record of table `sessions` (docs/formats.md).
//
// table 4 sessions   u64 session, big-endian -> u8 format (1), varint used_s, varint acknowledged, kept*      (to the end)
//
// kept := varint gap     its sequence less the one before (less `acknowledged`, of the first); at least 1
//         varint revision, u8 kind (1 put, 2 answer, 3 dropped), [bytes answer]: kind 2 only
//
// An answer is a frame with one reply, of id 0 (sdk/protocol). Kind 1 is the answer to a put that asked for nothing, kind 3
// one that was too large, with revision 0 if the write was refused.
#pragma once

#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::model {

inline constexpr uint8_t session_format = 1;

// What a write was answered.
struct Kept {
    enum class Kind : uint8_t { put = 1, answer = 2, dropped = 3 };  // on disk
    uint64_t sequence = 0;
    Revision revision;
    Kind kind = Kind::put;
    Bytes answer;
};

struct Session {
    uint64_t used_s = 0;  // when its last write was applied, by the sessions' clock
    uint64_t acknowledged = 0;
    std::vector<Kept> kept;  // of the writes that have come, above `acknowledged`, in order
};

void encode_session(const Session& session, Bytes& out);  // appends
// Any octets; `corrupt` for what no hub writes.
Result<Session> decode_session(BytesView record);

}  // namespace belfry::hub::model
