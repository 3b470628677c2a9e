#include "plugins/storage_memory/memory_store.hpp"

#include <charconv>

#include "sdk/plugin/state_image.hpp"

namespace belfry::storage_memory {

namespace {

constexpr size_t node_bytes = 96;            // what a map's node costs beside key and value
constexpr size_t copy_step_keys_max = 1000;  // copied under the mutex at once
constexpr size_t copy_step_bytes = 512 * 1024;

uint64_t cost_of(size_t key_size, size_t value_size) { return node_bytes + key_size + value_size; }

}  // namespace

Result<std::unique_ptr<MemoryStore>> MemoryStore::open(const plugin::OpenArguments& arguments) {
    uint64_t bytes_max = 0;
    for (const auto& [name, value] : arguments.settings) {
        if (name != "bytes_max") {
            return Error{Code::invalid_argument, "storage_memory knows no setting '" + name + "'; there is: bytes_max"};
        }
        const char* end = value.data() + value.size();
        if (const auto parsed = std::from_chars(value.data(), end, bytes_max);
            parsed.ec != std::errc() || parsed.ptr != end) {
            return Error{Code::invalid_argument, "storage_memory: bytes_max = '" + value + "' is not a number of octets"};
        }
    }
    return std::make_unique<MemoryStore>(bytes_max);
}

// The first image of a key within a copy is the one the copy must show.
void MemoryStore::remember(uint32_t table, BytesView key, std::optional<Bytes> before) {
    if (before_) before_->tables[table].try_emplace(Bytes(key), before);
    undo_.push_back({table, Bytes(key), std::move(before)});
}

Status MemoryStore::put(uint32_t table, BytesView key, BytesView value) {
    Table& map = tables_[table];
    auto at = map.lower_bound(key);
    const bool found = at != map.end() && at->first == key;
    const uint64_t freed = found ? cost_of(key.size(), at->second.size()) : 0;
    const uint64_t bytes = bytes_used_ - freed + cost_of(key.size(), value.size());
    if (bytes_max_ != 0 && bytes > bytes_max_) {
        return Error{Code::no_space, "the store in memory is full: bytes_max = " + std::to_string(bytes_max_)};
    }
    const std::lock_guard lock(mutex_);
    if (found) {
        remember(table, key, std::move(at->second));
        at->second = value;
    } else {
        remember(table, key, std::nullopt);
        map.emplace_hint(at, key, value);
    }
    bytes_used_ = bytes;
    return {};
}

Status MemoryStore::erase(uint32_t table, BytesView key) {
    Table& map = tables_[table];
    const auto at = map.find(key);
    if (at == map.end()) return {};
    const std::lock_guard lock(mutex_);
    bytes_used_ -= cost_of(key.size(), at->second.size());
    remember(table, key, std::move(at->second));
    map.erase(at);
    return {};
}

Status MemoryStore::commit(Index applied_index) {
    const std::lock_guard lock(mutex_);
    undo_.clear();
    applied_ = applied_index;
    return {};
}

void MemoryStore::rollback() {
    const std::lock_guard lock(mutex_);
    for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
        Table& map = tables_[undo->table];
        if (const auto at = map.find(undo->key); at != map.end()) {
            bytes_used_ -= cost_of(at->first.size(), at->second.size());
            map.erase(at);
        }
        if (undo->before) {
            bytes_used_ += cost_of(undo->key.size(), undo->before->size());
            map.emplace(std::move(undo->key), std::move(*undo->before));
        }
    }
    undo_.clear();
}

Result<BytesView> MemoryStore::get(uint32_t table, BytesView key) {
    const auto at = tables_[table].find(key);
    if (at == tables_[table].end()) return Error{Code::not_found, {}};
    return BytesView(at->second);
}

