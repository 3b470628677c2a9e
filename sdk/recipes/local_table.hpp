// belfry::LocalTable: a table that many read and few write, read from memory, never older than the reader allows.
//
//     auto codes = belfry::LocalTable::open(client, {.prefix = "codes/"});
//     auto code = (*codes)->get("codes/EUR", 5s);            // a look in memory; `unavailable`: not proven so fresh
//
// Promise: what get(key, max_staleness) returns is the key as the hub had it at some moment within that time. So a write
// that was acknowledged earlier than that is seen, or the call fails; whatever the network, the members, a pause of this
// process or its queues do.
// How it is known: the hub is asked for its revision, linearizably, every `probe_interval`. Once the subscription's view is
// complete at that revision it is as fresh as the moment at which the question was sent. Subscription::staleness() counts
// from when a word of the hub came in, which may have been on its way for long; this does not.
// What can be proven: probe_interval and a second (the feed's marks), and what answers take. With the defaults some 2 s; to
// ask for less than that fails now and then.
// No promise where the hub is replaced by a backup's older state (`belfry snapshot restore`): revisions begin again from
// there, and until the subscription has heard of it, a second or so, its view counts as fresh.
// Needs `read` on the prefix; with `watch` alone it is never proven. Of all keys: `read` on all.
// Cost: a read of one key at most each probe_interval for each table. Clocks: this process's steady one only.
// Threads: any; it has one of its own. Ownership: keeps its Client alive. Not destroyed in a callback of the client.
#pragma once

#include <memory>
#include <optional>

#include "sdk/client/subscription.hpp"

namespace belfry {

// Asking more often than this would tell nothing new: an answer takes about as long.
inline constexpr std::chrono::milliseconds probe_interval_min{10};

struct LocalTableOptions {
    Bytes prefix = {};                               // none = all keys
    std::chrono::milliseconds probe_interval{1000};  // probe_interval_min at least
    bool private_stream = false;                     // as SubscriptionOptions has it
};

class LocalTable {
public:
    // Fails as Subscription::open(); `invalid_argument`: the interval.
    static Result<std::unique_ptr<LocalTable>> open(std::shared_ptr<Client> client, LocalTableOptions options);
    ~LocalTable();
    LocalTable(const LocalTable&) = delete;
    LocalTable& operator=(const LocalTable&) = delete;

    // `not_found`: it was not there; as fresh as a value. `unavailable`: what is known is older, and how old the sentence
    // says. `invalid_argument`: no key of the prefix. Otherwise why the hub does not serve it (Subscription::refused), or
    // does not say its revision (`denied`).
    Result<KeyValue> get(BytesView key, std::chrono::milliseconds max_staleness) const;
    // All of it at one revision; likewise.
    Result<std::shared_ptr<const View>> view(std::chrono::milliseconds max_staleness) const;
    // At most so old is the view; milliseconds::max() before the first proof.
    std::chrono::milliseconds staleness() const;
    // Until it is as fresh as that. False: not within the timeout.
    bool wait_fresh(std::chrono::milliseconds max_staleness, std::chrono::milliseconds timeout) const;

private:
    class Prober;
    LocalTable(Bytes prefix, std::shared_ptr<Subscription> subscription, std::unique_ptr<Prober> prober);
    Result<std::shared_ptr<const View>> proven(std::chrono::milliseconds max_staleness) const;
    std::optional<std::chrono::steady_clock::time_point> right_as_of() const;

    const Bytes prefix_;
    const std::shared_ptr<Subscription> subscription_;
    const std::unique_ptr<Prober> prober_;
};

}  // namespace belfry
