// belfry::run_once: a job that one of many does, and whose result all of them get.
//
//     auto config = belfry::run_once(client, lease, "jobs/migrate-42", [&](const belfry::OnceTurn& turn) {
//         return migrate(turn.guard);          // Result<Bytes>
//     });
//     if (!config) return fail(config.error());     // it failed three times, here or elsewhere
//
// In the hub:
//
//   NAME/worker    while somebody is at it; put only if it is not there, bound to his lease; its value says who
//   NAME/tries     how often somebody has begun, and what the last one failed with: "2 12 no space left"
//   NAME/result    what came out. It stays, and so whoever comes later has it at once; forget_once() begins anew
//
//   nobody ──begin──▶ worker ──publish──▶ result
//     ▲                 │
//     └── failed, gone ─┘      tries_max of these: no more
//
// Promise: one result. It is published in a transaction that requires that the worker's key is there and is the one that he
// put, so a worker who lost his lease meanwhile publishes nothing, and gets the other one's result. A worker that is gone
// without a word is followed when its lease ends; that try counts as well, so that a job that kills who does it ends, too.
// No promise: that the work is done once. Who is paused for longer than his lease lives goes on beside the next one. What
// must not be done twice needs the turn's guard (for writes to this hub) or its token (elsewhere), as with belfry::Lock.
// All who wait are told of the one key, not one after another as in a line: they all have the result at once.
// Needs the rights read, write, delete and lease on the prefix NAME/.
// Threads: any; synchronous: not in a callback of the client. The work runs on the caller's.
#pragma once

#include "sdk/base/limits.hpp"
#include "sdk/recipes/place.hpp"

namespace belfry {

// What the work is given.
struct OnceTurn {
    uint64_t number = 0;      // 1 = nobody has tried before
    Revision token;           // the fencing token: greater than that of every turn of this name before
    protocol::Compare guard;  // holds as long as this turn is the one
    Bytes key;                // NAME/worker
};
using OnceWork = std::function<Result<Bytes>(const OnceTurn& turn)>;

struct OnceOptions {
    uint64_t tries_max = 3;                                            // of all who use the name, together; 1 at least
    std::chrono::milliseconds timeout = std::chrono::hours(24 * 365);  // for others; not for own work
    std::function<bool()> cancelled = {};  // ends the waiting for others with `timeout`; asked often, by who waits
};

inline constexpr size_t once_result_bytes_max = limits::value_bytes_max;

// The result, of own work or another's. `timeout`: others are at it, or the hub did not answer; `not_found`: the lease has
// ended before there was a result. After tries_max tries the code is what the last one failed with, or `uncertain` if that
// one is gone without a word; what is larger than once_result_bytes_max failed with `too_large`.
Result<Bytes> run_once(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, const OnceWork& work,
                       OnceOptions options = {});
// `not_found`: there is none yet.
Result<Bytes> once_result(Client& client, const Bytes& name);
// Result and tries go, so that it may be done again. Who is at it now publishes nothing any more.
Status forget_once(Client& client, const Bytes& name);

}  // namespace belfry
