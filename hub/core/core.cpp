#include "hub/core/core.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

// What one entry moves cluster time on by the monotonic clock, at most: an idle hour. A clock that leaps with its machine
// is to be no worse than that.
constexpr uint64_t entry_time_step_ms_max = 3'600'000;

}  // namespace

Core::Core(Options options, plugin::StateStore& store, const plugin::Filters& filters, CompileRule compile_rule,
           plugin::Authority* authority)
    : impl_(std::make_unique<Impl>(std::move(options), store, filters, std::move(compile_rule), authority)) {}
Core::~Core() = default;
Status Core::start(raft::Restored restored, Instant now, Output& output) {
    return impl_->start(std::move(restored), now, output);
}
void Core::step(Input input, Instant now, Output& output) { impl_->step(std::move(input), now, output); }
void Core::flush(Instant now, Output& output) { impl_->flush(now, output); }
Status Core::settle() { return impl_->settle(); }
Revision Core::revision() const { return impl_->revision(); }
Index Core::applied() const { return impl_->applied(); }
raft::Role Core::role() const { return impl_->role(); }
Term Core::term() const { return impl_->term(); }
const char* Core::state() const { return impl_->state(); }
std::string Core::unlike_members() const { return impl_->unlike_members(); }

Core::Impl::Impl(Options options, plugin::StateStore& store, const plugin::Filters& filters, CompileRule compile_rule,
                 plugin::Authority* authority)
    : options_(std::move(options)),
      store_(store),
      filters_(filters),
      keyspace_(store),
      feed_({options_.epoch, options_.incarnation, limits::channels_max}),
      forwarder_(options_.incarnation),
      access_(authority, options_.root_token),
      policies_(std::move(compile_rule)),
      compaction_(options_.keep_revisions, options_.keep_ms),
      releases_(options_.member_id, {options_.entry_format, Releases::digest_of(options_.plugins)},
                options_.entry_format_of_all),
      log_bytes_(options_.log_bytes_at_start) {}

// ---- start ----

Status Core::Impl::start(raft::Restored restored, Instant now, Output& output) {
    BELFRY_ASSERT(!raft_);
    now_ms_ = now.monotonic_ms;
    if (auto loaded = load_state(); !loaded) return loaded;
    const Index last = restored.last();
    if (applied_ < restored.boundary || applied_ > last) {
        return Error{Code::corrupt, "the state store is at index " + std::to_string(applied_.value) + ", the log holds " +
                                        std::to_string(restored.boundary.value + 1) + ".." + std::to_string(last.value) +
                                        ": they do not belong together"};
    }
    loaded_ = applied_at_start_ = applied_;
    boundary_ = restored.boundary;
    snapshot_index_ = std::max(restored.boundary, options_.snapshot_at_start);
    if (snapshot_index_ > last) snapshot_index_ = restored.boundary;  // of another log
    if (auto started = start_raft(restored, now, output); !started) return started;
    offer_snapshot(snapshot_index_);
    ready_at_ = raft_->commit_index();
    check_ready();
    flush(now, output);
    return {};
}

Status Core::Impl::load_state() {
    const auto applied = store_.applied_index();
    if (!applied) return applied.error();
    applied_ = *applied;
    if (applied_ != Index{}) {
        if (auto loaded = keyspace_.load(); !loaded) return loaded;
        if (auto loaded = load_access(); !loaded) return loaded;
        return load_policies();
    }
    // A new store: its first facts are written in a batch of their own.
    if (auto begun = store_.begin(); !begun) return begun;
    auto loaded = keyspace_.load();
    if (loaded) loaded = keyspace_.finish_batch();
    if (!loaded) return store_.rollback(), loaded;
    return keyspace_.commit(Index{});
}

// What is written here need not be durable before the engine starts: the log writer keeps the order, and no message leaves
// before the vote is durable (docs/raft.md, D5).
Status Core::Impl::start_raft(raft::Restored& restored, Instant now, Output& output) {
    auto raft = raft::Raft::create({.id = options_.member_id,
                                    .address = "local",
                                    .seed = options_.seed,
                                    .election_timeout_ms = options_.election_timeout_ms,
                                    .heartbeat_timeout_ms = options_.heartbeat_timeout_ms,
                                    .guards = {.sole_voter = options_.guard_sole_voter}});
    if (!raft) return raft.error();
    raft_ = std::move(*raft);
    replicator_.emplace(*raft_, limits::entries_kept_bytes_max);
    persisted_changed_ms_ = now.monotonic_ms;
    gate_.emplace(*raft_, options_.member_id, options_.incarnation);
    lease_keeper_.emplace(*raft_, keyspace_, options_.member_id, options_.lease_pace_us);
    keyspace_.plant(options_.plants.claims);
    lease_keeper_->plant(options_.plants);
    lease_keeper_->clock().load(now.monotonic_ms);
    voters_since_ms_ = now.monotonic_ms;
    if (restored.boundary == Index{} && restored.trail.empty() && !options_.bootstrap.empty()) {
        auto first = raft::Raft::bootstrap_entry(options_.bootstrap);
        restored.term = std::max(restored.term, first.term);
        restored.trail.push_back(first);
        append(std::move(first), output);
        bootstrapping_ = true;
        output.persist.vote = raft::Vote{restored.term, restored.voted_for};
    }
    if (const auto vote = raft_->vote_before_start(restored)) {
        restored.term = vote->term;
        restored.voted_for = vote->voted_for;
        output.persist.vote = vote;
    }
    raft::Effects effects;
    if (auto started = raft_->start(restored, now.monotonic_ms, effects); !started) return started;
    take_effects(effects, output);
    return {};
}

