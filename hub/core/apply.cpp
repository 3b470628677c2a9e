#include <algorithm>
#include <utility>

#include "hub/base/assert.hpp"
#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// Applied and answered together: enough to share what a round costs, little enough that the first ones are answered while
// the next ones are synced. Measured: twice as much costs 20 % of the rate at 256 puts in flight.
constexpr size_t batch_entries_max = 16;
constexpr size_t batch_bytes_max = 24 * 1024;
// The store's batch stays open over many of those: a page that is written again within one commit is not copied again.
// What it holds is applied once more if the store fails, so it is bounded: by memory and, for a restart, by time.
constexpr size_t held_bytes_max = 2 * 1024 * 1024;
constexpr uint64_t held_ms_max = 60;
// What an entry costs in the log beside its payload, roughly; for deciding on snapshots.
constexpr size_t entry_overhead_bytes = 32;
constexpr uint64_t store_retry_ms = 500;
constexpr size_t careful_entries = 32;  // one by one, after a failure

}  // namespace

// One part of what is ready per round; if more is ready the core asks to be woken at once.
void Core::Impl::apply(Instant now, Output& output) {
    if (stopped_ || raft_->installing()) return;
    if (store_full_.active && now.monotonic_ms < store_full_.retry_at_ms) return;
    if (behind_) {
        if (auto restored = restore_held(); !restored) return on_apply_error(restored.error(), now, output);
    }
    const Index limit = can_apply_to();
    if (!pending_.empty() && applied_ < limit && has_time(Round::Work::entries, output)) {
        Batch batch;
        if (auto applied = apply_batch(limit, batch, now, output); !applied) {
            return on_apply_error(applied.error(), now, output);
        }
        finish(batch, now, output);
    }
    const bool due = held_.bytes >= held_bytes_max || now.monotonic_ms >= held_.commit_at_ms;
    if (!due) return;
    if (auto committed = commit_held(); !committed) on_apply_error(committed.error(), now, output);
}

// On an error nothing of the batch is left: not in the state, not in the replies.
Status Core::Impl::apply_batch(Index limit, Batch& batch, Instant now, const Output& output) {
    // A full store may still have room for the smallest step; only its commit tells.
    const bool careful = store_full_.active;
    const size_t entries_max = careful ? 1 : batch_entries_max;
    Status applied;
    if (!store_.in_batch()) {
        applied = store_.begin();
        held_.commit_at_ms = now.monotonic_ms + held_ms_max;
    }
    for (size_t at = 0; applied && at < pending_.size(); ++at) {
        if (pending_[at].entry.index > limit || batch.entries == entries_max || batch.bytes >= batch_bytes_max) break;
        if (at > 0 && round_.is_full(keyspace_.looked_at(), output.reply_bytes + batch.reply_bytes)) break;
        applied = apply_entry(pending_[at], batch);
        if (applied && Agreement::is_due(batch.last)) batch.digests.push_back({batch.last, keyspace_.history_digest()});
    }
    if (applied) applied = keyspace_.finish_batch();
    if (applied && careful) applied = commit_state(batch.last);
    if (applied) return {};
    const Status restored = restore_held();
    return restored || restored.error().code == Code::no_space ? applied : restored;
}

Status Core::Impl::decode(Pending& pending) {
    if (pending.commands) return {};
    auto decoded = log::decode_entry(*pending.entry.payload);
    if (decoded) return pending.commands = std::move(*decoded), Status();
    return Error{decoded.error().code == Code::incompatible ? Code::incompatible : Code::corrupt,
                 "log entry " + std::to_string(pending.entry.index.value) + ": " + decoded.error().detail};
}

Status Core::Impl::apply_entry(Pending& pending, Batch& batch) {
    const raft::Entry& entry = pending.entry;
    batch.last = entry.index;
    ++batch.entries;
    batch.bytes += entry.payload->size() + entry_overhead_bytes;
    if (entry.type != raft::EntryType::command) return {};  // moves the index, nothing else
    if (Status decoded = decode(pending); !decoded) return decoded;
    const auto& [time_ms, commands] = *pending.commands;
    using Tell = model::Keyspace::Tell;
    const bool published = ready_ && (feed_.channel_count() > 0 || waiting_changes_.count() > 0);
    const bool with_values_before = feed_.wants_values_before() || waiting_changes_.wants_values_before();
    const Tell tell = !published ? Tell::nothing : with_values_before ? Tell::change_and_values_before : Tell::change;
    for (size_t i = 0; i < commands.size(); ++i) {
        auto applied = keyspace_.apply(commands[i], time_ms, tell);
        if (!applied) return applied.error();
        note_leases(commands[i], *applied, batch);
        if (i < pending.clients.size() && !pending.clients[i].internal) {
            const Client& client = pending.clients[i];
            protocol::Reply reply{client.request, applied->revision, {}, {}};
            if (applied->reply) {
                reply.result = std::move(*applied->reply);
            } else {
                reply.error = applied->reply.error();
            }
            batch.reply_bytes += protocol::approximate_bytes(reply);
            batch.replies.push_back({client.connection, std::move(reply), {}});
        }
        note_records(commands[i], *applied, batch);
        if (applied->change) batch.changes.emplace_back(std::move(*applied->change), std::move(applied->values_before));
    }
    counters_.commands_applied += commands.size();
    return {};
}

