// The key space at any revision that compaction left. At the newest it is the table `current`; below, `current` and
// `deleted` are merged, and keys changed since then are walked back along their chains.
#include <string>
#include <utility>
#include <vector>

#include "hub/model/keyspace.hpp"

namespace belfry::hub::model {

namespace {

// An event of a record takes less than a sixteenth of the time of a key.
constexpr size_t events_per_step = 16;
// Records whose places are remembered: some 3 MiB.
constexpr size_t places_max = 65536;

// Bounds of a scan. No key is longer than key_bytes_max, so cutting a longer bound behind its first octets changes
// nothing; the store would not take it whole.
Bytes cut(BytesView bound) {
    if (bound.size() <= belfry::limits::key_bytes_max) return Bytes(bound);
    return Bytes(bound.substr(0, belfry::limits::key_bytes_max)) + '\0';
}

struct Bounds {
    Bytes from;
    Bytes to;
    bool empty = false;
};

Bounds bounds_of(const KeyRange& range) {
    Bounds bounds{cut(range.begin),
                  range.is_open()  ? Bytes()
                  : range.is_one() ? cut(range.begin + '\0')
                                   : cut(range.end),
                  false};
    bounds.empty = !range.is_open() && bounds.to <= bounds.from;
    return bounds;
}

// A page of one table for an old read, copied because the store may not be called while it scans.
struct Page {
    struct Item {
        Bytes key;
        Revision mod;  // of the newest version or of the delete
        Bytes record;  // of `current`, if it is old enough to be the answer
    };
    static constexpr size_t items_max = 256;
    static constexpr size_t bytes_max = 1024 * 1024;
    static constexpr size_t looked_at_max = 4096;

    uint32_t table;
    Bytes from;
    Bytes to;
    Revision when;
    bool complete = false;
    size_t next = 0;
    std::vector<Item> items;
    Bytes last;            // looked at
    size_t looked_at = 0;  // by the last fill()

