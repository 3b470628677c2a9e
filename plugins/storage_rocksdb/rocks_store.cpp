#include "plugins/storage_rocksdb/rocks_store.hpp"

#include <filesystem>
#include <mutex>

#include "plugins/storage_rocksdb/snapshot.hpp"
#include "sdk/plugin/identity.hpp"

namespace belfry::storage_rocksdb {

namespace {

namespace fs = std::filesystem;

constexpr const char* plugin_name = "storage_rocksdb";
constexpr uint32_t format = 2;              // of the directory; raised when an older release could not read it
constexpr uint64_t change_bytes = 32;       // of a change in the write-ahead log, beside key and value
constexpr uint64_t reserve_step = 1 << 20;  // what the reserve is extended by for a large batch
constexpr size_t record_bytes_kept_max = 8 * 1024 * 1024;

// Only after the database could not be opened again.
Error gone() { return {Code::io, "the store is closed, because it could not be opened again; start the hub again"}; }

// What is between the iterator's bounds, with the batch's changes there in place of what they change.
Status walk(rocksdb::Iterator& stored, const std::vector<const Overlay::Change*>& changes, bool forward,
            const plugin::ScanVisitor& visitor) {
    forward ? stored.SeekToFirst() : stored.SeekToLast();
    const auto step = [&] { forward ? stored.Next() : stored.Prev(); };
    for (size_t at = 0; at < changes.size();) {
        const Overlay::Change& change = *changes[forward ? at : changes.size() - 1 - at];
        const int order = stored.Valid() ? stored.key().compare(to_slice(change.key)) : forward ? 1 : -1;
        if (forward ? order < 0 : order > 0) {
            if (!visitor(from_slice(stored.key()).substr(1), from_slice(stored.value()))) return {};
            step();
            continue;
        }
        if (!change.erased && !visitor(change.key.substr(1), change.value)) return {};
        if (order == 0) step();
        ++at;
    }
    for (; stored.Valid(); step()) {
        if (!visitor(from_slice(stored.key()).substr(1), from_slice(stored.value()))) return {};
    }
    return stored.status().ok() ? Status{} : rocks_error(stored.status(), "scan");
}

}  // namespace

Result<std::unique_ptr<RocksStore>> RocksStore::open(const plugin::OpenArguments& arguments) {
    const Result<RocksSettings> settings = parse_settings(arguments.settings);
    if (!settings) return settings.error();
    if (Status status = plugin::check_identity(arguments.directory, plugin_name, format); !status) return status.error();
    auto store = std::make_unique<RocksStore>(arguments, *settings, sizes_of(*settings, arguments.directory));
    if (Status status = store->start(); !status) return status.error();
    return store;
}

RocksStore::RocksStore(const plugin::OpenArguments& arguments, const RocksSettings& settings, const Sizes& sizes)
    : directory_(arguments.directory),
      host_(arguments.host),
      settings_(settings),
      sizes_(sizes),
      reserve_(arguments.directory + "/RESERVE") {}

Status RocksStore::start() {
    reserve_.release();  // opening writes a little, also on a full disk
    Result<std::string> name = current_data(directory_);
    if (!name) return name.error();
    const bool fresh = name->empty();
    if (fresh && fs::exists(directory_ + "/" + plugin::identity_file))
        return Error{Code::corrupt, directory_ + ": the link CURRENT is missing; restore the directory"};
    if (fresh) *name = data_name(1);
    remove_other_data(directory_, *name);
    if (Status status = open_engine(*name); !status) return status;
    const Result<Index> applied = engine_->load_applied(nullptr);
    if (!applied) return applied.error();
    applied_ = *applied;
    if (fresh) {
        if (Status status = point_to(directory_, *name); !status) return status;
    }
    std::error_code ignored;
    if (!fs::exists(directory_ + "/" + plugin::identity_file, ignored)) {
        if (Status status = plugin::write_identity(directory_, plugin_name, format); !status) return status;
    }
    (void)reserve_.hold(sizes_.reserve_bytes() + reserve_step);  // if it cannot be, puts are refused
    return {};
}

Status RocksStore::open_engine(const std::string& name) {
    using Access = Engine::Access;
    auto engine = Engine::open(directory_ + "/" + name, Access::read_write, settings_, sizes_, host_);
    read_only_ = !engine && engine.error().code == Code::no_space;
    if (read_only_) {
        host_.log(BELFRY_LOG_WARNING, "storage_rocksdb: opened only to be read", engine.error().detail);
        auto readable = Engine::open(directory_ + "/" + name, Access::read_only, settings_, sizes_, host_);
        if (readable) engine = std::move(readable);  // else the first error tells more
    }
    if (!engine) return engine.error();
    engine_ = std::move(*engine);
    name_ = name;
    return {};
}

BytesView RocksStore::key_of(uint32_t table, BytesView key) {
    key_.assign(1, static_cast<char>(table));
    return key_ += key;
}

Result<Index> RocksStore::applied_index() {
    lent_.take_back();
    return applied_;
}

Status RocksStore::begin() {
    rollback();  // what a commit that threw has left
    if (!engine_) return gone();
    batch_bytes_ = 0;
    batch_error_ = {};
    return {};
}

Status RocksStore::failed(Status status) {
    if (batch_error_) batch_error_ = status;
    return status;
}

// The reserve has room for the buffers that are written out and for this batch in the write-ahead log.
Status RocksStore::room_for(uint64_t bytes) {
    batch_bytes_ += bytes + change_bytes;
    if (batch_bytes_ > sizes_.batch_bytes_max) {
        return Error{Code::no_space, "a batch of more than " + std::to_string(sizes_.batch_bytes_max) +
                                         " octets (the largest file size allowed is met)"};
    }
    return reserve_.hold(sizes_.reserve_bytes() + (batch_bytes_ / reserve_step + 1) * reserve_step);
}

Status RocksStore::put(uint32_t table, BytesView key, BytesView value) {
    lent_.take_back();
    if (!batch_error_) return batch_error_;
    if (Status status = room_for(key.size() + value.size()); !status) return failed(status);
    batch_.put(key_of(table, key), value);
    return {};
}

Status RocksStore::erase(uint32_t table, BytesView key) {
    lent_.take_back();
    if (!batch_error_) return batch_error_;
    if (Status status = room_for(key.size()); !status) return failed(status);
    batch_.erase(key_of(table, key));
    return {};
}

Status RocksStore::commit(Index applied_index) {
    lent_.take_back();
    Status status = batch_error_;
    if (status) {
        rocksdb::Status written = make_record(applied_index);
        if (written.ok()) written = write_batch();
        if (!written.ok()) status = rocks_error(written, "commit");
    }
    if (status) applied_ = applied_index;
    rollback();
    return status;
}

// In order of keys: RocksDB then finds the place of each where that of the one before was.
rocksdb::Status RocksStore::make_record(Index applied_index) {
    for (const Overlay::Change* change : batch_.all()) {
        const rocksdb::Slice key = to_slice(change->key);
        rocksdb::ColumnFamilyHandle* const family = engine_->family(static_cast<unsigned char>(change->key[0]));
        const rocksdb::Status added =
            change->erased ? record_.Delete(family, key) : record_.Put(family, key, to_slice(change->value));
        if (!added.ok()) return added;
    }
    engine_->save_applied(record_, applied_index);
    return rocksdb::Status::OK();
}

// A write that RocksDB could not do (others have filled the disk meanwhile) is tried once more with the room of the
// reserve. Twice the same batch is the same as once.
rocksdb::Status RocksStore::write_batch() {
    reserve_.shrink(sizes_.reserve_bytes() + reserve_step);
    rocksdb::Status written = read_only_ ? rocksdb::Status::NoSpace() : write_once();
    if (written.ok() || written.IsCorruption()) return written;
    reserve_.release();
    if (Status opened = reopen(); !opened) {
        host_.log(BELFRY_LOG_ERROR, "storage_rocksdb: not open any more", opened.error().detail);
        return written;
    }
    return read_only_ ? written : write_once();
}

rocksdb::Status RocksStore::write_once() {
    rocksdb::Status written = engine_->db().Write({}, &record_);
    read_only_ = !written.ok();
    return written;
}

// The only way on after an error, one of RocksDB's own threads included: a flush that failed stops it, and the next commit
// meets that; a compaction that found no room is tried again each second, and at worst a later commit that would have to
// wait meets it. RocksDB's Resume() would not do: it writes on into a log file that has met a full disk (Debian's RocksDB
// 7.8 ends the process then, by an assertion), and it waits for ever for a family whose flush was asked for just when that
// of the other one failed: the job ends without taking the request from the queue. Opened anew, the database has another
// log file; what was committed is in the old one.
Status RocksStore::reopen() {
    replacing_ = true;
    const std::unique_lock lock(engine_mutex_);
    replacing_ = false;
    engine_.reset();
    return open_engine(name_);
}

void RocksStore::rollback() {
    lent_.take_back();
    batch_.clear();
    if (record_.GetDataSize() > record_bytes_kept_max) record_ = rocksdb::WriteBatch();
    record_.Clear();
}

Result<BytesView> RocksStore::get(uint32_t table, BytesView key) {
    if (!engine_) return gone();
    const BytesView name = key_of(table, key);
    if (const Overlay::Change* change = batch_.find(name)) {
        if (change->erased) return Error{Code::not_found, {}};
        return change->value;
    }
    rocksdb::PinnableSlice& value = lent_.next();
    const rocksdb::Status found = engine_->db().Get({}, engine_->family(table), to_slice(name), &value);
    if (found.ok()) return from_slice(value);
    lent_.drop_last();
    if (found.IsNotFound()) return Error{Code::not_found, {}};
    return rocks_error(found, "get");
}

Status RocksStore::scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                        const plugin::ScanVisitor& visitor) {
    if (!engine_) return gone();
    const Bytes first = Bytes(key_of(table, from));
    const Bytes end = Bytes(to.empty() ? key_of(table + 1, {}) : key_of(table, to));
    if (end <= first) return {};
    const rocksdb::Slice lower = to_slice(first), upper = to_slice(end);
    rocksdb::ReadOptions options;
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> stored(engine_->db().NewIterator(options, engine_->family(table)));
    return walk(*stored, batch_.within(first, end), direction == plugin::Direction::forward, visitor);
}

