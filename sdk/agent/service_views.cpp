#include "sdk/agent/service_views.hpp"

#include <iterator>

namespace belfry::agent {

using namespace std::chrono_literals;

bool ServiceViews::Open::is_of_no_use() const {
    return view->wait_current(0ms) ? view->instances()->empty() : view->refused().has_value();
}

bool ServiceViews::make_room(std::chrono::steady_clock::time_point now) {
    std::erase_if(views_, [&](const auto& entry) { return now - entry.second.asked > view_idle_max; });
    if (views_.size() < views_max) return true;
    auto oldest = views_.begin();
    bool of_no_use = oldest->second.is_of_no_use();
    for (auto entry = std::next(oldest); entry != views_.end(); ++entry) {
        const bool useless = entry->second.is_of_no_use();
        const bool first = useless != of_no_use ? useless : entry->second.asked < oldest->second.asked;
        if (first) oldest = entry, of_no_use = useless;
    }
    if (!of_no_use && now - oldest->second.asked < view_kept_min) return false;
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
