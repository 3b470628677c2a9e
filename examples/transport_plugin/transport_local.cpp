// A whole transport: clients on this machine, over one Unix socket that carries requests, replies and the feed.
//
//     message = u32:size u8:letter octets             size counts the octets; integers are little-endian
//
// From a client: 'R' a request frame, 'S' a topic to subscribe, 'U' one to leave. To a client: 'R' a reply frame, 'F' a
// message of the feed. The frames are those of docs/protocol.md.
//
// One thread owns the sockets. The core thread only puts frames into a queue (`mutex_`) and wakes it.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "sdk/plugin/transport.hpp"

namespace {

using belfry::Bytes;
using belfry::BytesView;
using belfry::Code;
using belfry::Error;
using belfry::Result;
using belfry::plugin::Frame;

constexpr const char* name = "transport_local";
constexpr size_t head_bytes = 4 + 1;
constexpr size_t message_bytes_max = 4 * 1024 * 1024;  // twice the protocol's largest frame
constexpr size_t unsent_bytes_max = 64 * 1024 * 1024;  // for one client; one that is slower loses messages
constexpr size_t queued_frames_max = 262'144;          // between two flushes; the hub flushes after every round
constexpr size_t channel_topic_bytes = 1 + 8;          // docs/protocol.md, "Feed"
constexpr size_t token_topic_bytes = 1 + 16;
constexpr std::chrono::milliseconds close_patience{200};  // for what is still to be sent

struct Peer {
    int fd = -1;
    Bytes received, unsent;
    std::set<Bytes, std::less<>> topics;
    bool gone = false;
};

class LocalTransport {
public:
    static constexpr const char* scheme = "local";

    static Result<std::unique_ptr<LocalTransport>> open(const belfry::plugin::TransportArguments& arguments) {
        std::string endpoint;
        for (const auto& [setting, value] : arguments.settings) {
            if (setting == "request_endpoint") {
                endpoint = value;
            } else if (setting != "feed_endpoint" && setting != "insecure") {  // the feed comes over the same socket
                return Error{Code::invalid_argument, std::string(name) + " knows no setting '" + setting + "'"};
            }
        }
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        constexpr BytesView prefix = "ipc://";
        if (!endpoint.starts_with("ipc:///") || endpoint.size() - prefix.size() >= sizeof(address.sun_path)) {
            return Error{Code::invalid_argument, std::string(name) + ": request_endpoint = '" + endpoint +
                                                     "': write ipc:///absolute/path, of at most 107 octets"};
        }
        std::memcpy(address.sun_path, endpoint.data() + prefix.size(), endpoint.size() - prefix.size());
        auto transport = std::make_unique<LocalTransport>(arguments.transport_host, address.sun_path);
        if (belfry::Status status = transport->listen(address); !status) return status.error();
        transport->thread_ = std::thread([raw = transport.get()] { raw->run(); });
        return transport;
    }
    LocalTransport(belfry::plugin::TransportHost host, std::string path) : host_(host), path_(std::move(path)) {}
    ~LocalTransport() {
        if (listener_ >= 0) ::close(listener_);
        if (wake_ >= 0) ::close(wake_);
    }

    void send(uint64_t connection, Frame frame) {
        const std::lock_guard lock(mutex_);
        if (queue_.size() < queued_frames_max) {
            queue_.emplace_back(connection, std::move(frame));
        } else {
            ++refused_;
        }
    }
    void publish(Frame frame) { send(0, std::move(frame)); }
    void flush() {
        const uint64_t one = 1;
        (void)!::write(wake_, &one, sizeof(one));
    }
    belfry::plugin::TransportStats stats() const {
        return {subscriptions_, received_, sent_, published_, refused_, joins_, ignored_};
    }
    std::string endpoints() const { return "request=ipc://" + path_ + " feed=ipc://" + path_; }
    void close() {
        stopping_ = true;
        flush();
        thread_.join();
        ::unlink(path_.c_str());
    }

private:
    belfry::Status listen(const sockaddr_un& address) {
        const auto* where = reinterpret_cast<const sockaddr*>(&address);
        const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool taken = ::connect(probe, where, sizeof(address)) == 0;
        ::close(probe);
        if (taken) return Error{Code::conflict, "cannot listen on ipc://" + path_ + ": it is in use; choose another path"};
        ::unlink(path_.c_str());  // of one that died
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (listener_ < 0 || wake_ < 0 || ::bind(listener_, where, sizeof(address)) != 0 || ::listen(listener_, 128) != 0)
            return Error{Code::io, "cannot listen on ipc://" + path_ + ": " + std::strerror(errno)};
        return {};
    }

