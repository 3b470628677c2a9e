// The transport of tests: clients in the hub's own process, no sockets, no threads of its own.
//
// The plugin's one setting is `name`; a test connects by it. Everything a client gives the hub happens in the client's
// thread; everything the hub sends waits in the client's bounded queues. A full feed queue loses what comes, silently,
// like a slow ZeroMQ subscriber; a full queue of answers loses them and counts (sends_refused).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::transports::inproc {

inline constexpr size_t reply_queue_frames_max = 4096;
inline constexpr size_t feed_queue_messages_max = 2000;

class Hub;  // an open transport

// One connection. Its functions may be called from any thread; after the transport has closed they say `unavailable` or
// nothing.
class Client {
public:
    // not_found if no transport of this name is open.
    static Result<std::unique_ptr<Client>> connect(std::string_view name);
    // Leaves: its topics end (on_topic), and the hub is told (on_close).
    ~Client();

    uint64_t connection() const { return connection_; }
    // Calls the host's on_frame. `busy` if the host says so.
    Status send(BytesView frame);
    // The next answer; nothing in time otherwise.
    std::optional<Bytes> receive(std::chrono::milliseconds timeout);

    // Topics match whole. 'T' + 16 octets is a join token: answered at once on the feed.
    Status subscribe(BytesView topic);
    void unsubscribe(BytesView topic);
    std::optional<Bytes> receive_feed(std::chrono::milliseconds timeout);
    // While true, the client's share of the feed is lost (join answers included).
    void lose_feed(bool lose);

private:
    Client(std::shared_ptr<Hub> hub, uint64_t connection) : hub_(std::move(hub)), connection_(connection) {}

    std::shared_ptr<Hub> hub_;
    uint64_t connection_;
};

}  // namespace belfry::transports::inproc
