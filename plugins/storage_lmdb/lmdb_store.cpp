#include "plugins/storage_lmdb/lmdb_store.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <mutex>

#include "sdk/plugin/identity.hpp"
#include "sdk/plugin/state_image.hpp"

namespace belfry::storage_lmdb {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t map_bytes_min = 1024 * 1024;
constexpr size_t load_batch_bytes = 32 * 1024 * 1024;  // of a snapshot, committed at once while loading

Result<LmdbSettings> parse_settings(const plugin::Settings& settings) {
    LmdbSettings parsed_settings;
    for (const auto& [name, value] : settings) {
        if (name == "write" && (value == "auto" || value == "plain")) {
            parsed_settings.write = value == "auto" ? Env::Write::safest_fast : Env::Write::plain;
            continue;
        }
        if (name == "write") {
            return Error{Code::invalid_argument, "storage_lmdb: write = '" + value + "' must be 'auto' or 'plain'"};
        }
        if (name != "map_bytes") {
            return Error{Code::invalid_argument,
                         "storage_lmdb knows no setting '" + name + "'; there are: map_bytes, write"};
        }
        uint64_t map_bytes = 0;
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, map_bytes);
        if (parsed.ec != std::errc() || parsed.ptr != end || map_bytes < map_bytes_min) {
            return Error{Code::invalid_argument, "storage_lmdb: map_bytes = '" + value + "' is no number of octets from " +
                                                     std::to_string(map_bytes_min) + " upward"};
        }
        parsed_settings.map_bytes = map_bytes / 4096 * 4096;
    }
    return parsed_settings;
}

Status sync_path(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lmdb_error(errno, path);
    const int rc = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    return rc == 0 ? Status{} : lmdb_error(rc, path);
}

// Only after snapshot_read could not open the store again.
Error gone() { return {Code::io, "the store is closed, because replacing it by a snapshot failed; start the hub again"}; }

}  // namespace

Result<std::unique_ptr<LmdbStore>> LmdbStore::open(const plugin::OpenArguments& arguments) {
    const Result<LmdbSettings> settings = parse_settings(arguments.settings);
    if (!settings) return settings.error();
    if (Status status = plugin::check_identity(arguments.directory, plugin_name, format); !status) return status.error();
    std::error_code ignored;
    fs::remove_all(arguments.directory + "/incoming", ignored);  // of a snapshot that a crash interrupted
    Result<std::unique_ptr<Env>> env = Env::open(arguments.directory, settings->map_bytes, settings->write);
    if (!env) return env.error();
    if (!fs::exists(arguments.directory + "/" + plugin::identity_file, ignored)) {
        if (Status status = plugin::write_identity(arguments.directory, plugin_name, format); !status)
            return status.error();
        if (Status status = sync_path(arguments.directory); !status) return status.error();
    }
    return std::make_unique<LmdbStore>(arguments, *settings, std::move(*env));
}

LmdbStore::LmdbStore(const plugin::OpenArguments& arguments, const LmdbSettings& settings, std::unique_ptr<Env> env)
    : directory_(arguments.directory), host_(arguments.host), settings_(settings), env_(std::move(env)) {}

Result<MDB_txn*> LmdbStore::view() {
    if (batch_) return batch_.get();
    if (!env_) return gone();
    if (reader_active_) return reader_.get();
    if (reader_) {
        if (const int rc = mdb_txn_renew(reader_.get()); rc != 0) return lmdb_error(rc, "mdb_txn_renew");
    } else {
        Result<Txn> txn = env_->begin(MDB_RDONLY);
        if (!txn) return txn.error();
        reader_ = std::move(*txn);
    }
    reader_active_ = true;
    return reader_.get();
}

Result<Index> LmdbStore::applied_index() {
    const Result<MDB_txn*> txn = view();
    if (!txn) return txn.error();
    return env_->load_applied(*txn);
}

Status LmdbStore::begin() {
    if (!env_) return gone();
    if (reader_active_) mdb_txn_reset(reader_.get());
    reader_active_ = false;
    Result<Txn> txn = env_->begin(0);
    if (!txn) return txn.error();
    batch_ = std::move(*txn);
    batch_error_ = {};
    return {};
}

Status LmdbStore::failed(Status status) {
    if (batch_error_) batch_error_ = status;
    return status;
}

void LmdbStore::learn_greatest(uint32_t table) {
    Greatest& greatest = greatest_[table];
    const Result<Cursor> cursor = env_->cursor(batch_.get(), table);
    MDB_val key = {}, value = {};
    const int rc = cursor ? mdb_cursor_get(cursor->get(), &key, &value, MDB_LAST) : EIO;
    greatest.known = rc == 0 || rc == MDB_NOTFOUND;
    greatest.key = rc == 0 ? from_val(key) : BytesView();
}

