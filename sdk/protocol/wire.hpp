// The frozen numbers of the native protocol (docs/protocol.md). On the wire since 1.0; never reuse one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sdk/base/limits.hpp"

namespace belfry::protocol::wire {

// In a request what is wanted, in a reply what the result is; 0 = an error, in replies only.
enum class Opcode : uint8_t {
    error = 0,
    range = 1,
    put = 2,
    erase = 3,
    txn = 4,
    compact = 5,
    history = 6,
    changes = 7,
    snapshot = 8,
    channel = 9,
    digest = 10,
    status = 11,
    members = 12,
    member_change = 13,
    leader_transfer = 14,
    backup = 15,
    plugins = 16,
    record_change = 17,
    records = 18,
    authenticate = 19,
    lease_grant = 20,
    lease_revoke = 21,
    lease_keep_alive = 22,
    lease_time_to_live = 23,
    leases = 24,
    claim = 25,  // only within a transaction
};

inline constexpr char channel_letter = 'E';
inline constexpr char mark_letter = 'M';
inline constexpr char token_letter = 'T';

// A frame nests this deep at most: frame, items, item, body, and three arrays for each transaction in a transaction.
inline constexpr size_t nesting_max = 8 + 3 * limits::txn_depth_max;
// array of 2, version (a positive fixint), array32 with its size.
inline constexpr size_t frame_head_bytes = 7;

}  // namespace belfry::protocol::wire
