#include "transports/zmq/socket.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "sdk/curve/curve_socket.hpp"

namespace belfry::transports::zmq {

namespace {

struct HeldFrame {
    plugin::Frame frame;
    Outbox* outbox;
    std::shared_ptr<InFlight> in_flight;
    // libzmq's queues order the hand-over already; this says so to tools that cannot see into libzmq.
    std::atomic<bool> handed_over = false;
};

void release_held(void*, void* hint) {
    auto* held = static_cast<HeldFrame*>(hint);
    (void)held->handed_over.load(std::memory_order_acquire);
    const size_t size = held->frame.bytes().size();
    held->outbox->done(1, size);
    if (held->in_flight != nullptr) {
        held->in_flight->fetch_sub(size, std::memory_order_relaxed);
    }
    delete held;
}

}  // namespace

Context::Context(int io_threads) : handle_(zmq_ctx_new()) {
    constexpr int sockets_max = 16;  // two, the gate's, one to test it, and libzmq's own
    if (handle_ != nullptr) {
        zmq_ctx_set(handle_, ZMQ_IO_THREADS, io_threads);
        zmq_ctx_set(handle_, ZMQ_MAX_SOCKETS, sockets_max);
    }
}

Context::~Context() {
    while (handle_ != nullptr && zmq_ctx_term(handle_) != 0 && errno == EINTR) {
    }
}

Message::Message(BytesView octets) {
    if (zmq_msg_init_size(&message_, octets.size()) != 0) {
        throw std::bad_alloc();
    }
    std::memcpy(zmq_msg_data(&message_), octets.data(), octets.size());
}

Message::Message(plugin::Frame frame, Outbox& outbox, std::shared_ptr<InFlight> in_flight) {
    const BytesView octets = frame.bytes();
    if (octets.size() <= copy_bytes_max) {
        if (zmq_msg_init_size(&message_, octets.size()) != 0) {
            throw std::bad_alloc();
        }
        std::memcpy(zmq_msg_data(&message_), octets.data(), octets.size());
        outbox.done(1, octets.size());
        return;
    }
    if (in_flight != nullptr) {
        in_flight->fetch_add(octets.size(), std::memory_order_relaxed);
    }
    auto* held = new HeldFrame{std::move(frame), &outbox, std::move(in_flight)};
    held->handed_over.store(true, std::memory_order_release);
    if (zmq_msg_init_data(&message_, const_cast<char*>(octets.data()), octets.size(), &release_held, held) != 0) {
        delete held;
        throw std::bad_alloc();
    }
}

Result<Socket> Socket::open(const Context& context, int type) {
    void* handle = context.handle() == nullptr ? nullptr : zmq_socket(context.handle(), type);
    if (handle == nullptr) {
        return Error{Code::io, std::string("transport_zmq: cannot create a socket: ") + zmq_strerror(zmq_errno())};
    }
    return Socket(handle);
}

Socket::~Socket() {
    if (handle_ != nullptr) {
        zmq_close(handle_);
    }
}

Status Socket::set(int option, int64_t value) {
    const int narrow = static_cast<int>(value);
    const bool wide = option == ZMQ_MAXMSGSIZE;
    const int result = wide ? zmq_setsockopt(handle_, option, &value, sizeof value)
                            : zmq_setsockopt(handle_, option, &narrow, sizeof narrow);
    if (result != 0) {
        return Error{Code::io, "transport_zmq: libzmq refuses option " + std::to_string(option) + " = " +
                                   std::to_string(value) + ": " + zmq_strerror(zmq_errno())};
    }
    return {};
}

Status Socket::set_public_options(int send_frames_max, int64_t receive_bytes_max) {
    // RCVHWM 0 and no heartbeats: with either, a peer can make libzmq 4.3.4 abort the process. What arrives is bounded by
    // this plugin's thread reading all the time, and by the host saying busy.
    const std::array<std::pair<int, int64_t>, 13> options{{
        {ZMQ_SNDHWM, send_frames_max},
        {ZMQ_RCVHWM, 0},
        {ZMQ_MAXMSGSIZE, receive_bytes_max},
        {ZMQ_LINGER, 0},
        {ZMQ_HEARTBEAT_IVL, 0},
        {ZMQ_HANDSHAKE_IVL, 5000},
        {ZMQ_BACKLOG, 4096},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 15},
        {ZMQ_TCP_KEEPALIVE_INTVL, 5},
        {ZMQ_TCP_KEEPALIVE_CNT, 4},
        {ZMQ_TCP_MAXRT, 20'000},
        {ZMQ_IPV6, 0},
    }};
    for (const auto& [option, value] : options) {
        if (Status status = set(option, value); !status) {
            return status;
        }
    }
    // With a domain, whoever answers for it, libzmq refuses peers that speak ZMTP 1 or 2: their messages carry no
    // descriptor, so that nothing could end their connections nor tell their cancels from libzmq's own.
    constexpr std::string_view domain = "belfry";
    if (zmq_setsockopt(handle_, ZMQ_ZAP_DOMAIN, domain.data(), domain.size()) != 0) {
        return Error{Code::io, std::string("transport_zmq: libzmq refuses a ZAP domain: ") + zmq_strerror(zmq_errno())};
    }
    return {};
}

Status Socket::bind(const std::string& endpoint, std::string_view setting) {
    if (endpoint.starts_with("tcp://[")) {
        if (Status status = set(ZMQ_IPV6, 1); !status) {
            return status;
        }
    }
    if (zmq_bind(handle_, endpoint.c_str()) == 0) {
        return {};
    }
    const int error = zmq_errno();
    const std::string start = "cannot listen on " + endpoint + ": ";
    if (error == EADDRINUSE) {
        return Error{Code::conflict, start + "it is in use. If another belfryd runs on it, stop that one; else give " +
                                         std::string(setting) + " another port"};
    }
    return Error{Code::io, start + zmq_strerror(error) + "; correct " + std::string(setting)};
}

Status Socket::encrypt(const CurveKeys& keys, const char* domain) {
    if (keys.empty() || curve::serve_encrypted(handle_, keys, domain)) {
        return {};
    }
    return Error{Code::io, std::string("transport_zmq: libzmq refuses to encrypt: ") + zmq_strerror(zmq_errno()) +
                               "; is listen.key_file what belfry keygen wrote?"};
}

std::string Socket::endpoint() const {
    std::array<char, 512> text{};
    size_t size = text.size();
    if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) != 0) {
        return {};
    }
    return text.data();
}

