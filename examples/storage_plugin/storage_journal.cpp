// A whole storage engine: ordered maps in memory, and every batch at the end of one file (docs/plugins.md).
//
//     file   = "BLFJRNL1" frame*                      sdk/plugin/frame_file.hpp; a frame holds one batch
//     batch  = u64:applied_index change*
//     change = u8:table u8:erased u32:key_size u32:value_size key value
//
// The maps belong to the core thread. The sync thread never looks at them: it reads the file up to the last whole batch
// into maps of its own, so that a snapshot takes time and memory and nobody waits for it. Having them, it writes the file
// anew without what was overwritten. What the two threads share (which file, how far) is under `mutex_`.
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "sdk/plugin/frame_file.hpp"
#include "sdk/plugin/identity.hpp"
#include "sdk/plugin/state_image.hpp"
#include "sdk/plugin/state_store.hpp"

namespace {

using namespace belfry;
using plugin::FrameFile;
using plugin::image::append;
using plugin::image::load;

constexpr const char* name = "storage_journal";
constexpr uint32_t format = 1;
constexpr BytesView magic = "BLFJRNL1";
constexpr size_t change_bytes = 1 + 1 + 4 + 4;
constexpr size_t batch_bytes = 1024 * 1024;  // of a journal that is written anew

struct Change {
    uint32_t table;
    BytesView key;
    std::optional<BytesView> value;  // none = erased
};

void encode(Bytes& out, const Change& change) {
    out += static_cast<char>(change.table);
    out += static_cast<char>(change.value ? 0 : 1);
    append(out, static_cast<uint32_t>(change.key.size()));
    append(out, static_cast<uint32_t>(change.value.value_or("").size()));
    out += change.key;
    out += change.value.value_or("");
}

Bytes batch_of(Index applied, BytesView changes) {
    Bytes batch;
    append(batch, applied.value);
    return batch += changes;
}

// What a journal adds up to.
struct State {
    std::array<std::map<Bytes, Bytes, std::less<>>, BELFRY_TABLE_COUNT> tables;
    Index applied;

    // Returns what was there before.
    std::optional<Bytes> apply(const Change& change) {
        auto& map = tables[change.table];
        const auto at = map.find(change.key);
        std::optional<Bytes> before;
        if (at != map.end()) before = std::move(at->second);
        if (change.value && before) {
            at->second = *change.value;
        } else if (change.value) {
            map.emplace(change.key, *change.value);
        } else if (before) {
            map.erase(at);
        }
        return before;
    }

    // False if the octets are no batch.
    bool apply_batch(BytesView octets) {
        if (octets.size() < sizeof(uint64_t)) return false;
        applied = {load<uint64_t>(octets.data())};
        for (octets.remove_prefix(sizeof(uint64_t)); !octets.empty();) {
            if (octets.size() < change_bytes) return false;
            const auto table = static_cast<unsigned char>(octets[0]);
            const size_t key_size = load<uint32_t>(octets.data() + 2), value_size = load<uint32_t>(octets.data() + 6);
            if (table >= BELFRY_TABLE_COUNT || octets.size() - change_bytes < key_size + value_size) return false;
            const BytesView key = octets.substr(change_bytes, key_size);
            const BytesView value = octets.substr(change_bytes + key_size, value_size);
            apply({table, key, octets[1] == 0 ? std::optional(value) : std::nullopt});
            octets.remove_prefix(change_bytes + key_size + value_size);
        }
        return true;
    }

    // Adds all batches up to `end`; tells where the last whole one ends. What a crash cut short was never told committed.
    Result<uint64_t> read(const FrameFile& file, uint64_t end) {
        return file.read(end, UINT64_MAX, [this](BytesView octets) { return apply_batch(octets); });
    }

    // Fills a new journal with nothing but this, durable but for its name; tells where it ends.
    Result<uint64_t> write(FrameFile& file) const {
        Result<uint64_t> end = uint64_t{FrameFile::magic_bytes};
        Bytes changes;
        const auto write_batch = [&] {
            if (end) end = file.write(*end, batch_of(applied, changes));
            changes.clear();
        };
        for (uint32_t table = 0; table < tables.size(); ++table) {
            for (const auto& [key, value] : tables[table]) {
                encode(changes, {table, key, value});
                if (changes.size() >= batch_bytes) write_batch();
            }
        }
        write_batch();
        if (Status status = end ? file.sync() : Status(); !status) return status.error();
        return end;
    }
};

class JournalStore {
public:
    static Result<std::unique_ptr<JournalStore>> open(const plugin::OpenArguments& arguments) {
        for (const auto& [setting, value] : arguments.settings)
            return Error{Code::invalid_argument, std::string(name) + " knows no setting '" + setting + "'"};
        if (Status status = plugin::check_identity(arguments.directory, name, format); !status) return status.error();
        auto store = std::make_unique<JournalStore>();
        store->directory_ = arguments.directory;
        store->path_ = arguments.directory + "/journal";
        auto file = FrameFile::open(store->path_, magic);
        if (!file) return file.error();
        const auto end = store->state_.read(**file, (*file)->size());
        if (!end) return end.error();
        store->file_ = *file;
        store->end_ = *end;
        if (Status status = (*file)->cut(*end); !status) return status.error();
        if (Status status = plugin::write_identity(arguments.directory, name, format); !status) return status.error();
        return store;
    }

