// libzmq's objects with owners. A socket belongs to one thread; handing it over at a thread's start is the one exception.
#pragma once

#include <zmq.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/transport.hpp"
#include "transports/zmq/outbox.hpp"

namespace belfry::transports::zmq {

constexpr std::chrono::milliseconds close_max{200};  // for what is still to be sent when a socket is closed
constexpr int idle_ms = 1000;                        // a safety net only: every event wakes the thread

class Context {
public:
    // handle() is NULL if it failed.
    explicit Context(int io_threads);
    ~Context();  // every socket is closed by then; waits for their linger
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    void* handle() const { return handle_; }

private:
    void* handle_;
};

// Octets of large frames that libzmq holds for one peer.
using InFlight = std::atomic<size_t>;

class Message {
public:
    // Below this a copy is cheaper than libzmq's bookkeeping and the call from its thread.
    static constexpr size_t copy_bytes_max = 1024;

    Message() { zmq_msg_init(&message_); }
    // A copy of the octets.
    explicit Message(BytesView octets);
    // Small frames are copied and released at once; large ones travel as they are and are released by libzmq's thread.
    // `outbox` counts the frame until then, and outlives the context; `in_flight` (may be NULL) counts large ones.
    Message(plugin::Frame frame, Outbox& outbox, std::shared_ptr<InFlight> in_flight = nullptr);
    ~Message() { zmq_msg_close(&message_); }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    BytesView bytes() const { return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)}; }
    // What ZAP answered for the connection that it came over: the key it has (Visitors::key_of). Without ZAP nobody vouches
    // for it: any peer can say so itself. Of a ROUTER: not of the first part.
    BytesView user_id() const {
        const char* user = zmq_msg_gets(&message_, "User-Id");
        return user == nullptr ? BytesView() : BytesView(user);
    }
    bool more() const { return zmq_msg_more(&message_) != 0; }
    zmq_msg_t* handle() const { return &message_; }

private:
    mutable zmq_msg_t message_;  // libzmq's readers take no pointer to const
};

enum class Sent { done, full, gone, failed };

class Socket {
public:
    static Result<Socket> open(const Context& context, int type);
    Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Socket& operator=(Socket&&) = delete;
    ~Socket();

    Status set(int option, int64_t value);
    // Those that every public socket has (rules of ZeroMQ in docs/protocol.md).
    Status set_public_options(int send_frames_max, int64_t receive_bytes_max);
    // In use: conflict. `setting` is what an operator must change.
    Status bind(const std::string& endpoint, std::string_view setting);
    std::string endpoint() const;
    int descriptor() const;
    void* handle() const { return handle_; }
    // As a server of these keys; the Gate says who is let in. Before bind().
    Status encrypt(const CurveKeys& keys, const char* domain);

    // False: nothing there now.
    bool receive(Message& message);
    // A frame of the message may follow (more).
    Sent send(Message& message, bool more);
    // The re-check that libzmq's edge-style descriptor demands before a sleep.
    bool readable() const;
    // Ends the peer's connection, the one way libzmq 4.3.4 leaves: shutdown of the descriptor the message came in on. If
    // the number was reused since, the wrong peer must reconnect, which it does by itself.
    static void disconnect_sender(const Message& message);

private:
    explicit Socket(void* handle) : handle_(handle) {}
    void* handle_;
};

// Sleeps until a message can be read, at most `timeout_ms`. Another thread's flush() or interrupt() ends the sleep.
void wait_for_work(const Socket& socket, Outbox& outbox, int timeout_ms);

}  // namespace belfry::transports::zmq
