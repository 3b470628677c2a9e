// A client whose writes have tickets (docs/protocol.md, "Sessions"): it sends a write again, over another connection too
// and sometimes twice at once, until a copy has an answer. The SDK's own tickets; its sockets and timers are not simulated.
#pragma once

#include <deque>
#include <memory>

#include "sdk/client/session.hpp"
#include "tests/sim/call.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class SessionLink : public std::enable_shared_from_this<SessionLink> {
public:
    static constexpr uint64_t patient = UINT64_MAX;  // waits until all copies have been sent
    // What is no write goes over `first` as it is. After `timeout_ms` a write is `uncertain`, and not sent again.
    static Send over(World& world, Send first, Send second, uint64_t timeout_ms = patient);
    // A half of the clients have sessions.
    static Send perhaps_over(World& world, const std::function<Send()>& connect);
    SessionLink(World& world, Send first, Send second, uint64_t timeout_ms)
        : world_(world), ways_{std::move(first), std::move(second)}, timeout_ms_(timeout_ms) {}

private:
    struct Write {
        Call call;
        Answer answer;
        unsigned copies = 0;  // sent
        unsigned open = 0;    // sent, and perhaps done
        bool ended = false;
    };
    void begin(Call call, Answer answer);
    void send(const std::shared_ptr<Write>& write);
    void on_reply(const std::shared_ptr<Write>& write, const Result<protocol::Reply>& reply);
    void send_later(const std::shared_ptr<Write>& write, uint64_t pause_ms);
    void end(const std::shared_ptr<Write>& write, const Result<protocol::Reply>& reply);
    void give_up(const std::shared_ptr<Write>& write);

    World& world_;
    Send ways_[2];
    const uint64_t timeout_ms_;
    client::Session session_;
};

}  // namespace belfry::sim