    Result<Index> applied_index() { return state_.applied; }
    Status begin() { return {}; }
    Status put(uint32_t table, BytesView key, BytesView value) { return change({table, key, value}); }
    Status erase(uint32_t table, BytesView key) { return change({table, key, std::nullopt}); }

    Status commit(Index applied) {
        const Bytes batch = batch_of(applied, changes_);
        std::unique_lock lock(mutex_);
        const auto end = file_->write(end_, batch);
        if (end) end_ = *end;
        lock.unlock();
        if (!end) {
            rollback();
            return end.error();
        }
        state_.applied = applied;
        changes_.clear();
        undo_.clear();
        return {};
    }
    void rollback() {
        for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) state_.apply({undo->table, undo->key, undo->before});
        changes_.clear();
        undo_.clear();
    }

    Result<BytesView> get(uint32_t table, BytesView key) {
        const auto at = state_.tables[table].find(key);
        if (at == state_.tables[table].end()) return Error{Code::not_found, {}};
        return BytesView(at->second);
    }
    Status scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                const plugin::ScanVisitor& visitor) {
        const auto& map = state_.tables[table];
        if (!to.empty() && to <= from) return {};
        auto first = map.lower_bound(from), last = to.empty() ? map.end() : map.lower_bound(to);
        if (direction == plugin::Direction::forward) {
            while (first != last && visitor(first->first, first->second)) ++first;
        } else {
            while (first != last && (--last, visitor(last->first, last->second))) continue;
        }
        return {};
    }

    Status sync() {
        if (Status status = look().file->sync(); !status) return status;
        return plugin::write_identity(directory_, name, format);  // and with it the folder, where names may have changed
    }
    Result<Index> snapshot_write(const plugin::SnapshotSink& sink) {
        const Seen seen = look();
        State copy;
        if (const auto end = copy.read(*seen.file, seen.end); !end) return end.error();
        plugin::StateImageWriter writer(sink);
        Status status = writer.start(copy.applied);
        for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
            for (const auto& [key, value] : copy.tables[table]) {
                if (status) status = writer.add(table, key, value);
            }
        }
        if (status) status = writer.finish();
        if (!status) return status.error();
        (void)rewrite(copy, seen);  // if there is no room, the journal stays as it is
        return copy.applied;
    }
    Status snapshot_read(const plugin::SnapshotSource& source) {
        State fresh;
        const auto applied = plugin::StateImageReader(source).read([&](uint32_t table, BytesView key, BytesView value) {
            fresh.apply({table, key, value});
            return Status();
        });
        if (!applied) return applied.error();
        fresh.applied = *applied;
        const auto file = FrameFile::open(path_ + ".image", magic, O_TRUNC);
        if (!file) return file.error();
        const auto end = fresh.write(**file);
        if (!end) return end.error();
        const std::lock_guard lock(mutex_);
        if (Status status = put_in_place(*file, *end); !status) return status;
        state_ = std::move(fresh);
        return {};
    }
    Result<plugin::StateStoreStats> stats() { return plugin::StateStoreStats{look().end, 0}; }

private:
    struct Undo {
        uint32_t table;
        Bytes key;
        std::optional<Bytes> before;
    };
    struct Seen {
        std::shared_ptr<FrameFile> file;
        uint64_t end;
    };
    Seen look() {
        const std::lock_guard lock(mutex_);
        return {file_, end_};
    }

    Status change(const Change& change) {
        const size_t size = changes_.size();
        encode(changes_, change);
        const Seen seen = look();
        if (Status status = seen.file->reserve(seen.end + FrameFile::head_bytes + sizeof(uint64_t) + changes_.size());
            !status) {
            changes_.resize(size);
            return status;
        }
        undo_.push_back({change.table, Bytes(change.key), state_.apply(change)});
        return {};
    }

    // On the sync thread: a journal of `copy`, which is all up to `seen`, and of what was committed meanwhile.
    Status rewrite(const State& copy, const Seen& seen) {
        const auto file = FrameFile::open(path_ + ".new", magic, O_TRUNC);
        if (!file) return file.error();
        const auto end = copy.write(**file);
        if (!end) return end.error();
        const std::lock_guard lock(mutex_);
        if (file_ != seen.file) return {};  // snapshot_read was faster
        const auto whole = (*file)->write_from(*end, *file_, seen.end, end_);
        return whole ? put_in_place(*file, *whole) : whole.error();
    }
    // Under the mutex.
    Status put_in_place(const std::shared_ptr<FrameFile>& file, uint64_t end) {
        if (Status status = file->rename_to(path_); !status) return status;
        file_ = file;
        end_ = end;
        return {};
    }

    std::string directory_, path_;
    State state_;             // the core thread's alone, as are the next two
    Bytes changes_;           // of the open batch
    std::vector<Undo> undo_;  // likewise
    std::mutex mutex_;        // guards the rest
    std::shared_ptr<FrameFile> file_;
    uint64_t end_ = 0;  // of the last whole batch
};

}  // namespace

BELFRY_PLUGIN(storage_journal, "1.0.0", "Keeps the state in memory and every batch in a file.",
              belfry::plugin::state_store<JournalStore>())
