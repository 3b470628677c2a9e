// belfry::Counter: a whole number of 64 bits that many count up, set and read.
//
//     belfry::Counter tickets(client, "shop/tickets");
//     const auto mine = tickets.add(1);          // the number afterwards; nobody else has the same
//
// In the hub: the key itself, its value the number in decimal ("42", "-7"); one that is not there counts as 0. So anything
// that reads keys reads counters.
// Promise: every add() that is ok has been done once, whatever answers were lost on the way: the write carries a ticket of
// the client's session (docs/protocol.md, "Sessions"), and requires that the key is as it was read. Past the ends of the
// range nothing is done. `uncertain`: no answer came within the client's timeout that says what became of the write: it was
// done once, or it was not, and nothing of it will be done any more once this client has written something else. (But for
// a set() that was the client's very first write: no hub knew of its session, and a copy that a paused member holds may
// still come; docs/protocol.md.) get() shows what the number is, not whose doing that is; what must not be counted twice
// is then not to be added again.
// Needs `read` and `write` on the key. Cost: two requests and one log entry for each add(); more while others change it at
// the same time. For hundreds a second, not for hundreds of thousands.
// Threads: any; calls are synchronous: not in a callback of the client.
// Ownership: keeps its Client alive.
#pragma once

#include <functional>
#include <memory>

#include "sdk/client/client.hpp"

namespace belfry {

class Counter {
public:
    Counter(std::shared_ptr<Client> client, Bytes key) : client_(std::move(client)), key_(std::move(key)) {}

    // Linearizable. `invalid_argument`: the key holds something that is no such number.
    Result<int64_t> get() const;
    // The number afterwards. `invalid_argument`: it would overflow, or is no number; `busy`: others were quicker at each of
    // many tries, some seconds together, and it was not done.
    Result<int64_t> add(int64_t amount) const;
    // Whatever it was.
    Status set(int64_t number) const;
    // `conflict`: it is another one than `expected`, as the sentence says.
    Status compare_and_set(int64_t expected, int64_t number) const;

private:
    struct Standing {
        int64_t number = 0;
        Revision mod;  // 0 = there is no key
        LeaseId lease;
    };
    Result<Standing> read() const;
    Result<int64_t> change(const std::function<Result<int64_t>(int64_t)>& next) const;

    const std::shared_ptr<Client> client_;
    const Bytes key_;
};

}  // namespace belfry
