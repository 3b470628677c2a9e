#include "plugins/storage_rocksdb/engine.hpp"

#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace belfry::storage_rocksdb {

namespace {

constexpr int open_files_max = 512;
constexpr int filter_bits_per_key = 10;       // 1 % of the reads of absent keys look into a file in vain
constexpr double buffer_filter_ratio = 0.02;  // of the memory of a buffer
constexpr const char* changes_name = "changes";
constexpr size_t table_block_bytes = 4 * 1024;

// RocksDB's own remarks: what went wrong goes to the hub's log, the rest nowhere. It has no log file.
class HostLogger final : public rocksdb::Logger {
public:
    explicit HostLogger(plugin::Host host) : rocksdb::Logger(rocksdb::InfoLogLevel::ERROR_LEVEL), host_(host) {}
    using rocksdb::Logger::Logv;
    void Logv(const char* format, va_list arguments) override {
        char line[1024];
        std::vsnprintf(line, sizeof(line), format, arguments);
        host_.log(BELFRY_LOG_WARNING, "rocksdb", line);
    }

private:
    const plugin::Host host_;
};

bool mentions(const std::string& text, int number) { return text.find(std::strerror(number)) != std::string::npos; }

Code code_of(const rocksdb::Status& status, const std::string& text) {
    if (status.IsNoSpace() || mentions(text, ENOSPC) || mentions(text, EDQUOT) || mentions(text, EFBIG))
        return Code::no_space;
    if (status.IsCorruption()) return Code::corrupt;
    if (status.IsNotFound()) return Code::not_found;
    if (mentions(text, EACCES)) return Code::denied;
    return Code::io;
}

rocksdb::BlockBasedTableOptions table_of(const RocksSettings& settings) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes);
    // Files are mapped, so an index and a filter that are not compressed take no memory but pages of their file.
    table.cache_index_and_filter_blocks = false;
    table.enable_index_compression = false;
    table.block_size = table_block_bytes;
    table.format_version = 5;
    return table;
}

rocksdb::ColumnFamilyOptions family_of(const Sizes& sizes, uint64_t buffer_bytes) {
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = buffer_bytes;
    options.max_write_buffer_number = Sizes::buffers_each;
    options.target_file_size_base = sizes.file_bytes;
    options.level_compaction_dynamic_level_bytes = true;
    options.compression = rocksdb::kNoCompression;
    options.bottommost_compression = rocksdb::kLZ4Compression;
    return options;
}

// Asked for keys in any order, also for such as are not there.
rocksdb::ColumnFamilyOptions others_of(rocksdb::BlockBasedTableOptions table, const Sizes& sizes) {
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits_per_key));
    table.block_restart_interval = 8;
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    rocksdb::ColumnFamilyOptions options = family_of(sizes, sizes.others_buffer_bytes);
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.memtable_prefix_bloom_size_ratio = buffer_filter_ratio;
    options.memtable_whole_key_filtering = true;
    return options;
}

// Written and read in order, and asked for what is there.
rocksdb::ColumnFamilyOptions changes_of(rocksdb::BlockBasedTableOptions table, const Sizes& sizes) {
    rocksdb::ColumnFamilyOptions options = family_of(sizes, sizes.changes_buffer_bytes);
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

rocksdb::DBOptions options_of(const RocksSettings& settings) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.allow_mmap_reads = true;
    options.max_background_flushes = flush_threads;
    options.max_background_compactions = static_cast<int>(settings.background_threads);
    options.max_open_files = open_files_max;
    options.bytes_per_sync = 1024 * 1024;  // a file's pages go to the disk while it is written, not all at its end
    options.max_manifest_file_size = 16 * 1024 * 1024;
    // An open writes nothing that it need not: also a full disk has a state that can be read.
    options.avoid_flush_during_recovery = true;
    options.avoid_flush_during_shutdown = true;
    // What no sync has covered may be torn after a crash of the machine: the state then ends at the batch before.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    options.allow_concurrent_memtable_write = false;  // there is one writer
    options.enable_write_thread_adaptive_yield = false;
    options.max_bgerror_resume_count = 0;  // after an error the database is opened anew (Listener)
    options.stats_dump_period_sec = 0;
    options.stats_persist_period_sec = 0;
    return options;
}

