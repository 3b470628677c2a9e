// belfry::Semaphore: so many at a time, of all who ask under the same name at the same hub, and in the order in which they
// asked.
//
//     belfry::Semaphore uploads(client, lease, "uploads", 3);
//     if (const auto taken = uploads.acquire(30s); !taken) return fail(taken.error());
//     ...                                        // beside two others at most
//     uploads.release();
//
// Each object is for one permit.
// Promise: no more than `permits` have one at a time, each until release(), the end of its lease or somebody who deletes
// its key by hand. Nobody is overtaken by who came later. A permit that is given back wakes the one who gets it and the one
// behind him, however many wait (recipes/line.hpp).
// The number of permits is the key NAME/permits. Whoever finds the line empty sets his; while somebody has a permit or
// waits for one, whoever comes with another number hears `conflict`, and nothing is changed.
// fencing_token() is greater than that of whoever got his permit before. Several have one at a time, so that the greatest
// does not tell who is too late: what is done elsewhere has no fence here. guard() as with Lock.
// No promise: what Lock does not promise. One who waits and is paused, or dead, holds up those behind him until his lease
// ends, even if permits are free.
// In the hub: a key below NAME/permits/ for each who has a permit or waits; its value says who. A Lock called NAME is
// something else. No name has `permits` as a part behind a '/': it would be within another semaphore.
// Rights, threads, ownership: as Lock.
#pragma once

#include "sdk/recipes/holder.hpp"

namespace belfry {

using SemaphoreOptions = recipes::HolderOptions;

// held(), key(), fencing_token(), guard(): recipes::Holder.
class Semaphore : public recipes::Holder {
public:
    // `permits`: 1 to recipes::permits_max; otherwise nothing is ever acquired (`invalid_argument`).
    Semaphore(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, size_t permits,
              SemaphoreOptions options = {})
        : Holder(std::move(client), std::move(lease), std::move(name), {recipes::Order::Kind::permit, permits},
                 std::move(options)) {}

    // Waits in line, for so long and one client's timeout more at most; without any time it is asked once. `timeout`:
    // others had all permits, or the hub did not answer; `not_found`: the lease has ended; `conflict`: another number of
    // permits is in use, or this object has one already; `denied`.
    Status acquire(std::chrono::milliseconds timeout) { return take(timeout); }
    // Without waiting for others. False: none is left, or somebody is in line for it.
    Result<bool> try_acquire() { return try_take(); }
    // Whatever the answer, it is held no more. After an error the others may have to wait until the hub answers the lease's
    // next keep-alive, or the lease ends, or this object asks again. Without a permit: ok.
    Status release() { return give_back(); }
};

}  // namespace belfry