    // ---- all below runs on the transport's thread ----
    void run() {
        std::chrono::steady_clock::time_point end;
        for (bool ending = false; !ending || (unsent() && std::chrono::steady_clock::now() < end);) {
            wait();
            if (stopping_ && !ending) {
                ending = true;
                end = std::chrono::steady_clock::now() + close_patience;
            }
            take_queue();
            if (!ending) accept_one();
            for (auto& [connection, peer] : peers_) {
                if (!ending) receive(connection, peer);
                write(peer);
            }
            drop_gone(!ending);
        }
        for (auto& [connection, peer] : peers_) ::close(peer.fd);
    }
    void wait() {
        std::vector<pollfd> fds = {{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& [connection, peer] : peers_)
            fds.push_back({peer.fd, static_cast<short>(peer.unsent.empty() ? POLLIN : POLLIN | POLLOUT), 0});
        constexpr int tick_ms = 100;
        ::poll(fds.data(), fds.size(), tick_ms);
        uint64_t count = 0;
        (void)!::read(wake_, &count, sizeof(count));
    }
    bool unsent() const {
        for (const auto& [connection, peer] : peers_) {
            if (!peer.gone && !peer.unsent.empty()) return true;
        }
        return false;
    }

    void take_queue() {
        std::vector<std::pair<uint64_t, Frame>> queue;
        {
            const std::lock_guard lock(mutex_);
            queue.swap(queue_);
        }
        for (const auto& [connection, frame] : queue) {
            if (connection == 0) {
                ++published_;
                for (auto& [other, peer] : peers_) deliver(peer, frame.bytes());
            } else if (const auto at = peers_.find(connection); at != peers_.end()) {
                if (put(at->second, 'R', frame.bytes())) ++sent_;
            } else {
                ++refused_;
            }
        }
    }
    // A message's topic are its first octets; its first letter tells how many.
    void deliver(Peer& peer, BytesView message) {
        if (message.empty()) return;
        const size_t width = message[0] == 'E' ? channel_topic_bytes : message[0] == 'T' ? token_topic_bytes : 1;
        if (peer.topics.contains(message.substr(0, width))) put(peer, 'F', message);
    }
    bool put(Peer& peer, char letter, BytesView octets) {
        if (peer.unsent.size() + octets.size() > unsent_bytes_max) {
            ++refused_;
            return false;
        }
        const auto size = static_cast<uint32_t>(octets.size());
        peer.unsent.append(reinterpret_cast<const char*>(&size), sizeof(size));
        peer.unsent += letter;
        peer.unsent += octets;
        return true;
    }
    void write(Peer& peer) {
        while (!peer.unsent.empty() && !peer.gone) {
            const ssize_t size = ::send(peer.fd, peer.unsent.data(), peer.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (size < 0 && errno == EAGAIN) return;
            if (size < 0 && errno != EINTR) peer.gone = true;
            if (size > 0) peer.unsent.erase(0, static_cast<size_t>(size));
        }
    }

    void accept_one() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) peers_[++last_connection_].fd = fd;
    }
    void receive(uint64_t connection, Peer& peer) {
        constexpr size_t part_bytes = 64 * 1024;
        const size_t had = peer.received.size();
        peer.received.resize(had + part_bytes);
        const ssize_t size = ::recv(peer.fd, peer.received.data() + had, part_bytes, MSG_DONTWAIT);
        peer.received.resize(had + static_cast<size_t>(std::max<ssize_t>(size, 0)));
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) peer.gone = true;
        BytesView rest = peer.received;
        while (rest.size() >= head_bytes && !peer.gone) {
            uint32_t length = 0;
            std::memcpy(&length, rest.data(), sizeof(length));
            if (length > message_bytes_max) return ignore(peer);
            if (rest.size() < head_bytes + length) break;
            take(connection, peer, rest[4], rest.substr(head_bytes, length));
            rest.remove_prefix(head_bytes + length);
        }
        peer.received.erase(0, peer.received.size() - rest.size());
    }
    void take(uint64_t connection, Peer& peer, char letter, BytesView octets) {
        if (letter == 'R') {
            ++received_;
            if (!host_.on_frame(connection, octets)) flush();  // the refusal
        } else if (letter == 'S') {
            subscribe(peer, octets);
        } else if (letter == 'U') {
            unsubscribe(peer, Bytes(octets));
        } else {
            ignore(peer);
        }
    }
    void ignore(Peer& peer) {
        ++ignored_;
        peer.gone = true;
    }

    static bool is_channel(BytesView topic) { return topic.size() == channel_topic_bytes && topic[0] == 'E'; }
    void subscribe(Peer& peer, BytesView topic) {
        const bool token = topic.size() == token_topic_bytes && topic[0] == 'T';
        if (!token && !is_channel(topic) && topic != "M") return ignore(peer);
        if (!peer.topics.emplace(topic).second) return;
        ++subscriptions_;
        if (is_channel(topic) && ++channels_[Bytes(topic)] == 1) host_.on_topic(topic, true);
        if (!token) return;
        // First the answer, then the queue: what the answer speaks of was published before it.
        const Bytes answer = Bytes(topic) + host_.join_answer();
        take_queue();
        deliver(peer, answer);
        ++joins_;
    }
    // By value: the caller's may be the element of peer.topics that goes.
    void unsubscribe(Peer& peer, Bytes topic) {
        if (peer.topics.erase(topic) == 0) return;
        --subscriptions_;
        if (!is_channel(topic) || --channels_[topic] > 0) return;
        channels_.erase(topic);
        host_.on_topic(topic, false);
    }
    void drop_gone(bool tell) {
        for (auto at = peers_.begin(); at != peers_.end();) {
            if (!at->second.gone) {
                ++at;
                continue;
            }
            while (tell && !at->second.topics.empty()) unsubscribe(at->second, *at->second.topics.begin());
            if (tell) host_.on_close(at->first);
            ::close(at->second.fd);
            at = peers_.erase(at);
        }
    }

    belfry::plugin::TransportHost host_;
    const std::string path_;
    int listener_ = -1, wake_ = -1;
    std::thread thread_;
    std::atomic<bool> stopping_ = false;
    std::atomic<uint64_t> subscriptions_ = 0, received_ = 0, sent_ = 0, published_ = 0, refused_ = 0, joins_ = 0,
                          ignored_ = 0;

    std::mutex mutex_;  // guards the queue; connection 0 = the feed
    std::vector<std::pair<uint64_t, Frame>> queue_;

    uint64_t last_connection_ = 0;  // of the transport's thread alone, as is the rest
    std::map<uint64_t, Peer> peers_;
    std::map<Bytes, size_t> channels_;  // subscribers of each
};

}  // namespace

BELFRY_PLUGIN(transport_local, "1.0.0", "Carries frames over a Unix socket.", belfry::plugin::transport<LocalTransport>())
