#include "plugins/storage_rocksdb/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "sdk/plugin/state_image.hpp"

namespace belfry::storage_rocksdb {

namespace {

namespace fs = std::filesystem;

constexpr const char* data_prefix = "data-";
constexpr const char* link_name = "/CURRENT";
constexpr size_t load_batch_bytes = 1024 * 1024;
constexpr size_t readahead_bytes = 2 * 1024 * 1024;

Error system_error(const std::string& path, const char* what) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    return {full ? Code::no_space : Code::io, path + ": cannot " + what + ": " + std::strerror(errno)};
}

// Holds what a copy sees until it is done.
class Pinned {
public:
    explicit Pinned(rocksdb::DB& db) : db_(db), snapshot_(db.GetSnapshot()) {}
    ~Pinned() { db_.ReleaseSnapshot(snapshot_); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    const rocksdb::Snapshot* get() const { return snapshot_; }

private:
    rocksdb::DB& db_;
    const rocksdb::Snapshot* snapshot_;
};

Status write_table(Engine& engine, uint32_t table, const rocksdb::Snapshot* snapshot, plugin::StateImageWriter& writer,
                   const std::atomic<bool>& cancel) {
    const char first = static_cast<char>(table), behind = static_cast<char>(table + 1);
    const rocksdb::Slice lower(&first, 1), upper(&behind, 1);
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.fill_cache = false;  // what the hub reads often stays there
    options.readahead_size = readahead_bytes;
    options.iterate_lower_bound = &lower;
    options.iterate_upper_bound = &upper;
    const std::unique_ptr<rocksdb::Iterator> at(engine.db().NewIterator(options, engine.family(table)));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
        if (cancel.load(std::memory_order_relaxed)) {
            return Error{Code::unavailable, "the database is being opened anew; copy again afterwards"};
        }
        if (Status status = writer.add(table, from_slice(at->key()).substr(1), from_slice(at->value())); !status)
            return status;
    }
    return at->status().ok() ? Status{} : rocks_error(at->status(), "copying the state");
}

}  // namespace

Result<Index> write_image(Engine& engine, const plugin::SnapshotSink& sink, const std::atomic<bool>& cancel) {
    const Pinned snapshot(engine.db());
    const Result<Index> applied = engine.load_applied(snapshot.get());
    if (!applied) return applied;
    plugin::StateImageWriter writer(sink);
    if (Status status = writer.start(*applied); !status) return status.error();
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        if (Status status = write_table(engine, table, snapshot.get(), writer, cancel); !status) return status.error();
    }
    if (Status status = writer.finish(); !status) return status.error();
    return *applied;
}

Result<Index> read_image(Engine& engine, const plugin::SnapshotSource& source) {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    rocksdb::WriteBatch batch;
    const auto write = [&]() -> Status {
        const rocksdb::Status written = engine.db().Write(options, &batch);
        batch.Clear();
        return written.ok() ? Status{} : rocks_error(written, "loading the snapshot");
    };
    Bytes name;
    const auto add = [&](uint32_t table, BytesView key, BytesView value) -> Status {
        name.assign(1, static_cast<char>(table));
        name += key;
        if (const rocksdb::Status put = batch.Put(engine.family(table), to_slice(name), to_slice(value)); !put.ok())
            return rocks_error(put, "loading the snapshot");
        return batch.GetDataSize() < load_batch_bytes ? Status{} : write();
    };
    const Result<Index> applied = plugin::StateImageReader(source).read(add);
    if (!applied) return applied;
    engine.save_applied(batch, *applied);
    if (Status status = write(); !status) return status.error();
    const rocksdb::Status flushed = engine.db().Flush({}, engine.families());
    if (!flushed.ok()) return rocks_error(flushed, "loading the snapshot");
    return applied;
}

std::string data_name(uint64_t number) { return data_prefix + std::to_string(number); }

uint64_t data_number(const std::string& name) {
    return std::strtoull(name.c_str() + std::strlen(data_prefix), nullptr, 10);
}

Result<std::string> current_data(const std::string& directory) {
    const std::string path = directory + link_name;
    std::error_code failed;
    if (!fs::is_symlink(path, failed)) return std::string();
    const std::string name = fs::read_symlink(path, failed).string();
    if (failed || !name.starts_with(data_prefix) || !fs::is_directory(directory + "/" + name, failed)) {
        return Error{Code::corrupt, path + ": leads to '" + name + "', where no data is; restore the directory"};
    }
    return name;
}

Status point_to(const std::string& directory, const std::string& name) {
    const std::string path = directory + link_name, fresh = path + ".new";
    ::unlink(fresh.c_str());
    if (::symlink(name.c_str(), fresh.c_str()) != 0) return system_error(fresh, "be made");
    if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error(fresh, "be renamed");
    const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && ::fsync(folder) == 0;
    const Status status = synced ? Status{} : system_error(directory, "be synced");
    if (folder >= 0) ::close(folder);
    return status;
}

void remove_other_data(const std::string& directory, const std::string& kept) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(directory, failed)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(data_prefix) && name != kept) fs::remove_all(entry.path(), failed);
    }
}

uint64_t disk_bytes(const std::string& directory) {
    uint64_t bytes = 0;
    std::error_code failed;
    for (auto at = fs::recursive_directory_iterator(directory, failed); !failed && at != fs::end(at);
         at.increment(failed)) {
        struct stat file = {};  // files come and go
        if (::lstat(at->path().c_str(), &file) == 0) bytes += static_cast<uint64_t>(file.st_blocks) * 512;
    }
    return bytes;
}

}  // namespace belfry::storage_rocksdb
