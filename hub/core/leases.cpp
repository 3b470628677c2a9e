// Leases at the leader: kept alive, ended when nobody did, told about. What is granted and revoked goes through the log as
// any write; what members remember of times is lease_keeper's.
#include <algorithm>
#include <tuple>

#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

// Ended by one log entry: of one key each, some 5 ms of work.
constexpr size_t leases_ended_at_once = 512;

Error no_lease(LeaseId id) {
    return {Code::not_found, "there is no lease " + std::to_string(id.value) + "; it was not granted, or has ended"};
}

Error not_yours(LeaseId id) { return {Code::denied, "lease " + std::to_string(id.value) + " was granted to another user"}; }

}  // namespace

// A leader that has not applied what was there before its office would take a lease for ended that was just granted. And
// before something of its own term is committed, an end that an earlier leader has proposed might still be applied.
bool Core::Impl::knows_leases() const {
    if (role() != raft::Role::leader || raft_->term() != office_ || applied_ < office_begins_at_ || behind_) return false;
    return alone() || raft_->term_of(raft_->commit_index()) == raft_->term();
}

// Whoever was granted it, and administrators.
bool Core::Impl::may_use_lease(const Caller& caller, const model::Lease& lease) const {
    return access_.is_open() || caller.principal->name == lease.owner || administrates(caller);
}

// ---- kept alive ----

void Core::Impl::keep_alive(RequestReceived& input, Instant now, Output& output) {
    if (!lease_keeper_->full()) return lease_keeper_->add(std::move(input), now.monotonic_ms);
    answer(input.connection, input.request.id, Error{Code::busy, "too many leases wait to be kept alive"}, output);
}

void Core::Impl::answer_keep_alives(Instant now, Output& output) {
    // Every round of the core comes here, so what these hold is small enough to need no memory of its own.
    const auto round = std::tie(now, output);
    const LeaseKeeper::Office office{
        knows_leases(), voters_since_ms_,
        [this, &round](RequestReceived& asked) { return is_permitted(asked, std::get<0>(round), std::get<1>(round)); },
        [this](const Caller& caller, const model::Lease& lease) { return may_use_lease(caller, lease); }};
    lease_keeper_->flush(office, now.monotonic_ms, output.messages);
    for (LeaseKeeper::Answered& kept : lease_keeper_->take_answered()) {
        counters_.leases_kept_alive += kept.reply.ttl_s.size();
        answer(kept.request.connection, kept.request.request.id, Result(std::move(kept.reply)), output);
    }
    for (const RequestReceived& late : lease_keeper_->take_late(now.monotonic_ms)) {
        answer(late.connection, late.request.id,
               Error{Code::unavailable, "no majority of the members has taken in time that the lease is kept alive"},
               output);
    }
}

// To the next leader; but not what another member has sent here, for it must not travel in circles.
void Core::Impl::hand_over_keep_alives(Output& output) {
    for (RequestReceived& request : lease_keeper_->take_all()) {
        if ((request.connection & member_connection_bit) == 0 && !forwarder_.full()) {
            forwarder_.add(std::move(request), now_ms_);
            continue;
        }
        answer(request.connection, request.request.id, Error{Code::unavailable, "this member leads no more"}, output);
    }
}

// ---- ended ----

// False: it is answered. Of a lease that there is not here nothing can be said; the log then names none either.
bool Core::Impl::may_revoke(const RequestReceived& input, Output& output) {
    const auto* const op = std::get_if<protocol::LeaseRevokeRequest>(&input.request.op);
    const model::Lease* const lease = op == nullptr ? nullptr : keyspace_.leases().find(op->lease);
    return lease == nullptr || may_use_lease(input.caller, *lease) || refuse_caller(input, not_yours(op->lease), output);
}

// Which lease is meant, whatever happens until the command is applied.
void Core::Impl::name_lease(log::Command& command) const {
    auto* const revoke = std::get_if<log::LeaseRevoke>(&command.op);
    const model::Lease* const lease = revoke == nullptr ? nullptr : keyspace_.leases().find(revoke->lease);
    if (lease != nullptr) revoke->number = lease->number;
}

bool Core::Impl::may_expire_leases() const {
    return !expiry_under_way_ && lease_keeper_->knows_times() && knows_leases() && !transfer_ && !proposer_.full() &&
           can_write_now();
}

