#include "hub/peer/socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include "sdk/curve/curve_socket.hpp"

namespace belfry::hub::peer {

namespace {

// Heartbeats must come back soon after a member does.
constexpr int reconnect_ms = 50;
constexpr int reconnect_ms_max = 500;
constexpr int handshake_ms = 3000;
// Messages queued for one member in libzmq; the octets are bounded by the link.
constexpr int send_messages_max = 100'000;

struct Held {
    Bytes octets;
    std::shared_ptr<std::atomic<size_t>> pending;
    // libzmq's queues order the hand-over already; this says so to tools that cannot see into libzmq.
    std::atomic<bool> handed_over = false;
};

void release(void*, void* hint) {
    auto* held = static_cast<Held*>(hint);
    (void)held->handed_over.load(std::memory_order_acquire);
    held->pending->fetch_sub(held->octets.size(), std::memory_order_relaxed);
    delete held;
}

Error refused(const std::string& what) { return {Code::io, "member link: " + what + ": " + zmq_strerror(zmq_errno())}; }

}  // namespace

Context::Context() : handle_(zmq_ctx_new()) {}

Context::~Context() {
    while (handle_ != nullptr && zmq_ctx_term(handle_) != 0 && errno == EINTR) {
    }
}

std::string Part::property(const char* name) {
    const char* value = zmq_msg_gets(&message_, name);
    return value == nullptr ? "" : value;
}

Result<Socket> Socket::open(const Context& context, int type) {
    void* handle = context.handle() == nullptr ? nullptr : zmq_socket(context.handle(), type);
    if (handle == nullptr) return refused("cannot create a socket");
    return Socket(handle);
}

Socket::~Socket() {
    if (handle_ != nullptr) zmq_close(handle_);
}

Status Socket::set(int option, int value) {
    if (zmq_setsockopt(handle_, option, &value, sizeof value) == 0) return {};
    return refused("libzmq refuses option " + std::to_string(option));
}

Status Socket::set_link_options(int64_t receive_bytes_max) {
    // RCVHWM 0 and no heartbeats: with either, a peer can make libzmq 4.3.4 abort the process.
    const std::array<std::pair<int, int>, 13> options{{{ZMQ_LINGER, 0},
                                                       {ZMQ_RCVHWM, 0},
                                                       {ZMQ_SNDHWM, send_messages_max},
                                                       {ZMQ_HEARTBEAT_IVL, 0},
                                                       {ZMQ_IMMEDIATE, 1},
                                                       {ZMQ_HANDSHAKE_IVL, handshake_ms},
                                                       {ZMQ_RECONNECT_IVL, reconnect_ms},
                                                       {ZMQ_RECONNECT_IVL_MAX, reconnect_ms_max},
                                                       {ZMQ_TCP_KEEPALIVE, 1},
                                                       {ZMQ_TCP_KEEPALIVE_IDLE, 15},
                                                       {ZMQ_TCP_KEEPALIVE_INTVL, 5},
                                                       {ZMQ_TCP_KEEPALIVE_CNT, 4},
                                                       {ZMQ_TCP_MAXRT, 10'000}}};
    for (const auto& [option, value] : options) {
        if (Status status = set(option, value); !status) return status;
    }
    if (zmq_setsockopt(handle_, ZMQ_MAXMSGSIZE, &receive_bytes_max, sizeof receive_bytes_max) == 0) return {};
    return refused("libzmq refuses the bound on messages");
}

Status Socket::serve_encrypted(const CurveKeys& keys) {
    return curve::serve_encrypted(handle_, keys, "members") ? Status() : refused("libzmq refuses to encrypt");
}

Status Socket::connect_encrypted(const CurveKeys& keys, const std::string& server_key) {
    return curve::connect_encrypted(handle_, keys, server_key) ? Status() : refused("libzmq refuses the member's key");
}

Status Socket::bind(const std::string& endpoint, const char* setting) {
    if (endpoint.starts_with("tcp://[")) (void)set(ZMQ_IPV6, 1);
    if (zmq_bind(handle_, endpoint.c_str()) == 0) return {};
    const std::string start = "cannot listen on " + endpoint + " for other members: ";
    if (zmq_errno() == EADDRINUSE) {
        return Error{Code::conflict, start + "it is in use. If another belfryd runs on it, stop that one; else give " +
                                         setting + " another port"};
    }
    return Error{Code::io, start + zmq_strerror(zmq_errno()) + "; correct " + setting};
}

Status Socket::connect(const std::string& endpoint) {
    if (endpoint.starts_with("tcp://[")) (void)set(ZMQ_IPV6, 1);
    if (zmq_connect(handle_, endpoint.c_str()) == 0) return {};
    return refused("cannot connect to " + endpoint);
}

std::string Socket::last_endpoint() const {
    std::array<char, 512> text{};
    size_t size = text.size();
    return zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0 ? text.data() : "";
}

bool Socket::receive(Part& part) {
    int result = 0;
    do {
        result = zmq_msg_recv(part.handle(), handle_, ZMQ_DONTWAIT);
    } while (result < 0 && zmq_errno() == EINTR);
    return result >= 0;
}

bool Socket::send(BytesView octets, bool more) {
    int result = 0;
    do {
        result = zmq_send(handle_, octets.data(), octets.size(), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
    } while (result < 0 && zmq_errno() == EINTR);
    return result >= 0;
}

bool Socket::send(Bytes&& octets, const std::shared_ptr<std::atomic<size_t>>& pending) {
    auto* held = new Held{std::move(octets), pending};
    pending->fetch_add(held->octets.size(), std::memory_order_relaxed);
    zmq_msg_t message;
    zmq_msg_init_data(&message, held->octets.data(), held->octets.size(), &release, held);
    held->handed_over.store(true, std::memory_order_release);
    int result = 0;
    do {
        result = zmq_msg_send(&message, handle_, ZMQ_DONTWAIT);
    } while (result < 0 && zmq_errno() == EINTR);
    if (result < 0) zmq_msg_close(&message);
    return result >= 0;
}

}  // namespace belfry::hub::peer
