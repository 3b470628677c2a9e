// A follower's clients' requests that only the leader can answer: sent on to it, and its answers brought back.
//
//     add() ─▶ waiting ── a leader is known ─▶ sent ── replies ─▶ back to the client
//               │  ▲                            │ │
//               │  └ "not done, not mine", later┘ │
//               ▼ nobody leads for long           ▼ another leader for a while, or no answer for long
//          `unavailable`                     `uncertain`: it is perhaps done
//
// What a leader refuses as `unavailable` is asked again after a pause, of another leader at once; once the request is old,
// the leader's reason goes to the client.
//
// Pure; one thread.
#pragma once

#include <map>
#include <vector>

#include "hub/core/core.hpp"

namespace belfry::hub::core {

class Forwarder {
public:
    // `incarnation`: random per process; numbers start there, so that no answer to an earlier process fits.
    explicit Forwarder(uint64_t incarnation) : last_number_(incarnation) {}

    bool full() const;
    size_t count() const { return waiting_.size() + refused_.size() + sent_.size(); }
    // REQUIRES: !full().
    void add(RequestReceived request, uint64_t now_ms);
    void forget(uint64_t connection);
    // `leader` 0 = none is known, or this member leads itself.
    void flush(uint64_t leader, Term term, uint64_t now_ms, std::vector<MemberMessage>& out,
               std::vector<OutgoingReply>& replies);
    // What waits for a leader, when this member has become it.
    std::vector<RequestReceived> take_waiting();
    void receive(uint64_t peer, std::vector<protocol::Reply>& answers, uint64_t now_ms,
                 std::vector<OutgoingReply>& replies);
    uint64_t wake_at_ms() const;

private:
    struct Waiting {
        RequestReceived request;
        size_t bytes = 0;
        uint64_t deadline_ms = 0;
    };
    using ByTime = std::multimap<uint64_t, Waiting>;
    struct Sent {
        Waiting waiting;  // its request, as it came
        uint64_t leader = 0;
        uint64_t deadline_ms = 0;
    };
    void wait(Waiting waiting);
    void wait_again(uint64_t until_ms);
    void send_waiting(uint64_t leader, uint64_t now_ms, std::vector<MemberMessage>& out);
    void give_up_sent(uint64_t now_ms, std::vector<OutgoingReply>& replies);
    void give_up_waiting(uint64_t now_ms, std::vector<OutgoingReply>& replies);

    ByTime waiting_;                 // by deadline
    ByTime refused_;                 // by a leader, as not done; by when they wait again
    size_t bytes_ = 0;               // of all that is here
    std::map<uint64_t, Sent> sent_;  // by number; all wait equally long, so the first is the first to be late
    uint64_t last_number_;
    uint64_t leader_ = 0;  // of the last flush
    Term term_;
    uint64_t give_up_ms_ = UINT64_MAX;  // what an earlier leader has not answered until then is uncertain
    uint64_t last_of_earlier_ = 0;      // the last number sent to an earlier leader
};

}  // namespace belfry::hub::core
