#include "hub/core/lease_keeper.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t resend_ms = 50;
// Renewed by one message, and told by one: some 160 KiB (limits::member_message_bytes_aim).
constexpr size_t message_leases_max = 8192;
// What waits to be kept alive, of all clients: some seconds of what 100,000 agents ask for.
constexpr size_t waiting_leases_max = 1'000'000;
constexpr int rounds_at_once = 4;

}  // namespace

// ---- clients' requests ----

size_t LeaseKeeper::leases_in(const Waiting& waiting) {
    return std::get<protocol::LeaseKeepAliveRequest>(waiting.request.request.op).leases.size();
}

bool LeaseKeeper::full() const { return fresh_leases_ >= waiting_leases_max || fresh_.size() >= limits::gated_reads_max; }

void LeaseKeeper::add(RequestReceived request, uint64_t now_ms) {
    BELFRY_ASSERT(!full());
    fresh_.push_back({std::move(request), now_ms + limits::leader_wait_ms_max});
    fresh_leases_ += leases_in(fresh_.back());
}

LeaseKeeper::Waiting LeaseKeeper::take_fresh() {
    Waiting first = std::move(fresh_.front());
    fresh_.pop_front();
    fresh_leases_ -= leases_in(first);
    return first;
}

void LeaseKeeper::forget(uint64_t connection) {
    const auto is_of = [&](const Waiting& waiting) { return waiting.request.connection == connection; };
    for (const Waiting& waiting : fresh_) fresh_leases_ -= is_of(waiting) ? leases_in(waiting) : 0;
    std::erase_if(fresh_, is_of);
    if (round_) std::erase_if(round_->waiting, is_of);
}

// All wait equally long and keep their order.
std::vector<RequestReceived> LeaseKeeper::take_late(uint64_t now_ms) {
    std::vector<RequestReceived> late;
    while (round_ && !round_->waiting.empty() && round_->waiting.front().deadline_ms <= now_ms) {
        late.push_back(std::move(round_->waiting.front().request));
        round_->waiting.pop_front();
    }
    while (!fresh_.empty() && fresh_.front().deadline_ms <= now_ms) late.push_back(take_fresh().request);
    return late;
}

std::vector<RequestReceived> LeaseKeeper::take_all() {
    give_back();
    std::vector<RequestReceived> all;
    while (!fresh_.empty()) all.push_back(take_fresh().request);
    return all;
}

void LeaseKeeper::give_back() {
    if (!round_) return;
    for (Waiting& waiting : round_->waiting) {
        waiting.reply = {};
        fresh_leases_ += leases_in(waiting);
    }
    fresh_.insert(fresh_.begin(), std::make_move_iterator(round_->waiting.begin()),
                  std::make_move_iterator(round_->waiting.end()));
    round_.reset();
}

// ---- other members ----

// What is not applied here yet is passed over, and not forgotten: this member tells that it does not know it.
void LeaseKeeper::receive(uint64_t peer, const LeaseRenewals& renewals, uint64_t now_ms, std::vector<MemberMessage>& out) {
    watch_office();
    if (!follows_in(renewals.term)) return;
    for (const LeaseRenewals::Lease& one : renewals.leases) {
        const model::Lease* const lease = keyspace_.leases().find(one.lease);
        const bool lives = lease != nullptr && lease->number == one.number && !lease->is_ending;
        if (lives && !plants_.forget_renewals && !clock_.renew(one.lease, *lease, now_ms)) return;
    }
    out.push_back({peer, RenewalsTaken{renewals.term, renewals.round}});
}

void LeaseKeeper::receive(uint64_t peer, const RenewalsTaken& taken) {
    if (!round_ || !leads_in(taken.term) || taken.term != round_->renewals.term || taken.round != round_->renewals.round) {
        return;
    }
    round_->taken_by.insert(peer);
    settle_round();
}

void LeaseKeeper::receive(uint64_t peer, const LeaseQuestion& question, uint64_t now_ms, std::vector<MemberMessage>& out) {
    watch_office();
    if (!follows_in(question.term)) return;
    LeaseTimes told{question.term, question.round, clock_.age_ms(now_ms), keyspace_.last_lease_number(), false, {}};
    told.times = clock_.page(question.after, message_leases_max, now_ms);
    told.more = told.times.size() == message_leases_max;
    out.push_back({peer, std::move(told)});
}

void LeaseKeeper::receive(uint64_t peer, const LeaseTimes& told, uint64_t now_ms, std::vector<MemberMessage>& out) {
    if (!asked_ || !leads_in(told.term) || told.term != asked_->term || told.round != asked_->round) return;
    const auto after = asked_->after.find(peer);
    if (after == asked_->after.end() || asked_->told_by.contains(peer)) return;
    // A page that came twice, or late, says nothing new.
    if (!told.times.empty() && std::min(told.times.front().lease, told.times.back().lease) <= after->second) return;
    for (const LeaseTime& time : told.times) clock_.learn(time, now_ms);
    asked_->certain_ms = std::min(asked_->certain_ms, told.age_ms);
    asked_->known_number = std::min(asked_->known_number, told.known);
    if (told.more && !told.times.empty()) {
        after->second = told.times.back().lease;
        out.push_back({peer, LeaseQuestion{asked_->term, asked_->round, after->second}});
        return;
    }
    asked_->told_by.insert(peer);
}

// ---- rounds ----