// ---- the round ----

void Core::Impl::step(Input input, Instant now, Output& output) {
    BELFRY_ASSERT(raft_);
    if (stopped_) return;
    now_ms_ = now.monotonic_ms;
    std::visit([&](auto& what) { on(what, now, output); }, input);
}

void Core::Impl::flush(Instant now, Output& output) {
    if (stopped_) return;
    now_ms_ = now.monotonic_ms;
    raft::Effects effects;
    stop_unless(raft_->timeout(now.monotonic_ms, effects), output);
    take_effects(effects, output);
    watch_office(now, output);
    watch_disk(now);
    persist_again(now, output);
    apply(now, output);
    tell_keys(output);
    read_back(output);
    check_ready();
    compact_by_itself(now, output);
    take_own_forwards(now, output);
    make_secret(now);
    expire_leases(now);
    resume_early_writes(now, output);
    administer(now, output);
    propose(now, output);
    take_snapshot_if_due(now, output);
    answer_gated_reads(now, output);
    answer_keep_alives(now, output);
    answer_waiting_reads(now, output);
    answer_streams(now, output);
    publish(now, output);
    send_to_members(now, output);
    store_.end_borrowing();
    output.persist.generation = generation_;
    check_invariants();
    round_.end(keyspace_.looked_at(), output.reply_bytes);
    output.may_end = may_end(now);
    output.wake_at_ms = next_wake_ms(now);
}

bool Core::Impl::has_time(Round::Work kind, const Output& output) {
    return round_.has_time(kind, keyspace_.looked_at(), output.reply_bytes);
}

// From here on this process answers: nothing that was acknowledged before it started is missing any more. A sole voter
// knows at its start what is committed; any other member when an entry of its leader's own term is.
void Core::Impl::check_ready() {
    if (ready_ || stopped_ || raft_->installing()) return;
    if (!alone()) {
        const bool knows = raft_->leader() != 0 && raft_->term_of(raft_->commit_index()) == raft_->term();
        if (!knows || applied_ < raft_->commit_index()) return;
        ready_at_ = raft_->commit_index();
    }
    if (applied_ < ready_at_) return;
    ready_ = true;
    feed_.reset(keyspace_.revision());
}

// Of a leader: its wall clock, but never back. Where some leader's clock was ahead once, time goes on from there as the
// monotonic clock does: if it stood still until the clocks had caught up, no session would become idle meanwhile.
uint64_t Core::Impl::cluster_time_ms(Instant now) const {
    const uint64_t last = std::max(entry_time_ms_, keyspace_.time_ms());
    if (now.wall_ms > last) return now.wall_ms;
    return last + std::min(now.monotonic_ms - entry_timed_at_ms_, entry_time_step_ms_max);
}

uint64_t Core::Impl::next_entry_time(Instant now) {
    entry_time_ms_ = cluster_time_ms(now);
    entry_timed_at_ms_ = now.monotonic_ms;
    return entry_time_ms_;
}

// Whatever a majority has on its disks may still be in memory here, and is on its way to those that lack it.
size_t Core::Impl::uncommitted_bytes() const {
    const Index commit = raft_->commit_index();
    size_t bytes = 0;
    for (const auto* entries : {&pending_, &proposed_}) {
        for (auto at = entries->rbegin(); at != entries->rend() && at->entry.index > commit; ++at) {
            bytes += at->entry.payload->size();
        }
    }
    return bytes;
}

void Core::Impl::propose(Instant now, Output& output) {
    if (const Status writable = can_write_now(); !writable) {
        // Full disks and lost leadership refuse at the door; what came in before is certainly not done either.
        if (!stopped_ && ready_) refuse_proposals(writable.error(), output);
        return;
    }
    if (raft_->transferring() || transfer_) return;
    if (raft_->last_index().value - raft_->commit_index().value >= limits::uncommitted_entries_max) return;
    while (!rounds_.empty() && rounds_.front() <= persisted_) rounds_.pop_front();
    if (proposer_.empty() || rounds_.size() >= options_.rounds_in_flight_max) return;
    if (uncommitted_bytes() >= limits::uncommitted_bytes_max) return;
    for (size_t bytes = 0; !proposer_.empty() && bytes < limits::round_bytes_max;) {
        Proposal proposal = proposer_.take(next_entry_time(now));
        bytes += proposal.payload->size();
        raft::Effects effects;
        const auto index = raft_->submit(std::move(proposal.payload), now.monotonic_ms, effects);
        if (!index) return stop(index.error(), output);
        take_effects(effects, output);
        Pending* const pending = pending_of(*index);
        if (pending == nullptr) {  // older entries are still to be read back
            proposed_.push_back({*replicator_->find(*index), std::move(proposal.entry), std::move(proposal.clients)});
            continue;
        }
        pending->commands = std::move(proposal.entry);
        pending->clients = std::move(proposal.clients);
    }
    rounds_.push_back(raft_->last_index());
}

