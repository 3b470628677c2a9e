// belfry::Barrier: closed while somebody holds it; those who wait all go when it opens.
//
//     belfry::Barrier barrier(client, lease, "release/42");       // who prepares
//     if (const auto held = barrier.hold(); !held) return fail(held.error());
//     ...
//     barrier.release();
//
//     belfry::Barrier::wait(*client, "release/42", 1h);           // everybody else, and each of them goes on
//
// In the hub: NAME/closed, put only if it is not there; its value says who closed it.
// Promise: wait() does not return ok while that key is there, and comes to know of its end whatever happens to members;
// also of one that was closed again at once: who waited for the earlier one goes. A release() opens what its own hold() has
// closed, never what somebody else did since.
// With a lease it opens when the lease ends, and nobody who waits can tell that from a release. Without one (nullptr) it
// stays closed until release() or open(), whatever becomes of this process.
// Needs a client with `exactly_once`, as they are by default: a closing whose answer was lost and that is asked for again
// could otherwise come a second time, after its own release.
// Needs, on the prefix NAME/: to wait `read`; to hold also `write`, `delete`, and `lease` if it has one.
// Threads: one at a time; calls are synchronous: not in a callback of the client.
// Ownership: keeps its client and its lease alive.
#pragma once

#include "sdk/recipes/waiting.hpp"

namespace belfry {

class Barrier {
public:
    Barrier(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name);
    // With a lease: as release(); in a callback of the client, or where the hub does not answer, it opens with the lease's
    // next keep-alive that is answered.
    ~Barrier();
    Barrier(const Barrier&) = delete;
    Barrier& operator=(const Barrier&) = delete;

    // Closes it. `conflict`: it is closed already; `not_found`: the lease has ended; `uncertain`: perhaps closed, and then
    // another hold() says so, or a release() opens it.
    Status hold();
    // Opens what this object has closed. Ok also if that was open before: the lease has ended, or somebody opened it. After
    // an error it may be closed: release it again, or it ends with the lease.
    Status release();

    // Until it is open; one that is open does not keep anybody. Each try looks once at least. `timeout`: closed all the
    // time, or the hub did not answer; then one client's timeout longer at most.
    static Status wait(const std::shared_ptr<Client>& client, const Bytes& name, std::chrono::milliseconds timeout,
                       std::function<bool()> cancelled = {});
    // Opens it, whoever closed it. False: it was open.
    static Result<bool> open(Client& client, const Bytes& name);
    static Bytes key_of(BytesView name) { return Bytes(name) + "/closed"; }

private:
    protocol::TxnRequest opening() const;

    const std::shared_ptr<Client> client_;
    const std::shared_ptr<const Lease> lease_;
    const Bytes name_;
    Bytes mark_;  // the value of its key; empty: this object has certainly not closed it
};

}  // namespace belfry
