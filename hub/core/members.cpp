// What other members say, and the snapshots that take the place of this member's log.
//
//     InstallSnapshot (an offer) ─▶ fetch ─▶ SnapshotFetched ─▶ Raft ─▶ install ─▶ SnapshotInstalled ─▶ go on from there
//
// While a snapshot is being fetched the member goes on as it was: it votes, follows and serves reads. Only the installation
// itself stops it.
#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

void Core::Impl::on(MessageReceived& input, Instant now, Output& output) {
    const uint64_t peer = input.message.peer;
    auto& body = input.message.body;
    if (auto* message = std::get_if<raft::Message>(&body)) return on_raft(*message, now, output);
    if (const auto* ask = std::get_if<ReadIndexAsk>(&body)) return gate_->receive(peer, *ask);
    if (const auto* answer = std::get_if<ReadIndexAnswer>(&body)) return gate_->receive(peer, *answer, now.monotonic_ms);
    if (const auto* digest = std::get_if<StateDigest>(&body)) return agreement_.receive(peer, *digest);
    if (const auto* release = std::get_if<Release>(&body)) return releases_.receive(peer, *release, now.monotonic_ms);
    if (const auto* taken = std::get_if<RenewalsTaken>(&body)) return lease_keeper_->receive(peer, *taken);
    if (const auto* renewals = std::get_if<LeaseRenewals>(&body)) {
        return lease_keeper_->receive(peer, *renewals, now.monotonic_ms, output.messages);
    }
    if (const auto* question = std::get_if<LeaseQuestion>(&body)) {
        if (behind_) return;  // leases are missing whose renewals this member has taken
        return lease_keeper_->receive(peer, *question, now.monotonic_ms, output.messages);
    }
    if (const auto* told = std::get_if<LeaseTimes>(&body)) {
        return lease_keeper_->receive(peer, *told, now.monotonic_ms, output.messages);
    }
    if (auto* requests = std::get_if<ForwardedRequests>(&body)) return on_forwarded(peer, *requests, now, output);
    if (auto* replies = std::get_if<ForwardedReplies>(&body)) {
        return forwarder_.receive(peer, replies->replies, now.monotonic_ms, output.replies);
    }
}

void Core::Impl::on_raft(raft::Message& message, Instant now, Output& output) {
    const bool is_probe = std::holds_alternative<raft::ReadProbe>(message.body);
    if (is_probe || std::holds_alternative<raft::ReadProbeResult>(message.body)) {
        return gate_->receive(message, output.messages);
    }
    if (std::holds_alternative<raft::InstallSnapshot>(message.body)) return on_offer(message, now, output);
    replicator_->note(message, now.monotonic_ms);
    raft::Effects effects;
    const Status received = raft_->receive(message, now.monotonic_ms, effects);
    take_effects(effects, output);
    watch_office(now, output);  // before the next message can take back what clients wait for
    if (!received && received.error().code != Code::invalid_argument) stop(received.error(), output);
}

// ---- forwarded requests ----

void Core::Impl::on_forwarded(uint64_t peer, ForwardedRequests& forwarded, Instant now, Output& output) {
    last_asked_ms_ = now.monotonic_ms;
    for (size_t i = 0; i < forwarded.requests.size(); ++i) {
        RequestReceived received{peer | member_connection_bit, std::move(forwarded.requests[i])};
        if (i < forwarded.callers.size()) {
            received.caller.principal = std::make_shared<const Principal>(std::move(forwarded.callers[i]));
        }
        const uint64_t id = received.request.id;
        if (!needs_leader(received.request.op)) {
            answer(received.connection, id, Error{Code::invalid_argument, "a read need not be forwarded"}, output);
        } else if (role() != raft::Role::leader) {  // not further: a request must not travel in circles
            answer(received.connection, id,
                   Error{Code::unavailable, "the member asked to make the change leads no more; nothing was changed"},
                   output);
        } else {
            on(received, now, output);
        }
    }
}

void Core::Impl::take_own_forwards(Instant now, Output& output) {
    if (stopped_ || role() != raft::Role::leader) return;
    for (RequestReceived& request : forwarder_.take_waiting()) on(request, now, output);
}

// A reply goes where its request came from.
void Core::Impl::deliver(OutgoingReply outgoing, Output& output) {
    output.reply_bytes += outgoing.frame.empty() ? protocol::approximate_bytes(outgoing.reply) : outgoing.frame.size();
    route(std::move(outgoing), output);
}

// One that is counted already.
void Core::Impl::route(OutgoingReply outgoing, Output& output) {
    if ((outgoing.connection & member_connection_bit) == 0) return output.replies.push_back(std::move(outgoing));
    BELFRY_ASSERT(outgoing.frame.empty());
    forwarded_replies_[outgoing.connection & ~member_connection_bit].push_back(std::move(outgoing.reply));
}

// The end of a round: what waited for its end to travel together.
void Core::Impl::send_to_members(Instant now, Output& output) {
    const bool leads = role() == raft::Role::leader;
    forwarder_.flush(leads ? 0 : raft_->leader(), raft_->term(), now.monotonic_ms, output.messages, output.replies);
    for (auto& [peer, replies] : forwarded_replies_) send_replies(peer, replies, output);
    forwarded_replies_.clear();
    if (members_.size() > 1) check_agreement(output);
    releases_.tell(members_, raft_->leader(), now.monotonic_ms, output.messages);
    digests_to_tell_.clear();
}