Status LmdbStore::put(uint32_t table, BytesView key, BytesView value) {
    if (!batch_error_) return batch_error_;
    if (Status status = env_->reserve(value.size()); !status) return failed(status);
    Greatest& greatest = greatest_[table];
    if (!greatest.known) learn_greatest(table);
    const bool append = greatest.known && key > greatest.key;
    const Result<MDB_cursor*> cursor = batch_cursor(table);
    if (!cursor) return failed(cursor.error());
    MDB_val k = to_val(key), v = to_val(value);
    const unsigned flags = append ? MDB_APPEND : stands_on(*cursor, key) ? MDB_CURRENT : 0;
    if (const int rc = mdb_cursor_put(*cursor, &k, &v, flags); rc != 0) return failed(lmdb_error(rc, "mdb_cursor_put"));
    if (append) greatest.key = key;
    return {};
}

// The batch's cursor of a table stays where the last call left it: a put behind a get of the same key, and an erase behind
// that of the key before, need no second way down the tree. LMDB closes it with the batch.
Result<MDB_cursor*> LmdbStore::batch_cursor(uint32_t table) {
    MDB_cursor*& cursor = batch_cursors_[table];
    if (cursor != nullptr) return cursor;
    if (const int rc = mdb_cursor_open(batch_.get(), env_->table(table), &cursor); rc != 0) {
        cursor = nullptr;
        return lmdb_error(rc, "mdb_cursor_open");
    }
    return cursor;
}

bool LmdbStore::stands_on(MDB_cursor* cursor, BytesView key) {
    MDB_val k = {}, v = {};
    return mdb_cursor_get(cursor, &k, &v, MDB_GET_CURRENT) == 0 && from_val(k) == key;
}

Status LmdbStore::erase(uint32_t table, BytesView key) {
    if (!batch_error_) return batch_error_;
    if (Status status = env_->reserve(0); !status) return failed(status);
    const Result<MDB_cursor*> cursor = batch_cursor(table);
    if (!cursor) return failed(cursor.error());
    MDB_val k = to_val(key), v = {};
    int rc = stands_on(*cursor, key) ? 0 : mdb_cursor_get(*cursor, &k, &v, MDB_SET);
    if (rc == MDB_NOTFOUND) return {};
    if (rc == 0) rc = mdb_cursor_del(*cursor, 0);
    if (rc != 0) return failed(lmdb_error(rc, "mdb_cursor_del"));
    if (greatest_[table].key == key) greatest_[table].known = false;
    return {};
}

Status LmdbStore::commit(Index applied_index) {
    if (batch_error_) batch_error_ = env_->save_applied(batch_.get(), applied_index);
    if (!batch_error_) {
        rollback();
        return batch_error_;
    }
    batch_cursors_ = {};
    if (const int rc = mdb_txn_commit(batch_.release()); rc != 0) {
        for (Greatest& greatest : greatest_) greatest.known = false;
        return lmdb_error(rc, "mdb_txn_commit");
    }
    return {};
}

void LmdbStore::rollback() {
    batch_cursors_ = {};
    batch_.reset();
    for (Greatest& greatest : greatest_) greatest.known = false;
}

Result<BytesView> LmdbStore::get(uint32_t table, BytesView key) {
    const Result<MDB_txn*> txn = view();
    if (!txn) return txn.error();
    MDB_val k = to_val(key), v = {};
    int rc = 0;
    if (batch_) {
        const Result<MDB_cursor*> cursor = batch_cursor(table);
        if (!cursor) return cursor.error();
        rc = mdb_cursor_get(*cursor, &k, &v, MDB_SET_KEY);
    } else {
        rc = mdb_get(*txn, env_->table(table), &k, &v);
    }
    if (rc == 0) return from_val(v);
    if (rc == MDB_NOTFOUND) return Error{Code::not_found, {}};
    return lmdb_error(rc, "mdb_get");
}

Status LmdbStore::scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                       const plugin::ScanVisitor& visitor) {
    const Result<MDB_txn*> txn = view();
    if (!txn) return txn.error();
    const Result<Cursor> cursor = env_->cursor(*txn, table);
    if (!cursor) return cursor.error();
    const bool forward = direction == plugin::Direction::forward;
    const BytesView start = forward ? from : to;
    MDB_val key = to_val(start), value = {};
    int rc = 0;
    if (start.empty()) {
        rc = mdb_cursor_get(cursor->get(), &key, &value, forward ? MDB_FIRST : MDB_LAST);
    } else {
        rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_SET_RANGE);
        if (!forward && (rc == 0 || rc == MDB_NOTFOUND)) {
            rc = mdb_cursor_get(cursor->get(), &key, &value, rc == 0 ? MDB_PREV : MDB_LAST);
        }
    }
    const MDB_cursor_op next = forward ? MDB_NEXT : MDB_PREV;
    for (; rc == 0; rc = mdb_cursor_get(cursor->get(), &key, &value, next)) {
        const BytesView found = from_val(key);
        if (forward ? !to.empty() && found >= to : found < from) return {};
        if (!visitor(found, from_val(value))) return {};
    }
    if (rc == MDB_NOTFOUND) return {};
    return lmdb_error(rc, "mdb_cursor_get");
}

