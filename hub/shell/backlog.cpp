#include "hub/shell/backlog.hpp"

#include <algorithm>
#include <iterator>

namespace belfry::hub::shell {

namespace {

// A connection's end stays behind what came on it.
bool is_client(const Item& item) {
    const auto* const input = std::get_if<core::Input>(&item);
    return input == nullptr || std::holds_alternative<core::RequestReceived>(*input) ||
           std::holds_alternative<core::ConnectionClosed>(*input) || std::holds_alternative<core::TopicChanged>(*input);
}

bool is_urgent(const Item& item) { return !is_client(item); }

}  // namespace

void Backlog::fill(Inbox& inbox, std::chrono::steady_clock::time_point deadline) {
    urgent_.clear();
    urgent_at_ = 0;
    if (!empty()) return inbox.take_if(urgent_, is_urgent);
    at_ = 0;
    has_only_clients_ = false;
    inbox.take_all(items_, deadline);
}

Item* Backlog::next(bool enough) {
    if (enough && !has_only_clients_) {
        const auto left = items_.begin() + static_cast<ptrdiff_t>(at_);
        const auto clients = std::stable_partition(left, items_.end(), is_urgent);
        std::move(left, clients, std::back_inserter(urgent_));
        items_.erase(left, clients);
        has_only_clients_ = true;
    }
    if (urgent_at_ < urgent_.size()) return &urgent_[urgent_at_++];
    return enough || empty() ? nullptr : &items_[at_++];
}

}  // namespace belfry::hub::shell
