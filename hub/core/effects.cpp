// What Raft says must be done, and what follows from leading or not.
#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"

namespace belfry::hub::core {

void Core::Impl::take_effects(raft::Effects& effects, Output& output) {
    const bool leads_on = role() == raft::Role::leader && raft_->term() == office_;
    if (office_ != Term{} && !leads_on) leave_office(output);  // before what it proposed is cut
    if (effects.vote) output.persist.vote = effects.vote;
    if (effects.install) begin_install(*effects.install, output);
    if (effects.truncate_after) truncate_after(*effects.truncate_after, output);
    for (raft::Entry& entry : effects.entries) append(std::move(entry), output);
    generation_ = std::max(generation_, effects.generation);
    for (raft::Message& message : effects.messages) replicator_->add(std::move(message), output.messages);
    persisted_ = bootstrapping_ ? Index{} : raft_->stored();
    if (raft_->members_version() != members_version_) {
        members_version_ = raft_->members_version();
        output.members = members_ = raft_->members();
        agreement_.keep(members_);
        voters_since_ms_ = now_ms_;
    }
    effects = {};
}

// What is committed, and on this member's own disk.
Index Core::Impl::can_apply_to() const {
    if (options_.plants.reply_before_quorum && role() == raft::Role::leader) return persisted_;
    return std::min(raft_->commit_index(), persisted_);
}

// Payloads stay here until they are durable and applied; an entry that comes while older ones still have to be read back is
// taken from the replicator's memory, or read back too.
void Core::Impl::append(raft::Entry entry, Output& output) {
    if (entry.index == loaded_.next()) load(entry);
    replicator_->append(entry);
    output.persist.entries.push_back(std::move(entry));
}

// The next one to apply, with what this member knows of it if it proposed it itself.
void Core::Impl::load(const raft::Entry& entry) {
    loaded_ = entry.index;
    while (!proposed_.empty() && proposed_.front().entry.index < entry.index) proposed_.pop_front();
    const bool ours = !proposed_.empty() && proposed_.front().entry.index == entry.index;
    if (!ours) return pending_.push_back({entry, {}, {}});
    pending_.push_back(std::move(proposed_.front()));
    proposed_.pop_front();
}

Core::Impl::Pending* Core::Impl::pending_of(Index index) {
    if (pending_.empty() || index < pending_.front().entry.index || index > pending_.back().entry.index) return nullptr;
    return &pending_[static_cast<size_t>(index.value - pending_.front().entry.index.value)];
}

// What was appended in this round has not reached the log yet, and need not be cut there.
void Core::Impl::truncate_after(Index last_kept, Output& output) {
    if (last_kept < applied_) return stop({Code::corrupt, "an entry that was applied is cut from the log"}, output);
    auto& entries = output.persist.entries;
    const bool unsent = !entries.empty() && entries.front().index <= last_kept;
    std::erase_if(entries, [&](const raft::Entry& entry) { return entry.index > last_kept; });
    if (!unsent) output.persist.truncate_after = std::min(output.persist.truncate_after.value_or(last_kept), last_kept);
    replicator_->truncate_after(last_kept);
    for (; !pending_.empty() && pending_.back().entry.index > last_kept; pending_.pop_back()) {
        BELFRY_ASSERT(pending_.back().clients.empty());  // leave_office() has told them
    }
    loaded_ = std::min(loaded_, last_kept);
    if (log_full_.active && log_full_first_ > last_kept.next()) log_full_ = {};
}

// A new leader knows what is committed when an entry of its own term is: it appends one that says nothing. A sole voter
// knows without.
void Core::Impl::watch_office(Instant now, Output& output) {
    if (stopped_) return;
    if (role() != raft::Role::leader || raft_->term() == office_) return;
    office_ = raft_->term();
    office_begins_at_ = raft_->last_index();
    leads_since_ms_ = entry_timed_at_ms_ = now.monotonic_ms;
    announced_format_ = 0;
    if (raft_->sole_voter()) return;
    if (raft_->last_index() > raft_->commit_index() && raft_->term_of(raft_->last_index()) == office_) return;
    append_nothing(now, output);
}

void Core::Impl::append_nothing(Instant now, Output& output) {
    raft::Effects effects;
    log::EntryBuilder nothing;
    auto payload = std::make_shared<const Bytes>(nothing.take(next_entry_time(now)));
    const auto index = raft_->submit(std::move(payload), now.monotonic_ms, effects);
    take_effects(effects, output);
    if (!index && index.error().code != Code::not_leader) stop(index.error(), output);
}

namespace {

// REQUIRES: a client asked for it.
protocol::RequestOp request_op_of(log::Command& command) {
    return std::visit(
        [](auto& one) -> protocol::RequestOp {
            using Op = std::decay_t<decltype(one)>;
            if constexpr (std::is_same_v<Op, log::LeaseExpiry>) {
                BELFRY_ASSERT(false);
                return protocol::StatusRequest{};
            } else if constexpr (std::is_same_v<Op, log::LeaseRevoke>) {
                return protocol::LeaseRevokeRequest{one.lease};
            } else {
                return std::move(one);
            }
        },
        command.op);
}

}  // namespace

// What was not proposed yet goes to the next leader; but not what another member has sent here, for it must not travel in
// circles.
void Core::Impl::hand_over_proposals(Output& output) {
    for (auto& [client, command, bytes, reach] : proposer_.clear()) {
        if (client.internal) continue;
        if ((client.connection & member_connection_bit) != 0 || forwarder_.full()) {
            answer(client.connection, client.request,
                   Error{Code::unavailable, "this member leads no more; nothing was changed"}, output);
            continue;
        }
        protocol::RequestOp op = request_op_of(command);
        protocol::Request request{
            client.request, std::move(command.author), std::move(command.comment), std::move(op), command.ticket,
            false,          std::move(command.labels)};
        RequestReceived received{client.connection, std::move(request)};
        if (!access_.is_open()) {  // then the author is who made it
            auto who = access_.named(received.request.author);
            if (!who) {
                answer(client.connection, client.request, who.error(), output);
                continue;
            }
            received.caller.principal = *std::move(who);
        }
        forwarder_.add(std::move(received), now_ms_);
    }
}

// Whoever waits for an entry from `first` on hears it now, and not again when the entry is applied.
void Core::Impl::tell_uncertain(std::deque<Pending>& entries, Index first, const std::string& why, Output& output) {
    const Code code = options_.plants.uncertain_as_refused ? Code::unavailable : Code::uncertain;
    for (Pending& pending : entries) {
        if (pending.entry.index < first) continue;
        for (const Client& client : pending.clients) {
            if (!client.internal) answer(client.connection, client.request, Error{code, why}, output);
        }
        pending.clients.clear();
    }
}

// What was proposed may still be committed by the next leader.
void Core::Impl::leave_office(Output& output) {
    office_ = {};
    for (auto* const entries : {&pending_, &proposed_}) {
        tell_uncertain(*entries, Index{}, "this member leads no more; the change is perhaps made", output);
    }
    proposed_.clear();
    rounds_.clear();
    compaction_.dropped();
    expiry_under_way_ = false;
    hand_over_proposals(output);
    hand_over_keep_alives(output);
}

}  // namespace belfry::hub::core
