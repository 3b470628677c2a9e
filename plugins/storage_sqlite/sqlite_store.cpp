#include "plugins/storage_sqlite/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "sdk/plugin/identity.hpp"
#include "sdk/plugin/state_image.hpp"

namespace belfry::storage_sqlite {

namespace {

constexpr uint64_t cache_bytes_default = 64 * 1024 * 1024;  // taken as pages are read, not before
constexpr uint64_t cache_bytes_min = 1024 * 1024;
constexpr uint64_t cache_bytes_max = uint64_t{1} << 40;
constexpr uint64_t cache_bytes_aside = 2 * 1024 * 1024;  // of the connections that go through the file once

Result<uint64_t> parse_cache_bytes(const plugin::Settings& settings) {
    uint64_t cache_bytes = cache_bytes_default;
    for (const auto& [name, value] : settings) {
        if (name != "cache_bytes") {
            return Error{Code::invalid_argument, "storage_sqlite knows no setting '" + name + "'; there is: cache_bytes"};
        }
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, cache_bytes);
        if (parsed.ec != std::errc() || parsed.ptr != end || cache_bytes < cache_bytes_min ||
            cache_bytes > cache_bytes_max) {
            return Error{Code::invalid_argument, "storage_sqlite: cache_bytes = '" + value +
                                                     "' is no number of octets from " + std::to_string(cache_bytes_min) +
                                                     " to " + std::to_string(cache_bytes_max)};
        }
    }
    return cache_bytes;
}

// SQLite makes its files readable for all and gives the log the mode of the file: so the file is made before.
Status make_file(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) return {};
    if (fd >= 0) return ::close(fd), Status{};
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return Error{full ? Code::no_space : Code::io, path + ": cannot be created: " + std::strerror(errno)};
}

// The log's name too must survive a crash of the machine: what sync() promises is in it.
Status sync_directory(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    const int number = errno;
    if (fd >= 0) ::close(fd);
    return synced ? Status{} : Error{Code::io, directory + ": cannot be synced: " + std::strerror(number)};
}

// Reads once: before that a connection does not know that there is a log, and would move nothing out of it.
Result<std::unique_ptr<Database>> open_aside(const std::string& path) {
    Result<std::unique_ptr<Database>> database = Database::open(path, cache_bytes_aside);
    if (!database) return database;
    const auto read = (*database)->number("SELECT count(*) FROM belfry", 0);
    if (!read) return Error{read.error().code, path + ": " + read.error().detail};
    return database;
}

uint64_t disk_bytes(const std::string& path) {
    struct stat file = {};
    return ::stat(path.c_str(), &file) == 0 ? static_cast<uint64_t>(file.st_blocks) * 512 : 0;
}

int keep_frames(void* frames, sqlite3*, const char*, int count) {
    *static_cast<uint64_t*>(frames) = static_cast<uint64_t>(count);
    return SQLITE_OK;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const plugin::OpenArguments& arguments) {
    const Result<uint64_t> cache_bytes = parse_cache_bytes(arguments.settings);
    if (!cache_bytes) return cache_bytes.error();
    const std::string& directory = arguments.directory;
    if (Status status = plugin::check_identity(directory, plugin_name, format); !status) return status.error();
    const std::string path = directory + file_name;
    if (Status status = make_file(path); !status) return status.error();
    Result<std::unique_ptr<Database>> core = Database::open(path, *cache_bytes);
    if (!core) return core.error();
    if (Status status = prepare_schema(**core, path); !status) return status.error();
    Result<std::unique_ptr<Database>> copier = open_aside(path);
    if (!copier) return copier.error();
    Result<std::unique_ptr<Database>> checkpoints = open_aside(path);
    if (!checkpoints) return checkpoints.error();
    auto store = std::make_unique<SqliteStore>(path, std::move(*core), std::move(*copier), std::move(*checkpoints));
    if (Status status = store->start(); !status) return status.error();
    if (Status status = sync_directory(directory); !status) return status.error();
    if (::access((directory + "/" + plugin::identity_file).c_str(), F_OK) != 0) {
        if (Status status = plugin::write_identity(directory, plugin_name, format); !status) return status.error();
    }
    return store;
}

