// The subscriber's half of the feed protocol, pure: what came in goes in, what must be done comes out. No thread, clock or
// socket; the SDK and the simulator run this same code. docs/feed.md explains it.
//
//          channel known         JOIN             registered
//   asking ─────────▶ joining ─────────▶ registering ─────────▶ registered
//                        ▲ ▲                  ▲  │ JOIN, marks missed ▲│
//                        │ └── other process ─┘  └────────────────────┘│
//                        └──────── silence, other process or channel ──┘
//
// Data moves beside it: with a state, whatever the phase, a message that joins on is applied; one that does not waits in a
// buffer, and when registered the hole is fetched (delta), or everything (snapshot) if there is no state.
//
// A private stream has no feed: asking ─▶ streaming, or streaming at once if the owner wants it. Changes are asked for one
// request after the other; the hub lets each wait for a change, or answers after stream_wait_ms that none came. Each answer
// is an interval like a message's and a proof like a mark's.
//
// The rule (DESIGN: coverage): knowing everything up to K, a message about (from, to] is ignored if to <= K, applied if
// from <= K, and is a gap if from > K: then (K, now] is fetched by request. A mark at R proves completeness up to R only if
// its incarnation is the one with which this filter's channel is registered and its sequence follows (by one, or by two
// when one was lost) the last one that proved, or the one the registration named.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sdk/base/match.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::client {

struct TrackerOptions {
    protocol::FilterSpec filter;
    bool of_changes = false;  // the filter selects change sets: there is no state, one begins at `from` or now
    std::optional<Revision> from;
    std::optional<uint64_t> epoch;        // of the log that `from` counts in; another one = start with a snapshot
    uint64_t random_seed = 1;             // jitter and tokens
    uint64_t join_timeout_ms = 3000;      // no JOIN: new token
    uint64_t silence_ms_max = 3500;       // no mark: build a new connection
    uint64_t request_timeout_ms = 5000;   // no reply to a catch-up request: repeat
    bool stream = false;                  // ask for changes, whatever the feed would do
    uint64_t stream_wait_ms = 1000;       // of a request for changes, at the hub: as often as marks come
    size_t buffered_messages_max = 4096;  // live messages kept while catching up; overflow = fetch again afterwards
    size_t buffered_bytes_max = 64 * 1024 * 1024;
};

// What the owner must do, in this order. Give an empty one to every call.
struct TrackerOutput {
    // Close the feed connection; there is none until something is subscribed again.
    bool disconnect = false;
    // Close the feed connection, open a new one, to the hub that requests go to now, and subscribe as below.
    bool reconnect = false;
    std::vector<Bytes> unsubscribe;
    std::vector<Bytes> subscribe;                                    // topics, in this order (the token last)
    std::vector<std::pair<uint64_t, protocol::RequestOp>> requests;  // id chosen by the tracker; answer with on_reply
    struct Snapshot {
        Revision at;
        std::vector<KeyValue> kvs;  // all of it, once complete
    };
    std::optional<Snapshot> snapshot;  // replaces the state
    struct Beginning {
        Revision at;
        std::optional<Revision> lost_after;  // what came after this, up to `at`, will not come: it is compacted away, or of
                                             // another past of the log. None: nothing was expected
    };
    std::optional<Beginning> beginning;  // a filter of change sets begins here
    std::vector<ChangeSet> changes;      // then these, each atomic, in revision order
    std::optional<Revision> complete;    // then the state is complete up to here
    bool proved = false;                 // and that was proved current just now (staleness restarts)
    std::optional<Error> refused;        // the hub will not serve this filter; it is asked again, ever more seldom
};

class Tracker {
public:
    explicit Tracker(TrackerOptions options);

    void start(uint64_t now_ms, TrackerOutput& output);
    void on_feed(const protocol::FeedMessage& message, uint64_t now_ms, TrackerOutput& output);
    void on_mark(const protocol::MarkMessage& message, uint64_t now_ms, TrackerOutput& output);
    void on_join(BytesView token_topic, const protocol::JoinMessage& message, uint64_t now_ms, TrackerOutput& output);
    // A reply to one of our requests, or the error that took its place. Replies to anything else are ignored.
    void on_reply(uint64_t request_id, Result<protocol::Reply> reply, uint64_t now_ms, TrackerOutput& output);
    // The hub whose feed this is has gone: no need to wait for its silence.
    void on_lost(uint64_t now_ms, TrackerOutput& output);
    // Call when now >= wake_at_ms().
    void on_timer(uint64_t now_ms, TrackerOutput& output);
    uint64_t wake_at_ms() const;