    bool has_item() const { return next < items.size(); }
    bool ended() const { return complete && next == items.size(); }
    Status fill(plugin::StateStore& store);
};

Status Page::fill(plugin::StateStore& store) {
    looked_at = 0;
    if (complete || has_item()) return {};
    items.clear();
    next = 0;
    complete = true;
    size_t bytes = 0;
    Status damage;
    const auto visit = [&](BytesView key, BytesView record) {
        if (items.size() == items_max || looked_at == looked_at_max || bytes > bytes_max) {
            complete = false;
            from = Bytes(key);
            return false;
        }
        ++looked_at;
        last.assign(key);
        Item item;
        if (table == table_current) {
            const Result<Version> version = decode_current(record);
            if (!version) return damage = version.error(), false;
            item.mod = version->mod;
            if (item.mod <= when) item.record = Bytes(record);
        } else {
            const Result<Revision> erased = decode_deleted(record);
            if (!erased) return damage = erased.error(), false;
            if (*erased <= when) return true;
            item.mod = *erased;
        }
        item.key = Bytes(key);
        bytes += item.key.size() + item.record.size();
        items.push_back(std::move(item));
        return true;
    };
    Status status = store.scan(table, from, to, plugin::StateStore::Direction::forward, visit);
    return status ? damage : status;
}

}  // namespace

Result<Revision> Keyspace::resolve(Revision at) const {
    if (at.value == 0) return newest();
    if (at > meta_.revision) {
        return Error{Code::invalid_argument, "revision " + std::to_string(at.value) + " is newer than the newest here, " +
                                                 std::to_string(meta_.revision.value)};
    }
    if (at < meta_.compacted) {
        return Error{Code::compacted, "revision " + std::to_string(at.value) + " is compacted; the oldest kept is " +
                                          std::to_string(meta_.compacted.value)};
    }
    return at;
}

Result<std::optional<Version>> Keyspace::current(BytesView key) {
    if (key.empty() || key.size() > belfry::limits::key_bytes_max) return std::optional<Version>();
    const Result<BytesView> record = store_.get(table_current, key);
    if (!record && record.error().code == Code::not_found) return std::optional<Version>();
    if (!record) return record.error();
    const Result<Version> version = decode_current(*record);
    if (!version) return version.error();
    return std::optional<Version>(*version);
}

Result<Revision> Keyspace::tombstone(BytesView key) {
    if (key.empty() || key.size() > belfry::limits::key_bytes_max) return Revision();
    const Result<BytesView> record = store_.get(table_deleted, key);
    if (!record && record.error().code == Code::not_found) return Revision();
    if (!record) return record.error();
    return decode_deleted(*record);
}

Result<std::optional<Version>> Keyspace::at(BytesView key, Revision when, Steps& steps) {
    const auto found = current(key);
    if (!found) return found.error();
    if (found->has_value()) {
        if ((*found)->mod <= when) return found;
        return walk(key, (*found)->mod, when, steps);
    }
    if (when >= newest()) return found;
    const Result<Revision> erased = tombstone(key);
    if (!erased) return erased.error();
    if (*erased <= when) return std::optional<Version>();
    return walk(key, *erased, when, steps);
}

// From the change at `mod`, which is newer than `when`, back to the version of then; nothing if that is too far (cut).
Result<std::optional<Version>> Keyspace::walk(BytesView key, Revision mod, Revision when, Steps& steps) {
    for (;;) {
        steps.cut = steps.taken > steps.max;
        if (steps.cut) return std::optional<Version>();
        const Result<ChangeEvent> event = find_change(key, mod, steps);
        if (!event) return event.error();
        if (event->previous == ChangeEvent::Previous::nothing) return std::optional<Version>();
        mod = event->before.mod;
        if (mod > when) continue;
        if (event->previous == ChangeEvent::Previous::tombstone) return std::optional<Version>();
        return std::optional<Version>(event->before);
    }
}

// A scan asks for one key after the other, and that is how a range that was deleted stands in its record: the search goes
// on behind the key found last, and begins anew if the key is not there.
Result<ChangeEvent> Keyspace::find_change(BytesView key, Revision mod, Steps& steps) {
    const Result<BytesView> record = change_record(mod);
    if (!record) return record.error();
    if (steps.places.size() >= places_max) steps.places.clear();
    size_t& place = steps.places[mod.value];
    size_t events = 0;
    for (const size_t from : {place, size_t{0}}) {
        ChangeReader reader = from == 0 ? ChangeReader(*record, mod) : ChangeReader::events(record->substr(from), mod);
        for (ChangeEvent event; reader.next(event);) {
            ++events;
            if (event.key != key) continue;
            place = from + reader.offset();
            steps.taken += 1 + events / events_per_step;
            return event;
        }
        if (Status read = reader.status(); !read) return read.error();
    }
    return damaged("changes", 0);
}

Result<BytesView> Keyspace::change_record(Revision revision) {
    if (events_ > 0 && revision == newest()) return BytesView(change_);
    Result<BytesView> record = store_.get(table_changes, view(revision_key(revision)));
    if (!record && record.error().code == Code::not_found) return damaged("changes", 0);
    return record;
}

Status Keyspace::scan(const KeyRange& range, Revision when, Direction direction, const Visit& visit, Steps& steps) {
    if (when >= newest()) return scan_current(range, direction, visit);
    const size_t taken_before = steps.taken;
    const Status scanned = scan_old(range, when, visit, steps);
    looked_at_ += steps.taken - taken_before;
    return scanned;
}

Status Keyspace::scan_current(const KeyRange& range, Direction direction, const Visit& visit) {
    if (range.is_one()) {
        const auto version = current(range.begin);
        if (!version) return version.error();
        if (version->has_value()) visit(range.begin, **version);
        return {};
    }
    const Bounds bounds = bounds_of(range);
    if (bounds.empty) return {};
    Status damage;
    const auto decode = [&](BytesView key, BytesView record) {
        ++looked_at_;
        const Result<Version> version = decode_current(record);
        if (version) return visit(key, *version);
        damage = version.error();
        return false;
    };
    Status status = store_.scan(table_current, bounds.from, bounds.to, direction, decode);
    return status ? damage : status;
}

Status Keyspace::scan_old(const KeyRange& range, Revision when, const Visit& visit, Steps& steps) {
    if (range.is_one()) {
        const auto version = at(range.begin, when, steps);
        if (!version) return version.error();
        if (version->has_value()) visit(range.begin, **version);
        return {};
    }
    const Bounds bounds = bounds_of(range);
    if (bounds.empty) return {};
    Page live{table_current, bounds.from, bounds.to, when, false, 0, {}, {}, 0};
    Page dead{table_deleted, bounds.from, bounds.to, when, false, 0, {}, {}, 0};
    for (;;) {
        if (Status status = live.fill(store_); !status) return status;
        if (Status status = dead.fill(store_); !status) return status;
        steps.taken += live.looked_at + dead.looked_at;
        if (live.ended() && dead.ended()) return {};
        if (steps.taken > steps.max && !steps.reached.empty()) {
            steps.cut = true;
            return {};
        }
        const BytesView next_dead = dead.has_item() ? BytesView(dead.items[dead.next].key) : BytesView(dead.from);
        Page& page = dead.ended() || (!live.ended() && live.items[live.next].key < next_dead) ? live : dead;
        if (!page.has_item()) {  // nothing but tombstones from before
            steps.reached = page.last;
            continue;
        }
        const Page::Item& item = page.items[page.next++];
        std::optional<Version> version;
        if (!item.record.empty()) {
            version = *decode_current(item.record);
        } else {
            // The first key to the end, however far: whoever pages must get on.
            const size_t max = steps.max;
            if (steps.reached.empty()) steps.max = SIZE_MAX;
            const auto walked = walk(item.key, item.mod, when, steps);
            steps.max = max;
            if (!walked) return walked.error();
            if (steps.cut) return {};
            version = *walked;
        }
        steps.reached = item.key;
        if (version && !visit(item.key, *version)) return {};
    }
}

}  // namespace belfry::hub::model
