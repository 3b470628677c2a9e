// What writers and readers are told, held against the truth as soon as they hear it:
//   done         the change is in the log once, at the revision named, with the content sent, and younger than everything
//                that anybody had heard of when it was sent
//   nothing to do (a condition that does not hold, a key that is not there)   so it is at the revision named
//   refused      the change is not in the log, and never comes into it
//   uncertain    anything, but at most once (truth.hpp)
//   a read       shows the state of the revision it names, which is not older than what it was bound to see
// Since revisions are one order for all, this is linearizability with the order given; registers.hpp looks for an order
// without believing any revision.
#pragma once

#include <optional>
#include <vector>

#include "tests/sim/call.hpp"
#include "tests/sim/truth.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class Ledger {
public:
    Ledger(World& world, const Truth& truth) : world_(world), truth_(truth) {}

    struct Write {
        Bytes author;
        Bytes comment;
        std::vector<Event> events;               // what it is to change, as far as the writer can know
        std::optional<protocol::Compare> guard;  // the condition it stands under
        Revision floor;                          // newest() when it was sent
        Labels labels;
        bool may_change_nothing = false;  // though its condition holds: there may be nothing to claim
    };
    void answered(const Write& write, const protocol::Reply& reply);
    void answered_get(const Bytes& key, Revision floor, const protocol::Reply& reply);
    // Of all that was refused so far.
    void check_refused() const;

    Revision newest() const { return newest_; }  // acknowledged or shown to anybody
    uint64_t reads() const { return reads_; }

private:
    void check_done(const Write& write, Revision revision, Revision made);
    void check_nothing_to_do(const Write& write, Revision revision);
    void heard(Revision revision) { newest_ = std::max(newest_, revision); }

    World& world_;
    const Truth& truth_;
    std::vector<Bytes> refused_;  // their comments
    Revision newest_;
    uint64_t reads_ = 0;
};

}  // namespace belfry::sim
