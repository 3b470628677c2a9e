// The link between members, over ZeroMQ in a context of its own: one socket receives from all, one per member sends to it.
//
//     send() ─▶ DEALER of that member ══════▶ its ROUTER ─▶ decode ─▶ on_message        (and the other way round likewise)
//
// With keys every connection is encrypted (CURVE), and only keys that belong to known members are let in. What is sent to
// a member that is not connected, or is too slow, is dropped: Raft repeats what matters. One slow member delays no other.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hub/core/member_message.hpp"
#include "hub/peer/acquaintances.hpp"
#include "hub/peer/frame.hpp"
#include "hub/peer/roster.hpp"
#include "hub/peer/socket.hpp"
#include "hub/peer/zap.hpp"

namespace belfry::hub::peer {

struct LinkOptions {
    uint64_t member = 0;
    uint64_t cluster = 0;
    uint64_t directory = 0;  // the number of this member's data directory
    Directories known;       // of the others, from earlier
    std::string endpoint;    // to listen on
    CurveKeys keys;          // empty: plain
    bool insecure = false;   // plain is allowed beyond loopback
    // Octets on their way to one member; beyond it what is large is dropped, beyond a little more everything is.
    size_t pending_bytes_max = 64 * 1024 * 1024;
};

class Link {
public:
    struct Hooks {
        // On the link's thread. From a member that proved who it is (plain: that says so).
        std::function<void(core::MemberMessage)> on_message;
        std::function<void(uint64_t peer, Bytes body)> on_snapshot_frame;
        // For the log: a sentence about a stranger, another cluster, another release. At most one per second.
        std::function<void(const std::string&)> on_complaint;
        // On the link's thread: somebody came with a directory for the first time; all are to be kept durably.
        std::function<void(const Directories&)> on_met;
        // On the link's thread: that member knows this one with another directory, and takes nothing from it.
        std::function<void(uint64_t peer)> on_not_recognised;
    };
    // Listens and, with keys, has proved that a stranger is refused. `denied`: plain beyond loopback.
    static Result<std::unique_ptr<Link>> open(const LinkOptions& options, Hooks hooks);
    ~Link();
    // Ends the link's thread: no hook is called any more.
    void stop();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // ---- one thread (the core's) ----
    // All other members; connects, disconnects, and changes who is let in.
    void set_peers(std::vector<Peer> peers);
    // Never blocks. Greets the others too, once a second: two followers have nothing to say to each other, and must know
    // each other's directory before one of them loses its own.
    void send(const core::MemberMessage& message);

    // A socket of another thread to a member, with the link's keys; for what must not stand in front of Raft's messages.
    // `patient`: what is sent before the connection is up waits for it.
    Result<Socket> connect_to(const Peer& peer, bool patient) const;
    Bytes frame_for(uint64_t peer, FrameKind kind, BytesView body) const;
    const LinkOptions& options() const { return options_; }
    const std::string& endpoint() const { return endpoint_; }  // as bound

    struct Counters {
        std::atomic<uint64_t> sent{0}, dropped{0}, received{0}, refused{0};
    };
    const Counters& counters() const { return counters_; }

private:
    struct Outgoing {
        Peer peer;
        Socket socket;
        std::shared_ptr<std::atomic<size_t>> pending = std::make_shared<std::atomic<size_t>>(0);
    };
    Link(const LinkOptions& options, Hooks hooks)
        : options_(options), hooks_(std::move(hooks)), acquaintances_(options.known, hooks_.on_met) {}
    Status start();
    Status prove_enforcement();
    void greet(std::chrono::steady_clock::time_point now);
    void run();
    void receive();
    void take(Part& part);
    void complain(const std::string& sentence);

    const LinkOptions options_;
    const Hooks hooks_;
    Context context_;
    Roster roster_;
    Acquaintances acquaintances_;
    std::map<uint64_t, Outgoing> outgoing_;               // the core's thread
    std::chrono::steady_clock::time_point greeted_at_{};  // likewise
    Socket router_;                                       // the link's thread, once it runs
    std::unique_ptr<Zap> zap_;                            // likewise
    Counters counters_;
    std::atomic<uint64_t> strangers_{0};
    std::atomic<bool> proving_{false};
    std::mutex complaint_mutex_;
    std::chrono::steady_clock::time_point complained_at_{};  // under complaint_mutex_
    std::string endpoint_;
    int wake_ = -1;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace belfry::hub::peer