    Revision known() const { return known_; }                 // complete up to here
    std::optional<uint64_t> epoch() const { return epoch_; }  // to be kept with known(), for a later start
    struct Figures {
        uint64_t gaps_by_chain = 0, gaps_by_mark = 0, joins = 0, deltas = 0, snapshots = 0, reconnects = 0;
        uint64_t incarnation = 0;
        bool stream = false;  // private
    };
    const Figures& figures() const { return figures_; }

private:
    enum class Phase { idle, asking, streaming, joining, registering, registered };
    enum class Ask { nothing, channel, delta, snapshot };
    struct Pending {
        Ask ask = Ask::nothing;
        uint64_t id = 0;
        uint64_t deadline_ms = 0;
        Revision from;
    };
    struct Live {
        std::variant<protocol::FeedMessage, protocol::MarkMessage> message;
        size_t bytes = 0;
    };

    // connection
    void subscribe_all(TrackerOutput& output);
    void new_token(uint64_t now_ms, TrackerOutput& output);
    void rejoin(uint64_t now_ms, TrackerOutput& output);
    void reconnect(uint64_t now_ms, TrackerOutput& output);
    void on_channel(const protocol::ChannelReply& reply, uint64_t now_ms, TrackerOutput& output);
    void begin_stream(TrackerOutput& output);
    // requests
    void drive(uint64_t now_ms, TrackerOutput& output);
    void ask(Ask what, protocol::RequestOp op, uint64_t now_ms, TrackerOutput& output);
    void ask_snapshot(uint64_t now_ms, TrackerOutput& output);
    void ask_changes(uint64_t now_ms, TrackerOutput& output);
    bool of_our_past(uint64_t epoch, bool first, uint64_t now_ms, TrackerOutput& output);
    void failed(uint64_t now_ms);
    void on_error(Ask what, const Error& error, uint64_t now_ms, TrackerOutput& output);
    void on_delta(protocol::ChangesReply& reply, Revision from, uint64_t now_ms, TrackerOutput& output);
    void on_snapshot(protocol::SnapshotReply& reply, uint64_t now_ms, TrackerOutput& output);
    bool work_waits() const;
    // data
    void start_over();
    void begin_at(Revision at, std::optional<Revision> lost_after, TrackerOutput& output);
    void keep(Live live);
    bool only_announces() const { return phase_ != Phase::streaming && !own_channel_ && !wanted_.is_exact(); }
    void drain(uint64_t now_ms, TrackerOutput& output);
    bool take(const protocol::FeedMessage& message, TrackerOutput& output);
    bool take(const protocol::MarkMessage& message, bool fresh, uint64_t now_ms, TrackerOutput& output);
    void apply(const std::vector<ChangeSet>& changes, TrackerOutput& output);
    void settle(TrackerOutput& output);
    uint64_t random();

    TrackerOptions options_;
    KeyMatcher wanted_;
    Figures figures_;
    uint64_t random_state_;

    Phase phase_ = Phase::idle;
    std::optional<ChannelId> channel_;
    bool own_channel_ = false;  // nothing but what this filter is to hear comes over it
    Bytes token_;
    uint64_t join_deadline_ms_ = 0;
    uint64_t joins_failed_ = 0;     // in a row
    bool look_for_stream_ = false;  // no join is answered: perhaps the feed is not for us any more
    bool hub_waits_ = false;        // the hub that answered last knows what to wait is; others refuse the request
    unsigned mismatches_ = 0;       // likewise: registered with another process than the one that answered the join
    uint64_t last_sign_ms_ = 0;     // last mark or JOIN
    uint64_t register_at_ms_ = 0;
    std::optional<uint64_t> epoch_;
    uint64_t incarnation_ = 0;  // of the last JOIN, with which the channel is registered when phase_ == registered
    uint64_t mark_base_ = 0;    // a mark one or two after this one proves completeness; 0 = none known

    Pending pending_;
    uint64_t last_id_ = 0;
    uint64_t failures_ = 0;  // in a row
    uint64_t retry_at_ms_ = 0;
    uint64_t positions_refused_ = 0;  // in a row: the hub says it is not as far as we are

    bool have_state_ = false;             // of_changes: a position
    std::optional<Revision> begin_from_;  // of_changes, in a stream: where the hub was when it said that there is no state
    std::optional<Revision> lost_after_;  // of_changes: the position that was given up
    Revision known_;
    Revision target_;                          // known_ must reach this before what waits in the buffer may be judged
    bool verify_position_ = false;             // we claim to be ahead of the hub: ask before believing it
    std::optional<Revision> joined_revision_;  // of a JOIN whose catch-up is not over
    bool newest_ = false;                      // the last answer was the hub's newest state
    protocol::SnapshotReply snapshot_;         // chunks so far
    size_t snapshot_chunks_ = 0;
    std::deque<Live> buffer_;
    size_t buffer_bytes_ = 0;
};

}  // namespace belfry::client
