// A ZeroMQ socket of the member link, and the options that all of them have (../docs/peers.md says why).
#pragma once

#include <zmq.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::peer {

class Context {
public:
    Context();
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    void* handle() const { return handle_; }

private:
    void* handle_;
};

// One part of a message that was received.
class Part {
public:
    Part() { zmq_msg_init(&message_); }
    ~Part() { zmq_msg_close(&message_); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    BytesView octets() { return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)}; }
    bool more() { return zmq_msg_more(&message_) != 0; }
    std::string property(const char* name);  // "" = it has none
    zmq_msg_t* handle() { return &message_; }

private:
    zmq_msg_t message_;
};

// One thread at a time.
class Socket {
public:
    static Result<Socket> open(const Context& context, int type);
    Socket() = default;
    Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Socket();

    void* handle() const { return handle_; }
    Status set(int option, int value);
    Status set_link_options(int64_t receive_bytes_max);
    // Encrypts as a server (who may connect, the ZAP handler says) or as a client of the server with this key.
    Status serve_encrypted(const CurveKeys& keys);
    Status connect_encrypted(const CurveKeys& keys, const std::string& server_key);
    Status bind(const std::string& endpoint, const char* setting);
    Status connect(const std::string& endpoint);
    std::string last_endpoint() const;

    bool receive(Part& part);  // false: nothing is there
    bool send(BytesView octets, bool more = false);
    // Copies nothing; `pending` counts the octets until they are on the wire or dropped. False: nobody is connected, or the
    // queue is full; the octets are dropped.
    bool send(Bytes&& octets, const std::shared_ptr<std::atomic<size_t>>& pending);

private:
    explicit Socket(void* handle) : handle_(handle) {}
    void* handle_ = nullptr;
};

}  // namespace belfry::hub::peer
