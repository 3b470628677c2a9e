// The feed side: one thread that owns the XPUB.
//
// XPUB_VERBOSE, not plain XPUB: a subscriber that reconnects repeats its join token, and if its former connection is still
// half open here, a plain XPUB would find the token known and pass nothing up, so the join would go unanswered. Verbose
// passes every subscription up; who was first on a channel, and who was the last, Subscribers knows.
//
// Topics (docs/protocol.md): 'E' + 8 octets, 'M', 'T' + 16 octets. A peer that subscribes to anything else or to too many,
// or sends frames of its own, is disconnected: a wide trie of subscriptions freezes the publisher.
//
// Who may read all of the feed, the Admission says: nobody until the host has told. With keys the Gate keeps the others
// out, and who loses the right is disconnected before anything more is published. Without keys everybody could listen: if
// the feed is not for everybody, nothing is published at all, and whoever subscribes is disconnected.
//
// Publishing is paced: libzmq drops what a subscriber's queue (SNDHWM) cannot hold, even for a healthy one, and says
// nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transports/zmq/complaints.hpp"
#include "transports/zmq/counters.hpp"
#include "transports/zmq/options.hpp"
#include "transports/zmq/outbox.hpp"
#include "transports/zmq/socket.hpp"
#include "transports/zmq/subscribers.hpp"
#include "transports/zmq/visitors.hpp"

namespace belfry::transports::zmq {

class Feed {
public:
    // Binds. The context outlives it; `outbox` and `admission` outlive the context.
    static Result<std::unique_ptr<Feed>> open(const Context& context, const Options& options, plugin::TransportHost host,
                                              const plugin::Host& logger, const Admission& admission, Outbox& outbox,
                                              Counters& counters);
    ~Feed();

    void start();
    // Publishes what is queued, for at most close_ms_max, and ends the thread. No callback comes afterwards.
    void stop();
    const std::string& endpoint() const { return endpoint_; }

private:
    using Clock = std::chrono::steady_clock;

    Feed(Socket socket, plugin::TransportHost host, const plugin::Host& logger, const Admission& admission, Outbox& outbox,
         Counters& counters);

    void run();
    void refresh_visitors();
    bool receive();
    void on_message(const Message& message);
    void on_subscription(const Message& message, BytesView topic);
    const char* fault_of(int descriptor, BytesView topic) const;
    void on_unsubscription(const Message& message, BytesView topic);
    void on_topic_ended(BytesView topic);
    void sweep();
    void answer_join(BytesView token);
    bool publish_queued();
    void refill();

    Socket socket_;
    plugin::TransportHost host_;
    Outbox& outbox_;
    Counters& counters_;
    Complaints complaints_;
    Visitors visitors_;
    std::string endpoint_;
    Subscribers subscribers_;  // to topics of all three forms
    Clock::time_point swept_;
    std::vector<Outgoing> batch_;  // taken from the outbox; sent up to sent_
    size_t sent_ = 0;
    size_t allowance_;  // messages that may go out now
    Clock::time_point refilled_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace belfry::transports::zmq