// What the hub's own records have become, and the audit log's line about it: each member has them all.
void Core::Impl::note_records(const log::Command& command, const model::Applied& applied, Batch& batch) {
    const auto* const change = std::get_if<protocol::RecordChangeRequest>(&command.op);
    const auto* const compact = std::get_if<protocol::CompactRequest>(&command.op);
    if (change != nullptr && applied.changed_records) {
        const bool about_access = change->name.starts_with(auth::prefix);
        batch.changed_policies = batch.changed_policies || !about_access;
        if (about_access) {
            batch.changed_access.push_back({change->name, change->remove ? std::nullopt : std::optional(change->content)});
        }
    }
    if (!ready_ || (change == nullptr && compact == nullptr)) return;
    if (compact != nullptr && command.author == auth::own_name) return;  // by itself, again and again
    std::string about = change == nullptr ? "compact " + std::to_string(compact->revision.value)
                                          : (change->remove ? "remove " : "set ") + change->name;
    batch.audit.push_back({Audit::Event::administration, command.author, std::move(about), 0,
                           applied.reply ? Error{} : applied.reply.error()});
}

// The batch is in the state: tell everyone.
void Core::Impl::finish(Batch& batch, Instant now, Output& output) {
    applied_ = batch.last;
    tell_lease_clock(batch, now);
    output.reply_bytes += batch.reply_bytes;
    for (OutgoingReply& reply : batch.replies) route(std::move(reply), output);
    for (size_t i = 0; i < batch.entries; ++i) {
        if (store_.in_batch()) held_.entries.push_back(std::move(pending_.front().entry));
        pending_.pop_front();
    }
    if (store_.in_batch()) {
        held_.bytes += batch.bytes;
    } else {
        held_ = {};
    }
    if (store_full_.active) {
        // One small entry may fit where the next does not: the alarm stands until some more are applied, or all that wait.
        store_full_.retry_at_ms = now.monotonic_ms;
        if (pending_.empty() || ++applied_carefully_ >= careful_entries) store_full_ = {};
    }
    digests_to_tell_.insert(digests_to_tell_.end(), batch.digests.begin(), batch.digests.end());
    log_bytes_ += batch.bytes;
    log_entries_ += batch.entries;
    ++counters_.batches_applied;
    counters_.entries_applied += batch.entries;
    if (!batch.changed_access.empty()) access_.load(false, batch.changed_access);
    output.audit.insert(output.audit.end(), std::make_move_iterator(batch.audit.begin()),
                        std::make_move_iterator(batch.audit.end()));
    if (batch.changed_policies) stop_unless(load_policies(), output);
    if (!ready_) return;  // start() replays what an earlier process may have published: subscribers catch up
    for (const auto& [change, values_before] : batch.changes) {
        feed_.add(change, values_before);
        const bool heard = !options_.plants.deaf_streams || change.revision.value % 8 != 0;
        if (heard) waiting_changes_.note(change, values_before);
    }
    feed_.flush(keyspace_.revision(), now.monotonic_ms, output.deliveries);
}

// ---- the store's open batch ----

// A copy that is being made is of one of these points.
Status Core::Impl::commit_state(Index index) {
    const Status committed = keyspace_.commit(index);
    if (committed && snapshot_running_) committed_meanwhile_.emplace_back(index, keyspace_.revision());
    return committed;
}

Status Core::Impl::commit_held() {
    if (held_.entries.empty()) return {};
    if (!behind_) {
        const Status committed = commit_state(applied_);
        if (committed) return held_ = {}, Status();
        if (committed.error().code != Code::no_space) return committed;
    }
    return restore_held();
}

