// The tickets of a client's writes (docs/protocol.md, "Sessions"). Loop thread only; no clock or random source of its own.
// Private to sdk/client.
#pragma once

#include <deque>

#include "sdk/base/limits.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::client {

// Hubs keep a session for 10 minutes without a write. After half of that a client begins another one, and sends nothing
// again under the old one.
inline constexpr uint64_t session_idle_ms_max = 300'000;

class Session {
public:
    // False: too many writes since the oldest one that has no answer.
    bool has_room() const { return answered_.size() < limits::session_window_max; }
    // For a new write. `random`: for the session's number, should this one begin it. REQUIRES: has_room().
    protocol::Ticket next(uint64_t now_ms, uint64_t random);
    // The write has its answer, or nobody waits for it any more: it is not sent again.
    void close(const protocol::Ticket& ticket);
    // To be called before each sending: says what may be forgotten by now.
    void refresh(protocol::Ticket& ticket) const;
    // The hub has forgotten this session: the next write begins another one.
    void forget(uint64_t session);

private:
    uint64_t id_ = 0;
    uint64_t acknowledged_ = 0;
    std::deque<bool> answered_;  // of the writes acknowledged_ + 1, + 2 ...
    uint64_t used_ms_ = 0;
};

}  // namespace belfry::client
