// belfry::Lock: one at a time, of all who lock the same name at the same hub, and in the order in which they asked.
//
//     std::shared_ptr<const belfry::Lease> lease = *belfry::Lease::grant(client, {.ttl = 10s, .on_lost = stop_at_once});
//     belfry::Lock lock(client, lease, "jobs/nightly");
//     if (const auto taken = lock.lock(30s); !taken) return fail(taken.error());
//     protocol::TxnRequest txn;
//     txn.compares = {lock.guard()};            // written only while the lock is held, whatever this process believes
//
// Promise: until unlock(), the end of the lease or somebody who deletes its key by hand, nobody else gets it. The lease's
// on_lost comes before anybody else may get it because of the time: 2 % of the time to live before. fencing_token() is
// greater than that of every holder before.
// No promise: that this process notices in time that it holds the lock no more. One that is paused (SIGSTOP, a suspended
// machine, a page that is long in coming) goes on afterwards as if nothing had been, and what it then does outside of the
// hub, it does beside the next holder. Whatever must not be done by two needs one of
//   - the token: the other side remembers the greatest that it has seen, and refuses what comes with a smaller one;
//   - the guard: for writes to this hub.
// Nor is there word when somebody deletes the key by hand; guard() tells.
// In the hub: a key below NAME/ for each who holds it or waits; the first by create revision holds it, its value says who.
// Beside others who only read, see belfry::SharedLock: a lock of the same name waits for them, and they for it.
// Needs the rights read, write, delete and lease on the prefix NAME/.
// Threads: one at a time; held() any.
// Ownership: keeps its client and its lease alive. Several may share a lease: they then go together, and are still apart.
#pragma once

#include "sdk/recipes/holder.hpp"

namespace belfry {

using LockOptions = recipes::HolderOptions;

// held(), key(), fencing_token(), guard(): recipes::Holder.
class Lock : public recipes::Holder {
public:
    Lock(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, LockOptions options = {})
        : Holder(std::move(client), std::move(lease), std::move(name), {}, std::move(options)) {}

    // Waits in line, for so long and one client's timeout more at most; without any time it is asked once. `timeout`:
    // others had it all the time, or the hub did not answer; `not_found`: the lease has ended; `conflict`: this object has
    // locked it already; `denied`.
    Status lock(std::chrono::milliseconds timeout) { return take(timeout); }
    // Without waiting for others. False: somebody has it or is in line for it. Errors as Holder::try_take.
    Result<bool> try_lock() { return try_take(); }
    // Whatever the answer, it is held no more. After an error the others may have to wait until the hub answers the lease's
    // next keep-alive, or the lease ends, or this object asks again. Without a lock: ok.
    Status unlock() { return give_back(); }
};

}  // namespace belfry
