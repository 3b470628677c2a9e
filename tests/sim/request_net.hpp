// The requests' network: every frame may be late, overtaken, lost or come twice (answers only: a client never sends a
// request twice without saying so).
#pragma once

#include <map>
#include <vector>

#include "tests/sim/hub.hpp"
#include "tests/sim/subscriber.hpp"

namespace belfry::sim {

class RequestNet {
public:
    RequestNet(World& world, std::vector<Hub*> hubs);

    // One connection per caller, to the hub that `place` says at the time (its number among the hubs).
    Send connect(Bytes author, std::shared_ptr<size_t> place);
    // A caller that goes to another hub when one does not serve it.
    Send connect_anywhere(Bytes author);

    unsigned loss_percent = 3;
    unsigned twice_percent = 3;
    uint64_t delay_ms_max = 30;

private:
    void on_reply(uint64_t connection, const Bytes& frame);
    uint64_t delay();

    World& world_;
    std::vector<Hub*> hubs_;
    uint64_t connections_ = 0;
    uint64_t requests_ = 0;
    std::map<uint64_t, Answer> waiting_;  // by request id; kept after the answer, which may come twice
};

}  // namespace belfry::sim