int Socket::descriptor() const {
    int descriptor = -1;
    size_t size = sizeof descriptor;
    zmq_getsockopt(handle_, ZMQ_FD, &descriptor, &size);
    return descriptor;
}

bool Socket::receive(Message& message) {
    int result = 0;
    do {
        result = zmq_msg_recv(message.handle(), handle_, ZMQ_DONTWAIT);
    } while (result < 0 && zmq_errno() == EINTR);
    return result >= 0;
}

Sent Socket::send(Message& message, bool more) {
    for (;;) {
        if (zmq_msg_send(message.handle(), handle_, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0) {
            return Sent::done;
        }
        switch (zmq_errno()) {
            case EINTR: continue;
            case EAGAIN: return Sent::full;
            case EHOSTUNREACH: return Sent::gone;
            default: return Sent::failed;
        }
    }
}

bool Socket::readable() const {
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(handle_, ZMQ_EVENTS, &events, &size) != 0 && zmq_errno() == EINTR) {
    }
    return (events & ZMQ_POLLIN) != 0;
}

void Socket::disconnect_sender(const Message& message) {
    const int descriptor = zmq_msg_get(message.handle(), ZMQ_SRCFD);
    if (descriptor >= 0) {
        ::shutdown(descriptor, SHUT_RDWR);
    }
}

void wait_for_work(const Socket& socket, Outbox& outbox, int timeout_ms) {
    if (!outbox.prepare_sleep()) {
        return;
    }
    if (socket.readable()) {
        outbox.awake(false);
        return;
    }
    std::array<pollfd, 2> waits{pollfd{socket.descriptor(), POLLIN, 0}, pollfd{outbox.wake_fd(), POLLIN, 0}};
    ::poll(waits.data(), waits.size(), timeout_ms);
    outbox.awake((waits[1].revents & POLLIN) != 0);
}

}  // namespace belfry::transports::zmq
