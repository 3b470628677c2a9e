// Presence: who is there, and who has just come or gone.
//
//     belfry::Presence here(client, lease, "workers");
//     here.join("10.0.0.5:80", 10s);                   // until leave(), or the end of the lease
//
//     auto observer = belfry::PresenceObserver::open(client, "workers", [](const belfry::PresenceChange& change) {
//         for (const auto& member : change.left) ...
//     });
//
// In the hub: a key below NAME/ for each (a place in a line, recipes/place.hpp), with what he says as its value.
// Promise: who is gone without a word is told of within his lease's time and a second, who leaves or ends in order at once.
// Observers are told of every member who came or went, once, in order (recipes/directory.hpp).
// No promise: that who is listed still runs; he did within his lease's time.
// Needs: to be there `read`, `write`, `delete` and `lease` on the prefix NAME/; to observe `read` or `watch`.
// Threads: a Presence one at a time, synchronous: not in a callback of the client. The observer's on_change runs on the
// client's I/O thread; keep it short.
// Ownership: keeps its client and its lease alive.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sdk/recipes/directory.hpp"
#include "sdk/recipes/place.hpp"

namespace belfry {

struct PresentMember {
    Bytes id;  // of this joining, and of no other one
    Bytes value;
    LeaseId lease;
    Revision since;
    friend bool operator==(const PresentMember&, const PresentMember&) = default;
};

class Presence {
public:
    Presence(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name);
    // As leave(). In a callback of the client it goes with the lease's next keep-alive.
    ~Presence();
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

    // Asks once at least, however little time there is. `conflict`: this object has joined already; `not_found`: the lease
    // has ended; `timeout`: the hub did not answer.
    Status join(BytesView value, std::chrono::milliseconds timeout);
    // Whatever the answer, it is not there any more; after an error others may see it until the hub answers the lease's
    // next keep-alive, or the lease ends. Not there: ok.
    Status leave();

    // In the order in which they came; linearizable.
    static Result<std::vector<PresentMember>> list(Client& client, const Bytes& name);

private:
    recipes::Place place_;
};

struct PresenceChange {
    Revision revision;
    bool first = false;  // `joined` are all who are there
    std::vector<PresentMember> joined, left;
    size_t present = 0;  // afterwards
};

class PresenceObserver {
public:
    using Callback = std::function<void(const PresenceChange& change)>;

    // Fails as Subscription::open.
    static Result<std::unique_ptr<PresenceObserver>> open(std::shared_ptr<Client> client, Bytes name, Callback on_change);

    // Why the hub does not serve this (Subscription::refused); none = nothing is wrong.
    std::optional<Error> refused() const { return directory_->refused(); }

private:
    explicit PresenceObserver(std::unique_ptr<Directory> directory) : directory_(std::move(directory)) {}
    std::unique_ptr<Directory> directory_;
};

// Whether a number is where it should be: told once each time that it goes out of its bounds, and when it is back.
class PresenceAlert {
public:
    enum class State { fine, below, above };

    // none = no such bound.
    PresenceAlert(std::optional<uint64_t> below, std::optional<uint64_t> above) : below_(below), above_(above) {}

    // None: as it was. The first number is told of unless it is fine.
    std::optional<State> take(uint64_t number);

private:
    const std::optional<uint64_t> below_, above_;
    State state_ = State::fine;
};

namespace recipes {

// Who is there as the changes of the folder add up to it.
class Members {
public:
    explicit Members(Bytes name) : name_(std::move(name)) {}  // without a '/' at its end

    PresenceChange apply(const DirectoryChange& change);
    const std::map<Bytes, PresentMember>& all() const { return present_; }  // by id

private:
    void take(const ChildEvent& event, PresenceChange& told);

    const Bytes name_;
    std::map<Bytes, PresentMember> present_;
};

}  // namespace recipes
}  // namespace belfry
