#include "sdk/client/zmq_socket.hpp"

#include "sdk/base/limits.hpp"
#include "sdk/client/security.hpp"
#include "sdk/curve/curve_socket.hpp"

namespace belfry::client {
namespace {
constexpr int sockets_max = 16 * 1024;
constexpr int receive_frames_max = 2000;
constexpr int64_t feed_frame_bytes_max = 4 * 1024 * 1024;
constexpr int64_t reply_frame_bytes_max = limits::range_reply_bytes_max + 16 * 1024 * 1024;
}  // namespace

ZmqContext::ZmqContext() : context_(zmq_ctx_new()) {
    if (context_ != nullptr) zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, sockets_max);
}

ZmqContext::~ZmqContext() {
    if (context_ == nullptr) return;
    while (zmq_ctx_term(context_) != 0 && zmq_errno() == EINTR) {
    }
}

Result<ZmqSocket> ZmqSocket::open(const ZmqContext& context, Kind kind) {
    ZmqSocket socket;
    socket.socket_ = zmq_socket(context.get(), kind == Kind::feed ? ZMQ_SUB : ZMQ_DEALER);
    if (socket.socket_ == nullptr) {
        return Error{Code::busy, std::string("cannot open a socket: ") + zmq_strerror(zmq_errno()) +
                                     "; each subscription needs two file descriptors (ulimit -n)"};
    }
    const bool feed = kind == Kind::feed;
    socket.set(ZMQ_SNDHWM, feed ? 0 : send_frames_max);
    socket.set(ZMQ_RCVHWM, receive_frames_max);
    socket.set(ZMQ_LINGER, 0);
    socket.set(ZMQ_IMMEDIATE, feed ? 0 : 1);
    socket.set(ZMQ_HANDSHAKE_IVL, 5000);
    socket.set(ZMQ_RECONNECT_IVL, 1000);
    socket.set(ZMQ_RECONNECT_IVL_MAX, 30'000);
    socket.set(ZMQ_TCP_KEEPALIVE, 1);
    socket.set(ZMQ_TCP_KEEPALIVE_IDLE, 15);
    socket.set(ZMQ_TCP_KEEPALIVE_INTVL, 5);
    socket.set(ZMQ_TCP_KEEPALIVE_CNT, 4);
    socket.set(ZMQ_TCP_MAXRT, 20'000);
    const int64_t frame_bytes_max = feed ? feed_frame_bytes_max : reply_frame_bytes_max;
    zmq_setsockopt(socket.socket_, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    return socket;
}

void ZmqSocket::set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }

Status ZmqSocket::encrypt(const Security& security, size_t endpoint) {
    if (security.empty()) return {};
    const std::string& server_key = security.server_key(endpoint);
    if (curve::connect_encrypted(socket_, security.keys, server_key)) return {};
    return Error{Code::invalid_argument,
                 "server key '" + server_key + "': libzmq does not take it: " + zmq_strerror(zmq_errno())};
}

Status ZmqSocket::connect(const std::string& endpoint) {
    if (zmq_connect(socket_, endpoint.c_str()) == 0) return {};
    return Error{Code::invalid_argument, "endpoint '" + endpoint + "': " + zmq_strerror(zmq_errno())};
}

void ZmqSocket::subscribe(BytesView topic) { zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, topic.data(), topic.size()); }
void ZmqSocket::unsubscribe(BytesView topic) { zmq_setsockopt(socket_, ZMQ_UNSUBSCRIBE, topic.data(), topic.size()); }

bool ZmqSocket::send(BytesView frame) {
    while (zmq_send(socket_, frame.data(), frame.size(), ZMQ_DONTWAIT) < 0) {
        if (zmq_errno() != EINTR) return false;
    }
    return true;
}

bool ZmqSocket::receive(ZmqMessage& message) {
    int received = 0;
    do {
        received = zmq_msg_recv(message.get(), socket_, ZMQ_DONTWAIT);
    } while (received < 0 && zmq_errno() == EINTR);
    return received >= 0;
}

ZmqSocket::Ready ZmqSocket::ready() const {
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0) return {};
    return {(events & ZMQ_POLLIN) != 0, (events & ZMQ_POLLOUT) != 0};
}

int ZmqSocket::descriptor() const {
    int descriptor = -1;
    size_t size = sizeof descriptor;
    zmq_getsockopt(socket_, ZMQ_FD, &descriptor, &size);
    return descriptor;
}

void ZmqSocket::close() {
    if (socket_ != nullptr) zmq_close(std::exchange(socket_, nullptr));
}

}  // namespace belfry::client
