// What Lock, SharedLock and Semaphore have in common: a place in a line that is waited for, held and given back.
// Threads: one at a time; held() any.
// Ownership: keeps its client and its lease alive. Several may share a lease: they then go together, and are still apart.
#pragma once

#include <atomic>

#include "sdk/recipes/place.hpp"

namespace belfry::recipes {

struct HolderOptions {
    Bytes value = this_process();          // of its key, for others to read
    std::function<bool()> cancelled = {};  // ends take() with `timeout` when it says yes; asked often, by who called take()
};

class Holder {
public:
    Holder(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, Order order,
           HolderOptions options = {});
    // As give_back(). In a callback of the client it goes with the lease's next keep-alive.
    ~Holder();
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    // Waits in line, for so long and one client's timeout more at most; without any time it is try_take(). `timeout`: it
    // was not its turn in time, or the hub did not answer; `not_found`: the lease has ended; `conflict`: this object holds
    // it already, or another number of permits is in use; `denied`.
    Status take(std::chrono::milliseconds timeout);
    // Without waiting for others. False: it would not be its turn now. `not_found`, `conflict`, `denied`: as take(); or the
    // last answer, which may pass.
    Result<bool> try_take();
    // Whatever the answer, it is held no more. After an error the others may have to wait until the hub answers the lease's
    // next keep-alive, or the lease ends, or this object asks again. If it is not held: ok.
    Status give_back();

    // It was taken, and by this machine's clock it is held still. What is done in reliance on it is done a moment later.
    bool held() const { return held_ && place_.lease().alive(); }
    // REQUIRES, of these: taken, and not given back since; held or not.
    const Bytes& key() const { return place_.key(); }
    Revision fencing_token() const { return place_.created(); }
    protocol::Compare guard() const { return place_.guard(); }

private:
    Error held_already() const;
    Status take_at_once();
    Result<bool> attempt(const Patience& patience);

    const HolderOptions options_;
    Place place_;
    std::atomic<bool> held_ = false;
};

}  // namespace belfry::recipes
