// Requests in flight and the DEALER socket they travel on. Loop thread only. Private to sdk/client.
//
// Rules without a monitor: a request that could not be handed to a connection until its timeout is `unavailable`. A read
// without an answer is sent again after each third of its timeout (twice), since the connection may have been lost; a write
// is sent once and ends `uncertain`. A third of the timeout without any answer from this endpoint, though something waits:
// the socket is rebuilt on the next endpoint if there are several; after the whole timeout in any case, with jitter.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "sdk/client/client.hpp"
#include "sdk/client/zmq_socket.hpp"

namespace belfry::client {

struct Outgoing {
    protocol::Request request;
    Client::Completion completion;
    bool counted = false;  // in requests_in_flight_max
};

class RequestLink {
public:
    RequestLink(const ZmqContext& context, const ClientOptions& options, std::atomic<size_t>& in_flight);

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

private:
    struct Pending {
        Client::Completion completion;
        protocol::Request request;
        uint64_t deadline_ms = 0;
        bool counted = false;
        bool sent = false;
        bool is_read = false;
        unsigned refusals = 0;
        std::string refusal;  // the last one; it is not done
    };
    void flush(uint64_t now_ms);
    bool receive(uint64_t now_ms);
    void complete(uint64_t id, Result<protocol::Reply> result);
    void not_understood(const Error& error);
    template <class OutcomeOf>
    void complete_many(OutcomeOf outcome_of);
    void expire(uint64_t now_ms);
    void rebuild(uint64_t now_ms);
    void resend(uint64_t id);
    void note_sent(bool sent, uint64_t now_ms);
    bool may_move(uint64_t now_ms) const;
    bool is_cut_off(uint64_t now_ms) const;
    bool try_again_later(const protocol::Reply& reply, uint64_t now_ms);
    void send_refused_again(uint64_t now_ms);
    Error outcome(const Pending& pending) const;

    const ZmqContext& context_;
    const ClientOptions& options_;
    std::atomic<size_t>& in_flight_;
    ZmqSocket socket_;
    size_t endpoint_ = 0;
    uint64_t last_id_ = 0;
    uint64_t waiting_since_ms_ = 0;  // something waits and nothing came since; 0 = nothing waits
    uint64_t rebuild_jitter_ms_ = 0;
    std::unordered_map<uint64_t, Pending> pending_;
    std::deque<uint64_t> unsent_;
    std::deque<std::pair<uint64_t, uint64_t>> deadlines_;  // (when, id): timeouts are equal, so in order
    std::deque<std::pair<uint64_t, uint64_t>> resends_[2];
    std::multimap<uint64_t, uint64_t> refused_;  // (when to send again, id)
    uint64_t moved_at_ms_ = 0;
    uint64_t blocked_since_ms_ = 0;  // nothing can be sent: there is no connection; 0 = not so
    bool new_ = false;
};

}  // namespace belfry::client
