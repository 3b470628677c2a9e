#include "hub/model/keyspace.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"
#include "sdk/protocol/policy.hpp"
#include "sdk/protocol/sequence.hpp"

namespace belfry::hub::model {

namespace {

constexpr uint64_t digest_factor = 0x9E3779B97F4A7C15u;  // odd, so that nothing of the past is lost

// What a command can be told; every other error is the store's.
bool is_refusal(Code code) {
    return code == Code::invalid_argument || code == Code::compacted || code == Code::too_large || code == Code::conflict ||
           code == Code::not_found || code == Code::busy;
}

// Whatever a transaction could not be seen to change twice before it ran.
Error twice(BytesView key) {
    return {Code::invalid_argument, "key '" + Bytes(key) + "' would be changed twice by one transaction"};
}

}  // namespace

Keyspace::Keyspace(plugin::StateStore& store)
    : store_(store), sessions_(store), own_records_(store), quotas_(store), leases_(store) {}

Status Keyspace::load() {
    if (Status status = read_meta(); !status) return status;
    if (Status status = sessions_.load(); !status) return status;
    if (Status status = own_records_.load(); !status) return status;
    if (Status status = quotas_.load(); !status) return status;
    if (Status status = leases_.load(); !status) return status;
    const auto record = store_.get(table_meta, meta_key);
    if (record || !store_.in_batch()) return {};
    return store_.put(table_meta, meta_key, encode_meta(meta_));
}

Status Keyspace::reload() {
    if (Status status = read_meta(); !status) return status;
    if (Status status = own_records_.reload(); !status) return status;
    if (Status status = quotas_.reload(); !status) return status;
    if (Status status = leases_.reload(); !status) return status;
    return sessions_.reload();
}

Status Keyspace::read_meta() {
    const Result<BytesView> record = store_.get(table_meta, meta_key);
    if (!record && record.error().code != Code::not_found) return record.error();
    const Result<Meta> meta = record ? decode_meta(*record) : Result<Meta>(Meta());
    if (!meta) return meta.error();
    meta_ = *meta;
    events_ = 0;  // of a command that the store failed in the middle of
    return {};
}

// Counted by command, so that it is the same on every member.
void Keyspace::pass_time(uint64_t time_ms) {
    const uint64_t now_ms = std::max(meta_.time_ms, time_ms);
    meta_.session_ms += std::min(now_ms - meta_.time_ms, session_step_ms_max);
    meta_.time_ms = now_ms;
    meta_.drop_target = std::min(meta_.compacted, Revision{meta_.drop_target.value + compaction_drops_per_command});
}

Result<Applied> Keyspace::apply(const log::Command& command, uint64_t time_ms, Tell tell) {
    pass_time(time_ms);
    if (command.ticket.session == 0) return execute(command, tell);
    if (auto known = sessions_.admit(command.ticket, meta_.session_ms)) {
        return Applied{std::move(known->reply), known->revision.value_or(meta_.revision), {}, {}};
    }
    auto applied = execute(command, tell);
    if (!applied) return applied;
    Outcome outcome{applied->revision, std::move(applied->reply)};
    sessions_.keep(command.ticket, outcome);
    applied->reply = std::move(outcome.reply);
    return applied;
}

Result<Applied> Keyspace::execute(const log::Command& command, Tell tell) {
    const Meta before = meta_;
    change_.clear();
    events_ = 0;
    visible_bytes_ = 0;
    names_any_lease_ = command.names_any_lease;
    sequential_puts_ = 0;
    encode_change_header({meta_.time_ms, command.author, command.comment, command.labels}, change_);
    Applied applied{run_command(command), {}, {}, {}};
    if (applied.reply) {
        if (Status within = quotas_.check(); !within) applied.reply = within.error();
    }
    quotas_.settle(applied.reply.ok());
    applied.changed_records = applied.reply.ok() && std::holds_alternative<protocol::RecordChangeRequest>(command.op);
    if (!applied.reply) {
        if (!is_refusal(applied.reply.error().code)) return applied.reply.error();
        const Status undone = undo();
        if (!undone) return undone.error();
        meta_ = before;
    } else if (events_ > 0) {
        if (tell != Tell::nothing) {
            if (Status status = tell_change(command, tell, applied); !status) return status.error();
        }
        if (Status status = store_.put(table_changes, view(revision_key(newest())), change_); !status)
            return status.error();
        if (!command.labels.empty()) meta_.format = std::max(meta_.format, meta_format_labels);
        meta_.revision = newest();
        fold_into_digest(hash64(change_));
    }
    events_ = 0;
    applied.revision = meta_.revision;
    return applied;
}

void Keyspace::fold_into_digest(uint64_t hash) { meta_.digest = std::rotl(meta_.digest, 1) * digest_factor + hash; }

Status Keyspace::finish_batch() {
    if (Status status = drop_records(); !status) return status;
    if (Status status = sessions_.write_back(); !status) return status;
    if (Status status = quotas_.write_back(); !status) return status;
    return store_.put(table_meta, meta_key, encode_meta(meta_));
}

Status Keyspace::commit(Index applied_index) {
    const Status committed = store_.commit(applied_index);
    if (committed) {
        sessions_.committed();
        own_records_.committed();
        quotas_.committed();
        leases_.committed();
    }
    return committed;
}

Result<protocol::ReplyResult> Keyspace::run_command(const log::Command& command) {
    const auto widen = [](auto reply) -> Result<protocol::ReplyResult> {
        if (!reply) return std::move(reply).error();
        return protocol::ReplyResult(*std::move(reply));
    };
    if (const auto* op = std::get_if<protocol::PutRequest>(&command.op)) return widen(put(*op));
    if (const auto* op = std::get_if<protocol::DeleteRequest>(&command.op)) return widen(erase(*op));
    if (const auto* op = std::get_if<protocol::TxnRequest>(&command.op)) return widen(txn(*op));
    if (const auto* op = std::get_if<protocol::RecordChangeRequest>(&command.op)) {
        return widen(change_own_record(*op, command.author));
    }
    if (const auto* op = std::get_if<protocol::LeaseGrantRequest>(&command.op)) return widen(grant(*op, command.author));
    if (const auto* op = std::get_if<log::LeaseRevoke>(&command.op)) return widen(revoke(*op));
    if (const auto* op = std::get_if<log::LeaseExpiry>(&command.op)) return widen(expire(*op));
    return widen(compact(std::get<protocol::CompactRequest>(command.op)));
}

Result<protocol::PutReply> Keyspace::put_sequential(protocol::PutRequest request) {
    request.key = protocol::sequential_key(request.key, meta_.revision.next(), sequential_puts_++);
    request.sequential = false;
    const auto found = current(request.key);
    if (!found) return found.error();
    if (found->has_value()) return Error{Code::conflict, "put: somebody has put the key '" + request.key + "' already"};
    auto reply = put(request);
    if (reply) reply->key = std::move(request.key);
    return reply;
}

Result<protocol::PutReply> Keyspace::put(const protocol::PutRequest& request) {
    if (request.sequential) return put_sequential(request);
    if (request.key.empty() || request.key.size() > belfry::limits::key_bytes_max) {
        return Error{Code::invalid_argument, "put: a key of " + std::to_string(request.key.size()) + " bytes; 1 to " +
                                                 std::to_string(belfry::limits::key_bytes_max) + " are allowed"};
    }
    if (request.value.size() > belfry::limits::value_bytes_max) {
        return Error{Code::too_large, "put: a value of " + std::to_string(request.value.size()) + " bytes; " +
                                          std::to_string(belfry::limits::value_bytes_max) + " are the bound"};
    }
    if (request.lease.value != 0 && !names_any_lease_ && !leases_.lives(request.lease)) {
        return Error{Code::not_found, "put: there is no lease " + std::to_string(request.lease.value) +
                                          "; it was not granted, or has ended"};
    }
    const auto found = current(request.key);
    if (!found) return found.error();
    protocol::PutReply reply;
    ChangeEvent event;
    event.key = request.key;
    event.now = {meta_.revision.next(), meta_.revision.next(), 1, request.lease, request.value, request.content_type};
    if (!request.content_type.empty()) meta_.format = std::max(meta_.format, meta_format_values);
    if (found->has_value()) {
        if ((**found).mod == event.now.mod) return twice(request.key);
        event.previous = ChangeEvent::Previous::live;
        event.before = **found;
        event.now.create = event.before.create;
        event.now.version = event.before.version + 1;
        if (request.previous) reply.previous = to_key_value(request.key, event.before);
    } else {
        const Result<Revision> erased = tombstone(request.key);
        if (!erased) return erased.error();
        if (*erased == event.now.mod) return twice(request.key);
        if (*erased > meta_.compacted) {
            event.previous = ChangeEvent::Previous::tombstone;
            event.before.mod = *erased;
        }
        if (erased->value > 0) {
            if (Status status = store_.erase(table_deleted, request.key); !status) return status.error();
        }
        ++meta_.key_count;
    }
    // `before` is borrowed from the store until the write.
    if (Status status = record(event); !status) return status.error();
    if (Status status = leases_.bind(event.before.lease, request.lease, request.key); !status) return status.error();
    if (Status status = write_current(request.key, event.now); !status) return status.error();
    return reply;
}

Result<protocol::DeleteReply> Keyspace::erase(const protocol::DeleteRequest& request) {
    protocol::DeleteReply reply;
    const size_t start = change_.size();
    Status status;
    const auto visit = [&](BytesView key, const Version& version) {
        status = version.mod == meta_.revision.next() ? Status(twice(key)) : record_erase(key, version);
        ++reply.deleted;
        if (request.previous) reply.previous.push_back(to_key_value(key, version));
        return status.ok();
    };
    if (Status scanned = scan_current(request.range, Direction::forward, visit); !scanned) return scanned.error();
    looked_at_ += (erased_key_weight - 1) * reply.deleted;
    if (!status) return status.error();
    const Revision now = meta_.revision.next();
    const Bytes tombstone = encode_deleted(now);
    ChangeReader events = ChangeReader::events(BytesView(change_).substr(start), now);
    for (ChangeEvent event; events.next(event);) {
        if (status = store_.erase(table_current, event.key); !status) return status.error();
        if (status = store_.put(table_deleted, event.key, tombstone); !status) return status.error();
        if (status = leases_.bind(event.before.lease, {}, event.key); !status) return status.error();
    }
    meta_.key_count -= reply.deleted;
    return reply;
}

Result<protocol::CompactReply> Keyspace::compact(const protocol::CompactRequest& request) {
    if (request.revision > meta_.revision) {
        return Error{Code::invalid_argument, "compact: revision " + std::to_string(request.revision.value) +
                                                 " is newer than the newest, " + std::to_string(meta_.revision.value)};
    }
    if (request.revision <= meta_.compacted) {
        return Error{Code::compacted, "compact: revision " + std::to_string(request.revision.value) +
                                          " is compacted already, up to " + std::to_string(meta_.compacted.value)};
    }
    meta_.compacted = request.revision;
    meta_.drop_target = std::min(meta_.compacted, Revision{meta_.drop_target.value + compaction_drops_at_once});
    return protocol::CompactReply{};
}

// No revision of the keys, but the digest tells of it.
Result<protocol::RecordChangeReply> Keyspace::change_own_record(const protocol::RecordChangeRequest& request,
                                                                BytesView author) {
    const bool is_policy = request.name.starts_with(protocol::policy_prefix);
    const BytesView pattern = is_policy ? BytesView(request.name).substr(protocol::policy_prefix.size()) : BytesView();
    std::optional<protocol::Quota> quota;
    QuotaUse use;
    if (is_policy && !request.remove) {
        auto wanted = protocol::quota_of(request.name, request.content);
        if (!wanted) return wanted.error();
        quota = *wanted;
        auto used = quota && !quotas_.has(pattern) ? use_of(pattern) : Result<QuotaUse>(use);
        if (!used) return used.error();
        use = *used;
    }
    auto reply = own_records_.change(request, author, meta_.time_ms);
    if (!reply) return reply;
    if (quota) meta_.format = std::max(meta_.format, meta_format_values);
    if (is_policy) {
        if (Status set = quotas_.set(pattern, quota, use); !set) return set.error();
    }
    const uint64_t told = hash64(request.name) * digest_factor + hash64(request.content) + reply->version;
    fold_into_digest(told);
    return reply;
}

// What a new quota begins with. Bounded, since nothing else is applied meanwhile.
Result<QuotaUse> Keyspace::use_of(BytesView pattern) {
    const auto keys = Glob::parse(pattern);
    if (!keys) return keys.error();
    if (quotas_.full()) {
        return Error{Code::too_large,
                     "there are " + std::to_string(quotas_max) + " quotas already, as many as there may be"};
    }
    QuotaUse use;
    size_t looked_at = 0;
    const auto visit = [&](BytesView key, const Version& version) {
        if (keys->matches(key)) {
            ++use.keys;
            use.bytes += key.size() + version.value.size() + version.content_type.size();
        }
        return ++looked_at <= hub::limits::scan_keys_max;
    };
    const KeyRange range = keys->literal_prefix().empty() ? KeyRange::all() : KeyRange::prefix(keys->literal_prefix());
    if (Status scanned = scan_current(range, Direction::forward, visit); !scanned) return scanned.error();
    if (looked_at <= hub::limits::scan_keys_max) return use;
    return Error{Code::too_large, "quota: more than " + std::to_string(hub::limits::scan_keys_max) +
                                      " keys would have to be counted; set it before there are so many, or for less"};
}

// Adds an event to the command's change record.
Status Keyspace::record(const ChangeEvent& event) {
    ++events_;
    quotas_.note(event);
    encode_change_event(event, change_);
    visible_bytes_ += event.key.size() + event.now.value.size() + event.now.content_type.size() + event_envelope_bytes;
    if (visible_bytes_ <= change_set_bytes_max && change_.size() <= change_record_bytes_max) return {};
    return Error{Code::too_large, "one revision would change more than " + std::to_string(change_set_bytes_max) +
                                      " bytes or replace more than " + std::to_string(change_record_bytes_max) +
                                      ": do it in several steps, each over fewer keys"};
}

Status Keyspace::record_erase(BytesView key, const Version& version) {
    ChangeEvent event;
    event.type = EventType::erase;
    event.key = key;
    event.previous = ChangeEvent::Previous::live;
    event.before = version;
    return record(event);
}

Status Keyspace::write_current(BytesView key, const Version& version) {
    scratch_.clear();
    encode_current(version, scratch_);
    return store_.put(table_current, key, scratch_);
}

// Takes back what a refused command wrote, so that it leaves nothing in the batch. An event that was recorded and not yet
// written is harmless: its key gets what it has. The caller restores meta.
Status Keyspace::undo() {
    const Revision now = meta_.revision.next();
    ChangeReader events(change_, now);
    for (ChangeEvent event; events.next(event);) {
        Status status = event.previous == ChangeEvent::Previous::live ? write_current(event.key, event.before)
                                                                      : store_.erase(table_current, event.key);
        if (!status) return status;
        if (event.previous == ChangeEvent::Previous::tombstone) {
            status = store_.put(table_deleted, event.key, encode_deleted(event.before.mod));
        } else if (event.type == EventType::erase) {
            status = store_.erase(table_deleted, event.key);
        }
        if (status) status = leases_.bind(event.now.lease, event.before.lease, event.key);
        if (!status) return status;
    }
    return {};
}

// Drops what a compaction left behind, up to drop_target: the records, and the tombstones they made that still stand.
Status Keyspace::drop_records() {
    constexpr size_t tombstones_at_once = 4096;
    std::vector<std::pair<Bytes, Revision>> erased;
    while (meta_.dropped < meta_.drop_target) {
        erased.clear();
        Revision last = meta_.drop_target;
        Status damage;
        const auto visit = [&](BytesView key, BytesView record) {
            last = revision_of(key);
            ChangeReader events(record, last);
            for (ChangeEvent event; events.next(event);) {
                if (event.type == EventType::erase) erased.emplace_back(event.key, last);
            }
            damage = events.status();
            return damage.ok() && erased.size() < tombstones_at_once;
        };
        const Revision first = meta_.dropped.next();
        Status status = store_.scan(table_changes, view(revision_key(first)), view(revision_key(meta_.drop_target.next())),
                                    Direction::forward, visit);
        if (!status) return status;
        if (!damage) return damage;
        for (const auto& [key, revision] : erased) {
            const Result<Revision> stands = tombstone(key);
            if (!stands) return stands.error();
            if (*stands != revision) continue;
            if (status = store_.erase(table_deleted, key); !status) return status;
        }
        for (Revision revision = first; revision <= last; revision = revision.next()) {
            if (status = store_.erase(table_changes, view(revision_key(revision))); !status) return status;
        }
        meta_.dropped = last;
    }
    return {};
}

Status Keyspace::tell_change(const log::Command& command, Tell tell, Applied& applied) const {
    const Revision now = meta_.revision.next();
    ChangeSet& change =
        applied.change.emplace(ChangeSet{now, meta_.time_ms, command.author, command.comment, {}, command.labels});
    change.events.reserve(events_);
    ChangeReader events(change_, now);
    for (ChangeEvent event; events.next(event);) {
        change.events.push_back(to_event(event, now));
        if (tell != Tell::change_and_values_before) continue;
        auto& before = applied.values_before.emplace_back();
        if (event.previous == ChangeEvent::Previous::live) before = event.before.value;
    }
    if (Status status = events.status(); !status) return status;
    BELFRY_ASSERT(change.events.size() == events_);
    return {};
}

}  // namespace belfry::hub::model
