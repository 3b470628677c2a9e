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
constexpr uint64_t trailing_entries_max = 65'536;  // each costs the engine some octets of memory
constexpr uint64_t held_entries_max = 1'000'000;   // likewise; for a member that is fetching the snapshot before

}  // namespace

// ---- the log ----

void Core::Impl::on(EntriesPersisted& input, Instant now, Output& output) {
    bootstrapping_ = false;
    raft::Effects effects;
    stop_unless(raft_->persisted(input.up_to, input.generation, now.monotonic_ms, effects), output);
    take_effects(effects, output);
    if (log_full_.active && persisted_ >= log_full_first_) log_full_ = {};
}

// The engine counts these entries as appended, and nothing but a later term could take them back; so they are asked for
// again, the same ones, until the disk has room. Nobody was told that they are done.
void Core::Impl::on(PersistFailed& input, Instant now, Output& output) {
    if (input.error.code != Code::no_space) return stop(input.error, output);
    if (raft_->installing() || input.first <= persisted_ || input.first > raft_->last_index()) return;
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
    if (now.monotonic_ms >= log_full_.retry_at_ms) {
        log_full_.retry_at_ms = UINT64_MAX;  // not again before the answer
        output.persist.entries.clear();      // of this round: they are among all
        for (Index index = log_full_first_; index <= raft_->last_index(); index = index.next()) {
            output.persist.entries.push_back(*replicator_->find(index));
        }
    }
    if (now.monotonic_ms < log_full_.since_ms + log_full_patience_ms) return;
    const std::string why =
        "the log's disk is full; the write may still be done when there is room: " + log_full_.error.detail;
    for (auto* const entries : {&pending_, &proposed_}) tell_uncertain(*entries, log_full_first_, why, output);
}

// ---- snapshots ----

void Core::Impl::take_snapshot_if_due(Instant now, Output& output) {
    if (stopped_ || snapshot_running_ || !ready_ || behind_ || raft_->installing()) return;
    if (log_bytes_ < snapshot_due_bytes_ || now.monotonic_ms < snapshot_not_before_ms_) return;
    if (applied_ > snapshot_index_) begin_snapshot(now, output);
}

// REQUIRES: none is under way, and the state is whole.
void Core::Impl::begin_snapshot(Instant now, Output& output) {
    if (auto committed = commit_held(); !committed) return on_apply_error(committed.error(), now, output);
    snapshot_running_ = true;
    committed_meanwhile_ = {{applied_, keyspace_.revision()}};
    trailing_entries_ = trailing_entries();
    log_bytes_ = log_entries_ = 0;
    output.take_snapshot = true;
}

// What a member lacks after a short absence should come from the log: by size, since a snapshot is large, and at least a
// few entries, however long.
uint64_t Core::Impl::trailing_entries() const {
    if (log_entries_ == 0) return options_.log_trailing_entries;
    const uint64_t entry_bytes = std::max<uint64_t>(1, log_bytes_ / log_entries_);
    const uint64_t wanted = std::min(options_.log_trailing_bytes / entry_bytes, trailing_entries_max);
    return std::max(options_.log_trailing_entries, wanted);
}

// A large store is copied seldom: after as much log as the last copy was long, copying at most doubles what is written.
uint64_t Core::Impl::log_bytes_after(uint64_t snapshot_bytes) const {
    return std::clamp(snapshot_bytes, options_.snapshot_log_bytes,
                      options_.snapshot_log_bytes * options_.snapshot_log_multiple_max);
}

void Core::Impl::on(SnapshotPersisted& input, Instant now, Output& output) {
    BELFRY_ASSERT(snapshot_running_);
    snapshot_running_ = false;
    snapshot_due_bytes_ = log_bytes_after(input.bytes);
    keep_copy(input.index);
    if (input.index <= snapshot_index_ || raft_->installing()) return;
    snapshot_index_ = input.index;
    offer_snapshot(input.index);
    uint64_t trailing = std::min<uint64_t>(trailing_entries_, UINT32_MAX);
    if (const Index fetched = replicator_->fetched_still(); fetched != Index{}) {
        trailing = std::max(trailing, std::min(input.index.value - fetched.value + 1, held_entries_max));
    }
    raft::Effects effects;
    stop_unless(raft_->snapshot_taken(input.index, static_cast<unsigned>(trailing), now.monotonic_ms, effects), output);
    take_effects(effects, output);
    if (stopped_ || raft_->boundary() <= boundary_) return;  // nothing to cut
    boundary_ = raft_->boundary();
    const auto [configuration_index, configuration] = raft_->configuration_at(boundary_);
    output.compact_to = Boundary{boundary_, raft_->term_of(boundary_),
                                 raft::Entry{configuration_index, raft_->term_of(configuration_index),
                                             raft::EntryType::change, std::make_shared<const Bytes>(configuration)}};
}

void Core::Impl::on(SnapshotFailed& input, Instant now, Output&) {
    snapshot_running_ = false;
    snapshot_error_ = std::move(input.error);
    ++counters_.snapshots_failed;
    snapshot_not_before_ms_ = now.monotonic_ms + snapshot_retry_ms;
    log_bytes_ += snapshot_due_bytes_;  // still due
}

}  // namespace belfry::hub::core
