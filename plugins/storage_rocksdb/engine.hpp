// One open RocksDB: its options, and errors as sentences.
//
// A key begins with the octet of its table, 0 .. 7, and what belongs to the store itself with 255. Two column families: the
// hub's table 2, its change records, which come in order of their keys and so are written once and never merged with
// others, and all the rest. A batch is one record of RocksDB's write-ahead log, which both share; whatever a crash leaves
// ends at a batch, its applied index included. A database of format 1 has one family, and keeps it until a snapshot
// replaces it.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <memory>
#include <string>
#include <vector>

#include "plugins/storage_rocksdb/background.hpp"
#include "plugins/storage_rocksdb/settings.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/plugin.hpp"

namespace belfry::storage_rocksdb {

inline rocksdb::Slice to_slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
inline BytesView from_slice(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The code and sentence of what RocksDB answered.
Error rocks_error(const rocksdb::Status& status, const std::string& what);

// The key of the applied index, which changes with the batch that it belongs to.
inline constexpr BytesView applied_key =
    "\xff"
    "applied";

class Engine {
public:
    static constexpr uint32_t changes_table = 2;

    enum class Access { read_write, read_only };
    // Opens in `directory`, or creates there if that is to be written. Read only it needs no disk space; what is in no file
    // yet is in memory then.
    static Result<std::unique_ptr<Engine>> open(const std::string& directory, Access access, const RocksSettings& settings,
                                                const Sizes& sizes, const plugin::Host& host);
    // Everything that reads from it must be gone.
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    rocksdb::DB& db() { return *db_; }
    rocksdb::ColumnFamilyHandle* family(uint32_t table) const { return table == changes_table ? changes_ : others_; }
    // Each once.
    std::vector<rocksdb::ColumnFamilyHandle*> families() const;
    // `snapshot` may be nullptr. 0 for a new store.
    Result<Index> load_applied(const rocksdb::Snapshot* snapshot);
    void save_applied(rocksdb::WriteBatch& batch, Index index);

    // All that was written before is durable. One thread at a time.
    Status sync();

private:
    class Listener;
    Engine() = default;
    Status sync_old_logs();

    // Used by the threads of env_, so they outlive it.
    std::shared_ptr<rocksdb::Logger> logger_;
    std::shared_ptr<rocksdb::EventListener> listener_;
    std::unique_ptr<BackgroundEnv> env_;
    bool old_logs_synced_ = false;
    std::unique_ptr<rocksdb::DB> db_;
    rocksdb::ColumnFamilyHandle* others_ = nullptr;
    rocksdb::ColumnFamilyHandle* changes_ = nullptr;  // the same one in a database of format 1
};

}  // namespace belfry::storage_rocksdb
