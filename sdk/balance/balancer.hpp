// belfry::Balancer: a Picker whose set is a service's, as the hub has it.
//
//     auto web = belfry::Balancer::open(client, "web", {.picker = {.policy = belfry::Policy::least_outstanding}});
//     (*web)->wait_current(5s);
//     auto picked = (*web)->pick();
//
// A change of the set counts from the next pick on; that one pays for it. A hub that does not answer changes nothing: the
// last known set stays, and instances that died meanwhile are left out as those which fail.
// Threads: any thread may use it, one at a time may destroy it, and not in a callback of the client.
// Ownership: keeps its Client alive.
#pragma once

#include <mutex>

#include "sdk/balance/picker.hpp"
#include "sdk/discovery/service_view.hpp"

namespace belfry {

struct BalancerOptions {
    PickerOptions picker = {};
    // Whose labels are wanted. Not FindOptions::passing_only: the picker leaves out critical ones itself, and
    // takes them when there are too few others.
    ServiceViewOptions view = {};
};

class Balancer {
public:
    // Fails as ServiceView::open().
    static Result<std::unique_ptr<Balancer>> open(std::shared_ptr<Client> client, std::string_view service,
                                                  BalancerOptions options = {});

    // `unavailable`: nobody takes work, as far as is known.
    Result<Picked> pick(BytesView key = {});
    // Until the service is known. False: not within the timeout, or refused.
    bool wait_current(std::chrono::milliseconds timeout) const { return view_->wait_current(timeout); }
    PickerFigures figures();
    const ServiceView& view() const { return *view_; }

private:
    Balancer(std::string service, PickerOptions options, std::unique_ptr<ServiceView> view);
    void refresh();

    const std::string service_;
    Picker picker_;
    const std::unique_ptr<ServiceView> view_;
    std::mutex mutex_;  // so that an older set never replaces a newer one
    std::shared_ptr<const ServiceView::Instances> seen_;
};

}  // namespace belfry
