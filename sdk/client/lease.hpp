// belfry::Lease: a lease that is held, and kept alive, for as long as this object is there.
//
//     auto lease = belfry::Lease::grant(client, {.ttl = 10s, .on_lost = [](const belfry::Error&) { stop_working(); }});
//     client->put("workers/7", address, {.lease = (*lease)->id()});
//     ...                        // whoever reads workers/ sees this one until it ends, or 10 s after it was last heard of
//
//   held ──▶ lost       the hub says that it has ended, or nobody answered in time: on_lost
//    ├─────▶ revoked    revoke(), the destructor
//    └─────▶ released   release(): it is not kept alive any more, and ends by itself
//
// Promise: keys of the lease are there at least until expires_at(), unless somebody deletes them or revokes the lease;
// while it is held, expires_at() moves on every third of the time to live or a little sooner: the leases of a client share
// their requests. Times count from when a request was sent, by this machine's steady clock, so that a slow answer promises
// nothing that the hub does not keep. What the hub answers with `unavailable`, `uncertain`, `busy` or nothing at all is
// asked again until it is too late.
// No promise: that the code behind an `if (lease->alive())` runs in time. A process that is paused (a debugger, a suspended
// machine) cannot be told, and goes on as if nothing had been. What must not be done by two at once needs a fence: write in
// a transaction that compares the key's lease (or its create revision) with this one's.
// Clocks: this machine's and the hub's may go 2 % apart; on_lost comes that much before expires_at().
// Threads: any thread may use it, one at a time may move or destroy it. on_lost runs on the client's I/O thread, as all
// callbacks of this client: one that is slow there delays it. Neither waits for a lock that is held while the lease is
// destroyed or revoked.
// Ownership: the lease keeps its Client alive. Give that a timeout of half the time to live or less: a hub whose machine is
// gone, without a word, is given up after about half the timeout.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "sdk/client/client.hpp"

namespace belfry {

// Writes that one lease owes: as many users of it as fail within one time to live.
inline constexpr size_t lease_owes_max = 1024;

struct LeaseOptions {
    std::chrono::seconds ttl{10};  // 1 s to limits::lease_ttl_s_max
    LeaseId id = {};               // 0 = the hub chooses; otherwise `conflict` if there is one of this number
    // At most once, and never after revoke(), release() or the destructor has returned. `not_found`: the hub says that it
    // has ended; `timeout`: no keep-alive was answered in time, though perhaps one arrived. May destroy the lease. May be
    // empty.
    std::function<void(const Error& reason)> on_lost = {};
};

class Lease {
public:
    using Clock = std::chrono::steady_clock;

    // Waits for the answer or the client's timeout, as a synchronous call of the client. `timeout`: it was granted, but so
    // late that its time is over; `uncertain`: perhaps granted. Such a one ends by itself.
    static Result<std::unique_ptr<Lease>> grant(std::shared_ptr<Client> client, LeaseOptions options);
    // Revokes it if it is held and alive(), and waits a second for the answer at most; in a callback not at all.
    ~Lease();
    // REQUIRES, of all others: not moved from.
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&& other) noexcept { return impl_.swap(other.impl_), *this; }

    LeaseId id() const;
    std::chrono::seconds ttl() const;
    // The holder may act as such. Once false it is so for ever. False from the moment on_lost is due, even if that is late.
    bool alive() const;
    // Nobody's word but its owner's or an administrator's ends it before. Stays as it is after the end.
    Clock::time_point expires_at() const;
    // Ends it and deletes its keys; how many. Whatever the answer, it is held no more. `not_found`: it has ended; where it
    // is not alive() the hub is not asked, for another lease may have its number by now.
    Result<uint64_t> revoke();
    // Lets go of it without ending it: it lives until expires_at() at least, or longer if somebody else keeps it alive.
    void release();
    // For who puts keys with it: a write that takes one of them away, was not answered, and should not wait for the lease's
    // end, which may never come. It is sent after the next keep-alive that is answered, and after later ones as long as its
    // answer may pass (sdk/base/may_pass.hpp), while the lease is held. REQUIRES: it does no harm if it is done late, twice
    // or never. It replaces what is owed under the same name. Past lease_owes_max names nothing new is taken.
    void owe(Bytes name, protocol::TxnRequest write) const;

private:
    class Impl;
    explicit Lease(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace belfry
