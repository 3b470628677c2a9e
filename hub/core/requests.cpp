#include <algorithm>

#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// Filters kept compiled. Catch-up pages and joins repeat the same few; past the bound the memory starts anew.
constexpr size_t compiled_filters_max = 256;

}  // namespace

// ---- at the door ----

// Of a member that decides alone: everything acknowledged by this process was applied before the reply, and everything
// acknowledged before it has been applied once it is ready. Among several members the gate knows.
Status Core::Impl::can_read() const {
    if (!ready_) {
        std::string detail = "the hub is starting: applied " + std::to_string(applied_.value) + " of " +
                             std::to_string(std::max(ready_at_, raft_->commit_index()).value) + " log entries";
        if (log_full_.active) detail += "; the log cannot grow: " + log_full_.error.detail;
        if (store_full_.active) detail += "; the state store cannot grow: " + store_full_.error.detail;
        return Error{Code::unavailable, std::move(detail)};
    }
    return state_is_whole();
}

Status Core::Impl::state_is_whole() const {
    if (!behind_) return {};
    if (raft_->installing()) return Error{Code::unavailable, "a snapshot of another member is being installed"};
    return Error{Code::unavailable,
                 "the state store cannot grow and lacks the newest changes: " + store_full_.error.detail};
}

Status Core::Impl::can_write_now() const {
    if (stopped_) return Error{Code::unavailable, "the hub is stopping"};
    if (role() != raft::Role::leader) return Error{Code::unavailable, "this member does not lead; nothing was changed"};
    if (log_full_.active) return Error{Code::no_space, "the log cannot grow: " + log_full_.error.detail};
    if (store_full_.active) return Error{Code::no_space, "the state store cannot grow: " + store_full_.error.detail};
    return alone() ? can_read() : state_is_whole();  // among several a leader's log is all there is to wait for
}

void Core::Impl::on(RequestReceived& input, Instant now, Output& output) {
    last_asked_ms_ = now.monotonic_ms;
    auto& op = input.request.op;
    if (turns_away(input, output)) return;
    if (!knows_caller(input, now, output)) return;
    if (needs_leader(op)) {
        if (role() != raft::Role::leader) return forward(input, now, output);
        const bool reads = std::holds_alternative<protocol::MembersRequest>(op) || is_lease_read(op);
        if (reads) return read_at_gate(input, now, output);
        return lead(input, now, output);
    }
    const auto connection = input.connection;
    const auto id = input.request.id;
    if (std::holds_alternative<protocol::StatusRequest>(op)) {
        protocol::StatusReply figures = status();
        // Patterns of policies say what keys others have.
        const auto of_policies = [](const auto& figure) {
            return figure.first.starts_with("quota.") || figure.first.starts_with("policy.");
        };
        if (!administrates(input.caller)) std::erase_if(figures.figures, of_policies);
        return answer(connection, id, Result<protocol::StatusReply>(std::move(figures)), output);
    }
    if (std::holds_alternative<protocol::PluginsRequest>(op)) {
        return answer(connection, id, Result<protocol::PluginsReply>({options_.member_id, options_.plugins}), output);
    }
    const auto* range = std::get_if<protocol::RangeRequest>(&op);
    const auto* backup = std::get_if<protocol::BackupRequest>(&op);
    // Where callers are asked who they are, all but local reads are answered by what was acknowledged: revokes too.
    const bool anywhere = (range != nullptr && range->local) ||
                          (access_.is_open() && ((backup != nullptr && backup->index != 0) ||
                                                 std::holds_alternative<protocol::ChannelRequest>(op) ||
                                                 std::holds_alternative<protocol::AuthenticateRequest>(op)));
    if (anywhere) return on_read(input, now, output);
    read_at_gate(input, now, output);
}

// A sole voter needs nobody's word. But a learner may have applied, and shown, what this member has no room to apply.
bool Core::Impl::knows_newest() const {
    if (!alone()) return false;
    if (!ready_) return true;  // nothing: on_read() says that this member is starting
    const bool nobody_else = members_.size() == 1 && raft_->configuration_index() <= applied_;
    return nobody_else || raft_->commit_index() <= applied_;
}

void Core::Impl::read_at_gate(RequestReceived& input, Instant now, Output& output) {
    if (knows_newest() || options_.plants.stale_read) return on_read(input, now, output);
    if (gate_->full()) {
        return answer(input.connection, input.request.id,
                      Error{Code::busy, "too many reads wait for the cluster's agreement"}, output);
    }
    gate_->add(std::move(input), now.monotonic_ms);
}

