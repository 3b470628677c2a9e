#include "tests/sim/gate_checks.hpp"

#include <algorithm>
#include <string>

namespace belfry::sim {

namespace {

constexpr uint64_t gate_quick_ms = 2000;  // some round trips; shorter than a wait for changes

}  // namespace

Status GateChecks::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        if (event.kv.key != GateKeys::closed) continue;
        const bool closes = event.type == EventType::put;
        if (closes && (closed_by_ || event.kv.version != 1))
            return Error{Code::corrupt, "barrier: " + change.author + " closes what is closed"};
        const auto author = opens_others_.find(change.author);  // otherwise a lease has ended
        const bool is_release = !closes && author != opens_others_.end() && !author->second;
        if (is_release && closed_by_ != change.author)
            return Error{Code::corrupt, "barrier: " + change.author + " opens what he has not closed"};
        if (closes) open_until_ = change.revision.previous();
        closed_by_ = closes ? std::optional(change.author) : std::nullopt;
        for (auto& [user, one] : waiting_) {
            if (!closed_by_ && !one.open_ms) one.open_ms = world_.now();
        }
    }
    return {};
}

void GateChecks::comes(const Bytes& user) {
    waiting_[user] = {ledger_.newest(), closed_by_ ? std::nullopt : std::optional(world_.now())};
}

void GateChecks::goes_through(const Bytes& user) {
    const auto found = waiting_.find(user);
    if (found == waiting_.end()) return world_.fail("barrier: " + user + " goes through without having come");
    const Waiting one = found->second;
    waiting_.erase(found);
    ++passages_;
    if (closed_by_ && open_until_ < one.since)
        return world_.fail("barrier: " + user + " goes through, and it was closed since " +
                           std::to_string(one.since.value));
    if (is_late(one))
        world_.fail("barrier: it was open for " + user + " at " + std::to_string(*one.open_ms) + " ms, and he stood there");
}

bool GateChecks::is_late(const Waiting& one) const {
    return one.open_ms && *one.open_ms >= quick_from_ms_ && world_.now() > *one.open_ms + gate_quick_ms;
}

void GateChecks::check_end() const {
    if (closed_by_) return world_.fail("barrier: it stays closed by " + *closed_by_);
    for (const auto& [user, one] : waiting_) {
        if (is_late(one)) return world_.fail("barrier: it is open, and " + user + " stands there");
    }
}

}  // namespace belfry::sim