// What is large travels alone: it may get lost, and nothing else with it.
void Core::Impl::send_replies(uint64_t peer, std::vector<protocol::Reply>& replies, Output& output) {
    ForwardedReplies message;
    size_t message_bytes = 0;
    const auto send = [&] {
        if (!message.replies.empty()) output.messages.push_back({peer, std::exchange(message, {})});
        message_bytes = 0;
    };
    for (protocol::Reply& reply : replies) {
        size_t bytes = protocol::approximate_bytes(reply);
        if (bytes > limits::forwarded_reply_bytes_max) {
            const std::string done = "this is done, at revision " + std::to_string(reply.revision.value) + ", but ";
            reply = {reply.id, reply.revision, Error{Code::conflict, done + too_large_to_forward}, {}};
            bytes = protocol::approximate_bytes(reply);
        }
        const bool is_large = bytes > limits::member_message_bytes_aim;
        if (is_large) send();
        message_bytes += bytes;
        message.replies.push_back(std::move(reply));
        const bool is_full = message.replies.size() >= belfry::limits::frame_requests_max;
        if (is_full || message_bytes >= limits::member_message_bytes_aim) send();
    }
    send();
}

void Core::Impl::check_agreement(Output& output) {
    if (digests_to_tell_.empty() && agreement_.differing().empty()) return;
    for (const StateDigest& own : digests_to_tell_) {
        agreement_.add(own);
        for (const raft::Member& member : members_) {
            if (member.id != options_.member_id) output.messages.push_back({member.id, own});
        }
    }
    const auto differs = agreement_.difference(members_);
    if (!differs) return;
    output.fence = true;
    stop({Code::corrupt, "this member's state differs from what a majority of the members has at log entry " +
                             std::to_string(differs->index.value) + " (digest " + std::to_string(differs->own) +
                             ", theirs " + std::to_string(differs->theirs) +
                             "): its data cannot be trusted; replace the member (docs/cluster.md, \"Repair\")"},
         output);
}

// ---- snapshots of others ----

// The leader repeats its offer until the entries after it are taken.
void Core::Impl::on_offer(raft::Message& message, Instant now, Output& output) {
    const Index offered = std::get<raft::InstallSnapshot>(message.body).last;
    if (raft_->installing()) return;
    if (message.term < raft_->term() ||
        offered <= std::max(raft_->commit_index(), applied_)) {  // nothing to fetch: the engine answers
        const Term here = raft_->term_of(offered);
        if (here != Term{} && here != std::get<raft::InstallSnapshot>(message.body).last_term) return;  // impossible
        raft::Effects effects;
        (void)raft_->receive(message, now.monotonic_ms, effects);
        return take_effects(effects, output);
    }
    const bool known =
        offer_ && offer_->peer == message.peer && std::get<raft::InstallSnapshot>(offer_->body).last == offered;
    if (!known) output.fetch = Fetch{message.peer, offered};
    offer_ = std::move(message);
}

void Core::Impl::on(FetchFailed& input, Instant, Output&) {
    if (offer_ && std::get<raft::InstallSnapshot>(offer_->body).last == input.index) offer_.reset();
}

void Core::Impl::on(SnapshotFetched& input, Instant now, Output& output) {
    if (!offer_ || std::get<raft::InstallSnapshot>(offer_->body).last != input.index || raft_->installing()) return;
    const raft::Message offer = *std::exchange(offer_, std::nullopt);
    raft::Effects effects;
    const Status received = raft_->receive(offer, now.monotonic_ms, effects);
    take_effects(effects, output);
    watch_office(now, output);
    if (!received && received.error().code != Code::invalid_argument) stop(received.error(), output);
}

// What the state holds is told already, so it stays readable as far as its store could keep it; the log's newest part is
// gone from here on.
void Core::Impl::begin_install(const raft::Install& install, Output& output) {
    output.persist.truncate_after.reset();
    output.persist.entries.clear();
    output.install = Boundary{install.index, install.term,
                              raft::Entry{install.configuration_index,
                                          {},
                                          raft::EntryType::change,
                                          std::make_shared<const Bytes>(install.configuration)}};
    if (store_.in_batch()) store_.rollback();
    pending_.clear();
    held_ = {};
    behind_ = true;  // until the store is the snapshot's
    store_full_ = log_full_ = {};
    loaded_ = applied_;
    replicator_->forget_entries();
    if (reading_ != Reading::nothing) reading_ = Reading::in_vain;
}

void Core::Impl::on(SnapshotInstalled& input, Instant now, Output& output) {
    BELFRY_ASSERT(raft_->installing());
    const auto applied = store_.applied_index();
    if (!applied || *applied != input.index) {
        return stop(applied ? Error{Code::corrupt, "the snapshot at " + std::to_string(input.index.value) +
                                                       " left the state store at " + std::to_string(applied->value)}
                            : applied.error(),
                    output);
    }
    raft::Effects effects;
    stop_unless(raft_->snapshot_installed(now.monotonic_ms, effects), output);
    behind_ = false;
    applied_ = loaded_ = boundary_ = snapshot_index_ = input.index;
    log_bytes_ = log_entries_ = 0;
    agreement_.reset();
    stop_unless(keyspace_.load(), output);
    lease_keeper_->clock().load(now.monotonic_ms);
    stop_unless(load_access(), output);
    stop_unless(load_policies(), output);
    if (ready_) feed_.reset(keyspace_.revision());
    take_effects(effects, output);
    offer_snapshot(input.index);
    ask_streams_again(now, output);
}

// From now on whoever lacks entries that are gone from the log gets this snapshot.
void Core::Impl::offer_snapshot(Index index) {
    const Term term = raft_->term_of(index);
    const auto [configuration_index, configuration] = raft_->configuration_at(index);
    if (index == Index{} || term == Term{} || configuration_index == Index{}) return;
    replicator_->offer({index, term, configuration_index, configuration});
}

}  // namespace belfry::hub::core