SqliteStore::SqliteStore(std::string path, std::unique_ptr<Database> core, std::unique_ptr<Database> copier,
                         std::unique_ptr<Database> checkpoints)
    : path_(std::move(path)), core_(std::move(core)), copier_(std::move(copier)), checkpointer_(std::move(checkpoints)) {}

Status SqliteStore::start() {
    Database& database = *core_.database;
    sqlite3_wal_hook(database.connection(), keep_frames, &frames_);
    const std::string limit = "PRAGMA journal_size_limit = " + std::to_string(wal_bytes_kept);
    // Pages of an open batch stay in memory: then what a batch writes is known before it writes.
    for (const std::string& sql : {limit, std::string("PRAGMA cache_spill = OFF")}) {
        if (Status status = database.run(sql.c_str()); !status) return status;
    }
    return wal_space_.open(path_ + "-wal", path_ + "-shm");
}

Status SqliteStore::view() {
    if (view_ != View::none) return {};
    if (Status status = core_.statements.run(Control::begin_reading); !status) return status;
    view_ = View::reading;
    return {};
}

Result<Index> SqliteStore::applied_index() {
    borrowed_.forget();
    if (Status status = view(); !status) return status.error();
    return core_.statements.load_applied();
}

Status SqliteStore::start_writing() {
    borrowed_.forget();
    if (view_ == View::reading) {
        if (Status status = core_.statements.run(Control::commit); !status) return status;
        view_ = View::none;
    }
    checkpointer_.finish(*core_.database);
    if (Status status = core_.statements.run(Control::begin_batch); !status) return status;
    view_ = View::batch;
    batch_error_ = {};
    return {};
}

Status SqliteStore::begin() {
    wal_space_.start_batch();
    return start_writing();
}

Status SqliteStore::failed(Status status) {
    if (batch_error_) batch_error_ = status;
    return status;
}

Status SqliteStore::change(Query query, uint32_t table, BytesView key, BytesView value) {
    const Result<sqlite3_stmt*> statement = core_.statements.of(query, table);
    if (!statement) return statement.error();
    Run run(*statement);
    bind(*statement, 1, key);
    if (query == Query::put) bind(*statement, 2, value);
    return run.step() == SQLITE_DONE ? Status{} : core_.database->error(query == Query::put ? "put" : "erase");
}

Status SqliteStore::put(uint32_t table, BytesView key, BytesView value) {
    borrowed_.forget();
    if (!batch_error_) return batch_error_;
    if (Status status = wal_space_.reserve(value.size()); !status) return failed(status);
    Status status = change(Query::put, table, key, value);
    return status ? status : failed(status);
}

Status SqliteStore::erase(uint32_t table, BytesView key) {
    borrowed_.forget();
    if (!batch_error_) return batch_error_;
    if (Status status = wal_space_.reserve(0); !status) return failed(status);
    Status status = change(Query::erase, table, key, {});
    return status ? status : failed(status);
}

Status SqliteStore::commit(Index applied_index) {
    if (batch_error_) batch_error_ = core_.statements.save_applied(applied_index);
    if (batch_error_) batch_error_ = core_.statements.run(Control::commit);
    if (!batch_error_) {
        rollback();
        return batch_error_;
    }
    borrowed_.forget();
    view_ = View::none;
    wal_space_.follow(frames_);
    checkpointer_.follow(frames_);
    return {};
}

void SqliteStore::rollback() {
    borrowed_.forget();
    view_ = View::none;
    // After some errors SQLite has rolled back by itself.
    if (core_.database->in_transaction()) (void)core_.statements.run(Control::rollback);
}

