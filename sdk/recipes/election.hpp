// belfry::Election: one leader at a time, of all who campaign under the same name at the same hub.
//
//     std::shared_ptr<const belfry::Lease> lease = *belfry::Lease::grant(client, {.ttl = 10s, .on_lost = stop_at_once});
//     belfry::Election election(client, lease, "service/leader");
//     if (const auto won = election.campaign("10.0.0.5:80", 1h); !won) return fail(won.error());
//     election.proclaim("10.0.0.5:81");
//
// A lock whose value matters: the candidates are a line (recipes/place.hpp), its head leads, and the head's value is what
// everybody reads. Promises and limits are those of belfry::Lock: the leader may be one who does not know yet that he is
// none any more. What must not be done by two needs fencing_token() or guard().
// Others: leader() asks once, and ElectionObserver tells of each leader; they need only `read` on the prefix NAME/.
// Threads: one at a time; leads() any.
// Ownership: keeps its client and its lease alive.
#pragma once

#include <atomic>

#include "sdk/client/subscription.hpp"
#include "sdk/recipes/place.hpp"

namespace belfry {

// Who leads, as the hub has it.
struct Leader {
    Bytes value;
    Revision token;  // the fencing token: greater than that of every leader before
    Bytes key;
    LeaseId lease;
    friend bool operator==(const Leader&, const Leader&) = default;
};

class Election {
public:
    // `cancelled`: ends campaign() with `timeout` when it says yes; asked often, by who called it. May be empty.
    Election(std::shared_ptr<Client> client, std::shared_ptr<const Lease> lease, Bytes name,
             std::function<bool()> cancelled = {});
    // As resign(). In a callback of the client the office goes with the lease's next keep-alive.
    ~Election();
    Election(const Election&) = delete;
    Election& operator=(const Election&) = delete;

    // Waits in line until it leads, for so long and one client's timeout more at most; it looks once at least, however
    // little time there is. `timeout`: others led all the time, or the hub did not answer; `not_found`: the lease has
    // ended; `conflict`: it leads already.
    Status campaign(BytesView value, std::chrono::milliseconds timeout);
    // A new value for all to read, only while it leads: `conflict` = it does not, whatever it believes. After an
    // `uncertain` the value is perhaps the new one.
    Status proclaim(BytesView value);
    // Hands over to the next in line. Whatever the answer, it leads no more; after an error the others may have to wait
    // until the hub answers the lease's next keep-alive, or the lease ends. Without an office: ok.
    Status resign();

    // It was elected, and by this machine's clock it still leads.
    bool leads() const { return elected_ && place_.lease().alive(); }
    // REQUIRES, of these: elected, and not resigned since; leading or not.
    const Bytes& key() const { return place_.key(); }
    Revision fencing_token() const { return place_.created(); }
    protocol::Compare guard() const { return place_.guard(); }

    // Linearizable; `not_found`: nobody leads.
    static Result<Leader> leader(Client& client, const Bytes& name);

private:
    const std::function<bool()> cancelled_;
    recipes::Place place_;
    std::atomic<bool> elected_ = false;
};

// Tells of the leader as it is and then of each change, in order: another leader, another value, nobody (none). Made of a
// Subscription, and as complete: only what compaction took from one who was away for long is passed over, never the newest.
// Threads: on_change runs on the client's I/O thread; keep it short. Never after the destructor has returned.
class ElectionObserver {
public:
    using Callback = std::function<void(const std::optional<Leader>& leader)>;

    // Fails as Subscription::open.
    static Result<std::unique_ptr<ElectionObserver>> open(std::shared_ptr<Client> client, Bytes name, Callback on_change);

    // Why the hub does not serve this (Subscription::refused); none = nothing is wrong.
    std::optional<Error> refused() const { return subscription_->refused(); }

private:
    explicit ElectionObserver(std::shared_ptr<Subscription> subscription) : subscription_(std::move(subscription)) {}
    std::shared_ptr<Subscription> subscription_;
};

}  // namespace belfry
