// Requests in flight and the DEALER socket they travel on. Loop thread only. Private to sdk/client.
//
//            add()            a connection              answer ─▶ complete
//   unsent ◀──────── ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ▶ sent ──▶ "not done": unsent again, after a pause
//      ▲                                        │
//      └── the connection is lost, or silent ───┘      only what may be done twice: reads, and writes with a ticket
//
// When the hub is gone the socket says so at once: it takes no frames any more. Then, or after a third of the timeout
// without any answer though something waits (jittered; one endpoint: the whole timeout), the link moves to the next
// endpoint, and what it had sent is sent again there. To make a connection takes `connect_patience`, which grows while
// nobody can be reached. What has no answer after a third of its timeout is sent again also where nothing is wrong to see.
//
// A hub that asks who this is answers `unauthenticated`: what it refused waits, the password is shown once for all, and it
// is sent again under the token that this gave. What went out before that token, and is refused after, is only sent again.
//
// What a request ends with at its timeout: `unavailable` if no copy of it is out, or it reads; else `uncertain`.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "sdk/client/client.hpp"
#include "sdk/client/security.hpp"
#include "sdk/client/session.hpp"
#include "sdk/client/zmq_socket.hpp"

namespace belfry::client {

struct Outgoing {
    protocol::Request request;
    Client::Completion completion;
    bool counted = false;  // in requests_in_flight_max
};

class RequestLink {
public:
    RequestLink(const ZmqContext& context, const ClientOptions& options, const Security& security,
                std::atomic<size_t>& in_flight);

    Status open();
    void add(Outgoing&& outgoing, uint64_t now_ms);
    // Sends what is unsent and takes what has come. True = more may be waiting; false = the descriptor may be slept on.
    bool exchange(uint64_t now_ms);
    bool has_new() const { return new_; }  // something was added since the last exchange
    void on_timer(uint64_t now_ms);
    uint64_t wake_at_ms() const;
    void fail_all();
    size_t endpoint() const { return endpoint_; }
    void leave(size_t endpoint, uint64_t now_ms);

    std::function<void(int descriptor)> on_open, on_close;
    std::function<void(size_t endpoint, uint64_t now_ms)> on_lost;  // its hub is gone; requests go elsewhere now

private:
    struct Pending {
        Client::Completion completion;
        protocol::Request request;
        uint64_t deadline_ms = 0;
        uint64_t repeat_until_ms = UINT64_MAX;
        bool counted = false;
        bool is_read = false;
        bool wants_ticket = false;
        bool queued = false;     // in unsent_
        bool sent = false;       // a copy is out on this connection, without an answer
        bool perhaps = false;    // an earlier copy changes something, perhaps
        bool asked_who = false;  // a login was made for it
        uint64_t token = 0;      // the number of the one that its last copy showed
        unsigned refusals = 0;
        std::string refusal;  // the last one; that copy has changed nothing
        bool may_repeat(uint64_t now_ms) const { return is_read || (wants_ticket && now_ms < repeat_until_ms); }
    };
    using Table = std::unordered_map<uint64_t, Pending>;

    void queue(uint64_t id, Pending& pending);
    void flush(uint64_t now_ms);
    bool give_ticket(Pending& pending, uint64_t now_ms);
    bool receive(uint64_t now_ms);
    void take(protocol::Reply&& reply, uint64_t now_ms);
    bool try_again(Pending& pending, const protocol::Reply& reply, uint64_t now_ms);
    bool try_again_later(Pending& pending, const protocol::Reply& reply, uint64_t now_ms);
    void complete(uint64_t id, Result<protocol::Reply> result);
    void not_understood(const Error& error);
    template <class OutcomeOf>
    void complete_many(OutcomeOf outcome_of);
    void expire(uint64_t now_ms);
    bool watch_connection(uint64_t now_ms);
    void move_on(uint64_t now_ms);
    void queue_lost(uint64_t now_ms);
    void resend(uint64_t id, uint64_t now_ms);
    void send_due_again(uint64_t now_ms);
    void note_sent(bool sent, uint64_t now_ms);
    bool may_move(uint64_t now_ms) const;
    bool is_cut_off(uint64_t now_ms) const;
    uint64_t connect_patience_ms() const;
    uint64_t silence_ms_max() const;
    void send_refused_again(uint64_t now_ms);
    Error outcome(const Pending& pending) const;
    std::string not_connected() const;

    bool log_in_for(uint64_t id, Pending& pending);
    void ask_for_token(protocol::AuthenticateRequest op);
    void on_token(Result<protocol::Reply> answer);
    void renew_token_if_due();

    const ZmqContext& context_;
    const ClientOptions& options_;
    const Security& security_;
    std::atomic<size_t>& in_flight_;
    ZmqSocket socket_;
    size_t endpoint_ = 0;
    uint64_t last_id_ = 0;
    uint64_t waiting_since_ms_ = 0;  // something waits and nothing came since; 0 = nothing waits
    uint64_t rebuild_jitter_ms_ = 0;
    Table pending_;
    Session session_;
    std::deque<uint64_t> unsent_;
    std::deque<std::pair<uint64_t, uint64_t>> deadlines_;  // (when, id): timeouts are equal, so in order
    std::deque<std::pair<uint64_t, uint64_t>> resends_[2];
    std::multimap<uint64_t, uint64_t> refused_;  // (when to send again, id)
    uint64_t now_ms_ = 0;                        // of this round
    Bytes token_;                                // goes with every frame
    uint64_t token_number_ = 0;                  // how many came before it
    uint64_t renew_at_ms_ = UINT64_MAX;
    bool asking_for_token_ = false;
    bool renewing_ = false;  // asking with the token that there is
    bool renews_begun_ = false;
    std::vector<uint64_t> wait_for_token_;
    uint64_t moved_at_ms_ = 0;
    unsigned moves_in_vain_ = 0;     // since there was a connection
    uint64_t blocked_since_ms_ = 0;  // nothing can be sent: there is no connection; 0 = not so
    int frames_unanswered_ = 0;      // sent since the last answer
    bool connected_ = false;         // when it was looked at last
    bool new_ = false;
};

}  // namespace belfry::client