Result<BytesView> SqliteStore::get(uint32_t table, BytesView key) {
    if (const auto lent = borrowed_.find(table, key)) return *lent;
    if (Status status = view(); !status) return status.error();
    const Result<sqlite3_stmt*> statement = core_.statements.of(Query::get, table);
    if (!statement) return statement.error();
    Run run(*statement);
    bind(*statement, 1, key);
    const int rc = run.step();
    if (rc == SQLITE_DONE) return Error{Code::not_found, {}};
    if (rc != SQLITE_ROW) return core_.database->error("get");
    const Result<BytesView> value = column(*core_.database, *statement, 0);
    if (!value) return value;
    return borrowed_.lend(table, key, *value);
}

Status SqliteStore::scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                         const plugin::ScanVisitor& visitor) {
    if (Status status = view(); !status) return status;
    const bool forward = direction == plugin::Direction::forward;
    const Query query =
        to.empty() ? (forward ? Query::forward : Query::reverse) : (forward ? Query::forward_to : Query::reverse_to);
    const Result<sqlite3_stmt*> statement = core_.statements.of(query, table);
    if (!statement) return statement.error();
    Run run(*statement);
    bind(*statement, 1, from);
    if (!to.empty()) bind(*statement, 2, to);
    int rc = run.step();
    for (; rc == SQLITE_ROW; rc = run.step()) {
        const Result<BytesView> key = column(*core_.database, *statement, 0);
        if (!key) return key.error();
        const Result<BytesView> value = column(*core_.database, *statement, 1);
        if (!value) return value.error();
        if (!visitor(*key, *value)) return {};
    }
    return rc == SQLITE_DONE ? Status{} : core_.database->error("scan");
}

Status SqliteStore::sync() { return checkpointer_.sync(*copier_.database); }

Result<Index> SqliteStore::snapshot_write(const plugin::SnapshotSink& sink) {
    if (Status status = copier_.statements.run(Control::begin_reading); !status) return status.error();
    Result<Index> written = write_image(sink);
    (void)copier_.statements.run(Control::commit);  // of reads alone
    return written;
}

Result<Index> SqliteStore::write_image(const plugin::SnapshotSink& sink) {
    const Result<Index> applied = copier_.statements.load_applied();  // pins the commit that the copy shows
    if (!applied) return applied;
    plugin::StateImageWriter writer(sink);
    if (Status status = writer.start(*applied); !status) return status.error();
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        const Result<sqlite3_stmt*> statement = copier_.statements.of(Query::forward, table);
        if (!statement) return statement.error();
        Run run(*statement);
        bind(*statement, 1, {});
        int rc = run.step();
        for (; rc == SQLITE_ROW; rc = run.step()) {
            const Result<BytesView> key = column(*copier_.database, *statement, 0);
            if (!key) return key.error();
            const Result<BytesView> value = column(*copier_.database, *statement, 1);
            if (!value) return value.error();
            if (Status status = writer.add(table, *key, *value); !status) return status.error();
        }
        if (rc != SQLITE_DONE) return copier_.database->error("copying the state");
    }
    if (Status status = writer.finish(); !status) return status.error();
    return *applied;
}

Status SqliteStore::snapshot_read(const plugin::SnapshotSource& source) {
    if (Status status = start_writing(); !status) return status;
    // More than fits in memory may come.
    (void)core_.database->run("PRAGMA cache_spill = ON");
    const Status loaded = load_image(source);
    if (!loaded) rollback();
    (void)core_.database->run("PRAGMA cache_spill = OFF");
    return loaded;
}

Status SqliteStore::load_image(const plugin::SnapshotSource& source) {
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        const std::string sql = "DELETE FROM table" + std::to_string(table);
        if (Status status = core_.database->run(sql.c_str()); !status) return status;
    }
    const auto add = [this](uint32_t table, BytesView key, BytesView value) {
        return change(Query::put, table, key, value);
    };
    const Result<Index> applied = plugin::StateImageReader(source).read(add);
    if (!applied) return applied.error();
    return commit(*applied);
}

Result<plugin::StateStoreStats> SqliteStore::stats() {
    borrowed_.forget();
    return plugin::StateStoreStats{disk_bytes(path_) + disk_bytes(path_ + "-wal") + disk_bytes(path_ + "-shm"), 0};
}

}  // namespace belfry::storage_sqlite
