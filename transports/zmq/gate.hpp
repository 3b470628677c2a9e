// The handler that libzmq asks about every new encrypted connection (ZAP), and the proof that it is asked. A thread of its
// own; it is there before the first socket is bound, and lets nobody in until the proof has been made.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "sdk/curve/curve_socket.hpp"
#include "transports/zmq/admission.hpp"
#include "transports/zmq/complaints.hpp"
#include "transports/zmq/socket.hpp"

namespace belfry::transports::zmq {

class Gate {
public:
    // The domains of the two sockets.
    static constexpr const char* requests_domain = "requests";
    static constexpr const char* feed_domain = "feed";

    // Starts the thread. The context and the admission outlive it.
    static Result<std::unique_ptr<Gate>> open(const Context& context, const Admission& admission,
                                              const plugin::Host& logger);
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    // A stranger with a key made up on the spot connects to the endpoint. `incompatible`: it got in, or libzmq did not ask
    // here about it; then the hub must not run.
    Status prove(const Context& context, const std::string& endpoint, const std::string& domain, const CurveKeys& server);
    // From now on those are let in who may.
    void let_in() { proving_ = false; }
    uint64_t refused() const { return refused_; }

private:
    Gate(Socket socket, const Admission& admission, const plugin::Host& logger);
    void run();
    curve::ZapVerdict decide(const curve::ZapQuestion& question);
    bool was_refused(const std::string& domain, const std::string& key) const;

    Socket socket_;
    const Admission& admission_;
    Complaints complaints_;
    std::atomic<bool> proving_ = true;
    std::atomic<uint64_t> refused_ = 0;
    mutable std::mutex mutex_;
    std::set<std::pair<std::string, std::string>> refused_in_proof_;  // domain, key; under mutex_
    Outbox wake_{1, 1};                                               // for its descriptor
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace belfry::transports::zmq