// A database that is not there yet gets both families.
bool has_changes(const rocksdb::DBOptions& options, const std::string& directory) {
    std::error_code ignored;
    if (!std::filesystem::exists(directory + "/CURRENT", ignored)) return true;
    std::vector<std::string> names;
    if (!rocksdb::DB::ListColumnFamilies(options, directory, &names).ok()) return true;  // the open says what is wrong
    return std::find(names.begin(), names.end(), changes_name) != names.end();
}

}  // namespace

Error rocks_error(const rocksdb::Status& status, const std::string& what) {
    std::string text = status.ToString();
    const Code code = code_of(status, text);
    if (code == Code::no_space)
        text += mentions(text, EFBIG) ? " (the largest file size allowed is met)" : " (free disk space)";
    return {code, what + ": " + text};
}

// A thread of RocksDB's would go on by itself after an error, also on a write-ahead log that can take nothing any more.
class Engine::Listener final : public rocksdb::EventListener {
public:
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* by_itself) override {
        *by_itself = false;
    }
};

Result<std::unique_ptr<Engine>> Engine::open(const std::string& directory, Access access, const RocksSettings& settings,
                                             const Sizes& sizes, const plugin::Host& host) {
    const bool writes = access == Access::read_write;
    std::error_code ignored;  // RocksDB says what is wrong; it warns of a directory that it makes itself
    if (writes) std::filesystem::create_directory(directory, ignored);
    std::unique_ptr<Engine> engine(new Engine);
    engine->env_ = std::make_unique<BackgroundEnv>(static_cast<int>(settings.background_threads));
    rocksdb::DBOptions options = options_of(settings);
    options.env = engine->env_.get();
    options.info_log = engine->logger_ = std::make_shared<HostLogger>(host);
    options.listeners.push_back(engine->listener_ = std::make_shared<Listener>());
    const rocksdb::BlockBasedTableOptions table = table_of(settings);
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back(rocksdb::kDefaultColumnFamilyName, others_of(table, sizes));
    if (has_changes(options, directory)) families.emplace_back(changes_name, changes_of(table, sizes));
    rocksdb::DB* db = nullptr;
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    const rocksdb::Status opened = writes ? rocksdb::DB::Open(options, directory, families, &handles, &db)
                                          : rocksdb::DB::OpenForReadOnly(options, directory, families, &handles, &db);
    if (!opened.ok()) return rocks_error(opened, directory);
    engine->db_.reset(db);
    engine->others_ = handles.front();
    engine->changes_ = handles.back();
    return engine;
}

Engine::~Engine() {
    if (db_) {
        for (rocksdb::ColumnFamilyHandle* family : families()) (void)db_->DestroyColumnFamilyHandle(family);
        (void)db_->Close();
    }
    db_.reset();
}

std::vector<rocksdb::ColumnFamilyHandle*> Engine::families() const {
    if (others_ == changes_) return {others_};
    return {others_, changes_};
}

Result<Index> Engine::load_applied(const rocksdb::Snapshot* snapshot) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    std::string value;
    const rocksdb::Status status = db_->Get(options, others_, to_slice(applied_key), &value);
    if (status.IsNotFound()) return Index{0};
    if (!status.ok()) return rocks_error(status, "the applied index");
    Index index;
    if (value.size() != sizeof(index.value)) return Error{Code::corrupt, "the applied index has a wrong size"};
    std::memcpy(&index.value, value.data(), sizeof(index.value));
    return index;
}

void Engine::save_applied(rocksdb::WriteBatch& batch, Index index) {
    batch.Put(others_, to_slice(applied_key), {reinterpret_cast<const char*>(&index.value), sizeof(index.value)});
}

Status Engine::sync() {
    if (!old_logs_synced_) {
        if (Status status = sync_old_logs(); !status) return status;
        old_logs_synced_ = true;
    }
    const rocksdb::Status synced = db_->SyncWAL();
    return synced.ok() ? Status{} : rocks_error(synced, "syncing the write-ahead log");
}

// Those that were there when it was opened: SyncWAL() knows only what RocksDB has written since.
Status Engine::sync_old_logs() {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(db_->GetName(), failed)) {
        if (entry.path().extension() != ".log") continue;
        const int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0 && errno == ENOENT) continue;  // not needed any more
        const bool synced = file >= 0 && ::fdatasync(file) == 0;
        const int error = errno;
        if (file >= 0) ::close(file);
        if (!synced) return Error{Code::io, entry.path().string() + ": cannot be synced: " + std::strerror(error)};
    }
    return failed ? Status(Error{Code::io, db_->GetName() + ": cannot be read: " + failed.message()}) : Status{};
}

}  // namespace belfry::storage_rocksdb
