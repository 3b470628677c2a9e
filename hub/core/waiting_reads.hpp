// Reads that wait for a revision which has not been applied yet, each until a deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "hub/core/core.hpp"

namespace belfry::hub::core {

struct WaitingRead {
    RequestReceived request;  // a range
    Revision min_revision;
    uint64_t deadline_ms = 0;
};

class WaitingReads {
public:
    bool full() const;
    size_t count() const { return reads_.size() + ready_.size(); }
    // REQUIRES: !full().
    void add(WaitingRead read);
    // This revision has come.
    void reach(Revision revision);
    bool any_ready() const { return !ready_.empty(); }
    // Of those whose revision has come, the one that waits longest for its turn. REQUIRES: any_ready().
    WaitingRead take_ready();
    // Whatever they wait for.
    std::vector<WaitingRead> take_late(uint64_t now_ms);
    void forget(uint64_t connection);
    uint64_t next_deadline_ms() const;  // UINT64_MAX = none

private:
    template <class Predicate>
    std::vector<WaitingRead> take(Predicate predicate);
    std::vector<WaitingRead> reads_;
    std::deque<WaitingRead> ready_;
    Revision lowest_{UINT64_MAX};  // no read waits for less; spares a look at each
};

}  // namespace belfry::hub::core
