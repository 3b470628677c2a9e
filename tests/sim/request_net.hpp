// The requests' network: every frame may be late, overtaken, lost or come twice (answers only: a client never sends a
// request twice without saying so). A process that is not there refuses at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "tests/sim/call.hpp"
#include "tests/sim/hub.hpp"

namespace belfry::sim {

class RequestNet {
public:
    // `some_place`: a hub that a caller may be told of, as its number among the hubs.
    RequestNet(World& world, std::vector<Hub*> hubs, std::function<size_t()> some_place);

    // One connection per caller, to the hub that `place` says at the time (NULL = some place); it goes to another one when
    // that one does not serve it.
    Send connect(Bytes author, std::shared_ptr<size_t> place = nullptr);

    unsigned loss_percent = 3;
    unsigned twice_percent = 3;
    uint64_t delay_ms_max = 30;

private:
    void send(Hub& hub, uint64_t connection, const protocol::Request& request);
    void answer(uint64_t id, Result<protocol::Reply> reply);
    void on_reply(const Bytes& frame);
    uint64_t delay();

    World& world_;
    std::vector<Hub*> hubs_;
    std::function<size_t()> some_place_;
    uint64_t connections_ = 0;
    uint64_t requests_ = 0;
    std::map<uint64_t, Answer> waiting_;  // by request id; kept after the answer, which may come twice
};

}  // namespace belfry::sim
