// belfry::Directory: the direct children of a folder, and what becomes of them.
//
//     auto directory = belfry::Directory::open(client, "services", [](const belfry::DirectoryChange& change) {
//         for (const auto& event : change.events) ...          // first all that are there, then each change
//     });
//
//   services/web          child "web", a key
//   services/db/host      child "db", a folder of two keys
//   services/db/port
//
// Promise: first one change that lists all children as added (also none), then every change of a child, once, in the order
// of revisions, and all of one change set together. Nothing is lost over reconnects and fail-overs. What compaction took
// from one who was away for long comes as one change: what is different now.
// Made of a Subscription of the prefix, and so of its cost: every key below is in memory. Needs `read` or `watch` on the
// prefix "FOLDER/".
// Threads: on_change runs on the client's I/O thread; keep it short. Never after the destructor has returned.
// Ownership: keeps its Client alive.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "sdk/client/subscription.hpp"

namespace belfry {

// A key, a folder, or both: "db" beside "db/host".
struct Child {
    Bytes name;                  // no '/' in it; may be empty ("services//x")
    std::optional<KeyValue> kv;  // of the key of this name
    uint64_t keys_below = 0;     // in the folder of this name, however deep
};

struct ChildEvent {
    // changed: its key was put again, something in its folder changed, or one of both came or went.
    enum class Kind { added, changed, removed };
    Kind kind;
    Child child;  // as it is now; of one that is removed the name alone
};

struct DirectoryChange {
    Revision revision;
    bool first = false;              // the listing
    std::vector<ChildEvent> events;  // each child once
};

class Directory {
public:
    using Callback = std::function<void(const DirectoryChange& change)>;

    // `folder` with or without a '/' at its end; "" = the top. `stream`: SubscriptionOptions::private_stream. Fails as
    // Subscription::open.
    static Result<std::unique_ptr<Directory>> open(std::shared_ptr<Client> client, Bytes folder, Callback on_change,
                                                   bool stream = false);

    // Waits for the listing. False: not within the timeout, or refused().
    bool wait_listed(std::chrono::milliseconds timeout) const { return subscription_->wait_current(timeout); }
    // By name. Any thread; from when on_change was called with them.
    std::vector<Child> children() const;
    // Why the hub does not serve this (Subscription::refused); none = nothing is wrong.
    std::optional<Error> refused() const { return subscription_->refused(); }

private:
    struct State;
    Directory(std::shared_ptr<State> state, std::shared_ptr<Subscription> subscription)
        : state_(std::move(state)), subscription_(std::move(subscription)) {}
    std::shared_ptr<State> state_;
    std::shared_ptr<Subscription> subscription_;
};

namespace recipes {

// The children as change sets add up to them. REQUIRES: changes say what was before, as those of a subscription with a
// view.
class Children {
public:
    explicit Children(Bytes prefix) : prefix_(std::move(prefix)) {}  // ends with '/', or is empty

    std::vector<ChildEvent> apply(const std::vector<KeyChange>& changes);
    std::vector<Child> all() const;

private:
    const Bytes prefix_;
    std::map<Bytes, Child> children_;
};

}  // namespace recipes
}  // namespace belfry
