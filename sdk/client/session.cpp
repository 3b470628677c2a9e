#include "sdk/client/session.hpp"

#include <cassert>

namespace belfry::client {

protocol::Ticket Session::next(uint64_t now_ms, uint64_t random) {
    const bool is_old = answered_.empty() && now_ms - used_ms_ >= session_idle_ms_max;
    if (id_ == 0 || is_old) {
        id_ = random | 1;
        acknowledged_ = 0;
        answered_.clear();
    }
    assert(has_room());
    used_ms_ = now_ms;
    answered_.push_back(false);
    return {id_, acknowledged_ + answered_.size(), acknowledged_};
}

void Session::close(const protocol::Ticket& ticket) {
    if (ticket.session != id_ || ticket.sequence <= acknowledged_) return;
    answered_[static_cast<size_t>(ticket.sequence - acknowledged_ - 1)] = true;
    for (; !answered_.empty() && answered_.front(); answered_.pop_front()) ++acknowledged_;
}

void Session::refresh(protocol::Ticket& ticket) const {
    if (ticket.session == id_) ticket.acknowledged = acknowledged_;
}

void Session::forget(uint64_t session) {
    if (session != id_) return;
    id_ = 0;
    answered_.clear();
}

}  // namespace belfry::client