// Takes the state back to the last commit and from there to what has been told already, and commits that. If there is no
// room even for that, the state stays behind: then nothing is read from it.
Status Core::Impl::restore_held() {
    held_.commit_at_ms = UINT64_MAX;
    behind_ = !held_.entries.empty();
    if (auto forgotten = forget_batch(); !forgotten || !behind_) return forgotten;
    Status restored = store_.begin();
    for (size_t at = 0; restored && at < held_.entries.size(); ++at) restored = apply_again(held_.entries[at]);
    if (restored) restored = keyspace_.finish_batch();
    if (restored) restored = commit_state(applied_);
    if (restored) {
        behind_ = false;
        lease_keeper_->clock().load(now_ms_);  // leases that were missing are there again
        held_ = {};
        if (pending_.empty()) store_full_ = {};  // else the next entry tells whether there is room
        return {};
    }
    const Status forgotten = forget_batch();
    lease_keeper_->clock().load(now_ms_);  // of leases that are missing now some renewals may pass it by
    return forgotten ? restored : forgotten;
}

// Decoded once more: to keep what was decoded, in case of this, costs every write its place in the processor's cache.
Status Core::Impl::apply_again(const raft::Entry& entry) {
    if (entry.type != raft::EntryType::command) return {};
    Pending held{entry, {}, {}};
    if (Status decoded = decode(held); !decoded) return decoded;
    for (const log::Command& command : held.commands->commands) {
        const auto applied = keyspace_.apply(command, held.commands->time_ms, model::Keyspace::Tell::nothing);
        if (!applied) return applied.error();
    }
    return {};
}

Status Core::Impl::forget_batch() {
    if (store_.in_batch()) store_.rollback();
    return keyspace_.reload();
}

Status Core::Impl::settle() {
    const Status committed = stopped_ ? Status() : commit_held();
    return committed || committed.error().code == Code::no_space ? Status() : committed;  // the log has it
}

// A full store loses nothing: the entries are durable in the log and are tried again. Meanwhile the state can be read, and
// new writes are refused at the door, for they could not be applied either.
void Core::Impl::on_apply_error(const Error& error, Instant now, Output& output) {
    if (error.code != Code::no_space) return stop(error, output);
    held_.commit_at_ms = UINT64_MAX;
    // Room that is filled at once was none: failures that follow one another closely are one.
    const bool new_row = !store_full_.active && now.monotonic_ms >= store_failed_at_ms_ + 2 * store_retry_ms;
    if (new_row) store_failing_since_ms_ = now.monotonic_ms;
    store_failed_at_ms_ = now.monotonic_ms;
    applied_carefully_ = 0;
    store_full_.active = true;
    store_full_.error = error;
    store_full_.retry_at_ms = now.monotonic_ms + store_retry_ms;
}

// ---- entries that are not in pending_ ----

void Core::Impl::read_back(Output& output) {
    replicator_->trim(persisted_);
    if (stopped_ || raft_->installing()) return;
    const Index limit = can_apply_to();
    for (size_t bytes = 0; loaded_ < limit && bytes < limits::replay_bytes;) {
        const raft::Entry* const kept = replicator_->find(loaded_.next());
        if (kept == nullptr) break;
        bytes += kept->payload->size();
        load(*kept);
    }
    if (reading_ != Reading::nothing) return;
    if (pending_.empty() && loaded_ < limit) {
        reading_ = Reading::to_apply;
        output.read = ReadEntries{loaded_.next(), limit, limits::replay_bytes};
    } else if (const auto wanted = replicator_->wants_read()) {
        reading_ = Reading::to_send;
        output.read = wanted;
    }
}

void Core::Impl::on(EntriesRead& input, Instant, Output& output) {
    BELFRY_ASSERT(reading_ != Reading::nothing);
    const Reading why = std::exchange(reading_, Reading::nothing);
    if (why == Reading::to_send) return replicator_->on_read(input.entries, output.messages);
    if (why == Reading::in_vain) return;
    if (input.entries.empty()) {
        return stop({Code::corrupt, "the log does not give back entry " + std::to_string(loaded_.value + 1)}, output);
    }
    for (const raft::Entry& entry : input.entries) {
        if (entry.index != loaded_.next() || entry.term != raft_->term_of(entry.index)) {
            return stop(
                {Code::corrupt, "the log gave back entry " + std::to_string(entry.index.value) + " of term " +
                                    std::to_string(entry.term.value) + " where entry " + std::to_string(loaded_.value + 1) +
                                    " of term " + std::to_string(raft_->term_of(loaded_.next()).value) + " belongs"},
                output);
        }
        load(entry);
    }
}

}  // namespace belfry::hub::core
