// The subscriber's half of the feed protocol, pure: what came in goes in, what must be done comes out. No thread, clock or
// socket; the SDK and the simulator run this same code.
//
//            open_channel           joined+registered        caught up
//   idle ──▶ connecting ──▶ joining ──▶ catching up ──▶ live ──▶ (gap, new epoch, silence) back to the left
//
// The rule (DESIGN: coverage): knowing everything up to K, a message about (from, to] is ignored if to <= K, applied if
// from <= K, and is a gap if from > K: then (K, now] is fetched by request. A mark at R proves completeness up to R only if
// its incarnation is the one with which this filter's channel is registered and its sequence follows the last one's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry::client {

struct TrackerOptions {
    protocol::FilterSpec filter;
    std::optional<Revision> from;
    uint64_t random_seed = 1;             // jitter and tokens
    uint64_t join_timeout_ms = 3000;      // no JOIN: new token
    uint64_t silence_ms_max = 3500;       // no mark: build a new connection
    uint64_t request_timeout_ms = 5000;   // no reply to a catch-up request: repeat
    size_t buffered_messages_max = 4096;  // live messages kept while catching up; overflow = fetch again afterwards
};

// What the owner must do, in this order.
struct TrackerOutput {
    bool reconnect = false;  // close the feed connection, open a new one, on the next endpoint, and subscribe as below
    std::vector<Bytes> unsubscribe;
    std::vector<Bytes> subscribe;                                    // topics, in this order (the token last)
    std::vector<std::pair<uint64_t, protocol::RequestOp>> requests;  // id chosen by the tracker; answer with on_reply
    struct Snapshot {
        Revision at;
        std::vector<KeyValue> kvs;  // all of it, once complete
    };
    std::optional<Snapshot> snapshot;  // replaces the state
    std::vector<ChangeSet> changes;    // then these, each atomic, in revision order
    std::optional<Revision> complete;  // then the state is complete up to here
    bool proved = false;               // and that was proved current just now (staleness restarts)
};

class Tracker {
public:
    explicit Tracker(TrackerOptions options);

    void start(uint64_t now_ms, TrackerOutput& output);
    void on_feed(const protocol::FeedMessage& message, uint64_t now_ms, TrackerOutput& output);
    void on_mark(const protocol::MarkMessage& message, uint64_t now_ms, TrackerOutput& output);
    void on_join(BytesView token_topic, const protocol::JoinMessage& message, uint64_t now_ms, TrackerOutput& output);
    // A reply to one of our requests, or the error that took its place.
    void on_reply(uint64_t request_id, Result<protocol::Reply> reply, uint64_t now_ms, TrackerOutput& output);
    // Call when now >= wake_at_ms().
    void on_timer(uint64_t now_ms, TrackerOutput& output);
    uint64_t wake_at_ms() const;

    Revision known() const;  // complete up to here
    struct Figures {
        uint64_t gaps_by_chain = 0, gaps_by_mark = 0, joins = 0, deltas = 0, snapshots = 0, reconnects = 0;
        uint64_t incarnation = 0;
    };
    const Figures& figures() const;

private:
    // (to be filled in by the implementation)
};

}  // namespace belfry::client