// Nothing acknowledged is missing here any more: the state as it is answers.
void Core::Impl::on_read(RequestReceived& input, Instant now, Output& output) {
    if (!is_permitted(input, now, output)) return;
    auto& op = input.request.op;
    if (std::holds_alternative<protocol::RangeRequest>(op)) return on_range(input, now, output);
    if (std::holds_alternative<protocol::TxnRequest>(op)) return try_out(input, now, output);
    if (std::holds_alternative<protocol::MembersRequest>(op)) return on_members(input, output);
    const auto connection = input.connection;
    const auto id = input.request.id;
    if (auto readable = can_read(); !readable) return answer(connection, id, readable.error(), output);
    ++counters_.other_reads;
    if (is_lease_read(op)) return on_lease_read(input, now, output);
    if (std::holds_alternative<protocol::AuthenticateRequest>(op)) return on_authenticate(input, now, output);
    if (std::holds_alternative<protocol::ChannelRequest>(op)) return on_channel(input, now, output);
    if (std::holds_alternative<protocol::BackupRequest>(op)) return on_backup(input, now, output);
    if (const auto* records = std::get_if<protocol::RecordsRequest>(&op)) {
        auto found = keyspace_.records(*records);
        if (!found) return answer(connection, id, found.error(), output);
        for (protocol::Record& record : found->records) {
            if (auth::is_secret(record.name)) record.content.clear();
        }
        return answer(connection, id, std::move(found), output);
    }
    if (const auto* history = std::get_if<protocol::HistoryRequest>(&op)) {
        return answer(connection, id, keyspace_.history(*history), output);
    }
    if (std::holds_alternative<protocol::ChangesRequest>(op)) return on_changes(input, now, output);
    if (const auto* snapshot = std::get_if<protocol::SnapshotRequest>(&op)) {
        return on_filtered_read(input, *snapshot, &model::Keyspace::snapshot, output);
    }
    if (const auto* digest = std::get_if<protocol::DigestRequest>(&op)) {
        return on_filtered_read(input, *digest, &model::Keyspace::digest, output);
    }
}

void Core::Impl::answer_gated_reads(Instant now, Output& output) {
    gate_->flush(now.monotonic_ms, output.messages);
    while (gate_->any_ready(applied_) && has_time(Round::Work::gated_reads, output)) {
        RequestReceived read = gate_->take_ready();
        on_read(read, now, output);
    }
    // Their clients go to another member, which can answer.
    for (const RequestReceived& stuck : disk_hinders(now) ? gate_->take_granted() : std::vector<RequestReceived>()) {
        const Error& full = store_full_.active ? store_full_.error : log_full_.error;
        answer(stuck.connection, stuck.request.id,
               Error{Code::unavailable, "this member's disk keeps it from applying the newest changes: " +
                                            (full.detail.empty() ? "it takes nothing" : full.detail)},
               output);
    }
    for (const RequestReceived& late : gate_->take_late(now.monotonic_ms)) {
        answer(late.connection, late.request.id,
               Error{Code::unavailable,
                     "the cluster did not agree in time on what is newest; is a majority of its members "
                     "up? A local read needs none"},
               output);
    }
    for (const RequestReceived& late : gate_->take_late_granted(now.monotonic_ms)) {
        answer(late.connection, late.request.id,
               Error{Code::unavailable, "this member had too much to do before this read, or lacks what is newest"},
               output);
    }
}

void Core::Impl::forward(RequestReceived& input, Instant now, Output& output) {
    if (forwarder_.full()) {
        return answer(input.connection, input.request.id, Error{Code::busy, "too many writes wait for the leader"}, output);
    }
    if (const uint64_t leader = raft_->leader(); leader != 0 && releases_.leader_is_older(leader)) {
        const Status readable = releases_.leader_reads(format_of(input.request), leader);
        if (!readable) return answer(input.connection, input.request.id, readable.error(), output);
    }
    forwarder_.add(std::move(input), now.monotonic_ms);
}

// ---- reads ----

void Core::Impl::on_range(RequestReceived& input, Instant now, Output& output) {
    const auto& range = std::get<protocol::RangeRequest>(input.request.op);
    if (auto readable = range.local ? state_is_whole() : can_read(); !readable) {
        return answer(input.connection, input.request.id, readable.error(), output);
    }
    ++counters_.ranges;
    if (range.min_revision <= keyspace_.revision()) {
        return answer_range(input.connection, input.request.id, range, output);
    }
    if (waiting_reads_.full()) {
        return answer(input.connection, input.request.id, Error{Code::busy, "too many reads wait for a revision"}, output);
    }
    const uint64_t deadline_ms = now.monotonic_ms + limits::min_revision_wait_ms_max;
    waiting_reads_.add({std::move(input), range.min_revision, deadline_ms});
}