Status LmdbStore::sync() {
    const std::shared_lock lock(env_mutex_);
    if (!env_) return gone();
    const int rc = mdb_env_sync(env_->env(), 1);
    return rc == 0 ? Status{} : lmdb_error(rc, "mdb_env_sync");
}

Result<Index> LmdbStore::snapshot_write(const plugin::SnapshotSink& sink) {
    const std::shared_lock lock(env_mutex_);
    if (!env_) return gone();
    const Result<Txn> txn = env_->begin(MDB_RDONLY);  // its own: pins the commit that the copy shows
    if (!txn) return txn.error();
    const Result<Index> applied = env_->load_applied(txn->get());
    if (!applied) return applied.error();
    plugin::StateImageWriter writer(sink);
    if (Status status = writer.start(*applied); !status) return status.error();
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        const Result<Cursor> cursor = env_->cursor(txn->get(), table);
        if (!cursor) return cursor.error();
        MDB_val key = {}, value = {};
        int rc = 0;
        while ((rc = mdb_cursor_get(cursor->get(), &key, &value, MDB_NEXT)) == 0) {
            if (replacing_.load(std::memory_order_relaxed)) {
                return Error{Code::unavailable, "the store is being replaced by a snapshot; copy again afterwards"};
            }
            if (Status status = writer.add(table, from_val(key), from_val(value)); !status) return status.error();
        }
        if (rc != MDB_NOTFOUND) return lmdb_error(rc, "mdb_cursor_get");
    }
    if (Status status = writer.finish(); !status) return status.error();
    return *applied;
}

// Into an environment of its own: a damaged or interrupted image leaves the store as it was. Like any commit it becomes
// durable by sync(): a member that catches up writes its data twice as it is, and must not wait for the disk twice.
Status LmdbStore::load_image(const plugin::SnapshotSource& source, const std::string& directory) {
    const Result<std::unique_ptr<Env>> env = Env::open(directory, settings_.map_bytes, Env::Write::plain);
    if (!env) return env.error();
    Result<Txn> txn = (*env)->begin(0);
    if (!txn) return txn.error();
    size_t bytes = 0;
    const auto add = [&](uint32_t table, BytesView key, BytesView value) -> Status {
        if (Status status = (*env)->reserve(value.size()); !status) return status;
        MDB_val k = to_val(key), v = to_val(value);
        if (const int rc = mdb_put(txn->get(), (*env)->table(table), &k, &v, MDB_APPEND); rc != 0) {
            return lmdb_error(rc, "loading the snapshot");
        }
        bytes += key.size() + value.size();
        if (bytes < load_batch_bytes) return {};
        bytes = 0;
        if (const int rc = mdb_txn_commit(txn->release()); rc != 0) return lmdb_error(rc, "loading the snapshot");
        txn = (*env)->begin(0);
        return txn ? Status{} : txn.error();
    };
    const Result<Index> applied = plugin::StateImageReader(source).read(add);
    if (!applied) return applied.error();
    if (Status status = (*env)->save_applied(txn->get(), *applied); !status) return status;
    const int rc = mdb_txn_commit(txn->release());
    return rc == 0 ? Status{} : lmdb_error(rc, "loading the snapshot");
}

Status LmdbStore::replace_data(const std::string& incoming) {
    replacing_ = true;
    const std::unique_lock lock(env_mutex_);
    replacing_ = false;
    reader_.reset();
    reader_active_ = false;
    for (Greatest& greatest : greatest_) greatest.known = false;
    env_.reset();
    std::error_code failed;
    fs::rename(incoming + "/data.mdb", directory_ + "/data.mdb", failed);
    const Status replaced = failed ? lmdb_error(failed.value(), directory_) : Status{};
    // Also after a failure: whichever file is there is whole.
    Result<std::unique_ptr<Env>> env = Env::open(directory_, settings_.map_bytes, settings_.write);
    if (!env) return env.error();
    env_ = std::move(*env);
    return replaced;
}

Status LmdbStore::snapshot_read(const plugin::SnapshotSource& source) {
    const std::string incoming = directory_ + "/incoming";
    std::error_code failed;
    fs::remove_all(incoming, failed);
    fs::create_directory(incoming, failed);
    if (failed) return lmdb_error(failed.value(), incoming);
    Status status = load_image(source, incoming);
    if (status) status = replace_data(incoming);
    fs::remove_all(incoming, failed);
    return status;
}

Result<plugin::StateStoreStats> LmdbStore::stats() {
    if (!env_) return gone();
    MDB_envinfo info = {};
    if (const int rc = mdb_env_info(env_->env(), &info); rc != 0) return lmdb_error(rc, "mdb_env_info");
    return plugin::StateStoreStats{env_->disk_bytes(), info.me_mapsize};
}

}  // namespace belfry::storage_lmdb
