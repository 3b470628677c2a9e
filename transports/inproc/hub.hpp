// An open inproc transport: the state that the hub's side and the clients share.
//
// Two locks. `gate_` is held shared during every callback into the host, and alone by close(): so none is running when it
// returns. `mutex_` guards the queues and is never held during a callback.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "sdk/plugin/transport.hpp"
#include "transports/inproc/inproc.hpp"

namespace belfry::transports::inproc {

class Hub {
public:
    explicit Hub(plugin::TransportHost host) : host_(host) {}

    // The hub's side.
    void send(uint64_t connection, plugin::Frame frame);
    void publish(plugin::Frame frame);
    void flush();
    plugin::TransportStats stats();
    void close();

    // A client's side.
    Result<uint64_t> join();
    void leave(uint64_t connection);
    Status frame_from(uint64_t connection, BytesView frame);
    Status subscribe(uint64_t connection, BytesView topic);
    void unsubscribe(uint64_t connection, BytesView topic);
    void lose_feed(uint64_t connection, bool lose);
    std::optional<Bytes> receive(uint64_t connection, std::chrono::milliseconds timeout);
    std::optional<Bytes> receive_feed(uint64_t connection, std::chrono::milliseconds timeout);

private:
    struct Peer {
        std::deque<Bytes> replies;
        std::deque<Bytes> feed;
        std::set<Bytes, std::less<>> topics;
        bool lose_feed = false;
    };
    struct Outgoing {
        uint64_t connection;  // 0 = the feed
        plugin::Frame frame;
    };

    void deliver(Peer& peer, BytesView message);
    std::optional<Bytes> receive_from(uint64_t connection, std::deque<Bytes> Peer::*queue,
                                      std::chrono::milliseconds timeout);
    void tell_topic(BytesView topic, bool subscribed);

    plugin::TransportHost host_;
    std::shared_mutex gate_;
    bool closed_ = false;  // under gate_

    std::mutex mutex_;
    std::condition_variable arrived_;
    bool ended_ = false;
    uint64_t last_connection_ = 0;
    std::map<uint64_t, Peer> peers_;
    std::map<Bytes, size_t, std::less<>> topics_;  // subscribers of each
    std::vector<Outgoing> pending_;                // until flush
    plugin::TransportStats stats_;
};

}  // namespace belfry::transports::inproc
