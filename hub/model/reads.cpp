// Every read of the key space; versions.cpp finds the versions.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "hub/base/limits.hpp"
#include "hub/model/keyspace.hpp"
#include "sdk/base/labels.hpp"

namespace belfry::hub::model {

using protocol::RangeFrame;
using protocol::RangeReply;
using protocol::RangeRequest;
using protocol::SortOrder;
using protocol::SortTarget;

namespace {

// A client may ask for larger chunks, but no larger than a frame carries with ease.
constexpr size_t chunk_bytes_max = belfry::limits::frame_bytes_max / 2;

size_t chunk_limit(uint64_t asked) {
    return asked == 0 ? belfry::limits::chunk_bytes : static_cast<size_t>(std::min<uint64_t>(asked, chunk_bytes_max));
}

size_t bytes_of(const KeyValue& kv) {
    return kv.key.size() + kv.value.size() + kv.content_type.size() + event_envelope_bytes;
}

// A sorted range copies what it looks at: so many octets count for a key.
constexpr size_t sorted_octets_per_key = belfry::limits::range_reply_bytes_max / hub::limits::scan_keys_max;

// Of a change record that is read for one key: so many octets take as long as a key of a scan.
constexpr size_t record_octets_per_step = 1024;

// Of a value that a filter reads: so many octets take as long as a key of a scan.
constexpr size_t filtered_octets_per_key = 16;

bool is_everything(const KeyRange& range) { return range.is_open() && range.begin <= BytesView("\0", 1); }

bool before(const KeyValue& left, const KeyValue& right, SortTarget target) {
    switch (target) {
        case SortTarget::key: break;
        case SortTarget::create:
            return std::tie(left.create_revision, left.key) < std::tie(right.create_revision, right.key);
        case SortTarget::mod: return std::tie(left.mod_revision, left.key) < std::tie(right.mod_revision, right.key);
        case SortTarget::version: return std::tie(left.version, left.key) < std::tie(right.version, right.key);
        case SortTarget::value: return std::tie(left.value, left.key) < std::tie(right.value, right.key);
    }
    return left.key < right.key;
}

Error has_no_state(const plugin::Filter& filter) {
    return {Code::unsupported,
            "filter '" + filter.kind() + "' selects change sets, it has no state: begin at a revision, or now"};
}

plugin::Sight sight_of(const plugin::Filter& filter, const ChangeEvent& event) {
    std::optional<BytesView> now;
    std::optional<BytesView> replaced;
    if (event.type == EventType::put) now = event.now.value;
    if (event.previous == ChangeEvent::Previous::live) replaced = event.before.value;
    return filter.sight(event.key, now, replaced);
}

// For which memory is taken at once; what a range without a limit holds is not known before.
size_t expected_keys(const RangeRequest& request) {
    constexpr uint64_t unlimited = 256;
    return static_cast<size_t>(request.limit == 0 ? unlimited : std::min(request.limit, 4 * unlimited));
}

// Of an answer.
size_t most_octets(const RangeRequest& request) {
    constexpr uint64_t many = belfry::limits::range_reply_bytes_max / belfry::limits::value_bytes_max;
    const uint64_t keys = request.range.is_one() ? 1 : request.limit == 0 ? many : std::min(request.limit, many);
    return static_cast<size_t>(keys) * belfry::limits::value_bytes_max;
}

// Sorts and keeps the first `limit`; 0 = all.
void sort_and_cut(std::vector<KeyValue>& kvs, const RangeRequest& request) {
    std::sort(kvs.begin(), kvs.end(), [&](const KeyValue& left, const KeyValue& right) {
        return request.sort_order == SortOrder::ascending ? before(left, right, request.sort_target)
                                                          : before(right, left, request.sort_target);
    });
    if (request.limit > 0 && kvs.size() > request.limit) kvs.resize(static_cast<size_t>(request.limit));
}

Error too_many(const char* what) {
    return {Code::too_large, std::string(what) + ": more than " + std::to_string(hub::limits::scan_keys_max) + " keys or " +
                                 std::to_string(belfry::limits::range_reply_bytes_max) +
                                 " bytes; ask for a narrower range"};
}

}  // namespace

Result<RangeReply> Keyspace::range(const RangeRequest& request) {
    Budget budget;
    return range(request, budget);
}

Result<RangeReply> Keyspace::range(const RangeRequest& request, Budget& budget) {
    const Result<Revision> when = resolve(request.at);
    if (!when) return when.error();
    if (request.count_only && *when >= newest() && is_everything(request.range)) return RangeReply{{}, key_count(), false};
    if (!in_order_of_keys(request, *when >= newest())) return range_sorted(request, *when, budget);
    std::vector<KeyValue> kvs;
    if (!request.count_only && !request.range.is_one()) kvs.reserve(expected_keys(request));
    auto reply = range_by_key(request, *when, budget,
                              [&](BytesView key, const Version& version) { kvs.push_back(to_key_value(key, version)); });
    if (reply) reply->kvs = std::move(kvs);
    return reply;
}

Result<RangeReply> Keyspace::range(const RangeRequest& request, RangeFrame& frame) {
    const Result<Revision> when = resolve(request.at);
    if (when && !request.count_only && in_order_of_keys(request, *when >= newest())) {
        frame.expect(expected_keys(request));
        Budget budget;
        return range_by_key(request, *when, budget, [&](BytesView key, const Version& version) {
            frame.add(
                {key, version.value, version.create, version.mod, version.version, version.lease, version.content_type});
        });
    }
    auto reply = range(request);
    if (!reply) return reply;
    for (const KeyValue& kv : reply->kvs) {
        frame.add({kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease, kv.content_type});
    }
    reply->kvs.clear();
    return reply;
}

bool Keyspace::in_order_of_keys(const RangeRequest& request, bool of_the_newest) {
    if (request.count_only || request.range.is_one()) return true;
    return request.sort_target == SortTarget::key && (request.sort_order == SortOrder::ascending || of_the_newest);
}

// The first key fits into a whole budget, whatever its value is.
template <class Add>
Result<RangeReply> Keyspace::range_by_key(const RangeRequest& request, Revision when, Budget& budget, Add add) {
    RangeReply reply;
    uint64_t added = 0;
    bool full = request.count_only;
    const auto visit = [&](BytesView key, Version version) {
        if (reply.count == hub::limits::scan_keys_max) return reply.more = true, false;
        ++reply.count;
        if (full) return true;
        if (request.keys_only) version.value = {};
        const size_t size = key.size() + version.value.size() + version.content_type.size() + event_envelope_bytes;
        full = size > budget.octets;
        if (request.limit > 0 && added == request.limit) full = true;
        if (full) return reply.more = true;
        budget.octets -= size;
        ++added;
        add(key, version);
        return true;
    };
    const auto direction = request.sort_order == SortOrder::ascending ? Direction::forward : Direction::reverse;
    if (Status status = scan(request.range, when, direction, visit, budget.steps); !status) return status.error();
    if (!budget.steps.cut) return reply;
    // Whoever pages goes on behind the last key.
    if (added == 0 && !request.count_only) return too_many("range at an old revision");
    reply.more = true;
    return reply;
}

// Whether there is too much to sort does not depend on what else is in the answer: it decides an outcome.
Result<RangeReply> Keyspace::range_sorted(const RangeRequest& request, Revision when, Budget& budget) {
    RangeReply reply;
    size_t bytes = 0;
    bool beyond = false;
    const bool with_values = !request.keys_only || request.sort_target == SortTarget::value;
    const auto visit = [&](BytesView key, Version version) {
        if (!with_values) version.value = {};
        ++reply.count;
        reply.kvs.push_back(to_key_value(key, version));
        bytes += bytes_of(reply.kvs.back());
        looked_at_ += bytes_of(reply.kvs.back()) / sorted_octets_per_key;
        const bool twice_the_limit = request.limit > 0 && reply.kvs.size() / 2 > request.limit;
        if (twice_the_limit || (bytes > belfry::limits::range_reply_bytes_max && request.limit > 0)) {
            sort_and_cut(reply.kvs, request);
            bytes = 0;
            for (const KeyValue& kv : reply.kvs) bytes += bytes_of(kv);
        }
        beyond = bytes > belfry::limits::range_reply_bytes_max || reply.count > hub::limits::scan_keys_max;
        return !beyond;
    };
    if (Status status = scan(request.range, when, Direction::forward, visit, budget.steps); !status) return status.error();
    if (beyond || budget.steps.cut) return too_many("range with a sort order");
    sort_and_cut(reply.kvs, request);
    size_t fitting = 0;
    for (KeyValue& kv : reply.kvs) {
        if (request.keys_only) Bytes().swap(kv.value);
        if (bytes_of(kv) > budget.octets) break;
        budget.octets -= bytes_of(kv);
        ++fitting;
    }
    reply.kvs.resize(fitting);
    reply.more = reply.count > reply.kvs.size();
    return reply;
}

// What is wrong with a range is told when it runs.
Status Keyspace::look_ahead(const RangeRequest& request, Prospect& prospect) {
    if (!request.count_only) prospect.shown += most_octets(request);
    const Result<Revision> when = resolve(request.at);
    if (!when || (request.count_only && *when >= newest() && is_everything(request.range))) return {};
    const bool sorts = !in_order_of_keys(request, *when >= newest());
    if (request.range.is_one() && *when >= newest() && !sorts) return ++prospect.keys, Status();
    ++prospect.ranges;
    size_t keys = 0;
    const auto visit = [&](BytesView key, const Version& version) {
        keys += 1 + (sorts ? (key.size() + version.value.size()) / sorted_octets_per_key : 0);
        return keys < prospect.keys_max && prospect.keys + keys <= prospect.keys_max;
    };
    Steps steps;
    steps.max = prospect.keys_max;
    Status status = scan(request.range, *when, Direction::forward, visit, steps);
    prospect.keys += std::min(std::max(keys, steps.taken), prospect.keys_max);  // it stops there
    return status;
}

Result<protocol::HistoryReply> Keyspace::history(const protocol::HistoryRequest& request) {
    using Previous = ChangeEvent::Previous;
    protocol::HistoryReply reply;
    const Revision end = request.before.value == 0 ? newest().next() : request.before;
    const auto newest_version = current(request.key);
    if (!newest_version) return newest_version.error();
    ChangeEvent link;  // its `previous` is the next older version
    if (newest_version->has_value()) {
        link.previous = Previous::live;
        link.before = **newest_version;
    } else {
        const Result<Revision> erased = tombstone(request.key);
        if (!erased) return erased.error();
        link.previous = *erased > meta_.compacted ? Previous::tombstone : Previous::nothing;
        link.before.mod = *erased;
    }
    if (end <= meta_.revision && end > meta_.compacted) {  // the page before usually ended at a change of this key
        const Result<BytesView> record = change_record(end);
        if (!record) return record.error();
        const Result<ChangeEvent> found = ChangeReader(*record, end).find(request.key);
        if (found) link = *found;
    }
    size_t bytes = 0;
    size_t steps = 0;
    while (link.previous != Previous::nothing) {
        if (steps > hub::limits::scan_keys_max) {
            if (reply.versions.empty()) return too_many("history");
            reply.more = true;
            break;
        }
        const Version version = link.before;
        const bool lives = link.previous == Previous::live;
        const bool dropped = version.mod <= meta_.compacted;
        if (dropped) reply.compacted = true;
        if (dropped && !lives) break;
        protocol::HistoryVersion item;
        if (!dropped) {
            const Result<BytesView> record = change_record(version.mod);
            if (!record) return record.error();
            const size_t taken = 1 + record->size() / record_octets_per_step;
            steps += taken;
            looked_at_ += taken;
            ChangeReader reader(*record, version.mod);
            const Result<ChangeEvent> event = reader.find(request.key);
            if (!event) return event.error().code == Code::not_found ? damaged("changes", 0) : event.error();
            item.time_ms = reader.header().time_ms;
            item.author = reader.header().author;
            item.comment = reader.header().comment;
            item.labels = reader.header().labels;
            link = *event;
        } else {
            link.previous = Previous::nothing;
        }
        if (version.mod >= end) continue;
        bytes += version.value.size() + version.content_type.size() + request.key.size() + event_envelope_bytes +
                 item.author.size() + item.comment.size() + labels_bytes(item.labels);
        const bool fits = reply.versions.empty() || bytes <= belfry::limits::range_reply_bytes_max;
        if (!fits || (request.limit > 0 && reply.versions.size() == request.limit)) {
            reply.more = true;
            reply.compacted = false;  // the last page tells
            break;
        }
        item.type = lives ? EventType::put : EventType::erase;
        item.kv = to_key_value(request.key, version);
        reply.versions.push_back(std::move(item));
    }
    return reply;
}

Result<protocol::ChangesReply> Keyspace::changes(const protocol::ChangesRequest& request, const plugin::Filter& filter) {
    const Revision to = request.to.value == 0 ? meta_.revision : std::min(request.to, meta_.revision);
    if (request.from < meta_.compacted && !filter.of_changes()) {
        return Error{Code::compacted, "changes after revision " + std::to_string(request.from.value) +
                                          " are compacted; the oldest kept are those after " +
                                          std::to_string(meta_.compacted.value) + ": take a snapshot"};
    }
    if (request.from > meta_.revision) return resolve(request.from).error();
    if (request.to.value > 0 && request.to < request.from) {
        return Error{Code::invalid_argument, "changes from revision " + std::to_string(request.from.value) + " to " +
                                                 std::to_string(request.to.value) + ": the end comes first"};
    }
    // A filter of changes has no snapshot to begin anew with: its subscriber is told from where on all is here.
    const Revision from = std::max(request.from, std::min(to, meta_.compacted));
    protocol::ChangesReply reply{from, to, {}, false};
    const size_t bytes_max = chunk_limit(request.limit_bytes);
    size_t bytes = 0;
    size_t examined = 0;
    size_t read_by_filter = 0;
    Status damage;
    const auto visit = [&](BytesView key, BytesView record) {
        const Revision revision = revision_of(key);
        ChangeSet change;
        size_t size = 0;
        ChangeReader reader(record, revision);
        if (examined < changes_examined_max && read_by_filter < hub::limits::filtered_value_bytes_max) {
            if (!filter.takes(reader.header().author, reader.header().labels)) {
                ++examined;
                return true;
            }
            for (ChangeEvent event; reader.next(event); ++examined) {
                if (!filter.range().contains(event.key)) continue;  // whoever asks may read that range, not more
                const plugin::Sight sight = sight_of(filter, event);
                if (filter.reads_value()) read_by_filter += event.now.value.size() + event.before.value.size();
                if (sight == plugin::Sight::nothing) continue;
                if (sight == plugin::Sight::gone) event = {EventType::erase, event.key, {}, {}, {}};
                change.events.push_back(to_event(event, revision));
                size += bytes_of(change.events.back().kv);
            }
            if (damage = reader.status(); !damage) return false;
            if (change.events.empty()) return true;
            size += reader.header().author.size() + reader.header().comment.size() + labels_bytes(reader.header().labels);
        }
        if (size == 0 || (!reply.changes.empty() && bytes + size > bytes_max)) {
            reply.more = true;
            reply.to = revision.previous();
            return false;
        }
        bytes += size;
        change.revision = revision;
        change.time_ms = reader.header().time_ms;
        change.author = reader.header().author;
        change.comment = reader.header().comment;
        change.labels = reader.header().labels;
        reply.changes.push_back(std::move(change));
        return true;
    };
    if (to == from) return reply;
    const Status status = store_.scan(table_changes, view(revision_key(from.next())), view(revision_key(to.next())),
                                      Direction::forward, visit);
    looked_at_ += examined + read_by_filter / filtered_octets_per_key;
    if (!status) return status.error();
    if (!damage) return damage.error();
    return reply;
}

Result<protocol::SnapshotReply> Keyspace::snapshot(const protocol::SnapshotRequest& request, const plugin::Filter& filter) {
    if (filter.of_changes()) return has_no_state(filter);
    const Result<Revision> when = resolve(request.at);
    if (!when) return when.error();
    protocol::SnapshotReply reply{*when, {}, false, {}};
    KeyRange range = filter.range();
    if (!request.after_key.empty() && request.after_key >= range.begin) {
        if (range.is_one()) return reply;
        range.begin = request.after_key + '\0';
    }
    const size_t bytes_max = chunk_limit(request.limit_bytes);
    size_t bytes = 0;
    size_t examined = 0;
    size_t read_by_filter = 0;
    const auto visit = [&](BytesView key, const Version& version) {
        if (examined == hub::limits::scan_keys_max || read_by_filter >= hub::limits::filtered_value_bytes_max) {
            return reply.more = true, false;
        }
        ++examined;
        if (filter.reads_value()) read_by_filter += version.value.size();
        if (filter.matches(key, version.value)) {
            const size_t size = key.size() + version.value.size() + version.content_type.size() + event_envelope_bytes;
            if (!reply.kvs.empty() && bytes + size > bytes_max) return reply.more = true, false;
            bytes += size;
            reply.kvs.push_back(to_key_value(key, version));
        }
        reply.after_key.assign(key);
        return true;
    };
    Steps steps;
    const Status status = scan(range, *when, Direction::forward, visit, steps);
    looked_at_ += read_by_filter / filtered_octets_per_key;
    if (!status) return status.error();
    if (steps.cut) {
        reply.more = true;
        reply.after_key = std::move(steps.reached);
    }
    if (!reply.more) reply.after_key.clear();
    return reply;
}

Result<protocol::DigestReply> Keyspace::digest(const protocol::DigestRequest& request, const plugin::Filter& filter) {
    if (filter.of_changes()) return has_no_state(filter);
    const Result<Revision> when = resolve(request.at);
    if (!when) return when.error();
    StateDigest digest;
    KeyValue kv;
    size_t examined = 0;
    size_t read_by_filter = 0;
    const auto visit = [&](BytesView key, const Version& version) {
        if (++examined > hub::limits::scan_keys_max) return false;
        if (filter.reads_value()) read_by_filter += version.value.size();
        if (read_by_filter > hub::limits::digested_value_bytes_max) return false;
        if (!filter.matches(key, version.value)) return true;
        kv.key.assign(key);
        kv.value.assign(version.value);
        kv.mod_revision = version.mod;
        kv.version = version.version;
        digest.add(kv);
        return true;
    };
    Steps steps;
    const Status status = scan(filter.range(), *when, Direction::forward, visit, steps);
    looked_at_ += read_by_filter / filtered_octets_per_key;
    if (!status) return status.error();
    if (read_by_filter > hub::limits::digested_value_bytes_max) {
        return Error{Code::too_large, "digest: the filter would have to read more than " +
                                          std::to_string(hub::limits::digested_value_bytes_max >> 20) +
                                          " MiB of values; narrow its keys"};
    }
    if (examined > hub::limits::scan_keys_max || steps.cut) return too_many("digest");
    return protocol::DigestReply{*when, digest.value(), digest.count()};
}

// Times never go back from one revision to the next, so halving finds it.
Result<Revision> Keyspace::revision_before(uint64_t time_ms) {
    Revision low = meta_.compacted;  // older than time_ms, or no record is left of it
    Revision high = meta_.revision;
    while (low < high) {
        const Revision middle = {high.value - (high.value - low.value) / 2};
        const Result<BytesView> record = change_record(middle);
        if (!record) return record.error();
        const ChangeReader reader(*record, middle);
        if (Status status = reader.status(); !status) return status.error();
        if (reader.header().time_ms < time_ms) {
            low = middle;
        } else {
            high = middle.previous();
        }
    }
    return low == meta_.compacted ? Revision() : low;
}

}  // namespace belfry::hub::model