void Core::Impl::refuse_proposals(const Error& why, Output& output) {
    for (const auto& [client, command, bytes, reach] : proposer_.clear()) {
        if (client.internal) {
            compaction_.dropped();
            announced_format_ = 0;
            if (std::holds_alternative<log::LeaseExpiry>(command.op)) expiry_ended();
        } else {
            answer(client.connection, client.request, why, output);
        }
    }
}

void Core::Impl::compact_by_itself(Instant now, Output& output) {
    const bool leads = role() == raft::Role::leader;
    compaction_.pass_time(now.monotonic_ms, keyspace_.time_ms(), leads ? cluster_time_ms(now) : keyspace_.time_ms());
    if (!can_write_now() || proposer_.full()) return;
    const auto due = compaction_.due(keyspace_, now.monotonic_ms);
    if (!due) return stop(due.error(), output);
    if (*due == Revision{}) return;
    proposer_.add({0, 0, true}, {"belfry", "automatic", protocol::CompactRequest{*due}}, sizeof(protocol::CompactRequest));
}

// A member that has lost its leader falls silent: what it knows may be old for long, and subscribers that miss its marks
// move to another member.
bool Core::Impl::speaks() const { return ready_ && raft_->leader() != 0; }

void Core::Impl::publish(Instant now, Output& output) {
    if (!speaks()) return;
    if (now.monotonic_ms >= feed_.wake_at_ms()) feed_.tick(now.monotonic_ms, output.deliveries);
    const protocol::JoinMessage answer = feed_.join_answer();
    const bool same = join_ && join_->epoch == answer.epoch && join_->incarnation == answer.incarnation &&
                      join_->revision == answer.revision && join_->spread_ms == answer.spread_ms;
    if (same) return;
    join_ = answer;
    output.join = answer;
}

uint64_t Core::Impl::next_wake_ms(Instant now) {
    if (stopped_) return UINT64_MAX;
    uint64_t wake =
        std::min({raft_->wake_at_ms(), waiting_reads_.next_deadline_ms(), store_full_.retry_at_ms, log_full_.retry_at_ms,
                  held_.commit_at_ms, gate_->wake_at_ms(), lease_keeper_->wake_at_ms(), forwarder_.wake_at_ms(),
                  administration_wake_ms(now), office_wake_ms(now), releases_.wake_at_ms(members_)});
    if (can_write_now()) wake = std::min(wake, compaction_.wake_at_ms());
    if (may_expire_leases()) wake = std::min(wake, lease_keeper_->clock().wake_at_ms());
    const bool stream_answer_due = waiting_changes_.any_touched() && !behind_;
    wake = std::min(wake, stream_answer_due ? now.monotonic_ms : waiting_changes_.next_deadline_ms());
    if (access_.lacks_secret() && role() == raft::Role::leader) wake = std::min(wake, now.monotonic_ms + 100);
    if (speaks()) wake = std::min(wake, feed_.wake_at_ms());
    const Index can_apply = can_apply_to();
    const bool entry_due = !store_full_.active && !pending_.empty() && applied_ < can_apply;
    const bool read_due = gate_->any_ready(applied_) || (waiting_reads_.any_ready() && !behind_);
    if (entry_due || read_due || can_resume()) wake = now.monotonic_ms;
    return std::max(wake, now.monotonic_ms);
}

// ---- small inputs ----

void Core::Impl::on(TopicChanged& input, Instant now, Output&) {
    feed_.on_topic(input.channel, input.subscribed, now.monotonic_ms);
}

void Core::Impl::on(ConnectionClosed& input, Instant, Output&) {
    waiting_reads_.forget(input.connection);
    waiting_changes_.forget(input.connection);
    gate_->forget(input.connection);
    lease_keeper_->forget(input.connection);
    forwarder_.forget(input.connection);
}

void Core::Impl::on(TimerFired&, Instant, Output&) {}  // flush() looks at every clock

void Core::Impl::on(FiguresMeasured& input, Instant, Output&) { figures_ = std::move(input); }

void Core::Impl::stop(Error error, Output& output) {
    stopped_ = true;
    if (!output.fatal) output.fatal = std::move(error);
}

void Core::Impl::stop_unless(const Status& status, Output& output) {
    if (!status) stop(status.error(), output);
}

}  // namespace belfry::hub::core
