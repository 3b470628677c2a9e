// belfry::DoubleBarrier: so many begin together, and end together.
//
//     belfry::DoubleBarrier barrier(client, lease, "jobs/step", 3);
//     if (const auto in = barrier.enter(1h); !in) return fail(in.error());
//     ...                                        // all three are at it
//     barrier.leave(1h);                         // all three are done, or gone
//
// In the hub, below NAME/: a place in a line (recipes/place.hpp) for each member, and
//
//   NAME/round    there while somebody is inside: the places of the round's members, as they stood when it began
//
//   enter: take a place; when there is no round and so many are in line, one of them (whoever sees it first) makes the
//          first N the round, in a transaction that requires that they are all there; who is named in the round is in
//   leave: give the place back, which says "ready"; wait until none of the round's places is left; one removes the round
//
// Promise: nobody is in before N have come. A round's members are named once and for all, so that nobody of the round
// before, and no second call by the same object, is counted for another. Whoever was named and did not hear of it yet holds
// the round open until he did, or until his lease ends. Nobody's leave() returns ok before each of the round has called
// leave(), given up, or its lease has ended. Who comes when N are in waits for the next round. A round whose members have
// all gone without a word is removed by who comes next.
// No promise: that all N are still there when the last one gets in; one may have died meanwhile.
// A lease is a member's life: several objects may share one, and count as several.
// Needs the rights read, write, delete and lease on the prefix NAME/. Cost: each look reads the keys below NAME/. Rounds of
// hundreds.
// Threads: one at a time; calls are synchronous: not in a callback of the client.
// Ownership: keeps its client and its lease alive.
#pragma once

#include "sdk/recipes/place.hpp"

namespace belfry {

class DoubleBarrier {
public:
    // One transaction names them all: limits::txn_ops_max compares and operations.
    static constexpr size_t members_max = 1000;

    // `members`: N, the same for all who use this name; 1 to members_max. `cancelled`: ends a wait with `timeout` when it
    // says yes; asked often, by who waits. May be empty.
    DoubleBarrier(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name, size_t members,
                  std::function<bool()> cancelled = {});
    // Does not wait for the others: it is as if it had given up, or had called leave(). Where the hub does not answer its
    // place goes with the lease's next keep-alive that is answered.
    ~DoubleBarrier();
    DoubleBarrier(const DoubleBarrier&) = delete;
    DoubleBarrier& operator=(const DoubleBarrier&) = delete;

    // For so long and one client's timeout more at most; it looks once at least. `timeout`: too few came, or the hub did
    // not answer; its place is given back. `not_found`: the lease has ended; `conflict`: this object is inside already, or
    // others wait for another number of members.
    Status enter(std::chrono::milliseconds timeout);
    // `timeout`: some are not ready yet; it counts as ready itself, and may ask again. Outside: ok.
    Status leave(std::chrono::milliseconds timeout);
    // From an enter() that was ok to a leave() that was.
    bool inside() const { return !round_.empty(); }

private:
    struct Standing {
        Revision revision;
        std::optional<KeyValue> round;
        std::vector<KeyValue> line;
    };
    Result<Standing> read() const;
    Result<std::optional<recipes::Awaited>> look_for_round();
    Result<std::optional<recipes::Awaited>> look_for_others() const;
    Status check_line(const std::vector<KeyValue>& line) const;
    Result<bool> take_round(const Standing& now);
    Result<bool> begin_round(const std::vector<KeyValue>& line) const;
    Status end_round(Revision created) const;
    Status give_back(const recipes::Patience& patience);

    const std::shared_ptr<Client> client_;
    const size_t members_;
    const std::function<bool()> cancelled_;
    const Bytes round_key_;
    recipes::Place place_;
    Bytes own_;                 // key
    std::vector<Bytes> round_;  // keys of its places; empty: outside
    Revision round_created_;
};

}  // namespace belfry
