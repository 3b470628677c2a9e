// A client of examples/transport_plugin: a Unix socket and messages with a letter.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "sdk/base/types.hpp"

namespace belfry::testing {

class LocalSocket {
public:
    // `endpoint`: "ipc:///path".
    explicit LocalSocket(const std::string& endpoint) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        constexpr size_t prefix_bytes = 6;
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        endpoint.copy(address.sun_path, sizeof(address.sun_path) - 1, prefix_bytes);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~LocalSocket() { ::close(fd_); }
    LocalSocket(const LocalSocket&) = delete;
    LocalSocket& operator=(const LocalSocket&) = delete;

    bool connected() const { return connected_; }
    bool send(char letter, BytesView octets) {
        const auto size = static_cast<uint32_t>(octets.size());
        Bytes message(reinterpret_cast<const char*>(&size), sizeof(size));
        message += letter;
        message += octets;
        return ::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size());
    }
    // The next message with this letter; those with another wait for their turn.
    std::optional<Bytes> receive(char letter, std::chrono::milliseconds timeout) {
        const auto end = std::chrono::steady_clock::now() + timeout;
        std::deque<Bytes>& queue = queues_[letter];
        while (queue.empty()) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
            pollfd item = {fd_, POLLIN, 0};
            if (::poll(&item, 1, static_cast<int>(std::max<int64_t>(left, 0))) <= 0 || !read()) return std::nullopt;
        }
        Bytes octets = std::move(queue.front());
        queue.pop_front();
        return octets;
    }

private:
    bool read() {
        constexpr size_t head_bytes = 5;
        char part[64 * 1024];
        const ssize_t size = ::recv(fd_, part, sizeof(part), 0);
        if (size <= 0) return false;
        received_.append(part, static_cast<size_t>(size));
        while (received_.size() >= head_bytes) {
            uint32_t length = 0;
            std::memcpy(&length, received_.data(), sizeof(length));
            if (received_.size() < head_bytes + length) break;
            queues_[received_[4]].push_back(received_.substr(head_bytes, length));
            received_.erase(0, head_bytes + length);
        }
        return true;
    }

    int fd_;
    bool connected_ = false;
    Bytes received_;
    std::map<char, std::deque<Bytes>> queues_;
};

}  // namespace belfry::testing