Status RocksStore::sync() {
    const std::shared_lock lock(engine_mutex_);
    if (!engine_) return gone();
    if (read_only_) return Error{Code::no_space, "syncing the write-ahead log: it could not be written"};
    return engine_->sync();
}

Result<Index> RocksStore::snapshot_write(const plugin::SnapshotSink& sink) {
    const std::shared_lock lock(engine_mutex_);
    if (!engine_) return gone();
    return write_image(*engine_, sink, replacing_);
}

Status RocksStore::snapshot_read(const plugin::SnapshotSource& source) {
    lent_.take_back();
    const std::string name = data_name(data_number(name_) + 1);
    std::error_code ignored;
    fs::remove_all(directory_ + "/" + name, ignored);
    const Result<Index> applied = load_image(source, name);
    const Status status = applied ? replace_data(name, *applied) : applied.error();
    if (!status) remove_unless_current(name);
    return status;
}

void RocksStore::remove_unless_current(const std::string& name) {
    std::error_code ignored;
    const Result<std::string> current = current_data(directory_);
    if (current && *current != name) fs::remove_all(directory_ + "/" + name, ignored);
}

// Into a database of its own: a damaged or interrupted image leaves the store as it was.
Result<Index> RocksStore::load_image(const plugin::SnapshotSource& source, const std::string& name) {
    auto engine = Engine::open(directory_ + "/" + name, Engine::Access::read_write, settings_, sizes_, host_);
    if (!engine) return engine.error();
    return read_image(**engine, source);
}

Status RocksStore::replace_data(const std::string& name, Index applied) {
    replacing_ = true;
    const std::unique_lock lock(engine_mutex_);
    replacing_ = false;
    const std::string old = name_;
    engine_.reset();
    Status pointed = plugin::write_identity(directory_, plugin_name, format);  // the old data may be of an older one
    if (pointed) pointed = point_to(directory_, name);
    // Also after a failure: whichever one the link names is whole.
    if (Status status = open_engine(pointed ? name : old); !status) return status;
    if (!pointed) return pointed;
    applied_ = applied;
    remove_unless_current(old);
    return {};
}

Result<plugin::StateStoreStats> RocksStore::stats() {
    lent_.take_back();
    return plugin::StateStoreStats{disk_bytes(directory_), 0};
}

}  // namespace belfry::storage_rocksdb
