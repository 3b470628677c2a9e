// belfry::Subscription: a filter's keys, kept equal to the hub's.
//
//     auto opened = belfry::Subscription::open(client, {.filter = {"prefix", "db/"}});
//     if (!opened) return fail(opened.error());
//     const std::shared_ptr<belfry::Subscription> subscription = *opened;
//     subscription->wait_current(5s);
//     int size = subscription->get_int("db/pool/size", 32);
//     subscription->bind("db/pool/size", [](auto& change) { resize(change.after); });
//
// Promise: after the snapshot every matching change is delivered once, in revision order, with nothing lost, and all keys
// of one change set at once, whatever the network, the publisher or this process's pauses do. Reconnects by itself. The
// local view is an immutable tree swapped as a whole: readers never block and see whole change sets.
// Threads: any thread may read. Callbacks run on the client's I/O thread, one at a time; keep them short. None comes after
// the destructor has returned, which waits for one that is under way, unless it runs in a callback itself.
// Ownership: keeps its Client alive.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sdk/client/client.hpp"
#include "sdk/client/view.hpp"

namespace belfry {

struct KeyChange {
    Bytes key;
    std::optional<KeyValue> before;
    std::optional<KeyValue> after;  // none = deleted
};

// What one delivery did. A snapshot (first start, or after compaction overtook us) is delivered as the difference to the
// view before it, with is_snapshot set; live change sets carry author, time, comment and labels. A filter of change sets
// has no snapshot: where compaction overtook it, a delivery without changes says after which revision, and up to its own,
// the filter's change sets are lost to this subscriber.
struct Delivery {
    Revision revision;
    bool is_snapshot = false;
    std::optional<Revision> lost_after;
    uint64_t time_ms = 0;
    Bytes author;
    Bytes comment;
    std::vector<KeyChange> changes;
    Labels labels = {};
};

struct SubscriptionOptions {
    protocol::FilterSpec filter;
    std::optional<Revision> from = {};  // none = start with a snapshot; otherwise deliver changes after this revision. Then
                                        // the view holds only keys changed since, unless compaction forces a snapshot.
    // Ask for changes over the connection for requests instead of listening to the feed: one port is enough, and each
    // subscription costs the hub a request per second and per change. The hub serves those so who may not read the feed,
    // and a client that names no feed has no other way.
    bool private_stream = false;
    bool keep_view = true;  // false: no local view, deliveries only (KeyChange.before is then empty)
    // The filter's kind selects change sets, so there is nothing to view: deliveries only, from `from` on or from now, and
    // keep_view must be false. Known of `author` and `label`; to be said of kinds that plugins add.
    bool of_changes = false;
    std::function<void(const Delivery&)> on_change = {};  // may be empty
};

struct SubscriptionFigures {
    Revision revision;           // complete up to here
    uint64_t deliveries = 0;     // change sets
    uint64_t changes = 0;        // keys changed, live
    uint64_t gaps_by_chain = 0;  // found by a later message
    uint64_t gaps_by_mark = 0;   // found only by a mark
    uint64_t joins = 0, deltas = 0, snapshots = 0, reconnects = 0;
    uint64_t digest = 0, keys = 0;
    uint64_t incarnation = 0;     // of the hub process last joined
    bool private_stream = false;  // the feed is not used, as asked for or because the hub said so
};

class Subscription {
public:
    // Returns at once. `invalid_argument` or `too_large`: the filter, as far as this side knows it, or a view of a filter
    // that selects change sets. What the hub says of the filter is told by refused().
    static Result<std::shared_ptr<Subscription>> open(std::shared_ptr<Client> client, SubscriptionOptions options);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    std::shared_ptr<const View> view() const;
    std::optional<Bytes> get(BytesView key) const;
    // Typed getters with defaults: they never fail; a missing or unreadable value gives the default.
    std::string get_string(BytesView key, std::string_view fallback) const;
    int64_t get_int(BytesView key, int64_t fallback) const;  // decimal, optional sign
    double get_double(BytesView key, double fallback) const;
    bool get_bool(BytesView key, bool fallback) const;  // true/false, yes/no, on/off, 1/0
    // "250ms", "1.5s", "5m"
    std::chrono::milliseconds get_duration(BytesView key, std::chrono::milliseconds fallback) const;

    // Calls back now with the present value (before = none) and then at every later change of the key, each once, also if
    // it is called in a callback. Ends with the subscription.
    void bind(Bytes key, std::function<void(const KeyChange&)> callback);

    // Since when this view is possibly old: now - the last moment at which the hub proved it complete.
    // milliseconds::max() before the first proof.
    std::chrono::milliseconds staleness() const;
    // Waits until the view is complete at `revision` or newer. False: not within the timeout, or refused().
    bool wait_revision(Revision revision, std::chrono::milliseconds timeout) const;
    // Waits for the first complete view.
    bool wait_current(std::chrono::milliseconds timeout) const;
    SubscriptionFigures figures() const;
    // Why the hub will not serve this filter: it has no plugin of the kind, or the pattern does not parse. It is asked
    // again, ever more seldom, and waits end at once meanwhile. None = nothing is wrong.
    std::optional<Error> refused() const;

private:
    class Impl;
    explicit Subscription(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace belfry
