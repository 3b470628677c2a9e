// belfry::SharedLock: as many at a time as like to, and none of them while somebody has a belfry::Lock of the same name:
// readers and a writer.
//
//     belfry::SharedLock reading(client, lease, "tables/prices");     // beside others that read
//     if (const auto taken = reading.lock(30s); !taken) return fail(taken.error());
//     belfry::Lock writing(client, lease, "tables/prices");           // elsewhere: alone
//
// Promise: that of Lock, between those of whom one at least is a Lock. All stand in one line, in the order in which they
// asked: whoever shares goes as soon as no Lock is ahead, a Lock goes when it is the first. So a Lock that waits is not
// overtaken by those who come later to share, however many; and those who wait behind it go together.
// fencing_token() is greater than that of every Lock that was held before, and smaller than that of every one after. Of
// those who share at one time each has another token, in any order: the other side, if it remembers the greatest, must
// remember only those of Locks. guard() as with Lock.
// No promise: what Lock does not promise. Nor may one who shares become the only one: unlock, then lock, and look again at
// what was read; a Lock taken meanwhile, by the same process too, waits for the shared one.
// In the hub: as Lock, with "-shared" at the end of the key. An SDK from before this does not see such keys: its locks
// would not wait for them.
// Rights, threads, ownership: as Lock.
#pragma once

#include "sdk/recipes/lock.hpp"

namespace belfry {

// held(), key(), fencing_token(), guard(): recipes::Holder.
class SharedLock : public recipes::Holder {
public:
    SharedLock(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, LockOptions options = {})
        : Holder(std::move(client), std::move(lease), std::move(name), {recipes::Order::Kind::shared}, std::move(options)) {
    }

    // As Lock::lock. `timeout`: some Lock was ahead all the time, or the hub did not answer.
    Status lock(std::chrono::milliseconds timeout) { return take(timeout); }
    // As Lock::try_lock. False: somebody has a Lock of this name or is in line for it.
    Result<bool> try_lock() { return try_take(); }
    // As Lock::unlock.
    Status unlock() { return give_back(); }
};

}  // namespace belfry
