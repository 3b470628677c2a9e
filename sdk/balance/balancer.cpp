#include "sdk/balance/balancer.hpp"

namespace belfry {

Balancer::Balancer(std::string service, PickerOptions options, std::unique_ptr<ServiceView> view)
    : service_(std::move(service)), picker_(options), view_(std::move(view)) {}

Result<std::unique_ptr<Balancer>> Balancer::open(std::shared_ptr<Client> client, std::string_view service,
                                                 BalancerOptions options) {
    auto view = ServiceView::open(std::move(client), service, std::move(options.view));
    if (!view) return view.error();
    return std::unique_ptr<Balancer>(new Balancer(std::string(service), options.picker, *std::move(view)));
}

void Balancer::refresh() {
    const std::lock_guard lock(mutex_);
    auto now = view_->instances();
    if (now == seen_) return;
    picker_.update(*now);
    seen_ = std::move(now);
}

Result<Picked> Balancer::pick(BytesView key) {
    refresh();
    auto picked = picker_.pick(key);
    if (picked) return picked;
    if (const auto refused = view_->refused()) return *refused;
    return Error{Code::unavailable, "service '" + service_ + "': " + picked.error().detail};
}

PickerFigures Balancer::figures() {
    refresh();
    return picker_.figures();
}

}  // namespace belfry
