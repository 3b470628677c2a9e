// The request side: one thread that owns the ROUTER.
//
// A connection's number is the routing id that libzmq gave it (one zero octet, then 32 bits that count up from a random
// start), with bit 32 set so that it is never 0: it comes again only after 2^32 connections in one process. A ROUTER gets
// no notice of a connection's end: the host hears on_close when an answer finds nobody.
//
// A peer's queue in libzmq holds SNDHWM frames and, counted here, peer_bytes_max octets. A frame that finds it full
// waits here, and with it what follows for the same connection; a peer that takes nothing for lag_max, or has more waiting
// than one may have, loses all of it and its connection.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "transports/zmq/complaints.hpp"
#include "transports/zmq/counters.hpp"
#include "transports/zmq/options.hpp"
#include "transports/zmq/outbox.hpp"
#include "transports/zmq/socket.hpp"
#include "transports/zmq/visitors.hpp"

namespace belfry::transports::zmq {

class Requests {
public:
    // Binds. The context outlives it; `outbox` and `admission` outlive the context.
    static Result<std::unique_ptr<Requests>> open(const Context& context, const Options& options,
                                                  plugin::TransportHost host, const plugin::Host& logger,
                                                  const Admission& admission, Outbox& outbox, Counters& counters);
    ~Requests();

    void start();
    // Sends what is queued, for at most close_ms_max, and ends the thread. No callback comes afterwards.
    void stop();
    const std::string& endpoint() const { return endpoint_; }

private:
    using Clock = std::chrono::steady_clock;
    struct Lagging {
        std::deque<plugin::Frame> frames;
        size_t bytes = 0;         // of them
        Clock::time_point since;  // of the last frame taken

        void add(plugin::Frame frame) {
            bytes += frame.bytes().size();
            frames.push_back(std::move(frame));
        }
    };
    using LaggingOnes = std::unordered_map<uint64_t, Lagging>;

    Requests(Socket socket, plugin::TransportHost host, const plugin::Host& logger, const Admission& admission,
             Outbox& outbox, Counters& counters);

    void run();
    void refresh_visitors();
    bool receive();
    void on_message(const Message& sender, Message& body);
    bool send_queued();
    void send(Outgoing outgoing);
    Sent send_now(uint64_t connection, plugin::Frame& frame);
    std::shared_ptr<InFlight> in_flight(uint64_t connection);
    bool retry_lagging();
    LaggingOnes::iterator lose(LaggingOnes::iterator entry);
    void drop(uint64_t connection, size_t frames);

    Socket socket_;
    plugin::TransportHost host_;
    Outbox& outbox_;
    Counters& counters_;
    Complaints complaints_;
    Visitors visitors_;
    std::string endpoint_;
    std::vector<Outgoing> batch_;
    LaggingOnes lagging_;
    std::unordered_map<uint64_t, std::shared_ptr<InFlight>> in_flight_;  // of peers that got large frames lately
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace belfry::transports::zmq