void Core::Impl::expire_leases(Instant now) {
    if (stopped_ || !may_expire_leases()) return;
    log::LeaseExpiry expiry = lease_keeper_->clock().take_due(leases_ended_at_once, now.monotonic_ms);
    if (expiry.leases.empty()) return;
    expiry_under_way_ = true;
    const size_t bytes = sizeof(log::LeaseExpiry) + expiry.leases.size() * sizeof(log::LeaseRevoke);
    proposer_.add({0, 0, true}, {Bytes(auth::own_name), "leases that ended", std::move(expiry)}, bytes);
}

void Core::Impl::expiry_ended() {
    expiry_under_way_ = false;
    lease_keeper_->clock().proposal_ended(now_ms_);
}

// REQUIRES: before the reply is taken out of it.
void Core::Impl::note_leases(const log::Command& command, const model::Applied& applied, Batch& batch) {
    if (const auto* expiry = std::get_if<log::LeaseExpiry>(&command.op)) {
        batch.ended_leases = true;
        for (const log::LeaseRevoke& one : expiry->leases) {
            batch.leases_expired += keyspace_.leases().find(one.lease) == nullptr ? 1 : 0;
        }
        return;
    }
    if (!applied.reply) return;
    if (const auto* granted = std::get_if<protocol::LeaseGrantReply>(&*applied.reply)) {
        batch.granted.push_back(granted->lease);
    }
    const auto* const revoke = std::get_if<log::LeaseRevoke>(&command.op);
    const auto* const revoked = std::get_if<protocol::LeaseRevokeReply>(&*applied.reply);
    if (revoke != nullptr && revoked != nullptr && revoked->more) batch.ending.push_back(revoke->lease);
}

void Core::Impl::tell_lease_clock(const Batch& batch, Instant now) {
    for (const LeaseId id : batch.granted) lease_keeper_->clock().granted(id, now.monotonic_ms);
    for (const LeaseId id : batch.ending) lease_keeper_->clock().end_soon(id, now.monotonic_ms);
    counters_.leases_expired += batch.leases_expired;
    // Another leader's does not count: this member has none of its own under way then.
    if (batch.ended_leases && expiry_under_way_) expiry_ended();
}

// ---- told about ----

protocol::LeaseFacts Core::Impl::facts_of(LeaseId id, const model::Lease& lease, Instant now) const {
    return {id, lease.ttl_s, lease_keeper_->clock().remaining_ms(id, now.monotonic_ms), lease.owner};
}

void Core::Impl::on_lease_read(const RequestReceived& input, Instant now, Output& output) {
    const auto connection = input.connection;
    const auto id = input.request.id;
    if (!knows_leases() || !lease_keeper_->knows_times()) {
        return answer(connection, id, Error{Code::unavailable, "this member does not know yet how long leases live"},
                      output);
    }
    if (const auto* list = std::get_if<protocol::LeasesRequest>(&input.request.op)) {
        return answer(connection, id, Result(list_leases(input, list->after, now)), output);
    }
    const auto& op = std::get<protocol::LeaseTimeToLiveRequest>(input.request.op);
    const model::Lease* const lease = keyspace_.leases().find(op.lease);
    if (lease == nullptr) return answer(connection, id, no_lease(op.lease), output);
    if (!may_use_lease(input.caller, *lease)) return (void)refuse_caller(input, not_yours(op.lease), output);
    protocol::LeaseTimeToLiveReply reply{facts_of(op.lease, *lease, now), {}, false};
    if (op.keys) {
        auto keys = keyspace_.keys_of_lease(op.lease, op.after, belfry::limits::leases_page_max + 1);
        if (!keys) return answer(connection, id, keys.error(), output);
        reply.more = keys->size() > belfry::limits::leases_page_max;
        if (reply.more) keys->pop_back();
        reply.keys = *std::move(keys);
    }
    answer(connection, id, Result(std::move(reply)), output);
}

protocol::LeasesReply Core::Impl::list_leases(const RequestReceived& input, LeaseId after, Instant now) const {
    protocol::LeasesReply reply;
    const auto& all = keyspace_.leases().all();
    const bool sees_all = administrates(input.caller);
    for (auto at = all.upper_bound(after.value); at != all.end(); ++at) {
        if (!sees_all && at->second.owner != input.caller.principal->name) continue;
        if (reply.leases.size() == belfry::limits::leases_page_max) {
            reply.more = true;
            break;
        }
        reply.leases.push_back(facts_of({at->first}, at->second, now));
    }
    return reply;
}

}  // namespace belfry::hub::core
