// Tells the log about peers that do not keep to the protocol, at most once in a while: they must not fill the disk.
#pragma once

#include <chrono>
#include <string>

#include "transports/zmq/socket.hpp"

namespace belfry::transports::zmq {

class Complaints {
public:
    explicit Complaints(const plugin::Host& host) : host_(host) {}

    // Ends the sender's connection. `why` is a static phrase.
    void disconnect(const Message& message, const char* why) {
        const char* address = zmq_msg_gets(message.handle(), "Peer-Address");
        say(why, std::string("peer ") + (address != nullptr ? address : "unknown"));
        Socket::disconnect_sender(message);
    }

    void say(const char* why, const std::string& detail) {
        constexpr std::chrono::seconds pause{10};
        const auto now = std::chrono::steady_clock::now();
        if (said_ && now - last_ < pause) {
            ++silent_;
            return;
        }
        const std::string more = silent_ > 0 ? " (and " + std::to_string(silent_) + " like it before)" : "";
        host_.log(BELFRY_LOG_WARNING, why, detail + more);
        said_ = true;
        silent_ = 0;
        last_ = now;
    }

private:
    plugin::Host host_;
    bool said_ = false;
    std::chrono::steady_clock::time_point last_;
    uint64_t silent_ = 0;
};

}  // namespace belfry::transports::zmq
