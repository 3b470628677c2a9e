#include "hub/core/lease_clock.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

// What has ended is forgotten when it is this much more than what lives, and then some.
constexpr size_t ended_factor = 2, ended_more = 1024;

uint64_t whole_time_ms(const model::Lease& lease) { return lease.ttl_s * 1000; }

}  // namespace

void LeaseClock::load(uint64_t now_ms) {
    if (!std::exchange(loaded_, true)) since_ms_ = now_ms;
    for (const auto& [id, lease] : leases_.all()) granted({id}, now_ms);
    forget_ended(now_ms);
}

void LeaseClock::granted(LeaseId id, uint64_t now_ms) {
    const model::Lease* const lease = leases_.find(id);
    if (lease == nullptr) return;
    Time& time = times_[id.value];
    if (time.number == lease->number) return;
    time = {lease->number, now_ms + whole_time_ms(*lease), false};
    if (expires_) look_at(id, *lease, time, now_ms);
    const size_t most = ended_factor * leases_.all().size() + ended_more;
    if (times_.size() > most || looks_.size() > most) forget_ended(now_ms);
}

// What ended is not told to the clock; it finds out in time.
void LeaseClock::forget_ended(uint64_t now_ms) {
    std::erase_if(times_, [&](const auto& entry) { return leases_.find({entry.first}) == nullptr; });
    if (!expires_) return;
    looks_ = {};
    for (const auto& [id, lease] : leases_.all()) {
        const Time* const time = time_of({id}, &lease);
        if (time != nullptr && !time->is_proposed) look_at({id}, lease, *time, now_ms);
    }
}

LeaseClock::Time* LeaseClock::time_of(LeaseId id, const model::Lease* lease) {
    const auto found = times_.find(id.value);
    return lease == nullptr || found == times_.end() || found->second.number != lease->number ? nullptr : &found->second;
}

void LeaseClock::look_at(LeaseId id, const model::Lease& lease, const Time& time, uint64_t now_ms) {
    looks_.push({lease.is_ending ? now_ms : time.deadline_ms, id, lease.number});
}

bool LeaseClock::renew(LeaseId id, const model::Lease& lease, uint64_t now_ms) {
    Time* const time = time_of(id, &lease);
    if (time == nullptr || lease.is_ending || time->is_proposed) return false;
    time->deadline_ms = std::max(time->deadline_ms, now_ms + whole_time_ms(lease));
    return true;
}

void LeaseClock::learn(const LeaseTime& told, uint64_t now_ms) {
    const model::Lease* const lease = leases_.find(told.lease);
    Time* const time = time_of(told.lease, lease);
    if (time == nullptr || told.number != lease->number) return;
    time->deadline_ms = std::max(time->deadline_ms, now_ms + std::min(told.remaining_ms, whole_time_ms(*lease)));
}

uint64_t LeaseClock::remaining_ms(LeaseId id, uint64_t now_ms) const {
    const model::Lease* const lease = leases_.find(id);
    const auto found = times_.find(id.value);
    if (lease == nullptr || lease->is_ending || found == times_.end() || found->second.is_proposed) return 0;
    return found->second.deadline_ms - std::min(found->second.deadline_ms, now_ms);
}

std::vector<LeaseTime> LeaseClock::page(LeaseId after, size_t most, uint64_t now_ms) const {
    std::vector<LeaseTime> times;
    for (auto at = leases_.all().upper_bound(after.value); at != leases_.all().end() && times.size() < most; ++at) {
        times.push_back({{at->first}, at->second.number, remaining_ms({at->first}, now_ms)});
    }
    return times;
}

void LeaseClock::begin(uint64_t certain_ms, uint64_t known_number, uint64_t now_ms) {
    end();
    expires_ = true;
    for (const auto& [id, lease] : leases_.all()) {
        Time* const time = time_of({id}, &lease);
        if (time == nullptr) continue;
        const uint64_t whole_ms = whole_time_ms(lease);
        const bool uncertain = whole_ms > certain_ms || lease.number > known_number;
        if (uncertain) time->deadline_ms = std::max(time->deadline_ms, now_ms + whole_ms);
        look_at({id}, lease, *time, now_ms);
    }
}

void LeaseClock::end() {
    proposal_ended(0);
    expires_ = false;
    looks_ = {};
}

log::LeaseExpiry LeaseClock::take_due(size_t most, uint64_t now_ms) {
    log::LeaseExpiry expiry;
    while (!looks_.empty() && looks_.top().at_ms <= now_ms && expiry.leases.size() < most) {
        const Look look = looks_.top();
        looks_.pop();
        const model::Lease* const lease = leases_.find(look.id);
        Time* const time = time_of(look.id, lease);
        if (time == nullptr || look.number != lease->number || time->is_proposed) continue;
        if (time->deadline_ms > now_ms && !lease->is_ending) {
            look_at(look.id, *lease, *time, now_ms);
            continue;
        }
        time->is_proposed = true;
        proposed_.push_back(look.id);
        expiry.leases.push_back({look.id, lease->number});
    }
    return expiry;
}

// What is left of them is looked at again.
void LeaseClock::proposal_ended(uint64_t now_ms) {
    for (const LeaseId id : proposed_) {
        const model::Lease* const lease = leases_.find(id);
        Time* const time = time_of(id, lease);
        if (time == nullptr) continue;
        time->is_proposed = false;
        if (expires_) look_at(id, *lease, *time, now_ms);
    }
    proposed_.clear();
}

void LeaseClock::end_soon(LeaseId id, uint64_t now_ms) {
    const model::Lease* const lease = leases_.find(id);
    if (expires_ && lease != nullptr) looks_.push({now_ms, id, lease->number});
}

uint64_t LeaseClock::wake_at_ms() const { return looks_.empty() ? UINT64_MAX : looks_.top().at_ms; }

}  // namespace belfry::hub::core
