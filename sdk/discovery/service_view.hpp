// belfry::ServiceView: the instances of one service, kept equal to the hub's.
//
//     auto view = belfry::ServiceView::open(client, "web", {.find = {.passing_only = true}});
//     (*view)->wait_current(5s);
//     const auto instances = (*view)->instances();          // a snapshot: it stays as it is while you look at it
//
// Promise: after the first answer every change comes once, in order, with nothing lost, and all of one change set at once:
// it is a Subscription (sdk/client/subscription.hpp). Where compaction overtook one who was away, what happened meanwhile
// comes as one difference.
// A hub that does not answer empties no view: it stays as it was, and staleness() says since when nobody vouches for it.
// Instances that died meanwhile are still in it then; whoever connects to one finds out, and tries another.
// Threads: any thread may read. on_change runs on the client's I/O thread; keep it short.
// Ownership: keeps its Client alive.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "sdk/discovery/instance_table.hpp"

namespace belfry {

struct ServiceViewOptions {
    FindOptions find = {};  // what is in the view; the rest is as if it were not there
    Bytes prefix = Bytes(services_prefix);
    bool private_stream = false;  // as SubscriptionOptions has it
    // What one change set changed, by id; first what was found at the beginning, perhaps nothing. The view has it already.
    // Never after the destructor has returned. May be empty.
    std::function<void(const std::vector<InstanceChange>& changes)> on_change = {};
};

class ServiceView {
public:
    using Instances = std::vector<Instance>;

    // Fails as Subscription::open(), and with `invalid_argument` for a name that no service has.
    static Result<std::unique_ptr<ServiceView>> open(std::shared_ptr<Client> client, std::string_view service,
                                                     ServiceViewOptions options = {});
    ~ServiceView();
    ServiceView(const ServiceView&) = delete;
    ServiceView& operator=(const ServiceView&) = delete;

    // By id; never null, empty before the first answer. Immutable, and the reader's own for as long as he wants.
    std::shared_ptr<const Instances> instances() const;
    // Of the change set that made these; 0 before the first answer.
    Revision revision() const;
    // How long ago the hub proved last that nothing is missing; milliseconds::max() before that. About a second while the
    // hub answers; more: what is here was right then.
    std::chrono::milliseconds staleness() const;
    // Waits for the first answer. False: not within the timeout, or refused().
    bool wait_current(std::chrono::milliseconds timeout) const;
    // Keys of the service that are no instances, and are passed over.
    size_t unreadable() const;
    // Why the hub does not serve this (Subscription::refused); none = nothing is wrong.
    std::optional<Error> refused() const;

private:
    class State;
    ServiceView(std::shared_ptr<State> state, std::shared_ptr<Subscription> subscription);
    const std::shared_ptr<State> state_;
    const std::shared_ptr<Subscription> subscription_;
};

}  // namespace belfry
