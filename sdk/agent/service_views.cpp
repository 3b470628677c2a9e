#include "sdk/agent/service_views.hpp"

#include <algorithm>

namespace belfry::agent {

using namespace std::chrono_literals;

bool ServiceViews::make_room(std::chrono::steady_clock::time_point now) {
    std::erase_if(views_, [&](const auto& entry) { return now - entry.second.asked > view_idle_max; });
    if (views_.size() < views_max) return true;
    const auto oldest = std::min_element(views_.begin(), views_.end(),
                                         [](const auto& a, const auto& b) { return a.second.asked < b.second.asked; });
    if (now - oldest->second.asked < view_kept_min) return false;
    views_.erase(oldest);
    return true;
}

std::shared_ptr<const ServiceView::Instances> ServiceViews::find(std::string_view service,
                                                                 std::chrono::steady_clock::time_point now) {
    auto known = views_.find(service);
    if (known == views_.end()) {
        if (!make_room(now)) return nullptr;
        auto view = ServiceView::open(client_, service);
        if (!view) return nullptr;
        known = views_.emplace(service, Open{*std::move(view), now}).first;
    }
    known->second.asked = now;
    return known->second.view->wait_current(0ms) ? known->second.view->instances() : nullptr;
}

}  // namespace belfry::agent
