// The views of those services that somebody asks for: opened at the first question, closed when nobody asks any more.
//
// Bounds: views_max; one more takes the place of a service that nobody offers (a name that anybody made up: there are
// always more of them than places), else of the one that was asked for longest ago, if that is view_kept_min, and is else
// not opened. What nobody asked for in view_idle_max is closed at the next opening. Threads: one at a time, and not a
// callback of the client. Ownership: keeps its Client alive.
#pragma once

#include <chrono>
#include <map>
#include <memory>

#include "sdk/discovery/service_view.hpp"

namespace belfry::agent {

// Each costs the hub a filter and a private stream a request a second; a machine talks to tens of services.
inline constexpr size_t views_max = 256;
inline constexpr std::chrono::seconds view_kept_min{10};
inline constexpr std::chrono::minutes view_idle_max{10};

class ServiceViews {
public:
    explicit ServiceViews(std::shared_ptr<Client> client) : client_(std::move(client)) {}

    // NULL: not known yet, or there is no room. A hub that does not answer any more changes nothing: what was known stays.
    std::shared_ptr<const ServiceView::Instances> find(std::string_view service, std::chrono::steady_clock::time_point now);
    size_t size() const { return views_.size(); }

private:
    struct Open {
        std::unique_ptr<ServiceView> view;
        std::chrono::steady_clock::time_point asked;
        // The hub has said that nobody offers it, or that it does not say.
        bool is_of_no_use() const;
    };
    bool make_room(std::chrono::steady_clock::time_point now);

    const std::shared_ptr<Client> client_;
    std::map<std::string, Open, std::less<>> views_;
};

}  // namespace belfry::agent
