// Snapshot files between members, on a thread and on connections of their own, so that nothing of it stands in front of
// Raft's messages. The one who lacks something asks for chunk after chunk; the other one reads them from its file. A broken
// connection, or an end of either process, costs no more than a few chunks.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include "hub/core/core.hpp"
#include "hub/peer/link.hpp"
#include "hub/peer/snapshot_fetch.hpp"

namespace belfry::hub::peer {

class SnapshotExchange {
public:
    struct Hooks {
        // On the exchange's thread. The path of the file of a snapshot that is here; "" = it is not.
        std::function<std::string(Index)> path_of;
        // A whole file has come: checks it and gives it its place and name. An error: it is removed.
        std::function<Status(const std::string& path, Index)> adopt;
        std::function<void(core::Input)> on_done;  // SnapshotFetched or FetchFailed
    };
    // The link outlives the exchange and gives its frames to on_frame().
    SnapshotExchange(const Link& link, std::string directory, uint64_t bytes_per_second, Hooks hooks);
    ~SnapshotExchange();

    // From any thread:
    void fetch(const core::Fetch& wanted) { put(wanted); }
    void on_frame(uint64_t peer, Bytes body) { put(Incoming{peer, std::move(body)}); }
    void set_peers(std::vector<Peer> peers) { put(std::move(peers)); }

private:
    struct Incoming {
        uint64_t peer = 0;
        Bytes body;
    };
    using Job = std::variant<core::Fetch, Incoming, std::vector<Peer>>;
    struct Outgoing {
        Peer peer;
        std::optional<Socket> socket;
        std::shared_ptr<std::atomic<size_t>> pending = std::make_shared<std::atomic<size_t>>(0);
    };
    void put(Job job);
    void run();
    void start(const core::Fetch& wanted);
    void take(const Incoming& incoming);
    void take_chunk(uint64_t peer, const Chunk& chunk);
    void serve(uint64_t peer, const ChunkAsk& ask);
    void remove_other_parts(Index wanted);
    void go_on();
    void finish();
    void fail(Error why);
    void send(uint64_t peer, const SnapshotFrame& frame);

    const Link& link_;
    const std::string directory_;
    const uint64_t bytes_per_second_;
    const Hooks hooks_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<Job> jobs_;   // under mutex_
    bool stopping_ = false;  // likewise
    std::map<uint64_t, Outgoing> outgoing_;
    std::optional<SnapshotFetch> fetch_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace belfry::hub::peer
