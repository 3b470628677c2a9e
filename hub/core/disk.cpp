#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t log_retry_ms = 500;
// Writers inside entries that a full disk keeps out of the log are told `uncertain` after this: the entries may still get
// there when space is freed. Less than a client's usual patience (5 s), so that it hears the reason.
constexpr uint64_t log_full_patience_ms = 3000;
constexpr uint64_t snapshot_retry_ms = 60'000;

}  // namespace

// ---- the log ----

void Core::Impl::on(EntriesPersisted& input, Instant now, Output& output) {
    BELFRY_ASSERT(input.up_to <= raft_->last_index());
    if (log_full_.active && input.up_to >= log_full_first_) log_full_ = {};
    persisted_ = std::max(persisted_, input.up_to);
    raft::Effects effects;
    // A sole voter's log is never cut: there is one generation.
    stop_unless(raft_->persisted(persisted_, 0, now.monotonic_ms, effects), output);
    take_effects(effects, output);
}

// The engine counts these entries as appended, and nothing but a later term could take them back; so they are asked for
// again, the same ones, until the disk has room. Nobody was told that they are done.
void Core::Impl::on(PersistFailed& input, Instant now, Output& output) {
    if (input.error.code != Code::no_space) return stop(input.error, output);
    if (input.first <= persisted_ || input.first > raft_->last_index()) return;
    // Entries that were queued behind the first failed one fail too; they are asked for again together with it.
    if (log_full_.active && input.first > log_full_first_) return;
    log_full_first_ = input.first;
    if (!log_full_.active) log_full_.since_ms = now.monotonic_ms;
    log_full_.active = true;
    log_full_.error = input.error;
    log_full_.retry_at_ms = now.monotonic_ms + log_retry_ms;
}

void Core::Impl::persist_again(Instant now, Output& output) {
    if (stopped_ || !log_full_.active) return;
    const bool give_up = now.monotonic_ms >= log_full_.since_ms + log_full_patience_ms;
    const bool retry = now.monotonic_ms >= log_full_.retry_at_ms;
    if (retry) log_full_.retry_at_ms = UINT64_MAX;  // not again before the answer
    for (Pending& pending : pending_) {
        if (pending.entry.index < log_full_first_) continue;
        if (retry) output.persist.entries.push_back(pending.entry);
        if (!give_up) continue;
        for (const Client& client : pending.clients) {
            if (client.internal) continue;
            answer(client.connection, client.request,
                   Error{Code::uncertain, "the log's disk is full; the write may still be done when there is room: " +
                                              log_full_.error.detail},
                   output);
        }
        pending.clients.clear();
    }
}

// ---- snapshots ----

void Core::Impl::take_snapshot_if_due(Instant now, Output& output) {
    if (stopped_ || snapshot_running_ || !ready_ || behind_) return;
    if (log_bytes_ < snapshot_due_bytes_ || now.monotonic_ms < snapshot_not_before_ms_) return;
    if (applied_ <= snapshot_index_) return;
    if (auto committed = commit_held(); !committed) return on_apply_error(committed.error(), now, output);
    snapshot_running_ = true;
    log_bytes_ = 0;
    output.take_snapshot = true;
}

// A large store is copied seldom: after as much log as the last copy was long, copying at most doubles what is written.
uint64_t Core::Impl::log_bytes_after(uint64_t snapshot_bytes) const {
    return std::clamp(snapshot_bytes, options_.snapshot_log_bytes,
                      options_.snapshot_log_bytes * options_.snapshot_log_multiple_max);
}

void Core::Impl::on(SnapshotPersisted& input, Instant now, Output& output) {
    BELFRY_ASSERT(snapshot_running_);
    BELFRY_ASSERT(input.index <= applied_);
    snapshot_running_ = false;
    snapshot_due_bytes_ = log_bytes_after(input.bytes);
    if (input.index <= snapshot_index_) return;
    snapshot_index_ = input.index;
    const uint64_t trailing = std::min<uint64_t>(options_.log_trailing_entries, UINT32_MAX);
    raft::Effects effects;
    stop_unless(raft_->snapshot_taken(input.index, static_cast<unsigned>(trailing), now.monotonic_ms, effects), output);
    take_effects(effects, output);
    if (stopped_ || raft_->boundary() <= boundary_) return;  // nothing to cut
    boundary_ = raft_->boundary();
    output.compact_before = boundary_.next();
}

void Core::Impl::on(SnapshotFailed&, Instant now, Output&) {
    snapshot_running_ = false;
    ++counters_.snapshots_failed;
    snapshot_not_before_ms_ = now.monotonic_ms + snapshot_retry_ms;
    log_bytes_ += snapshot_due_bytes_;  // still due
}

}  // namespace belfry::hub::core
