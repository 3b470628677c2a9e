// A client of transport_zmq with nothing but libzmq: what strangers in any language do.
#pragma once

#include <zmq.h>

#include <chrono>
#include <optional>
#include <string>

#include "sdk/base/types.hpp"

namespace belfry::testing {

class ZmqSocket {
public:
    explicit ZmqSocket(int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {
        set(ZMQ_LINGER, 0);
        set(ZMQ_RCVHWM, 0);
        set(ZMQ_SNDHWM, 0);
        set(ZMQ_RECONNECT_IVL, 10);
    }
    ~ZmqSocket() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    ZmqSocket(const ZmqSocket&) = delete;
    ZmqSocket& operator=(const ZmqSocket&) = delete;

    void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }
    void set(int option, BytesView value) { zmq_setsockopt(socket_, option, value.data(), value.size()); }
    bool connect(const std::string& endpoint) { return zmq_connect(socket_, endpoint.c_str()) == 0; }
    bool send(BytesView octets, int flags = 0) {
        return zmq_send(socket_, octets.data(), octets.size(), flags) == static_cast<int>(octets.size());
    }
    std::optional<Bytes> receive(std::chrono::milliseconds timeout) {
        zmq_pollitem_t item = {socket_, 0, ZMQ_POLLIN, 0};
        if (zmq_poll(&item, 1, timeout.count()) <= 0) {
            return std::nullopt;
        }
        zmq_msg_t message;
        zmq_msg_init(&message);
        zmq_msg_recv(&message, socket_, 0);
        Bytes octets(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
        zmq_msg_close(&message);
        return octets;
    }

private:
    void* context_;
    void* socket_;
};

}  // namespace belfry::testing