// One key's reply shares a frame with others; many keys are written into their frame while they are read.
void Core::Impl::answer_range(uint64_t connection, uint64_t request, const protocol::RangeRequest& range, Output& output) {
    if (range.count_only || range.range.is_one()) return answer(connection, request, keyspace_.range(range), output);
    protocol::RangeFrame frame(request, keyspace_.revision());
    const auto reply = keyspace_.range(range, frame);
    if (!reply) return answer(connection, request, reply.error(), output);
    deliver({connection, {request, keyspace_.revision(), {}, {}}, std::move(frame).take(reply->count, reply->more)},
            output);
}

void Core::Impl::answer_waiting_reads(Instant now, Output& output) {
    if (!behind_) waiting_reads_.reach(keyspace_.revision());
    while (!behind_ && waiting_reads_.any_ready() && has_time(Round::Work::waiting_reads, output)) {
        WaitingRead read = waiting_reads_.take_ready();
        RequestReceived& input = read.request;
        if (!is_permitted(input, now, output)) continue;  // it may have been revoked meanwhile
        const auto& range = std::get<protocol::RangeRequest>(input.request.op);
        answer_range(input.connection, input.request.id, range, output);
    }
    for (const WaitingRead& read : waiting_reads_.take_late(now.monotonic_ms)) {
        const Revision revision = keyspace_.revision();
        const std::string what = "revision " + std::to_string(read.min_revision.value);
        answer(
            read.request.connection, read.request.request.id,
            Error{Code::unavailable, read.min_revision > revision
                                         ? what + " has not come; this member is at " + std::to_string(revision.value)
                                         : what + " has come, but this member had too much to do, or its store is behind"},
            output);
    }
}

template <class Request, class Read>
void Core::Impl::on_filtered_read(const RequestReceived& input, const Request& request, Read read, Output& output) {
    const auto filter = compile(request.filter);
    if (!filter) return answer(input.connection, input.request.id, filter.error(), output);
    auto reply = (keyspace_.*read)(request, **filter);
    if constexpr (requires { reply->epoch; }) {
        if (reply) reply->epoch = options_.epoch;
    }
    answer(input.connection, input.request.id, std::move(reply), output);
}

void Core::Impl::on_channel(const RequestReceived& input, Instant now, Output& output) {
    const auto& request = std::get<protocol::ChannelRequest>(input.request.op);
    const auto filter = compile(request.filter);
    if (!filter) return answer(input.connection, input.request.id, filter.error(), output);
    const auto everything = compile({"prefix", ""});
    if (!everything) return answer(input.connection, input.request.id, everything.error(), output);
    if (!may_have_feed(input.caller)) {
        protocol::ChannelReply reply;
        reply.channel = (*filter)->channel();
        reply.from = keyspace_.revision();
        reply.incarnation = options_.incarnation;
        reply.stream = true;
        return answer(input.connection, input.request.id, Result(std::move(reply)), output);
    }
    answer(input.connection, input.request.id, feed_.open_channel(*filter, *everything, now.monotonic_ms), output);
}

Result<std::shared_ptr<const plugin::Filter>> Core::Impl::compile(const protocol::FilterSpec& spec) {
    std::pair<std::string, Bytes> key{spec.kind, spec.spec};
    if (const auto found = compiled_.find(key); found != compiled_.end()) return found->second;
    auto filter = filters_.compile(spec);
    if (!filter) return filter;
    if (compiled_.size() >= compiled_filters_max) compiled_.clear();
    compiled_.emplace(std::move(key), *filter);
    return filter;
}

// ---- replies ----

template <class T>
void Core::Impl::answer(uint64_t connection, uint64_t request, Result<T> result, Output& output) {
    if (!result) return answer(connection, request, std::move(result).error(), output);
    deliver({connection, {request, keyspace_.revision(), {}, std::move(*result)}, {}}, output);
}
template void Core::Impl::answer(uint64_t, uint64_t, Result<protocol::ChangesReply>, Output&);         // streams.cpp
template void Core::Impl::answer(uint64_t, uint64_t, Result<protocol::LeaseKeepAliveReply>, Output&);  // leases.cpp
template void Core::Impl::answer(uint64_t, uint64_t, Result<protocol::LeaseTimeToLiveReply>, Output&);
template void Core::Impl::answer(uint64_t, uint64_t, Result<protocol::LeasesReply>, Output&);

void Core::Impl::answer(uint64_t connection, uint64_t request, Error error, Output& output) {
    ++counters_.refused;
    deliver({connection, {request, keyspace_.revision(), std::move(error), {}}, {}}, output);
}

}  // namespace belfry::hub::core
