// The leader's office handed on: as an administrator asked (administration.cpp), because this member is to stop, or because
// its disk keeps it from doing what the others could do without it.
//
//     reason ─▶ transfer_ ─ nothing is proposed any more ─▶ the other one holds everything ─▶ Raft hands over
//                  └── not within transfer_ms_max: goes on leading, tries again after a pause
#include <algorithm>

#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t transfer_ms_max = 1000;
// A clean stop takes no longer, whoever is down: well within what service managers grant, and long enough for two attempts.
constexpr uint64_t leave_ms_max = 2500;
// Nobody has asked anything for so long: clients have heard that they must go elsewhere, and what other members had sent
// here has been answered. Longer than a refused client waits until it may move (250 ms, sdk/client/request_link.cpp).
constexpr uint64_t leave_quiet_ms = 300;
// Room may come back within a moment; a sync may take long on a busy disk.
constexpr uint64_t full_patience_ms = 1000;
constexpr uint64_t stalled_patience_ms = 2000;
// The others' disks may be no better. Each attempt costs a term, so a vote in a log that has no room: hence doubled.
constexpr uint64_t resign_pause_ms_min = 10'000;

}  // namespace

bool Core::Impl::has_other_voters() const {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const raft::Member& member) { return member.id != options_.member_id && raft::votes(&member); });
}

// Of those that hold most the next one by number, so that a whole row of members with full disks is gone through.
uint64_t Core::Impl::best_follower() const {
    const auto rank = [&](const raft::Member& member) {
        return std::pair(raft_->match_index(member.id),
                         options_.member_id - member.id);  // unsigned: wraps for the next ones
    };
    const raft::Member* best = nullptr;
    for (const raft::Member& member : members_) {
        if (member.id == options_.member_id || !raft::votes(&member)) continue;
        if (best == nullptr || rank(member) > rank(*best)) best = &member;
    }
    return best == nullptr ? 0 : best->id;
}

void Core::Impl::begin_transfer(uint64_t to, Instant now) { transfer_ = Transfer{to, now.monotonic_ms + transfer_ms_max}; }

// Waits until the other one holds everything, and all that is proposed is answered unless our disk keeps us from it. An
// error: this transfer is impossible.
Status Core::Impl::go_on_transferring(Instant now, Output& output) {
    const bool answered = applied_ == raft_->last_index() || disk_hinders(now);
    if (raft_->transferring() || !answered || raft_->match_index(transfer_->to) != raft_->last_index()) return {};
    raft::Effects effects;
    const Status begun = raft_->transfer(transfer_->to, now.monotonic_ms, effects);
    take_effects(effects, output);
    return begun.ok() || begun.error().code == Code::busy ? Status() : begun;
}

// For long enough: the store has no room, or the log lacks what a majority without this member has already.
bool Core::Impl::disk_hinders(Instant now) const {
    if (store_full_.active && now.monotonic_ms >= store_failing_since_ms_ + full_patience_ms) return true;
    const uint64_t patience = log_full_.active ? full_patience_ms : stalled_patience_ms;
    return raft_->commit_index() > persisted_ && now.monotonic_ms >= persisted_changed_ms_ + patience;
}

void Core::Impl::watch_disk(Instant now) {
    if (raft_->commit_index() <= persisted_ || persisted_ != persisted_seen_) persisted_changed_ms_ = now.monotonic_ms;
    persisted_seen_ = persisted_;
    const bool store_failed = store_full_.active || now.monotonic_ms < store_failed_at_ms_ + resign_pause_ms_min;
    if (!store_failed && !log_full_.active) resigned_ = 0;
}

// Without being asked to by an administrator.
void Core::Impl::resign(Instant now, Output& output) {
    if (!transfer_) {
        const bool hindered = disk_hinders(now) && now.monotonic_ms >= resign_not_before_ms_;
        if ((!leave_by_ms_ && !hindered) || !has_other_voters()) return;
        begin_transfer(best_follower(), now);
        resign_not_before_ms_ = now.monotonic_ms + (resign_pause_ms_min << std::min(resigned_, 20u));
        if (!leave_by_ms_) ++resigned_;
    }
    if (!go_on_transferring(now, output)) transfer_.reset();
}

uint64_t Core::Impl::office_wake_ms(Instant now) const {
    constexpr uint64_t look_again_ms = 5;
    if (leave_by_ms_) return now.monotonic_ms + look_again_ms;
    if (role() != raft::Role::leader || !has_other_voters()) return UINT64_MAX;
    if (transfer_) return now.monotonic_ms + look_again_ms;
    uint64_t wake = UINT64_MAX;
    if (store_full_.active) wake = store_failing_since_ms_ + full_patience_ms;
    if (raft_->commit_index() > persisted_) {
        wake = std::min(wake, persisted_changed_ms_ + (log_full_.active ? full_patience_ms : stalled_patience_ms));
    }
    return wake == UINT64_MAX ? wake : std::max(wake, resign_not_before_ms_);
}

// ---- a clean stop ----

void Core::Impl::on(StopAsked&, Instant now, Output& output) {
    if (!leave_by_ms_) leave_by_ms_ = now.monotonic_ms + leave_ms_max;
    ask_streams_again(now, output);
}

// Clients that hear this go to another member; what they asked for is certainly not done.
bool Core::Impl::turns_away(const RequestReceived& input, Output& output) {
    if (!leave_by_ms_ || !has_other_voters() || (input.connection & member_connection_bit) != 0) return false;
    if (std::holds_alternative<protocol::StatusRequest>(input.request.op)) return false;
    answer(input.connection, input.request.id,
           Error{Code::unavailable, "this member is stopping; another one will answer. Nothing was changed"}, output);
    return true;
}

bool Core::Impl::may_end(Instant now) {
    if (!leave_by_ms_) return false;
    if (!has_other_voters() || now.monotonic_ms >= *leave_by_ms_) return true;
    if (role() == raft::Role::leader) last_asked_ms_ = now.monotonic_ms;
    if (forwarder_.count() > 0 || gate_->count() > 0 || !asked_.empty() || !early_writes_.empty()) return false;
    return now.monotonic_ms >= last_asked_ms_ + leave_quiet_ms;
}

}  // namespace belfry::hub::core