// Before anything is taken from another member: what this one had proposed as the leader is not its business any more.
void LeaseKeeper::watch_office() {
    if (round_ && !leads_in(round_->renewals.term)) give_back();
    if (asked_ && !leads_in(asked_->term)) asked_.reset();
    if (known_term_ == Term{} || leads_in(known_term_)) return;
    known_term_ = {};
    clock_.end();
}

void LeaseKeeper::flush(const Office& office, uint64_t now_ms, std::vector<MemberMessage>& out) {
    watch_office();
    more_ = false;
    round_due_ms_ = UINT64_MAX;
    if (!office.is_known) return put_off(now_ms);
    learn_times(office.voters_since_ms, now_ms, out);
    if (round_ && round_->waiting.empty()) round_.reset();  // nobody waits for it any more
    if (round_ && now_ms >= round_->resend_at_ms) send_round(now_ms, out);
    // A member alone needs nobody, and its rounds are over at once: not all of them in one turn of the core.
    for (int rounds = 0; !round_ && !fresh_.empty() && !raft_.transferring(); ++rounds) {
        const bool waits = now_ms < next_round_ms_ && fresh_leases_ < message_leases_max;
        if (waits) round_due_ms_ = next_round_ms_;
        more_ = !waits && rounds == rounds_at_once;
        if (waits || more_) return;
        begin_round(office, now_ms);
        send_round(now_ms, out);
        settle_round();
    }
}

void LeaseKeeper::put_off(uint64_t now_ms) {
    if (round_) round_->resend_at_ms = now_ms + resend_ms;
    if (asked_) asked_->resend_at_ms = now_ms + resend_ms;
}

uint64_t LeaseKeeper::pace_ms() const {
    return std::min(keyspace_.leases().all().size() * pace_us_ / 1000, limits::lease_pace_ms_max);
}

void LeaseKeeper::begin_round(const Office& office, uint64_t now_ms) {
    next_round_ms_ = now_ms + pace_ms();
    round_ = Round{{raft_.term(), ++last_round_, {}}, {}, {id_}, 0};
    for (size_t looked_at = 0; !fresh_.empty() && looked_at < message_leases_max;) {
        Waiting next = take_fresh();
        looked_at += leases_in(next);
        if (!office.admits(next.request)) continue;
        for (const LeaseId id : std::get<protocol::LeaseKeepAliveRequest>(next.request.request.op).leases) {
            const model::Lease* const lease = keyspace_.leases().find(id);
            const bool lives =
                lease != nullptr && office.may_use(next.request.caller, *lease) && clock_.renew(id, *lease, now_ms);
            next.reply.ttl_s.push_back(lives ? lease->ttl_s : 0);
            if (lives) round_->renewals.leases.push_back({id, lease->number});
        }
        round_->waiting.push_back(std::move(next));
    }
}

// Learners too: they may be voters soon.
void LeaseKeeper::send_round(uint64_t now_ms, std::vector<MemberMessage>& out) {
    round_->resend_at_ms = now_ms + resend_ms;
    for (const raft::Member& member : raft_.members()) {
        if (!round_->taken_by.contains(member.id)) out.push_back({member.id, round_->renewals});
    }
}

void LeaseKeeper::settle_round() {
    // Of the voters by the newest configuration; ourselves only if we are one.
    if (!raft::is_majority(raft_.members(), round_->taken_by) && !plants_.renewals_unshared) return;
    for (Waiting& waiting : round_->waiting) {
        answered_.push_back({std::move(waiting.request), std::move(waiting.reply)});
    }
    round_.reset();
}

void LeaseKeeper::learn_times(uint64_t voters_since_ms, uint64_t now_ms, std::vector<MemberMessage>& out) {
    if (knows_times()) return;
    if (!asked_) asked_ = Asked{raft_.term(), ++last_round_, {}, {id_}, clock_.age_ms(now_ms), UINT64_MAX, 0};
    const bool asks_nobody = keyspace_.leases().all().empty() || plants_.forget_renewals || plants_.end_leases_unasked;
    if (asks_nobody || raft::is_majority(raft_.members(), asked_->told_by)) {
        const uint64_t voters_ms = now_ms - std::min(now_ms, voters_since_ms);
        const uint64_t certain_ms = plants_.forget_renewals ? UINT64_MAX : std::min(asked_->certain_ms, voters_ms);
        clock_.begin(certain_ms, asked_->known_number, now_ms);
        known_term_ = asked_->term;
        asked_.reset();
        return;
    }
    if (now_ms < asked_->resend_at_ms) return;
    asked_->resend_at_ms = now_ms + resend_ms;
    for (const raft::Member& member : raft_.members()) {
        if (!raft::votes(&member) || asked_->told_by.contains(member.id)) continue;
        const LeaseId after = asked_->after.try_emplace(member.id).first->second;
        out.push_back({member.id, LeaseQuestion{asked_->term, asked_->round, after}});
    }
}

uint64_t LeaseKeeper::wake_at_ms() const {
    uint64_t wake = more_ ? 0 : round_due_ms_;
    if (asked_) wake = std::min(wake, asked_->resend_at_ms);
    if (!fresh_.empty()) wake = std::min(wake, fresh_.front().deadline_ms);
    if (!round_) return wake;
    if (!round_->waiting.empty()) wake = std::min(wake, round_->waiting.front().deadline_ms);
    return std::min(wake, round_->resend_at_ms);
}

}  // namespace belfry::hub::core
