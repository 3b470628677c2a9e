// One libzmq socket, owned by the I/O thread; nothing here throws. Options follow the rules the project measured: no
// heartbeats, LINGER 0, TCP keep-alive instead. Private to sdk/client.
#pragma once

#include <zmq.h>

#include <string>
#include <utility>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::client {

struct Security;

class ZmqContext {
public:
    ZmqContext();
    ~ZmqContext();  // all sockets are closed by then
    ZmqContext(const ZmqContext&) = delete;
    ZmqContext& operator=(const ZmqContext&) = delete;
    void* get() const { return context_; }

private:
    void* context_;
};

// What was received, where libzmq put it.
class ZmqMessage {
public:
    ZmqMessage() { zmq_msg_init(&message_); }
    ~ZmqMessage() { zmq_msg_close(&message_); }
    ZmqMessage(const ZmqMessage&) = delete;
    ZmqMessage& operator=(const ZmqMessage&) = delete;
    // Until the next receive().
    BytesView bytes() const {
        return {static_cast<const char*>(zmq_msg_data(const_cast<zmq_msg_t*>(&message_))), zmq_msg_size(&message_)};
    }
    zmq_msg_t* get() { return &message_; }

private:
    zmq_msg_t message_;
};

class ZmqSocket {
public:
    enum class Kind { requests, feed };
    // Frames that wait on this side of a connection for requests.
    static constexpr int send_frames_max = 1000;
    ZmqSocket() = default;
    ~ZmqSocket() { close(); }
    ZmqSocket(ZmqSocket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
    ZmqSocket& operator=(ZmqSocket&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }

    static Result<ZmqSocket> open(const ZmqContext& context, Kind kind);
    // Before connect(). Does nothing if the client is plain.
    Status encrypt(const Security& security, size_t endpoint);
    Status connect(const std::string& endpoint);
    void subscribe(BytesView topic);
    void unsubscribe(BytesView topic);
    bool send(BytesView frame);         // false = not now
    bool receive(ZmqMessage& message);  // false = nothing there, and the descriptor may be slept on
    // To look swallows the descriptor's wake-up: who is told that there is something to receive must receive it.
    struct Ready {
        bool to_receive = false;
        bool to_send = false;  // of a socket for requests: there is a connection, with room for a frame
    };
    Ready ready() const;
    int descriptor() const;
    bool is_open() const { return socket_ != nullptr; }
    void close();

private:
    void set(int option, int value);
    void* socket_ = nullptr;
};

}  // namespace belfry::client
