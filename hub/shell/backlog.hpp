// What the core thread has taken from its queue and not worked on yet. Everything in the order in which it came; but when
// the time of a round is over clients' items stay here for the next one, and the rest goes before them: votes, heartbeats
// and what the disk says must not stand in line behind reads.
//
//     inbox ─▶ items ── next() ─▶ the core
//                │ enough for this round      ▲
//                └─▶ what is not a client's ──┘   until clients' items are done, only such ones are taken from the inbox:
//                                                 what clients send meanwhile stays there, and counts for its bounds
#pragma once

#include <chrono>
#include <vector>

#include "hub/shell/inbox.hpp"

namespace belfry::hub::shell {

class Backlog {
public:
    // Takes what there is. Waits for it, as Inbox::take_all does, only if nothing is left here. REQUIRES: next() gave NULL.
    void fill(Inbox& inbox, std::chrono::steady_clock::time_point deadline);
    // The next one, until the next call; NULL: that was all for this round. `enough`: clients' items are left for the next
    // round; it stays so until then.
    Item* next(bool enough);
    bool empty() const { return at_ == items_.size(); }

private:
    std::vector<Item> items_;
    size_t at_ = 0;             // the next one's place
    std::vector<Item> urgent_;  // nobody's request
    size_t urgent_at_ = 0;
    bool has_only_clients_ = false;  // items_, from at_ on
};

}  // namespace belfry::hub::shell