Status MemoryStore::scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                         const plugin::ScanVisitor& visitor) {
    const Table& map = tables_[table];
    if (!to.empty() && to <= from) return {};
    const auto first = map.lower_bound(from);
    const auto last = to.empty() ? map.end() : map.lower_bound(to);
    if (direction == plugin::Direction::forward) {
        for (auto at = first; at != last && visitor(at->first, at->second); ++at) continue;
    } else {
        for (auto at = last; at != first;) {
            --at;
            if (!visitor(at->first, at->second)) break;
        }
    }
    return {};
}

// One running copy: hands out the pairs as of its start, a step at a time.
class MemoryStore::Copy {
public:
    explicit Copy(MemoryStore& store) : store_(store) {
        const std::lock_guard lock(store.mutex_);
        applied = store.applied_;
        store.before_.emplace();
        for (const Undo& undo : store.undo_) store.before_->tables[undo.table].try_emplace(undo.key, undo.before);
    }
    ~Copy() {
        const std::lock_guard lock(store_.mutex_);
        store_.before_.reset();
    }

    using Pairs = std::vector<std::pair<Bytes, Bytes>>;
    // The next pairs after `last` (all from the start if `last` is empty); none at the end of the table.
    Pairs step(uint32_t table, Bytes& last) {
        const std::lock_guard lock(store_.mutex_);
        const Table& map = store_.tables_[table];
        const auto& before = store_.before_->tables[table];
        auto now = last.empty() ? map.begin() : map.upper_bound(last);
        auto old = last.empty() ? before.begin() : before.upper_bound(last);
        Pairs pairs;
        size_t bytes = 0;
        for (size_t seen = 0; seen < copy_step_keys_max && bytes < copy_step_bytes;) {
            if (now == map.end() && old == before.end()) break;
            const bool take_old = old != before.end() && (now == map.end() || old->first <= now->first);
            if (take_old) {
                if (now != map.end() && now->first == old->first) ++now;
                last = old->first;
                if (old->second) pairs.emplace_back(old->first, *old->second);
                ++old;
                if (pairs.empty()) continue;  // a step without pairs would look like the end
            } else {
                last = now->first;
                pairs.emplace_back(now->first, now->second);
                ++now;
            }
            ++seen;
            if (!pairs.empty()) bytes += pairs.back().second.size();
        }
        return pairs;
    }

    Index applied;

private:
    MemoryStore& store_;
};

Result<Index> MemoryStore::snapshot_write(const plugin::SnapshotSink& sink) {
    Copy copy(*this);
    plugin::StateImageWriter writer(sink);
    if (Status status = writer.start(copy.applied); !status) return status.error();
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        Bytes last;
        for (auto pairs = copy.step(table, last); !pairs.empty(); pairs = copy.step(table, last)) {
            for (const auto& [key, value] : pairs) {
                if (Status status = writer.add(table, key, value); !status) return status.error();
            }
        }
    }
    if (Status status = writer.finish(); !status) return status.error();
    return copy.applied;
}

Status MemoryStore::snapshot_read(const plugin::SnapshotSource& source) {
    Table tables[BELFRY_TABLE_COUNT];
    uint64_t bytes = 0;
    const Result<Index> applied = plugin::StateImageReader(source).read([&](uint32_t table, BytesView key,
                                                                            BytesView value) {
        bytes += cost_of(key.size(), value.size());
        if (bytes_max_ != 0 && bytes > bytes_max_) {
            return Status(Error{Code::no_space, "the snapshot does not fit: bytes_max = " + std::to_string(bytes_max_)});
        }
        tables[table].emplace_hint(tables[table].end(), key, value);
        return Status();
    });
    if (!applied) return applied.error();
    const std::lock_guard lock(mutex_);
    // A copy that runs would show a mixture: what it still wants is kept for it.
    for (uint32_t table = 0; before_ && table < BELFRY_TABLE_COUNT; ++table) {
        for (auto& [key, value] : tables_[table]) before_->tables[table].try_emplace(key, std::move(value));
        for (auto& [key, value] : tables[table]) before_->tables[table].try_emplace(key, std::nullopt);
    }
    std::swap(tables_, tables);
    bytes_used_ = bytes;
    applied_ = *applied;
    return {};
}

}  // namespace belfry::storage_memory
