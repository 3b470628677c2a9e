// A peer that speaks ZMTP itself, without encryption: what libzmq's sockets would never send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "sdk/base/types.hpp"

namespace belfry::testing {

class ZmtpPeer {
public:
    // `endpoint`: tcp://127.0.0.1:port.
    explicit ZmtpPeer(const std::string& endpoint) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
        (void)::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    ~ZmtpPeer() { ::close(descriptor_); }
    ZmtpPeer(const ZmtpPeer&) = delete;
    ZmtpPeer& operator=(const ZmtpPeer&) = delete;

    // `type`: "SUB", "DEALER". Waits for the other side's READY: before it messages would be errors.
    bool greets_3_0(const std::string& type, std::chrono::milliseconds timeout) {
        Bytes greeting = signature() + Bytes("\3\0NULL", 6);
        greeting.resize(64, '\0');
        write(greeting);
        const Bytes ready = Bytes("\5READY\13Socket-Type") + Bytes(3, '\0') + static_cast<char>(type.size()) + type;
        write(Bytes(1, '\4') + static_cast<char>(ready.size()) + ready);
        return hears("READY", timeout);
    }
    // As a SUB of libzmq 3.2.
    void greet_2_0() { write(signature() + Bytes("\1\2\0\0", 4)); }
    // Up to 255 octets, one frame.
    void send(BytesView message) { write(Bytes(1, '\0') + static_cast<char>(message.size()) + Bytes(message)); }
    // Reads until `part` has come. False: the connection ended, or it did not come in time.
    bool hears(BytesView part, std::chrono::milliseconds timeout) {
        const auto end = std::chrono::steady_clock::now() + timeout;
        while (heard_.find(part) == Bytes::npos) {
            if (!read(end)) return false;
        }
        return true;
    }
    bool is_ended(std::chrono::milliseconds timeout) {
        const auto end = std::chrono::steady_clock::now() + timeout;
        while (read(end)) {
        }
        return ended_;
    }

private:
    static Bytes signature() { return Bytes(1, '\xff') + Bytes(8, '\0') + '\x7f'; }
    void write(BytesView octets) { (void)::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL); }
    bool read(std::chrono::steady_clock::time_point end) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd wait{descriptor_, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wait, 1, static_cast<int>(left.count())) <= 0) return false;
        std::array<char, 65536> buffer;
        const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
        ended_ = size <= 0;
        if (!ended_) heard_.append(buffer.data(), static_cast<size_t>(size));
        return !ended_;
    }

    int descriptor_;
    bool ended_ = false;
    Bytes heard_;
};

}  // namespace belfry::testing
